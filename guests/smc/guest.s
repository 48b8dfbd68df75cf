# SPDX-License-Identifier: GPL-2.0-or-later
# Code that changes itself in every way: by any store, on its own page or another, through an alias, over a page edge; code that
# is copied, generated, entered in the middle. Every line says a number that only exact execution gives.
.include "start.s"
.include "paging.s"
.equ AREA, 0x300000             # code pages made here
.equ BUF, 0x187000

# Copies a template to AREA + where.
.macro place template, size, where=0x0
    movl $\template, %esi
    movl $AREA+\where, %edi
    movl $\size, %ecx
    rep movsb
.endm

.macro call_at where
    movl $\where, %ecx
    call *%ecx
.endm

main:
    call own_block
    call own_page
    call other_page
    call crossing
    call by_string
    call copied
    call sites
    call generated
    call middle
    call by_every_store
    call by_the_monitor
    call sensitive_operands
    call hot
    call mixed
    in_user user_part, 0x0002
    call paging_setup
    call aliases
    finish

# The next instructions of the block that stores.
own_block:
    movb $0x11, own_next+0x1
own_next:
    movl $0x00, %eax
    expect "the next instruction", $0x11
    movb $0x22, own_later+0x1
    nop
    nop
own_later:
    movl $0x00, %eax
    expect "a later instruction of the block", $0x22
    movl $0x0, %eax
    movl $0xc8, %ecx
own_loop:
    movb %cl, own_count+0x1
own_count:
    .byte 0x05                  # addl imm32, %eax with the low byte 0xc8 .. 1
    .long 0x0
    decl %ecx
    jnz own_loop
    expect "two hundred rounds", $0x4e84
    movb $0x90, own_ud          # nops over ud2
    movb $0x90, own_ud+0x1
own_ud:
    ud2
    movw $0x0b0f, own_ud
    movb $0x40, own_back        # inc %eax over dec %eax, twice in one loop
    movl $0x0, %eax
    movl $0x2, %ecx
own_back:
    decl %eax
    movb $0x48, own_back
    loop own_back
    movb $0x48, own_back
    expect "one up, one down", $0x0
    movb $0xeb, own_jump        # a jump over a call made from a nop
    movb $0x02, own_jump+0x1
    movl $0x5, %eax
own_jump:
    nop
    nop
    incl %eax
    incl %eax
    movw $0x9090, own_jump
    expect "a jump that was not there", $0x5
    ret

# Another block of the same page.
own_page:
    call own_function
    expect "before", $0x1
    movb $0x2, own_function+0x1
    call own_function
    expect "another block of the page", $0x2
    movl $own_function, %edi
    movl $0xc3c03190, (%edi)    # nop, xorl %eax %eax, ret
    call own_function
    expect "another length", $0x0
    movl $0x000001b8, (%edi)
    call own_function
    expect "back again", $0x1
    ret
own_function:
    movl $0x1, %eax
    ret

# A page that nothing else runs on.
other_page:
    place one, 0x10
    call_at AREA
    expect "another page", $0x1
    movl $0x33, AREA+0x1
    call_at AREA
    expect "another page, changed", $0x33
    movb $0x44, AREA+0x1
    call_at AREA
    expect "another page, one byte", $0x44
    movl $0x9090, AREA+0xff0    # data far away on the same page
    call_at AREA
    expect "another page, data beside", $0x44
    ret
one:
    movl $0x1, %eax
    ret
.balign 0x10, 0x90

# Instructions and stores over a page edge.
crossing:
    place one, 0x10, 0xffd      # b8 01 00 | 00 00 c3
    call_at AREA+0xffd
    expect "crossing instruction", $0x1
    movb $0x12, AREA+0x1000
    call_at AREA+0xffd
    expect "crossing instruction, second page changed", $0x120001
    movb $0x13, AREA+0xffe
    call_at AREA+0xffd
    expect "crossing instruction, first page changed", $0x120013
    movl $0x87654321, AREA+0xffe
    call_at AREA+0xffd
    expect "crossing instruction, crossing store", $0x87654321
    movw $0xabcd, AREA+0xfff
    call_at AREA+0xffd
    expect "crossing instruction, crossing word", $0x87abcd21
    place flags_word, 0x10, 0xfff   # pushf on the first page, pop on the second
    call_at AREA+0xfff
    andl $0x3202, %eax
    expect "sensitive before the edge", $0x2
    movl $0x90909090, AREA+0xffb
    place store_word, 0x10, 0xffe   # smsw over the edge
    call_at AREA+0xffe
    andl $0xffff, %eax
    expect "sensitive over the edge", $0x11
    movb $0xc8, AREA+0x1000     # 0f 01 | c8: monitor, no, 0f 00 | c8: str %eax
    movb $0x00, AREA+0xfff
    call_at AREA+0xffe
    andl $0xffff, %eax
    expect "sensitive over the edge, made another", $TSS_SEL
    ret
