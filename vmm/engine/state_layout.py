# SPDX-License-Identifier: GPL-2.0-or-later
"""Where each field of the engine's processor state lies, and which hidden flag bits decide how code is translated.

Offsets are in bytes from the start of the engine's processor image. They are learned at start-up (`learn.py`):
known values are written through the engine's interface and looked for in the image, so that a new engine release
that moves a field is noticed rather than misread.
"""

from dataclasses import dataclass

from vmm.engine.float_area import FloatLayout

# Bits of `hflags`, the summary that the engine keeps of its mode (they are part of a translated block's key).
HF_CPL = 0x3
HF_INHIBIT_IRQ = 1 << 3
HF_CS32 = 1 << 4
HF_SS32 = 1 << 5
HF_ADDSEG = 1 << 6
HF_PE = 1 << 7
HF_MP = 1 << 9
HF_EM = 1 << 10
HF_TS = 1 << 11
HF_OSFXSR = 1 << 22

CC_OP_EFLAGS = 1  # the engine's marker for "the arithmetic flags are in cc_src as they stand"
SEGMENT_BYTES = 24  # selector 4, padding 4, base 8, limit 4, flags 4


@dataclass(frozen=True, slots=True)
class StateLayout:
    """Byte offsets of the fields that the monitor reads and writes."""

    regs: int  # eight general registers, 8 bytes apart
    eip: int
    eflags: int  # without the arithmetic flags and DF
    cc_dst: int
    cc_src: int
    cc_op: int
    df: int  # +1 or -1
    hflags: int
    segments: int  # ES CS SS DS FS GS LDTR TR GDTR IDTR, SEGMENT_BYTES each
    cr: int  # cr0..cr4, 8 bytes apart
    old_exception: int  # the exception in flight, -1 when none
    error_code: int
    floats: FloatLayout
    size: int  # bytes of the image that these offsets span
