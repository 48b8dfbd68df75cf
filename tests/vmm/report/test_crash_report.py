# SPDX-License-Identifier: GPL-2.0-or-later
"""The crash report: one page that shows the whole processor, with the instruction at EIP marked."""

import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from patcher.x86.segment import Segment
from vmm.report.cpu_dump import CpuDump, ExitLine, TableDump
from vmm.report.crash_report import crash_report
from vmm.report.listing import Line, listing

CODE = Segment(0x08, 0, 0xFFFFFFFF, 0xCF9B00)
DATA = Segment(0x10, 0, 0xFFFFFFFF, 0xCF9300)
NOTHING = Segment(0, 0, 0, 0)
TASK = Segment(0x28, 0x9000, 0x67, 0x8B00)
DUMP = CpuDump(
    regs=(0x11, 0x22, 0x33, 0x44, 0x7FF8, 0x66, 0x77, 0x88),
    eip=0x101004,
    eflags=0x00003246,
    cpl=0,
    cr0=0x80000011,
    cr2=0xDEADBEEF,
    cr3=0x2000,
    cr4=0x10,
    segments=(DATA, CODE, DATA, DATA, NOTHING, NOTHING, NOTHING, TASK),
    gdtr=TableDump(0x1000, 0x2F),
    idtr=TableDump(0, 0),
    code=bytes.fromhex("90 31 c0 90 0f 0b f4"),
    code_base=0x101000,
    stack=(0xAA, 0xBB, 0xCC, 0xDD, 0xEE),
    last_exits=(ExitLine(0x101000, "trap", "pushf"), ExitLine(0x101004, "fault", "#UD")),
)

PAGE = """\
The guest shut down with a triple fault.

eax=00000011 ecx=00000022 edx=00000033 ebx=00000044
esp=00007ff8 ebp=00000066 esi=00000077 edi=00000088
cs:eip=0008:00101004 (linear 00101004) cpl=0
eflags=00003246 [PF ZF IF IOPL=3]
cr0=80000011 [PE ET PG]
cr2=deadbeef cr3=00002000 cr4=00000010 [PSE]

seg   sel  base     limit
es    0010 00000000 ffffffff data 32 dpl=0
cs    0008 00000000 ffffffff code 32 dpl=0
ss    0010 00000000 ffffffff data 32 dpl=0
ds    0010 00000000 ffffffff data 32 dpl=0
fs    0000 00000000 00000000 not present
gs    0000 00000000 00000000 not present
ldtr  0000 00000000 00000000 not present
tr    0028 00009000 00000067 system type 0xb dpl=0
gdtr       00001000 0000002f
idtr       00000000 00000000

last exits, the newest at the end
  00101000  trap         pushf
  00101004  fault        #UD

code, the guest's own bytes
   00101000: 90                               text
   00101001: 31 c0                            text
   00101003: 90                               text
=> 00101004: 0f 0b                            text
   00101006: f4                               text

stack, from ss:esp upwards
  00007ff8: 000000aa 000000bb 000000cc 000000dd
  00008008: 000000ee
"""


def fake_listing(code: bytes, address: int, bits: int) -> Iterator[Line]:
    assert bits == 32
    for line in listing(code, address, bits):
        yield Line(line.address, line.raw, "text")


def test_the_page_is_as_written_here() -> None:
    assert crash_report(DUMP, "The guest shut down with a triple fault.", fake_listing) == PAGE


def test_the_page_stays_one_page() -> None:
    long = replace(
        DUMP,
        code=b"\x90" * 200,
        stack=tuple(range(500)),
        last_exits=(ExitLine(0x101000, "trap", "cli"),) * 99,
    )
    assert len(crash_report(long, "It fell.", fake_listing).splitlines()) < 66


def test_what_is_not_mapped_is_said() -> None:
    page = crash_report(replace(DUMP, code=b"", stack=(), last_exits=()), "It fell.", fake_listing)
    assert "code: linear 00101004 is not mapped\n" in page
    assert "stack: linear 00007ff8 is not mapped\n" in page
    assert "last exits" not in page


@pytest.mark.parametrize(
    ("flags", "text"), [(0x409100, "data 32 dpl=0 read only"), (0x9900, "code 16 dpl=0 not readable")]
)
def test_rights_are_told_in_words(flags: int, text: str) -> None:
    segments = (DATA, CODE, DATA, Segment(0x18, 0, 0xFFFF, flags), *DUMP.segments[4:])
    assert text in crash_report(replace(DUMP, segments=segments), "It fell.", fake_listing)


def test_without_a_disassembler_the_bytes_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "patcher.decoder", None)
    assert list(listing(b"\x31\xc0\xe8\x00", 0x1000, 32)) == [
        Line(0x1000, b"\x31\xc0", ""),
        Line(0x1002, b"\xe8", ""),
        Line(0x1003, b"\x00", ""),
    ]


def test_with_a_disassembler_there_is_text() -> None:
    assert list(listing(b"\x31\xc0", 0x1000, 32)) == [Line(0x1000, b"\x31\xc0", "xor eax, eax")]
