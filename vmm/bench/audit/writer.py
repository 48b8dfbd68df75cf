# SPDX-License-Identifier: GPL-2.0-or-later
"""Assembly text in the making: lines, fresh labels, one seeded source of chance, and the words of 32 or 64 bit."""

from random import Random
from typing import Final

_SCRATCH: Final = {32: ("eax", "ecx", "edx", "esi"), 64: ("rax", "rcx", "rdx", "rsi", "r8", "r10")}
_WIDE: Final = {"eax": "rax", "ecx": "rcx", "edx": "rdx", "esi": "rsi", "edi": "rdi", "esp": "rsp"}
_EVIL: Final = (0x0F, 0x48, 0x66, 0x68, 0x81, 0x8B, 0x9A, 0xB8, 0xC7, 0xE8, 0xE9, 0xEA, 0xF7, 0xFF)
_FALSE_SITES: Final = tuple(
    tuple(bytes.fromhex(site))
    for site in (
        "9c",
        "9d",
        "fa",
        "fb",
        "f4",
        "cd80",
        "0fa2",
        "0f31",
        "0f30",
        "0f20c0",
        "ec",
        "ee",
        "0f0110",
        "cf",
    )
)


class Writer:
    """Collects statements; the `# @…` notes are those of `truth`."""

    def __init__(self, seed: int, bits: int) -> None:
        self.chance = Random(seed * 100 + bits)
        self.bits = bits
        self._lines: list[str] = []
        self._labels = 0

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in self._lines)

    def put(self, *statements: str) -> None:
        """Statements, one an argument; `{name}` never occurs, so no formatting is done here."""
        self._lines += (f"\t{statement}" for statement in statements)

    def label(self, name: str = "") -> str:
        """A fresh label, which is not placed yet."""
        self._labels += 1
        return name or f".L{self._labels}"

    def place(self, label: str) -> None:
        self._lines.append(f"{label}:")

    def scratch(self) -> str:
        """A register of full width that may be overwritten."""
        return "%" + self.chance.choice(_SCRATCH[self.bits])

    def wide(self, register: str) -> str:
        """The full-width name of a 32-bit register."""
        return "%" + (_WIDE[register] if self.bits == 64 else register)

    def junk(self, most: int = 6) -> None:
        """Bytes that are never run and that look like the beginning of something, often of something sensitive."""
        found: list[int] = []
        for _ in range(self.chance.randrange(1, most)):
            found += (
                self.chance.choice(_FALSE_SITES)
                if self.chance.random() < 0.5
                else (self.chance.choice(_EVIL),)
            )
        self.put(f".byte {', '.join(map(hex, found))}")

    def function(self, name: str) -> None:
        self.put(".globl " + name, f".type {name}, @function")
        self.place(name)

    def end(self, name: str) -> None:
        self.put(f".size {name}, .-{name}")
