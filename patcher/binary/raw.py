# SPDX-License-Identifier: GPL-2.0-or-later
"""Bytes without headers: a mode and an address that somebody tells, followed from the first byte.

DOS programs of the .COM kind are such bytes, at offset 100h of a segment (MS-DOS Programmer's Reference,
"Program Loading"); nothing in their contents says so, only their name.
"""

from patcher.binary.model import Binary, Entry, Origin, Privilege, Section
from patcher.errors import PatcherError

COM_OFFSET = 0x100
COM_LARGEST = 0xFF00
"""One segment less the program segment prefix."""


def read_raw(data: bytes, name: str, mode: int, base: int, entry: int | None = None) -> Binary:
    """All of `data` as code of one mode (16, 32, 64) at the address `base`, entered at `entry` or its start."""
    if mode not in (16, 32, 64):
        raise PatcherError(f"{name} cannot be read in mode {mode}: the modes are 16, 32 and 64.")
    end = base + len(data)
    if not data:
        raise PatcherError(f"{name} is empty.")
    if base < 0 or end > 1 << (64 if mode == 64 else 32):
        raise PatcherError(
            f"{name} ({len(data)} bytes) does not fit at address {base:#x} in {mode}-bit mode."
        )
    start = base if entry is None else entry
    if not base <= start < end:
        raise PatcherError(f"The entry point {start:#x} of {name} is outside [{base:#x}, {end:#x}).")
    return _binary("raw", memoryview(data), mode, base, start, Privilege.UNKNOWN)


def read_com(data: bytes, name: str) -> Binary:
    """A DOS program of the .COM kind. It runs in real mode, which has no rings: all of it is privileged."""
    if not 0 < len(data) <= COM_LARGEST:
        raise PatcherError(f"{name} has {len(data)} bytes; a .COM program has 1 to {COM_LARGEST}.")
    return _binary("com", memoryview(data), 16, COM_OFFSET, COM_OFFSET, Privilege.KERNEL)


def _binary(kind: str, data: memoryview, mode: int, base: int, entry: int, privilege: Privilege) -> Binary:
    section = Section(kind, base, data, len(data), True, True, mode, 0)
    return Binary("", kind, mode, privilege, (section,), (Entry(entry, mode, Origin.ENTRY, "entry point"),))
