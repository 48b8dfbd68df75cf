# SPDX-License-Identifier: GPL-2.0-or-later
# Shapes that hide instructions, each by itself and in a row: what can be decided without running it.
# @build bits=32 forms=exe,exe-stripped,o
	.text
	.globl	_start
	.type	_start, @function
_start:
	call	next
	.byte	0xe8
next:	pop	%ebp
	sub	$next-1-_start, %ebp
	lea	tricks-_start(%ebp), %eax
	jmp	*%eax
	.byte	0x0f, 0x20, 0xc0, 0xb8
tricks:
	pushf
	pop	%eax
	call	swallow
	.byte	0xb8, 0xfa, 0xf4, 0x9c
	cli
	call	through_stack
	.byte	0xcd
	.size	_start, .-_start

	.type	through_stack, @function
through_stack:
	movl	$behind, (%esp)
	ret
	.byte	0x9c, 0x9d
behind:
	sti
	push	$back
	push	$inner
	ret
	.byte	0x81
inner:	rdtsc
	ret
	.byte	0x0f
back:	xor	%eax, %eax
	test	%eax, %eax
	jnz	never
	jz	1f
	.byte	0xe9, 0x9c, 0xfa
1:	call	2f
	.byte	0xe8, 0xb8
	jmp	4f
	.byte	0xc7
2:	pop	%ecx
	inc	%ecx
	inc	%ecx
	jmp	*%ecx
	.byte	0x9c, 0xb9
4:	nop
	.byte	0xeb			# @spans 2 jmp .+1
	.byte	0xff, 0xc1		# @code inc %ecx
	jmp	5f
	.size	through_stack, .-through_stack

	.type	swallow, @function
swallow:
	pop	%eax
	add	$4, %eax
	push	%eax
	ret
	.size	swallow, .-swallow
never:	.byte	0xfa, 0xfb, 0xf4, 0xcf

# One stream of bytes, two programs: the outer one first, then its own insides.
5:	mov	$2, %edx
6:	.byte	0xb8			# @spans 5 mov $constant, %eax
7:	cpuid
	nop
	nop
	dec	%edx
	js	8f
	jnz	7b
	.byte	0x05			# @spans 5 add $constant, %eax
9:	pushf
	popf
	jmp	10f
	jmp	9b
8:	mov	$0, %ebx
	jmp	9b
10:	jmp	12f

# A chain whose links are jumped to backwards.
11:	smsw	%ax
	jmp	14f
	.byte	0xb8
12:	jmp	13f
	.byte	0x0f, 0x01
13:	sgdt	-8(%esp)
	jmp	11b
	.byte	0xc7
14:	push	%ds
	push	%es
	pop	%es
	pop	%ds
	mov	link, %eax
	xor	$0x5a5a5a5a, %eax
	neg	%eax
	not	%eax
	inc	%eax
	jmp	*clear
	.byte	0x9a
link:	.long	0x12345678
clear:	.long	15f
	.byte	0xea
15:	mov	$16f+0x1000, %eax
	lea	-0x1000(%eax), %eax
	call	*%eax
	jmp	17f
	.byte	0x68
16:	str	%ax
	sldt	%bx
	ret
	.byte	0x66
17:	mov	$2, %ecx
	lea	18f(,%ecx,2), %eax
	add	$-4, %eax
	jmp	*%eax
	.byte	0xff, 0x25
18:	mov	%cs, %eax
	and	$3, %eax
	.byte	0x2e, 0x3e, 0x2e	# @code cs
	rdtsc
	.byte	0xf3			# @code rep
	cpuid
	stc
	sbb	%edx, %edx
	js	19f
	.byte	0x9d, 0xe8
19:	mov	$1, %eax
	int	$0x80
20:	hlt
	jmp	20b
