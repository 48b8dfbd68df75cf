# SPDX-License-Identifier: GPL-2.0-or-later
# Reads every port in all three sizes.
.include "start.s"
main:
    movl $0x0, %edx
ports:
    inb %dx, %al
    inw %dx, %ax
    inl %dx, %eax
    incw %dx
    jnz ports
    say "all ports read\n"
    finish
