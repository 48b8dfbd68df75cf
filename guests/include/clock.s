# SPDX-License-Identifier: GPL-2.0-or-later
# Two 8259 interrupt controllers at vectors 0x20 and 0x28, and channel 0 of the 8254.

# Initialises both controllers (datasheet: ICW1-ICW4); everything masked.
pic_setup:
    movb $0x11, %al
    outb %al, $0x20
    outb %al, $0xa0
    movb $0x20, %al
    outb %al, $0x21
    movb $0x28, %al
    outb %al, $0xa1
    movb $0x4, %al
    outb %al, $0x21
    movb $0x2, %al
    outb %al, $0xa1
    movb $0x1, %al
    outb %al, $0x21
    outb %al, $0xa1
    movb $0xff, %al
    outb %al, $0x21
    outb %al, $0xa1
    ret

# Channel 0 as rate generator (mode 2), %eax = divisor of 1193182 Hz.
pit_setup:
    pushl %eax
    movb $0x34, %al
    outb %al, $0x43
    popl %eax
    outb %al, $0x40
    movb %ah, %al
    outb %al, $0x40
    ret