flags_word:
    pushfl
    popl %eax
    ret
.balign 0x10, 0x90
store_word:
    smswl %eax
    ret
.balign 0x10, 0x90

# String instructions over code, also over what follows them.
by_string:
    place one, 0x10
    movl $string_patch, %esi
    movl $AREA, %edi
    movl $0x6, %ecx
    rep movsb
    call_at AREA
    expect "rep movs over code", $0x77
    movl $string_patch, %esi
    movl $string_here, %edi
    movl $0x5, %ecx
    rep movsb
string_here:
    movl $0x1, %eax
    expect "rep movs over the next instruction", $0x77
    movb $0x1, string_here+0x1
    movl $string_here_too, %edi
    movl $0x0, %ebx
    movl $0x3, %ecx
    movb $0x43, %al             # inc %ebx
    rep stosb
string_here_too:
    nop
    nop
    nop
    movl %ebx, %eax
    expect "rep stos over the next instructions", $0x3
    movl $0x90909090, %eax
    movl $string_here_too, %edi
    stosw
    stosb
    ret
string_patch:
    movl $0x77, %eax
    ret

# Code with sensitive instructions, copied and run at two places; the copy holds the bytes as they were written.
copied:
    place sensitive, 0x40, 0x2000
    place sensitive, 0x40, 0x3003
    call_at AREA+0x2000
    expect "copied sensitive code", $0x2b21
    call_at AREA+0x3003
    expect "copied sensitive code, elsewhere", $0x2b21
    movl $AREA+0x2000, %esi     # a copy of the copy, after it ran
    movl $AREA+0x4000, %edi
    movl $0x40, %ecx
    rep movsb
    call_at AREA+0x4000
    expect "copy of a copy that ran", $0x2b21
    movl $sensitive, %esi
    movl $AREA+0x4000, %edi
    movl $0x40, %ecx
    repe cmpsb
    movl %ecx, %eax
    expect "its bytes", $0x0
    call sensitive
    expect "the original", $0x2b21
    ret
sensitive:                      # cs + ss + str + cr0 + IOPL 0 + pushf
    movl %cs, %eax
    movl %ss, %edx
    addl %edx, %eax
    strl %edx
    addl %edx, %eax
    smswl %edx
    andl $0xffff, %edx
    addl %edx, %eax
    pushl $0x2ad0
    popfl
    pushfl
    popl %edx
    andl $0x3ed5, %edx
    addl %edx, %eax
    pushl $0x2
    popfl
    ret
.balign 0x40, 0x90

# Fourteen sensitive instructions on one page; then one of them becomes something else, and back.
sites:
    place fourteen, 0xa0, 0x5000
    call_at AREA+0x5000
    expect "fourteen sites", $0x1d0
    movl $AREA+0x5000, %edi
    movl $0xa0, %ecx
    movl $0x0, %ebx
sites_next:                     # every mov %cs, %eax (8c c8) in turn becomes xor %eax, %eax (31 c0)
    cmpw $0xc88c, (%edi)
    jne sites_skip
    movw $0xc031, (%edi)
    pushl %ecx
    pushl %edi
    call_at AREA+0x5000
    popl %edi
    popl %ecx
    addl %eax, %ebx
    movw $0xc88c, (%edi)
sites_skip:
    incl %edi
    decl %ecx
    jnz sites_next
    movl %ebx, %eax
    expect "one of fourteen replaced, seven times", $0xc78
    call_at AREA+0x5000
    expect "fourteen sites again", $0x1d0
    ret
fourteen:
    movl $0x0, %edx
    .rept 0x7
    movl %cs, %eax
    addl %eax, %edx
    smswl %eax
    movzbl %al, %eax
    addl %eax, %edx
    addl %edx, %edx
    shrl %edx
    .endr
    leal 0x120(%edx), %eax
    incl %eax
    ret
    .balign 0x10, 0x90

# Eight functions made at run time at one place, each called a few times.
generated:
    movl $0x0, %ebx
    movl $0x8, %esi
