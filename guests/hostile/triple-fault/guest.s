# SPDX-License-Identifier: GPL-2.0-or-later
# Leaves no way to deliver any exception, and raises one.
.include "layout.s"
    movl $STACK, %esp
    lidtl nothing
    ud2
nothing:
    .word 0x0
    .long 0x0
