# SPDX-License-Identifier: GPL-2.0-or-later
"""The flags family: what a kernel does most often of all that is sensitive."""

from vmm.bench.workload import STUBBED, TEN_HOOKS, Platform, Workload

WORKLOADS = (
    Workload("cli-sti", "cli, sti", "    cli\n    sti", goals=(STUBBED,)),
    Workload("pushf-popf", "pushf, popf", "    pushfl\n    popfl", goals=(STUBBED,)),
    Workload("pushf", "pushf, pop of a register", "    pushfl\n    popl %eax", goals=(STUBBED,)),
    Workload(
        "irq-save", "pushf, pop, cli, push, popf: a kernel's critical section",
        "    pushfl\n    popl %eax\n    cli\n    pushl %eax\n    popfl", goals=(STUBBED,),
    ),
    Workload(
        "exit", "pushf trapped; on the bare engine int3 to a callback that does nothing", "    pushfl\n    popl %eax",
        bare="    int3", platforms=(Platform.TRAP, Platform.BARE), goals=(TEN_HOOKS,),
    ),
)  # fmt: skip
