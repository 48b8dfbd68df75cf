# SPDX-License-Identifier: GPL-2.0-or-later
"""The figures of speed: every tool is given the same code. What they are is not tested."""

import shutil
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from patcher.sweep import sweep
from vmm.bench.audit.speed import CAPSTONE, OBJDUMP, SWEEP, measure_speed
from vmm.bench.audit.tools import ToolError

PROGRAM = Path("/usr/bin/env")

pytestmark = [
    pytest.mark.skipif(shutil.which("objdump") is None, reason="objdump is not on PATH (Debian: binutils)."),
    pytest.mark.skipif(not PROGRAM.is_file(), reason=f"This machine has no {PROGRAM}."),
]


def code_of(path: Path) -> list[bytes]:
    with path.open("rb") as file:
        sections = ELFFile(file).iter_sections()
        return [s.data() for s in sections if s["sh_flags"] & 4 and s["sh_type"] == "SHT_PROGBITS"]


def test_all_tools_are_given_the_same_code() -> None:
    code = code_of(PROGRAM)
    rows = measure_speed([PROGRAM, PROGRAM])
    assert [row.tool for row in rows] == [SWEEP, OBJDUMP, CAPSTONE]
    assert {row.code for row in rows} == {2 * sum(map(len, code))}
    assert rows[0].ratio == 1.0
    assert rows[0].found == 2 * sum(1 for section in code for _ in sweep(section, 64))
    assert all(row.seconds > 0 and row.megabytes_per_second > 0 for row in rows)
    assert rows[2].found > rows[2].code / 8


def test_a_file_that_is_no_elf_file(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("nothing to run")
    with pytest.raises(ToolError, match=r"notes is not an ELF file: "):
        measure_speed([tmp_path / "notes"])
