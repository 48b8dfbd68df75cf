# SPDX-License-Identifier: GPL-2.0-or-later
"""Stubs: hot pushf and popf in the guest's own world, what covers a neighbour, and what takes a stub back.

Every program runs under all three policies and must leave the same registers and the same memory; under `fast` the
counters tell whether a stub did the work.
"""

from dataclasses import dataclass

import pytest

from patcher.assembler import assemble
from patcher.stub import build, covered
from patcher.x86.decode import decode
from patcher.x86.insn import Insn
from vmm.machine import Machine

BASE = 0x100000
LOOPS = 200
PROLOGUE = """
    movl $0x300000, %esp
    xorl %edi, %edi
    xorl %esi, %esi
    movb $0xff, %al
    outb %al, $0x21
    movl $0xc8, %ecx
"""
EPILOGUE = "\nmovb $0x10, %al\noutb %al, $0xf4\nhlt\n"


@dataclass(frozen=True)
class Outcome:
    """What a run left: registers, flags, memory, and how often pushf and popf came to the monitor."""

    regs: tuple[int, ...]
    eflags: int
    memory: bytes
    traps: int
    promoted: int
    message: str


def outcome(text: str, policy: str) -> Outcome:
    code = assemble(PROLOGUE + text + EPILOGUE, BASE, 32)
    with Machine(code, address=BASE, memory=4, policy=policy, no_reboot=True) as machine:
        report = machine.run(timeout=20)
        exits = report.stats.exits_by_insn
        return Outcome(
            tuple(machine.vcpu.regs), machine.vcpu.eflags, bytes(machine._guest_memory.bytes),
            exits.get("pushf", 0) + exits.get("popf", 0), machine._stubs.promoted, report.message,
        )  # fmt: skip


def same_everywhere(text: str) -> Outcome:
    """Run under all policies, compare, and return the fast outcome."""
    fast, trap, native = (outcome(text, policy) for policy in ("fast", "trap", "native"))
    for other in (trap, native):
        assert (fast.regs, fast.eflags, fast.message) == (other.regs, other.eflags, other.message)
        assert fast.memory == other.memory
    return fast


PROGRAMS = {
    "save and restore": "l:\npushfl\npopfl\ndecl %ecx\njnz l",
    "read": "l:\npushfl\npopl %eax\naddl %eax, %edi\nmovl %eax, 0x280000(,%ecx,4)\ndecl %ecx\njnz l",
    "write": "movl $0x8d7, %ebx\nl:\npushl %ebx\npopfl\nadcl $0x3, %edi\nrcll $0x1, %esi\ndecl %ecx\njnz l",
    "behind a return": "jmp l\nf:\npushl %ebx\npopfl\nret\n.byte 0xcc,0xcc,0xcc,0xcc\nl:\ncall f\ndecl %ecx\njnz l",
    "branch among the neighbours": "l:\npushfl\njz far\npopl %eax\naddl %eax, %edi\nfar:\ndecl %ecx\njnz l",
    "direction flag": "l:\nstd\npushfl\ncld\npopfl\ncld\ndecl %ecx\njnz l",
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_hot_sites_stop_trapping_and_nothing_else_changes(name: str) -> None:
    fast = same_everywhere(PROGRAMS[name])
    assert fast.promoted >= 1
    assert fast.traps < 100  # of at least LOOPS


@pytest.mark.parametrize(
    "neighbour", ["incl %esi\n popl %eax\n addl %eax, %edi", "popfl\n incl %esi\n leal 0x3(%edi), %edi"]
)
def test_a_jump_to_a_covered_neighbour_takes_the_stub_back(neighbour: str) -> None:
    """The neighbour may be a sensitive instruction itself, whose trap the jump covers."""
    text = f"""xorl %edx, %edx
        l:
        pushfl
        n:
        {neighbour}
        decl %ecx
        jnz l
        testl %edx, %edx
        jnz out
        incl %edx
        movl $0x32, %ecx
        pushl $0x2
        movl $n, %ebx
        jmp *%ebx
        out:"""
    fast = same_everywhere(text)
    assert fast.promoted >= 1


def test_popf_of_iopl_still_comes_to_the_monitor() -> None:
    text = """movl $0x2, %ebx
        l:
        pushl %ebx
        popfl
        decl %ecx
        cmpl $0x14, %ecx
        jne k
        movl $0x3002, %ebx
        k:
        testl %ecx, %ecx
        jnz l
        pushfl
        popl %edx"""
    fast = same_everywhere(text)
    assert fast.regs[2] & 0x3000 == 0x3000


def test_a_page_run_at_two_linear_addresses_keeps_its_traps() -> None:
    """Two views of one page by segment base would do; paging maps it twice and runs it at both places."""
    text = """
        movl $0x200083, 0x200000
        movl $0x000083, 0x200000
        movl $0x000083, 0x200004
        movl $0x000083, 0x200c00
        movl $0x200000, %eax
        movl %eax, %cr3
        movl $0x10, %eax
        movl %eax, %cr4
        movl $0x80000011, %eax
        movl %eax, %cr0
        movl $f, %ebx
        l:
        call *%ebx
        decl %ecx
        jnz l
        addl $0xc0000000, %ebx
        movl $0xc8, %ecx
        m:
        call *%ebx
        decl %ecx
        jnz m
        jmp end
        f:
        pushfl
        popl %eax
        addl %eax, %edi
        incl %esi
        ret
        end:"""
    fast = same_everywhere(text)
    assert fast.promoted >= 1
    assert fast.regs[6] == 2 * LOOPS


def test_the_monitor_tells_where_the_guest_is_not_where_the_stub_is() -> None:
    """A fault in a covered neighbour has the neighbour's own address."""
    at = 0x1234
    code = bytes.fromhex("9c8b00c3")  # pushf; mov eax, [eax]; ret
    first = decode(code, 0, 32)
    assert first is not None
    found = covered(first, lambda distance: decode(code, distance, 32))
    assert isinstance(found, list)
    stub = build(found, 0xFFC0_0000, at)
    inside = stub.code.index(bytes.fromhex("8b00c3"))
    assert stub.origins[inside] == 1
    assert stub.origins[0] == 0
    assert stub.origins[1] is None


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("9ce800000000", "a branch follows that cannot be moved"),
        ("9c0f01e0", "a jump would cover the smsw that follows"),
        ("9cfb9090909090", "a jump would cover the sti that follows"),
        ("9ce2fe90909090", "a branch follows that cannot be moved"),
    ],
)
def test_what_cannot_run_elsewhere_keeps_the_trap(code: str, reason: str) -> None:
    raw = bytes.fromhex(code)

    def following(distance: int) -> Insn | None:
        return decode(raw, distance, 32)

    first = decode(raw, 0, 32)
    assert first is not None
    assert covered(first, following) == reason
