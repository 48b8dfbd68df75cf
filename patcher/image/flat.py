# SPDX-License-Identifier: GPL-2.0-or-later
"""Flat binaries: bytes without headers, at an address and in a mode that somebody has to tell."""

from patcher.errors import PatcherError
from patcher.image.model import Format, Image, Segment
from patcher.x86.address import Gpa, Gva


def read_flat(data: bytes, name: str, address: int = 0, mode: int = 32, entry: int | None = None) -> Image:
    """All of `data` at `address`, entered at `entry` (its first byte, where that is None)."""
    if mode not in (16, 32, 64):
        raise PatcherError(f"{name} cannot be read in mode {mode}: the modes are 16, 32 and 64.")
    end = address + len(data)
    if address < 0 or end > 1 << (64 if mode == 64 else 32):
        raise PatcherError(
            f"{name} ({len(data)} bytes) does not fit at address {address:#x} in {mode}-bit mode."
        )
    start = address if entry is None else entry
    if not address <= start < end:
        raise PatcherError(
            f"The entry point {start:#010x} of {name} is outside [{address:#010x}, {end:#010x})."
        )
    segment = Segment(
        Gva(address), Gpa(address), memoryview(data), len(data),
        writable=True, executable=True, name="the flat binary",
    )  # fmt: skip
    return Image(name, "flat", mode, Gva(start), (segment,))


FORMAT = Format("flat", rank=90, matches=lambda data: True, read=read_flat)
