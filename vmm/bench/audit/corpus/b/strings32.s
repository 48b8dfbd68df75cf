# SPDX-License-Identifier: GPL-2.0-or-later
# Text inside code: behind calls, between functions, in UTF-16, with lengths in front.
# @build bits=32 forms=exe,exe-stripped,o
# @build bits=32 forms=raw base=0x7e00 mode=32
	.text
	.globl	_start
	.type	_start, @function
_start:
	call	1f
	.asciz	"address of this by call and pop\n"
1:	pop	%esi
	call	put_string
	call	put_inline
	.asciz	"text behind the call; the callee returns behind it\n"
	call	put_pascal
	.byte	13
	.ascii	"\372 with length"
	jmp	2f
	.ascii	"jumped over \234\235\364"
2:	mov	$wide, %esi
	mov	$5, %ecx
	call	put_wide
	call	put_checked
	.asciz	"in, out, cli: lmnoEll"
	push	%eax
	popf
	mov	$1, %eax
	xor	%ebx, %ebx
	int	$0x80
3:	hlt
	jmp	3b
	.size	_start, .-_start

	.type	put_string, @function
put_string:
	mov	$0xe9, %dx
1:	lodsb
	test	%al, %al
	jz	2f
	out	%al, %dx
	jmp	1b
2:	ret
	.size	put_string, .-put_string

wide:	.short	'h', 'e', 'l', 'l', 'o', 0x0ff4, 0xfa9c, 0

	.type	put_inline, @function
put_inline:
	pop	%esi
1:	lodsb
	test	%al, %al
	jz	2f
	out	%al, $0xe9
	jmp	1b
2:	jmp	*%esi
	.size	put_inline, .-put_inline

	.ascii	"nlmno"
	.type	put_pascal, @function
put_pascal:
	pop	%esi
	xor	%eax, %eax
	lodsb
	mov	%eax, %ecx
	mov	$0xe9, %dx
	rep outsb
	push	%esi
	ret
	.size	put_pascal, .-put_pascal

	.asciz	"OUTS: nnnn INS: llll POP SS: \027 PUSH CS: \016"
	.type	put_wide, @function
put_wide:
	lodsw
	out	%al, $0xe9
	loop	put_wide
	ret
	.size	put_wide, .-put_wide

	.type	put_checked, @function
put_checked:
	xchg	%esi, (%esp)
	pushf
	cli
	call	put_string
	popf
	xchg	%esi, (%esp)
	ret
	.size	put_checked, .-put_checked
	.string16 "\234\235 wide tail"
	.balign	16, 0xcc
	.type	last, @function
last:
	sti
	ret
	.size	last, .-last
	.fill	5, 4, 0xfafbfcfd
