# SPDX-License-Identifier: GPL-2.0-or-later
"""What is learned of the engine is the same every time: chance must not decide whether it starts."""

from vmm.engine.learn import learn


def test_learning_again_and_again_finds_the_same() -> None:
    assert len({learn() for _ in range(60)}) == 1
