# SPDX-License-Identifier: GPL-2.0-or-later
"""Unmasked x87 exceptions leave what the processor that runs the tests leaves: status, tags, registers and memory."""

import pytest
from host_x87 import AVAILABLE, SIZE, Case, case, on_the_host, state

from guests.build import image
from vmm.machine import Machine

CASES, AT = 400, 0x300000
START = "movl %cr0, %eax\norl $0x22, %eax\nmovl %eax, %cr0\n"
END = "fninit\nmovb $0x10, %al\noutb %al, $0xf4\ncli\nhlt\n"


def in_a_guest(made: list[Case], policy: str) -> list[bytes]:
    """The cases' bytes after they ran one behind the other in ring 0."""
    text = START
    for number, one in enumerate(made):
        text += f"movl ${AT + SIZE * number:#x}, %edi\n.byte {', '.join(map(hex, one.code))}\n"
    with Machine(kernel=image(text + END, "x87"), memory=8, policy=policy, no_reboot=True) as machine:
        machine.mem.physical.write(AT, b"".join(one.data for one in made))
        report = machine.run(timeout=60)
        assert report.exit_status == 33, report.message
        after: bytes = machine.mem.physical.read(AT, SIZE * len(made))
    return [after[at : at + SIZE] for at in range(0, len(after), SIZE)]


@pytest.mark.skipif(not AVAILABLE, reason="the tests do not run on an x86 processor")
@pytest.mark.parametrize("policy", ["fast", "trap"])
def test_unmasked_exceptions_leave_what_a_processor_leaves(policy: str) -> None:
    made = [case(seed) for seed in range(CASES)]
    for number, (one, after) in enumerate(zip(made, in_a_guest(made, policy), strict=True)):
        assert state(one, after) == state(one, on_the_host(one)), f"case {number}: {one.code.hex(' ')}"
