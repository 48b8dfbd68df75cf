# SPDX-License-Identifier: GPL-2.0-or-later
"""Taps of the -d log and of the exit map: functions of the machine's parts wrapped on the instance, when they
are asked for.

A machine without a log has no taps and pays nothing for them. Taps go in before the engine gets its
callbacks.
"""

import ctypes
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from patcher.decoder import instructions
from patcher.x86.exceptions import BP, NAMES, GuestFault
from vmm.code_pages import CodePage
from vmm.trace import Trace, TraceItem

if TYPE_CHECKING:
    from vmm.bus import PortBus
    from vmm.code_pages import CodePages, View
    from vmm.devices.pic import PicPair
    from vmm.exits import Exits
    from vmm.fills import Fills

_ACCESS = {16: "read", 17: "write", 18: "fetch"}  # the engine's numbers, as vmm.fills gets them
_MASK = 0xFFFF_FFFF
#: A guest can make exits at any number of addresses; later ones are counted at their page.
_MOST_ADDRESSES = 1 << 16


@dataclass(frozen=True, slots=True)
class Taps:
    """The parts that are listened to."""

    exits: "Exits"
    fills: "Fills"
    code: "CodePages"
    bus: "PortBus"
    pics: "PicPair"

    def attach(self, trace: Trace) -> None:
        """Wrap what the log's items need, and nothing else."""
        listeners: dict[TraceItem, Callable[[Callable[[str], None]], None]] = {
            TraceItem.EXIT: self._exit,
            TraceItem.INT: self._int,
            TraceItem.IN_ASM: self._in_asm,
            TraceItem.PATCH: self._patch,
            TraceItem.PAGE: self._page,
            TraceItem.MMU: self._mmu,
            TraceItem.IOPORT: self._ioport,
            TraceItem.UNIMP: self._unimp,
        }
        for item, listen in listeners.items():
            if trace.wants(item):
                listen(lambda text, item=item: trace.line(item, text))  # type: ignore[misc]

    def _wrap(
        self, owner: object, name: str, before: Callable[..., object], after: Callable[..., None]
    ) -> None:
        """Have `after(before(*arguments), result, *arguments)` called around a method of one object.

        What a listener raises ends the run instead of going through the engine.
        """
        original = getattr(owner, name)

        def tapped(*arguments: object) -> object:
            noted = self._guarded(before, *arguments)
            result = original(*arguments)
            self._guarded(after, noted, result, *arguments)
            return result

        setattr(owner, name, tapped)

    def _guarded(self, listener: Callable[..., object], *arguments: object) -> object:
        try:
            return listener(*arguments)
        except Exception as error:
            self.exits.fail(error)
            return None

    # --- where the guest is

    def _linear(self) -> int:
        vcpu = self.exits.vcpu
        return vcpu.eip + vcpu.area.words[vcpu.area.cs_base_word] & _MASK

    def _bits(self) -> int:
        return 32 if self.exits.vcpu.area.code32 else 16

    # --- items

    def _exit(self, say: Callable[[str], None]) -> None:
        def describe(vector: int) -> str:
            if vector != BP:
                return f"{self._linear():08x} {NAMES.get(vector, f'int {vector:#04x}')}"
            linear = self._linear() - 1 & _MASK
            _insn, row = self.exits.identify(linear, self._bits())
            return f"{linear:08x} trap {'int3' if row is None else row.name}"

        self._wrap(self.exits, "interrupt", describe, lambda text, *_: say(text))

    def _int(self, say: Callable[[str], None]) -> None:
        def deliver(fault: GuestFault) -> None:
            say(f"{self._linear():08x} {fault}")

        self._wrap(self.exits, "deliver", deliver, _nothing)
        self._wrap(
            self.pics,
            "acknowledge",
            lambda: self._linear(),
            lambda at, vector: say(f"{at:08x} interrupt {vector:#04x}"),
        )

    def _in_asm(self, say: Callable[[str], None]) -> None:
        def block(linear: int, size: int) -> None:
            code = self.exits.vcpu.mem.peek(linear & _MASK, size)
            say(f"block at {linear & _MASK:08x}")
            for address, raw, text in instructions(code, linear & _MASK, self._bits()):
                say(f"  {address:08x} {raw.hex(' '):<32} {text}")

        self._wrap(self.exits, "block", block, _nothing)

    def _patch(self, say: Callable[[str], None]) -> None:
        told: set[tuple[int, int, str]] = set()

        def block(_noted: object, _result: object, linear: int, _size: int) -> None:
            for page in list(self.code.fetched.values()):
                if isinstance(page, CodePage):
                    _tell_patches(page, told, say)

        self._wrap(self.exits, "block", _nothing, block)

    def _page(self, say: Callable[[str], None]) -> None:
        def got(made: object, page: "CodePage | None", ppn: int, view: "View") -> None:
            if self.code.made != made:
                say(f"guest-physical {ppn << 12:08x} made, {view.bits} bits, frame {self.code.used - 1}")

        def dropped(before: object, _result: object, ppn: int) -> None:
            if self.code.dropped != before:
                say(f"guest-physical {ppn << 12:08x} dropped")

        self._wrap(self.code, "get", lambda *_: self.code.made, got)
        self._wrap(self.code, "drop", lambda *_: self.code.dropped, dropped)
        self.code.memory.on_write = self.code.drop

    def _mmu(self, say: Callable[[str], None]) -> None:
        def filled(_noted: object, mapped: bool, linear: int, access: int, answer: int) -> None:
            way = _ACCESS.get(access, str(access))
            page = (ctypes.c_uint64 * 2).from_address(answer)[0] if mapped else 0
            answered = f"{page:09x}" if mapped else f"refused, {self.fills.refused}"
            say(f"{linear & _MASK:08x} {way} -> {answered}")

        self._wrap(self.fills, "fill", _nothing, filled)

    def _ioport(self, say: Callable[[str], None]) -> None:
        def read(_noted: object, value: int, port: int, size: int) -> None:
            say(f"read {port:#06x}, {size} bytes: {value:#x}")

        def write(_noted: object, _result: object, port: int, size: int, value: int) -> None:
            say(f"write {port:#06x}, {size} bytes: {value:#x}")

        self._wrap(self.bus, "read", _nothing, read)
        self._wrap(self.bus, "write", _nothing, write)

    def _unimp(self, say: Callable[[str], None]) -> None:
        for way in ("read", "write"):
            self._wrap(self.bus, way, *_unknown_port(self.bus.unknown, way, say))


