# SPDX-License-Identifier: GPL-2.0-or-later
# A system call from ring 3 with a TSS where there is no memory.
.include "start.s"
main:
    movl $0x000008ff, gdt+TSS_SEL
    movl $0xf0008900, gdt+TSS_SEL+0x4
    movl $TSS_SEL, %eax
    ltrw %ax
    in_user user, 0x0002
user:
    int $0x30
