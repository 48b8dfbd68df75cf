# SPDX-License-Identifier: GPL-2.0-or-later
# #AC: unaligned data in ring 3 with CR0.AM and EFLAGS.AC set (SDM vol. 3A, section 6.15, interrupt 17, and table 6-7).
.include "start.s"
.include "paging.s"
.equ BUF, 0x187000
.equ AM, 0x40000

.macro flags value
    pushl $\value
    popfl
.endm

# An instruction that must fault with #AC, then with %ebx one higher or as given must not.
.macro divides text, off, by, insn
    movl $BUF+\off, %ebx
    faults "ring 3 \text, unaligned", 0x11, 0x0, "\insn"
    movl $BUF+\by, %ebx
    clean "ring 3 \text, aligned", "\insn"
.endm

# The same for the stack: %esp is moved for the one instruction.
.macro stack_divides text, insn
    movl %esp, %edi
    subl $0x102, %esp
    movl %esp, %ebp
    movl $Lstk_after\@, RESUME
    movl $-0x1, REC_VECTOR
Lstk_site\@:
    \insn
Lstk_after\@:
    movl %edi, %esp
    verdict "ring 3 \text, unaligned", 0x11, 0x0, Lstk_site\@
.endm

main:
    call paging_setup
    call pic_setup
    movl %cr0, %eax
    orl $0x40022, %eax          # AM, NE, MP
    movl %eax, %cr0
    movl %cr4, %eax
    orl $0x600, %eax
    movl %eax, %cr4
    fninit
    flags 0x40002
    clean "ring 0 unaligned, ac and am set", "movl BUF+0x1, %eax"
    flags 0x2
    in_user flag, 0x0002
    in_user integers, 0x40002
    flags 0x40002
    clean "ring 0 unaligned after ring 3", "movl BUF+0x1, %eax"
    flags 0x2
    in_user stacks, 0x40002
    in_user strings, 0x40002
    in_user floats, 0x40002
    in_user tables, 0x40002
    call by_far_return
    call by_sysexit
    in_user order, 0x40002
    movl $IDT+0x30, %edi        # #UD is handled in ring 3
    movl $handler, %eax
    movw %ax, (%edi)
    movw $CODE3, 0x2(%edi)
    shrl $0x10, %eax
    movw %ax, 0x6(%edi)
    in_user handled, 0x40002
    handle 0x1, stepped
    in_user steps, 0x40102
    handle 0x1, record_trap
    in_user privileged, 0x43002
    in_user changing, 0x40002
    handle 0x20, tick
    movl $0x4a9, %eax           # about 1 kHz
    call pit_setup
    movb $0xfe, %al
    outb %al, $0x21
    in_user interrupted, 0x40202
    movb $0xff, %al
    outb %al, $0x21
    movl %cr0, %eax
    andl $~AM, %eax
    movl %eax, %cr0
    in_user without_am, 0x40002
    movl %cr0, %eax
    orl $0x40008, %eax          # TS
    movl %eax, %cr0
    in_user without_floats, 0x40002
    clts
    finish

# Two more ways into ring 3, which keep EFLAGS.
by_far_return:
    pushal
    movl %esp, KERNEL_ESP
    call data_of_ring_3
    pushl $DATA3
    pushl $USER_STACK
    pushl $CODE3
    pushl $far_returned
    flags 0x40002
    lretl
by_sysexit:
    pushal
    movl %esp, KERNEL_ESP
    call data_of_ring_3
    movl $0x174, %ecx
    movl $CODE0, %eax
    movl $0x0, %edx
    wrmsr
    movl $USER_STACK, %ecx
    movl $exited, %edx
    flags 0x40002
    sysexit
data_of_ring_3:
    movl $DATA3, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    ret

stepped:
    incl BUF+0x200
    ret

tick:
    incl BUF+0x204
    movb $0x20, %al
    outb %al, $0x20
    ret
.include "clock.s"

.balign 0x1000, 0x90
user_text:
.set USER, 0x1
flag:
    clean "ring 3 unaligned, ac clear", "movl BUF+0x1, %eax"
    flags 0x40002
    faults "ring 3 unaligned, ac set by popf", 0x11, 0x0, "movl BUF+0x1, %eax"
    pushfl
    popl %eax
    andl $0x40100, %eax
    expect "ring 3 pushf shows ac and no tf", $0x40000
    movl REC_EFLAGS, %eax
    andl $0x50100, %eax
    expect "the frame shows ac, rf and no tf", $0x50000
    flags 0x2
    clean "ring 3 unaligned, ac cleared by popf", "movl BUF+0x1, %eax"
    pushw $0x2
    popfw
    clean "ring 3 unaligned, 16-bit popf", "movl BUF+0x1, %eax"
    to_kernel

