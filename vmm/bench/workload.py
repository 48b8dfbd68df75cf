# SPDX-License-Identifier: GPL-2.0-or-later
"""What a workload is: the text of one loop, where it runs, and what is asked of its figures.

The body runs with a flat stack, all of `guests/include/start.s` set up and interrupts off; it keeps %edi (the loop's
counter) and %esp. `setup` runs once before, `more` is text behind the loop: handlers, templates, includes.
"""

from dataclasses import dataclass
from enum import Enum


class Platform(Enum):
    """Where a guest runs. The value is the word that tables and the JSON form show."""

    NATIVE = "native"  #: ring 0 of the bare engine with split views, nothing patched
    FAST = "fast"  #: patched, what the engine gets right by itself left alone, hot sites as stubs
    TRAP = "trap"  #: patched, every catalogued instruction traps
    STOCK = "stock"  #: a plain Unicorn script: one mapping for everything, the engine's own TLB
    BARE = "bare"  #: the engine as we use it, with callbacks that do nothing: what an exit costs before any work


MACHINES = (Platform.NATIVE, Platform.FAST, Platform.TRAP)


@dataclass(frozen=True, slots=True)
class Goal:
    """Time on `platform` divided by time on `reference` is to be at most `most`."""

    platform: Platform
    reference: Platform
    most: float


NEAR_NATIVE = Goal(Platform.FAST, Platform.NATIVE, 1 / 0.95)
STUBBED = Goal(Platform.FAST, Platform.NATIVE, 4.0)
TEN_HOOKS = Goal(Platform.TRAP, Platform.BARE, 10.0)  # design: 3 us where an empty hook costs 0.3
FILL_HOOKS = Goal(Platform.FAST, Platform.BARE, 1.5)
FIVE_TIMES_STOCK = Goal(Platform.FAST, Platform.STOCK, 1 / 5)


@dataclass(frozen=True, slots=True)
class Workload:
    """One loop. `most` is the greatest number of iterations that it stands; `says` is what one iteration does."""

    name: str
    says: str
    body: str
    setup: str = ""
    more: str = ""
    base: str = ""  #: the body of the loop whose time is taken off: empty unless told
    bare: str = ""  #: on the bare engine, the body in place of `body`
    loop: str = ""  #: in place of the loop around `body`: a routine `run_body` that runs %edi times
    platforms: tuple[Platform, ...] = MACHINES
    goals: tuple[Goal, ...] = ()
    most: int = 1 << 26
    turns: int = 1  #: in every round, for a goal so near to 1 that a busy machine would decide
    waits: bool = False  #: for time to pass, so processor time says little
