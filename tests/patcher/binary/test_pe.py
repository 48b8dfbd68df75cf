# SPDX-License-Identifier: GPL-2.0-or-later
"""PE images: what each of their tables says about code, and the sentence for each kind of bad one."""

import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pe_files import DATA, Area, PeFile

from patcher import binary
from patcher.binary import Binary, Origin, Privilege
from patcher.errors import PatcherError

BASE, WIDE_BASE = 0x40_0000, 0x1_4000_0000
EXPORT, IMPORT, EXCEPTION, BASE_RELOCATION, TLS, LOAD_CONFIG, DELAY_IMPORT, CLR = 0, 1, 3, 5, 9, 10, 13, 14
TEXT = Area(b"\x90" * 0x100)


def at(rva: int, *parts: bytes) -> tuple[Area, int]:
    """A data section of tables, and the bytes in it."""
    data = b"".join(parts)
    return Area(data, rva, DATA, b".data"), len(data)


def pe(directory: int, tables: bytes, bits: int = 32, start: int = 0, text: Area = TEXT) -> PeFile:
    """Code at RVA 0x1000, and tables at 0x2000 of which one directory begins at `start`."""
    area = Area(tables, 0x2000, DATA, b".data")
    base = WIDE_BASE if bits == 64 else BASE
    where = {directory: (0x2000 + start, len(tables) - start)}
    return PeFile((text, area), bits=bits, base=base, directories=where)


def read(file: PeFile) -> Binary:
    (found,) = binary.read(bytes(file), "file.exe")
    return found


def entries(found: Binary, origin: Origin) -> list[tuple[int, str]]:
    return [(entry.address, entry.name) for entry in found.entries if entry.origin is origin]


def exports() -> bytes:
    """Ordinals: code, code without name, data, a forwarder."""
    functions = struct.pack("<4I", 0x1010, 0x1020, 0x2000, 0x2061)
    names = struct.pack("<3I", 0x2062, 0x2064, 0x2067)
    ordinals = struct.pack("<3H", 0, 2, 3)
    head = struct.pack("<10I", 0, 0, 0, 0, 1, 4, 3, 0x2028, 0x2038, 0x2044)
    return (head + functions + names + ordinals).ljust(0x61, b"\0") + b"x" + b"f\0da\0fw\0"


def test_sections_share_the_files_bytes_and_know_where_they_are() -> None:
    data = bytes(PeFile((Area(b"\xc3" * 16, size=0x2000), Area(b"d", 0x5000, DATA, b".data"))))
    (found,) = binary.read(data, "file.exe")
    text, rest = found.sections
    assert (found.format, found.mode, found.privilege, found.name) == ("pe", 32, Privilege.USER, "")
    assert (text.name, text.address, bytes(text.data), text.size) == (
        ".text",
        0x40_1000,
        b"\xc3" * 16,
        0x2000,
    )
    assert (text.executable, text.writable, text.file_offset) == (True, False, 0x400)
    assert (rest.executable, rest.writable, rest.file_offset) == (False, True, 0x410)
    assert text.data.obj is data
    assert entries(found, Origin.ENTRY) == [(0x40_1000, "entry point")]


def test_a_64_bit_image_is_read_in_mode_64() -> None:
    found = read(PeFile((TEXT,), bits=64, base=WIDE_BASE))
    assert (found.mode, found.entries[0].address, found.entries[0].mode) == (64, WIDE_BASE + 0x1000, 64)


@pytest.mark.parametrize(
    ("subsystem", "expected"),
    [
        (1, Privilege.KERNEL),
        (2, Privilege.USER),
        (3, Privilege.USER),
        (10, Privilege.FIRMWARE),
        (12, Privilege.FIRMWARE),
    ],
)
def test_the_subsystem_says_where_it_runs(subsystem: int, expected: Privilege) -> None:
    assert read(PeFile((TEXT,), subsystem=subsystem)).privilege is expected


def test_exports_are_entries_unless_they_are_data_or_forwarded() -> None:
    found = read(pe(EXPORT, exports()))
    assert entries(found, Origin.EXPORT) == [(0x40_1010, ""), (0x40_1020, "")]
    assert [(s.address, s.name, s.is_function) for s in found.symbols] == [(0x40_1010, "f", True)]


