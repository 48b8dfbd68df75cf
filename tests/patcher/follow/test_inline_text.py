# SPDX-License-Identifier: GPL-2.0-or-later
"""Callees that read text behind their call and return behind it."""

import pytest
from followed import followed

from patcher.follow.inline_text import behind_text

_PRINT = """
print: popl %esi
again: lodsb
    testb %al, %al
    jz done
    outb %al, $0xe9
    jmp again
done: jmpl *%esi
"""
_COUNTED = "print: popl %esi\nxorl %eax, %eax\nlodsb\nmovl %eax, %ecx\nrep outsb\npushl %esi\nret\n"
_EXCHANGING = "print: xchgl %esi, (%esp)\npushfl\ncall other\npopfl\nxchgl %esi, (%esp)\nret\nother: ret\n"


@pytest.mark.parametrize(
    ("text", "end"),
    [
        (b"text\0\xc3", 5),
        (b"to DOS$\xc3", 7),
        (b"\x04text\xc3", 5),
        (b"\x04t\xe4xt\xc3", 5),  # another alphabet
        (b"\xc3", None),
        (b"", None),
        (b"ab\0\xc3", None),  # too short to be told
        (b"\x04\xe4\xe4xt\xc3", None),
        (b"without an end", None),
    ],
)
def test_where_text_ends(text: bytes, end: int | None) -> None:
    assert behind_text(text, 0) == end
    assert behind_text(b"\x90" + text, 1) == (None if end is None else end + 1)


@pytest.mark.parametrize(
    ("callee", "text"),
    [
        (_PRINT, '.asciz "in, out, cli: lmno"'),
        (_COUNTED, '.byte 0xc\n.ascii "\\372 and length"'),
        (_EXCHANGING, '.asciz "in, out, cli: lmno"'),
    ],
    ids=["zero", "length", "exchanged"],
)
def test_the_program_goes_on_behind_the_text(callee: str, text: str) -> None:
    found = followed(f"start: nop\ncall print\ntext: {text}\nbehind: pushfl\nret\n{callee}")
    assert {"behind", "print"} <= found.reached()
    assert "text" not in found.reached()
    assert not [
        site for site in found.flow.sites if found.labels["text"] <= site.address < found.labels["behind"]
    ]


def test_a_callee_that_returns_as_usual_returns_to_what_looks_like_text() -> None:
    found = followed("start: call callee\nlooks: .byte 0x50, 0x51, 0x52, 0\n.byte 0xc0\nret\ncallee: ret")
    assert "looks" in found.reached()
