# SPDX-License-Identifier: GPL-2.0-or-later
"""ELF executables: what a good one is read into, and the sentence for each kind of bad one."""

from contextlib import suppress
from dataclasses import replace

import pytest
from elftools.elf.elffile import ELFFile
from executables import CODE, Elf, Part, with_symbols
from hypothesis import given
from hypothesis import strategies as st

from patcher import image
from patcher.errors import PatcherError
from patcher.image.elf import read_elf


def test_segments_keep_both_addresses_and_share_the_files_bytes() -> None:
    parts = (Part(CODE, 0xC010_0000, 0x10_0000, 0x2000, flags=5), Part(b"data", 0xC020_0000, 0x20_0000))
    data = bytes(Elf(parts, entry=0xC010_0001))
    read = image.read(data, "kernel.elf")
    text, rest = read.segments
    assert (read.format, read.mode, read.entry, read.load_entry) == ("elf", 32, 0xC010_0001, 0x10_0001)
    assert (text.address, text.load, bytes(text.data), text.size) == (0xC010_0000, 0x10_0000, CODE, 0x2000)
    assert (text.executable, text.writable, rest.writable) == (True, False, True)
    assert text.data.obj is data
    assert read.segment_at(rest.address) is rest
    assert read.segment_at(rest.end) is None


def test_a_64_bit_file_is_read_in_mode_64() -> None:
    data = bytes(
        Elf((Part(vaddr=0xFFFF_FFFF_8100_0000, paddr=0x100_0000),), 0xFFFF_FFFF_8100_0000, 62, bits=64)
    )
    read = image.read(data, "vmlinux")
    assert (read.mode, read.load_entry, read.segments[0].size) == (64, 0x100_0000, len(CODE))


