# SPDX-License-Identifier: GPL-2.0-or-later
"""How fast code is swept, beside what people use today: the patcher's sweep, `objdump -d`, Capstone from Python.

All three look at the same executable sections of the same ELF files, a group of files at a time in turn, so that
whatever else the machine does meets all of them. The clock is processor time. Reading the files is not counted,
except objdump's own; neither is what a program does once, but for the sweep's expression, which is made in the run.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vmm.bench.audit.tools import ToolError, require

SWEEP: Final = "sweep"
OBJDUMP: Final = "objdump -d"
CAPSTONE: Final = "Capstone's disasm_lite"

_GROUP: Final = 4 << 20  # bytes of code that one tool is given before the next has its turn
_WINDOW: Final = 1 << 16  # bytes that Capstone is given at once
_EXECUTABLE: Final = 4  # SHF_EXECINSTR


@dataclass(frozen=True, slots=True)
class Speed:
    """One tool over all files: `code` in bytes, `seconds` of processor time.

    `ratio` says how many times as fast the sweep was; `found` counts what the sweep found, or the instructions
    that Capstone gave (0: not counted).
    """

    tool: str
    code: int
    seconds: float
    ratio: float
    found: int = 0

    @property
    def megabytes_per_second(self) -> float:
        """In units of 1,000,000 bytes."""
        return self.code / self.seconds / 1e6 if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    bits: int
    code: tuple[bytes, ...]

    @property
    def size(self) -> int:
        return sum(map(len, self.code))


def measure_speed(paths: Iterable[Path]) -> tuple[Speed, ...]:
    """Sweep the executable sections of ELF files by every tool; the sweep's row comes first.

    Raises `ToolError` without objdump, and for a file that is no ELF file.
    """
    require(("objdump",))
    tools: dict[str, Callable[[list[_File]], int]] = {SWEEP: _sweep, OBJDUMP: _objdump, CAPSTONE: _capstone}
    seconds, found, code = dict.fromkeys(tools, 0.0), dict.fromkeys(tools, 0), 0
    for group in _groups(paths):
        code += sum(file.size for file in group)
        for name, run in tools.items():
            began = _processor_time()
            found[name] += run(group)
            seconds[name] += _processor_time() - began
    best = seconds[SWEEP]
    return tuple(
        Speed(name, code, seconds[name], seconds[name] / best if best else 0.0, found[name]) for name in tools
    )


def _processor_time() -> float:
    """Of this process and of its children that have ended."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def _groups(paths: Iterable[Path]) -> Iterator[list[_File]]:
    group: list[_File] = []
    for path in paths:
        file = _read(path)
        if file.code:
            group.append(file)
        if sum(file.size for file in group) >= _GROUP:
            yield group
            group = []
    if group:
        yield group


def _read(path: Path) -> _File:
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    with path.open("rb") as stream:
        try:
            elf: Any = ELFFile(stream)
        except ELFError as error:
            raise ToolError(f"{path} is not an ELF file: {error}.") from None
        code = tuple(
            section.data()
            for section in elf.iter_sections()
            if section["sh_flags"] & _EXECUTABLE
            and section["sh_size"]
            and section["sh_type"] == "SHT_PROGBITS"
        )
        return _File(path, elf.elfclass, code)


def _sweep(files: Sequence[_File]) -> int:
    from patcher.sweep import sweep

    return sum(1 for file in files for code in file.code for _ in sweep(code, file.bits))


def _objdump(files: Sequence[_File]) -> int:
    arguments = ["objdump", "-d", *(str(file.path) for file in files)]
    subprocess.run(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return 0


def _capstone(files: Sequence[_File]) -> int:
    return sum(_instructions(code, file.bits) for file in files for code in file.code)


def _instructions(code: bytes, bits: int) -> int:
    """How many Capstone sees, going on one byte later where it sees none."""
    from patcher.decoder import lengths

    count = offset = 0
    while offset < len(code):
        found = lengths(code[offset : offset + _WINDOW], bits)
        count += len(found)
        offset += sum(found) or 1
    return count
