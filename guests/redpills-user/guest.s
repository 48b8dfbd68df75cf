# SPDX-License-Identifier: GPL-2.0-or-later
# Every hole from ring 3, what ring 3 may not do, and what IOPL, the I/O bitmap and gate privileges let it do.
.include "start.s"
.include "pills.s"
.include "checksum.s"

# The flags word that pushf shows in ring 3 after popf of a value there.
.macro flag_word text, value, want
    pushl $\value
    popfl
    pushfl
    popl %eax
    expect "ring 3 \text", $\want
    pushl $0x2
    popfl
.endm

# One interrupt gate that ring 3 may (or may not) call by int n.
.macro gate_rights vector, rights
    movb $\rights, IDT+\vector*8+0x5
.endm

main:
    call checksum
    movl %eax, BUF+0x20
    movl $LDT_SEL, %eax
    lldtw %ax
    movl $0x0000ffff, gdt+0x38  # conforming code
    movl $0x00cf9e00, gdt+0x3c
    movl $0x0000ffff, gdt+0x40  # execute-only
    movl $0x00cff800, gdt+0x44
    movl $0x0000ffff, gdt+0x48  # read-only
    movl $0x00cff000, gdt+0x4c
    movl $0x00000000, gdt+0x50  # call gate, DPL 3
    movl $0x0000ec00, gdt+0x54
    in_user stores, 0x0002
    in_user selectors, 0x0002
    in_user rights, 0x0002
    in_user flags_iopl0, 0x0002
    in_user flags_iopl0_if, 0x0202
    in_user flags_iopl1, 0x1202
    in_user flags_iopl3, 0x3002
    in_user privileged, 0x0002
    in_user privileged_iopl3, 0x3002
    movb $0xfe, TSS+0x68+0x10   # port 0x80 only
    in_user ports_bitmap, 0x0002
    movb $0xf0, TSS+0x68+0x10   # ports 0x80 to 0x83
    in_user ports_four, 0x0002
    movl $0x10680000, TSS+0x64  # a bitmap that begins at 0x1068: ports up to 0x7fff in the limit
    movb $0x0, TSS+0x1068+0x10
    in_user ports_moved, 0x0002
    movl $0xffff0000, TSS+0x64  # a bitmap past the limit: no port at all
    in_user ports_none, 0x0002
    in_user ports_iopl3, 0x3002
    gate_rights 0x3, 0xee
    gate_rights 0x4, 0xee
    gate_rights 0x5, 0xee
    in_user gates_open, 0x0002
    gate_rights 0x3, 0x8e
    gate_rights 0x4, 0x8e
    gate_rights 0x5, 0x8e
    in_user gates_closed, 0x0002
    in_user transfers, 0x3002
    in_user identity, 0x0002
    movl %cr4, %eax
    orl $0x4, %eax
    movl %eax, %cr4
    in_user no_time, 0x0002
    rdtsc
    say "ring 0 rdtsc with cr4.tsd\n"
    call checksum
    expect "text unchanged", BUF+0x20
    finish

.set USER, 0x1
stores:
    pill_table "ring 3", "sgdt", "sgdtl", 0x06, 0xff, gdt
    pill_table "ring 3", "sidt", "sidtl", 0x0e, 0x7ff, IDT
    pill_word "ring 3", "sldt", "sldt", LDT_SEL
    pill_word "ring 3", "str", "str", TSS_SEL
    pill_word "ring 3", "smsw", "smsw", 0x11
    movl sgdt_bytes, %eax
    expect "ring 3 own bytes around sgdt", $0x05010f90
    jmp stores_end
    nop
sgdt_bytes:
    nop
    sgdtl BUF
stores_end:
    to_kernel

