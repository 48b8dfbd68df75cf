# SPDX-License-Identifier: GPL-2.0-or-later
# Where these jumps go is decided by what the machine answers, so the file alone does not tell.
# @undecidable targets come from a port, the clock, the stack that the program was given, and memory written at run time
# @build bits=32 forms=exe,exe-stripped
	.text
	.globl	_start
	.type	_start, @function
_start:
	pop	%ecx
	and	$1, %ecx
	imul	$second-first, %ecx
	add	$first, %ecx
	jmp	*%ecx
	.size	_start, .-_start
	.byte	0xe8
first:	pushf
	pop	%eax
	nop
	nop
	jmp	by_port
	.byte	0xb8, 0xb8, 0xb8
second:	cli
	sti
	cpuid
	jmp	by_port

	.byte	0x0f
	.type	by_port, @function
by_port:
	in	$0x60, %al
	movzbl	%al, %eax
	shl	$5, %eax
	add	$pieces, %eax
	call	*%eax
	jmp	by_clock
	.size	by_port, .-by_port
	.byte	0xe9
	.balign	32, 0xb8
pieces:	rdmsr
	ret
	.balign	32, 0xb8
	wrmsr
	ret
	.balign	32, 0xb8
	invlpg	(%eax)
	wbinvd
	ret
	.balign	32, 0xb8

	.type	by_clock, @function
by_clock:
	rdtsc
	xor	%eax, cell
	mov	cell, %eax
	cmp	$0x13572468, %eax
	jne	1f
	.byte	0x9c, 0xfa
1:	movl	$written, %edi
	mov	$code, %eax
	mov	%eax, (%edi)
	push	%eax
	call	unpack
	jmp	*written
	.size	by_clock, .-by_clock
	.byte	0x68
code:	smsw	%ax
	sgdt	(%eax)
	mov	%cr0, %ecx
	mov	%ecx, %cr0
	mov	$1, %eax
	int	$0x80
	hlt

	.type	unpack, @function
unpack:
	mov	4(%esp), %eax
	mov	key, %ecx
	add	%ecx, (%edi)
	sub	%ecx, (%edi)
	ret	$4
	.size	unpack, .-unpack
	.data
cell:	.long	0
written:
	.long	0
key:	.long	0x11111111
