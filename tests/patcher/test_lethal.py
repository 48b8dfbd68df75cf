# SPDX-License-Identifier: GPL-2.0-or-later
"""Sequences that end the engine's process: found at every offset, and still as deadly as is said."""

import subprocess
import sys
from itertools import product

import pytest

from patcher.catalogue import classify
from patcher.catalogue.invalid import LOCKED
from patcher.lethal import lethal_sites
from patcher.x86.decode import decode
from patcher.x86.reader import MAX_LENGTH

RUN = """
import sys
from unicorn import Uc, UcError, UC_ARCH_X86, UC_MODE_32
uc = Uc(UC_ARCH_X86, UC_MODE_32)
uc.mem_map(0, 0x1000)
uc.mem_write(0, bytes.fromhex(sys.argv[1]))
try:
    uc.emu_start(0, 0x800, count=1)
except UcError:
    pass
"""


@pytest.mark.parametrize(
    ("text", "bits", "sites"),
    [
        ("f0 0f a3 c0", 32, [0]),
        ("90 f0 0f ab ff", 32, [1]),
        ("f0 0f b3 c1 f0 0f bb c1", 32, [0, 4]),
        ("f0 0f ba e0 01", 32, [0]),
        ("66 f0 2e 66 0f a3 c0", 16, [1]),
        ("f0 f0 0f a3 c0", 32, [1]),
        ("b8 f0 0f a3 c0", 32, [1]),
        ("f0 48 0f a3 c0", 64, [0]),
        ("f0 48 0f a3 c0", 32, []),
        ("f0 0f a3 00", 32, []),
        ("f0 0f ba c0 01", 32, []),
        ("0f a3 c0 f0", 32, []),
        ("f0 0f a3", 32, []),
    ],
)
def test_sites(text: str, bits: int, sites: list[int]) -> None:
    assert lethal_sites(bytes.fromhex(text), bits) == sites
    assert lethal_sites(memoryview(bytes.fromhex(text)), bits) == sites


def test_they_are_what_the_catalogue_calls_locked() -> None:
    """Every register form of the bit tests under a lock, and nothing that may be locked."""
    for opcode, modrm in product((0xA3, 0xAB, 0xB3, 0xBB, 0xBA), range(256)):
        code = bytes((0xF0, 0x0F, opcode, modrm)) + bytes(MAX_LENGTH)
        insn = decode(code, 0, 32)
        assert insn is not None
        lethal = modrm >= 0xC0 and (opcode != 0xBA or insn.reg >= 4)
        assert bool(lethal_sites(insn.raw, 32)) == lethal
        assert classify(insn) is LOCKED or not lethal


def test_with_another_byte_in_place_of_the_lock_nothing_is_left() -> None:
    code = bytearray.fromhex("f0 f0 66 0f a3 c0 f0 0f ba e9 01")
    for site in lethal_sites(code, 32):
        code[site] = 0xCC
    assert lethal_sites(code, 32) == []


@pytest.mark.parametrize(("text", "dies"), [("f00fa3c0", True), ("f00fbae001", True), ("f00fab00", False)])
def test_the_engine_still_dies_of_them(text: str, dies: bool) -> None:
    """When it no longer does, ``patcher.lethal`` can go."""
    run = subprocess.run([sys.executable, "-c", RUN, text], capture_output=True, timeout=60, check=False)
    assert (run.returncode < 0) == dies, run.stderr.decode()
