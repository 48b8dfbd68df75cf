# SPDX-License-Identifier: GPL-2.0-or-later
# Forms that are #UD on a processor and that an emulator or a lazy scanner lets through: lock before what cannot be locked,
# reserved opcodes; and forms that look reserved but work.
.include "start.s"
.equ BUF, 0x187000
.equ WORD, 0x187010

# Under lock, in either ring: #UD whatever the privilege.
.macro locked text, insn
    faults "\text", 0x6, 0x0, ".byte 0xf0; \insn"
.endm
.macro locks ring
    locked "\ring lock sgdt", "sgdtl BUF"
    locked "\ring lock sidt", "sidtl BUF"
    locked "\ring lock sldt", "sldtl %eax"
    locked "\ring lock sldt memory", "sldtw BUF"
    locked "\ring lock str", "strl %eax"
    locked "\ring lock smsw", "smswl %eax"
    locked "\ring lock smsw memory", "smsww BUF"
    locked "\ring lock lmsw", "lmsww %ax"
    locked "\ring lock lgdt", "lgdtl BUF"
    locked "\ring lock lidt", "lidtl BUF"
    locked "\ring lock lldt", "lldtw %ax"
    locked "\ring lock ltr", "ltrw %ax"
    locked "\ring lock pushf", "pushfl"
    locked "\ring lock popf", "popfl"
    locked "\ring lock mov from cs", "movl %cs, %eax"
    locked "\ring lock mov to ds", "movl %eax, %ds"
    locked "\ring lock push ss", "pushl %ss"
    locked "\ring lock push fs", "pushl %fs"
    locked "\ring lock pop es", "popl %es"
    locked "\ring lock lar", "larl %ecx, %eax"
    locked "\ring lock lsl", "lsll %ecx, %eax"
    locked "\ring lock verr", "verr %ax"
    locked "\ring lock verw", "verw %ax"
    locked "\ring lock arpl", "arpl %ax, %cx"
    locked "\ring lock cpuid", "cpuid"
    locked "\ring lock rdtsc", "rdtsc"
    locked "\ring lock in", "inb $0x80, %al"
    locked "\ring lock out", "outb %al, $0x80"
    locked "\ring lock outs", "outsb"
    locked "\ring lock cli", "cli"
    locked "\ring lock sti", "sti"
    locked "\ring lock hlt", "hlt"
    locked "\ring lock iret", "iretl"
    locked "\ring lock int", "int $0x30"
    locked "\ring lock int3", "int3"
    locked "\ring lock into", "into"
    locked "\ring lock far ret", "lretl"
    locked "\ring lock far call", "lcall *BUF"
    locked "\ring lock far jmp", "ljmp *BUF"
    locked "\ring lock clts", "clts"
    locked "\ring lock mov from cr0", "movl %cr0, %eax"
    locked "\ring lock mov to cr3", "movl %eax, %cr3"
    locked "\ring lock mov from dr7", "movl %dr7, %eax"
    locked "\ring lock invlpg", "invlpg BUF"
    locked "\ring lock wbinvd", "wbinvd"
    locked "\ring lock rdmsr", "rdmsr"
    locked "\ring lock wrmsr", "wrmsr"
    locked "\ring lock les", "lesl BUF, %eax"
    locked "\ring lock lfs", "lfsl BUF, %eax"
    locked "\ring lock bound", ".byte 0x62, 0x00"
    locked "\ring lock nop", "nop"
    locked "\ring lock mov", "movl %eax, BUF"
    locked "\ring lock cmp memory", "cmpl %eax, BUF"
    locked "\ring lock inc register", ".byte 0xff, 0xc0"
    locked "\ring lock add to register", "addl BUF, %eax"
    locked "\ring lock bt", "btl %eax, BUF"
    locked "\ring lock jmp", "jmp start_of_nothing"
    locked "\ring lock push", "pushl %eax"
    locked "\ring lock 66 pushf", ".byte 0x66; pushfl"
    faults "\ring 26 lock rep pushf", 0x6, 0x0, ".byte 0x26, 0xf0, 0xf3; pushfl"
    movl $0x7, WORD
    clean "\ring lock inc memory", "lock; incl WORD"
    clean "\ring lock btr", "lock; btrl $0x3, WORD"
    movl $0x5, %ebx
    clean "\ring lock xchg", "lock; xchgl %ebx, WORD"
    movl %ebx, %eax
    expect "\ring lock inc, btr and xchg worked", $0x0
.endm

