# SPDX-License-Identifier: GPL-2.0-or-later
"""Waiting for the timer, which ticks faster than anybody can take its interrupts: the whole way of one of them."""

from vmm.bench.workload import Workload
from vmm.bench.workloads.events import gate

_TICK = """
handler:
    pushl %eax
    movb $0x20, %al
    outb %al, $0x20
    popl %eax
    iretl
"""

_SETUP = """
    call pic_setup
    movl $0x20, %eax
    call pit_setup
    movb $0xfe, %al
    outb %al, $0x21
"""

WORKLOADS = (
    Workload(
        "timer-hlt", "sti, hlt, the timer's interrupt (27 us between two), its handler, cli",
        "    sti\n    hlt\n    cli",
        gate(0x20, "handler") + _SETUP, '.include "clock.s"\n' + _TICK, most=1 << 16, waits=True,
    ),
)  # fmt: skip
