# SPDX-License-Identifier: GPL-2.0-or-later
"""What registers and the stack hold at the end of a piece of a path, from its instructions alone.

No memory is assumed, but for what the path itself stored and what the file holds in sections that are never
written. An instruction that is not modelled makes its destinations unknown.
"""

from collections.abc import Callable, Iterable
from typing import Final

from patcher.follow.values import Kind, Unknown, Value, bits_mask, unknown_value
from patcher.x86.insn import RIP, VEX_MAP, Insn

Step = tuple[int, Insn, bool]
"""Address, instruction, and whether the path goes to its target (for conditional branches)."""

EAX, ECX, EDX, ESP = 0, 1, 2, 4
_CALLER_SAVED: Final = (0, 1, 2, 8, 9, 10, 11)
_SCALES: Final = {0: 1, 1: 2, 2: 4, 3: 8}
ReadConstant = Callable[[int, int, bool], int | None]


_AT_FIRST: Final = tuple(unknown_value(Unknown(Kind.REGISTER, number)) for number in range(16))


class State:
    """Registers, the pushed values, what was stored, and bounds that comparisons gave."""

    __slots__ = (
        "_count",
        "ah",
        "bits",
        "bounds",
        "compared",
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


def reg_of(insn: Insn) -> int:
    """The register that ModRM.reg names."""
    return insn.reg | (insn.rex & 4) << 1


def rm_of(insn: Insn) -> int:
    """The register that ModRM.rm names."""
    return insn.rm | (insn.rex & 1) << 3


def _size(insn: Insn) -> int:
    return insn.operand_size >> 3 if insn.opcode & 1 else 1


def _get(s: State, insn: Insn, at: int, size: int) -> Value:
    if not insn.is_memory:
        return s.register(rm_of(insn), size, insn.rex)
    slot = stack_slot(s, insn)
    return s.stack[slot] if slot is not None else s.load(s.address(insn, at), size)


def _set(s: State, insn: Insn, at: int, size: int, value: Value) -> None:
    if not insn.is_memory:
        s.assign(rm_of(insn), size, value, insn.rex)
        return
    slot = stack_slot(s, insn)
    if slot is not None:
        s.stack[slot] = value
    else:
        s.slots[s.address(insn, at)] = value


def stack_slot(s: State, insn: Insn) -> int | None:
    """Where in the known stack a memory operand on (e)sp lies."""
    if insn.base != ESP or insn.index is not None or insn.bits == 16:
        return None
    slot = len(s.stack) - 1 - insn.disp // s.natural
    return slot if insn.disp % s.natural == 0 and 0 <= slot < len(s.stack) else None


def _immediate(insn: Insn) -> int:
    """The immediate of an arithmetic instruction, sign-extended."""
    size = 1 if insn.opcode in (0x80, 0x82, 0x83, 0x6A, 0x6B) else 2 if insn.operand_size == 16 else 4
    return insn.imm - (1 << size * 8) if insn.imm >> (size * 8 - 1) & 1 else insn.imm


def _combine(s: State, operation: int, one: Value, other: Value, size: int) -> Value:
    mask = bits_mask(size)
    if operation == 0:
        return one.plus(other, mask)
    if operation == 5:
        return one.plus(other, mask, -1)
    if operation == 4 and other.known is not None:
        return one.masked(other.known & mask)
    if operation == 6 and one == other:
        return Value(0)
    if operation in (1, 6) and one.known is not None and other.known is not None:
        return Value((one.known | other.known if operation == 1 else one.known ^ other.known) & mask)
    return s.fresh()


def _arithmetic(s: State, insn: Insn, at: int) -> None:
    """add, or, adc, sbb, and, sub, xor, cmp of two registers, or with memory, or with the accumulator."""
    form, operation, size = insn.opcode & 7, insn.opcode >> 3, _size(insn)
    if form >= 4:
        number = insn.imm - (1 << 32) if size > 1 and insn.imm >> 31 else insn.imm
        one, other = s.register(EAX, size), Value(number & bits_mask(size))
    else:
        one, other = _get(s, insn, at, size), s.register(reg_of(insn), size, insn.rex)
        if form >= 2:
            one, other = other, one
    if operation == 7:
        s.compared = None if other.known is None else (one, other.known)
        return
    result = _combine(s, operation, one, other, size)
    if form >= 4:
        s.assign(EAX, size, result)
    elif form >= 2:
        s.assign(reg_of(insn), size, result, insn.rex)
    else:
        _set(s, insn, at, size, result)


def _group1(s: State, insn: Insn, at: int) -> None:
    size = _size(insn)
    one, number = _get(s, insn, at, size), _immediate(insn) & bits_mask(size)
    if insn.reg == 7:
        s.compared = (one, number)
    elif rm_of(insn) == ESP and not insn.is_memory:
        _move_stack(s, insn.reg, _immediate(insn))
    else:
        _set(s, insn, at, size, _combine(s, insn.reg, one, Value(number), size))


def _move_stack(s: State, operation: int, amount: int) -> None:
    """add or sub of the stack pointer."""
    count = (amount if operation == 0 else -amount) // s.natural
    s.move_stack_pointer(count * s.natural)
    if operation not in (0, 5):
        s.stack.clear()
        s.regs[ESP] = s.fresh()
    elif count > 0:
        del s.stack[-count:]
    else:
        s.stack.extend(s.fresh() for _ in range(min(-count, 64)))


def _move(s: State, insn: Insn, at: int) -> None:
    size = _size(insn)
    if insn.opcode >= 0xC6:
        number = insn.imm - (1 << 32) if insn.operand_size == 64 and insn.imm >> 31 else insn.imm
        _set(s, insn, at, size, Value(number & bits_mask(size)))
    elif insn.opcode < 0x8A:
        _set(s, insn, at, size, s.register(reg_of(insn), size, insn.rex))
    else:
        s.assign(reg_of(insn), size, _get(s, insn, at, size), insn.rex)


def _move_immediate(s: State, insn: Insn, at: int) -> None:
    number = insn.opcode & 7 | (insn.rex & 1) << 3
    s.assign(number, insn.operand_size >> 3 if insn.opcode & 8 else 1, Value(insn.imm), insn.rex)


def _lea(s: State, insn: Insn, at: int) -> None:
    if reg_of(insn) == ESP:
        _move_stack(s, 0 if insn.base == ESP and insn.index is None else 7, insn.disp)
    else:
        s.assign(reg_of(insn), insn.operand_size >> 3, s.address(insn, at))


def _extend(s: State, insn: Insn, at: int) -> None:
    """movzx, movsx and movsxd."""
    size = 4 if insn.opmap == 0 else 1 if insn.opcode in (0xB6, 0xBE) else 2
    signed = insn.opmap == 0 or insn.opcode >= 0xBE
    if insn.is_memory and stack_slot(s, insn) is None:
        value = s.load(s.address(insn, at), size, signed)
    else:
        value = _get(s, insn, at, size)
    if signed and size == 4:
        value = _signed(value)
    s.assign(reg_of(insn), insn.operand_size >> 3, value, insn.rex)


def _signed(value: Value) -> Value:
    """A 32-bit value sign-extended: a load becomes a signed one, anything else is taken as it is."""
    if value.known is not None and value.known >> 31 & 1:
        return Value(value.known | 0xFFFFFFFF00000000)
    if len(value.terms) == 1 and value.const == 0 and value.terms[0][1] == 1:
        unknown = value.terms[0][0]
        if unknown.kind is Kind.LOADED and unknown.size == 4:
            return unknown_value(Unknown(Kind.LOADED, of=unknown.of, size=4, signed=True))
    return value


def _widen(s: State, insn: Insn, at: int) -> None:
    """cbw, cwde, cdqe."""
    s.regs[EAX] = _signed(s.regs[EAX]) if insn.operand_size == 64 else s.fresh()


def _shift(s: State, insn: Insn, at: int) -> None:
    size, count = _size(insn), insn.imm & 31 if insn.opcode < 0xD0 else 1
    one = _get(s, insn, at, size)
    if insn.reg in (4, 6) and insn.opcode < 0xD2:
        _set(s, insn, at, size, one.times(1 << count, bits_mask(size)))
    elif insn.reg == 5 and one.known is not None and insn.opcode < 0xD2:
        _set(s, insn, at, size, Value(one.known >> count))
    else:
        _set(s, insn, at, size, s.fresh())


def _unary(s: State, insn: Insn, at: int) -> None:
    """F6, F7: not and neg of constants; mul and div leave nothing known."""
    size = _size(insn)
    if insn.reg in (2, 3):
        known = _get(s, insn, at, size).known
        flipped = (
            s.fresh() if known is None else Value((~known if insn.reg == 2 else -known) & bits_mask(size))
        )
        _set(s, insn, at, size, flipped)
    elif insn.reg >= 4:
        s.regs[EAX], s.regs[EDX] = s.fresh(), s.fresh()


def _count_up(s: State, insn: Insn, at: int) -> None:
    """FE, FF: inc, dec, push; calls are looked at elsewhere."""
    size = _size(insn)
    if insn.reg < 2:
        one = _get(s, insn, at, size)
        _set(s, insn, at, size, one.plus(Value(1), bits_mask(size), -1 if insn.reg else 1))
    elif insn.opcode == 0xFF and insn.reg == 6:
        s.push(_get(s, insn, at, s.natural if insn.operand_size != 16 else 2))
    elif insn.opcode == 0xFF and insn.reg == 2:
        after_call(s)


def after_call(s: State) -> None:
    """What a callee may change."""
    for number in _CALLER_SAVED:
        s.regs[number] = s.fresh()


def _increment(s: State, insn: Insn, at: int) -> None:
    number, size = insn.opcode & 7, insn.operand_size >> 3
    value = s.register(number, size).plus(Value(1), bits_mask(size), -1 if insn.opcode & 8 else 1)
    s.assign(number, size, value)


def _push(s: State, insn: Insn, at: int) -> None:
    s.push(s.regs[insn.opcode & 7 | (insn.rex & 1) << 3])


def _push_immediate(s: State, insn: Insn, at: int) -> None:
    s.push(Value(_immediate(insn) & s.mask))


def _push_other(s: State, insn: Insn, at: int) -> None:
    """Segment registers, flags."""
    s.push(s.fresh())


def _pop_other(s: State, insn: Insn, at: int) -> None:
    s.pop()


def _pop(s: State, insn: Insn, at: int) -> None:
    s.regs[insn.opcode & 7 | (insn.rex & 1) << 3] = s.pop()


def _pop_memory(s: State, insn: Insn, at: int) -> None:
    _set(s, insn, at, s.natural, s.pop())


def _exchange(s: State, insn: Insn, at: int) -> None:
    if insn.opcode >= 0x90:
        number = insn.opcode & 7 | (insn.rex & 1) << 3
        s.regs[EAX], s.regs[number] = s.regs[number], s.regs[EAX]
        return
    size = _size(insn)
    one, other = _get(s, insn, at, size), s.register(reg_of(insn), size, insn.rex)
    _set(s, insn, at, size, other)
    s.assign(reg_of(insn), size, one, insn.rex)


def _offset_load(s: State, insn: Insn, at: int) -> None:
    """A0, A1: the accumulator from an absolute address."""
    s.assign(EAX, _size(insn), s.load(Value(insn.disp), _size(insn)))


def _leave(s: State, insn: Insn, at: int) -> None:
    s.stack.clear()
    s.regs[5] = s.fresh()


def _return(s: State, insn: Insn, at: int) -> None:
    """A return on a path that goes on where it leads takes its target from the stack."""
    s.pop()
    s.move_stack_pointer(insn.imm)


def _near_call(s: State, insn: Insn, at: int) -> None:
    """A call on a path that goes on behind it. One to the next instruction pushes its address, and one to
    `mov (%esp), %reg; ret` loads it, as 32-bit position-independent code does."""
    behind = at + insn.length
    if insn.imm == 0:
        s.push(Value(behind))
        return
    after_call(s)
    callee = s.read(behind + insn.imm & s.mask, 4, False) if s.bits == 32 else None
    if callee is not None and callee & 0xFFFFC7FF == 0xC324048B:
        s.regs[callee >> 11 & 7] = Value(behind)


def _nothing(s: State, insn: Insn, at: int) -> None:
    pass


Effect = Callable[[State, Insn, int], None]


def _one_byte() -> dict[int, Effect]:
    table: dict[int, Effect] = {}
    rows: tuple[tuple[Effect, Iterable[int]], ...] = (
        (_arithmetic, (op for op in range(0x40) if op & 7 < 6)),
        (_push_other, (0x06, 0x0E, 0x16, 0x1E, 0x9C)),
        (_pop_other, (0x07, 0x17, 0x1F, 0x9D)),
        (_increment, range(0x40, 0x50)), (_push, range(0x50, 0x58)), (_pop, range(0x58, 0x60)),
        (_extend, (0x63,)), (_push_immediate, (0x68, 0x6A)), (_nothing, range(0x70, 0x80)),
        (_group1, range(0x80, 0x84)), (_nothing, (0x84, 0x85)), (_exchange, (0x86, 0x87)),
        (_move, range(0x88, 0x8C)), (_lea, (0x8D,)), (_pop_memory, (0x8F,)), (_nothing, (0x90,)),
        (_exchange, range(0x91, 0x98)), (_widen, (0x98,)), (_offset_load, (0xA0, 0xA1)),
        (_nothing, (0xA2, 0xA3, 0xA8, 0xA9)), (_move_immediate, range(0xB0, 0xC0)),
        (_shift, (0xC0, 0xC1, 0xD0, 0xD1, 0xD2, 0xD3)), (_move, (0xC6, 0xC7)), (_leave, (0xC9,)),
        (_nothing, range(0xD8, 0xE0)), (_nothing, (0xE9, 0xEB)), (_near_call, (0xE8,)), (_return, (0xC2, 0xC3)),
        (_unary, (0xF6, 0xF7)), (_nothing, (0xF8, 0xF9, 0xFA, 0xFB, 0xFC, 0xFD)), (_count_up, (0xFE, 0xFF)),
    )  # fmt: skip
    for effect, opcodes in rows:
        table.update(dict.fromkeys(opcodes, effect))
    return table


_ONE_BYTE: Final = _one_byte()
_TWO_BYTE: Final[dict[int, Effect]] = {
    **dict.fromkeys((0xB6, 0xB7, 0xBE, 0xBF), _extend),
    **dict.fromkeys((0x1E, 0x1F, 0x18, 0x0D, 0x22), _nothing),
    **dict.fromkeys(range(0x80, 0x90), _nothing),
    **dict.fromkeys((0xA0, 0xA8), _push_other),
    **dict.fromkeys((0xA1, 0xA9), _pop_other),
}


def _clobber(s: State, insn: Insn) -> None:
    """An instruction that is not modelled: all that it may write is unknown."""
    if insn.modrm is None:
        for number in range(16):
            if number != ESP:
                s.regs[number] = s.fresh()
    else:
        s.regs[EAX] = s.fresh()
        s.regs[EDX] = s.fresh()
        s.regs[reg_of(insn)] = s.fresh()
        if not insn.is_memory:
            s.regs[rm_of(insn)] = s.fresh()


_ABOVE: Final = frozenset((0x7, 0x3, 0xF, 0xD))  # ja, jae, jg, jge
_BELOW: Final = frozenset((0x6, 0x2, 0xE, 0xC))  # jbe, jb, jle, jl
_OR_EQUAL: Final = frozenset((0x7, 0x6, 0xF, 0xE))  # the bound itself is in range


def _note_bound(s: State, insn: Insn, taken: bool) -> None:
    """A conditional branch behind a comparison with a number limits what was compared."""
    if s.compared is None:
        return
    condition = insn.opcode & 15
    if condition in (_BELOW if taken else _ABOVE):
        value, number = s.compared
        count = number + (condition in _OR_EQUAL)
        if 0 < count <= 0x10000:
            s.bounds[value] = count


def step(s: State, at: int, insn: Insn, taken: bool) -> None:
    """Change the state as the instruction at address `at` does."""
    if insn.opmap == VEX_MAP:
        return
    if insn.relative and insn.opcode & 0xF0 in (0x70, 0x80):
        _note_bound(s, insn, taken)
        return
    if taken and insn.opmap == 0 and insn.opcode == 0xE8:  # the path goes on in the callee
        s.push(Value(at + insn.length))
        return
    effect = (_ONE_BYTE if insn.opmap == 0 else _TWO_BYTE if insn.opmap == 1 else {}).get(insn.opcode)
    if effect is None:
        _clobber(s, insn)
    else:
        effect(s, insn, at)


def evaluate(path: Iterable[Step], bits: int, read: ReadConstant) -> State:
    """The state at the end of a path."""
    state = State(bits, read)
    for at, insn, taken in path:
        step(state, at, insn, taken)
    return state
