# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs with data between and inside their functions, from a seed: tables, text, constants, byte code."""

from collections.abc import Callable
from typing import Final

from vmm.bench.audit.payload import ordinary, sensitive
from vmm.bench.audit.writer import Writer

_TEXTS: Final = (
    "no such device",
    "lmno: Illinois mnl",
    "error \\234\\235 in line",
    "OUT OF RANGE",
    "nil",
    "cli, sti",
    "%s: %d\\n",
    "\\372\\373\\364\\017\\242",
    "Copyright",
    "/dev/null",
    "will only null all",
    "\\350\\017\\061",
    "POP ES",
    "a=%08lx",
)


def strings(out: Writer) -> None:
    """Text with a zero behind it."""
    for _ in range(out.chance.randrange(1, 4)):
        out.put(f'.asciz "{out.chance.choice(_TEXTS)}"')


def wide_text(out: Writer) -> None:
    """Text of 16-bit units."""
    out.put(f'.string16 "{out.chance.choice(_TEXTS[1:2] + _TEXTS[3:6])}"')


def counted_text(out: Writer) -> None:
    """Text with its length in front."""
    before, behind = out.label(), out.label()
    out.put(f".byte {behind}-{before}")
    out.place(before)
    out.put(f'.ascii "{out.chance.choice(_TEXTS)}"')
    out.place(behind)


def floats(out: Writer) -> None:
    """Constants of floating point, aligned."""
    values = ", ".join(f"{out.chance.uniform(-1e3, 1e3):.6g}" for _ in range(out.chance.randrange(1, 5)))
    out.put(".balign 8", f"{out.chance.choice(('.double', '.float'))} {values}")


def words(out: Writer) -> None:
    """Numbers, among them what looks like instructions."""
    directive, bits = out.chance.choice(((".short", 16), (".long", 32), (".quad", 64)))
    values = ", ".join(hex(out.chance.getrandbits(bits)) for _ in range(out.chance.randrange(1, 6)))
    out.put(f"{directive} {values}")


def zeros(out: Writer) -> None:
    """Room."""
    out.put(f".zero {out.chance.randrange(1, 40)}")


def byte_code(out: Writer) -> None:
    """A program for an interpreter."""
    out.put(f".byte {', '.join(hex(out.chance.getrandbits(8)) for _ in range(out.chance.randrange(4, 24)))}")


def pointers(out: Writer) -> None:
    """A table of addresses that nobody jumps through."""
    out.put(f"{'.quad' if out.bits == 64 else '.long'} _start, _start+1, 0")


POOLS: Final[tuple[Callable[[Writer], None], ...]] = (
    strings, wide_text, counted_text, floats, words, zeros, byte_code, pointers, Writer.junk,
)  # fmt: skip


def _cases(out: Writer) -> list[str]:
    return [out.label() for _ in range(out.chance.randrange(3, 9))]


def _place_cases(out: Writer, cases: list[str], end: str) -> None:
    for case in out.chance.sample(cases, len(cases)):
        out.place(case)
        ordinary(out, 3)
        sensitive(out)
        out.put(f"jmp {end}")
    out.place(end)


def table_of_addresses(out: Writer) -> None:
    """A bounded switch through a table of addresses behind the jump."""
    cases, end, table = _cases(out), out.label(), out.label()
    size, register = out.bits // 8, out.wide("eax")
    out.put(f"cmp ${len(cases) - 1}, %eax", f"ja {end}")
    if out.bits == 64:
        out.put("mov %eax, %eax")
    out.put(f"jmp *{table}(,{register},{size})")
    if out.chance.random() < 0.5:
        out.put(f".balign {size}")
    out.place(table)
    out.put(f"{'.quad' if size == 8 else '.long'} {', '.join(cases)}")
    _place_cases(out, cases, end)


