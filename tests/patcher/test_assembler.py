# SPDX-License-Identifier: GPL-2.0-or-later
"""The assembler gives what was written, or says which line it could not."""

import keystone
import pytest

from patcher.assembler import assemble
from patcher.decoder import disassemble
from patcher.errors import PatcherError


@pytest.mark.parametrize(
    ("text", "bits", "code"),
    [
        ("pushfl", 32, "9c"), ("pushfw", 32, "669c"), ("pushfl", 16, "669c"), ("lgdtl (%eax)", 32, "0f0110"),
        ("lgdtw (%eax)", 32, "660f0110"), ("iretl", 32, "cf"), ("iretl", 16, "66cf"), ("pushl %ds", 32, "1e"),
        ("popw %ds", 32, "661f"), ("lretl $0x8", 32, "ca0800"), ("rep movsl", 32, "f3a5"),
        ("repne scasb", 32, "f2ae"), ("lock cmpxchgl %ecx, (%eax)", 32, "f00fb108"), ("jz .+2", 32, "7400"),
        ("cmovnzl %ecx, %eax", 32, "0f45c1"), ("setc %al", 32, "0f92c0"), ("ljmpl *(%eax)", 32, "ff28"),
        ("movl %eax, %cr3", 32, "0f22d8"), ("pushl $0xffff", 32, "68ffff0000"), ("cli; sti", 32, "fafb"),
        ("", 32, ""), ("# nothing", 32, ""), ("pushfq", 64, "9c"),
    ],
)  # fmt: skip
def test_instructions(text: str, bits: int, code: str) -> None:
    assert assemble(text, 0x1000, bits).hex() == code


def test_a_program_with_labels_and_data() -> None:
    program = """
    start:
        movl $message, %esi     # where it is
    again: lodsb
        testb %al, %al
        jz done
        jmp again
    done: hlt
    message:
        .asciz "a; b # 12"
        .balign 0x8
        .long start
    """
    code = assemble(program, 0x100000, 32)
    text, data = code[:13], code[13:]
    assert disassemble(text, 0x100000, 32).splitlines() == [
        "mov esi, 0x10000d", "lodsb al, byte ptr [esi]", "test al, al", "je 0x10000c", "jmp 0x100005", "hlt",
    ]  # fmt: skip
    assert data[:10] == b"a; b # 12\0"
    assert data[-4:] == bytes.fromhex("00001000")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("nop\nfrob %eax", r"line 2, 'frob %eax': Invalid mnemonic \(KS_ERR_ASM_MNEMONICFAIL\)"),
        ("jmp nowhere", r"line 1, 'jmp nowhere': Cannot find a symbol \(KS_ERR_ASM_SYMBOL_MISSING\)"),
        ("movl $20, %eax", r"line 1, 'movl \$20, %eax': it would read 20 as hexadecimal, write 0x\.\."),
        ("nop\nmovl 16(%esp), %eax", r"line 2, 'movl 16\(%esp\), %eax': it would read 16 as hexadecimal.*"),
        ("bound %eax, (%ecx)", r"1 statements were assembled as 0 instructions\."),
        ("nop # \N{SNOWMAN}", r"Assembly text is ASCII: .*"),
    ],
)
def test_what_cannot_be_assembled(text: str, sentence: str) -> None:
    with pytest.raises(PatcherError, match=f"^{sentence}$"):
        assemble(text, 0, 32)


def test_an_unknown_width() -> None:
    with pytest.raises(PatcherError, match=r"^Code is 16, 32 or 64 bits wide, not 8\.$"):
        assemble("nop", 0, 8)


class Misreading:
    """An assembler that makes something else of every text, as the real one sometimes does."""

    def __init__(self, code: str) -> None:
        self.code = bytes.fromhex(code)

    def asm(self, *_args: object, **_named: object) -> tuple[bytes, int]:
        return self.code, 1


@pytest.mark.parametrize(
    ("text", "made", "sentence"),
    [
        (
            "lgdtl (%eax)",
            "660f0110",
            r"line 1, 'lgdtl \(%eax\)' was assembled as 'lgdtw \(%eax\)' \(66 0f 01 10\)\.",
        ),
        ("nop\niretl", "90 66cf", r"line 2, 'iretl' was assembled as 'iretw' \(66 cf\)\."),
        ("rep movsl", "a5", r"line 1, 'rep movsl' was assembled as 'movsl .*' \(a5\)\."),
        ("jz .+2", "7500", r"line 1, 'jz \.\+2' was assembled as 'jne .*' \(75 00\)\."),
        ("nop", "90 90", r"1 statements were assembled as 2 instructions\."),
    ],
)
def test_a_silent_mistake_is_noticed(
    text: str, made: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("patcher.assembler._keystone", lambda bits: Misreading(made))
    with pytest.raises(PatcherError, match=f"^{sentence}$"):
        assemble(text, 0, 32)


def test_the_assembler_still_needs_watching() -> None:
    """Why numbers are refused: when this no longer holds they need not be."""
    code, _ = keystone.Ks(keystone.KS_ARCH_X86, keystone.KS_MODE_32).asm(b"mov eax, 20\n", as_bytes=True)
    att = keystone.Ks(keystone.KS_ARCH_X86, keystone.KS_MODE_32)
    att.syntax = keystone.KS_OPT_SYNTAX_ATT
    misread, _ = att.asm(b"movl $20, %eax\n", as_bytes=True)
    assert (code[1], misread[1]) == (20, 0x20)
