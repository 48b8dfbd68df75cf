# SPDX-License-Identifier: GPL-2.0-or-later
# Segments that do not begin at 0: data, stack, code; fs and gs bases; loads with pointers; sensitive instructions whose operands lie
# in them; bases that wrap around 4 GiB; hidden parts that stay until the next load.
.include "start.s"
.equ BUF, 0x187000
.equ BASED, 0x38                # data with base BUF
.equ BASED_STACK, 0x40          # data with base 0x1a0000
.equ BASED_CODE, 0x48           # code with base 0x1000
.equ WRAPPED, 0x50              # data with base 0xfff00000
.equ BASED_USER, 0x5b           # ring 3 data with base BUF + 0x100
.equ BASED_USER_CODE, 0x63      # ring 3 code with base 0x1000

.macro descriptor selector, low, high
    movl $\low, gdt+(\selector&0xfff8)
    movl $\high, gdt+(\selector&0xfff8)+0x4
.endm

main:
    descriptor BASED, 0x7000ffff, 0x00cf9218
    descriptor BASED_STACK, 0x0000ffff, 0x00cf921a
    descriptor BASED_CODE, 0x1000ffff, 0x00cf9a00
    descriptor WRAPPED, 0x0000ffff, 0xffcf92f0
    descriptor BASED_USER, 0x7100ffff, 0x00cff218
    descriptor BASED_USER_CODE, 0x1000ffff, 0x00cffa00
    movl $0x11111111, BUF
    movl $0x22222222, BUF+0x4
    movl $0x33333333, BUF+0x100
    call data
    call pointers
    call sensitive
    call hidden
    call stack
    call code
    movl $BASED_USER, %eax
    movl %eax, %gs
    in_user user_part, 0x0002
    finish

data:
    movl $BASED, %eax
    movl %eax, %fs
    movl %fs:0x0, %eax
    expect "fs base", $0x11111111
    movl $0x4, %ecx
    movl %fs:(%ecx), %eax
    expect "fs base and register", $0x22222222
    movl $0x40, %ecx
    movl %fs:(,%ecx,4), %eax
    expect "fs base and index", $0x33333333
    movl $0x44444444, %fs:0x8
    movl BUF+0x8, %eax
    expect "store through fs", $0x44444444
    movl $BASED, %eax
    movl %eax, %es
    movl $0x10, %edi
    movl $BUF, %esi
    movl $0x2, %ecx
    rep movsl
    movl BUF+0x14, %eax
    expect "movs into es", $0x22222222
    movl $0x20, %edi
    movl $0x0, %esi
    .byte 0x64                  # fs: on the source
    movsl
    movl BUF+0x20, %eax
    expect "movs from fs into es", $0x11111111
    movl $DATA0, %eax
    movl %eax, %es
    movl $WRAPPED, %eax
    movl %eax, %gs
    movl %gs:BUF+0x100000, %eax
    expect "a base that wraps", $0x11111111
    movl $BUF+0x100100, %ecx
    movl %gs:(%ecx), %eax
    expect "a base that wraps, by register", $0x33333333
    movl gdt+BASED+0x4, %eax
    expect "loading sets accessed", $0x00cf9318
    ret

pointers:
    movl $0x4, BUF+0x40
    movw $BASED, BUF+0x44
    lfsl BUF+0x40, %ecx
    movl %fs:(%ecx), %eax
    expect "lfs", $0x22222222
    lgsl BUF+0x40, %ecx
    movl %gs, %eax
    expect "lgs", $BASED
    lesl BUF+0x40, %ecx
    movl %es:-0x4(%ecx), %eax
    expect "les", $0x11111111
    movw $0x4, BUF+0x40
    movw $BASED, BUF+0x42
    movl $0xa5a5a5a5, %ecx
    .byte 0x66
    lfsl BUF+0x40, %ecx
    movl %ecx, %eax
    expect "lfs with 66", $0xa5a50004
    movl $DATA0, %eax
    movl %eax, %es
    pushl $BASED
    popl %gs
    movl %gs:0x100, %eax
    expect "pop gs", $0x33333333
    pushw $BASED
    popw %fs
    movl %fs:0x4, %eax
    expect "pop fs with 66", $0x22222222
    movl $BASED, BUF+0x48
    movw BUF+0x48, %es
    movl %es:0x4, %eax
    expect "mov es from memory", $0x22222222
    movl $DATA0, %eax
    movl %eax, %es
    ret

# Operands of sensitive instructions in other segments.
sensitive:
    movl $BASED, %eax
    movl %eax, %fs
    sgdtl %fs:0x80
    movl BUF+0x82, %eax
    expect "sgdt through fs", $gdt
    sidtl %fs:0x88
    movl BUF+0x8a, %eax
    expect "sidt through fs", $IDT
    movl $0x0, BUF+0x90
    strw %fs:0x90
    movl BUF+0x90, %eax
    expect "str through fs", $TSS_SEL
    mov %cs, %fs:0x94
    movzwl BUF+0x94, %eax
    expect "mov from cs through fs", $CODE0
    smsww %fs:0x98
    movzwl BUF+0x98, %eax
    expect "smsw through fs", $0x11
    movw $0xfe, BUF+0xa0
    movl $gdt, BUF+0xa2
    lgdtl %fs:0xa0
    sgdtl BUF+0xa8
    movzwl BUF+0xa8, %eax
    expect "lgdt through fs", $0xfe
    lgdtl gdt_pointer
    movw $DATA3, %fs:0xb0
    verw %fs:0xb0
    sete %al
    movzbl %al, %eax
    expect "verw through fs", $0x1
    larl %fs:0xb0, %eax
    andl $0xf0ff00, %eax
    expect "lar through fs", $0xc0f300
    movl $far_callee, %fs:0xb8
    movw $CODE0, %fs:0xbc
    lcall *%fs:0xb8
    expect "far call through fs", $CODE0
    movl $0x5a, %eax
    movw $0x3ff, %dx
    outb %al, %dx
    movl $BASED, %eax
    movl %eax, %es
    movl $0xc0, %edi
    insb
    movl $DATA0, %eax
    movl %eax, %es
    movzbl BUF+0xc0, %eax
    expect "ins into es", $0x5a
    movb $0x6b, BUF+0xc1
    movl $0xc1, %esi
    .byte 0x64
    outsb
    inb %dx, %al
    movzbl %al, %eax
    expect "outs from fs", $0x6b
    ret
