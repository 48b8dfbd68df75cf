# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine: guest memory, processor, devices and the loop, wired; the front of the Python interface.

with Machine(kernel="vmlinuz", append="console=ttyS0", memory=64) as machine:
    report = machine.run(until="Linux version", timeout=60)
    print(report.serial)
"""

import dataclasses
import re
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from patcher.patch_map import PatchMap
from patcher.x86.segment import TableRegister
from vmm.boot import BootOptions, check_memory, load, read_file
from vmm.callback_time import CallbackTime
from vmm.chardev.backend import CharBackend
from vmm.chardev.buffer import BufferBackend
from vmm.chardev.opening import open_backend
from vmm.chardev.tee import TeeBackend
from vmm.clock import CountedClock, HostClock, Timers
from vmm.code_pages import CodePages
from vmm.console import Keyboard, Screen, SerialConsole
from vmm.cpu_model import model
from vmm.cpu_state import dump
from vmm.devices.debug_exit import DebugExitPort
from vmm.devices.pc import Pc, PcOptions, PcSignals
from vmm.engine.second_opinion import SecondOpinion
from vmm.engine.unicorn_engine import OPEN_BUS, Callbacks, UnicornEngine
from vmm.errors import VmmError
from vmm.exits import Exits
from vmm.fills import Fills
from vmm.floats import Floats
from vmm.guest_view import LinearMemory, Registers
from vmm.limits import Limits
from vmm.memory import MIB, PAGE, GuestMemory
from vmm.mmu import Mmu
from vmm.native import NativeExits, NativeFills, NativeVcpu, hook_machine
from vmm.report.run_report import ExitReason, RunReport, Stats
from vmm.run import Ending, Run
from vmm.stubs import Stubs
from vmm.trace import Trace
from vmm.translations import Translations
from vmm.vcpu import Vcpu

if TYPE_CHECKING:
    from vmm.page_cache import PageCache

FRAMES = 16384  # code pages between two recyclings: 64 MiB of address space, used as needed
POLICIES = ("fast", "trap", "native")
CLOCKS = ("host", "counted")
DISPLAYS = ("none", "text")
DEFAULT_DEBUG_EXITS = ((0xF4, 4), (0x501, 2))


class Machine:
    """One guest. `kernel` is a path or the file's bytes; `memory` is in MiB; `serial` and `debugcon` are QEMU's words
    (stdio, mon:stdio, file:PATH, null, none) or a character backend. With `timed` the statistics tell the guest's time
    from that of the engine's callbacks, which costs each exit a tenth; without it both are the guest's. `patches` is a
    patch map (`patchvisor patch`) and `page_cache` a folder in which what is scanned is kept for the image's next run;
    neither is used in native runs, and with a map of its own a run adds nothing to the folder.

    Raises VmmError (a sentence) when the image or an option cannot be used.
    """

    def __init__(
        self,
        kernel: str | Path | bytes,
        append: str = "",
        initrd: str | bytes | None = None,
        *,
        address: int | None = None,
        memory: int = 128,
        cpu: str = "default",
        policy: str = "fast",
        serial: str | CharBackend = "null",
        debugcon: str | CharBackend = "null",
        debug_exits: tuple[tuple[int, int], ...] | None = None,
        display: str = "none",
        clock: str = "host",
        no_reboot: bool = False,
        trace: Trace | None = None,
        exit_map: bool = False,
        timed: bool = False,
        patches: str | Path | None = None,
        page_cache: str | Path | None = None,
    ) -> None:
        _check("policy", policy, POLICIES)
        _check("clock", clock, CLOCKS)
        _check("display", display, DISPLAYS)
        self.policy, self.no_reboot, self.trace = policy, no_reboot, trace
        self._seconds = 0.0  # of host time in all runs
        self._callback_time = CallbackTime() if timed else None
        self._name = "the kernel" if isinstance(kernel, bytes) else str(kernel)
        check_memory(memory * MIB, self._name)
        self._kernel = kernel if isinstance(kernel, bytes) else read_file(kernel, memory * MIB)
        self._options = BootOptions(append, initrd, address=address)
        self._guest_memory = GuestMemory(memory * MIB)
        self._captured, self._debug_captured = BufferBackend(), BufferBackend()
        self._open = ExitStack()
        self._closed = False
        with ExitStack() as undone:
            undone.callback(self.close)
            self._wire(serial, debugcon, debug_exits, cpu, display, clock, exit_map)
            self._take_over(patches, page_cache)
            self.boot()
            undone.pop_all()

    # --- wiring

    def _wire(
        self, serial: str | CharBackend, debugcon: str | CharBackend, debug_exits: tuple[tuple[int, int], ...] | None,
        cpu: str, display: str, clock: str, exit_map: bool,
    ) -> None:  # fmt: skip
        """Open the backends and put the parts together; what was opened is in `_open`."""
        self._backends = self._backend(serial, self._captured), self._backend(debugcon, self._debug_captured)
        self.clock = CountedClock() if clock == "counted" else HostClock()
        self.timers = Timers(self.clock)
        self._build_devices(debug_exits or DEFAULT_DEBUG_EXITS)
        self._build_processor(cpu, exit_map)
        self._build_loop()
        self.keyboard = Keyboard(self.pc.typist)
        self.screen = Screen(self.pc.vga)
        self.serial = SerialConsole(self._captured, self._send_serial, self._until)
        self.regs = Registers(self._stopped)
        self.mem = LinearMemory(self._stopped)
        keys = serial not in ("stdio", "mon:stdio")  # else the terminal's keys go to the serial port
        self._display = self.screen.live(display, self.pc.typist, self._run.wake, keys)
        self._open.callback(self._display.close)

    def _backend(self, where: str | CharBackend, buffer: BufferBackend) -> CharBackend:
        """The backend that was asked for, with a copy of the output kept for reports and `until`."""
        backend = open_backend(where) if isinstance(where, str) else where
        captured = buffer if backend is None else TeeBackend(buffer, backend)
        self._open.callback(captured.close)
        return captured

    def _stopped(self) -> Vcpu:
        if self._closed:
            raise VmmError("The machine is closed: its processor is gone.")
        return self.vcpu

    def _build_devices(self, debug_exits: tuple[tuple[int, int], ...]) -> None:
        ports = tuple(DebugExitPort(base, size) for base, size in debug_exits)
        epoch = PcOptions().epoch if isinstance(self.clock, CountedClock) else int(time.time())
        self.pc = Pc(
            self._guest_memory.bytes, self.clock, self.timers, PcSignals(self._on_exit, self._on_reset),
            PcOptions(epoch, ports), serial=self._backends[:1], debugcon=self._backends[1],
        )  # fmt: skip

    def _build_processor(self, cpu: str, exit_map: bool) -> None:
        native = self.policy == "native"
        memory = self._guest_memory
        processor = "native" if native and cpu == "default" else cpu
        self._engine = engine = UnicornEngine(
            memory.map, FRAMES, isinstance(self.clock, CountedClock), processor
        )
        self._open.callback(engine.close)
        engine.map_mmio(
            OPEN_BUS, PAGE, lambda _offset, size: (1 << 8 * size) - 1, lambda _offset, _size, _value: None
        )
        mmu = Mmu(memory)
        self.vcpu = vcpu = (NativeVcpu if native else Vcpu)(
            engine.area, mmu, self.pc.bus, model(cpu), self.clock, self.policy == "fast"
        )
        self._code = code = CodePages(memory, memoryview(engine.frames), lambda: vcpu.tlb.mode_changed())
        vcpu.tlb = Translations(engine, code, mmu)
        vcpu.coprocessor = self.pc.fpu_error
        code.where = lambda: (
            (engine.area.eip + engine.area.words[engine.area.cs_base_word] & 0xFFFF_FFFF) >> 12
        )
        code.refuses = opinion = SecondOpinion(engine.area, cpu)
        self._open.callback(opinion.close)
        self._stubs = stubs = Stubs(code, mmu, engine.remove_blocks)
        self._fills = fills = (NativeFills if native else Fills)(vcpu, mmu, code, self.policy, stubs)
        promoted = (
            None if isinstance(self.clock, CountedClock) else stubs
        )  # a stub's instructions would be counted
        self._exits = exits = (NativeExits if native else Exits)(engine, vcpu, code, self.pc.pics, promoted)
        exits.not_available = Floats(vcpu, exits).take
        self._listen(exit_map)
        callbacks = Callbacks(
            interrupt=_hot(exits, "interrupt", lambda _handle, vector, _data: exits.interrupt(vector)),
            invalid=lambda _handle, _data: exits.invalid(),
            fill=_hot(
                fills, "fill", lambda _handle, at, access, answer, _data: fills.fill(at, access, answer)
            ),
            block=exits.block,
        )
        engine.install(callbacks if self._callback_time is None else self._callback_time.around(callbacks))
        if native:
            hook_machine(engine, vcpu, exits)

    def _take_over(self, patches: str | Path | None, page_cache: str | Path | None) -> None:
        """Let pages be laid with what was found in them before, and keep what is found now."""
        if self.policy == "native" or (patches is None and page_cache is None):
            return
        from vmm.page_cache import PageCache, read_map

        known = self._code.known = PatchMap() if patches is None else read_map(Path(patches))
        if page_cache is not None:
            cache = PageCache(Path(page_cache))
            known.pages |= cache.load(self._kernel).pages
            if patches is None:  # what a given map says is believed for this run only
                self._open.callback(self._keep, cache, known)

    def _keep(self, cache: "PageCache", known: PatchMap) -> None:
        self._code.learn()
        if self._code.learned:
            cache.store(self._kernel, PatchMap(known.pages))

    def _listen(self, exit_map: bool) -> None:
        """Attach the exit map and the -d log, before the engine is told whom to call."""
        if exit_map:
            from vmm.tap import count_exits

            self._exits.addresses = count_exits(self._exits)
        if self.trace is not None:
            from vmm.tap import Taps

            Taps(self._exits, self._fills, self._code, self.pc.bus, self.pc.pics).attach(self.trace)

    def _build_loop(self) -> None:
        self._run = Run(
            self._engine, self.vcpu, self._fills, self._exits, self.pc.pics, self.timers, self.clock
        )
        self._run.halts_natively = self.policy == "native"
        self._run.poll = self._poll
        self._run.texts = lambda: f"{self._captured.text()}\n{self.screen.text}"
        for backend in self._backends:
            backend.wake = self._run.wake

    # --- life

    def boot(self) -> None:
        """Load the image into cleared memory and put the processor at its entry."""
        state = load(self._kernel, self._name, self._guest_memory.bytes, self._options)
        vcpu = self.vcpu
        self._engine.reset_fpu()
        for index, segment in enumerate(state.segments):
            vcpu.load_segment(index, segment)
        vcpu.gdtr, vcpu.idtr = TableRegister(*state.gdtr), TableRegister(*state.idtr)
        vcpu.regs[:] = memoryview(bytearray(b"".join(r.to_bytes(4, "little") for r in state.regs))).cast("I")
        vcpu.eip = state.eip
        vcpu.start(state.cr0, state.eflags)

    def run(
        self,
        until: str | re.Pattern[str] | None = None,
        timeout: float | None = None,
        max_insns: int | None = None,
    ) -> RunReport:
        """Run until the guest ends, `until` (a regular expression) appears on serial or screen, or a limit is reached.

        `timeout` is in seconds of host time. May be called again after a limit or a match.
        """
        self._stopped()
        return self._go(Limits.of(until, timeout, max_insns))

    def stop(self) -> None:
        """End the run soon, with the reason INTERRUPTED; from another thread or a signal handler."""
        self._run.interrupt()

    def _go(self, limits: Limits) -> RunReport:
        started = time.perf_counter()
        self._run.begin(limits)
        ending = self._run.run(limits)
        while ending.reason is ExitReason.RESET and not self.no_reboot:
            self._reset()
            ending = self._run.run(limits)
        self._seconds += time.perf_counter() - started
        return self._report(ending)

    def _reset(self) -> None:
        self._guest_memory.bytes[:] = bytes(self._guest_memory.size)
        self._engine.flush_blocks()
        self._code.recycle()
        self.pc.reset()
        self.boot()

    def _report(self, ending: Ending) -> RunReport:
        status = ending.value if ending.reason is ExitReason.GUEST_EXIT else ending.reason.status
        picture = dump(self.vcpu, self._exits.recent) if ending.reason is ExitReason.TRIPLE_FAULT else None
        stats = self.stats
        rest = self._seconds - self._run.seconds_asleep - stats.seconds_guest
        stats = dataclasses.replace(stats, seconds_monitor=max(0.0, rest))
        return RunReport(
            ending.reason, status, ending.message, self._captured.text(), self.screen.text, stats, picture
        )

    @property
    def stats(self) -> Stats:
        """The counters so far."""
        exits, code = self._exits, self._code
        by_insn = exits.by_insn()
        reasons = Counter(exits.reasons)
        reasons["trap"] += sum(by_insn.values())
        return Stats(
            exits_by_reason=dict(reasons), exits_by_insn=dict(by_insn), exits_by_address=dict(exits.addresses or {}),
            sites_by_tactic=code.sites_by_tactic(), pages_scanned=code.made - code.laid,
            pages_laid=code.laid, blocks_checked=code.checked,
            blocks_vetoed=code.vetoed, tlb_fills=self._fills.count, interrupts=dict(exits.interrupts),
            faults=dict(exits.faults), unknown_ports=dict(self.pc.bus.unknown),
            seconds_guest=self._run.seconds_engine - (self._callback_time.seconds if self._callback_time else 0.0),
            insns=self._run.insns if self._run.counted else None,
        )  # fmt: skip

    def close(self) -> None:
        """Give back the terminal, files and the engine; the machine cannot run again, its texts can be read."""
        if not self._closed:
            self._closed = True
            self._open.close()
            self._guest_memory.discard()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # --- what devices and consoles ask for

    def _on_exit(self, status: int) -> None:
        self._run.end(
            Ending(ExitReason.GUEST_EXIT, f"The guest ended with status {status & 0xFF}.", status & 0xFF)
        )

    def _on_reset(self) -> None:
        self._run.end(Ending(ExitReason.RESET, "The guest reset the machine."))

    def _poll(self) -> None:
        for backend in self._backends:
            backend.pump()
        self._display.draw()

    def _send_serial(self, data: bytes) -> None:
        self._captured.send(data)

    def _until(
        self, pattern: str | re.Pattern[str], timeout: float | None, texts: Callable[[], str]
    ) -> RunReport:
        """Run until `pattern` appears in other texts than serial and screen."""
        usual, self._run.texts = self._run.texts, texts
        try:
            return self.run(until=pattern, timeout=timeout)
        finally:
            self._run.texts = usual


def _check(what: str, word: str, words: tuple[str, ...]) -> None:
    if word not in words:
        raise VmmError(f"There is no {what} {word!r}; choose from {', '.join(words)}.")


def _hot(part: Exits | Fills, name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
    """The part's own fast callback, unless it has none or somebody listens to the function behind it."""
    special = type(part) not in (Exits, Fills)
    return plain if special or name in vars(part) else part.callback()
