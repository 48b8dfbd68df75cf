# SPDX-License-Identifier: GPL-2.0-or-later
"""Bytes that are no instruction, or none that can be run where it stands."""

from patcher.x86.exceptions import GP, GuestFault
from patcher.x86.insn import Insn
from vmm.effects.registry import effect
from vmm.errors import Unsupported
from vmm.processor import Processor


@effect("too long")
def too_long(v: Processor, insn: Insn) -> None:
    """More than 15 bytes (SDM vol. 3A, section 6.15, interrupt 13)."""
    raise GuestFault(GP, 0)


@effect("hiding")
def hiding(v: Processor, insn: Insn) -> None:
    """The run loop steps over such an instruction; whoever performs it otherwise must stop."""
    raise Unsupported(f"the instruction {insn.raw.hex(' ')}, whose bytes would end the engine", v.eip)
