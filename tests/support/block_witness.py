# SPDX-License-Identifier: GPL-2.0-or-later
"""A witness of every block that the engine runs: was it announced, checked, and what did fetches show then?

It sees the engine's own block hook, which the product never installs, and judges with a decoder pass of its own.
"""

from dataclasses import dataclass, field

from unicorn import UC_HOOK_BLOCK

from patcher.catalogue import classify
from patcher.check import Verdict
from patcher.patch import PatchState
from patcher.tactic import closer
from patcher.x86.decode import Truncated, decode
from vmm.code_pages import CodePage
from vmm.machine import Machine

PAGE = 4096
Key = tuple[int, int, int]  # frame, offset, size


@dataclass
class Witness:
    """`complaints` are sentences; a run that kept the promise has none."""

    machine: Machine
    complaints: list[str] = field(default_factory=list)
    executed: int = 0
    safe: set[Key] = field(default_factory=set)

    def __post_init__(self) -> None:
        machine = self.machine
        self._check = machine._code.check
        machine._code.check = self._checked  # type: ignore[method-assign]
        machine._engine._uc.hook_add(UC_HOOK_BLOCK, self._block)

    def _page(self, linear: int) -> CodePage | None:
        user = 1 << 20 if self.machine.vcpu.cpl == 3 else 0
        page = self.machine._code.executed((linear & 0xFFFF_FFFF) >> 12 | user)
        return page if isinstance(page, CodePage) else None

    def _checked(self, linear: int, size: int, user: int) -> Verdict:
        verdict = self._check(linear, size, user)
        page = self._page(linear)
        if page is not None:
            key = page.frame, linear & 0xFFF, size
            self.safe.discard(key)
            if verdict is Verdict.SAFE:
                self.safe.add(key)
                self._judge(linear, size)
        return verdict

    def _block(self, _uc: object, linear: int, size: int, _data: object) -> None:
        page = self._page(linear)
        if page is None:
            if (linear & 0xFFFF_FFFF) >> 12 not in self.machine._stubs.pages:
                self.complaints.append(f"a block of no code page ran at {linear:#x}")
            return
        self.executed += 1
        if (page.frame, linear & 0xFFF, size) not in self.safe:
            self.complaints.append(f"the block of {size} bytes at {linear:#x} ran unchecked")

    def _judge(self, linear: int, size: int) -> None:
        """A block that was found safe: instruction by instruction as the engine sees it."""
        end = linear + size
        shown = self._bytes(linear, size + 15, "shown")
        original = self._bytes(linear, size + 15, "original")
        at = linear
        while at < end:
            offset = at - linear
            page = self._page(at)
            assert page is not None
            patch = page.scan.patches.get(at & 0xFFF)
            if patch is not None and patch.state is PatchState.ENABLED and self.machine._code.alone is None:
                if end != at + len(patch.replacement):
                    self.complaints.append(f"the block at {linear:#x} goes on past the site at {at:#x}")
                return
            self._judge_insn(page, shown, original, offset, at, end)
            length = self._length(original, offset, page.view.bits)
            at += length

    def _judge_insn(
        self, page: CodePage, shown: bytes, original: bytes, offset: int, at: int, end: int
    ) -> None:
        stop = min(offset + self._length(original, offset, page.view.bits), end - at + offset)
        if shown[offset:stop] != original[offset:stop]:
            self.complaints.append(f"the instruction at {at:#x} shows bytes that are none of the guest's")
        try:
            insn = decode(original, offset, page.view.bits)
        except Truncated:
            return
        row = None if insn is None else classify(insn)
        if insn is None or (
            row is not None and page.view.closing and closer(page.view.closing)(row) is not None
        ):
            self.complaints.append(
                f"the instruction {original[offset:stop].hex(' ')} at {at:#x} is not closed"
            )

    @staticmethod
    def _length(code: bytes, offset: int, bits: int) -> int:
        try:
            insn = decode(code, offset, bits)
        except Truncated:
            return 15
        return 1 if insn is None else len(insn.raw)

    def _bytes(self, linear: int, size: int, which: str) -> bytes:
        out = b""
        while len(out) < size:
            page = self._page(linear + len(out))
            if page is None:
                break
            start = (linear + len(out)) & 0xFFF
            source = page.shown if which == "shown" else self.machine._guest_memory.page(page.ppn)
            out += bytes(source[start : start + size - len(out)])
        return out
