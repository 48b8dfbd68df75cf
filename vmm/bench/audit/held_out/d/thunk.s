# SPDX-License-Identifier: GPL-2.0-or-later
# A 32-bit program that drops to a 16-bit segment and to real mode for services, with its selectors in its own table.
# @build bits=32 forms=exe,exe-stripped base=0x30000
	.text
	.globl	_start
	.type	_start, @function
_start:	cli
	mov	$0x8f000, %esp
	lgdt	table
	push	$8
	push	$flat
	lret
flat:	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$0x0e41, %eax
	call	service
	call	service
	sti
1:	hlt
	jmp	1b
	.size	_start, .-_start
	.globl	service
	.type	service, @function
service:
	pusha
	mov	%esp, stack
	mov	%ax, wanted
	ljmp	*narrow
	.code16
narrow_code:
	movw	$0x20, %bx
	movw	%bx, %ds
	movw	%bx, %ss
	movl	%cr0, %ebx
	decl	%ebx
	movl	%ebx, %cr0
	pushw	$0x3000
	pushw	$real-_start
	lretw
real:	movw	%cs, %bx
	movw	%bx, %ds
	movw	%bx, %ss
	movw	$0xf000, %sp
	sti
	int	$0x10
	movb	$0, %ah
	int	$0x16
	cli
	smsw	%ax
	orb	$1, %al
	lmsw	%ax
	ljmpl	$8, $wide
	.code32
wide:	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	stack, %esp
	popa
	ret
	.size	service, .-service
	.data
	.balign	8
gdt:	.quad	0, 0x00cf9a000000ffff, 0x00cf92000000ffff, 0x00009a030000ffff, 0x000092030000ffff
table:	.short	39
	.long	gdt
narrow:	.long	narrow_code-_start
	.short	0x18
stack:	.long	0
wanted:	.short	0
