# SPDX-License-Identifier: GPL-2.0-or-later
"""Random programs for the arena: encodings drawn by hand-written rules, so that most of them do something.

`common` rules hold wherever the bare engine is right by itself, so it can be the oracle. `policy` rules are those where
it is not (ports and undefined forms below ring 0, debug registers, MSRs): there only two policies are compared.
"""

import random
import struct
from collections.abc import Callable
from typing import Final

from arena import DATA, SELECTORS, SLOT, WINDOW, Program, first_slot

Rule = Callable[["Maker"], bytes]

_ESP: Final = 4
_FLAGS: Final = 0xCD5 | 0x200 | 0x3000 | 0x4000 | 0x40000 | 0x200000  # arithmetic, DF, IF, IOPL, NT, AC, ID
_SOFT: Final = (2, 3, 4, 5, 6, 7, 9, 15, 16, 18, 0x20, 0x21, 0x2F, 0x30, 0x55, 0x81, 0xFF)


class Maker:
    """Draws one program at `at`; equal seeds give equal programs."""

    def __init__(self, seed: int, at: int, policy_rules: bool) -> None:
        self.random = random.Random(seed)
        self.first = first_slot(at)
        self.ring = self.random.choice((0, 3))
        self.count = self.random.randrange(8, 40)
        self.rules = [*_RULES, *(_KERNEL_RULES if self.ring == 0 else _USER_RULES)]
        if policy_rules:
            self.rules += _POLICY_RULES * 3
        self.number = 0
        self.forced: dict[int, bytes] = {}  # slots that another one will overwrite

    def program(self) -> Program:
        pick = self.random
        regs = tuple(pick.choice((pick.getrandbits(32), pick.getrandbits(8), self.address())) for _ in range(8))
        flags = (pick.getrandbits(22) & _FLAGS & ~0x4400) | 2
        slots = []
        for number in range(self.count):
            self.number = number
            drawn = pick.choice(self.rules)(self) if self.number not in self.forced else b""
            slots.append(self.forced.get(self.number, drawn))
        return Program(self.ring, regs, flags, tuple(slots))

    # --- what rules draw

    def of(self, *choices: int) -> int:
        return self.random.choice(choices)

    def byte(self) -> int:
        return self.random.getrandbits(8)

    def dword(self) -> int:
        return self.random.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, self.random.getrandbits(32)))

    def register(self) -> int:
        return self.of(0, 1, 2, 3, 5, 6, 7)

    def address(self) -> int:
        """Of data: mostly plain, often in the window, and often over a page's edge."""
        pick = self.random
        if pick.random() < 0.6:
            return DATA + pick.randrange(0x1FE0)
        page = WINDOW + 4096 * pick.randrange(8)
        return page + pick.choice((pick.randrange(4096), 4096 - pick.randrange(1, 8)))

    def inside_a_page(self) -> int:
        """For sgdt and sidt: the bare engine writes the limit although the page of the base is refused."""
        address = self.address()
        return address if address & 0xFFF <= 0xFF0 else address - 0x20

    def later(self) -> int:
        """Address of one of the next slots, or of the program's end."""
        return self.first + SLOT * min(self.count, self.number + self.random.randrange(1, 4))

    def memory(self, field: int) -> bytes:
        """ModRM for `field` and a plain address."""
        return bytes((field << 3 | 5,)) + dword(self.address())

    def rm(self, field: int) -> bytes:
        return self.memory(field) if self.random.random() < 0.5 else bytes((0xC0 | field << 3 | self.register(),))

    def wide(self) -> bytes:
        return self.random.choice((b"", b"", b"\x66"))

    def immediate(self, wide: bytes) -> bytes:
        return dword(self.dword())[: 2 if wide else 4]


def dword(value: int) -> bytes:
    return struct.pack("<I", value & 0xFFFFFFFF)


def _arithmetic(m: Maker) -> bytes:
    opcode = m.of(0, 1, 2, 3) + 8 * m.of(*range(8))
    return m.wide() + bytes((opcode,)) + m.rm(m.register())


def _arithmetic_immediate(m: Maker) -> bytes:
    wide = m.wide()
    opcode = m.of(0x80, 0x81, 0x83)
    return wide + bytes((opcode,)) + m.rm(m.of(*range(8))) + (m.immediate(wide) if opcode == 0x81 else bytes((m.byte(),)))


def _unary(m: Maker) -> bytes:
    opcode, field = m.of(0xF6, 0xF7), m.of(2, 3, 4, 5, 6, 7)
    return m.wide() + bytes((opcode,)) + m.rm(field)


