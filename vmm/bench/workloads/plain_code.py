# SPDX-License-Identifier: GPL-2.0-or-later
"""Code without sensitive instructions: what must run as if nobody were there."""

from vmm.bench.workload import FIVE_TIMES_STOCK, MACHINES, NEAR_NATIVE, Platform, Workload

EVERYWHERE = (*MACHINES, Platform.STOCK)

_COMPUTE = """
    addl %ebx, %eax
    xorl %eax, %edx
    roll $0x5, %eax
    leal 0x11(%eax,%edx,4), %ebx
    imull $0x10dcd, %ebx, %ebx
    subl %edx, %eax
    shrl $0x3, %edx
    orl %eax, %edx
"""

_LOAD_STORE = "".join(
    f"""
    movl {offset:#x}(%esi), %eax
    addl %ebx, %eax
    movl %eax, {offset + 0x40:#x}(%esi)
    movl %ebx, {offset + 0x80:#x}(%esi)
"""
    for offset in range(0, 0x20, 4)
)

WORKLOADS = (
    Workload(
        "compute", "32 instructions on registers", _COMPUTE * 4,
        platforms=EVERYWHERE, goals=(NEAR_NATIVE,), turns=3,
    ),
    Workload(
        "load-store", "8 loads and 16 stores", _LOAD_STORE, "    movl $SCRATCH, %esi",
        platforms=EVERYWHERE, goals=(NEAR_NATIVE, FIVE_TIMES_STOCK), turns=3,
    ),
    Workload(
        "call-ret", "4 calls of a routine of one instruction", "    call leaf\n" * 4,
        more="leaf:\n    incl %eax\n    ret", platforms=EVERYWHERE, goals=(NEAR_NATIVE,), turns=3,
    ),
    Workload(
        "memcpy", "4 KiB copied by rep movsl",
        """
    movl %edi, %ebx
    movl $0x300000, %esi
    movl $0x310000, %edi
    movl $0x400, %ecx
    rep movsl
    movl %ebx, %edi
""",
        platforms=EVERYWHERE, goals=(NEAR_NATIVE,), turns=3, most=1 << 20,
    ),
)  # fmt: skip
