# SPDX-License-Identifier: GPL-2.0-or-later
"""Counts of opcodes in code and in data read as code, in the form of `patcher/follow/likelihood.py`.

    python -m vmm.bench.audit.likelihood_counts 64 FILE…

decodes executable sections of compiled programs from function to function, and their read-only data from the first
byte to the last, and prints the table of logarithms, what prefixes count, and how much was counted. For 16 the files
are 32-bit ones: `gcc -m16` writes such objects, and what is data beside 32-bit code would be so beside 16-bit code.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import log2
from pathlib import Path
from typing import Final

from patcher import binary as formats
from patcher.binary.model import Binary, Section
from patcher.follow.likelihood import PREFIXES
from patcher.x86.decode import Truncated, decode
from patcher.x86.insn import Insn

_MIDDLE: Final = ord("M")
_MOST: Final = 12
"""Half bits that a letter may stand for, up or down."""
_ASSUMED: Final = 0.5
"""Added to every count, so that what was not seen is unlikely but not impossible."""
_UNSEEN: Final = "J"
_MAPS: Final = ("", "0f")


@dataclass(slots=True)
class Counts:
    """How often each opcode, by map, and each prefix was seen, and how many instructions there were."""

    opcodes: Counter[tuple[int, int]] = field(default_factory=Counter)
    prefixes: Counter[int] = field(default_factory=Counter)
    total: int = 0

    def add(self, insn: Insn) -> None:
        """One more instruction."""
        self.opcodes[insn.opmap, insn.opcode if insn.opmap < len(_MAPS) else 0] += 1
        self.prefixes.update(insn.raw[: insn.prefixes])
        self.total += 1


def count(binaries: Iterable[Binary], bits: int) -> tuple[Counts, Counts]:
    """Count the code, and the read-only data, of all programs of a word size."""
    code, data = Counts(), Counts()
    for binary in binaries:
        for section in binary.sections if binary.mode == max(bits, 32) else ():
            if section.executable:
                _count(section, bits, code, sorted({f.start - section.address for f in binary.functions}))
            elif not section.writable:
                _count(section, bits, data, [])
    return code, data


def _count(section: Section, bits: int, into: Counts, starts: list[int]) -> None:
    """Decode one section; known starts of functions put the decoding back in step."""
    content = bytes(section.data)
    known = [start for start in starts if 0 <= start < len(content)] or [0]
    for start, end in zip(known, [*known[1:], len(content)], strict=True):
        for insn in _instructions(content[:end], start, bits):
            into.add(insn)


def _instructions(content: bytes, offset: int, bits: int) -> Iterator[Insn]:
    while offset < len(content):
        try:
            insn = decode(content, offset, bits)
        except Truncated:
            return
        if insn is not None:
            yield insn
        offset += 1 if insn is None else insn.length


def letter(in_code: int, in_data: int, code: int, data: int) -> str:
    """Twice the logarithm of how much commoner something is among `code` instructions than among `data` ones."""
    if not in_code + in_data:
        return _UNSEEN
    ratio = (in_code + _ASSUMED) / (code + 1) * (data + 1) / (in_data + _ASSUMED)
    return chr(_MIDDLE + max(-_MOST, min(_MOST, round(2 * log2(ratio)))))


def table(code: Counts, data: Counts) -> Iterator[str]:
    """The lines of a table: a map and the high digit of the opcodes, then a letter for each low digit."""
    for opmap, name in enumerate(_MAPS):
        for high in range(16):
            letters = (_of_opcode(code, data, (opmap, high << 4 | low)) for low in range(16))
            yield f"{name}_{high:x}".ljust(6) + "".join(letters)


def rest(code: Counts, data: Counts) -> str:
    """The letters of maps 0F 38 and 0F 3A, and of VEX."""
    return "".join(_of_opcode(code, data, (opmap, 0)) for opmap in (2, 3, 4))


def prefixes(code: Counts, data: Counts) -> str:
    """The letters of the prefixes."""
    seen = ((code.prefixes[byte], data.prefixes[byte]) for byte in PREFIXES)
    return "".join(letter(one, other, code.total, data.total) for one, other in seen)


def _of_opcode(code: Counts, data: Counts, key: tuple[int, int]) -> str:
    return letter(code.opcodes[key], data.opcodes[key], code.total, data.total)


def main(arguments: list[str]) -> int:
    """Print the tables for the files that are named."""
    if len(arguments) < 2 or arguments[0] not in ("16", "32", "64"):
        print("usage: python -m vmm.bench.audit.likelihood_counts 16|32|64 FILE…", file=sys.stderr)
        return 2
    read = (formats.read(Path(name).read_bytes(), name) for name in arguments[1:])
    code, data = count((binary for found in read for binary in found), int(arguments[0]))
    for line in (*table(code, data), f"rest {rest(code, data)}", f"prefixes {prefixes(code, data)}"):
        print(line)
    print(f"{code.total} instructions of code, {data.total} of data")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
