# SPDX-License-Identifier: GPL-2.0-or-later
"""What happens at one patched site: resolved at its first exit, remembered with the code page."""

from collections.abc import Callable

from patcher.catalogue import SensitiveInsn
from patcher.x86.insn import Insn
from vmm.processor import Processor


class Action:
    """The effect of one site's instruction; `count` exits so far."""

    __slots__ = ("count", "effect", "insn", "row")

    def __init__(self, effect: Callable[[Processor, Insn], None], insn: Insn, row: SensitiveInsn) -> None:
        self.effect, self.insn, self.row, self.count = effect, insn, row, 0
