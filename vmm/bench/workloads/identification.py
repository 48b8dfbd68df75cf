# SPDX-License-Identifier: GPL-2.0-or-later
"""Who are you and what time is it."""

from vmm.bench.workload import Workload

WORKLOADS = (
    Workload("cpuid", "cpuid, leaf 0", "    xorl %eax, %eax\n    cpuid"),
    Workload("rdtsc", "rdtsc", "    rdtsc"),
)
