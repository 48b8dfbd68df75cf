# SPDX-License-Identifier: GPL-2.0-or-later
# An IDT made of its own text, and every vector called.
.include "layout.s"
    movl $STACK, %esp
    lidtl garbage
    movl $0x0, %ecx
    ud2
    int $0x20
    int $0x80
garbage:
    .word 0xffff
    .long garbage+0x3
    .rept 0x40
    .long 0xdeadbeef, 0x12348e5a
    .endr
