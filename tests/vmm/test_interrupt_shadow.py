# SPDX-License-Identifier: GPL-2.0-or-later
"""An interrupt that waits while `sti; hlt` runs wakes the processor, and nothing behind the hlt runs before it.

SDM vol. 2B, STI: interrupts stay held off for the one instruction that follows, which is the hlt. The engine is
stopped after every single instruction, so that it is the run loop that finds the interrupt.
"""

import pytest

from guests.build import expand, image
from vmm.machine import Machine
from vmm.report.run_report import ExitReason

TEXT = """
.include "start.s"
main:
    call pic_setup
    handle 0x20, tick
    movl $0x20, %eax
    call pit_setup
    movb $0xfe, %al
    outb %al, $0x21
    movb $0x0a, %al             # OCW3: the next read of 0x20 gives the requests
    outb %al, $0x20
waiting:
    inb $0x20, %al
    testb $0x1, %al
    jz waiting
    movl $0x0, %esi
    movl $0x11, %eax
    outb %al, $0xe9
    sti
    hlt
    cli
    addl %esi, %eax
    jmp exit
tick:
    movl $-0x1, F_ESI(%ebp)
    movb $0xff, %al
    outb %al, $0x21
    ret
.include "clock.s"
"""


class Console:
    """A debug console that stops the machine when the guest has come to the place."""

    wake = None
    stop = staticmethod(lambda: None)

    def write(self, data: bytes) -> None:
        self.stop()

    def connect(self, receiver: object) -> None: ...
    def pump(self) -> None: ...
    def close(self) -> None: ...


@pytest.mark.parametrize("policy", ["fast", "trap", "native"])
def test_a_waiting_interrupt_wakes_hlt(policy: str) -> None:
    console = Console()
    kernel = image(expand(TEXT, "shadow"), "shadow")
    with Machine(kernel=kernel, policy=policy, clock="counted", debugcon=console) as machine:
        console.stop = machine.stop
        assert machine.run(max_insns=200_000).reason is ExitReason.INTERRUPTED
        for _ in range(200):
            report = machine.run(max_insns=1)
            if report.reason is not ExitReason.INSN_LIMIT:
                break
    assert (report.reason, report.exit_status) == (ExitReason.GUEST_EXIT, 33), report.message
