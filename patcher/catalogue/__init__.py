# SPDX-License-Identifier: GPL-2.0-or-later
"""The sensitive instructions: one file a family, one row an encoding, keyed by encoding, not by name.

A file dropped into this folder with a tuple ``ROWS`` adds its rows; two rows that claim one encoding raise at
import.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import Final

from patcher.catalogue.index import REGISTER_FORM, build_cells, pick
from patcher.catalogue.invalid import LOCKED, VEX
from patcher.catalogue.row import Form, Key, Origin, RobinIrvine, Runs, SensitiveInsn, Sensitivity
from patcher.x86.insn import VEX_MAP, Insn
from patcher.x86.opcodes import LOCKABLE

__all__ = [
    "CATALOGUE", "Form", "Key", "Origin", "RobinIrvine", "Runs", "SensitiveInsn", "Sensitivity",
    "classify", "is_lockable",
]  # fmt: skip


def _rows() -> tuple[SensitiveInsn, ...]:
    modules = [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]
    return tuple(row for module in modules for row in getattr(module, "ROWS", ()))


CATALOGUE: Final = _rows()
"""Every row that is claimed by an encoding."""

_CELLS: Final = build_cells(CATALOGUE)


def is_lockable(insn: Insn) -> bool:
    """May this instruction be locked? Only some, with a memory destination (SDM vol. 2A, LOCK)."""
    return insn.is_memory and bool(LOCKABLE.get((insn.opmap, insn.opcode), 0) >> insn.reg & 1)


def classify(insn: Insn) -> SensitiveInsn | None:
    """The row that claims ``insn``, None for an ordinary instruction.

    The rows of family ``invalid`` stand for what the processor answers with #UD: a lock prefix where none may
    be, operands that do not exist, encodings of features that it does not have.
    """
    if insn.lock and not is_lockable(insn):
        return LOCKED
    cell = _CELLS.get(insn.opmap << 8 | insn.opcode)
    if cell is None:
        return VEX if insn.opmap == VEX_MAP and insn.bits != 64 else None
    return pick(cell[insn.reg if insn.is_memory else insn.reg | REGISTER_FORM], insn)
