# SPDX-License-Identifier: GPL-2.0-or-later
"""Promise P1 on our own guests, and "all 4 GiB free" of promise P4: nothing of ours is anywhere the guest can look."""

import pytest

import guests
from guests.build import expand, image
from guests.declaration import describe
from vmm.machine import Machine

MIB = 1 << 20
NOT_THE_SAME = {
    "fpu": "the bare engine shows no flags of masked exceptions, and its fxsave and fxrstor leave pointers out",
    "gates": "the bare engine does not mark code accessed on a far transfer (SDM vol. 3A, 3.4.5.1)",
    "segments": "the bare engine does not mark code accessed on a far transfer (SDM vol. 3A, 3.4.5.1)",
}
DETERMINISTIC = (
    "exceptions", "fpu", "gates", "hello", "paging", "paging-pae", "processes", "redpills", "rings", "segments",
)  # fmt: skip
PATCHED_ONLY = ("exceptions-fine", "redpills-forms")


def memory_after(name: str, policy: str) -> bytes:
    with Machine(kernel=guests.build(name), memory=4, policy=policy, no_reboot=True) as machine:
        report = machine.run(timeout=60)
        assert report.exit_status in describe(name).exits, report.message
        return machine.mem.physical.read(0, 4 * MIB)


@pytest.mark.parametrize("name", [*DETERMINISTIC, *PATCHED_ONLY])
def test_both_policies_leave_the_same_memory(name: str) -> None:
    assert memory_after(name, "fast") == memory_after(name, "trap")


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_a_patched_run_leaves_the_memory_of_the_bare_engine(name: str) -> None:
    if name in NOT_THE_SAME:
        pytest.skip(NOT_THE_SAME[name])
    assert memory_after(name, "fast") == memory_after(name, "native")


def everywhere() -> bytes:
    """A guest that maps all 4 GiB to its 8 MiB, with pushf hot; every word written is looked for in the first 8 MiB."""
    text = """
    movl $0x1f0000, %esp
    movl $0x2000, %ecx
hot:
    pushfl
    popl %eax
    movl %eax, %edx
    movl %edx, %esi
    loop hot
    movl %eax, %ebp
    movl $0x180000, %edi
    movl $0x83, %eax
tables:
    movl %eax, (%edi)
    xorl $0x400000, %eax
    addl $0x4, %edi
    cmpl $0x181000, %edi
    jb tables
    movl $0x10, %eax
    movl %eax, %cr4
    movl $0x180000, %eax
    movl %eax, %cr3
    movl %cr0, %eax
    orl $0x80000000, %eax
    movl %eax, %cr0
    movl $0x0, %ebx
page:
    leal 0x0(%ebx), %esi
    call both
    leal 0x300000(%ebx), %esi
    call both
    leal 0x3ffffc(%ebx), %esi
    call both
    leal 0x300ffe(%ebx), %esi
    call both
    addl $0x400000, %ebx
    jnz page
    pushfl
    popl %eax
    xorl %ebp, %eax
    testl $0xfffff700, %eax
    jnz bad
    movb $0x10, %al
    jmp end
both:
    movl %esi, (%esi)
    movl %esi, %edi
    andl $0x7fffff, %edi
    cmpl %esi, (%edi)
    jne bad
    incl (%esi)
    movl (%esi), %eax
    subl %esi, %eax
    cmpl $0x1, %eax
    jne bad
    ret
bad:
    movb $0x11, %al
end:
    outb %al, $0xf4
    hlt
"""
    return image(expand(text, "everywhere"), "everywhere")


@pytest.mark.parametrize("policy", ["fast", "trap", "native"])
def test_all_four_gib_are_the_guests(policy: str) -> None:
    with Machine(kernel=everywhere(), memory=8, policy=policy, no_reboot=True) as machine:
        report = machine.run(timeout=60)
        assert report.exit_status == 33, report.message
        if policy == "fast":
            assert report.stats.exits_by_insn["pushf"] < 0x1000, "no stub was made: nothing of ours was in the way"
