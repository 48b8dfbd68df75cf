# SPDX-License-Identifier: GPL-2.0-or-later
# x87 exceptions: what each leaves behind unmasked, #MF at the next waiting instruction and at no other, images that hold a
# waiting error, CR0.TS and CR0.NE (SDM vol. 1, chapter 8; vol. 3A, section 6.15, interrupt 16).
.include "start.s"
.include "clock.s"
.equ BUF, 0x187000
.equ IMAGE, 0x187100            # 16-byte aligned

# With the exceptions of mask unmasked, insn sets the low byte of the status word, and next is the first to fault.
.macro raises text, mask, load, insn, status, next
    fninit
    \load
    movw $0x37f-\mask, BUF
    fldcw BUF
    clean "\text", "\insn"
    fnstsw %ax
    movzbl %al, %eax
    expect "\text, status", $\status
    faults "\text, then \next", 0x10, 0x0, "\next"
    fnclex
    movw $0x37f, BUF
    fldcw BUF
.endm

# The top of the stack as a double.
.macro holds text, low, high
    fstpl BUF+0x8
    movl BUF+0x8, %eax
    expect "\text, low", $\low
    movl BUF+0xc, %eax
    expect "\text, high", $\high
.endm

# A divide by zero that waits.
.macro pend mask=0x4
    fninit
    movw $0x37f-\mask, BUF
    fldcw BUF
    fldz
    fld1
    fdiv %st(1), %st
.endm

main:
    movl %cr0, %eax
    orl $0x22, %eax             # NE, MP
    movl %eax, %cr0
    movl %cr4, %eax
    orl $0x600, %eax
    movl %eax, %cr4
    call kinds
    call stores
    call scaled
    call waiting
    call images
    call masked
    call lazily
    in_user user, 0x0002
    call interrupt
    finish

kinds:
    raises "divide by zero", 0x4, "fldz; fld1", "fdiv %st(1), %st", 0x84, "fld1"
    holds "dividend kept", 0x0, 0x3ff00000
    raises "zero by zero", 0x1, "fldz; fldz", "fdivp", 0x81, "fwait"
    fnstsw %ax
    andl $0x3800, %eax
    expect "nothing popped", $0x3000
    raises "square root of -1", 0x1, "fld1; fchs", "fsqrt", 0x81, "fadd %st, %st"
    holds "operand kept", 0x0, 0xbff00000
    raises "signaling nan", 0x1, "fldz", "fldl SNAN", 0x81, "fcompp"
    fnstsw %ax
    andl $0x3800, %eax
    expect "nothing pushed", $0x3800
    raises "compare with nan", 0x1, "fldl QNAN; fld1", "fcom %st(1)", 0x81, "fnop"
    fnstsw %ax
    andl $0x4500, %eax
    expect "compare with nan, unordered", $0x4500
    raises "stack underflow", 0x1, "fld1", "fadd %st(1), %st", 0xc1, "movd %mm0, %eax"
    raises "stack overflow", 0x1, "fld1; fld1; fld1; fld1; fld1; fld1; fld1; fldz", "fldpi", 0xc1, "paddd %mm0, %mm1"
    raises "denormal operand", 0x2, "fld1", "faddl DENORMAL", 0x82, "frndint"
    holds "sum not done", 0x0, 0x3ff00000
    raises "denormal load", 0x2, "fldz", "fldl DENORMAL", 0x82, "emms"
    fnstsw %ax
    andl $0x3800, %eax
    expect "denormal load, pushed", $0x3000
    raises "overflow", 0x8, "fldt BIG", "fmul %st(0), %st", 0x88, "fxam"
    raises "underflow", 0x10, "fldt SMALL", "fmul %st(0), %st", 0x90, "fincstp"
    raises "inexact", 0x20, "fldl THREE; fld1", "fdivp", 0xa0, "fldcw BUF"
    holds "third of one", 0x55555555, 0x3fd55555
    raises "several at once", 0x3f, "fld1", "fdivl THREE", 0xa0, "fld1"
    fninit                      # masked, an empty register reads as a quiet nan
    movw $0x37b, BUF
    fldcw BUF
    fld1
    clean "stack underflow, masked", "fadd %st(1), %st; fwait"
    fnstsw %ax
    movzwl %ax, %eax
    expect "stack underflow, masked, status", $0x3841
    fstpt IMAGE
    movzwl IMAGE+0x8, %eax
    expect "stack underflow, masked, result", $0xffff
    fnclex
    clean "stack overflow, masked", "fld1; fld1; fld1; fld1; fld1; fld1; fld1; fld1; fldz; fwait"
    fnstsw %ax
    movzwl %ax, %eax
    expect "stack overflow, masked, status", $0x3a41
    fstpt IMAGE
    movl IMAGE+0x4, %eax
    expect "stack overflow, masked, result", $0xc0000000
    fninit
    clean "compare of nothing, masked", "fldcw BUF; fucompp; fwait"
    fnstsw %ax
    movzwl %ax, %eax
    expect "compare of nothing, masked, status", $0x5541
    fninit
    movw $0x37e, BUF
    fldcw BUF
    fldl QNAN
    fld1
    clean "quiet nan", "fucom %st(1); fadd %st(1), %st; fwait"
    fninit
    movw $0x340, BUF
    fldcw BUF
    clean "nothing to raise", "fld1; fld1; faddp; fadd %st, %st; fsqrt; fldl ZERO; fstp %st; fwait; fldz; fwait; fnop"
    fnclex
    ret

# A result that memory does not get.
stores:
    movl $0x12345678, IMAGE
    raises "store overflow", 0x8, "fldl HUGE", "fstps IMAGE", 0x88, "fstp %st(0)"
    movl IMAGE, %eax
    expect "store overflow, memory", $0x12345678
    holds "store overflow, not popped", 0x0, 0x7fe00000
    raises "store underflow", 0x10, "fldl TINY", "fstps IMAGE", 0x90, "fwait"
    movl IMAGE, %eax
    expect "store underflow, memory", $0x12345678
    raises "integer too big", 0x1, "fldl HUGE", "fistpl IMAGE", 0x81, "fwait"
    raises "integer too big for 16 bits", 0x1, "fldl MILLION", "fistps IMAGE", 0x81, "fwait"
    movl IMAGE, %eax
    expect "integer too big, memory", $0x12345678
    raises "inexact store", 0x20, "fldl THIRD", "fstps IMAGE", 0xa0, "fwait"
    movl IMAGE, %eax
    expect "inexact store, memory", $0x3eaaaaab
    raises "inexact integer", 0x20, "fldl THIRD", "fistpl IMAGE", 0xa0, "fwait"
    movl IMAGE, %eax
    expect "inexact integer, memory", $0x0
    ret

# Unmasked, overflow and underflow leave the result with its exponent moved by 24576 in a register.
scaled:
    raises "overflow, again", 0x8, "fldt BIG", "fmul %st(0), %st", 0x88, "fwait"
    fstpt IMAGE
    movl IMAGE+0x4, %eax
    expect "overflow, significand", $0x80000000
    movzwl IMAGE+0x8, %eax
    expect "overflow, exponent", $0x5ffd
    raises "underflow, again", 0x10, "fldt SMALL", "fmull QUARTER", 0x90, "fwait"
    fstpt IMAGE
    movl IMAGE+0x4, %eax
    expect "underflow, significand", $0x80000000
    movzwl IMAGE+0x8, %eax
    expect "underflow, exponent", $0x5fff
    ret

# Which instructions wait.
waiting:
    pend
    clean "fnstsw does not wait", "fnstsw %ax"
    clean "fnstsw to memory does not wait", "fnstsw BUF+0x8"
    clean "fnstcw does not wait", "fnstcw BUF+0x8"
    clean "movaps does not wait", "movaps %xmm0, %xmm1"
    clean "addps does not wait", "addps %xmm0, %xmm1"
    movl $0x1, %eax
    clean "an integer instruction does not wait", "addl %eax, %eax"
    faults "cvtpi2ps waits", 0x10, 0x0, "cvtpi2ps %mm0, %xmm0"
    faults "movq to mmx waits", 0x10, 0x0, "movq BUF, %mm0"
    faults "fldenv waits", 0x10, 0x0, "fldenv BUF"
    faults "frstor waits", 0x10, 0x0, "frstor BUF"
    faults "fldcw waits", 0x10, 0x0, "fldcw BUF"
    faults "fstp waits", 0x10, 0x0, "fstpl BUF+0x8"
    movl REC_COUNT, %ebx
    handle 0x10, inspect
    clean "the handler clears it", "fld1"
    handle 0x10, record_trap
    movl BUF+0x10, %eax
    expect "status in the handler", $0xb084
    movl %cr0, %eax
    andl $0xe, %eax
    expect "cr0 shows no task switch", $0x2
    smsww %ax
    andl $0xe, %eax
    expect "smsw shows none either", $0x2
    pend
    clean "fninit forgets", "fninit; fld1"
    pend
    clean "fnclex forgets", "fnclex; fld1"
    clean "a second divide by zero", "fdiv %st(2), %st"
    faults "after the second divide by zero", 0x10, 0x0, "fwait"
    ret

# As a signal handler would: looks at the error, and forgets it.
inspect:
    fnstsw BUF+0x10
    fnclex
    ret

images:
    pend
    clean "fnstenv does not wait", "fnstenv IMAGE"
    clean "fnstenv masks", "fld1"
    movl IMAGE, %eax
    andl $0xffff, %eax
    expect "fnstenv, control", $0x37b
    movzwl IMAGE+0x4, %eax
    expect "fnstenv, status", $0xb084
    clean "fldenv", "fldenv IMAGE"
    faults "fldenv brings it back", 0x10, 0x0, "fld1"
    pend
    clean "fnsave does not wait", "fnsave IMAGE"
    clean "fnsave initialises", "fld1; fwait"
    clean "frstor", "frstor IMAGE"
    faults "frstor brings it back", 0x10, 0x0, "fwait"
    fnclex
    holds "frstor, dividend", 0x0, 0x3ff00000
    pend
    clean "fxsave does not wait", "fxsave IMAGE"
    fninit
    clean "fxsave and fninit", "fld1; fwait"
    clean "fxrstor does not wait", "fxrstor IMAGE"
    clean "fxrstor does not wait either", "fxrstor IMAGE"
    faults "fxrstor brings it back", 0x10, 0x0, "emms"
    fninit
    ret

# What was raised masked waits as soon as it is unmasked.
masked:
    fninit
    fldz
    fld1
    fdiv %st(1), %st
    fstp %st(0)
    fld1
    fdivl THREE
    fnstsw BUF+0x8
    movzwl BUF+0x8, %eax
    andl $0xff, %eax
    expect "flags raised masked", $0x24
    clean "masked", "fwait"
    movw $0x35f, BUF
    clean "unmasking", "fldcw BUF"
    faults "unmasked afterwards", 0x10, 0x0, "fld1"
    movw $0x37f, BUF
    fnclex
    fldcw BUF
    fld1
    fdivl THREE
    fnstenv IMAGE
    movzwl IMAGE+0x4, %eax
    andl $0xff, %eax
    expect "fnstenv shows it", $0x20
    fnclex
    fnstsw BUF+0x8
    movzwl BUF+0x8, %eax
    andl $0xff, %eax
    expect "fnclex clears it", $0x0
    ret

# #NM goes before #MF, and a switch by #NM brings an error with its task.
lazily:
    pend
    fxsave IMAGE
    movl %cr0, %eax
    orl $0x8, %eax
    movl %eax, %cr0
    faults "task switched, fld1", 0x7, 0x0, "fld1"
    faults "task switched, fwait", 0x7, 0x0, "fwait"
    faults "task switched, movd", 0x7, 0x0, "movd %eax, %mm0"
    faults "task switched, fnstsw", 0x7, 0x0, "fnstsw %ax"
    clts
    faults "task switched back", 0x10, 0x0, "fld1"
    fninit
    handle 0x7, bring
    movl %cr0, %eax
    orl $0x8, %eax
    movl %eax, %cr0
    faults "brought by the switch", 0x10, 0x0, "fld1"
    handle 0x7, record_trap
    movl %cr0, %eax
    orl $0x4, %eax
    movl %eax, %cr0
    faults "emulated, fld1", 0x7, 0x0, "fld1"
    faults "emulated, movd", 0x6, 0x0, "movd %eax, %mm0"
    andl $~0x4, %eax
    movl %cr0, %eax
    andl $~0x4, %eax
    movl %eax, %cr0
    fninit
    ret
bring:
    clts
    fxrstor IMAGE
    ret

# With CR0.NE clear the error is interrupt 13, and port 0xf0 lets the processor go on.
interrupt:
    call pic_setup
    handle 0x2d, irq13
    movb $0xfb, %al
    outb %al, $0x21
    movb $0xdf, %al
    outb %al, $0xa1
    movl $0x0, BUF+0x20
    movl %cr0, %eax
    andl $~0x20, %eax
    movl %eax, %cr0
    pend
    sti
    clean "ne clear, fwait", "fwait"
    cli
    movl BUF+0x20, %eax
    expect "interrupts 13", $0x1
    movl BUF+0x24, %eax
    expect "status in the handler of interrupt 13", $0x84
    clean "error gone", "fld1; fwait"
    ret
irq13:
    incl BUF+0x20
    fnstsw %ax
    movzbl %al, %eax
    movl %eax, BUF+0x24
    movb $0x0, %al
    outb %al, $0xf0
    fnclex
    movb $0x20, %al
    outb %al, $0xa0
    outb %al, $0x20
    ret

.set USER, 0x1
user:
    pend
    faults "ring 3 fld1", 0x10, 0x0, "fld1"
    faults "ring 3 fldcw", 0x10, 0x0, "fldcw BUF"
    faults "ring 3 pxor", 0x10, 0x0, "pxor %mm0, %mm0"
    clean "ring 3 fnclex", "fnclex"
    clean "ring 3 fld1 after it", "fld1"
    fninit
    to_kernel

.balign 0x10, 0x0
BIG: .quad 0x8000000000000000
    .word 0x7ffe
.balign 0x10, 0x0
SMALL: .quad 0x8000000000000000
    .word 0x0001
.balign 0x10, 0x0
QUARTER: .quad 0x3fd0000000000000
THREE: .quad 0x4008000000000000
THIRD: .quad 0x3fd5555555555555
HUGE: .quad 0x7fe0000000000000
TINY: .quad 0x3000000000000000
MILLION: .quad 0x412e848000000000
QNAN: .quad 0x7ff8000000000000
ZERO: .quad 0x0
SNAN: .quad 0x7ff0000000000001
DENORMAL: .quad 0x0000000000000001
