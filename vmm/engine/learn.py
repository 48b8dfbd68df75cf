# SPDX-License-Identifier: GPL-2.0-or-later
"""Learning, at start-up, where the engine keeps its processor state (a sibling of `unicorn_engine.py`).

A throw-away engine is given values that occur nowhere else, and its memory is searched for them. Nothing is assumed
about the release in use: when a field cannot be found, `EngineLayoutError` names it and the monitor does not start.
The search reads this process's own memory through `/proc/self/mem`, which answers a wild pointer with an error
instead of a crash.
"""

import ctypes
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass

import unicorn
from unicorn import x86_const as x86

from vmm.engine.learn_floats import find_floats
from vmm.engine.state_layout import HF_EM, HF_MP, HF_TS, SEGMENT_BYTES, StateLayout
from vmm.errors import VmmError

REGS = (
    x86.UC_X86_REG_EAX, x86.UC_X86_REG_ECX, x86.UC_X86_REG_EDX, x86.UC_X86_REG_EBX,
    x86.UC_X86_REG_ESP, x86.UC_X86_REG_EBP, x86.UC_X86_REG_ESI, x86.UC_X86_REG_EDI,
)  # fmt: skip
MARKS = tuple(0x5A17_0B01 + 0x0103_0507 * i for i in range(8))
HANDLE_BYTES = 0x2000  # how much of the engine's handle is searched for pointers and for the fault address
IMAGE_BYTES = 0x2000  # how much of the processor image is looked at
FIRST_WORDS = 0x100  # behind them may lie the interpreter's own memory, where our numbers turn up as its integers
NEAR_WORDS = 0x80  # the fields of an exception lie together; farther off its numbers turn up by chance
CODE = 0x1000
MID_BLOCK_STOP = (0x7F2,)  # Unicorn 2.1.4, 64-bit


class EngineLayoutError(VmmError):
    """The engine does not keep its state where, or as, this monitor can find it."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What holds for every engine of the same library: offsets within the image and within the handle."""

    layout: StateLayout
    cpu_pointer: int  # offset in the handle of the pointer that leads to the image
    image: int  # offset of the image from where that pointer points
    fault_address: int  # offset in the handle of the last refused address
    no_mid_block_stop: int  # offset in the handle of the byte that keeps `emu_stop` from ending a block midway
    counter: int  # offset in the handle of the instructions counted in a run with a budget (one more when it is spent)


def handle_of(uc: unicorn.Uc) -> int:
    return int(uc._uch.value)


def learn() -> Learned:
    """Offsets for the installed engine. Raises `EngineLayoutError` naming what could not be found."""
    probe = _Probe()
    try:
        return probe.learn()
    finally:
        probe.close()


class _Probe:
    """One throw-away engine and the searches made on it."""

    def __init__(self) -> None:
        self.uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_32)
        self.uc.mem_map(0, 0x4000)
        try:
            self.memory = os.open("/proc/self/mem", os.O_RDONLY)
        except OSError as error:
            raise EngineLayoutError(f"cannot look at the engine's state: /proc/self/mem: {error.strerror}") from error

    def close(self) -> None:
        os.close(self.memory)

    def read(self, address: int, size: int) -> bytes:
        try:
            return os.pread(self.memory, size, address)
        except (OSError, OverflowError):
            return b""

    def learn(self) -> Learned:
        pointer, offset = self._find_image()
        start = struct.unpack("<Q", self.read(handle_of(self.uc) + pointer, 8))[0] + offset
        words = (ctypes.c_uint32 * (IMAGE_BYTES // 4)).from_address(start)
        layout = self._find_fields(start, (ctypes.c_uint32 * FIRST_WORDS).from_address(start), words)
        counter, fault = self._find_counter(), self._find_fault_address()
        return Learned(layout, pointer, offset, fault, self._find_no_mid_block_stop(), counter)

    def _find_image(self) -> tuple[int, int]:
        for register, mark in zip(REGS, MARKS, strict=True):
            self.uc.reg_write(register, mark)
        pattern = b"".join(struct.pack("<Q", mark) for mark in MARKS)
        handle = self.read(handle_of(self.uc), HANDLE_BYTES)
        writable = _writable_ranges()
        found = []
        for pointer in range(0, len(handle) - 7, 8):
            target = struct.unpack_from("<Q", handle, pointer)[0]
            room = next((end - target for begin, end in writable if begin <= target < end), 0)
            offset = self.read(target, min(room, 0x10000)).find(pattern) if room else -1
            if offset >= 0:
                found.append((offset, pointer))
        if not found:
            raise EngineLayoutError("the engine's general registers were not found in its memory")
        offset, pointer = min(found)  # the nearest pointer is the processor's own
        return pointer, offset

    def _find_fields(
        self, start: int, words: "ctypes.Array[ctypes.c_uint32]", image: "ctypes.Array[ctypes.c_uint32]"
    ) -> StateLayout:
        """`words` is where `image` begins, at `start`: registers, flags, segments and control registers lie there."""
        uc = self.uc
        eip = self._written(words, "EIP", lambda v: uc.reg_write(x86.UC_X86_REG_EIP, v), 0x0BAD_1234, 0x0BAD_4321)
        cr2 = self._written(words, "CR2", lambda v: uc.reg_write(x86.UC_X86_REG_CR2, v), 0x0CAF_1234, 0x0CAF_4321)
        gdt = self._written(words, "GDTR", lambda v: uc.reg_write(x86.UC_X86_REG_GDTR, (0, v, 0, 0)), 0xDAD0, 0xFAD0)
        eflags, cc_src, df = self._find_flags(words)
        hflags = self._find_hflags(words)
        old, error = self._find_exception(image)
        # The lazy flags lie between EFLAGS and the summary: dst, src, src2, op, df (verified by `_find_flags`).
        return StateLayout(
            regs=0, eip=eip, eflags=eflags, cc_dst=cc_src - 8, cc_src=cc_src, cc_op=df - 4, df=df, hflags=hflags,
            segments=gdt - 8 - 8 * SEGMENT_BYTES, cr=cr2 - 16, old_exception=old, error_code=error,
            floats=find_floats(uc, start, self._run), size=IMAGE_BYTES,
        )  # fmt: skip

    def _written(
        self, words: "ctypes.Array[ctypes.c_uint32]", name: str, write: Callable[[int], None], first: int, second: int
    ) -> int:
        """The one offset that shows both values after each was written."""
        write(first)
        before = list(words)
        write(second)
        return self._only(name, [i for i, w in enumerate(words) if w == second and before[i] == first])

    def _find_flags(self, words: "ctypes.Array[ctypes.c_uint32]") -> tuple[int, int, int]:
        def write(value: int) -> list[int]:
            self.uc.reg_write(x86.UC_X86_REG_EFLAGS, value)
            return list(words)

        clear, set_ = write(0x2), write(0x2 | 0x8D5 | 0x400 | 0x4000)  # every arithmetic flag, DF, and NT as it stands
        changed = [i for i, w in enumerate(set_) if w != clear[i]]
        eflags = self._only("EFLAGS", [i for i in changed if set_[i] & ~clear[i] & 0xFFFF_F000 == 0x4000])
        cc_src = self._only("the lazy flags", [i for i in changed if set_[i] == 0x8D5 and clear[i] == 0])
        df = self._only("the direction flag", [i for i in changed if set_[i] == 0xFFFF_FFFF and clear[i] == 1])
        write(0x2)
        if words[df // 4 - 1] != 1:
            raise EngineLayoutError("the engine's marker for plain flags is not where it was expected")
        return eflags, cc_src, df

    def _find_hflags(self, words: "ctypes.Array[ctypes.c_uint32]") -> int:
        cr0 = self.uc.reg_read(x86.UC_X86_REG_CR0)
        before = list(words)
        self.uc.reg_write(x86.UC_X86_REG_CR0, cr0 | 0xE)
        wanted = HF_MP | HF_EM | HF_TS
        found = [i for i, w in enumerate(words) if w & ~before[i] == wanted and not before[i] & ~w]
        self.uc.reg_write(x86.UC_X86_REG_CR0, cr0)
        return self._only("the mode summary", found)

    def _find_exception(self, words: "ctypes.Array[ctypes.c_uint32]") -> tuple[int, int]:
        uc = self.uc
        hook = uc.hook_add(unicorn.UC_HOOK_INTR, lambda *_: uc.emu_stop())
        self._run(b"\x31\xc9")  # the first run fills translations, which lie in the same memory and begin as -1
        before = list(words)
        self._run(b"\x31\xc9\xf7\xf1")  # xor ecx, ecx; div ecx: #DE
        old = self._only("the exception in flight", [
            i for i, w in enumerate(words) if before[i] == 0xFFFF_FFFF and w == 0
        ])  # fmt: skip
        candidates = None
        for selector in (0x1234, 0x5674):  # mov eax, selector; mov ds, eax: #GP(selector)
            words[old // 4] = 0xFFFF_FFFF
            self._run(b"\xb8" + struct.pack("<I", selector) + b"\x8e\xd8")
            shown = {i for i, w in enumerate(words) if w == selector and abs(i - old // 4) < NEAR_WORDS}
            candidates = shown if candidates is None else candidates & shown
        words[old // 4] = 0xFFFF_FFFF
        uc.hook_del(hook)
        return old, self._only("the error code", sorted(candidates or ()))

    def _run(self, code: bytes) -> None:
        self.uc.mem_write(CODE, code + b"\xf4")
        self.uc.ctl_flush_tb()
        self.uc.emu_start(CODE, CODE + len(code))

    def _find_counter(self) -> int:
        found = None
        for budget in (77, 123):
            self.uc.mem_write(CODE, b"\x40" * 200)  # inc eax
            self.uc.ctl_flush_tb()
            self.uc.emu_start(CODE, CODE + 200, count=budget)
            handle = self.read(handle_of(self.uc), HANDLE_BYTES)
            shown = {i for i in range(0, len(handle) - 7, 8) if struct.unpack_from("<Q", handle, i)[0] == budget + 1}
            found = shown if found is None else found & shown
        return self._only("the instruction counter", [i // 4 for i in sorted(found or ())])

    def _find_fault_address(self) -> int:
        uc, marks, found = self.uc, (0x4567_8ABC, 0x5678_9DEC), None
        uc.ctl_set_tlb_mode(unicorn.UC_TLB_VIRTUAL)

        def fill(_uc: object, address: int, _access: int, entry: "ctypes.Structure", _data: object) -> bool:
            entry.paddr, entry.perms = address, unicorn.UC_PROT_ALL
            return address < 0x4000

        hook = uc.hook_add(unicorn.UC_HOOK_TLB_FILL, fill)
        for mark in marks:
            try:
                self._run(b"\xa1" + struct.pack("<I", mark))  # mov eax, [mark]
            except unicorn.UcError:
                handle = self.read(handle_of(uc), HANDLE_BYTES)
                shown = {i for i in range(0, len(handle) - 7, 8) if struct.unpack_from("<Q", handle, i)[0] == mark}
                found = shown if found is None else found & shown
        uc.hook_del(hook)
        return self._only("the refused address", [i // 4 for i in sorted(found or ())])

    def _find_no_mid_block_stop(self) -> int:
        """Where stops can be confined to block boundaries.

        After every memory access that takes the slow path the engine looks whether it shall stop. A stop there leaves
        EIP at an instruction that has already written memory: `inc [mem]` would count twice. A byte in the handle,
        meant for another processor's conditional blocks, leaves those looks out of the translation. Its place is known
        for the releases in `MID_BLOCK_STOP`, and it is tried here.
        """
        for offset in MID_BLOCK_STOP:
            flag = ctypes.c_ubyte.from_address(handle_of(self.uc) + offset)
            if flag.value == 0 and not self._stops_at_boundary():
                flag.value = 1
                if self._stops_at_boundary():
                    return offset
                flag.value = 0
        raise EngineLayoutError("the engine may stop inside an instruction, and what prevents that was not found")

    def _stops_at_boundary(self) -> bool:
        """Stop during the fill of a store; was the rest of the block still executed?"""
        uc = self.uc
        uc.reg_write(x86.UC_X86_REG_ECX, 0)
        stopping = uc.hook_add(unicorn.UC_HOOK_TLB_FILL, self._stop_on_store)
        uc.ctl(unicorn.UC_CTL_TLB_FLUSH, unicorn.UC_CTL_IO_WRITE)
        self._run(b"\xff\x05" + struct.pack("<I", 0x3000) + b"\x41")  # inc dword [0x3000]; inc ecx
        uc.hook_del(stopping)
        return bool(uc.reg_read(x86.UC_X86_REG_ECX) == 1)

    @staticmethod
    def _stop_on_store(uc: unicorn.Uc, address: int, access: int, entry: "ctypes.Structure", _data: object) -> bool:
        entry.paddr, entry.perms = address, unicorn.UC_PROT_ALL
        if access == unicorn.UC_MEM_WRITE:
            uc.emu_stop()
        elif access == unicorn.UC_MEM_READ:
            entry.perms = unicorn.UC_PROT_READ
        return address < 0x4000

    @staticmethod
    def _only(name: str, found: list[int]) -> int:
        """The byte offset of the one word found."""
        if len(found) != 1:
            raise EngineLayoutError(f"{name}: found at {len(found)} places in the engine's state, expected one")
        return found[0] * 4


def _writable_ranges() -> list[tuple[int, int]]:
    ranges = []
    with open("/proc/self/maps", encoding="ascii", errors="replace") as maps:
        for line in maps:
            span, permissions = line.split()[:2]
            if permissions.startswith("rw"):
                begin, end = span.split("-")
                ranges.append((int(begin, 16), int(end, 16)))
    return ranges
