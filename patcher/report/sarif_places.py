# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a site is, as SARIF says it: the file, the place in it, the address (SARIF 2.1.0, section 3.28)."""

from dataclasses import dataclass
from urllib.parse import quote

from patcher.archive.shown import path_shown
from patcher.auditing.model import Finding

Object = dict[str, object]


@dataclass(frozen=True, slots=True)
class Outer:
    """The file that a user holds: its path, its index among the artifacts, and whether a member of it was audited."""

    path: str
    index: int
    is_archive: bool


def outer_path(path: str) -> str:
    """The file that a user holds: the path without what lies inside it."""
    return path.partition("!")[0]


def uri(path: str) -> str:
    """A relative reference (RFC 3986); an absolute path loses its first slashes, since a service resolves none."""
    return quote(path_shown(path).lstrip(b"/"), safe="/+,-._~") or "."


def location(finding: Finding, where: Outer, inside: str) -> Object:
    """A site in the file that holds it, and in what that holds."""
    name = finding.function or finding.section
    address: Object = {
        "absoluteAddress": finding.address,
        "length": len(finding.raw),
        "kind": "instruction",
        "fullyQualifiedName": f"{name}+{finding.function_offset:#x}",
    }
    logical = {"name": name, "fullyQualifiedName": f"{inside}!{name}" if inside else name}
    if finding.function:
        logical["kind"] = "function"
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": uri(where.path), "index": where.index},
            "region": _region(finding, where),
            "address": address,
        },
        "logicalLocations": [logical],
    }


def _region(finding: Finding, where: Outer) -> Object:
    """Line 1, which services want of every result, and the bytes where the file itself holds them, not a member."""
    if finding.file_offset is None or where.is_archive:
        return {"startLine": 1}
    return {"startLine": 1, "byteOffset": finding.file_offset, "byteLength": len(finding.raw)}
