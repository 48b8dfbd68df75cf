# SPDX-License-Identifier: GPL-2.0-or-later
# Two address spaces with the same linear addresses, system calls by int 0x80, copy-on-write, and a page mapped on demand.
.include "start.s"
.include "paging.s"
.equ DIRECTORY_B, 0x18c000
.equ TABLE_B, 0x18d000
.equ FREE_FRAME, 0x187000       # the next frame to give out
.equ FAULTS, 0x187004
.equ EXIT_CODE, 0x187008

main:
    call paging_setup
    movl $FRAME+0x10000, FREE_FRAME
    handle 0x80, system_call
    handle 0xe, page_fault
    # Process A: page 0 is code, page 1 is data shared and read-only until written, page 2 comes on demand.
    # Process B: the same with other code; its data begins as A's.
    movl $FRAME+0x5, WINDOW_TABLE
    movl $FRAME+0x2005, WINDOW_TABLE+0x4
    movl $FRAME+0x1005, TABLE_B
    movl $FRAME+0x2005, TABLE_B+0x4
    movl DIRECTORY, %eax
    movl %eax, DIRECTORY_B
    movl $TABLE_B+0x7, DIRECTORY_B+0x400
    movl $program_a, %esi
    movl $FRAME, %edi
    movl $0x100, %ecx
    rep movsl
    movl $program_b, %esi
    movl $FRAME+0x1000, %edi
    movl $0x100, %ecx
    rep movsl
    movl $0x600df00d, FRAME+0x2000
    movl $0x0, %ebx             # three rounds of A and B
rounds:
    movl $DIRECTORY, %eax
    call run
    movl EXIT_CODE, %eax
    expect "process a returns", "rounds_a(,%ebx,4)"
    movl $DIRECTORY_B, %eax
    call run
    movl EXIT_CODE, %eax
    expect "process b returns", "rounds_b(,%ebx,4)"
    incl %ebx
    cmpl $0x3, %ebx
    jb rounds
    movl FAULTS, %eax
    expect "page faults", $0x4
    movl FRAME+0x2000, %eax
    expect "the shared frame is as it was", $0x600df00d
    movl WINDOW_TABLE+0x4, %eax
    xorl TABLE_B+0x4, %eax
    shrl $0xc, %eax
    expect "the frames differ", $0x2
    finish
rounds_a: .long 0x600df00e, 0x600df00f, 0x600df010
rounds_b: .long 0x600df00b, 0x600df009, 0x600df007

# Runs the program in the address space %eax.
run:
    pushl %ebx
    movl %eax, %cr3
    in_user WINDOW, 0x0202
    popl %ebx
    ret

# int 0x80: %eax = 1: exit with %ebx, 4: print the string at %ecx.
system_call:
    cmpl $0x1, F_EAX(%ebp)
    je system_exit
    movl F_ECX(%ebp), %esi
    call puts
    movl $0x2a, F_EAX(%ebp)
    ret
system_exit:
    movl F_EBX(%ebp), %eax
    movl %eax, EXIT_CODE
    jmp leave_user

# Copy-on-write and demand pages in the window; the frame is filled through the kernel's identity mapping.
page_fault:
    incl FAULTS
    movl %cr2, %ebx
    movl %ebx, %ecx
    subl $WINDOW, %ecx
    shrl $0xc, %ecx
    cmpl $0x3, %ecx
    jae unexpected_trap
    movl $WINDOW_TABLE, %edx
    movl %cr3, %eax
    cmpl $DIRECTORY_B, %eax
    jne page_fault_table
    movl $TABLE_B, %edx
page_fault_table:
    movl FREE_FRAME, %edi
    addl $0x1000, FREE_FRAME
    movl F_ERROR(%ebp), %eax
    cmpl $0x7, %eax
    je page_fault_copy
    cmpl $0x6, %eax
    jne unexpected_trap
    jmp page_fault_map
page_fault_copy:
    pushl %ecx
    pushl %edi
    movl %ebx, %esi
    andl $~0xfff, %esi
    movl $0x400, %ecx
    rep movsl
    popl %edi
    popl %ecx
page_fault_map:
    orl $0x7, %edi
    movl %edi, (%edx,%ecx,4)
    invlpg (%ebx)
    ret

# Position-independent; runs at WINDOW.
program_a:
    movl $0x4, %eax
    movl $WINDOW+name_a-program_a, %ecx
    int $0x80
    cmpl $0x2a, %eax
    jne program_a_end
    incl WINDOW+0x1000
    movl $0x1, WINDOW+0x2000
    movl WINDOW+0x1000, %ebx
program_a_end:
    movl $0x1, %eax
    int $0x80
    ud2
name_a: .asciz "process a\n"
.balign 0x400, 0x90
program_b:
    movl $0x4, %eax
    movl $WINDOW+name_b-program_b, %ecx
    int $0x80
    cmpl $0x2a, %eax
    jne program_b_end
    subl $0x2, WINDOW+0x1000
    movl $0x2, WINDOW+0x2000
    movl WINDOW+0x1000, %ebx
program_b_end:
    movl $0x1, %eax
    int $0x80
    ud2
name_b: .asciz "process b\n"
.balign 0x400, 0x90

.balign 0x1000, 0x90
user_text:
    nop
user_text_end:
