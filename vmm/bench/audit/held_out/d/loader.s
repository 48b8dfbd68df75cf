# SPDX-License-Identifier: GPL-2.0-or-later
# A second stage: copies itself away, asks the BIOS, draws, enters 32 bit by a far call and 64 by a far return.
# @build bits=64 forms=raw base=0x7e00 mode=16
	.text
	.code16
	.globl	_start
_start:	jmp	1f
	.ascii	"STAGE2"
	.short	0xfa9c
1:	cli
	pushw	%cs
	popw	%ds
	movw	$0x9000, %ax
	movw	%ax, %ss
	movw	$0xfffe, %sp
	sti
	movw	$0x0003, %ax
	int	$0x10
	movw	$banner, %si
	call	write
	call	memory
	movb	$0x24, %ah
	movb	$1, %al
	int	$0x15
	jnc	2f
	inb	$0x92, %al
	orb	$2, %al
	outb	%al, $0x92
2:	cli
	movb	$0xff, %al
	outb	%al, $0x21
	outb	%al, $0xa1
	lidtw	no_interrupts
	lgdtl	table
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	jmp	3f
3:	lcalll	$0x10, $stage_32
write:	pusha
	movb	$0x0e, %ah
1:	lodsb
	testb	%al, %al
	jz	2f
	int	$0x10
	jmp	1b
2:	popa
	ret
memory:	xorl	%ebx, %ebx
	movw	$0x5000, %di
	pushw	%es
1:	movl	$0xe820, %eax
	movl	$24, %ecx
	movl	$0x534d4150, %edx
	int	$0x15
	jc	2f
	addw	$24, %di
	orl	%ebx, %ebx
	jnz	1b
2:	popw	%es
	ret
banner:	.asciz	"stage 2\r\n"
no_interrupts:
	.short	0
	.long	0
	.balign	8
gdt:	.quad	0, 0x00af9b000000ffff, 0x00cf9b000000ffff, 0x00cf93000000ffff
table:	.short	31
	.long	gdt
	.code32
stage_32:
	movl	$0x18, %eax
	movl	%eax, %ds
	movl	%eax, %ss
	movl	$0x80000, %esp
	movl	$0x80000001, %eax
	cpuid
	testl	$0x20000000, %edx
	jz	stuck
	movl	$0xb8000, %edi
	movl	$0x07200720, %eax
	movl	$1000, %ecx
	rep stosl
	movl	%cr4, %eax
	orl	$0xa0, %eax
	movl	%eax, %cr4
	movl	$0x70000, %eax
	movl	%eax, %cr3
	movl	$0xc0000080, %ecx
	rdmsr
	btsl	$8, %eax
	wrmsr
	movl	%cr0, %eax
	btsl	$31, %eax
	movl	%eax, %cr0
	pushl	$8
	pushl	$stage_64
	lretl
stuck:	hlt
	jmp	stuck
	.byte	0x9c, 0x9d
	.code64
stage_64:
	xorl	%eax, %eax
	movl	%eax, %ss
	movl	%eax, %es
	movq	%cr0, %rcx
	movw	$0x3f8, %dx
	movb	$'6', %al
	outb	%al, %dx
	movabsq	$0x0123456789abcdef, %r8
	swapgs
	rdmsr
1:	hlt
	jmp	1b
