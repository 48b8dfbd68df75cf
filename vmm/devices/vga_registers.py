# SPDX-License-Identifier: GPL-2.0-or-later
"""The registers of a VGA: all are stored and read back, so that probes find one.

IBM VGA XGA technical reference. Status register 1 goes through retrace with every read, as in QEMU, so that
no guest waits for a picture that is never scanned.
"""

from collections.abc import Callable

from vmm.devices import vga_firmware as firmware

BLANK = 0xFF
_OVERFLOW, _PROTECT = 0x07, 0x11
_PROTECTED = 0x80
_RETRACE, _NOT_DISPLAYING = 0x08, 0x01
_COLOUR = 0x01  # miscellaneous output: registers at 3Dx instead of 3Bx


class VgaRegisters:
    """Offsets count from port 3B0 to 3DF."""

    name = "vga"

    def __init__(self) -> None:
        self._readers: dict[int, Callable[[], int]] = {
            0x10: lambda: self._attribute_index, 0x11: self._read_attribute, 0x12: lambda: 0,
            0x13: lambda: self._enabled, 0x14: lambda: self._sequencer_index,
            0x15: lambda: self._indexed(self._sequencer, self._sequencer_index),
            0x16: lambda: self._dac_mask, 0x17: lambda: self._dac_state, 0x18: lambda: self._dac_write // 3,
            0x19: self._read_dac, 0x1A: lambda: self._feature, 0x1C: lambda: self._misc,
            0x1E: lambda: self._graphics_index,
            0x1F: lambda: self._indexed(self.graphics, self._graphics_index),
            0x24: lambda: self._crtc_index, 0x25: lambda: self._indexed(self.crtc, self._crtc_index),
            0x2A: self._read_status,
        }  # fmt: skip
        self._writers: dict[int, Callable[[int], None]] = {
            0x10: self._write_attribute, 0x12: self._write_misc, 0x13: self._write_enable,
            0x14: self._write_sequencer_index, 0x15: self._write_sequencer, 0x16: self._write_dac_mask,
            0x17: self._write_dac_read_index, 0x18: self._write_dac_index, 0x19: self._write_dac,
            0x1E: self._write_graphics_index, 0x1F: self._write_graphics,
            0x24: self._write_crtc_index, 0x25: self._write_crtc, 0x2A: self._write_feature,
        }  # fmt: skip
        self.reset()

    def reset(self) -> None:
        """Mode 3 as the BIOS sets it; what is in memory stays."""
        self.crtc = bytearray(firmware.CRTC)
        self._sequencer = bytearray(firmware.SEQUENCER)
        self.graphics = bytearray(firmware.GRAPHICS)
        self.attribute = bytearray(firmware.ATTRIBUTE)
        self._dac = firmware.palette()
        self._misc = firmware.MISC_OUTPUT
        self._crtc_index = self._sequencer_index = self._graphics_index = 0
        self._attribute_index = 0x20  # with the bit that lets the palette drive the screen
        self._attribute_data = False
        self._dac_mask, self._dac_state = 0xFF, 0
        self._dac_read = self._dac_write = 0  # byte positions in the palette
        self._dac_latch = bytearray()
        self._feature = self._status = 0
        self._enabled = 1

    def _register(self, offset: int) -> int | None:
        """Offset, monochrome ports folded on the colour ones; None when the address is not decoded."""
        if 0x10 <= offset < 0x20:
            return offset
        is_colour = offset >= 0x20
        if is_colour != bool(self._misc & _COLOUR):
            return None
        return offset if is_colour else offset + 0x20

    def port_read(self, offset: int, size: int) -> int:
        register = self._register(offset)
        reader = None if register is None else self._readers.get(register)
        return BLANK if reader is None else reader()

    def port_write(self, offset: int, size: int, value: int) -> None:
        register = self._register(offset)
        writer = None if register is None else self._writers.get(register)
        if writer is not None:
            writer(value)

    @staticmethod
    def _indexed(registers: bytearray, index: int) -> int:
        return registers[index] if index < len(registers) else BLANK

    @staticmethod
    def _store(registers: bytearray, index: int, value: int) -> None:
        if index < len(registers):
            registers[index] = value

    def _read_status(self) -> int:
        """Input status 1: retrace comes and goes with every read; attribute writes begin with an index."""
        self._attribute_data = False
        self._status ^= _RETRACE | _NOT_DISPLAYING
        return self._status

    def _read_attribute(self) -> int:
        return self._indexed(self.attribute, self._attribute_index & 0x1F)

    def _write_attribute(self, value: int) -> None:
        if self._attribute_data:
            self._store(self.attribute, self._attribute_index & 0x1F, value)
        else:
            self._attribute_index = value & 0x3F
        self._attribute_data = not self._attribute_data

    def _write_crtc(self, value: int) -> None:
        """Registers 0 to 7 can be write-protected, but for line compare's bit 8 in register 7."""
        index = self._crtc_index
        if index <= _OVERFLOW and self.crtc[_PROTECT] & _PROTECTED:
            if index == _OVERFLOW:
                self.crtc[index] = self.crtc[index] & ~0x10 | value & 0x10
            return
        self._store(self.crtc, index, value)

    def _read_dac(self) -> int:
        value = self._dac[self._dac_read]
        self._dac_read = (self._dac_read + 1) % len(self._dac)
        return value

    def _write_dac(self, value: int) -> None:
        """A colour is taken when its third component was written."""
        self._dac_latch.append(value & 0x3F)
        if len(self._dac_latch) == 3:
            self._dac[self._dac_write : self._dac_write + 3] = self._dac_latch
            self._dac_write = (self._dac_write + 3) % len(self._dac)
            self._dac_latch.clear()

    def _write_dac_read_index(self, value: int) -> None:
        self._dac_read, self._dac_state = 3 * value, 3

    def _write_dac_index(self, value: int) -> None:
        self._dac_write, self._dac_state = 3 * value, 0
        self._dac_latch.clear()

    def _write_misc(self, value: int) -> None:
        self._misc = value

    def _write_enable(self, value: int) -> None:
        self._enabled = value & 1

    def _write_feature(self, value: int) -> None:
        self._feature = value

    def _write_dac_mask(self, value: int) -> None:
        self._dac_mask = value

    def _write_crtc_index(self, value: int) -> None:
        self._crtc_index = value

    def _write_sequencer_index(self, value: int) -> None:
        self._sequencer_index = value & 0x07

    def _write_sequencer(self, value: int) -> None:
        self._store(self._sequencer, self._sequencer_index, value)

    def _write_graphics_index(self, value: int) -> None:
        self._graphics_index = value & 0x0F

    def _write_graphics(self, value: int) -> None:
        self._store(self.graphics, self._graphics_index, value)
