# SPDX-License-Identifier: GPL-2.0-or-later
"""What matters where: the table against the engine, which runs each instruction in both worlds, and against itself."""

from enum import IntEnum

import pytest
from two_worlds import Frame, deprivileged, native, run

from patcher.auditing.explain import example
from patcher.auditing.model import Kind
from patcher.auditing.relevance import World, relevance, world_of
from patcher.auditing.rows import rules
from patcher.catalogue import CATALOGUE, SensitiveInsn, classify
from patcher.x86.decode import decode

FRAMES = {
    World.KERNEL: (native(0, 0, interrupts=False), native(0, 0, interrupts=True)),
    World.USER: (native(3, 0, interrupts=True),),
    World.USER_IO: (native(3, 3, interrupts=False), native(3, 3, interrupts=True)),
}

#: What runs, and its eax: each touches only registers, [edx] and the stack. The engine keeps no port from any ring, so
#: that in and out cannot be tried.
INSTRUCTIONS = {
    "pushf": ("9c", 0), "popf": ("9d", 0), "cli": ("fa", 0), "sti": ("fb", 0),
    "sgdt": ("0f 01 02", 0), "sidt": ("0f 01 0a", 0), "sldt": ("0f 00 c0", 0), "str": ("0f 00 c8", 0),
    "smsw": ("0f 01 e0", 0), "mov cs": ("8c c8", 0), "mov ss": ("8c d0", 0), "mov ds": ("8c d8", 0),
    "push cs": ("0e", 0), "push ss": ("16", 0), "push ds": ("1e", 0), "push fs": ("0f a0", 0),
    "lar kernel": ("0f 02 c0", 8), "lar task": ("0f 02 c0", 0x28), "lsl task": ("0f 03 c0", 0x28),
    "verr": ("0f 00 e0", 0x10), "verw": ("0f 00 e8", 0x20),
    "mov ds,user": ("8e d8", 0x23), "mov ds,kernel": ("8e d8", 0x10), "arpl": ("63 c8", 0x23),
    "hlt": ("f4", 0), "lgdt": ("0f 01 12", 0), "mov cr0": ("0f 20 c0", 0), "clts": ("0f 06", 0),
    "int 0x80": ("cd 80", 0), "int3": ("cc", 0), "invd": ("0f 08", 0),
    "rdmsr": ("0f 32", 0),
}  # fmt: skip

#: Where the engine must show the difference, so that the comparison is known to see something.
SHOWN = {
    (World.KERNEL, name)
    for name in ("pushf", "popf", "sgdt", "sidt", "sldt", "str", "smsw", "mov cs", "mov ss", "push cs", "push ss",
                 "lar kernel", "lar task", "lsl task")
} | {
    (World.USER, name) for name in ("sgdt", "sidt", "sldt", "str", "smsw")
} | {
    (World.USER_IO, name) for name in ("pushf", "popf", "sgdt", "sidt", "sldt", "str", "smsw")
}  # fmt: skip


class Shown(IntEnum):
    """What the engine makes of an instruction deprivileged: what its guest expects, a trap, or something else."""

    SAME = 0
    TRAP = 1
    HOLE = 2


def breaks(code: bytes, eax: int, frame: Frame) -> Shown:
    """Run it in both worlds and compare what the guest can look at."""
    own, under = run(code, frame, eax), run(code, deprivileged(frame), eax)
    if own == under:
        return Shown.SAME
    if under.vector is not None:
        return Shown.TRAP
    if own.flags != under.flags and (own.registers, own.memory) == (under.registers, under.memory):
        before = frame.eflags & 0x3200
        return Shown.HOLE if own.flags != before else Shown.SAME  # an unchanged real flag shows nothing
    return Shown.HOLE


@pytest.mark.parametrize("name", INSTRUCTIONS)
@pytest.mark.parametrize("world", FRAMES, ids=lambda world: world.name)
def test_the_table_says_what_the_engine_shows(world: World, name: str) -> None:
    digits, eax = INSTRUCTIONS[name]
    insn = decode(bytes.fromhex(digits), 0, 32)
    assert insn is not None
    row = classify(insn)
    assert row is not None
    said = relevance(row, insn, world)
    shown = max(breaks(insn.raw, eax, frame) for frame in FRAMES[world])
    if shown == Shown.HOLE:
        assert (said.kind, said.matters) == (Kind.HOLE, True)
    if (world, name) in SHOWN:
        assert shown == Shown.HOLE
    if said.kind is Kind.PRIVILEGED and said.matters:
        assert shown == Shown.TRAP
    if not said.matters:
        assert shown != Shown.HOLE


@pytest.mark.parametrize("row", [row for rows in rules().values() for row in rows], ids=str)
def test_every_row_is_judged_in_every_world(row: SensitiveInsn) -> None:
    for bits in row.modes:
        for world in World:
            found = relevance(row, example(row, bits), world)
            assert found.why.endswith(".")
            assert found.why[0].isupper() or found.why[0] == "#"


def test_code_is_placed_in_its_world() -> None:
    assert world_of(0, 3, 32, protected=False) is World.KERNEL
    assert world_of(3, 0, 64, protected=False) is World.USER
    assert world_of(3, 3, 32, protected=False) is World.USER_IO
    assert world_of(0, 0, 16, protected=False) is World.REAL
    assert world_of(0, 0, 16, protected=True) is World.KERNEL


def test_an_effect_of_the_tables_is_in_the_catalogue() -> None:
    from patcher.auditing import relevance as module

    effects = {row.effect for row in CATALOGUE}
    for table in (module._UNHARMED_USER, module._USER_IO, module._UNHARMED_REAL, module._REAL_TRAPS):
        assert set(table) <= effects
