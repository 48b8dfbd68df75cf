# SPDX-License-Identifier: GPL-2.0-or-later
# A 64-bit kernel that a Multiboot loader enters in 32-bit mode; its other processors start in 16 bit.
# @build bits=64 forms=exe,exe-stripped base=0x100000
	.text
	.code32
	.balign	4
	.long	0x1badb002, 3, -(0x1badb002 + 3)
	.globl	_start
	.type	_start, @function
_start:
	cli
	cld
	mov	$stack, %esp
	push	$0
	popf
	mov	%ebx, %edi
	mov	$0x80000000, %eax
	cpuid
	cmp	$0x80000001, %eax
	jb	too_old
	call	build_pages
	mov	$tables, %eax
	mov	%eax, %cr3
	mov	%cr4, %eax
	bts	$5, %eax
	mov	%eax, %cr4
	mov	$0xc0000080, %ecx
	rdmsr
	bts	$8, %eax
	wrmsr
	mov	%cr0, %eax
	bts	$31, %eax
	mov	%eax, %cr0
	lgdt	gdt_pointer
	ljmp	$8, $kernel
too_old:
	mov	$'!', %al
	mov	$0xe9, %dx
	out	%al, %dx
1:	hlt
	jmp	1b
	.size	_start, .-_start
	.type	build_pages, @function
build_pages:
	push	%edi
	mov	$tables, %edi
	movl	$tables+4096+7, (%edi)
	movl	$tables+8192+7, 4096(%edi)
	xor	%ecx, %ecx
1:	mov	%ecx, %eax
	shl	$21, %eax
	or	$0x87, %eax
	mov	%eax, 8192(%edi,%ecx,8)
	inc	%ecx
	cmp	$512, %ecx
	jne	1b
	pop	%edi
	ret
	.size	build_pages, .-build_pages

	.code64
	.globl	kernel
	.type	kernel, @function
kernel:
	xor	%eax, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%eax, %fs
	mov	%eax, %gs
	movabs	$stack, %rsp
	lea	handler(%rip), %rax
	mov	%ax, idt(%rip)
	lidt	idt_pointer(%rip)
	mov	$0x28, %ax
	ltr	%ax
	mov	$0x9000, %edi
	lea	real_start(%rip), %rsi
	mov	$real_end-real_start, %ecx
	rep movsb
	mov	$0xfee00300, %eax
	movl	$0xc4609, (%rax)
	sti
1:	hlt
	jmp	1b
	.size	kernel, .-kernel
	.globl	handler
	.type	handler, @function
handler:
	push	%rax
	push	%rdx
	mov	$0x60, %edx
	in	%dx, %al
	mov	$0x20, %al
	out	%al, $0x20
	pop	%rdx
	pop	%rax
	iretq
	.size	handler, .-handler

	.section .text.trampoline, "ax"
	.code16
	.globl	real_start
real_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	lgdtl	0x9000+pointer_copy-real_start
	movl	%cr0, %eax
	orl	$1, %eax
	movl	%eax, %cr0
	ljmpl	$0x18, $0x9000+middle-real_start
	.balign	4
	.code32
middle:
	movl	$0x10, %eax
	movl	%eax, %ds
	movl	%eax, %ss
	movl	$tables, %eax
	movl	%eax, %cr3
	movl	%cr4, %eax
	orl	$0x20, %eax
	movl	%eax, %cr4
	movl	$0xc0000080, %ecx
	rdmsr
	orl	$0x100, %eax
	wrmsr
	movl	%cr0, %eax
	orl	$0x80000000, %eax
	movl	%eax, %cr0
	ljmpl	$8, $upper
pointer_copy:
	.short	39
	.long	gdt
real_end:
	.code64
	.globl	upper
	.type	upper, @function
upper:
	movl	$0x1b, %ecx
	rdmsr
	swapgs
	clts
1:	pause
	jmp	1b
	.size	upper, .-upper

	.data
	.balign	8
gdt:	.quad	0
	.quad	0x00af9a000000ffff
	.quad	0x00cf92000000ffff
	.quad	0x00cf9a000000ffff
	.quad	0x008f9a000000ffff
gdt_pointer:
	.short	39
	.quad	gdt
idt_pointer:
	.short	15
	.quad	idt
idt:	.zero	16
	.bss
	.balign	4096
tables:	.zero	12288
	.zero	8192
stack:
