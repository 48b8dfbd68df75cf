# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the engine refuse an instruction outright? Asked of a throw-away engine in the same mode.

The engine ends an instruction early when it knows, before it has read all of it, that it will raise #UD or #NM: an
undefined form, or an x87, MMX or SSE instruction while CR0.TS or EM is set. To the check of blocks that looks like
an instruction of another length. Here exactly the bytes it has read are run: when they raise, and nothing else
happens, the instruction cannot do anything but raise, whatever the registers and the memory hold, because the
engine has decided so while it translated. (Whether the processor raises #UD as well is the catalogue's matter.)
"""

import ctypes
import mmap

from patcher.x86.exceptions import NM, UD
from vmm.engine.state_area import StateArea
from vmm.engine.unicorn_engine import ACCESS_FETCH, PAGE, PROT_EXEC, Callbacks, UnicornEngine

MOST_REMEMBERED = 4096
_AT = 0x100  # linear address at which the bytes are tried


class SecondOpinion:
    """`opinion(code)`: does the engine whose state is `area` answer these bytes, and no more, with #UD or #NM?"""

    def __init__(self, area: StateArea, cpu: str) -> None:
        self._asked_for = area
        self._cpu = cpu
        self._engine: UnicornEngine | None = None
        self._known: dict[tuple[bytes, int], bool] = {}

    def __call__(self, code: bytes) -> bool:
        key = code, self._asked_for.mode
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            known = self._known[key] = self._ask(code)
        return known

    def _ask(self, code: bytes) -> bool:
        engine = self._engine or self._make()
        engine.area.copy_mode(self._asked_for)
        engine.area.eip = _AT
        engine.area.land_exception()
        self._memory[:] = b"\xcc" * PAGE
        self._memory[_AT : _AT + len(code)] = code
        engine.flush_blocks()
        engine.flush_tlb()
        self._sizes: list[int] = []
        self._raised: int | None = None
        engine.run()
        return self._answered(code)

    def _answered(self, code: bytes) -> bool:
        assert self._engine is not None
        return self._sizes == [len(code)] and self._raised in (NM, UD) and self._engine.area.eip == _AT

    def _make(self) -> UnicornEngine:
        self._memory = mmap.mmap(-1, PAGE)
        self._engine = engine = UnicornEngine(self._memory, 1, cpu=self._cpu)
        engine.install(Callbacks(self._interrupt, self._invalid, self._fill, self._block))
        return engine

    def _interrupt(self, _handle: int, vector: int, _data: int) -> None:
        self._end(vector)

    def _invalid(self, _handle: int, _data: int) -> bool:
        self._end(UD)
        return True

    def close(self) -> None:
        """Free the engine, if there was one."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def _end(self, vector: int) -> None:
        assert self._engine is not None
        if self._raised is None:
            self._raised = vector
        self._engine.stop()

    def _fill(self, _handle: int, linear: int, access: int, answer: int, _data: int) -> bool:
        """Code lies in one page and nothing else anywhere: whatever reaches for memory ends the trial."""
        if access != ACCESS_FETCH or linear >> 12:
            return False
        slot = (ctypes.c_uint64 * 2).from_address(answer)
        slot[0], slot[1] = 0, PROT_EXEC
        return True

    def _block(self, _linear: int, size: int) -> None:
        self._sizes.append(size)
        if len(self._sizes) > 1:
            self._end(-1)
