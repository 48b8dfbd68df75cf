# SPDX-License-Identifier: GPL-2.0-or-later
"""The tables by which Linux rewrites itself, in every form they have had."""

import struct

import pytest
from elf_maker import ALLOC, EXEC, NOTYPE, Maker, Part, Sym

from patcher.binary.elf import READER
from patcher.binary.model import Binary, Origin, Rewritten
from patcher.follow import Budget, follow

TEXT, TABLE = 0x80_0000, 0x80_1000
CODE = b"\x90" * 16 + b"\xe8\0\0\0\0\x2e\xe8\0\0\0\0\x90" + b"\xeb\x05" + b"\x0f\x0b" + b"\x90" * 32


def read(name: str, table: bytes, bits: int, symbols: tuple[Sym, ...] = ()) -> Binary:
    """A kernel with one table; `__ksymtab` makes it one."""
    parts = [
        Part(".text", CODE, ALLOC | EXEC, address=TEXT),
        Part(name, table, ALLOC, address=TABLE),
        Part("__ksymtab", b"x", ALLOC, address=0x80_2000),
    ]
    maker = Maker(parts, list(symbols), bits=bits, type=2, entry=TEXT)
    maker.segments = [
        (1, 5 if i == 0 else 4, i, p.address, p.address, len(p.data)) for i, p in enumerate(parts)
    ]
    (binary,) = READER.read(bytes(maker), "vmlinux")
    return binary


def near(offset: int, field: int) -> int:
    """A relative field at `field` of the table that means `.text` + offset."""
    return TEXT + offset - (TABLE + field)


ALTERNATIVES = {
    "6.3 and later": (64, struct.pack("<iiIBB", near(2, 0), near(40, 4), 7, 3, 2)),
    "5.14 to 6.2": (64, struct.pack("<iiHBB", near(2, 0), near(40, 4), 7, 3, 2)),
    "4.0 to 5.13": (64, struct.pack("<iiHBBB", near(2, 0), near(40, 4), 7, 3, 2, 1)),
    "3.3, 32 bits": (32, struct.pack("<iiHBB", near(2, 0), near(40, 4), 7, 3, 2)),
    "3.0, 32 bits": (32, struct.pack("<IIHBB", TEXT + 2, TEXT + 40, 7, 3, 2)),
    "2.6.32, 32 bits": (32, struct.pack("<IIBBBx", TEXT + 2, TEXT + 40, 7, 3, 2)),
    "2.6.38, 64 bits": (64, struct.pack("<QQHBB4x", TEXT + 2, TEXT + 40, 7, 3, 2)),
    "2.6.32, 64 bits": (64, struct.pack("<QQBBB5x", TEXT + 2, TEXT + 40, 7, 3, 2)),
}


@pytest.mark.parametrize("kernel", ALTERNATIVES)
def test_alternatives_of(kernel: str) -> None:
    bits, table = ALTERNATIVES[kernel]
    binary = read(".altinstructions", table, bits)
    assert binary.rewritten == (Rewritten(TEXT + 2, TEXT + 5, ".altinstructions", TEXT + 40, 2),)


def test_an_alternative_of_no_bytes_leads_behind_what_it_removes() -> None:
    table = struct.pack("<iiHBB", near(2, 0), near(40, 4), 7, 3, 0)
    place = Rewritten(TEXT + 2, TEXT + 5, ".altinstructions", leads=(TEXT + 5,))
    assert read(".altinstructions", table, 64).rewritten == (place,)


FIXUPS = {
    "4.6 and later": (64, struct.pack("<iii", near(3, 0), near(9, 4), 1)),
    "3.5 to 4.5": (32, struct.pack("<ii", near(3, 0), near(9, 4))),
    "before 3.5, 32 bits": (32, struct.pack("<II", TEXT + 3, TEXT + 9)),
    "before 3.5, 64 bits": (64, struct.pack("<QQ", TEXT + 3, TEXT + 9)),
}


@pytest.mark.parametrize("kernel", FIXUPS)
def test_fixups_of(kernel: str) -> None:
    bits, table = FIXUPS[kernel]
    binary = read("__ex_table", table, bits)
    found = [e.address for e in binary.entries if e.origin is Origin.EXCEPTION]
    assert found == [TEXT + 3, TEXT + 9]
    assert not binary.rewritten


SITES = {
    ".smp_locks": ([(32, struct.pack("<i", near(5, 0))), (32, struct.pack("<I", TEXT + 5)),
                    (64, struct.pack("<Q", TEXT + 5))], (5, 6)),
    ".parainstructions": ([(32, struct.pack("<IBB", TEXT + 5, 1, 7)), (64, struct.pack("<QBB", TEXT + 5, 1, 7)),
                           (64, struct.pack("<QBB6x", TEXT + 5, 1, 7))], (5, 12)),
    "__mcount_loc": ([(32, struct.pack("<I", TEXT + 5)), (64, struct.pack("<Q", TEXT + 5)),
                      (64, struct.pack("<3Q", 0, 0, TEXT + 5))], (5, 10)),
    ".return_sites": ([(64, struct.pack("<i", near(5, 0)))], (5, 10)),
    ".ibt_endbr_seal": ([(64, struct.pack("<i", near(5, 0)))], (5, 9)),
    ".static_call_sites": ([(64, struct.pack("<ii", near(16, 0), 0))], (16, 21)),
    ".retpoline_sites": ([(64, struct.pack("<i", near(21, 0)))], (21, 27)),
    "__jump_table": ([(64, struct.pack("<iiq", near(28, 0), near(40, 4), 8)),
                      (32, struct.pack("<iii", near(28, 0), near(40, 4), 8)),
                      (32, struct.pack("<III", TEXT + 28, TEXT + 40, 9)),
                      (64, struct.pack("<QQQ", TEXT + 28, TEXT + 40, 9))], (28, 30)),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "bits", "table", "extent"),
    [(name, *form, extent) for name, (forms, extent) in SITES.items() for form in forms],
)
def test_a_table_of_sites(name: str, bits: int, table: bytes, extent: tuple[int, int]) -> None:
    leads = (TEXT + extent[1], TEXT + 40) if name == "__jump_table" else ()
    place = Rewritten(TEXT + extent[0], TEXT + extent[1], name, leads=leads)
    assert read(name, table, bits).rewritten == (place,)


@pytest.mark.parametrize("form", ["iiHH", "IIHH"])
def test_a_warning_continues_behind_its_ud2(form: str) -> None:
    first = near(30, 0) if form[0] == "i" else TEXT + 30
    warning, bug = (read("__bug_table", struct.pack("<" + form, first, 0, 1, flags), 32) for flags in (1, 0))
    assert [e.address - TEXT for e in warning.entries] == [0, 30, 32]
    assert [e.address - TEXT for e in bug.entries] == [0, 30]


def test_a_table_merged_into_another_section_is_found_by_its_symbols() -> None:
    symbols = (
        Sym("__start_mcount_loc", TABLE + 4, 1, NOTYPE),
        Sym("__stop_mcount_loc", TABLE + 8, 1, NOTYPE),
    )
    binary = read(".init.data", struct.pack("<3I", 1, TEXT + 5, 2), 32, symbols)
    assert binary.rewritten == (Rewritten(TEXT + 5, TEXT + 10, "__mcount_loc"),)


def test_a_form_is_told_by_records_in_a_row() -> None:
    """198 records of 16 bytes, every third of which is where every fourth one of 12 bytes would be."""
    table = b"".join(struct.pack("<iiq", near(28, 16 * i), near(40, 16 * i + 4), 8) for i in range(198))
    place = Rewritten(TEXT + 28, TEXT + 30, "__jump_table", leads=(TEXT + 30, TEXT + 40))
    assert read("__jump_table", table, 64).rewritten == (place,)


RELEASES = {
    "a module": (".modinfo", b"license=GPL\0vermagic=6.1.0-50-686 SMP\0", (6, 1)),
    "a kernel": (".rodata", b"Linux version %s\0Linux version 5.10.0-9 (gcc)\0", (5, 10)),
    "of two the older": (".rodata", b"Linux version 6.1.0 \0Linux version 4.19.1 ", (4, 19)),
    "neither": (".rodata", b"vermagic=6.1.0 Linux version x", (0, 0)),
}


@pytest.mark.parametrize("text", RELEASES)
def test_the_release_of(text: str) -> None:
    name, content, release = RELEASES[text]
    assert read(name, content, 64).release == release


def test_a_table_of_nonsense_is_passed_over() -> None:
    binary = read(".altinstructions", b"\xab" * 48, 32)
    assert not binary.rewritten
    assert binary.unread == (".altinstructions",)


@pytest.mark.parametrize(("name", "content"), [("__bug_table", b"\xab" * 48), (".altinstructions", bytes(48))])
def test_a_table_that_rewrites_nothing_need_not_be_read(name: str, content: bytes) -> None:
    assert read(name, content, 32).unread == ()


@pytest.mark.parametrize(("flags", "code"), [(1, True), (0, False)])
def test_a_path_goes_on_behind_the_ud2_of_a_warning_only(flags: int, code: bool) -> None:
    table = struct.pack("<iiHH", near(30, 0), 0, 1, flags)
    start = Sym("warns", TEXT + 30, 1)
    flow = follow(read("__bug_table", table, 32, (start,)), Budget())
    assert bool(flow.lengths[0, 32][32]) is code
