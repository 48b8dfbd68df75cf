# SPDX-License-Identifier: GPL-2.0-or-later
"""`.eh_frame`: the extent of every function that a compiler made, and the landing pads behind it.

LSB Core, "Exception Frames" (CIE, FDE, pointer encodings), and the Itanium C++ ABI's exception tables, which
`patcher.binary.landing_pads` reads. Only starts and lengths are taken; how to unwind is nobody's concern here.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

OMIT = 0xFF
_FORMS = {1: None, 2: "<H", 3: "<I", 4: "<Q", 9: None, 10: "<h", 11: "<i", 12: "<q"}
PC_RELATIVE, DATA_RELATIVE, INDIRECT = 0x10, 0x30, 0x80
USUAL = PC_RELATIVE | 0x0B
"""How gcc and clang write addresses here: 32-bit and signed, from the field's own place."""


class Malformed(Exception):
    """The bytes are not what they should be; nothing after them can be trusted."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What one FDE covers, `[start, end)`, and where its exception table is (0: none)."""

    start: int
    end: int
    lsda: int


@dataclass(frozen=True, slots=True)
class Cie:
    """The part of a CIE that says how its FDEs are written."""

    pointers: int
    lsda: int
    has_length: bool
    is_signal: bool


def uleb(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """An unsigned LEB128 number and the offset behind it."""
    value = shift = 0
    while shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise Malformed


def pointer(data: memoryview, at: int, encoding: int, base: int, bits: int) -> tuple[int, int]:
    """An encoded pointer and the offset behind it; `base` is the address of `data`.

    0 stays 0 (no pointer) in every encoding but the absolute one, where it is 0 anyway.
    """
    kind = encoding & 0x0F
    if kind in (1, 9):
        value, after = uleb(data, at)
    else:
        form = ("<I" if bits == 32 else "<Q") if kind == 0 else _FORMS.get(kind)
        if form is None:
            raise Malformed
        value, after = struct.unpack_from(form, data, at)[0], at + struct.calcsize(form)
    relative = encoding & 0x70
    if relative not in (0, PC_RELATIVE):
        raise Malformed
    if relative and value:
        value += base + at
    return value & ((1 << bits) - 1), after


def read_frames(data: memoryview, base: int, bits: int) -> Iterator[Frame]:
    """Every function of an `.eh_frame` whose first byte is at address `base`; ends where it is malformed."""
    cies: dict[int, Cie | None] = {}
    at, size = 0, len(data)
    while at + 8 <= size:
        length, ident = struct.unpack_from("<II", data, at)
        start, at = at + 4, at + 4 + length
        if not length or length == 0xFFFFFFFF or at > size:
            return
        if not ident:
            continue
        where = start - ident
        if where not in cies:
            cies[where] = _guarded_cie(data, where, bits)
        cie = cies[where]
        if cie is not None:
            yield from _fde(data, (start + 4, at), cie, base, bits)


def _guarded_cie(data: memoryview, at: int, bits: int) -> Cie | None:
    try:
        return _cie(data, at, bits) if at >= 0 else None
    except (Malformed, IndexError, struct.error, ValueError):
        return None


def _cie(data: memoryview, at: int, bits: int) -> Cie:
    length, ident, version = struct.unpack_from("<IIB", data, at)
    if ident or version not in (1, 3, 4) or length < 5:
        raise Malformed
    raw = bytes(data[at + 9 : at + 9 + 16])
    letters = raw[: raw.index(0)].decode("latin-1")
    at += 9 + len(letters) + 1
    at += 2 if version == 4 else 0
    _, at = uleb(data, at)
    _, at = uleb(data, at)
    at = at + 1 if version == 1 else uleb(data, at)[1]
    if not letters.startswith("z"):
        return Cie(0, OMIT, False, False) if not letters else _unknown()
    return _augmentation(data, uleb(data, at)[1], letters[1:], bits)


def _unknown() -> Cie:
    raise Malformed


def _augmentation(data: memoryview, at: int, letters: str, bits: int) -> Cie:
    pointers, lsda, is_signal = 0, OMIT, False
    for letter in letters:
        if letter == "R":
            pointers, at = data[at], at + 1
        elif letter == "L":
            lsda, at = data[at], at + 1
        elif letter == "P":
            _, at = pointer(data, at + 1, data[at] & 0x0F, 0, bits)
        elif letter == "S":
            is_signal = True
        elif letter != "B":
            raise Malformed
    return Cie(pointers, lsda, True, is_signal)


def _fde(data: memoryview, extent: tuple[int, int], cie: Cie, base: int, bits: int) -> Iterator[Frame]:
    at, end = extent
    try:
        if cie.pointers == USUAL:
            start, length = struct.unpack_from("<iI", data, at)
            start, at = (start + base + at) & ((1 << bits) - 1), at + 8
        else:
            start, at = pointer(data, at, cie.pointers, base, bits)
            length, at = pointer(data, at, cie.pointers & 0x0F, 0, bits)
        lsda = _lsda(data, at, cie, base, bits) if cie.lsda != OMIT else 0
    except (Malformed, IndexError, struct.error):
        return
    # A signal frame's range begins one byte early, for unwinders that look up "return address - 1".
    if at <= end and length > cie.is_signal:
        yield Frame(start + cie.is_signal, start + length, lsda)


def _lsda(data: memoryview, at: int, cie: Cie, base: int, bits: int) -> int:
    _, at = uleb(data, at)
    return pointer(data, at, cie.lsda & 0x7F, base, bits)[0]


def frames_from_header(
    view: Callable[[int, int | None], memoryview], header: int, bits: int
) -> tuple[int, memoryview]:
    """Address and bytes of the `.eh_frame` that an `.eh_frame_hdr` at address `header` points to."""
    data = view(header, 32)
    try:
        if data[0] != 1 or data[1] == OMIT:
            raise Malformed
        start, _ = pointer(data, 4, data[1], header, bits)
    except (Malformed, IndexError, struct.error):
        return 0, memoryview(b"")
    return start, view(start, None)
