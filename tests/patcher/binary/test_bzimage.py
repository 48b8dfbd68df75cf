# SPDX-License-Identifier: GPL-2.0-or-later
"""bzImages: their three programs, every way in, and the kernel's relocations and own symbols."""

import bz2
import gzip
import lzma
import struct
from dataclasses import replace

import pytest
from elf_maker import ALLOC, EXEC, WRITE, Maker, Part
from executables import BzImage
from kallsyms_maker import kallsyms

from patcher.binary.bzimage import READER
from patcher.binary.model import Binary, Entry, Origin, Privilege, Rewritten

TEXT, DATA = 0xC100_0000, 0xC100_1000
BOMB = gzip.compress(bytes(1 << 20))
CODE = b"\xb8" + struct.pack("<I", TEXT + 9) + b"\xf4" * 27


def kernel(*parts: Part, tail: bytes = b"", code: bytes = CODE) -> bytes:
    """A stripped vmlinux of `.text` and some data, with its relocations behind it."""
    sections = [Part(".text", code, ALLOC | EXEC, address=TEXT), *parts]
    maker = Maker(sections, type=2, entry=0x100_0000)
    maker.segments = [
        (1, 5 if i == 0 else 6, i, p.address, p.address - 0xC000_0000, len(p.data))
        for i, p in enumerate(sections)
    ]
    return bytes(maker) + tail


def bzimage(packed: bytes, **fields: int) -> bytes:
    """A decompressor of 0x400 bytes, the packed kernel, and 64 bytes more."""
    head = bytearray(bytes(BzImage(b"\xf4" * 0x400 + packed + b"\x90" * 64)))
    values = {"payload": 0x400, "size": len(packed), "handover": 0, "flags": 0, **fields}
    struct.pack_into("<2I", head, 0x248, values["payload"], values["size"])
    struct.pack_into("<I", head, 0x264, values["handover"])
    struct.pack_into("<H", head, 0x236, values["flags"])
    head[0x201] = 0x66
    return bytes(head)


def read(data: bytes) -> tuple[Binary, ...]:
    return READER.read(data, "vmlinuz")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_bzimage_is_three_programs(pack) -> None:  # type: ignore[no-untyped-def]
    setup, decompressor, payload = read(bzimage(pack(kernel()) + b"\1\2\3\4"))
    assert [(b.name, b.format, b.mode) for b in (setup, decompressor, payload)] == [
        ("setup", "linux", 16), ("decompressor", "linux", 32), ("payload", "linux", 32),
    ]  # fmt: skip
    assert {b.privilege for b in (setup, decompressor, payload)} == {Privilege.KERNEL}
    assert [(e.address, e.mode) for e in setup.entries] == [(0x200, 16)]
    assert next((s.name, s.address, s.file_offset) for s in setup.sections if s.executable) == (
        "jump",
        0x200,
        0x200,
    )
    assert decompressor.entries == (Entry(0x10_0000, 32, Origin.PROTOCOL, "startup_32"),)
    packed = decompressor.section_at(0x10_0400)
    assert packed is not None
    assert (packed.name, packed.executable, packed.file_offset) == ("packed kernel", False, 0x400 + 0x400)
    assert payload.entries == (Entry(TEXT, 32, Origin.ENTRY),)
    assert {s.file_offset for s in payload.sections} == {None}


def test_a_64_bit_kernel_has_an_entry_of_each_mode_and_handovers() -> None:
    _, decompressor, *_ = read(bzimage(gzip.compress(kernel()), flags=0b1101, handover=0x40))
    assert [(e.address, e.mode, e.name) for e in decompressor.entries] == [
        (0x10_0000, 32, "startup_32"),
        (0x10_0040, 32, "EFI handover"),
        (0x10_0200, 64, "startup_64"),
        (0x10_0240, 64, "EFI handover"),
    ]
    assert [(s.name, s.mode) for s in decompressor.sections][:2] == [("startup_32", 32), ("startup_64", 64)]


def test_old_kernels_packed_payload_is_searched_for() -> None:
    data = bytearray(bzimage(gzip.compress(kernel())))
    data[0x206:0x208] = struct.pack("<H", 0x207)
    assert read(bytes(data))[2].entries == (Entry(TEXT, 32, Origin.ENTRY),)


def test_a_kernel_without_elf_header_is_one_section() -> None:
    payload = read(bzimage(gzip.compress(b"\xf4" * 64)))[2]
    assert [(s.address, s.size) for s in payload.sections] == [(0xC010_0000, 64)]
    assert payload.entries == (Entry(0xC010_0000, 32, Origin.PROTOCOL),)


@pytest.mark.parametrize(
    ("packed", "sentence"),
    [
        (b"?" * 64, "vmlinuz!payload is packed in a way that is not known."),
        (gzip.compress(kernel())[:60], "The gzip stream of vmlinuz!payload is damaged: it ends too early."),
        (BOMB, f"vmlinuz!payload unpacks to more than {32 * len(BOMB)} bytes, which is the limit."),
    ],
    ids=["unknown", "damaged", "bomb"],  # packed bytes hold the time, and processes must agree on names
)
def test_a_kernel_that_does_not_unpack_costs_itself_only(packed: bytes, sentence: str) -> None:
    binaries = read(bzimage(packed))
    assert [b.name for b in binaries] == ["setup", "decompressor"]
    assert binaries[1].notes == (sentence,)


