# SPDX-License-Identifier: GPL-2.0-or-later
"""Generated programs under alignment checks, with the engine's memory hooks as witness: each #AC had a reason, and no
unaligned access was made.
"""

import contextlib
import struct
from dataclasses import dataclass, field

import arena
import pytest
from access_witness import REGISTERS
from program_maker import programs
from unicorn import (
    UC_ARCH_X86,
    UC_HOOK_MEM_READ,
    UC_HOOK_MEM_READ_UNMAPPED,
    UC_HOOK_MEM_WRITE,
    UC_HOOK_MEM_WRITE_UNMAPPED,
    UC_MODE_32,
    Uc,
    UcError,
)

from patcher.catalogue import classify
from patcher.x86.decode import decode
from vmm.machine import Machine

AM = 1 << 18
ACCESSES = UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE
REFUSED = UC_HOOK_MEM_READ_UNMAPPED | UC_HOOK_MEM_WRITE_UNMAPPED
AC, EVENT_EIP, EVENT_VECTOR = 17, 14, 12
FIELDS = struct.Struct("<21I")


@dataclass(slots=True)
class Unaligned:
    """What a machine's engine accessed unaligned while it must not."""

    machine: Machine
    seen: list[str] = field(default_factory=list)
    accesses: int = 0

    def watch(self) -> None:
        self.machine._engine._uc.hook_add(ACCESSES, self._access)

    def _access(self, _uc: Uc, _kind: int, address: int, size: int, _value: int, _data: object) -> None:
        vcpu = self.machine.vcpu
        if not vcpu.mem.aligned_only:
            return
        self.accesses += 1
        if address % size:
            code = vcpu.mem.peek(vcpu.eip, 15)
            insn = decode(code, 0, 32)
            assert insn is not None
            if (insn.opmap, insn.opcode) not in ((1, 0x60), (1, 0x61), (1, 0x62)):  # of 32 bits, read as 64
                self.seen.append(f"{insn.raw.hex(' ')} at {vcpu.eip:#x}: {size} bytes at {address:#x}")


def memory_after(image: bytes, policy: str) -> tuple[bytes, Unaligned]:
    with Machine(kernel=image, memory=arena.MEMORY_MIB, policy=policy, no_reboot=True) as machine:
        unaligned = Unaligned(machine)
        unaligned.watch()
        report = machine.run(timeout=60)
        assert report.exit_status == 33, report.message
        return machine.mem.physical.read(0, arena.MEMORY_MIB << 20), unaligned


def events(memory: bytes) -> list[tuple[int, ...]]:
    end = struct.unpack_from("<I", memory, arena.VARIABLES)[0]
    return [FIELDS.unpack_from(memory, at) for at in range(arena.LOG, end, arena.RECORD)]


def is_due(event: tuple[int, ...], memory: bytes) -> bool:
    """Does the instruction at a #AC try to access anything unaligned on the bare engine?

    Yes for rows of the catalogue, which the bare engine cannot perform without tables.
    """
    insn = decode(memory, event[EVENT_EIP], 32)
    if insn is not None and classify(insn) is not None:
        return True
    found: list[bool] = []

    def note(_uc: Uc, _kind: int, address: int, size: int, _value: int, _data: object) -> bool:
        found.append(address % size != 0)
        return False

    uc = Uc(UC_ARCH_X86, UC_MODE_32)
    uc.mem_map(0, arena.MEMORY_MIB << 20)
    uc.mem_write(0, memory)
    uc.mem_map(arena.WINDOW, 16 * arena.PAGE)
    edi, esi, ebp, _, ebx, edx, ecx, eax = event[:8]
    for register, value in zip(REGISTERS, (eax, ecx, edx, ebx, event[17], ebp, esi, edi), strict=True):
        uc.reg_write(register, value)
    uc.hook_add(ACCESSES, note)
    uc.hook_add(REFUSED, note)
    with contextlib.suppress(UcError):
        uc.emu_start(event[EVENT_EIP], 0, count=1)
    return any(found)


@pytest.mark.parametrize("seed", range(3))
def test_every_alignment_fault_is_due_and_none_is_missing(seed: int) -> None:
    image = arena.image(programs(seed, 100), arena.CR0 | AM)
    memory, unaligned = memory_after(image, "fast")
    other, _ = memory_after(image, "trap")
    assert memory == other
    assert unaligned.seen == []
    assert unaligned.accesses > 100
    faults = [event for event in events(memory) if event[EVENT_VECTOR] == AC]
    assert len(faults) > 20
    groundless = [event[EVENT_EIP] for event in faults if not is_due(event, memory)]
    assert [f"{at:#x}: {memory[at : at + 12].hex(' ')}" for at in groundless] == []
