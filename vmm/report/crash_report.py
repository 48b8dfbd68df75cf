# SPDX-License-Identifier: GPL-2.0-or-later
"""The one-page report of a crash: what the virtual processor held when the guest could not go on."""

from collections.abc import Callable, Iterable

from patcher.x86.segment import Segment
from vmm.report.cpu_dump import REG_NAMES, SEGMENT_NAMES, CpuDump
from vmm.report.listing import Line, listing

#: Bits of EFLAGS that have a name (SDM vol. 1, figure 3-8); IOPL is shown as a number.
_EFLAGS = {
    0: "CF", 2: "PF", 4: "AF", 6: "ZF", 7: "SF", 8: "TF", 9: "IF", 10: "DF", 11: "OF", 14: "NT", 16: "RF",
    17: "VM", 18: "AC", 19: "VIF", 20: "VIP", 21: "ID",
}  # fmt: skip
#: SDM vol. 3A, section 2.5.
_CR0 = {
    0: "PE", 1: "MP", 2: "EM", 3: "TS", 4: "ET", 5: "NE", 16: "WP", 18: "AM", 29: "NW", 30: "CD", 31: "PG",
}  # fmt: skip
_CR4 = {
    0: "VME", 1: "PVI", 2: "TSD", 3: "DE", 4: "PSE", 5: "PAE", 6: "MCE", 7: "PGE", 8: "PCE", 9: "OSFXSR",
    10: "OSXMMEXCPT",
}  # fmt: skip

#: Instructions shown before and after the one at EIP; dwords of stack; exits.
BEFORE, AFTER, WORDS, EXITS = 6, 5, 16, 10

Disassemble = Callable[[bytes, int, int], Iterable[Line]]


def crash_report(dump: CpuDump, message: str, disassemble: Disassemble = listing) -> str:
    """The page as text. `disassemble(code, linear address, bits)` may be replaced in tests."""
    blocks = (
        [message],
        _registers(dump),
        _segments(dump),
        _exits(dump),
        _code(dump, disassemble),
        _stack(dump),
    )
    return "\n".join("".join(f"{line.rstrip()}\n" for line in block) for block in blocks if block)


def bit_names(value: int, names: dict[int, str]) -> str:
    """ "PE ET PG": the names of the bits that are set, the lowest first."""
    return " ".join(name for bit, name in names.items() if value >> bit & 1)


def _registers(dump: CpuDump) -> list[str]:
    named = [f"{name}={value:08x}" for name, value in zip(REG_NAMES, dump.regs, strict=True)]
    cs = dump.segments[SEGMENT_NAMES.index("cs")]
    flags = f"{bit_names(dump.eflags, _EFLAGS)} IOPL={dump.eflags >> 12 & 3}"
    return [
        " ".join(named[:4]),
        " ".join(named[4:]),
        f"cs:eip={cs.selector:04x}:{dump.eip:08x} (linear {_linear(cs, dump.eip):08x}) cpl={dump.cpl}",
        f"eflags={dump.eflags:08x} [{flags.strip()}]",
        f"cr0={dump.cr0:08x} [{bit_names(dump.cr0, _CR0)}]",
        f"cr2={dump.cr2:08x} cr3={dump.cr3:08x} cr4={dump.cr4:08x} [{bit_names(dump.cr4, _CR4)}]",
    ]


def _linear(segment: Segment, offset: int) -> int:
    return (segment.base + offset) & 0xFFFFFFFF


def _segments(dump: CpuDump) -> list[str]:
    rows = [_segment_row(*pair) for pair in zip(SEGMENT_NAMES, dump.segments, strict=True)]
    tables = [
        f"{name:<5}      {table.base:08x} {table.limit:08x}"
        for name, table in (("gdtr", dump.gdtr), ("idtr", dump.idtr))
    ]
    return ["seg   sel  base     limit", *rows, *tables]


def _segment_row(name: str, segment: Segment) -> str:
    values = f"{segment.selector:04x} {segment.base:08x} {segment.limit:08x}"
    return f"{name:<5} {values} {_segment_kind(segment.flags)}"


def _segment_kind(flags: int) -> str:
    """ "code 32 dpl=0 a" in words, from the descriptor's high dword (SDM vol. 3A, section 3.4.5)."""
    if not flags & 0x8000:
        return "not present"
    dpl = flags >> 13 & 3
    if not flags & 0x1000:
        return f"system type {flags >> 8 & 15:#x} dpl={dpl}"
    kind = "code" if flags & 0x0800 else "data"
    writable = "" if flags & 0x0200 else (" not readable" if kind == "code" else " read only")
    return f"{kind} {32 if flags & 0x400000 else 16} dpl={dpl}{writable}"


def _exits(dump: CpuDump) -> list[str]:
    if not dump.last_exits:
        return []
    rows = (f"  {line.eip:08x}  {line.reason:<12} {line.detail}" for line in dump.last_exits[-EXITS:])
    return ["last exits, the newest at the end", *rows]


def _code(dump: CpuDump, disassemble: Disassemble) -> list[str]:
    cs = dump.segments[SEGMENT_NAMES.index("cs")]
    here = _linear(cs, dump.eip)
    if not dump.code:
        return [f"code: linear {here:08x} is not mapped"]
    lines = list(disassemble(dump.code, dump.code_base, 32 if cs.flags & 0x400000 else 16))
    at = next((index for index, line in enumerate(lines) if line.address >= here), len(lines))
    rows = (_code_row(line, here) for line in lines[max(at - BEFORE, 0) : at + AFTER + 1])
    return ["code, the guest's own bytes", *rows]


def _code_row(line: Line, here: int) -> str:
    mark = "=>" if line.address == here else "  "
    return f"{mark} {line.address:08x}: {line.raw.hex(' '):<32} {line.text}"


def _stack(dump: CpuDump) -> list[str]:
    ss = dump.segments[SEGMENT_NAMES.index("ss")]
    top = _linear(ss, dump.regs[REG_NAMES.index("esp")])
    if not dump.stack:
        return [f"stack: linear {top:08x} is not mapped"]
    words = dump.stack[:WORDS]
    rows = (_stack_row(top + 4 * index, words[index : index + 4]) for index in range(0, len(words), 4))
    return ["stack, from ss:esp upwards", *rows]


def _stack_row(address: int, words: tuple[int, ...]) -> str:
    return f"  {address & 0xFFFFFFFF:08x}: " + " ".join(f"{word:08x}" for word in words)