def _shift(m: Maker) -> bytes:
    head = m.wide() + bytes((m.of(0xC0, 0xC1, 0xD0, 0xD1, 0xD2, 0xD3),))
    return head + m.rm(m.of(0, 1, 2, 3, 4, 5, 7)) + (bytes((m.byte() & 0x1F,)) if head[-1] < 0xD0 else b"")


def _two_byte(m: Maker) -> bytes:
    opcode = m.of(0xA3, 0xAB, 0xB3, 0xBB, 0xA5, 0xAD, 0xAF, 0xBC, 0xBD, 0xB6, 0xB7, 0xBE, 0xBF, 0xC0, 0xC1, 0xB0, 0xB1)
    if opcode in (0xA3, 0xAB, 0xB3, 0xBB):  # a bit offset reaches far in memory
        return b"\x0f" + bytes((opcode, 0xC0 | m.register() << 3 | m.register()))
    return m.wide() + b"\x0f" + bytes((opcode,)) + m.rm(m.register())


def _condition(m: Maker) -> bytes:
    return b"\x0f" + bytes((m.of(0x40, 0x90) + m.of(*range(16)),)) + m.rm(m.register())


def _one_byte(m: Maker) -> bytes:
    return m.wide() + bytes((m.of(0x27, 0x2F, 0x37, 0x3F, 0x98, 0x99, 0x9E, 0x9F, 0xF5, 0xF8, 0xF9, 0xFC, 0xFD, 0xD6),))


def _adjust(m: Maker) -> bytes:
    return bytes((m.of(0xD4, 0xD5), m.of(0, 10, m.byte())))


def _locked(m: Maker) -> bytes:
    return b"\xf0" + m.random.choice((b"\x01", b"\x0f\xc1", b"\x0f\xb1", b"\x87")) + m.memory(m.register())


def _move(m: Maker) -> bytes:
    return m.wide() + bytes((m.of(0x88, 0x89, 0x8A, 0x8B, 0x86, 0x87),)) + m.rm(m.register())


def _load_register(m: Maker) -> bytes:
    return bytes((0xB8 + m.register(),)) + dword(m.random.choice((m.address(), m.dword())))


def _string(m: Maker) -> bytes:
    setup = b"\xbe" + dword(m.address()) + b"\xbf" + dword(m.address()) + b"\xb9" + dword(m.random.randrange(12))
    return setup + m.random.choice((b"\xf3", b"\xf2", b"")) + m.wide() + bytes((m.of(0xA4, 0xA5, 0xA6, 0xA7, 0xAA, 0xAB, 0xAC, 0xAD, 0xAE, 0xAF),))


def _push(m: Maker) -> bytes:
    wide, register = m.wide(), m.register()
    return m.random.choice((
        wide + bytes((0x50 + register,)), b"\x68" + dword(m.dword()), b"\x6a" + bytes((m.byte(),)), b"\xff" + m.memory(6),
        b"\x60", b"\xc8\x08\x00" + bytes((m.of(0, 1, 2),)) + b"\x83\xc4\x10",
    ))  # fmt: skip


def _pop(m: Maker) -> bytes:
    return m.random.choice((m.wide() + bytes((0x58 + m.register(),)), b"\x8f" + m.memory(0), b"\x5b\x58"))


def _flags(m: Maker) -> bytes:
    image = m.random.getrandbits(22) & _FLAGS | m.of(0, 0, 0, 0x100)
    return m.random.choice((
        b"\x9c\x58", b"\x66\x9c\x66\x5b", b"\x9c", b"\x9d", b"\x66\x9d", b"\x68" + dword(image) + b"\x9d", b"\xfa", b"\xfb",
        b"\x9c\x81\x34\x24" + dword(image & ~0x100) + b"\x9d\x9c\x5a", b"\x66\x68" + dword(image)[:2] + b"\x66\x9d\x9c\x5e",
    ))  # fmt: skip


def _store_group(m: Maker) -> bytes:
    register = m.register()
    return m.random.choice((
        b"\x0f\x01" + bytes((m.of(5, 0xD),)) + dword(m.inside_a_page()), m.wide() + b"\x0f\x00" + m.rm(m.of(0, 1)),
        b"\x0f\x01" + m.memory(4), b"\x66\x0f\x01" + m.rm(4), m.wide() + b"\x8c" + m.rm(m.of(0, 1, 2, 3)), b"\x0f\x01\x05" + dword(DATA + 8 * register),
    ))  # fmt: skip


def _selector(m: Maker) -> int:
    return m.random.choice(tuple(SELECTORS.values()))


