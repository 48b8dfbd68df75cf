# SPDX-License-Identifier: GPL-2.0-or-later
"""Assembled guests kept on disk, so that a guest of ours starts without loading the assembler.

One file a guest in the user's cache folder: a key over everything the image is made from, a digest of the
image, the image. A file that does not fit is assembled anew; a folder that cannot be written costs time,
never a failure.
"""

import contextlib
import os
from collections.abc import Iterator
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import guests

_DIGEST = 32


def cache_folder() -> Path:
    """$XDG_CACHE_HOME/patchvisor, or ~/.cache/patchvisor (XDG base directory specification)."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(given) if os.path.isabs(given) else Path.home() / ".cache"
    return root / "patchvisor"


def cached_build(name: str) -> bytes:
    """The bootable image of the guest `name`, from the cache when it is there."""
    file = cache_folder() / "guests" / f"{name.replace('/', '--')}.bin"
    key = _key(name)
    image = _read(file, key)
    if image is None:
        image = guests.build(name)
        _write(file, key + sha256(image).digest() + image)
    return image


def _key(name: str) -> bytes:
    """Changes when the guest's text, the builder or the assembler does."""
    key = sha256(name.encode())
    for path in _ingredients(name):
        key.update(sha256(path.read_bytes()).digest())
    engine = find_spec("keystone")
    if engine is not None and engine.origin is not None:
        found = os.stat(engine.origin)
        key.update(f"{engine.origin} {found.st_size} {found.st_mtime_ns}".encode())
    return key.digest()


def _ingredients(name: str) -> Iterator[Path]:
    folder = Path(guests.__file__).parent
    yield folder / "build.py"
    yield from sorted((folder / "include").glob("*.s"))
    yield from sorted((folder / name).glob("*.s"))
    assembler = find_spec("patcher.assembler")
    if assembler is not None and assembler.origin is not None:
        yield Path(assembler.origin)


def _read(file: Path, key: bytes) -> bytes | None:
    """The image in `file` when it was made from the same things and is whole."""
    try:
        stored = file.read_bytes()
    except OSError:
        return None
    digest, image = stored[_DIGEST : 2 * _DIGEST], stored[2 * _DIGEST :]
    return image if stored[:_DIGEST] == key and sha256(image).digest() == digest else None


def _write(file: Path, content: bytes) -> None:
    """Put `content` at `file` in one step, or leave things as they are."""
    from vmm.page_cache import write_in_one_step

    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_in_one_step(file, content)
