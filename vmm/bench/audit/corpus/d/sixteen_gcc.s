# SPDX-License-Identifier: GPL-2.0-or-later
# Setup code in the style of .code16gcc: 32-bit habits, 16-bit segments; then up by lmsw and down by a 16-bit far return.
# @build bits=32 forms=raw base=0x10000 mode=16
	.text
	.code16gcc
	.globl	_start
_start:
	movw	%cs, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	movl	$0xfff0, %esp
	call	main16
	jmp	up

	.type	main16, @function
main16:
	pushl	%ebp
	movl	%esp, %ebp
	pushl	%ebx
	pushl	%esi
	subl	$16, %esp
	movl	$0, %ebx
.L2:
	movl	%ebx, %eax
	call	probe
	addl	$1, %ebx
	cmpl	$4, %ebx
	jle	.L2
	pushfl
	popl	%eax
	movl	%eax, -12(%ebp)
	xorl	$0x200000, %eax
	pushl	%eax
	popfl
	pushfl
	popl	%edx
	cmpl	%eax, %edx
	jne	.L4
	movl	$1, %eax
	cpuid
.L4:
	addl	$16, %esp
	popl	%esi
	popl	%ebx
	popl	%ebp
	ret
	.size	main16, .-main16

	.type	probe, @function
probe:
	movl	%eax, %edx
	cmpl	$4, %eax
	ja	.L9
	jmp	*.L5(,%eax,4)
	.align	4
.L5:	.long	.L6-_start, .L7-_start, .L8-_start, .L9-_start, .L6-_start
.L6:	movw	$0x3fd, %dx
	inb	%dx, %al
	ret
.L7:	movb	$0x02, %ah
	int	$0x16
	ret
.L8:	movw	$0x64, %dx
	inb	%dx, %al
	outb	%al, $0x80
	ret
.L9:	sldt	%ax
	ret
	.size	probe, .-probe
message:
	.asciz	"setup \234\372"
	.code16
up:
	cli
	movw	$0x60, %cx
	lidtw	nothing-_start
	lgdtl	pointer-_start
	movw	$1, %ax
	lmsw	%ax
	jmp	1f
1:	ljmpl	$0x10, $main32
nothing:
	.short	0, 0, 0
pointer:
	.short	gdt_end-gdt-1
	.long	gdt
	.balign	8
gdt:	.quad	0, 0
	.quad	0x00cf9a000000ffff
	.quad	0x00cf92000000ffff
	.quad	0x00009a010000ffff
gdt_end:
	.code32
main32:
	movl	$0x18, %ecx
	movl	%ecx, %ds
	movl	%ecx, %es
	movl	%ecx, %fs
	movl	%ecx, %gs
	movl	%ecx, %ss
	xorl	%ebx, %ebx
	ltr	%bx
	lldt	%bx
	movl	%cr0, %eax
	pushl	$0x20
	pushl	$down-_start
	lretl
	.code16
down:
	movw	$0x0e21, %ax
	movl	%cr0, %ecx
	andb	$0xfe, %cl
	movl	%ecx, %cr0
	ljmp	$0x1000, $real-_start
real:
	movw	%cs, %ax
	movw	%ax, %ds
	sti
	int	$0x19
	hlt
