# SPDX-License-Identifier: GPL-2.0-or-later
# Writes all kinds of values into cr0, cr4, cr3, EFLAGS, the MSRs and debug registers; afterwards it must still be there or have a verdict.
.include "start.s"
main:
    movl $0x0, %ecx
set_handlers:
    movl $next, HANDLERS(,%ecx,4)
    incl %ecx
    cmpl $0x20, %ecx
    jb set_handlers
    movl $0x1, %ebx
msrs:
    movl %ebx, %ecx
    rdmsr
    wrmsr
msrs_next:
    addl %ebx, %ebx
    jnz msrs
    movl $debug_next, RESUME
    movl $0x1, %ebx
debug:
    movl %ebx, %dr0
    movl %ebx, %dr3
    movl %ebx, %dr6
    movl $0x0, %eax
    movl %eax, %dr7
debug_next:
    addl %ebx, %ebx
    jnz debug
    movl $flags_next, RESUME
    movl $0x40000, %ebx         # AC and above, VM by popf
flags:
    pushl %ebx
    popfl
flags_next:
    movl $STACK, %esp
    addl %ebx, %ebx
    jnz flags
    pushl $0x2
    popfl
    movl $cr4_next, RESUME
    movl $0x40, %ebx
cr4:
    movl %ebx, %cr4
cr4_next:
    addl %ebx, %ebx
    jnz cr4
    movl $0x0, %eax
    movl %eax, %cr4
    say "msrs, debug registers, eflags, cr4\n"
    movl $cr0_next, RESUME
    movl $0x2, %ebx
cr0:
    movl %ebx, %eax
    orl $0x1, %eax
    andl $0x7fffffff, %eax
    movl %eax, %cr0
cr0_next:
    addl %ebx, %ebx
    jnz cr0
    movl $0x11, %eax
    movl %eax, %cr0
    say "cr0\n"
    movl $0x80000011, %eax      # paging with tables of zeroes
    movl %eax, %cr0
    ud2
next:
    movl RESUME, %eax
    cmpl $-0x1, %eax
    jne next_here
    movl $msrs_next, %eax
next_here:
    movl %eax, F_EIP(%ebp)
    ret
