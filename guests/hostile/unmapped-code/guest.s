# SPDX-License-Identifier: GPL-2.0-or-later
# Jumps to where there is neither memory nor device.
.include "layout.s"
    movl $STACK, %esp
    movl $0xf0000000, %ecx
    jmp *%ecx
