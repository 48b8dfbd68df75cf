# SPDX-License-Identifier: GPL-2.0-or-later
"""An initial RAM disk with one program in it, small enough to be written down here (a cpio archive, "newc").

The program is process 1 of a Linux kernel: it writes one line to the console and asks for a restart.
"""

import struct

from executables import Elf, Part

LINE = b"Process 1 says hello from ring 3.\n"
BASE = 0x0804_8000
HEADERS = 0x54
"""Bytes of ELF and program header before the code."""


def _mov(register: int, value: int) -> bytes:
    return bytes([0xB8 + register]) + struct.pack("<I", value)


def _program() -> bytes:
    """write(1, LINE); reboot(RB_AUTOBOOT); then pause for ever (system calls by int 80h)."""
    eax, ecx, edx, ebx, esi = 0, 1, 2, 3, 6
    call = b"\xcd\x80"
    magic = _mov(ebx, 0xFEE1_DEAD) + _mov(ecx, 0x2812_1969) + _mov(edx, 0x0123_4567) + _mov(esi, 0)
    reboot = _mov(eax, 88) + magic + call
    rest = call + reboot + _mov(eax, 29) + call + b"\xeb\xfc"
    size = 20 + len(rest)
    return _mov(eax, 4) + _mov(ebx, 1) + _mov(ecx, BASE + HEADERS + size) + _mov(edx, len(LINE)) + rest + LINE


def _entry(name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)) -> bytes:
    path = name.encode() + b"\0"
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0)
    head = b"070701" + b"".join(f"{field:08X}".encode() for field in fields) + path
    return _padded(head) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def initrd() -> bytes:
    """The archive: /dev/console, and /init."""
    code = _program()
    init = bytes(Elf((Part(code, BASE + HEADERS, flags=5),), BASE + HEADERS))
    return b"".join(
        (
            _entry("dev", 0o040755),
            _entry("dev/console", 0o020600, device=(5, 1)),
            _entry("init", 0o100755, init),
            _entry("TRAILER!!!", 0),
        )
    )
