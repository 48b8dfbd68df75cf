# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run returns: why it ended, what the guest said, and the counters; frozen, and free of the engine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from vmm.report.cpu_dump import CpuDump


class ExitReason(Enum):
    """Why a run ended. The value is the word that reports show and that the JSON form holds."""

    GUEST_EXIT = "guest-exit"  #: the guest wrote to isa-debug-exit; the status is its own
    POWER_OFF = "power-off"
    RESET = "reset"  #: the guest asked for a reset and -no-reboot was given
    MATCHED = "matched"  #: the text that --until waits for has appeared
    TRIPLE_FAULT = "triple-fault"
    UNSUPPORTED = "unsupported"
    HALTED = "halted"  #: hlt with interrupts off, or with nothing left that could wake it
    TIMEOUT = "timeout"
    INSN_LIMIT = "insn-limit"
    NO_IMAGE = "no-image"  #: no such file, or a file that no boot protocol takes
    INTERNAL = "internal"  #: our own fault
    USAGE = "usage"
    INTERRUPTED = "interrupted"  #: Ctrl-C

    @property
    def status(self) -> int:
        """The process's exit status; GUEST_EXIT has none of its own (see `guest_exit_status`)."""
        return _STATUS[self]


_STATUS = {
    ExitReason.GUEST_EXIT: 1,
    ExitReason.POWER_OFF: 0,
    ExitReason.RESET: 0,
    ExitReason.MATCHED: 0,
    ExitReason.TRIPLE_FAULT: 80,
    ExitReason.UNSUPPORTED: 84,
    ExitReason.HALTED: 86,
    ExitReason.TIMEOUT: 124,
    ExitReason.INSN_LIMIT: 124,
    ExitReason.NO_IMAGE: 66,
    ExitReason.INTERNAL: 70,
    ExitReason.USAGE: 2,
    ExitReason.INTERRUPTED: 130,
}


def guest_exit_status(value: int) -> int:
    """The exit status for `value` written to isa-debug-exit: (value << 1) | 1, in a process's 8 bits."""
    return ((value << 1) | 1) & 0xFF


@dataclass(frozen=True, slots=True)
class Stats:
    """Counters of one run. Addresses are linear (Gva), times are seconds of host time.

    `insns` is None when the run was not counted (the free-running engine does not tell).
    `exits_by_address` is filled only when the exit map was asked for.
    """

    exits_by_reason: Mapping[str, int] = field(default_factory=dict)
    exits_by_insn: Mapping[str, int] = field(default_factory=dict)
    exits_by_address: Mapping[int, int] = field(default_factory=dict)
    sites_by_tactic: Mapping[str, int] = field(default_factory=dict)
    pages_scanned: int = 0
    pages_laid: int = 0
    blocks_checked: int = 0
    blocks_vetoed: int = 0
    tlb_fills: int = 0
    #: vector -> device interrupts delivered
    interrupts: Mapping[int, int] = field(default_factory=dict)
    #: vector -> exceptions delivered to the guest
    faults: Mapping[int, int] = field(default_factory=dict)
    #: (port, "read" or "write") -> accesses that no device answered
    unknown_ports: Mapping[tuple[int, str], int] = field(default_factory=dict)
    seconds_guest: float = 0.0
    seconds_monitor: float = 0.0
    insns: int | None = None

    @property
    def exits(self) -> int:
        """All exits, whatever their reason."""
        return sum(self.exits_by_reason.values())


@dataclass(frozen=True, slots=True)
class RunReport:
    """The result of `Machine.run`. `message` is one sentence; `dump` is there after a triple fault."""

    reason: ExitReason
    exit_status: int
    message: str
    serial: str = ""
    screen: str = ""
    stats: Stats = field(default_factory=Stats)
    dump: CpuDump | None = None
