# SPDX-License-Identifier: GPL-2.0-or-later
# The smallest guest: one sentence on the serial port and the same on the screen.
.include "layout.s"
    movl $STACK, %esp
    call serial_setup
    movl $greeting, %esi
    call puts
    call screen_clear
    movl $greeting_screen, %esi
    movl $0x0, %edi
    call screen_puts
    movl $0x10, %eax
    outb %al, $0xf4
stay:
    cli
    hlt
    jmp stay
greeting: .asciz "Hello from a patched world.\n"
greeting_screen: .asciz "Hello from a patched world."
.include "print.s"
.include "screen.s"
