# SPDX-License-Identifier: GPL-2.0-or-later
# A byte-code machine and a threaded one, programs and dispatch tables in the midst of their code.
# @build bits=32 forms=exe,exe-stripped,o,o-stripped
	.text
	.globl	_start
	.type	_start, @function
_start:
	mov	$program, %esi
	jmp	next
	.size	_start, .-_start

	.type	next, @function
next:
	xor	%eax, %eax
	lodsb
	cmp	$12, %eax
	jae	bad
	jmp	*dispatch(,%eax,4)
	.size	next, .-next
dispatch:
	.long	op_end, op_push, op_add, op_in, op_out, op_flags, op_cli, op_sti, op_cpuid, op_jump, op_thread, op_drop
program:
	.byte	1, 0x60, 3, 1, 0x9c, 4, 5, 6, 7, 8, 11, 9, 2, 0xfa, 0xf4, 10, 0
	.byte	0x0f, 0xa2, 0xcd, 0x80, 0x9d, 0x9c, 0xcf
op_end:
	mov	$1, %eax
	int	$0x80
	hlt
op_push:
	xor	%eax, %eax
	lodsb
	push	%eax
	jmp	next
op_add:
	pop	%eax
	add	%eax, (%esp)
	jmp	next
op_in:
	pop	%edx
	in	%dx, %al
	push	%eax
	jmp	next
op_out:
	pop	%eax
	out	%al, $0xe9
	jmp	next
op_flags:
	pushf
	jmp	next
op_cli:
	cli
	jmp	next
op_sti:
	sti
	jmp	next
op_cpuid:
	push	%esi
	xor	%eax, %eax
	cpuid
	pop	%esi
	push	%ebx
	jmp	next
op_jump:
	movsbl	(%esi), %eax
	lea	1(%esi,%eax), %esi
	jmp	next
op_drop:
	pop	%eax
	jmp	next
op_thread:
	push	%esi
	mov	$threads, %esi
thread:
	lodsl
	jmp	*%eax
threads:
	.long	th_rdtsc, th_str, th_smsw, th_pushes, th_leave
	.long	0x310f9c9c, 0xa20fcdfa
th_rdtsc:
	rdtsc
	jmp	thread
th_str:	str	%eax
	jmp	thread
th_smsw:
	smsw	%eax
	jmp	thread
th_pushes:
	push	%cs
	push	%ss
	pop	%ss
	pop	%eax
	jmp	thread
th_leave:
	pop	%esi
	jmp	next
bad:	ud2
	.long	0xfafafafa
