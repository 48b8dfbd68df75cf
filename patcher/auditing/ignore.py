# SPDX-License-Identifier: GPL-2.0-or-later
"""`.patchvisor.toml`: findings that somebody has looked at and accepted, each with the reason.

    [[audit.ignore]]
    rule = "cpuid"                  # any of rule, path, function, fingerprint; all that are given must fit
    path = "usr/bin/*"
    reason = "Feature detection, reviewed."

`rule` and `fingerprint` are compared whole, `path` and `function` are patterns with * and ?. A key that is not known is
an error: a misspelt one would ignore too much.
"""

from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from patcher.auditing.model import FileReport, Finding
from patcher.auditing.rows import rules
from patcher.errors import PatcherError

FILE_NAME: Final = ".patchvisor.toml"


@dataclass(frozen=True, slots=True)
class Ignore:
    """One entry; "" fits everything."""

    reason: str
    rule: str = ""
    path: str = ""
    function: str = ""
    fingerprint: str = ""

    def fits(self, path: str, finding: Finding) -> bool:
        """Is the finding, in the file `path`, meant?"""
        return (
            self.rule in ("", finding.rule)
            and self.fingerprint in ("", finding.fingerprint)
            and (not self.function or fnmatchcase(finding.function, self.function))
            and (not self.path or _path_fits(path, self.path))
        )


def _path_fits(path: str, pattern: str) -> bool:
    """A pattern may leave out the folders in front."""
    return fnmatchcase(path, pattern) or fnmatchcase(path, f"*/{pattern}")


def read_ignores(file: Path) -> tuple[Ignore, ...]:
    """The entries of a configuration file. Raises `PatcherError` that names what is wrong."""
    import tomllib

    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise PatcherError(f"{file}: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PatcherError(f"{file} is no TOML file: {error}.") from None
    audit = _table(_only(document, ("audit",), f"{file}").get("audit", {}), f"{file}: audit")
    entries = _only(audit, ("ignore",), f"{file}: audit").get("ignore", [])
    if not isinstance(entries, list):
        raise PatcherError(f"{file}: audit.ignore should be written [[audit.ignore]], an entry each.")
    return tuple(_entry(entry, f"{file}: audit.ignore[{n}]") for n, entry in enumerate(entries))


def _entry(entry: object, where: str) -> Ignore:
    known = tuple(field.name for field in fields(Ignore))
    found = _only(_table(entry, where), known, where)
    for key, value in found.items():
        if not isinstance(value, str) or not value:
            raise PatcherError(f"{where}: {key} should be some text.")
    if "reason" not in found:
        raise PatcherError(f"{where} has no reason.")
    if len(found) == 1:
        raise PatcherError(f"{where} would ignore everything: give a rule, path, function or fingerprint.")
    entry_made = Ignore(**{key: str(value) for key, value in found.items()})
    if entry_made.rule and entry_made.rule not in rules():
        raise PatcherError(f"{where}: there is no rule {entry_made.rule!r}.")
    return entry_made


def _table(value: object, where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise PatcherError(f"{where} should be a table.")
    return value


def _only(table: dict[str, object], known: tuple[str, ...], where: str) -> dict[str, object]:
    for key in table:
        if key not in known:
            raise PatcherError(f"{where}: the key {key!r} is not known; there is {', '.join(known)}.")
    return table


def nearest(start: Path) -> Path | None:
    """The configuration file in `start` or the nearest folder above."""
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    return None


def without_ignored(file: FileReport, ignores: tuple[Ignore, ...]) -> FileReport:
    """The file's report without what is ignored; verdicts stay about the whole file."""

    def kept(finding: Finding) -> bool:
        return not any(ignore.fits(file.path, finding) for ignore in ignores)

    return replace(
        file,
        binaries=tuple(replace(one, findings=tuple(filter(kept, one.findings))) for one in file.binaries),
    )
