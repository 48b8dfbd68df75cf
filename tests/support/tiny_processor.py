# SPDX-License-Identifier: GPL-2.0-or-later
"""An interpreter of a dozen instructions that reads each byte when it runs it: exact about code that changes itself.

It is the oracle for the monitor, and shares nothing with it. No flags, no faults, no segments, no paging.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

MASK = 0xFFFF_FFFF
EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI = range(8)
CR0 = 0x11


class Stuck(Exception):
    """The program came to an instruction that is not one of the dozen, or runs for too long."""


@dataclass
class TinyProcessor:
    """`memory` is guest-physical memory from `base` on; `regs` in the processor's order."""

    memory: bytearray
    base: int
    eip: int
    regs: list[int] = field(default_factory=lambda: [0] * 8)

    def run(self, limit: int = 20_000) -> None:
        """Run to `hlt`."""
        for _ in range(limit):
            for opcode, size, step in _STEPS:
                at = self.eip - self.base
                if self.memory[at : at + len(opcode)] == opcode:
                    operand = bytes(self.memory[at + len(opcode) : at + size])
                    self.eip += size
                    step(self, operand)
                    break
            else:
                if self.memory[self.eip - self.base] == 0xF4:
                    return
                raise Stuck(f"{bytes(self.memory[at : at + 8]).hex(' ')} at {self.eip:#x}")
        raise Stuck(f"{limit} instructions")

    def write(self, address: int, data: bytes) -> None:
        self.memory[address - self.base : address - self.base + len(data)] = data

    def read(self, address: int, size: int) -> int:
        return number(self.memory[address - self.base : address - self.base + size])


def number(data: bytes | bytearray) -> int:
    return int.from_bytes(data, "little")


def signed(data: bytes) -> int:
    return int.from_bytes(data, "little", signed=True)


def word(value: int) -> bytes:
    return (value & MASK).to_bytes(4, "little")


def _set(reg: int, function: Callable[[TinyProcessor, int], int]) -> "Callable[[TinyProcessor, bytes], None]":
    def step(p: TinyProcessor, operand: bytes) -> None:
        p.regs[reg] = function(p, number(operand)) & MASK

    return step


def _store(p: TinyProcessor, operand: bytes) -> None:
    p.write(number(operand[:4]), operand[4:])


def _add_memory(p: TinyProcessor, operand: bytes) -> None:
    address = number(operand[:4])
    p.write(address, word(p.read(address, 4) + signed(operand[4:])))


def _exchange(p: TinyProcessor, operand: bytes) -> None:
    address, old = number(operand), p.regs[EAX]
    p.regs[EAX] = p.read(address, 4)
    p.write(address, word(old))


def _rep_movs(p: TinyProcessor, _operand: bytes) -> None:
    """One byte an iteration."""
    while p.regs[ECX]:
        p.write(p.regs[EDI], bytes((p.read(p.regs[ESI], 1),)))
        p.regs[ESI], p.regs[EDI], p.regs[ECX] = p.regs[ESI] + 1, p.regs[EDI] + 1, p.regs[ECX] - 1


def _rep_stos(p: TinyProcessor, _operand: bytes) -> None:
    while p.regs[ECX]:
        p.write(p.regs[EDI], bytes((p.regs[EAX] & 0xFF,)))
        p.regs[EDI], p.regs[ECX] = p.regs[EDI] + 1, p.regs[ECX] - 1


def _push(p: TinyProcessor, operand: bytes) -> None:
    p.regs[ESP] -= 4
    p.write(p.regs[ESP], word(signed(operand)))


def _call(p: TinyProcessor, operand: bytes) -> None:
    _push(p, word(p.eip))
    p.eip = p.eip + signed(operand) & MASK


def _ret(p: TinyProcessor, _operand: bytes) -> None:
    p.eip = p.read(p.regs[ESP], 4)
    p.regs[ESP] += 4


def _jump(p: TinyProcessor, operand: bytes) -> None:
    p.eip = p.eip + signed(operand) & MASK


def _row(
    opcode: str, operand: int, step: Callable[[TinyProcessor, bytes], None]
) -> tuple[bytes, int, Callable[[TinyProcessor, bytes], None]]:
    code = bytes.fromhex(opcode)
    return code, len(code) + operand, step


_STEPS = [
    _row("90", 0, lambda p, _: None),
    *(_row(f"{0xB8 + reg:02x}", 4, _set(reg, lambda _, n: n)) for reg in (EAX, ECX, ESP, ESI, EDI)),
    _row("81 c2", 4, _set(EDX, lambda p, n: p.regs[EDX] + n)),
    _row("81 f2", 4, _set(EDX, lambda p, n: p.regs[EDX] ^ n)),
    _row("01 c2", 0, _set(EDX, lambda p, _: p.regs[EDX] + p.regs[EAX])),
    _row("d1 c2", 0, _set(EDX, lambda p, _: p.regs[EDX] << 1 | p.regs[EDX] >> 31)),
    _row("a1", 4, _set(EAX, lambda p, n: p.read(n, 4))),
    _row("0f 01 e0", 0, _set(EAX, lambda _p, _: CR0)),  # smsw eax
    _row("0f 20 c0", 0, _set(EAX, lambda _p, _: CR0)),  # mov eax, cr0
    _row("0f 00 c8", 0, _set(EAX, lambda _p, _: 0)),  # str eax
    _row("c6 05", 5, _store),
    _row("66 c7 05", 6, _store),
    _row("c7 05", 8, _store),
    _row("83 05", 5, _add_memory),
    _row("87 05", 4, _exchange),
    _row("f3 a4", 0, _rep_movs),
    _row("f3 aa", 0, _rep_stos),
    _row("68", 4, _push),
    _row("e8", 4, _call),
    _row("c3", 0, _ret),
    _row("e9", 4, _jump),
    _row("eb", 1, _jump),
]
