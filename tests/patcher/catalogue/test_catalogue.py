# SPDX-License-Identifier: GPL-2.0-or-later
"""Every row of the catalogue says all it has to, and every encoding finds its row, under all prefixes."""

import re
from itertools import combinations
from pathlib import Path

import pytest
from encodings_to_try import ESCAPES

import patcher.catalogue
from patcher.auditing.rows import audited
from patcher.catalogue import (
    CATALOGUE,
    Form,
    Key,
    Origin,
    RobinIrvine,
    Runs,
    SensitiveInsn,
    Sensitivity,
    classify,
)
from patcher.catalogue.index import DuplicateClaim, build_cells
from patcher.catalogue.invalid import DISPUTED, HIDING, LOCKED, TOO_LONG, UNDECODABLE, VEX
from patcher.decoder import disassemble
from patcher.x86.decode import Flow, decode, flow
from patcher.x86.insn import Insn

FOLDER = Path(patcher.catalogue.__file__).parent
PROMISED = """
    sgdt sidt sldt smsw pushf popf lar lsl verr verw str cli sti hlt in out ins outs lgdt lidt lldt ltr lmsw
    clts invlpg invd wbinvd rdmsr wrmsr iret sysenter sysexit cpuid rdtsc rdtscp rdpmc rdpid xgetbv xsetbv
    monitor mwait clac stac swapgs syscall sysret rdfsbase rdgsbase wrfsbase wrgsbase arpl into int1 lds les
    lss lfs lgs bound ud retf
"""
PROMISED_FORMS = {
    "pop sreg", "push sreg", "mov r/m,sreg", "mov sreg,r/m", "call far", "jmp far", "int n",
    "mov r,cr", "mov cr,r", "mov r,dr", "mov dr,r",
}  # fmt: skip

PREFIXES = (0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF2, 0xF3)
PREFIX_STRINGS = (b"", *(bytes((p,)) for p in PREFIXES), *(bytes(pair) for pair in combinations(PREFIXES, 2)))


def encodings(row: SensitiveInsn) -> list[bytes]:
    """Every kind of operand that the row claims, without its mandatory prefix."""
    key = row.key
    start = ESCAPES[key.opmap] + bytes((key.opcode,))
    found = []
    for reg in range(8) if key.regs is None else key.regs:
        if key.form is not Form.REGISTER:
            found += [
                start + bytes((mod << 6 | reg << 3 | rm,))
                for mod, rm in ((0, 0), (0, 4), (0, 5), (1, 2), (2, 7))
            ]
        if key.form is not Form.MEMORY:
            found += [start + bytes((0xC0 | reg << 3 | rm,)) for rm in key.rms or (0, 3, 7)]
    return found


def decoded(code: bytes, bits: int) -> Insn:
    insn = decode(code + bytes(15), 0, bits)
    assert insn is not None, code.hex(" ")
    return insn


@pytest.mark.parametrize("row", CATALOGUE, ids=str)
def test_a_row_is_complete(row: SensitiveInsn) -> None:
    assert row.name
    assert re.fullmatch(r"[a-z0-9]+( (far|n|ax|sreg|r/m,sreg|sreg,r/m|r,cr|cr,r|r,dr|dr,r))?", row.effect)
    assert isinstance(row.runs_at, Runs)
    assert isinstance(row.sensitivity, Sensitivity)
    assert row.sensitivity
    assert isinstance(row.is_hole, bool)
    assert isinstance(row.control_flow, bool)
    assert row.breaks.endswith(".")
    assert row.modes
    assert row.modes <= {16, 32, 64}
    assert re.match(r"(SDM|AMD APM) vol\. [1-4][A-D]?, ", row.manual)
    assert row.robin_irvine is None or row.is_hole


@pytest.mark.parametrize("row", CATALOGUE, ids=str)
def test_a_row_stands_in_the_file_of_its_family(row: SensitiveInsn) -> None:
    assert (FOLDER / f"{row.family}.py").is_file()


