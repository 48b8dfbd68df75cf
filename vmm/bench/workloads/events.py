# SPDX-License-Identifier: GPL-2.0-or-later
"""Ways through the guest's IDT and back: software interrupts, a system call, the divide error."""

from vmm.bench.workload import Workload


def gate(vector: int, handler: str, kind: int = 0x8E00) -> str:
    """Text that sends `vector` to `handler` through an interrupt gate."""
    return f"""
    movl ${vector:#x}, %ecx
    movl ${handler}, %eax
    movl ${kind:#x}, %edx
    call set_gate
"""


_FROM_USER = """
run_body:
    in_user user_body, 0x0002
    ret
user_body:
    int $0x81
    decl %edi
    jnz user_body
    to_kernel
"""

_SKIP_DIV = """
handler:
    addl $0x2, (%esp)
    iretl
"""

WORKLOADS = (
    Workload(
        "int", "int to a handler of one iret, in ring 0", "    int $0x81", gate(0x81, "handler"), "handler:\n    iretl"
    ),
    Workload(
        "system-call", "int from ring 3 to a handler of one iret", "",
        gate(0x81, "handler", 0xEE00), "handler:\n    iretl", loop=_FROM_USER,
    ),
    Workload(
        "divide-error", "div by zero, the handler skips it", "    divl %ebx",
        gate(0, "handler") + "    movl $0x0, %ebx", _SKIP_DIV,
    ),
)  # fmt: skip
