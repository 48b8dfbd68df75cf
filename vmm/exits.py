# SPDX-License-Identifier: GPL-2.0-or-later
"""From an exit of the engine to the effect on the virtual processor, inside the engine's callback.

The hot path is `interrupt` with vector 3: find the code page by linear address, find the action by offset, perform it.
An action is resolved once per site: the effect's function, the decoded instruction, the row, and a counter.
"""

from collections import Counter
from collections.abc import Callable

from patcher.catalogue import SensitiveInsn, classify
from patcher.catalogue.invalid import DISPUTED, UNDECODABLE
from patcher.scan import Verdict
from patcher.x86.decode import Truncated, decode
from patcher.x86.exceptions import BP, DB, GP, UD, WITH_ERROR_CODE, GuestFault
from patcher.x86.insn import Insn
from vmm.action import Action
from vmm.code_pages import PAGE, CodePage, CodePages
from vmm.effects import EFFECTS
from vmm.engine.unicorn_engine import UnicornEngine
from vmm.errors import VmmError
from vmm.inject import inject
from vmm.mmu import MASK, USER
from vmm.vcpu import TF, Vcpu

DR6_BS = 0x4000
MOST_VETOES = 16  # of one block in a row
_STILL_TRAPPING = frozenset({"cli", "sti"})


class Unsettled(VmmError):
    """A block that patching cannot make safe to run, or a trap that belongs to no instruction."""


