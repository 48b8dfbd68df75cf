# SPDX-License-Identifier: GPL-2.0-or-later
"""Which accesses an instruction makes, in what units and order: against the engine's own accesses, and by hand."""

from collections.abc import Iterator

import pytest
from access_witness import VALUES, AccessWitness, Seen
from fake_vcpu import DATA0, EBX, ECX, EDI, ES, ESI, ESP, SS, FakeVcpu, hidden, instruction, world

from patcher.catalogue import classify
from patcher.x86.decode import decode
from patcher.x86.exceptions import AC, GP, PF, GuestFault
from patcher.x86.insn import Insn
from patcher.x86.opcodes import MAPS, Operands
from vmm.alignment import accesses, check

STACK = 0x5000
OSFXSR = 0x600
PREFIXES = (b"", b"\x66", b"\xf3", b"\xf2", b"\x67")
BIT_STRINGS = (0xA3, 0xAB, 0xB3, 0xBB)


def processor() -> FakeVcpu:
    """Ring 3 with the witness's registers, in flat segments."""
    v = world(3)
    for number, value in enumerate(VALUES):
        v.regs[number] = value
    v.cr4 = OSFXSR
    return v


def encodings(opmap: int) -> Iterator[bytes]:
    """Every opcode of a map with every ModRM.reg; the operand is [ebx], [bx] or the absolute address of that place."""
    for opcode, cell in enumerate(MAPS[opmap]):
        if cell.operands is Operands.PREFIX:
            continue
        for prefix in PREFIXES:
            for reg in range(8) if cell.has_modrm else (0,):
                operand = bytes((reg << 3 | (7 if prefix == b"\x67" else 3),)) if cell.has_modrm else b""
                yield (
                    prefix + b"\x0f" * opmap + bytes((opcode,)) + operand + bytes.fromhex("0020000000000000")
                )


def page_of(address: int) -> int:
    """The page of a pointer in `VALUES`; the stack reaches below and above its own."""
    return STACK if STACK - 0x100 <= address < STACK + 0x100 else address & ~0xFFF


def units(seen: list[Seen]) -> list[tuple[int, int]]:
    """The first access behind each pointer with its size, without bytes."""
    first: dict[int, Seen] = {}
    for access in seen:
        first.setdefault(page_of(access.address), access)
    return [(access.address, access.size) for access in first.values() if access.size > 1]


def known_difference(insn: Insn) -> str | None:
    """Why the engine's first access is another one than the processor's."""
    where = insn.opmap, insn.opcode, insn.reg
    if where[:2] == (0, 0x60):
        return "pusha pushes all eight, the last one first"
    if where[:2] in ((0, 0xA6), (0, 0xA7)):
        return "cmps reads its second operand first"
    if where in ((0, 0xD9, 4), (0, 0xDD, 4), (1, 0xAE, 0), (1, 0xAE, 1)):
        return "images are read and written by words"
    if where in ((0, 0xDF, 4), (0, 0xDF, 6)):
        return "packed decimals are read and written by bytes"
    if insn.opmap == 1 and insn.opcode in (0x60, 0x61, 0x62):
        return "the MMX unpacks of low halves read 64 bits instead of 32"
    if insn.opmap == 1 and insn.opcode in BIT_STRINGS:
        return "a bit string is accessed whole operands away from its address"
    return None


@pytest.mark.parametrize("opmap", [0, 1])
def test_every_access_of_the_engine_is_listed_and_no_other(opmap: int) -> None:
    witness, v = AccessWitness(), processor()
    wrong, tried = [], 0
    for code in encodings(opmap):
        insn = decode(code, 0, 32)
        if insn is None or classify(insn) is not None or known_difference(insn):
            continue
        seen = witness.run(code)
        if seen is None:
            continue
        tried += 1
        listed = [
            (access.offset, min(access.divisor, 8)) for access in accesses(v, insn) if access.divisor > 1
        ]
        if listed != units(seen):
            wrong.append(f"{code.hex(' ')}: {listed}, the engine's are {units(seen)}")
    assert wrong == []
    assert tried > 1500


def test_what_is_written_after_another_access_is_known_to_be_a_write() -> None:
    """Only there it matters: the first access is never probed for a later one's sake."""
    witness, v = AccessWitness(), processor()
    for text in ("a5", "50", "ff 33", "ff 13", "8f 03", "c8 08 00 00", "ab"):
        code = bytes.fromhex(text)
        seen = {page_of(access.address): access.write for access in witness.run(code) or []}
        for access in accesses(v, instruction(code + bytes(8))):
            assert access.write == seen[page_of(access.offset)], text


# --- by hand: what the engine cannot show


@pytest.mark.parametrize(
    ("text", "offset", "divisor"),
    [
        ("60", STACK - 4, 4), ("66 60", STACK - 2, 2), ("61", STACK, 4),
        ("d9 23", 0x2000, 4), ("66 d9 23", 0x2000, 2), ("dd 23", 0x2000, 4), ("66 dd 23", 0x2000, 2),
        ("0f ae 03", 0x2000, 16), ("0f ae 0b", 0x2000, 16), ("df 23", 0x2000, 8), ("df 33", 0x2000, 8),
        ("0f 60 03", 0x2000, 4), ("66 0f 60 03", 0x2000, 16), ("0f a3 03", 0x2000, 4), ("66 0f bb 03", 0x2000, 2),
        ("0f f7 c1", 0x4000, 8), ("66 0f f7 c1", 0x4000, 8), ("0f 28 03", 0x2000, 16), ("0f 10 03", 0x2000, 8),
        ("f2 0f f0 03", 0x2000, 8), ("f3 0f 6f 03", 0x2000, 8), ("66 0f 6f 03", 0x2000, 16),
        ("67 8b 07", 0x2000, 4), ("a1 04 30 00 00", 0x3004, 4), ("66 a3 04 30 00 00", 0x3004, 2),
    ],
)  # fmt: skip
def test_units_by_hand(text: str, offset: int, divisor: int) -> None:
    found = accesses(processor(), instruction(bytes.fromhex(text) + bytes(8)))
    assert [(access.offset, access.divisor) for access in found] == [(offset, divisor)]


