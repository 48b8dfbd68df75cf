# SPDX-License-Identifier: GPL-2.0-or-later
"""The virtual processor as effects and event delivery see it.

`Vcpu` is this over the engine's state area; the tests' double is this over a bytearray. Nothing here knows
how the guest is run, so every effect can be tried without an engine.
"""

from typing import Protocol

from patcher.x86.insn import Insn
from patcher.x86.segment import Segment, TableRegister
from vmm.cpu_model import CpuModel
from vmm.engine.float_area import FloatArea


class PhysicalMemory(Protocol):
    """Guest memory by guest-physical address."""

    def read(self, gpa: int, size: int) -> int:
        """Read within one page."""


class LinearMemory(Protocol):
    """Guest memory by linear address: numbers of 1 to 8 bytes, cut to size; faults are `GuestFault`."""

    @property
    def memory(self) -> PhysicalMemory:
        """What lies behind the page tables."""

    def read(self, linear: int, size: int) -> int:
        """Read with the rights of the current virtual CPL."""

    def write(self, linear: int, size: int, value: int) -> None:
        """Write with the rights of the current virtual CPL."""

    def read_block(self, linear: int, size: int) -> bytes | None:
        """Read any number of bytes as `read` does; None when they must be read piece by piece."""

    def write_block(self, linear: int, data: bytes) -> bool:
        """Write them; False, and nothing is done, when they must be written piece by piece."""

    def read_as(self, linear: int, size: int, cpl: int) -> int:
        """Read with the rights of ring `cpl`."""

    def write_as(self, linear: int, size: int, value: int, cpl: int) -> None:
        """Write with the rights of ring `cpl`."""

    def read_system(self, linear: int, size: int) -> int:
        """Read as the processor reads its tables: with supervisor rights (SDM vol. 3A, section 4.6.1)."""

    def write_system(self, linear: int, size: int, value: int) -> None:
        """Write as the processor writes its tables."""

    def probe(self, linear: int, size: int, write: bool = True, cpl: int = 0) -> None:
        """Raise what the access would raise; change nothing but accessed and dirty bits."""


class Ports(Protocol):
    """The I/O address space."""

    def read(self, port: int, size: int) -> int:
        """Read 1, 2 or 4 bytes."""

    def write(self, port: int, size: int, value: int) -> None:
        """Write 1, 2 or 4 bytes."""


class Coprocessor(Protocol):
    """Where an x87 error goes while CR0.NE is clear."""

    def error(self) -> bool:
        """The processor met an unmasked error (FERR). Does it go on in spite of it (IGNNE)?"""

    def error_gone(self) -> None:
        """No unmasked error waits any more."""


class Translations(Protocol):
    """What is remembered of the guest's page tables."""

    def flush(self) -> None:
        """Forget all of it."""

    def flush_page(self, linear: int) -> None:
        """Forget the page that holds `linear`."""


class Processor(Protocol):
    """Registers and virtual privileged state of the guest's processor."""

    eip: int
    eflags: int
    cr2: int
    halted: bool
    shadow: bool

    @property
    def regs(self) -> memoryview:
        """EAX ECX EDX EBX ESP EBP ESI EDI; writes take effect at once."""

    @property
    def cpl(self) -> int:
        """The virtual current privilege level."""

    @property
    def cr0(self) -> int: ...

    @property
    def cr3(self) -> int: ...

    @property
    def cr4(self) -> int: ...

    @property
    def gdtr(self) -> TableRegister: ...

    @property
    def idtr(self) -> TableRegister: ...

    @property
    def dr(self) -> list[int]:
        """DR0..DR7; 4 and 5 are unused."""

    @property
    def mem(self) -> LinearMemory: ...

    @property
    def bus(self) -> Ports: ...

    @property
    def floats(self) -> FloatArea:
        """The x87, MMX and SSE registers."""

    @property
    def coprocessor(self) -> Coprocessor: ...

    @property
    def tlb(self) -> Translations: ...

    @property
    def model(self) -> CpuModel: ...

    @property
    def msrs(self) -> dict[int, int]: ...

    def write_cr0(self, value: int) -> None:
        """Set CR0, unchecked."""

    def write_cr3(self, value: int) -> None:
        """Set CR3, unchecked."""

    def write_cr4(self, value: int) -> None:
        """Set CR4, unchecked."""

    def mode_changed(self) -> None:
        """Take notice of a change of CR0, CR4 or EFER."""

    def floats_changed(self) -> None:
        """Take notice of a change of what x87 or SSE mask, or of a waiting error."""

    def segment(self, index: int) -> Segment:
        """ES CS SS DS FS GS LDTR TR (0..7) with its hidden part."""

    def selector(self, index: int) -> int:
        """The selector in segment register `index`, all that many effects need of it."""

    def load_segment(self, index: int, segment: Segment) -> None:
        """Load a segment register with its hidden part, unchecked."""

    def set_cpl(self, cpl: int) -> None:
        """Change ring."""

    def tsc(self) -> int:
        """The time-stamp counter (64 bits): virtual time plus the offset in `msrs[0x10]`."""

    def advance(self, insn: Insn) -> None:
        """Go on to the next instruction."""
