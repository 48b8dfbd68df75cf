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
    movl %es, %eax
    movl %ss, %eax
    movl %fs, %eax
"""

WORKLOADS = (
    Workload("table-stores", "sgdt, sidt, sldt, str, smsw", _STORES),
    Workload("segment-reads", "four mov from a segment register", _READS),
    Workload("segment-loads", "mov to ds, mov to es", "    movl %ebx, %ds\n    movl %ebx, %es", "    movl $DATA0, %ebx"),
)