selectors:
    pill_selector "ring 3", cs, CODE3
    pill_selector "ring 3", ss, DATA3
    pill_selector "ring 3", ds, DATA3
    movl $0x20, %eax
    movl %eax, %es
    pill_selector "ring 3", es, 0x20
    movl $0x21, %eax
    movl %eax, %fs
    pill_selector "ring 3", fs, 0x21
    movl $0x2, %eax
    movl %eax, %gs
    pill_selector "ring 3", gs, 0x2
    movl $DATA3, %eax
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movl $DATA0, %eax
    faults "ring 3 kernel data in es", 0xd, 0x10, "movl %eax, %es"
    movl $0x13, %eax
    faults "ring 3 kernel data in es, rpl 3", 0xd, 0x10, "movl %eax, %es"
    movl $0x20, %eax
    faults "ring 3 ss with rpl 0", 0xd, 0x20, "movl %eax, %ss"
    movl $DATA0, %eax
    faults "ring 3 kernel data in ss", 0xd, 0x10, "movl %eax, %ss"
    movl $0x40, %eax
    faults "ring 3 execute-only in ds", 0xd, 0x40, "movl %eax, %ds"
    movl $0x4b, %eax
    faults "ring 3 read-only in ss", 0xd, 0x48, "movl %eax, %ss"
    movl $0x4b, %eax
    clean "ring 3 read-only in es", "movl %eax, %es"
    movl $0x3b, %eax
    clean "ring 3 conforming code in es", "movl %eax, %es"
    movl $0x38, %eax
    clean "ring 3 conforming code in es, rpl 0", "movl %eax, %es"
    movl $0x53, %eax
    faults "ring 3 gate in es", 0xd, 0x50, "movl %eax, %es"
    movl $DATA3, %eax
    movl %eax, %es
    pushl $DATA0
    faults "ring 3 pop kernel data", 0xd, 0x10, "popl %ds"
    addl $0x4, %esp
    to_kernel

rights:
    pill_rights "ring 3", "kernel code", CODE0, 0x0, 0xa5a5a5a5, 0x0, 0x0
    pill_rights "ring 3", "kernel data", DATA0, 0x0, 0xa5a5a5a5, 0x0, 0x0
    pill_rights "ring 3", "user code", CODE3, 0xc0fb00, 0xffffffff, 0x1, 0x0
    pill_rights "ring 3", "user data", DATA3, 0xc0f300, 0xffffffff, 0x1, 0x1
    pill_rights "ring 3", "user data, rpl 0", 0x20, 0xc0f300, 0xffffffff, 0x1, 0x1
    pill_rights "ring 3", "conforming code", 0x3b, 0xc09f00, 0xffffffff, 0x1, 0x0
    pill_rights "ring 3", "execute-only", 0x43, 0xc0f800, 0xffffffff, 0x0, 0x0
    pill_rights "ring 3", "read-only", 0x4b, 0xc0f100, 0xffffffff, 0x1, 0x0
    pill_rights "ring 3", "call gate", 0x53, 0xec00, 0xa5a5a5a5, 0x0, 0x0
    pill_rights "ring 3", "tss", TSS_SEL, 0x0, 0xa5a5a5a5, 0x0, 0x0
    pill_rights "ring 3", "null", 0x3, 0x0, 0xa5a5a5a5, 0x0, 0x0
    to_kernel

flags_iopl0:
    flag_word "iopl 0: popf of if and iopl", 0x3246, 0x46
    flag_word "iopl 0: popf of nt, ac, id", 0x244002, 0x244002
    flag_word "iopl 0: popf of vm, rf, vif, vip, reserved", 0xff9bf02a, 0x4002
    pushl $0x3202
    .byte 0x66
    popfl
    leal 0x2(%esp), %esp
    pushfl
    popl %eax
    expect "ring 3 iopl 0: popf with 66", $0x2
    movl $0x0, %ebx
    .irp p, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0xf2, 0xf3
    pushl $0x3202
    .byte \p
    popfl
    .byte \p
    pushfl
    popl %eax
    xorl $0x2, %eax
    orl %eax, %ebx
    .endr
    movl %ebx, %eax
    expect "ring 3 iopl 0: popf under prefixes", $0x0
    faults "ring 3 iopl 0: cli", 0xd, 0x0, "cli"
    faults "ring 3 iopl 0: sti", 0xd, 0x0, "sti"
    to_kernel
flags_iopl0_if:
    pushfl
    popl %eax
    expect "ring 3 if: pushf", $0x202
    pushl $0x2
    popfl
    pushfl
    popl %eax
    expect "ring 3 if: popf does not clear it", $0x202
    movl $0x0, RESUME
    faults "ring 3 if: cli", 0xd, 0x0, "cli"
    movl REC_EFLAGS, %eax
    andl $0x3200, %eax
    expect "ring 3 if: frame", $0x200
    to_kernel
flags_iopl1:
    pushfl
    popl %eax
    expect "ring 3 iopl 1: pushf", $0x1202
    faults "ring 3 iopl 1: cli", 0xd, 0x0, "cli"
    faults "ring 3 iopl 1: out", 0xd, 0x0, "outb %al, $0x80"
    to_kernel
flags_iopl3:
    pushfl
    popl %eax
    expect "ring 3 iopl 3: pushf", $0x3002
    sti
    pushfl
    popl %eax
    expect "ring 3 iopl 3: sti", $0x3202
    cli
    pushfl
    popl %eax
    expect "ring 3 iopl 3: cli", $0x3002
    flag_word "iopl 3: popf of if", 0x202, 0x3202
    flag_word "iopl 3: popf of nothing", 0x2, 0x3002
    to_kernel

