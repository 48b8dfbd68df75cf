# SPDX-License-Identifier: GPL-2.0-or-later
"""A stopped guest for the person who looks at it: registers by name, memory by address, both writable.

Looking changes nothing in the guest: no accessed bit, no device, no fault. Between two runs only; while the engine
runs in another thread its registers are elsewhere.
"""

from collections.abc import Callable, Iterator, MutableMapping

from patcher.x86.exceptions import GuestFault
from patcher.x86.paging import Access, walk
from vmm.errors import VmmError
from vmm.memory import GuestMemory
from vmm.report.cpu_dump import REG_NAMES, SEGMENT_NAMES
from vmm.vcpu import Vcpu

_LOOK = Access(write=False, user=False)
_NUMBERS = {name: number for number, name in enumerate(REG_NAMES)}
_SEGMENTS = {name: number for number, name in enumerate(SEGMENT_NAMES)}
_CONTROL = ("cr0", "cr2", "cr3", "cr4")
_DEBUG = tuple(f"dr{number}" for number in range(8) if number not in (4, 5))
NAMES = (*REG_NAMES, "eip", "eflags", "cpl", *SEGMENT_NAMES, *_CONTROL, *_DEBUG)


class Registers(MutableMapping[str, int]):
    """`regs.eax` or `regs["eax"]`, as the guest would see it: segment registers are selectors, EIP is an offset in CS.

    Writable, but for CPL and the segment registers, whose hidden parts only a descriptor gives. Raises AttributeError
    and KeyError for other names, VmmError for a write that cannot be made.
    """

    __slots__ = ("_vcpu",)
    _vcpu: Callable[[], Vcpu]

    def __init__(self, vcpu: Callable[[], Vcpu]) -> None:
        object.__setattr__(self, "_vcpu", vcpu)

    def __getitem__(self, name: str) -> int:
        vcpu = self._vcpu()
        if name in _NUMBERS:
            return int(vcpu.regs[_NUMBERS[name]])
        if name in _SEGMENTS:
            return vcpu.selector(_SEGMENTS[name])
        if name in _DEBUG:
            return vcpu.dr[int(name[2])]
        if name in NAMES:
            value: int = getattr(vcpu, name)
            return value
        raise KeyError(name)

    def __setitem__(self, name: str, value: int) -> None:
        vcpu = self._vcpu()
        if name not in NAMES:
            raise KeyError(name)
        if name == "cpl" or name in _SEGMENTS:
            raise VmmError(f"{name} cannot be written: its hidden part comes from a descriptor.")
        if not 0 <= value < 1 << 32:
            raise VmmError(f"{value:#x} does not fit into {name}.")
        if name in _NUMBERS:
            vcpu.regs[_NUMBERS[name]] = value
        elif name in _DEBUG:
            vcpu.dr[int(name[2])] = value
        elif name in ("cr0", "cr3", "cr4"):
            getattr(vcpu, f"write_{name}")(value)
        else:
            setattr(vcpu, name, value)

    def __delitem__(self, name: str) -> None:
        raise VmmError(f"{name} is a register and cannot be deleted.")

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)

    def __getattr__(self, name: str) -> int:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no register {name!r}; there are {', '.join(NAMES)}") from None

    def __setattr__(self, name: str, value: int) -> None:
        try:
            self[name] = value
        except KeyError:
            raise AttributeError(f"there is no register {name!r}; there are {', '.join(NAMES)}") from None

    def __repr__(self) -> str:
        return " ".join(f"{name}={self[name]:08x}" for name in (*REG_NAMES, "eip", "eflags"))


class PhysicalMemory:
    """Guest RAM by guest-physical address: `mem.physical[0x100000]` is a byte, `[0x100000:0x100010]` are bytes."""

    def __init__(self, vcpu: Callable[[], Vcpu]) -> None:
        self._vcpu = vcpu

    def _memory(self) -> GuestMemory:
        return self._vcpu().mem.memory

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes from `address` on; raises VmmError when a byte of them is nowhere."""
        memory = self._memory()
        out = bytearray()
        for start, length in _pieces(address, size):
            at = self._locate(start)
            out += memory.bytes[at : at + length]
        return bytes(out)

    def write(self, address: int, data: bytes) -> None:
        """Put `data` at `address`, read-only pages included; code there is looked at again before it runs."""
        memory, done = self._memory(), 0
        pieces = [(self._locate(start), length) for start, length in _pieces(address, len(data))]
        for at, length in pieces:
            memory.write(at, length, int.from_bytes(data[done : done + length], "little"))
            done += length

    def __getitem__(self, where: int | slice) -> int | bytes:
        if isinstance(where, slice):
            return self.read(*_span(where))
        return self.read(where, 1)[0]

    def __setitem__(self, where: int | slice, value: int | bytes) -> None:
        if isinstance(where, slice):
            start, size = _span(where)
            if not isinstance(value, (bytes, bytearray, memoryview)) or len(value) != size:
                raise VmmError(f"A slice of {size} bytes takes exactly as many bytes.")
            self.write(start, bytes(value))
        elif isinstance(value, int) and 0 <= value < 256:
            self.write(where, bytes((value,)))
        else:
            raise VmmError(f"{value!r} is not a byte.")

    def _locate(self, address: int) -> int:
        if not 0 <= address < self._memory().size:
            raise VmmError(f"There is no RAM at guest-physical {address:#010x}.")
        return address


class LinearMemory(PhysicalMemory):
    """Guest memory as the guest's kernel sees it through its page tables; `physical` is what lies behind them."""

    def __init__(self, vcpu: Callable[[], Vcpu]) -> None:
        super().__init__(vcpu)
        self.physical = PhysicalMemory(vcpu)

    def _locate(self, address: int) -> int:
        linear = address
        if not 0 <= linear < 1 << 32:
            raise VmmError(f"Linear {linear:#x} is not within 4 GiB.")
        mmu = self._vcpu().mem
        if not mmu.paging:
            return super()._locate(linear)
        try:
            page = walk(_Untouched(self._memory()), mmu.mode, linear, _LOOK).page
        except GuestFault:
            raise VmmError(f"Nothing is mapped at linear {linear:#010x}.") from None
        return super()._locate(page | linear & 0xFFF)


class _Untouched:
    """Page tables whose accessed bits stay as they are."""

    def __init__(self, memory: GuestMemory) -> None:
        self.read32 = memory.read32

    def write32(self, _gpa: int, _value: int) -> None: ...


def _pieces(address: int, size: int) -> Iterator[tuple[int, int]]:
    """[address, address + size) cut at page borders, as (start, length)."""
    end = address + size
    while address < end:
        length = min(end - address, 0x1000 - (address & 0xFFF))
        yield address, length
        address += length


def _span(where: slice) -> tuple[int, int]:
    """Start and size of a slice of addresses; both ends must be given."""
    if where.step not in (None, 1) or where.start is None or where.stop is None or where.stop < where.start:
        raise VmmError("A slice of memory is [start:end] with both addresses.")
    return where.start, where.stop - where.start
