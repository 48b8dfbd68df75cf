# SPDX-License-Identifier: GPL-2.0-or-later
"""Registers and memory of a stopped guest, read and written through the Python interface."""

import pytest

import guests
from vmm import Machine
from vmm.errors import VmmError

#: Halts with paging on: the page directory at 0x102000 maps [0, 4 MiB) and the same at 0xC0000000, as 4 MiB pages.
PAGED = """
.globl start
start:
    movl $0x102000, %edi
    movl $0x87, (%edi)
    movl $0x87, 0xC00(%edi)
    movl %cr4, %eax
    orl $0x10, %eax
    movl %eax, %cr4
    movl %edi, %cr3
    movl %cr0, %eax
    orl $0x80000000, %eax
    movl %eax, %cr0
    movl $0x1234, %ebx
    cli
    hlt
"""
DIRECTORY = 0x10_2000


@pytest.fixture(scope="module")
def paged() -> Machine:
    from patcher.assembler import assemble

    code = assemble(PAGED.replace(".globl start\n", ""), 0x10_0000, 32)
    with Machine(kernel=code, address=0x10_0000, memory=8) as machine:
        machine.run(timeout=20)
        yield machine


def test_registers_are_attributes_and_items(paged) -> None:
    assert paged.regs.ebx == paged.regs["ebx"] == 0x1234
    assert paged.regs.cr3 == DIRECTORY
    assert paged.regs.cr0 >> 31 == 1
    assert paged.regs.cpl == 0
    assert dict(paged.regs)["cs"] == paged.regs.cs
    assert "ebx=00001234" in repr(paged.regs)


def test_registers_can_be_written(paged) -> None:
    paged.regs.esi = 0xFFFF_FFFF
    paged.regs["edi"] = 7
    paged.regs.dr0 = 0x1000
    assert (paged.regs.esi, paged.regs.edi, paged.regs.dr0) == (0xFFFF_FFFF, 7, 0x1000)
    flags = paged.regs.eflags
    paged.regs.eflags = flags | 0x40
    assert paged.regs.eflags & 0x40
    paged.regs.eflags = flags


@pytest.mark.parametrize("name", ["rax", "cr1", "dr4", "_private"])
def test_other_names_are_refused(paged, name) -> None:
    with pytest.raises(AttributeError, match="there is no register"):
        getattr(paged.regs, name)
    with pytest.raises(AttributeError, match="there is no register"):
        setattr(paged.regs, name, 0)
    with pytest.raises(KeyError):
        paged.regs[name]


@pytest.mark.parametrize(("name", "value"), [("cs", 8), ("cpl", 3), ("eax", -1), ("eip", 1 << 32)])
def test_what_cannot_be_written_is_a_sentence(paged, name, value) -> None:
    with pytest.raises(VmmError, match=f"{name}"):
        paged.regs[name] = value


def test_memory_is_read_through_the_guests_tables(paged) -> None:
    code = paged.mem.physical[0x10_0000:0x10_0010]
    assert paged.mem[0xC010_0000:0xC010_0010] == code == paged.mem.read(0x10_0000, 16)
    assert paged.mem[0xC010_0000] == code[0]


def test_looking_sets_no_accessed_bit(paged) -> None:
    paged.mem.physical.write(DIRECTORY + 0xC00, (0x87).to_bytes(4, "little"))
    paged.mem.read(0xC000_0000, 16)
    assert paged.mem.physical.read(DIRECTORY + 0xC00, 4) == b"\x87\0\0\0"


def test_memory_is_written(paged) -> None:
    paged.mem[0xC020_0000:0xC020_0004] = b"abcd"
    paged.mem[0xC020_0001] = 0x42
    assert paged.mem.physical.read(0x20_0000, 4) == b"aBcd"


def test_an_access_may_cross_pages(paged) -> None:
    paged.mem.write(0xC020_0FFE, b"1234")
    assert paged.mem.read(0x20_0FFE, 4) == b"1234"


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        (0x8000_0000, "Nothing is mapped at linear 0x80000000."),
        (1 << 32, "Linear 0x100000000 is not within 4 GiB."),
    ],
)
def test_what_is_not_mapped_is_a_sentence(paged, address, sentence) -> None:
    with pytest.raises(VmmError, match=f"^{sentence}$"):
        paged.mem[address]


def test_physical_memory_ends_with_ram(paged) -> None:
    assert paged.mem.physical[(8 << 20) - 1] == 0
    with pytest.raises(VmmError, match=r"^There is no RAM at guest-physical 0x00800000\.$"):
        paged.mem.physical[8 << 20]


@pytest.mark.parametrize("where", [slice(0, None), slice(4, 0), slice(0, 8, 2)])
def test_a_slice_needs_both_ends(paged, where) -> None:
    with pytest.raises(VmmError, match=r"^A slice of memory is \[start:end\] with both addresses\.$"):
        paged.mem[where]


def test_a_write_must_fit(paged) -> None:
    with pytest.raises(VmmError, match=r"^A slice of 4 bytes takes exactly as many bytes\.$"):
        paged.mem[0:4] = b"abc"
    with pytest.raises(VmmError, match=r"^256 is not a byte\.$"):
        paged.mem[0] = 256


def test_code_that_is_written_is_what_runs() -> None:
    """mov ebx, imm32 is changed after it has run once, and the guest goes back to it."""
    code = bytes.fromhex("bb01000000 f4 ebf8")  # mov ebx, 1; hlt; jmp back
    with Machine(kernel=code, address=0x10_0000, memory=2) as machine:
        assert machine.run(timeout=20).exit_status == 86
        assert machine.regs.ebx == 1
        machine.mem[0x10_0001] = 2
        machine.regs.eip = 0x10_0000
        machine.vcpu.halted = False
        machine.run(timeout=20)
        assert machine.regs.ebx == 2


def test_a_closed_machine_is_a_sentence() -> None:
    with Machine(kernel=guests.build("hello")) as machine:
        machine.run(timeout=20)
    machine.close()
    assert "Hello" in machine.serial.text
    assert "Hello" in machine.screen.text
    for use in (lambda: machine.regs.eax, lambda: machine.mem[0], lambda: machine.run(timeout=1)):
        with pytest.raises(VmmError, match=r"^The machine is closed: its processor is gone\.$"):
            use()
