# SPDX-License-Identifier: GPL-2.0-or-later
"""Compressed streams: what their own tools packed comes out, and any bytes end in bytes or a sentence."""

import bz2
import gzip
import lzma
import shutil
import subprocess
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patcher.archive.codec import PieceReader, codec_of, codecs, unpack
from patcher.errors import PatcherError

TEXT = b"".join(b"%d times %x, " % (number, number * number) for number in range(900)) + bytes(70_000)
LIMIT = 1 << 20


def old_lzma(data: bytes) -> bytes:
    return lzma.compress(data, lzma.FORMAT_ALONE)


STANDARD = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress, "lzma": old_lzma}


@pytest.mark.parametrize("name", STANDARD)
def test_the_standard_librarys_own(name: str) -> None:
    packed = STANDARD[name](TEXT)
    codec = codec_of(packed)
    assert codec is not None
    assert codec.name == name
    assert unpack(codec, packed, "x", LIMIT) == TEXT
    assert unpack(codec, packed + b"\1\2\3\4", "x", LIMIT) == TEXT
    with pytest.raises(PatcherError, match=f"The {name} stream of x is damaged: it ends too early"):
        unpack(codec, packed[:-9], "x", LIMIT)


TOOLS = {
    "lz4": ["lz4", "-c"],
    "lz4, dependent blocks": ["lz4", "-BD", "-B4", "-9c"],
    "lz4, sizes and checksums": ["lz4", "--content-size", "-BX", "-c"],
    "lz4, legacy": ["lz4", "-lc"],
    "zstd": ["zstd", "-19c"],
    "lzop": ["lzop", "-9c"],
}


@pytest.mark.parametrize("tool", TOOLS)
def test_what_its_tool_packs(tool: str) -> None:
    if shutil.which(TOOLS[tool][0]) is None:
        pytest.skip(f"{TOOLS[tool][0]} is not installed")
    if tool == "zstd":
        pytest.importorskip("zstandard", reason="needs the package zstandard")
    packed = subprocess.run(TOOLS[tool], input=TEXT, capture_output=True, check=True, timeout=60).stdout
    codec = codec_of(packed)
    assert codec is not None
    assert unpack(codec, packed + b"\1\2\3\4", "x", LIMIT) == TEXT
    assert unpack(codec, packed + packed, "x", LIMIT).startswith(TEXT)


LZOP = (
    "78daebf489f267e0e592e212705058c0e9c0ccc9ccc0c0cb0004d94c1f7b4034836e0d730203c3b1e90c0c4c8b5b354ff405"
    "9d7dfca1389a79d10b910acb1b298e4ff7b6ff93927a3b69d1ac6af3693519e5164b8f7db45e956674a8e0fbfb4739ec8ad7"
    "057ecbbcca76f9e89c7b7d45aabcfdb9c8cac40c76ce1eaeaece5b8ade7182f31e14eee08860e4dd641cc3f8fbdd3c53c963"
    "9ae6fb1f9ffafa80ed0e7b0ddb06de10f6024656d7a96c473e6a6e4ad6dbc33041e003b3de048609cc8ce6e7269e76105ece"
    "2f1b767f0717cbc25bfa0bf2724c42a41730737ac86509bd726a53fe94adfced8ef40256179615e20e822b58193736cdd12b"
    "e0d29ec2e821c563a4bc6c5ecfeb65b5b26f9ef37b2d7c765499418101029e31d09ac9c2cc000c0021174b91ed96ddbc8717"
    "330283d49f111850823a9615cca2299622da56406f453009adb0126031b0169a6323946025fac7ea049bc2070906069ed75f"
    "e53f4d9a56f22b6e42b8f817ad78d35947adc233a57d9ae719c6cfb91a03b7d0428d7e7e22812902c46c2869049632804170"
    "8789811596086011094d3f426b6eb1c2d2c907b61c26267062134ab97d8fe5f58fc5dcc0107bc259c12208b10d00a2f5ca44"
)
LZOP_RESULT = (50839, 0xFDAF88B3)


def test_lzo() -> None:
    """Packed with lzop -9: literals, and matches of every form, near and far."""
    codec = codec_of(zlib.decompress(bytes.fromhex(LZOP)))
    assert codec is not None
    data = unpack(codec, zlib.decompress(bytes.fromhex(LZOP)), "x", LIMIT)
    assert (len(data), zlib.crc32(data)) == LZOP_RESULT


def test_a_stream_larger_than_the_limit_is_refused() -> None:
    codec = codec_of(gzip.compress(bytes(1 << 20)))
    assert codec is not None
    with pytest.raises(PatcherError, match="x unpacks to more than 1000 bytes, which is the limit"):
        unpack(codec, gzip.compress(bytes(1 << 20)), "x", 1000)


HEADS = st.sampled_from([gzip.compress(TEXT), bz2.compress(TEXT), lzma.compress(TEXT), old_lzma(TEXT),
                         b"\x04\x22\x4d\x18\x64\x40\xa7", b"\x02\x21\x4c\x18", b"\x89LZO\0\r\n\x1a\n"])  # fmt: skip


@given(HEADS, st.integers(1, 60), st.binary(max_size=120))
def test_any_bytes_end_in_bytes_or_a_sentence(head: bytes, keep: int, tail: bytes) -> None:
    data = head[:keep] + tail
    for codec in codecs():
        if codec.matches(data):
            with suppress(PatcherError):
                assert len(unpack(codec, data, "x", LIMIT)) <= LIMIT


@given(
    st.lists(st.binary(max_size=9), max_size=9),
    st.lists(st.tuples(st.sampled_from("rps"), st.integers(0, 12)), max_size=20),
)
def test_reading_pieces_is_reading_the_whole(pieces: list[bytes], steps: list[tuple[str, int]]) -> None:
    whole, at, stream = b"".join(pieces), 0, PieceReader(iter(pieces))
    for kind, size in steps:
        wanted = whole[at : at + size]
        if kind == "s":
            stream.skip(size)
        else:
            assert (stream.read if kind == "r" else stream.peek)(size) == wanted
        at += 0 if kind == "p" else len(wanted)
        assert stream.position == at
