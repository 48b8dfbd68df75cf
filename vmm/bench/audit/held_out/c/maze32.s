# SPDX-License-Identifier: GPL-2.0-or-later
# Rooms behind each other, each left by another trick.
# @build bits=32 forms=exe,exe-stripped,o
	.text
	.globl	_start
	.type	_start, @function
_start:
	mov	$0x1234, %eax
	cmp	$0x1234, %eax
	jne	wall
	sgdt	-8(%esp)
	push	$room_2-0x40
	addl	$0x40, (%esp)
	ret
wall:	.byte	0x0f, 0xa2, 0xe8, 0x9c
room_2:	pushf
	pop	%ecx
	mov	$door+3, %edx
	dec	%edx
	dec	%edx
	dec	%edx
	push	%edx
	ret
	.byte	0xb8, 0xfa
door:	cli
	call	over
	.ascii	"skip this text\0"
	sti
	xor	%ebx, %ebx
	jmp	*rooms(,%ebx,4)
	.byte	0x81
rooms:	.long	room_3
	.byte	0x68
room_3:	rdtsc
	or	$1, %eax
	jz	wall
	call	1f
1:	pop	%esi
	lea	room_4-1b(%esi), %esi
	xchg	%esi, (%esp)
	ret
	.byte	0xe9, 0xf4
room_4:	sidt	-16(%esp)
	test	%esp, %esp
	js	2f
	jns	2f
	.byte	0xc7, 0x05
2:	.byte	0xeb			# @spans 2 jmp .+1
	.byte	0xff, 0xc2		# @code inc %edx
	mov	%cs, %ecx
	.byte	0xb9			# @spans 5 mov $constant, %ecx
3:	pushf
	popf
	str	%ax
	nop
	jecxz	4f
	xor	%ecx, %ecx
	jmp	3b
4:	mov	$1, %eax
	int	$0x80
	hlt
	.size	_start, .-_start
	.byte	0x0f
	.type	over, @function
over:	push	%edi
	mov	4(%esp), %edi
	push	%eax
	push	%ecx
	xor	%eax, %eax
	mov	$-1, %ecx
	repne scasb
	pop	%ecx
	pop	%eax
	mov	%edi, 4(%esp)
	pop	%edi
	ret
	.size	over, .-over
