# SPDX-License-Identifier: GPL-2.0-or-later
"""From an encoding to the row that claims it: one dict look-up decides for nearly every instruction."""

from collections.abc import Iterable, Iterator
from typing import Final

from patcher.catalogue.row import Form, SensitiveInsn
from patcher.errors import PatcherError
from patcher.x86.insn import Insn

REGISTER_FORM: Final = 8

Slot = tuple[SensitiveInsn, ...]
Cells = dict[int, tuple[Slot, ...]]
"""opmap << 8 | opcode → 16 slots, indexed by ModRM.reg, plus 8 when ModRM names a register."""


class DuplicateClaim(PatcherError):
    """Two rows claim one encoding."""


def slots_of(row: SensitiveInsn) -> Iterator[int]:
    """The slots of its opcode's cell that a row claims."""
    for reg in range(8) if row.key.regs is None else row.key.regs:
        if row.key.form is not Form.REGISTER:
            yield reg
        if row.key.form is not Form.MEMORY:
            yield reg | REGISTER_FORM


def _overlap(one: tuple[int, ...] | None, other: tuple[int, ...] | None) -> bool:
    return one is None or other is None or bool(set(one) & set(other))


def _clash(one: SensitiveInsn, other: SensitiveInsn) -> bool:
    return (
        bool(one.modes & other.modes)
        and _overlap(one.key.prefixes, other.key.prefixes)
        and _overlap(one.key.rms, other.key.rms)
    )


def build_cells(rows: Iterable[SensitiveInsn]) -> Cells:
    """Index rows by encoding. Raises ``DuplicateClaim`` when two rows claim one."""
    cells: dict[int, list[Slot]] = {}
    for row in rows:
        cell = cells.setdefault(row.key.opmap << 8 | row.key.opcode, [()] * 16)
        for slot in slots_of(row):
            for other in cell[slot]:
                if _clash(row, other):
                    raise DuplicateClaim(
                        f"{row} of {row.family} and {other} of {other.family} claim one encoding"
                    )
            cell[slot] += (row,)
    return {key: tuple(slots) for key, slots in cells.items()}


def mandatory_prefix(insn: Insn) -> int:
    """F2 or F3, the last of them; else 66; else 0 (SDM vol. 2A, section 2.1.2)."""
    return insn.rep or (0x66 if 0x66 in insn.raw[: insn.prefixes] else 0)


def pick(slot: Slot, insn: Insn) -> SensitiveInsn | None:
    """The row of a slot that means this instruction."""
    for row in slot:
        key = row.key
        if (
            insn.bits in row.modes
            and (key.rms is None or insn.rm in key.rms)
            and (key.prefixes is None or mandatory_prefix(insn) in key.prefixes)
        ):
            return row
    return None
