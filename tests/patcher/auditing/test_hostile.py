# SPDX-License-Identifier: GPL-2.0-or-later
"""Any bytes at all: an audit ends with findings or a sentence, and what it says can be closed can be."""

import io
import zipfile

import pytest
from archive_maker import tar
from audit_code import left_open, program
from executables import Elf, Part
from firmware_files import option_rom
from hypothesis import example, given, settings
from hypothesis import strategies as st
from macho_files import Area as MachoArea
from macho_files import MachO, main_at
from pe_files import Area, PeFile

from patcher import scan_image
from patcher.auditing.many import Task, audit_task, report_of
from patcher.auditing.model import Tier
from patcher.auditing.options import AuditOptions, Raw
from patcher.binary.raw import read_raw
from patcher.report.form import Options, forms


def zipped(data: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.tar", data)
    return stream.getvalue()


EVERYTHING = AuditOptions(tiers=frozenset(Tier), around=2)
#: Bytes that make sensitive instructions, branches and prefixes likely.
DENSE = st.lists(
    st.sampled_from(
        [0x0F, 0x9C, 0x9D, 0x01, 0x00, 0x8C, 0x8E, 0xEB, 0x74, 0xE8, 0xFF, 0x66, 0xF0, 0x48, 0xC3, 0x90]
    ),
    max_size=60,
).map(bytes)


@pytest.mark.parametrize("bits", [16, 32, 64])
@settings(max_examples=60, deadline=None)
@given(code=st.one_of(DENSE, st.binary(max_size=60)).filter(bool))
def test_any_bytes_are_scanned(bits: int, code: bytes) -> None:
    for finding in scan_image(code, raw=Raw(bits, base=0x1000), options=EVERYTHING).findings:
        assert code[finding.file_offset :].startswith(finding.raw)
        assert finding.why
        assert finding.tactic_reason


@settings(max_examples=100, deadline=None)
@given(code=DENSE.filter(bool))
@example(bytes.fromhex("00 9c 74 0f c3 0f"))  # a path that the section cuts off would go on in a jump's bytes
def test_what_can_be_closed_is_closed(code: bytes) -> None:
    """Obfuscated by chance: branches into instructions, prefixes, code that overlaps."""
    assert not left_open(program(code))


_ARCHIVE_OF_NOTHING = b"!<arch>\n"


@settings(max_examples=40, deadline=None)
@given(code=st.binary(min_size=1, max_size=200))
def test_no_file_raises(tmp_path_factory: pytest.TempPathFactory, code: bytes) -> None:
    file = tmp_path_factory.mktemp("any") / "file"
    file.write_bytes(code)
    outcome = audit_task(Task(str(file)), EVERYTHING)
    assert len(outcome.files) + len(outcome.unreadable) >= 1 or code == _ARCHIVE_OF_NOTHING
    assert not [one.reason for one in outcome.unreadable if "fault of patchvisor" in one.reason]


def test_the_end_of_the_address_space_is_no_wall() -> None:
    binary = read_raw(b"\x9c\x58\x58\x58\x58\xc3", "top", 32, 0xFFFF_FFF0)
    assert not left_open(binary)


WHOLE = {
    "elf": bytes(Elf((Part(b"\x9c\x58\xfa\x0f\x01\x08\xc3" * 9, flags=5),))),
    "pe": bytes(PeFile((Area(b"\x9c\x9d\xf4\xc3" * 16),), subsystem=11)),
    "mach-o": bytes(MachO((MachoArea(b"\x0f\xa2\xc3" * 20),), commands=(main_at(0x400),))),
    "option rom": option_rom(b"\xfa\xcb", pnp={0x16: 0x60}, pci=0),
    "zip of tar": zipped(tar(("a", bytes(Elf((Part(b"\x9c\xc3", flags=5),)))), ("b", b"\x55\xaa"))),
}


@pytest.mark.parametrize("name", WHOLE)
@settings(max_examples=25, deadline=None)
@given(
    changes=st.lists(st.tuples(st.integers(0, 2000), st.sampled_from([0, 1, 0x7F, 0x80, 0xFF])), max_size=6),
    size=st.integers(1, 20000),
)
def test_damage_is_told_in_every_form(
    name: str, changes: list[tuple[int, int]], size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = bytearray(WHOLE[name])
    for at, byte in changes:
        data[at % len(data)] = byte
    file = tmp_path_factory.mktemp("any") / "file"
    file.write_bytes(data[:size])
    outcome = audit_task(Task(str(file)), EVERYTHING)
    assert not [one.reason for one in outcome.unreadable if "fault of patchvisor" in one.reason]
    for form in forms().values():
        assert "".join(form.render(report_of([outcome]), Options(verbose=True))).encode()
