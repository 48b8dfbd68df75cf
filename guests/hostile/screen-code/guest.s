# SPDX-License-Identifier: GPL-2.0-or-later
# Jumps into the screen, filled with what it shows.
.include "layout.s"
    movl $STACK, %esp
    movl $0xb8000, %ecx
    jmp *%ecx
