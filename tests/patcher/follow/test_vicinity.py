# SPDX-License-Identifier: GPL-2.0-or-later
"""Named places judged by what lies around them: among data a place must show more to be code."""

import pytest
from followed import BASE, Followed, follow_bytes, program

from patcher.binary.model import Binary, Privilege, Section
from patcher.follow.likelihood import BAD, evidence
from patcher.follow.space import Space

_FUNCTION = (
    "pushl %ebp\nmovl %esp, %ebp\npushl %ebx\nmovl 8(%ebp), %eax\nmovl (%eax), %edx\ntestl %edx, %edx\n"
    "movl %edx, %ecx\nmovl 4(%eax), %ebx\n"
    "cpuid\nmovl -4(%ebp), %ebx\nleave\nret\n"
)
_DOUBTFUL = "pushl %es\npopl %ds\nsubb (%esi), %al\ninto\nret\n"
"""What decodes to its end, and looks more like data than like code."""
_NUMBERS = ".byte 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x14\n" * 12


def _named(text: str, bits: int = 32) -> Followed:
    """Every label but the first is named by a relocation."""
    code, labels = program(text, bits)
    return follow_bytes(code, labels, bits, pointers=tuple(sorted(set(labels.values()) - {labels["start"]})))


def test_what_looks_like_data_among_data_is_no_code() -> None:
    numbers = [f"n{number}: {_NUMBERS}" for number in range(8)]
    text = "start: ret\n" + "".join(numbers[:4]) + f"doubtful: {_DOUBTFUL}" + "".join(numbers[4:])
    assert _named(text).reached() == {"start"}


def test_the_same_among_functions_is_code() -> None:
    functions = [f"f{number}: {_FUNCTION}" for number in range(8)]
    text = "start: ret\n" + "".join(functions[:3]) + f"doubtful: {_DOUBTFUL}" + "".join(functions[3:])
    assert "doubtful" in _named(text).reached()


def test_a_function_among_data_is_code() -> None:
    numbers = [f"n{number}: {_NUMBERS}" for number in range(8)]
    text = "start: ret\n" + "".join(numbers[:4]) + f"function: {_FUNCTION}" + "".join(numbers[4:])
    assert "function" in _named(text).reached()


def test_what_a_call_skips_says_nothing_about_its_place() -> None:
    numbers = [f"n{number}: {_NUMBERS}" for number in range(8)]
    skips = f"function: call behind\n{_NUMBERS}behind: popl %eax\n{_FUNCTION}"
    text = "start: ret\n" + "".join(numbers[:4]) + skips + "".join(numbers[4:])
    assert {"function", "behind"} <= _named(text).reached()


def test_a_call_of_code_speaks_for_a_doubtful_place() -> None:
    numbers = [f"n{number}: {_NUMBERS}" for number in range(8)]
    calls = f"doubtful: pushl %es\ncall start\ncall start\ncall start\ncall start\ncall start\n{_DOUBTFUL}"
    text = "start: ret\n" + "".join(numbers[:4]) + calls + "".join(numbers[4:])
    assert "doubtful" in _named(text).reached()
    assert "doubtful" not in _named(text.replace("call start", "pushl %es")).reached()


def test_padding_speaks_for_nothing() -> None:
    numbers = [f"n{number}: {_NUMBERS}" for number in range(8)]
    nops = ".byte 0x0f, 0x1f, 0x44, 0, 0\n" * 8
    text = "start: ret\n" + "".join(numbers[:4]) + f"nops: {nops}.byte 0x2a, 6, 0xc3\n" + "".join(numbers[4:])
    assert "nops" not in _named(text, 64).reached()


def test_a_row_of_pushes_is_no_text() -> None:
    pushes = "pushl %eax\npushl %ecx\npushl %edx\npushl %ebx\npushl %ebp\npushl %esi\npushl %edi\n" * 2
    assert "handler" in _named(f"start: ret\n.balign 0x10\nhandler: {pushes}cld\nret\n").reached()


def _bits(raw: str) -> float:
    """The evidence of the instruction that these bytes begin with."""
    data = bytes.fromhex(raw).ljust(16, b"\x90")
    section = Section(".text", BASE, memoryview(data), len(data), True, False, 32, 0)
    lane = Space(Binary("", "raw", 32, Privilege.USER, (section,), ())).lane(BASE, 32)
    assert lane is not None
    return evidence(lane, 0)[0]


@pytest.mark.parametrize("raw", ["ffff", "fed0", "8dc0", "ffe8", "8ec8", "c6c800", "f089c0"])
def test_what_every_processor_rejects_is_no_code(raw: str) -> None:
    assert _bits(raw) == BAD


@pytest.mark.parametrize("raw", ["0f0b", "8d00", "ffe0", "ff28", "fec0", "8ed8", "f00100"])
def test_what_some_processor_runs_is_not_rejected(raw: str) -> None:
    assert _bits(raw) > BAD


def test_names_of_operands_that_a_program_fills_in_say_nothing_about_their_code() -> None:
    filled = [f".byte 0xb8\nn{number}: .long 0\n" for number in range(4)]
    text = "start: ret\n" + f"doubtful: {_DOUBTFUL}" + "".join(filled) + "ret\n"
    assert "doubtful" in _named(text).reached()
