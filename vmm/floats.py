# SPDX-License-Identifier: GPL-2.0-or-later
"""Floating-point exceptions: while any is unmasked, every x87, MMX and SSE instruction runs alone and is looked at.

The engine never raises #XM, and #MF at fwait only. So while the guest unmasks an exception the engine's CR0.TS is set
although the guest's is not: each such instruction then comes here as #NM. A waiting x87 error is raised first;
otherwise the instruction is stepped with TS clear, and what it raised is judged (`x87_step.py`, `sse_step.py`).
"""

from collections.abc import Callable

from patcher.x86.exceptions import GuestFault
from patcher.x86.insn import Insn
from patcher.x86.sse import uses_mmx
from patcher.x86.x87 import is_x87
from patcher.x86.x87 import waits as looks_first
from vmm.effects.float_control import CR0_EM, CR0_TS, waits
from vmm.exits import Exits
from vmm.mmu import MASK
from vmm.sse_step import SseStep
from vmm.vcpu import Vcpu
from vmm.x87_step import X87Step


class Floats:
    """What #NM means while exceptions are unmasked."""

    def __init__(self, vcpu: Vcpu, exits: Exits) -> None:
        self.vcpu, self.exits = vcpu, exits

    def take(self) -> bool:
        """A #NM at EIP: False when it is the guest's own. Raises GuestFault.

        A step that is under way (alignment, a store to the page it runs on) is gone on with.
        """
        vcpu, exits = self.vcpu, self.exits
        if vcpu.cr0 & (CR0_EM | CR0_TS):
            return False
        try:
            insn = self._insn()
            stays = self._looks_first(insn) and waits(vcpu)
        except GuestFault:
            self._end_step()
            raise
        if stays:
            self._end_step()
            return True
        step = (X87Step if is_x87(insn) else SseStep)(vcpu, insn)
        vcpu.area.set_fpu_mode(vcpu.cr0, vcpu.cr4)
        if exits.on_step is None:
            exits.step_alone()
        if exits.on_step is None:  # done without the engine, or a fault was delivered
            vcpu.floats_changed()
        else:
            exits.on_step = self._then(exits.on_step, step)
        return True

    def _insn(self) -> Insn:
        vcpu = self.vcpu
        linear = vcpu.eip + vcpu.area.words[vcpu.area.cs_base_word] & MASK
        return self.exits.identify(linear, 32 if vcpu.area.code32 else 16)[0]

    @staticmethod
    def _looks_first(insn: Insn) -> bool:
        return looks_first(insn) if is_x87(insn) else uses_mmx(insn)

    def _end_step(self) -> None:
        if self.exits.on_step is not None:
            self.exits.on_step()

    def _then(self, end_step: Callable[[], bool], step: X87Step | SseStep) -> Callable[[], bool]:
        vcpu = self.vcpu

        def done() -> bool:
            guest_steps = end_step()
            try:
                if vcpu.eip != step.eip:  # else it has not run, and will be tried again
                    step.judge()
            finally:
                vcpu.floats_changed()
            return guest_steps

        return done
