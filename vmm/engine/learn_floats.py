# SPDX-License-Identifier: GPL-2.0-or-later
"""Learning where the engine keeps its floating-point state (a sibling of `unicorn_engine.py`; see `learn.py`).

Registers are found by writing them, the flags of finished operations by dividing: 1 / 0 raises ZE, 1 / 3 raises PE.
"""

import ctypes
import struct
from collections.abc import Callable

import unicorn
from unicorn import x86_const as x86

from vmm.engine.float_area import PE, ZE, FloatLayout
from vmm.errors import VmmError

DATA = 0x3000  # where the operands of the divisions lie: 0, 1 and 3 in both formats
FLOAT_BYTES = 0x400  # all that is looked for lies this near to the start of the image
_FDIV = b"\xd9\xe8\xdc\x35"  # fld1; fdiv qword [...]
_DIVSS = b"\xf3\x0f\x10\x05" + struct.pack("<I", DATA + 28) + b"\xf3\x0f\x5e\x05"  # movss xmm0, [..]; divss xmm0, [..]


class FloatLayoutError(VmmError):
    """The engine does not keep its floating-point state where, or as, this monitor can find it."""


def find_floats(uc: unicorn.Uc, image: int, run: Callable[[bytes], None]) -> FloatLayout:
    """Offsets in the image at host address `image`; `run(code)` runs code on the throw-away engine `uc`."""
    return _Search(uc, (ctypes.c_uint8 * FLOAT_BYTES).from_address(image), run).find()


class _Search:
    def __init__(self, uc: unicorn.Uc, image: "ctypes.Array[ctypes.c_uint8]", run: Callable[[bytes], None]) -> None:
        self.uc, self.image, self.run = uc, image, run
        uc.mem_write(DATA, struct.pack("<ddd", 0, 1, 3) + struct.pack("<3f", 0, 1, 3))
        uc.reg_write(x86.UC_X86_REG_CR4, 0x600)  # OSFXSR, OSXMMEXCPT

    def find(self) -> FloatLayout:
        control = self._half("the x87 control word", x86.UC_X86_REG_FPCW, 0x37F, 0x0C3F)
        status = self._half("the x87 status word", x86.UC_X86_REG_FPSW, 0x4501, 0x0124)
        mxcsr = self._half("MXCSR", x86.UC_X86_REG_MXCSR, 0x1F80, 0x7FC0)
        registers = self._marked("the x87 registers", x86.UC_X86_REG_FP0, 0x51C3_7A29_04EF_D8B6, 0x4123)
        xmm = self._marked("the SSE registers", x86.UC_X86_REG_XMM0, 0x62D4_8B3A_15F0_E9C7)
        x87 = self._raised("the flags of x87 operations", _FDIV, DATA, DATA + 16)
        sse = self._raised("the flags of SSE operations", _DIVSS, DATA + 24, DATA + 32)
        layout = FloatLayout(
            top=status - 4, status=status, control=control, tags=control + 2, registers=registers,
            opcode=registers + 128, instruction=registers + 136, operand=registers + 144,
            x87=x87, sse=sse, mxcsr=mxcsr, xmm=xmm,
        )  # fmt: skip
        self._verify(layout)
        return layout

    def _verify(self, at: FloatLayout) -> None:
        """The neighbours of what was found are what they were taken for."""
        self.uc.reg_write(x86.UC_X86_REG_FPSW, 0x2800)
        self._expect("TOP", at.top, 5)
        self.uc.reg_write(x86.UC_X86_REG_FPTAG, 0xFFFF)
        for offset in range(8):
            self._expect("the x87 tags", at.tags + offset, 1)
        self.uc.reg_write(x86.UC_X86_REG_FPCW, 0x0C3F)
        self._expect("the x87 rounding", at.x87 - 1, 3)
        self._expect("the x87 precision", at.x87 + 1, 32)
        self.uc.reg_write(x86.UC_X86_REG_MXCSR, 0x5FC0)
        self._expect("the SSE rounding", at.sse - 1, 2)
        self._expect("denormals as zeroes", at.sse + 3, 1)
        if not at.tags + 8 <= at.registers < at.operand < at.x87 < at.sse < at.mxcsr < at.xmm:
            raise FloatLayoutError("the engine's floating-point state does not lie in the order that was expected")

    def _expect(self, name: str, offset: int, value: int) -> None:
        if self.image[offset] != value:
            found = self.image[offset]
            raise FloatLayoutError(f"{name}: {found} stands in the engine's state where {value} was expected")

    def _half(self, name: str, register: int, first: int, second: int) -> int:
        """The one 16-bit field that shows both values after each was written."""
        shown = []
        for value in (first, second):
            self.uc.reg_write(register, value)
            shown.append([i for i, half in enumerate(memoryview(self.image).cast("B").cast("H")) if half == value])
        return self._only(name, [2 * i for i in shown[0] if i in shown[1]])

    def _marked(self, name: str, register: int, mark: int, *more: int) -> int:
        self.uc.reg_write(register, (mark, *more) if more else mark)
        now, wanted = bytes(self.image), struct.pack("<Q", mark)
        return self._only(name, [i for i in range(0, FLOAT_BYTES, 8) if now[i : i + 8] == wanted])

    def _raised(self, name: str, code: bytes, zero: int, three: int) -> int:
        """The one byte that shows ZE after 1 / 0, and PE besides after 1 / 3."""
        states = [bytes(self.image)]
        for divisor in (zero, three):
            self.run(code + struct.pack("<I", divisor))
            states.append(bytes(self.image))
        before, once, twice = states
        wanted = ZE, ZE | PE
        flags = ((i, (once[i], twice[i])) for i in range(FLOAT_BYTES) if not before[i] & (ZE | PE))
        return self._only(name, [i for i, shown in flags if shown == wanted])

    @staticmethod
    def _only(name: str, found: list[int]) -> int:
        if len(found) != 1:
            raise FloatLayoutError(f"{name}: found at {len(found)} places in the engine's state, expected one")
        return found[0]
