# SPDX-License-Identifier: GPL-2.0-or-later
"""The -d log: which events a run writes down as lines of text, and where to."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TextIO

from vmm.errors import VmmError


class TraceItem(Enum):
    """What can be logged. The value is the word for -d; where QEMU logs the same thing it is QEMU's word."""

    EXIT = "exit"
    INT = "int"
    IN_ASM = "in_asm"
    PATCH = "patch"
    PAGE = "page"
    MMU = "mmu"
    IOPORT = "ioport"
    UNIMP = "unimp"

    @property
    def sentence(self) -> str:
        """What -d help says about this item."""
        return _SENTENCES[self]


_SENTENCES = {
    TraceItem.EXIT: "every exit: guest address, reason, instruction",
    TraceItem.INT: "interrupts and exceptions delivered to the guest",
    TraceItem.IN_ASM: "guest code of each block when it is checked, before its first run",
    TraceItem.PATCH: "sites closed and given back, with their tactic",
    TraceItem.PAGE: "code pages made and dropped",
    TraceItem.MMU: "page walks: linear address, access, guest-physical page",
    TraceItem.IOPORT: "port reads and writes",
    TraceItem.UNIMP: "ports that no device answers, registers that do not exist",
}


class UnknownTraceItem(VmmError):
    """A word after -d that names no item."""


def parse_items(text: str) -> frozenset[TraceItem]:
    """The items of "exit,int"; raises UnknownTraceItem with the known words."""
    return frozenset(_item(word.strip()) for word in text.split(",") if word.strip())


def _item(word: str) -> TraceItem:
    try:
        return TraceItem(word)
    except ValueError:
        known = ", ".join(item.value for item in TraceItem)
        raise UnknownTraceItem(f"{word!r} is not a log item; known items: {known}") from None


def help_lines() -> Iterable[str]:
    """A line an item, as -d help prints them."""
    return (f"{item.value:<10} {item.sentence}" for item in TraceItem)


@dataclass(frozen=True, slots=True)
class Trace:
    """The log of one run. Ask `wants` once when wiring, not at every event."""

    items: frozenset[TraceItem]
    stream: TextIO

    def wants(self, item: TraceItem) -> bool:
        """Whether this item was asked for."""
        return item in self.items

    def line(self, item: TraceItem, text: str) -> None:
        """Write one line under the item's word."""
        self.stream.write(f"{item.value}: {text}\n")
