# SPDX-License-Identifier: GPL-2.0-or-later
# The 80x25 text screen at 0xb8000 and the cursor in the CRT controller.
.equ SCREEN, 0xb8000

# Fills the screen with blanks, light grey on black.
screen_clear:
    pushal
    movl $SCREEN, %edi
    movl $0x3e8, %ecx
    movl $0x07200720, %eax
    cld
    rep stosl
    popal
    ret

# Puts the string %esi at cell %edi (row * 0x50 + column) and the cursor behind it.
screen_puts:
    pushal
screen_puts_next:
    movb (%esi), %al
    testb %al, %al
    jz screen_puts_end
    movb %al, SCREEN(,%edi,2)
    incl %esi
    incl %edi
    jmp screen_puts_next
screen_puts_end:
    movw $0x3d4, %dx
    movb $0xe, %al
    outb %al, %dx
    movl %edi, %eax
    movb %ah, %al
    movw $0x3d5, %dx
    outb %al, %dx
    movw $0x3d4, %dx
    movb $0xf, %al
    outb %al, %dx
    movl %edi, %eax
    movw $0x3d5, %dx
    outb %al, %dx
    popal
    ret
