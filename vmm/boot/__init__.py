# SPDX-License-Identifier: GPL-2.0-or-later
"""Boot protocols: a kernel's file into guest RAM, and the state in which the processor enters it.

    state = vmm.boot.load(kernel, "kernel.elf", ram, BootOptions(append="console=ttyS0"))

One file a protocol: a module here that holds a `PROTOCOL` is one. Which protocol boots a file is told by the
file's contents. Whatever the file is, the outcome is a `BootState` or a `BootError` whose text is a sentence
that names the file; memory is bounded by the file's size and the guest's RAM.
"""

from functools import cache

from patcher.errors import PatcherError
from patcher.registry import declared
from vmm.boot import layout
from vmm.boot.bios_data import write_bios_data
from vmm.boot.files import MissingFile, read_file, unpacked
from vmm.boot.placement import Placement, size_text
from vmm.boot.protocol import Protocol
from vmm.boot.state import DEFAULTS, BootOptions, BootState, Module
from vmm.errors import BootError

__all__ = [
    "BootOptions",
    "BootState",
    "MissingFile",
    "Module",
    "Protocol",
    "check_memory",
    "detect",
    "load",
    "protocols",
    "read_file",
]

#: Files that people try, told by their first bytes, and what to say of them.
NEARLY = (
    (b"MZ", "is a DOS or EFI program"),
    (b"BZh", "is compressed with bzip2; unpack it first"),
    (b"\xfd7zXZ\0", "is compressed with xz; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd; unpack it first"),
    (b"!<arch>\n", "is an archive (a library or a Debian package)"),
    (b"QFI\xfb", "is a disk image"),
)
MULTIBOOT2 = 0xE85250D6.to_bytes(4, "little")


@cache
def protocols() -> tuple[Protocol, ...]:
    """Every protocol of this package, in the order in which they are asked."""
    found = declared(__name__, __path__, "PROTOCOL", Protocol, "boot protocol", BootError)
    return tuple(sorted(found.values(), key=lambda protocol: protocol.rank))


def detect(kernel: bytes, options: BootOptions = DEFAULTS, name: str = "the kernel") -> Protocol:
    """The protocol that boots these file contents."""
    for protocol in protocols():
        if protocol.matches(kernel, options):
            return protocol
    raise BootError(f"{name} {_reason(kernel)}.")


def _reason(kernel: bytes) -> str:
    if not kernel:
        return "is empty"
    for magic, reason in NEARLY:
        if kernel.startswith(magic):
            return reason
    if kernel.find(MULTIBOOT2, 0, 32768) >= 0:
        return "has a Multiboot 2 header only; this is a Multiboot 1 loader"
    return "is no Multiboot, Linux or ELF kernel; a flat binary needs an address to be loaded at"


def check_memory(size: int, name: str, limit: int = layout.LARGEST_RAM) -> None:
    """Refuse a machine in whose RAM nothing can be booted."""
    if not layout.SMALLEST_RAM <= size <= min(limit, layout.LARGEST_RAM):
        raise BootError(
            f"A machine with {size_text(size)} of RAM cannot boot {name}: "
            f"{size_text(layout.SMALLEST_RAM)} to {size_text(layout.LARGEST_RAM)} are possible."
        )


def load(kernel: bytes, name: str, ram: memoryview, options: BootOptions = DEFAULTS) -> BootState:
    """Put a kernel and all it asks for into guest RAM, which must be zero where nobody wrote yet."""
    size = len(ram) if options.memory is None else options.memory
    check_memory(size, name, len(ram))
    kernel = unpacked(kernel, name, size)
    protocol = detect(kernel, options, name)
    write_bios_data(ram)
    try:
        return protocol.load(kernel, name, Placement(ram, size), options)
    except PatcherError as error:
        raise BootError(str(error)) from error
