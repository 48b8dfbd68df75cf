# SPDX-License-Identifier: GPL-2.0-or-later
"""What the engine itself takes, before any of our work: the figures that exits are held against."""

from vmm.bench.workload import Platform, Workload

WORKLOADS = (
    Workload("empty-hook", "int3 to a callback that does nothing", "    int3", platforms=(Platform.BARE,)),
)
