# SPDX-License-Identifier: GPL-2.0-or-later
"""Budgets of one run: how long, how many instructions, and the text that ends it."""

import re
from dataclasses import dataclass

from vmm.errors import VmmError


class BadLimit(VmmError):
    """A budget that makes no sense; the message names the option."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`timeout` in seconds of host time; `max_insns` of the guest; `until` searched in serial and screen."""

    timeout: float | None = None
    max_insns: int | None = None
    until: re.Pattern[str] | None = None

    def __post_init__(self) -> None:
        if self.timeout is not None and not 0 < self.timeout < float("inf"):
            raise BadLimit(f"--timeout: {self.timeout:g} is not a number of seconds above zero")
        if self.max_insns is not None and self.max_insns <= 0:
            raise BadLimit(f"--max-insns: {self.max_insns} is not a number of instructions above zero")

    @classmethod
    def of(
        cls,
        until: str | re.Pattern[str] | None = None,
        timeout: float | None = None,
        max_insns: int | None = None,
    ) -> "Limits":
        """The limits `Machine.run` takes, with `until` compiled; raises BadLimit for a broken pattern."""
        return cls(timeout, max_insns, None if until is None else compile_until(until))

    def matches(self, text: str) -> bool:
        """Whether `text` holds what the run waits for; False when it waits for nothing."""
        return self.until is not None and self.until.search(text) is not None


def compile_until(until: str | re.Pattern[str]) -> re.Pattern[str]:
    """Compile the pattern of --until; `^` and `$` match at every line of the guest's text."""
    if isinstance(until, re.Pattern):
        return until
    try:
        return re.compile(until, re.MULTILINE)
    except re.error as error:
        raise BadLimit(f"--until: {until!r} is not a regular expression: {error}") from None
