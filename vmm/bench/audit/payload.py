# SPDX-License-Identifier: GPL-2.0-or-later
"""What generated functions do between their tricks: ordinary and sensitive instructions that leave the stack level."""

from typing import Final

from vmm.bench.audit.writer import Writer


def forms(text: str) -> tuple[tuple[str, ...], ...]:
    """A table of statement sequences, from text: `|` stands between sequences, `;` between statements."""
    return tuple(
        tuple(map(str.strip, form.split(";")))
        for line in text.strip().splitlines()
        for form in line.split("|")
    )


_SENSITIVE: Final = forms(
    """
pushf; pop {r} | push {r}; popf | cli | sti | cpuid | rdtsc | rdtscp | in $0x60, %al
mov $0x3f8, %dx; out %al, %dx | in %dx, %eax | out %al, $0x80 | rep insb | outsw | rdmsr | wrmsr
sgdt (%{sp}) | sidt -16(%{sp}) | sldt %ax | str %cx | smsw %ax | lmsw %ax | lgdt (%{di}) | lidt (%{di})
lldt %ax | ltr %ax | mov %cr0, {r} | mov {r}, %cr3 | mov {r}, %cr4 | mov %cr2, {r} | mov %dr7, {r}
mov {r}, %dr0 | mov %ds, %eax | mov %eax, %es | mov %cs, %ecx | push %fs; pop %gs | lar %ax, %ecx
lsl %ax, %edx | verr %ax | verw %cx | invlpg (%{di}) | wbinvd | clts | xgetbv | int $0x80 | int3 | rdpmc
stac | clac | lss (%{di}), %eax | syscall
"""
)
_ONLY_32: Final = forms(
    """
push %ds; pop %es | push %cs; pop {r} | arpl %ax, (%edi) | into | bound %eax, (%edi) | les (%edi), %eax
push %ss; pop %ss | lds (%edi), %ecx
"""
)
_ONLY_64: Final = forms(
    """
swapgs | rdfsbase %rax | wrgsbase %rcx | mov %cr8, %rax | mov %rdx, %cr8
"""
)
_ORDINARY: Final = forms(
    """
mov $0x{n:x}, {r} | add $0x{b:x}, {r} | xor {r}, {q} | lea 4(%{di}), {r} | mov (%{di}), {r}
mov {r}, 8(%{di}) | not {r} | imul $3, {r}, {q} | test {r}, {q} | cmp $7, {r} | shl $3, {r} | bswap {r}
inc {r} | movzbl (%{di}), %eax | cltd | sub {r}, {q} | or $1, {r} | sbb {r}, {r} | nop | setc %al
xchg {r}, {q} | and $-16, {r} | movsbl %al, %eax
"""
)


def sensitive(out: Writer) -> None:
    """One sensitive instruction, or two that belong together."""
    forms = _SENSITIVE + (_ONLY_32 if out.bits == 32 else _ONLY_64)
    out.put(*(_fill(out, form) for form in out.chance.choice(forms)))


def ordinary(out: Writer, most: int = 4) -> None:
    """A few instructions that any program has."""
    for _ in range(out.chance.randrange(1, most)):
        out.put(*(_fill(out, form) for form in out.chance.choice(_ORDINARY)))


def _fill(out: Writer, form: str) -> str:
    stack, index = ("rsp", "rdi") if out.bits == 64 else ("esp", "edi")
    numbers = {"n": out.chance.getrandbits(28), "b": out.chance.getrandbits(6)}
    return form.format(r=out.scratch(), q=out.scratch(), sp=stack, di=index, **numbers)
