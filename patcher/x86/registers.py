# SPDX-License-Identifier: GPL-2.0-or-later
"""Names of registers by number, and of control-register bits (SDM vol. 1, section 3.4; vol. 3A, 2.5)."""

from typing import Final

EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI = range(8)

GENERAL_32: Final = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")
GENERAL_16: Final = ("ax", "cx", "dx", "bx", "sp", "bp", "si", "di")
GENERAL_8: Final = ("al", "cl", "dl", "bl", "ah", "ch", "dh", "bh")
SEGMENTS: Final = ("es", "cs", "ss", "ds", "fs", "gs")

CR0_BITS: Final = {
    "PE": 1 << 0,  # protected mode
    "MP": 1 << 1,  # wait looks at TS
    "EM": 1 << 2,  # no coprocessor
    "TS": 1 << 3,  # task switched
    "ET": 1 << 4,  # always 1
    "NE": 1 << 5,  # coprocessor errors by #MF
    "WP": 1 << 16,  # supervisor writes look at page rights
    "AM": 1 << 18,  # alignment checks
    "NW": 1 << 29,
    "CD": 1 << 30,
    "PG": 1 << 31,  # paging
}

CR4_BITS: Final = {
    "VME": 1 << 0, "PVI": 1 << 1, "TSD": 1 << 2, "DE": 1 << 3, "PSE": 1 << 4, "PAE": 1 << 5, "MCE": 1 << 6,
    "PGE": 1 << 7, "PCE": 1 << 8, "OSFXSR": 1 << 9, "OSXMMEXCPT": 1 << 10, "UMIP": 1 << 11,
    "FSGSBASE": 1 << 16, "PCIDE": 1 << 17, "OSXSAVE": 1 << 18, "SMEP": 1 << 20, "SMAP": 1 << 21,
}  # fmt: skip


def set_bits(value: int, bits: dict[str, int]) -> list[str]:
    """The names of the bits that are set, lowest first."""
    return [name for name, bit in bits.items() if value & bit]
