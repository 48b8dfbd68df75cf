# SPDX-License-Identifier: GPL-2.0-or-later
# Services that tests in both rings use, the recorder of traps, and the way out.
.equ LAST_WHERE, 0x186030
.equ REC_INSIDE, 0x186034       # EFLAGS inside the handler: only IF, TF and NT still tell something
.equ REC_FRAME, 0x186038        # address of the frame, 0x44 bytes from ring 3
.equ REC_AFTER, 0x18603c        # used by framed
.set USER, 0x0

# Ends the run with the value in %eax through isa-debug-exit: the status is value * 2 + 1.
exit:
    outb %al, $0xf4
exit_stay:
    cli
    hlt
    jmp exit_stay

# %eax = 1: print the string at %esi.
# %eax = 2: print the name at %esi and whether %ecx (seen) is %edx (wanted).
# %eax = 3: print the name at %esi and whether the recorded trap was vector %edx, error %ecx, eip LAST_WHERE.
service:
    pushal
    pushfl
    cmpl $0x1, %eax
    je service_puts
    cmpl $0x2, %eax
    je service_equal
    cmpl $0x3, %eax
    je service_trap
    say "unknown service\n"
    movl $0x7e, %eax
    jmp exit
service_puts:
    call puts
    jmp service_end
service_equal:
    call puts
    cmpl %ecx, %edx
    je service_ok
    incl FAILURES
    say " BAD got "
    movl %ecx, %eax
    call puthex
    say " want "
    movl %edx, %eax
    call puthex
    say "\n"
    jmp service_end
service_trap:
    call puts
    cmpl %edx, REC_VECTOR
    jne service_trap_bad
    cmpl $-0x1, %edx
    je service_ok
    cmpl %ecx, REC_ERROR
    jne service_trap_bad
    movl LAST_WHERE, %eax
    cmpl %eax, REC_EIP
    jne service_trap_bad
service_ok:
    say " ok\n"
service_end:
    popfl
    popal
    ret
service_trap_bad:
    incl FAILURES
    say " BAD got vector "
    movl REC_VECTOR, %eax
    call puthex
    say " error "
    movl REC_ERROR, %eax
    call puthex
    say " eip "
    movl REC_EIP, %eax
    call puthex
    say " want "
    movl %edx, %eax
    call puthex
    say " "
    movl %ecx, %eax
    call puthex
    say " "
    movl LAST_WHERE, %eax
    call puthex
    say "\n"
    jmp service_end

# int 0x30 from ring 3: a service for the registers of the frame; %eax = 0 goes back to the caller of enter_user.
service_gate:
    cmpl $0x0, F_EAX(%ebp)
    je leave_user
    movl F_EAX(%ebp), %eax
    movl F_ECX(%ebp), %ecx
    movl F_EDX(%ebp), %edx
    movl F_ESI(%ebp), %esi
    call service
    ret

# Copies the frame to RECORD and goes on at RESUME; 0 = at the saved eip, -1 (as after every verdict) = not at all.
record_trap:
    pushfl
    popl REC_INSIDE
    movl %ebp, REC_FRAME
    incl REC_COUNT
    movl F_VECTOR(%ebp), %eax
    movl %eax, REC_VECTOR
    movl F_ERROR(%ebp), %eax
    movl %eax, REC_ERROR
    movl F_EIP(%ebp), %eax
    movl %eax, REC_EIP
    movl F_CS(%ebp), %eax
    movl %eax, REC_CS
    movl F_EFLAGS(%ebp), %eax
    movl %eax, REC_EFLAGS
    leal F_ESP(%ebp), %eax
    movl %eax, REC_ESP
    movl $0x0, REC_SS
    testl $0x3, F_CS(%ebp)
    jz record_trap_inner
    movl F_ESP(%ebp), %eax
    movl %eax, REC_ESP
    movl F_SS(%ebp), %eax
    movl %eax, REC_SS
record_trap_inner:
    movl %cr2, %eax
    movl %eax, REC_CR2
    movl RESUME, %eax
    cmpl $-0x1, %eax
    je unexpected_trap
    testl %eax, %eax
    jz record_trap_end
    movl %eax, F_EIP(%ebp)
record_trap_end:
    ret

# For framed: %eax = cs, %edi = flags after. Returns what differs in %eax.
frame_differs:
    movl $0x0, %edx
    cmpl %eax, REC_CS
    je frame_cs_fine
    orl $0x1, %edx
frame_cs_fine:
    movl REC_EFLAGS, %eax
    andl $~0x13200, %eax
    cmpl $0x8d7, %eax
    je frame_eflags_fine
    orl $0x2, %edx
frame_eflags_fine:
    movl REC_AFTER, %eax
    cmpl %eax, REC_ESP
    je frame_esp_fine
    orl $0x4, %edx
frame_esp_fine:
    andl $~0x13200, %edi
    cmpl $0x8d7, %edi
    je frame_after_fine
    orl $0x8, %edx
frame_after_fine:
    testl $0x4300, REC_INSIDE
    jz frame_inside_fine
    orl $0x10, %edx
frame_inside_fine:
    movl %edx, %eax
    ret

# A vector without a handler: says so and gives up with exit value 0x7f.
unexpected_trap:
    say "unexpected vector "
    movl F_VECTOR(%ebp), %eax
    call puthex
    say " error "
    movl F_ERROR(%ebp), %eax
    call puthex
    say " eip "
    movl F_EIP(%ebp), %eax
    call puthex
    say " cs "
    movl F_CS(%ebp), %eax
    call puthex
    say "\n"
    movl $0x7f, %eax
    jmp exit
