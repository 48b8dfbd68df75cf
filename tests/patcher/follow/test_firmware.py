# SPDX-License-Identifier: GPL-2.0-or-later
"""Images without sections: functions back to back, of both modes, among tables, text and fonts."""

import struct
from collections.abc import Mapping

from followed import Followed, follow_bytes, followed

from patcher.assembler import assemble
from patcher.auditing.model import Tier
from patcher.binary.model import Binary, Entry, Origin, Privilege, Section
from patcher.follow import Budget, ProblemKind, follow

BASE = 0xF0000
FUNCTION = (
    "pushl %ebx\nmovl %eax, %ebx\nmovl $0x12345, %edx\ninb $0x71, %al\ntestl %eax, %eax\npopl %ebx\nret"
)
SHORT = "pushw %bx\nmovw %ax, %bx\nmovb $0x10, %ah\ninb $0x71, %al\ntestw %ax, %ax\npopw %bx\nret"
MODES = b"".join(struct.pack("<HBxHHBBxxH", 0x100 + n, 6, 640, 480, 8 + n % 24, 8, 0xA000) for n in range(40))
"""A table as video BIOSes have it; read as code it is push, enter, adc, add."""


def image(parts: Mapping[int, tuple[int, str]], size: int = 0x100) -> bytes:
    """Code by its offset: its mode and text. What lies between is halt, in which nothing goes on."""
    content = bytearray(b"\xf4" * size)
    for offset, (bits, text) in parts.items():
        code = assemble(text, BASE + offset, bits)
        content[offset : offset + len(code)] = code
    return bytes(content)


def firmware(content: bytes, **labels: int) -> Followed:
    """Follow an image of 16-bit firmware from its first byte."""
    places = {name: BASE + offset for name, offset in {"start": 0, **labels}.items()}
    return follow_bytes(content, places, 16, BASE, privilege=Privilege.FIRMWARE)


def test_functions_lie_back_to_back() -> None:
    names = [f"f{number}" for number in range(9)]
    text = "start: ret\n" + "\n".join(f"{name}: {FUNCTION}" for name in names)
    assert set(names) <= followed(text).likely()


def test_behind_a_return_in_a_gap_may_be_a_function() -> None:
    text = f"start: ret\n.byte 0x0f, 0x0a, 0x0f, 0x0a, 0xc3\nlonely: {FUNCTION}\n{FUNCTION}"
    assert "lonely" in followed(text).likely()


def test_code_that_nothing_names_is_read_in_the_mode_that_fits() -> None:
    call = assemble(f"start: movl $0x{BASE + 0x40:x}, %edx\njmp start", BASE, 16)
    content = image({0x40: (32, FUNCTION), 0x60: (32, FUNCTION)}).replace(b"\xf4" * len(call), call, 1)
    found = firmware(content.replace(b"\xf4", b"\x90"))
    assert {(BASE + 0x68, 32)} == {(s.address, s.mode) for s in found.flow.sites if s.tier is Tier.LIKELY}


def test_a_linear_address_in_16_bit_code_names_32_bit_code() -> None:
    code = image({0: (16, f"movl $0x{BASE + 0x40:x}, %edx\nret"), 0x40: (32, FUNCTION)})
    found = firmware(code, handler=0x40)
    assert "handler" in found.reached(32)
    assert "handler" not in found.reached(16)


def test_an_offset_in_16_bit_code_names_what_lies_behind_a_function() -> None:
    first = "movw $0x04, %cx\nret"
    assert len(assemble(first, BASE, 16)) == 4
    assert "handler" in firmware(image({0: (16, f"{first}\n{SHORT}")}), handler=4).reached(16)


def test_a_number_in_16_bit_code_names_nothing_elsewhere() -> None:
    found = firmware(image({0: (16, "movw $0x40, %cx\nret"), 0x40: (16, SHORT)}), handler=0x40)
    assert "handler" not in found.reached()


def test_a_table_that_begins_like_code_is_none() -> None:
    lead = assemble(SHORT.removesuffix("ret") * 6, BASE, 16)
    content = b"\xc3".ljust(16, b"\x90") + lead + MODES + b"\x90" * 8 + b"\xc3"
    assert firmware(content, table=16).likely() == set()


def test_a_named_table_in_an_image_without_sections_is_no_code() -> None:
    lead = assemble(FUNCTION.removesuffix("ret") * 6, 0, 32)
    content = (
        assemble("movl $0x401010, %eax\nret", 0x401000, 32).ljust(16, b"\x90")
        + lead
        + MODES
        + b"\x90" * 8
        + b"\xc3"
    )
    found = follow_bytes(content, {"start": 0x401000, "table": 0x401010})
    assert found.reached() == {"start"}


