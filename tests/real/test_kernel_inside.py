# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel inside Debian's bzImage: its sections, its own symbols and what it rewrites."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from patcher import binary
from patcher.binary import Binary, Origin

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def kernel(real_kernel: Callable[[str], Path]) -> Binary:
    path = real_kernel("linux")
    setup, decompressor, payload = binary.read(path.read_bytes(), path.name)
    assert (setup.mode, decompressor.mode, payload.mode) == (16, 32, 32)
    return payload


def test_functions_have_names_and_extents(kernel: Binary) -> None:
    origins = Counter(entry.origin for entry in kernel.entries)
    assert origins[Origin.SYMBOL] > 40_000
    assert origins[Origin.EXCEPTION] > 10_000
    names = {symbol.name: symbol.address for symbol in kernel.symbols}
    assert {"do_exit", "native_write_cr4", "restore_all_switch_stack"} <= names.keys()
    assert names["panic"] in kernel.returns_never
    assert len(kernel.functions) > 40_000


def test_what_it_rewrites_is_known(kernel: Binary) -> None:
    tables = Counter(row.table for row in kernel.rewritten)
    assert tables.keys() >= {
        ".altinstructions",
        ".parainstructions",
        ".smp_locks",
        "__jump_table",
        "__mcount_loc",
    }
    assert tables["__mcount_loc"] > 30_000
    assert tables["__jump_table"] > 4_000


def test_no_opcode_is_where_a_relocation_writes(kernel: Binary) -> None:
    """Every call of the tracer has its displacement right behind its opcode, and no relocation before that."""
    calls = [row.start for row in kernel.rewritten if row.table == "__mcount_loc"]
    assert not set(calls) & set(kernel.fields)
    assert len(kernel.fields) > 100_000
