# SPDX-License-Identifier: GPL-2.0-or-later
# A 64-bit program that runs 32-bit code through selector 0x23, and comes back through 0x33.
# @build bits=64 forms=exe,exe-stripped base=0x400000
	.text
	.globl	_start
	.type	_start, @function
_start:
	mov	%rsp, %rbp
	lea	-0x100(%rsp), %rsp
	mov	%cs, %eax
	movl	$legacy, 0x20(%rsp)
	movl	$0x23, 0x24(%rsp)
	ljmp	*0x20(%rsp)
	.code32
legacy:
	mov	%ss, %eax
	push	%ecx
	pushf
	pop	%eax
	pop	%ecx
	inc	%eax
	dec	%ecx
	push	%cs
	pop	%edx
	mov	$20, %eax
	int	$0x80
	ljmp	$0x33, $long_again
	.code64
long_again:
	mov	%rbp, %rsp
	mov	$39, %eax
	syscall
	push	$0x23
	push	$legacy_2
	lretq
	.code32
legacy_2:
	push	%ds
	push	%es
	pop	%es
	pop	%ds
	arpl	%ax, %bx
	sysenter
	.code64
	.size	_start, .-_start

	.globl	entry_32
	.type	entry_32, @function
entry_32:
	swapgs
	mov	%rsp, %gs:8
	push	$0x2b
	push	%rsp
	pushf
	push	$0x23
	push	%rcx
	iretq
	.size	entry_32, .-entry_32
