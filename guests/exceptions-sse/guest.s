# SPDX-License-Identifier: GPL-2.0-or-later
# SSE exceptions: what each leaves undone unmasked, #XM or #UD, flags in MXCSR masked and unmasked, and a task switch by #NM
# between a task that masks all and one that does not (SDM vol. 1, 11.5; vol. 3A, section 6.15, interrupt 19).
.include "start.s"
.equ BUF, 0x187000
.equ IMAGE, 0x187100            # 16-byte aligned
.equ OTHER, 0x187300

# With the exceptions of mask unmasked: insn, of %xmm0 and memory at second, raises #XM, leaves %xmm0 as it was, and sets flags.
.macro raises text, mask, first, insn, flags
    movl $0x1f80-\mask*0x80, BUF
    ldmxcsr BUF
    movups \first, %xmm0
    movl $0x55, %ebx
    faults "\text", 0x13, 0x0, "\insn"
    stmxcsr BUF
    movl BUF, %eax
    andl $0x3f, %eax
    expect "\text, flags", $\flags
    movl $0x1f80, BUF
    ldmxcsr BUF
    movups \first, %xmm1
    pcmpeqd %xmm0, %xmm1
    pmovmskb %xmm1, %eax
    expect "\text, destination", $0xffff
.endm

# The same operands masked: no exception, and the flags.
.macro masks text, first, insn, flags
    movl $0x1f80, BUF
    ldmxcsr BUF
    movups \first, %xmm0
    clean "\text, masked", "\insn"
    stmxcsr BUF
    movl BUF, %eax
    expect "\text, masked flags", $0x1f80+\flags
.endm

main:
    movl %cr0, %eax
    orl $0x22, %eax             # NE, MP
    movl %eax, %cr0
    movl %cr4, %eax
    orl $0x600, %eax            # OSFXSR, OSXMMEXCPT
    movl %eax, %cr4
    fninit
    call scalar
    call packed
    call conversions
    call comparisons
    call quiet
    call sticky
    call undefined
    call lazily
    in_user user, 0x0002
    finish

scalar:
    raises "divss by zero", 0x4, ONES, "divss ZEROES, %xmm0", 0x4
    raises "divsd by zero", 0x4, DONES, "divsd ZEROES, %xmm0", 0x4
    raises "divss zero by zero", 0x1, ZEROES, "divss ZEROES, %xmm0", 0x1
    raises "sqrtss of -1", 0x1, ZEROES, "sqrtss MINUS, %xmm0", 0x1
    raises "addss of a signaling nan", 0x1, ONES, "addss SNANS, %xmm0", 0x1
    raises "addss of a denormal", 0x2, ONES, "addss DENORMALS, %xmm0", 0x2
    raises "addsd of a denormal", 0x2, DONES, "addsd DDENORMALS, %xmm0", 0x2
    raises "mulss overflow", 0x8, HUGES, "mulss HUGES, %xmm0", 0x8
    raises "mulss overflow, inexact masked", 0x8, HUGES3, "mulss HUGES3, %xmm0", 0x28
    raises "mulss underflow", 0x10, TINIES, "mulss TINIES, %xmm0", 0x10
    raises "subss underflow, exact", 0x10, TINIES3, "subss TINIES, %xmm0", 0x10
    raises "divss inexact", 0x20, ONES, "divss THREES, %xmm0", 0x20
    raises "divss inexact, all unmasked", 0x3f, ONES, "divss THREES, %xmm0", 0x20
    masks "divss by zero", ONES, "divss ZEROES, %xmm0", 0x4
    masks "divss zero by zero", ZEROES, "divss ZEROES, %xmm0", 0x1
    masks "mulss overflow", HUGES, "mulss HUGES, %xmm0", 0x28
    masks "divss inexact", ONES, "divss THREES, %xmm0", 0x20
    masks "divss exact", THREES, "divss ONES, %xmm0", 0x0
    ret

# One lane is enough; what is noticed before the calculation hides what is noticed after it.
packed:
    raises "divps, one lane by zero", 0x4, MIXED, "divps ONE_ZERO, %xmm0", 0x4
    raises "divps, one lane by zero, inexact unmasked", 0x24, MIXED, "divps ONE_ZERO, %xmm0", 0x4
    raises "divps, inexact unmasked", 0x20, MIXED, "divps ONE_ZERO, %xmm0", 0x24
    raises "mulpd overflow", 0x8, DHUGES, "mulpd DHUGES, %xmm0", 0x8
    raises "sqrtpd inexact", 0x20, DONES, "sqrtpd DTHREES, %xmm0", 0x20
    raises "addps of a denormal", 0x2, ONES, "addps DENORMALS, %xmm0", 0x2
    raises "maxps of a quiet nan", 0x1, ONES, "maxps QNANS, %xmm0", 0x1
    movups DENORMALS, %xmm2
    raises "minps of registers", 0x2, ONES, "minps %xmm2, %xmm0", 0x2
    masks "divps, one lane by zero", MIXED, "divps ONE_ZERO, %xmm0", 0x24
    ret

