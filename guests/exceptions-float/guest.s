# SPDX-License-Identifier: GPL-2.0-or-later
# Exceptions that only the processor can notice while it calculates: #XM of unmasked SSE exceptions, and #MF on the next x87
# instruction rather than at fwait.
.include "start.s"
.equ BUF, 0x187000

main:
    movl %cr0, %eax
    orl $0x22, %eax             # NE, MP
    movl %eax, %cr0
    movl %cr4, %eax
    orl $0x600, %eax
    movl %eax, %cr4
    fninit
    movw $0x37b, BUF
    fldcw BUF
    fldz
    fld1
    fdiv %st(1), %st
    faults "ring 0 fld1 with a divide pending", 0x10, 0x0, "fld1"
    clean "ring 0 fnstcw does not wait", "fnstcw BUF"
    fnclex
    fninit
    movl $0x1d80, BUF           # divide by zero unmasked
    ldmxcsr BUF
    xorps %xmm0, %xmm0
    movl $0x3f800000, %eax
    movd %eax, %xmm1
    faults "ring 0 divss by zero, unmasked", 0x13, 0x0, "divss %xmm0, %xmm1"
    movl %cr4, %eax
    andl $~0x400, %eax
    movl %eax, %cr4
    faults "ring 0 divss by zero without osxmmexcpt", 0x6, 0x0, "divss %xmm0, %xmm1"
    movl $0x1f80, BUF
    ldmxcsr BUF
    clean "ring 0 divss by zero, masked", "divss %xmm0, %xmm1"
    finish
