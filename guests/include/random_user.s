# SPDX-License-Identifier: GPL-2.0-or-later
# Random bytes in ring 3 behind page tables, from SEED; an exception or a tick goes sixteen bytes further.
.equ CODE, WINDOW
.equ NEXT, 0x187000
.equ KINDS, 0x187010            # one bit a vector that came
main:
    call paging_setup
    movl $SEED, %eax
    movl $FRAME, %edi
    call random_fill
    movl $FRAME+0x7, %eax
    movl $0x0, %ecx
map:
    movl %eax, WINDOW_TABLE(,%ecx,4)
    addl $0x1000, %eax
    incl %ecx
    cmpl $0x10, %ecx
    jb map
    movl $0x0, %ecx
set_handlers:
    movl $again, HANDLERS(,%ecx,4)
    incl %ecx
    cmpl $0x40, %ecx
    jb set_handlers
    movl $again, HANDLERS+0x80*4
    call pic_setup
    movl $0x4a9, %eax
    call pit_setup
    movb $0xfe, %al
    outb %al, $0x21
    movl $CODE, NEXT
    jmp enter
again:
    movl F_VECTOR(%ebp), %ecx
    btsl %ecx, KINDS
    movb $0x20, %al
    outb %al, $0x20
    testl $0x3, F_CS(%ebp)
    jz unexpected_trap
    addl $0x10, NEXT
    cmpl $CODE+0xff00, NEXT
    jae done
enter:
    movl $STACK, %esp
    movl NEXT, %eax
    movl $0x202, %edx
    call enter_user
done:
    say "came to the end\n"
    movl KINDS, %eax
    andl $0x6040, %eax          # #UD, #GP, #PF
    expect "kinds of exceptions", $0x6040
    finish
.balign 0x1000, 0x90
user_text:
    nop
user_text_end:
