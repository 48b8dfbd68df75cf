# SPDX-License-Identifier: GPL-2.0-or-later
"""Small firmware: UEFI volumes with their files and sections, option ROMs, BIOS images; and UEFI's compression."""

import lzma
import struct
from uuid import UUID

FFS = UUID("8c8ce578-8a3d-4f1c-9935-896185c32dd3")
VOLUME_TOP = UUID("1ba0062e-c779-4582-8566-336ae8f78f09")
DRIVER = UUID(int=0x1234)
LZMA = UUID("ee4e5898-3914-4259-9d6e-dc7bd79403cf")
TIANO = UUID("a31280ad-481e-41b6-95e8-127f4c984779")
COMPRESSION, GUIDED, PE32, TE, NAME, VOLUME, RAW = 0x01, 0x02, 0x10, 0x12, 0x15, 0x17, 0x19


def section(kind: int, data: bytes) -> bytes:
    """One section, padded for the next."""
    whole = (len(data) + 4).to_bytes(3, "little") + bytes([kind]) + data
    return whole + bytes(-len(whole) % 4)


def named(text: str) -> bytes:
    return section(NAME, text.encode("utf-16-le") + b"\0\0")


def guided(guid: UUID, data: bytes, attributes: int = 1) -> bytes:
    return section(GUIDED, guid.bytes_le + struct.pack("<HH", 24, attributes) + data)


def packed(data: bytes) -> bytes:
    """Sections packed with LZMA."""
    return guided(LZMA, lzma.compress(data, lzma.FORMAT_ALONE))


def firmware_file(data: bytes, kind: int = 7, guid: UUID = DRIVER) -> bytes:
    """A file of a volume, padded for the next."""
    head = guid.bytes_le + bytes(2) + bytes([kind, 0]) + (len(data) + 24).to_bytes(3, "little") + b"\xf8"
    return head + data + b"\xff" * (-len(data) % 8)


def volume(*files: bytes, size: int | None = None, guid: UUID = FFS, last: bytes = b"") -> bytes:
    """A firmware volume: free space, then `last`, up to `size` bytes."""
    body = b"".join(files)
    size = size or 72 + len(body) + len(last)
    head = bytes(16) + guid.bytes_le + struct.pack("<Q4sIHHHBB", size, b"_FVH", 0, 72, 0, 0, 0, 2)
    head += struct.pack("<4I", 1, size, 0, 0)
    return (head + body).ljust(size - len(last), b"\xff") + last


def flash(*files: bytes, size: int = 0x2000) -> bytes:
    """A flash image whose reset vector jumps backwards, after 16 bytes of other code."""
    vector = b"\x90" * 16 + b"\xe9\xed\xff".ljust(16, b"\x90")
    padding = firmware_file(bytes(size - 72 - sum(map(len, files)) - 24 - 24 - len(vector)), 0xF0)
    return volume(*files, padding, firmware_file(vector, 1, VOLUME_TOP), size=size)


def option_rom(
    code: bytes, pnp: dict[int, int] | None = None, pci: int | None = None, more: bool = False
) -> bytes:
    """An option ROM of 512 bytes: code from offset 0x60 on, a jump to it at 3; a PnP header, a PCI structure."""
    data = bytearray(b"\x55\xaa\x01\xeb\x5b" + bytes(512 - 5))
    if pnp is not None:
        struct.pack_into("<H", data, 0x1A, 0x20)
        data[0x20:0x24] = b"$PnP"
        for at, value in pnp.items():
            struct.pack_into("<H", data, 0x20 + at, value)
    if pci is not None:
        struct.pack_into("<H", data, 0x18, 0x40)
        data[0x40:0x44] = b"PCIR"
        struct.pack_into("<HHBB", data, 0x50, 1, 0, pci, 0 if more else 0x80)
    data[0x60 : 0x60 + len(code)] = code
    data[511] = -sum(data) & 0xFF
    return bytes(data)


def efi_rom(image: bytes, method: int = 0) -> bytes:
    """An option ROM whose image for EFI is `image`, packed or not."""
    blocks = (len(image) + 0x60 + 511) // 512
    data = bytearray(blocks * 512)
    struct.pack_into("<2sHIHHH8xHH", data, 0, b"\x55\xaa", blocks, 0xEF1, 11, 0x8664, method, 0x60, 0x1C)
    struct.pack_into("<4s12xHHBB", data, 0x1C, b"PCIR", blocks, 0, 3, 0x80)
    data[0x60 : 0x60 + len(image)] = image
    return bytes(data)


def bios(size: int = 0x20000, code: dict[int, bytes] | None = None) -> bytes:
    """A BIOS of halts with the PC's reset vector; `code` by offset from its end."""
    data = bytearray(b"\xf4" * size)
    data[-16:-11] = b"\xea\x5b\xe0\x00\xf0"
    for at, what in (code or {}).items():
        data[size - at : size - at + len(what)] = what
    return bytes(data)


class Bits:
    """Bits, the most significant one first."""

    def __init__(self) -> None:
        self.text = ""

    def add(self, value: int, width: int) -> None:
        self.text += f"{value:0{width}b}"

    def __bytes__(self) -> bytes:
        padded = self.text + "0" * (-len(self.text) % 8)
        return int(padded, 2).to_bytes(len(padded) // 8, "big")


def tiano(data: bytes, field: int = 4) -> bytes:
    """`data` (without the bytes FE and FF) in UEFI's compression: one block of eight-bit literals, and a match of
    three bytes wherever the last one to four come again."""
    symbols: list[tuple[int, int]] = []
    at = 0
    while at < len(data):
        near = [
            back
            for back in (1, 2, 3, 4)
            if back <= at and data[at : at + 3] == (data[at - back : at] * 3)[:3]
        ]
        symbols.append((256, near[0]) if near else (data[at], 0))
        at += 3 if near else 1
    bits = Bits()
    bits.add(len(symbols), 16)
    _lengths(bits)
    bits.add(4, field)  # four symbols of two bits: distances 1, 2, 3 with one bit more, 5 with two bits more
    for length in (2, 2, 2, 2):
        bits.add(length, 3)
    for symbol, back in symbols:
        if symbol < 254:
            bits.add(symbol, 8)
        else:
            bits.add(0b111111100 + symbol - 254, 9)
            bits.add((0, 0b00, 0b01, 0b100, 0b101)[back], 2 if back < 3 else 3)
    body = bytes(bits)
    return struct.pack("<II", len(body), len(data)) + body


def _lengths(bits: Bits) -> None:
    """254 codes of eight bits and four of nine: their lengths are coded with one bit each, 0 and 1."""
    bits.add(12, 5)
    for length in (0, 0, 0):
        bits.add(length, 3)
    bits.add(3, 2)  # three zeros more
    for length in (0, 0, 0, 0, 1, 1):
        bits.add(length, 3)
    bits.add(258, 9)
    bits.add(0, 254)
    bits.add(0b1111, 4)