integers:
    divides "mov word", 0x3, 0x2, "movw (%ebx), %ax"
    divides "mov doubleword", 0x2, 0x4, "movl %eax, (%ebx)"
    clean "ring 3 bytes", "movb BUF+0x1, %al"
    divides "add", 0x1, 0x8, "addl $0x1, (%ebx)"
    divides "cmp word", 0x1, 0x6, "cmpw $0x1, (%ebx)"
    divides "movzx", 0x1, 0x2, "movzwl (%ebx), %eax"
    clean "ring 3 movzx byte", "movzbl BUF+0x1, %eax"
    divides "lock xadd", 0x2, 0x8, "lock xaddl %eax, (%ebx)"
    divides "xchg", 0x3, 0x8, "xchgl %eax, (%ebx)"
    divides "shld", 0x2, 0x8, "shldl $0x1, %eax, (%ebx)"
    divides "cmov", 0x2, 0x8, "cmovel (%ebx), %ecx"
    divides "bt", 0x2, 0x8, "btl %eax, (%ebx)"
    divides "imul", 0x2, 0x8, "imull $0x3, (%ebx), %eax"
    divides "neg", 0x2, 0x8, "negl (%ebx)"
    divides "cmpxchg8b", 0x4, 0x8, "cmpxchg8b (%ebx)"
    faults "ring 3 absolute offset", 0x11, 0x0, "movl BUF+0x2, %eax"
    clean "ring 3 lea", "leal 0x1(%ebx), %eax"
    clean "ring 3 nop with an operand", "nopl 0x1(%ebx)"
    movl $0x1, %eax
    clean "ring 3 xlat", "xlatb"
    to_kernel

stacks:
    stack_divides "push", "pushl %eax"
    stack_divides "push from memory", "pushl BUF"
    stack_divides "pop", "popl %eax"
    stack_divides "pop to memory", "popl BUF"
    stack_divides "pusha", "pushal"
    stack_divides "popa", "popal"
    stack_divides "call", "call after_call"
    stack_divides "ret", "ret"
    stack_divides "enter", "enter $0x8, $0x0"
    stack_divides "leave", "leave"
    stack_divides "pushf", "pushfl"
    stack_divides "popf", "popfl"
    stack_divides "push of a segment", "pushl %ds"
    stack_divides "iret", "iretl"
    stack_divides "far ret", "lretl"
after_call:
    clean "ring 3 push and pop of words", "pushw %ax; pushw %ax; popw %ax; popw %ax"
    movl $BUF+0x2, %ebx
    faults "ring 3 push of an unaligned operand", 0x11, 0x0, "pushl (%ebx)"
    faults "ring 3 call of an unaligned operand", 0x11, 0x0, "call *(%ebx)"
    faults "ring 3 jmp to an unaligned operand", 0x11, 0x0, "jmp *(%ebx)"
    movl $int_text, %esi
    movl $0x1, %eax
    subl $0x2, %esp             # the gate changes to an aligned stack, the kernel's
    int $0x30
    addl $0x2, %esp
    to_kernel
int_text: .asciz "ring 3 int on an unaligned stack ok\n"

strings:
    movl $BUF, %edi
    movl $BUF+0x102, %esi
    faults "ring 3 movs, source unaligned", 0x11, 0x0, "movsl"
    movl $BUF+0x102, %edi
    movl $BUF, %esi
    faults "ring 3 movs, destination unaligned", 0x11, 0x0, "movsl"
    faults "ring 3 stos", 0x11, 0x0, "stosl"
    faults "ring 3 scas", 0x11, 0x0, "scasl"
    movl $BUF+0x101, %esi
    faults "ring 3 lods", 0x11, 0x0, "lodsw"
    movl $BUF, %edi
    movl $BUF+0x101, %esi
    faults "ring 3 cmps", 0x11, 0x0, "cmpsw"
    movl $0x0, %ecx
    clean "ring 3 rep movs, no times", "rep movsl"
    movl $BUF+0x100, %esi
    movl $0x5, %ecx
    clean "ring 3 rep movs, aligned", "rep movsl"
    leal -BUF(%edi), %eax
    addl %ecx, %eax
    expect "ring 3 rep movs is done", $0x14
    movl $BUF+0x101, %esi
    movl $0x5, %ecx
    clean "ring 3 rep movs of bytes", "rep movsb"
    movl $BUF+0x1, %edi
    movl $0x5, %ecx
    movl $Lrep_after, RESUME
    movl $-0x1, REC_VECTOR
