# SPDX-License-Identifier: GPL-2.0-or-later
"""Patch maps: what scanning a page found, kept by the page's content, so that it need not be scanned again.

A record says at which offsets of a page instructions start, how long they are, and which of them are closed. It holds
for one content, one code size and one closing, whatever image, address or machine the page is in. A map is a file:

    8 bytes   MAGIC
    16 bytes  digest of the decoder, the catalogue and the scan that the records were made with
    32 bytes  SHA-256 of everything that follows
    4 bytes   length of the list of sites, little-endian; then that list (JSON, see `Listed`)
    the rest  records, packed with zlib: key (16 bytes), number of sites (2), sites (2 each), lengths (4096)

A file whose digests do not fit is refused as a whole. What a record leaves out would run unpatched, so a map is
believed as far as the folder that it lies in is.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b, sha256
from itertools import islice
from pathlib import Path
from typing import Final

from patcher.errors import PatcherError
from patcher.patch import PatchState
from patcher.scan import CROSSING, PAGE, SPECIAL, UNKNOWN, PageScan
from patcher.tactic import Closing
from patcher.x86.decode import MAX_LENGTH, Truncated, decode

MAGIC: Final = b"PVMAP\r\n\x01"
MOST_PAGES: Final = 1 << 15
"""The most records of one map: 128 MiB of lengths."""
_HEAD: Final = struct.Struct("<8s16s32s")
_LENGTH: Final = struct.Struct("<I")
_RECORD: Final = struct.Struct("<16sH")
_KEY: Final = 16
_LARGEST: Final = 1 << 18
"""More than the largest record: 65,535 sites."""
_LENGTHS: Final = bytes((UNKNOWN, *range(1, MAX_LENGTH + 1), CROSSING))
_NAMES: Final = ("scan", "check", "inherit", "patch", "tactic", "lethal", "patch_map")
_PARTS: Final = ("x86/*.py*", "catalogue/*.py*", *(f"{name}.py*" for name in _NAMES))
"""The code that decides what a record holds."""


@dataclass(frozen=True, slots=True, order=True)
class Listed:
    """A site as a person would name it. `tactic` is "none" where nothing is closed, `function` "" where unknown."""

    program: str
    section: str
    function: str
    function_offset: int
    rule: str
    tactic: str
    address: int
    mode: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class PageRecord:
    """What is known of one page: offsets of closed instructions, and the length of what starts at each offset."""

    sites: tuple[int, ...]
    lengths: bytes

    @property
    def known(self) -> int:
        """How many instructions are known."""
        return PAGE - self.lengths.count(UNKNOWN)


@dataclass(slots=True)
class PatchMap:
    """Records by key, and the sites that they stand for as a list for people (only maps of images have one)."""

    pages: dict[bytes, PageRecord] = field(default_factory=dict)
    sites: tuple[Listed, ...] = ()

    def lay(self, scan: PageScan, closing: Closing) -> bool:
        """Give a new scan what is known of its page, and close its sites; False when nothing is known."""
        record = self.pages.get(key_of(scan.original, scan.bits, closing))
        if record is None:
            return False
        try:
            rows = [scan.wanted(decode(scan.original, site, scan.bits)) for site in record.sites]
        except Truncated:  # no scan finds such a site
            return False
        scan.lengths[:] = record.lengths
        for site, row in zip(record.sites, rows, strict=True):
            if row is not None:
                scan.close(site, row)
        return True

    def learn(self, scan: PageScan, closing: Closing) -> bool:
        """Keep what a scan found; False when that is nothing new, or not told by the page's bytes alone."""
        sites = _sites(scan)
        record = None if sites is None else PageRecord(sites, bytes(scan.lengths))
        if record is None or not record.known or len(self.pages) >= MOST_PAGES:
            return False
        key = key_of(scan.original, scan.bits, closing)
        known = self.pages.get(key)
        if known is not None and known.known >= record.known:
            return False
        self.pages[key] = record
        return True

    def encode(self) -> bytes:
        """The file."""
        listed = _listed_to_json(self.sites) if self.sites else b""
        packed = zlib.compress(b"".join(_pack(key, page) for key, page in self.pages.items()), 1)
        body = _LENGTH.pack(len(listed)) + listed + packed
        return _HEAD.pack(MAGIC, tables_digest(), sha256(body).digest()) + body


