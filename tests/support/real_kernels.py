# SPDX-License-Identifier: GPL-2.0-or-later
"""Real kernels for tests: one file each from a Debian package, kept in a cache folder once fetched.

    python tests/support/real_kernels.py        fetches all of them and prints where they are

The cache is $PATCHVISOR_CACHE, else $XDG_CACHE_HOME/patchvisor, else ~/.cache/patchvisor. With
PATCHVISOR_OFFLINE=1 nobody is asked, and what is in the cache is used.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from deb_archive import DamagedPackage, unpack
from private_apt import PrivateApt, Unavailable, numbered

CACHE, OFFLINE = "PATCHVISOR_CACHE", "PATCHVISOR_OFFLINE"


@dataclass(frozen=True)
class RealKernel:
    """Where a kernel comes from; N in the names of package and file stands for any number."""

    name: str
    package: str
    file: str
    architecture: str = "i386"


@dataclass(frozen=True)
class Origin:
    """What was fetched, kept beside the kernel as JSON; `sha256` is the kernel's own."""

    package: str
    version: str
    package_sha256: str
    path: str
    sha256: str


KERNELS = {
    kernel.name: kernel
    for kernel in (
        RealKernel("memtest86+", "memtest86+", "boot/memtest86+ia32.bin"),
        RealKernel("grub-invaders", "grub-invaders", "boot/invaders.exec"),
        RealKernel("gnumach", "gnumach-image-1.8-486", "boot/gnumach-1.8-486.gz"),
        RealKernel("linux", "linux-image-6.1.0-N-686", "boot/vmlinuz-6.1.0-N-686"),
    )
}

PROGRAMS = {
    program.name: program
    for program in (
        RealKernel("seabios", "seabios", "usr/share/seabios/bios-256k.bin"),
        RealKernel("vgabios", "seabios", "usr/share/seabios/vgabios-stdvga.bin"),
        RealKernel("ovmf-ia32", "ovmf-ia32", "usr/share/OVMF/OVMF32_CODE_4M.secboot.fd"),
        RealKernel("memtest86+.iso", "memtest86+", "usr/lib/memtest86+/memtest86+ia32.iso"),
        RealKernel("zlib1-32.dll", "libz-mingw-w64", "usr/i686-w64-mingw32/lib/zlib1.dll"),
        RealKernel("zlib1-64.dll", "libz-mingw-w64", "usr/x86_64-w64-mingw32/lib/zlib1.dll"),
        RealKernel("grub-boot.img", "grub-pc-bin", "usr/lib/grub/i386-pc/boot.img"),
        RealKernel("grub-diskboot.img", "grub-pc-bin", "usr/lib/grub/i386-pc/diskboot.img"),
        RealKernel("grub-relocator.mod", "grub-pc-bin", "usr/lib/grub/i386-pc/relocator.mod"),
        RealKernel(
            "longhaul.ko",
            "linux-image-6.1.0-N-686",
            "lib/modules/6.1.0-N-686/kernel/drivers/cpufreq/longhaul.ko",
        ),
        RealKernel("zlib-32.so", "zlib1g", "lib/i386-linux-gnu/libz.so.N.N.N"),
        RealKernel("zlib-64.so", "zlib1g", "lib/x86_64-linux-gnu/libz.so.N.N.N", "amd64"),
        RealKernel("lua-32.so", "liblua5.4-0", "usr/lib/i386-linux-gnu/liblua5.4.so.N.N.N"),
        RealKernel("lua-64.so", "liblua5.4-0", "usr/lib/x86_64-linux-gnu/liblua5.4.so.N.N.N", "amd64"),
    )
}
"""Programs of other kinds, for audits."""


def cache_folder() -> Path:
    """Where kernels are kept; made when it is missing."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "patchvisor"
    folder = Path(os.environ.get(CACHE) or base) / "kernels"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def kept(kernel: RealKernel, folder: Path) -> tuple[Path, Origin] | None:
    """The cached kernel and its origin, if it is there and undamaged."""
    path, record = folder / kernel.name, folder / f"{kernel.name}.json"
    try:
        origin = Origin(**json.loads(record.read_text(encoding="utf-8")))
        data = path.read_bytes()
    except (OSError, ValueError, TypeError):
        return None
    return (path, origin) if hashlib.sha256(data).hexdigest() == origin.sha256 else None


def fetch(name: str) -> tuple[Path, Origin]:
    """A kernel's file and where it comes from; raises Unavailable with a sentence."""
    kernel, folder = (KERNELS | PROGRAMS)[name], cache_folder()
    with _locked(folder):
        found = kept(kernel, folder)
        if found is None:
            try:
                _store(kernel, folder)
            except (Unavailable, DamagedPackage) as error:
                raise Unavailable(
                    f"Debian's package {kernel.package} could not be fetched: {error}."
                ) from None
            found = kept(kernel, folder)
    assert found is not None, "it was stored just now"
    return found


def _store(kernel: RealKernel, folder: Path) -> None:
    apt = _apt(folder, kernel.architecture)
    package = apt.newest(kernel.package)
    path, data = unpack(apt.download(package), numbered(kernel.file))
    origin = Origin(package.name, package.version, package.sha256, path, hashlib.sha256(data).hexdigest())
    (folder / kernel.name).write_bytes(data)
    (folder / f"{kernel.name}.json").write_text(json.dumps(asdict(origin), indent=2) + "\n", encoding="utf-8")


def _apt(folder: Path, architecture: str) -> PrivateApt:
    """apt with lists of today; a failure is remembered, so that ten tests do not wait ten times."""
    outcome = _updated(folder, architecture)
    if isinstance(outcome, Unavailable):
        raise outcome
    return outcome


@cache
def _updated(folder: Path, architecture: str) -> PrivateApt | Unavailable:
    if os.environ.get(OFFLINE):
        return Unavailable(f"{OFFLINE} is set")
    try:
        apt = PrivateApt(folder / ("apt" if architecture == "i386" else f"apt-{architecture}"), architecture)
        apt.update()
    except Unavailable as error:
        return error
    return apt


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process at a time: tests run in several."""
    with open(folder / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    for each in KERNELS | PROGRAMS:
        try:
            where, what = fetch(each)
        except Unavailable as reason:
            print(f"{each}: {reason}")
        else:
            print(f"{each}: {where} ({what.path} of {what.package} {what.version})")
