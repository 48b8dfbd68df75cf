# SPDX-License-Identifier: GPL-2.0-or-later
# The checksum of the whole text, as a kernel that looks for patches makes it.
checksum:
    movl $0x100020, %esi
    movl $text_end, %ecx
    subl %esi, %ecx
    movl $0x0, %eax
checksum_next:
    movzbl (%esi), %edx
    roll $0x5, %eax
    addl %edx, %eax
    incl %esi
    decl %ecx
    jnz checksum_next
    ret
