# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that runs generated programs one after another and logs what each of their events found.

A program is a row of 32-byte slots in ring 0 or ring 3. Whatever is raised in a slot is logged with all registers and
the program goes on at the next slot, so every slot is tried whatever the ones before did. RF is taken out of the
frames: the bare engine keeps it for ever after an iret and shows it in pushf. Tables and pages are made here; only the
few lines that take traps and start programs are assembled.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

from patcher.assembler import assemble

PAGE: Final = 4096
BASE: Final = 0x100000
CODE: Final = BASE + 0x20
STUBS, GDT, IDT, TSS, VARIABLES = 0x102000, 0x103000, 0x104000, 0x105000, 0x106000
DIRECTORY, TABLE, WINDOW_TABLE = 0x107000, 0x108000, 0x109000
USER_STACK, TRAP_STACK, STACK = 0x10C000, 0x10E000, 0x110000
DATA: Final = 0x111000  # two pages of data for programs
FRAMES: Final = 0x113000  # eight frames behind the window
PROGRAMS: Final = 0x120000
LOG: Final = 0x200000
CR0: Final = 0x8001_0033  # PG, WP, NE, ET, MP, PE
MEMORY_MIB: Final = 4
WINDOW: Final = 0x40000000
SLOT: Final = 32
RECORD: Final = 0x60
HEADER: Final = 48  # edi esi ebp (esp) ebx edx ecx eax, eflags, ring, entry, end
DONE: Final = 0x80

WINDOW_RIGHTS: Final = (7, 5, 3, 1, 0, 7, 7, 0)  # of the window's pages: user and writable, read-only, kernel's, absent

SELECTORS: Final = {
    "null": 0, "code0": 0x08, "data0": 0x10, "code3": 0x1B, "data3": 0x23, "tss": 0x28,
    "read-only": 0x33, "based": 0x3B, "execute-only": 0x43, "absent": 0x4B, "conforming": 0x50, "past": 0x7FB,
}  # fmt: skip
# Code is marked accessed already: the bare engine does not do it on a far jump (SDM vol. 3A, section 3.4.5.1, does).
_DESCRIPTORS: Final = (
    0, 0x00CF9B000000FFFF, 0x00CF92000000FFFF, 0x00CFFB000000FFFF, 0x00CFF2000000FFFF,
    0x0000890000000067 | (TSS & 0xFFFFFF) << 16, 0x00CFF0000000FFFF, 0x00CFF2000000FFFF | 0x100 << 16,
    0x00CFF9000000FFFF, 0x00CF72000000FFFF, 0x00CF9F000000FFFF,
)  # fmt: skip
_WITH_ERROR: Final = frozenset({8, 10, 11, 12, 13, 14, 17})

_TEXT: Final = f"""
    lgdtl table_registers
    lidtl table_registers+0x8
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl $0x28, %eax
    ltr %ax
    movb $0xff, %al
    outb %al, $0x21
    outb %al, $0xa1
    movl ${DIRECTORY:#x}, %eax
    movl %eax, %cr3
    movl $0x610, %eax
    movl %eax, %cr4
    movl ${LOG:#x}, {VARIABLES:#x}
    movl ${PROGRAMS:#x}, {VARIABLES + 4:#x}
next:
    movl $CR0, %eax
    movl %eax, %cr0
    fninit
    movl $0x1f80, {VARIABLES + 8:#x}
    ldmxcsr {VARIABLES + 8:#x}
    movl ${STACK:#x}, %esp
    movl {VARIABLES + 4:#x}, %ebx
    cmpl $0x0, 0x2c(%ebx)
    je finished
    movl 0x2c(%ebx), %eax
    movl %eax, {VARIABLES + 4:#x}
    movl 0x28(%ebx), %eax
    movl %eax, {VARIABLES + 12:#x}
    movl $0x10, %ecx
    cmpl $0x0, 0x24(%ebx)
    je inner
    movl $0x23, %ecx
    pushl $0x23
    pushl ${USER_STACK:#x}
    pushl 0x20(%ebx)
    pushl $0x1b
    jmp enter
inner:
    pushl 0x20(%ebx)
    pushl $0x8
enter:
    pushl 0x28(%ebx)
    pushl 0x1c(%ebx)
    movl %ecx, %ds
    movl %ecx, %es
    movl %ecx, %fs
    movl %ecx, %gs
    movl %ss:0x0(%ebx), %edi
    movl %ss:0x4(%ebx), %esi
    movl %ss:0x8(%ebx), %ebp
    movl %ss:0x14(%ebx), %edx
    movl %ss:0x18(%ebx), %ecx
    movl %ss:0x10(%ebx), %ebx
    popl %eax
    iretl
finished:
    movb $0x10, %al
    outb %al, $0xf4
    cli
    hlt

trap:
    pushl %ds
    pushl %es
    pushl %fs
    pushl %gs
    pushal
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    cld
    andl $0xfffeffff, 0x40(%esp)
    movl {VARIABLES:#x}, %edi
    movl %esp, %esi
    movl $0x11, %ecx
    testl $0x3, 0x3c(%esp)
    jz copy
    addl $0x2, %ecx
copy:
    rep movsl
    movl {VARIABLES:#x}, %edi
    movl %cr2, %eax
    movl %eax, 0x4c(%edi)
    movl %cr0, %eax
    movl %eax, 0x50(%edi)
    addl ${RECORD:#x}, {VARIABLES:#x}
    movl 0x30(%esp), %eax
    cmpl ${DONE:#x}, %eax
    je next
    cmpl $0x1, %eax
    je stepped
    movl 0x38(%esp), %eax
    andl $0xffffffe0, %eax
    addl $0x20, %eax
    movl %eax, 0x38(%esp)
    cmpl {VARIABLES + 12:#x}, %eax
    jb next
    cmpl {VARIABLES + 4:#x}, %eax
    jae next
    jmp resume
stepped:
    andl $0xfffffeff, 0x40(%esp)
resume:
    popal
    popl %gs
    popl %fs
    popl %es
    popl %ds
    addl $0x8, %esp
    iretl
    .balign 0x8
table_registers:
    .word 0x7f
    .long {GDT:#x}
    .word 0x0
    .word 0x40f
    .long {IDT:#x}
"""


@dataclass(frozen=True, slots=True)
class Program:
    """`slots` of at most 31 bytes run with `regs` (edi esi ebp - ebx edx ecx eax), EFLAGS and ring 0 or 3."""

    ring: int
    regs: tuple[int, ...]
    eflags: int
    slots: tuple[bytes, ...]

    @property
    def size(self) -> int:
        return (HEADER + SLOT - 1) // SLOT * SLOT + SLOT * (len(self.slots) + 1)


def filled(slot: bytes) -> bytes:
    """The slot's code and a jump over the rest of its bytes."""
    rest = SLOT - len(slot) - 2
    return slot + (b"\x90" if rest < 0 else b"\xeb" + bytes((rest,)) + b"\x90" * rest)


def first_slot(at: int) -> int:
    """Address of a program's first slot when its header lies at `at`."""
    return at + (HEADER + SLOT - 1) // SLOT * SLOT


@cache
def _harness(cr0: int) -> tuple[bytes, int]:
    """The code and the address of `trap`, found by its first instructions."""
    code = assemble(_TEXT.replace("CR0", f"{cr0:#x}"), CODE, 32)
    return code, CODE + code.index(b"\x1e\x06\x0f\xa0\x0f\xa8\x60")


def image(programs: tuple[Program, ...], cr0: int = CR0) -> bytes:
    """A Multiboot image with everything in place; every program begins with this CR0."""
    memory = bytearray(LOG - BASE)

    def put(at: int, data: bytes) -> None:
        assert not any(memory[at - BASE : at - BASE + len(data)]), f"two things at {at:#x}"
        memory[at - BASE : at - BASE + len(data)] = data

    magic, flags = 0x1BADB002, 1 << 16
    put(BASE, struct.pack("<8I", magic, flags, -(magic + flags) & 0xFFFFFFFF, BASE, BASE, LOG, LOG, CODE))
    code, trap = _harness(cr0)
    put(CODE, code)
    put(GDT, struct.pack("<11Q", *_DESCRIPTORS))
    put(TSS + 4, struct.pack("<II", TRAP_STACK, 0x10))
    put(TSS + 0x66, b"\x68\x00")
    for vector in range(DONE + 1):
        _put_gate(put, vector, trap)
    _put_pages(put)
    at = PROGRAMS
    for program in programs:
        first, end = first_slot(at), at + program.size
        put(at, struct.pack("<12I", *program.regs, program.eflags, program.ring, first, end))
        for number, slot in enumerate(program.slots):
            assert len(slot) < SLOT, slot.hex()
            put(first + SLOT * number, filled(slot))
        put(first + SLOT * len(program.slots), b"\xcd\x80" + b"\x90" * (SLOT - 2))
        at = end
    assert at + HEADER <= LOG, "too many programs"
    return bytes(memory)


def _put_gate(put: Callable[[int, bytes], None], vector: int, trap: int) -> None:
    stub = STUBS + 16 * vector
    head = b"" if vector in _WITH_ERROR else b"\x6a\x00"
    head += b"\x68" + struct.pack("<I", vector)
    put(stub, head + b"\xe9" + struct.pack("<i", trap - (stub + len(head) + 5)))
    kind = 0xEE if vector in (3, 4, DONE) or 0x20 <= vector < 0x30 else 0x8E
    kind |= vector & 1  # interrupt and trap gates
    put(IDT + 8 * vector, struct.pack("<HHBBH", stub & 0xFFFF, 8, 0, kind, stub >> 16))


def _put_pages(put: Callable[[int, bytes], None]) -> None:
    """The first 4 MiB as they are, the kernel's pages closed to ring 3; and the window."""
    closed = {*range(USER_STACK - PAGE >> 12), TRAP_STACK - PAGE >> 12}
    put(TABLE, struct.pack("<1024I", *(page << 12 | (3 if page in closed else 7) for page in range(1024))))
    window = ((FRAMES + PAGE * i | rights) if rights else 0 for i, rights in enumerate(WINDOW_RIGHTS))
    put(WINDOW_TABLE, struct.pack("<8I", *window))
    put(DIRECTORY, struct.pack("<I", TABLE | 7))
    put(DIRECTORY + (WINDOW >> 20), struct.pack("<I", WINDOW_TABLE | 7))
