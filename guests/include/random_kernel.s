# SPDX-License-Identifier: GPL-2.0-or-later
# Random bytes in ring 0, from SEED; after every exception and tick sixteen bytes further.
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
    call pic_setup
    movl $0x4a9, %eax
    call pit_setup
    movb $0xfe, %al
    outb %al, $0x21
    movl $CODE, NEXT
    jmp enter
again:
    movb $0x20, %al
    outb %al, $0x20
    addl $0x10, NEXT
    cmpl $CODE+0xff00, NEXT
    jae done
enter:
    movl $STACK, %esp
    pushl $0x202
    popfl
    jmp *NEXT
done:
    movl $0x20, %eax
    jmp exit
