# SPDX-License-Identifier: GPL-2.0-or-later
# Call gates with parameters, conforming code, LDT, task register, segments that become null on the way out, 16-bit code, 16-bit
# gates and a 16-bit stack (SDM vol. 3A, 5.8, 6.12, 7.2, 21.4).
.include "start.s"
.equ BUF, 0x187000
.equ LOW, 0x600
.equ SAVED_ESP, 0x187080
.equ MIXED, 0x20000             # bytes that are run as 16-bit and as 32-bit code

# A call gate in the GDT at slot: code selector, offset, parameters, type and DPL (0x8c00 + 0x6000 for DPL 3).
.macro call_gate slot, selector, offset, parameters, kind
    movl $\offset, %eax
    movw %ax, gdt+\slot
    movw $\selector, gdt+\slot+0x2
    movw $\kind+\parameters, gdt+\slot+0x4
    shrl $0x10, %eax
    movw %ax, gdt+\slot+0x6
.endm

# A far call to a selector, with an offset that a gate must ignore.
.macro through selector
    .byte 0x9a
    .long 0xdeadbeef
    .word \selector
.endm

main:
    movl $0x0000ffff, gdt+0x68  # conforming code
    movl $0x00cf9e00, gdt+0x6c
    call_gate 0x40, CODE0, near_callee, 0x0, 0xec00
    call_gate 0x48, CODE0, two_words, 0x2, 0xec00
    call_gate 0x50, CODE0, near_callee, 0x0, 0x8c00
    call_gate 0x58, CODE0, near_callee, 0x0, 0x6c00
    call_gate 0x70, DATA0, near_callee, 0x0, 0xec00
    call_gate 0x78, 0x0, near_callee, 0x0, 0xec00
    call_gate 0x80, 0x68, conforming_callee, 0x0, 0xec00
    call_gate 0x88, CODE3, conforming_callee, 0x0, 0xec00
    call_gate 0x90, CODE0, thirty_one, 0x1f, 0xec00
    call_gate 0x98, 0xf8, near_callee, 0x0, 0xec00
    through 0x40
    expect "ring 0 call gate, cs pushed", $CODE0
    pushl $CODE0
    pushl $back_from_jump
    .byte 0xea                  # jmp through a gate; it comes back with a far return
    .long 0x0
    .word 0x50
back_from_jump:
    expect "ring 0 jmp through a gate", $CODE0
    faults "ring 0 call gate to data", 0xd, 0x10, ".byte 0x9a, 0, 0, 0, 0, 0x70, 0"
    faults "ring 0 call gate to ring 3 code", 0xd, 0x18, ".byte 0x9a, 0, 0, 0, 0, 0x88, 0"
    faults "ring 0 call gate not present", 0xb, 0x58, ".byte 0x9a, 0, 0, 0, 0, 0x58, 0"
    faults "ring 0 call gate with rpl 3, dpl 0", 0xd, 0x50, ".byte 0x9a, 0, 0, 0, 0, 0x53, 0"
    in_user user_gates, 0x0002
    call nulled
    call ldt
    call task_register
    call mixed
    call small_gates
    call small_stack
    finish

near_callee:
    movzwl 0x4(%esp), %eax
    lretl

# Two parameters from ring 3: on the stack of the TSS lie eip cs p0 p1 esp ss.
two_words:
    movl $TRAP_STACK-0x18, %eax
    subl %esp, %eax
    movl %eax, BUF
    movl 0x8(%esp), %eax
    movl %eax, BUF+0x4
    movl 0xc(%esp), %eax
    movl %eax, BUF+0x8
    movl 0x10(%esp), %eax
    movl %eax, BUF+0xc
    movzwl 0x14(%esp), %eax
    movl %eax, BUF+0x10
    movzwl 0x4(%esp), %eax
    movl %eax, BUF+0x14
    movl %cs, %eax
    movl %eax, BUF+0x18
    movl %ss, %eax
    movl %eax, BUF+0x1c
    movl %ds, %eax
    movl %eax, BUF+0x20
    smswl %eax
    lretl $0x8
thirty_one:
    movl 0x8(%esp), %eax
    subl 0x80(%esp), %eax
    lretl $0x7c

# On the way out to ring 3, segment registers that ring 3 may not have become null.
nulled:
    pushal
    movl %esp, KERNEL_ESP
    movl $DATA0, %ecx
    movl %ecx, %fs
    movl %ecx, %es
    movl $DATA3, %ecx
    movl %ecx, %gs
    movl $0x68, %ecx
    movl %ecx, %ds
    pushl $DATA3
    pushl $USER_STACK
    pushl $0x2
    pushl $CODE3
    pushl $nulled_user
    iretl

