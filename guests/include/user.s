# SPDX-License-Identifier: GPL-2.0-or-later
# Into ring 3 and back.

# Calls %eax in ring 3 with EFLAGS = %edx and interrupts as it says there; comes back when that code asks service 0.
enter_user:
    pushal
    movl %esp, KERNEL_ESP
    movl $DATA3, %ecx
    movl %ecx, %ds
    movl %ecx, %es
    movl %ecx, %fs
    movl %ecx, %gs
    pushl %ecx
    pushl $USER_STACK
    pushl %edx
    pushl $CODE3
    pushl %eax
    iretl

# Reached from service_gate, on TRAP_STACK.
leave_user:
    movl KERNEL_ESP, %esp
    movl $DATA0, %ecx
    movl %ecx, %ds
    movl %ecx, %es
    movl %ecx, %fs
    movl %ecx, %gs
    popal
    ret

# Runs entry in ring 3 with IOPL as given (0x0002 = IOPL 0, 0x3002 = IOPL 3; +0x200 for IF).
.macro in_user entry, eflags
    movl $\entry, %eax
    movl $\eflags, %edx
    call enter_user
.endm

# The end of every ring 3 routine.
.macro to_kernel function=0x0
    movl $\function, %eax
    int $0x30
.endm
