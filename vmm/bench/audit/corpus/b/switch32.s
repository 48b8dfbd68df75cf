# SPDX-License-Identifier: GPL-2.0-or-later
# Jump tables of every kind inside code, 32 bit.
# @build bits=32 forms=exe,exe-stripped,o,o-stripped
# @build bits=32 forms=raw base=0x100000 mode=32
	.text
	.globl	_start
	.type	_start, @function
_start:
	mov	$0x90000, %esp
	mov	4(%esp), %eax
	call	absolute
	call	based
	call	words
	call	two_level
	call	backwards
	call	computed_first
	cli
1:	hlt
	jmp	1b
	.size	_start, .-_start

# Addresses, straight behind the jump.
	.type	absolute, @function
absolute:
	cmp	$6, %eax
	ja	9f
	jmp	*table_a(,%eax,4)
table_a:
	.long	a0, a1, a2, a3, a4, a2, a0
a0:	pushf
	pop	%eax
	ret
a1:	in	$0x60, %al
	ret
a2:	cpuid
	mov	%ebx, %eax
	ret
a3:	rdtsc
	ret
a4:	smsw	%ax
	ret
9:	xor	%eax, %eax
	ret
	.size	absolute, .-absolute

# Offsets from the table.
	.type	based, @function
based:
	push	%ebx
	call	1f
1:	pop	%ebx
	add	$table_b-1b, %ebx
	cmp	$4, %eax
	ja	b9
	mov	(%ebx,%eax,4), %eax
	add	%ebx, %eax
	jmp	*%eax
	.byte	0xfa, 0x0f, 0xa2
	.balign	4
table_b:
	.long	b0-table_b, b1-table_b, b2-table_b, b3-table_b, b9-table_b
b0:	sgdt	(%esp)
	jmp	b9
b1:	sidt	(%esp)
	jmp	b9
b2:	str	%ax
	jmp	b9
b3:	sldt	%ax
b9:	pop	%ebx
	ret
	.size	based, .-based

# 16-bit offsets.
	.type	words, @function
words:
	and	$3, %eax
	movzwl	table_w(,%eax,2), %eax
	add	$w0, %eax
	jmp	*%eax
table_w:
	.short	w0-w0, w1-w0, w2-w0, w3-w0
w0:	mov	%cr0, %eax
	ret
w1:	mov	%eax, %cr0
	ret
w2:	mov	%cr2, %eax
	ret
w3:	clts
	ret
	.size	words, .-words

# A byte table picks an entry of an address table.
	.type	two_level, @function
two_level:
	cmp	$15, %eax
	ja	t9
	movzbl	table_i(%eax), %eax
	jmp	*table_t(,%eax,4)
table_i:
	.byte	0, 1, 2, 0, 1, 2, 3, 3, 2, 1, 0, 0, 0, 1, 2, 3
table_t:
	.long	t0, t1, t2, t9
t0:	mov	$0x1b, %ecx
	rdmsr
	ret
t1:	mov	$0x1b, %ecx
	wrmsr
	ret
t2:	invlpg	(%eax)
	ret
t9:	ret
	.size	two_level, .-two_level

# The table stands before its function, entries from high to low.
table_r:
	.long	r3, r2, r1, r0
	.type	backwards, @function
backwards:
	neg	%eax
	cmp	$-3, %eax
	jl	r9
	cmp	$0, %eax
	jg	r9
	jmp	*table_r+12(,%eax,4)
r0:	push	%ds
	pop	%es
	ret
r1:	mov	%cs, %ax
	ret
r2:	lar	%ax, %eax
	ret
r3:	lsl	%ax, %eax
	ret
r9:	ret
	.size	backwards, .-backwards

# Cases 10 to 13: the table's first entry is not at its label.
	.type	computed_first, @function
computed_first:
	lea	-10(%eax), %edx
	cmp	$3, %edx
	ja	c9
	mov	table_c-40(,%eax,4), %edx
	jmp	*%edx
	.p2align 4
table_c:
	.long	c0, c1, c2, c9
c0:	verr	%ax
	setz	%al
	ret
c1:	verw	%ax
	setz	%al
	ret
c2:	push	%eax
	popf
	ret
c9:	movl	$calls, %edx
	and	$3, %eax
	call	*(%edx,%eax,4)
	ret
	.size	computed_first, .-computed_first

calls:	.long	f0, f1, f2, f3
	.type	f0, @function
f0:	sti
	ret
	.size	f0, .-f0
	.ascii	"\372\373\364"
	.type	f1, @function
f1:	wbinvd
	ret
	.size	f1, .-f1
	.long	0x0f0f0f0f, 0xa20f310f
	.type	f2, @function
f2:	mov	$0x3f8, %dx
	in	%dx, %al
	out	%al, %dx
	ret
	.size	f2, .-f2
	.byte	0x9c, 0x9d, 0xcd, 0x80, 0xb8
	.type	f3, @function
f3:	int	$0x80
	iret
	.size	f3, .-f3
