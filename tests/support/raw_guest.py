# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests of a few bytes, given as they are: no stack, no tables, protected mode with flat segments.

Code begins at `ENTRY`; `at` puts further pieces at their own addresses. A guest ends with `exit_with(register)`: the
low byte of EAX, ECX, EDX or EBX goes to isa-debug-exit, so the status is (byte << 1) | 1.
"""

from guests.build import BASE, ENTRY, multiboot_header
from vmm.machine import Machine
from vmm.report.run_report import RunReport

PAGE = 4096
NOWHERE = 0xCC  # int3 between the pieces: without an IDT, whoever gets lost ends there


def image(pieces: dict[int, bytes]) -> bytes:
    """A Multiboot image with pieces of code at their guest-physical addresses, the first of them at `ENTRY`."""
    end = max(at + len(code) for at, code in pieces.items())
    memory = bytearray([NOWHERE]) * (end - BASE)
    memory[:32] = multiboot_header(end)
    for at, code in pieces.items():
        memory[at - BASE : at - BASE + len(code)] = code
    return bytes(memory)


def run(pieces: dict[int, bytes], policy: str = "fast", timeout: float = 10) -> RunReport:
    """The report of a run, with 4 MiB of memory."""
    with Machine(kernel=image(pieces), memory=4, policy=policy, no_reboot=True) as machine:
        return machine.run(timeout=timeout)


def code(*parts: str | bytes) -> bytes:
    """Bytes from hexadecimal text and bytes."""
    return b"".join(bytes.fromhex(part) if isinstance(part, str) else part for part in parts)


def jump(at: int, target: int) -> bytes:
    """A near jump that stands at `at`."""
    return b"\xe9" + (target - at - 5 & 0xFFFF_FFFF).to_bytes(4, "little")


def word(value: int) -> bytes:
    """Four bytes, little-endian."""
    return (value & 0xFFFF_FFFF).to_bytes(4, "little")


EXIT_EAX = bytes.fromhex("e6 f4 fa f4")  # out 0xf4, al; cli; hlt


def exit_status(low_byte: int) -> int:
    """The status of a run whose guest ended with this byte."""
    return (low_byte << 1 | 1) & 0xFF


__all__ = ["BASE", "ENTRY", "EXIT_EAX", "PAGE", "code", "exit_status", "image", "jump", "run", "word"]
