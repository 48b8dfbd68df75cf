# SPDX-License-Identifier: GPL-2.0-or-later
# Jump tables and pools inside code, 64 bit.
# @build bits=64 forms=exe,exe-stripped,o,o-stripped,so,so-stripped
# @build bits=64 forms=raw base=0x200000 mode=64
	.text
	.globl	_start
	.type	_start, @function
_start:
	mov	8(%rsp), %rax
	call	relative
	call	absolute
	call	narrow
	lea	message(%rip), %rsi
	mov	$1, %edi
	mov	$message_end-message, %edx
	mov	$1, %eax
	syscall
	mov	$60, %eax
	xor	%edi, %edi
	syscall
	hlt
	.size	_start, .-_start
message:
	.ascii	"\234\235 looks like pushf; popf \372\373\017\242\n"
message_end:

	.type	relative, @function
relative:
	cmp	$7, %eax
	ja	9f
	lea	table_r(%rip), %rdx
	movslq	(%rdx,%rax,4), %rax
	add	%rdx, %rax
	jmp	*%rax
	.balign	4
table_r:
	.long	r0-table_r, r1-table_r, r2-table_r, r3-table_r, r4-table_r, r5-table_r, 9f-table_r, r0-table_r
r0:	pushf
	pop	%rax
	ret
r1:	push	%rdi
	popf
	ret
r2:	cpuid
	ret
r3:	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	ret
r4:	rdtscp
	ret
r5:	mov	$10, %ecx
	xgetbv
	ret
9:	xor	%eax, %eax
	ret
	.size	relative, .-relative

	.type	absolute, @function
absolute:
	mov	%eax, %eax
	and	$3, %eax
	lea	table_a(%rip), %rcx
	mov	(%rcx,%rax,8), %rax
	add	%rcx, %rax
	jmp	*%rax
	.balign	8
table_a:
	.quad	a0-table_a, a1-table_a, a2-table_a, a3-table_a
a0:	sgdt	-16(%rsp)
	ret
a1:	sidt	-16(%rsp)
	ret
a2:	mov	%cr3, %rax
	ret
a3:	mov	%rax, %cr3
	ret
	.size	absolute, .-absolute
pool:
	.double	3.141592653589793, 2.718281828459045, -1.5, 1e300
	.float	0.1, 0.2, 0.3
	.quad	0x0f300f320fa20f31, 0x9c9c9d9dfafbf4cf

	.type	narrow, @function
narrow:
	and	$3, %eax
	lea	table_n(%rip), %rdx
	movzbl	(%rdx,%rax), %eax
	lea	n0(%rip), %rcx
	add	%rcx, %rax
	jmp	*%rax
table_n:
	.byte	n0-n0, n1-n0, n2-n0, n3-n0
n0:	swapgs
	ret
n1:	movsd	pool(%rip), %xmm0
	rdmsr
	ret
n2:	wrmsr
	ret
n3:	invlpg	(%rdi)
	ret
	.size	narrow, .-narrow
