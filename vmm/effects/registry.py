# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of effects by name: each file of a family adds its own."""

from collections.abc import Callable

from patcher.x86.insn import Insn
from vmm.processor import Processor

Effect = Callable[[Processor, Insn], None]

EFFECTS: dict[str, Effect] = {}
"""Effect by the name that catalogue rows use."""


def effect(*names: str) -> Callable[[Effect], Effect]:
    """Register the function under ``names``; a name that is taken is an error at import."""

    def register(function: Effect) -> Effect:
        for name in names:
            if name in EFFECTS:
                raise ValueError(f"The effect {name!r} has two functions: {EFFECTS[name]} and {function}.")
            EFFECTS[name] = function
        return function

    return register
