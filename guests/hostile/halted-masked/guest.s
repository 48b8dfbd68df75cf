# SPDX-License-Identifier: GPL-2.0-or-later
# Halts with interrupts on and every line masked.
.include "start.s"
main:
    movb $0xff, %al
    outb %al, $0x21
    outb %al, $0xa1
    sti
halt:
    hlt
    jmp halt
