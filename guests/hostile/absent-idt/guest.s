# SPDX-License-Identifier: GPL-2.0-or-later
# The IDT lies where there is no memory.
.include "layout.s"
    movl $STACK, %esp
    lidtl absent
    int $0x20
absent:
    .word 0x7ff
    .long 0xf0000000
