# SPDX-License-Identifier: GPL-2.0-or-later
"""x87 instructions on the processor that runs the tests, and cases for them: operands, masks, how full the stack is.

A case never raises anything in this process: operands are loaded masked, the state is taken by fnsave, which does not
wait, and fninit follows.
"""

import ctypes
import mmap
import platform
import random
import struct
from dataclasses import dataclass

SIZE = 256  # bytes of a case in memory: control word, operands at 16 and 32, a memory operand at 64, fnsave at 96
SAVED, IMAGE = 96, 108
AVAILABLE = platform.machine() in ("x86_64", "AMD64")

_ARITHMETIC = [bytes((op, 0xC1 | reg << 3)) for op in (0xD8, 0xDC, 0xDE) for reg in (0, 1, 4, 5, 6, 7)]
_COMPARE = [bytes.fromhex(text) for text in ("d8d1", "d8d9", "d9e4", "dde1", "dde9", "dae9", "ded9")]
_OTHERS = [
    bytes.fromhex(text) for text in ("d9fa", "d9fc", "d9e0", "d9e1", "d9c1", "d9c9", "d9e8", "dbf1", "dfe9")
]
_FORMS = ((0xD8, range(8)), (0xDC, range(8)), (0xDA, range(8)), (0xDE, range(8)), (0xD9, (0, 2, 3)), (0xDD, (0, 2, 3)),
          (0xDB, (0, 2, 3, 5, 7)), (0xDF, (0, 2, 3, 5, 7)))  # fmt: skip
_MEMORY = [bytes((op, 0x47 | reg << 3, 64)) for op, regs in _FORMS for reg in regs]


@dataclass(frozen=True, slots=True)
class Case:
    """`code` works on `SIZE` bytes at (e)di and is the same in 32 and 64 bits. `compares`: C3, C2, C0 are defined."""

    code: bytes
    data: bytes
    compares: bool


def _register(r: random.Random) -> bytes:
    sign, digits = r.getrandbits(1) << 15, r.getrandbits(63)
    significand, exponent = r.choice((
        (0, 0), (1 << 63, 0x7FFF), (3 << 62 | digits >> 20, 0x7FFF), (digits, 0),
        (1 << 63 | digits, r.choice((1, 5, 0x7FFE))), (1 << 63 | digits, 0x3FFF + r.randrange(-40, 70)),
        (r.choice((1, 3, 5)) << 61 | 1 << 63, r.choice((1, 2, 0x3FFF, 0x7FFE))),
        (1 << 63 | digits, 0x3FFF + r.choice((-1080, -1022, -150, -126, 127, 128, 1023, 1024, 15, 31, 63))),
        (1 << 63 | digits >> 43 << 43, 0x3FFF + r.randrange(20)),
    ))  # fmt: skip
    return struct.pack("<QH6x", significand, sign | exponent)


def case(seed: int) -> Case:
    """Some of the six exceptions unmasked, rounding and precision as it comes."""
    r = random.Random(seed)
    insn = r.choice(r.choice((_ARITHMETIC, _COMPARE, _OTHERS, _MEMORY, _MEMORY)))
    masked = 0x3F & ~(r.getrandbits(6) | 1 << r.randrange(6))
    control = 0x40 | masked | r.choice((3, 3, 2, 0)) << 8 | r.randrange(4) << 10
    memory = r.choice((struct.pack("<ff", r.uniform(-4, 4), 0), struct.pack("<d", r.uniform(-4, 4)), bytes(8),
                       struct.pack("<Q", r.getrandbits(50)), struct.pack("<I", 0x7F80_0000) * 2))  # fmt: skip
    data = struct.pack("<H14x", control) + _register(r) + _register(r) + bytes(16) + memory + bytes(SIZE - 72)
    loads = b"\xdb\x6f\x20\xdb\x6f\x10" * 4
    full = r.choice((2, 2, 2, 2, 1, 0, 8))
    code = b"\xdb\xe3" + loads[len(loads) - 3 * full :] + b"\xd9\x2f" + insn + b"\xdd\x77" + bytes((SAVED,))
    compares = insn in _COMPARE or (insn[0] in (0xD8, 0xDA, 0xDC, 0xDE) and insn[1] >> 3 & 7 in (2, 3))
    return Case(code, data, compares)


def on_the_host(made: Case) -> bytes:
    """The case's bytes after it ran here."""
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(made.code + b"\xdb\xe3\xc3")  # fninit; ret
    entry = ctypes.c_char.from_buffer(page)
    data = ctypes.create_string_buffer(made.data, SIZE)
    if AVAILABLE:
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(ctypes.addressof(entry))(ctypes.addressof(data))
    del entry
    page.close()
    return data.raw


def state(made: Case, after: bytes) -> tuple[int, int, list[bytes], bytes]:
    """What is defined of it: status, tags, the registers that are full from ST(0) on, and the memory operand."""
    status, tags = (struct.unpack_from("<H", after, SAVED + 4 * field)[0] for field in (1, 2))
    fault = 0x200 if status & 0x41 == 0x41 else 0  # C1 tells the kind of a stack fault
    registers = [after[at : at + 10] for at in range(SAVED + 28, SAVED + IMAGE, 10)]
    full = [reg for i, reg in enumerate(registers) if tags >> 2 * (i + (status >> 11) & 7) & 3 != 3]
    return status & (0xB8FF | fault | (0x4500 if made.compares else 0)), tags, full, after[64:80]
