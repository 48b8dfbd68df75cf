# SPDX-License-Identifier: GPL-2.0-or-later
"""Linux bzImages: the setup header and the protected-mode part behind it.

Linux, Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header".
What an audit sees of a bzImage is the decompressor; the kernel proper lies compressed in its data.
"""

import struct
from dataclasses import dataclass

from patcher.errors import PatcherError
from patcher.image.model import Format, Image, Segment
from patcher.x86.address import Gpa, Gva

SECTOR = 512
HEADER = 0x1F1
"""File offset of the setup header's first field, setup_sects."""
SIGNATURE = 0x202
"""File offset of "HdrS"."""
LOADED_HIGH = 1
"""loadflags bit 0: the protected-mode part is loaded at 1 MiB (a bzImage) and not at 64 KiB (a zImage)."""
OLDEST = 0x0202
"""The first protocol with cmd_line_ptr; older kernels cannot be given a command line below 640 KiB."""
DEFAULT_INITRD_MAX = 0x37FFFFFF
"""initrd_addr_max of kernels that do not say (before 2.03)."""
DEFAULT_CMDLINE = 255
"""cmdline_size of kernels that do not say (before 2.06)."""


@dataclass(frozen=True, slots=True)
class SetupHeader:
    """The setup header's fields; one that the kernel's protocol version lacks has its documented default."""

    version: int
    setup_size: int
    """Bytes before the protected-mode part: the boot sector and the setup sectors."""
    syssize: int
    """Bytes of the protected-mode part (the field counts 16-byte paragraphs)."""
    code32_start: int
    initrd_addr_max: int
    kernel_alignment: int
    relocatable: bool
    cmdline_size: int
    pref_address: int
    init_size: int
    """Bytes that the kernel needs from its run address on before it has read the memory map."""
    raw: bytes
    """The header as it is in the file, from setup_sects (0x1F1) to its end."""


def _fail(name: str, why: str) -> PatcherError:
    return PatcherError(f"{name} is no bzImage that can be booted: {why}.")


def read_setup(data: bytes, name: str) -> SetupHeader:
    """The setup header of a bzImage, checked against the file."""
    end = SIGNATURE + data[0x201] if len(data) > 0x201 else 0
    if not SIGNATURE + 0x26 <= end <= len(data):
        raise _fail(name, f"its setup header ends at file offset {end:#x} and the file at {len(data):#x}")
    raw = data[HEADER:end].ljust(0x290 - HEADER, b"\0")
    version = _u16(raw, 0x206)
    if version < OLDEST:
        raise _fail(name, f"its boot protocol {version >> 8}.{version & 255:02} is older than 2.02")
    if not raw[0x211 - HEADER] & LOADED_HIGH:
        raise _fail(name, "it is a zImage, which loads at 64 KiB")
    setup_size = ((raw[0] or 4) + 1) * SECTOR
    if setup_size >= len(data):
        raise _fail(
            name, f"its setup code ends at file offset {setup_size:#x} and the file at {len(data):#x}"
        )
    return SetupHeader(
        version,
        setup_size,
        _syssize(raw, version, len(data) - setup_size, name),
        code32_start=_u32(raw, 0x214),
        initrd_addr_max=_u32(raw, 0x22C) if version >= 0x203 else DEFAULT_INITRD_MAX,
        kernel_alignment=_u32(raw, 0x230) if version >= 0x205 else 0,
        relocatable=version >= 0x205 and raw[0x234 - HEADER] != 0,
        cmdline_size=_u32(raw, 0x238) if version >= 0x206 else DEFAULT_CMDLINE,
        pref_address=struct.unpack_from("<Q", raw, 0x258 - HEADER)[0] if version >= 0x20A else 0,
        init_size=_u32(raw, 0x260) if version >= 0x20A else 0,
        raw=data[HEADER:end],
    )


def _u16(raw: bytes, offset: int) -> int:
    return int.from_bytes(raw[offset - HEADER : offset - HEADER + 2], "little")


def _u32(raw: bytes, offset: int) -> int:
    return int.from_bytes(raw[offset - HEADER : offset - HEADER + 4], "little")


def _syssize(raw: bytes, version: int, rest: int, name: str) -> int:
    """Bytes of the protected-mode part. Builders round the field up, so the last paragraph may be short."""
    size = _u32(raw, 0x1F4) * 16 if version >= 0x204 else rest
    if size >= rest + 16:
        raise _fail(name, f"its protected-mode part has {size:#x} bytes and the file only {rest:#x}")
    if not size:
        raise _fail(name, "its protected-mode part is empty")
    return min(size, rest)


def read_bzimage(data: bytes, name: str) -> Image:
    """The protected-mode part at code32_start, entered at its first byte."""
    setup = read_setup(data, name)
    start, size = setup.code32_start, setup.syssize
    if start + size > 1 << 32:
        raise _fail(name, f"its code32_start {start:#010x} leaves no room for {size:#x} bytes")
    view = memoryview(data)[setup.setup_size : setup.setup_size + size]
    segment = Segment(Gva(start), Gpa(start), view, size, writable=True, executable=True, name="the kernel")
    return Image(name, "linux", 32, Gva(start), (segment,))


def _matches(data: bytes) -> bool:
    return data[SIGNATURE : SIGNATURE + 4] == b"HdrS" and data[0x1FE:0x200] == b"\x55\xaa"


FORMAT = Format("linux", rank=10, matches=_matches, read=read_bzimage)
