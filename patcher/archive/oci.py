# SPDX-License-Identifier: GPL-2.0-or-later
"""Container images: OCI image layouts, as folders or tar archives, and what `docker save` writes.

OCI Image Format Specification 1.1, "Image Layout" and "Layer" (whiteouts). What an image's processes see is what is
reported: layers are read from the last to the first, and what a later one replaced or removed is left out.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from patcher.archive.codec import PieceReader, codec_of
from patcher.archive.model import Archive, Member
from patcher.archive.tar import BLOCK, DIRECTORY, TarEntry, TarReader, is_tar, member_of
from patcher.errors import PatcherError

MARKER, INDEX, DOCKER = "oci-layout", "index.json", "manifest.json"
PLATFORMS = ("amd64", "386", "")
DIGEST = re.compile(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{32,}")
MAX_JSON = 4 << 20
MAX_DEPTH = 4
"""Indexes in indexes."""
WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"

Blob = Callable[[str], bytes | memoryview]
"""The contents of the image's file of that path; raises `PatcherError` when there is none."""


def image_members(blob: Blob, has: Callable[[str], bool], name: str, limit: int) -> Iterator[Member]:
    """Every file of every x86 image in a layout, as its processes see it."""
    seen: set[tuple[str, ...]] = set()
    for layers in _docker(blob) if not has(MARKER) else _manifests(blob, INDEX, 0):
        if layers not in seen:
            seen.add(layers)
            yield from _image(layers, blob, name, limit)


def _json(blob: Blob, path: str) -> object:
    import json  # only images need it

    text = bytes(blob(path)[:MAX_JSON])
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PatcherError(f"{path} of a container image is no JSON.") from error


def _rows(table: object, key: str) -> list[dict[str, object]]:
    """The objects in a list of a JSON object; what is none is passed over."""
    rows = table.get(key) if isinstance(table, dict) else None
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _path(row: dict[str, object]) -> str:
    digest = str(row.get("digest", ""))
    if not DIGEST.fullmatch(digest):
        raise PatcherError(f"A container image names a blob by what is no digest: {digest[:80]!r}.")
    return "blobs/" + digest.replace(":", "/", 1)


def _manifests(blob: Blob, path: str, depth: int) -> Iterator[tuple[str, ...]]:
    """The layers, first to last, of each image for x86."""
    table = _json(blob, path)
    if layers := _rows(table, "layers"):
        yield tuple(_path(row) for row in layers if "tar" in str(row.get("mediaType", "tar")))
    for row in _rows(table, "manifests") if depth < MAX_DEPTH else ():
        platform = row.get("platform")
        architecture = platform.get("architecture", "") if isinstance(platform, dict) else ""
        if architecture in PLATFORMS:
            yield from _manifests(blob, _path(row), depth + 1)


def _docker(blob: Blob) -> Iterator[tuple[str, ...]]:
    table = _json(blob, DOCKER)
    for row in table if isinstance(table, list) else ():
        layers = row.get("Layers") if isinstance(row, dict) else None
        if isinstance(layers, list):
            yield tuple(layer for layer in layers if isinstance(layer, str))


@dataclass(slots=True)
class _Hidden:
    """What later layers put in the way of earlier ones."""

    paths: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)

    def covers(self, path: str) -> bool:
        above = (str(parent) for parent in PurePosixPath(path).parents)
        return path in self.paths or any(parent in self.paths or parent in self.folders for parent in above)


def _image(layers: tuple[str, ...], blob: Blob, name: str, limit: int) -> Iterator[Member]:
    hidden = _Hidden()
    for path in reversed(layers):
        later = _Hidden()
        try:
            yield from _layer(blob(path), hidden, later, name, limit)
        except PatcherError as error:
            yield Member(path, b"", str(error))
        hidden.paths |= later.paths
        hidden.folders |= later.folders


def _layer(
    data: bytes | memoryview, hidden: _Hidden, own: _Hidden, name: str, limit: int
) -> Iterator[Member]:
    """The files of a layer that `hidden` leaves visible; what the layer hides goes into `own`."""
    codec = codec_of(data)
    reader = TarReader(
        PieceReader(codec.pieces(memoryview(data), name) if codec else iter([memoryview(data)])), name
    )
    for entry in reader:
        path = str(PurePosixPath("/", entry.path).relative_to("/"))
        parent, _, last = path.rpartition("/")
        if last == OPAQUE:
            own.folders.add(parent or ".")
        elif last.startswith(WHITEOUT):
            own.paths.add(f"{parent}/{last[len(WHITEOUT) :]}".lstrip("/"))
        elif entry.type != DIRECTORY:
            if entry.is_regular and entry.size and path not in own.paths and not hidden.covers(path):
                found = member_of(reader, entry, limit)
                yield Member(path, found.data, found.problem)
            own.paths.add(path)


def _places(data: bytes) -> Iterator[tuple[TarEntry, int]]:
    """Each entry of a tar archive, and where its contents begin."""
    pieces = PieceReader(iter([memoryview(data)]))
    for entry in TarReader(pieces, "the image"):
        yield entry, pieces.position


def _matches(data: bytes) -> bool:
    if not is_tar(data[:BLOCK]):
        return False
    try:
        names = {entry.path.removeprefix("./") for entry, _ in _places(data)}
    except PatcherError:
        return False
    return MARKER in names or (DOCKER in names and any(name.endswith(".tar") for name in names))


def _members(data: bytes, name: str, limit: int) -> Iterator[Member]:
    view = memoryview(data)
    files = {
        entry.path.removeprefix("./"): view[at : at + entry.size]
        for entry, at in _places(data)
        if entry.is_regular
    }

    def blob(path: str) -> memoryview:
        if path not in files:
            raise PatcherError(f"{name} is a container image without its part {path[:200]}.")
        return files[path]

    return image_members(blob, files.__contains__, name, limit)


ARCHIVE = Archive("container image", rank=25, matches=_matches, members=_members)
