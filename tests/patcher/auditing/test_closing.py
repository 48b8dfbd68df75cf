# SPDX-License-Identifier: GPL-2.0-or-later
"""Tactics: what each site gets and why, and that laying the patches down leaves nothing open."""

from dataclasses import replace
from pathlib import Path

import pytest
from audit_code import BASE, findings, left_open, mapped, program
from hypothesis import given, settings
from hypothesis import strategies as st

import guests
from patcher.auditing import closing, turns
from patcher.auditing.applying import apply, open_sites, resumed
from patcher.auditing.code_map import CodeMap
from patcher.auditing.findings import Findings
from patcher.auditing.model import Tier
from patcher.auditing.options import AuditOptions
from patcher.auditing.targets import Targets
from patcher.auditing.turns import takes_turns
from patcher.binary import read
from patcher.binary.model import Function, Rewritten, Symbol
from patcher.check import Checked, Verdict
from patcher.follow.model import Site
from patcher.patch import Tactic
from patcher.x86.address import Gva
from patcher.x86.decode import decode

STUB, TRAP, TURNS = Tactic.STUB, Tactic.TRAP, Tactic.TURNS
FILLER = "movl %eax,%ebx\nmovl %eax,%ebx"


#: code, tactic of the first hole that matters, why it has no better one
CASES = [
    (f"pushfl\n{FILLER}\nret", STUB, "No tactic is faster."),
    (f"popfl\n{FILLER}\nret", STUB, "No tactic is faster."),
    ("pushfl\nmovl %eax,%ebx\nret\n.byte 0xcc,0xcc,0xcc", STUB, "No tactic is faster."),
    ("pushfl\npopl %eax\nret", TRAP, "The section ends too soon for a jump."),
    (f"sidtl (%eax)\n{FILLER}\nret", TRAP, "No stub does its work; CR4.UMIP would make it trap without a patch."),
    (f"cpuid\n{FILLER}\nret", TRAP, "No stub does its work."),
    (f"rdtsc\n{FILLER}\nret", TRAP, "No stub does its work; CR4.TSD would make it trap without a patch."),
    ("pushfl\nmovl %cs,%eax\nmovl %eax,%ebx\nret", TRAP, "A jump would cover the mov r/m,sreg that follows."),
    (f"pushfl\nagain:\n{FILLER}\ndecl %ecx\njnz again\nret", TRAP, "A short branch goes to 0x10001."),
    (f"pushfl\nagain:\n{FILLER}\nret\ncall again\nret", TRAP, "A branch may go to 0x10001."),
    (f"pushfl\npushfl\n{FILLER}\nret", STUB, "No tactic is faster."),
    (f"pushfl\nsti\n{FILLER}\nret", TRAP, "A jump would cover the sti that follows."),
    ("pushfl\ncall 0x10000", TRAP, "A branch follows that cannot be moved."),
]  # fmt: skip


@pytest.mark.parametrize(("text", "tactic", "reason"), CASES)
def test_a_site_gets_its_tactic(text: str, tactic: Tactic, reason: str) -> None:
    binary = program(text)
    hole = next(finding for finding in findings(binary) if finding.needs_patch)
    assert (hole.tactic, hole.tactic_reason) == (tactic, reason)
    assert not left_open(binary)


def test_a_jump_spares_the_next_function() -> None:
    binary = program(b"\x9c\xc3\x50\x50\x58\x58\xc3", entries=(0, 2))
    hole = next(finding for finding in findings(binary) if finding.needs_patch)
    assert hole.tactic is TRAP
    assert hole.tactic_reason.startswith("A jump would cover a part of the instruction at 0x10002")
    assert not left_open(binary)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("symbols", BASE + 3),
        ("functions", BASE + 3),
        ("pointers", BASE + 3),
    ],
)
def test_a_jump_covers_no_place_with_a_name(field: str, value: int) -> None:
    named = {
        "symbols": Symbol(Gva(value), "name"),
        "functions": Function(value, value + 1),
        "pointers": value,
    }
    binary = program(f"pushfl\n{FILLER}\nret", **{field: (named[field],)})
    assert [finding.tactic for finding in findings(binary)] == [TRAP]


