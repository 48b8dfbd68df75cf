# SPDX-License-Identifier: GPL-2.0-or-later
# Halts with interrupts off.
.include "layout.s"
    movl $STACK, %esp
    cli
    hlt
