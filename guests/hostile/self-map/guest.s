# SPDX-License-Identifier: GPL-2.0-or-later
# Page tables that are their own pages, all of it writable, and writes over them.
.include "start.s"
.equ DIRECTORY, 0x200000
main:
    movl $DIRECTORY, %edi
    movl $0x400, %ecx
    movl $DIRECTORY+0x7, %eax
    rep stosl                   # every table is the directory, every page is the directory
    movl $0x87, DIRECTORY       # but for 4 MiB at 0
    movl %cr4, %eax
    orl $0x10, %eax
    movl %eax, %cr4
    movl $DIRECTORY, %eax
    movl %eax, %cr3
    movl %cr0, %eax
    orl $0x80000000, %eax
    movl %eax, %cr0
    movl $0x400000, %edi
    movl $0x1000000, %ecx
    movl $0xc3c3c3c3, %eax
    rep stosl
    movl $0x400000, %eax
    jmp *%eax