@pytest.mark.parametrize(
    "text", ["8d 03", "0f 1f 03", "0f 18 03", "0f ae 3b", "d7", "a4", "8a 03", "90", "eb 00", "c9"]
)
def test_no_units(text: str) -> None:
    """lea, nop, prefetch, clflush, xlat, movs of bytes, a byte, no access at all; leave has one."""
    found = [a for a in accesses(processor(), instruction(bytes.fromhex(text) + bytes(8))) if a.divisor > 1]
    assert [a.offset for a in found] == ([0x6000] if text == "c9" else [])


def test_cmps_reads_its_first_operand_first() -> None:
    assert [a.offset for a in accesses(processor(), instruction("a7"))] == [0x3000, 0x4000]


def test_pop_to_an_address_in_esp_uses_what_esp_will_be() -> None:
    assert [a.offset for a in accesses(processor(), instruction("8f 04 24"))] == [STACK, STACK + 4]
    assert [a.offset for a in accesses(processor(), instruction("66 8f 44 24 06"))] == [STACK, STACK + 8]


def test_enter_above_level_1_reads_frame_pointers() -> None:
    assert [a.offset for a in accesses(processor(), instruction("c8 08 00 01"))] == [STACK - 4]
    assert [a.offset for a in accesses(processor(), instruction("c8 08 00 22"))] == [STACK - 4, 0x5FFC]


def test_a_repeated_string_instruction_without_iterations_accesses_nothing() -> None:
    v = processor()
    v.regs[ECX] = 0x10000
    assert accesses(v, instruction("67 f3 a5")) == []
    assert [a.offset for a in accesses(v, instruction("f3 a5"))] == [0x3000, 0x4000]
    assert [a.offset for a in accesses(v, instruction("67 a5"))] == [0x3000, 0x4000]


def test_a_16_bit_stack_wraps() -> None:
    v = processor()
    segment = hidden(v, DATA0)
    v.segments[SS] = segment._replace(flags=segment.flags & ~0x40_0000)
    v.regs[ESP] = 0x1_0000
    assert [a.offset for a in accesses(v, instruction("50"))] == [0xFFFC]
    assert [a.offset for a in accesses(v, instruction("58"))] == [0]


# --- the verdict


def raised(v: FakeVcpu, text: str) -> tuple[int, int | None] | None:
    try:
        check(v, instruction(text))
    except GuestFault as fault:
        return fault.vector, fault.error_code
    return None


@pytest.mark.parametrize("distance", range(1, 16))
@pytest.mark.parametrize(
    ("text", "divisor", "vector"),
    [
        ("66 8b 03", 2, AC), ("8b 03", 4, AC), ("d9 03", 4, AC), ("dd 03", 8, AC), ("db 2b", 8, AC),
        ("0f c7 0b", 8, AC), ("0f 6f 03", 8, AC), ("d9 33", 4, AC), ("66 d9 33", 2, AC), ("66 dd 33", 2, AC),
        ("0f a3 03", 4, AC), ("66 0f a3 03", 2, AC), ("0f 11 03", 8, AC), ("0f 29 03", 16, GP), ("8a 03", 1, AC),
    ],
)  # fmt: skip
def test_table_of_data_types(text: str, divisor: int, vector: int, distance: int) -> None:
    """SDM vol. 3A, table 6-7: integers, singles, doubles, extended, double quadwords, images, bit strings."""
    v = processor()
    v.regs[EBX] += distance
    assert raised(v, text) == ((vector, 0) if distance % divisor else None)


def test_linear_addresses_are_what_counts() -> None:
    v = processor()
    v.segments[ES] = v.segments[ES]._replace(base=2)
    assert raised(v, "8b 03") is None
    assert raised(v, "26 8b 03") == (AC, 0)
    v.regs[EBX] += 2
    assert raised(v, "26 8b 03") is None


def test_a_page_fault_of_an_access_before_comes_first() -> None:
    v = processor()
    v.mem.absent = {3, 4}
    v.regs[EDI] += 1
    assert raised(v, "a5") == (PF, 4)
    v.regs[ESI] += 1
    assert raised(v, "a5") == (AC, 0)


@pytest.mark.parametrize(
    ("text", "cr0", "cr4", "vector"),
    [
        ("d9 03", 0x11, 0, AC), ("d9 03", 0x19, 0, None), ("d9 03", 0x15, 0, None),
        ("0f 6f 03", 0x11, 0, AC), ("0f 6f 03", 0x19, 0, None), ("0f 6f 03", 0x15, 0, None),
        ("f3 0f 10 03", 0x11, OSFXSR, AC), ("f3 0f 10 03", 0x11, 0, None), ("f3 0f 10 03", 0x19, OSFXSR, None),
        ("0f ae 03", 0x11, 0, GP), ("0f ae 13", 0x11, 0, None), ("0f c3 03", 0x1D, 0, AC), ("8b 03", 0x1D, 0, AC),
    ],
)  # fmt: skip
def test_nm_and_ud_come_first(text: str, cr0: int, cr4: int, vector: int | None) -> None:
    v = processor()
    v.cr0, v.cr4 = cr0, cr4
    v.regs[EBX] += 1
    assert raised(v, text) == (None if vector is None else (vector, 0))
