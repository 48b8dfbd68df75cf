# SPDX-License-Identifier: GPL-2.0-or-later
# x87 and SSE: exact results, saved images, and state that is switched lazily at #NM while two ring 3 programs use both.
.include "start.s"
.equ BUF, 0x187000
.equ OWNER, 0x187100            # whose state is in the processor: 0 or 1; 2 nobody
.equ CURRENT, 0x187104
.equ SWITCHES, 0x187108
.equ STATE, 0x189000            # two fxsave images of 0x200 bytes
.equ SUM, 0x187110
.equ SECOND_EIP, 0x187120
.equ SECOND_ECX, 0x187124

# Stores st(0) as a double and checks both halves.
.macro expect_double text, low, high
    fstpl BUF
    movl BUF, %eax
    expect "\text, low", $\low
    movl BUF+0x4, %eax
    expect "\text, high", $\high
.endm

main:
    movl %cr4, %eax
    orl $0x600, %eax
    movl %eax, %cr4
    movl %cr0, %eax
    orl $0x22, %eax             # NE, MP
    movl %eax, %cr0
    fninit
    call x87
    call sse
    call images
    call lazy
    finish

x87:
    fnstcw BUF
    movzwl BUF, %eax
    expect "control word after fninit", $0x37f
    fld1
    fld1
    faddp
    fsqrt
    expect_double "square root of 2", 0x667f3bcd, 0x3ff6a09e
    fldpi
    expect_double "pi", 0x54442d18, 0x400921fb
    fld1
    movl $0x3, BUF
    fidivl BUF
    expect_double "a third", 0x55555555, 0x3fd55555
    movl $0x27f, BUF            # double precision
    fldcw BUF
    fldpi
    fmull ten
    expect_double "ten times pi", 0x2955385e, 0x403f6a7a
    movl $0x77f, BUF            # round down, extended
    fldcw BUF
    fldpi
    fistpl BUF+0x8
    fldpi
    fchs
    fistpl BUF+0xc
    movl BUF+0x8, %eax
    expect "pi rounded down", $0x3
    movl BUF+0xc, %eax
    expect "minus pi rounded down", $-0x4
    fninit
    fldz
    fld1
    fcomi %st(1)
    seta %al
    movzbl %al, %eax
    expect "1 is above 0", $0x1
    fninit
    fldz
    fld1
    fdiv %st(1), %st
    fnstsw %ax
    andl $0x3f, %eax
    expect "1 / 0 is a division by zero, masked", $0x4
    fxam
    fnstsw %ax
    andl $0x4500, %eax
    expect "and gives infinity", $0x500
    fninit
    movl $0x89abcdef, BUF
    movl $0x01234567, BUF+0x4
    fildll BUF
    fistpll BUF+0x8
    movl BUF+0x8, %eax
    expect "64-bit integer, low", $0x89abcdef
    movl BUF+0xc, %eax
    expect "64-bit integer, high", $0x01234567
    ret
ten: .quad 0x4024000000000000

sse:
    movl $0x40000000, BUF       # 2, 3, 4, 5
    movl $0x40400000, BUF+0x4
    movl $0x40800000, BUF+0x8
    movl $0x40a00000, BUF+0xc
    movups BUF, %xmm0
    mulps %xmm0, %xmm0
    movups %xmm0, BUF+0x10
    movl BUF+0x1c, %eax
    expect "5 squared", $0x41c80000
    addps %xmm0, %xmm0
    movss %xmm0, BUF+0x10
    movl BUF+0x10, %eax
    expect "twice 2 squared", $0x41000000
    movl $0x2, %eax
    cvtsi2sdl %eax, %xmm1
    sqrtsd %xmm1, %xmm1
    movsd %xmm1, BUF
    movl BUF, %eax
    expect "square root of 2 by sse, low", $0x667f3bcd
    pcmpeqd %xmm2, %xmm2
    paddd %xmm2, %xmm2
    movd %xmm2, %eax
    expect "packed integers", $-0x2
    stmxcsr BUF
    movl BUF, %eax
    andl $0xffc0, %eax
    expect "mxcsr", $0x1f80
    ret

# fnsave, frstor, fxsave, fxrstor keep everything.
images:
    fninit
    fld1
    fldpi
    fnsave BUF+0x20
    movzwl BUF+0x28, %eax
    expect "fnsave, tag word", $0x0fff
    fnstsw %ax
    movzwl %ax, %eax
    expect "fnsave initialises", $0x0
    frstor BUF+0x20
    expect_double "frstor, st(0)", 0x54442d18, 0x400921fb
    expect_double "frstor, st(1)", 0x0, 0x3ff00000
    fninit
    fldpi
    movl $0x12345678, %eax
    movd %eax, %xmm7
    fxsave STATE
    fninit
    pxor %xmm7, %xmm7
    movzwl STATE, %eax
    expect "fxsave, control word", $0x37f
    movzwl STATE+0x2, %eax
    andl $0x3800, %eax
    expect "fxsave, top", $0x3800
    movzbl STATE+0x4, %eax
    expect "fxsave, tags", $0x80
    movl STATE+0x110, %eax
    expect "fxsave, xmm7", $0x12345678
    fxrstor STATE
    expect_double "fxrstor, st(0)", 0x54442d18, 0x400921fb
    movd %xmm7, %eax
    expect "fxrstor, xmm7", $0x12345678
    ret

# Two ring 3 programs take turns by a system call; cr0.ts is set at every turn and #NM brings the state.
lazy:
    fninit
    pxor %xmm0, %xmm0
    fxsave STATE
    fxsave STATE+0x200
    movl $0x2, OWNER
    movl $0x0, CURRENT
    handle 0x80, switch
    handle 0x7, not_available
    movl $second, SECOND_EIP
    movl %cr0, %eax
    orl $0x8, %eax
    movl %eax, %cr0
    in_user first, 0x0002
    clts
    movl SUM, %eax
    expect "1 + 2 + .. + 64 in the first's x87", $0x820
    movl SUM+0x4, %eax
    expect "64 times 3 in the second's xmm", $0xc0
    movl SWITCHES, %eax
    expect "state switched", $0x81
    ret

# int 0x80: the other program goes on; each keeps only eip and %ecx.
switch:
    movl SECOND_EIP, %eax
    xchgl F_EIP(%ebp), %eax
    movl %eax, SECOND_EIP
    movl SECOND_ECX, %eax
    xchgl F_ECX(%ebp), %eax
    movl %eax, SECOND_ECX
    xorl $0x1, CURRENT
    movl %cr0, %eax
    orl $0x8, %eax
    movl %eax, %cr0
    ret
not_available:
    clts
    movl OWNER, %eax
    cmpl CURRENT, %eax
    je not_available_end
    incl SWITCHES
    cmpl $0x2, %eax
    je not_available_load
    shll $0x9, %eax
    fxsave STATE(%eax)
not_available_load:
    movl CURRENT, %eax
    movl %eax, OWNER
    shll $0x9, %eax
    fxrstor STATE(%eax)
not_available_end:
    ret

.set USER, 0x1
first:
    fldz
    movl $0x40, %ecx
first_loop:
    movl %ecx, BUF+0x40
    fiaddl BUF+0x40
    int $0x80
    decl %ecx
    jnz first_loop
    fistpl SUM
    to_kernel
second:
    movl $0x3, %eax
    movd %eax, %xmm1
second_loop:
    paddd %xmm1, %xmm0
    movd %xmm0, SUM+0x4
    int $0x80
    jmp second_loop
