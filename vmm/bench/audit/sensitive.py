# SPDX-License-Identifier: GPL-2.0-or-later
"""Is an instruction sensitive, judged by its text in AT&T syntax alone.

This list is written from the manuals and knows nothing of encodings, so that what the catalogue finds in bytes is
held against something else.
"""

import re
from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_EXACT: Final = _words(
    """
    cli sti cpuid rdtsc rdtscp rdpmc rdpid clts hlt arpl into int int1 int3 icebp sysenter syscall swapgs
    rdmsr wrmsr xgetbv xsetbv invd wbinvd wbnoinvd invlpg invpcid monitor mwait clac stac verr verw lldt ltr lmsw
    insb insw insl insd outsb outsw outsl outsd iretd retf lcall ljmp
    """
)
_SUFFIXED: Final = _words(
    """
    pushf popf in out ins outs sgdt sidt lgdt lidt sldt str smsw lldt ltr lmsw lar lsl verr verw lds les lss lfs lgs
    ljmp lcall lret iret bound sysexit sysret invpcid rdfsbase rdgsbase wrfsbase wrgsbase
    """
)
_PREFIXES: Final = _words(
    """
    rep repe repz repne repnz lock data16 data32 addr16 addr32 cs ds es ss fs gs notrack bnd wait xacquire xrelease
    """
)
_SPECIAL_REGISTER: Final = re.compile(r"%(?:[c-gs]s|cr\d+|dr\d+|db\d+)")
_OPERAND: Final = re.compile(r"(?:\([^)]*\)|[^,(])+")


def split(text: str) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
    """Prefixes, mnemonic and operands of an instruction; the mnemonic is "" where prefixes stand alone."""
    words = text.split()
    count = 0
    while count < len(words) and is_prefix(words[count]):
        count += 1
    if count == len(words):
        return tuple(words), "", ()
    operands = tuple(o.strip() for o in _OPERAND.findall(" ".join(words[count + 1 :])))
    return tuple(words[:count]), words[count].lower(), operands


def is_prefix(word: str) -> bool:
    """Is it a prefix written as a word of its own?"""
    return word in _PREFIXES or word.startswith("rex") or (word.startswith("{") and word.endswith("}"))


def is_sensitive(text: str) -> bool:
    """Would an audit report this instruction? `lock` makes it undefined unless it may be locked, and none may."""
    prefixes, mnemonic, operands = split(text)
    if "lock" in prefixes:
        return False
    if (
        mnemonic in _EXACT
        or mnemonic in _SUFFIXED
        or (mnemonic[-1:] in "bwlq" and mnemonic[:-1] in _SUFFIXED)
    ):
        return True
    if mnemonic.rstrip("bwlq") in ("mov", "push", "pop"):
        return any(_SPECIAL_REGISTER.fullmatch(operand) for operand in operands)
    return False