# Reserved encodings.
.macro reserved ring
    faults "\ring 8f /1", 0x6, 0x0, ".byte 0x8f, 0x08"
    faults "\ring 8f /7 register", 0x6, 0x0, ".byte 0x8f, 0xf8"
    faults "\ring c6 /1", 0x6, 0x0, ".byte 0xc6, 0xc8, 0x0"
    faults "\ring fe /2", 0x6, 0x0, ".byte 0xfe, 0xd0"
    faults "\ring ff /7", 0x6, 0x0, ".byte 0xff, 0xf8"
    faults "\ring far call to a register", 0x6, 0x0, ".byte 0xff, 0xd8"
    faults "\ring far jmp to a register", 0x6, 0x0, ".byte 0xff, 0xe8"
    faults "\ring lea of a register", 0x6, 0x0, ".byte 0x8d, 0xc0"
    faults "\ring les of a register", 0x6, 0x0, ".byte 0xc4, 0xc0, 0x0, 0x0"
    faults "\ring lss of a register", 0x6, 0x0, ".byte 0x0f, 0xb2, 0xc0"
    faults "\ring mov from segment register 6", 0x6, 0x0, ".byte 0x8c, 0xf0"
    faults "\ring mov to segment register 7", 0x6, 0x0, ".byte 0x8e, 0xf8"
    faults "\ring mov to cs", 0x6, 0x0, ".byte 0x8e, 0xc8"
    faults "\ring 0f 00 /6", 0x6, 0x0, ".byte 0x0f, 0x00, 0xf0"
    faults "\ring 0f 00 /7 memory", 0x6, 0x0, ".byte 0x0f, 0x00, 0x38"
    faults "\ring 0f 01 c1 (vmcall)", 0x6, 0x0, ".byte 0x0f, 0x01, 0xc1"
    faults "\ring xgetbv without osxsave", 0x6, 0x0, "xgetbv"
    faults "\ring swapgs", 0x6, 0x0, ".byte 0x0f, 0x01, 0xf8"
    faults "\ring syscall", 0x6, 0x0, ".byte 0x0f, 0x05"
    faults "\ring sysret", 0x6, 0x0, ".byte 0x0f, 0x07"
    faults "\ring rsm", 0x6, 0x0, ".byte 0x0f, 0xaa"
    faults "\ring 0f 04", 0x6, 0x0, ".byte 0x0f, 0x04"
    faults "\ring 0f 24", 0x6, 0x0, ".byte 0x0f, 0x24, 0xc0"
    faults "\ring ud1", 0x6, 0x0, ".byte 0x0f, 0xb9, 0xc0"
    faults "\ring ud0", 0x6, 0x0, ".byte 0x0f, 0xff, 0xc0"
    faults "\ring ud2", 0x6, 0x0, "ud2"
    faults "\ring cmpxchg8b of a register", 0x6, 0x0, ".byte 0x0f, 0xc7, 0xc8"
    faults "\ring 16 bytes", 0xd, 0x0, ".byte 0x26, 0x26, 0x26, 0x26, 0x26, 0x26, 0x26, 0x26; .byte 0x26, 0x26, 0x26, 0x26, 0x26, 0x26, 0x26; pushfl"
    movl $0x180, %eax
    .byte 0xf6, 0xc8, 0x80      # test $0x80, %al by its second encoding
    sets %al
    movzbl %al, %eax
    expect "\ring f6 /1 is test", $0x1
    movl $0x80000000, %eax
    .byte 0xf7, 0xc8
    .long 0x80000000
    sets %al
    movzbl %al, %eax
    expect "\ring f7 /1 is test", $0x1
    movl %esp, %edi
    .rept 0xe
    .byte 0x26
    .endr
    pushfl
    subl %esp, %edi
    popl %eax
    movl %edi, %eax
    expect "\ring pushf with 14 prefixes", $0x4
    clean "\ring salc", ".byte 0xd6"
    clean "\ring 0f 1f of any register", ".byte 0x0f, 0x1f, 0xf8"
    clean "\ring 0f 0d", ".byte 0x0f, 0x0d, 0x05; .long BUF"
    clean "\ring prefetch", ".byte 0x0f, 0x18, 0x0d; .long BUF"
    clean "\ring f3 90", ".byte 0x66, 0xf3, 0x90"
    clean "\ring d9 d0", ".byte 0xd9, 0xd0"
.endm

main:
    locks "ring 0"
    reserved "ring 0"
    faults "ring 0 mov from cr1", 0x6, 0x0, ".byte 0x0f, 0x20, 0xc8"
    faults "ring 0 mov to cr5", 0x6, 0x0, ".byte 0x0f, 0x22, 0xe8"
    movb $0x0, %al
    .byte 0x0f, 0x20, 0x00      # mov %cr0, %eax whatever the mod bits
    andl $0x1f, %eax
    expect "ring 0 mov from cr0 with mod 0", $0x11
    movl $0x0, RESUME
    .byte 0xf1
after_icebp:
    movl REC_VECTOR, %eax
    expect "ring 0 int1", $0x1
    movl REC_EIP, %eax
    expect "ring 0 int1 eip", $after_icebp
    in_user user_part, 0x0002
    finish
start_of_nothing:

.set USER, 0x1
user_part:
    locks "ring 3"
    reserved "ring 3"
    movl $0x0, RESUME
    .byte 0xf1
after_icebp_user:
    movl REC_VECTOR, %eax
    expect "ring 3 int1 is no int n", $0x1
    movl REC_EIP, %eax
    expect "ring 3 int1 eip", $after_icebp_user
    to_kernel
