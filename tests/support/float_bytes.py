# SPDX-License-Identifier: GPL-2.0-or-later
"""Floating-point state over a bytearray, laid out as an engine might, with nothing that calculates behind it."""

from vmm.engine.float_area import XMM_BYTES, FloatArea, FloatLayout

SIZE = 192 + 8 * XMM_BYTES


def float_layout(base: int = 0) -> FloatLayout:
    """Offsets from `base` on, `SIZE` bytes in all."""
    return FloatLayout(
        top=base, status=base + 4, control=base + 6, tags=base + 8, registers=base + 16, opcode=base + 144,
        instruction=base + 152, operand=base + 160, x87=base + 170, sse=base + 178, mxcsr=base + 184, xmm=base + 192,
    )  # fmt: skip


def float_area() -> FloatArea:
    """State after a reset."""
    floats = FloatArea(memoryview(bytearray(SIZE)), float_layout())
    floats.reset()
    return floats
