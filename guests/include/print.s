# SPDX-License-Identifier: GPL-2.0-or-later
# Printing on COM1 and the debug console (E9) alike. Every routine keeps all registers and flags of its caller.
.equ COM1, 0x3f8

# 115200 baud, 8n1, FIFOs on, no interrupts.
serial_setup:
    pushal
    movw $0x3f9, %dx
    movb $0x0, %al
    outb %al, %dx
    movw $0x3fb, %dx
    movb $0x80, %al
    outb %al, %dx
    movw $0x3f8, %dx
    movb $0x1, %al
    outb %al, %dx
    movw $0x3f9, %dx
    movb $0x0, %al
    outb %al, %dx
    movw $0x3fb, %dx
    movb $0x3, %al
    outb %al, %dx
    movw $0x3fa, %dx
    movb $0x7, %al
    outb %al, %dx
    popal
    ret

# Prints the character in %al.
putc:
    pushal
    pushfl
    movl %eax, %ebx
putc_wait:
    movw $0x3fd, %dx
    inb %dx, %al
    testb $0x20, %al
    jz putc_wait
    movb %bl, %al
    movw $0x3f8, %dx
    outb %al, %dx
    outb %al, $0xe9
    popfl
    popal
    ret

# Prints the zero-terminated string at %esi.
puts:
    pushal
    pushfl
puts_next:
    movb (%esi), %al
    testb %al, %al
    jz puts_end
    call putc
    incl %esi
    jmp puts_next
puts_end:
    popfl
    popal
    ret

# Prints %eax as eight hexadecimal digits.
puthex:
    pushal
    pushfl
    movl %eax, %ebx
    movl $0x8, %ecx
puthex_next:
    roll $0x4, %ebx
    movl %ebx, %eax
    andl $0xf, %eax
    movb puthex_digits(%eax), %al
    call putc
    decl %ecx
    jnz puthex_next
    popfl
    popal
    ret
puthex_digits: .ascii "0123456789abcdef"
