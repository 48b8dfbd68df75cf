# SPDX-License-Identifier: GPL-2.0-or-later
"""Every guest of ours under every policy against its golden, and where it can be against QEMU."""

import difflib
import shutil
import subprocess
import time
from pathlib import Path

import pytest

import guests
from guests.declaration import POLICIES, Guest, describe
from vmm.machine import Machine

UNSUPPORTED = 84
NAMES = guests.names()
QEMU = shutil.which("qemu-system-i386")
DEBUG_EXIT = "isa-debug-exit,iobase=0xf4,iosize=4"
QEMU_OPTIONS = ["-display", "none", "-no-reboot", "-device", DEBUG_EXIT, "-monitor", "stdio"]


def reason_to_skip(guest: Guest, policy: str) -> str | None:
    """None, or why this guest is not run under this policy."""
    if guest.hostile and policy == "native":
        return "the policy native runs guests unpatched and promises nothing about hostile ones"
    if guest.slow and policy != "fast":
        return f"{guest.name} is slow and runs under the policy fast only"
    return guest.applies_to(policy)


def difference(guest: Guest, serial: str) -> str:
    """The lines that came (+) for those that should have (-)."""
    wanted = (guest.serial or guest.serial_pattern or "").splitlines()
    return "\n" + "\n".join(difflib.unified_diff(wanted, serial.splitlines(), n=0, lineterm=""))[:4000]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", NAMES)
def test_guest_does_what_its_declaration_says(name: str, policy: str, request: pytest.FixtureRequest) -> None:
    guest = describe(name)
    if reason := reason_to_skip(guest, policy):
        pytest.skip(reason)
    if guest.known_bug:
        request.applymarker(pytest.mark.xfail(reason=guest.known_bug, strict=True))
    with Machine(kernel=guests.build(name), memory=guest.memory, policy=policy, no_reboot=True) as machine:
        if guest.keys:
            machine.run(until=r"keys\?", timeout=guest.timeout)
            machine.keyboard.type(guest.keys)
        report = machine.run(timeout=guest.timeout)
    if guest.allowed_unsupported and report.exit_status == UNSUPPORTED:
        return
    assert guest.accepts(report.serial), report.message + difference(guest, report.serial)
    assert report.exit_status in guest.exits, report.message
    assert (guest.screen or "") in report.screen


@pytest.mark.parametrize("name", [name for name in NAMES if describe(name).qemu == "same"])
def test_qemu_gives_the_same(name: str, tmp_path: Path) -> None:
    if QEMU is None:
        pytest.skip("qemu-system-i386 is not installed")
    guest = describe(name)
    image, serial = tmp_path / "image", tmp_path / "serial"
    image.write_bytes(guests.build(name))
    files = ["-kernel", str(image), "-serial", f"file:{serial}", "-m", str(guest.memory)]
    with subprocess.Popen(
        [QEMU, *files, *QEMU_OPTIONS], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as qemu:
        try:
            if guest.keys:
                wait_for(serial, b"keys?", guest.timeout)
                for index, key in enumerate(guest.keys):  # QEMU drops keys that nobody fetches in time
                    qemu.stdin.write(b"sendkey %s\n" % key_name(key))
                    qemu.stdin.flush()
                    wait_for(serial, guest.keys[: index + 1].encode(), guest.timeout)
            status = qemu.wait(guest.timeout * 2)
        finally:
            qemu.kill()
    assert guest.accepts(serial.read_text(encoding="latin-1"))
    assert status in guest.exits


def key_name(key: str) -> bytes:
    """The name of a key in QEMU's monitor."""
    return {" ": b"spc", "\n": b"ret"}.get(key) or (
        b"shift-" if key.isupper() else b""
    ) + key.lower().encode()


def wait_for(path: Path, text: bytes, seconds: float) -> None:
    """Until the file holds the text."""
    until = time.monotonic() + seconds
    while not (path.exists() and text in path.read_bytes()):
        assert time.monotonic() < until, f"{path.name} never held {text!r}"
        time.sleep(0.05)
