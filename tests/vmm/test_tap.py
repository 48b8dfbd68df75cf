# SPDX-License-Identifier: GPL-2.0-or-later
"""The -d log and the exit map: each item tells of its own events; a log that fails ends the run."""

import io
import re

import pytest

import guests
from vmm.machine import Machine
from vmm.trace import Trace, TraceItem, parse_items


def logged(guest: str, items: str) -> list[str]:
    """The lines of a run of one of our guests."""
    stream = io.StringIO()
    with Machine(kernel=guests.build(guest), trace=Trace(parse_items(items), stream)) as machine:
        assert machine.run(timeout=60).exit_status == 33
    return stream.getvalue().splitlines()


@pytest.mark.parametrize(
    ("item", "line"),
    [
        ("exit", r"exit: 001\w{5} trap out dx,al"),
        ("in_asm", r"in_asm: block at 00100020"),
        ("patch", r"patch: guest-physical 001\w{5} trap enabled out dx,al"),
        ("page", r"page: guest-physical 00100000 made, 32 bits, frame \d+"),
        ("mmu", r"mmu: 00100000 fetch -> \w{9}"),
        ("ioport", r"ioport: write 0x00f4, 1 bytes: 0x\w+"),
    ],
)
def test_an_item_tells_of_its_events_alone(item: str, line: str) -> None:
    lines = logged("hello", item)
    assert any(re.fullmatch(line, one) for one in lines)
    assert {one.partition(":")[0] for one in lines} == {item}


def test_interrupts_and_exceptions_are_told_with_their_place() -> None:
    lines = logged("timer", "int")
    assert any("interrupt 0x" in one for one in lines)
    assert all(len(one.split()[1]) == 8 for one in lines)


def test_code_is_told_as_the_guest_wrote_it() -> None:
    """The log shows original bytes: no int3 of ours."""
    lines = logged("hello", "in_asm")
    assert not [one for one in lines if one.endswith(" int3")]
    assert [one for one in lines if one.endswith("out dx, al")]


class Full(io.StringIO):
    """A disk without room."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("item", [item for item in TraceItem if item not in (TraceItem.INT, TraceItem.UNIMP)])
def test_a_log_that_cannot_be_written_ends_the_run(item: TraceItem) -> None:
    machine = Machine(kernel=guests.build("hello"), trace=Trace(frozenset([item]), Full()))
    with machine, pytest.raises(OSError, match="No space left on device"):
        machine.run(timeout=60)


def test_every_exit_is_on_the_exit_map() -> None:
    with Machine(kernel=guests.build("hello"), exit_map=True) as machine:
        stats = machine.run(timeout=60).stats
    assert sum(stats.exits_by_address.values()) == stats.exits > 0
    with Machine(kernel=guests.build("hello")) as machine:
        assert machine.run(timeout=60).stats.exits_by_address == {}


def test_an_exit_map_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vmm.tap._MOST_ADDRESSES", 3)
    with Machine(kernel=guests.build("hello"), exit_map=True) as machine:
        stats = machine.run(timeout=60).stats
    assert sum(stats.exits_by_address.values()) == stats.exits
    assert len(stats.exits_by_address) <= 3 + 1
