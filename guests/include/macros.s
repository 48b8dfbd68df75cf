# SPDX-License-Identifier: GPL-2.0-or-later
# Macros every test guest uses. USER says at assembly time which ring the following code runs in: 0 calls the services
# directly, 1 asks for them by int 0x30.
.set USER, 0x0

# Asks service %eax (see service in check.s).
.macro ask gate=0x30
    .if USER
    int $\gate
    .else
    call service
    .endif
.endm

# Prints a string. Keeps everything.
.macro say text
    pushl %eax
    pushl %esi
    movl $Lsay_text\@, %esi
    movl $0x1, %eax
    ask
    popl %esi
    popl %eax
    jmp Lsay_end\@
Lsay_text\@: .asciz "\text"
Lsay_end\@:
.endm

# Prints "text ok" if %eax is the wanted value, else "text BAD" and both.
.macro expect text, want
    pushl %ecx
    pushl %edx
    pushl %esi
    pushl %eax
    movl \want, %edx
    movl %eax, %ecx
    movl $Lexp_text\@, %esi
    movl $0x2, %eax
    ask
    popl %eax
    popl %esi
    popl %edx
    popl %ecx
    jmp Lexp_end\@
Lexp_text\@: .asciz "\text"
Lexp_end\@:
.endm

# Runs one instruction that must fault: vector and error code as in the frame (error 0 where there is none), eip at the
# instruction. Anything but %eax, %ecx, %edx, %esi is kept. Prints "text ok" or what was seen.
.macro faults text, vector, error, insn
    movl $Lflt_after\@, RESUME
    movl $-0x1, REC_VECTOR
Lflt_site\@:
    \insn
Lflt_after\@:
    verdict "\text", \vector, \error, Lflt_site\@
.endm

# As faults, with all of the frame: cs, eflags (0x8d7 set before; RF aside), esp, and the flags that iret brings back.
# A difference prints as 1 (cs), 2 (eflags), 4 (esp), 8 (flags after), 0x10 (IF, TF or NT inside the handler).
.macro framed text, vector, error, insn
    movl $Lfrm_after\@, RESUME
    movl $-0x1, REC_VECTOR
    movl %esp, REC_AFTER
    pushl $0x8d7
    popfl
Lfrm_site\@:
    \insn
Lfrm_after\@:
    pushfl
    popl %edi
    verdict "\text", \vector, \error, Lfrm_site\@
    movl %cs, %eax
    call frame_differs
    expect "\text, frame", $0x0
.endm

# As faults, for an instruction that must not fault: it may change any register but %esp.
.macro clean text, insn
    movl $Lcln_after\@, RESUME
    movl $-0x1, REC_VECTOR
    \insn
Lcln_after\@:
    verdict "\text", -0x1, 0x0, 0x0
.endm

# Judges what record_trap wrote: vector, error code, eip.
.macro verdict text, vector, error, where
    movl $Lver_text\@, %esi
    movl $\vector, %edx
    movl $\error, %ecx
    movl $\where, LAST_WHERE
    movl $-0x1, RESUME
    movl $0x3, %eax
    ask
    jmp Lver_end\@
Lver_text\@: .asciz "\text"
Lver_end\@:
.endm

# Sends one vector to a handler.
.macro handle vector, handler
    movl $\handler, HANDLERS+\vector*4
.endm

# Ends the run: exit value 0x10 when nothing printed BAD, else 0x11.
# (The parameter is there because the assembler expands $0 and not \@ in macros that have none.)
.macro finish pass=0x10
    movl $\pass, %eax
    cmpl $0x0, FAILURES
    je Lfin\@
    movl $0x11, %eax
Lfin\@:
    jmp exit
.endm
