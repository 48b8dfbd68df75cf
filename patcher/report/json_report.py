# SPDX-License-Identifier: GPL-2.0-or-later
"""The JSON form of an audit: every record, key by key. docs/audit-json.md describes it; `audit.schema.json` states it.

A file is a line of its own, so that a long report can be cut, searched and compared by lines.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final, cast

from patcher.auditing.baseline import all_findings
from patcher.auditing.model import AuditReport, BinaryReport, FileReport, Finding, Unreadable
from patcher.auditing.rows import rules
from patcher.errors import PatcherError
from patcher.report.form import Form, Options
from patcher.report.records import from_json, to_json

SCHEMA: Final = "patchvisor.audit"
VERSION: Final = 1
"""Raised when a key changes its meaning or goes away; a new key does not raise it."""
_ANEW: Final = "make it anew with `patchvisor audit --format json`"


def render(report: AuditReport, options: Options) -> Iterator[str]:
    """The document in pieces; together they are one JSON text with a last newline."""
    yield f'{{"schema": "{SCHEMA}", "version": {VERSION}, "skipped": {report.skipped}, "files": ['
    yield from _lines(_file(file) for file in report.files)
    yield '], "unreadable": ['
    yield from _lines([json.dumps(to_json(one))] for one in report.unreadable)
    yield "]}\n"


def _file(file: FileReport) -> Iterator[str]:
    yield from _around("binaries", replace(file, binaries=()), map(_binary, file.binaries))


def _binary(binary: BinaryReport) -> Iterator[str]:
    yield from _around("findings", replace(binary, findings=()), map(_finding, binary.findings))


def _finding(finding: Finding) -> Iterable[str]:
    """A finding has its fingerprint beside its fields."""
    fields = cast(dict[str, object], to_json(finding))
    return [json.dumps({**fields, "fingerprint": finding.fingerprint})]


def _around(name: str, record: FileReport | BinaryReport, items: Iterator[Iterable[str]]) -> Iterator[str]:
    """A record whose list `name`, empty in it, is written item by item: it may be long."""
    before, empty, after = json.dumps(to_json(record)).partition(f'"{name}": []')
    assert empty, f"a record has its list {name}, and no string holds a bare quotation mark"
    yield f'{before}"{name}": ['
    for number, item in enumerate(items):
        yield ", " if number else ""
        yield from item
    yield "]" + after


def _lines(documents: Iterator[Iterable[str]]) -> Iterator[str]:
    comma = "\n"
    for document in documents:
        yield comma
        yield from document
        comma = ",\n"
    if comma != "\n":
        yield "\n"


def read_report(text: str, name: str) -> AuditReport:
    """What `render` of this version wrote. `name` is the text's name in sentences. Raises `PatcherError` when it is
    something else, with a sentence that says what to do.
    """
    document = _document(text, name)
    try:
        return _report(document, name)
    except PatcherError as error:
        raise PatcherError(f"{error} Another version of patchvisor wrote it, or it was changed: {_ANEW}.") from None


def read_report_file(path: str) -> AuditReport:
    """The same of a file. Raises OSError when it cannot be read."""
    try:
        return read_report(Path(path).read_text(encoding="utf-8"), path)
    except UnicodeDecodeError:
        raise PatcherError(f"{path} is no JSON report of an audit (it is no UTF-8): {_ANEW}.") from None


def _document(text: str, name: str) -> dict[str, object]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PatcherError(f"{name} is no JSON report of an audit ({error}): {_ANEW}.") from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise PatcherError(f"{name} is no JSON report of an audit (its schema is not {SCHEMA}): {_ANEW}.")
    return document


def _report(document: dict[str, object], name: str) -> AuditReport:
    if document.get("version") != VERSION:
        raise PatcherError(
            f"{name} is an audit of version {document.get('version')!r}, and {VERSION} is read here."
        )
    if document.keys() != {"schema", "version", "skipped", "files", "unreadable"}:
        raise PatcherError(
            f"{name} is no whole report of an audit: its keys are {', '.join(map(repr, document))}."
        )
    files = from_json(tuple[FileReport, ...], document["files"], f"{name}: files")
    unknown = next((one.rule for one in all_findings(files) if one.rule not in rules()), None)
    if unknown is not None:
        raise PatcherError(f"{name} names the rule {unknown!r}, which is not known.")
    lost = from_json(tuple[Unreadable, ...], document["unreadable"], f"{name}: unreadable")
    return AuditReport(files, lost, from_json(int, document["skipped"], f"{name}: skipped"))


FORM = Form("json", render)
