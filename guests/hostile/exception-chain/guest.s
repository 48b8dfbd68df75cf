# SPDX-License-Identifier: GPL-2.0-or-later
# The handler of every exception raises it again, one frame below the other, until the stack has eaten all memory.
.include "start.s"
main:
    .irp v, 0x0, 0x6, 0xb, 0xc, 0xd
    handle \v, again
    .endr
again:
    movl $0xfff8, %eax
    movl %eax, %es
    ud2
    jmp again
