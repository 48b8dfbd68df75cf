# SPDX-License-Identifier: GPL-2.0-or-later
"""The calendar registers, there and back, and when an alarm comes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmm.devices import rtc_time

SECONDS = st.integers(0, 4_000_000_000)
MODES = st.sampled_from([0, rtc_time.BINARY, rtc_time.HOURS_24, rtc_time.BINARY | rtc_time.HOURS_24])
#: 2023-11-05 21:08:59 UTC, a Sunday
SUNDAY_EVENING = 1_699_218_539


def registers(seconds: int, mode: int) -> bytearray:
    data = bytearray(128)
    for index, value in rtc_time.to_registers(seconds, mode).items():
        data[index] = value
    return data


def set_alarm(data: bytearray, hour: int, minute: int, second: int) -> None:
    data[rtc_time.HOURS_ALARM], data[rtc_time.MINUTES_ALARM] = hour, minute
    data[rtc_time.SECONDS_ALARM] = second


@given(SECONDS, MODES)
def test_time_survives_the_registers(seconds: int, mode: int) -> None:
    assert rtc_time.from_registers(registers(seconds, mode), mode) == seconds


def test_bcd_and_24_hours() -> None:
    data = registers(SUNDAY_EVENING, rtc_time.HOURS_24)
    assert data[:10].hex(" ") == "59 00 08 00 21 00 01 05 11 23"
    assert (data[0x32], data[0x37]) == (0x20, 0x20)


def test_binary_and_12_hours() -> None:
    data = registers(SUNDAY_EVENING, rtc_time.BINARY)
    assert list(data[:10]) == [59, 0, 8, 0, 9 | 0x80, 0, 1, 5, 11, 23]


@pytest.mark.parametrize(
    ("hour", "register"), [(0, 0x12), (1, 0x01), (11, 0x11), (12, 0x92), (13, 0x81), (23, 0x91)]
)
def test_twelve_hour_clock(hour: int, register: int) -> None:
    assert rtc_time.encode_hour(hour, 0) == register
    assert rtc_time.decode_hour(register, 0) == hour


@given(st.binary(min_size=128, max_size=128), MODES)
def test_any_register_contents_are_a_time(data: bytes, mode: int) -> None:
    seconds = rtc_time.from_registers(bytearray(data), mode)
    assert all(0 <= value <= 0xFF for value in rtc_time.to_registers(seconds, mode).values())


@given(
    st.integers(0, 3 * 86_400),
    st.tuples(*(st.one_of(st.just(0xC0), st.integers(0, limit)) for limit in (23, 59, 59))),
)
def test_the_next_alarm_is_the_first_second_that_matches(after: int, alarm: tuple[int, int, int]) -> None:
    mode = rtc_time.BINARY | rtc_time.HOURS_24
    data = bytearray(128)
    set_alarm(data, *alarm)

    def matches(second: int) -> bool:
        parts = (second // 3600 % 24, second // 60 % 60, second % 60)
        return all(want == 0xC0 or want == part for want, part in zip(alarm, parts, strict=True))

    found = rtc_time.next_alarm(data, mode, after)
    assert found is not None
    assert found > after
    assert matches(found)
    assert found - after <= 86_400
    assert not any(matches(second) for second in range(after + 1, min(found, after + 4000)))


def test_an_alarm_out_of_range_never_comes() -> None:
    data = bytearray(128)
    set_alarm(data, 0x25, 0xFF, 0xFF)
    assert rtc_time.next_alarm(data, rtc_time.HOURS_24, 0) is None