conversions:
    raises "cvttss2si of a big number", 0x1, ONES, "cvttss2si HUGES, %ebx", 0x1
    movl %ebx, %eax
    expect "cvttss2si, register kept", $0x55
    raises "cvtss2si inexact", 0x20, ONES, "cvtss2si THIRDS, %ebx", 0x20
    raises "cvtsi2ss inexact", 0x20, ONES, "cvtsi2ssl BIG, %xmm0", 0x20
    raises "cvtdq2ps inexact", 0x20, ONES, "cvtdq2ps BIG, %xmm0", 0x20
    raises "cvtsd2ss overflow", 0x8, ONES, "cvtsd2ss DHUGES, %xmm0", 0x8
    raises "cvtpd2ps underflow", 0x10, ONES, "cvtpd2ps DTINIES, %xmm0", 0x10
    raises "cvtss2sd of a denormal", 0x2, ONES, "cvtss2sd DENORMALS, %xmm0", 0x2
    raises "cvttpd2dq of a nan", 0x1, ONES, "cvttpd2dq DNANS, %xmm0", 0x1
    raises "cvtps2dq inexact", 0x20, ONES, "cvtps2dq THIRDS, %xmm0", 0x20
    movl $0x1f80-0x20*0x80, BUF
    ldmxcsr BUF
    clean "cvtsi2sd is exact", "cvtsi2sdl BIG, %xmm0"
    clean "cvtdq2pd is exact", "cvtdq2pd BIG, %xmm0"
    clean "cvtps2pd is exact", "cvtps2pd THIRDS, %xmm0"
    ret

comparisons:
    raises "comiss of a quiet nan", 0x1, ONES, "comiss QNANS, %xmm0", 0x1
    raises "ucomiss of a signaling nan", 0x1, ONES, "ucomiss SNANS, %xmm0", 0x1
    raises "ucomisd of a denormal", 0x2, DONES, "ucomisd DDENORMALS, %xmm0", 0x2
    raises "cmpltss of a quiet nan", 0x1, ONES, "cmpltss QNANS, %xmm0", 0x1
    movl $0x1f00, BUF
    ldmxcsr BUF
    movups ONES, %xmm0
    clean "ucomiss of a quiet nan", "ucomiss QNANS, %xmm0"
    clean "cmpeqss of a quiet nan", "cmpeqss QNANS, %xmm0"
    movups ONES, %xmm0
    pushl $0x8d7
    popfl
    movl $comiss_after, RESUME
    comiss QNANS, %xmm0
comiss_after:
    pushfl
    popl %eax
    andl $0x8d5, %eax
    expect "comiss leaves the flags", $0x8d5
    ret

# Everything is unmasked, and nothing is to be raised.
quiet:
    movl $0x0, BUF
    ldmxcsr BUF
    movups SNANS, %xmm0
    movups DENORMALS, %xmm1
    clean "moves", "movaps %xmm0, %xmm2; movss %xmm1, %xmm2; unpcklps %xmm1, %xmm2; shufps $0x1b, %xmm1, %xmm2"
    clean "logic", "xorps %xmm1, %xmm2; andnps %xmm0, %xmm2; orps %xmm0, %xmm2"
    clean "integers", "paddd %xmm0, %xmm2; pmulhw %xmm1, %xmm2; psadbw %xmm1, %xmm2; movd %xmm2, %eax"
    clean "reciprocals", "rcpss ZEROES, %xmm2; rsqrtps MINUS, %xmm3"
    clean "stores", "movups %xmm0, BUF+0x40; movntps %xmm1, BUF+0x40"
    clean "x87 and mmx", "fldz; fld1; fdivp; fstp %st(0); movd %eax, %mm0; emms; fninit"
    movups THREES, %xmm0
    clean "exact arithmetic", "addps %xmm0, %xmm0; mulps %xmm0, %xmm0; subps ONES, %xmm0; sqrtps ONES, %xmm0"
    movups THREES, %xmm0
    clean "exact quotients", "divps THREES, %xmm0; divps ONES, %xmm0; comiss ONES, %xmm0; cvttps2dq ONES, %xmm0"
    stmxcsr BUF
    movl BUF, %eax
    expect "flags after all that", $0x0
    ret

# Flags stay until software clears them, and a flag that is set raises nothing.
sticky:
    movl $0x1fbf, BUF
    ldmxcsr BUF
    stmxcsr BUF+0x4
    movl BUF+0x4, %eax
    expect "flags loaded", $0x1fbf
    movl $0x003f, BUF
    ldmxcsr BUF
    movups ONES, %xmm0
    clean "flags set and unmasked", "addps ONES, %xmm0"
    movl $0x1f80, BUF
    ldmxcsr BUF
    divss THREES, %xmm0
    divss ZEROES, %xmm0
    fxsave IMAGE
    movl IMAGE+0x18, %eax
    expect "fxsave shows flags", $0x1fa4
    ldmxcsr BUF
    stmxcsr BUF+0x4
    movl BUF+0x4, %eax
    expect "ldmxcsr clears flags", $0x1f80
    fxrstor IMAGE
    stmxcsr BUF+0x4
    movl BUF+0x4, %eax
    expect "fxrstor brings flags back", $0x1fa4
    movl $0x10000, BUF
    faults "a reserved bit of mxcsr", 0xd, 0x0, "ldmxcsr BUF"
    movl $0x1f80, BUF
    ldmxcsr BUF
    ret

