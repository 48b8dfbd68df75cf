# SPDX-License-Identifier: GPL-2.0-or-later
"""The symbol table that Linux carries for itself, made small (Linux, scripts/kallsyms.c)."""

import struct


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def kallsyms(names: list[tuple[int, str]], base: int, is_new: bool) -> bytes:
    """Of (address, type letter and name): before 6.4 the addresses stand in front, since then behind."""
    tokens = [bytes([i]) if 0x21 <= i < 0x7F else b"x%02x" % i for i in range(256)]
    table = b"".join(token + b"\0" for token in tokens)
    index, at = b"", 0
    for token in tokens:
        index, at = index + struct.pack("<H", at), at + len(token) + 1
    packed, markers = b"", b""
    for number, (_, name) in enumerate(names):
        if number % 256 == 0:
            markers += struct.pack("<I", len(packed))
        packed += bytes([len(name)]) + name.encode()
    offsets = b"".join(struct.pack("<I", at - base) for at, _ in names)
    middle = struct.pack("<I", len(names)) + _padded(packed) + markers + _padded(table) + index
    return (
        middle + offsets + struct.pack("<I", base) if is_new else offsets + struct.pack("<I", base) + middle
    )
