# SPDX-License-Identifier: GPL-2.0-or-later
# 4 KiB page tables: the first 4 MiB on themselves, and a window at 0x40000000 for tests. Include it after start.s; the text
# that runs in ring 3 stands between user_text and user_text_end, page-aligned (SDM vol. 3A, 4.3).
.equ DIRECTORY, 0x189000
.equ LOW_TABLE, 0x18a000        # linear 0..0x3fffff
.equ WINDOW_TABLE, 0x18b000     # linear 0x40000000..0x403fffff
.equ WINDOW, 0x40000000
.equ FRAME, 0x300000            # physical pages that tests may use, up to 0x37ffff

# Puts an entry into the window's table, for page number page.
.macro window page, entry
    movl $\entry, WINDOW_TABLE+\page*4
    invlpg WINDOW+\page*0x1000
.endm

# What the last access of the window did to accessed (0x20) and dirty (0x40) of a page's entry.
.macro expect_bits text, page, want
    movl WINDOW_TABLE+\page*4, %eax
    andl $0x60, %eax
    expect "\text", $\want
.endm

# An instruction that faults on the stack: cr2, error code, and esp as before. The check itself needs a stack: the one in %ebp.
.macro on_stack text, insn, where, error
    movl $Lstack_after\@, RESUME
    movl $-0x1, REC_VECTOR
    movl %esp, %edi
Lstack_site\@:
    \insn
Lstack_after\@:
    movl %ebp, %esp
    verdict "\text", 0xe, \error, Lstack_site\@
    movl REC_CR2, %eax
    expect "\text, cr2", $\where
    movl REC_ESP, %eax
    expect "\text, esp", %edi
    movl %edi, %esp
.endm

# Fills both tables; all of the first 4 MiB belongs to the kernel, but for RECORD, SCRATCH, the user's stack and text.
paging_setup:
    movl $DIRECTORY, %edi
    movl $0xc00, %ecx
    movl $0x0, %eax
    rep stosl
    movl $LOW_TABLE, %edi
    movl $0x3, %eax
paging_fill:
    movl %eax, (%edi)
    addl $0x4, %edi
    addl $0x1000, %eax
    cmpl $0x400003, %eax
    jb paging_fill
    orl $0x4, LOW_TABLE+0x186*4
    orl $0x4, LOW_TABLE+0x187*4
    orl $0x4, LOW_TABLE+0x1be*4
    orl $0x4, LOW_TABLE+0x1bf*4
    movl $user_text, %ecx
    shrl $0xc, %ecx
paging_user:
    orl $0x4, LOW_TABLE(,%ecx,4)
    incl %ecx
    movl %ecx, %eax
    shll $0xc, %eax
    cmpl $user_text_end, %eax
    jb paging_user
    movl $LOW_TABLE+0x7, DIRECTORY
    movl $WINDOW_TABLE+0x7, DIRECTORY+0x400
    movl $DIRECTORY, %eax
    movl %eax, %cr3
    movl %cr0, %eax
    orl $0x80000000, %eax
    movl %eax, %cr0
    ret

# cr0.wp as the low bit of %eax says.
write_protect:
    movl %cr0, %ecx
    andl $~0x10000, %ecx
    shll $0x10, %eax
    orl %eax, %ecx
    movl %ecx, %cr0
    ret
