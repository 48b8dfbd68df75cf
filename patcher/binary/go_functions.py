# SPDX-License-Identifier: GPL-2.0-or-later
"""Go's table of functions, by which its run-time unwinds stacks: it is there in stripped programs too.

The layout is that of runtime/symtab.go (`pcHeader`, `functab`) since Go 1.18: the table's rows are the offsets of a
function and of its record from two bases. Older ones are told by their first word, and not read.
"""

import struct
from itertools import pairwise
from typing import Final, NamedTuple

from patcher.binary.gathering import Gathering
from patcher.binary.model import Origin, Section

_NAMES: Final = (".gopclntab", ".data.rel.ro.gopclntab")
_MAGICS: Final = (0xFFFFFFF0, 0xFFFFFFF1)
"""Of Go 1.18, and of Go 1.20 and later."""
_NAME: Final = 4
"""Where a function's record holds its name."""
_LONGEST: Final = 4096
"""A longer name is none: a damaged table could give one of megabytes to each function."""


class _Header(NamedTuple):
    functions: int
    files: int
    text: int
    names: int
    units: int
    file_table: int
    lines: int
    rows: int


def read_go_functions(into: Gathering) -> None:
    """Functions with their extents and names, and an entry for each."""
    code = into.code()
    for section in (section for name in _NAMES for section in into.named(name)):
        header = _header(section)
        if header is not None and header.text in code:
            _read_rows(bytes(section.data), header, into)


def _header(section: Section) -> _Header | None:
    data = section.data
    size = data[7] if len(data) > 8 else 0
    form = struct.Struct("<8Q" if size == 8 else "<8I")
    known = size in (4, 8) and int.from_bytes(data[:4], "little") in _MAGICS
    return _Header(*form.unpack_from(data, 8)) if known and len(data) >= 8 + form.size else None


def _read_rows(data: bytes, header: _Header, into: Gathering) -> None:
    """The rows end with the offset at which the last function does."""
    count = min(header.functions, max(len(data) - header.rows - 4, 0) // 8)
    rows = list(struct.iter_unpack("<II", data[header.rows : header.rows + 8 * count]))
    (end,) = struct.unpack_from("<I", data, header.rows + 8 * count) if count else (0,)
    for (start, record), (behind, _) in pairwise([*rows, (end, 0)]):
        name = _name(data, header, header.rows + record)
        into.functions.setdefault(header.text + start, (header.text + behind, name))
        into.enter(header.text + start, Origin.UNWIND, name)


def _name(data: bytes, header: _Header, record: int) -> str:
    """The name that a function's record gives; "" when the record is not in the table."""
    if record + _NAME + 4 > len(data):
        return ""
    at = header.names + int.from_bytes(data[record + _NAME : record + _NAME + 4], "little")
    return data[at : max(data.find(b"\0", at, at + _LONGEST), at)].decode("utf-8", "replace")
