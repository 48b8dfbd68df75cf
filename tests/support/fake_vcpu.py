# SPDX-License-Identifier: GPL-2.0-or-later
"""A test double of the virtual processor: plain Python over a bytearray, flat or with pages that fault.

`world()` makes a small protected-mode machine with a GDT, an IDT, TSSs and stacks for every ring; `perform()`
decodes an instruction and runs an effect on it.
"""

from float_bytes import float_area

from patcher.catalogue import classify
from patcher.x86.decode import decode
from patcher.x86.exceptions import PF, GuestFault
from patcher.x86.insn import Insn
from patcher.x86.segment import Segment, TableRegister
from vmm.cpu_model import MODELS, CpuModel
from vmm.effects import EFFECTS

EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI = range(8)
ES, CS, SS, DS, FS, GS, LDTR, TR = range(8)
M32 = 0xFFFF_FFFF

GDT, LDT, IDT, TSS, TSS2, TSS286 = 0x1000, 0x1800, 0x2000, 0x3000, 0x3400, 0x3800
CODE, STACK0, STACK1, STACK3 = 0x1_0000, 0x5000, 0x6000, 0x7000
RAM = 0x2_0000

CODE0, DATA0, CODE3, DATA3, CODE1, DATA1 = 0x08, 0x10, 0x1B, 0x23, 0x29, 0x31
CONFORMING0, TASK, TASK2, LDT_SELECTOR, TASK286 = 0x38, 0x40, 0x48, 0x50, 0x58
TRANSFERS = {"jmp far", "call far", "retf", "iret", "int n", "int3", "int1", "into", "sysenter", "sysexit"}
FREE = 0x60  # the first of eight descriptors for a test's own use


def descriptor(base: int, limit: int, access: int, flags: int = 0xC) -> int:
    """A descriptor from its fields; `flags` are G, D/B, L, AVL (the high nibble of byte 6)."""
    low = limit & 0xFFFF | (base & 0xFFFF) << 16
    high = base >> 16 & 0xFF | access << 8 | limit & 0xF_0000 | flags << 20 | base & 0xFF00_0000
    return low | high << 32


def gate(selector: int, offset: int, access: int, count: int = 0) -> int:
    """A call, interrupt, trap or task gate."""
    return offset & 0xFFFF | selector << 16 | count << 32 | access << 40 | (offset >> 16) << 48


