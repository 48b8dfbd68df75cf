# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that are booted: read and unpacked up to the size of guest RAM, since no more could be loaded."""

import zlib
from pathlib import Path

from vmm.boot.placement import size_text
from vmm.boot.state import Module
from vmm.errors import BootError

GZIP = b"\x1f\x8b\x08"


class MissingFile(BootError):
    """A file that is named and cannot be read (exit status 66)."""


def read_file(path: str | Path, limit: int) -> bytes:
    """A whole file of at most `limit` bytes."""
    try:
        with open(path, "rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise MissingFile(f"{path} cannot be read: {error.strerror}.") from error
    if len(data) > limit:
        raise BootError(f"{path} does not fit into the guest's {size_text(limit)} of RAM.")
    return data


def unpacked(data: bytes, name: str, limit: int) -> bytes:
    """The contents of a gzip file, of at most `limit` bytes; other files as they are.

    Debian ships GNU Mach compressed, for GRUB unpacks what it loads. (QEMU's -kernel does not.)
    """
    if not data.startswith(GZIP):
        return data
    inflate = zlib.decompressobj(wbits=31)
    try:
        plain = inflate.decompress(data, limit + 1)
    except zlib.error as error:
        raise BootError(f"{name} is a damaged gzip file ({error}).") from error
    if len(plain) > limit:
        raise BootError(f"{name} does not fit into the guest's {size_text(limit)} of RAM when unpacked.")
    if not inflate.eof:
        raise BootError(f"{name} is a truncated gzip file.")
    return plain


def split_modules(text: str) -> list[str]:
    """QEMU's list of modules: commas between them, two commas for one that is meant."""
    return [part.replace("\0", ",") for part in text.replace(",,", "\0").split(",")]


def read_modules(initrd: str | bytes | None, limit: int) -> tuple[Module, ...]:
    """Modules as `-initrd` names them, each "FILE ARGS"; together at most `limit` bytes."""
    if initrd is None:
        return ()
    if isinstance(initrd, bytes):
        return (Module(initrd),)
    modules = []
    for text in split_modules(initrd):
        modules.append(Module(read_file(text.split(" ", 1)[0], limit), text))
        limit -= len(modules[-1].data)
    return tuple(modules)
