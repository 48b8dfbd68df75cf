# SPDX-License-Identifier: GPL-2.0-or-later
# A GDT made of its own text; every segment from it is tried.
.include "start.s"
main:
    handle 0xd, next
    handle 0xb, next
    handle 0xc, next
    movl $0x8, %ebx
    lgdtl garbage
try:
    movl %ebx, %es
    movl %ebx, %gs
    movl %ebx, %ss
    larl %ebx, %eax
    lsll %ebx, %eax
    lldtw %bx
    ltrw %bx
next_selector:
    addl $0x8, %ebx
    cmpl $0xffff, %ebx
    jb try
    say "no segment was good\n"
    finish
next:
    movl $next_selector, F_EIP(%ebp)
    ret
garbage:
    .word 0xffff
    .long main