def test_relocations_tell_pointers_and_fields() -> None:
    data = struct.pack("<2I", TEXT + 4, 7)
    tail = struct.pack("<3I", 0, TEXT + 1, DATA)
    payload = read(bzimage(gzip.compress(kernel(Part(".data", data, address=DATA), tail=tail))))[2]
    assert payload.fields == (TEXT + 1,)
    assert payload.pointers == (TEXT + 4, TEXT + 9)


def test_a_word_that_looks_like_an_address_is_none_where_relocations_tell() -> None:
    data = Part(".data", struct.pack("<2I", TEXT + 4, TEXT + 12), address=DATA)
    with_lists = kernel(data, tail=struct.pack("<2I", 0, DATA))
    assert read(bzimage(gzip.compress(with_lists)))[2].pointers == (TEXT + 4,)
    assert read(bzimage(gzip.compress(kernel(data))))[2].pointers == (TEXT + 4, TEXT + 12)


def test_64_bit_lists_of_relocations_stand_in_front_of_each_other() -> None:
    text, data = 0xFFFF_FFFF_8100_0000, 0xFFFF_FFFF_8100_1000
    code = b"\x48\xc7\xc0" + struct.pack("<I", (text + 5) & 0xFFFF_FFFF) + b"\xf4" * 25
    parts = [
        Part(".text", code, ALLOC | EXEC, address=text),
        Part(".data", struct.pack("<Q", text + 8), address=data),
    ]
    maker = Maker(parts, type=2, entry=0x100_0000, bits=64)
    maker.segments = [(1, 5, i, p.address, 0x100_0000 + 0x1000 * i, len(p.data)) for i, p in enumerate(parts)]
    low = (1 << 32) - 1
    tail = struct.pack("<5I", 0, data & low, 0, 0, (text + 3) & low)
    payload = read(bzimage(gzip.compress(bytes(maker) + tail), flags=1))[2]
    assert (payload.fields, payload.pointers) == ((text + 3,), (text + 5, text + 8))


@pytest.mark.parametrize("is_new", [False, True])
def test_the_kernels_own_symbols_name_its_functions(is_new: bool) -> None:
    names = [(TEXT, "T_text"), (TEXT, "Tstartup"), (TEXT + 12, "tpanic"), (TEXT + 20, "Tlast")]
    names += [(DATA + 8 * i, f"dvariable_{i}") for i in range(600)]
    data = Part(".rodata", b"junk" * 8 + kallsyms(names, TEXT, is_new) + bytes(64), address=DATA)
    payload = read(bzimage(gzip.compress(kernel(replace(data, flags=ALLOC)))))[2]
    assert [(e.address, e.name) for e in payload.entries] == [
        (TEXT, "startup"), (TEXT + 12, "panic"), (TEXT + 20, "last"),
    ]  # fmt: skip
    assert [(f.start - TEXT, f.end - TEXT, f.name) for f in payload.functions] == [
        (0, 12, "startup"), (12, 20, "panic"), (20, 32, "last"),
    ]  # fmt: skip
    assert payload.returns_never == (TEXT + 12,)


def test_a_file_that_is_setup_code_only() -> None:
    data = bytes(BzImage(b""))[:0x400]
    (setup,) = read(data)
    assert (setup.name, setup.mode, setup.sections[-1].end) == ("setup", 16, 0x400)
    assert setup.entries[0].address == 0x200


def test_a_program_in_the_format_without_a_packed_kernel() -> None:
    assert [b.name for b in read(bytes(BzImage(b"\xf4" * 0x400)))] == ["setup", "kernel"]


def test_jump_labels_are_found_without_symbols() -> None:
    """Twenty records behind other data; the code of each is a NOP of two bytes."""
    code = CODE + b"\x66\x90" * 40
    table = b"".join(
        struct.pack("<iii", TEXT + 32 + 2 * i - (DATA + 20 + 12 * i), TEXT + 40 - (DATA + 24 + 12 * i), 5)
        for i in range(20)
    )
    names = [(TEXT, "Tstartup"), *((TEXT + 1 + i // 9, f"t{i}") for i in range(300))]
    parts = [
        Part(".data", b"\x11" * 20 + table + b"\x22" * 8, ALLOC | WRITE, address=DATA),
        Part(".rodata", kallsyms(names, TEXT, True) + bytes(64), ALLOC, address=DATA + 0x1000),
    ]
    payload = read(bzimage(gzip.compress(kernel(*parts, code=code))))[2]
    assert [r.start - TEXT for r in payload.rewritten if r.table == "__jump_table"] == list(range(32, 72, 2))


def test_calls_of_the_tracer_are_found_without_symbols() -> None:
    code = b"\xe8" + struct.pack("<i", 16 - 5) + b"\xc3" * 11 + b"\xf3\x0f\x1e\xfb" + b"\xc3" * 28
    names = [(TEXT, "Ttraced"), (TEXT + 8, "Tplain"), (TEXT + 16, "T__fentry__")]
    names += [(TEXT + 17 + i // 30, f"t{i}") for i in range(300)]
    data = Part(".rodata", kallsyms(names, TEXT, True) + bytes(64), ALLOC, address=DATA)
    payload = read(bzimage(gzip.compress(kernel(data, code=code))))[2]
    assert payload.rewritten == (Rewritten(TEXT, TEXT + 5, "__mcount_loc"),)
