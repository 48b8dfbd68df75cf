# SPDX-License-Identifier: GPL-2.0-or-later
# Echoes what is typed, on the serial port and the screen, until q. Scan codes of set 1 as the controller translates them, by IRQ 1.
.include "start.s"
.include "clock.s"
.include "screen.s"
.equ SHIFT, 0x187000
.equ CELL, 0x187004
.equ ONE, 0x187008              # a string of one character

main:
    call pic_setup
    call screen_clear
    handle 0x21, key
drain:
    inb $0x64, %al
    testb $0x1, %al
    jz drained
    inb $0x60, %al
    jmp drain
drained:
    movb $0x60, %al             # command byte: translate, IRQ 1
    call controller
    movb $0x45, %al
    call data
    movb $0xae, %al             # keyboard on
    call controller
    movb $0xf4, %al             # and scanning
    call data
acknowledge:
    inb $0x64, %al
    testb $0x1, %al
    jz acknowledge
    inb $0x60, %al
    movzbl %al, %eax
    expect "keyboard acknowledges", $0xfa
    movb $0xfd, %al
    outb %al, $0x21
    say "keys?\n"
    sti
wait:
    hlt
    jmp wait

# A command or data byte %al when the controller takes one.
controller:
    movb %al, %ah
controller_wait:
    inb $0x64, %al
    testb $0x2, %al
    jnz controller_wait
    movb %ah, %al
    outb %al, $0x64
    ret
data:
    movb %al, %ah
data_wait:
    inb $0x64, %al
    testb $0x2, %al
    jnz data_wait
    movb %ah, %al
    outb %al, $0x60
    ret

# An interrupt may find nothing to read: the acknowledge byte was polled, but its edge waits in the controller until sti.
key:
    movl $0xff, %ecx
    inb $0x64, %al
    testb $0x1, %al
    jz key_none
    inb $0x60, %al
    movzbl %al, %ecx
key_none:
    movb $0x20, %al
    outb %al, $0x20
    cmpl $0x2a, %ecx
    je key_shift
    cmpl $0x36, %ecx
    je key_shift
    cmpl $0xaa, %ecx
    je key_unshift
    cmpl $0xb6, %ecx
    je key_unshift
    cmpl $0x3a, %ecx
    jae key_end
    movzbl key_names(%ecx), %eax
    testl %eax, %eax
    jz key_end
    cmpl $0x0, SHIFT
    je key_print
    cmpl $0x61, %eax
    jb key_print
    subl $0x20, %eax
key_print:
    call putc
    movl %eax, ONE
    movl $ONE, %esi
    movl CELL, %edi
    call screen_puts
    incl CELL
    cmpl $0x71, %eax
    jne key_end
    say "\nbye\n"
    finish
key_shift:
    movl $0x1, SHIFT
    ret
key_unshift:
    movl $0x0, SHIFT
key_end:
    ret
key_names:
    .ascii "\000\0001234567890-=\000\000qwertyuiop[]\n\000asdfghjkl;'`\000"
    .byte 0x5c
    .ascii "zxcvbnm,./\000*\000 "