generate:
    movb $0xb8, AREA+0x6000
    movl %esi, AREA+0x6001
    movb $0x9c, AREA+0x6005     # pushf, popf in the middle
    movb $0x9d, AREA+0x6006
    movb $0xc3, AREA+0x6007
    movl $0x3, %edi
generate_call:
    call_at AREA+0x6000
    addl %eax, %ebx
    decl %edi
    jnz generate_call
    decl %esi
    jnz generate
    movl %ebx, %eax
    expect "generated code", $0x6c
    movl $0x0, %ebx             # a function of growing length at growing places
    movl $AREA+0x6800, %edi
    movl $0x20, %ecx
grow:
    movb $0x43, (%edi)          # inc %ebx before the ret of the last one
    movb $0xc3, 0x1(%edi)
    pushl %ecx
    call_at AREA+0x6800
    popl %ecx
    incl %edi
    decl %ecx
    jnz grow
    movl %ebx, %eax
    expect "a function that grows", $0x210
    ret

# The same bytes decoded from two starts.
middle:
    call hidden
    expect "from its start", $0xc390589c
    call hidden+0x1
    andl $0x3202, %eax
    expect "pushf inside an immediate", $0x2
    call hidden
    expect "from its start again", $0xc390589c
    movl $0x3, %edi             # and in turn
middle_turn:
    call hidden+0x1
    movl %eax, %ebx
    call hidden
    decl %edi
    jnz middle_turn
    xorl %ebx, %eax
    andl $0xffff3200, %eax
    expect "in turn", $0xc3901000
    movl $0x0, %eax
    call overlap
    expect "smsw", $0x11
    movl $0x1000, %eax
    movl $0x4, %ecx
    call overlap+0x1
    subl %esp, %eax
    andl $0xffff, %eax
    expect "its second byte: add %esp, %eax", $0xffc
    call tail
    expect "str", $TSS_SEL
    movl $AREA, %eax
    call tail+0x1               # 00 c8: add %cl, %al
    expect "its second byte: add %cl, %al", $AREA+0x4
    movl $0x5, %eax
    call prefixed_mov
    expect "mov from cs under 66", $0x8
    call prefixed_mov+0x1
    expect "the same without 66", $0x8
    jmp jump_target+0x1
jump_target:
    .byte 0xe9                  # jmp over nothing: its displacement is nop, pushf, pop
    nop
    pushfl
    popl %eax
    nop
    andl $0x3202, %eax
    expect "code inside a displacement", $0x2
    ret
hidden:
    .byte 0xb8                  # movl $0xc390589c, %eax
    pushfl
    popl %eax
    nop
    ret
    ret
overlap:
    smswl %eax
    andl $0xffff, %eax
    ret
tail:
    strl %eax
    ret
prefixed_mov:
    .byte 0x66
    movl %cs, %eax
    movzwl %ax, %eax
    ret

# Stores of every kind over a function that runs between them.
.macro stored text, want
    movl $AREA+0x8000, %ecx
    call *%ecx
    expect "\text", $\want
.endm
by_every_store:
    place one, 0x10, 0x8000
    stored "first", 0x1
    incl AREA+0x8001
    stored "inc", 0x2
    addb $0x10, AREA+0x8001
    stored "add", 0x12
    movl $0x5, %eax
    xchgl %eax, AREA+0x8001
    stored "xchg", 0x5
    movl $0x3, %eax
    lock; xaddl %eax, AREA+0x8001
    stored "xadd", 0x8
    movl $0x8, %eax
    movl $0x9, %ecx
    lock; cmpxchgl %ecx, AREA+0x8001
    stored "cmpxchg", 0x9
    btsl $0x4, AREA+0x8001
    stored "bts", 0x19
    notb AREA+0x8002
    stored "not", 0xff19
    sete AREA+0x8002
    shll $0x1, AREA+0x8001
    movb $0x0, AREA+0x8002
    stored "shl", 0x32
    pushl $0x77
    popl AREA+0x8001
    stored "pop", 0x77
    movl %esp, %ebx
    movl $AREA+0x8005, %esp
    pushl $0x88
    movl %ebx, %esp
    stored "push", 0x88
    movl $AREA+0x8005, %esp
    call by_call
