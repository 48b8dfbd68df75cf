# SPDX-License-Identifier: GPL-2.0-or-later
# What the manual says about exceptions and emulators often leave out: the EXT bit of error codes, RF in the frame, #SS for a
# stack not present on the way in and out, null in ltr, wrong control register and MSR values, mov ss holding back a trap.
.include "start.s"
.include "paging.s"
.equ STEPS, 0x187100

main:
    movl $0x0000ffff, gdt+0x38  # ring 0 data not present
    movl $0x00cf1200, gdt+0x3c
    movl $0x0000ffff, gdt+0x70  # ring 3 data not present
    movl $0x00cf7200, gdt+0x74
    movl $0x0000ffff, gdt+0x68  # conforming code
    movl $0x00cf9e00, gdt+0x6c
    movl $0x0, %eax
    faults "ring 0 ltr null", 0xd, 0x0, "ltrw %ax"
    pushl $0x73
    pushl $USER_STACK
    pushl $0x2
    pushl $CODE3
    pushl $main
    faults "ring 0 iret to ring 3, ss not present", 0xc, 0x70, "iretl"
    addl $0x14, %esp
    pushl $0x73
    pushl $USER_STACK
    pushl $CODE3
    pushl $main
    faults "ring 0 far ret to ring 3, ss not present", 0xc, 0x70, "lretl"
    addl $0x10, %esp
    call external
    movl $0x0000ffff, gdt+0x80  # code not accessed yet
    movl $0x00cf9a00, gdt+0x84
    .byte 0x9a
    .long far_away
    .word 0x80
    movl gdt+0x84, %eax
    expect "ring 0 far call sets accessed", $0x00cf9b00
    movl $far_away, %eax
    movw %ax, gdt+0x78          # call gate to conforming code
    movw $0x68, gdt+0x7a
    shrl $0x10, %eax
    movw %ax, gdt+0x7e
    movw $0xec00, gdt+0x7c
    in_user through_gate, 0x0002
    call resume_flag
    call controls
    call step
    movl $0xc, %ecx
    movl $conforming_ss, %eax
    movl $0x8e00, %edx
    call set_gate
    movw $0x68, IDT+0xc*8+0x2
    movl $0x38, TSS+0x8
    in_user no_stack, 0x0002
    call paging_setup
    window 0x1, FRAME+0x1007
    in_user far_stacks, 0x0002
    finish

far_away:
    movl %cs, %eax
    lretl

# An exception while an exception is delivered: the error code says EXT.
external:
    movb $0xe, IDT+0x6*8+0x5
    faults "ring 0 ud2 with its gate not present", 0xb, 0x33, "ud2"
    movb $0x8e, IDT+0x6*8+0x5
    movw $DATA0, IDT+0x6*8+0x2
    faults "ring 0 ud2 with a gate to data", 0xd, 0x11, "ud2"
    movw $0x0, IDT+0x6*8+0x2
    faults "ring 0 ud2 with a gate to null", 0xd, 0x1, "ud2"
    movw $CODE0, IDT+0x6*8+0x2
    movb $0xe, IDT+0x3*8+0x5
    faults "ring 0 int3 with its gate not present", 0xb, 0x1a, "int3"
    movb $0x8e, IDT+0x3*8+0x5
    ret

# A fault pushes RF = 1, a trap and int n push RF as it was.
resume_flag:
    movl $0x0, %ecx
    faults "ring 0 divide error", 0x0, 0x0, "divl %ecx"
    movl REC_EFLAGS, %eax
    andl $0x10000, %eax
    expect "ring 0 rf pushed by a fault", $0x10000
    movl $0x0, RESUME
    int3
    movl REC_EFLAGS, %eax
    andl $0x10000, %eax
    expect "ring 0 rf pushed by int3", $0x0
    pushfl
    popl %eax
    andl $0x10000, %eax
    expect "ring 0 rf in pushf", $0x0
    ret

controls:
    movl %cr0, %ebx
    movl %ebx, %eax
    andl $~0x1, %eax
    orl $0x80000000, %eax
    faults "ring 0 cr0: paging without protection", 0xd, 0x0, "movl %eax, %cr0"
    movl %ebx, %eax
    andl $~0x40000000, %eax
    orl $0x20000000, %eax
    faults "ring 0 cr0: nw without cd", 0xd, 0x0, "movl %eax, %cr0"
    movl %cr0, %eax
    expect "ring 0 cr0 unchanged", %ebx
    movl %cr4, %ebx
    movl %ebx, %eax
    orl $0x80000000, %eax
    faults "ring 0 cr4: a reserved bit", 0xd, 0x0, "movl %eax, %cr4"
    movl %cr4, %eax
    expect "ring 0 cr4 unchanged", %ebx
    movl $0x4a5a5a5a, %ecx
    faults "ring 0 rdmsr of none", 0xd, 0x0, "rdmsr"
    movl $0x4a5a5a5a, %ecx
    faults "ring 0 wrmsr of none", 0xd, 0x0, "wrmsr"
    ret

# TF: no trap between a load of ss and the next instruction.
step_trap:
    movl STEPS, %ecx
    incl STEPS
    movl F_EIP(%ebp), %eax
    movl %eax, STEPS+0x4(,%ecx,4)
    cmpl $step_end, %eax
    jne step_trap_end
    andl $~0x100, F_EFLAGS(%ebp)
step_trap_end:
    ret
step:
    handle 0x1, step_trap
    movl %ss, %ecx
    pushl $0x102
    popfl
    nop
step_1:
    movl %ecx, %ss
    nop
step_2:
    pushl %ecx
step_3:
    popl %ss
    movl %cs, %eax
step_end:
    nop
    handle 0x1, record_trap
    movl STEPS, %eax
    expect "ring 0 steps", $0x4
    movl STEPS+0x8, %eax
    expect "ring 0 step after mov ss and its neighbour", $step_2
    movl STEPS+0x10, %eax
    expect "ring 0 step after pop ss and its neighbour", $step_end
    ret

.balign 0x1000, 0x90
user_text:
# #SS for an absent ss0; the handler runs in ring 3, see the guest exceptions.
.set USER, 0x1
conforming_ss:
    movl $0xc, REC_VECTOR
    popl REC_ERROR
    movl (%esp), %eax
    movl %eax, REC_EIP
    movl $DATA0, TSS+0x8
    movl RESUME, %eax
    movl %eax, (%esp)
    iretl
no_stack:
    faults "ring 3 int with ss0 not present", 0xc, 0x38, "int $0x30"
    to_kernel

through_gate:
    .byte 0x9a
    .long 0x0
    .word 0x7b
    expect "ring 3 cs behind a call gate to conforming code", $0x6b
    to_kernel

# Far transfers use the stack with the rights of ring 3.
far_stacks:
    movl %esp, %ebp
    movl $WINDOW+0x1000, %esp
    on_stack "ring 3 far call on an absent stack", "lcall *far_target", WINDOW+0xffc, 0x6
    movl $WINDOW+0xff0, %esp
    on_stack "ring 3 far ret on an absent stack", "lretl", WINDOW+0xff0, 0x4
    on_stack "ring 3 iret on an absent stack", "iretl", WINDOW+0xff0, 0x4
    movl %ebp, %esp
    to_kernel
far_target:
    .long far_stacks
    .word CODE3
user_text_end:
