# SPDX-License-Identifier: GPL-2.0-or-later
"""P6: byte sequences of which the engine dies while it translates them end nobody's process.

Each guest runs in a process of its own, because a monitor that fails here takes the tests with it.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from raw_guest import ENTRY, EXIT_EAX, code, exit_status, jump, word

from vmm.report.run_report import ExitReason

ROOT = Path(__file__).resolve().parents[2]
LOCK_BT = "f0 0f a3 c0"
EDGE = 0x102000
TRIPLE, UNSUPPORTED = ExitReason.TRIPLE_FAULT.status, ExitReason.UNSUPPORTED.status

RUN = """
import sys
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/tests/support"]
from raw_guest import run
report = run(eval(sys.argv[2]), sys.argv[3])
print(report.exit_status, report.message)
"""

EAX_7 = code("b8", word(7))


def at_entry(*parts: str | bytes) -> dict[int, bytes]:
    return {ENTRY: code(*parts)}


def before_edge(head: bytes, tail: bytes, *first: str | bytes) -> dict[int, bytes]:
    """Code that does `first`, then jumps to `head`, which is followed by `tail` on the next page."""
    start = code(*first)
    at = EDGE - len(head)
    return {ENTRY: start + jump(ENTRY + len(start), at), at: head + tail}


GUESTS = {
    "run": (at_entry(LOCK_BT), TRIPLE),
    "run with prefixes before and after the lock": (at_entry("66 f0 2e 66 0f ba e9 01"), TRIPLE),
    "behind a jump": (at_entry(EAX_7, EXIT_EAX, LOCK_BT), exit_status(7)),
    "behind a conditional jump": (at_entry(EAX_7, "39 c0 74 04", LOCK_BT, EXIT_EAX), exit_status(7)),
    "in an immediate": (at_entry("b8", LOCK_BT, "c1 e8 08", EXIT_EAX), exit_status(0x0F)),
    "in an immediate, a thousand times": (
        at_entry("31 d2 b9", word(1000), "b8", LOCK_BT, "01 c2 49 75 f6 89 d0", EXIT_EAX),
        exit_status(0xC0A30FF0 * 1000 & 0xFF),
    ),
    "in an immediate, then entered there": (at_entry("b8", LOCK_BT, "eb fa"), TRIPLE),
    "entered behind its lock": (at_entry(EAX_7, "eb 01", LOCK_BT, "18 c0 04 01", EXIT_EAX), exit_status(1)),
    "over the edge": (before_edge(code("f0"), code("0f a3 c0")), TRIPLE),
    "over the edge, behind the opcode": (before_edge(code("f0 0f a3"), code("c0")), TRIPLE),
    "over the edge, prefixes first": (before_edge(code("f0 66 2e"), code("0f ba e0 01")), TRIPLE),
    "a lock that may be, over the edge": (
        before_edge(code(EAX_7, "f0 0f"), code("c1 05", word(EDGE + 0x80), EXIT_EAX)),
        exit_status(0),
    ),
    "a lock at the edge in another instruction": (
        before_edge(code(EAX_7, "b4 f0"), code(EXIT_EAX)), exit_status(7),
    ),
    "a lock at the edge in another instruction, lethal with what follows": (
        before_edge(code("39 c0 74 02 b0 f0"), code("0f a3 c0 88 e0", EXIT_EAX), "b8", word(0x700)), exit_status(7),
    ),
    "completed later by a store to the next page": (
        {
            ENTRY: code("bc", word(0x108000), "31 c0", b"\xe8", word(EDGE - 2 - (ENTRY + 12)),
                         "66 c7 05", word(EDGE), "a3 c0")
            + jump(ENTRY + 21, EDGE - 2),
            EDGE - 2: code("f0 0f", "c1 05", word(EDGE + 0x80), "c3"),
        },
        TRIPLE,
    ),
}  # fmt: skip


def outcome(pieces: dict[int, bytes], policy: str) -> tuple[int, str]:
    """Exit status and message of a guest that is run by a process of its own."""
    process = subprocess.run(
        [sys.executable, "-c", RUN, str(ROOT), repr(pieces), policy],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert process.returncode == 0, f"the process ended with {process.returncode}: {process.stderr[-2000:]}"
    status, _, message = process.stdout.partition(" ")
    return int(status), message


@pytest.mark.parametrize("policy", ["fast", "trap"])
@pytest.mark.parametrize("name", GUESTS)
def test_the_guest_gets_what_a_processor_does(name: str, policy: str) -> None:
    pieces, expected = GUESTS[name]
    status, message = outcome(pieces, policy)
    assert status == expected, message


@pytest.mark.parametrize("name", GUESTS)
def test_the_bare_engine_says_a_sentence_at_worst(name: str) -> None:
    pieces, expected = GUESTS[name]
    status, message = outcome(pieces, "native")
    assert status == expected or (status == UNSUPPORTED and "end the bare engine" in message), message
