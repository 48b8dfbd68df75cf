# SPDX-License-Identifier: GPL-2.0-or-later
"""One instruction run twice on the bare engine: in the world that its guest believes in, and deprivileged.

A prologue in ring 0 installs the world's tables and enters its ring by iret, so everything that the instruction sees is
the engine's own doing. The two worlds differ as a guest's and a monitor's do: other tables, other selectors of the task
and the LDT, CR0.TS set, ring 0 run in ring 1, IOPL 0, and the interrupt flag set whatever the guest believes.
"""

import struct
from dataclasses import dataclass, replace

from unicorn import UC_ARCH_X86, UC_HOOK_INTR, UC_MODE_32, Uc, UcError
from unicorn.x86_const import (
    UC_X86_REG_EAX,
    UC_X86_REG_ECX,
    UC_X86_REG_EDX,
    UC_X86_REG_EFLAGS,
    UC_X86_REG_EIP,
    UC_X86_REG_ESP,
)

from patcher.assembler import assemble

PROLOGUE, SITE, SCRATCH, STACK, TSS = 0x1000, 0x8000, 0x9000, 0xA000, 0xB000
SIZE = 0x10000
IF, IOPL = 1 << 9, 3 << 12
_CODE, _DATA, _TSS, _LDT = 0x9B, 0x93, 0x89, 0x82


@dataclass(frozen=True, slots=True)
class Frame:
    """The world around the instruction."""

    ring: int
    eflags: int
    gdt: int
    idt: int
    task: int
    ldt: int
    cr0: int
    kernel_ring: int = 0


def native(ring: int, iopl: int, interrupts: bool) -> Frame:
    """As the guest believes."""
    eflags = 2 | IF * interrupts | iopl << 12
    return Frame(ring, eflags, gdt=0x2000, idt=0x3000, task=0x28, ldt=0x30, cr0=0x11)


def deprivileged(own: Frame) -> Frame:
    """The same guest under a monitor."""
    ring = own.ring or 1
    return replace(
        own, ring=ring, eflags=2 | IF, gdt=0x2800, idt=0x3800, task=0x38, ldt=0x40, cr0=0x19, kernel_ring=1
    )


def _descriptor(base: int, limit: int, access: int, flags: int = 0) -> bytes:
    low = limit & 0xFFFF | (base & 0xFFFF) << 16
    high = base >> 16 & 0xFF | access << 8 | (limit >> 16 & 0xF | flags << 4) << 16 | (base >> 24) << 24
    return struct.pack("<II", low, high)


def _gdt(frame: Frame) -> bytes:
    dpl = frame.kernel_ring << 5
    rows = {
        0x08: _descriptor(0, 0xFFFFF, _CODE | dpl, 0xC),
        0x10: _descriptor(0, 0xFFFFF, _DATA | dpl, 0xC),
        0x18: _descriptor(0, 0xFFFFF, _CODE | 3 << 5, 0xC),
        0x20: _descriptor(0, 0xFFFFF, _DATA | 3 << 5, 0xC),
        0x48: _descriptor(0, 0xFFFFF, _CODE, 0xC),
        0x50: _descriptor(0, 0xFFFFF, _DATA, 0xC),
        frame.task: _descriptor(TSS, 0x67, _TSS),
        frame.ldt: _descriptor(0xC000, 7, _LDT),
    }
    table = bytearray(0x58)
    for selector, row in rows.items():
        table[selector : selector + 8] = row
    return bytes(table)


def _prologue(frame: Frame) -> bytes:
    """From ring 0 into the frame's world and ring, to SITE."""
    code, data = (0x18 | 3, 0x20 | 3) if frame.ring == 3 else (0x08 | frame.ring, 0x10 | frame.ring)
    inner = frame.ring != 0
    lines = [
        "lgdtl 0x4000", "lidtl 0x4010",
        f"movw ${frame.ldt:#x},%ax", "lldtw %ax", f"movw ${frame.task:#x},%ax", "ltrw %ax",
        f"movl ${frame.cr0:#x},%eax", "movl %eax,%cr0",
        f"movw ${0x23 if frame.ring == 3 else 0x10:#x},%ax",
        "movw $0x50,%bx", "movw %bx,%ss",
        f"pushl ${data:#x}" if inner else "nop", f"pushl ${STACK:#x}" if inner else "nop",
        f"pushl ${frame.eflags:#x}", f"pushl ${code:#x}", f"pushl ${SITE:#x}",
        "movw %ax,%ds", "movw %ax,%fs", "iretl",
    ]  # fmt: skip
    return assemble("\n".join(lines), PROLOGUE, 32)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the instruction did: the vector that it trapped with, or what its guest can look at afterwards."""

    vector: int | None
    registers: tuple[int, ...] = ()
    memory: bytes = b""
    flags: int = 0


def run(code: bytes, frame: Frame, eax: int = 0) -> Seen:
    """Run one instruction in a world. [edx] is 32 bytes of memory; esp is where 16 bytes of 0x0202 stand."""
    uc = Uc(UC_ARCH_X86, UC_MODE_32)
    uc.mem_map(0, SIZE)
    vectors: list[int] = []

    def trapped(_uc: Uc, vector: int, _data: object) -> None:
        vectors.append(vector)
        uc.emu_stop()

    uc.mem_write(PROLOGUE, _prologue(frame))
    uc.mem_write(frame.gdt, _gdt(frame))
    uc.mem_write(0x4000, struct.pack("<HI", 0x57, frame.gdt))
    uc.mem_write(0x4010, struct.pack("<HI", 0x7FF if frame.kernel_ring else 0x3FF, frame.idt))
    uc.mem_write(STACK, struct.pack("<I", 0x0002) * 4)
    uc.mem_write(SITE, code + b"\x90" * 16)
    uc.reg_write(UC_X86_REG_ESP, STACK - 0x100)
    uc.emu_start(PROLOGUE, SITE)
    assert uc.reg_read(UC_X86_REG_EIP) == SITE, "the prologue did not reach its ring"
    uc.reg_write(UC_X86_REG_ESP, STACK)
    uc.reg_write(UC_X86_REG_EAX, eax)
    uc.reg_write(UC_X86_REG_EDX, SCRATCH)
    uc.hook_add(UC_HOOK_INTR, trapped)
    try:
        uc.emu_start(SITE, SITE + len(code), count=1)
    except UcError:
        vectors.append(6)
    if vectors:
        return Seen(vectors[0])
    registers = (UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_ESP)
    return Seen(
        None,
        tuple(uc.reg_read(register) for register in registers),
        bytes(uc.mem_read(SCRATCH, 32) + uc.mem_read(STACK - 16, 16)),
        uc.reg_read(UC_X86_REG_EFLAGS) & (IF | IOPL),
    )
