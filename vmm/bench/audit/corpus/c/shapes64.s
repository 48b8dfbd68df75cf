# SPDX-License-Identifier: GPL-2.0-or-later
# The same shapes with 64-bit means: RIP-relative pointers, long constants, prefixes.
# @build bits=64 forms=exe,exe-stripped,o
	.text
	.globl	_start
	.type	_start, @function
_start:
	lea	one(%rip), %rax
	jmp	*%rax
	.byte	0x48, 0xb8
one:	pushf
	pop	%rax
	call	2f
	.byte	0xe8, 0xfa
2:	pop	%rdx
	add	$three-2b+2, %rdx
	push	%rdx
	ret
	.byte	0x48, 0x81
three:	sgdt	-16(%rsp)
	movabs	$four+0x123456789, %rcx
	movabs	$-0x123456789, %rbx
	lea	(%rcx,%rbx), %rsi
	jmp	*%rsi
	.byte	0x0f, 0x30
four:	cli
	movq	$five, -8(%rsp)
	jmp	*-8(%rsp)
	.byte	0xc7, 0x84
five:	rdmsr
	lea	cell(%rip), %rbp
	push	(%rbp)
	ret
	.byte	0x9a, 0x9c
	.balign	8
cell:	.quad	six
	.byte	0xff
six:	mov	$1, %ecx
1:	.byte	0x48, 0xb8		# @spans 10 movabs $constant, %rax
3:	cpuid
	rdtsc
	pushf
	pop	%rdx
	nop
	nop
	dec	%ecx
	jns	3b
	test	%rsp, %rsp
	jnz	seven
	.byte	0xe9, 0x0f, 0xa2
seven:	.byte	0xeb			# @spans 2 jmp .+1
	.byte	0xff, 0xc0		# @code inc %eax
	xor	%r8d, %r8d
	cmp	$1, %r8
	jb	eight
	.byte	0x66
eight:	call	skip
	.ascii	"jumped by the callee\0"
	sti
	mov	%cr0, %r9
	call	skip_one
	.byte	0xb8
	swapgs
	.byte	0x3e, 0x3e, 0x3e	# @code ds
	cpuid
	syscall
	hlt
	.size	_start, .-_start
	.byte	0x48
	.type	skip, @function
skip:	addq	$21, (%rsp)
	ret
	.size	skip, .-skip
	.byte	0x0f
	.type	skip_one, @function
skip_one:
	pop	%r10
	inc	%r10
	jmp	*%r10
	.size	skip_one, .-skip_one
