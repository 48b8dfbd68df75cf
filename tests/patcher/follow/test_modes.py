# SPDX-License-Identifier: GPL-2.0-or-later
"""The mode along a path: real, protected and long mode in one program."""

from followed import follow_bytes, followed, program

from patcher.binary.model import Privilege
from patcher.follow import ProblemKind

_GDT = bytes.fromhex("0000000000000000 ffff0000009acf00 ffff0000009aaf00 ffff0000009a0f00")
"""Null, 32-bit code, 64-bit code, 16-bit code."""


def _boot(rest: bytes) -> bytes:
    """A boot sector at 7C00 that enters protected mode; `rest` lies at 7C20, the GDT at 7C80."""
    start = bytes.fromhex("fa 0f0116 707c 0f20c0 0c01 0f22c0 66ea 207c0000 0800")
    code = start.ljust(0x20, b"\x90") + rest
    return code.ljust(0x70, b"\xcc") + bytes.fromhex("1f00 807c0000") + bytes(10) + _GDT


def test_from_real_to_protected_mode() -> None:
    code = _boot(bytes.fromhex("66b81000 8ed8 f4 ebfd"))
    found = follow_bytes(code, {"start": 0x7C00, "pm": 0x7C20}, 16, 0x7C00, privilege=Privilege.FIRMWARE)
    assert found.reached(16) == {"start"}
    assert found.reached(32) == {"pm"}


def test_the_gdt_tells_that_a_selector_means_64_bit_code() -> None:
    code = _boot(
        bytes.fromhex("ea 307c0000 1000").ljust(16, b"\x90") + bytes.fromhex("4831c0 0f01f8 f4 ebfd")
    )
    found = follow_bytes(code, {"start": 0x7C00, "lm": 0x7C30}, 16, 0x7C00, privilege=Privilege.FIRMWARE)
    assert found.reached(64) == {"lm"}
    assert 0x7C33 in found.sites()  # swapgs


def test_without_a_gdt_paging_and_efer_tell_it() -> None:
    enabling = "b9800000c0 0f32 0d00010000 0f30 0f20c0 0d00000080 0f22c0 ea 26104000 0800"
    code = bytes.fromhex(enabling).ljust(0x26, b"\x90") + bytes.fromhex("4831c0 0f01f8 c3")
    found = follow_bytes(code, {"start": 0x401000, "upper": 0x401026}, privilege=Privilege.KERNEL)
    assert found.reached(64) == {"upper"}


def test_a_reload_of_cs_keeps_the_mode() -> None:
    found = followed("start: lgdtl 0x500000\npushl $8\npushl $next\nlretl\nnext: pushfl\nret")
    assert found.reached(32) == {"start", "next"}


def test_windows_and_linux_enter_32_bit_code_by_their_selector() -> None:
    found = followed("start: pushq $0x23\npushq $legacy\nlretq\nlegacy: .byte 0x1e, 0x07, 0xc3", 64)
    assert found.reached(32) == {"legacy"}


def test_a_real_mode_far_jump_normalizes_the_segment() -> None:
    code = bytes.fromhex("ea 057c0000") + bytes.fromhex("fa f4 ebfd")
    found = follow_bytes(code, {"start": 0x7C00, "next": 0x7C05}, 16, 0x7C00, privilege=Privilege.FIRMWARE)
    assert found.reached(16) == {"start", "next"}


def test_what_another_processor_starts_with_is_found_by_its_address() -> None:
    copy = (
        bytes.fromhex("fa 31c0 8ed8 0f20c0 6683c801 0f22c0 66ea") + (0x9018).to_bytes(4, "little") + b"\x08\0"
    )
    code = (
        bytes.fromhex("be 10104000 bf 00900000 c3").ljust(16, b"\x90")
        + copy.ljust(24, b"\x90")
        + b"\x0f\x31\xc3"
    )
    found = follow_bytes(code, {"start": 0x401000, "real": 0x401010, "pm": 0x401028})
    assert found.reached(16) == {"real"}
    assert "pm" in found.reached(32)


def test_a_far_jump_to_the_next_instruction_behind_paging_keeps_the_mode() -> None:
    text = (
        "start: movl $0x80000033, %eax\nmovl %eax, %cr0\n.byte 0xea\n.long next\n.short 0x10\nnext: cli\nhlt"
    )
    found = followed(text, privilege=Privilege.KERNEL)
    assert "next" in found.reached()
    assert found.problems() == set()


def test_a_far_jump_behind_paging_is_not_settled_in_code_that_asks_for_long_mode_elsewhere() -> None:
    text = (
        "start: movl $0x80000033, %eax\nmovl %eax, %cr0\n.byte 0xea\n.long next\n.short 0x10\nnext: cli\nhlt\n"
        "movl $0xc0000080, %ecx\nrdmsr\nbtsl $8, %eax\nwrmsr\nret"
    )
    assert followed(text, privilege=Privilege.KERNEL).problems() == {ProblemKind.UNKNOWN_MODE}


def test_a_far_jump_whose_offset_is_filled_in_at_run_time_does_not_lead_to_the_start() -> None:
    code = bytes.fromhex("fa 0f20c0 0c01 0f22c0 eb00 66ea 00000000 1000")
    found = follow_bytes(code, {"start": 0x268}, 16, 0x268, privilege=Privilege.KERNEL)
    assert found.reached(32) == set()
    assert found.problems() == {ProblemKind.UNRESOLVED_JUMP}


def test_what_another_processor_starts_with_may_jump_through_memory() -> None:
    copy = bytes.fromhex("fa 31c0 8ed8 0f20c0 6683c801 0f22c0 2e66ff2d").ljust(24, b"\x90")
    code = bytes.fromhex("be 10104000 bf 00900000 c3").ljust(16, b"\x90") + copy
    found = follow_bytes(code, {"start": 0x401000, "real": 0x401010})
    assert found.reached(16) == {"real"}
    assert "real" not in found.reached(32)


def test_bits_of_what_a_register_held_before_cr0_was_read_tell_nothing() -> None:
    text = (
        "start: andb $0xf0, %al\nmovb %al, 0x500000\nmovl $0x50022, %ecx\nmovl %cr0, %eax\n"
        "andl $0x80000011, %eax\norl %ecx, %eax\nmovl %eax, %cr0\n.byte 0xea\n.long next\n.short 0x60\nnext: cli\nhlt"
    )
    found = followed(text, privilege=Privilege.KERNEL)
    assert "next" in found.reached(32)
    assert found.reached(16) == set()


def test_what_is_followed_in_one_mode_is_not_followed_in_another_because_it_is_named() -> None:
    text = "start: pushq $0x23\npushq $legacy\nlretq\nlegacy: .byte 0x89, 0xc3, 0x89, 0xd1, 0x89, 0xc8, 0xc3"
    code, labels = program(text, 64)
    found = follow_bytes(code, labels, 64, pointers=(labels["legacy"],))
    assert found.reached(32) == {"legacy"}
    assert found.reached(64) == {"start"}


def test_a_far_return_to_what_goes_back_to_real_mode_leads_into_16_bit_code() -> None:
    found = followed(
        "start: pushl $0x28\npushl $back\nlretl\n"
        "back: .byte 0x0f, 0x20, 0xc0, 0x66, 0x83, 0xe0, 0xfe, 0x0f, 0x22, 0xc0, 0xea, 0xf0, 0xff, 0, 0xf0",
        privilege=Privilege.KERNEL,
    )
    assert found.reached(16) == {"back"}
    assert found.reached(32) == {"start"}
