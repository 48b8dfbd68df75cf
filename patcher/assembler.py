# SPDX-License-Identifier: GPL-2.0-or-later
"""Assembly text to bytes, by Keystone; the only module that imports it.

For our own stub templates and guests only: the assembler hangs on some input and can read files of the host,
so text of a user or a guest never comes here. AT&T syntax, every size written as a suffix (``lgdtl``,
``pushfl``), numbers as 0x.. since it reads all digits as hexadecimal. Text that holds nothing but
instructions and labels is decoded again and compared.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import keystone

from patcher.decoder import ATT, instructions
from patcher.errors import PatcherError

_MODES: Final = {16: keystone.KS_MODE_16, 32: keystone.KS_MODE_32, 64: keystone.KS_MODE_64}
_STRING: Final = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\\])\'?')
_DECIMAL: Final = re.compile(r"(?<![\w\\.$%])-?[1-9]\d+\b|(?<=\$)-?[1-9]\d+\b")
_LABEL: Final = re.compile(r"^\s*[\w.$]+:")
_PREFIXES: Final = frozenset(("lock", "rep", "repe", "repz", "repne", "repnz"))
_CONDITIONS: Final = {
    "z": "e", "nz": "ne", "c": "b", "nae": "b", "nc": "ae", "nb": "ae", "na": "be", "nbe": "a",
    "pe": "p", "po": "np", "nge": "l", "nl": "ge", "ng": "le", "nle": "g",
}  # fmt: skip


@cache
def _keystone(bits: int) -> Any:
    if bits not in _MODES:
        raise PatcherError(f"Code is 16, 32 or 64 bits wide, not {bits}.")
    assembler = keystone.Ks(keystone.KS_ARCH_X86, _MODES[bits])
    assembler.syntax = keystone.KS_OPT_SYNTAX_ATT
    return assembler


def assemble(text: str, address: int, bits: int) -> bytes:
    """Assemble a program whose first byte will lie at ``address``.

    Raises ``PatcherError``, with the number and text of the line where that can be told, for what the
    assembler rejects, for numbers that it would misread, and for instructions that it made into something
    else.
    """
    lines = text.splitlines()
    _refuse_decimals(lines)
    code = _run(text, address, bits, lines)
    statements = list(_statements(lines))
    if all(not _directive(words) for _, words in statements):
        _compare(statements, code, address, bits)
    return code


def _run(text: str, address: int, bits: int, lines: list[str]) -> bytes:
    try:
        code, _ = _keystone(bits).asm((text + "\n").encode("ascii"), address, as_bytes=True)
    except keystone.KsError as error:
        raise PatcherError(f"{_blame(lines, error, bits)}: {error.message}") from None
    except UnicodeEncodeError as error:
        raise PatcherError(f"Assembly text is ASCII: {error}.") from None
    return code or b""


def _blame(lines: list[str], error: Any, bits: int) -> str:
    """The first line that fails alone in the same way; the assembler itself tells none."""
    for number, line in enumerate(lines, 1):
        if not _directive(line):
            try:
                _keystone(bits).asm(line + "\n")
            except keystone.KsError as alone:
                if alone.errno == error.errno:
                    return f"line {number}, {line.strip()!r}"
    return f"a program of {len(lines)} lines"


def _refuse_decimals(lines: list[str]) -> None:
    for number, line in enumerate(lines, 1):
        found = _DECIMAL.search(_STRING.sub("''", line).split("#")[0])
        if found is not None:
            raise PatcherError(
                f"line {number}, {line.strip()!r}: it would read {found[0]} as hexadecimal, write 0x.."
            )


def _directive(statement: str) -> bool:
    return statement.lstrip().startswith(".") or "=" in statement


def _statements(lines: list[str]) -> Iterator[tuple[int, str]]:
    """The instructions and directives with the numbers of their lines; labels and comments are gone."""
    for number, line in enumerate(lines, 1):
        for part in _STRING.sub("''", line).split("#")[0].split(";"):
            while (label := _LABEL.match(part)) is not None:
                part = part[label.end() :]
            if part.strip():
                yield number, part.strip()


def _compare(statements: list[tuple[int, str]], code: bytes, address: int, bits: int) -> None:
    """Decode what was made; every statement must have become one instruction of its name and size."""
    made = instructions(code, address, bits, ATT)
    for (number, statement), (_, raw, text) in zip(statements, made, strict=False):
        if not _same_name(statement, text):
            raise PatcherError(f"line {number}, {statement!r} was assembled as {text!r} ({raw.hex(' ')}).")
    if len(statements) != len(made):
        raise PatcherError(f"{len(statements)} statements were assembled as {len(made)} instructions.")


def _same_name(written: str, decoded: str) -> bool:
    """Is it the same mnemonic? A size that was written must be there, one that was not may be any."""
    one, other = _names(written), _names(decoded)
    if one[:-1] != other[:-1]:
        return False
    return other[-1] in {one[-1] + suffix for suffix in ("", "b", "w", "l", "q")}


def _names(text: str) -> list[str]:
    """Prefixes and mnemonic, with one spelling for every condition."""
    names: list[str] = []
    for word in text.split():
        if word not in _PREFIXES:
            return [*names, _canonical(word)]
        names.append({"repe": "rep", "repz": "rep", "repnz": "repne"}.get(word, word))
    return [*names, ""]


def _canonical(name: str) -> str:
    for stem in ("j", "set", "cmov"):
        if name.startswith(stem):
            condition, size = name[len(stem) :], ""
            if stem == "cmov" and condition[-1:] in ("w", "l", "q") and condition[:-1] in _CONDITIONS:
                condition, size = condition[:-1], condition[-1]
            if condition in _CONDITIONS:
                return stem + _CONDITIONS[condition] + size
    return name
