# SPDX-License-Identifier: GPL-2.0-or-later
"""Code that is written while it runs, and code that has just been written.

Every store changes a byte for real: the immediate of an instruction counts up.
"""

from vmm.bench.workload import Workload

_INCLUDE = '.include "paging.s"\nuser_text: nop\nuser_text_end: nop\n'
_AREA = "0x300000"
_TEMPLATE = """
template:
    movl $0x1, %eax
    ret
.balign 0x40, 0x90
"""
_COPY = f"""
    movl $template, %esi
    movl ${_AREA}, %edi
    movl $0x10, %ecx
    rep movsl
"""
_CALL = f"    movl ${_AREA}, %ecx\n    call *%ecx\n"

_UNITS = 86
_PAGE = "".join(
    f"""
    addl ${number + 1:#x}, %eax
    movl %eax, %edx
    shll $0x3, %edx
    xorl %edx, %eax
    testl $0x10, %eax
    jz fresh_{number}
    leal 0x20(%eax,%edx,2), %eax
    subl $0x12345, %eax
fresh_{number}:
    movl %eax, 0x187010
    cmpl %edx, 0x187010
    cmovel %edx, %eax
    pushl %eax
    movl (%esp), %edx
    popl %ebx
"""
    + ("    pushfl\n    popfl\n" if number % 8 == 7 else "")
    for number in range(_UNITS)
)
"""A page of ordinary code, 3.3 bytes an instruction, with ten places to patch twice."""

_FRESH = """
    movl %edi, %ebp
    movl $page_template, %esi
    movl next_page_at, %edi
    movl %edi, %ebx
    movl $0x400, %ecx
    rep movsl
    movl %edi, next_page_at
    movl %ebp, %edi
    call *%ebx
"""


_SKIP = "    cmpl %eax, %eax\n    je last\n"


def _fresh(name: str, says: str, first: str) -> Workload:
    """A page after the other is filled with code and entered at `first`."""
    return Workload(
        name, says, _FRESH, "    movl $0x400000, next_page_at",
        f".equ next_page_at, 0x187000\npage_template:\n{first}{_PAGE}last:\n    ret\n.balign 0x1000, 0x90", most=4096,
    )  # fmt: skip


WORKLOADS = (
    Workload(
        "smc-own-page", "a store to the page that runs, a call of what was written",
        "    incl %edx\n    movb %dl, own+0x1\n    call own",
        loop="run_body:\n    incl %edx\n    movb %dl, own+0x1\n    call own\n    decl %edi\n    jnz run_body\n    ret\n"
        "own:\n    movl $0x1, %eax\n    ret",
        most=1 << 20,
    ),
    Workload(
        "smc-other-page", "a store to another page, a call of what was written",
        f"    incl %edx\n    movb %dl, {_AREA}+0x1\n{_CALL}", _COPY, _TEMPLATE, most=1 << 20,
    ),
    Workload(
        "smc-alias", "the same through another linear address of the page",
        f"    incl %edx\n    movb %dl, WINDOW+0x1\n{_CALL}",
        "    call paging_setup\n    movl $FRAME+0x3, WINDOW_TABLE\n" + _COPY, _INCLUDE + _TEMPLATE, most=1 << 20,
    ),
    Workload(
        "code-copied", "64 bytes of code copied to another page and called",
        f"    movl %edi, %ebp\n{_COPY}\n    movl %ebp, %edi\n{_CALL}", more=_TEMPLATE, most=1 << 20,
    ),
    _fresh("fresh-pages", "a page of 4 KiB of code that never ran is copied and runs once", ""),
    _fresh("scanned-pages", "the same, but only its first and last instructions run", _SKIP),
)  # fmt: skip