# What only ring 0 may do.
.macro ring0_only text
    movl $0x0, %eax
    movl $0x0, %ecx
    faults "\text hlt", 0xd, 0x0, "hlt"
    faults "\text clts", 0xd, 0x0, "clts"
    faults "\text lgdt", 0xd, 0x0, "lgdtl gdt_pointer"
    faults "\text lidt", 0xd, 0x0, "lidtl idt_pointer"
    faults "\text lldt", 0xd, 0x0, "lldtw %ax"
    faults "\text ltr", 0xd, 0x0, "ltrw %ax"
    faults "\text lmsw", 0xd, 0x0, "lmsww %ax"
    faults "\text mov from cr0", 0xd, 0x0, "movl %cr0, %eax"
    faults "\text mov to cr0", 0xd, 0x0, "movl %eax, %cr0"
    faults "\text mov from cr2", 0xd, 0x0, "movl %cr2, %eax"
    faults "\text mov to cr3", 0xd, 0x0, "movl %eax, %cr3"
    faults "\text mov from cr4", 0xd, 0x0, "movl %cr4, %eax"
    faults "\text mov from dr7", 0xd, 0x0, "movl %dr7, %eax"
    faults "\text mov to dr0", 0xd, 0x0, "movl %eax, %dr0"
    faults "\text invlpg", 0xd, 0x0, "invlpg BUF"
    faults "\text invd", 0xd, 0x0, "invd"
    faults "\text wbinvd", 0xd, 0x0, "wbinvd"
    faults "\text rdmsr", 0xd, 0x0, "rdmsr"
    faults "\text wrmsr", 0xd, 0x0, "wrmsr"
.endm
privileged:
    ring0_only "ring 3"
    movl $0x80, %edx
    movl $BUF, %edi
    movl $BUF, %esi
    faults "ring 3 in imm8", 0xd, 0x0, "inb $0x80, %al"
    faults "ring 3 in dx", 0xd, 0x0, "inl %dx, %eax"
    faults "ring 3 out imm8", 0xd, 0x0, "outl %eax, $0x80"
    faults "ring 3 out dx", 0xd, 0x0, "outw %ax, %dx"
    movl $0x80, %edx
    movl $BUF, %esi
    movl $0x2, %ecx
    faults "ring 3 ins", 0xd, 0x0, "insb"
    movl $0x80, %edx
    movl $BUF, %esi
    faults "ring 3 outs", 0xd, 0x0, "outsl"
    movl $0x80, %edx
    movl $0x2, %ecx
    movl $BUF, %esi
    faults "ring 3 rep ins", 0xd, 0x0, "rep insw"
    movl %edi, %eax
    expect "ring 3 rep ins keeps edi", $BUF
    to_kernel
privileged_iopl3:
    ring0_only "ring 3 iopl 3"
    to_kernel

ports_bitmap:
    clean "ring 3 bitmap: out to an open port", "outb %al, $0x80"
    clean "ring 3 bitmap: in from an open port", "inb $0x80, %al"
    faults "ring 3 bitmap: word over an open and a closed port", 0xd, 0x0, "outw %ax, $0x80"
    faults "ring 3 bitmap: closed port behind", 0xd, 0x0, "outb %al, $0x81"
    faults "ring 3 bitmap: closed port before", 0xd, 0x0, "outb %al, $0x7f"
    movl $0x7f, %edx
    faults "ring 3 bitmap: word over a closed and an open port", 0xd, 0x0, "inw %dx, %ax"
    faults "ring 3 bitmap: cli is no matter of it", 0xd, 0x0, "cli"
    to_kernel
ports_four:
    clean "ring 3 bitmap: four ports open", "inl $0x80, %eax"
    movl $0x81, %edx
    faults "ring 3 bitmap: the fifth is closed", 0xd, 0x0, "inl %dx, %eax"
    movl $0x80, %edx
    movl $BUF, %esi
    clean "ring 3 bitmap: outs", "outsl"
    to_kernel
ports_moved:
    clean "ring 3 bitmap moved: open", "outb %al, $0x87"
    faults "ring 3 bitmap moved: closed", 0xd, 0x0, "outb %al, $0x88"
    movl $0x8000, %edx
    faults "ring 3 bitmap moved: past the limit", 0xd, 0x0, "inb %dx, %al"
    to_kernel
ports_none:
    faults "ring 3 no bitmap", 0xd, 0x0, "outb %al, $0x80"
    to_kernel
ports_iopl3:
    clean "ring 3 iopl 3: out", "outb %al, $0x80"
    clean "ring 3 iopl 3: in", "inl $0x80, %eax"
    to_kernel

gates_open:
    movl $0x0, RESUME
    int3
    movl REC_VECTOR, %eax
    expect "ring 3 int3 through an open gate", $0x3
    int $0x3
    movl REC_CS, %eax
    expect "ring 3 int 3 through an open gate", $CODE3
    movl $0x7fffffff, %eax
    addl $0x1, %eax
    into
    movl REC_VECTOR, %eax
    expect "ring 3 into through an open gate", $0x4
    int $0x5
    movl REC_VECTOR, %eax
    expect "ring 3 int 5 through an open gate", $0x5
    to_kernel
gates_closed:
    faults "ring 3 int3 through a closed gate", 0xd, 0x1a, "int3"
    faults "ring 3 int 3 through a closed gate", 0xd, 0x1a, "int $0x3"
    movl $0x7fffffff, %eax
    addl $0x1, %eax
    faults "ring 3 into through a closed gate", 0xd, 0x22, "into"
    xorl %eax, %eax
    clean "ring 3 into without overflow", "into"
    faults "ring 3 int 0xe through a closed gate", 0xd, 0x72, "int $0xe"
    faults "ring 3 int 0x80 without a handler's rights", 0xd, 0x19a, "int $0x33"
    faults "ring 3 int past the table's gates", 0xd, 0x7fa, "int $0xff"
    movl $bounds, %ecx
    movl $0x5, %eax
    clean "ring 3 bound inside", ".byte 0x62, 0x01"
    movl $bounds, %ecx
    movl $0x6, %eax
    faults "ring 3 bound outside, no rights needed", 0x5, 0x0, ".byte 0x62, 0x01"
    movl $0x8, %eax
    movl $DATA3, %ecx
    arpl %cx, %ax
    expect "ring 3 arpl", $0xb
    to_kernel
bounds:
    .long 0x2, 0x5

transfers:
    .byte 0x9a
    .long far_callee
    .word CODE3
    expect "ring 3 far call pushes", $CODE3
    .byte 0x9a                  # RPL 0 is as good: cs gets CPL
    .long far_callee
    .word 0x18
    expect "ring 3 far call with rpl 0 pushes", $CODE3
    .byte 0x9a
    .long own_cs
    .word 0x18
    expect "ring 3 cs after a far call with rpl 0", $CODE3
    .byte 0x9a
    .long own_cs
    .word 0x38
    expect "ring 3 cs in a conforming segment", $0x3b
    faults "ring 3 far jump to kernel code", 0xd, 0x8, ".byte 0xea, 0x0, 0x0, 0x10, 0x0, 0x8, 0x0"
    faults "ring 3 far jump to data", 0xd, 0x20, ".byte 0xea, 0x0, 0x0, 0x10, 0x0, 0x23, 0x0"
    pushl $CODE0
    pushl $main
    faults "ring 3 far return inwards", 0xd, 0x8, "lretl"
    pushl $0x2
    pushl $CODE0
    pushl $main
    faults "ring 3 iret inwards", 0xd, 0x8, "iretl"
    addl $0x14, %esp
    pushl $0x202
    pushl $CODE3
    pushl $after_iret
    iretl
after_iret:
    pushfl
    popl %eax
    expect "ring 3 iret sets if under iopl 3, keeps iopl", $0x3202
    cli
    to_kernel
far_callee:
    movzwl 0x4(%esp), %eax
    lretl
own_cs:
    movl %cs, %eax
    lretl

identity:
    pushl $0x3202
    pushl $CODE3
    pushl $after_iret_iopl0
    iretl
after_iret_iopl0:
    pushfl
    popl %eax
    expect "ring 3 iret sets neither if nor iopl under iopl 0", $0x2
    movl $0x1, %eax
    cpuid
    movl %edx, %eax
    andl $0x11, %eax
    expect "ring 3 cpuid fpu and tsc", $0x11
    rdtsc
    movl %eax, %esi
    movl %edx, %edi
    rdtsc
    subl %esi, %eax
    sbbl %edi, %edx
    setae %al
    movzbl %al, %eax
    expect "ring 3 rdtsc goes forward", $0x1
    to_kernel
no_time:
    faults "ring 3 rdtsc with cr4.tsd", 0xd, 0x0, "rdtsc"
    to_kernel
.include "text_end.s"
