# SPDX-License-Identifier: GPL-2.0-or-later
# Reads and writes where there is neither memory nor device, also over the edge of memory.
.include "start.s"
main:
    movl $0xe0000000, %ecx
    movl %ecx, (%ecx)
    movl (%ecx), %eax
    incl (%ecx)
    movl $0x8, %ecx
    movl $0xf0000000, %edi
    movl $0xd0000000, %esi
    rep movsl
    movl $0x1fffffe, %ecx       # 32 MiB less two
    movl $0x12345678, %eax
    movl %eax, (%ecx)
    movzwl (%ecx), %eax
    expect "what was inside memory", $0x5678
    movl (%ecx), %eax
    sgdtl 0xe0000000
    lidtl 0xe0000000
    lidtl idt_pointer
    movl $0xfffffffe, %ecx
    movl (%ecx), %eax
    say "still here\n"
    finish
