# SPDX-License-Identifier: GPL-2.0-or-later
# Two ring 3 tasks that never give way: the timer takes the processor from one and gives it to the other, with all registers, flags
# and the FPU. Each checks itself until twenty turns are over.
.include "start.s"
.equ TURNS, 0x187000
.equ CURRENT, 0x187004
.equ ENDED, 0x187008
.equ SAVED, 0x187010            # stack pointers of the two
.equ ROUNDS, 0x187020           # how often each went round
.equ WRONG, 0x187028            # and how often something was not as it left it
.equ KERNEL_STACK_A, 0x1a8000
.equ KERNEL_STACK_B, 0x1b0000
.equ USER_STACK_A, 0x190000
.equ USER_STACK_B, 0x198000
.equ FPU_STATE, 0x189000        # two images of 0x200 bytes

# The first frame of a task on its kernel stack, as trap_return takes it.
.macro task_frame stack, user_stack, entry
    movl $\stack-0x44, %edi
    movl $DATA3, F_ES(%edi)
    movl $DATA3, F_DS(%edi)
    movl $\entry, F_EIP(%edi)
    movl $CODE3, F_CS(%edi)
    movl $0x202, F_EFLAGS(%edi)
    movl $\user_stack, F_ESP(%edi)
    movl $DATA3, F_SS(%edi)
.endm

main:
    movl %cr4, %eax
    orl $0x200, %eax
    movl %eax, %cr4
    fninit
    fxsave FPU_STATE
    fxsave FPU_STATE+0x200
    task_frame KERNEL_STACK_A, USER_STACK_A, task_a
    task_frame KERNEL_STACK_B, USER_STACK_B, task_b
    movl $KERNEL_STACK_A-0x44, SAVED
    movl $KERNEL_STACK_B-0x44, SAVED+0x4
    handle 0x20, tick
    handle 0x80, task_ends
    call pic_setup
    movl $0x1000, %eax          # about 290 Hz
    call pit_setup
    movb $0xfe, %al
    outb %al, $0x21
    movl $0x0, CURRENT
    movl %esp, KERNEL_ESP
    jmp resume

tick:
    movb $0x20, %al
    outb %al, $0x20
    incl TURNS
    addl $0x4, %esp             # the return into trap_common: resume goes there itself
    movl CURRENT, %ecx
    movl %esp, SAVED(,%ecx,4)
    movl %ecx, %eax
    shll $0x9, %eax
    fxsave FPU_STATE(%eax)
    xorl $0x1, %ecx
    btl %ecx, ENDED
    jnc tick_switch
    xorl $0x1, %ecx
tick_switch:
    movl %ecx, CURRENT

# Goes on with the task CURRENT.
resume:
    movl CURRENT, %ecx
    movl %ecx, %eax
    shll $0x9, %eax
    fxrstor FPU_STATE(%eax)
    movl $KERNEL_STACK_A, TSS+0x4
    cmpl $0x0, %ecx
    je resume_stack
    movl $KERNEL_STACK_B, TSS+0x4
resume_stack:
    movl SAVED(,%ecx,4), %esp
    jmp trap_return

# int 0x80: the task is over; when both are, the kernel says how it was.
task_ends:
    movl CURRENT, %ecx
    btsl %ecx, ENDED
    xorl $0x1, %ecx
    movl %ecx, CURRENT
    cmpl $0x3, ENDED
    jne resume
    movb $0xff, %al
    outb %al, $0x21
    movl KERNEL_ESP, %esp
    cmpl $0x14, TURNS
    setae %al
    movzbl %al, %eax
    expect "twenty turns", $0x1
    movl WRONG, %eax
    expect "task a, wrong", $0x0
    movl WRONG+0x4, %eax
    expect "task b, wrong", $0x0
    cmpl $0x0, ROUNDS
    setne %al
    movzbl %al, %eax
    expect "task a went round", $0x1
    cmpl $0x0, ROUNDS+0x4
    setne %al
    movzbl %al, %eax
    expect "task b went round", $0x1
    finish

# A task: every register holds its own value, flags and FPU too, through many instructions.
.macro task index, value
    fninit
    fldpi
    pushl $\value
    fildl (%esp)
    movd (%esp), %xmm3
    popl %eax
Ltask_round\@:
    movl $\value+0x1, %eax
    movl $\value+0x2, %ebx
    movl $\value+0x3, %edx
    movl $\value+0x4, %esi
    movl $\value+0x5, %edi
    movl $\value+0x6, %ebp
    movl $0x400, %ecx
Ltask_spin\@:
    nop
    nop
    loop Ltask_spin\@
    cmpl $\value+0x1, %eax
    jne Ltask_wrong\@
    cmpl $\value+0x2, %ebx
    jne Ltask_wrong\@
    cmpl $\value+0x3, %edx
    jne Ltask_wrong\@
    cmpl $\value+0x4, %esi
    jne Ltask_wrong\@
    cmpl $\value+0x5, %edi
    jne Ltask_wrong\@
    cmpl $\value+0x6, %ebp
    jne Ltask_wrong\@
    movd %xmm3, %eax
    cmpl $\value, %eax
    jne Ltask_wrong\@
    fistl -0x40(%esp)
    cmpl $\value, -0x40(%esp)
    jne Ltask_wrong\@
    pushl $0x8d5
    popfl
    movl $0x10, %ecx
Ltask_flags\@:
    pushfl
    popl %eax
    andl $0x3cff, %eax
    cmpl $0x8d7, %eax
    jne Ltask_wrong\@
    pushl $0x8d5
    popfl
    decl %ecx
    jnz Ltask_flags_more\@
    movl %cs, %eax
    cmpl $CODE3, %eax
    jne Ltask_wrong\@
    movl %ss, %eax
    cmpl $DATA3, %eax
    jne Ltask_wrong\@
    jmp Ltask_right\@
Ltask_flags_more\@:
    pushl $0x8d5
    popfl
    jmp Ltask_flags\@
Ltask_wrong\@:
    incl WRONG+\index*4
Ltask_right\@:
    incl ROUNDS+\index*4
    cmpl $0x14, TURNS
    jb Ltask_round\@
    int $0x80
    ud2
.endm
task_a:
    task 0x0, 0x11110000
task_b:
    task 0x1, 0x22220000
.include "clock.s"
