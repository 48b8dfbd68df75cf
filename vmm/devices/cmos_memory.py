# SPDX-License-Identifier: GPL-2.0-or-later
"""What firmware writes into CMOS memory about the machine, as a PC/AT BIOS and QEMU do.

IBM PC/AT technical reference, "Real-Time Clock/CMOS RAM Information"; the extended sizes follow AMI and
SeaBIOS. Sizes are in KiB unless said otherwise; they saturate where the field ends.
"""

BASE_KIB = 640
EQUIPMENT_FPU = 0x02
_KIB, _MIB = 1 << 10, 1 << 20
_CHECKSUMMED = range(0x10, 0x2E)


def _word(nvram: dict[int, int], index: int, value: int) -> None:
    value = min(max(value, 0), 0xFFFF)
    nvram[index], nvram[index + 1] = value & 0xFF, value >> 8


def firmware_bytes(memory: int) -> dict[int, int]:
    """CMOS bytes of a machine with `memory` bytes of RAM: no floppy, no hard disk, VGA, a coprocessor."""
    nvram = {0x0F: 0, 0x10: 0, 0x12: 0, 0x14: EQUIPMENT_FPU}
    _word(nvram, 0x15, BASE_KIB)
    for index in (0x17, 0x30):
        _word(nvram, index, (memory - _MIB) // _KIB)
    _word(nvram, 0x34, (memory - 16 * _MIB) // (64 * _KIB))  # 64 KiB units above 16 MiB
    nvram |= {0x5B: 0, 0x5C: 0, 0x5D: 0}  # 64 KiB units above 4 GiB
    nvram |= {0x38: 0, 0x3D: 0, 0x5F: 0}  # boot order; processors beside the first
    checksum = sum(nvram.get(index, 0) for index in _CHECKSUMMED)
    nvram[0x2E], nvram[0x2F] = checksum >> 8 & 0xFF, checksum & 0xFF
    return nvram
