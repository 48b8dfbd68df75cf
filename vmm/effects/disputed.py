# SPDX-License-Identifier: GPL-2.0-or-later
"""The verdict on an instruction that the engine decodes otherwise than the processor does."""

from patcher.x86.insn import Insn
from vmm.effects.registry import effect
from vmm.errors import Unsupported
from vmm.processor import Processor


@effect("disputed")
def disputed(v: Processor, insn: Insn) -> None:
    """Running it would run something else: stop and name its bytes."""
    raise Unsupported(f"the instruction {insn.raw.hex(' ')}, which the engine decodes differently", v.eip)
