# SPDX-License-Identifier: GPL-2.0-or-later
"""The serial line as a script uses it: send, and expect one thing after the other."""

from collections.abc import Iterator

import pytest

from vmm import Machine
from vmm.report.run_report import ExitReason

#: Says "> ", then answers each byte that it gets with the byte itself and "> "; ESC ends it.
ECHO = "66ba f803 b03e ee b020 ee 66ba fd03 ec a801 74f7 66ba f803 ec 3c1b 7403 ee ebe1 e6f4"


@pytest.fixture
def echo() -> Iterator[Machine]:
    with Machine(kernel=bytes.fromhex(ECHO), address=0x10_0000, memory=2) as machine:
        yield machine


def test_a_prompt_is_waited_for_each_time(echo) -> None:
    for character in "abc":
        assert echo.serial.expect("> ", timeout=30) == "> "
        echo.serial.send(character)
        assert echo.serial.expect("[a-z]", timeout=30) == character
    assert echo.serial.text.startswith("> a> b> c")


def test_a_line_ends_with_enter(echo) -> None:
    echo.serial.sendline("q")
    assert echo.serial.expect(r"q> \r", timeout=30) == "q> \r"


def test_what_is_no_utf_8_does_not_stop_it(echo) -> None:
    echo.serial.send(b"\xff\xfe!")
    assert echo.serial.expect("!", timeout=30) == "!"
    assert echo.serial.expect("> ", timeout=30) == "> "
    assert "\ufffd" in echo.serial.text


def test_a_guest_that_ends_before_is_a_timeout_with_the_reason(echo) -> None:
    echo.serial.send(b"\x1b")
    sentence = r"^'never' did not appear on the serial line: The guest ended with status 55\.$"
    with pytest.raises(TimeoutError, match=sentence):
        echo.serial.expect("never", timeout=30)


def test_until_looks_at_everything_again_afterwards(echo) -> None:
    echo.serial.expect("> ", timeout=30)
    assert echo.run(until="^> ", timeout=30).reason is ExitReason.MATCHED
