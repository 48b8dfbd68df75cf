# SPDX-License-Identifier: GPL-2.0-or-later
"""Unicorn as the physical processor (only this module and the siblings that say so in their docstring touch it).

Everything on the hot path is a bare ctypes call or a callback without the binding in between. The four callbacks get
the engine's raw arguments; whoever installs them must not let an exception out, because ctypes can only print it.
"""

import contextlib
import ctypes
import mmap
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import unicorn
from unicorn import x86_const as x86
from unicorn.unicorn_py3.unicorn import uclib

from vmm.engine.learn import Learned, handle_of, learn
from vmm.engine.state_area import StateArea

FRAMES_BASE = 0x1_0000_0000  # Hpa: code frames, above all that a 32-bit guest can have as RAM
OPEN_BUS = 0x3_0000_0000  # Hpa: one page that answers all ones and drops writes
PAGE = 4096

ACCESS_READ, ACCESS_WRITE, ACCESS_FETCH = unicorn.UC_MEM_READ, unicorn.UC_MEM_WRITE, unicorn.UC_MEM_FETCH
PROT_READ, PROT_WRITE, PROT_EXEC = unicorn.UC_PROT_READ, unicorn.UC_PROT_WRITE, unicorn.UC_PROT_EXEC
RUN_OK, RUN_REFUSED = unicorn.UC_ERR_OK, unicorn.UC_ERR_EXCEPTION
RUN_INVALID = unicorn.UC_ERR_INSN_INVALID

# "default" is QEMU32, as our default model; "native" is the one whose own EFER knows NXE.
_CPU_MODELS = {"486": x86.UC_CPU_X86_486, "pentium": x86.UC_CPU_X86_PENTIUM, "native": x86.UC_CPU_X86_QEMU64}

_SHORT = ctypes.PyDLL(uclib._name)  # the same library, for calls too short to let another thread run
_EFLAGS = ctypes.c_int(x86.UC_X86_REG_EFLAGS)
_WRITE = 1 << 30
_TLB_FLUSH = unicorn.UC_CTL_TLB_FLUSH | _WRITE
_TB_FLUSH = unicorn.UC_CTL_TB_FLUSH | _WRITE
_TB_REMOVE = unicorn.UC_CTL_TB_REMOVE_CACHE | 2 << 26 | _WRITE

