# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs that hide where their instructions are, from a seed: each trick is a function that goes on behind it.

Every trick is decided by the file alone: conditions whose outcome is computed from constants, addresses that are put
together from constants, returns used as jumps. Junk behind them is data and never runs.
"""

from collections.abc import Callable
from typing import Final

from vmm.bench.audit.payload import ordinary, sensitive
from vmm.bench.audit.writer import Writer

_ALWAYS: Final = (
    "xor %eax, %eax; jz",
    "stc; jc",
    "clc; jnc",
    "cmp %ecx, %ecx; je",
    "or $1, %eax; jnz",
    "sub %edx, %edx; jnc",
    "mov $5, %ecx; cmp $4, %ecx; ja",
    "mov $-1, %eax; test %eax, %eax; js",
    "xor %ecx, %ecx; inc %ecx; test %ecx, %ecx; jne",
    "and $0, %eax; je",
    "mov $7, %eax; sub $7, %eax; jz",
)


def opaque(out: Writer) -> None:
    """A condition that always holds jumps over junk."""
    on = out.label()
    out.put(*f"{out.chance.choice(_ALWAYS)} {on}".split("; "))
    out.junk()
    out.place(on)


def both_ways(out: Writer) -> None:
    """A condition and its opposite go to one place."""
    on = out.label()
    jump, other = out.chance.choice(
        (("jz", "jnz"), ("jc", "jnc"), ("jo", "jno"), ("jl", "jge"), ("ja", "jbe"))
    )
    out.put(f"{jump} {on}", f"{other} {on}")
    out.junk()
    out.place(on)


def jump_over(out: Writer) -> None:
    """A plain jump over bytes that swallow what follows."""
    on = out.label()
    out.put(f"jmp {on}")
    out.junk(3)
    out.place(on)


def call_and_pop(out: Writer) -> None:
    """A call that only pushes an address."""
    on = out.label()
    out.put(f"call {on}")
    out.junk()
    out.place(on)
    out.put(
        out.chance.choice(
            (f"pop {out.scratch()}", f"lea {out.bits // 8}({out.wide('esp')}), {out.wide('esp')}")
        )
    )


def push_and_return(out: Writer) -> None:
    """A return used as a jump."""
    on = out.label()
    out.put(f"push ${on}", "ret")
    out.junk()
    out.place(on)


def mended_return(out: Writer) -> None:
    """A return address pushed by a call and moved on before the return."""
    here, on = out.label(), out.label()
    suffix = "q" if out.bits == 64 else "l"
    out.put(f"call {here}")
    out.place(here)
    out.put(f"add{suffix} ${on}-{here}, ({out.wide('esp')})", "ret")
    out.junk()
    out.place(on)


def skipping_callee(out: Writer) -> None:
    """A function that returns behind the bytes that follow its call."""
    body, on = out.label(), out.label()
    suffix = "q" if out.bits == 64 else "l"
    out.put(
        f"call {body}",
        f".byte {', '.join(hex(out.chance.choice((0xE8, 0x9C, 0xFA, 0xB8))) for _ in range(3))}",
        f"jmp {on}",
    )
    out.place(body)
    out.put(f"add{suffix} $3, ({out.wide('esp')})", "ret")
    out.junk(3)
    out.place(on)


def computed_target(out: Writer) -> None:
    """An indirect jump to an address put together from two constants."""
    on, key, register = out.label(), out.chance.getrandbits(24), out.scratch()
    first, second = out.chance.choice(
        ((f"{on}-{key:#x}", f"add ${key:#x}"), (f"{on}+{key:#x}", f"sub ${key:#x}"))
    )
    out.put(f"mov ${first}, {register}", f"{second}, {register}")
    out.put(*out.chance.choice(((f"jmp *{register}",), (f"push {register}", "ret"))))
    out.junk()
    out.place(on)


def deciphered_target(out: Writer) -> None:
    """An indirect jump to an address that lies in the code with a key taken from it."""
    on, cell, key, register = out.label(), out.label(), out.chance.getrandbits(24), out.scratch()
    where = f"{cell}(%rip)" if out.bits == 64 else cell
    out.put(f"mov {where}, {register}", f"sub ${key:#x}, {register}", f"jmp *{register}")
    out.place(cell)
    out.put(f"{'.quad' if out.bits == 64 else '.long'} {on}+{key:#x}")
    out.place(on)


def pointer_in_code(out: Writer) -> None:
    """A jump through a pointer that lies in the code."""
    on, cell = out.label(), out.label()
    out.put(f"jmp *{cell}(%rip)" if out.bits == 64 else f"jmp *{cell}")
    out.junk(3)
    out.place(cell)
    out.put(f"{'.quad' if out.bits == 64 else '.long'} {on}")
    out.junk(3)
    out.place(on)


def into_itself(out: Writer) -> None:
    """A jump to its own second byte: EB FF C0 is jmp .+1, then inc %eax."""
    out.put(".byte 0xeb  # @spans 2 jmp .+1", ".byte 0xff, 0xc0  # @code inc %eax")


def immediate_run_twice(out: Writer) -> None:
    """A move whose constant holds instructions, run first as a whole and then from inside."""
    inside, done, again = out.label(), out.label(), out.label()
    out.put("xor %ecx, %ecx")
    out.place(again)
    out.put(".byte 0xb8  # @spans 5 mov $constant, %eax")
    out.place(inside)
    hidden = out.chance.choice(
        (
            ("pushf", f"pop {out.wide('edx')}", "nop", "nop"),
            ("cpuid", "rdtsc"),
            ("cli", "nop", "nop", "sti"),
            ("in $0x60, %al", "out %al, $0x80"),
        )
    )
    out.put(*hidden, "test %ecx, %ecx", f"jnz {done}", "inc %ecx", f"jmp {inside}")
    out.place(done)


def jump_in_constant(out: Writer) -> None:
    """66 B8 EB 05 31 C0 74 FA: mov $0x5eb, %ax; xor; jz back into the constant, which jumps over a byte of junk."""
    out.put(
        ".byte 0x66, 0xb8  # @spans 4 mov $0x5eb, %ax", ".byte 0xeb, 0x05  # @code jmp .+7", "xor %eax, %eax",
        ".byte 0x74, 0xfa  # @code jz .-4", f".byte {out.chance.choice((0xE8, 0xE9, 0xB8)):#x}",
    )  # fmt: skip


def scattered(out: Writer) -> None:
    """Pieces in an order that jumps restore."""
    pieces = [out.label() for _ in range(out.chance.randrange(3, 6))]
    end = out.label()
    following = dict(zip(pieces, [*pieces[1:], end], strict=True))
    out.put(f"jmp {pieces[0]}")
    shuffled = pieces[:]
    out.chance.shuffle(shuffled)
    for piece in shuffled:
        out.junk(3)
        out.place(piece)
        ordinary(out, 3)
        sensitive(out)
        out.put(f"jmp {following[piece]}")
    out.place(end)


def prefixed(out: Writer) -> None:
    """Prefixes that change nothing, as many as fit."""
    insn = out.chance.choice(
        ("cpuid", "rdtsc", "pushf", "popf", "cli", "sti", "in %dx, %al", "wbinvd", "clts")
    )
    count = out.chance.randrange(1, 6)
    codes = [out.chance.choice((0x2E, 0x3E, 0x26, 0x36)) for _ in range(count)]
    out.put(f".byte {', '.join(map(hex, codes))}  # @code ds", insn)


def table_of_steps(out: Writer) -> None:
    """A state machine whose dispatcher takes the next step from a table in the code."""
    table, loop, end = out.label(), out.label(), out.label()
    steps = [out.label() for _ in range(out.chance.randrange(3, 6))]
    size = out.bits // 8
    counter, target = out.wide("ecx"), out.wide("eax")
    out.put("xor %ecx, %ecx")
    out.place(loop)
    out.put(
        f"cmp ${len(steps)}, %ecx",
        f"jae {end}",
        f"mov {table}(,{counter},{size}), {target}",
        "inc %ecx",
        f"jmp *{target}",
    )
    out.junk(3)
    out.place(table)
    out.put(f"{'.quad' if out.bits == 64 else '.long'} {', '.join(steps)}")
    for step in out.chance.sample(steps, len(steps)):
        out.junk(3)
        out.place(step)
        out.put(f"push {counter}")
        sensitive(out)
        out.put(f"pop {counter}", f"jmp {loop}")
    out.place(end)


def equal_steps(out: Writer) -> None:
    """A jump to one of four pieces of 16 bytes each, by arithmetic alone."""
    first, end = out.label(), out.label()
    register = out.wide("eax")
    out.put(
        "and $3, %eax", "shl $4, %eax", f"add ${first}, {register}", f"jmp *{register}", ".balign 16, 0xf4"
    )
    out.place(first)
    for _ in range(4):
        sensitive(out)
        out.put(f"jmp {end}", ".balign 16, 0xcc")
    out.place(end)


TRICKS: Final[tuple[Callable[[Writer], None], ...]] = (
    opaque, both_ways, jump_over, call_and_pop, push_and_return, mended_return, skipping_callee, computed_target,
    deciphered_target, pointer_in_code, into_itself, immediate_run_twice, jump_in_constant, scattered, prefixed,
    table_of_steps, equal_steps,
)  # fmt: skip


def program(seed: int, bits: int, functions: int = 12) -> str:
    """A whole program: a start that calls its functions, and functions full of tricks."""
    out = Writer(seed, bits)
    names = [f"function_{index}" for index in range(functions)]
    out.put(".text")
    out.function("_start")
    for name in names[: functions // 2]:
        out.put(f"call {name}")
    out.put("int $0x80", "hlt", "ud2")
    out.end("_start")
    for index, name in enumerate(names):
        out.junk()
        later = names[functions // 2 + index] if index < functions // 2 else ""
        _function(out, name, [later] if later else [])
    return out.text


def _function(out: Writer, name: str, calls: list[str]) -> None:
    out.function(name)
    for _ in range(out.chance.randrange(4, 9)):
        out.chance.choice(TRICKS)(out)
        ordinary(out)
        if out.chance.random() < 0.7:
            sensitive(out)
    out.put(*(f"call {called}" for called in calls), "ret")
    out.end(name)
