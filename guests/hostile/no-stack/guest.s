# SPDX-License-Identifier: GPL-2.0-or-later
# A stack at 0, then at the end of the address space, and exceptions on it.
.include "start.s"
main:
    movl $0x0, %esp
    pushl %eax
    call main_too
main_too:
    movl $0x0, RESUME
    int3
    ud2
