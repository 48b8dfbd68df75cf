# SPDX-License-Identifier: GPL-2.0-or-later
# PAE paging: three levels, 2 MiB pages, reserved bits, directory pointers that are read at mov cr3, and no-execute where the
# processor offers it (SDM vol. 3A, 4.4).
.include "start.s"
.equ POINTERS, 0x189000
.equ DIRECTORY, 0x18a000        # linear 0..0x3fffffff
.equ LOW_TABLE, 0x18b000        # linear 0..0x1fffff
.equ WINDOW_DIRECTORY, 0x18c000 # linear 0x40000000..0x7fffffff
.equ WINDOW_TABLE, 0x18d000
.equ WINDOW, 0x40000000
.equ FRAME, 0x300000
.equ NX_OFFERED, 0x187000

# Entry of the window's table: low and high dword.
.macro window page, entry, high=0x0
    movl $\entry, WINDOW_TABLE+\page*8
    movl $\high, WINDOW_TABLE+\page*8+0x4
    invlpg WINDOW+\page*0x1000
.endm

# Makes where the processor has no NX look as if the fault had come.
.macro faults_nx text, error, target
    movl $Lnx_after\@, RESUME
    movl $-0x1, REC_VECTOR
    movl $\target, %ecx
    movl %esp, %edi
    cmpl $0x0, NX_OFFERED
    je Lnx_pretend\@
    call *%ecx
    jmp Lnx_after\@
Lnx_pretend\@:
    movl $0xe, REC_VECTOR
    movl $\error, REC_ERROR
    movl $\target, REC_EIP
Lnx_after\@:
    movl %edi, %esp
    verdict "\text (where offered)", 0xe, \error, \target
.endm

main:
    movl $0x0, %ecx
    movl $0x3, %eax
fill:
    movl %eax, LOW_TABLE(,%ecx,8)
    movl $0x0, LOW_TABLE+0x4(,%ecx,8)
    addl $0x1000, %eax
    incl %ecx
    cmpl $0x200, %ecx
    jb fill
    .irp page, 0x186, 0x187, 0x1be, 0x1bf
    orl $0x4, LOW_TABLE+\page*8
    .endr
    movl $user_text, %ecx
    shrl $0xc, %ecx
    orl $0x4, LOW_TABLE(,%ecx,8)
    orl $0x4, LOW_TABLE+0x8(,%ecx,8)
    movl $LOW_TABLE+0x7, DIRECTORY
    movl $0x200083, DIRECTORY+0x8
    movl $WINDOW_TABLE+0x7, WINDOW_DIRECTORY
    movl $DIRECTORY+0x1, POINTERS
    movl $WINDOW_DIRECTORY+0x1, POINTERS+0x8
    movl %cr4, %eax
    orl $0x20, %eax
    movl %eax, %cr4
    movl $POINTERS, %eax
    movl %eax, %cr3
    movl %cr0, %eax
    orl $0x80010000, %eax
    movl %eax, %cr0
    say "pae is on\n"
    window 0x0, FRAME+0x3
    movl $0x1234abcd, WINDOW
    movl FRAME, %eax
    expect "ring 0 window and 2 MiB page", $0x1234abcd
    movl WINDOW_TABLE, %eax
    andl $0x60, %eax
    expect "ring 0 dirty", $0x60
    movl WINDOW_DIRECTORY, %eax
    andl $0x60, %eax
    expect "ring 0 accessed in the directory", $0x20
    movl DIRECTORY+0x8, %eax
    andl $0x60, %eax
    expect "ring 0 2 MiB page accessed", $0x20
    movl $0x0, FRAME+0x8
    movl DIRECTORY+0x8, %eax
    andl $0x60, %eax
    expect "ring 0 2 MiB page dirty", $0x60
    movl POINTERS, %eax
    expect "ring 0 directory pointers untouched", $DIRECTORY+0x1
    window 0x1, 0x0
    faults "ring 0 absent", 0xe, 0x0, "movl WINDOW+0x1ffc, %eax"
    movl REC_CR2, %eax
    expect "ring 0 absent, cr2", $WINDOW+0x1ffc
    faults "ring 0 absent directory", 0xe, 0x2, "movl %eax, WINDOW+0x200000"
    faults "ring 0 absent directory pointer", 0xe, 0x0, "movl 0x80000000, %eax"
    window 0x1, FRAME+0x1001
    faults "ring 0 read-only with wp", 0xe, 0x3, "movl %eax, WINDOW+0x1000"
    window 0x1, FRAME+0x1003, 0x80000000
    faults "ring 0 bit 63 while nx is off", 0xe, 0x9, "movl WINDOW+0x1000, %eax"
    faults "ring 0 bit 63 while nx is off, write", 0xe, 0xb, "movl %eax, WINDOW+0x1000"
    movl $0x202083, WINDOW_DIRECTORY+0x8
    invlpg WINDOW+0x200000
    faults "ring 0 reserved bit in a 2 MiB page", 0xe, 0x9, "movl WINDOW+0x200000, %eax"
    movl $0x200083, WINDOW_DIRECTORY+0x8
    invlpg WINDOW+0x200000
    movl WINDOW+0x300000, %eax
    expect "ring 0 2 MiB page in the window", $0x1234abcd
    movl $0x200081, WINDOW_DIRECTORY+0x8
    invlpg WINDOW+0x200000
    faults "ring 0 read-only 2 MiB page", 0xe, 0x3, "movl %eax, WINDOW+0x3ffffc"
    movl $WINDOW_DIRECTORY+0x1, POINTERS+0x10
    movl %cr3, %eax
    movl %eax, %cr3
    movl $0x80000000, %ecx
    movl (%ecx), %eax
    expect "ring 0 a new directory pointer after mov cr3", $0x1234abcd
    movl $0x0, POINTERS+0x10
    movl %cr3, %eax
    movl %eax, %cr3
    faults "ring 0 and gone again", 0xe, 0x0, "movl (%ecx), %ebx"
    window 0x1, FRAME+0x1007
    window 0x2, FRAME+0x2003
    in_user user_part, 0x0002
    call no_execute
    movl %cr0, %eax
    andl $0x7fffffff, %eax
    movl %eax, %cr0
    say "pae is off\n"
    finish

