# SPDX-License-Identifier: GPL-2.0-or-later
# Red pills: sensitive instructions whose result must be the same on bare ring 0 and patched. Each macro is used in both rings;
# the first parameter is the text that says which. SCRATCH is written to.
.equ BUF, 0x187000
.equ LOW, 0x600                 # below 64 KiB, for 16-bit addresses

# Runs insn under each of several prefixes that do not change what it does, then load; %eax must be want every time.
.macro prefixed_by prefixes, text, insn, load, want
    movl $0x0, %ebx
    .irp p, \prefixes
    movl $0xa5a5a5a5, %eax
    movl %eax, BUF
    movl %eax, BUF+0x4
    .byte \p
    \insn
    \load
    cmpl \want, %eax
    setne %al
    movzbl %al, %eax
    addl %eax, %ebx
    .endr
    movl %ebx, %eax
    expect "\text under prefixes", $0x0
.endm
.macro prefixed text, insn, load, want
    prefixed_by "0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0xf2, 0xf3", "\text", "\insn", "\load", \want
.endm
# The same without cs:, through which nothing can be stored.
.macro prefixed_store text, insn, load, want
    prefixed_by "0x26, 0x36, 0x3e, 0x64, 0x65, 0xf2, 0xf3", "\text", "\insn", "\load", \want
.endm

# sgdt, sidt: 6 bytes, also with 66 (the bases lie below 16 MiB, where both widths agree), also with 16-bit addresses.
.macro pill_table ring, name, insn, bits16, limit, base
    movl $0xa5a5a5a5, BUF
    movl $0xa5a5a5a5, BUF+0x4
    \insn BUF
    movzwl BUF, %eax
    expect "\ring \name limit", $\limit
    movl BUF+0x2, %eax
    expect "\ring \name base", $\base
    movzwl BUF+0x6, %eax
    expect "\ring \name writes six bytes", $0xa5a5
    movl $0xa5a5a5a5, BUF+0x2
    .byte 0x66
    \insn BUF
    movl BUF+0x2, %eax
    expect "\ring \name with 66", $\base
    movl $0x0, LOW+0x2
    .byte 0x67, 0x0f, 0x01, \bits16, 0x00, 0x06
    movl LOW+0x2, %eax
    expect "\ring \name with a 16-bit address", $\base
    prefixed_store "\ring \name", "\insn BUF", "movl BUF+0x2, %eax", $\base
    movl $BUF-0x40, %ecx
    movl $0x10, %edx
    movl $0x0, BUF+0x4
    \insn 0x2(%ecx,%edx,4)
    movl BUF+0x4, %eax
    expect "\ring \name with base and index", $\base
.endm

# sldt, str, smsw: a register gets the operand size, memory always 16 bits.
.macro pill_word ring, name, insn, want
    movl $0xa5a5a5a5, %eax
    \insn\()l %eax
    andl $0xffff, %eax
    expect "\ring \name r32", $\want
    movl $0xa5a5a5a5, %eax
    \insn\()w %ax
    expect "\ring \name r16", $0xa5a50000+\want
    movl $0xa5a5a5a5, BUF
    \insn\()w BUF
    movl BUF, %eax
    expect "\ring \name m16", $0xa5a50000+\want
    movl $0xa5a5a5a5, BUF
    .byte 0x66
    \insn\()w BUF
    movl BUF, %eax
    expect "\ring \name m16 with 66", $0xa5a50000+\want
    prefixed "\ring \name", "\insn\()l %eax", "andl $0xffff, %eax", $\want
.endm

# mov and push of one segment register.
.macro pill_selector ring, name, want
    movl $0xa5a5a5a5, %eax
    movl %\name, %eax
    expect "\ring mov \name to r32", $\want
    movl $0xa5a5a5a5, %eax
    movw %\name, %ax
    expect "\ring mov \name to r16", $0xa5a50000+\want
    movl $0xa5a5a5a5, BUF
    mov %\name, BUF
    movl BUF, %eax
    expect "\ring mov \name to memory", $0xa5a50000+\want
    pushl %\name
    popl %eax
    andl $0xffff, %eax
    expect "\ring push \name", $\want
    movl %esp, %edx
    .byte 0x66
    pushl %\name
    subl %esp, %edx
    popw %ax
    movzwl %ax, %eax
    expect "\ring push \name with 66", $\want
    movl %edx, %eax
    expect "\ring push \name with 66 takes two bytes", $0x2
    prefixed "\ring mov \name", "movl %\name, %eax", "nop", $\want
    prefixed "\ring push \name", "pushl %\name", "movzwl (%esp), %eax; addl $0x4, %esp", $\want
.endm

# lar, lsl, verr, verw of one selector: the access rights (want_lar = 0: refused), the limit, readable, writable.
.macro pill_rights ring, name, selector, want_lar, want_lsl, want_verr, want_verw
    movl $\selector, %ecx
    movl $0xa5a5a5a5, %eax
    larl %ecx, %eax
    sete BUF
    .if \want_lar
    andl $0x00f0ff00, %eax
    expect "\ring lar \name", $\want_lar
    movzbl BUF, %eax
    expect "\ring lar \name zf", $0x1
    .else
    expect "\ring lar \name leaves the register", $0xa5a5a5a5
    movzbl BUF, %eax
    expect "\ring lar \name zf", $0x0
    .endif
    movl $0xa5a5a5a5, %eax
    lsll %ecx, %eax
    sete BUF
    expect "\ring lsl \name", $\want_lsl
    movzbl BUF, %eax
    .if \want_lsl-0xa5a5a5a5
    expect "\ring lsl \name zf", $0x1
    .else
    expect "\ring lsl \name zf", $0x0
    .endif
    movw %cx, BUF
    verr BUF
    sete %al
    verw %cx
    sete %ah
    movzwl %ax, %eax
    expect "\ring verr, verw \name", $\want_verr+0x100*\want_verw
.endm