by_call:
    movl %ebx, %esp
    stored "call", by_call
    movl $0x000099b8, %eax
    movl $0x0000c300, %edx
    movl %eax, BUF
    movl %edx, BUF+0x4
    fildll BUF
    fistpll AREA+0x8000
    stored "fistp", 0x99
    movl %cr4, %eax
    orl $0x200, %eax
    movl %eax, %cr4
    movl $0xaa, BUF+0x1
    movq BUF, %xmm0
    movq %xmm0, AREA+0x8000
    stored "movq", 0xaa
    movl $0x99b8, %eax
    movl AREA+0x8000, %eax
    movl AREA+0x8004, %edx
    movl $0x0000bbb8, %ebx
    movl %edx, %ecx
    lock; cmpxchg8b AREA+0x8000
    stored "cmpxchg8b", 0xbb
    movl %esp, %ebx
    movl $AREA+0x8005, %esp
    movl $0xcc, %eax
    pushal                      # eax is the first, ecx over the opcode
    movl %ebx, %esp
    movb $0xb8, AREA+0x8000
    stored "pusha", 0xcc
    ret

# Stores that a monitor makes for the guest: table registers, selectors, frames of traps, port input.
by_the_monitor:
    place one, 0x10, 0x8000
    stored "again", 0x1
    sgdtl AREA+0x7fff           # the limit 0x00ff ends at 0x8000, the base begins at 0x8001
    movb $0xb8, AREA+0x8000
    stored "sgdt", gdt
    sidtl AREA+0x7fff
    movb $0xb8, AREA+0x8000
    stored "sidt", IDT
    movl $0x0, AREA+0x8001
    strw AREA+0x8001
    stored "str", TSS_SEL
    smsww AREA+0x8001
    stored "smsw", 0x11
    mov %cs, AREA+0x8001
    stored "mov from cs", CODE0
    movl %esp, %ebx
    movl $AREA+0x8005, %esp
    pushl %ss
    movl %ebx, %esp
    movw $0x0, AREA+0x8003
    stored "push ss", DATA0
    movl $AREA+0x8005, %esp
    pushfl
    movl %ebx, %esp
    andl $0x3002, AREA+0x8001
    stored "pushf", 0x2
    movl $AREA+0x8009, %esp
    .byte 0x9a
    .long by_far_call
    .word CODE0
by_far_call:
    movl %ebx, %esp
    movb $0xc3, AREA+0x8005     # eip at 0x8001, cs over the ret
    stored "far call", by_far_call
    movl $0x0, RESUME
    movl $AREA+0x8005, %esp     # the frame ends at 0x8005: its eflags is the immediate
    int3
    movl %ebx, %esp
    movb $0xb8, AREA+0x8000
    andl $0x3002, AREA+0x8001
    stored "frame of a trap", 0x2
    handle 0x3f, record_trap
    movl $AREA+0x800d, %esp     # now its eip is the immediate
    int $0x3f
by_int:
    movl %ebx, %esp
    movl $-0x1, RESUME
    movb $0xb8, AREA+0x8000
    movb $0xc3, AREA+0x8005
    stored "frame of an interrupt", by_int
    movw $0x3ff, %dx            # the scratch register of the serial port
    movb $0x5d, %al
    outb %al, %dx
    movl $0x0, AREA+0x8001
    movl $AREA+0x8001, %edi
    movl $0x2, %ecx
    rep insb
    stored "rep ins", 0x5d5d
    movl $0x10, AREA+0x8001
    movl $0x3, %eax
    arpl %ax, AREA+0x8001
    stored "arpl", 0x13
    ret

# The byte that says which port, which vector, which register changes.
sensitive_operands:
    movw $0x3ff, %dx
    movb $0x42, %al
    outb %al, %dx
    place ports, 0x20, 0x9000
    call_at AREA+0x9000
    expect "in from the scratch register", $0x42
    place vector, 0x10, 0x9100
    handle 0x3b, count_vector
    call_at AREA+0x9100
    expect "int 0x3b", $0x3b
    movb $0x3c, AREA+0x9101
    handle 0x3c, count_vector
    call_at AREA+0x9100
    expect "int 0x3c", $0x3c
    place registers, 0x10, 0x9200
    call_at AREA+0x9200
    expect "mov from cs", $CODE0
    movb $0xd0, AREA+0x9201
    call_at AREA+0x9200
    expect "made mov from ss", $DATA0
    movb $0x89, AREA+0x9200
    movb $0xe0, AREA+0x9201
    call_at AREA+0x9200
    subl %esp, %eax
    expect "made mov from esp", $-0x4
    movb $0x8c, AREA+0x9200
    movb $0xc8, AREA+0x9201
    call_at AREA+0x9200
    expect "made mov from cs again", $CODE0
    place control, 0x10, 0x9300
    call_at AREA+0x9300
    andl $0x1f, %eax
    expect "mov from cr0", $0x11
    movb $0xd8, AREA+0x9302
    call_at AREA+0x9300
    expect "made mov from cr3", $0x0
    ret
