# SPDX-License-Identifier: GPL-2.0-or-later
"""One run of one workload on one platform."""

import ctypes
from collections.abc import Callable

from vmm.bench.program import image_of
from vmm.bench.stopwatch import Sample, Stopwatch
from vmm.bench.workload import Platform, Workload
from vmm.errors import VmmError

MEMORY = 32  # MiB
TIMEOUT = 60.0  # seconds for one run
GOOD = 33  # the exit status of a guest that is content
DEBUG_CONSOLE, DEBUG_EXIT = 0xE9, 0xF4
_WINDOW, _FRAME, _WINDOW_MASK = 0x4000_0000, 0x300000, 0x3FFFFF  # guests/include/paging.s


def measure(workload: Workload, platform: Platform, count: int) -> Sample:
    """Run `count` iterations. Raises VmmError when the guest does not end as it should."""
    image, watch = image_of(workload, count, platform is Platform.BARE), Stopwatch(workload.waits)
    if platform is Platform.STOCK:
        ending = _stock(image, watch)
    elif platform is Platform.BARE:
        ending = _bare(image, watch)
    else:
        ending = _machine(image, platform, watch)
    return watch.sample(count, ending)


def _machine(image: bytes, platform: Platform, watch: Stopwatch) -> str:
    from vmm.machine import Machine

    with Machine(kernel=image, memory=MEMORY, policy=platform.value, debugcon=watch) as machine:
        report = machine.run(timeout=TIMEOUT)
    if watch.complete and report.exit_status != GOOD:
        raise VmmError(f"The guest ended with exit status {report.exit_status}: {report.message}")
    return report.message


def _ports(watch: Stopwatch) -> Callable[[int, int], bool]:
    """What both machines without devices do with port output; False ends the run."""

    def write(port: int, value: int) -> bool:
        if port == DEBUG_CONSOLE:
            watch.write(bytes((value & 0xFF,)))
        return port != DEBUG_EXIT

    return write


def _stock(image: bytes, watch: Stopwatch) -> str:
    from guests.build import BASE, ENTRY
    from vmm.engine.stock import run_stock

    run_stock(image, BASE, ENTRY, MEMORY << 20, _ports(watch))
    return "it stopped by itself."


def _bare(image: bytes, watch: Stopwatch) -> str:
    """The engine as the machine uses it, with callbacks that do as little as they can."""
    from guests.build import BASE, ENTRY
    from vmm.engine.unicorn_engine import Callbacks, UnicornEngine
    from vmm.memory import MIB, GuestMemory

    memory = GuestMemory(MEMORY * MIB)
    memory.bytes[BASE : BASE + len(image)] = image
    engine = UnicornEngine(memory.map, 1)
    engine.install(
        Callbacks(
            interrupt=lambda _handle, _vector, _data: None, invalid=lambda _handle, _data: False,
            fill=fill_from_dict(), block=lambda _linear, _size: None,
        )
    )  # fmt: skip
    write = _ports(watch)

    def out(port: int, _size: int, value: int) -> None:
        if not write(port, value):
            engine.stop()

    engine.hook_instruction("out", out)
    engine.area.eip = ENTRY
    status = engine.run()
    return f"the engine stopped with status {status}."


def fill_from_dict() -> Callable[[int, int, int, int, int], bool]:
    """A fill callback that knows the answer: memory on itself, the window on its frames, split views."""
    from vmm.engine.unicorn_engine import ACCESS_FETCH, PROT_EXEC, PROT_READ, PROT_WRITE

    answers: dict[int, ctypes.Array[ctypes.c_uint64]] = {}
    known: dict[tuple[int, int], tuple[int, int]] = {}

    def learn(linear: int, access: int) -> tuple[int, int]:
        page = linear if linear < _WINDOW else _FRAME + (linear & _WINDOW_MASK)
        known[linear, access] = page, PROT_EXEC if access == ACCESS_FETCH else PROT_READ | PROT_WRITE
        return known[linear, access]

    def fill(_handle: int, linear: int, access: int, answer: int, _data: int) -> bool:
        slot = answers.get(answer)
        if slot is None:
            slot = answers[answer] = (ctypes.c_uint64 * 2).from_address(answer)
        slot[0], slot[1] = known.get((linear, access)) or learn(linear, access)
        return True

    return fill
