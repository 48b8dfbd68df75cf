# SPDX-License-Identifier: GPL-2.0-or-later
"""Who has which bytes of guest RAM before the guest starts.

Everything a boot protocol writes is claimed first, so nothing that is placed can lie over anything else: a
range past RAM or claimed twice is a sentence that names both sides.
"""

from bisect import bisect_left, insort
from dataclasses import dataclass

from vmm.boot import layout
from vmm.errors import BootError


@dataclass(frozen=True, slots=True, order=True)
class Claim:
    """Guest-physical bytes [start, end) and who has them."""

    start: int
    end: int
    owner: str


class Placement:
    """The claims on one machine's RAM; `size` is how many bytes of it the guest is told of."""

    def __init__(self, ram: memoryview, size: int) -> None:
        self.ram = ram
        self.size = size
        self.claims: list[Claim] = []
        for start, end, owner in (
            (0, layout.BIOS_DATA[1], "the interrupt vectors and BIOS data"),
            (layout.EXTENDED_BIOS_DATA[0], layout.EXTENDED_MEMORY, "the video and BIOS area"),
        ):
            self.claim(start, end - start, owner)

    def claim(self, start: int, size: int, owner: str) -> None:
        """Take [start, start + size) for `owner`, a phrase such as "program header 1 of kernel.elf"."""
        if start + size > self.size:
            raise BootError(
                f"{_capital(owner)} ({size:#x} bytes at guest-physical {start:#010x}) reaches past "
                f"the guest's {size_text(self.size)} of RAM."
            )
        if not size:
            return
        claim = Claim(start, start + size, owner)
        at = bisect_left(self.claims, claim)
        for other in self.claims[max(at - 1, 0) : at + 1]:
            if claim.start < other.end and other.start < claim.end:
                raise BootError(
                    f"{_capital(owner)} (guest-physical [{claim.start:#010x}, {claim.end:#010x})) overlaps "
                    f"{other.owner} ([{other.start:#010x}, {other.end:#010x}))."
                )
        insort(self.claims, claim)

    def put(self, start: int, data: bytes | memoryview, owner: str, size: int | None = None) -> None:
        """Claim and fill: `data`, then zeroes up to `size` bytes."""
        size = len(data) if size is None else size
        self.claim(start, size, owner)
        self.ram[start : start + len(data)] = data
        self.ram[start + len(data) : start + size] = bytes(size - len(data))

    def lowest(
        self, size: int, owner: str, align: int = 16, window: tuple[int, int] = layout.LOW_MEMORY
    ) -> int:
        """Claim `size` bytes at the lowest free address of a window."""
        start = -(-window[0] // align) * align
        for claim in self.claims:
            if start + size <= claim.start:
                break
            start = max(start, -(-claim.end // align) * align)
        return self._take(start, size, owner, window)

    def highest(self, size: int, owner: str, align: int, window: tuple[int, int]) -> int:
        """Claim `size` bytes at the highest free address of a window."""
        start = (min(window[1], self.size) - size) // align * align
        for claim in reversed(self.claims):
            if start >= claim.end:
                break
            start = min(start, (claim.start - size) // align * align)
        return self._take(start, size, owner, window)

    def _take(self, start: int, size: int, owner: str, window: tuple[int, int]) -> int:
        end = min(window[1], self.size)
        if start < window[0] or start + size > end:
            raise BootError(
                f"There is no room for {owner} ({size:#x} bytes) "
                f"in guest-physical [{window[0]:#010x}, {end:#010x})."
            )
        self.claim(start, size, owner)
        return start

    def store(self, data: bytes | memoryview, owner: str, align: int = 16) -> int:
        """Put `data` at the lowest free address of low memory; says where."""
        start = self.lowest(len(data), owner, align)
        self.ram[start : start + len(data)] = data
        return start

    @property
    def end(self) -> int:
        """Behind the highest claim."""
        return max(claim.end for claim in self.claims)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def size_text(size: int) -> str:
    """A size for a sentence: "32 MiB", or bytes where that is no whole number."""
    whole, rest = divmod(size, layout.MIB)
    return f"{size:#x} bytes" if rest else f"{whole} MiB"
