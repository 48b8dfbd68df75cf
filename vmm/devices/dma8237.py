# SPDX-License-Identifier: GPL-2.0-or-later
"""The two 8237A DMA controllers of a PC/AT as registers only: nothing on this machine does DMA.

Intel 8237A datasheet (231466-005). Kernels program and mask channels while they start; addresses, counts
and masks read back as written through the byte flip-flop, and no channel ever requests or finishes.
"""

from dataclasses import dataclass, field

_COMMAND_STATUS, _REQUEST, _MASK_BIT, _MODE, _FLIP_FLOP, _MASTER_CLEAR, _CLEAR_MASK, _MASK = range(8, 16)


@dataclass(slots=True)
class _Registers:
    """One controller."""

    words: list[int] = field(default_factory=lambda: [0] * 8)  # address and count of each channel, in turn
    high: bool = False
    mask: int = 0x0F
    command: int = 0


class Dma8237:
    """One controller; `stride` is 1 for the first, 2 for the second, whose registers are two ports apart."""

    def __init__(self, name: str, stride: int) -> None:
        self.name = name
        self._shift = stride - 1
        self._registers = _Registers()

    def reset(self) -> None:
        """All channels masked."""
        self._registers = _Registers()

    def port_read(self, offset: int, size: int) -> int:
        registers, index = self._registers, offset >> self._shift
        if index < 8:
            registers.high = not registers.high
            return registers.words[index] & 0xFF if registers.high else registers.words[index] >> 8
        if index == _MASK:
            return 0xF0 | registers.mask
        return 0  # status: no request, nothing finished; the temporary register

    def port_write(self, offset: int, size: int, value: int) -> None:
        registers, index = self._registers, offset >> self._shift
        if index < 8:
            self._write_word(index, value)
        elif index == _COMMAND_STATUS:
            registers.command = value
        elif index == _MASK_BIT:
            bit = 1 << (value & 3)
            registers.mask = registers.mask | bit if value & 4 else registers.mask & ~bit
        elif index == _FLIP_FLOP:
            registers.high = False
        elif index == _MASTER_CLEAR:
            registers.high, registers.mask, registers.command = False, 0x0F, 0
        elif index == _CLEAR_MASK:
            registers.mask = 0
        elif index == _MASK:
            registers.mask = value & 0x0F

    def _write_word(self, index: int, value: int) -> None:
        registers = self._registers
        word = registers.words[index]
        registers.words[index] = word & 0x00FF | value << 8 if registers.high else word & 0xFF00 | value
        registers.high = not registers.high


class DmaPages:
    """Sixteen page registers at 80 to 8F; the first one shows power-on test codes (POST)."""

    name = "dma pages"

    def __init__(self) -> None:
        self._bytes = bytearray(16)

    def reset(self) -> None:
        self._bytes = bytearray(16)

    @property
    def post_code(self) -> int:
        """The last byte written to port 80."""
        return self._bytes[0]

    def port_read(self, offset: int, size: int) -> int:
        return self._bytes[offset]

    def port_write(self, offset: int, size: int, value: int) -> None:
        self._bytes[offset] = value
