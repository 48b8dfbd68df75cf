# SPDX-License-Identifier: GPL-2.0-or-later
"""Port I/O on ports that a device answers at once."""

from vmm.bench.workload import Workload

WORKLOADS = (Workload("port-io", "in from the interrupt mask, out to it", "    inb $0x21, %al\n    outb %al, $0x21"),)