class Exits:
    """The engine's callbacks. `attention()` is called after an exit when `pending()` says that something waits."""

    def __init__(self, engine: UnicornEngine, vcpu: Vcpu, code: CodePages) -> None:
        self.engine = engine
        self.vcpu = vcpu
        self.code = code
        self.words = vcpu.area.words
        self.eip_word, self.cs_base_word = vcpu.area.eip_word, vcpu.area.cs_base_word
        self.flags_word = vcpu.area.layout.eflags // 4
        self.failure: BaseException | None = None
        self.page_at: Callable[[int], CodePage | None] = lambda linear: None
        self.pending: Callable[[], bool] = lambda: False
        self.attention: Callable[[], None] = lambda: None
        self.on_step: Callable[[], bool] | None = None  # set while one instruction is being stepped
        self.reasons: Counter[str] = Counter()
        self.faults: Counter[int] = Counter()
        self.interrupts: Counter[int] = Counter()
        self.addresses: Counter[int] | None = None
        self.actions: list[Action] = []
        self._vetoed, self._vetoes = (0, 0), 0

    def interrupt(self, vector: int) -> None:
        """An exception, or a trap of ours, with EIP at the instruction (faults) or after it (int3, int n)."""
        vcpu, words = self.vcpu, self.words
        tf = words[self.flags_word] & TF
        try:
            vcpu.shadow = False
            if vector == BP:
                eip = words[self.eip_word] - 1 & MASK
                linear = eip + words[self.cs_base_word] & MASK
                page = self.code.fetched.get(linear >> 12 | (USER if vcpu.cpl == 3 else 0)) or self._page_again(linear)
                action = page.actions.get(linear & 0xFFF) or self._resolve(page, linear)
                if action is None:
                    self.deliver(GuestFault(BP))  # the guest's own int3
                else:
                    words[self.eip_word] = eip
                    action.count += 1
                    if self.on_step is not None:
                        self.on_step()
                    action.effect(vcpu, action.insn)
                    if tf:
                        self._after_single_step()
                    if vcpu.shadow:
                        vcpu.shadow_eip = words[self.eip_word]
            else:
                self._exception(vector)
            if self.pending():
                self.attention()
        except GuestFault as fault:
            self._deliver_and_attend(fault)
        except BaseException as error:
            self.fail(error)

    def _deliver_and_attend(self, fault: GuestFault) -> None:
        try:
            self.deliver(fault)
            if self.pending():
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

    def _resolve(self, page: CodePage, linear: int) -> Action | None:
        """The action at a trap: None when the int3 is the guest's own."""
        offset = linear & 0xFFF
        patch = page.scan.patches.get(offset)
        if patch is None and page.scan.original[offset] == 0xCC:
            return None
        insn, row = self.identify(linear, page.view.bits)
        if patch is not None and patch.row is DISPUTED:
            row = DISPUTED
        if row is None:
            raise Unsettled(f"no sensitive instruction at the trap at linear {linear:#010x}: {insn}")
        action = Action(EFFECTS[row.effect], insn, row)
        if offset + len(insn.raw) <= PAGE:  # else what follows depends on how the next page is mapped
            page.actions[offset] = action
        self.actions.append(action)
        return action

    def identify(self, linear: int, bits: int) -> tuple[Insn, SensitiveInsn | None]:
        """The instruction at `linear` in guest memory and its row; the row `UNDECODABLE` when there is none."""
        code = self.vcpu.mem.fetch_bytes(linear, 15)
        try:
            insn = decode(code, 0, bits)
        except Truncated:
            insn = None
        if insn is None:
            return Insn(code[:1], bits, 0, code[0] if code else 0), UNDECODABLE
        return insn, classify(insn)

    # --- exceptions

    def _exception(self, vector: int) -> None:
        """A fault of the guest's own, a step that is done, or cli and sti that must come to us."""
        vcpu = self.vcpu
        self.reasons[f"vector {vector}"] += 1
        error = vcpu.area.land_exception()
        if vector == DB:
            self._single_step()
            return
        if self.on_step is not None:
            self.on_step()
        if vector == GP and self._emulate_flag_instruction():
            return
        self.deliver(GuestFault(vector, error if vector in WITH_ERROR_CODE else None))

    def _emulate_flag_instruction(self) -> bool:
        """cli or sti refused by the engine: because a window is open, or because the guest may not."""
        vcpu = self.vcpu
        linear = vcpu.eip + self.words[self.cs_base_word] & MASK
        insn, row = self.identify(linear, 32 if vcpu.area.code32 else 16)
        if row is None or row.effect not in _STILL_TRAPPING:
            return False
        EFFECTS[row.effect](vcpu, insn)
        if vcpu.shadow:
            vcpu.shadow_eip = vcpu.eip
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
            self.deliver(GuestFault(UD))
        except BaseException as error:
            self.fail(error)
        return True

    def deliver(self, fault: GuestFault) -> None:
        """Make the guest take `fault`; raises TripleFault."""
        self.faults[fault.vector] += 1
        if fault.address is not None:
            self.vcpu.cr2 = fault.address
            self.vcpu.tlb.flush_page(fault.address)  # a page fault forgets what was known (SDM vol. 3A, 4.10.4.1)
        inject(self.vcpu, fault.vector, fault.error_code)

    # --- blocks

    def block(self, linear: int, size: int) -> None:
        """A block was translated: it runs only if every byte of it has been looked at."""
        try:
            verdict = self.code.check(linear & MASK, size, USER if self.vcpu.cpl == 3 else 0)
            if verdict is Verdict.SAFE:
                return
            self.engine.remove_blocks(linear, linear + size)
            self.engine.stop()
            self._refuse_endless(linear, size)
        except BaseException as error:
            self.fail(error)

    def _refuse_endless(self, linear: int, size: int) -> None:
        """A block that is vetoed again and again would hang the guest."""
        block = linear, self.code.scanned  # code that was written since is another block
        self._vetoes = self._vetoes + 1 if self._vetoed == block else 1
        self._vetoed = block
        if self._vetoes > MOST_VETOES:
            code = self.vcpu.mem.fetch_bytes(linear & MASK, min(size + 15, 64)).hex(" ")
            raise Unsettled(f"the block of {size} bytes at linear {linear & MASK:#010x} cannot be made safe: {code}")
