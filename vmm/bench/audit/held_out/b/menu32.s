# SPDX-License-Identifier: GPL-2.0-or-later
# A monitor program with its messages, key table and drawing tables between the routines.
# @build bits=32 forms=exe,exe-stripped,o
# @build bits=32 forms=raw base=0x8000 mode=32
	.text
	.globl	_start
	.type	_start, @function
_start:
	cld
	lgdt	descriptor
	mov	$title, %esi
	call	say
ask:	call	wait_key
	mov	$keys, %edi
	mov	$keys_end-keys, %ecx
	repne scasb
	jne	ask
	sub	$keys+1, %edi
	call	*actions(,%edi,4)
	jmp	ask
	.size	_start, .-_start
descriptor:
	.short	23
	.long	gdt
gdt:	.quad	0, 0x00cf9a000000ffff, 0x00cf92000000ffff
keys:	.ascii	"rwcqtm"
keys_end:
title:	.asciz	"r)ead w)rite c)lock q)uit t)race m)ode \234\235\372\017\001\027"
	.byte	0xb8, 0x0f
	.type	say, @function
say:	lodsb
	test	%al, %al
	je	1f
	mov	$0x3f8, %edx
	out	%al, %dx
	jmp	say
1:	ret
	.size	say, .-say
	.balign	4
actions:
	.long	do_read, do_write, do_clock, do_quit, do_trace, do_mode
	.long	0xa20ff4fa, 0
	.type	wait_key, @function
wait_key:
	sti
	hlt
	in	$0x60, %al
	cli
	ret
	.size	wait_key, .-wait_key
	.string16 "line not known"
	.type	do_read, @function
do_read:
	call	number
	mov	%eax, %edx
	in	%dx, %eax
	jmp	show
	.size	do_read, .-do_read
	.type	do_write, @function
do_write:
	call	number
	push	%eax
	call	number
	pop	%edx
	out	%eax, %dx
	ret
	.size	do_write, .-do_write
	.byte	0x68
	.type	do_clock, @function
do_clock:
	rdtsc
	jmp	show
	.size	do_clock, .-do_clock
	.type	number, @function
number:	call	wait_key
	movzbl	%al, %eax
	cmp	$'9', %eax
	ja	1f
	movzbl	classes-'0'(%eax), %eax
	movzwl	routes(,%eax,2), %eax
	add	$number, %eax
	jmp	*%eax
classes:
	.byte	0, 1, 1, 2, 2, 2, 1, 0, 0, 2
routes:	.short	n0-number, n1-number, n2-number
n0:	xor	%eax, %eax
	ret
n1:	smsw	%eax
	ret
n2:	str	%eax
	ret
1:	call	2f
	.asciz	"not a number"
2:	pop	%esi
	call	say
	jmp	number
	.size	number, .-number
	.float	1.5, 2.5
	.type	show, @function
show:	push	%ebx
	mov	$8, %ecx
1:	rol	$4, %eax
	mov	%eax, %ebx
	and	$15, %ebx
	mov	digits(%ebx), %bl
	xchg	%eax, %ebx
	out	%al, $0xe9
	xchg	%eax, %ebx
	loop	1b
	pop	%ebx
	ret
	.size	show, .-show
digits:	.ascii	"0123456789abcdef"
	.type	do_trace, @function
do_trace:
	pushf
	orl	$0x100, (%esp)
	popf
	int3
	ret
	.size	do_trace, .-do_trace
	.zero	5
	.type	do_mode, @function
do_mode:
	mov	%cr0, %eax
	call	show
	mov	%cs, %eax
	call	show
	sidt	descriptor
	mov	%ss, %eax
	lar	%ax, %eax
	jmp	show
	.size	do_mode, .-do_mode
	.type	do_quit, @function
do_quit:
	mov	$1, %eax
	xor	%ebx, %ebx
	int	$0x80
	.size	do_quit, .-do_quit
	.byte	0xcd, 0x80, 0xf4, 0x0f
