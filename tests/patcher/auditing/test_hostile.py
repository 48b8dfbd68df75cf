# SPDX-License-Identifier: GPL-2.0-or-later
"""Any bytes at all: an audit ends with findings or a sentence, and what it says can be closed can be."""

import pytest
from audit_code import left_open, program
from hypothesis import example, given, settings
from hypothesis import strategies as st

from patcher import scan_image
from patcher.auditing.many import Task, audit_task
from patcher.auditing.model import Tier
from patcher.auditing.options import AuditOptions, Raw
from patcher.binary.raw import read_raw

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


@settings(max_examples=40, deadline=None)
@given(code=st.binary(min_size=1, max_size=200))
def test_no_file_raises(tmp_path_factory: pytest.TempPathFactory, code: bytes) -> None:
    file = tmp_path_factory.mktemp("any") / "file"
    file.write_bytes(code)
    outcome = audit_task(Task(str(file)), EVERYTHING)
    assert len(outcome.files) + len(outcome.unreadable) >= 1
    assert not [one.reason for one in outcome.unreadable if "fault of patchvisor" in one.reason]


def test_the_end_of_the_address_space_is_no_wall() -> None:
    binary = read_raw(b"\x9c\x58\x58\x58\x58\xc3", "top", 32, 0xFFFF_FFF0)
    assert not left_open(binary)
