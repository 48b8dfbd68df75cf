# SPDX-License-Identifier: GPL-2.0-or-later
"""The buses: from a port or a guest-physical address to the device that answers there.

A port exit is the monitor's hottest path after the flags, so a port is resolved by one dict lookup to a
function that is already bound, the offset it wants, and the widest access it takes; nothing is made per
access. Nobody home reads all ones and is counted, as on an ISA bus with pull-ups (IEEE P996, 3.2).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from vmm.errors import VmmError

PORTS = 0x10000
PAGE_SHIFT = 12
PAGE_SIZE = 1 << PAGE_SHIFT
MIB_SHIFT = 20

ReadFn = Callable[[int, int], int]
WriteFn = Callable[[int, int, int], None]
_ONES = {1: 0xFF, 2: 0xFFFF, 4: 0xFFFFFFFF, 8: 0xFFFFFFFFFFFFFFFF}


class BusConflict(VmmError):
    """Two devices claim the same ports or the same guest-physical page."""


class Device(Protocol):
    """What is on a bus: it has a name and can be reset; it knows offsets, never its address."""

    name: str

    def reset(self) -> None: ...


class PortDevice(Device, Protocol):
    """A device with port registers; `size` is 1, 2 or 4 bytes, never more than it was attached with."""

    def port_read(self, offset: int, size: int) -> int: ...
    def port_write(self, offset: int, size: int, value: int) -> None: ...


class MmioDevice(Device, Protocol):
    """A device with memory registers; `offset` counts bytes from where the device was attached."""

    def mmio_read(self, offset: int, size: int) -> int: ...
    def mmio_write(self, offset: int, size: int, value: int) -> None: ...


@dataclass(frozen=True, slots=True)
class PortClaim:
    """Ports [base, base + count) belong to `device`, which sees them from `offset` on."""

    base: int
    count: int
    device: PortDevice
    offset: int
    width: int


class PortBus:
    """The 64 Ki I/O ports (SDM vol. 1, 19.3); wide accesses to narrow devices are split, lowest first."""

    def __init__(self) -> None:
        self.claims: list[PortClaim] = []
        self.unknown: Counter[tuple[int, str]] = Counter()
        self._readers: dict[int, tuple[ReadFn, int, int]] = {}
        self._writers: dict[int, tuple[WriteFn, int, int]] = {}

    def attach(self, base: int, count: int, device: PortDevice, offset: int = 0, *, width: int = 1) -> None:
        """Give `count` ports from `base` on to `device`; `width` is its widest access: 1, 2 or 4 bytes."""
        self._refuse_conflict(base, count, device)
        for i in range(count):
            self._readers[base + i] = (device.port_read, offset + i, width)
            self._writers[base + i] = (device.port_write, offset + i, width)
        self.claims.append(PortClaim(base, count, device, offset, width))

    def _refuse_conflict(self, base: int, count: int, device: PortDevice) -> None:
        if count < 1 or base < 0 or base + count > PORTS:
            raise VmmError(
                f"Device {device.name} asks for {count} ports from port {base:#x} on, which are not ports."
            )
        for claim in self.claims:
            if base < claim.base + claim.count and claim.base < base + count:
                raise BusConflict(
                    f"Device {device.name} asks for ports {base:#x}-{base + count - 1:#x}, but ports "
                    f"{claim.base:#x}-{claim.base + claim.count - 1:#x} belong to {claim.device.name}."
                )

    def read(self, port: int, size: int) -> int:
        """IN of 1, 2 or 4 bytes; ports that nobody answers give all ones."""
        entry = self._readers.get(port)
        if entry is None:
            return self._read_unknown(port, size)
        function, offset, width = entry
        if size <= width:
            return function(offset, size)
        return self._read_split(port, size, width)

    def write(self, port: int, size: int, value: int) -> None:
        """OUT of 1, 2 or 4 bytes; a write that nobody takes is counted and lost."""
        entry = self._writers.get(port)
        if entry is None:
            self._write_unknown(port, size, value)
            return
        function, offset, width = entry
        if size <= width:
            function(offset, size, value)
        else:
            self._write_split(port, size, value, width)

    def _read_split(self, port: int, size: int, step: int) -> int:
        value = 0
        for i in range(0, size, step):
            value |= self.read((port + i) % PORTS, step) << (8 * i)
        return value

    def _write_split(self, port: int, size: int, value: int, step: int) -> None:
        for i in range(0, size, step):
            self.write((port + i) % PORTS, step, value >> (8 * i) & _ONES[step])

    def _somebody_in(self, port: int, size: int) -> bool:
        return any((port + i) % PORTS in self._readers for i in range(1, size))

    def _read_unknown(self, port: int, size: int) -> int:
        if self._somebody_in(port, size):
            return self._read_split(port, size, 1)
        self.unknown[port, "read"] += 1
        return _ONES[size]

    def _write_unknown(self, port: int, size: int, value: int) -> None:
        if self._somebody_in(port, size):
            self._write_split(port, size, value, 1)
            return
        self.unknown[port, "write"] += 1


class RegionKind(Enum):
    """What a page of guest-physical address space is."""

    RAM = "ram"
    ROM = "rom"
    DEVICE = "device"
    OPEN = "open bus"


@dataclass(frozen=True, slots=True)
class Region:
    """Guest-physical bytes [base, base + size), whole pages, of one kind; `device` for kind DEVICE only."""

    base: int
    size: int
    kind: RegionKind
    name: str
    device: MmioDevice | None = None


class MmioBus:
    """Guest-physical address space by page: RAM where the buffer reaches, except what is claimed here.

    ROM bytes lie in the RAM buffer and are never changed by the guest. Beyond RAM nobody answers: all ones,
    counted by MiB so that no guest can make the count grow without bound.
    """

    def __init__(self, ram: memoryview) -> None:
        self._ram = ram
        self._pages: dict[int, Region] = {}
        self._ram_region = Region(0, len(ram), RegionKind.RAM, "ram")
        self._open_region = Region(len(ram), 0, RegionKind.OPEN, "open bus")
        self.unknown: Counter[tuple[int, str]] = Counter()

    def attach(self, base: int, size: int, device: MmioDevice) -> None:
        """Give whole guest-physical pages to `device`."""
        self._claim(Region(base, size, RegionKind.DEVICE, device.name, device))

    def attach_rom(self, base: int, size: int, name: str) -> None:
        """Make whole pages of the RAM buffer read-only for the guest."""
        if base + size > len(self._ram):
            raise VmmError(f"ROM {name} at guest-physical {base:#x} does not lie in the memory buffer.")
        self._claim(Region(base, size, RegionKind.ROM, name))

    def _claim(self, region: Region) -> None:
        if region.base % PAGE_SIZE or region.size % PAGE_SIZE or region.size <= 0:
            raise VmmError(
                f"Region {region.name} at guest-physical {region.base:#x} is not made of whole pages."
            )
        pages = range(region.base >> PAGE_SHIFT, (region.base + region.size) >> PAGE_SHIFT)
        for page in pages:
            if other := self._pages.get(page):
                raise BusConflict(
                    f"Region {region.name} asks for guest-physical {page << PAGE_SHIFT:#x}, "
                    f"which belongs to {other.name}."
                )
        self._pages.update(dict.fromkeys(pages, region))

    def region(self, gpa: int) -> Region:
        """The region that the byte at guest-physical `gpa` lies in."""
        found = self._pages.get(gpa >> PAGE_SHIFT)
        if found is not None:
            return found
        return self._ram_region if gpa < len(self._ram) else self._open_region

    def read(self, gpa: int, size: int) -> int:
        """Read 1, 2, 4 or 8 bytes that lie in one page."""
        region = self.region(gpa)
        if region.device is not None:
            return region.device.mmio_read(gpa - region.base, size)
        if region.kind is RegionKind.OPEN:
            self.unknown[gpa >> MIB_SHIFT, "read"] += 1
            return _ONES[size]
        return int.from_bytes(self._ram[gpa : gpa + size], "little")

    def write(self, gpa: int, size: int, value: int) -> None:
        """Write 1, 2, 4 or 8 bytes that lie in one page; ROM ignores it, open bus counts it."""
        region = self.region(gpa)
        if region.device is not None:
            region.device.mmio_write(gpa - region.base, size, value)
        elif region.kind is RegionKind.RAM:
            self._ram[gpa : gpa + size] = (value & _ONES[size]).to_bytes(size, "little")
        elif region.kind is RegionKind.OPEN:
            self.unknown[gpa >> MIB_SHIFT, "write"] += 1
