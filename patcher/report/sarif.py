# SPDX-License-Identifier: GPL-2.0-or-later
"""The SARIF form of an audit (OASIS SARIF 2.1.0), as code-scanning services take it.

One result stands for all sites of a rule in a function, because services keep a few thousand results; of more than
that, the most severe are written and a notification tells the number of the others. A result's file is the one
that a repository holds; where inside an archive the program lies stands in its logical location.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Final

from patcher.auditing.model import AuditReport, BinaryReport, FileReport, Finding, Kind, Tier
from patcher.report.form import Form, Options
from patcher.report.sarif_places import Outer, location, outer_path, uri
from patcher.report.sarif_rules import rule_to_sarif
from patcher.report.words import many, printable

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
MOST_SITES: Final = 100
"""The most sites of one result that are listed; its message counts all."""
MOST_RESULTS: Final = 5000
"""GitHub ignores what is beyond, and refuses a log with 25,000."""
_LEVELS: Final = ("error", "warning", "note")

Object = dict[str, object]
Group = list[Finding]
Place = tuple[FileReport, BinaryReport, Group]


def render(report: AuditReport, options: Options) -> Iterator[str]:
    """One log with one run; a result a line."""
    every = list(_places(report))
    kept = _most_severe(every)
    rules = sorted({group[0].rule for _, _, group in kept})
    files = sorted({outer_path(file.path) for file in report.files})
    yield f'{{"$schema": "{SCHEMA}", "version": "2.1.0", "runs": [{{\n"tool": '
    yield json.dumps({"driver": _driver(rules)})
    invocation = _invocation(report, len(every) - len(kept))
    yield f',\n"automationDetails": {{"id": "patchvisor/audit/"}},\n"invocations": {json.dumps([invocation])}'
    yield f',\n"artifacts": {json.dumps(_artifacts(report, files))},\n"results": ['
    comma = "\n"
    for result in _results(kept, rules, files):
        yield comma + json.dumps(result)
        comma = ",\n"
    yield "\n]}]}\n"


def _places(report: AuditReport) -> Iterator[Place]:
    for file in report.files:
        for binary in file.binaries:
            for group in _groups(binary.findings):
                yield file, binary, group


def _most_severe(places: list[Place]) -> list[Place]:
    """As many as services keep, in the order that they had."""
    ranked = sorted(range(len(places)), key=lambda n: _LEVELS.index(_level(places[n][2][0])))
    return [places[n] for n in sorted(ranked[:MOST_RESULTS])]


def _driver(rules: list[str]) -> Object:
    return {"name": "patchvisor", "rules": [rule_to_sarif(rule) for rule in rules]}


def _invocation(report: AuditReport, left_out: int) -> Object:
    notes: list[Object] = [
        {
            "level": "error",
            "message": {"text": printable(one.reason)},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri(outer_path(one.path))}}}],
        }
        for one in report.unreadable
    ]
    if left_out:
        left = many(left_out, "result")
        text = f"Left out: {left} of lower levels. Services keep {MOST_RESULTS}; JSON and CSV have all."
        notes.append({"level": "warning", "message": {"text": text}})
    return {"executionSuccessful": True, "toolExecutionNotifications": notes}


def _artifacts(report: AuditReport, files: list[str]) -> list[Object]:
    """The files that results name. A digest is given where the file was audited itself, not only what it holds."""
    digests = {file.path: file.sha256 for file in report.files}
    return [
        {
            "location": {"uri": uri(path), "index": index},
            "roles": ["analysisTarget"],
            **({"hashes": {"sha-256": digests[path]}} if path in digests else {}),
        }
        for index, path in enumerate(files)
    ]


def _results(kept: list[Place], rules: list[str], files: list[str]) -> Iterator[Object]:
    places = (
        {rule: index for index, rule in enumerate(rules)},
        {path: index for index, path in enumerate(files)},
    )
    seen = Counter[str]()
    for file, binary, group in kept:
        yield _result(file, binary, group, *places, seen)


def _groups(findings: Iterable[Finding]) -> Iterator[Group]:
    """The findings of one rule in one function, the most severe first; functions in order of address."""
    groups: dict[tuple[object, ...], Group] = {}
    for one in findings:
        start = one.address - one.function_offset
        groups.setdefault((one.section, one.function, start, one.rule), []).append(one)
    for group in groups.values():
        yield sorted(group, key=lambda one: (_LEVELS.index(_level(one)), one.address))


def _result(
    file: FileReport,
    binary: BinaryReport,
    group: Group,
    rules: dict[str, int],
    files: dict[str, int],
    seen: Counter[str],
) -> Object:
    first = group[0]
    outer, _, member = file.path.partition("!")
    inside = "!".join(part for part in (member, binary.name) if part)
    where = Outer(outer, files[outer], bool(member))
    return {
        "ruleId": first.rule,
        "ruleIndex": rules[first.rule],
        "level": _level(first),
        "message": {"text": _message(group, inside)},
        "locations": [location(first, where, inside)],
        "relatedLocations": [
            {"id": n, "message": {"text": one.text}, **location(one, where, inside)}
            for n, one in enumerate(group[1:MOST_SITES], 1)
        ],
        "partialFingerprints": _fingerprints(outer, inside, group, seen),
        "properties": {
            "tier": first.tier.value,
            "kind": first.kind.value,
            "ring": first.ring,
            "sites": len(group),
        },
    }


def _level(finding: Finding) -> str:
    if finding.kind is Kind.PRIVILEGED or not finding.matters:
        return "note"
    return "error" if finding.tier is Tier.CONFIRMED else "warning"


def _message(group: Group, inside: str) -> str:
    first = group[0]
    where = "function" if first.function else "section"
    count = "" if len(group) == 1 else f" and {len(group) - 1} more in this {where}"
    place = _plain(f"{first.function}+{first.function_offset:#x}" if first.function else first.section)
    purpose = f" It looks like: {first.purpose}." if first.purpose else ""
    member = f" in {_plain(inside)}" if inside else ""
    return (
        f"`{first.text}` at {first.address:#x} ({place}){member}{count}, {first.tier.value}: {first.why}{purpose} "
        f"{_closing(first)}"
    )


def _plain(name: str) -> str:
    """A name as it may stand in a message, where brackets would make a link (SARIF 2.1.0, section 3.11.6)."""
    return printable(name).replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")


def _closing(finding: Finding) -> str:
    if finding.tactic is None and not finding.needs_patch:
        return "No patch is needed."
    if finding.tactic is None:
        return f"Not closed: {finding.tactic_reason}"
    return f"Closed by {finding.tactic.value}."


def _fingerprints(path: str, inside: str, group: Group, seen: Counter[str]) -> Object:
    """Of the sites; also under the name that GitHub looks at, with a number behind what is in a file twice."""
    text = "\n".join([inside, *sorted(one.fingerprint for one in group)])
    digest = sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]
    seen[path + digest] += 1
    return {"patchvisorSites/v1": digest, "primaryLocationLineHash": f"{digest[:16]}:{seen[path + digest]}"}


FORM = Form("sarif", render)