class FakeMemory:
    """Linear memory; page numbers in `absent`, `read_only` and `supervisor` fault as a walk would."""

    def __init__(self) -> None:
        self.ram = bytearray(RAM)
        self.absent: set[int] = set()
        self.read_only: set[int] = set()
        self.supervisor: set[int] = set()
        self.cpl = 0
        self.reads: list[tuple[int, int]] = []

    @property
    def memory(self) -> "FakeMemory":
        return self

    def probe(self, linear: int, size: int, write: bool = True, cpl: int | None = None) -> None:
        user = (self.cpl if cpl is None else cpl) == 3
        last = (linear + size - 1) & M32
        for at in [linear] if last >> 12 == linear >> 12 else [linear, last & ~0xFFF]:
            page, code = at >> 12, write << 1 | user << 2
            if page in self.absent:
                raise GuestFault(PF, code, at)
            if (write and page in self.read_only) or (user and page in self.supervisor):
                raise GuestFault(PF, code | 1, at)

    def read_as(self, linear: int, size: int, cpl: int) -> int:
        self.probe(linear, size, False, cpl)
        self.reads.append((linear, size))
        assert 0 <= linear <= RAM - size, f"a read at {linear:#x} outside the test's memory"
        return int.from_bytes(self.ram[linear : linear + size], "little")

    def write_as(self, linear: int, size: int, value: int, cpl: int) -> None:
        self.probe(linear, size, True, cpl)
        assert 0 <= linear <= RAM - size, f"a write at {linear:#x} outside the test's memory"
        self.ram[linear : linear + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")

    def read_block(self, linear: int, size: int) -> None:
        return None

    def write_block(self, linear: int, data: bytes) -> bool:
        return False

    def read(self, linear: int, size: int) -> int:
        return self.read_as(linear, size, self.cpl)

    def write(self, linear: int, size: int, value: int) -> None:
        self.write_as(linear, size, value, self.cpl)

    def read_system(self, linear: int, size: int) -> int:
        return self.read_as(linear, size, 0)

    def write_system(self, linear: int, size: int, value: int) -> None:
        self.write_as(linear, size, value, 0)


class FakePorts:
    """Remembers what was written and answers reads from a list."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.log: list[tuple[str, int, int, int]] = []

    def read(self, port: int, size: int) -> int:
        value = self.answers.pop(0) if self.answers else (1 << 8 * size) - 1
        self.log.append(("read", port, size, value))
        return value

    def write(self, port: int, size: int, value: int) -> None:
        self.log.append(("write", port, size, value))


class FakeTlb:
    """Remembers what was flushed."""

    def __init__(self) -> None:
        self.flushed: list[int | None] = []

    def flush(self) -> None:
        self.flushed.append(None)

    def flush_page(self, linear: int) -> None:
        self.flushed.append(linear)


class FakeCoprocessor:
    """Counts errors and what became of them; `ignores` is the IGNNE pin."""

    def __init__(self) -> None:
        self.errors = self.gone = 0
        self.ignores = False

    def error(self) -> bool:
        self.errors += 1
        return self.ignores

    def error_gone(self) -> None:
        self.gone += 1


class FakeVcpu:
    """The `Processor` interface with nothing behind it."""

    def __init__(self, model: str | CpuModel = "default") -> None:
        self.regs = memoryview(bytearray(32)).cast("I")
        self.eip, self.eflags, self.cpl = 0, 2, 0
        self.cr0, self.cr2, self.cr3, self.cr4 = 0x11, 0, 0, 0
        self.dr = [0, 0, 0, 0, 0, 0, 0xFFFF_0FF0, 0x400]
        self.gdtr, self.idtr = TableRegister(0, 0), TableRegister(0, 0)
        self.segments = [Segment(0, 0, 0, 0)] * 8
        self.mem, self.bus, self.tlb = FakeMemory(), FakePorts(), FakeTlb()
        self.floats, self.coprocessor = float_area(), FakeCoprocessor()
        self.float_changes = 0
        self.model = MODELS[model] if isinstance(model, str) else model
        self.msrs: dict[int, int] = {}
        self.halted = self.shadow = False
        self.clock = 0x1_FFFF_FFFF
        self.mode_changes = 0

    def write_cr0(self, value: int) -> None:
        self.cr0 = value

    def write_cr3(self, value: int) -> None:
        self.cr3 = value

    def write_cr4(self, value: int) -> None:
        self.cr4 = value

    def mode_changed(self) -> None:
        self.mode_changes += 1

    def floats_changed(self) -> None:
        self.float_changes += 1

    def segment(self, index: int) -> Segment:
        return self.segments[index]

    def selector(self, index: int) -> int:
        return self.segments[index].selector

    def load_segment(self, index: int, segment: Segment) -> None:
        self.segments[index] = segment

    def set_cpl(self, cpl: int) -> None:
        self.cpl = self.mem.cpl = cpl

    def tsc(self) -> int:
        return self.clock + self.msrs.get(0x10, 0) & 0xFFFF_FFFF_FFFF_FFFF

    def advance(self, insn: Insn) -> None:
        self.eip = self.eip + len(insn.raw) & M32

    # --- what tests look at

    def put(self, address: int, *values: int, size: int = 4) -> None:
        """Write numbers one after another."""
        for i, value in enumerate(values):
            self.mem.ram[address + i * size : address + (i + 1) * size] = value.to_bytes(size, "little")

    def get(self, address: int, count: int, size: int = 4) -> list[int]:
        """Read `count` numbers one after another."""
        places = range(address, address + count * size, size)
        return [int.from_bytes(self.mem.ram[at : at + size], "little") for at in places]

    def selectors(self) -> list[int]:
        return [s.selector for s in self.segments]

    def set_descriptor(self, selector: int, value: int) -> None:
        self.put(GDT + (selector & 0xFFF8), value, size=8)

    def access_byte(self, selector: int) -> int:
        """Byte 5 of the descriptor in memory: P, DPL, S, type."""
        return self.mem.ram[GDT + (selector & 0xFFF8) + 5]

    def state(self) -> tuple[object, ...]:
        """Everything that a fault must leave alone, except memory."""
        return (
            bytes(self.regs), self.eip, self.eflags, self.cpl, self.cr0, self.cr2, self.cr3, self.cr4,
            tuple(self.dr), self.gdtr.base, self.gdtr.limit, self.idtr.base, self.idtr.limit,
            tuple(self.segments), tuple(sorted(self.msrs.items())), self.halted, self.shadow,
        )  # fmt: skip


_DESCRIPTORS = {
    CODE0: descriptor(0, 0xF_FFFF, 0x9B),
    DATA0: descriptor(0, 0xF_FFFF, 0x93),
    CODE3: descriptor(0, 0xF_FFFF, 0xFB),
    DATA3: descriptor(0, 0xF_FFFF, 0xF3),
    CODE1: descriptor(0, 0xF_FFFF, 0xBB),
    DATA1: descriptor(0, 0xF_FFFF, 0xB3),
    CONFORMING0: descriptor(0, 0xF_FFFF, 0x9F),
    TASK: descriptor(TSS, 0x67 + 0x100, 0x8B, 0),
    TASK2: descriptor(TSS2, 0x67, 0x89, 0),
    LDT_SELECTOR: descriptor(LDT, 0x3F, 0x82, 0),
    TASK286: descriptor(TSS286, 0x2B, 0x81, 0),
}
_RING = {0: (CODE0, DATA0, STACK0), 1: (CODE1, DATA1, STACK1), 3: (CODE3, DATA3, STACK3)}


def hidden(v: FakeVcpu, selector: int) -> Segment:
    """The segment register's content for a GDT selector, worked out the long way round."""
    raw = v.get(GDT + (selector & 0xFFF8), 1, size=8)[0].to_bytes(8, "little")
    base = int.from_bytes(raw[2:5] + raw[7:], "little")
    limit = int.from_bytes(raw[:2] + bytes([raw[6] & 0xF]), "little")
    if raw[6] & 0x80:
        limit = (limit + 1) * 4096 - 1
    return Segment(selector, base, limit, (raw[5] | (raw[6] & 0xF0) << 8) << 8)


def enter(v: FakeVcpu, ring: int) -> None:
    """Put the processor into `ring`, in flat segments and on that ring's stack."""
    code, data, stack = _RING[ring]
    v.set_cpl(ring)
    for register in (ES, SS, DS, FS, GS):
        v.segments[register] = hidden(v, data)
    v.segments[CS] = hidden(v, code)
    v.regs[ESP], v.eip = stack, CODE


def world(cpl: int = 0, model: str | CpuModel = "default") -> FakeVcpu:
    """A processor in ring `cpl` with tables, a 32-bit TSS, and interrupt gates 0..47 to 0xC000 + 16 n."""
    v = FakeVcpu(model)
    for selector, value in _DESCRIPTORS.items():
        v.set_descriptor(selector, value)
    v.gdtr, v.idtr = TableRegister(GDT, 0xBF), TableRegister(IDT, 48 * 8 - 1)
    for vector in range(48):
        v.put(IDT + 8 * vector, gate(CODE0, 0xC000 + 16 * vector, 0x8E), size=8)
    v.put(TSS + 4, STACK0 - 0x100, DATA0, STACK1 - 0x100, DATA1)
    v.put(TSS + 0x66, 0x68, size=2)
    v.segments[TR] = hidden(v, TASK)
    enter(v, cpl)
    return v


def instruction(code: str | bytes, bits: int = 32) -> Insn:
    """Decode hexadecimal text."""
    insn = decode(bytes.fromhex(code) if isinstance(code, str) else code, 0, bits)
    assert insn is not None, f"{code} does not decode"
    return insn


def perform(v: FakeVcpu, effect: str, code: str, bits: int = 32) -> Insn:
    """Run the effect on the instruction `code`, which the catalogue must send there, to #UD, or nowhere."""
    insn = instruction(code, bits)
    row = classify(insn)
    assert row is None or row.effect in (effect, "ud"), f"{code} is {row}, whose effect is {row.effect}"
    start = v.eip
    EFFECTS[effect](v, insn)
    if effect not in TRANSFERS:
        left = insn.rep and v.regs[ECX] & (M32 if insn.address_size == 32 else 0xFFFF)
        assert v.eip == (start if left else start + insn.length)
    return insn


def fault_of(v: FakeVcpu, effect: str, code: str) -> tuple[int, int | None]:
    """The fault that an instruction raises, as (vector, error code); fails if it changed the processor."""
    before = v.state()
    try:
        perform(v, effect, code)
    except GuestFault as fault:
        assert v.state() == before, f"{effect} faulted and yet changed the processor"
        return fault.vector, fault.error_code
    raise AssertionError(f"{effect} ({code}) did not fault")
