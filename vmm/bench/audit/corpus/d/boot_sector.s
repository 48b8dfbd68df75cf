# SPDX-License-Identifier: GPL-2.0-or-later
# A boot sector: BIOS services, A20, a GDT in the sector, protected mode by a far jump, a partition table behind.
# @build bits=32 forms=raw base=0x7c00 mode=16
	.text
	.code16
	.globl	_start
_start:
	jmp	begin
	nop
	.ascii	"OWN BOOT"
	.short	512
	.byte	1
	.short	1
	.byte	2
	.short	224, 2880
	.byte	0xf0
	.short	9, 18, 2
	.long	0, 0
	.byte	0, 0, 0x29
	.long	0xfafbf49c
	.ascii	"NO NAME    FAT12   "
begin:
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$0x7c00, %sp
	sti
	ljmp	$0, $here
here:
	mov	%dl, drive
	mov	$hello, %si
	call	print
	mov	$0x41, %ah
	mov	$0x55aa, %bx
	int	$0x13
	jc	no_extensions
	mov	$packet, %si
	mov	$0x42, %ah
	mov	drive, %dl
	int	$0x13
	jnc	loaded
no_extensions:
	mov	$0x0201, %ax
	mov	$0x7e00, %bx
	mov	$2, %cx
	xor	%dh, %dh
	int	$0x13
	jc	failed
loaded:
	call	a20
	cli
	lgdt	gdt_pointer
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	ljmp	$8, $protected

failed:
	mov	$sorry, %si
	call	print
1:	hlt
	jmp	1b

print:
	pusha
1:	lodsb
	or	%al, %al
	jz	2f
	mov	$0x0e, %ah
	mov	$7, %bx
	int	$0x10
	jmp	1b
2:	popa
	ret

a20:
	in	$0x92, %al
	test	$2, %al
	jnz	1f
	or	$2, %al
	and	$0xfe, %al
	out	%al, $0x92
1:	ret

hello:	.asciz	"Loading\r\n"
sorry:	.asciz	"Disk error\r\n"
drive:	.byte	0
packet:	.byte	16, 0
	.short	4, 0x7e00, 0
	.quad	1

	.balign	8, 0
gdt:	.quad	0
	.quad	0x00cf9a000000ffff
	.quad	0x00cf92000000ffff
gdt_pointer:
	.short	23
	.long	gdt

	.code32
protected:
	mov	$0x10, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$0x90000, %esp
	pushf
	pop	%eax
	mov	$0xb8000, %edi
	mov	$0x0f500f54, %eax
	stosl
	mov	$0x3f8, %dx
	mov	$'P', %al
	out	%al, %dx
1:	hlt
	jmp	1b

	.org	446
	.byte	0x80, 1, 1, 0, 0x0c, 0xfe, 0xff, 0xff
	.long	2048, 0x9c9d9c9d
	.zero	48
	.byte	0x55, 0xaa