undefined:
    movl $0x1d80, BUF
    ldmxcsr BUF
    movups ONES, %xmm0
    movl %cr4, %eax
    andl $~0x400, %eax
    movl %eax, %cr4
    faults "divss by zero without osxmmexcpt", 0x6, 0x0, "divss ZEROES, %xmm0"
    faults "divps by zero without osxmmexcpt", 0x6, 0x0, "divps ZEROES, %xmm0"
    clean "addss without osxmmexcpt", "addss ONES, %xmm0"
    movl %cr4, %eax
    andl $~0x600, %eax
    movl %eax, %cr4
    faults "addss without osfxsr", 0x6, 0x0, "addss ONES, %xmm0"
    faults "ldmxcsr without osfxsr", 0x6, 0x0, "ldmxcsr BUF"
    movl %cr4, %eax
    orl $0x600, %eax
    movl %eax, %cr4
    movl $0x1f80, BUF
    ldmxcsr BUF
    ret

# Two states take turns by #NM: one divides by zero masked, the other may not.
lazily:
    fxsave IMAGE
    fxsave OTHER
    movl $0x1d80, OTHER+0x18
    movl $0x0, BUF+0x10
    fxrstor OTHER
    handle 0x7, turn
    movl $0x8, %ebx
lazily_loop:
    call switched
    movups ONES, %xmm0
    divss ZEROES, %xmm0         # masked
    call switched
    movups ONES, %xmm0
    movl $lazily_next, RESUME
    movl $-0x1, REC_VECTOR
    divss ZEROES, %xmm0
lazily_next:
    cmpl $0x13, REC_VECTOR
    jne lazily_end
    decl %ebx
    jnz lazily_loop
lazily_end:
    movl $-0x1, RESUME
    movl %ebx, %eax
    expect "turns left", $0x0
    handle 0x7, record_trap
    fxrstor IMAGE
    ret
switched:
    movl %cr0, %eax
    orl $0x8, %eax
    movl %eax, %cr0
    ret
turn:
    clts
    xorl $0x1, BUF+0x10
    jz turn_other
    fxsave OTHER
    fxrstor IMAGE
    ret
turn_other:
    fxsave IMAGE
    fxrstor OTHER
    ret

.set USER, 0x1
user:
    raises "ring 3 divss by zero", 0x4, ONES, "divss ZEROES, %xmm0", 0x4
    raises "ring 3 divpd inexact", 0x20, DONES, "divpd DTHREES, %xmm0", 0x20
    to_kernel

.balign 0x10, 0x0
ZEROES: .quad 0x0, 0x0
ONES: .long 0x3f800000, 0x3f800000, 0x3f800000, 0x3f800000
MINUS: .long 0xbf800000, 0xbf800000, 0xbf800000, 0xbf800000
THREES: .long 0x40400000, 0x40400000, 0x40400000, 0x40400000
THIRDS: .long 0x3eaaaaab, 0x3eaaaaab, 0x3eaaaaab, 0x3eaaaaab
HUGES: .long 0x7f000000, 0x7f000000, 0x7f000000, 0x7f000000
HUGES3: .long 0x7f333333, 0x7f333333, 0x7f333333, 0x7f333333
TINIES: .long 0x00800000, 0x00800000, 0x00800000, 0x00800000
TINIES3: .long 0x00c00000, 0x00c00000, 0x00c00000, 0x00c00000
DENORMALS: .long 0x00000001, 0x00000001, 0x00000001, 0x00000001
SNANS: .long 0x7f800001, 0x7f800001, 0x7f800001, 0x7f800001
QNANS: .long 0x7fc00000, 0x7fc00000, 0x7fc00000, 0x7fc00000
MIXED: .long 0x3f800000, 0x3f800000, 0x3f800000, 0x3f800000
ONE_ZERO: .long 0x3f800000, 0x40400000, 0x0, 0x3f800000
BIG: .long 0x01000001, 0x01000001, 0x01000001, 0x01000001
DONES: .quad 0x3ff0000000000000, 0x3ff0000000000000
DTHREES: .quad 0x4008000000000000, 0x4008000000000000
DHUGES: .quad 0x7fe0000000000000, 0x7fe0000000000000
DTINIES: .quad 0x0010000000000000, 0x0010000000000000
DDENORMALS: .quad 0x1, 0x1
DNANS: .quad 0x7ff8000000000000, 0x7ff8000000000000
