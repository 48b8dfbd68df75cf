# SPDX-License-Identifier: GPL-2.0-or-later
"""An instruction whose bytes must stay hidden, met where it cannot be run alone."""

from patcher.x86.insn import Insn
from vmm.effects.registry import effect
from vmm.errors import Unsupported
from vmm.processor import Processor


@effect("hiding")
def hiding(v: Processor, insn: Insn) -> None:
    """The run loop steps over such an instruction; whoever performs it otherwise must stop."""
    raise Unsupported(f"the instruction {insn.raw.hex(' ')}, whose bytes would end the engine", v.eip)
