# SPDX-License-Identifier: GPL-2.0-or-later
# Fills the serial port and the debug console as fast as it can, with interrupts off.
    cli
flood:
    movw $0x3f8, %dx
    movb $0x41, %al
    outb %al, %dx
    outb %al, $0xe9
    movl $flood, %esi
    movl $0x40, %ecx
    rep outsb
    jmp flood
