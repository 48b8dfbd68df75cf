# SPDX-License-Identifier: GPL-2.0-or-later
# 4 KiB and 4 MiB pages: who may do what, error codes, exact CR2, accessed and dirty bits, invlpg, aliases.
.include "start.s"
.include "paging.s"
.equ PROBE_WRITE, 0x187000
.equ PROBE_USER, 0x187004
.equ PROBE_WANT, 0x187008
.equ PROBE_PDE, 0x18700c
.equ PROBE_PTE, 0x187010
.equ PROBE_WRONG, 0x187014
.equ PROBE_TRIED, 0x187018
.equ NO_FAULT, 0xff

# A string instruction that faults: what is left in %ecx, and the one of %edi and %esi that points into the window. %edi is given.
.macro faults_kept text, vector, error, insn, left, where
    movl $Lkept_after\@, RESUME
    movl $-0x1, REC_VECTOR
Lkept_site\@:
    \insn
Lkept_after\@:
    movl %ecx, %ebx
    verdict "\text", \vector, \error, Lkept_site\@
    movl %ebx, %eax
    expect "\text, ecx", $\left
    movl %edi, %eax
    expect "\text, edi", $\where
.endm

main:
    call paging_setup
    say "paging is on\n"
    call aliases
    movl $0x0, %eax
    call write_protect
    movl $0x0, PROBE_USER
    call matrix
    expect "ring 0, wp clear: wrong of 50", $0x0
    movl $0x1, %eax
    call write_protect
    call matrix
    expect "ring 0, wp set: wrong of 50", $0x0
    movl $0x1, PROBE_USER
    call matrix
    expect "ring 3: wrong of 50", $0x0
    movl $0x0, PROBE_USER
    movl $0x0, %eax
    call write_protect
    movl $WINDOW_TABLE+0x7, DIRECTORY+0x400
    movl %cr3, %eax
    movl %eax, %cr3
    call bits
    call crossing
    call strings
    window 0x0, 0x0
    window 0x1, FRAME+0x1007
    in_user stacks, 0x0002
    call remap
    call large
    in_user user_part, 0x0002
    movl %cr0, %eax
    andl $0x7fffffff, %eax
    movl %eax, %cr0
    say "paging is off\n"
    movl FRAME, %eax
    expect "ring 0 memory as before", $0x1234abcd
    finish

# One frame at three addresses.
aliases:
    window 0x0, FRAME+0x3
    window 0x1, FRAME+0x3
    movl $0x1234abcd, WINDOW
    movl WINDOW+0x1000, %eax
    expect "ring 0 alias", $0x1234abcd
    movl FRAME, %eax
    expect "ring 0 frame", $0x1234abcd
    ret

# All of present, writable, user in directory and table, read and write: returns the number of wrong answers.
matrix:
    movl $0x0, PROBE_WRONG
    movl $0x0, PROBE_PDE
matrix_pde:
    movl $0x0, PROBE_PTE
matrix_pte:
    movl $0x0, PROBE_WRITE
matrix_write:
    call matrix_one
    incl PROBE_WRITE
    cmpl $0x2, PROBE_WRITE
    jb matrix_write
    incl PROBE_PTE
    cmpl $0x5, PROBE_PTE
    jb matrix_pte
    incl PROBE_PDE
    cmpl $0x5, PROBE_PDE
    jb matrix_pde
    movl PROBE_WRONG, %eax
    ret
matrix_flags:
    .byte 0x6, 0x1, 0x3, 0x5, 0x7

matrix_one:
    movl PROBE_PDE, %ecx
    movzbl matrix_flags(%ecx), %ebx
    movl PROBE_PTE, %ecx
    movzbl matrix_flags(%ecx), %edx
    leal WINDOW_TABLE(%ebx), %eax
    movl %eax, DIRECTORY+0x400
    leal FRAME(%edx), %eax
    movl %eax, WINDOW_TABLE
    movl %cr3, %eax
    movl %eax, %cr3
    andl %edx, %ebx             # what both levels allow
    movl PROBE_USER, %eax
    shll $0x1, %eax
    orl PROBE_WRITE, %eax
    shll $0x1, %eax             # error code but for the present bit
    testl $0x1, %ebx
    jz matrix_wanted
    orl $0x1, %eax
    cmpl $0x0, PROBE_USER
    je matrix_kernel
    testl $0x4, %ebx
    jz matrix_wanted
    jmp matrix_writable
matrix_kernel:
    movl %cr0, %ecx
    testl $0x10000, %ecx
    jz matrix_allowed
matrix_writable:
    cmpl $0x0, PROBE_WRITE
    je matrix_allowed
    testl $0x2, %ebx
    jz matrix_wanted
matrix_allowed:
    movl $NO_FAULT, %eax
matrix_wanted:
    movl %eax, PROBE_WANT
    movl $-0x1, REC_VECTOR
    cmpl $0x0, PROBE_USER
    je matrix_here
    in_user probe_user, 0x0002
    jmp matrix_judge
matrix_here:
    call probe
matrix_judge:
    movl $-0x1, RESUME
    movl $NO_FAULT, %eax
    cmpl $-0x1, REC_VECTOR
    je matrix_compare
    movl REC_VECTOR, %eax       # 0xe000000 + error code if cr2 is right
    xorl $0xe, %eax
    shll $0x18, %eax
    orl REC_ERROR, %eax
    movl REC_CR2, %ecx
    xorl $WINDOW+0x10, %ecx
    orl %ecx, %eax
matrix_compare:
    cmpl PROBE_WANT, %eax
    je matrix_fine
    incl PROBE_WRONG
    expect "matrix", PROBE_WANT
matrix_fine:
    ret

# Accessed and dirty bits.
bits:
    window 0x0, FRAME+0x3
    andl $~0x20, DIRECTORY+0x400
    movl %cr3, %eax
    movl %eax, %cr3
    movl WINDOW, %eax
    expect_bits "ring 0 read sets accessed", 0x0, 0x20
    movl DIRECTORY+0x400, %eax
    andl $0x60, %eax
    expect "ring 0 read sets accessed in the directory", $0x20
    movl %eax, WINDOW+0x8
    expect_bits "ring 0 write sets dirty", 0x0, 0x60
    window 0x0, FRAME+0x3
    movl %eax, WINDOW+0x8
    expect_bits "ring 0 write at once sets both", 0x0, 0x60
    window 0x0, FRAME+0x43
    movl WINDOW, %eax
    expect_bits "ring 0 read of a dirty page", 0x0, 0x60
    window 0x0, FRAME+0x3
    lock; addl $0x0, WINDOW
    expect_bits "ring 0 read and write in one", 0x0, 0x60
    window 0x0, FRAME+0x3
    movl $0xc3, WINDOW+0x20
    window 0x0, FRAME+0x3
    movl $WINDOW+0x20, %eax
    call *%eax
    expect_bits "ring 0 fetch sets accessed", 0x0, 0x20
    window 0x0, FRAME+0x3
    window 0x1, FRAME+0x3
    movl WINDOW+0xffe, %eax
    expect_bits "ring 0 crossing read, first page", 0x0, 0x20
    expect_bits "ring 0 crossing read, second page", 0x1, 0x20
    window 0x0, FRAME+0x3
    invlpg WINDOW
    expect_bits "ring 0 invlpg touches nothing", 0x0, 0x0
    ret

# Data and instructions that cross from a present page into one that is not, or is read-only.
crossing:
    movl $0x1, %eax
    call write_protect
    window 0x0, FRAME+0x3
    window 0x1, 0x0
    movl $0x11223344, WINDOW+0xffc
    faults "ring 0 crossing read, second absent", 0xe, 0x0, "movl WINDOW+0xffd, %eax"
    movl REC_CR2, %eax
    expect "ring 0 crossing read, cr2", $WINDOW+0x1000
    movl $0x55667788, %eax
    faults "ring 0 crossing write, second absent", 0xe, 0x2, "movl %eax, WINDOW+0xffe"
    movl REC_CR2, %eax
    expect "ring 0 crossing write, cr2", $WINDOW+0x1000
    movl WINDOW+0xffc, %eax
    expect "ring 0 crossing write, nothing written", $0x11223344
    window 0x1, FRAME+0x1001
    movl $0x55667788, %eax
    faults "ring 0 crossing write, second read-only", 0xe, 0x3, "movl %eax, WINDOW+0xfff"
    movl REC_CR2, %eax
    expect "ring 0 crossing write, second read-only, cr2", $WINDOW+0x1000
    movl WINDOW+0xffc, %eax
    expect "ring 0 crossing write, second read-only, nothing written", $0x11223344
    window 0x0, 0x0
    window 0x1, FRAME+0x1003
    faults "ring 0 crossing read, first absent", 0xe, 0x0, "movl WINDOW+0xffe, %eax"
    movl REC_CR2, %eax
    expect "ring 0 crossing read, first absent, cr2", $WINDOW+0xffe
    movl $0x0, %eax
    faults "ring 0 crossing write, first absent", 0xe, 0x2, "movw %ax, WINDOW+0xfff"
    movl REC_CR2, %eax
    expect "ring 0 crossing write, first absent, cr2", $WINDOW+0xfff
    window 0x0, FRAME+0x3
    movl $0xb8909090, WINDOW+0xffc  # nop nop nop, movl $0x00c30507, %eax over the edge
    movl $0x00000507, WINDOW+0x1000
    movb $0xc3, WINDOW+0x1004
    movl $WINDOW+0xffc, %ecx
    call *%ecx
    expect "ring 0 crossing instruction", $0x507
    window 0x1, 0x0
    movl $after_fetch, RESUME
    movl %esp, %ebx
    movl $WINDOW+0xffc, %ecx
    call *%ecx
after_fetch:
    movl %ebx, %esp
    verdict "ring 0 crossing instruction, second absent", 0xe, 0x0, WINDOW+0xfff
    movl REC_CR2, %eax
    expect "ring 0 crossing instruction, cr2", $WINDOW+0x1000
    movl $after_fetch_whole, RESUME
    movl $WINDOW+0x1008, %ecx
    jmp *%ecx
after_fetch_whole:
    verdict "ring 0 fetch from an absent page", 0xe, 0x0, WINDOW+0x1008
    window 0x1, FRAME+0x1003
    movl $WINDOW+0xffc, %ecx
    call *%ecx
    expect "ring 0 crossing instruction, mapped again", $0x507
    window 0x1, FRAME+0x2003
    movl $0x00000608, WINDOW+0x1000
    movb $0xc3, WINDOW+0x1004
    movl $WINDOW+0xffc, %ecx
    call *%ecx
    expect "ring 0 crossing instruction, another second page", $0x608
    ret

# String instructions stop in the middle with their registers telling how far they came.
strings:
    window 0x0, FRAME+0x3
    window 0x1, 0x0
    movl $WINDOW+0xff8, %edi
    movl $0x10, %ecx
    movl $0x61, %eax
    faults_kept "ring 0 rep stosb", 0xe, 0x2, "rep stosb", 0x8, WINDOW+0x1000
    movl $WINDOW+0xff4, %edi
    movl $0x8, %ecx
    faults_kept "ring 0 rep stosl", 0xe, 0x2, "rep stosl", 0x5, WINDOW+0x1000
    movl $WINDOW+0xff6, %edi
    movl $0x8, %ecx
    faults_kept "ring 0 rep stosl unaligned", 0xe, 0x2, "rep stosl", 0x6, WINDOW+0xffe
    movl $FRAME, %esi
    movl $WINDOW+0xffc, %edi
    movl $0x8, %ecx
    faults_kept "ring 0 rep movsb", 0xe, 0x2, "rep movsb", 0x4, WINDOW+0x1000
    movl $WINDOW+0xffc, %esi
    movl $FRAME+0x100, %edi
    movl $0x8, %ecx
    faults_kept "ring 0 rep movsw", 0xe, 0x0, "rep movsw", 0x6, FRAME+0x104
    movl $WINDOW+0x1000, %esi
    movl $FRAME+0x100, %edi
    movl $0x0, %ecx
    clean "ring 0 rep movsb of nothing", "rep movsb"
    movl $FRAME, %esi
    movl $WINDOW+0x1003, %edi
    std
    movl $0x4, %ecx
    faults_kept "ring 0 rep movsb backwards", 0xe, 0x2, "rep movsb", 0x4, WINDOW+0x1003
    cld
    ret

# invlpg and cr3 make a changed entry count.
remap:
    window 0x0, FRAME+0x3
    movl $0xaaaa, WINDOW
    window 0x0, FRAME+0x1003
    movl $0xbbbb, WINDOW
    movl FRAME, %eax
    expect "ring 0 first frame", $0xaaaa
    movl FRAME+0x1000, %eax
    expect "ring 0 second frame after invlpg", $0xbbbb
    movl $FRAME+0x3, WINDOW_TABLE
    movl %cr3, %eax
    movl %eax, %cr3
    movl WINDOW, %eax
    expect "ring 0 first frame after mov cr3", $0xaaaa
    movl $0xc3c032, FRAME       # xorb %al, %al; ret: the same page with other code
    movl $0xc301b0, FRAME+0x1000
    movl $WINDOW, %ecx
    movl $0x5, %eax
    call *%ecx
    expect "ring 0 code of the first frame", $0x0
    window 0x0, FRAME+0x1003
    movl $0x500, %eax
    movl $WINDOW, %ecx
    call *%ecx
    expect "ring 0 code of the second frame", $0x501
    window 0x0, 0x0
    faults "ring 0 unmapped by invlpg", 0xe, 0x0, "movl WINDOW, %ebx"
    window 0x0, FRAME+0x3
    movl $0x1234abcd, FRAME
    ret

