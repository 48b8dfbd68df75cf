# SPDX-License-Identifier: GPL-2.0-or-later
# Makes code on every page of memory and runs it, three times over.
.include "start.s"
.equ FIRST, 0x200000
.equ LAST, 0x1f00000
main:
    movl $0x3, %ebx
rounds:
    movl $FIRST, %edi
pages:
    movl $0x9d9cc031, (%edi)    # xorl %eax, %eax; pushf; popf
    movl $0xc340, 0x4(%edi)     # incl %eax; ret
    call *%edi
    cmpl $0x1, %eax
    jne wrong
    movb $0x90, 0x4(%edi)       # nop for incl
    call *%edi
    testl %eax, %eax
    jnz wrong
    addl $0x1000, %edi
    cmpl $LAST, %edi
    jb pages
    decl %ebx
    jnz rounds
    say "every page ran\n"
    finish
wrong:
    expect "page", $-0x1
    finish
