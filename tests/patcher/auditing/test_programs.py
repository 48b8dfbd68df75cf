# SPDX-License-Identifier: GPL-2.0-or-later
"""Which programs an audit takes a file for: by its contents, as raw bytes when told, as .COM by its name."""

import pytest
from disk_images import Mz

from patcher.auditing.auditor import programs
from patcher.auditing.options import AuditOptions
from patcher.errors import PatcherError


@pytest.mark.parametrize(
    ("data", "name", "kind"), [(b"\xb4\x4c\xcd\x21", "TINY.COM", "com"), (bytes(Mz()), "mz.com", "mz")]
)
def test_a_com_program_is_told_by_its_name_unless_its_contents_say_otherwise(
    data: bytes, name: str, kind: str
) -> None:
    (found,) = programs(data, name, AuditOptions())
    assert found.format == kind


def test_bytes_that_nothing_tells_get_a_sentence() -> None:
    with pytest.raises(PatcherError, match=r"^noise\.dat is in no format that holds x86 code"):
        programs(b"\xb4\x4c\xcd\x21", "noise.dat", AuditOptions())