ldt:
    movl $0x0000ffff, LDT+0x8   # 0xc: data, 0x14: code, 0x1f: ring 3 data, 0x24: not present
    movl $0x00cf9200, LDT+0xc
    movl $0x0000ffff, LDT+0x10
    movl $0x00cf9a00, LDT+0x14
    movl $0x0000ffff, LDT+0x18
    movl $0x00cff200, LDT+0x1c
    movl $0x0000ffff, LDT+0x20
    movl $0x00cf1200, LDT+0x24
    movl $LDT_SEL, %eax
    lldtw %ax
    movl $0xc, %eax
    movl %eax, %es
    movl $0x5eed, BUF
    movl %es:BUF, %eax
    expect "ring 0 ldt data", $0x5eed
    movl %es, %eax
    expect "ring 0 ldt selector", $0xc
    movl LDT+0xc, %eax
    expect "ring 0 ldt descriptor accessed", $0x00cf9300
    .byte 0x9a
    .long ldt_callee
    .word 0x14
    expect "ring 0 ldt code", $0x14
    movl $0x24, %eax
    faults "ring 0 ldt not present", 0xb, 0x24, "movl %eax, %fs"
    movl $0x104, %eax
    faults "ring 0 ldt past its limit", 0xd, 0x104, "movl %eax, %fs"
    movl $0x1f, %eax
    clean "ring 0 ldt ring 3 data", "movl %eax, %fs"
    movl $0x1f, %ecx
    larl %ecx, %eax
    andl $0xf0ff00, %eax
    expect "ring 0 ldt lar", $0xc0f300
    movl $0x0, %eax
    lldtw %ax
    movl %es:BUF, %eax
    expect "ring 0 es lives without the ldt", $0x5eed
    movl $DATA0, %eax
    movl %eax, %es
    movl $0xc, %eax
    faults "ring 0 no ldt", 0xd, 0xc, "movl %eax, %fs"
    movl $DATA0, %eax
    movl %eax, %es
    movl %eax, %fs
    ret
ldt_callee:
    movl %cs, %eax
    lretl

# ltr marks the descriptor busy; the stack of ring 0 is read from the TSS each time.
task_register:
    movl gdt+TSS_SEL+0x4, %eax
    expect "ring 0 tss busy", $0x8b18
    movl $TRAP_STACK-0x1000, TSS+0x4
    in_user trap_once, 0x0002
    movl REC_FRAME, %eax
    expect "ring 0 esp0 changed in memory", $TRAP_STACK-0x1044
    movl $TRAP_STACK-0x2000, TSS+0x3004
    movl $DATA0, TSS+0x3008
    movl $0x50000067, gdt+0x60
    movl $0x00008918, gdt+0x64
    movl $0x60, %eax
    ltrw %ax
    in_user trap_once, 0x0002
    movl REC_FRAME, %eax
    expect "ring 0 another tss", $TRAP_STACK-0x2044
    movl gdt+0x64, %eax
    expect "ring 0 the other tss busy", $0x8b18
    movl gdt+TSS_SEL+0x4, %eax
    expect "ring 0 the first still busy", $0x8b18
    strl %eax
    expect "ring 0 str", $0x60
    ret

# The same bytes as 16-bit and as 32-bit code.
mixed_return:
    movl F_CS(%ebp), %eax
    movl %eax, REC_CS
    movl F_EIP(%ebp), %eax
    movl %eax, REC_EIP
    movl $CODE0, F_CS(%ebp)
    movl RESUME, %eax
    movl %eax, F_EIP(%ebp)
    ret
.macro run_mixed selector, where
    movl $Lmixed\@, RESUME
    .byte 0xea
    .long \where
    .word \selector
Lmixed\@:
    movl $-0x1, RESUME
