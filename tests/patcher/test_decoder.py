# SPDX-License-Identifier: GPL-2.0-or-later
"""Code as text: lengths are the processor's, and nothing is left out."""

import capstone
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patcher.decoder import ATT, PLAIN, disassemble, instructions, lengths
from patcher.errors import PatcherError


@pytest.mark.parametrize(
    ("text", "bits", "shown"),
    [
        ("0f 01 e0", 32, "smsw eax"),
        ("9c", 32, "pushfd"),
        ("9c", 16, "pushf"),
        ("f0 9c", 32, "lock pushfd"),
        ("66 f0 0f 01 e0", 32, "lock smsw ax"),
        ("0f ff c0", 32, ".byte 0x0f, 0xff, 0xc0"),
        ("0f b9 c0", 32, ".byte 0x0f, 0xb9, 0xc0"),
        ("0f 04", 32, ".byte 0x0f\n.byte 0x04"),
        ("eb fe", 32, "jmp 0x1000"),
        ("0f a2 f4", 32, "cpuid\nhlt"),
        ("", 32, ""),
    ],
)
def test_text(text: str, bits: int, shown: str) -> None:
    assert disassemble(bytes.fromhex(text), 0x1000, bits) == shown


def test_att_syntax() -> None:
    assert disassemble(bytes.fromhex("8b442404"), 0, 32, ATT) == "movl 4(%esp), %eax"


def test_a_cut_instruction_is_one_item() -> None:
    found = instructions(bytes.fromhex("90 b8 78 56"), 0x100, 32)
    assert [(address, raw) for address, raw, _ in found] == [(0x100, b"\x90"), (0x101, b"\xb8\x78\x56")]


@given(st.binary(max_size=40), st.sampled_from((16, 32, 64)))
def test_every_byte_is_shown_once(code: bytes, bits: int) -> None:
    found = instructions(code, 0x7C00, bits)
    assert b"".join(raw for _, raw, _ in found) == code
    assert [address for address, _, _ in found] == [
        0x7C00 + sum(len(raw) for _, raw, _ in found[:index]) for index in range(len(found))
    ]
    assert all(text for _, _, text in found)


def test_lengths_stop_where_capstone_does() -> None:
    assert lengths(bytes.fromhex("90 8b442404 0f04 90"), 32) == [1, 4]
    assert lengths(bytes.fromhex("90 8b442404"), 32, 1) == [1]


def test_an_unknown_width() -> None:
    with pytest.raises(PatcherError, match=r"^Code is 16, 32 or 64 bits wide, not 8\.$"):
        disassemble(b"\x90", 0, 8)


@pytest.mark.parametrize("bits", [16, 32, 64])
@pytest.mark.parametrize("raw", PLAIN, ids=bytes.hex)
def test_plain_text_is_what_capstone_says(raw: bytes, bits: int) -> None:
    """It stands in for it, so that most audits of programs need not load it."""
    said = list(capstone.Cs(capstone.CS_ARCH_X86, {16: 2, 32: 4, 64: 8}[bits]).disasm_lite(raw, 0))
    assert [(len(raw), PLAIN[raw])] == [(length, f"{word} {rest}".rstrip()) for _, length, word, rest in said]
