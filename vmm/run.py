# SPDX-License-Identifier: GPL-2.0-or-later
"""The loop around the engine: refused accesses, single steps, interrupts, halts, deadlines and limits."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from patcher.x86.exceptions import GuestFault
from vmm import alignment
from vmm.clock import Clock, CountedClock, Timers
from vmm.devices.pic import PicPair
from vmm.engine.unicorn_engine import RUN_INVALID, RUN_OK, RUN_REFUSED, UnicornEngine
from vmm.errors import Unsupported, VmmError
from vmm.exits import Exits
from vmm.fills import Fills
from vmm.inject import TripleFault, inject
from vmm.limits import Limits
from vmm.mmu import MASK, USER
from vmm.report.run_report import ExitReason
from vmm.ticker import Ticker
from vmm.vcpu import TF, Vcpu

SECOND = 1_000_000_000
PATIENCE, MOST_PATIENCE = 0.0001, 0.002  # seconds between two looks whether IF is set
SLICE = 20_000  # instructions between two looks at the clock in a counted run
WAITING_SLICE = 500  # the same while an interrupt waits for the guest to let it in


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a run ended, in one sentence; `value` is what the guest wrote to isa-debug-exit."""

    reason: ExitReason
    message: str
    value: int = 0


class Run:
    """One machine's loop. `texts()` gives what `limits.until` is searched in."""

    def __init__(
        self, engine: UnicornEngine, vcpu: Vcpu, fills: Fills, exits: Exits, pics: PicPair, timers: Timers, clock: Clock
    ) -> None:
        self.engine, self.vcpu, self.fills, self.exits = engine, vcpu, fills, exits
        self.pics, self.timers, self.clock = pics, timers, clock
        self.counted = isinstance(clock, CountedClock)
        self.ending: Ending | None = None
        self.texts: Callable[[], str] = lambda: ""
        self._searched: str | None = None
        self.wakeable: Callable[[], bool] = lambda: True  # can anything still raise an interrupt?
        self.poll: Callable[[], None] = lambda: None  # host input, drawing
        self.halts_natively = False  # hlt is the engine's own: only its end tells
        self.insns = 0
        self.interrupted = False
        self._deadline: float | None = None  # host time at which the limits end the run
        self._last_insn: int | None = None  # value of `insns` at which they do
        self.seconds_engine = self.seconds_asleep = 0.0
        self.ticker = Ticker(engine.stop, self._seconds_left)
        self._guest_tf = False
        self._budget_end = 0  # virtual time at which the budget of the counted run is spent
        self._patience = PATIENCE
        exits.page_at, fills.fail = fills.page_at, exits.fail
        exits.attention = self.attend
        exits.step_alone = self.begin_step
        vcpu.on_aligned_only = self._come_back
        timers.on_earlier = self.ticker.rearm
        if isinstance(clock, CountedClock):
            clock.within = lambda: engine.executed if vcpu.area.running else 0
            timers.on_earlier = self._shorten
        pics.on_change = self._look_again

    # --- called by devices and other threads

    def end(self, ending: Ending) -> None:
        """End the run as soon as the current instruction is done."""
        if self.ending is None:
            self.ending = ending
        self.exits.work = True
        self.engine.stop()

    def interrupt(self) -> None:
        """End the run soon, from any thread or from a signal handler."""
        self.interrupted = True
        self.engine.stop()

    def wake(self) -> None:
        """Something happened outside (any thread)."""
        self.ticker.kick()

    def _seconds_left(self) -> float | None:
        deadline = self.timers.next_deadline()
        return None if deadline is None else (deadline - self.clock.now()) / SECOND

    # --- interrupts

    def attend(self) -> None:
        """Between two guest instructions: deliver an interrupt, or see to it that we are called when it can be."""
        vcpu = self.vcpu
        vcpu.area.clear_irq_inhibit()  # the instruction that came to us was the one held off from interrupts
        if self.ending is not None:
            self.engine.stop()
            return
        if self.pics.pending:
            self._interrupt()
        if vcpu.halted or not self._looked_at():
            self.engine.stop()

    def _interrupt(self) -> None:
        vcpu = self.vcpu
        if not vcpu.interrupt_flag or not self.exits.leave_stub(entry_only=True):
            return
        if self._inhibited():
            if self.exits.on_step is None:
                self.begin_step()
        elif self.exits.on_step is None:
            vcpu.halted = False
            vector = self.pics.acknowledge()
            self.exits.interrupts[vector] += 1
            inject(vcpu, vector, external=True)
            self._patience = PATIENCE

    def _look_again(self) -> None:
        """The guest holds interrupts off, and sets IF without our knowing: look again soon, then less often."""
        self.ticker.soon(self._patience)
        self._patience = min(2 * self._patience, MOST_PATIENCE)

    def _inhibited(self) -> bool:
        vcpu = self.vcpu
        return vcpu.area.irq_inhibited or (vcpu.shadow and vcpu.shadow_eip == vcpu.eip)

    # --- single steps

    def begin_step(self, ppn: int | None = None) -> None:
        """Have the engine run one instruction alone, with the right to write code page `ppn`."""
        vcpu, exits = self.vcpu, self.exits
        try:
            linear = vcpu.eip + vcpu.area.words[vcpu.area.cs_base_word] & MASK
            insn, row = exits.identify(linear, self._bits())
            if row is not None:
                vcpu.area.clear_irq_inhibit()  # this is the instruction that was held off from interrupts
                exits.perform(insn, row)
            elif vcpu.mem.aligned_only:
                alignment.check(vcpu, insn)
        except GuestFault as fault:
            exits.deliver(fault)
            return
        if row is not None:
            return
        self._guest_tf = bool(vcpu.area.control_flags & TF)
        vcpu.area.control_flags |= TF
        self.fills.step_ppn = ppn
        self.fills.code.show_alone(linear, len(insn.raw), USER if vcpu.cpl == 3 else 0)
        exits.on_step = self._end_step

    def _come_back(self) -> None:
        """Alignment is checked from now on: after this exit, and after each instruction."""
        self.exits.work = True

    def _looked_at(self) -> bool:
        """May the engine go on? While alignment is checked only with one instruction, and after a look at it."""
        mem = self.vcpu.mem
        self.exits.work = mem.aligned_only
        if not mem.aligned_only or self._stepping():
            return True
        self.begin_step()
        if self._stepping():
            return True
        self._count_one()
        return not mem.aligned_only

    def _stepping(self) -> bool:
        return self.exits.on_step is not None

    def _count_one(self) -> None:
        """An instruction that the engine did not run takes its time too: else it could go on for ever in none."""
        self.insns += 1
        if self.counted:
            self.clock.skip(1)

    def _bits(self) -> int:
        return 32 if self.vcpu.area.code32 else 16

    def _end_step(self) -> bool:
        """The stepped instruction is done, or came to us in another way; does the guest step, too?"""
        self.exits.on_step = None
        self.fills.code.hide_again()
        if not self._guest_tf:
            self.vcpu.area.control_flags &= ~TF
        ppn, self.fills.step_ppn = self.fills.step_ppn, None
        if ppn is not None:
            self.fills.code.drop(ppn)
        return self._guest_tf

    # --- the loop

    def begin(self, limits: Limits) -> None:
        """The limits hold from here on, over all that `run` is called for until the next `begin`."""
        self._searched = None
        self.interrupted = False
        self._deadline = None if limits.timeout is None else time.monotonic() + limits.timeout
        self._last_insn = None if limits.max_insns is None else self.insns + limits.max_insns

    def run(self, limits: Limits) -> Ending:
        """Run until the guest, a limit or a verdict ends it. KeyboardInterrupt passes through."""
        self.ending, self.exits.work = None, False
        if not self.counted:
            self.ticker.start()
        try:
            while self.ending is None:
                self._turn(limits)
        except TripleFault as fault:
            self.end(Ending(ExitReason.TRIPLE_FAULT, str(fault)))  # unless the guest had ended just before
        except Unsupported as verdict:
            self.ending = Ending(ExitReason.UNSUPPORTED, str(verdict))
        except VmmError as error:
            self.ending = Ending(ExitReason.INTERNAL, str(error))
        finally:
            self.ticker.close()
        assert self.ending is not None
        return self.ending

    def _turn(self, limits: Limits) -> None:
        """See to what is due, then run the engine or rest."""
        self._service(limits)
        if self.ending is None and not (self.vcpu.halted and self._rest()):
            self._enter()

    def _service(self, limits: Limits) -> None:
        """What is due between two runs of the engine."""
        self.ticker.acknowledge()
        self.poll()
        self.timers.run_due()
        if self.pics.pending:
            try:
                self._interrupt()
            except GuestFault as fault:
                self.exits.deliver(fault)
            if self.pics.pending:
                self._look_again()
        if self.interrupted:
            self.end(Ending(ExitReason.INTERRUPTED, "The run was interrupted."))
        if self._deadline is not None and time.monotonic() >= self._deadline:
            self.end(Ending(ExitReason.TIMEOUT, f"The time limit of {limits.timeout:g} s is over."))
        if self._last_insn is not None and self.insns >= self._last_insn:
            self.end(Ending(ExitReason.INSN_LIMIT, f"The limit of {limits.max_insns} instructions is reached."))
        if limits.until is not None and self._has_appeared(limits):
            self.end(Ending(ExitReason.MATCHED, f"The text {limits.until.pattern!r} has appeared."))

    def _has_appeared(self, limits: Limits) -> bool:
        """Is the text there that `limits` wait for? The same texts are searched once."""
        texts = self.texts()
        if texts == self._searched:
            return False
        self._searched = texts
        return limits.matches(texts)

    def _rest(self) -> bool:
        """A halted processor waits for an interrupt. False when it is no longer halted."""
        vcpu = self.vcpu
        if not vcpu.halted:
            return False
        if not vcpu.interrupt_flag:
            self._end_halted("with interrupts off {}")
        elif self.timers.next_deadline() is None and not self.wakeable():
            self._end_halted("{} and nothing can wake it")
        elif self.counted:
            self._skip()
        else:
            before = time.perf_counter()
            self.ticker.wait(self._seconds_left())
            self.seconds_asleep += time.perf_counter() - before
        return True

    def _end_halted(self, how: str) -> None:
        where = f"at guest address {self.vcpu.eip:#010x}"
        self.end(Ending(ExitReason.HALTED, f"The guest halted {how.format(where)}."))

    def _skip(self) -> None:
        """Counted time passes at once while the processor is halted."""
        left = self.timers.next_deadline()
        self.clock.skip(SECOND // 1000 if left is None else max(0, left - self.clock.now()))

    def _enter(self) -> None:
        """One run of the engine and what it left for us."""
        exits = self.exits
        if self.ticker.due or not self._looked_at():
            return
        before = time.perf_counter()
        budget = self._budget()
        status = self.engine.run(budget)
        self.seconds_engine += time.perf_counter() - before
        if exits.failure is not None:
            failure, exits.failure = exits.failure, None
            raise failure
        if budget:
            self._count()
        if self.fills.code.lost:
            self._start_over()
        if status == RUN_OK:
            if self.halts_natively and self.engine.halted:
                self.vcpu.halted = True
            return
        if status not in (RUN_REFUSED, RUN_INVALID):
            raise VmmError(f"The engine stopped with status {status} at guest address {self.vcpu.eip:#010x}.")
        if exits.on_step is not None:
            exits.on_step()
        self._refusal()

    def _budget(self) -> int:
        """How many instructions the engine may run; 0: any number, uncounted."""
        if not self.counted and self._last_insn is None:
            return 0
        budget = SLICE
        deadline = self.timers.next_deadline() if self.counted else None
        if deadline is not None:
            budget = min(budget, deadline - self.clock.now())
        if self._last_insn is not None:
            budget = min(budget, self._last_insn - self.insns)
        if self.counted and self.pics.pending:
            budget = min(budget, WAITING_SLICE)
        budget = max(1, budget)
        self._budget_end = self.clock.now() + budget
        return budget

    def _shorten(self, deadline: int) -> None:
        """A deadline has come up within the counted run that is going on: end that run before its budget."""
        if self.vcpu.area.running and deadline < self._budget_end:
            self.engine.stop()

    def _count(self) -> None:
        executed = self.engine.executed
        self.insns += executed
        if self.counted:
            self.clock.skip(executed)

    def _refusal(self) -> None:
        """The engine was refused an access: a page fault of the guest's, or a write that needs care."""
        fills = self.fills
        if fills.again:
            fills.again = False
            return
        fault, fills.refused = fills.refused, None
        ppn, fills.code_write = fills.code_write, None
        if not self.exits.leave_stub():
            raise VmmError(f"An access was refused half way through a stub at guest address {self.vcpu.eip:#010x}.")
        if fills.stub_lost:
            fills.stub_lost = False
            fills.stubs.reset()
        elif fills.out_of_frames:
            fills.out_of_frames = False
            self._start_over()
        elif ppn is not None:
            fills.code.drop(ppn)
            self.begin_step(ppn)
        elif fault is None:
            where = f"at guest address {self.vcpu.eip:#010x}"
            raise VmmError(f"The engine was refused an access {where} that nobody refused.")
        elif self._before_crossing(fault):
            self.begin_step()
        else:
            self.exits.reasons["page fault"] += 1
            self.exits.deliver(GuestFault(fault.vector, fault.error_code, self.engine.fault_address))

    def _start_over(self) -> None:
        """Throw away all translations and code pages."""
        self.engine.flush_blocks()
        self.fills.stubs.clear()
        self.fills.code.recycle()

    def _before_crossing(self, fault: GuestFault) -> bool:
        """A fetch fault on the page after the block's: instructions before the one that crosses must still run."""
        vcpu = self.vcpu
        linear = vcpu.eip + vcpu.area.words[vcpu.area.cs_base_word] & MASK
        address = self.engine.fault_address
        if not self.fills.fetching or address >> 12 == linear >> 12:
            return False
        try:
            insn, _row = self.exits.identify(linear, self._bits())
        except GuestFault:
            return False  # it is this instruction that goes on there
        return linear + len(insn.raw) <= address & ~0xFFF
