# SPDX-License-Identifier: GPL-2.0-or-later
# Moves and stores with counts of 4 GiB, around the end of the address space and over itself.
.include "layout.s"
    movl $STACK, %esp
    movl $0xfffffff0, %edi
    movl $-0x1, %ecx
    movl $0xf4f4f4f4, %eax
    cld
    rep stosb
    rep stosl
    hlt
