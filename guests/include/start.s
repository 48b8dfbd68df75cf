# SPDX-License-Identifier: GPL-2.0-or-later
# The first line of a test guest: names, macros, a stack and all tables.
.include "layout.s"
.include "macros.s"
    cli
    movl $STACK, %esp
    call setup
    jmp main
.include "print.s"
.include "check.s"
.include "tables.s"
.include "user.s"
