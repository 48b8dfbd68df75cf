# SPDX-License-Identifier: GPL-2.0-or-later
"""cpuid, counters, MSRs, caches, halt: told by the processor model, and #UD where it lacks the feature."""

import pytest
from fake_vcpu import CODE, DS, EAX, EBX, ECX, EDX, FakeVcpu, fault_of, perform, world

from patcher.x86.exceptions import GP, UD
from patcher.x86.segment import Segment
from vmm.cpu_model import EFER, TSC, TSC_AUX, Feature, make
from vmm.errors import Unsupported


@pytest.mark.parametrize("cpl", [0, 3])
def test_cpuid_answers_every_ring(cpl: int) -> None:
    v = world(cpl)
    v.regs[EAX], v.regs[ECX] = 0, 9
    perform(v, "cpuid", "0f a2")
    names = b"".join(v.regs[r].to_bytes(4, "little") for r in (EBX, EDX, ECX))
    assert (v.regs[EAX], names) == (2, b"GenuineIntel")
    assert v.eip == CODE + 2


def test_rdtsc_unless_tsd_keeps_it_for_ring_0() -> None:
    for cpl, cr4 in ((0, 0), (0, 4), (3, 0)):
        v = world(cpl)
        v.cr4 = cr4
        perform(v, "rdtsc", "0f 31")
        assert (v.regs[EDX], v.regs[EAX]) == (1, 0xFFFF_FFFF)
    v = world(3)
    v.cr4 = 4
    assert fault_of(v, "rdtsc", "0f 31") == (GP, 0)
    assert fault_of(world(model="486"), "rdtsc", "0f 31") == (UD, None)


ABSENT = [
    ("rdtscp", "0f 01 f9"), ("rdpmc", "0f 33"), ("rdpid", "f3 0f c7 f8"), ("xgetbv", "0f 01 d0"),
    ("xsetbv", "0f 01 d1"), ("monitor", "0f 01 c8"), ("mwait", "0f 01 c9"), ("invpcid", "66 0f 38 82 06"),
    ("swapgs", "0f 01 f8"), ("rdfsbase", "f3 0f ae c0"), ("wrgsbase", "f3 0f ae d8"), ("ud", "0f 0b"),
]  # fmt: skip


@pytest.mark.parametrize(("effect", "code"), ABSENT)
@pytest.mark.parametrize("cpl", [0, 3])
def test_what_the_processor_lacks_is_undefined(effect: str, code: str, cpl: int) -> None:
    assert fault_of(world(cpl), effect, code) == (UD, None)


def test_rdtscp_gives_the_auxiliary_msr_where_it_exists() -> None:
    v = world(model=make("new", 0x663, [Feature.RDTSCP]))
    v.msrs[TSC_AUX] = 7
    perform(v, "rdtscp", "0f 01 f9")
    assert (v.regs[EDX], v.regs[EAX], v.regs[ECX]) == (1, 0xFFFF_FFFF, 7)


@pytest.mark.parametrize(
    ("effect", "code", "feature"),
    [
        ("xgetbv", "0f 01 d0", Feature.XSAVE),
        ("rdpmc", "0f 33", Feature.PERFCTR),
        ("mwait", "0f 01 c9", Feature.MONITOR),
    ],
)
def test_a_model_that_claims_too_much_is_a_verdict(effect: str, code: str, feature: Feature) -> None:
    with pytest.raises(Unsupported, match=f"{effect} on a processor that has it"):
        perform(world(model=make("new", 0x663, [feature])), effect, code)


# --- MSRs


def write(v: FakeVcpu, number: int, value: int) -> None:
    v.regs[ECX], v.regs[EAX], v.regs[EDX] = number, value & 0xFFFF_FFFF, value >> 32


@pytest.mark.parametrize("number", [0x174, 0x175, 0x176, 0x8B])
def test_a_written_msr_reads_back(number: int) -> None:
    v = world()
    write(v, number, 0x1_2345_6789)
    perform(v, "wrmsr", "0f 30")
    v.regs[EAX] = v.regs[EDX] = 0
    perform(v, "rdmsr", "0f 32")
    assert (v.regs[EDX], v.regs[EAX]) == (1, 0x2345_6789)


def test_the_counter_goes_on_from_what_was_written() -> None:
    v = world()
    write(v, TSC, 0x5_0000_0000)
    perform(v, "wrmsr", "0f 30")
    v.clock += 3
    perform(v, "rdmsr", "0f 32")
    assert (v.regs[EDX], v.regs[EAX]) == (5, 3)
    write(v, TSC, 1)
    perform(v, "wrmsr", "0f 30")
    perform(v, "rdtsc", "0f 31")
    assert (v.regs[EDX], v.regs[EAX]) == (0, 1)


def test_efer_has_nxe_alone() -> None:
    v = world()
    write(v, EFER, 0x800)
    perform(v, "wrmsr", "0f 30")
    assert (v.msrs[EFER], v.mode_changes) == (0x800, 1)
    for bit in (0x1, 0x100, 0x400, 1 << 40):
        write(v, EFER, bit)
        assert fault_of(v, "wrmsr", "0f 30") == (GP, 0)


def test_unknown_and_read_only_msrs_and_outer_rings() -> None:
    v = world()
    for number in (0x1B, 0xFE, 0x277, 0xC000_0081):
        write(v, number, 0)
        assert fault_of(v, "rdmsr", "0f 32") == (GP, 0)
        assert fault_of(v, "wrmsr", "0f 30") == (GP, 0)
    write(v, 0x17, 1)
    assert fault_of(v, "wrmsr", "0f 30") == (GP, 0)
    v = world(3)
    write(v, TSC, 0)
    assert fault_of(v, "rdmsr", "0f 32") == (GP, 0)
    assert fault_of(world(model="486"), "rdmsr", "0f 32") == (UD, None)


# --- caches and halt


@pytest.mark.parametrize(
    ("effect", "code"), [("invd", "0f 08"), ("wbinvd", "0f 09"), ("hlt", "f4"), ("invlpg", "0f 01 38")]
)
def test_ring_0_only(effect: str, code: str) -> None:
    assert fault_of(world(3), effect, code) == (GP, 0)
    v = world()
    insn = perform(v, effect, code)
    assert v.eip == CODE + insn.length
    assert v.halted is (effect == "hlt")


def test_invlpg_forgets_a_page_and_checks_no_segment() -> None:
    v = world()
    v.segments[DS] = Segment(0, 0x10_0000, 0, 0)
    v.regs[EAX] = 0xFFF0_1234
    perform(v, "invlpg", "0f 01 38")
    assert v.tlb.flushed == [0x1234]
    assert fault_of(v, "invlpg", "0f 01 f8") == (UD, None)
