# SPDX-License-Identifier: GPL-2.0-or-later
"""System tables and segment registers."""

from vmm.bench.workload import Workload

_STORES = """
    sgdtl SCRATCH
    sidtl SCRATCH+0x8
    sldtl %eax
    strl %eax
    smswl %eax
"""

_READS = """
    movl %ds, %eax
    movl %es, %ecx
    movl %ss, %edx
    pushl %fs
    popl %ebx
"""

WORKLOADS = (
    Workload("table-stores", "sgdt, sidt, sldt, str, smsw", _STORES),
    Workload("segment-reads", "32 reads of segment registers: mov, push", _READS * 8),
    Workload(
        "segment-loads", "mov to ds, mov to es", "    movl %ebx, %ds\n    movl %ebx, %es", "    movl $DATA0, %ebx"
    ),
)
