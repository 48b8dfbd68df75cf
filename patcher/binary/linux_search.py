# SPDX-License-Identifier: GPL-2.0-or-later
"""What Linux rewrites, found without the symbols that stand at the ends of its tables.

Most kernels keep symbols of functions only (CONFIG_KALLSYMS without CONFIG_KALLSYMS_ALL), and these tables are merged
into data sections.
"""

import struct

from patcher.binary.address_space import AddressSpace
from patcher.binary.gathering import Extents, Gathering
from patcher.binary.linux_records import Place, read_table
from patcher.binary.linux_tables import JUMP_TABLE
from patcher.binary.model import Section

FEWEST_JUMPS = 16
"""Records that are no accident when they follow one another."""
JUMPS, NOPS = (0xEB, 0xE9), (b"\x66\x90", b"\x0f\x1f", b"\x3e\x8d")
"""How a jump label's code begins: a short or near jump, or a NOP of 2 or 5 bytes."""


def find_fentry(into: Gathering, space: AddressSpace) -> None:
    """The call to the tracer that begins most functions, where `__mcount_loc` cannot be found (no symbol for it)."""
    tracers = {address for address, name, _, _ in into.symbols if name in ("__fentry__", "mcount")}
    for start in into.functions if tracers else ():
        code = bytes(space.view(start, 9))
        at = 4 if code.startswith(b"\xf3\x0f\x1e") else 0
        if code[at : at + 1] == b"\xe8" and len(code) >= at + 5:
            target = start + at + 5 + struct.unpack_from("<i", code, at + 1)[0]
            if target in tracers:
                into.rewritten.add((start + at, start + at + 5, "__mcount_loc", 0, 0, ()))


def find_jump_table(into: Gathering, space: AddressSpace) -> None:
    """`__jump_table` in a kernel without symbols for data: the longest run of records whose code is a jump or NOP."""
    code, width = into.code(), 3 if into.mode == 32 else 4
    best: tuple[int, int] = (0, 0)
    for section in into.sections:
        if section.writable and not section.executable:
            run = _longest_run(section, code, width, space)
            best = max(best, run, key=lambda run: run[1])
    if best[1] >= FEWEST_JUMPS:
        size = best[1] * width * 4
        read_table(
            JUMP_TABLE, best[0], space.view(best[0], size), Place(space, code, into, JUMP_TABLE.section)
        )


def _longest_run(section: Section, code: Extents, width: int, space: AddressSpace) -> tuple[int, int]:
    """Address and number of the records that stand one behind the other in most places."""
    low, high = code.span
    count, base = len(section.data) // 4, section.address
    words = section.data[: count * 4].cast("i")
    near = [
        at
        for at in range(0, count - width + 1)
        if low <= words[at] + base + 4 * at < high and low <= words[at + 1] + base + 4 * at + 4 < high
    ]
    records = {at for at in near if _is_label(bytes(space.view(words[at] + base + 4 * at, 2)))}
    best = (0, 0)
    for at in sorted(records):
        if at - width not in records:
            end = at
            while end in records:
                end += width
            best = max(best, (base + 4 * at, (end - at) // width), key=lambda run: run[1])
    return best


def _is_label(code: bytes) -> bool:
    return len(code) == 2 and (code[0] in JUMPS or code in NOPS)