def table_of_offsets(out: Writer) -> None:
    """A bounded switch through offsets of 16 or 32 bits from the table."""
    cases, end, table = _cases(out), out.label(), out.label()
    base, index = out.wide("edx"), out.wide("eax")
    out.put(f"cmp ${len(cases) - 1}, %eax", f"ja {end}")
    out.put(f"lea {table}(%rip), {base}" if out.bits == 64 else f"mov ${table}, {base}")
    wide = out.chance.random() < 0.6
    if out.bits == 64:
        out.put("mov %eax, %eax", f"movs{'l' if wide else 'w'}q ({base},{index},{4 if wide else 2}), {index}")
    else:
        out.put(f"{'mov' if wide else 'movswl'} ({base},{index},{4 if wide else 2}), {index}")
    out.put(f"add {base}, {index}", f"jmp *{index}")
    out.place(table)
    out.put(f"{'.long' if wide else '.short'} {', '.join(f'{case}-{table}' for case in cases)}")
    _place_cases(out, cases, end)


def table_of_bytes(out: Writer) -> None:
    """A byte picks the entry of a table of addresses."""
    cases, end, table, map_ = _cases(out), out.label(), out.label(), out.label()
    numbers = [out.chance.randrange(len(cases)) for _ in range(12)] + list(range(len(cases)))
    register, size = out.wide("eax"), out.bits // 8
    out.put(f"cmp ${len(numbers) - 1}, %eax", f"ja {end}")
    if out.bits == 64:
        out.put("mov %eax, %eax")
    out.put(f"movzbl {map_}({register}), %eax", f"jmp *{table}(,{register},{size})")
    out.place(table)
    out.put(f"{'.quad' if size == 8 else '.long'} {', '.join(cases)}")
    out.place(map_)
    out.put(f".byte {', '.join(map(str, numbers))}")
    _place_cases(out, cases, end)


def text_behind_call(out: Writer) -> None:
    """An address taken by calling over the text."""
    on = out.label()
    out.put(f"call {on}")
    strings(out)
    out.place(on)
    out.put(f"pop {out.wide('esi')}")


def constant_behind_jump(out: Writer) -> None:
    """A constant in the middle of a function, jumped over."""
    on = out.label()
    out.put(f"jmp {on}")
    out.chance.choice(POOLS)(out)
    out.place(on)


def loop(out: Writer) -> None:
    """A loop with something sensitive in it."""
    again = out.label()
    counter = out.wide("ecx")
    out.put("mov $8, %ecx")
    out.place(again)
    out.put(f"push {counter}")
    sensitive(out)
    out.put(f"pop {counter}", "dec %ecx", f"jnz {again}")


PIECES: Final[tuple[Callable[[Writer], None], ...]] = (
    table_of_addresses, table_of_offsets, table_of_bytes, text_behind_call, constant_behind_jump, loop,
    sensitive, sensitive,
)  # fmt: skip


def program(seed: int, bits: int, functions: int = 16) -> str:
    """A whole program: functions call later ones, some only through a table; data stands between them."""
    out = Writer(seed, bits)
    names = [f"function_{index}" for index in range(functions)]
    by_pointer = names[-functions // 4 :]
    out.put(".text")
    out.function("_start")
    out.put("call function_0", "mov $1, %eax", "int $0x80", "hlt", "ud2")
    out.end("_start")
    for index, name in enumerate(names):
        for _ in range(out.chance.randrange(3)):
            out.chance.choice(POOLS)(out)
        if out.chance.random() < 0.5:
            out.put(f".balign 16{out.chance.choice(('', ', 0xcc', ', 0x90'))}")
        called = [later for later in names[index + 1 : index + 3] if later not in by_pointer]
        _function(out, name, called, by_pointer if index == 1 else [])
    out.put('.section .rodata, "a"', ".balign 8")
    out.place("handlers")
    out.put(f"{'.quad' if bits == 64 else '.long'} {', '.join(by_pointer)}")
    return out.text


def _function(out: Writer, name: str, called: list[str], by_pointer: list[str]) -> None:
    out.function(name)
    out.put(f"push {out.wide('esi')}", "and $7, %eax")
    for _ in range(out.chance.randrange(2, 6)):
        out.chance.choice(PIECES)(out)
        ordinary(out)
    if by_pointer:
        register = out.wide("ecx")
        out.put(f"and ${len(by_pointer) - 1}, %ecx", f"call *handlers(,{register},{out.bits // 8})")
    out.put(*(f"call {other}" for other in called), f"pop {out.wide('esi')}", "ret")
    out.end(name)