def _look_at_descriptor(m: Maker) -> bytes:
    return b"\xb8" + dword(_selector(m)) + m.wide() + m.random.choice((
        b"\x0f\x02\xd8", b"\x0f\x03\xd0", b"\x0f\x00\xe0", b"\x0f\x00\xe8", b"\x63\xc3", b"\x63\xd8",
    ))  # fmt: skip


def _plain_selector(m: Maker) -> int:
    """For ds and es: what loads is flat, or faults."""
    return SELECTORS[m.random.choice(("data3", "data3", "tss", "execute-only", "absent", "past"))]


def _load_segment(m: Maker) -> bytes:
    register = m.of(0, 3, 4, 5)
    selector = _plain_selector(m) if register in (0, 3) else _selector(m)
    push = {0: b"\x07", 3: b"\x1f", 4: b"\x0f\xa1", 5: b"\x0f\xa9"}[register]
    return m.random.choice((
        b"\xb8" + dword(selector) + b"\x8e" + bytes((0xC0 | register << 3,)), b"\x6a" + bytes((selector & 0x7F,)) + push,
        b"\x66\x6a" + bytes((selector & 0x7F,)) + b"\x66" + push,
    ))  # fmt: skip


def _load_stack_segment(m: Maker) -> bytes:
    good = SELECTORS["data0" if m.ring == 0 else "data3"]
    bad = [SELECTORS[name] for name in ("null", "code0", "tss", "read-only", "absent", "past", "conforming")]
    selector = m.random.choice((good, good, *bad))
    return b"\xb8" + dword(selector) + m.random.choice((b"\x8e\xd0", b"\x50\x17", b"\x8e\xd0\x9c\x5a"))


def _far_pointer(m: Maker) -> bytes:
    at = DATA + 4 * m.random.randrange(0x100)
    store = b"\xc7\x05" + dword(at) + dword(m.dword()) + b"\x66\xc7\x05" + dword(at + 4) + struct.pack("<H", _selector(m))
    return store + b"\x0f" + bytes((m.of(0xB4, 0xB5), m.register() << 3 | 5)) + dword(at)


def _through_segment(m: Maker) -> bytes:
    return m.random.choice((b"\x64", b"\x65")) + bytes((m.of(0x8B, 0x89, 0x01),)) + m.memory(m.register())


def _interrupt(m: Maker) -> bytes:
    return m.random.choice((b"\xcd" + bytes((m.of(*_SOFT),)), b"\xcc", b"\xce", b"\x0f\x0b", b"\x0f\xff\xc0", b"\x62\x05" + dword(m.address())))


def _privileged(m: Maker) -> bytes:
    register = m.register()
    return m.random.choice((
        b"\x0f\x20" + bytes((0xC0 | m.of(0, 2, 3, 4) << 3 | register,)), b"\x0f\x06", b"\x0f\x01" + m.memory(7),
        b"\x0f\x09", b"\xb8" + dword(m.of(1, 3, 5, 9, 0xB)) + b"\x0f\x01\xf0", b"\x0f\x20\xd8\x0f\x22\xd8",
        b"\x0f\x20\xc0\x35" + dword(m.of(8, 0x10000, 2)) + b"\x0f\x22\xc0",
    ))  # fmt: skip


def _jump(m: Maker) -> bytes:
    """To one of the next slots, in every way there is."""
    target, here = m.later(), m.first + SLOT * m.number
    cs = struct.pack("<H", SELECTORS["code0" if m.ring == 0 else "code3"])
    return m.random.choice((
        b"\x0f" + bytes((0x80 + m.of(*range(16)),)) + dword(target - here - 6), b"\xe9" + dword(target - here - 5),
        b"\xe8" + dword(target - here - 5), b"\xb8" + dword(target) + b"\xff\xe0", b"\x68" + dword(target) + b"\xc3",
        b"\xb8" + dword(target) + b"\xff\xd0", b"\xea" + dword(target) + cs, b"\x9a" + dword(target) + cs,
        b"\xea" + dword(target) + struct.pack("<H", _code_selector(m)), b"\x0e\x68" + dword(target) + b"\xcb",
        b"\x9c\x0e\x68" + dword(target) + b"\xcf", b"\x6a" + bytes((_code_selector(m) & 0x7F,)) + b"\x68" + dword(target) + b"\xcb",
    ))  # fmt: skip


def _code_selector(m: Maker) -> int:
    return SELECTORS[m.random.choice(("null", "data0", "tss", "absent", "past", "execute-only" if m.ring else "code0"))]


