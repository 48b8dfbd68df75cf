# SPDX-License-Identifier: GPL-2.0-or-later
"""Code that no path reaches: what the program names, what looks like a function, and what does not."""

import struct

from followed import BASE, follow_bytes, followed, program

from patcher.auditing.model import Tier
from patcher.binary.model import Privilege, Section

_FUNCTION = """
    pushl %ebp
    movl %esp, %ebp
    movl 8(%ebp), %eax
    cpuid
    leave
    ret
"""


def test_a_function_whose_address_is_taken() -> None:
    found = followed(f"start: movl $handler, 0x500000\nret\n.balign 0x10\nhandler: {_FUNCTION}")
    assert "handler" in found.reached()


def test_an_address_in_code_counts_unless_relocations_name_all() -> None:
    """A program linked to a fixed address names some addresses by relocations, too: those of its initializers."""
    code, labels = program(f"start: movl $handler, 0x500000\nret\n.balign 0x10\nhandler: {_FUNCTION}last: ret\n")
    for relocated in (False, True):
        found = follow_bytes(code, labels, pointers=(labels["last"],), relocated=relocated)
        assert ("handler" in found.reached()) is not relocated


def test_text_whose_address_is_taken_is_no_code() -> None:
    found = followed(
        'start: movl $text, %eax\nret\n.balign 0x10\ntext: .ascii "pqrs lon stuff"\n.byte 0, 0xc3'
    )
    assert found.reached() == {"start"}
    assert found.likely() == set()


def test_a_relocation_names_a_function() -> None:
    code, labels = program(f"start: ret\n.balign 0x10\nhandler: {_FUNCTION}")
    assert "handler" in follow_bytes(code, labels, pointers=(labels["handler"],)).reached()


def test_a_function_that_nothing_names_is_likely() -> None:
    found = followed(f"start: ret\n.balign 0x10, 0x90\nlonely: {_FUNCTION}")
    assert "lonely" in found.likely()
    assert "lonely" not in found.reached()
    assert len(found.sites(Tier.LIKELY)) == 1


def test_numbers_behind_a_function_are_not_likely() -> None:
    table = ", ".join(hex(number * 0x01010307 & 0xFFFFFFFF) for number in range(40))
    found = followed(f"start: ret\n.balign 0x10, 0x90\nnumbers: .long {table}")
    assert found.likely() == set()


def test_padding_is_no_gap() -> None:
    code = b"\xc3" + bytes.fromhex("8db42600000000 8d7600 660f1f440000 90") + b"\xc3"
    found = follow_bytes(code, {"start": BASE})
    assert found.flow.padding[0] == (BASE + 1, BASE + 18)


def test_functions_that_a_table_in_an_image_without_sections_names() -> None:
    text = (
        "start: ret\n.balign 0x10\none: pushl %ebp\nmovl %esp, %ebp\ncli\npopl %ebp\nret\n"
        ".balign 0x10\ntwo: pushl %ebp\nmovl %esp, %ebp\nsti\npopl %ebp\nret\n.balign 0x10\ntable: .long one, two"
    )
    found = followed(text)
    assert {"one", "two"} <= found.reached()


def test_one_word_alone_is_no_table() -> None:
    text = (
        "start: ret\n.balign 0x10\none: pushl %ebp\nmovl %esp, %ebp\ncli\npopl %ebp\nret\n"
        ".balign 0x10\ntable: .long one, 0"
    )
    assert "one" not in followed(text).reached()


def test_one_byte_of_a_constant_is_no_padding() -> None:
    data = ".byte 0xff, 0xff, 0x40, 0xa1, 0x11, 0x22, 0x33, 0xff, 0xff, 0xff, 0x31, 0x02, 0xff, 0xff, 0xcc\n"
    text = f"start: ret\n{data}.balign 0x10, 0xcc\nlonely: {_FUNCTION}"
    assert "lonely" not in followed(text).likely()
    assert "lonely" in followed(text.replace("0xff, 0xff, 0xcc", "0xff, 0xc3, 0xcc")).likely()


def test_traps_behind_what_never_returns_are_fill() -> None:
    text = "start: call never\nnop\nint3\nint3\n.balign 0x10, 0xcc\nnever: cli\nhlt\njmp never\n"
    assert followed(text).sites(Tier.LIKELY) == set()


def test_what_an_idt_in_the_file_names() -> None:
    """A gate holds its address in parts (SDM vol. 3A, 6.11 and 6.14.1); an absent one, and one of no segment, none."""
    for bits in (32, 64):
        function = _FUNCTION if bits == 32 else "pushq %rbx\nmovq %rdi, %rbx\ncpuid\npopq %rbx\nret\n"
        places = "".join(f".balign 0x10\n{name}: {function}" for name in ("handler", "absent", "null"))
        code, labels = program("start: ret\n" + places, bits)
        idt = (
            _gate(labels["handler"], 8, 0x8E, bits)
            + _gate(labels["absent"], 8, 0x0E, bits)
            + _gate(labels["null"], 0, 0x8E, bits)
        )
        data = Section(".data", 0x500000, memoryview(idt), len(idt), False, True, bits, None)
        reached = follow_bytes(code, labels, bits, data=(data,), privilege=Privilege.KERNEL).reached()
        assert "handler" in reached
        assert not reached & {"absent", "null"}


def _gate(address: int, selector: int, kind: int, bits: int) -> bytes:
    low, high = address & 0xFFFF, address >> 16
    return struct.pack("<HHBBH", low, selector, 0, kind, high) + bytes(8 if bits == 64 else 0)


def test_what_a_call_through_a_word_among_code_names() -> None:
    """An image without sections: a lone word is no table."""
    start = "start: " + "nop\n" * 6 + "ret\n.balign 0x10\n"
    text = f"{start}word: .long handler\n.byte 0xff, 0xff\nhandler: {_FUNCTION}"
    for how, names in (("ff15", True), ("ff1d", True), ("ff25", True), ("ff2d", True), ("8b0d", False)):
        code, labels = program(text)
        code = bytes.fromhex(how) + struct.pack("<I", labels["word"]) + code[6:]
        assert ("handler" in follow_bytes(code, labels).reached()) is names
