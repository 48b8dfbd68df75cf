# SPDX-License-Identifier: GPL-2.0-or-later
# Fills 64 KiB at %edi with numbers from a linear congruential generator that starts with %eax.
random_fill:
    pushal
    movl $0x4000, %ecx
random_next:
    imull $0x19660d, %eax, %eax
    addl $0x3c6ef35f, %eax
    movl %eax, %ebx
    shrl $0x10, %ebx
    movw %bx, (%edi)
    imull $0x19660d, %eax, %eax
    addl $0x3c6ef35f, %eax
    movl %eax, %ebx
    shrl $0x10, %ebx
    movw %bx, 0x2(%edi)
    addl $0x4, %edi
    decl %ecx
    jnz random_next
    popal
    ret
