# SPDX-License-Identifier: GPL-2.0-or-later
"""The oracle: the same guest in ring 0 on the bare engine, nothing scanned, nothing patched (`--policy native`).

All privileged state is the engine's own. Only what a bare engine cannot do is done for it: exceptions and interrupts
go through the guest's IDT, ports and cpuid and the time-stamp counter are the machine's, pages are walked.
"""

from collections.abc import Callable

from patcher.catalogue import classify
from patcher.patch import PatchState
from patcher.x86.decode import MAX_LENGTH, Truncated, decode
from patcher.x86.exceptions import BP, DB, UD, WITH_ERROR_CODE, GuestFault
from patcher.x86.paging import CR4_PAE
from patcher.x86.segment import Segment, TableRegister
from vmm.code_pages import CodePage
from vmm.engine.state_area import CS, LDTR, TR
from vmm.engine.unicorn_engine import UnicornEngine
from vmm.errors import Unsupported
from vmm.exits import Exits
from vmm.fills import Fills
from vmm.inject import inject
from vmm.mmu import MASK, USER
from vmm.vcpu import RF, Vcpu

GDTR, IDTR = 8, 9
EAX, ECX, EDX, EBX = range(4)
EFER = 0xC000_0080


class NativeVcpu(Vcpu):
    """The engine's own processor, seen through the interface of a virtual one."""

    engine_efer: Callable[[], int] = staticmethod(lambda: 0)
    _mode = (0, 0, 0, 0)

    @property
    def cpl(self) -> int:
        return self.area.engine_cpl

    @cpl.setter
    def cpl(self, value: int) -> None:
        self.area.engine_cpl = value

    @property
    def eflags(self) -> int:
        return self.area.eflags & ~RF

    @eflags.setter
    def eflags(self, value: int) -> None:
        self.area.eflags = value

    @property
    def cr2(self) -> int:
        return self.area.cr(2)

    @cr2.setter
    def cr2(self, value: int) -> None:
        self.area.set_cr(2, value)

    @property
    def efer(self) -> int:
        return self.engine_efer()

    def segment(self, index: int) -> Segment:
        return self.area.segment(index)

    def selector(self, index: int) -> int:
        return self.area.selector(index)

    def load_segment(self, index: int, segment: Segment) -> None:
        self.area.load_segment(index, segment)

    def set_cpl(self, cpl: int) -> None:
        self.cpl = cpl
        self.mem.user = cpl == 3

    def apply_ring(self) -> None:
        self.mem.user = self.cpl == 3

    def mode_changed(self) -> None:
        """Only at the start: afterwards the engine's control registers are the guest's own."""
        self.area.set_control_registers(self.cr0, self.cr3, self.cr4)
        super().mode_changed()

    @property
    def gdtr(self) -> TableRegister:
        return TableRegister(*self.area.table(GDTR))

    @gdtr.setter
    def gdtr(self, value: TableRegister) -> None:
        self.area.load_table(GDTR, value.base, value.limit)

    @property
    def idtr(self) -> TableRegister:
        return TableRegister(*self.area.table(IDTR))

    @idtr.setter
    def idtr(self, value: TableRegister) -> None:
        self.area.load_table(IDTR, value.base, value.limit)

    def sync(self) -> None:
        """Take over what the guest did to the control registers without our knowing."""
        area = self.area
        self.mem.user = self.cpl == 3
        now = area.cr(0), area.cr(3), area.cr(4), self.efer if area.cr(4) & CR4_PAE else 0
        if now != self._mode:
            self._mode = now
            self.cr0, self.cr3, self.cr4 = now[:3]
            self.mem.set_mode(*now)
        else:
            self.mem.flush()


class NativeFills(Fills):
    """As `Fills`, but the control registers may have changed since, and the engine reads tables by itself."""

    vcpu: NativeVcpu

    def fill(self, linear: int, access: int, answer: int) -> bool:
        self.vcpu.sync()
        return super().fill(linear, access, answer)

    def _user(self, linear: int) -> bool:
        return self.vcpu.cpl == 3 and not (self._in_tables(linear) and self._reads_tables())

    def _reads_tables(self) -> bool:
        """Is the instruction at EIP one that looks at descriptors by itself?"""
        area = self.vcpu.area
        code = self.mmu.peek(area.eip + area.base(CS) & MASK, MAX_LENGTH)
        try:
            insn = decode(code, 0, 32 if area.code32 else 16)
        except Truncated:
            return False
        return insn is not None and classify(insn) is not None

    def _in_tables(self, linear: int) -> bool:
        """Does the page hold part of a descriptor table or the TSS? The engine does not say who asks."""
        area = self.vcpu.area
        system = [s for s in (area.segment(LDTR), area.segment(TR)) if s.selector & 0xFFFC]
        spans = [area.table(GDTR), *((s.base, s.limit) for s in system)]
        page = linear & ~0xFFF & MASK
        return any(base & ~0xFFF <= page <= (base + limit & MASK) for base, limit in spans)


class NativeExits(Exits):
    """Exceptions and software interrupts through the guest's IDT; ports, cpuid and rdtsc by the machine."""

    def interrupt(self, vector: int) -> None:
        vcpu = self.vcpu
        try:
            vcpu.sync()  # type: ignore[attr-defined]
            error = vcpu.area.land_exception()
            if vector == DB and self.on_step is not None and not self.on_step():
                return
            if vector == BP and self._shown_again():
                return
            if vcpu.area.software_interrupt:
                length = self._software_length(vector)
                vcpu.eip -= length
                inject(vcpu, vector, soft=True, insn_length=length)
            else:
                self.deliver(GuestFault(vector, error if vector in WITH_ERROR_CODE else None))
            if self.pics.pending or vcpu.halted or self.work:
                self.attention()
        except BaseException as error_:
            self.fail(error_)

    def _software_length(self, vector: int) -> int:
        """Bytes of the int n, int3 or into that EIP has just passed."""
        vcpu = self.vcpu
        linear = vcpu.eip + self.words[self.cs_base_word] & MASK
        return 2 if vcpu.mem.peek(linear - 2 & MASK, 2) == bytes((0xCD, vector)) else 1

    def invalid(self) -> bool:
        """The engine's #UD; `int 6` comes this way as well, with EIP still at it."""
        if not self.vcpu.area.software_interrupt:
            return super().invalid()
        try:
            self.vcpu.sync()  # type: ignore[attr-defined]
            inject(self.vcpu, UD, soft=True, insn_length=2)
        except BaseException as error:
            self.fail(error)
        return True

    def _shown_again(self) -> bool:
        """At an int3 that is none of the guest's, but hides what may end the engine: show it, or a verdict."""
        linear = self.vcpu.eip - 1 + self.words[self.cs_base_word] & MASK
        page = self.code.executed(linear >> 12 | (USER if self.vcpu.cpl == 3 else 0))
        patch = page.scan.patches.get(linear & 0xFFF) if isinstance(page, CodePage) else None
        if patch is None or patch.state is not PatchState.ENABLED or not isinstance(page, CodePage):
            return False
        following = self.vcpu.mem.peek((linear | 0xFFF) + 1 & MASK, MAX_LENGTH)
        if patch.site != page.scan.head or page.scan.head_is_lethal(following):
            code = self.vcpu.mem.peek(linear, MAX_LENGTH).hex(" ")
            raise Unsupported(f"bytes that would end the bare engine ({code})", self.vcpu.eip - 1 & MASK)
        patch.disable(page.shown, "harmless with the page that follows")
        self.engine.remove_blocks(linear, linear + 1)
        self.vcpu.eip -= 1
        return True

    def block(self, linear: int, size: int) -> None:
        """Nothing is checked, but where something had to be hidden: patched runs are compared with this one."""
        user = USER if self.vcpu.cpl == 3 else 0
        for page in (linear >> 12, linear + size - 1 >> 12):
            code_page = self.code.fetched.get(page & 0xF_FFFF | user)
            if isinstance(code_page, CodePage) and code_page.scan.patches:
                super().block(linear, size)
                return


def hook_machine(engine: UnicornEngine, vcpu: Vcpu, exits: Exits) -> None:
    """Give the bare engine ports, cpuid and the time-stamp counter."""

    def guarded(function: Callable[..., int | None]) -> Callable[..., int]:
        def call(*arguments: int) -> int:
            try:
                result = function(*arguments)
                if exits.pics.pending or exits.work:
                    engine.stop()
            except BaseException as error:
                exits.fail(error)
                return 0
            return int(result or 0)

        return call

    def cpuid() -> int:
        regs = vcpu.regs
        regs[EAX], regs[EBX], regs[ECX], regs[EDX] = vcpu.model.cpuid(regs[EAX], regs[ECX])
        return 1

    def rdtsc() -> int:
        vcpu.regs[EAX], vcpu.regs[EDX] = vcpu.tsc() & MASK, vcpu.tsc() >> 32
        return 1

    vcpu.engine_efer = lambda: engine.msr(EFER)  # type: ignore[attr-defined]
    # The engine leaves out all but the first hook when a stop is due: of cpuid its own answer would then be seen.
    engine.hook_instruction("cpuid", guarded(cpuid))
    engine.hook_instruction("in", guarded(lambda port, size: vcpu.bus.read(port, size)))
    engine.hook_instruction("out", guarded(lambda port, size, value: vcpu.bus.write(port, size, value)))
    engine.hook_instruction("rdtsc", guarded(rdtsc))
