# SPDX-License-Identifier: GPL-2.0-or-later
"""Executable files as `Image`s. One file a format: a module here that holds a `FORMAT` is a format.

    image = patcher.image.read(data, "kernel.elf")

The format is told by the contents, never by the name of the file. Whatever the bytes are, the outcome is an
`Image` or a `PatcherError` whose text is a sentence with the file's name in it; memory and time grow with the
file's size.
"""

from functools import cache

from patcher.errors import PatcherError
from patcher.image.model import Format, Image, Segment, Symbol
from patcher.registry import declared

__all__ = ["Format", "Image", "Segment", "Symbol", "detect", "formats", "read"]


@cache
def formats() -> tuple[Format, ...]:
    """Every format of this package, in the order in which they are asked."""
    found = declared(__name__, __path__, "FORMAT", Format, "image format")
    return tuple(sorted(found.values(), key=lambda form: form.rank))


def detect(data: bytes) -> Format:
    """The format of a file's contents. Every file is at least a flat binary."""
    return next(form for form in formats() if form.matches(data))


def read(data: bytes, name: str, form: Format | None = None) -> Image:
    """Read a file's contents, in its detected format or in the given one."""
    if not data:
        raise PatcherError(f"{name} is empty.")
    return (form or detect(data)).read(data, name)
