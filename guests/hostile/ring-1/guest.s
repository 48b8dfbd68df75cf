# SPDX-License-Identifier: GPL-2.0-or-later
# Goes to ring 1 by iret.
.include "start.s"
main:
    movl $0x0000ffff, gdt+0x38
    movl $0x00cfba00, gdt+0x3c
    movl $0x0000ffff, gdt+0x40
    movl $0x00cfb200, gdt+0x44
    pushl $0x41
    pushl $USER_STACK
    pushl $0x2
    pushl $0x39
    pushl $ring1
    iretl
ring1:
    movl %cs, %eax
    ud2
