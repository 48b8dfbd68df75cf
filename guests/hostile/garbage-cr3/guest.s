# SPDX-License-Identifier: GPL-2.0-or-later
# Turns paging on with tables where there is no memory.
.include "layout.s"
    movl $STACK, %esp
    movl $0xfffff000, %eax
    movl %eax, %cr3
    movl %cr0, %eax
    orl $0x80000000, %eax
    movl %eax, %cr0
    nop
    ud2