far_callee:
    movzwl 0x4(%esp), %eax
    lretl

# A descriptor that changes does not change what is loaded; the next load does.
hidden:
    movl $BASED, %eax
    movl %eax, %fs
    descriptor BASED, 0x7100ffff, 0x00cf9218
    movl %fs:0x0, %eax
    expect "hidden base stays", $0x11111111
    movl $0x0, RESUME
    int3
    movl %fs:0x0, %eax
    expect "through a trap as well", $0x11111111
    movl $BASED, %eax
    movl %eax, %fs
    movl %fs:0x0, %eax
    expect "until the next load", $0x33333333
    lgdtl empty_gdt
    movl %fs:0x0, %eax
    expect "and without a gdt", $0x33333333
    movl %fs, %eax
    expect "its selector too", $BASED
    pushl $0x3002
    popfl
    pushfl
    popl %eax
    expect "pushf without a gdt", $0x3002
    pushl $0x2
    popfl
    sgdtl BUF+0xd0
    movzwl BUF+0xd0, %eax
    expect "sgdt without a gdt", $0x0
    lgdtl gdt_pointer
    descriptor BASED, 0x7000ffff, 0x00cf9218
    ret
empty_gdt:
    .word 0x0
    .long 0x0

# A stack with a base, also for traps.
stack:
    movl %esp, %ebx
    movl $BASED_STACK, %eax
    movl $0x1000, %ecx
    movl %eax, %ss
    movl %ecx, %esp
    pushl $0x77
    pushfl
    popl %ecx
    popl %edx
    pushl %ss
    popl %esi
    call stack_callee
    .byte 0x9a
    .long stack_far_callee
    .word CODE0
    movl 0x1a0ffc, %edi
    movl $0x0, RESUME
    int3
    movl $-0x1, RESUME
    movl $DATA0, %eax
    movl %eax, %ss
    movl %ebx, %esp
    pushl %edi
    movl REC_FRAME, %eax
    expect "frame of a trap there", $0xfc4
    movl %edx, %eax
    expect "pop from a stack with a base", $0x77
    movl %esi, %eax
    expect "its selector", $BASED_STACK
    popl %eax
    movzwl %ax, %eax
    expect "where the far call pushed cs", $CODE0
    movl %ecx, %eax
    andl $0x3202, %eax
    expect "pushf there", $0x2
    ret
stack_callee:
    ret
stack_far_callee:
    lretl

# Code with a base: offsets are smaller by it, in traps as well. Data references stay flat.
code:
    .byte 0xea
    .long code_based-0x1000
    .word BASED_CODE
code_based:
    movl %cs, %eax
    movl %eax, BUF+0xe0
    call code_where
code_return:
    movl %eax, BUF+0xe4
    pushfl
    popl %eax
    movl %eax, BUF+0xe8
    movl %cs:code_word-0x1000, %eax
    movl %eax, BUF+0xec
    movl $0x0, RESUME
    int3
code_after_int3:
    movl $code_resume-0x1000, RESUME
code_ud2:
    ud2
code_resume:
    .byte 0xea
    .long code_flat
    .word CODE0
code_where:
    movl (%esp), %eax
    ret
code_word: .long 0x600dc0de
code_flat:
    movl BUF+0xe0, %eax
    expect "cs with a base", $BASED_CODE
    movl BUF+0xe4, %eax
    expect "return address", $code_return-0x1000
    movl BUF+0xe8, %eax
    andl $0x3202, %eax
    expect "pushf in code with a base", $0x2
    movl BUF+0xec, %eax
    expect "reading through cs", $0x600dc0de
    movl REC_EIP, %eax
    expect "eip of a fault", $code_ud2-0x1000
    movl REC_CS, %eax
    expect "cs of a fault", $BASED_CODE
    movl $-0x1, RESUME
    ret

.set USER, 0x1
user_part:
    movl $BASED_USER, %eax
    movl %eax, %gs
    movl %gs:0x0, %eax
    expect "ring 3 gs base", $0x33333333
    sgdtl %gs:0x80
    movl BUF+0x182, %eax
    expect "ring 3 sgdt through gs", $gdt
    movl $BASED, %eax
    faults "ring 3 ring 0 segment", 0xd, BASED, "movl %eax, %fs"
    .byte 0xea
    .long user_based-0x1000
    .word BASED_USER_CODE
user_based:
    movl %cs, %eax
    movl %eax, BUF+0xe0
    movl $user_resume-0x1000, RESUME
user_hlt:
    hlt
user_resume:
    .byte 0xea
    .long user_flat
    .word CODE3
user_flat:
    movl $-0x1, RESUME
    movl BUF+0xe0, %eax
    expect "ring 3 cs with a base", $BASED_USER_CODE
    movl REC_EIP, %eax
    expect "ring 3 eip of a fault", $user_hlt-0x1000
    movl REC_CS, %eax
    expect "ring 3 cs of a fault", $BASED_USER_CODE
    movl %gs:0x0, %eax
    expect "ring 3 gs lives through traps", $0x33333333
    to_kernel
