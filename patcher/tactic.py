# SPDX-License-Identifier: GPL-2.0-or-later
"""Which sensitive instructions must be closed, by where they run: the one table of what the engine gets right alone."""

from collections.abc import Callable
from enum import Enum

from patcher.catalogue import SensitiveInsn
from patcher.patch import Tactic


class Closing(Enum):
    """How much is left to the engine."""

    ALL = "all"  # every catalogued instruction traps: teaching, tracing, oracle
    KERNEL = "kernel"  # virtual ring 0 with the interrupt flag real
    USER = "user"  # virtual ring 3 with IOPL below 3: IOPL and IF are real
    CHECKED = "checked"  # the same with CR0.AM set: a change of AC must be seen


# Effects that the engine performs exactly as the guest must see them: selectors are the guest's own (the state area
# holds what the guest loaded), arpl and bound touch no privileged state, and cli and sti act on the real flag or fault.
# fnstsw ax lacks the flags of exceptions that were raised masked; it is hot in comparisons, and few look at those.
_NATIVE = frozenset({"mov r/m,sreg", "push sreg", "arpl", "bound", "cli", "sti", "fnstsw ax"})
_LEFT_ALONE: dict[Closing, frozenset[str]] = {
    Closing.ALL: frozenset(),
    Closing.KERNEL: _NATIVE,
    Closing.USER: _NATIVE | {"pushf", "popf"},
    Closing.CHECKED: _NATIVE | {"pushf"},
}


def closer(closing: Closing) -> Callable[[SensitiveInsn], Tactic | None]:
    """A function from catalogue row to the first tactic for it, None when the row may run as it is."""
    left_alone = _LEFT_ALONE[closing]

    def closes(row: SensitiveInsn) -> Tactic | None:
        return None if row.effect in left_alone else Tactic.TRAP

    return closes
