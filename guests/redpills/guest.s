# SPDX-License-Identifier: GPL-2.0-or-later
# Every hole from ring 0: what it says must be what a kernel that owns the processor sees.
.include "start.s"
.include "pills.s"
.include "checksum.s"
.equ LDT_COPY, 0x187100

main:
    call checksum
    movl %eax, BUF+0x20

    # Table registers, task register, machine status word.
    pill_table "ring 0", "sgdt", "sgdtl", 0x06, 0xff, gdt
    pill_table "ring 0", "sidt", "sidtl", 0x0e, 0x7ff, IDT
    pill_word "ring 0", "sldt none", "sldt", 0x0
    movl $LDT_SEL, %eax
    lldtw %ax
    pill_word "ring 0", "sldt", "sldt", LDT_SEL
    pill_word "ring 0", "str", "str", TSS_SEL
    movl %cr0, %eax
    andl $0xffff, %eax
    expect "ring 0 cr0 low word", $0x11
    pill_word "ring 0", "smsw", "smsw", 0x11
    movl $0xb, %eax
    lmsww %ax
    pill_word "ring 0", "smsw after lmsw", "smsw", 0x1b
    clts
    pill_word "ring 0", "smsw after clts", "smsw", 0x13
    movl $0x1, %eax
    lmsww %ax
    pill_word "ring 0", "smsw at the end", "smsw", 0x11
    lgdtl other_gdt
    pill_table "ring 0", "sgdt other", "sgdtl", 0x06, 0xfe, gdt
    lgdtl gdt_pointer

    # Selectors show the requested privilege level that was loaded.
    pill_selector "ring 0", cs, CODE0
    pill_selector "ring 0", ss, DATA0
    pill_selector "ring 0", ds, DATA0
    pill_selector "ring 0", fs, DATA0
    movl $DATA3, %eax
    movl %eax, %es
    pill_selector "ring 0", es, DATA3
    movl $0x21, %eax
    movl %eax, %gs
    pill_selector "ring 0", gs, 0x21
    movl $0x3, %eax
    movl %eax, %gs
    pill_selector "ring 0", gs, 0x3
    movl $DATA0, %eax
    movl %eax, %es
    movl %eax, %gs
    call flags
    call rights
    call transfers
    call identity
    call checksum
    expect "ring 0 text unchanged", BUF+0x20
    movl pushf_bytes, %eax
    expect "ring 0 own bytes around pushf", $0x58909c90
    movl mov_cs_bytes, %eax
    expect "ring 0 own bytes around mov from cs", $0x90c88c90
    finish

other_gdt:
    .word 0xfe
    .long gdt

# pushf and popf: IOPL, IF, NT, AC, ID as set, bit 1 always, reserved bits never.
.macro prefixed_flags prefixes
    movl $0x0, %ebx
    .irp p, \prefixes
    pushl $0x3246
    .byte \p
    popfl
    .byte \p
    pushfl
    popl %eax
    cmpl $0x3246, %eax
    setne %al
    movzbl %al, %eax
    addl %eax, %ebx
    .endr
    movl %ebx, %eax
    expect "ring 0 popf, pushf under prefixes", $0x0
.endm
.macro flag_word text, value, want
    pushl $\value
    popfl
    pushfl
    popl %eax
    expect "ring 0 popf, pushf \text", $\want
