# SPDX-License-Identifier: GPL-2.0-or-later
"""Against a processor: what it answers with #UD either has a row, or the engine refuses it as well.

``undefined-forms.txt`` was measured on a processor (its head says how); the engine is asked here and now.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from bare_engine import BareEngine
from encodings_to_try import ESCAPES, opcodes

from patcher.catalogue import classify, is_lockable
from patcher.catalogue.invalid import LOCKED, UNDECODABLE
from patcher.x86.decode import decode
from patcher.x86.opcodes import MAPS

TABLE = Path(__file__).with_name("undefined-forms.txt")
LOCK = 0xF0


@dataclass(frozen=True, slots=True)
class Undefined:
    """A line of the table: bits of the masks are values of ModRM.reg."""

    prefix: int | None
    opmap: int
    opcode: int
    memory: int
    register: int

    def code(self, reg: int, register: bool) -> bytes:
        modrm = (0xC1 if register else 0x00) | reg << 3
        prefix = b"" if self.prefix is None else bytes((self.prefix,))
        return prefix + ESCAPES[self.opmap] + bytes((self.opcode, modrm)) + bytes(12)

    def forms(self) -> Iterator[bytes]:
        for reg in range(8):
            if self.memory >> reg & 1:
                yield self.code(reg, register=False)
            if self.register >> reg & 1:
                yield self.code(reg, register=True)


def table() -> list[Undefined]:
    lines = [line.split() for line in TABLE.read_text("ascii").splitlines() if not line.startswith("#")]
    return [
        Undefined(
            None if prefix == "--" else int(prefix, 16),
            int(len(opcode) > 2),
            int(opcode[-2:], 16),
            int(memory, 16),
            int(register, 16),
        )
        for prefix, opcode, memory, register in lines
    ]


UNDEFINED = [line for line in table() if line.prefix != LOCK]
LOCKS = {(line.opmap, line.opcode): line for line in table() if line.prefix == LOCK}


def test_the_table_is_read() -> None:
    assert (len(UNDEFINED), len(LOCKS)) == (441, 33)


@pytest.mark.parametrize("opmap", [0, 1])
def test_what_a_processor_refuses_has_a_row_or_is_refused_by_the_engine(opmap: int) -> None:
    engine = BareEngine(32)
    runs = []
    for line in UNDEFINED:
        for code in line.forms() if line.opmap == opmap else ():
            insn = decode(code, 0, 32)
            row = UNDECODABLE if insn is None else classify(insn)  # as a scan has it
            if row is None and engine.run(code).length is not None:
                runs.append(code[:5].hex(" "))
    assert runs == []


def test_some_forms_are_refused_by_the_processor_alone() -> None:
    """The check above must not pass because the engine refuses everything."""
    assert BareEngine(32).run(bytes.fromhex("8f c8")).length == 2
    assert BareEngine(32).run(bytes.fromhex("f0 9c")).length == 2


@pytest.mark.parametrize("opmap", [0, 1])
def test_a_lock_is_allowed_where_the_processor_allows_it(opmap: int) -> None:
    """Opcodes that are not in the table refuse every lock."""
    for where in opcodes((opmap,)):
        line = LOCKS.get(where) or Undefined(LOCK, *where, 0xFF, 0xFF)
        for reg in range(8):
            for register in (False, True) if MAPS[opmap][where[1]].has_modrm else (True,):
                insn = decode(line.code(reg, register), 0, 32)
                allowed = not (line.register if register else line.memory) >> reg & 1
                if insn is not None:
                    assert is_lockable(insn) == allowed, insn.raw.hex(" ")
                    assert (classify(insn) is LOCKED) != allowed
