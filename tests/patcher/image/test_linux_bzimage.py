# SPDX-License-Identifier: GPL-2.0-or-later
"""bzImages: the setup header by protocol version, and the sentence for each kind of bad one."""

import pytest
from executables import BzImage

from patcher import image
from patcher.errors import PatcherError
from patcher.image.linux_bzimage import read_setup


def test_the_protected_mode_part_is_the_segment() -> None:
    read = image.read(bytes(BzImage(b"K" * 40)), "bzImage")
    (segment,) = read.segments
    assert (read.format, read.mode, read.entry) == ("linux", 32, 0x10_0000)
    assert (segment.load, bytes(segment.data)) == (0x10_0000, b"K" * 40)


def test_fields_that_a_version_lacks_have_their_documented_defaults() -> None:
    new = read_setup(bytes(BzImage(cmdline_size=2047, initrd_addr_max=0x7FFF_FFFF, relocatable=1)), "new")
    assert (new.cmdline_size, new.initrd_addr_max, new.relocatable) == (2047, 0x7FFF_FFFF, True)
    old = read_setup(
        bytes(BzImage(version=0x202, cmdline_size=2047, initrd_addr_max=1, relocatable=1)), "old"
    )
    assert (old.cmdline_size, old.initrd_addr_max, old.relocatable) == (255, 0x37FF_FFFF, False)
    assert (old.kernel_alignment, old.pref_address, old.init_size) == (0, 0, 0)


def test_no_setup_sectors_means_four() -> None:
    assert read_setup(bytes(BzImage(setup_sects=0)), "old").setup_size == 5 * 512


def test_what_follows_the_kernel_in_the_file_is_not_loaded() -> None:
    """A signature stands behind Debian's kernels."""
    (segment,) = image.read(bytes(BzImage(b"K" * 32)) + b"signature" * 9, "bzImage").segments
    assert bytes(segment.data) == b"K" * 32


BAD = {
    "setup sectors beyond the file": (
        bytes(BzImage(setup_sects=1))[:0x1F1] + b"\xff" + bytes(BzImage())[0x1F2:],
        "its setup code ends at file offset 0x20000 and the file at 0x600",
    ),
    "truncated kernel": (
        bytes(BzImage(b"K" * 64))[:-16],
        "its protected-mode part has 0x40 bytes and the file only 0x30",
    ),
    "absurd size": (
        bytes(BzImage(syssize=0xFFFF_FFFF)),
        "its protected-mode part has 0xffffffff0 bytes and the file only 0x200",
    ),
    "empty kernel": (bytes(BzImage(syssize=0)), "its protected-mode part is empty"),
    "header cut off": (
        bytes(BzImage())[:0x240],
        "its setup header ends at file offset 0x264 and the file at 0x240",
    ),
    "header too short": (
        bytes(BzImage(header_end=4)),
        "its setup header ends at file offset 0x206 and the file at 0x600",
    ),
    "old protocol": (bytes(BzImage(version=0x201)), "its boot protocol 2.01 is older than 2.02"),
    "zImage": (bytes(BzImage(loadflags=0)), "it is a zImage, which loads at 64 KiB"),
    "past 4 GiB": (
        bytes(BzImage(code32_start=0xFFFF_FFF0)),
        "its code32_start 0xfffffff0 leaves no room for 0x200 bytes",
    ),
}


@pytest.mark.parametrize(("data", "why"), BAD.values(), ids=BAD)
def test_a_bad_file_gets_a_sentence(data: bytes, why: str) -> None:
    with pytest.raises(PatcherError) as caught:
        image.read(data, "bad")
    assert str(caught.value) == f"bad is no bzImage that can be booted: {why}."
