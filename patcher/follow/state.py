# SPDX-License-Identifier: GPL-2.0-or-later
"""What is known of registers, of the pushed values and of what was stored, at one place of a path."""

from collections.abc import Callable
from typing import Final

from patcher.follow.values import Kind, Unknown, Value, bits_mask, unknown_value
from patcher.x86.insn import RIP, Insn

EAX, ECX, EDX, ESP = 0, 1, 2, 4
DS: Final = 3
ReadConstant = Callable[[int, int, bool], int | None]
"""The number at an address, of a size, signed or not, where memory never changes; else None."""

_AT_FIRST: Final = tuple(unknown_value(Unknown(Kind.REGISTER, number)) for number in range(16))


class State:
    """Registers, the pushed values, what was stored, and bounds that comparisons gave. `ds` is None if not known."""

    __slots__ = (
        "_count",
        "ah",
        "bits",
        "bounds",
        "compared",
        "ds",
        "mask",
        "natural",
        "read",
        "regs",
        "slots",
        "stack",
    )

    def __init__(self, bits: int, read: ReadConstant) -> None:
        self.bits, self.read = bits, read
        self.natural = bits >> 3
        self.mask = bits_mask(max(self.natural, 4))
        self._count = 16
        self.regs = [*_AT_FIRST]
        self.stack: list[Value] = []
        self.slots: dict[Value, Value] = {}
        self.bounds: dict[Value, int] = {}
        self.compared: tuple[Value, int] | None = None
        self.ah: int | None = None
        self.ds: int | None = None

    def fresh(self) -> Value:
        """A value that nothing is known of."""
        self._count += 1
        return unknown_value(Unknown(Kind.REGISTER, self._count))

    def address(self, insn: Insn, at: int) -> Value:
        """The effective address of its memory operand."""
        mask = bits_mask(insn.address_size >> 3)
        value = Value(insn.disp & mask)
        if insn.base == RIP:
            return Value((at + insn.length + insn.disp) & self.mask)
        if insn.base is not None:
            value = value.plus(self.regs[insn.base], mask)
        if insn.index is not None:
            index = self.regs[insn.index]
            if insn.scale > 1 and (len(index.terms) != 1 or index.const):
                index = unknown_value(Unknown(Kind.INDEX, of=index))
            value = value.plus(index.times(insn.scale, mask), mask)
        return value

    def load(self, address: Value, size: int, signed: bool = False) -> Value:
        """What memory holds there."""
        if address in self.slots and size >= 4:
            return self.slots[address]
        if address.known is not None:
            number = self.read(address.known, size, signed)
            if number is not None:
                return Value(number & self.mask)
        return unknown_value(Unknown(Kind.LOADED, of=address, size=size, signed=signed))

    def register(self, number: int, size: int, rex: int = 0) -> Value:
        """A register's value, of `size` bytes."""
        if size == 1 and not rex and 4 <= number < 8:
            high = self.regs[number & 3].known
            return self.fresh() if high is None else Value(high >> 8 & 0xFF)
        value = self.regs[number]
        return value if size >= 4 or size == self.natural else value.low(size)

    def assign(self, number: int, size: int, value: Value, rex: int = 0) -> None:
        """Write `size` bytes of a register."""
        if number == EAX and size > 1:
            self.ah = None
        if number == ESP and size > 1:
            self.stack.clear()
        if size >= 4 or (size == 2 and self.bits == 16):
            self.regs[number] = Value(value.const & bits_mask(size)) if not value.terms else value
            return
        shift = 8 if size == 1 and not rex and 4 <= number < 8 else 0
        number = number & 3 if shift else number
        if shift and number == EAX:
            self.ah = value.known
        old, new = self.regs[number].known, value.known
        if old is None or new is None:
            self.regs[number] = self.fresh()
        else:
            ones = bits_mask(size)
            self.regs[number] = Value(old & ~(ones << shift) | (new & ones) << shift)

    @property
    def high_of_ax(self) -> int | None:
        """AH, when it is known."""
        return self.ah if self.ah is not None else self.register(4, 1).known

    def push(self, value: Value) -> None:
        """One more on the stack."""
        self.stack.append(value)
        self.move_stack_pointer(-self.natural)

    def pop(self) -> Value:
        """The top of the stack; unknown when nothing of it is known."""
        self.move_stack_pointer(self.natural)
        return self.stack.pop() if self.stack else self.fresh()

    def move_stack_pointer(self, amount: int) -> None:
        """Add to (e)sp."""
        self.regs[ESP] = self.regs[ESP].plus(Value(amount & self.mask), self.mask)