@pytest.mark.parametrize("row", CATALOGUE, ids=str)
def test_what_only_ring_0_or_iopl_may_run_is_no_hole(row: SensitiveInsn) -> None:
    trapped = row.runs_at in (Runs.CPL0, Runs.IOPL) or row.family in ("undocumented", "floats")
    assert row.is_hole != trapped


def test_the_origin_says_what_only_this_engine_wants() -> None:
    by_family = {row.family: {other.origin for other in CATALOGUE if other.family == row.family} for row in CATALOGUE}
    assert by_family.pop("invalid") == {Origin.UNDEFINED}
    assert by_family.pop("floats") == {Origin.ENGINE}
    assert set.union(*by_family.values()) == {Origin.ARCHITECTURE}
    assert {LOCKED.origin, UNDECODABLE.origin, TOO_LONG.origin} == {Origin.UNDEFINED}
    assert {VEX.origin, DISPUTED.origin, HIDING.origin} == {Origin.ENGINE}


@pytest.mark.parametrize("row", CATALOGUE, ids=str)
def test_control_flow_agrees_with_the_opcode_map(row: SensitiveInsn) -> None:
    """What the map says leaves the line, the row says too; a row may know more (hlt, mwait, #UD)."""
    insn = decoded(encodings(row)[0], min(row.modes))
    assert row.control_flow or flow(insn) is Flow.NEXT


SREG = r"[c-gs]s"
WRITTEN = {
    "pushf": "pushfd", "popf": "popfd", "iret": "iretd", "insw/insd": "insd .*", "outsw/outsd": "outsd .*",
    "in al,n": r"in al, \w+", "in eax,n": r"in eax, \w+", "in al,dx": "in al, dx", "in eax,dx": "in eax, dx",
    "out n,al": r"out \w+, al", "out n,eax": r"out \w+, eax", "out dx,al": "out dx, al",
    "out dx,eax": "out dx, eax", "call far ptr": "lcall .*", "call far m": r"call ptr \[.*",
    "jmp far ptr": "ljmp .*", "jmp far m": r"jmp ptr \[.*", "retf": "retf", "retf n": r"retf \w+",
    "int n": r"int \w+", "mov r,cr": r"mov e.., cr[0234]", "mov cr,r": r"mov cr[0234], e..",
    "mov r,dr": r"mov e.., dr\d", "mov dr,r": r"mov dr\d, e..", "mov r/m,sreg": rf"mov .*, {SREG}",
    "mov sreg,r/m": rf"mov {SREG}, .*", "fnstsw ax": "fnstsw ax",
}  # fmt: skip
"""How a disassembler writes what a row means, where that is not the row's name."""


@pytest.mark.parametrize(
    "row", [row for row in CATALOGUE if row.family not in ("invalid", "undocumented")], ids=str
)
def test_the_encoding_is_that_of_the_name(row: SensitiveInsn) -> None:
    bits = 32 if 32 in row.modes else 64
    prefix = bytes(row.key.prefixes[:1]) if row.key.prefixes and row.key.prefixes[0] else b""
    for code in encodings(row):
        text = disassemble(decoded(prefix + code, bits).raw, 0, bits)
        assert re.fullmatch(WRITTEN.get(row.name, rf"{row.name}( .*)?"), text), text
    if row.effect != "ud":
        assert row.name.startswith(row.effect.split()[0])


def test_robin_and_irvine_are_all_there() -> None:
    assert {row.robin_irvine for row in CATALOGUE} - {None} == set(RobinIrvine)
    assert [which.number for which in RobinIrvine] == list(range(1, 19))
    assert {which.rule for which in RobinIrvine} == {"3B", "3C"}


def test_everything_promised_is_there() -> None:
    assert {*PROMISED.split(), *PROMISED_FORMS} - {row.effect for row in CATALOGUE} == set()


@pytest.mark.parametrize("row", CATALOGUE, ids=str)
def test_a_row_is_found_under_all_prefixes(row: SensitiveInsn) -> None:
    for bits in row.modes:
        for code in encodings(row):
            for prefix in PREFIX_STRINGS:
                insn = decoded(prefix + code, bits)
                mandatory = insn.rep or (0x66 if 0x66 in prefix else 0)
                wanted = row.key.prefixes is None or mandatory in row.key.prefixes
                assert (classify(insn) is row) == wanted, f"{insn.raw.hex(' ')} in {bits} bits"


