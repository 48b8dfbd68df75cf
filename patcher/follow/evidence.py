# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses of code that nothing jumps to directly, but that code or data of the binary name."""

import re
from array import array
from collections.abc import Iterable, Iterator
from typing import Final

from patcher.binary.model import Section
from patcher.follow.knowledge import Knowledge
from patcher.follow.lane import Lane
from patcher.follow.modes import instruction
from patcher.follow.padding import follows_end
from patcher.follow.pointers import LOW, LOWEST_ABSOLUTE, RELATIVE_LEA, words_into
from patcher.follow.segments import near
from patcher.follow.space import Space

_FROM_GOT: Final = re.compile(
    rb"\x8d[\x80-\x83\x85-\x8b\x8d-\x93\x95-\x9b\x9d-\xa3\xa5-\xab\xad-\xb3\xb5-\xbb\xbd-\xbf]"
)


_PUTS: Final = re.compile(rb"[\x66\x67\x26\x2e]*(?:\x68|[\xb8-\xbf]|\xc7[\x00-\xc7])")
"""push, mov to a register, mov to memory, of an immediate."""
_THROUGH_WORD: Final = re.compile(rb"\xff[\x15\x1d\x25\x2d]")
"""call, far call, jmp, far jmp through a word at an address."""
_THROUGH_LENGTH: Final = 6
_SEGMENT: Final = 1 << 16


def pointer_mode(bits: int, address: int) -> int:
    """The mode of the code at an address that code of `bits` or its data names: real mode reaches only so far, and what
    names a linear address above that names it for protected mode."""
    return 32 if bits == 16 and address >= _SEGMENT else bits


def taken(space: Space, knowledge: Knowledge, lane: Lane) -> Iterator[int]:
    """Linear addresses of code that followed instructions of a lane put into registers or memory."""
    if lane.bits == 64:
        yield from _relative(space, lane)
    if knowledge.got is not None and lane.bits == 32:
        yield from _from_got(space, knowledge.got, lane)
    if not space.binary.relocated:
        lowest = _SEGMENT if lane.bits == 16 else LOWEST_ABSOLUTE
        for section in space.binary.sections:
            if section.executable and section.address >= lowest:
                yield from _immediates(space, lane, section)
        if lane.bits == 32:
            yield from cells(space, lane)


def _is_followed(lane: Lane, offset: int) -> bool:
    return 0 < lane.lengths[offset] < 16


def _relative(space: Space, lane: Lane) -> Iterator[int]:
    """lea disp(%rip) of code."""
    if lane.seen.leas is None:
        lane.seen.leas = _leas(space, lane)
    lengths = lane.lengths
    for at, target in zip(*lane.seen.leas, strict=True):
        if lengths[at] == 7:
            yield target


def _leas(space: Space, lane: Lane) -> "tuple[array[int], array[int]]":
    """Where the bytes look like it, followed or not, and the addresses."""
    code, places, targets = lane.code, array("Q"), array("Q")
    for match in RELATIVE_LEA.finditer(code):
        at = match.start()
        target = lane.base + at + 7 + int.from_bytes(code[at + 3 : at + 7], "little", signed=True)
        if space.is_code(target):
            places.append(at)
            targets.append(target)
    return places, targets


def _from_got(space: Space, got: int, lane: Lane) -> Iterator[int]:
    """lea disp(%reg) where the register may hold the GOT's address."""
    for match in _FROM_GOT.finditer(lane.code):
        at = match.start()
        if lane.lengths[at] == 6:
            target = got + int.from_bytes(lane.code[at + 2 : at + 6], "little") & 0xFFFFFFFF
            if space.is_code(target):
                yield target


def _immediates(space: Space, lane: Lane, section: Section) -> Iterator[int]:
    """push, mov to a register, mov to memory, with an immediate that lies in a section."""
    code, words = lane.code, lane.seen.words
    if section.address not in words:
        words[section.address] = array("Q", words_into(code, section.address, section.address + len(section.data)))
    for at in words[section.address]:
        start = lane.covers(at)
        if start is None or start + lane.lengths[start] < at + 4:
            continue
        if code[at - 1] & 0xF8 != 0xB8 and code[at - 1] != 0x68 and 0xC7 not in code[start:at]:
            continue
        insn = instruction(lane, start)
        if insn is None or insn.opmap != 0:
            continue
        word = int.from_bytes(code[at : at + 4], "little")
        if insn.imm == word and (insn.opcode in (0x68, 0xC7) or insn.opcode & 0xF8 == 0xB8):
            yield section.address & ~LOW | word


def cells(space: Space, lane: Lane) -> Iterator[int]:
    """What the file holds where followed calls and jumps through a word at a fixed address find their pointer."""
    for match in _THROUGH_WORD.finditer(lane.code):
        at = match.start()
        if lane.lengths[at] == _THROUGH_LENGTH:
            cell = int.from_bytes(lane.code[at + 2 : at + _THROUGH_LENGTH], "little")
            target = space.read(cell, 4)
            if target is not None and target >= LOWEST_ABSOLUTE and space.is_code(target):
                yield target


def offsets(space: Space, lane: Lane) -> Iterator[int]:
    """Of 16-bit code, in which any number may be an offset: those of places right behind the end of a function."""
    for match in _PUTS.finditer(lane.code):
        if _is_followed(lane, match.start()):
            insn = instruction(lane, match.start())
            if insn is not None and insn.opmap == 0 and 0 < insn.imm < _SEGMENT:
                target = near(space, lane, insn.imm)
                if lane.base <= target < lane.end and follows_end(lane, target - lane.base):
                    yield target


def tables_in_code(space: Space, gaps: Iterable[tuple[int, int]]) -> Iterator[int]:
    """Addresses of code in bytes that no path reaches, where several such words lie in a row: images without sections
    keep their tables of pointers between the functions."""
    for start, end in gaps:
        index = space.section_index(start)
        section = space.binary.sections[index]
        base = section.address
        if base >= LOWEST_ABSOLUTE:
            found = dict(_dwords(space.code(index)[start - base : end - base], section))
            yield from (word for at, word in found.items() if at - 4 in found or at + 4 in found)


def _dwords(data: bytes, target: Section) -> Iterator[tuple[int, int]]:
    """Offsets and values of the words in `data` that lie in a section."""
    for at in words_into(data, target.address, target.address + len(target.data)):
        yield at, int.from_bytes(data[at : at + 4], "little")
