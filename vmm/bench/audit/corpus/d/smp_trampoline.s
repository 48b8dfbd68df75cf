# SPDX-License-Identifier: GPL-2.0-or-later
# A 32-bit kernel that copies a real-mode start for other processors, and calls the BIOS through real mode.
# @build bits=32 forms=exe,exe-stripped base=0x20000
	.text
	.globl	_start
	.type	_start, @function
_start:
	cli
	mov	$0x200000, %esp
	lgdt	gdt_pointer
	ljmp	$8, $1f
1:	mov	$0x10, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$trampoline, %esi
	mov	$0x9000, %edi
	mov	$trampoline_end-trampoline, %ecx
	rep movsb
	mov	$0x1b, %ecx
	rdmsr
	and	$0xfffff000, %eax
	movl	$0x000c4609, 0x300(%eax)
	mov	$0x13, %eax
	call	bios_video
	sti
2:	hlt
	jmp	2b
	.size	_start, .-_start

	.globl	other_processor
	.type	other_processor, @function
other_processor:
	mov	$1, %eax
	cpuid
	shr	$24, %ebx
	mov	%cr4, %eax
	or	$0x200, %eax
	mov	%eax, %cr4
	ltr	%bx
1:	hlt
	jmp	1b
	.size	other_processor, .-other_processor

# Runs at 0x9000, wherever it was linked.
	.balign	16
	.globl	trampoline
trampoline:
	.code16
	cli
	mov	%cs, %ax
	mov	%ax, %ds
	lgdtl	gdt_copy-trampoline
	smsw	%ax
	or	$1, %ax
	lmsw	%ax
	ljmpl	$8, $0x9000+trampoline_32-trampoline
	.code32
trampoline_32:
	mov	$0x10, %ax
	mov	%ax, %ds
	mov	%ax, %ss
	mov	$0x80000, %esp
	mov	$other_processor, %eax
	jmp	*%eax
	.balign	8
gdt_copy:
	.short	23
	.long	gdt
trampoline_end:

# BIOS call: to 16-bit protected mode, to real mode, and back.
	.type	bios_video, @function
bios_video:
	pusha
	mov	%eax, saved_ax
	mov	%esp, saved_esp
	sidt	saved_idt
	lidt	real_idt
	ljmp	$0x18, $bios_16-_start
	.code16
bios_16:
	mov	$0x20, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	%cr0, %eax
	and	$0xfe, %al
	mov	%eax, %cr0
	ljmp	$0x2000, $bios_real-_start
bios_real:
	mov	$0, %ax
	mov	%ax, %ds
	mov	%ax, %ss
	mov	$0x7000, %sp
	sti
	mov	$0x13, %ax
	int	$0x10
	cli
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	ljmpl	$8, $bios_back
	.code32
bios_back:
	mov	$0x10, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	saved_esp, %esp
	lidt	saved_idt
	popa
	ret
	.size	bios_video, .-bios_video

	.data
	.balign	8
gdt:	.quad	0
	.quad	0x00cf9a000000ffff
	.quad	0x00cf92000000ffff
	.quad	0x00009a020000ffff
	.quad	0x000092020000ffff
gdt_pointer:
	.short	39
	.long	gdt
real_idt:
	.short	0x3ff
	.long	0
saved_idt:
	.short	0
	.long	0
saved_esp:
	.long	0
saved_ax:
	.long	0
