# SPDX-License-Identifier: GPL-2.0-or-later
"""From an exit of the engine to the effect on the virtual processor, inside the engine's callback.

The hot path is `interrupt` with vector 3: find the code page by linear address, find the action by offset, perform it.
An action is resolved once per site: the effect's function, the decoded instruction, the row, and a counter.
"""

from collections import Counter, deque
from collections.abc import Callable

from patcher.catalogue import SensitiveInsn, classify
from patcher.catalogue.invalid import DISPUTED, HIDING, TOO_LONG, UNDECODABLE
from patcher.check import Verdict
from patcher.patch import PatchState
from patcher.scan import CROSSING, UNKNOWN
from patcher.tactic import Closing
from patcher.x86.decode import MAX_LENGTH, Truncated, decode, too_long
from patcher.x86.exceptions import BP, DB, GP, NM, UD, WITH_ERROR_CODE, GuestFault
from patcher.x86.insn import Insn
from vmm.action import Action
from vmm.code_pages import PAGE, CodePage, CodePages, Fetched
from vmm.devices.pic import PicPair
from vmm.effects import EFFECTS
from vmm.engine.unicorn_engine import UnicornEngine
from vmm.errors import Unsupported, VmmError
from vmm.inject import inject
from vmm.mmu import MASK, USER
from vmm.processor import Processor
from vmm.stubs import HOT, Stubs
from vmm.vcpu import IF, TF, Vcpu

DR6_BS = 0x4000
RECENT = 16  # exceptions that the crash report shows
MOST_ACTIONS = 1 << 16
MOST_VETOES = 16  # of one block in a row
_STILL_TRAPPING = frozenset({"cli", "sti"})
_HOLDS_TRAPS = frozenset({"mov sreg,r/m", "pop sreg"})
"""With SS, these hold the single-step trap back until the next instruction has run (SDM vol. 3A, 6.8.3)."""
_CLEARS_TRAPS = frozenset({"int n", "int3", "into", "int1"})
"""Taken, these clear TF and are not trapped after (SDM vol. 3B, 18.3.1.4)."""


class Unsettled(VmmError):
    """A block that patching cannot make safe to run, or a trap that belongs to no instruction."""


