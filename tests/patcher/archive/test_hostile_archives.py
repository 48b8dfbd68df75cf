# SPDX-License-Identifier: GPL-2.0-or-later
"""Damaged archives: files or sentences, within the limits, whatever was damaged."""

import gzip
import io
import lzma
import tarfile
import zipfile

from archive_maker import ar, cpio, oci, tar
from hypothesis import given
from hypothesis import strategies as st

from patcher.archive.walk import Found, Limits, walk_bytes

FILES = (("bin/a", b"1" * 900), ("b", b"22"), ("deep/" * 9 + "c", b"\x7fELF" + bytes(90)))
LIMITS = Limits(member=1 << 20, total=1 << 22, members=1000)


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in FILES:
            archive.writestr(name, data)
    return stream.getvalue()


SEEDS = [
    tar(*FILES),
    tar(*FILES, form=tarfile.PAX_FORMAT),
    ar(*FILES[:2]),
    cpio(*FILES),
    cpio(*FILES) + bytes(8) + gzip.compress(cpio(*FILES)),
    gzip.compress(tar(*FILES)),
    lzma.compress(tar(*FILES)),
    zipped(),
    tar(*oci(tar(*FILES), gzip.compress(tar(("bin/.wh.a", b"")))).items()),
    ar(
        ("debian-binary", b"2.0\n"), ("control.tar", tar(*FILES)), ("data.tar.xz", lzma.compress(tar(*FILES)))
    ),
]
EDGES = st.sampled_from([bytes(4), b"\xff" * 4, b"7777", b"    ", b"\x80\0\0\1", b"/", b"\0"]) | st.binary(
    min_size=1, max_size=3
)


@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 9000), EDGES), max_size=5),
    st.integers(4, 20000),
)
def test_any_damage(seed: bytes, changes: list[tuple[int, bytes]], size: int) -> None:
    data = bytearray(seed)
    for at, new in changes:
        data[at % len(data) : at % len(data) + len(new)] = new
    total = 0
    for found in walk_bytes(bytes(data[:size]), "hostile", limits=LIMITS):
        assert found.path.isprintable()
        if isinstance(found, Found):
            total += len(found.data)
        else:
            assert found.reason.endswith(".")
    assert total <= max(LIMITS.total, len(data))