def count_exits(exits: "Exits") -> Counter[int]:
    """Exits by linear address, counted from now on; for the exit map."""
    original, words, addresses = exits.interrupt, exits.words, Counter[int]()

    def counted(vector: int) -> None:
        linear = words[exits.eip_word] + words[exits.cs_base_word] - (vector == BP) & _MASK
        known = linear in addresses or len(addresses) < _MOST_ADDRESSES
        addresses[linear if known else linear & ~0xFFF] += 1
        original(vector)

    exits.interrupt = counted  # type: ignore[method-assign]
    return addresses


def _nothing(*_arguments: object) -> None:
    """The side of a tap that is not needed."""


def _unknown_port(
    unknown: Counter[tuple[int, str]], way: str, say: Callable[[str], None]
) -> tuple[Callable[..., int], Callable[..., None]]:
    """Both sides of a tap that tells when an access was counted as unknown."""

    def before(port: int, *_rest: int) -> int:
        return unknown[port, way]

    def after(count: int, _result: object, port: int, size: int, *_value: int) -> None:
        if unknown[port, way] != count:
            say(f"{way} of port {port:#06x}, {size} bytes, which no device answers")

    return before, after


def _tell_patches(page: "CodePage", told: set[tuple[int, int, str]], say: Callable[[str], None]) -> None:
    """Patches of the page whose state has not been told yet."""
    for patch in page.scan.patches.values():
        key = (page.frame, patch.site, patch.state.value)
        if key not in told:
            told.add(key)
            where = f"guest-physical {(page.ppn << 12) + patch.site:08x}"
            reason = f", {patch.reason}" if patch.reason else ""
            say(f"{where} {patch.tactic.value} {patch.state.value} {patch.row.name}{reason}")
