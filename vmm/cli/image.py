# SPDX-License-Identifier: GPL-2.0-or-later
"""What the word on the command line means: a file, or one of our own guests."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from patcher.errors import PatcherError
from vmm.cli.verdict import NoImage

LARGEST = 1 << 30
"""The most bytes that an image may have unpacked."""


@dataclass(frozen=True, slots=True)
class Image:
    """Something to boot: a file's path, or the bytes of a guest of ours with the memory it wants (MiB)."""

    kernel: Path | bytes
    memory: int | None = None


def kernel_file(word: str) -> Image:
    """The file that -kernel names; raises NoImage with the reason when it cannot be read."""
    return Image(readable_file(word))


def file_or_guest(word: str) -> Image:
    """An existing file, else a guest of this name; raises NoImage when there is neither."""
    if os.path.isfile(word):
        return kernel_file(word)
    return _guest(word) or kernel_file(word)


def readable_file(word: str) -> Path:
    """The path, once it is known that a regular file is there and may be read."""
    path = Path(word)
    if not path.exists():
        raise NoImage(f"{word}: no such file{_guest_hint(word)}")
    if not path.is_file():
        raise NoImage(f"{word}: not a regular file")
    if not os.access(path, os.R_OK):
        raise NoImage(f"{word}: permission denied")
    return path


def image_contents(word: str) -> bytes:
    """The bytes of the file that is named, unpacked as a launch would; raises NoImage and BootError."""
    from vmm.boot.files import unpacked

    return unpacked(readable_file(word).read_bytes(), word, LARGEST)


@contextmanager
def unreadable_is_no_image() -> Iterator[None]:
    """What an image's contents are refused for is the user's to know, and no fault of ours."""
    try:
        yield
    except PatcherError as error:
        raise NoImage(str(error)) from None


def _guest(word: str) -> Image | None:
    import guests

    if word not in guests.names():
        return None
    from vmm.cli.guest_cache import cached_build

    return Image(cached_build(word), guests.describe(word).memory)


def _guest_hint(word: str) -> str:
    """A guest's name that is nearly the word."""
    from difflib import get_close_matches

    import guests

    near = get_close_matches(word, guests.names(), n=1)
    return f" (did you mean our guest {near[0]!r}?)" if near else ""
