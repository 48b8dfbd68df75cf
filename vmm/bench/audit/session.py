# SPDX-License-Identifier: GPL-2.0-or-later
"""One run of `patchvisor bench audit`: which sources and subjects, and the text that comes of it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from patcher.report.words import many
from vmm.bench.audit import generate, tools
from vmm.bench.audit.cost import is_elf
from vmm.bench.audit.measure import Result, measure
from vmm.bench.audit.report import HEADINGS, document, rows, speed_text, table, worst
from vmm.bench.audit.source import CLASSES, CORPUS, HELD_OUT, Source, corpus
from vmm.bench.audit.subjects import CONFIRMED, FOLLOW, SUBJECTS, Subject
from vmm.errors import VmmError

_WORST = 8


class UnknownName(VmmError):
    """No source and no subject is called so."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the user asked for; empty means all."""

    names: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    held_out: bool = False
    keep: str | None = None
    by: str = "class"
    verbose: int = 0
    json_form: bool = False


@dataclass(frozen=True, slots=True)
class SpeedChoices:
    """What is timed: files, and folders with all ELF files below them; empty means what the machine has."""

    paths: tuple[str, ...] = ()
    jobs: int = 1
    json_form: bool = False


def sources(choices: Choices) -> list[Source]:
    """The sources that are asked for, hand-written and generated."""
    known = (*corpus(HELD_OUT if choices.held_out else CORPUS), *generate.sources(held_out=choices.held_out))
    chosen = [
        s for s in known if not choices.names or any(fnmatchcase(s.name, name) for name in choices.names)
    ]
    if not chosen:
        raise UnknownName(
            f"No source is called {' or '.join(choices.names)}: see patchvisor bench audit --list."
        )
    return chosen


def listing() -> str:
    """Classes and their sources, with what cannot be decided."""
    lines = []
    for group, says in CLASSES.items():
        lines.append(f"{group}  {says}")
        for source in sources(Choices()):
            if source.group == group:
                why = f"  undecidable: {source.undecidable}" if source.undecidable else ""
                lines.append(f"   {source.name}  {many(len(source.recipes), 'way')}{why}")
    return "".join(f"{line}\n" for line in lines)


def _subjects(names: tuple[str, ...], tell: Callable[[str], None]) -> list[Subject]:
    found = [subject for subject in SUBJECTS if not names or subject.name in names]
    if not found:
        known = ", ".join(subject.name for subject in SUBJECTS)
        raise UnknownName(f"No subject is called {' or '.join(names)}; there are {known}.")
    for subject in found:
        if why := subject.unusable():
            tell(f"{subject.name} is left out: {why}\n")
    return [subject for subject in found if not subject.unusable()]


def run(choices: Choices, tell: Callable[[str], None]) -> str:
    """Measure, and say how it went."""
    tools.require()
    results = measure(sources(choices), _subjects(choices.subjects, tell), tell)
    if choices.keep is not None:
        _keep(results, Path(choices.keep))
    if choices.json_form:
        import json

        return json.dumps(document(results), indent=1) + "\n"
    return table(HEADINGS, rows(results, choices.by)) + "".join(
        f"{line}\n" for line in _details(results, choices.verbose)
    )


def run_speed(choices: SpeedChoices, tell: Callable[[str], None]) -> str:
    """Time the sweep beside other tools, and whole audits."""
    from vmm.bench.audit.cost import measure_cost, usual_files
    from vmm.bench.audit.speed import measure_speed

    paths = [Path(path) for path in choices.paths] or usual_files()
    tell("sweep, objdump and Capstone")
    speeds = measure_speed(list(elf_files(paths)))
    tell("whole audits")
    cost = measure_cost(paths, choices.jobs)
    if choices.json_form:
        import json

        return (
            json.dumps({"version": 1, "speeds": [*map(asdict, speeds)], "audit": asdict(cost)}, indent=1)
            + "\n"
        )
    return speed_text(speeds, cost)


def elf_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Files that are named, and those below folders that are named."""
    for path in paths:
        below = sorted(found for found in path.rglob("*") if is_elf(found)) if path.is_dir() else [path]
        yield from below


def _details(results: list[Result], verbose: int) -> list[str]:
    failures = [f"{result.sample.name}: {failure}" for result in results for failure in result.failures]
    if not verbose:
        return ["", *failures] if failures else []
    count = _WORST if verbose == 1 else len(results)
    lines = ["", f"Worst files, {FOLLOW.name}, {CONFIRMED}:"]
    return failures + lines + list(worst(results, (FOLLOW.name, CONFIRMED), count))


def _keep(results: list[Result], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, result in enumerate(results):
        sample = result.sample
        stem = f"{number:04d}-{sample.name}".translate(str.maketrans("/ ,()", "-____"))
        (folder / stem).write_bytes(sample.data)
        lines = [
            f"{offset:#x} {known.mode} {known.length} {'sensitive' if known.sensitive else '-'} {known.text}\n"
            for offset, known in sorted(sample.truth.starts.items())
        ]
        (folder / f"{stem}.truth").write_text("".join(lines), encoding="utf-8")