def test_a_far_jump_with_a_short_offset_leaves_32_bit_code() -> None:
    code = image({0: (16, f"movl $0x{BASE + 0x20:x}, %edx\nret"), 0x40: (16, "cli\nret")})
    switch = assemble(FUNCTION.removesuffix("ret"), 0, 32) + bytes.fromhex("66ea 4000 1800")
    found = firmware(code[:0x20] + switch.ljust(0x20, b"\xf4") + code[0x40:], real=0x40)
    assert "real" in found.reached(16)
    assert "real" not in found.reached(32)


def test_a_far_pointer_that_is_zero_is_filled_in_later() -> None:
    code = image({0: (16, "cli\nljmp *%cs:0x40"), 0x40: (16, ".long 0")})
    found = firmware(code)
    assert found.problems() == {ProblemKind.UNRESOLVED_JUMP}


def test_a_far_pointer_lies_in_the_segment_that_the_path_loaded() -> None:
    to_itself = (16, f".short 0x80, 0x{BASE >> 4:x}")
    text = "movw $0x{:x}, %ax\nmovw %ax, %ds\nljmp *0x40"
    parts = {0x40: to_itself, 0x80: (16, "cli\nret")}
    here = firmware(image({0: (16, text.format(BASE >> 4)), **parts}), target=0x80)
    other = firmware(image({0: (16, text.format(0x40)), **parts}), target=0x80)
    assert "target" in here.reached(16)
    assert "target" not in other.reached()
    assert other.problems() == {ProblemKind.UNRESOLVED_JUMP}


def cut_in_two(privilege: Privilege) -> set[int]:
    """Confirmed sites of one function that lies in two sections."""
    data = memoryview(bytes.fromhex("5389c3 fa 5b c3"))
    sections = (
        Section("low", BASE, data[:3], 3, True, False, 32, 0),
        Section("high", BASE + 3, data[3:], 3, True, False, 32, 3),
    )
    binary = Binary("", "bios", 32, privilege, sections, (Entry(BASE, 32, Origin.ENTRY),))
    return {site.address for site in follow(binary, Budget()).sites if site.tier is Tier.CONFIRMED}


def test_a_path_goes_on_over_the_border_of_segments() -> None:
    assert cut_in_two(Privilege.FIRMWARE) == {BASE + 3}
    assert cut_in_two(Privilege.USER) == set()


def test_traps_behind_a_call_are_its_end() -> None:
    text = (
        "start: ret\n.balign 0x10, 0x90\nlonely: pushl %ebx\nmovl %eax, %ebx\ntestl %ebx, %ebx\ncall never\n"
        ".balign 0x10, 0xcc\nnever: hlt\njmp never"
    )
    assert followed(text).sites(Tier.LIKELY).isdisjoint(range(0x40101A, 0x401020))


def test_what_a_writable_image_runs_is_read_from_it() -> None:
    text = (
        "start: call thunk\naddl $0x1000, %ebx\ncmpl $1, %esi\nja out\nmovl -0xfdb(%ebx, %esi, 4), %eax\n"
        "addl %ebx, %eax\njmp *%eax\none: cli\nout: ret\nthunk: movl (%esp), %ebx\nret\n"
    )
    code = assemble(text, 0x1000, 32)
    got = 0x1005 + 0x1000
    one = 0x1000 + code.index(b"\xfa")
    code = code.ljust(0x2A, b"\x90") + struct.pack("<ii", one - got, one + 1 - got)
    table = 0x1000 + 0x2A - got
    code = code.replace(struct.pack("<i", -0xFDB), struct.pack("<i", table))
    flat = Section("flat", 0x1000, memoryview(code), len(code), True, True, 32, 0)
    entries = (Entry(0x1000, 32, Origin.ENTRY),)
    flow = follow(Binary("", "raw", 32, Privilege.KERNEL, (flat,), entries), Budget())
    assert {site.address for site in flow.sites if site.tier is Tier.CONFIRMED} == {one}
    assert not flow.problems


def test_coverage_tells_data_from_code() -> None:
    text = b"The quick brown fox jumps over the lazy dog.\0" * 4
    found = firmware(b"\xc3".ljust(16, b"\x90") + MODES + text + bytes(64))
    coverage = found.flow.coverage
    assert coverage.data > 0.95 * len(MODES + text)
    assert coverage.followed + coverage.swept + coverage.padding + coverage.data == coverage.code


def test_code_that_is_not_followed_is_no_data() -> None:
    bad = "\n".join([FUNCTION.removesuffix("ret")] * 12) + "\njmp .+0x800"
    assert followed(f"start: ret\n.balign 0x10, 0x90\nlost: {bad}").flow.coverage.data == 0


def test_what_nothing_names_may_end_by_a_call_of_the_bios() -> None:
    text = SHORT.removesuffix("ret") * 3 + "int $0x18"
    content = b"\xc3".ljust(16, b"\x90") + assemble(text, 0, 16) + bytes.fromhex("0f0a") * 8
    assert firmware(content, lonely=16).likely() == {"lonely"}
    assert firmware(content.replace(b"\xcd\x18", b"\xcd\x17"), lonely=16).likely() == set()