def test_a_jump_covers_no_field_of_a_relocation() -> None:
    binary = program("pushfl\nmovl $0x12345678,%eax\nnop\nret", fields=(BASE + 2,))
    (hole,) = findings(binary)
    assert (hole.tactic, hole.tactic_reason) == (TRAP, "A relocation fills in bytes that a jump would cover.")


def test_stubs_are_for_ring_0_and_32_bit_code() -> None:
    (user,) = findings(program(f"popfl\n{FILLER}\nret", ring=3), iopl=3)
    (wide,) = findings(program("popfq\nnop\nnop\nnop\nnop\nnop\nret", bits=64))
    assert (user.tactic, user.tactic_reason) == (TRAP, "The stubs are for ring 0.")
    assert (wide.tactic, wide.tactic_reason) == (TRAP, "No stub does its work.")


def test_what_needs_no_patch_has_no_tactic() -> None:
    found = findings(program("cli\nmovl %ds,%eax\nret"))
    assert [(f.tactic, f.tactic_reason, f.needs_patch) for f in found] == [
        (None, "It traps by itself, so no patch is needed.", False),
        (None, "There is nothing to close.", False),
    ]


def test_what_the_program_rewrites_cannot_be_closed() -> None:
    binary = program(f"pushfl\n{FILLER}\nret", rewritten=(Rewritten(BASE, BASE + 1, ".altinstructions"),))
    (hole,) = findings(binary)
    assert (hole.tactic, hole.needs_patch, hole.rewritten) == (None, True, ".altinstructions")
    assert left_open(binary) == ["open: pushfd at 0x10000"]


def test_what_the_program_copies_over_its_code_cannot_be_closed_where_it_lies() -> None:
    rewritten = (Rewritten(BASE, BASE + 1, ".altinstructions", BASE + 2, 2),)
    (hole,) = findings(program("nop\nret\nrdtsc", rewritten=rewritten))
    assert (hole.tactic, hole.tactic_reason, hole.rewritten) == (
        None,
        "The program copies it over the code at 0x10000 (.altinstructions), which must be scanned again when that is "
        "done.",
        ".altinstructions",
    )


def test_overlapping_code_takes_turns() -> None:
    """pushf inside a mov; both are known to run."""
    binary = program(bytes.fromhex("b8 9c c3 90 90 c3"))
    flow = mapped(binary).flow
    flow.lengths[0, 32][1:3] = b"\x01\x01"
    site = Site(BASE + 1, 32, 1, Tier.CONFIRMED)
    code = CodeMap(binary, replace(flow, sites=(site,)))
    (hole,) = Findings(code, AuditOptions()).all()
    assert (hole.tactic, hole.tactic_reason) == (
        TURNS,
        "Its first byte belongs to the 32-bit instruction at 0x10000 as well.",
    )
    patched = apply(code, [hole])
    assert patched.binary.sections == binary.sections
    assert not open_sites(code, patched, CodeMap(resumed(patched), code.flow), AuditOptions())
    assert open_sites(code, replace(patched, closed=()), code, AuditOptions())


def test_a_trap_that_does_not_give_way_closes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    binary = program(bytes.fromhex("b8 9c 58 eb 02 eb fa c3"))
    code = mapped(binary)
    assert [finding.tactic for finding in Findings(code, AuditOptions()).all()] == [TURNS]
    assert takes_turns(code, BASE + 1, 32)
    assert not left_open(binary)
    monkeypatch.setattr(turns, "check", lambda *_: Checked(Verdict.SAFE, 0, 0))
    assert left_open(binary) == ["open: pushfd at 0x10001"]


@pytest.mark.parametrize(
    ("text", "bits", "site"),
    [
        ("b8 9c c3 90 90 c3", 32, 1), ("b8 0f 01 e0 90 c3", 32, 1), ("0f 01 e0 9c", 32, 2),
        ("9a 9c 9d 0f a2 9c 9d", 16, 2),
        ("b8 0f a2 0f a2 c3", 64, 1), ("f0 0f a2 c3", 32, 1), ("2e 0f 01 e0 c3", 32, 1),
    ],
)  # fmt: skip
def test_what_else_has_the_byte_may_be_sensitive_too(text: str, bits: int, site: int) -> None:
    binary = program(bytes.fromhex(text), bits)
    flow = mapped(binary).flow
    lengths = flow.lengths[0, bits]
    insn = decode(bytes.fromhex(text) + bytes(15), site, bits)
    assert insn is not None
    lengths[site : site + insn.length] = bytes([insn.length, *bytes(insn.length - 1)])
    assert takes_turns(CodeMap(binary, flow), BASE + site, bits)


PIECES = (
    "pushfl", "popfl", "cpuid", "sidtl (%esp)", "cli", "sti", "movl %cs,%eax", "movw %ax,%ds", "pushl %cs", "iretl",
    "nop", "movl %eax,%ebx", "pushl %eax", "popl %eax", "ret", "leave", "movl $0x9c9c9c9c,%eax", "int $0x80",
)  # fmt: skip
LABELS = st.integers(0, 5)
LOOP = f"pushfl\nagain:\n{FILLER}\ndecl %ecx\njnz again\nret"


def test_the_second_audit_sees_what_a_jump_must_not_cover(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the checks that choose a tactic taken away, what they are for is found in the patched copy."""
    monkeypatch.setattr(Targets, "inside", lambda *_: "")
    monkeypatch.setattr(closing, "_other_hole", lambda _: None)
    assert left_open(program(LOOP)) == ["entered: 0x10001"]
    assert left_open(program("pushfl\nmovl %cs,%eax\nmovl %eax,%ebx\nret")) == [
        "open: mov eax, cs at 0x1100d"
    ]


@st.composite
def programs(draw: st.DrawFn) -> str:
    """Sensitive and ordinary instructions in any order, with branches to any of them."""
    lines = draw(st.lists(st.sampled_from(PIECES), min_size=6, max_size=40))
    for number in range(6):
        lines.insert(draw(st.integers(0, len(lines))), f"place{number}:")
    for branch in draw(st.lists(st.sampled_from(("jmp", "jz", "jnc", "call")), max_size=6)):
        lines.insert(draw(st.integers(0, len(lines))), f"{branch} place{draw(LABELS)}")
    return "\n".join([*lines, "ret", "nop", "nop", "nop"])


@settings(max_examples=150, deadline=None)
@given(programs(), st.booleans())
def test_nothing_is_open_after_patching(text: str, ring_3: bool) -> None:
    assert not left_open(program(text), cpl=3 if ring_3 else 0)


@pytest.mark.parametrize("name", guests.names())
def test_nothing_is_open_in_a_patched_guest(name: str) -> None:
    for binary in read(guests.build(name), name):
        assert not left_open(binary)


@pytest.mark.parametrize("cpl", [0, 3])
def test_nothing_is_open_in_this_machines_library(cpl: int) -> None:
    found = sorted(Path("/lib").glob("*-linux-gnu/libz.so.1")) + sorted(Path("/usr/bin").glob("true"))
    if not found:
        pytest.skip("This machine has neither zlib nor /usr/bin/true.")
    for file in found:
        for binary in read(file.read_bytes(), str(file)):
            assert not left_open(binary, cpl=cpl)


def test_what_nothing_says_is_code_is_not_patched() -> None:
    """A constant that could be read as cpuid stands inside an instruction, and another one behind the code."""
    binary = program(b"\xb8\x0f\xa2\x00\x00\xc3\x0f\xa2\x06\x06\xff\xff")
    code = mapped(binary, everything=True)
    found = list(Findings(code, AuditOptions(tiers=frozenset(Tier))).all())
    assert {finding.tier for finding in found if finding.rule == "cpuid"} == {Tier.OVERLAPPING, Tier.POSSIBLE}
    assert not [finding.purpose for finding in found if finding.purpose]
    assert apply(code, found).binary.sections == binary.sections