rep_site:
    rep stosl
Lrep_after:
    pushl %ecx
    verdict "ring 3 rep stos", 0x11, 0x0, rep_site
    popl %eax
    expect "ring 3 rep stos has done nothing", $0x5
    to_kernel

floats:
    fninit
    divides "fld single", 0x2, 0x4, "flds (%ebx)"
    divides "fst double", 0x4, 0x8, "fstl (%ebx)"
    divides "fld extended", 0x4, 0x8, "fldt (%ebx)"
    divides "fild word", 0x1, 0x2, "filds (%ebx)"
    divides "fnstcw", 0x1, 0x2, "fnstcw (%ebx)"
    divides "fnstenv", 0x2, 0x4, "fnstenv (%ebx)"
    clean "ring 3 fnstenv of 14 bytes", ".byte 0x66, 0xd9, 0x35; .long BUF+0x2"
    divides "fnsave", 0x2, 0x4, "fnsave (%ebx)"
    divides "movq to mm", 0x4, 0x8, "movq (%ebx), %mm0"
    divides "movss", 0x2, 0x4, "movss (%ebx), %xmm0"
    divides "movsd", 0x4, 0x8, "movsd (%ebx), %xmm0"
    divides "movups", 0x4, 0x8, "movups (%ebx), %xmm0"
    divides "stmxcsr", 0x2, 0x4, "stmxcsr (%ebx)"
    faults "ring 3 movaps, unaligned", 0xd, 0x0, "movaps BUF+0x8, %xmm0"
    faults "ring 3 fxsave, unaligned", 0xd, 0x0, "fxsave BUF+0x8"
    clean "ring 3 prefetch", "prefetcht0 BUF+0x1"
    emms
    to_kernel

tables:
    divides "sgdt", 0x0, 0x2, "sgdtl (%ebx)"
    divides "sldt", 0x1, 0x2, "sldtw (%ebx)"
    faults "ring 3 lgdt, unaligned", 0xd, 0x0, "lgdtl BUF+0x1"
    movw $DATA3, BUF+0x12
    movw $DATA3, BUF+0x14
    movw $DATA3, BUF+0x16
    movl $BUF+0x12, %ebx
    faults "ring 3 les, unaligned", 0x11, 0x0, "lesl (%ebx), %eax"
    movl $BUF+0x10, %ebx
    clean "ring 3 les, aligned", "lesl (%ebx), %eax"
    clean "ring 3 les of 32 bits", "lesw 0x2(%ebx), %ax"
    faults "ring 3 mov to a segment, unaligned", 0x11, 0x0, "movw 0x3(%ebx), %es"
    clean "ring 3 lar looks at a descriptor", "larl %ebx, %eax"
    to_kernel

far_returned:
    faults "ring 3 unaligned after far ret from ring 0", 0x11, 0x0, "movl BUF+0x1, %eax"
    to_kernel
exited:
    faults "ring 3 unaligned after sysexit", 0x11, 0x0, "movl BUF+0x1, %eax"
    to_kernel

order:
    movl $0x40000000, %ebx      # nothing is mapped there
    faults "ring 3 unaligned and not present", 0x11, 0x0, "movl 0x1(%ebx), %eax"
    faults "ring 3 aligned and not present", 0xe, 0x4, "movl (%ebx), %eax"
    movl %ebx, %esi
    movl $BUF+0x1, %edi
    faults "ring 3 movs, source not present, destination unaligned", 0xe, 0x4, "movsl"
    movl $BUF+0x1, %esi
    movl %ebx, %edi
    faults "ring 3 movs, source unaligned, destination not present", 0x11, 0x0, "movsl"
    faults "ring 3 in without a right, unaligned", 0xd, 0x0, "insl"
    movl $0x37b, BUF
    fninit
    fldcw BUF
    fldz
    fld1
    fdiv %st(1), %st
    faults "ring 3 fld, unaligned, an error waits", 0x10, 0x0, "flds BUF+0x1"
    faults "ring 3 movq to mm, unaligned, an error waits", 0x10, 0x0, "movq BUF+0x1, %mm0"
    faults "ring 3 movss, unaligned, an error waits", 0x11, 0x0, "movss BUF+0x1, %xmm0"
    faults "ring 3 fnstcw, unaligned, an error waits", 0x11, 0x0, "fnstcw BUF+0x1"
    fnclex
    faults "ring 3 fld, unaligned, unmasked", 0x11, 0x0, "flds BUF+0x1"
    clean "ring 3 fld, aligned, unmasked", "flds BUF"
    fninit
    faults "ring 3 ud", 0x6, 0x0, "ud2"
    clean "ring 3 aligned after ud", "movl BUF, %eax"
    faults "ring 3 unaligned after ud", 0x11, 0x0, "movl BUF+0x1, %eax"
    to_kernel

