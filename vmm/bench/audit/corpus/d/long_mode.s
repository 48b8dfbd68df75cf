# SPDX-License-Identifier: GPL-2.0-or-later
# From real mode through protected mode to long mode, and back down to compatibility mode.
# @build bits=64 forms=raw base=0x8000 mode=16
	.text
	.code16
	.globl	_start
_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	movw	$0x7000, %sp
	movl	$0x80000001, %eax
	cpuid
	btl	$29, %edx
	jnc	no_long_mode
	lgdtl	gdt_pointer
	movl	%cr0, %eax
	orl	$1, %eax
	movl	%eax, %cr0
	ljmpl	$0x08, $in_32
no_long_mode:
	movw	$why, %si
1:	lodsb
	testb	%al, %al
	jz	2f
	movb	$0x0e, %ah
	int	$0x10
	jmp	1b
2:	hlt
	jmp	2b
why:	.asciz	"This processor has no long mode."

	.code32
in_32:
	movl	$0x10, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	$0x7000, %esp
	movl	$0x1000, %edi
	movl	%edi, %cr3
	xorl	%eax, %eax
	movl	$3072, %ecx
	rep stosl
	movl	$0x2003, 0x1000
	movl	$0x3003, 0x2000
	movl	$0x83, 0x3000
	movl	%cr4, %eax
	orl	$0x20, %eax
	movl	%eax, %cr4
	movl	$0xc0000080, %ecx
	rdmsr
	orl	$0x101, %eax
	wrmsr
	movl	%cr0, %eax
	orl	$0x80000000, %eax
	movl	%eax, %cr0
	ljmpl	$0x18, $in_64

	.balign	8
gdt:	.quad	0
	.quad	0x00cf9a000000ffff
	.quad	0x00cf92000000ffff
	.quad	0x00af9a000000ffff
	.quad	0x00cffa000000ffff
gdt_end:
gdt_pointer:
	.short	gdt_end-gdt-1
	.long	gdt

	.code64
in_64:
	movl	$0x10, %eax
	movl	%eax, %ds
	movl	%eax, %ss
	movq	$0x7000, %rsp
	movq	%cr0, %rax
	btsq	$16, %rax
	movq	%rax, %cr0
	lidt	idt_pointer(%rip)
	leaq	text(%rip), %rsi
	movw	$0x3f8, %dx
1:	lodsb
	testb	%al, %al
	jz	2f
	outb	%al, %dx
	jmp	1b
2:	movq	$0xc0000101, %rcx
	rdmsr
	swapgs
	pushq	$0x08
	leaq	compatible(%rip), %rax
	pushq	%rax
	lretq
text:	.asciz	"long mode"
idt_pointer:
	.short	0
	.quad	0

	.code32
compatible:
	movl	$0x10, %eax
	movl	%eax, %ss
	pushfl
	popl	%eax
	incl	%eax
	decl	%eax
	sidtl	-8(%esp)
	ljmpl	$0x18, $back
	.code64
back:
	movq	%cr3, %rax
	incl	%eax
	xorl	%edi, %edi
3:	hlt
	jmp	3b
