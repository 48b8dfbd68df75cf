# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's kernels are recognised and placed; where they lie and start is written in docs/real-kernels.md."""

from collections.abc import Callable
from pathlib import Path

import pytest

from patcher import image
from vmm.boot import BootOptions, BootState, load
from vmm.errors import VmmError

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

MEMORY = 64 << 20
EXPECTED = {
    "memtest86+": ("linux", 0x10_0000),
    "grub-invaders": ("multiboot", 0x10_0024),
    "gnumach": ("multiboot", 0x100_0000),
    "linux": ("linux", 0x10_0000),
}


def boot(path: Path, ram: memoryview) -> BootState:
    return load(path.read_bytes(), str(path), ram, BootOptions(append="console=com0"))


@pytest.mark.parametrize("name", EXPECTED)
def test_a_kernel_is_placed_and_entered(name: str, real_kernel: Callable[[str], Path]) -> None:
    ram = memoryview(bytearray(MEMORY))
    state = boot(real_kernel(name), ram)
    assert (state.protocol, state.eip) == EXPECTED[name]
    assert any(ram[state.eip : state.eip + 16])


def test_gnumach_is_linked_high_and_loaded_low(real_kernel: Callable[[str], Path]) -> None:
    """Its entry point is a virtual address; the processor has to start at the physical one."""
    from vmm.boot.files import unpacked

    read = image.read(unpacked(real_kernel("gnumach").read_bytes(), "gnumach", MEMORY), "gnumach")
    assert (read.entry, read.load_entry) == (0xC100_0000, 0x100_0000)


def test_grub_invaders_is_loaded_by_its_address_fields(real_kernel: Callable[[str], Path]) -> None:
    read = image.read(real_kernel("grub-invaders").read_bytes(), "invaders.exec")
    (segment,) = read.segments
    assert (read.format, segment.load, segment.load_end) == ("multiboot", 0x10_0000, 0x10_5B50)


def test_linux_says_how_much_memory_it_needs(real_kernel: Callable[[str], Path]) -> None:
    with pytest.raises(VmmError, match=r"needs \d+ MiB of RAM to unpack itself, and the guest has 24 MiB\.$"):
        boot(real_kernel("linux"), memoryview(bytearray(24 << 20)))