# 4 MiB pages (cr4.pse).
large:
    movl %cr4, %eax
    orl $0x10, %eax
    movl %eax, %cr4
    movl $0x000083, DIRECTORY+0x404  # linear 0x40400000 is physical 0
    movl $0x400083, DIRECTORY+0x408  # linear 0x40800000 is physical 0x400000
    movl %cr3, %eax
    movl %eax, %cr3
    movl $WINDOW+0x400000+FRAME, %ecx
    movl (%ecx), %eax
    expect "ring 0 large page", $0x1234abcd
    movl DIRECTORY+0x404, %eax
    andl $0x60, %eax
    expect "ring 0 large page accessed", $0x20
    movl %eax, 0x4(%ecx)
    movl DIRECTORY+0x404, %eax
    andl $0x60, %eax
    expect "ring 0 large page dirty", $0x60
    movl $WINDOW+0x7ffffe, %ecx
    movl $0x99887766, %eax
    movl %eax, (%ecx)
    movl 0x3ffffc, %eax
    andl $0xffff0000, %eax
    expect "ring 0 write over two large pages, first half", $0x77660000
    movl DIRECTORY+0x408, %eax
    andl $0x60, %eax
    expect "ring 0 write over two large pages, second dirty", $0x60
    movl $0x400081, DIRECTORY+0x408
    invlpg WINDOW+0x800000
    movl $0x1, %eax
    call write_protect
    movl $WINDOW+0x9abcde, %ecx
    faults "ring 0 large read-only page", 0xe, 0x3, "movb %al, (%ecx)"
    movl REC_CR2, %eax
    expect "ring 0 large read-only page, cr2", $WINDOW+0x9abcde
    movl $0x0, DIRECTORY+0x404
    movl %cr3, %eax
    movl %eax, %cr3
    movl $WINDOW+0x400000, %ecx
    faults "ring 0 large page gone", 0xe, 0x0, "movl (%ecx), %ebx"
    ret

.balign 0x1000, 0x90
user_text:
.set USER, 0x1
# One access of the window; any ring.
probe:
    movl $probe_end, RESUME
    cmpl $0x0, PROBE_WRITE
    jne probe_write
    movl WINDOW+0x10, %eax
    ret
probe_write:
    movl %eax, WINDOW+0x10
probe_end:
    ret
probe_user:
    call probe
    to_kernel

user_part:
    faults "ring 3 reads kernel text", 0xe, 0x5, "movl main, %eax"
    faults "ring 3 writes the idt", 0xe, 0x7, "movl %eax, IDT"
    faults "ring 3 reads an absent page", 0xe, 0x4, "movl 0x50000004, %eax"
    movl REC_CR2, %eax
    expect "ring 3 cr2", $0x50000004
    movl $after_user_jump, RESUME
    movl $main, %eax
    jmp *%eax
after_user_jump:
    verdict "ring 3 jumps into kernel text", 0xe, 0x5, main
    movl %esp, %ebp
    movl $0x50000008, %esp
    faults "ring 3 pushes on no stack", 0xe, 0x6, "pushl %eax"
    movl $0x186000, %esp
    faults "ring 3 pushes on a kernel page", 0xe, 0x7, "pushl %eax"
    movl %ebp, %esp
    movl $USER_STACK, %eax
    subl %esp, %eax
    expect "ring 3 stack as before", $0x0
    to_kernel

# Stack instructions that fault leave esp alone.
stacks:
    movl %esp, %ebp
    movl $WINDOW+0x1000, %esp
    on_stack "ring 3 push", "pushl %ebx", WINDOW+0xffc, 0x6
    on_stack "ring 3 pushf", "pushfl", WINDOW+0xffc, 0x6
    on_stack "ring 3 push cs", "pushl %cs", WINDOW+0xffc, 0x6
    on_stack "ring 3 call", "call stacks_nowhere", WINDOW+0xffc, 0x6
    movl $WINDOW+0xff0, %esp
    on_stack "ring 3 pop", "popl %ebx", WINDOW+0xff0, 0x4
    on_stack "ring 3 popf", "popfl", WINDOW+0xff0, 0x4
    on_stack "ring 3 pop ds", "popl %ds", WINDOW+0xff0, 0x4
    on_stack "ring 3 ret", "ret", WINDOW+0xff0, 0x4
    movl $WINDOW+0x1002, %esp
    on_stack "ring 3 push over the edge", "pushl %ebx", WINDOW+0xffe, 0x6
    movl %ebp, %esp
    to_kernel
stacks_nowhere:
    ud2
user_text_end:
