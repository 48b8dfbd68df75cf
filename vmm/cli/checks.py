# SPDX-License-Identifier: GPL-2.0-or-later
"""The checks of `patchvisor doctor`: each looks at one thing the program needs and says how to mend it."""

import mmap
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from vmm.cli.guest_cache import cache_folder
from vmm.cli.versions import distribution_version

PYTHON = (3, 11)
SCREEN = (80, 25)
GUEST_MEMORY = 32 << 20


class State(Enum):
    """How a check came out; only FAILED makes the doctor's status differ from 0."""

    GOOD = "ok"
    WEAK = "note"  #: works, with something less
    FAILED = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check saw, and the cure when it is not good."""

    state: State
    saw: str
    cure: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A name and the function that looks; it may raise, which is a failure with the error as what it saw."""

    name: str
    look: Callable[[], Finding]
    cure: str = ""

    def run(self) -> Finding:
        """Look; anything raised becomes a finding."""
        try:
            return self.look()
        except (Exception, SystemExit) as error:
            return Finding(State.FAILED, f"{type(error).__name__}: {error}".strip(), self.cure)


def python() -> Finding:
    """Version and width of the interpreter."""
    saw = f"{platform.python_version()}, {64 if sys.maxsize > 1 << 32 else 32}-bit, {platform.machine()}"
    if sys.version_info < PYTHON:
        return Finding(State.FAILED, saw, f"install Python {PYTHON[0]}.{PYTHON[1]} or newer")
    if sys.maxsize < 1 << 32:
        return Finding(State.FAILED, saw, "use a 64-bit Python: code frames lie above 4 GiB")
    return Finding(State.GOOD, saw)


def processor_engine() -> Finding:
    """Unicorn runs code, and its saved state can be understood."""
    from vmm.engine.learn import learn

    learn()
    return Finding(State.GOOD, f"{distribution_version('unicorn')}, runs code, saved state understood")


def disassembler() -> Finding:
    """Capstone decodes one instruction."""
    from patcher.decoder import disassemble

    text = disassemble(b"\x0f\x01\xe0", 0x1000, 32)
    if text != "smsw eax":
        return Finding(
            State.FAILED, f"decoded smsw eax as {text!r}", "reinstall: pip install --force-reinstall capstone"
        )
    return Finding(State.GOOD, f"{distribution_version('capstone')}, decodes")


def assembler() -> Finding:
    """Keystone assembles one instruction."""
    from patcher.assembler import assemble

    code = assemble("pushfl\n", 0x1000, 32)
    if code != b"\x9c":
        return Finding(
            State.FAILED, f"assembled pushfl as {code.hex()}", "pip install --force-reinstall keystone-engine"
        )
    return Finding(State.GOOD, f"{distribution_version('keystone-engine')}, assembles")


def own_memory() -> Finding:
    """The engine's state is searched for in this process's own memory (vmm/engine/learn.py)."""
    with open("/proc/self/mem", "rb", buffering=0) as memory:
        memory.seek(id(memory))
        memory.read(8)
    return Finding(State.GOOD, "/proc/self/mem can be read")


def guest_memory() -> Finding:
    """As much memory as a guest gets by default can be mapped."""
    with mmap.mmap(-1, GUEST_MEMORY) as memory:
        memory[-1] = 1
    return Finding(State.GOOD, f"{GUEST_MEMORY >> 20} MiB can be mapped")


def cache() -> Finding:
    """Assembled guests can be kept."""
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return Finding(State.GOOD, str(folder))
    except OSError as error:
        cure = "set XDG_CACHE_HOME to a folder that can be written; until then guests start slower"
        return Finding(State.WEAK, f"{folder}: {error.strerror}", cure)


def terminal() -> Finding:
    """A terminal for -serial stdio and -display text."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return Finding(
            State.WEAK, "stdin or stdout is no terminal", "needed for -display text and for typing only"
        )
    columns, lines = os.get_terminal_size()
    saw = f"{os.environ.get('TERM', 'TERM not set')}, {columns}x{lines}"
    if columns < SCREEN[0] or lines < SCREEN[1]:
        return Finding(State.WEAK, saw, f"-display text wants {SCREEN[0]}x{SCREEN[1]}: enlarge the window")
    return Finding(State.GOOD, saw)


CHECKS = (
    Check("python", python),
    Check("unicorn", processor_engine, "pip install 'unicorn>=2.1.4'"),
    Check("capstone", disassembler, "pip install 'capstone>=5.0'"),
    Check("keystone", assembler, "pip install keystone-engine (wheels: Linux x86-64, Windows, macOS x86-64)"),
    Check("own memory", own_memory, "mount /proc, and allow the process to read /proc/self/mem"),
    Check("guest memory", guest_memory, "free some memory, or raise the limit that `ulimit -v` shows"),
    Check("cache", cache),
    Check("terminal", terminal),
)
