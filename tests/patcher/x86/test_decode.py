# SPDX-License-Identifier: GPL-2.0-or-later
"""The decoder by examples: fields, sizes, limits. Lengths against others are in the files beside this one."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patcher.x86.decode import MAX_LENGTH, Flow, Truncated, decode, flow, length_at
from patcher.x86.insn import CS, DS, FS, RIP, SS, VEX_MAP, Insn


def insn(text: str, bits: int = 32) -> Insn:
    found = decode(bytes.fromhex(text), 0, bits)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "bits", "fields"),
    [
        ("8b 84 88 10 20 30 40", 32, {"base": 0, "index": 1, "scale": 4, "disp": 0x40302010}),
        ("8b 04 25 f0 ff ff ff", 32, {"base": None, "index": None, "disp": -16}),
        ("8b 04 24", 32, {"base": 4, "index": None, "disp": 0, "data_segment": SS}),
        ("8b 45 f8", 32, {"base": 5, "disp": -8, "data_segment": SS}),
        ("64 8b 45 f8", 32, {"segment": FS, "data_segment": FS}),
        ("8b 44 3d 00", 32, {"base": 5, "index": 7, "scale": 1, "data_segment": SS}),
        ("8b 42 80", 16, {"base": 5, "index": 6, "disp": -128, "operand_size": 16, "address_size": 16}),
        ("67 8b 02", 32, {"base": 5, "index": 6, "address_size": 16, "operand_size": 32, "data_segment": SS}),
        ("8b 06 34 12", 16, {"base": None, "disp": 0x1234, "data_segment": DS}),
        ("66 67 8b 03", 16, {"base": 3, "operand_size": 32, "address_size": 32, "prefixes": 2}),
        ("8b 05 00 00 00 80", 64, {"base": RIP, "disp": -0x80000000}),
        ("4f 8b 04 f7", 64, {"base": 15, "index": 14, "scale": 8, "operand_size": 64, "rex": 0x4F}),
        ("48 66 b8 34 12", 64, {"operand_size": 16, "imm": 0x1234, "rex": 0}),
        ("2e f2 f3 a4", 32, {"rep": 0xF3, "segment": CS, "prefixes": 3}),
        ("f0 0f b1 0a", 32, {"lock": True, "opmap": 1, "opcode": 0xB1, "reg": 1, "rm": 2}),
        ("9a 78 56 34 12 08 00", 32, {"imm": 0x12345678, "imm2": 8}),
        ("66 ea 34 12 08 00", 32, {"imm": 0x1234, "imm2": 8}),
        ("c8 10 00 03", 32, {"imm": 0x10, "imm2": 3}),
        ("a1 00 10 00 c0", 32, {"disp": 0xC0001000, "is_moffs": True, "is_memory": False}),
        ("cd 80", 32, {"imm": 0x80}),
        ("6a ff", 32, {"imm": 0xFF}),
        ("c2 fc ff", 32, {"imm": 0xFFFC}),
        ("0f 20 18", 32, {"is_memory": False, "mod": 0, "reg": 3, "rm": 0}),
        ("0f 01 10", 32, {"is_memory": True, "reg": 2}),
        ("c5 f8 77", 32, {"opmap": VEX_MAP, "opcode": 0x77}),
        ("c5 08", 32, {"opmap": 0, "opcode": 0xC5, "is_memory": True}),
    ],
)
def test_fields(text: str, bits: int, fields: dict[str, object]) -> None:
    found = insn(text, bits)
    assert found.raw == bytes.fromhex(text)
    assert {name: getattr(found, name) for name in fields} == fields


@pytest.mark.parametrize(
    ("text", "bits", "target"),
    [
        ("eb fe", 32, 0x1000),
        ("e8 00 00 00 00", 32, 0x1005),
        ("66 e9 00 f0", 32, 0x0004),
        ("0f 84 00 10 00 00", 32, 0x2006),
        ("66 0f 84 00 10", 32, 0x2005),
        ("e9 fd ef", 16, 0x0000),
        ("e8 fb df ff ff", 32, 0xFFFFF000),
        ("e2 10", 16, 0x1012),
    ],
)
def test_branch_targets(text: str, bits: int, target: int) -> None:
    found = insn(text, bits)
    assert found.target_relative == found.imm
    assert found.target(0x1000) == target


def test_what_is_no_relative_branch_has_no_target() -> None:
    assert insn("ff e0").target_relative is None
    assert insn("ff e0").target(0) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", Flow.NEXT), ("ff f0", Flow.NEXT), ("ff c0", Flow.NEXT), ("c5f880", Flow.NEXT),
        ("eb 00", Flow.JUMP), ("e9 00000000", Flow.JUMP), ("74 00", Flow.COND), ("0f84 00000000", Flow.COND),
        ("e2 00", Flow.COND), ("e3 00", Flow.COND), ("e8 00000000", Flow.CALL), ("ff d0", Flow.CALL),
        ("ff 18", Flow.CALL), ("9a 0000000000 00", Flow.CALL), ("ff e0", Flow.STOP), ("ff 28", Flow.STOP),
        ("ea 0000000000 00", Flow.STOP), ("c3", Flow.STOP), ("c2 0000", Flow.STOP), ("cb", Flow.STOP),
        ("ca 0000", Flow.STOP), ("cf", Flow.STOP), ("0f0b", Flow.STOP), ("0fb9c0", Flow.STOP),
        ("0fffc0", Flow.STOP), ("0f35", Flow.STOP), ("0f07", Flow.STOP), ("cc", Flow.EVENT),
        ("cd80", Flow.EVENT), ("ce", Flow.EVENT), ("f1", Flow.EVENT), ("f4", Flow.EVENT),
        ("0f34", Flow.EVENT), ("0f05", Flow.EVENT),
    ],
)  # fmt: skip
def test_flow(text: str, expected: Flow) -> None:
    found = decode(bytes.fromhex(text) + bytes(8), 0, 32)
    assert found is not None
    assert flow(found) is expected


@pytest.mark.parametrize("text", ["0f 04", "0f 0a", "0f a6 00", "8f eb 78 c2", "8f f0 78 c2", "0f 36", "0f 3b"])
def test_an_undefined_opcode_is_none(text: str) -> None:
    assert decode(bytes.fromhex(text) + bytes(15), 0, 32) is None
    assert length_at(bytes.fromhex(text) + bytes(15), 0, 32) == 0


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("8f e8 78 c2 ed 10", 32), ("8f e9 70 12 6c 24 04", 32), ("67 8f e9 70 12 06 34 12", 32),
        ("8f ea 78 10 c1 11 22 33 44", 64), ("48 8f e9 70 12 6c 24 04", 64), ("8f c8", 16), ("8f 20", 32),
        ("0f a6 c8", 16), ("f3 0f a7 e8", 64), ("8f 04 24", 64),
    ],
)  # fmt: skip
def test_instructions_of_other_makers(text: str, bits: int) -> None:
    """XOP has an immediate of 1, 0 or 4 bytes by its map, and real mode has no XOP: there it is pop."""
    code = bytes.fromhex(text)
    found = decode(code + bytes(15), 0, bits)
    assert found is not None
    assert found.raw == code
    assert flow(found) is Flow.NEXT


@pytest.mark.parametrize("opcode", [0x06, 0x27, 0x60, 0x82, 0x9A, 0xCE, 0xD5, 0xEA])
def test_64_bit_mode_took_opcodes_away(opcode: int) -> None:
    code = bytes((opcode,)) + bytes(15)
    assert decode(code, 0, 32) is not None
    assert decode(code, 0, 64) is None


def test_fifteen_bytes_are_the_limit() -> None:
    assert length_at(b"\x66" * 14 + b"\x90", 0, 32) == MAX_LENGTH
    assert decode(b"\x66" * 15 + b"\x90", 0, 32) is None
    assert decode(b"\x2e" * 10 + bytes.fromhex("81 05 00000000 00000000"), 0, 32) is None


def test_too_long_is_told_even_where_the_bytes_end() -> None:
    assert decode(b"\x66" * 15, 0, 32) is None


def test_bytes_before_and_behind_do_not_count() -> None:
    code = bytes.fromhex("ff ff 05 78563412 ff")
    found = decode(memoryview(code), 2, 32)
    assert found is not None
    assert (found.raw, found.imm) == (code[2:7], 0x12345678)


@given(st.binary(min_size=15, max_size=20), st.sampled_from((16, 32, 64)))
def test_every_shorter_piece_is_truncated(code: bytes, bits: int) -> None:
    """What is cut before its last byte is always told, and what lies behind it changes nothing."""
    found = decode(code, 0, bits)
    if found is None:
        return
    assert decode(found.raw, 0, bits) == found
    for size in range(found.length):
        with pytest.raises(Truncated, match=r"offset 0x0 goes on past the end of the code"):
            decode(found.raw[:size], 0, bits)


def test_an_insn_is_frozen() -> None:
    found = insn("90")
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.imm = 1  # type: ignore[misc]
    assert found == insn("90")
    assert hash(found) == hash(insn("90"))
    assert dataclasses.replace(found, imm=3).imm == 3
