# SPDX-License-Identifier: GPL-2.0-or-later
"""Linux bzImages as an audit sees them: three programs in one file.

"setup" is the real-mode code that boot loaders of the 16-bit protocol enter, "decompressor" is the protected-mode
part, "payload" the kernel proper, unpacked. Programs that only use the format (memtest86+) are a "kernel"
at once. Linux, Documentation/arch/x86/boot.rst (fields, "32-bit Boot Protocol", "64-bit Boot Protocol",
"EFI Handover Protocol").
"""

import struct
from collections.abc import Iterator
from dataclasses import replace

from patcher.archive.codec import codec_of, unpack
from patcher.binary.gathering import Gathering
from patcher.binary.linux_payload import read_payload
from patcher.binary.model import Binary, Origin, Privilege, Reader, Section
from patcher.errors import PatcherError
from patcher.image.linux_bzimage import FORMAT, HEADER, SECTOR, SIGNATURE, SetupHeader, read_setup

STARTUP_64 = 0x200
"""The 64-bit entry point, counted from the 32-bit one."""
KERNEL_64, HANDOVER_32, HANDOVER_64 = 1, 4, 8
GZIP = b"\x1f\x8b\x08\x00"
RATIO = 32
"""No kernel is packed better than this."""
PE_ENTRY, PE_MACHINES = 0x28, {0x14C: 32, 0x8664: 64}


def read_bzimage(data: bytes, name: str) -> tuple[Binary, ...]:
    """The programs of a bzImage. What cannot be unpacked is told in the decompressor's notes."""
    if SIGNATURE < len(data) <= SECTOR * (1 + data[HEADER]):
        return (_setup(data, SIGNATURE + data[SIGNATURE - 1], len(data), name),)
    setup = read_setup(data, name)
    mode = 64 if _flags(setup) & KERNEL_64 else 32
    start, size = _payload_extent(data, setup)
    notes: tuple[str, ...] = ()
    payload: tuple[Binary, ...] = ()
    try:
        payload = (_payload(data[start : start + size], name, mode, setup),) if size else ()
    except PatcherError as error:
        notes = (str(error),)
    program = _decompressor(data, setup, mode, (start, size)).binary(
        "decompressor" if size else "kernel", name
    )
    header_end = HEADER + len(setup.raw)
    return _setup(data, header_end, setup.setup_size, name), replace(program, notes=notes), *payload


def _field(setup: SetupHeader, offset: int, size: int, version: int) -> int:
    """A field of the setup header; 0 where the protocol's version lacks it."""
    if setup.version < version:
        return 0
    return int.from_bytes(setup.raw[offset - HEADER : offset - HEADER + size], "little")


def _flags(setup: SetupHeader) -> int:
    return _field(setup, 0x236, 2, 0x20C)


def _setup(data: bytes, header_end: int, size: int, name: str) -> Binary:
    """Real-mode code; its segment's addresses are file offsets. The header is data behind the first jump.

    A file may be nothing else (GRUB's lnxboot.img is put in front of what it loads).
    """
    code = min(header_end, size)
    extents = (
        ("boot sector", 0, SECTOR, False),
        ("jump", SECTOR, SIGNATURE, True),
        ("header", SIGNATURE, code, False),
        ("setup", code, size, True),
    )
    sections = [
        Section(text, start, memoryview(data)[start:end], end - start, is_code, True, 16, start)
        for text, start, end, is_code in extents
        if start < end
    ]
    into = Gathering("linux", 16, Privilege.KERNEL, sections)
    into.enter(SECTOR, Origin.PROTOCOL, "16-bit boot protocol")
    return into.binary("setup", name)


def _payload_extent(data: bytes, setup: SetupHeader) -> tuple[int, int]:
    """File offset and size of the packed kernel. Before 2.08 no field says it; then it was gzip's."""
    end = setup.setup_size + setup.syssize
    offset, size = _field(setup, 0x248, 4, 0x208), _field(setup, 0x24C, 4, 0x208)
    if size and offset + size <= setup.syssize:
        return setup.setup_size + offset, size
    start = data.find(GZIP, setup.setup_size, end)
    return (start, end - start) if start >= 0 else (end, 0)


def _payload(packed: bytes, name: str, mode: int, setup: SetupHeader) -> Binary:
    codec = codec_of(packed)
    if codec is None:
        raise PatcherError(f"{name}!payload is packed in a way that is not known.")
    data = unpack(codec, packed, f"{name}!payload", RATIO * len(packed))
    return read_payload(data, f"{name}!payload", mode, setup.pref_address or setup.code32_start)


def _decompressor(data: bytes, setup: SetupHeader, mode: int, payload: tuple[int, int]) -> Gathering:
    """The protected-mode part, with the packed kernel in it as data."""
    first, last = setup.setup_size, setup.setup_size + setup.syssize
    base = setup.code32_start - first
    cuts = [
        ("startup_32", first, min(first + STARTUP_64, payload[0]), True, 32),
        ("startup_64" if mode == 64 else "head", first + STARTUP_64, payload[0], True, mode),
        ("packed kernel", payload[0], sum(payload), False, mode),
        ("decompressor", sum(payload), last, True, mode),
    ]
    view = memoryview(data)
    sections = [
        Section(text, base + start, view[start:end], end - start, is_code, True, bits, start)
        for text, start, end, is_code, bits in cuts
        if start < end
    ]
    into = Gathering("linux", mode, Privilege.KERNEL, sections)
    for address, bits, text in _entries(data, setup, mode, base):
        into.enter(address, Origin.PROTOCOL, text, bits)
    return into


def _entries(data: bytes, setup: SetupHeader, mode: int, base: int) -> Iterator[tuple[int, int, str]]:
    """Address, mode and name of every way in that the boot protocol and the EFI stub's PE header name."""
    start, flags = setup.code32_start, _flags(setup)
    yield start, 32, "startup_32"
    if mode == 64:
        yield start + STARTUP_64, 64, "startup_64"
    handover = _field(setup, 0x264, 4, 0x20B)
    if handover and flags & HANDOVER_32:
        yield start + handover, 32, "EFI handover"
    if handover and flags & HANDOVER_64:
        yield start + handover + STARTUP_64, 64, "EFI handover"
    pe = int.from_bytes(data[0x3C:0x40], "little")
    if data[:2] == b"MZ" and data[pe : pe + 4] == b"PE\0\0" and pe + PE_ENTRY + 4 <= len(data):
        (machine,) = struct.unpack_from("<H", data, pe + 4)
        (entry,) = struct.unpack_from("<I", data, pe + PE_ENTRY)
        if machine in PE_MACHINES:
            yield base + entry, PE_MACHINES[machine], "EFI"


READER = Reader("linux", rank=10, matches=FORMAT.matches, read=read_bzimage)
