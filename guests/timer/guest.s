# SPDX-License-Identifier: GPL-2.0-or-later
# A hundred ticks of the timer, waited for with hlt; then a masked line stays quiet, and the keyboard controller's line is asked.
.include "start.s"
.equ TICKS, 0x187000

main:
    call pic_setup
    handle 0x20, tick
    movl $0x2e9c, %eax          # about 100 Hz
    call pit_setup
    movb $0xfe, %al
    outb %al, $0x21
    inb $0x21, %al
    movzbl %al, %eax
    expect "mask reads back", $0xfe
    sti
wait_ten:
    hlt
    cmpl $0xa, TICKS
    jb wait_ten
    cli
    say "ten ticks by hlt\n"
    movl $0x4a9, %eax           # about 1 kHz
    call pit_setup
    movl TICKS, %ebx
    addl $0x32, %ebx
    sti
wait_fifty:
    cmpl %ebx, TICKS
    jb wait_fifty
    cli
    say "fifty ticks by polling memory\n"
    movl $0x0, TICKS
    sti
wait_hundred:
    sti
    hlt
    cli
    cmpl $0x64, TICKS
    jb wait_hundred
    say "a hundred ticks by sti, hlt, cli\n"
    pushfl
    popl %eax
    andl $0x200, %eax
    expect "interrupts are off", $0x0
    movb $0xff, %al
    outb %al, $0x21
    movl TICKS, %ebx
    sti
    movl $0x100000, %ecx
quiet:
    decl %ecx
    jnz quiet
    cli
    movl TICKS, %eax
    expect "a masked line stays quiet", %ebx
    movl REC_CS, %eax
    expect "the tick came in ring 0", $CODE0
    finish

tick:
    incl TICKS
    movl F_CS(%ebp), %eax
    movl %eax, REC_CS
    movb $0x20, %al
    outb %al, $0x20
    ret
.include "clock.s"