_INTERRUPT = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p)
_INVALID = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_void_p)
_FILL = ctypes.CFUNCTYPE(
    ctypes.c_bool, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p
)
_BLOCK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint64 * 2), ctypes.c_void_p, ctypes.c_void_p)
_INSTRUCTIONS = {
    "in": ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_void_p),
    "out": ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint32, ctypes.c_void_p),
    "cpuid": ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p),
    "rdtsc": ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p),
}


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What the engine calls. `fill` answers through `Engine.answer`; `block` gets (pc, size) of a new translation."""

    interrupt: Callable[[int, int, int], None]  # (handle, vector, data)
    invalid: Callable[[int, int], bool]  # (handle, data) -> go on?
    fill: Callable[[int, int, int, int, int], bool]  # (handle, linear page, access, answer, data) -> mapped?
    block: Callable[[int, int], None]  # (linear start, bytes)


@cache
def _learned() -> Learned:
    return learn()


class UnicornEngine:
    """One engine with `ram` as physical memory from 0 and `frames` code frames from `FRAMES_BASE`.

    `ram` must outlive the engine. `area` is the live processor state.
    """

    def __init__(self, ram: mmap.mmap, frames: int, counted: bool = False, cpu: str = "default") -> None:
        learned = _learned()
        self._uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_32)
        self._uc.ctl_set_cpu_model(_CPU_MODELS.get(cpu, x86.UC_CPU_X86_QEMU32))
        self._handle = self._uc._uch
        self._keep: list[object] = []
        self._block_bootstrap()
        self.frames = mmap.mmap(-1, frames * PAGE)
        self._map(0, ram)
        self._map(FRAMES_BASE, self.frames)
        self._uc.ctl_exits_enabled(True)
        self._uc.ctl_set_tlb_mode(unicorn.UC_TLB_VIRTUAL)
        self._address = ctypes.c_void_p(handle_of(self._uc))
        self._flags = ctypes.c_uint32()
        self._flags_ref = ctypes.byref(self._flags)
        self.area = StateArea(self._image(learned), learned.layout, self._computed_flags)
        self._fault = ctypes.c_uint64.from_address(handle_of(self._uc) + learned.fault_address)
        self._counter = ctypes.c_uint64.from_address(handle_of(self._uc) + learned.counter)
        self._budget, self._stopped = 0, False
        # Budgets end inside blocks, and only where the counting hook says so; other stops must wait for a block's end.
        ctypes.c_ubyte.from_address(handle_of(self._uc) + learned.no_mid_block_stop).value = not counted

    def _image(self, learned: Learned) -> memoryview:
        pointer = ctypes.c_uint64.from_address(handle_of(self._uc) + learned.cpu_pointer).value
        image = (ctypes.c_ubyte * learned.layout.size).from_address(pointer + learned.image)
        return memoryview(image)

    def _block_bootstrap(self) -> None:
        """Two blocks at first: the block callback is blind until the engine has gone from one to another."""
        self._uc.mem_map(0, PAGE)
        self._uc.mem_write(0, b"\xeb\x00\x90")
        self._uc.emu_start(0, 3)
        self._uc.mem_unmap(0, PAGE)

    def _map(self, hpa: int, memory: mmap.mmap) -> None:
        buffer = (ctypes.c_ubyte * len(memory)).from_buffer(memory)
        self._keep.append(buffer)
        self._uc.mem_map_ptr(hpa, len(memory), unicorn.UC_PROT_ALL, ctypes.addressof(buffer))

    def map_mmio(
        self, hpa: int, size: int, read: Callable[[int, int], int], write: Callable[[int, int, int], None]
    ) -> None:
        """Let `read(offset, size)` and `write(offset, size, value)` answer for `size` bytes at `hpa`."""
        self._uc.mmio_map(
            hpa, size, lambda _uc, offset, width, _data: read(offset, width), None,
            lambda _uc, offset, width, value, _data: write(offset, width, value), None,
        )  # fmt: skip

    def install(self, callbacks: Callbacks) -> None:
        """Install the four callbacks, once, before the first `run`."""
        block = callbacks.block
        self._hook(unicorn.UC_HOOK_INTR, _INTERRUPT(callbacks.interrupt))
        self._hook(unicorn.UC_HOOK_INSN_INVALID, _INVALID(callbacks.invalid))
        self._hook(unicorn.UC_HOOK_TLB_FILL, _FILL(callbacks.fill))
        self._hook(
            unicorn.UC_HOOK_EDGE_GENERATED,
            _BLOCK(lambda _uc, tb, _previous, _data: block(tb.contents[0], tb.contents[1] >> 16 & 0xFFFF)),
        )

    def hook_instruction(self, instruction: str, callback: Callable[..., int | None]) -> None:
        """Have `callback` run for "in" (port, size), "out" (port, size, value), "cpuid" or "rdtsc" (): for native runs.

        A callback for cpuid or rdtsc returns 1 to say that it has done the instruction's work.
        """
        kind = _INSTRUCTIONS[instruction]
        number = getattr(x86, f"UC_X86_INS_{instruction.upper()}")
        wrapped = kind(lambda _uc, *arguments: callback(*arguments[:-1]))
        self._hook(unicorn.UC_HOOK_INSN, wrapped, ctypes.c_int(number))

    def _hook(self, kind: int, function: object, *more: object) -> None:
        handle = ctypes.c_size_t()
        self._keep.append((function, handle))
        status = uclib.uc_hook_add(
            self._handle, ctypes.byref(handle), kind, ctypes.cast(function, ctypes.c_void_p),  # type: ignore[arg-type]
            None, ctypes.c_uint64(1), ctypes.c_uint64(0), *more,
        )  # fmt: skip
        if status != unicorn.UC_ERR_OK:
            raise unicorn.UcError(status)

    # --- running

    def run(self, count: int = 0) -> int:
        """Run from the area's EIP until stopped, `count` instructions (0: no budget) or a refused access; a status."""
        area, self._budget, self._stopped = self.area, count, False
        area.running = True
        try:
            return int(uclib.uc_emu_start(self._handle, area.eip, 0, 0, count))
        finally:
            area.running = False

    @property
    def executed(self) -> int:
        """Instructions of this run so far; only counted when `run` was given a budget."""
        return min(self._counter.value, self._budget)

    @property
    def halted(self) -> bool:
        """Did the last run end by the engine's own hlt: nobody stopped it, and no budget was spent?"""
        return not self._stopped and not (self._budget and self._counter.value > self._budget)

    def stop(self) -> None:
        """End `run` at the next block boundary; may be called from any thread and from callbacks."""
        self._stopped = True
        uclib.uc_emu_stop(self._handle)

    @property
    def fault_address(self) -> int:
        """The exact linear address of the access that `fill` refused last."""
        return self._fault.value & 0xFFFF_FFFF

    # --- registers that the area does not show

    def reset_fpu(self) -> None:
        """x87 and SSE state as after a reset followed by FNINIT (SDM vol. 3A, table 10-1)."""
        write = self._uc.reg_write
        for control, value in ((x86.UC_X86_REG_FPCW, 0x37F), (x86.UC_X86_REG_FPSW, 0), (x86.UC_X86_REG_FPTAG, 0xFFFF)):
            write(control, value)
        for i in range(8):
            write(x86.UC_X86_REG_FP0 + i, (0, 0))
            write(x86.UC_X86_REG_XMM0 + i, 0)
        write(x86.UC_X86_REG_MXCSR, 0x1F80)
        self.area.floats.reset()

    def msr(self, number: int) -> int:
        """A model-specific register of the engine itself: native runs only."""
        return int(self._uc.msr_read(number))

    # --- translations

    def flush_tlb(self) -> None:
        _SHORT.uc_ctl(self._address, _TLB_FLUSH)

    def flush_blocks(self) -> None:
        uclib.uc_ctl(self._handle, _TB_FLUSH)

    def remove_blocks(self, begin: int, end: int) -> None:
        """Drop translations that cover linear [begin, end); the pages must be fetchable now."""
        uclib.uc_ctl(self._handle, _TB_REMOVE, ctypes.c_uint64(begin), ctypes.c_uint64(end))

    def _computed_flags(self) -> int:
        _SHORT.uc_reg_read(self._address, _EFLAGS, self._flags_ref)
        return self._flags.value

    def close(self) -> None:
        """Free the engine at once. Afterwards the area raises ValueError, and the frames are empty."""
        self.area.release()
        self._uc._Uc__finalizer()
        self._keep.clear()
        with contextlib.suppress(AttributeError, OSError):  # where the host cannot, the collector does it later
            self.frames.madvise(mmap.MADV_REMOVE)
        del self._uc, self._fault, self._counter
