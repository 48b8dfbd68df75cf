# SPDX-License-Identifier: GPL-2.0-or-later
# Where everything of a guest lies. The image is at 0x100000 and must stay below 0x180000; the builder asks the boot loader
# for zeroed memory from there to 0x200000, so all of these start as zeroes. Numbers are always written 0x... (see README.md).
.equ IDT, 0x180000              # 256 gates
.equ HANDLERS, 0x181000         # 256 addresses: called by trap_common with %ebp = frame
.equ TSS, 0x182000              # 0x68 bytes, then an I/O permission bitmap of 0x2000 bytes and its 0xff
.equ TSS_LIMIT, 0x2068
.equ LDT, 0x185000
.equ RECORD, 0x186000           # what record_trap saw, see below
.equ SCRATCH, 0x187000          # one page for the guest's own use
.equ gdt, 0x188000              # 32 descriptors: seven from tables.s, from 0x38 on the guest's own
.equ USER_STACK, 0x1c0000       # stack tops
.equ TRAP_STACK, 0x1d0000       # ring 0 stack taken from ring 3 (TSS.esp0)
.equ STACK, 0x1e0000

.equ REC_COUNT, 0x186000
.equ REC_VECTOR, 0x186004
.equ REC_ERROR, 0x186008
.equ REC_EIP, 0x18600c
.equ REC_CS, 0x186010
.equ REC_EFLAGS, 0x186014
.equ REC_ESP, 0x186018
.equ REC_SS, 0x18601c
.equ REC_CR2, 0x186020
.equ RESUME, 0x186024           # where record_trap goes on: see there
.equ FAILURES, 0x186028
.equ KERNEL_ESP, 0x18602c       # ring 0 stack that enter_user left behind

.equ CODE0, 0x08
.equ DATA0, 0x10
.equ CODE3, 0x1b
.equ DATA3, 0x23
.equ TSS_SEL, 0x28
.equ LDT_SEL, 0x30

# Offsets in a trap frame, from %ebp in a handler.
.equ F_ES, 0x0
.equ F_DS, 0x4
.equ F_EDI, 0x8
.equ F_ESI, 0xc
.equ F_EBX, 0x18
.equ F_EDX, 0x1c
.equ F_ECX, 0x20
.equ F_EAX, 0x24
.equ F_VECTOR, 0x28
.equ F_ERROR, 0x2c
.equ F_EIP, 0x30
.equ F_CS, 0x34
.equ F_EFLAGS, 0x38
.equ F_ESP, 0x3c                # these two only when the trap came from an outer ring
.equ F_SS, 0x40
