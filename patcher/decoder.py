# SPDX-License-Identifier: GPL-2.0-or-later
"""Code as text, by Capstone; the only module that imports it.

The text is for people: the patcher itself decodes with ``x86.decode``, which knows the lengths that
processors use. Where the two disagree about a length the bytes are shown as ``.byte``.
"""

from functools import cache
from typing import Any, Final

from patcher.errors import PatcherError
from patcher.x86.decode import Truncated, decode
from patcher.x86.insn import Insn

INTEL, ATT = "intel", "att"

PLAIN: Final = {
    b"\xcc": "int3",
    b"\xf4": "hlt",
    b"\xfa": "cli",
    b"\xfb": "sti",
    b"\x0f\x01\xd0": "xgetbv",
    b"\x0f\x01\xf9": "rdtscp",
    b"\x0f\x05": "syscall",
    b"\x0f\x0b": "ud2",
    b"\x0f\x30": "wrmsr",
    b"\x0f\x31": "rdtsc",
    b"\x0f\x32": "rdmsr",
    b"\x0f\x33": "rdpmc",
    b"\x0f\x34": "sysenter",
    b"\x0f\xa2": "cpuid",
}
"""What Capstone makes of these in every mode and syntax. Most user code holds no others, and loading it takes long."""

_MODES: Final = {16: "CS_MODE_16", 32: "CS_MODE_32", 64: "CS_MODE_64"}
_SYNTAXES: Final = {INTEL: "CS_OPT_SYNTAX_INTEL", ATT: "CS_OPT_SYNTAX_ATT"}
_LOCK: Final = 0xF0


@cache
def _capstone(bits: int, syntax: str) -> Any:
    import capstone

    if bits not in _MODES:
        raise PatcherError(f"Code is 16, 32 or 64 bits wide, not {bits}.")
    decoder = capstone.Cs(capstone.CS_ARCH_X86, getattr(capstone, _MODES[bits]))
    decoder.syntax = getattr(capstone, _SYNTAXES[syntax])
    return decoder


def load() -> None:
    """Load Capstone's library now, while there is memory for it."""
    _capstone(32, INTEL)


def _one(decoder: Any, raw: bytes, address: int) -> str | None:
    """The text of one instruction of exactly these bytes; None when Capstone sees another one or none."""
    for _, length, mnemonic, operands in decoder.disasm_lite(raw, address, 1):
        if length == len(raw):
            return f"{mnemonic} {operands}".rstrip()
    return None


def _text(bits: int, syntax: str, raw: bytes, insn: Insn | None, address: int) -> str:
    if raw in PLAIN:
        return PLAIN[raw]
    decoder = _capstone(bits, syntax)
    text = _one(decoder, raw, address)
    if text is None and insn is not None and insn.lock:  # Capstone rejects a lock on what cannot be locked
        bare = bytes(b for b in raw[: insn.prefixes] if b != _LOCK) + raw[insn.prefixes :]
        unlocked = _one(decoder, bare, address + len(raw) - len(bare))
        text = unlocked and f"lock {unlocked}"
    return text or ".byte " + ", ".join(f"{b:#04x}" for b in raw)


def instructions(code: bytes, address: int, bits: int, syntax: str = INTEL) -> list[tuple[int, bytes, str]]:
    """Every instruction of ``code`` as (address, bytes, text); ``address`` is that of its first byte.

    What is no instruction is one byte at a time; an instruction that the end cuts off is one item of all that
    is left.
    """
    found = []
    offset = 0
    while offset < len(code):
        try:
            insn = decode(code, offset, bits)
            raw = insn.raw if insn is not None else code[offset : offset + 1]
        except Truncated:
            insn, raw = None, code[offset:]
        found.append((address + offset, raw, _text(bits, syntax, raw, insn, address + offset)))
        offset += len(raw)
    return found


def disassemble(code: bytes, address: int, bits: int, syntax: str = INTEL) -> str:
    """The instructions of ``code`` as text, a line each."""
    return "\n".join(text for _, _, text in instructions(code, address, bits, syntax))


def lengths(code: bytes, bits: int, count: int = 0) -> list[int]:
    """Lengths of ``count`` instructions (0: all), as Capstone alone sees them, up to one that it rejects."""
    return [length for _, length, _, _ in _capstone(bits, INTEL).disasm_lite(code, 0, count)]