.endm
flags:
    flag_word "nothing", 0x0, 0x2
    flag_word "status", 0x8d5, 0x8d7
    flag_word "iopl 1", 0x1002, 0x1002
    flag_word "iopl 2", 0x2002, 0x2002
    flag_word "iopl 3", 0x3002, 0x3002
    flag_word "if", 0x202, 0x202
    flag_word "if and iopl 3", 0x3202, 0x3202
    flag_word "nt", 0x4002, 0x4002
    flag_word "df", 0x402, 0x402
    flag_word "ac", 0x40002, 0x40002
    flag_word "id", 0x200002, 0x200002
    flag_word "reserved bits", 0xffc08028, 0x2
    flag_word "everything allowed", 0x247ed7, 0x247ed7
    pushl $0x2
    popfl
    pushl $0x3202
    .byte 0x66
    popfl
    leal 0x2(%esp), %esp
    pushfl
    popl %eax
    expect "ring 0 popf with 66", $0x3202
    pushl $0x2
    popfl
    sti
    pushfl
    cli
    popl %eax
    expect "ring 0 pushf after sti", $0x202
    pushfl
    popl %eax
    expect "ring 0 pushf after cli", $0x2
    movl %esp, %edx
    .byte 0x66
    pushfl
    subl %esp, %edx
    popw %cx
    movl %edx, %eax
    expect "ring 0 pushf with 66 takes two bytes", $0x2
    pushl $0x3002
    popfl
    prefixed_flags "0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0xf2, 0xf3"
    pushl $0x2
    popfl
    nop
pushf_bytes:
    nop
    pushfl
    nop
    popl %eax
    ret

# Descriptors seen from ring 0: 0x38 a call gate, 0x40 an interrupt gate (no lar), 0x48 execute-only, 0x50 not present,
# 0x58 byte-granular data with a small limit, 0x60 read-only.
rights:
    movl $0x8c000000, gdt+0x3c
    movl $0x8e00, gdt+0x44
    movl $0x0000ffff, gdt+0x48
    movl $0x00cf9800, gdt+0x4c
    movl $0x0000ffff, gdt+0x50
    movl $0x00cf1200, gdt+0x54
    movl $0x00001234, gdt+0x58
    movl $0x00409200, gdt+0x5c
    movl $0x00001234, gdt+0x60
    movl $0x00409000, gdt+0x64
    movl $0x00008c00, gdt+0x3c
    pill_rights "ring 0", "code", CODE0, 0xc09b00, 0xffffffff, 0x1, 0x0
    pill_rights "ring 0", "data", DATA0, 0xc09300, 0xffffffff, 0x1, 0x1
    pill_rights "ring 0", "data asked with rpl 3", 0x13, 0x0, 0xa5a5a5a5, 0x0, 0x0
    pill_rights "ring 0", "user code", CODE3, 0xc0fb00, 0xffffffff, 0x1, 0x0
    pill_rights "ring 0", "user data", DATA3, 0xc0f300, 0xffffffff, 0x1, 0x1
    pill_rights "ring 0", "busy tss", TSS_SEL, 0x8b00, 0x2068, 0x0, 0x0
    pill_rights "ring 0", "ldt", LDT_SEL, 0x8200, 0xff, 0x0, 0x0
    pill_rights "ring 0", "call gate", 0x38, 0x8c00, 0xa5a5a5a5, 0x0, 0x0
    pill_rights "ring 0", "interrupt gate", 0x40, 0x0, 0xa5a5a5a5, 0x0, 0x0
    pill_rights "ring 0", "execute-only", 0x48, 0xc09800, 0xffffffff, 0x0, 0x0
    pill_rights "ring 0", "not present", 0x50, 0xc01200, 0xffffffff, 0x1, 0x1
    pill_rights "ring 0", "small data", 0x58, 0x409200, 0x1234, 0x1, 0x1
    pill_rights "ring 0", "read-only", 0x60, 0x409000, 0x1234, 0x1, 0x0
    pill_rights "ring 0", "null", 0x0, 0x0, 0xa5a5a5a5, 0x0, 0x0
    pill_rights "ring 0", "past the end", 0x100, 0x0, 0xa5a5a5a5, 0x0, 0x0
    movl $DATA0, %ecx
    movl $0xa5a5a5a5, %eax
    larw %cx, %ax
    expect "ring 0 lar r16", $0xa5a59300
    movl $0xa5a5a5a5, %eax
    lslw %cx, %ax
    expect "ring 0 lsl r16", $0xa5a5ffff
    prefixed "ring 0 lar", "larl %ecx, %eax", "andl $0xf0ff00, %eax", $0xc09300
    prefixed "ring 0 lsl", "lsll %ecx, %eax", "nop", $0xffffffff
    prefixed "ring 0 verw", "verw %cx", "sete %al; movzbl %al, %eax", $0x1
    movl $0x13, %eax
    movl $DATA3, %ecx
    arpl %cx, %ax
    sete BUF
    movzwl %ax, %eax
    expect "ring 0 arpl equal", $0x13
    movl $0x10, %eax
    arpl %cx, %ax
    sete %cl
    movzwl %ax, %eax
    expect "ring 0 arpl raises", $0x13
    movzbl %cl, %eax
    movb BUF, %ah
    expect "ring 0 arpl zf", $0x1
    ret

# Far transfers and iret: the pushed selector has RPL 0, iret at CPL 0 sets IOPL and IF.
transfers:
    movl $low_code, %esi
    movl $LOW, %edi
    movl $0x14, %ecx
    rep movsl
    .byte 0x9a
    .long far_callee
    .word CODE0
    expect "ring 0 far call pushes", $CODE0
    lcall *far_pointer
    expect "ring 0 far call through memory pushes", $CODE0
    movl $LOW, %eax
    call *%eax
    expect "ring 0 far call with 66 pushes", $CODE0
    movl $0x0, RESUME
    int $0x3
    movl REC_CS, %eax
    expect "ring 0 int pushes cs", $CODE0
    pushl $0x3202
    popfl
    int3
    pushl $0x2
    popfl
    movl REC_EFLAGS, %eax
    expect "ring 0 int pushes eflags", $0x3202
    pushl $0x3202
    pushl $CODE0
    pushl $after_iret
    iretl
after_iret:
    pushfl
    popl %eax
    expect "ring 0 iret sets iopl and if", $0x3202
    pushl $0x2
    popfl
    pushw $0x1002
    pushw $CODE0
    pushw $LOW+0x20
    .byte 0x66
    iretl
after_iretw:
    pushfl
    popl %eax
    expect "ring 0 iret with 66 sets iopl", $0x1002
    pushl $0x2
    popfl
    ret
    .balign 0x20, 0x90
low_code:                       # runs at LOW: 16-bit far calls and returns reach only offsets below 64 KiB
    .byte 0x66, 0x9a
    .word LOW+0x40
    .word CODE0
    ret
    .balign 0x20, 0x90
    pushl $after_iretw          # at LOW + 0x20
    ret
    .balign 0x20, 0x90
    movzwl 0x2(%esp), %eax      # at LOW + 0x40
    lretw
far_pointer:
    .long far_callee
    .word CODE0
far_callee:
    movzwl 0x4(%esp), %eax
    lretl

# cpuid and rdtsc: what must hold on every model.
identity:
    movl $0x0, %eax
    cpuid
    cmpl $0x1, %eax
    setae %al
    movzbl %al, %eax
    expect "ring 0 cpuid has leaf 1", $0x1
    movl $0x1, %eax
    cpuid
    movl %edx, %ebp
    movl %edx, %eax
    andl $0x11, %eax
    expect "ring 0 cpuid fpu and tsc", $0x11
    movl $0x0, %ebx
    .irp p, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0xf2, 0xf3
    movl $0x1, %eax
    pushl %ebx
    .byte \p
    cpuid
    popl %ebx
    cmpl %ebp, %edx
    setne %al
    movzbl %al, %eax
    addl %eax, %ebx
    .endr
    movl %ebx, %eax
    expect "ring 0 cpuid under prefixes", $0x0
    rdtsc
    movl %eax, %esi
    movl %edx, %edi
    movl $0x100, %ecx
identity_wait:
    decl %ecx
    jnz identity_wait
    rdtsc
    subl %esi, %eax
    sbbl %edi, %edx
    setae %al
    movzbl %al, %eax
    expect "ring 0 rdtsc goes forward", $0x1
    nop
mov_cs_bytes:
    nop
    movl %cs, %eax
    nop
    expect "ring 0 cs at the end", $CODE0
    ret
.include "text_end.s"
