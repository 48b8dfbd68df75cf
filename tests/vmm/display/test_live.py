# SPDX-License-Identifier: GPL-2.0-or-later
"""The terminal as screen and keyboard: a guest is drawn, gets typed keys, and the terminal is given back."""

import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
from pathlib import Path

import guests

ROOT = Path(__file__).resolve().parents[3]


def own_terminal() -> None:
    """In the child: make stdin the controlling terminal, as a shell's job has it."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_keys_of_the_terminal_reach_the_guests_keyboard(tmp_path: Path) -> None:
    """The guest `keyboard` ends well only when it gets the keys that it asks for."""
    declared, serial = guests.describe("keyboard"), tmp_path / "serial"
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    options = ["-display", "text", "-serial", f"file:{serial}", "--timeout", "60"]
    process = subprocess.Popen(
        [sys.executable, "-m", "vmm", "run", "keyboard", *options],
        cwd=ROOT, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, preexec_fn=own_terminal,
    )  # fmt: skip
    drawn, typed = b"", False
    try:
        while process.poll() is None:
            if select.select([master], [], [], 0.05)[0]:
                drawn += os.read(master, 4096)
            if not typed and serial.exists() and b"keys?" in serial.read_bytes():
                typed = os.write(master, declared.keys.encode()) > 0
        assert process.returncode in declared.exits, drawn
        assert declared.accepts(serial.read_text())
        assert termios.tcgetattr(slave) == before
        assert b"hello" in drawn
    finally:
        process.kill()
        process.wait()
        os.close(master)
        os.close(slave)
