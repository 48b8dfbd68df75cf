# SPDX-License-Identifier: GPL-2.0-or-later
"""The buses: who answers, how wide, what nobody answers, and that two devices never share an address."""

import pytest

from vmm.bus import BusConflict, MmioBus, PortBus, RegionKind
from vmm.errors import VmmError


class Recorder:
    """A device that answers with its offset and remembers writes."""

    def __init__(self, name: str = "recorder") -> None:
        self.name = name
        self.seen: list[tuple[int, int, int]] = []

    def reset(self) -> None:
        self.seen.clear()

    def port_read(self, offset: int, size: int) -> int:
        return sum(offset + i << 8 * i for i in range(size))

    def port_write(self, offset: int, size: int, value: int) -> None:
        self.seen.append((offset, size, value))

    mmio_read = port_read
    mmio_write = port_write


def test_a_port_is_seen_as_an_offset() -> None:
    bus, device = PortBus(), Recorder()
    bus.attach(0x3F8, 8, device)
    bus.attach(0x64, 1, device, 0x21)
    assert bus.read(0x3FD, 1) == 5
    assert bus.read(0x64, 1) == 0x21
    bus.write(0x3F9, 1, 7)
    assert device.seen == [(1, 1, 7)]


def test_a_wide_access_to_a_byte_device_is_split_lowest_first() -> None:
    bus, device = PortBus(), Recorder()
    bus.attach(0x10, 4, device)
    assert bus.read(0x10, 4) == 0x03020100
    bus.write(0x11, 2, 0xBEEF)
    assert device.seen == [(1, 1, 0xEF), (2, 1, 0xBE)]


def test_a_wide_device_sees_the_whole_access() -> None:
    bus, device = PortBus(), Recorder()
    bus.attach(0xCF8, 8, device, width=4)
    bus.write(0xCF8, 4, 0x80000000)
    bus.write(0xCFC, 2, 0x1234)
    assert device.seen == [(0, 4, 0x80000000), (4, 2, 0x1234)]


def test_a_dword_to_a_word_device_comes_in_two_words() -> None:
    bus, device = PortBus(), Recorder()
    bus.attach(0x20, 4, device, width=2)
    bus.write(0x20, 4, 0x44332211)
    assert device.seen == [(0, 2, 0x2211), (2, 2, 0x4433)]


@pytest.mark.parametrize(("size", "ones"), [(1, 0xFF), (2, 0xFFFF), (4, 0xFFFFFFFF)])
def test_nobody_reads_as_ones_and_is_counted(size: int, ones: int) -> None:
    bus = PortBus()
    assert bus.read(0x278, size) == ones
    bus.write(0x278, size, 0)
    bus.write(0x278, size, 0)
    assert bus.unknown == {(0x278, "read"): 1, (0x278, "write"): 2}


def test_an_access_that_reaches_into_a_device_is_split_there() -> None:
    bus, device = PortBus(), Recorder()
    bus.attach(0x71, 1, device, 9)
    assert bus.read(0x70, 2) == 0x09FF
    bus.write(0x70, 2, 0xAA55)
    assert device.seen == [(9, 1, 0xAA)]
    assert bus.unknown == {(0x70, "read"): 1, (0x70, "write"): 1}


def test_ports_wrap_at_64_ki() -> None:
    bus, device = PortBus(), Recorder()
    bus.attach(0xFFFF, 1, device, 1)
    bus.attach(0, 1, device, 2)
    assert bus.read(0xFFFF, 2) == 0x0201


def test_overlapping_ports_are_refused_with_both_names() -> None:
    bus = PortBus()
    bus.attach(0x3F8, 8, Recorder("uart"))
    with pytest.raises(BusConflict) as refusal:
        bus.attach(0x3FF, 2, Recorder("other"))
    assert str(refusal.value) == (
        "Device other asks for ports 0x3ff-0x400, but ports 0x3f8-0x3ff belong to uart."
    )
    assert bus.read(0x400, 1) == 0xFF


@pytest.mark.parametrize(("base", "count"), [(0xFFFF, 2), (-1, 1), (5, 0)])
def test_ports_that_do_not_exist_are_refused(base: int, count: int) -> None:
    with pytest.raises(VmmError, match="which are not ports"):
        PortBus().attach(base, count, Recorder())


# -- memory ------------------------------------------------------------------------------------------------


def memory_bus() -> tuple[MmioBus, bytearray]:
    ram = bytearray(range(256)) * 64  # 4 pages
    return MmioBus(memoryview(ram)), ram


def test_ram_is_little_endian() -> None:
    bus, ram = memory_bus()
    bus.write(0x1001, 4, 0xAABBCCDD)
    assert ram[0x1001:0x1005] == b"\xdd\xcc\xbb\xaa"
    assert bus.read(0x1001, 4) == 0xAABBCCDD


def test_beyond_ram_nobody_answers() -> None:
    bus, _ = memory_bus()
    assert bus.region(0x4000).kind is RegionKind.OPEN
    assert bus.read(0xFEE00000, 4) == 0xFFFFFFFF
    bus.write(0xFEE00FF0, 4, 1)
    assert bus.unknown == {(0xFEE, "read"): 1, (0xFEE, "write"): 1}


def test_rom_reads_but_never_changes() -> None:
    bus, ram = memory_bus()
    bus.attach_rom(0x2000, 0x1000, "bios")
    bus.write(0x2010, 4, 0)
    assert bus.read(0x2010, 4) == 0x13121110
    assert ram[0x2010] == 0x10
    assert bus.region(0x2FFF).kind is RegionKind.ROM


def test_a_memory_device_sees_offsets() -> None:
    bus, _ = memory_bus()
    device = Recorder()
    bus.attach(0xFED00000, 0x1000, device)
    assert bus.read(0xFED00004, 1) == 4
    bus.write(0xFED00008, 4, 5)
    assert device.seen == [(8, 4, 5)]


def test_regions_that_overlap_or_split_pages_are_refused() -> None:
    bus, _ = memory_bus()
    bus.attach_rom(0x1000, 0x2000, "bios")
    with pytest.raises(
        BusConflict, match="Region recorder asks for guest-physical 0x2000, which belongs to bios"
    ):
        bus.attach(0x2000, 0x1000, Recorder())
    with pytest.raises(VmmError, match="not made of whole pages"):
        bus.attach(0x3800, 0x800, Recorder())
    with pytest.raises(VmmError, match="does not lie in the memory buffer"):
        bus.attach_rom(0x3000, 0x2000, "big")
