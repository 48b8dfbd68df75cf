# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tables of x87 and SSE instructions say: every encoding has an answer, and known ones the right one."""

import pytest

from patcher.x86.decode import decode
from patcher.x86.insn import Insn
from patcher.x86.sse import Sse, calculation, uses_mmx
from patcher.x86.x87 import DE, IE, PE, X87, is_x87, operation, waits

NOT_WAITING = {"d9 30", "d9 38", "dd 30", "dd 38", "df e0", "db e0", "db e1", "db e2", "db e3", "db e4"}


def insn(text: str) -> Insn:
    found = decode(bytes.fromhex(text) + bytes(8), 0, 32)
    assert found is not None
    return found


def test_every_x87_encoding_has_an_answer() -> None:
    for opcode in range(0xD8, 0xE0):
        for modrm in range(0x100):
            found = operation(insn(f"{opcode:02x} {modrm:02x}"))
            assert isinstance(found, X87)
            assert all(0 <= number < 8 for number in found.reads)
            assert found.stores in (0, 2, 4, 8, 10)
            assert found.loads in (0, 4, 8)


@pytest.mark.parametrize("text", sorted(NOT_WAITING))
def test_control_instructions_do_not_wait(text: str) -> None:
    assert not waits(insn(text))


@pytest.mark.parametrize("text", ["9b", "d9 28", "d9 20", "dd 20", "d9 e8", "d8 c1", "dd d8", "d9 d0", "db c0"])
def test_all_others_wait(text: str) -> None:
    assert is_x87(insn(text))
    assert waits(insn(text))


@pytest.mark.parametrize(
    ("text", "reads", "pushes", "raises", "result"),
    [
        ("d8 c1", (0, 1), False, 0x3F, 0), ("dc c3", (0, 3), False, 0x3F, 3), ("de c1", (0, 1), False, 0x3F, 0),
        ("d9 e8", (), True, 0, 0), ("d9 c2", (2,), True, 0, 0), ("dd 00", (), True, IE | DE, 0),
        ("db 28", (), True, 0, 0), ("df 18", (0,), False, IE | PE, None), ("d8 d1", (0, 1), False, IE | DE, None),
        ("d9 fa", (0,), False, IE | DE | PE, 0), ("d9 e5", (), False, 0, None), ("dd c1", (), False, 0, None),
    ],
)  # fmt: skip
def test_an_x87_instruction(
    text: str, reads: tuple[int, ...], pushes: bool, raises: int, result: int | None
) -> None:
    found = operation(insn(text))
    assert (found.reads, found.pushes, found.raises, found.result) == (reads, pushes, raises, result)


@pytest.mark.parametrize(
    ("text", "size", "lanes", "both", "result"),
    [
        ("0f 58 c1", 4, 4, True, 4), ("66 0f 58 c1", 8, 2, True, 8), ("f3 0f 5e c1", 4, 1, True, 4),
        ("f2 0f 51 c1", 8, 1, False, 0), ("0f 2e c1", 4, 1, True, 0), ("f2 0f 5a c1", 8, 1, False, 4),
        ("f3 0f 2a c1", 0, 1, False, 0), ("0f 5d c1", 4, 4, True, 0),
    ],
)  # fmt: skip
def test_an_sse_instruction(text: str, size: int, lanes: int, both: bool, result: int) -> None:
    found = calculation(insn(text))
    assert isinstance(found, Sse)
    assert (found.size, found.lanes, found.both, found.result) == (size, lanes, both, result)


@pytest.mark.parametrize("text", ["0f 28 c1", "0f 53 c1", "0f 57 c1", "66 0f fe c1", "f3 0f e6 c1", "f2 0f 2a c1"])
def test_moves_and_exact_conversions_raise_nothing(text: str) -> None:
    assert calculation(insn(text)) is None


@pytest.mark.parametrize(("text", "mmx"), [
    ("0f 6f c1", True), ("66 0f 6f c1", False), ("0f 77", True), ("0f 2a c1", True), ("f3 0f 2a c1", False),
    ("0f 2c c1", True), ("66 0f 2a c1", True), ("66 0f 2a 00", False), ("66 0f d6 c1", False), ("f2 0f d6 c1", True),
    ("0f 58 c1", False), ("0f 38 01 c1", True),
])  # fmt: skip
def test_who_uses_the_mmx_registers(text: str, mmx: bool) -> None:
    assert uses_mmx(insn(text)) is mmx