ports:
    movw $0x3ff, %dx
    inb %dx, %al
    movzbl %al, %eax
    ret
    .balign 0x20, 0x90
vector:
    int $0x3b
    ret
    .balign 0x10, 0x90
registers:
    movl %cs, %eax
    ret
    .balign 0x10, 0x90
control:
    movl %cr0, %eax
    ret
    .balign 0x10, 0x90
count_vector:
    movl F_VECTOR(%ebp), %eax
    movl %eax, F_EAX(%ebp)
    ret

# Sites that have run often are overwritten like others.
hot:
    place hot_loop, 0x40, 0xa000
    movl $0x3000, %edx
    call_at AREA+0xa000
    expect "pushf and popf 12288 times", $0x3000
    movb $0x50, AREA+0xa003     # push %eax for pushf, and pop %eax for popf
    movb $0x58, AREA+0xa004
    movl $0x300, %edx
    call_at AREA+0xa000
    expect "push and pop 768 times", $0x300
    movb $0x9c, AREA+0xa003
    movb $0x9d, AREA+0xa004
    movl $0x3000, %edx
    call_at AREA+0xa000
    expect "pushf and popf again", $0x3000
    movl $AREA+0xa004, %ecx     # enter between the two: popf takes what is pushed here
    pushl $hot_back
    pushl $0x3
    movl $0x1, %edx
    movl $0x0, %eax
    jmp *%ecx
hot_back:
    setc %al
    movzbl %al, %eax
    expect "entered at the popf", $0x1
    movl $0x3000, %edx
    call_at AREA+0xa000
    expect "and once more", $0x3000
    ret
hot_loop:
    xorl %eax, %eax
hot_again:
    incl %eax
    pushfl
    popfl
    decl %edx
    jnz hot_again
    ret
    .balign 0x40, 0x90

# A counter among code.
mixed:
    movl $0x2000, %ecx
mixed_loop:
    incl mixed_counter
    decl %ecx
    jnz mixed_loop
    movl mixed_counter, %eax
    expect "a counter on the page that runs", $0x2000
    ret
mixed_counter: .long 0x0

# Through another linear address of the same frame.
aliases:
    place one, 0x10
    window 0x0, AREA+0x3
    window 0x1, AREA+0x3
    window 0x2, AREA+0x1003
    call_at WINDOW
    expect "alias", $0x1
    movl $0x21, WINDOW+0x1001
    call_at WINDOW
    expect "alias, changed through another", $0x21
    call_at WINDOW+0x1000
    expect "the other alias", $0x21
    movl $0x22, AREA+0x1
    call_at WINDOW
    expect "alias, changed at its frame", $0x22
    movl $0x23, WINDOW+0x1
    call_at AREA
    expect "frame, changed through the alias", $0x23
    place one, 0x10, 0xffd
    call_at WINDOW+0x1ffd
    expect "crossing instruction through an alias", $0x1
    movw $0x4567, AREA+0xfff
    call_at WINDOW+0x1ffd
    expect "changed by a crossing store at its frame", $0x456701
    movl $alias_code, %esi      # code that changes itself through its alias
    movl $AREA, %edi
    movl $0x40, %ecx
    rep movsb
    call_at WINDOW
    expect "code that changes itself through its alias", $0x77
    ret
alias_code:
    movb $0x77, WINDOW+0x1000+alias_next+0x1-alias_code
    jmp alias_next
alias_next:
    movl $0x0, %eax
    ret
    .balign 0x40, 0x90

.balign 0x1000, 0x90
user_text:
.set USER, 0x1
# Ring 3: code on the stack, and its own next instruction.
user_part:
    movb $0x66, user_next+0x1
user_next:
    movl $0x0, %eax
    expect "ring 3 next instruction", $0x66
    pushl $0x90c358
    pushl $0x9c9000b8           # on the stack: mov .. hides pushf, pop, ret
    leal 0x3(%esp), %eax
    call *%eax
    addl $0x8, %esp
    andl $0x3202, %eax
    expect "ring 3 code on the stack", $0x2
    pushl $0xc3c88c
    movl %esp, %eax
    call *%eax
    addl $0x4, %esp
    expect "ring 3 mov from cs on the stack", $CODE3
    to_kernel
user_text_end:
