# SPDX-License-Identifier: GPL-2.0-or-later
"""Every kind of archive: its members by name, and the sentence for each kind of damage."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pytest
from archive_maker import ar, cpio, oci, tar

from patcher.archive import archives, detect
from patcher.archive.model import Member
from patcher.errors import PatcherError

ONE, TWO = ("bin/one", b"1" * 700), ("two", b"22")
LIMIT = 1 << 20


def members(data: bytes, limit: int = LIMIT) -> list[tuple[str, bytes]]:
    archive = detect(data)
    assert archive is not None
    return [(member.name, member.data) for member in archive.members(data, "x", limit) if not member.problem]


def problems(data: bytes, limit: int = LIMIT) -> list[str]:
    archive = detect(data)
    assert archive is not None
    return [f"{m.name}: {m.problem}" for m in archive.members(data, "x", limit) if m.problem]


def zipped(*files: tuple[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return stream.getvalue()


def deb(pack=lzma.compress) -> bytes:  # type: ignore[no-untyped-def]
    control = gzip.compress(tar(("./preinst", b"#!/bin/sh")))
    return ar(("debian-binary", b"2.0\n"), ("control.tar.gz", control), ("data.tar.xz", pack(tar(ONE, TWO))))


WHOLE = {
    "tar": tar(ONE, TWO),
    "tar, pax": tar(ONE, TWO, form=tarfile.PAX_FORMAT),
    "tar, ustar": tar(ONE, TWO, form=tarfile.USTAR_FORMAT),
    "zip": zipped(ONE, TWO),
    "cpio": cpio(ONE, TWO),
    "ar": ar(ONE, TWO),
    "tar.gz": gzip.compress(tar(ONE, TWO)),
    "tar.xz": lzma.compress(tar(ONE, TWO)),
    "tar.bz2": bz2.compress(tar(ONE, TWO)),
    "cpio.gz": gzip.compress(cpio(ONE, TWO)),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_members_of(kind: str) -> None:
    assert members(WHOLE[kind]) == [ONE, TWO]


@pytest.mark.parametrize("kind", WHOLE)
def test_a_member_beyond_the_limit_costs_itself_only(kind: str) -> None:
    assert members(WHOLE[kind], 100) == [TWO]
    assert problems(WHOLE[kind], 100) == ["bin/one: It has 700 bytes, more than the limit of 100 bytes."]


def test_a_package_shows_what_it_installs_and_its_scripts() -> None:
    wanted = [("DEBIAN/./preinst", b"#!/bin/sh"), ONE, TWO]
    assert members(deb()) == wanted
    assert members(deb(lambda data: data)) == wanted


def test_a_package_packed_with_zstd() -> None:
    zstandard = pytest.importorskip("zstandard", reason="needs the package zstandard")
    assert members(deb(zstandard.ZstdCompressor().compress))[1:] == [ONE, TWO]


def test_long_names() -> None:
    name = "d/" + "n" * 300
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        assert members(tar((name, b"x"), TWO, form=form)) == [(name, b"x"), TWO]
    gnu = ar(("//", b"long_name.o/\nother.o/\n"), ("/13", b"x"), ("/0", b"y"), ("/", b"index"))
    assert members(gnu) == [("other.o", b"x"), ("long_name.o", b"y")]
    assert members(ar(("#1/8", b"bsd.o\0\0\0code"))) == [("bsd.o", b"code")]


def test_links_and_devices_are_no_files() -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
            row = tarfile.TarInfo(f"node{kind.decode()}")
            row.type, row.linkname = kind, "/etc/shadow"
            archive.addfile(row)
    assert members(stream.getvalue()) == []
    assert members(cpio(("link", b"target"), mode=0o120777)) == []


def test_a_ram_disk_of_several_parts() -> None:
    """Microcode first, plain; zeros; the rest packed."""
    early = cpio(("kernel/x86/microcode", b"m" * 9))
    assert members(early + bytes(512) + gzip.compress(cpio(ONE)))[1:] == [ONE]
    assert members(early + bytes(8) + cpio(TWO)) == [("kernel/x86/microcode", b"m" * 9), TWO]
    with pytest.raises(PatcherError, match="x goes on with what is no cpio archive at file offset 0x1"):
        members(early + b"what is this" * 9)


def test_a_single_stream_is_the_file_inside() -> None:
    data = gzip.compress(b"contents" * 9)
    archive = detect(data)
    assert archive is not None
    assert archive.is_wrapper
    assert list(archive.members(data, "dir/mod.ko.gz", LIMIT)) == [
        Member("mod.ko", b"contents" * 9, is_all=True)
    ]
    (bomb,) = archive.members(gzip.compress(bytes(1 << 20)), "x", 1000)
    assert bomb.problem == "It unpacks to more than the limit of 1000 bytes."


def flat(files: dict[str, bytes]) -> bytes:
    return tar(*files.items())


def test_later_layers_hide_earlier_ones() -> None:
    first = tar(("bin/a", b"old"), ("bin/b", b"b"), ("lib/c", b"c"), ("opt/x/d", b"d"), ("etc/e", b"e"))
    second = tar(
        ("bin/a", b"new"), ("bin/.wh.b", b""), ("opt/.wh.x", b""), ("etc/.wh..wh..opq", b""), ("etc/f", b"f")
    )
    assert members(flat(oci(first, gzip.compress(second)))) == [
        ("bin/a", b"new"), ("etc/f", b"f"), ("lib/c", b"c"),
    ]  # fmt: skip


def test_images_for_other_processors_are_passed_over() -> None:
    assert members(flat(oci(tar(ONE), architecture="arm64"))) == []


def test_what_docker_saves() -> None:
    files = {"a/layer.tar": tar(ONE), "manifest.json": b'[{"Layers": ["a/layer.tar"]}]'}
    assert members(flat(files)) == [ONE]


def test_an_image_that_names_files_outside_is_refused() -> None:
    files = oci(tar(ONE))
    files["index.json"] = b'{"manifests": [{"digest": "sha256:../../../etc/passwd"}]}'
    with pytest.raises(
        PatcherError, match=r"names a blob by what is no digest: 'sha256:../../../etc/passwd'\."
    ):
        members(flat(files))


DAMAGED = {
    "tar": (tar(ONE)[:512] + b"x" * 300, "x is truncated: a member of it has 700 bytes and 300 are left."),
    "tar header": (tar(ONE) [:1536] + b"?" * 512, "x is damaged: it has no tar header where one should be."),
    "cpio": (cpio(ONE)[:400], "x is truncated: its member bin/one has 700 bytes, not 280."),
    "ar": (ar(ONE)[:400], "x is truncated: its member bin/one ends at file offset 0x300."),
    "ar header": (ar(TWO) + b"?" * 60, "x is damaged: it has no ar header at file offset 0x46."),
    "thin ar": (ar(TWO, magic=b"!<thin>\n"), "x is a thin archive: its members are files of their own."),
    "deb": (ar(("debian-binary", b"2.0\n")), "x is a Debian package without data.tar."),
    "zip": (zipped(ONE)[:50], "x is damaged: its ZIP directory cannot be read."),
    "gzip": (gzip.compress(b"x" * 99)[:15], "The gzip stream of x is damaged: it ends too early."),
}  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGED)
def test_damage_ends_in_a_sentence(kind: str) -> None:
    data, sentence = DAMAGED[kind]
    with pytest.raises(PatcherError) as raised:
        members(data)
    assert str(raised.value) == sentence


def test_kinds_are_asked_in_the_order_of_their_ranks() -> None:
    ranks = [archive.rank for archive in archives()]
    assert ranks == sorted(set(ranks))
