# SPDX-License-Identifier: GPL-2.0-or-later
"""Unwind tables: every function's extent, signal frames, landing pads, and what damage costs."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from elf_maker import ALLOC, EXEC, Maker, Part
from hypothesis import given
from hypothesis import strategies as st

from patcher.binary.eh_frame import Frame, read_frames
from patcher.binary.elf import READER
from patcher.binary.model import Function, Origin

BASE = 0x5000


def record(body: bytes) -> bytes:
    return struct.pack("<I", len(body)) + body


def cie(letters: bytes = b"zR", augmentation: bytes = b"\x1b") -> bytes:
    body = struct.pack("<IB", 0, 1) + letters + b"\0\x01\x78\x10"
    return record(body + (bytes([len(augmentation)]) + augmentation if letters else b""))


def fde(at: int, start: int, size: int, extra: bytes = b"\0", base: int = BASE) -> bytes:
    """An FDE at offset `at` that belongs to a CIE at offset 0."""
    return record(struct.pack("<IiI", at + 4, start - (base + at + 8), size) + extra)


def frames(*records: bytes) -> list[Frame]:
    return list(read_frames(memoryview(b"".join(records) + bytes(4)), BASE, 64))


def test_an_fde_is_a_function() -> None:
    head = cie()
    assert frames(head, fde(len(head), 0x1000, 0x20)) == [Frame(0x1000, 0x1020, 0)]


def test_a_signal_frame_begins_one_byte_early() -> None:
    head = cie(b"zRS")
    assert frames(head, fde(len(head), 0xFFF, 9)) == [Frame(0x1000, 0x1008, 0)]


def test_absolute_addresses_of_objects_without_augmentation() -> None:
    head = cie(b"", b"")
    body = record(struct.pack("<IQQ", len(head) + 4, 0x1000, 0x20))
    assert frames(head, body) == [Frame(0x1000, 0x1020, 0)]


def test_an_unknown_augmentation_costs_its_functions_only() -> None:
    odd, good = cie(b"zQ"), cie()
    lost = fde(len(odd), 0x1000, 8)
    at = len(odd) + len(lost)
    kept = record(struct.pack("<IiIB", len(good) + 4, 0x2000 - (BASE + at + len(good) + 8), 4, 0))
    assert frames(odd, lost, good, kept) == [Frame(0x2000, 0x2004, 0)]


@given(st.binary(max_size=200))
def test_any_bytes_end(data: bytes) -> None:
    assert len(list(read_frames(memoryview(data), BASE, 32))) <= len(data) // 8


@pytest.mark.parametrize("kind", [1, 3])
def test_landing_pads_are_entries(kind: int) -> None:
    """Call sites in ULEB128 (what gcc writes) and in 32-bit words."""
    sites = ((0, 4, 0, 0), (4, 4, 0x12, 1))
    table = b"".join(bytes(site) if kind == 1 else struct.pack("<IIIB", *site) for site in sites)
    lsda = bytes([0xFF, 0xFF, kind, len(table)]) + table
    head = cie(b"zLR", b"\x1b\x1b")
    start, tables = 0x80_0000, 0x80_1000
    at = len(head)
    pointer = struct.pack("<i", 0x80_2000 - (tables + at + 17))
    unwind = head + fde(at, start, 0x20, b"\x04" + pointer, tables)
    parts = [
        Part(".text", b"\xc3" * 0x20, ALLOC | EXEC, address=start),
        Part(".eh_frame", unwind + bytes(4), ALLOC, address=tables),
        Part(".gcc_except_table", lsda, ALLOC, address=0x80_2000),
    ]
    maker = Maker(parts, type=2, entry=start)
    maker.segments = [
        (1, 5 if i == 0 else 4, i, p.address, p.address, len(p.data)) for i, p in enumerate(parts)
    ]
    (binary,) = READER.read(bytes(maker), "a.out")
    assert binary.functions == (Function(start, start + 0x20),)
    assert [(e.address, e.origin) for e in binary.entries if e.origin is Origin.EXCEPTION] == [
        (start + 0x12, Origin.EXCEPTION)
    ]


@pytest.mark.skipif(not shutil.which("g++") or not shutil.which("readelf"), reason="needs g++ and readelf")
def test_agrees_with_readelf(tmp_path: Path) -> None:
    source = "#include <string>\nint f(int);"
    source += 'int main(){std::string s("x");try{f(3);}catch(int e){return e;}return s.size();}'
    (tmp_path / "a.cc").write_text(source + "int f(int n){if(n)throw n;return n;}")
    subprocess.run(["g++", "-O1", "-o", "a", "a.cc"], cwd=tmp_path, check=True, timeout=60)
    dump = subprocess.run(
        ["readelf", "-wf", "a"], cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60
    )
    wanted = {line.split("pc=")[1].split()[0] for line in dump.stdout.splitlines() if " FDE " in line}
    (binary,) = READER.read((tmp_path / "a").read_bytes(), "a")
    assert wanted <= {f"{f.start:016x}..{f.end:016x}" for f in binary.functions}
    assert any(e.origin is Origin.EXCEPTION for e in binary.entries)
