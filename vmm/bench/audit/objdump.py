# SPDX-License-Identifier: GPL-2.0-or-later
"""What `objdump -d` shows, as claims: every line it prints is an instruction, sensitive or not by its mnemonic."""

import re
from pathlib import Path
from typing import Final

from vmm.bench.audit.build import Region, Sample
from vmm.bench.audit.sensitive import is_sensitive
from vmm.bench.audit.tools import call, missing

_SECTION: Final = re.compile(r"Disassembly of section (.*):$")
_LINE: Final = re.compile(r"\s*([0-9a-f]+):\t(?:[0-9a-f]{2} )+\s*\t(.*)$")
_MACHINE: Final = {16: "i8086", 32: "i386", 64: "i386:x86-64"}


def unusable() -> str:
    """Why it cannot be measured here."""
    return "objdump is not on PATH (Debian: binutils)." if missing(("objdump",)) else ""


def claims(sample: Sample, folder: Path) -> tuple[frozenset[int], frozenset[int]]:
    """File offsets of all instructions, and of sensitive ones."""
    path = folder / "subject"
    path.write_bytes(sample.data)
    if sample.base is None:
        arguments = ["objdump", "-d", "-w", "-z", str(path)]
    else:
        arguments = ["objdump", "-D", "-w", "-z", "-b", "binary", "-m", _MACHINE[sample.mode]]
        arguments += [f"--adjust-vma={sample.base:#x}", str(path)]
    return _read(call(arguments, folder), list(sample.regions))


def _read(text: str, regions: list[Region]) -> tuple[frozenset[int], frozenset[int]]:
    starts, sites = set(), set()
    following = iter(regions)
    region = regions[0]
    for line in text.splitlines():
        if _SECTION.match(line):
            region = next(following)
        elif (match := _LINE.match(line)) and not match[2].startswith(("(bad)", ".byte")):
            offset = int(match[1], 16) - region.address + region.offset
            starts.add(offset)
            if is_sensitive(match[2].partition("#")[0].partition("<")[0]):
                sites.add(offset)
    return frozenset(starts), frozenset(sites)
