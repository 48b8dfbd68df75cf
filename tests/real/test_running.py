# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's kernels, untouched, run; what they print in QEMU is written in docs/real-kernels.md.

Times are limits of patience, not expectations: a run ends as soon as its text appears.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from initrd import LINE, initrd

from vmm import Machine
from vmm.report.run_report import ExitReason

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

Fetch = Callable[[str], Path]


@contextmanager
def booted(path: Path, memory: int, append: str = "") -> Iterator[Machine]:
    with Machine(kernel=path, memory=memory, append=append) as machine:
        yield machine


def until(machine: Machine, pattern: str, seconds: float) -> str:
    """Run until the text appears; gives serial and screen text."""
    report = machine.run(until=pattern, timeout=seconds)
    shown = f"{report.serial}\n{report.screen}"
    assert report.reason is ExitReason.MATCHED, f"{report.message}\n{shown}"
    return shown


def press(machine: Machine, keys: str, then: str, seconds: float = 60) -> str:
    machine.keyboard.send(keys)
    return until(machine, then, seconds)


def test_memtest86_finishes_a_pass_without_errors(real_kernel: Fetch) -> None:
    """All tests that are on by default, but the bit fade: that one waits for minutes."""
    with booted(real_kernel("memtest86+"), 8, "nobench nosmp") as machine:
        shown = until(machine, r"<Enter> to start testing", 60)
        assert re.search(r"Memory *: +8MB", shown)
        press(machine, "ret", r"Status: Testing")
        press(machine, "f1", r"<F1> +Test selection")
        press(machine, "f1", r"<F2> +Remove one test")
        press(machine, "f2", r"Enter test #")
        press(machine, "1 0 ret", r"\*\.\*{8}\.")
        press(machine, "f10", r"<F1> +Test selection")
        press(machine, "f10", r"Test #0 ")
        until(machine, r"Test #9 ", 300)
        until(machine, r"Pass: +[1-9]", 300)
        shown = until(machine, r"Status: Pass\b", 60)
    assert re.search(r"Errors: 0\b", shown)


def columns(screen: str) -> set[int]:
    """Where the ship is: its hull is drawn as " /" and a backslash."""
    return {match.start() for line in screen.splitlines() if (match := re.search(r"/ \\", line))}


def test_grub_invaders_draws_its_game_and_answers_keys(real_kernel: Fetch) -> None:
    with booted(real_kernel("grub-invaders"), 8) as machine:
        before = min(columns(until(machine, r"(?s)(-\*- .*){20}/ \\", 60)))
        press(machine, "right right right", rf"(?m)^ {{{before + 1},}}/ \\")
        press(machine, "spc", r"(?m)^ *\|$")


def test_gnumach_gets_as_far_as_it_does_without_a_root(real_kernel: Fetch) -> None:
    with booted(real_kernel("gnumach"), 64, "console=com0") as machine:
        shown = until(machine, r"No bootstrap code loaded with the kernel!", 300)
    assert "GNU Mach 1.8+git20221224-486" in shown
    assert "biosmem: 000000000000100000:000000000004000000, available" in shown
    assert "vm_page: page table size: 16368 entries (896k)" in shown
    assert re.search(r"scsi : 0 hosts\.", shown)


LINUX = "console=ttyS0 earlyprintk=ttyS0 panic=-1"
MAP = (
    "BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable",
    "BIOS-e820: [mem 0x000000000009fc00-0x000000000009ffff] reserved",
    "BIOS-e820: [mem 0x00000000000f0000-0x00000000000fffff] reserved",
    "BIOS-e820: [mem 0x0000000000100000-0x0000000003ffffff] usable",
)


def healthy(text: str) -> None:
    """Nothing that a kernel says when something of its own is broken."""
    assert not re.findall(r"(?m)^.*\b(?:BUG|WARNING|Oops|general protection fault|unable to handle)\b.*$", text)


def ended(machine: Machine, seconds: float) -> None:
    report = machine.run(timeout=seconds)
    assert report.reason is ExitReason.RESET, report.message


@pytest.mark.parametrize("policy", ["fast", "trap"])
def test_linux_boots_as_far_as_it_does_without_a_root(real_kernel: Fetch, policy: str) -> None:
    path = real_kernel("linux")
    with Machine(kernel=path, memory=64, append=LINUX, policy=policy, no_reboot=True) as machine:
        shown = until(machine, r"Kernel command line: console=ttyS0", 200)
        assert re.search(r"Linux version 6\.1\.0-\d+-686 ", shown)
        assert [line for line in MAP if line not in shown] == []
        shown = until(machine, r"Kernel panic - not syncing: .*\(0,0\)\r", 400)
        healthy(shown)
        assert "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)" in shown
        ended(machine, 60)


def test_linux_runs_a_program_of_its_initial_ram_disk(real_kernel: Fetch) -> None:
    path = real_kernel("linux")
    with Machine(kernel=path, memory=64, append=LINUX, initrd=initrd(), no_reboot=True) as machine:
        shown = until(machine, re.escape(LINE.decode().strip()), 500)
        healthy(shown)
        assert "Run /init as init process" in shown
        ended(machine, 60)
