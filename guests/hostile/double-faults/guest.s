# SPDX-License-Identifier: GPL-2.0-or-later
# Double faults without end: #GP and #NP cannot be delivered, #DF comes back to the same place.
.include "start.s"
main:
    movb $0xe, IDT+0xd*8+0x5
    movl $bad, RESUME
bad:
    movl $0xfff8, %eax
    movl %eax, %es
    ud2
