# SPDX-License-Identifier: GPL-2.0-or-later
# When a changed page-table entry must count: after invlpg, after a load of cr3, after a change of cr4.pge; for reads, writes,
# fetches, and for stores by sidt, which a monitor makes in the guest's stead (SDM vol. 3A, 4.10.4).
.include "start.s"
.include "paging.s"
.equ SECOND, 0x18c000           # another directory, whose window is another table
.equ SECOND_TABLE, 0x18d000
.equ LARGE, 0x41000000          # linear address of a 4 MiB page
.equ LARGE_PDE, DIRECTORY+0x410

# What a 4 KiB frame holds: a number at 0, code that returns it at 0x10, and it again at 0x20.
.macro fill where, number
    movl $\number, \where
    movb $0xb8, \where+0x10
    movl $\number, \where+0x11
    movb $0xc3, \where+0x15
    movl $\number, \where+0x20
.endm

# Read, fetched, and stored to by an instruction that a monitor does in the guest's stead.
.macro seen text, where, number
    movl \where, %eax
    expect "\text, read", $\number
    movl $\where+0x10, %ecx
    movl $0x0, %eax
    call *%ecx
    expect "\text, fetched", $\number
    sidt \where+0x30
    movl \where+0x32, %eax
    expect "\text, stored by sidt", $IDT
.endm

main:
    fill FRAME, 0x11111111
    fill FRAME+0x1000, 0x22222222
    fill FRAME+0x2000, 0x33333333
    call paging_setup
    movl $0x1, %eax
    call write_protect
    call small
    call rights
    call without
    call dirty
    call directories
    call poke
    call large
    call global
    finish

# A 4 KiB page that changes its frame.
small:
    window 0x0, FRAME+0x3
    seen "first frame", WINDOW, 0x11111111
    movl $0x0, FRAME+0x1032
    movl $0x0, FRAME+0x32
    window 0x0, FRAME+0x1003
    seen "second frame after invlpg", WINDOW, 0x22222222
    movl FRAME+0x1032, %eax
    expect "sidt wrote the second frame", $IDT
    movl FRAME+0x32, %eax
    expect "and not the first", $0x0
    movl $FRAME+0x2003, WINDOW_TABLE
    invlpg WINDOW+0xfff
    seen "third frame, its last byte named", WINDOW, 0x33333333
    movl $FRAME+0x3, WINDOW_TABLE
    invlpg WINDOW+0x1000
    movl %cr3, %eax
    movl %eax, %cr3
    seen "first frame after mov cr3", WINDOW, 0x11111111
    movl $0x40, %esi            # 64 pages, each seen before and after
    movl $0x0, %edi
small_loop:
    leal (,%esi,4), %ecx
    movl $FRAME+0x3, WINDOW_TABLE(%ecx)
    movl %esi, %edx
    shll $0xc, %edx
    invlpg WINDOW(%edx)
    addl WINDOW(%edx), %edi
    movl $FRAME+0x1003, WINDOW_TABLE(%ecx)
    invlpg WINDOW(%edx)
    addl WINDOW(%edx), %edi
    decl %esi
    jnz small_loop
    movl %edi, %eax
    expect "64 pages", $0xccccccc0
    ret

# A page that loses its right to be written, or its presence.
rights:
    window 0x0, FRAME+0x3
    movl $0x11111111, WINDOW
    sidt WINDOW+0x30
    window 0x0, FRAME+0x61
    faults "write after the right was taken", 0xe, 0x3, "movl %eax, WINDOW"
    faults "sidt after the right was taken", 0xe, 0x3, "sidt WINDOW+0x30"
    movl WINDOW, %eax
    expect "reading goes on", $0x11111111
    window 0x0, 0x0
    faults "read after the page was taken", 0xe, 0x0, "movl WINDOW, %eax"
    faults "sidt after the page was taken", 0xe, 0x2, "sidt WINDOW+0x30"
    movl $rights_after, RESUME
    movl $WINDOW+0x10, %ecx
    jmp *%ecx
rights_after:
    verdict "jump after the page was taken", 0xe, 0x0, WINDOW+0x10
    ret

# Entries that become more than they were count at once, for a fault forgets what was known.
without:
    window 0x0, 0x0
    faults "absent", 0xe, 0x0, "movl WINDOW, %eax"
    movl $FRAME+0x3, WINDOW_TABLE
    movl WINDOW, %eax
    expect "present without invlpg", $0x11111111
    window 0x0, FRAME+0x1
    movl WINDOW, %eax
    faults "read-only", 0xe, 0x3, "movl %eax, WINDOW"
    movl $FRAME+0x1003, WINDOW_TABLE
    movl $0x22222222, WINDOW    # copy on write, as it were
    movl WINDOW, %eax
    expect "another frame, writable, without invlpg", $0x22222222
    movl FRAME, %eax
    expect "the frame before is as it was", $0x11111111
    ret

# Accessed and dirty bits that the guest takes back are set again.
dirty:
    window 0x0, FRAME+0x3
    movl $0x11111111, WINDOW
    window 0x0, FRAME+0x23
    movl WINDOW, %eax
    expect_bits "clean page, read", 0x0, 0x20
    movl $0x11111111, WINDOW
    expect_bits "clean page, written", 0x0, 0x60
    window 0x0, FRAME+0x23
    sidt WINDOW+0x30
    expect_bits "clean page, written by sidt", 0x0, 0x60
    window 0x0, FRAME+0x3
    movl $WINDOW+0x10, %ecx
    call *%ecx
    expect_bits "fetched", 0x0, 0x20
    ret

# Two directories, taken in turns: the window is another frame in each.
directories:
    movl $DIRECTORY, %esi
    movl $SECOND, %edi
    movl $0x400, %ecx
    rep movsl
    movl $SECOND_TABLE+0x7, SECOND+0x400
    movl $FRAME+0x3, WINDOW_TABLE
    movl $FRAME+0x1003, SECOND_TABLE
    movl $0x0, %edi
    movl $0x0, %ebx
    movl $0x20, %esi
directories_loop:
    movl $SECOND, %eax
    movl %eax, %cr3
    addl WINDOW, %edi
    movl $WINDOW+0x10, %ecx
    call *%ecx
    addl %eax, %ebx
    movl $DIRECTORY, %eax
    movl %eax, %cr3
    addl WINDOW, %edi
    movl $WINDOW+0x10, %ecx
    call *%ecx
    addl %eax, %ebx
    decl %esi
    jnz directories_loop
    movl %edi, %eax
    expect "32 turns, read", $0x66666660
    movl %ebx, %eax
    expect "32 turns, fetched", $0x66666660
    ret

# Code that runs here is changed through a second directory, as Linux does it.
poke:
    movl $0x0, %edi
    movl $0x40, %esi
    window 0x0, FRAME+0x61
    movl $FRAME+0x3, SECOND_TABLE+0x4
poke_loop:
    movl $SECOND, %eax
    movl %eax, %cr3
    movl %esi, WINDOW+0x1011
    movl $0x0, SECOND_TABLE+0x4
    invlpg WINDOW+0x1000
    movl $DIRECTORY, %eax
    movl %eax, %cr3
    movl $FRAME+0x3, SECOND_TABLE+0x4
    movl $WINDOW+0x10, %ecx
    call *%ecx
    addl %eax, %edi
    decl %esi
    jnz poke_loop
    movl %edi, %eax
    expect "64 pokes", $0x820
    movl $0x11111111, FRAME+0x11
    ret

# A large page: any address in it names all of it.
large:
    movl %cr4, %eax
    orl $0x10, %eax
    movl %eax, %cr4
    movl $0x400083, LARGE_PDE
    movl $0x800083, LARGE_PDE+0x4
    fill LARGE+0x3000, 0x44444444
    fill LARGE+0x403000, 0x55555555
    seen "large page", LARGE+0x3000, 0x44444444
    movl $0x800083, LARGE_PDE
    invlpg LARGE+0x345678
    seen "another large page", LARGE+0x3000, 0x55555555
    movl $SECOND_TABLE+0x3, LARGE_PDE
    movl $FRAME+0x3, SECOND_TABLE+0xc
    invlpg LARGE
    seen "a table instead", LARGE+0x3000, 0x11111111
    movl $0x400083, LARGE_PDE
    invlpg LARGE+0x3000
    seen "a large page again", LARGE+0x3000, 0x44444444
    movl $0x400081, LARGE_PDE
    invlpg LARGE+0x3fffff
    faults "large page, right taken", 0xe, 0x3, "movl %eax, LARGE+0x3000"
    faults "large page, right taken, sidt", 0xe, 0x3, "sidt LARGE+0x3030"
    movl $0x0, LARGE_PDE
    invlpg LARGE+0x200000
    faults "large page taken", 0xe, 0x0, "movl LARGE+0x3000, %eax"
    ret

# Global pages outlive a load of cr3, but neither invlpg nor a change of cr4.pge.
global:
    window 0x0, FRAME+0x103
    window 0x1, FRAME+0x1103
    movl %cr4, %eax
    orl $0x80, %eax
    movl %eax, %cr4
    seen "global page", WINDOW, 0x11111111
    seen "global page beside it", WINDOW+0x1000, 0x22222222
    movl %cr3, %eax
    movl %eax, %cr3
    seen "global page after mov cr3", WINDOW, 0x11111111
    window 0x0, FRAME+0x2103
    seen "global page after invlpg", WINDOW, 0x33333333
    movl $FRAME+0x2103, WINDOW_TABLE+0x4
    movl %cr4, %eax
    andl $~0x80, %eax
    movl %eax, %cr4
    seen "global page after cr4.pge went", WINDOW+0x1000, 0x33333333
    ret

.balign 0x1000, 0x90
user_text:
    nop
user_text_end:
