# SPDX-License-Identifier: GPL-2.0-or-later
# A GDT of 8192 random descriptors behind the first seven; all of them are looked at and loaded.
.include "start.s"
.include "random.s"
.equ TABLE, 0x200000
.equ WHAT, 0x187000             # which of the tries is next
main:
    movl $0x7, %eax
    movl $TABLE, %edi
    call random_fill
    movl $gdt, %esi
    movl $0xe, %ecx
    rep movsl
    lgdtl table_pointer
    movl $0x0, %ecx
set_handlers:
    movl $next, HANDLERS(,%ecx,4)
    incl %ecx
    cmpl $0x20, %ecx
    jb set_handlers
    movl $0x38, %ebx
selector:
    movl $0x0, WHAT
try:
    movl $DATA0, %eax
    movl %eax, %ds
    movl $STACK, %esp
    movl WHAT, %eax
    incl WHAT
    cmpl $0x8, %eax
    jae selector_done
    jmp *tries(,%eax,4)
try_done:
    jmp try
selector_done:
    addl $0x8, %ebx
    cmpl $0x10000, %ebx
    jb selector
    say "all descriptors tried\n"
    finish
tries:
    .long try_lar, try_lsl, try_ver, try_es, try_gs, try_ss, try_lldt, try_ltr
try_lar:
    larl %ebx, %eax
    jmp try_done
try_lsl:
    lsll %ebx, %eax
    jmp try_done
try_ver:
    verr %bx
    verw %bx
    jmp try_done
try_es:
    movl %ebx, %es
    movl $DATA0, %eax
    movl %eax, %es
    jmp try_done
try_gs:
    movl %ebx, %gs
    jmp try_done
try_ss:
    movl %ebx, %ss
    movl $DATA0, %eax
    movl %eax, %ss
    jmp try_done
try_lldt:
    lldtw %bx
    jmp try_done
try_ltr:
    ltrw %bx
    jmp try_done
next:
    movl $try_done, F_EIP(%ebp)
    ret
table_pointer:
    .word 0xffff
    .long TABLE