def test_a_forwarder_in_executable_bytes_is_no_function() -> None:
    """Some linkers put the export directory into the code section."""
    area = Area(exports(), 0x2000)
    found = read(PeFile((TEXT, area), directories={EXPORT: (0x2000, len(area.data))}))
    assert {s.name for s in found.symbols} == {"f"}
    assert entries(found, Origin.EXPORT) == [(0x40_1010, ""), (0x40_1020, "")]


def test_tls_callbacks_run_before_the_entry_point() -> None:
    tables = struct.pack("<6I", 0, 0, 0, 0x40_2018, 0, 0) + struct.pack(
        "<4I", 0x40_1040, 0x40_1050, 0, 0x40_1060
    )
    found = read(pe(TLS, tables))
    assert entries(found, Origin.INIT) == [(0x40_1040, "TLS callback"), (0x40_1050, "TLS callback")]


def test_unwind_data_gives_extents_and_handlers_and_parts_take_the_functions_name() -> None:
    rows = struct.pack("<9I", 0x1000, 0x1020, 0x2030, 0x1040, 0x1060, 0x2040, 0x1060, 0x1070, 0x2001)
    own = bytes([1 | 1 << 3, 0, 1, 0, 0, 0, 0, 0]) + struct.pack("<I", 0x1080)
    chained = bytes([1 | 4 << 3, 0, 0, 0]) + struct.pack("<3I", 0x1000, 0x1020, 0x2030)
    file = pe(EXCEPTION, rows.ljust(0x30, b"\0") + own.ljust(16, b"\0") + chained, bits=64)
    file = replace(file, directories={EXCEPTION: (0x2000, 36)}, symbols=((b"main", 0, 1, 0x20),))
    found = read(file)
    relative = [(f.start - WIDE_BASE, f.end - WIDE_BASE, f.name) for f in found.functions]
    assert relative == [(0x1000, 0x1020, "main"), (0x1040, 0x1060, "main"), (0x1060, 0x1070, "main")]
    assert entries(found, Origin.EXCEPTION) == [(WIDE_BASE + 0x1080, "exception handler")]


def scopes(*rows: tuple[int, int, int, int]) -> bytes:
    """Unwind data of one function [0x1000, 0x1060) whose handler, at 0x1080, has a scope table."""
    info = bytes([1 | 1 << 3, 0, 0, 0]) + struct.pack("<II", 0x1080, len(rows))
    table = b"".join(struct.pack("<4I", *row) for row in rows)
    return struct.pack("<3I", 0x1000, 0x1060, 0x2010).ljust(16, b"\0") + info + table


def test_filters_and_blocks_of_a_scope_table_are_entries() -> None:
    rows = ((0x1008, 0x1010, 0x1090, 0x1040), (0x1018, 0x1020, 1, 0x1050), (0x1028, 0x1030, 0x10A0, 0))
    file = replace(pe(EXCEPTION, scopes(*rows), bits=64), directories={EXCEPTION: (0x2000, 12)})
    found = [address - WIDE_BASE for address, _ in entries(read(file), Origin.EXCEPTION)]
    assert found == [0x1040, 0x1050, 0x1080, 0x1090, 0x10A0]


@pytest.mark.parametrize(
    "row",
    [
        (0x0FF0, 0x1010, 0x1090, 0x1040),
        (0x1008, 0x1010, 0x9000, 0),
        (0x1008, 0x1010, 1, 0),
        (0x1008, 0x1010, 0x1090, 0x1070),
    ],
)
def test_a_handlers_own_data_is_no_scope_table(row: tuple[int, int, int, int]) -> None:
    file = replace(
        pe(EXCEPTION, scopes((0x1008, 0x1010, 0x1090, 0x1040), row), bits=64),
        directories={EXCEPTION: (0x2000, 12)},
    )
    assert [address - WIDE_BASE for address, _ in entries(read(file), Origin.EXCEPTION)] == [0x1080]


def test_registered_exception_handlers_and_guarded_call_targets_are_entries() -> None:
    config = struct.pack("<I60x2I8x3I", 92, 0x40_2080, 2, 0x40_20A0, 2, 1 << 28)
    tables = config.ljust(0x80, b"\0") + struct.pack("<2I", 0x1010, 0x1018).ljust(32, b"\0")
    tables += struct.pack("<IBIB", 0x1020, 0, 0x1030, 2)
    found = read(pe(LOAD_CONFIG, tables))
    assert [address for address, _ in entries(found, Origin.EXCEPTION)] == [0x40_1010, 0x40_1018]
    assert [address for address, _ in entries(found, Origin.EXPORT)] == [0x40_1020, 0x40_1030]


def test_base_relocations_are_fields_of_code_and_pointers_to_it() -> None:
    text = Area(b"\x68" + struct.pack("<I", 0x40_1020) + b"\x90" * 0x60)
    block = struct.pack("<II2H", 0x1000, 12, 3 << 12 | 1, 0)
    data = struct.pack("<II2H", 0x2000, 12, 3 << 12 | 0x18, 3 << 12 | 0x1C) + struct.pack(
        "<2I", 0x40_1030, 0x40_2000
    )
    found = read(
        replace(pe(BASE_RELOCATION, block + data, text=text), directories={BASE_RELOCATION: (0x2000, 24)})
    )
    assert (found.fields, found.pointers) == ((0x40_1001,), (0x40_1020, 0x40_1030))


@pytest.mark.parametrize("bits", [32, 64])
def test_imports_that_never_return_are_known_by_slot_and_by_thunk(bits: int) -> None:
    base, word = (WIDE_BASE, "Q") if bits == 64 else (BASE, "I")
    slot = 0x2080
    jump = struct.pack("<i", slot - 0x1006) if bits == 64 else struct.pack("<I", base + slot)
    tables = struct.pack("<5I20x", 0x2040, 0, 0, 0x2030, slot).ljust(0x30, b"\0") + b"k.dll\0".ljust(
        16, b"\0"
    )
    names = struct.pack(f"<4{word}", 0x2060, 1 << (bits - 1), 0x2070, 0).ljust(32, b"\0")
    tables += names + b"\0\0ExitProcess\0".ljust(16, b"\0") + b"\0\0Sleep\0".ljust(16, b"\0") + names
    found = read(pe(IMPORT, tables, bits, text=Area(b"\xff\x25" + jump + b"\xcc" * 26)))
    second = slot + 2 * bits // 8
    assert [(s.address - base, s.name) for s in found.imports] == [(slot, "ExitProcess"), (second, "Sleep")]
    assert [address - base for address in found.returns_never] == [0x1000, slot]
    assert found.symbol_at(base + 0x1000).name == "ExitProcess"  # type: ignore[union-attr]


def test_delayed_imports_are_imports() -> None:
    names = struct.pack("<2I", 0x2050, 0)
    tables = struct.pack("<8I", 1, 0x2048, 0, 0x2040, 0x2060, 0, 0, 0).ljust(0x48, b"\0") + b"d.dll\0\0\0"
    found = read(pe(DELAY_IMPORT, tables + b"\0\0abort\0".ljust(16, b"\0") + names))
    assert (found.returns_never, [s.name for s in found.imports]) == ((0x40_2040,), ["abort"])


def test_coff_symbols_name_functions_and_labels() -> None:
    rows = ((b"_exit", 4, 1, 0x20), (b"label", 8, 1, 0), (b"data", 0, 2, 0), (b"extern", 0, 0, 0x20))
    found = read(PeFile((TEXT, Area(b"d", 0x2000, DATA)), symbols=rows))
    assert [(s.address, s.name, s.is_function) for s in found.symbols] == [
        (0x40_1004, "_exit", True),
        (0x40_1008, "label", False),
    ]
    assert entries(found, Origin.SYMBOL) == [(0x40_1004, "_exit")]
    assert found.returns_never == (0x40_1004,)


def test_intermediate_language_is_no_code() -> None:
    found = read(pe(CLR, struct.pack("<IHHIII", 72, 2, 5, 0, 0, 1) + bytes(8)))
    assert not found.entries
    assert not any(section.executable for section in found.sections)
    assert found.notes == ("It holds .NET intermediate language only, which is compiled when it runs.",)


