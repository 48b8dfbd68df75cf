# SPDX-License-Identifier: GPL-2.0-or-later
"""Fetching and unpacking Debian packages, tried on packages made here; nobody is asked for anything."""

import gzip
import io
import lzma
import subprocess
import tarfile
from pathlib import Path

import private_apt
import pytest
import real_kernels
from deb_archive import DamagedPackage, unpack
from private_apt import Listed, PrivateApt, Unavailable


def tar(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


def member(name: str, data: bytes) -> bytes:
    header = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}".encode() + b"`\n"
    return header + data + b"\n" * (len(data) % 2)


def deb(suffix: str, packed: bytes) -> bytes:
    return b"!<arch>\n" + member("debian-binary", b"2.0\n") + member(f"data.tar{suffix}", packed)


FILES = tar({"./boot/config-6.1": b"no", "./boot/vmlinuz-6.1": b"the kernel", "./boot/vmlinuz-6.2": b"later"})


@pytest.mark.parametrize(
    ("suffix", "packed"), [("", FILES), (".gz", gzip.compress(FILES)), (".xz", lzma.compress(FILES))]
)
def test_a_file_is_taken_out_of_a_package(suffix: str, packed: bytes) -> None:
    assert unpack(deb(suffix, packed), r"boot/vmlinuz-.*") == ("boot/vmlinuz-6.1", b"the kernel")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"nothing", "The file does not begin as an ar archive does."),
        (deb("", FILES)[:-600], "The ar member at file offset 0x48 is damaged."),
        (deb("", FILES).replace(b"`\n", b"??"), "The ar member at file offset 0x8 is damaged."),
        (deb(".lz4", b""), "The package has no data.tar in a compression that is known."),
        (deb("", tar({"./boot/other": b""})), "The package holds no file boot/vmlinuz."),
    ],
    ids=["no archive", "truncated", "damaged header", "unknown compression", "no such file"],
)  # fmt: skip
def test_a_bad_package_gets_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(DamagedPackage) as caught:
        unpack(data, "boot/vmlinuz")
    assert str(caught.value) == sentence


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PrivateApt:
    """apt whose programs answer from here."""
    monkeypatch.setenv(private_apt.MIRROR, "file:/nowhere/debian")
    monkeypatch.setattr(private_apt.shutil, "which", lambda program: f"/usr/bin/{program}")
    return PrivateApt(tmp_path)


def answering(monkeypatch: pytest.MonkeyPatch, status: int = 0, out: str = "", err: str = "") -> None:
    done = subprocess.CompletedProcess([], status, out, err)
    monkeypatch.setattr(private_apt.subprocess, "run", lambda *_, **__: done)


def test_apt_has_a_configuration_of_its_own(apt: PrivateApt) -> None:
    text = (apt.folder / "apt.conf").read_text()
    assert f'Dir::State "{apt.folder}/state";' in text
    assert 'APT::Architecture "i386";' in text
    assert (apt.folder / "sources.list").read_text().endswith("file:/nowhere/debian bookworm main\n")


def test_apt_may_be_of_another_architecture(apt: PrivateApt) -> None:
    other = PrivateApt(apt.folder / "other", "amd64")
    assert 'APT::Architectures { "amd64"; };' in (other.folder / "apt.conf").read_text()


def test_the_newest_is_chosen_by_number(apt: PrivateApt, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = ("6.1.0-9-686", "6.1.0-50-686", "6.1.0-50-686-pae", "rt-686")
    chosen: list[str] = []
    answering(monkeypatch, out="".join(f"linux-image-{number}\n" for number in numbers))
    monkeypatch.setattr(apt, "_listed", chosen.append)
    apt.newest("linux-image-6.1.0-N-686")
    assert chosen == ["linux-image-6.1.0-50-686"]


def test_a_package_that_the_suite_lacks_is_told(apt: PrivateApt, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, out="hello\n")
    with pytest.raises(Unavailable, match=r"^bookworm has no such package for i386$"):
        apt.newest("linux-image-6.1.0-N-686")


def test_apts_own_reason_is_passed_on(apt: PrivateApt, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, 100, err="W: something\nE: Could not resolve 'debian'.\nE: more\n")
    with pytest.raises(Unavailable, match=r"^apt-get update failed: Could not resolve 'debian'$"):
        apt.update()


def test_a_download_that_does_not_end_is_given_up(apt: PrivateApt, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object, **options: float) -> None:
        raise subprocess.TimeoutExpired("apt-get", options["timeout"])

    monkeypatch.setattr(private_apt.subprocess, "run", hang)
    with pytest.raises(Unavailable, match=r"^apt-get update did not end within 120 seconds$"):
        apt.update()


def test_a_package_with_another_hash_is_refused(apt: PrivateApt, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        (apt.folder / "packages/hello_1_i386.deb").write_bytes(b"not what was listed")
        return subprocess.CompletedProcess([], 0, "", "")

    monkeypatch.setattr(private_apt.subprocess, "run", download)
    with pytest.raises(
        Unavailable, match=r"^the SHA-256 of hello_1_i386\.deb is not the one in the archive's index$"
    ):
        apt.download(Listed("hello", "1", "0" * 64))


def test_the_mirror_comes_from_the_machines_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(private_apt.MIRROR, raising=False)
    monkeypatch.setattr(private_apt, "SOURCES", tmp_path)
    with pytest.raises(Unavailable, match="has no Debian archive among its sources"):
        private_apt.mirror()
    folder = tmp_path / "sources.list.d"
    folder.mkdir()
    (folder / "a.list").write_text("# deb http://off/debian x main\ndeb http://sec/debian-security x main\n")
    (folder / "b.sources").write_text("Types: deb\nURIs: http://here/debian\nSuites: trixie\n")
    (folder / "c.sources.disabled").write_text("URIs: http://disabled/debian\n")
    assert private_apt.mirror() == "http://here/debian"


def test_offline_a_kernel_comes_from_the_cache_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(real_kernels.CACHE, str(tmp_path))
    monkeypatch.setenv(real_kernels.OFFLINE, "1")
    with pytest.raises(Unavailable) as caught:
        real_kernels.fetch("grub-invaders")
    assert str(caught.value) == (
        "Debian's package grub-invaders could not be fetched: PATCHVISOR_OFFLINE is set."
    )


def test_a_fetched_kernel_is_kept_with_its_origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Archive:
        """An archive that has one version of everything."""

        def newest(self, package: str) -> Listed:
            return Listed(package, "1.0", "0" * 64)

        def download(self, package: Listed) -> bytes:
            return deb("", tar({"./boot/invaders.exec": b"game"}))

    monkeypatch.setenv(real_kernels.CACHE, str(tmp_path))
    monkeypatch.setattr(real_kernels, "_apt", lambda folder, architecture: Archive())
    path, origin = real_kernels.fetch("grub-invaders")
    assert (path.read_bytes(), origin.version, origin.path) == (b"game", "1.0", "boot/invaders.exec")
    monkeypatch.setattr(real_kernels, "_apt", lambda folder, architecture: pytest.fail("it was in the cache"))
    assert real_kernels.fetch("grub-invaders") == (path, origin)
    path.write_bytes(b"damaged")
    assert real_kernels.kept(real_kernels.KERNELS["grub-invaders"], path.parent) is None
