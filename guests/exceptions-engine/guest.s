# SPDX-License-Identifier: GPL-2.0-or-later
# Exceptions that only the processor can notice while it calculates: #AC of unaligned data in ring 3, #XM of unmasked SSE
# exceptions, and #MF on the next x87 instruction rather than at fwait.
.include "start.s"
.equ BUF, 0x187000

main:
    movl %cr0, %eax
    orl $0x40022, %eax          # AM, NE, MP
    movl %eax, %cr0
    movl %cr4, %eax
    orl $0x600, %eax
    movl %eax, %cr4
    pushl $0x40002
    popfl
    clean "ring 0 unaligned, ac and am set", "movl BUF+0x1, %eax"
    pushl $0x2
    popfl
    in_user alignment, 0x0002
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

.set USER, 0x1
alignment:
    clean "ring 3 unaligned, ac clear", "movl BUF+0x1, %eax"
    pushl $0x40002
    popfl
    faults "ring 3 unaligned read", 0x11, 0x0, "movl BUF+0x1, %eax"
    faults "ring 3 unaligned write", 0x11, 0x0, "movw %ax, BUF+0x3"
    clean "ring 3 aligned", "movl BUF, %eax"
    clean "ring 3 bytes", "movb BUF+0x1, %al"
    pushl $0x2
    popfl
    to_kernel