# A handler in ring 3, on the same stack: it is checked like all of ring 3, and so is the push of its frame.
handled:
    movl $BUF, %ebx
    movl $handled_once, %ecx
    ud2
handler:
    movl (%ebx), %eax
    jmp *%ecx
handled_once:
    addl $0xc, %esp
    movl $handled_twice, %ecx
    movl %ecx, RESUME
    movl $-0x1, REC_VECTOR
    incl %ebx
    ud2
handled_twice:
    addl $0xc, %esp
    verdict "ring 3 unaligned in a handler in ring 3", 0x11, 0x0, handler
    movl $handled_unaligned, RESUME
    movl %esp, %edi
    subl $0x2, %esp
ud_site:
    ud2
handled_unaligned:
    movl %edi, %esp
    verdict "ring 3 frame on an unaligned stack", 0x11, 0x1, ud_site
    to_kernel

steps:
    nop
    movl BUF, %eax
    pushfl
    flags 0x40002
    cmpl $0x5, BUF+0x200
    sete %al
    movzbl %al, %eax
    expect "ring 3 each instruction is stepped", $0x1
    popl %eax
    andl $0x40100, %eax
    expect "ring 3 pushf shows both flags", $0x40100
    to_kernel

# With IOPL 3 all that is sensitive comes to the monitor.
privileged:
    cli
    sti
    inb $0x21, %al
    faults "ring 3 unaligned after cli and sti", 0x11, 0x0, "movl BUF+0x1, %eax"
    movl %ss, %eax
    movl %eax, %ss
    movl BUF, %edx
    faults "ring 3 unaligned after mov ss", 0x11, 0x0, "movl BUF+0x1, %eax"
    movl $BUF+0x1, %edi
    movl $0x21, %edx
    faults "ring 3 ins, unaligned", 0x11, 0x0, "insw"
    movl $BUF+0x1, %esi
    faults "ring 3 outs, unaligned", 0x11, 0x0, "outsw"
    to_kernel

# Code that writes the instruction after the next one.
changing:
    movl $0x0, %ebx
    movl $0x5, %ecx
changing_again:
    movl %ecx, changing_number
    jmp changing_site
.balign 0x4, 0x90
    nop
    nop
    nop
changing_site:
    .byte 0xb8                  # movl $number, %eax
changing_number:
    .long 0x0
    addl %eax, %ebx
    decl %ecx
    jnz changing_again
    movl %ebx, %eax
    expect "ring 3 code that changes itself", $0xf
    faults "ring 3 unaligned after it", 0x11, 0x0, "movl BUF+0x1, %eax"
    to_kernel

interrupted:
    cmpl $0x5, BUF+0x204
    jb interrupted
    flags 0x202
    flags 0x40202
    say "ring 3 five ticks while alignment is checked\n"
    faults "ring 3 unaligned after ticks", 0x11, 0x0, "movl BUF+0x1, %eax"
    pushfl
    popl %eax
    andl $0x40300, %eax
    expect "ring 3 pushf shows if and ac", $0x40200
    to_kernel

without_am:
    clean "ring 3 unaligned, am clear", "movl BUF+0x1, %eax"
    flags 0x40002
    clean "ring 3 unaligned, am clear, ac set again", "movl BUF+0x1, %eax"
    to_kernel

without_floats:
    faults "ring 3 fld, unaligned, ts set", 0x7, 0x0, "flds BUF+0x1"
    faults "ring 3 movups, unaligned, ts set", 0x7, 0x0, "movups BUF+0x1, %xmm0"
    to_kernel
.balign 0x1000, 0x90
user_text_end:
