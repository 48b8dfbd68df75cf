# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's firmware, boot code and Windows libraries are read: how many programs, and where they begin."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from patcher import binary
from patcher.binary import Binary, Origin, Privilege

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

PROGRAMS = {
    "seabios": [("bios", 16)],
    "vgabios": [("option-rom", 16)],
    "zlib1-32.dll": [("pe", 32)],
    "zlib1-64.dll": [("pe", 64)],
    "grub-boot.img": [("boot-sector", 16)],
    "grub-diskboot.img": [("grub", 16)],
    "memtest86+.iso": [("boot-sector", 16)] * 3,
}


@pytest.fixture
def programs(real_kernel: Callable[[str], Path]) -> Callable[[str], tuple[Binary, ...]]:
    """The programs in a file of `real_kernels`."""
    return lambda name: binary.read(real_kernel(name).read_bytes(), name)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_file_holds_programs_of_this_kind_and_each_has_an_entry(
    name: str, programs: Callable[[str], tuple[Binary, ...]]
) -> None:
    found = programs(name)
    assert [(part.format, part.mode) for part in found] == PROGRAMS[name]
    assert all(part.entries for part in found)


def test_every_module_of_a_flash_image_is_a_program(programs: Callable[[str], tuple[Binary, ...]]) -> None:
    found = programs("ovmf-ia32")
    assert Counter((part.format, part.mode) for part in found)["uefi", 16] == 1
    assert {part.privilege for part in found} == {Privilege.FIRMWARE}
    names = {part.name for part in found}
    assert len(names) == len(found) > 100
    assert {"SecMain", "PeiCore", "DxeCore", "PiSmmCpuDxeSmm", "reset vector"} <= names
    assert all(entry.origin for part in found for entry in part.entries)
    assert not [note for part in found for note in part.notes]


@pytest.mark.parametrize("name", ["zlib1-32.dll", "zlib1-64.dll"])
def test_a_librarys_exports_are_entries_and_its_imports_have_names(
    name: str, programs: Callable[[str], tuple[Binary, ...]]
) -> None:
    (library,) = programs(name)
    exported = {library.symbol_at(e.address).name for e in library.entries if e.origin is Origin.EXPORT}  # type: ignore[union-attr]
    assert {"inflate", "deflate", "crc32", "gzopen"} <= exported
    assert {"malloc", "free", "abort"} <= {symbol.name for symbol in library.imports}
    assert library.returns_never
    assert bool(library.functions) == (library.mode == 64)


def test_grubs_boot_sector_has_its_parameters_told_from_code(
    programs: Callable[[str], tuple[Binary, ...]],
) -> None:
    (sector,) = programs("grub-boot.img")
    assert [(s.address - 0x7C00, s.executable) for s in sector.sections] == [
        (0, True), (3, False), (0x65, True), (0x1FE, False),
    ]  # fmt: skip