no_execute:
    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    jb no_execute_go
    movl $0x80000001, %eax
    cpuid
    shrl $0x14, %edx
    andl $0x1, %edx
    movl %edx, NX_OFFERED
    jz no_execute_go
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x800, %eax
    wrmsr
no_execute_go:
    movl $0x0, %ecx
    cmpl $0x0, NX_OFFERED
    je no_execute_window
    movl $0x80000000, %ecx
no_execute_window:
    movl $FRAME+0x1007, WINDOW_TABLE+0x8
    movl %ecx, WINDOW_TABLE+0xc
    invlpg WINDOW+0x1000
    movl $0xc3, WINDOW+0x1000
    movl WINDOW+0x1000, %eax
    expect "ring 0 no-execute page reads and writes", $0xc3
    faults_nx "ring 0 fetch from a no-execute page", 0x11, WINDOW+0x1000
    movl $0x0, WINDOW_TABLE+0x10
    invlpg WINDOW+0x2000
    faults_nx "ring 0 fetch from an absent page under nx", 0x10, WINDOW+0x2000
    movl $FRAME+0x1007, WINDOW_TABLE+0x10
    movl $0x0, WINDOW_TABLE+0x14
    invlpg WINDOW+0x2000
    movl $WINDOW+0x2000, %ecx
    clean "ring 0 fetch from its executable alias", "call *%ecx"
    in_user user_nx, 0x0002
    ret

.balign 0x1000, 0x90
user_text:
.set USER, 0x1
user_part:
    movl WINDOW+0x1000, %eax
    clean "ring 3 user page", "movl %eax, WINDOW+0x1000"
    faults "ring 3 kernel page", 0xe, 0x5, "movl WINDOW+0x2000, %eax"
    faults "ring 3 writes kernel text", 0xe, 0x7, "movl %eax, main"
    faults "ring 3 absent", 0xe, 0x4, "movl 0x80000000, %eax"
    to_kernel
user_nx:
    faults_nx "ring 3 fetch from a no-execute page", 0x15, WINDOW+0x1000
    to_kernel