def test_a_damaged_table_is_noted_and_the_rest_is_read() -> None:
    found = read(pe(EXPORT, struct.pack("<10I", 0, 0, 0, 0, 1, 0x1000_0000, 0, 0x2000, 0, 0)))
    assert entries(found, Origin.ENTRY)
    assert found.notes == (
        "The export address table of file.exe has 268435456 rows at RVA 0x2000, where the file has 0x28 bytes.",
    )


def test_an_entry_point_outside_code_is_noted() -> None:
    assert read(PeFile((TEXT,), entry=0x10)).notes == (
        "The entry point 0x400010 is in no executable section.",
    )


BAD = {
    "another machine": (
        PeFile((TEXT,), machine=0xAA64),
        "bad.exe is a PE file for AArch64 (machine 0xaa64), not for x86.",
    ),
    "unknown magic": (
        PeFile((TEXT,), magic=0x107),
        "bad.exe is a PE file whose optional header has the unknown magic 0x0107.",
    ),
    "section past the file": (
        PeFile((replace(TEXT, raw_size=0x5000, size=0x5000),)),
        "bad.exe is truncated: the section '.text' is at offset 0x400 with 0x5000 bytes, and there are 0x500.",
    ),
    "overlapping sections": (
        PeFile((TEXT, replace(TEXT, rva=0x1010, name=b".more"))),
        "The sections '.text' and '.more' of bad.exe overlap at 0x401010.",
    ),
    "section past 4 GiB": (
        PeFile((TEXT,), base=0xFFFF_F000),
        "The section '.text' of bad.exe reaches past the end of 32-bit addresses.",
    ),
}


@pytest.mark.parametrize(("file", "sentence"), BAD.values(), ids=BAD)
def test_a_bad_file_gets_a_sentence(file: PeFile, sentence: str) -> None:
    with pytest.raises(PatcherError) as caught:
        binary.read(bytes(file), "bad.exe")
    assert str(caught.value) == sentence


def test_sections_cannot_show_the_files_bytes_over_and_over() -> None:
    data = bytearray(bytes(PeFile(tuple(Area(b"\x90" * 64, 0x1000 * n) for n in range(1, 21)))))
    for row in range(20):
        where = 64 + 24 + 0xE0 + 40 * row
        struct.pack_into("<IIII", data, where + 8, 0x400, 0x1000 * (row + 1), 0x400, 0x400)
    with pytest.raises(PatcherError, match=r"^The sections of bad\.exe together claim more bytes than twice"):
        binary.read(bytes(data), "bad.exe")


SAMPLES: dict[str, Callable[[], PeFile]] = {
    "exports": lambda: pe(EXPORT, exports()),
    "tls": lambda: pe(TLS, struct.pack("<6I4I", 0, 0, 0, 0x40_2018, 0, 0, 0x40_1040, 0, 0, 0)),
    "unwind": lambda: pe(EXCEPTION, struct.pack("<3I", 0x1000, 0x1020, 0x2001), 64),
    "relocations": lambda: pe(BASE_RELOCATION, struct.pack("<II2H", 0x1000, 12, 3 << 12, 10 << 12)),
    "symbols": lambda: PeFile((TEXT,), symbols=((bytes(8), 0, 1, 0x20),)),
    "imports": lambda: pe(IMPORT, struct.pack("<10I", 0x2000, 0, 0, 0x2000, 0x2000, 0, 0, 0, 0, 0)),
}


@pytest.mark.parametrize("sample", SAMPLES)
@given(data=st.data())
def test_damaged_files_never_give_a_traceback(sample: str, data: st.DataObject) -> None:
    file = bytearray(bytes(SAMPLES[sample]()))
    for _ in range(data.draw(st.integers(1, 6))):
        where = data.draw(st.integers(64, len(file) - 1))
        file[where] = data.draw(st.sampled_from([0, 1, 0x10, 0x7F, 0x80, 0xFF]))
    with suppress(PatcherError):
        for found in binary.read(bytes(file[: data.draw(st.integers(1, len(file)))]), "bad.exe"):
            assert sum(len(section.data) for section in found.sections) <= 2 * len(file)
