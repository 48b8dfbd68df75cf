# SPDX-License-Identifier: GPL-2.0-or-later
# Every exception taken through a gate, with the whole frame checked and the program resumed (SDM vol. 3A, chapter 6).
.include "start.s"
.equ BUF, 0x187000
.equ STEPS, 0x187100            # eip at each single step
.equ PAGE_DIR, 0x189000
.equ PAGE_TABLE, 0x18a000
.equ ABSENT, 0x300000

# A vector called by int n: pushes no error code, whatever the vector, and goes on behind the instruction.
.macro called vector
    movl $0x0, RESUME
    movl $-0x1, REC_VECTOR
    pushl $0xfeed
    movl %esp, BUF
    int $\vector
Lcalled\@:
    movl $Lcalled\@, BUF+0x4
    movl REC_VECTOR, %eax
    expect "ring 0 int \vector", $\vector
    call called_differs
    expect "ring 0 int \vector, frame", $0x0
    addl $0x4, %esp
.endm

# Descriptor number sel/8: low and high dword.
.macro descriptor sel, low, high
    movl $\low, gdt+\sel
    movl $\high, gdt+\sel+0x4
.endm

main:
    descriptor 0x38, 0x0000ffff, 0x00cf1200  # data not present
    descriptor 0x40, 0x0000ffff, 0x00cf1a00  # code not present
    descriptor 0x48, 0x0000ffff, 0x00cf9800  # execute-only code
    descriptor 0x50, 0x0000ffff, 0x00cf9000  # read-only data
    descriptor 0x58, 0x500000ff, 0x00000218  # LDT not present
    descriptor 0x60, 0x20002068, 0x00000918  # TSS not present
    descriptor 0x68, 0x0000ffff, 0x00cf9e00  # conforming code
    descriptor 0x70, 0x0000ffff, 0x00cf7200  # ring 3 data not present
    call divide
    call software
    call selectors
    call fpu_absent
    call double
    call step
    call page
    in_user user_part, 0x0202
    jmp bad_stacks

# #DE, #OF, #BR, #UD.
divide:
    movl $0x0, %ecx
    movl $0x1, %eax
    movl $0x0, %edx
    framed "ring 0 div by zero", 0x0, 0x0, "divl %ecx"
    movl $0x0, %eax
    movl $0x1, %edx
    movl $0x1, %ecx
    framed "ring 0 div overflow", 0x0, 0x0, "divl %ecx"
    movl $0x80000000, %eax
    movl $-0x1, %edx
    movl $-0x1, %ecx
    framed "ring 0 idiv overflow", 0x0, 0x0, "idivl %ecx"
    movl $0x0, BUF+0x10
    framed "ring 0 div by memory", 0x0, 0x0, "divb BUF+0x10"
    framed "ring 0 aam 0", 0x0, 0x0, ".byte 0xd4, 0x00"
    framed "ring 0 ud2", 0x6, 0x0, "ud2"
    movl $BUF+0x20, %ecx
    movl $0x10, BUF+0x20
    movl $0x20, BUF+0x24
    movl $0xf, %eax
    framed "ring 0 bound below", 0x5, 0x0, ".byte 0x62, 0x01"
    movl $BUF+0x20, %ecx
    movl $0x21, %eax
    framed "ring 0 bound above", 0x5, 0x0, ".byte 0x62, 0x01"
    movl $BUF+0x20, %ecx
    movl $0x20, %eax
    clean "ring 0 bound inside", ".byte 0x62, 0x01"
    movl $0x0, RESUME
    movl $-0x1, REC_VECTOR
    pushl $0x8d7
    popfl
    into
after_into:
    movl REC_VECTOR, %eax
    expect "ring 0 into", $0x4
    movl REC_EIP, %eax
    expect "ring 0 into eip", $after_into
    movl REC_EFLAGS, %eax
    expect "ring 0 into eflags", $0x8d7
    movl $0x0, RESUME
    int3
after_int3:
    movl REC_VECTOR, %eax
    expect "ring 0 int3", $0x3
    movl REC_EIP, %eax
    expect "ring 0 int3 eip", $after_int3
    ret

called_differs:
    movl $0x0, %edx
    movl REC_EIP, %eax
    xorl BUF+0x4, %eax
    orl %eax, %edx
    movl REC_ESP, %eax
    xorl BUF, %eax
    orl %eax, %edx
    movl REC_CS, %eax
    xorl $CODE0, %eax
    orl %eax, %edx
    movl REC_ERROR, %eax
    orl %edx, %eax
    ret

# Every gate by int n. The stubs of 8, 10 to 14 and 17 expect an error code, so those get a plain one here.
software:
    .irp v, 0x0, 0x1, 0x2, 0x3, 0x4, 0x5, 0x6, 0x7, 0x9, 0xf, 0x10, 0x12, 0x13, 0x1f, 0x20, 0x3f
    movl $record_trap, HANDLERS+\v*4
    called \v
    .endr
    movl $0x0, HANDLERS+0x20*4
    movl $0x0, HANDLERS+0x3f*4
    .irp v, 0x8, 0xa, 0xb, 0xc, 0xd, 0xe, 0x11
    movl $plain_trap, %eax
    movl $\v, %ecx
    movl $0x8e00, %edx
    call set_gate
    movl $-0x1, REC_VECTOR
    movl %esp, %ebx
    int $\v
    xorl %esp, %ebx
    movl REC_VECTOR, %eax
    orl %ebx, %eax
    expect "ring 0 int \v without an error code", $0x77
    movl $\v, %ecx
    movl %ecx, %eax
    shll $0x4, %eax
    addl $trap_stubs, %eax
    movl $0x8e00, %edx
    call set_gate
    .endr
    movl $0x33, %ecx            # a trap gate leaves IF alone, an interrupt gate clears it
    movl $trap_stubs+0x330, %eax
    movl $0x8f00, %edx
    call set_gate
    handle 0x33, record_trap
    movl $0x0, RESUME
    sti
    int $0x33
    cli
    movl REC_INSIDE, %eax
    andl $0x4300, %eax
    expect "ring 0 trap gate leaves if", $0x200
    handle 0x34, record_trap
    sti
    int $0x34
    pushfl
    cli
    popl %ecx
    movl REC_INSIDE, %eax
    andl $0x4300, %eax
    expect "ring 0 interrupt gate clears if", $0x0
    movl %ecx, %eax
    andl $0x200, %eax
    expect "ring 0 iret brings it back", $0x200
    pushl $0x4002
    popfl
    int $0x33
    pushl $0x2
    popfl
    ret
plain_trap:
    movl $0x77, REC_VECTOR
    iretl

# #NP, #SS and #GP by selectors, each with its error code.
selectors:
    movl $0x38, %eax
    framed "ring 0 es not present", 0xb, 0x38, "movl %eax, %es"
    movl $0x3a, %eax
    framed "ring 0 es not present and not reachable", 0xd, 0x38, "movl %eax, %es"
    framed "ring 0 far jmp not present", 0xb, 0x40, ".byte 0xea, 0x0, 0x0, 0x10, 0x0, 0x40, 0x0"
    framed "ring 0 far call not present", 0xb, 0x40, ".byte 0x9a, 0x0, 0x0, 0x10, 0x0, 0x40, 0x0"
    movl $0x58, %eax
    framed "ring 0 lldt not present", 0xb, 0x58, "lldtw %ax"
    movl $0x60, %eax
    framed "ring 0 ltr not present", 0xb, 0x60, "ltrw %ax"
    movb $0xe, IDT+0x35*8+0x5
    framed "ring 0 gate not present", 0xb, 0x1aa, "int $0x35"
    movl $0x38, %eax
    framed "ring 0 ss not present", 0xc, 0x38, "movl %eax, %ss"
    pushl $0x38
    framed "ring 0 pop ss not present", 0xc, 0x38, "popl %ss"
    movl $0x0, BUF+0x30
    movl $0x38, BUF+0x34
    framed "ring 0 lss not present", 0xc, 0x38, "lssl BUF+0x30, %eax"
    movl $0x0, %eax
    framed "ring 0 ss null", 0xd, 0x0, "movl %eax, %ss"
    movl $DATA3, %eax
    framed "ring 0 ss of ring 3", 0xd, 0x20, "movl %eax, %ss"
    movl $0x50, %eax
    framed "ring 0 ss read-only", 0xd, 0x50, "movl %eax, %ss"
    movl $CODE0, %eax
    framed "ring 0 ss code", 0xd, 0x8, "movl %eax, %ss"
    movl $0x48, %eax
    framed "ring 0 ds execute-only", 0xd, 0x48, "movl %eax, %ds"
    movl $TSS_SEL, %eax
    framed "ring 0 fs system segment", 0xd, 0x28, "movl %eax, %fs"
    movl $0xfff8, %eax
    framed "ring 0 gs past the limit", 0xd, 0xfff8, "movl %eax, %gs"
    movl $0x0, %eax
    clean "ring 0 lldt null", "lldtw %ax"
    movl $0x14, %eax
    framed "ring 0 es in no ldt", 0xd, 0x14, "movl %eax, %es"
    pushl $0xfff8
    framed "ring 0 pop fs past the limit", 0xd, 0xfff8, "popl %fs"
    framed "ring 0 far jmp null", 0xd, 0x0, ".byte 0xea, 0x0, 0x0, 0x10, 0x0, 0x0, 0x0"
    framed "ring 0 far jmp data", 0xd, 0x10, ".byte 0xea, 0x0, 0x0, 0x10, 0x0, 0x10, 0x0"
    framed "ring 0 far jmp ring 3 code", 0xd, 0x18, ".byte 0xea, 0x0, 0x0, 0x10, 0x0, 0x1b, 0x0"
    framed "ring 0 far call past the limit", 0xd, 0x7c, ".byte 0x9a, 0x0, 0x0, 0x10, 0x0, 0x7f, 0x0"
    pushl $0x0
    pushl $0x0
    framed "ring 0 far ret null", 0xd, 0x0, "lretl"
    movl $DATA0, 0x4(%esp)
    framed "ring 0 far ret data", 0xd, 0x10, "lretl"
    pushl $0x2
    pushl $0x0
    pushl $main
    framed "ring 0 iret null", 0xd, 0x0, "iretl"
    movl $0x40, 0x4(%esp)
    framed "ring 0 iret not present", 0xb, 0x40, "iretl"
    movl $DATA0, 0x4(%esp)
    framed "ring 0 iret data", 0xd, 0x10, "iretl"
    pushl $DATA0                # a ring 3 frame with an ss of ring 0
    pushl $USER_STACK
    pushl $0x2
    pushl $CODE3
    pushl $main
    framed "ring 0 iret to ring 3, ss of ring 0", 0xd, 0x10, "iretl"
    addl $0x30, %esp
    movl $TSS_SEL, %eax
    framed "ring 0 ltr busy", 0xd, 0x28, "ltrw %ax"
    movl $CODE0, %eax
    framed "ring 0 lldt of code", 0xd, 0x8, "lldtw %ax"
    framed "ring 0 empty gate", 0xd, 0x20a, "int $0x41"
    movl IDT+0x32*8+0x2, %ebx
    movw $DATA0, IDT+0x32*8+0x2
    framed "ring 0 gate to data", 0xd, 0x10, "int $0x32"
    movw $0x0, IDT+0x32*8+0x2
    framed "ring 0 gate to null", 0xd, 0x0, "int $0x32"
    movw $0x40, IDT+0x32*8+0x2
    framed "ring 0 gate to code not present", 0xb, 0x40, "int $0x32"
    movw $CODE3, IDT+0x32*8+0x2
    framed "ring 0 gate to ring 3 code", 0xd, 0x18, "int $0x32"
    movw $CODE0, IDT+0x32*8+0x2
    movb $0x85, IDT+0x32*8+0x5
    movw $CODE0, IDT+0x32*8+0x2
    movb $0x8e, IDT+0x32*8+0x5
    framed "ring 0 past the idt", 0xd, 0x7fa, "int $0xff"
    lidtl short_idt
    framed "ring 0 past a short idt", 0xd, 0x40a, "int $0x81"
    lidtl idt_pointer
    ret
short_idt:
    .word 0x407
    .long IDT

# #NM by CR0.TS, MP and EM; #MF by an unmasked x87 exception.
fpu_absent:
    fninit
    movl %cr0, %ebx
    movl %ebx, %eax
    orl $0x8, %eax
    movl %eax, %cr0
    framed "ring 0 fld1 with ts", 0x7, 0x0, "fld1"
    framed "ring 0 fninit with ts", 0x7, 0x0, "fninit"
    framed "ring 0 fnstsw with ts", 0x7, 0x0, "fnstsw %ax"
    clean "ring 0 fwait with ts", "fwait"
    movl %cr0, %eax
    orl $0xa, %eax
    movl %eax, %cr0
    framed "ring 0 fwait with ts and mp", 0x7, 0x0, "fwait"
    framed "ring 0 movl mmx with ts", 0x7, 0x0, "movd %eax, %mm0"
    movl %cr4, %eax
    orl $0x600, %eax
    movl %eax, %cr4
    framed "ring 0 movaps with ts", 0x7, 0x0, "movaps %xmm0, %xmm1"
    clean "ring 0 prefetch with ts", ".byte 0x0f, 0x18, 0x0d; .long BUF"
    clean "ring 0 sfence with ts", "sfence"
    clts
    clean "ring 0 fld1 after clts", "fld1"
    clean "ring 0 movaps after clts", "movaps %xmm0, %xmm1"
    movl %ebx, %eax
    orl $0x4, %eax
    movl %eax, %cr0
    framed "ring 0 fld1 with em", 0x7, 0x0, "fld1"
    framed "ring 0 movaps with em", 0x6, 0x0, "movaps %xmm0, %xmm1"
    movl %ebx, %eax
    orl $0x22, %eax
    movl %eax, %cr0
    fninit
    movw $0x37b, BUF            # divide by zero unmasked
    fldcw BUF
    fldz
    fld1
    fdiv %st(1), %st
    framed "ring 0 fwait with a divide pending", 0x10, 0x0, "fwait"
    fnstsw %ax
    andl $0x84, %eax
    expect "ring 0 x87 status", $0x84
    fnclex
    clean "ring 0 fwait after fnclex", "fwait"
    fninit
    movl %ebx, %cr0
    ret

# #DF: delivering #GP (or #PF) fails.
double:
    movl IDT+0xd*8+0x4, %ebx
    movb $0xe, IDT+0xd*8+0x5
    movl $after_double, RESUME
    movl $0xfff8, %eax
    movl %eax, %es
after_double:
    movl $-0x1, RESUME
    movl REC_VECTOR, %eax
    expect "ring 0 gp with its gate not present", $0x8
    movl REC_ERROR, %eax
    expect "ring 0 double fault's error code", $0x0
    movl REC_CS, %eax
    expect "ring 0 double fault's cs", $CODE0
    movl %esp, %eax
    cmpl %eax, REC_ESP
    sete %al
    movzbl %al, %eax
    expect "ring 0 double fault's esp", $0x1
    movl %ebx, IDT+0xd*8+0x4
    movl IDT+0x2, %ebx
    movw $0x48+0x800, IDT+0x2   # a divide error's gate with a selector past the limit
    movl $after_double_de, RESUME
    movl $0x0, %ecx
    divl %ecx
after_double_de:
    movl $-0x1, RESUME
    movl REC_VECTOR, %eax
    expect "ring 0 de with a wild gate", $0x8
    movw $CODE0, IDT+0x2
    ret

# #DB after every instruction while TF is set.
step_trap:
    movl STEPS, %ecx
    incl STEPS
    movl F_EIP(%ebp), %eax
    movl %eax, STEPS+0x4(,%ecx,4)
    movl %dr6, %eax
    orl %eax, BUF+0x40
    movl $0x0, %eax
    movl %eax, %dr6
    cmpl $step_end, F_EIP(%ebp)
    jne step_trap_end
    andl $~0x100, F_EFLAGS(%ebp)
step_trap_end:
    ret
step:
    handle 0x1, step_trap
    movl $0x0, BUF+0x40
    movl $0x0, %eax
    movl %eax, %dr6
    movl $BUF+0x50, %edi
    movl $0x3, %ecx
    pushl $0x102
    popfl
    nop
step_1:
    movl $0x5, %eax
step_2:
    pushfl
step_3:
    popl %ebx
step_4:
    jmp step_5
    nop
step_5:
    call step_sub
step_7:
    rep stosb
step_8:
    movl %cs, %edx
step_9:
    cpuid
step_10:
    pushl $0x102
step_11:
    popfl
step_12:
    pushl $0x2
step_13:
    cli
step_end:
    nop
    popl %eax
    handle 0x1, record_trap
    movl STEPS, %eax
    expect "ring 0 steps", $0x10
    movl $0x0, %ecx
    movl $0x0, %edx
step_compare:
    movl STEPS+0x4(,%ecx,4), %eax
    cmpl step_wanted(,%ecx,4), %eax
    je step_same
    incl %edx
step_same:
    incl %ecx
    cmpl $0x10, %ecx
    jb step_compare
    movl %edx, %eax
    expect "ring 0 steps at the wrong place", $0x0
    movl %ebx, %eax
    ret
step_sub:
    ret
step_wanted:
    .long step_1, step_2, step_3, step_4, step_5, step_sub, step_7, step_7, step_7
    .long step_8, step_9, step_10, step_11, step_12, step_13, step_end

# #PF with CR2, with 4 MiB mapped and one page absent.
page:
    movl $PAGE_TABLE, %edi
    movl $0x7, %eax
page_fill:
    movl %eax, (%edi)
    addl $0x4, %edi
    addl $0x1000, %eax
    cmpl $0x400007, %eax
    jb page_fill
    movl $0x0, PAGE_TABLE+0x300*4
    movl $PAGE_TABLE+0x7, PAGE_DIR
    movl $PAGE_DIR, %eax
    movl %eax, %cr3
    movl %cr0, %eax
    orl $0x80000000, %eax
    movl %eax, %cr0
    framed "ring 0 read of an absent page", 0xe, 0x0, "movl ABSENT+0x123, %eax"
    movl REC_CR2, %eax
    expect "ring 0 cr2 after a read", $ABSENT+0x123
    framed "ring 0 write to an absent page", 0xe, 0x2, "movl %eax, ABSENT+0xffc"
    movl REC_CR2, %eax
    expect "ring 0 cr2 after a write", $ABSENT+0xffc
    movl $after_jump, RESUME
    movl $ABSENT+0x40, %eax
    jmp *%eax
after_jump:
    verdict "ring 0 jump into an absent page", 0xe, 0x0, ABSENT+0x40
    movl REC_CR2, %eax
    expect "ring 0 cr2 after a jump", $ABSENT+0x40
    movl IDT+0xe*8+0x4, %ebx
    movb $0xe, IDT+0xe*8+0x5
    movl $after_double_pf, RESUME
    movl ABSENT, %eax
after_double_pf:
    movl $-0x1, RESUME
    movl REC_VECTOR, %eax
    expect "ring 0 pf with its gate not present", $0x8
    movl %ebx, IDT+0xe*8+0x4
    movl %cr0, %eax
    andl $0x7fffffff, %eax
    movl %eax, %cr0
    ret

# The same from ring 3: the frame also holds ss and esp, and the handler runs at the top of the stack in the TSS.
.set USER, 0x1
.macro user_frame text
    movl REC_SS, %eax
    expect "\text, ss", $DATA3
    movl REC_FRAME, %eax
    expect "\text, on the stack of the tss", $TRAP_STACK-0x44
    movl REC_EFLAGS, %eax
    andl $0x3200, %eax
    expect "\text, if and iopl", $0x200
.endm
user_part:
    movl $0x0, %ecx
    framed "ring 3 div by zero", 0x0, 0x0, "divl %ecx"
    user_frame "ring 3 div by zero"
    framed "ring 3 ud2", 0x6, 0x0, "ud2"
    framed "ring 3 hlt", 0xd, 0x0, "hlt"
    user_frame "ring 3 hlt"
    framed "ring 3 int to a closed gate", 0xd, 0x19a, "int $0x33"
    movl $0x38, %eax
    framed "ring 3 es not present, dpl 0", 0xd, 0x38, "movl %eax, %es"
    movl $0x73, %eax
    framed "ring 3 es not present", 0xb, 0x70, "movl %eax, %es"
    movl $0x73, %eax
    framed "ring 3 ss not present", 0xc, 0x70, "movl %eax, %ss"
    user_frame "ring 3 ss not present"
    movl $BUF+0x20, %ecx
    movl $0x21, %eax
    framed "ring 3 bound", 0x5, 0x0, ".byte 0x62, 0x01"
    framed "ring 3 far jmp not present, dpl 0", 0xd, 0x40, ".byte 0xea, 0x0, 0x0, 0x10, 0x0, 0x43, 0x0"
    to_kernel

# #TS: the stack of the TSS is no stack. Its handler cannot use that either, so it runs in a conforming segment, in ring 3,
# and puts the TSS right again.
conforming_ts:
    movl $0xa, REC_VECTOR
    popl REC_ERROR
    movl (%esp), %eax
    movl %eax, REC_EIP
    movl 0x4(%esp), %eax
    movl %eax, REC_CS
    movl %esp, REC_ESP
    movl %cs, %eax
    movl %eax, REC_INSIDE
    movl $DATA0, TSS+0x8
    movl RESUME, %eax
    movl %eax, (%esp)
    iretl
.macro bad_stack text, ss0, vector, error
    movl $\ss0, TSS+0x8
    movl %esp, REC_AFTER
    faults "\text", \vector, \error, "int $0x30"
    movl REC_CS, %eax
    expect "\text, cs in the frame", $CODE3
    movl REC_INSIDE, %eax
    expect "\text, cs in the handler", $0x6b
    movl REC_AFTER, %eax
    subl $0xc, %eax
    expect "\text, on the same stack", REC_ESP
.endm
bad_stacks_user:
    bad_stack "ring 3 int with ss0 null", 0x0, 0xa, 0x0
    bad_stack "ring 3 int with ss0 of ring 3", DATA3, 0xa, 0x20
    bad_stack "ring 3 int with ss0 past the limit", 0xfff8, 0xa, 0xfff8
    bad_stack "ring 3 int with ss0 read-only", 0x50, 0xa, 0x50
    bad_stack "ring 3 int with ss0 code", CODE0, 0xa, 0x8
    to_kernel

# With a TSS too short for esp0 and ss0 there is no way back to ring 0, so this one prints under IOPL 3 and ends the run.
.set USER, 0x0
short_tss_user:
    faults "ring 3 int with a short tss", 0xa, 0x28, "int $0x30"
    movl REC_INSIDE, %eax
    expect "ring 3 int with a short tss, cs in the handler", $0x6b
    finish

bad_stacks:
    movl $0xa, %ecx
    movl $conforming_ts, %eax
    movl $0x8e00, %edx
    call set_gate
    movw $0x68, IDT+0xa*8+0x2
    in_user bad_stacks_user, 0x0002
    movl $0x20000007, gdt+TSS_SEL
    movb $0x89, gdt+TSS_SEL+0x5
    movl $TSS_SEL, %eax
    ltrw %ax
    in_user short_tss_user, 0x3002
