# SPDX-License-Identifier: GPL-2.0-or-later
# Clears CR0.PE: there is no real mode here.
.include "layout.s"
    movl $STACK, %esp
    movl %cr0, %eax
    andl $~0x1, %eax
    movl %eax, %cr0
    nop
    ud2
