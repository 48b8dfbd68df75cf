# SPDX-License-Identifier: GPL-2.0-or-later
# GDT, IDT with a stub for vectors 0..0x3f and 0x80, and a TSS (SDM vol. 3A, 3.5, 6.10-6.12, 7.2).

# Loads all tables and flat segments. Call it with a flat stack; interrupts stay off.
setup:
    cli
    cld
    call serial_setup
    movb $0xff, %al             # no interrupt until a guest asks for one
    outb %al, $0x21
    outb %al, $0xa1
    movl $gdt_template, %esi
    movl $gdt, %edi
    movl $0xe, %ecx
    rep movsl
    lgdtl gdt_pointer
    .byte 0xea
    .long setup_flat
    .word CODE0
setup_flat:
    movl $DATA0, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movl %eax, %ss
    movl $0x0, %ecx
setup_gates:
    movl %ecx, %eax
    shll $0x4, %eax
    addl $trap_stubs, %eax
    movl $0x8e00, %edx
    call set_gate
    incl %ecx
    cmpl $0x40, %ecx
    jb setup_gates
    movl $0x80, %ecx
    movl $trap_stub_80, %eax
    movl $0xee00, %edx
    call set_gate
    movl $0x30, %ecx
    movl $trap_stubs+0x300, %eax
    call set_gate
    handle 0x30, service_gate
    movl $0x0, %ecx
setup_recorders:
    movl $record_trap, HANDLERS(,%ecx,4)
    incl %ecx
    cmpl $0x20, %ecx
    jb setup_recorders
    lidtl idt_pointer
    movl $-0x1, RESUME
    movl $TRAP_STACK, TSS+0x4
    movl $DATA0, TSS+0x8
    movl $0x680000, TSS+0x64
    movb $0xff, TSS+TSS_LIMIT
    movl $TSS+0x68, %edi
    movl $0x800, %ecx
    movl $-0x1, %eax
    rep stosl
    movl $TSS_SEL, %eax
    ltrw %ax
    ret

# Gate %ecx: offset %eax, type and DPL in %edx (0x8e00 interrupt gate, 0x8f00 trap gate, +0x6000 for DPL 3), CODE0.
set_gate:
    pushl %eax
    movw %ax, IDT(,%ecx,8)
    movw $CODE0, IDT+0x2(,%ecx,8)
    movw %dx, IDT+0x4(,%ecx,8)
    shrl $0x10, %eax
    movw %ax, IDT+0x6(,%ecx,8)
    popl %eax
    ret

gdt_pointer:
    .word 0xff
    .long gdt
idt_pointer:
    .word 0x7ff
    .long IDT
.balign 0x10, 0x0
gdt_template:
    .quad 0x0
    .quad 0x00cf9b000000ffff    # 08 code, ring 0
    .quad 0x00cf93000000ffff    # 10 data, ring 0
    .quad 0x00cffb000000ffff    # 18 code, ring 3
    .quad 0x00cff3000000ffff    # 20 data, ring 3
    .quad 0x0000891820002068    # 28 TSS, at TSS with TSS_LIMIT
    .quad 0x00008218500000ff    # 30 LDT

# One stub of 16 bytes a vector: pushes 0 where the processor pushes no error code, then the vector.
.set VECTOR, 0x0
.balign 0x10, 0x90
trap_stubs:
    .rept 0x40
    .balign 0x10, 0x90
    .if ((0x27d00>>VECTOR)&0x1) == 0x0
    .byte 0x6a, 0x0             # pushl $0
    .endif
    .byte 0x68
    .long VECTOR
    jmp trap_common
    .set VECTOR, VECTOR+0x1
    .endr
    .balign 0x10, 0x90
trap_stub_80:
    pushl $0x0
    pushl $0x80
    jmp trap_common

trap_common:
    pushal
    pushl %ds
    pushl %es
    movl $DATA0, %eax
    movl %eax, %ds
    movl %eax, %es
    cld
    movl %esp, %ebp
    movl F_VECTOR(%ebp), %eax
    movl HANDLERS(,%eax,4), %ecx
    testl %ecx, %ecx
    jz unexpected_trap
    call *%ecx
trap_return:
    popl %es
    popl %ds
    popal
    addl $0x8, %esp
    iretl