class Exits:
    """The engine's callbacks. `attention()` is called after an exit when `pending()` says that something waits."""

    def __init__(
        self, engine: UnicornEngine, vcpu: Vcpu, code: CodePages, pics: PicPair, stubs: Stubs | None = None
    ) -> None:
        self.pics, self.stubs = pics, stubs
        self.engine = engine
        self.vcpu = vcpu
        self.code = code
        self.words = vcpu.area.words
        self.eip_word, self.cs_base_word = vcpu.area.eip_word, vcpu.area.cs_base_word
        self.flags_word = vcpu.area.layout.eflags // 4
        self.failure: BaseException | None = None
        self.page_at: Callable[[int], CodePage | None] = lambda linear: None
        self.work = False  # something besides an interrupt or a halt waits for the run loop
        self.attention: Callable[[], None] = lambda: None
        self.step_alone: Callable[[], None] = lambda: None
        self.not_available: Callable[[], bool] = lambda: False  # #NM: True when it was not the guest's own
        self.on_step: Callable[[], bool] | None = None  # set while one instruction is being stepped
        self.reasons: Counter[str] = Counter()
        self.faults: Counter[int] = Counter()
        self.recent: deque[tuple[int, GuestFault]] = deque(maxlen=RECENT)  # the last exceptions, with their EIP
        self.interrupts: Counter[int] = Counter()
        self.addresses: Counter[int] | None = None
        self.actions: list[Action] = []
        self._forgotten: Counter[str] = Counter()  # exits by instruction of actions that are no longer kept
        self._vetoed, self._vetoes = (0, 0), 0

    def callback(self) -> Callable[[int, int, int], None]:
        """The engine's interrupt callback: `interrupt`, with the way of a resolved trap laid straight."""
        vcpu, words, fetched, mem = self.vcpu, self.words, self.code.fetched, self.vcpu.mem
        eip_word, cs_base_word, flags_word = self.eip_word, self.cs_base_word, self.flags_word
        pics, interrupt, deliver_and_attend, fail = self.pics, self.interrupt, self._deliver_and_attend, self.fail

        def callback(_handle: int, vector: int, _data: int) -> None:
            try:
                eip = words[eip_word] - 1 & MASK
                linear = eip + words[cs_base_word] & MASK
                page = fetched.get(linear >> 12 | USER if mem.user else linear >> 12)
                action = page.actions.get(linear & 0xFFF) if page is not None and vector == BP else None
                if action is None or words[flags_word] & TF:  # TF: the guest steps, or the monitor does
                    interrupt(vector)
                    return
                words[eip_word] = eip
                vcpu.shadow = False
                count = action.count = action.count + 1
                action.effect(vcpu, action.insn)
                if vcpu.shadow:
                    vcpu.shadow_eip = words[eip_word]
                if not count & 31 and count in HOT:
                    self.promote(page, linear, action)
                if (pics.pending and words[flags_word] & IF) or vcpu.halted or self.work:
                    self.attention()
            except GuestFault as fault:
                deliver_and_attend(fault)
            except BaseException as error:
                fail(error)

        return callback

    def promote(self, page: Fetched | None, linear: int, action: Action) -> None:
        """A site that traps often gets a stub, where one can do its work."""
        if self.stubs is not None and isinstance(page, CodePage) and page.view.closing is Closing.KERNEL:
            resume = self.stubs.promote(page, linear, action.insn, self._slow_action)
            if resume is not None:
                self.words[self.eip_word] = resume - self.words[self.cs_base_word] & MASK

    def _slow_action(self, insn: Insn, linear: int) -> Action:
        """What the trap in a stub does for the instruction at `linear`: EIP goes back to it, then its effect."""
        row = classify(insn)
        assert row is not None
        effect, eip = EFFECTS[row.effect], linear - self.words[self.cs_base_word] & MASK

        def slow(v: Processor, insn: Insn) -> None:
            v.eip = eip
            effect(v, insn)

        action = Action(slow, insn, row)
        self._remember(action)
        return action

    def interrupt(self, vector: int) -> None:
        """An exception, or a trap of ours, with EIP at the instruction (faults) or after it (int3, int n)."""
        vcpu, words = self.vcpu, self.words
        tf = words[self.flags_word] & TF
        try:
            vcpu.shadow = False
            if vector == BP:
                eip = words[self.eip_word] - 1 & MASK
                linear = eip + words[self.cs_base_word] & MASK
                page = self.code.executed(linear >> 12 | (USER if vcpu.cpl == 3 else 0)) or self._page_again(linear)
                action = page.actions.get(linear & 0xFFF) or self._resolve(page, linear)
                if action is None:
                    self.deliver(GuestFault(BP))  # the guest's own int3
                else:
                    words[self.eip_word] = eip
                    action.count += 1
                    if self.on_step is not None:
                        self.on_step()
                    action.effect(vcpu, action.insn)
                    if self.on_step is None:
                        self._completed(action.row, tf)
            else:
                self._exception(vector)
            if self.pics.pending or vcpu.halted or self.work:
                self.attention()
        except GuestFault as fault:
            self._deliver_and_attend(fault)
        except BaseException as error:
            self.fail(error)

    def perform(self, insn: Insn, row: SensitiveInsn) -> None:
        """The effect of the instruction at EIP, met otherwise than at its trap. Raises GuestFault."""
        tf = self.words[self.flags_word] & TF
        self.vcpu.shadow = False
        EFFECTS[row.effect](self.vcpu, insn)
        self._completed(row, tf)

    def _completed(self, row: SensitiveInsn, tf: int) -> None:
        """After an instruction that began with `tf`: note what it holds off, or trap."""
        if self.vcpu.shadow:
            self.vcpu.shadow_eip = self.words[self.eip_word]
        if not tf or (self.vcpu.shadow and row.effect in _HOLDS_TRAPS):
            return
        if row.effect not in _CLEARS_TRAPS or self.words[self.flags_word] & TF:
            self._after_single_step()

    def _remember(self, action: Action) -> None:
        """Keep `action` for the statistics. A guest that writes its code anew all the time makes any number of them."""
        if len(self.actions) >= MOST_ACTIONS:
            for page in self.code.pages.values():
                page.actions.clear()  # they are resolved again
            pages = self.stubs.pages.values() if self.stubs is not None else ()
            kept = {id(action): action for page in pages for action in page.actions.values()}
            for old in self.actions:
                if id(old) not in kept:
                    self._forgotten[old.row.name] += old.count
            self.actions = list(kept.values())
        self.actions.append(action)

    def by_insn(self) -> Counter[str]:
        """Exits so far, by the name of the sensitive instruction."""
        counts = Counter(self._forgotten)
        for action in self.actions:
            counts[action.row.name] += action.count
        return counts

    def _deliver_and_attend(self, fault: GuestFault) -> None:
        try:
            self.deliver(fault)
            if self.pics.pending or self.vcpu.halted or self.work:
                self.attention()
        except BaseException as error:
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """Keep an exception for the run loop: it must not go through the engine."""
        self.failure = error
        self.engine.stop()

    def _page_again(self, linear: int) -> CodePage:
        """The page of a block that was being executed when all fetches were forgotten."""
        page = self.page_at(linear)
        if page is None:
            raise VmmError(f"a trap at linear {linear:#010x} lies in no code page")
        return page

    def _resolve(self, page: Fetched, linear: int) -> Action | None:
        """The action at a trap: None when the int3 is the guest's own."""
        offset = linear & 0xFFF
        if not isinstance(page, CodePage):
            raise Unsupported("code at an address where nothing is mapped", linear)
        patch = page.scan.patches.get(offset)
        if patch is None and page.scan.original[offset] == 0xCC:
            return None
        words, eip_word = self.words, self.eip_word
        words[eip_word] = linear - words[self.cs_base_word] & MASK  # for a fault of the page where it goes on
        insn, row = self.identify(linear, page.view.bits)
        if patch is not None and patch.row is DISPUTED:
            row = DISPUTED
        if patch is not None and patch.row is HIDING:
            return Action(self._alone, insn, HIDING)
        if row is None or not self._is_shown(page, linear):
            return Action(self._look_again, insn, UNDECODABLE)
        action = Action(EFFECTS[row.effect], insn, row)
        if offset + len(insn.raw) <= PAGE:  # else what follows depends on how the next page is mapped
            page.actions[offset] = action
        self._remember(action)
        return action

    def _is_shown(self, page: CodePage, linear: int) -> bool:
        """Is `page` what is mapped there? The guest may have mapped another one, and not flushed yet."""
        here = page.scan.original[linear & 0xFFF :][:MAX_LENGTH]
        return self.vcpu.mem.fetch_bytes(linear, len(here)) == here

    def _alone(self, _v: Processor, _insn: Insn) -> None:
        """Bytes of the instruction must stay hidden from all other decodings: the engine runs it by itself."""
        self._retranslate()
        self.step_alone()

    def _look_again(self, _v: Processor, _insn: Insn) -> None:
        """This page or the next is mapped otherwise than it was: the trap belongs to no instruction now."""
        linear = self._retranslate()
        page = self.code.executed(linear >> 12 | (USER if self.vcpu.cpl == 3 else 0))
        if isinstance(page, CodePage) and page.scan.lengths[linear & 0xFFF] in (UNKNOWN, CROSSING):  # else it must stay
            patch = page.scan.patches.get(linear & 0xFFF)
            if patch is not None and patch.state is PatchState.ENABLED:
                page.scan.take_back(patch.site, "the instruction goes on otherwise on the next page")
        self.code.forget()

    def _retranslate(self) -> int:
        """Have the engine look at EIP anew; the linear address of it."""
        linear = self.vcpu.eip + self.words[self.cs_base_word] & MASK
        self.engine.remove_blocks(linear, linear + 1)
        return linear

    def identify(self, linear: int, bits: int) -> tuple[Insn, SensitiveInsn | None]:
        """The instruction at `linear` in guest memory and its row; the row `UNDECODABLE` when there is none.

        The page after it is only looked at when the instruction goes on there. Raises that page's GuestFault.
        """
        code = self.vcpu.mem.fetch_bytes(linear, min(MAX_LENGTH, PAGE - (linear & 0xFFF)))
        try:
            try:
                insn = decode(code, 0, bits)
            except Truncated:
                insn = decode(code + self.vcpu.mem.fetch_bytes(linear + len(code), MAX_LENGTH - len(code)), 0, bits)
        except Truncated:
            insn = None
        if insn is None:
            row = TOO_LONG if too_long(code, bits) else UNDECODABLE
            return Insn(code[:1], bits, 0, code[0] if code else 0), row
        return insn, classify(insn)

    # --- exceptions

    def _exception(self, vector: int) -> None:
        """A fault of the guest's own, a step that is done, or cli and sti that must come to us."""
        vcpu = self.vcpu
        self.reasons[f"vector {vector}"] += 1
        entered = self._at_stub_entry()
        self.leave_stub()
        error = vcpu.area.land_exception()
        if vector == DB:
            if entered:
                self._step_over_stub()
            else:
                self._single_step()
            return
        if vector == NM and self.not_available():
            return
        if self.on_step is not None:
            self.on_step()
        if vector == GP and self._emulate_flag_instruction():
            return
        self.deliver(GuestFault(vector, error if vector in WITH_ERROR_CODE else None))

    def _step_over_stub(self) -> None:
        """The step was our jump: do what the guest's instruction would have done."""
        if self.on_step is not None:
            self.on_step()
        insn, row = self.identify(self.vcpu.eip + self.words[self.cs_base_word] & MASK, 32)
        assert row is not None
        self.perform(insn, row)

    def _at_stub_entry(self) -> bool:
        linear = self.words[self.eip_word] + self.words[self.cs_base_word] & MASK
        return self.stubs is not None and linear in self.stubs.entries

    def leave_stub(self, entry_only: bool = False) -> bool:
        """Let EIP name the guest's own instruction when it stands in a stub; False when that one is half done.

        With `entry_only`, False also behind a stub's start: coming back to a covered neighbour takes the stub back.
        """
        if self.stubs is None or not self.stubs.pages:
            return True
        base = self.words[self.cs_base_word]
        linear = self.words[self.eip_word] + base & MASK
        if linear >> 12 not in self.stubs.pages:
            return True
        origin = self.stubs.origins.get(linear)
        if origin is None or (entry_only and linear not in self.stubs.entries):
            return False
        self.words[self.eip_word] = origin - base & MASK
        return True

    def _emulate_flag_instruction(self) -> bool:
        """cli or sti refused by the engine."""
        vcpu = self.vcpu
        linear = vcpu.eip + self.words[self.cs_base_word] & MASK
        insn, row = self.identify(linear, 32 if vcpu.area.code32 else 16)
        if row is None or row.effect not in _STILL_TRAPPING:
            return False
        self.perform(insn, row)
        return True

    def _single_step(self) -> None:
        if self.on_step is None:
            self._after_single_step()
        else:
            guest_steps = self.on_step()
            if guest_steps:
                self._after_single_step()

    def _after_single_step(self) -> None:
        """The guest runs with TF set: #DB after each instruction (SDM vol. 3B, 18.3.1.4)."""
        self.vcpu.dr[6] |= DR6_BS
        self.deliver(GuestFault(DB))

    def invalid(self) -> bool:
        """The engine's #UD. Returning True goes on at the state left here."""
        try:
            if self.on_step is not None:
                self.on_step()
            self.vcpu.area.land_exception()
            self.leave_stub()
            self._deliver_and_attend(GuestFault(UD))
        except BaseException as error:
            self.fail(error)
        return True

    def deliver(self, fault: GuestFault) -> None:
        """Make the guest take `fault`; raises TripleFault."""
        self.faults[fault.vector] += 1
        self.recent.append((self.words[self.eip_word], fault))
        if fault.address is not None:
            self.vcpu.cr2 = fault.address
            self.vcpu.tlb.flush_page(fault.address)  # a page fault forgets what was known (SDM vol. 3A, 4.10.4.1)
        inject(self.vcpu, fault.vector, fault.error_code)

    # --- blocks

    def block(self, linear: int, size: int) -> None:
        """A block was translated: it runs only if every byte of it has been looked at."""
        try:
            if self.stubs is not None and (linear & MASK) >> 12 in self.stubs.pages:
                self._check_stub(linear)
                return
            verdict = self.code.check(linear & MASK, size, USER if self.vcpu.cpl == 3 else 0)
            if verdict is Verdict.SAFE:
                return
            if self.code.lost:
                self.engine.stop()
                return
            self.engine.remove_blocks(linear, linear + size)
            self.engine.stop()
            self._refuse_endless(linear, size)
        except BaseException as error:
            self.fail(error)

    def _check_stub(self, linear: int) -> None:
        """Code of ours may only be entered where an instruction of ours begins."""
        if self.stubs is not None and linear & MASK not in self.stubs.origins:
            self.engine.remove_blocks(linear, linear + 1)
            raise Unsupported("code at an address where nothing is mapped", linear & MASK)

    def _refuse_endless(self, linear: int, size: int) -> None:
        """A block that is vetoed again and again would hang the guest."""
        block = linear, self.code.made  # code that was written since is another block
        self._vetoes = self._vetoes + 1 if self._vetoed == block else 1
        self._vetoed = block
        if self._vetoes > MOST_VETOES:
            code = self.vcpu.mem.peek(linear & MASK, min(size + 15, 64)).hex(" ")
            where = f"linear {linear & MASK:#010x}"
            raise Unsupported(f"a block of {size} bytes at {where} that cannot be made safe ({code})")
