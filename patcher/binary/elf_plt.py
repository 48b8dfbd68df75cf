# SPDX-License-Identifier: GPL-2.0-or-later
"""Procedure linkage tables: which imported function an entry jumps to.

x86-64 psABI, "Procedure Linkage Table": an entry is an indirect jump through a slot of the GOT, after an ENDBR
and a BND prefix in some. The slot's relocation names the function.
"""

import re
import struct

from patcher.binary.elf_dynamic import DT_PLTGOT, Dynamic
from patcher.binary.gathering import Gathering
from patcher.binary.model import Section
from patcher.binary.noreturn import never_returns

JUMP = re.compile(rb"(?:\xf3\x0f\x1e[\xfa\xfb])?\xf2?\xff([\x25\xa3])", re.DOTALL)
SIZE = 16


def name_plt(names: list[str], dynamic: Dynamic, into: Gathering) -> None:
    """A symbol "name@plt" for every PLT entry; where the function does not return, its slot is told too."""
    slots = {slot: names[index] for slot, index in dynamic.slots.items() if index < len(names)}
    into.never.update(slot for slot, text in slots.items() if never_returns(text, imported=True))
    got = dynamic.values.get(DT_PLTGOT, 0)
    if not slots:
        return
    plts = [section for section in into.sections if section.name.startswith(".plt") and section.executable]
    for section in plts or [section for section in into.sections if section.executable]:
        _name_section(section, slots, got, into)


def _name_section(section: Section, slots: dict[int, str], got: int, into: Gathering) -> None:
    for found in JUMP.finditer(section.data):
        after = found.end() + 4
        if after > len(section.data):
            continue
        disp = struct.unpack_from("<i", section.data, found.end())[0]
        start = section.address + found.start()
        text = slots.get(_slot(found[1] == b"\xa3", disp, section.address + after, got, section.mode))
        if text:
            into.symbols.append((start, f"{text}@plt", min(SIZE, section.end - start), True))
            if never_returns(text, imported=True):
                into.never.add(start)


def _slot(from_ebx: bool, disp: int, after: int, got: int, mode: int) -> int:
    if mode == 64:
        return after + disp
    return (got + disp if from_ebx else disp) & 0xFFFFFFFF
