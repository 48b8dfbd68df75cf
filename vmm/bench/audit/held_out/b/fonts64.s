# SPDX-License-Identifier: GPL-2.0-or-later
# Glyphs, a state machine and twiddle factors between 64-bit routines.
# @build bits=64 forms=exe,exe-stripped,so,o
	.text
	.globl	_start
	.type	_start, @function
_start:	mov	%rsp, %rbx
	lea	states(%rip), %r12
	xor	%ebp, %ebp
1:	mov	%rbp, %rdi
	call	classify
	cmp	$4, %eax
	ja	2f
	movslq	(%r12,%rax,4), %rcx
	add	%r12, %rcx
	call	*%rcx
	inc	%ebp
	cmp	$100, %ebp
	jb	1b
2:	mov	$231, %eax
	xor	%edi, %edi
	syscall
	ud2
	.size	_start, .-_start
	.balign	8
states:	.long	s0-states, s1-states, s2-states, s3-states, s4-states
glyphs:	.byte	0x18, 0x3c, 0x66, 0x7e, 0x66, 0x66, 0x66, 0
	.byte	0xfa, 0xfb, 0x9c, 0x9d, 0xf4, 0xcf, 0xec, 0xee
	.byte	0x0f, 0xa2, 0x0f, 0x31, 0x0f, 0x30, 0x48, 0xb8
	.type	s0, @function
s0:	pushf
	pop	%rax
	shr	$9, %eax
	ret
	.size	s0, .-s0
	.type	s1, @function
s1:	mov	$0x20, %edx
	in	%dx, %al
	lea	glyphs(%rip), %rsi
	mov	(%rsi,%rax), %al
	out	%al, $0x80
	ret
	.size	s1, .-s1
twiddles:
	.double	0.9238795, 0.3826834, 0.7071067
	.octa	0x0f01f80f01d00f01c80f01d90f01da0f
	.type	s2, @function
s2:	mov	%ds, %eax
	mov	%eax, %es
	movsd	twiddles(%rip), %xmm1
	mulsd	%xmm1, %xmm1
	ret
	.size	s2, .-s2
	.quad	-1
	.type	s3, @function
s3:	rdtscp
	sgdt	-16(%rsp)
	mov	-14(%rsp), %rax
	ret
	.size	s3, .-s3
	.ascii	"H\270"
	.type	s4, @function
s4:	xor	%eax, %eax
	push	%rbx
	cpuid
	pop	%rbx
	verw	-8(%rsp)
	ret
	.size	s4, .-s4
	.byte	0xe8, 0xfa
	.globl	classify
	.type	classify, @function
classify:
	mov	%edi, %eax
	and	$7, %eax
	lea	map(%rip), %rdx
	movzbl	(%rdx,%rax), %eax
	ret
	.size	classify, .-classify
map:	.byte	0, 1, 2, 3, 4, 0, 1, 2
	.fill	3, 1, 0x9c