@pytest.mark.parametrize("row", CATALOGUE, ids=str)
def test_a_lock_makes_it_undefined(row: SensitiveInsn) -> None:
    for bits in row.modes:
        for code in encodings(row):
            for prefix in (b"\xf0", b"\xf0\x66", b"\x2e\xf0", b"\xf3\xf0"):
                assert classify(decoded(prefix + code, bits)) is LOCKED


@pytest.mark.parametrize("row", [row for row in CATALOGUE if len(row.modes) < 3], ids=str)
def test_a_row_is_not_found_in_other_modes(row: SensitiveInsn) -> None:
    for bits in {16, 32, 64} - row.modes:
        for code in encodings(row):
            insn = decode(code + bytes(15), 0, bits)
            assert insn is None or classify(insn) is not row


@pytest.mark.parametrize(
    "text",
    [
        "90", "89 c8", "8b 04 24", "f6 d0", "f7 c0 00000000", "ff 10", "ff 20", "ff 30", "62 c1", "0f af c1",
        "0f ae 38", "0f ae e8", "0f c7 08", "0f 0d 00", "f3 90", "c4 00", "0f 1f 00", "66 0f 12 00",
        "0f 18 00", "f0 0f c7 08", "f0 ff 00", "0f 0b", "63 c0", "c3", "e8 00000000", "d9 c0",
        "0f ba e0 01", "f3 0f d6 c0",
    ],
)  # fmt: skip
def test_ordinary_instructions_have_no_row(text: str) -> None:
    claimed = {"c4 00": "les", "63 c0": "arpl", "62 c1": "vex"}
    insn = decoded(bytes.fromhex(text), 32)
    row = classify(insn)
    assert (row.name if row else None) == claimed.get(text)


def test_a_vex_encoding_is_undefined_below_64_bits() -> None:
    assert classify(decoded(bytes.fromhex("c5 f8 a2"), 32)) is VEX
    assert classify(decoded(bytes.fromhex("c4 e2 78 f3 c8"), 16)) is VEX
    assert classify(decoded(bytes.fromhex("c5 f8 28 c1"), 64)) is None


def test_xop_and_padlock_are_undefined_where_the_machine_runs_them_and_not_audited() -> None:
    """No processor model has them, and the engine runs the first as pop."""
    xop, padlock = bytes.fromhex("8f e8 78 c2 ed 10"), bytes.fromhex("f3 0f a7 c0")
    assert classify(decoded(xop, 32)) is VEX
    assert classify(decoded(xop, 64)) is None
    row = classify(decoded(padlock, 32))
    assert row is not None
    assert (row.name, row.effect, audited(row)) == ("padlock", "ud", False)


def test_rows_without_encoding_deliver_ud() -> None:
    assert {row.effect for row in (LOCKED, VEX, UNDECODABLE)} == {"ud"}
    assert not {LOCKED, VEX, UNDECODABLE} & set(CATALOGUE)


def test_names_are_unique_within_a_kind_of_operand() -> None:
    keys = [(row.name, row.key) for row in CATALOGUE]
    assert len(set(keys)) == len(keys)


def test_a_duplicate_claim_raises() -> None:
    row = CATALOGUE[0]
    with pytest.raises(
        DuplicateClaim, match=rf"^{re.escape(str(row))} of {row.family} and .* claim one encoding$"
    ):
        build_cells((*CATALOGUE, row))


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (Key(1, 0x01, (7,), Form.REGISTER, rms=(1,)), "0F 01 /7 rm=1 (register)"),
        (Key(2, 0x82, prefixes=(0x66,)), "0F 38 82 with 66"),
        (Key(0, 0x9C), "9C"),
    ],
)
def test_a_key_as_text(key: Key, text: str) -> None:
    assert str(key) == text
