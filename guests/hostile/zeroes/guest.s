# SPDX-License-Identifier: GPL-2.0-or-later
# Runs off into zeroed memory: add %al, (%eax), megabytes of it.
.include "layout.s"
    movl $STACK, %esp
    movl $SCRATCH, %eax
    movl $0x400000, %ecx
    jmp *%ecx
