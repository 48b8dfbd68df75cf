# SPDX-License-Identifier: GPL-2.0-or-later
# Unreal mode: into protected mode for a segment limit and straight back, all in 16-bit code; then a far return upwards.
# @build bits=32 forms=raw base=0x600 mode=16
	.text
	.code16
	.globl	_start
_start:
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %ss
	mov	$0x600, %sp
	push	%ds
	push	%es
	lgdt	gdt_pointer
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	jmp	1f
1:	mov	$0x10, %bx
	mov	%bx, %fs
	mov	%bx, %gs
	and	$0xfe, %al
	mov	%eax, %cr0
	jmp	2f
2:	pop	%es
	pop	%ds
	sti
	mov	$0x100000, %edi
	movl	$0x12345678, %fs:(%edi)
	mov	%fs:(%edi), %eax
	cmp	$0x12345678, %eax
	jne	bad
	call	memory_map
	cli
	smsw	%ax
	inc	%ax
	lmsw	%ax
	pushl	$8
	pushl	$upper
	lretl

bad:	mov	$0x0e42, %ax
	int	$0x10
	int	$0x18
	jmp	bad

memory_map:
	push	%es
	mov	$0x2000, %di
	xor	%ebx, %ebx
1:	mov	$0xe820, %eax
	mov	$20, %ecx
	mov	$0x534d4150, %edx
	int	$0x15
	jc	2f
	add	$20, %di
	test	%ebx, %ebx
	jnz	1b
2:	pop	%es
	ret

gdt_pointer:
	.short	23
	.long	gdt
gdt:	.quad	0
	.quad	0x00cf9a000000ffff
	.quad	0x00cf92000000ffff

	.code32
upper:
	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$0x9f000, %esp
	mov	%cr0, %eax
	and	$0x60000000, %eax
	jz	1f
	wbinvd
1:	cpuid
	mov	%cr3, %eax
	mov	%eax, %cr3
	pushf
	orl	$0x200, (%esp)
	popf
2:	hlt
	jmp	2b
