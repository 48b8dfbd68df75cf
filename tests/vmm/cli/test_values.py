# SPDX-License-Identifier: GPL-2.0-or-later
"""Option values: what they mean, and the sentence for what means nothing."""

import click
import pytest

from vmm.cli.values import DebugExit, address, chardev, cpu_name, debug_exit, memory_size, trace_items
from vmm.trace import TraceItem


@pytest.mark.parametrize(
    ("text", "mib"), [("32", 32), ("32M", 32), ("1g", 1024), ("2048K", 2), ("size=64M", 64)]
)
def test_memory_is_in_mib(text: str, mib: int) -> None:
    assert memory_size(text) == mib


@pytest.mark.parametrize("text", ["0", "1025K", "-1", "1.5G", "", "12Q", "１２"])
def test_odd_memory_sizes_are_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match=f"^'{text}' is not a "):
        memory_size(text)


def test_addresses_are_numbers_within_4_gib() -> None:
    assert (address("0x100000"), address("512")) == (0x100000, 512)
    for text in ("100000h", "", "0x100000000", "-1"):
        with pytest.raises(click.BadParameter, match=r"is not an address|is not within 4 GiB"):
            address(text)


def test_character_devices_are_words_or_files() -> None:
    serial = chardev("stdio", "null")
    assert [serial(text) for text in ("stdio", "null", "file:/tmp/x")] == ["stdio", "null", "file:/tmp/x"]
    for text in ("tcp::4444", "file:", ""):
        with pytest.raises(click.BadParameter, match=f"^'{text}' is not one of stdio, null, file:PATH$"):
            serial(text)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("isa-debug-exit", DebugExit(0x501, 2)),
        ("isa-debug-exit,iobase=0xf4,iosize=0x04", DebugExit(0xF4, 4)),
        ("isa-debug-exit,iosize=1", DebugExit(0x501, 1)),
    ],
)
def test_a_debug_exit_has_qemus_defaults(text: str, place: DebugExit) -> None:
    assert debug_exit(text) == place


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("e1000", "'e1000' is not a device that can be added; there is isa-debug-exit"),
        ("isa-debug-exit,irq=4", "isa-debug-exit: 'irq' is not a property; there are iobase and iosize"),
        ("isa-debug-exit,iobase=f4", "isa-debug-exit: iobase=f4 is not a number"),
        ("isa-debug-exit,iobase=0x10000", "isa-debug-exit: iobase=0x10000 is out of range"),
        ("isa-debug-exit,iosize=0", "isa-debug-exit: iosize=0 is out of range"),
    ],
)
def test_a_wrong_device_is_named(text: str, sentence: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        debug_exit(text)
    assert caught.value.message == sentence


def test_log_items_are_words() -> None:
    assert trace_items("exit,int") == {TraceItem.EXIT, TraceItem.INT}
    assert trace_items("") == frozenset()
    with pytest.raises(click.BadParameter, match=r"^'cpu' is not a log item; known items: exit, int, "):
        trace_items("exit,cpu")


def test_a_processor_is_known_by_name() -> None:
    assert cpu_name("486") == "486"
    with pytest.raises(
        click.BadParameter, match=r"^'z80' is not a processor; choose from default, 486, pentium$"
    ):
        cpu_name("z80")


@pytest.mark.parametrize(
    ("ask", "word"), [(trace_items, "in_asm"), (cpu_name, "pentium"), (debug_exit, "iobase")]
)
def test_help_is_an_answer(ask, word, capsys) -> None:
    with pytest.raises(click.exceptions.Exit) as end:
        ask("help")
    assert end.value.exit_code == 0
    assert word in capsys.readouterr().out
