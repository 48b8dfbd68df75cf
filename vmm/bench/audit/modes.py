# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs that change the size of their code, from a seed: real, protected and long mode in one image.

Raw images begin in 16 bit; the way up, the order of the descriptors, how the far transfers are made and where the data
stands are drawn by lot. Everything that decides a mode is in the image.
"""

from typing import Final

from vmm.bench.audit.payload import forms, ordinary
from vmm.bench.audit.writer import Writer

_DESCRIPTORS: Final = {
    "code16": "0x00009a000000ffff",
    "code32": "0x00cf9a000000ffff",
    "code64": "0x00af9a000000ffff",
    "data": "0x00cf92000000ffff",
    "user": "0x00cffa000000ffff",
}
_REAL: Final = forms(
    """
int $0x10 | int $0x13 | int $0x15 | in $0x60, %al | out %al, $0x64 | cli | sti | pushf; popf
push %ds; pop %es | mov %cs, %ax | mov %ax, %fs | pushl %eax; popl %ecx | movl $0x12345678, %edx
les (%si), %di | lodsb | stosw | mov $0x3f8, %dx; out %al, %dx | smsw %ax | sidt (%di) | cpuid | rdtsc | int3
movw $0x1234, %ax | addl $0x1000, %ebx | testb $4, %al | in %dx, %ax | hlt
"""
)
_PROTECTION_ON: Final = forms(
    """
mov %cr0, %eax; or $1, %al; mov %eax, %cr0 | smsw %ax; or $1, %ax; lmsw %ax | mov $1, %ax; lmsw %ax
mov %cr0, %ebx; inc %bx; mov %ebx, %cr0 | mov $0x11, %eax; mov %eax, %cr0
"""
)
_LONG_MODE_ON: Final = (
    "mov %cr4, %eax", "or $0x20, %eax", "mov %eax, %cr4", "mov $0x1000, %eax", "mov %eax, %cr3",
    "mov $0xc0000080, %ecx", "rdmsr", "or $0x100, %eax", "wrmsr",
    "mov %cr0, %eax", "or $0x80000000, %eax", "mov %eax, %cr0",
)  # fmt: skip
_PROTECTED: Final = forms(
    """
pushf; pop %eax | mov %cr0, %eax | mov %cr3, %eax; mov %eax, %cr3 | mov %ax, %gs | in %dx, %al
out %eax, %dx | str %ax | sldt %ax | sgdt (%edi) | sti; cli | cpuid | rdmsr | wrmsr | invlpg (%eax) | ltr %ax
lldt %ax | int $0x30 | push %cs; pop %eax | clts | lar %ax, %eax | mov %eax, %dr7 | movw $0x1234, %ax
add $0x12345, %ebx | mov $0x9c9c, %ecx | arpl %ax, %bx
"""
)
_LONG: Final = forms(
    """
pushf; pop %rax | mov %cr0, %rax | mov %rax, %cr8 | swapgs | syscall | in %dx, %al | out %al, %dx
sgdt (%rdi) | lidt (%rsi) | cpuid | rdmsr | wrmsr | rdtscp | mov %ax, %fs | movabs $0x123456789abcdef, %rax
movq $7, %r9 | inc %r10 | cli | clts | rdfsbase %r11 | mov %cr2, %rdx | xgetbv | invlpg (%rdx)
add $0x100, %rbx
"""
)


def _mix(out: Writer, table: tuple[tuple[str, ...], ...], most: int = 7) -> None:
    for _ in range(out.chance.randrange(2, most)):
        out.put(*out.chance.choice(table))
        if out.chance.random() < 0.2:
            on = out.label()
            out.put(f"{out.chance.choice(('jz', 'jc', 'jnz'))} {on}")
            out.put(*out.chance.choice(table))
            out.place(on)


class _Image:
    """One image under construction: its descriptors in drawn order, and names for its parts."""

    def __init__(self, seed: int) -> None:
        self.out = Writer(seed, 64)
        names = list(_DESCRIPTORS)
        self.out.chance.shuffle(names)
        self.selector = {name: 8 * (index + 1) for index, name in enumerate(names)}
        self.pending: list[str] = []

    def tables(self) -> None:
        """The GDT and the pointer to it."""
        self.out.put(".balign 8")
        self.out.place("gdt")
        self.out.put(".quad 0", *(f".quad {_DESCRIPTORS[name]}" for name in self.selector))
        self.out.place("gdt_pointer")
        self.out.put(f".short {8 * len(self.selector) + 7}", ".long gdt", ".long 0")

    def data(self) -> None:
        """Bytes between parts that control never reaches."""
        for _ in range(self.out.chance.randrange(3)):
            self.out.chance.choice((Writer.junk, _text))(self.out)

    def leave(self, mode: int, kind: str, to: str) -> None:
        """A far transfer of a drawn form from code of one size to a segment."""
        out, selector = self.out, self.selector[kind]
        wide = "l" if mode == 16 else ""
        push = (f"push{wide} ${selector:#x}", f"push{wide} ${to}", f"lret{'q' if mode == 64 else wide}")
        by_pointer: tuple[str, ...] = (f"ljmp{wide} *{to}_pointer",)
        direct: tuple[str, ...] = (f"ljmp{wide} ${selector:#x}, ${to}",)
        ways = (push, by_pointer) if mode == 64 else (push, by_pointer, direct)
        chosen = out.chance.choice(ways)
        out.put(*chosen)
        if "*" in chosen[-1]:
            self.data()
            out.place(f"{to}_pointer")
            out.put(f".long {to}", f".short {selector:#x}")


def _text(out: Writer) -> None:
    out.put(f'.asciz "{out.chance.choice(("Booting", "no A20 line", "LIn mode", "0123 lmno"))}"')


def _real(image: _Image) -> None:
    out = image.out
    out.put(".code16", "cli", "xor %ax, %ax", "mov %ax, %ds", "mov %ax, %ss", "mov $0x7000, %sp")
    _mix(out, _REAL)
    out.put("call helper16")
    _mix(out, _REAL)
    out.put(out.chance.choice(("lgdtl gdt_pointer", "lgdt gdt_pointer")))
    out.put(*out.chance.choice(_PROTECTION_ON))
    if out.chance.random() < 0.4:
        on = out.label()
        out.put(f"jmp {on}")
        out.place(on)


def _helper16(image: _Image) -> None:
    out = image.out
    image.data()
    out.put(".code16")
    out.place("helper16")
    out.put("push %es", "push %bx")
    _mix(out, _REAL)
    out.put("pop %bx", "pop %es", "ret")


def _protected(image: _Image) -> None:
    out = image.out
    out.put(".code32")
    out.place("protected")
    data = image.selector["data"]
    out.put(f"mov ${data:#x}, %eax", "mov %eax, %ds", "mov %eax, %es", "mov %eax, %ss", "mov $0x90000, %esp")
    _mix(out, _PROTECTED, 10)
    out.put("call helper32")


def _helper32(image: _Image) -> None:
    out = image.out
    image.data()
    out.put(".code32")
    out.place("helper32")
    _mix(out, _PROTECTED)
    out.put("ret")


def _paging(image: _Image) -> None:
    image.out.put(*_LONG_MODE_ON)


def _long(image: _Image) -> None:
    out = image.out
    image.data()
    out.put(".code64")
    out.place("long")
    _mix(out, _LONG, 12)
    out.put("call helper64")
    ordinary(out)


def _helper64(image: _Image) -> None:
    out = image.out
    image.data()
    out.put(".code64")
    out.place("helper64")
    _mix(out, _LONG)
    out.put("ret")


def _end(image: _Image) -> None:
    on = image.out.label()
    image.out.place(on)
    image.out.put("hlt", f"jmp {on}")


def program(seed: int) -> str:
    """A raw image that starts in 16 bit and ends in 32 or 64, some by way of compatibility mode and 16-bit segments."""
    image = _Image(seed)
    out = image.out
    out.put(".text")
    out.function("_start")
    _real(image)
    image.leave(16, "code32", "protected")
    image.data()
    _helper16(image)
    if out.chance.random() < 0.5:
        image.tables()
    image.data()
    _protected(image)
    upwards = out.chance.random() < 0.6
    if upwards:
        _paging(image)
        image.leave(32, "code64", "long")
        _long(image)
        if out.chance.random() < 0.5:
            image.leave(64, "user", "compatible")
            image.data()
            out.put(".code32")
            out.place("compatible")
            _mix(out, _PROTECTED)
    elif out.chance.random() < 0.5:
        image.leave(32, "code16", "narrow")
        image.data()
        out.put(".code16")
        out.place("narrow")
        _mix(out, _REAL)
    _end(image)
    if upwards:
        _helper64(image)
    _helper32(image)
    if ".long gdt\n" not in out.text:
        image.tables()
    image.data()
    return out.text
