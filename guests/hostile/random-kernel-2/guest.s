# SPDX-License-Identifier: GPL-2.0-or-later
# Random bytes in ring 0, number 2; after every exception sixteen bytes further. Anything may come of it.
.include "start.s"
.include "random.s"
.equ SEED, 0x2
.equ CODE, 0x300000
.equ NEXT, 0x187000
main:
    movl $SEED, %eax
    movl $CODE, %edi
    call random_fill
    movl $0x0, %ecx
set_handlers:
    movl $again, HANDLERS(,%ecx,4)
    incl %ecx
    cmpl $0x100, %ecx
    jb set_handlers
    movl $CODE, NEXT
    jmp *NEXT
again:
    addl $0x10, NEXT
    cmpl $CODE+0xff00, NEXT
    jae done
    movl $STACK, %esp
    jmp *NEXT
done:
    movl $0x20, %eax
    jmp exit
