# SPDX-License-Identifier: GPL-2.0-or-later
"""Files with x86 code as `Binary`s, for audits. One file a format: a module here that holds a `READER` is a format.

    binaries = patcher.binary.read(data, "vmlinuz")

The format is told by the contents. Whatever the bytes are, the outcome is a tuple of `Binary` or a `PatcherError` whose
text is a sentence with the file's name in it.
"""

from functools import cache
from typing import Final

from patcher.binary.model import (
    Binary,
    Entry,
    Function,
    Origin,
    Privilege,
    Reader,
    Rewritten,
    Section,
    Symbol,
)
from patcher.errors import PatcherError
from patcher.registry import declaration, declared

__all__ = [
    "Binary", "Entry", "Function", "Origin", "Privilege", "Reader", "Rewritten", "Section", "Symbol",
    "detect", "read", "readers",
]  # fmt: skip

ALONE: Final = {b"\x7fELF": "elf"}
"""First four bytes that one format alone has, and its module: such a file loads no other reader."""


@cache
def readers() -> tuple[Reader, ...]:
    """Every format of this package, in the order in which they are asked."""
    found = declared(__name__, __path__, "READER", Reader, "format")
    return tuple(sorted(found.values(), key=lambda reader: reader.rank))


def detect(data: bytes) -> Reader | None:
    """The format of a file's contents, None when no reader knows it."""
    alone = ALONE.get(data[:4])
    if alone is not None:
        return declaration(f"{__name__}.{alone}", "READER", Reader)
    return next((reader for reader in readers() if reader.matches(data)), None)


def read(data: bytes, name: str) -> tuple[Binary, ...]:
    """Every program in a file's contents. Raises `PatcherError` when the format is unknown or the file is damaged."""
    reader = detect(data)
    if reader is None:
        raise PatcherError(
            f"{name} is in no format that holds x86 code (raw bytes need a mode and an address)."
        )
    return reader.read(data, name)