def _write_code(m: Maker) -> bytes:
    """Change an instruction further on, in this slot or in another."""
    victim = m.random.choice((b"\x9c\x58", b"\x8c\xc8", b"\x0f\x00\xc9"[:2], b"\x90\x40", b"\xcc\x90", b"\xfa\x9c"))
    target = m.later()
    number = (target - m.first) // SLOT
    if number < m.count and m.random.random() < 0.5:
        m.forced[number] = b"\x90\x90\x43\x9c\x5a"  # what follows the two new bytes must not become hlt or a port
        return b"\x66\xc7\x05" + dword(target) + victim
    return b"\x66\xc7\x05" + dword(m.first + SLOT * m.number + 9) + victim + b"\x90\x43\x43\x43"


def _float(m: Maker) -> bytes:
    """Nothing that shows which exceptions were raised masked: the bare engine keeps that to itself."""
    at = DATA + 16 * m.random.randrange(0x100)
    return m.random.choice((
        b"\xd9\xe8", b"\xd9\xeb", b"\xde\xc1", b"\xd8\xc9", b"\xdd\x1d" + dword(at), b"\xdd\x05" + dword(at), b"\xdb\xe2",
        b"\xd9\x3d" + dword(at), b"\xdb\xe3", b"\x0f\x57\xc0", b"\x0f\x58\x05" + dword(at), b"\x0f\x29\x0d" + dword(at),
        b"\xf3\x0f\x2a\xc0", b"\xf2\x0f\x51\xc8", b"\x66\x0f\xef\xca", b"\x0f\x6e\xc0", b"\x0f\x7e\xc2", b"\x0f\xc6\xc8\x1b",
    ))  # fmt: skip


def _ports(m: Maker) -> bytes:
    return m.random.choice((b"\xe4\x80", b"\xec", b"\xe6\x80", b"\x66\xed", b"\xba\x80\x00\x00\x00\xee"))


def _undefined(m: Maker) -> bytes:
    return m.random.choice((
        b"\xf0\x9c", b"\xf0\x90", b"\xf0\x0f\x01\xe0", b"\x8f\xc8", b"\xf1", b"\xf6\xc8\x05", b"\x0f\x05", b"\x0f\x34", b"\x0f\x33",
        b"\x0f\x01\xca", b"\x0f\x01\xc8", b"\xc7\xc8\x00\x00\x00\x00", b"\x0f\x1f\xc0", b"\x0f\x0d\x00", b"\xfe\xd0",
    ))  # fmt: skip


def _debug_registers(m: Maker) -> bytes:
    number = m.of(0, 1, 2, 3, 6, 7)
    return m.random.choice((b"\x0f\x21" + bytes((0xC0 | number << 3,)), b"\x31\xc0\x0f\x23" + bytes((0xC0 | m.of(0, 1, 2, 3) << 3,))))


def _model_registers(m: Maker) -> bytes:
    """sysenter's code segment stays 0, so that it faults."""
    read = b"\xb9" + dword(m.of(0x174, 0x175, 0x1B, 0x12345)) + b"\x0f\x32"
    return m.random.choice((read, b"\xb9" + dword(m.of(0x175, 0x176, 0x12345)) + b"\x31\xd2\x0f\x30"))


def _identify(m: Maker) -> bytes:
    return b"\xb8" + dword(m.of(0, 1, 2, 0x80000000)) + b"\x31\xc9\x0f\xa2"


_RULES: Final[list[Rule]] = [
    _arithmetic, _arithmetic, _arithmetic_immediate, _unary, _shift, _two_byte, _condition, _one_byte, _adjust, _locked, _move,
    _move, _load_register, _string, _push, _push, _pop, _flags, _flags, _flags, _store_group, _store_group, _look_at_descriptor,
    _load_segment, _load_segment, _load_stack_segment, _far_pointer, _through_segment, _interrupt, _jump, _jump, _write_code,
    _float, _identify,
]  # fmt: skip
_KERNEL_RULES: Final[list[Rule]] = [_privileged, _privileged]
_USER_RULES: Final[list[Rule]] = [_privileged, lambda m: b"\xf4"]
_POLICY_RULES: Final[list[Rule]] = [_ports, _undefined, _debug_registers, _model_registers]


def programs(seed: int, count: int, policy_rules: bool = False) -> tuple[Program, ...]:
    """`count` programs laid out one behind the other, as `arena.image` will place them."""
    from arena import PROGRAMS

    made: list[Program] = []
    at = PROGRAMS
    for number in range(count):
        made.append(Maker(seed << 16 | number, at, policy_rules).program())
        at += made[-1].size
    return tuple(made)
