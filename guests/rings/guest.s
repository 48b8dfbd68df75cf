# SPDX-License-Identifier: GPL-2.0-or-later
# The first things a kernel needs: its own GDT, IDT and TSS, a few faults taken and resumed, ring 3 and back.
.include "start.s"

main:
    say "tables ok\n"
    xorl %edx, %edx
    faults "ring 0 divide error", 0x0, 0x0, "divl %edx"
    faults "ring 0 ud2", 0x6, 0x0, "ud2"
    movl $0x1234, %eax
    faults "ring 0 selector past the gdt", 0xd, 0x1234, "movl %eax, %es"
    faults "ring 0 int to an empty gate", 0xd, 0x20a, "int $0x41"
    movb $0xe, IDT+0x41*8+0x5
    faults "ring 0 int to a gate not present", 0xb, 0x20a, "int $0x41"
    movl $0x0, RESUME
    int3
after_int3:
    movl REC_VECTOR, %eax
    expect "ring 0 int3", $0x3
    movl REC_EIP, %eax
    expect "ring 0 int3 eip", $after_int3
    in_user user_part, 0x0002
    say "back in ring 0\n"
    finish

.set USER, 0x1
user_part:
    say "hello from ring 3\n"
    faults "ring 3 cli", 0xd, 0x0, "cli"
    faults "ring 3 hlt", 0xd, 0x0, "hlt"
    faults "ring 3 ud2", 0x6, 0x0, "ud2"
    xorl %edx, %edx
    faults "ring 3 divide error", 0x0, 0x0, "divl %edx"
    movl REC_CS, %eax
    expect "ring 3 cs in the frame", $CODE3
    movl REC_SS, %eax
    expect "ring 3 ss in the frame", $DATA3
    movl %esp, %eax
    cmpl %eax, REC_ESP
    sete %al
    movzbl %al, %eax
    expect "ring 3 esp in the frame", $0x1
    faults "ring 3 int3 through a ring 0 gate", 0xd, 0x1a, "int3"
    faults "ring 3 int 0x31 through a ring 0 gate", 0xd, 0x18a, "int $0x31"
    to_kernel
