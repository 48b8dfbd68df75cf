# SPDX-License-Identifier: GPL-2.0-or-later
# Constants between functions, chosen so that reading on through them hides the true instructions behind them.
# @build bits=64 forms=exe,exe-stripped,so,so-stripped,o
	.text
	.globl	_start
	.type	_start, @function
_start:
	xor	%ebp, %ebp
	mov	(%rsp), %rdi
	call	first
	call	second
	call	third
	call	fourth
	mov	%eax, %edi
	mov	$60, %eax
	syscall
	ud2
	.size	_start, .-_start
	.byte	0x48, 0xb8
	.globl	first
	.type	first, @function
first:
	pushf
	pop	%rax
	and	$0x200, %eax
	ret
	.size	first, .-first
	.byte	0x0f, 0x01
	.globl	second
	.type	second, @function
second:
	mov	%cs, %eax
	and	$3, %eax
	mov	mask(%rip), %rdx
	and	%rdx, %rax
	ret
	.size	second, .-second
mask:	.quad	0x9cfafbf4cf0fa20f
	.byte	0xc7, 0x84, 0x24
	.globl	third
	.type	third, @function
third:
	sgdt	-10(%rsp)
	mov	-8(%rsp), %rax
	sidt	-10(%rsp)
	movaps	ones(%rip), %xmm0
	ret
	.size	third, .-third
	.balign	16
ones:	.octa	0xfaf4fbcd80cd0f05350f340f050f320f
	.uleb128 300
	.sleb128 -300
	.byte	0xe8
	.globl	fourth
	.type	fourth, @function
fourth:
	push	%rbx
	mov	$7, %eax
	xor	%ecx, %ecx
	cpuid
	mov	%ebx, %eax
	pop	%rbx
	rdtsc
	lea	sines(%rip), %rcx
	and	$7, %eax
	movss	(%rcx,%rax,4), %xmm0
	cvttss2si %xmm0, %eax
	ret
	.size	fourth, .-fourth
sines:	.float	0.0, 0.707106, 1.0, 0.707106, 0.0, -0.707106, -1.0, -0.707106
	.zero	24
	.globl	fifth
	.type	fifth, @function
fifth:
	in	$0x71, %al
	out	%al, $0x70
	mov	%rdi, %cr8
	mov	%dr7, %rax
	iretq
	.size	fifth, .-fifth
	.ascii	"end of text \017\001\320"