def test_headers_agree_with_pyelftools(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "kernel.elf"
    path.write_bytes(
        with_symbols(Elf((Part(memsz=64), Part(b"x", 0x20_0000))), [("start", 0x10_0000, 0x12, 1)])
    )
    read = image.read(path.read_bytes(), path.name)
    with path.open("rb") as stream:
        other = ELFFile(stream)
        rows = [(s["p_vaddr"], s["p_memsz"], s.data()) for s in other.iter_segments()]
        names = [(s.name, s["st_value"]) for s in other.get_section(1).iter_symbols()]
    assert [(s.address, s.size, bytes(s.data)) for s in read.segments] == rows
    assert [(s.name, s.address) for s in read.symbols] == names


def test_symbols_are_sorted_defined_and_found_by_address() -> None:
    rows = [
        ("late", 0x30, 0x12, 1),
        ("early", 0x10, 1, 1),
        ("extern", 0x20, 1, 0),
        ("", 5, 1, 1),
        ("a.c", 0, 4, 1),
    ]
    read = image.read(with_symbols(Elf(), rows), "kernel.elf")
    assert [(s.name, s.is_function) for s in read.symbols] == [("early", False), ("late", True)]
    found = [read.symbol_at(address) for address in (0xF, 0x10, 0x2F, 0x30)]  # type: ignore[arg-type]
    assert [s and s.name for s in found] == [None, "early", "early", "late"]


GOOD = Elf()
BAD = {
    "truncated header": (
        bytes(GOOD)[:0x33],
        "bad.elf is truncated: 51 bytes do not hold an ELF header.",
    ),
    "truncated 64-bit header": (
        bytes(Elf(bits=64, machine=62))[:0x38],
        "bad.elf is truncated: 56 bytes do not hold an ELF header.",
    ),
    "unknown class": (
        bytes(GOOD)[:4] + b"\x03" + bytes(GOOD)[5:],
        "bad.elf is no little-endian ELF file (class 3, data 1).",
    ),
    "big-endian": (bytes(Elf(data=2)), "bad.elf is no little-endian ELF file (class 1, data 2)."),
    "wrong machine": (
        bytes(Elf(machine=183)),
        "bad.elf is an ELF file for AArch64 (e_machine 183), not for x86.",
    ),
    "unknown machine": (
        bytes(Elf(machine=999)),
        "bad.elf is an ELF file for an unknown machine (e_machine 999), not for x86.",
    ),
    "relocatable object": (
        bytes(Elf(type=1)),
        "bad.elf is an ELF object that was not linked; it has no addresses to load it at.",
    ),
    "no program headers": (
        bytes(Elf(phnum=0)),
        "bad.elf has no program headers, so nothing in it says what to load.",
    ),
    "endless program headers": (bytes(Elf(phnum=0xFFFF)), "bad.elf claims 65535 program headers or more."),
    "program headers past the end": (
        bytes(Elf(phnum=0xFFFE)),
        "bad.elf is truncated: its 65534 program headers end at file offset 0x1ffff4, and the file at 0x57.",
    ),
    "program headers far away": (
        bytes(Elf(phoff=0xFFFF_FFF0)),
        "bad.elf is truncated: its 1 program headers end at file offset 0x100000010, and the file at 0x57.",
    ),
    "program headers of no size": (
        bytes(Elf(phentsize=0)),
        "The program headers of bad.elf have 0 bytes each, not 32.",
    ),
    "segment past the file": (
        bytes(Elf((Part(filesz=0x1000),))),
        "bad.elf is truncated: program header 0 wants file bytes [0x54, 0x1054), and the file ends at 0x57.",
    ),
    "less memory than file": (
        bytes(Elf((Part(memsz=1),))),
        "Program header 0 of bad.elf has more bytes in the file (0x3) than in memory (0x1).",
    ),
    "bss of 4 GiB": (
        bytes(Elf((Part(memsz=0xFFFF_FFFF),))),
        "Program header 0 of bad.elf (0xffffffff bytes at 0x100000, loaded at 0x100000) "
        "reaches past the end of 32-bit addresses.",
    ),
    "nothing to load": (
        bytes(Elf((Part(type=2), Part(b"", memsz=0)))),
        "bad.elf has no program header of type PT_LOAD, so nothing in it is to be loaded.",
    ),
    "overlap for the code": (
        bytes(Elf((Part(vaddr=0x1000, paddr=0x5000), Part(vaddr=0x1002, paddr=0x1000)))),
        "In bad.elf, program header 0 and program header 1 overlap at guest-virtual address 0x00001002.",
    ),
    "overlap for the loader": (
        bytes(Elf((Part(vaddr=0x9000, paddr=0x5000, memsz=0x2000), Part(vaddr=0x1000, paddr=0x6000)))),
        "In bad.elf, program header 0 and program header 1 overlap at guest-physical address 0x00006000.",
    ),
    "sections past the end": (
        bytes(Elf(sections=(0x5000, 40, 3))),
        "The 3 section headers of bad.elf, 40 bytes each at file offset 0x5000, "
        "are not inside its 0x57 bytes.",
    ),
    "strings in no section": (
        with_symbols(GOOD, [("x", 1, 1, 1)], link=7),
        "The symbol table of bad.elf names section 7 of 3 as its strings.",
    ),
    "symbols past the end": (
        with_symbols(GOOD, [("x", 1, 1, 1)], length=0xFFFF_FFF0),
        "bad.elf is truncated: its symbol table is at file offset 0x57 with 0xfffffff0 bytes, "
        "and the file ends at 0xe2.",
    ),
}


@pytest.mark.parametrize(("data", "sentence"), BAD.values(), ids=BAD)
def test_a_bad_file_gets_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(PatcherError) as caught:
        image.read(data, "bad.elf")
    assert str(caught.value) == sentence


def test_a_loader_does_not_care_about_damaged_sections() -> None:
    damaged = bytes(Elf(sections=(0x5000, 40, 3)))
    assert read_elf(damaged, "kernel.elf", symbols=False).symbols == ()


def test_names_shared_by_all_symbols_cannot_grow_memory() -> None:
    """A thousand rows that all name one long string: 4 KiB each would be kept."""
    rows = [("n" * 4096, 1, 1, 1)] + [("", 1, 1, 1)] * 999
    data = bytearray(with_symbols(GOOD, rows))
    for index in range(1000):
        data[0x57 + 16 * index : 0x57 + 16 * index + 4] = (1).to_bytes(4, "little")
    with pytest.raises(PatcherError, match=r"^The symbol names of bad\.elf take more room than the file"):
        image.read(bytes(data), "bad.elf")


@given(st.data())
def test_damaged_headers_never_give_a_traceback(data: st.DataObject) -> None:
    file = bytearray(
        with_symbols(replace(GOOD, parts=(Part(memsz=64), Part(b"x", 0x20_0000))), [("s", 1, 2, 1)])
    )
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(4, len(file) - 1))
        file[at] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
    with suppress(PatcherError):
        read = image.read(bytes(file[: data.draw(st.integers(1, len(file)))]), "bad.elf")
        assert sum(len(segment.data) for segment in read.segments) <= 2 * len(file)
