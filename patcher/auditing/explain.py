# SPDX-License-Identifier: GPL-2.0-or-later
"""What the catalogue says of a rule, for people, with an example made from the row's own encoding."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from patcher.auditing.relevance import World, relevance
from patcher.auditing.rows import audited, rule_of, rules
from patcher.catalogue import CATALOGUE, Form, SensitiveInsn, Sensitivity
from patcher.errors import PatcherError
from patcher.stub import effect_in_stub
from patcher.x86.decode import decode
from patcher.x86.insn import CS, Insn

_ESCAPES: Final = (b"", b"\x0f", b"\x0f\x38", b"\x0f\x3a")
_OPERANDS: Final = bytes((0x80, 0, 0x10, 0, 0, 0, 0, 0, 0, 0))
_MEMORY: Final = {16: 0x07, 32: 0x03, 64: 0x03}  # ModRM.rm: (e)bx
_KINDS: Final = {
    Sensitivity.CONTROL: "changes privileged state",
    Sensitivity.BEHAVIOUR: "depends on privileged state",
}


def find_rule(word: str) -> tuple[SensitiveInsn, ...]:
    """The rows of a rule, by its name, or one row by its own: with its encoding, as reports have it, or without.

    Rows that no audit reports are known, too. Raises `PatcherError` with the nearest names when there is none.
    """
    wanted = word.lower()
    found = rules().get(wanted) or tuple(row for row in CATALOGUE if str(row).lower() == wanted)
    found = found or tuple(row for row in CATALOGUE if wanted in (row.name.lower(), rule_of(row)))
    if found:
        return found
    near = get_close_matches(wanted, dict.fromkeys(map(rule_of, CATALOGUE)), n=3)
    raise PatcherError(f"There is no rule {word!r}{f' (did you mean {_one_of(near)}?)' if near else ''}.")


def _one_of(names: list[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def example(row: SensitiveInsn, bits: int) -> Insn:
    """A short instruction that the row claims, in code `bits` wide."""
    key = row.key
    register = key.form is Form.REGISTER
    reg = 0 if key.regs is None else CS if row.effect == "mov r/m,sreg" else key.regs[0]
    rm = key.rms[0] if key.rms else (0 if register else _MEMORY[bits])
    modrm = (0xC0 if register else 0) | reg << 3 | rm
    prefix = bytes(p for p in (key.prefixes or (0,))[:1] if p)
    made = prefix + _ESCAPES[key.opmap] + bytes((key.opcode, modrm)) + _OPERANDS
    insn = decode(made, 0, bits)
    assert insn is not None, f"{row} has an encoding that does not decode"
    return insn


def summary() -> Iterator[str]:
    """A line a rule: its name, what it is when deprivileged, what goes wrong."""
    known = rules()
    width = max(map(len, known))
    for rule, rows in known.items():
        yield f"{rule:<{width}}  {'hole' if rows[0].is_hole else 'traps':<5}  {rows[0].breaks}"


def explanation(rows: tuple[SensitiveInsn, ...]) -> Iterator[str]:
    """Everything about one rule, in lines."""
    row = rows[0]
    yield f"{rule_of(row)} ({row.name}; family {row.family})"
    yield ""
    if not audited(row):
        yield f"  Not audited:   {row.origin.value}"
    yield f"  Deprivileged:  {'runs without a trap: a hole' if row.is_hole else 'traps by itself'}"
    yield f"  Who may run:   {row.runs_at.value}"
    yield f"  Sensitive:     {' and '.join(text for kind, text in _KINDS.items() if kind in row.sensitivity)}"
    if row.robin_irvine is not None:
        yield f"  Robin, Irvine: number {row.robin_irvine.number}, rule {row.robin_irvine.rule} (USENIX Security 2000)"
    yield f"  Manual:        {row.manual}"
    yield ""
    yield from _worlds(row)
    yield ""
    yield "  Closed by:     " + _closed_by(row)
    yield ""
    yield from _encodings(rows)


def _worlds(row: SensitiveInsn) -> Iterator[str]:
    for world in World:
        bits = 16 if world is World.REAL else max(row.modes & {16, 32}, default=64)
        if world is World.REAL and 16 not in row.modes:
            continue
        found = relevance(row, example(row, bits), world)
        yield f"  In {world.value}: {'' if found.matters else 'harmless. '}{found.why}"


_TURNS: Final = ", in turns where code overlaps"


def _closed_by(row: SensitiveInsn) -> str:
    if not row.is_hole:
        return "nothing, it traps by itself"
    if 32 in row.modes and effect_in_stub(example(row, 32)) is not None:
        return "a stub in 32-bit code of ring 0 where there is room for a jump, else a trap" + _TURNS
    return "a trap (int3 over its first byte)" + _TURNS


def _encodings(rows: tuple[SensitiveInsn, ...]) -> Iterator[str]:
    from patcher.decoder import ATT, INTEL, disassemble

    for row in rows:
        yield f"  {row.key!s}, in {', '.join(map(str, sorted(row.modes)))}-bit code; for example"
        for bits in sorted(row.modes):
            raw = example(row, bits).raw
            intel, att = (disassemble(raw, 0x1000, bits, syntax) for syntax in (INTEL, ATT))
            if intel.startswith(".byte"):
                yield f"    {bits} bit  {raw.hex(' '):<22} (no assembler has a name for it)"
                continue
            yield f"    {bits} bit  {raw.hex(' '):<22} {intel:<28} AT&T: {att}"
