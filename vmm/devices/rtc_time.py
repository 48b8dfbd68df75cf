# SPDX-License-Identifier: GPL-2.0-or-later
"""The calendar of an MC146818 as its ten registers hold it, to and from seconds since 1970.

Motorola MC146818A datasheet, table 2 "Time, Calendar, and Alarm Data Modes". Everything is UTC and pure.
"""

import calendar
import time
from collections.abc import Iterator

SECONDS, SECONDS_ALARM, MINUTES, MINUTES_ALARM, HOURS, HOURS_ALARM, WEEKDAY, DAY, MONTH, YEAR = range(10)
CENTURY = 0x32
#: where IBM's PS/2 machines keep the century
CENTURY_PS2 = 0x37
TIME_REGISTERS = frozenset((SECONDS, MINUTES, HOURS, WEEKDAY, DAY, MONTH, YEAR, CENTURY, CENTURY_PS2))

BINARY, HOURS_24 = 0x04, 0x02  # register B, DM and 24/12
_PM = 0x80
_DONT_CARE = 0xC0
_DAY_SECONDS = 86_400


def encode(value: int, mode: int) -> int:
    """A number of two digits as register B's data mode wants it."""
    return value if mode & BINARY else value // 10 << 4 | value % 10


def decode(value: int, mode: int) -> int:
    """The number a register holds; BCD digits above 9 count on."""
    return value if mode & BINARY else (value >> 4) * 10 + (value & 15)


def encode_hour(hour: int, mode: int) -> int:
    """0-23 as an hours register: 12-hour mode marks the afternoon with bit 7."""
    if mode & HOURS_24:
        return encode(hour, mode)
    return encode(hour % 12 or 12, mode) | (_PM if hour >= 12 else 0)


def decode_hour(value: int, mode: int) -> int:
    """An hours register as 0-23."""
    if mode & HOURS_24:
        return decode(value, mode)
    return decode(value & ~_PM, mode) % 12 + (12 if value & _PM else 0)


def to_registers(seconds: int, mode: int) -> dict[int, int]:
    """The time and calendar registers at `seconds` since 1970-01-01 UTC."""
    t = time.gmtime(seconds)
    century = encode(t.tm_year // 100, mode)
    return {
        SECONDS: encode(t.tm_sec, mode),
        MINUTES: encode(t.tm_min, mode),
        HOURS: encode_hour(t.tm_hour, mode),
        WEEKDAY: encode((t.tm_wday + 1) % 7 + 1, mode),
        DAY: encode(t.tm_mday, mode),
        MONTH: encode(t.tm_mon, mode),
        YEAR: encode(t.tm_year % 100, mode),
        CENTURY: century,
        CENTURY_PS2: century,
    }


def from_registers(registers: bytearray, mode: int) -> int:
    """Seconds since 1970 that the registers mean; fields out of range carry over, a month is 1 to 12."""
    year = decode(registers[CENTURY], mode) * 100 + decode(registers[YEAR], mode)
    month = min(max(decode(registers[MONTH], mode), 1), 12)
    midnight = calendar.timegm((min(max(year, 1970), 9999), month, 1, 0, 0, 0))
    days = decode(registers[DAY], mode) - 1
    hours = decode_hour(registers[HOURS], mode)
    minutes, seconds = decode(registers[MINUTES], mode), decode(registers[SECONDS], mode)
    return midnight + days * _DAY_SECONDS + hours * 3600 + minutes * 60 + seconds


def next_alarm(registers: bytearray, mode: int, after: int) -> int | None:
    """The first second later than `after` that the alarm registers match; None when they match none."""
    midnight, second = after - after % _DAY_SECONDS, after % _DAY_SECONDS
    for start, day_second in ((midnight, second), (midnight + _DAY_SECONDS, -1)):
        for match in _alarms_of_a_day(registers, mode, day_second):
            return start + match
    return None


def _alarms_of_a_day(registers: bytearray, mode: int, after: int) -> Iterator[int]:
    """Matching seconds of a day later than `after`, in order."""
    hours = _choices(registers[HOURS_ALARM], decode_hour(registers[HOURS_ALARM], mode), 24)
    minutes = _choices(registers[MINUTES_ALARM], decode(registers[MINUTES_ALARM], mode), 60)
    seconds = _choices(registers[SECONDS_ALARM], decode(registers[SECONDS_ALARM], mode), 60)
    for hour in hours:
        if hour * 3600 + 3599 <= after:
            continue
        for minute in minutes:
            start = hour * 3600 + minute * 60
            if start + 59 > after:
                yield from (start + s for s in seconds if start + s > after)


def _choices(raw: int, value: int, limit: int) -> range:
    """The values a field matches: all for "don't care" (C0-FF), else one, or none when out of range."""
    if raw >= _DONT_CARE:
        return range(limit)
    return range(value, value + 1) if value < limit else range(0)