.endm
mixed:
    movl $0x0000ffff, gdt+0xa0  # 16-bit code with base MIXED
    movl $0x00009a02, gdt+0xa4
    movl $0x0000ffff, gdt+0xa8  # 32-bit code with the same base
    movl $0x00cf9a02, gdt+0xac
    handle 0x3d, mixed_return
    movl $mixed_bytes, %esi
    movl $MIXED, %edi
    movl $mixed_bytes_end-mixed_bytes, %ecx
    rep movsb
    movl $0xa5a5a5a5, %eax
    run_mixed 0xa0, 0x0
    expect "16-bit mov", $0xa5a51234
    movl REC_CS, %eax
    expect "16-bit cs", $0xa0
    movl REC_EIP, %eax
    expect "16-bit eip", $0x7
    movl $0xa5a5a5a5, %eax
    run_mixed 0xa8, 0x0
    expect "the same bytes in 32-bit code", $0x90901234
    movl $0xa5a5a5a5, %eax
    run_mixed 0xa0, 0x0
    expect "16-bit again", $0xa5a51234
    movl $0xa5a5a5a5, %eax
    run_mixed 0xa0, mixed_cs-mixed_bytes
    expect "16-bit mov from cs", $0xa5a500a0
    movl $0xa5a5a5a5, %eax
    run_mixed 0xa8, mixed_cs-mixed_bytes
    expect "mov from cs in 32-bit code", $0xa8
    movl %esp, %ebx
    pushl $0x3002
    popfl
    run_mixed 0xa0, mixed_flags-mixed_bytes
    subl %esp, %ebx
    andl $0xffff, %eax
    expect "16-bit pushf", $0x3002
    movl %ebx, %eax
    expect "16-bit pushf, pop", $0x0
    pushl $0x2
    popfl
    movl $0xa5a5a5a5, BUF
    movl $0xa5a5a5a5, BUF+0x4
    movl $BUF, %ebx
    run_mixed 0xa0, mixed_sgdt-mixed_bytes
    movl BUF+0x2, %eax
    expect "16-bit sgdt", $gdt
    movzwl BUF+0x6, %eax
    expect "16-bit sgdt writes six bytes", $0xa5a5
    run_mixed 0xa0, mixed_jump-mixed_bytes
    expect "16-bit near call and jump", $0xbeef
    movl $0xa5a5a5a5, %eax
    run_mixed 0xa0, mixed_push-mixed_bytes
    andl $0xffff, %eax
    expect "16-bit push cs", $0xa0
    ret
mixed_bytes:
    .byte 0xb8, 0x34, 0x12, 0x90, 0x90  # mov $0x1234, %ax; nop; nop -- mov $0x90901234, %eax
    int $0x3d
mixed_cs:
    .byte 0x8c, 0xc8                    # mov %cs, %ax
    int $0x3d
mixed_flags:
    .byte 0x9c, 0x58                    # pushf; pop %ax
    int $0x3d
mixed_sgdt:
    .byte 0x67, 0x0f, 0x01, 0x03        # addr32 sgdt (%ebx)
    int $0x3d
mixed_jump:
    .byte 0xb8, 0xef, 0xbe              # mov $0xbeef, %ax
    .byte 0xe8, 0x02, 0x00              # call over the next two bytes
    .byte 0xeb, 0x02                    # then jmp over inc, ret
    .byte 0x40, 0xc3
    .byte 0x48                          # dec %ax
    int $0x3d
mixed_push:
    .byte 0x0e, 0x58                    # push %cs; pop %ax
    int $0x3d
mixed_bytes_end:

# A 16-bit interrupt gate and a 16-bit call gate: words on the stack, so everything lies below 64 KiB.
small_gates:
    movl $low_code, %esi
    movl $LOW, %edi
    movl $0x30, %ecx
    rep movsl
    movl $LOW+0x20, %eax
    movl $0x3e, %ecx
    movl $0x8600, %edx
    call set_gate
    call_gate 0xb0, CODE0, LOW+0x40, 0x0, 0x8400
    movl $0x0, BUF
    movl %esp, %ebx
    movl $LOW, %eax
    call *%eax
    subl %esp, %ebx
    movl BUF, %eax
    expect "16-bit interrupt gate pushes", $LOW+0x2
    movl BUF+0x4, %eax
    expect "16-bit interrupt gate pushes cs", $CODE0
    movl %ebx, %eax
    expect "16-bit interrupt gate and iret", $0x0
    movl $0x0, BUF
    movl $LOW+0x60, %eax
    call *%eax
    movl BUF, %eax
    expect "16-bit call gate pushes", $LOW+0x67
    ret
.balign 0x20, 0x90
low_code:
    int $0x3e
    ret
    .balign 0x20, 0x90
    movzwl (%esp), %eax         # at LOW + 0x20: the handler
    movl %eax, BUF
    movzwl 0x2(%esp), %eax
    movl %eax, BUF+0x4
    iretw
    .balign 0x20, 0x90
    movzwl (%esp), %eax         # at LOW + 0x40: behind the call gate
    movl %eax, BUF
    lretw
    .balign 0x20, 0x90
    .byte 0x9a                  # at LOW + 0x60
    .long 0x0
    .word 0xb0
    ret
    .balign 0x20, 0x90

# A stack segment with 16-bit pointer: only %sp moves.
small_stack:
    movl $0x0000ffff, gdt+0xb8
    movl $0x00009200, gdt+0xbc
    movl %esp, %ebx
    movl $0xb8, %eax
    movl $0x12340700, %ecx
    movl %eax, %ss
    movl %ecx, %esp
    pushl $0x77
    pushfl
    pushl %cs
    movl %esp, %ecx
    popl %edx
    popfl
    movl $0x12340002, %esp
    pushl $0x66
    movl %esp, %edi
    popl %esi
    movl $DATA0, %eax
    movl %eax, %ss
    movl %ebx, %esp
    movl %ecx, %eax
    expect "16-bit stack pointer", $0x123406f4
    movl 0x6fc, %eax
    expect "16-bit stack, pushed", $0x77
    movzwl %dx, %eax
    expect "16-bit stack, popped", $CODE0
    movl %edi, %eax
    expect "16-bit stack pointer wraps", $0x1234fffe
    ret

.set USER, 0x1
user_gates:
    movl %esp, %ebx
    through 0x40
    expect "ring 3 call gate, cs pushed", $CODE3
    movl %ebx, %eax
    subl %esp, %eax
    expect "ring 3 esp after a call gate", $0x0
    pushl $0x2222
    pushl $0x1111
    movl $0x0, %eax
    through 0x4b
    andl $0x1f, %eax
    expect "ring 3 call gate, result", $0x11
    movl %ebx, %eax
    subl %esp, %eax
    expect "ring 3 esp, parameters taken", $0x0
    movl BUF, %eax
    expect "ring 3 call gate on the stack of the tss", $0x0
    movl BUF+0x4, %eax
    expect "ring 3 call gate, first parameter", $0x1111
    movl BUF+0x8, %eax
    expect "ring 3 call gate, second parameter", $0x2222
    leal -0x8(%ebx), %ecx
    movl BUF+0xc, %eax
    expect "ring 3 call gate, old esp", %ecx
    movl BUF+0x10, %eax
    expect "ring 3 call gate, old ss", $DATA3
    movl BUF+0x14, %eax
    expect "ring 3 call gate, old cs", $CODE3
    movl BUF+0x18, %eax
    expect "ring 3 call gate, cs inside", $CODE0
    movl BUF+0x1c, %eax
    expect "ring 3 call gate, ss inside", $DATA0
    movl BUF+0x20, %eax
    expect "ring 3 call gate, ds inside", $DATA3
    movl $0x1f, %ecx
user_push:
    pushl %ecx
    decl %ecx
    jnz user_push
    through 0x90
    expect "ring 3 call gate, 31 parameters", $-0x1e
    movl %ebx, %eax
    subl %esp, %eax
    expect "ring 3 esp, 31 parameters taken", $0x0
    faults "ring 3 call gate of dpl 0", 0xd, 0x50, ".byte 0x9a, 0, 0, 0, 0, 0x50, 0"
    faults "ring 3 call gate not present", 0xb, 0x58, ".byte 0x9a, 0, 0, 0, 0, 0x5b, 0"
    faults "ring 3 call gate to data", 0xd, 0x10, ".byte 0x9a, 0, 0, 0, 0, 0x73, 0"
    faults "ring 3 call gate to null", 0xd, 0x0, ".byte 0x9a, 0, 0, 0, 0, 0x7b, 0"
    faults "ring 3 call gate to an empty descriptor", 0xd, 0xf8, ".byte 0x9a, 0, 0, 0, 0, 0x9b, 0"
    faults "ring 3 jmp through a gate inwards", 0xd, 0x8, ".byte 0xea, 0, 0, 0, 0, 0x43, 0"
    through 0x83
    movl %ebx, %eax
    subl %esp, %eax
    expect "ring 3 esp after conforming code", $0x0
    through 0x8b
    expect "ring 3 call gate to ring 3 code", $CODE3
    faults "ring 3 cli in conforming code", 0xd, 0x0, "cli"
    to_kernel
conforming_callee:
    movl %cs, %eax
    lretl

nulled_user:
    movl %ds, %eax
    movl %es, %ecx
    movl %fs, %edx
    movl %gs, %ebx
    movl $DATA3, %esi
    movl %esi, %ds
    movl %esi, %es
    expect "ring 3 ds of conforming code kept", $0x68
    movl %ecx, %eax
    expect "ring 3 es of ring 0 became null", $0x0
    movl %edx, %eax
    expect "ring 3 fs of ring 0 became null", $0x0
    movl %ebx, %eax
    expect "ring 3 gs of ring 3 kept", $DATA3
    to_kernel

trap_once:
    movl $trap_once_end, RESUME
    ud2
trap_once_end:
    to_kernel
