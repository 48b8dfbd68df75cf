# SPDX-License-Identifier: GPL-2.0-or-later
# Hardware task switch: by a far jump and a far call to a TSS, by a task gate in the IDT, iret with NT, and a double fault that gets a
# stack of its own (SDM vol. 3A, chapter 7). A machine may say that it does not do this.
.include "start.s"
.equ BUF, 0x187000
.equ TSS_B, 0x189000
.equ TSS_DF, 0x18a000
.equ STACK_B, 0x1a8000
.equ STACK_DF, 0x1b0000
.equ SEL_B, 0x38
.equ SEL_DF, 0x40
.equ SEL_GATE, 0x48

# Fills a TSS: its code in ring 0 on a stack of its own.
.macro fill_task tss, stack, entry
    movl $\entry, \tss+0x20
    movl $0x2, \tss+0x24
    movl $0xb0b0b0b0, \tss+0x28 # eax
    movl $\stack, \tss+0x38
    movl $DATA0, \tss+0x48
    movl $CODE0, \tss+0x4c
    movl $DATA0, \tss+0x50
    movl $DATA0, \tss+0x54
    movl $DATA0, \tss+0x58
    movl $DATA0, \tss+0x5c
    movl $0x0, \tss+0x60
    movl $0x680000, \tss+0x64
.endm

main:
    movl $0x90000067, gdt+SEL_B
    movl $0x00008918, gdt+SEL_B+0x4
    movl $0xa0000067, gdt+SEL_DF
    movl $0x00008918, gdt+SEL_DF+0x4
    movl $SEL_B*0x10000, gdt+SEL_GATE
    movl $0x8500, gdt+SEL_GATE+0x4
    fill_task TSS_B, STACK_B, task_b
    fill_task TSS_DF, STACK_DF, task_df
    movl $0x12345678, %ebx
    movl %esp, %edi
    .byte 0x9a                  # far call: nested
    .long 0x0
    .word SEL_B
    movl %ebx, %eax
    expect "registers after the call of a task", $0x12345678
    movl %edi, %eax
    subl %esp, %eax
    expect "stack after the call of a task", $0x0
    movl BUF, %eax
    expect "the task's own eax", $0xb0b0b0b0
    movl BUF+0x4, %eax
    expect "its task register", $SEL_B
    movl BUF+0x8, %eax
    andl $0x4000, %eax
    expect "its nt", $0x4000
    movl TSS_B, %eax
    andl $0xffff, %eax
    expect "its back link", $TSS_SEL
    movl BUF+0xc, %eax
    andl $0x8, %eax
    expect "its cr0.ts", $0x8
    strl %eax
    expect "task register again", $TSS_SEL
    pushfl
    popl %eax
    andl $0x4000, %eax
    expect "nt again", $0x0
    movl gdt+SEL_B+0x4, %eax
    expect "the task is not busy", $0x8918
    clts
    .byte 0x9a                  # the same through a task gate; the task goes on where it stopped
    .long 0x0
    .word SEL_GATE
    movl BUF+0x10, %eax
    expect "second call goes on behind the iret", $0x2
    movl $SEL_B*0x10000, IDT+0x40*8
    movl $0x8500, IDT+0x40*8+0x4
    int $0x40
    movl BUF+0x10, %eax
    expect "interrupt through a task gate", $0x3
    movl $SEL_DF*0x10000, IDT+0x8*8
    movl $0x8500, IDT+0x8*8+0x4
    movb $0xe, IDT+0xd*8+0x5
    movl $0xfff8, %eax
before_df:
    movl %eax, %es
after_df:
    movl BUF+0x14, %eax
    expect "double fault in its own task", $0xdf
    movl BUF+0x18, %eax
    expect "with an error code", $0x0
    movl BUF+0x1c, %eax
    expect "eip in the tss it came from", $before_df
    finish

task_b:
    movl %eax, BUF
    strl %eax
    movl %eax, BUF+0x4
    pushfl
    popl BUF+0x8
    movl %cr0, %eax
    movl %eax, BUF+0xc
    iretl
    movl $0x2, BUF+0x10
    iretl
    movl $0x3, BUF+0x10
    iretl

task_df:
    movl $0xdf, BUF+0x14
    popl BUF+0x18
    movl TSS+0x20, %eax
    movl %eax, BUF+0x1c
    movl $after_df, TSS+0x20
    iretl
