# SPDX-License-Identifier: GPL-2.0-or-later
"""Promises P1 and P5 on generated programs: registers, flags, events and memory as in ring 0 on the bare engine.

The log that a program leaves behind lies in guest memory, so one comparison of all RAM covers both promises.
`PATCHVISOR_PROGRAMS` sets how many hundred programs are tried (5 unless told; 1,000 take about twenty minutes).
"""

import os
import struct

import arena
import pytest
from program_maker import programs

from vmm.machine import Machine

HUNDREDS = int(os.environ.get("PATCHVISOR_PROGRAMS", "5"))
FIELDS = (
    "edi", "esi", "ebp", "esp", "ebx", "edx", "ecx", "eax", "gs", "fs", "es", "ds",
    "vector", "error", "eip", "cs", "eflags", "outer esp", "outer ss", "cr2", "cr0",
)  # fmt: skip


def memory_after(image: bytes, policy: str) -> bytes:
    """All RAM when the last program has ended."""
    with Machine(kernel=image, memory=arena.MEMORY_MIB, policy=policy, no_reboot=True) as machine:
        report = machine.run(timeout=60)
        assert report.exit_status == 33, f"{policy}: {report.message}"
        return machine.mem.physical.read(0, arena.MEMORY_MIB << 20)


def events(memory: bytes) -> list[tuple[int, ...]]:
    end = struct.unpack_from("<I", memory, arena.VARIABLES)[0]
    return [struct.unpack_from("<21I", memory, at) for at in range(arena.LOG, end, arena.RECORD)]


def difference(made: tuple[arena.Program, ...], wanted: bytes, got: bytes) -> str:
    """The first event that differs, or the first bytes, and the code that led there."""
    for before, after in zip(events(wanted), events(got), strict=False):
        if before != after:
            fields = [
                f"{name} {b:#x}, should be {a:#x}" for name, a, b in zip(FIELDS, before, after, strict=True) if a != b
            ]
            return f"at {after[14]:#x}: {'; '.join(fields)}\n{code_before(made, before[14])}"
    return "bytes at " + ", ".join(f"{at:#x}" for at in range(len(got)) if wanted[at] != got[at])[:400]


def code_before(made: tuple[arena.Program, ...], eip: int) -> str:
    at = arena.PROGRAMS
    for number, program in enumerate(made):
        first = arena.first_slot(at)
        if first <= eip < at + program.size:
            last = (eip - first) // arena.SLOT
            lines = [f"  {first + arena.SLOT * i:#x}: {s.hex(' ')}" for i, s in enumerate(program.slots[: last + 1])]
            return f"program {number}, ring {program.ring}:\n" + "\n".join(lines)
        at += program.size
    return "in no program"


def compare(seed: int, policies: tuple[str, ...], policy_rules: bool) -> None:
    made = programs(seed, 100, policy_rules)
    image = arena.image(made)
    wanted = memory_after(image, policies[0])
    for policy in policies[1:]:
        got = memory_after(image, policy)
        if got != wanted:
            pytest.fail(f"{policy} is not {policies[0]}: {difference(made, wanted, got)}")


@pytest.mark.parametrize("seed", range(HUNDREDS))
def test_hundred_programs_end_as_on_the_bare_engine(seed: int) -> None:
    compare(seed, ("native", "trap", "fast"), policy_rules=False)


@pytest.mark.parametrize("seed", range((HUNDREDS + 1) // 2))
def test_both_policies_agree_where_the_bare_engine_cannot_follow(seed: int) -> None:
    """Ports and undefined forms below ring 0, debug registers and MSRs."""
    compare(seed, ("trap", "fast"), policy_rules=True)


def test_most_events_are_not_the_end_of_a_program() -> None:
    """A generator whose programs do nothing would keep every promise."""
    log = events(memory_after(arena.image(programs(1, 100)), "fast"))
    assert len(log) > 300
    assert len({event[12] for event in log}) >= 8