def key_of(content: bytes, bits: int, closing: Closing) -> bytes:
    """The key of a page's record: a digest of its bytes, the code size and what is closed."""
    return blake2b(content, digest_size=_KEY, person=f"{bits} {closing.value}".encode()).digest()


@cache
def tables_digest(folder: Path = Path(__file__).parent) -> bytes:
    """A digest that changes when a scan could find something else in the same bytes: of all code that takes part."""
    digest = blake2b(digest_size=16)
    for part in _PARTS:
        for file in sorted(folder.glob(part)):
            digest.update(f"{file.relative_to(folder)} {file.stat().st_size}\n".encode())
            digest.update(file.read_bytes())
    return digest.digest()


def decode_map(data: bytes, name: str) -> PatchMap:
    """A map from its file. Raises `PatcherError` when it is no map, damaged, or made with other tables."""
    listed, packed = _parts(data, name)
    try:
        sites = _listed_from_json(listed, name) if listed else ()
        pages = dict(islice(_unpack(packed), MOST_PAGES))
    except (ValueError, RecursionError, zlib.error, struct.error):
        raise PatcherError(f"{name} is damaged: its records cannot be unpacked.") from None
    return PatchMap(pages, sites)


def _listed_to_json(sites: tuple[Listed, ...]) -> bytes:
    import json

    from patcher.report.records import to_json  # loaded for maps of images only, not for what a machine keeps

    return json.dumps(to_json(sites)).encode()


def _listed_from_json(listed: bytes, name: str) -> tuple[Listed, ...]:
    import json

    from patcher.report.records import from_json

    return from_json(tuple[Listed, ...], json.loads(listed), f"{name}: sites")


def _parts(data: bytes, name: str) -> tuple[bytes, bytes]:
    """The list of sites and the packed records of a file that fits."""
    if len(data) < _HEAD.size + _LENGTH.size or not data.startswith(MAGIC):
        raise PatcherError(f"{name} is no patch map.")
    _, made_with, digest = _HEAD.unpack_from(data)
    if sha256(memoryview(data)[_HEAD.size :]).digest() != digest:
        raise PatcherError(f"{name} is damaged: its SHA-256 is not that of its contents.")
    if made_with != tables_digest():
        raise PatcherError(f"{name} was made with another catalogue, so it may miss sites; make it again.")
    start = _HEAD.size + _LENGTH.size
    length = _LENGTH.unpack_from(data, _HEAD.size)[0]
    return data[start : start + length], data[start + length :]


def _sites(scan: PageScan) -> tuple[int, ...] | None:
    """The closed sites that lie in the page as a whole; None when the page is no plain case.

    A patch that had to give way, or that the page's bytes alone do not ask for, depends on how the page was entered.
    """
    found = []
    for site, patch in scan.patches.items():
        if patch.row in SPECIAL or (patch.state is not PatchState.ENABLED and not patch.pinned):
            return None
        if scan.lengths[site] not in (UNKNOWN, CROSSING):
            found.append(site)
    return tuple(sorted(found))


def _pack(key: bytes, page: PageRecord) -> bytes:
    count = len(page.sites)
    return _RECORD.pack(key, count) + struct.pack(f"<{count}H", *page.sites) + page.lengths


def _unpack(packed: bytes) -> Iterator[tuple[bytes, PageRecord]]:
    """The records, unpacked one after the other: a file may promise more than memory holds."""
    unpacker, buffer, at = zlib.decompressobj(), b"", 0
    while True:
        while len(buffer) - at < _LARGEST and not unpacker.eof:
            more = unpacker.decompress(packed, 4 * _LARGEST)
            packed = unpacker.unconsumed_tail
            if not (more or packed or unpacker.eof):
                raise ValueError
            buffer, at = buffer[at:] + more, 0
        if at == len(buffer):
            return
        key, record, end = _record(buffer, at)
        yield key, record
        at = end


def _record(buffer: bytes, at: int) -> tuple[bytes, PageRecord, int]:
    """The record at an offset, and the offset behind it. Raises ValueError and struct.error for what is none."""
    key, count = _RECORD.unpack_from(buffer, at)
    sites = struct.unpack_from(f"<{count}H", buffer, at + _RECORD.size)
    start = at + _RECORD.size + 2 * count
    lengths = struct.unpack_from(f"{PAGE}s", buffer, start)[0]
    if lengths.translate(None, _LENGTHS) or max(sites, default=0) >= PAGE:
        raise ValueError
    return key, PageRecord(sites, lengths), start + PAGE
