# SPDX-License-Identifier: GPL-2.0-or-later
"""Random bytes as code: every run ends in a verdict and never in a fault of ours."""

import random

import pytest

from vmm import Machine
from vmm.errors import BootError
from vmm.report.run_report import ExitReason

BASE = 0x10_0000
SEEDS = range(24)
VERDICTS = {
    ExitReason.NO_IMAGE,
    ExitReason.TRIPLE_FAULT,
    ExitReason.UNSUPPORTED,
    ExitReason.HALTED,
    ExitReason.INSN_LIMIT,
    ExitReason.GUEST_EXIT,
    ExitReason.RESET,
}


def _run(code: bytes, policy: str) -> ExitReason:
    with Machine(
        kernel=code, address=BASE, memory=4, policy=policy, clock="counted", no_reboot=True
    ) as machine:
        return machine.run(timeout=60, max_insns=30_000).reason


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("policy", ["fast", "trap"])
def test_random_bytes_end_in_a_verdict(seed: int, policy: str) -> None:
    assert _run(random.Random(seed).randbytes(4096), policy) in VERDICTS


#: What random code seldom meets by itself: sensitive instructions, prefixes, far and indirect jumps.
SENSITIVE = """
fa fb 9c 9d 0f01e0 0f00c8 8ed8 8cc8 0fa2 0f31 0f20c0 0f22c0 0f0108 0f0118 f4 cf cb 60 61 cc cd80 f1
f00fc7c8 669c 679d f39c 669d 660fa2 0f0b 0fff ffe0 ffd0 ff28 ea00001000 0800 9a00001000 0800 e4f0
e621 6c 6e 0f3f 0f04 0f34 0f05 0f01f8 0f00d8 0f23f8 0f21f8 0f06 0f09 0f08 0f013f 62f0 c4e0 8dc0 fe38
0f0d00 d6 f0f4 e8ffffffff
"""
PIECES = [bytes.fromhex(text) for text in SENSITIVE.split()]


@pytest.mark.parametrize("seed", SEEDS)
def test_random_sensitive_code_ends_in_a_verdict(seed: int) -> None:
    rng = random.Random(seed)
    code = b"".join(rng.choice((rng.choice(PIECES), b"\x90", rng.randbytes(1))) for _ in range(2000))
    assert _run(code, "fast") in VERDICTS


@pytest.mark.parametrize("seed", SEEDS)
def test_a_damaged_header_is_refused_or_runs(seed: int) -> None:
    import guests

    rng = random.Random(seed)
    image = bytearray(guests.build("hello"))
    for _ in range(rng.choice((1, 2, 5))):
        image[rng.randrange(48)] = rng.randrange(256)
    assert _outcome(bytes(image)) in VERDICTS


def _outcome(image: bytes) -> ExitReason:
    try:
        with Machine(kernel=image, memory=4, clock="counted", no_reboot=True) as machine:
            return machine.run(timeout=60, max_insns=30_000).reason
    except BootError:
        return ExitReason.NO_IMAGE
