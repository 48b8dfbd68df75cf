# SPDX-License-Identifier: GPL-2.0-or-later
"""Page tables in use: faults, flushes of everything and of one page.

The window of `guests/include/paging.s` is used; 64 of its pages show the 64 frames from FRAME on.
"""

from vmm.bench.workload import FILL_HOOKS, MACHINES, Platform, Workload
from vmm.bench.workloads.events import gate

_INCLUDE = '.include "paging.s"\nuser_text: nop\nuser_text_end: nop\n'
_SETUP = "    call paging_setup\n    call window_setup\n"

_WINDOW = """
window_setup:
    movl $WINDOW_TABLE, %esi
    movl $FRAME+0x3, %eax
    movl $0x40, %ecx
window_fill:
    movl %eax, (%esi)
    addl $0x4, %esi
    addl $0x1000, %eax
    decl %ecx
    jnz window_fill
    ret
"""

_SKIP_LOAD = """
handler:
    addl $0x4, %esp
    addl $0x5, (%esp)
    iretl
"""

_RELOAD = "    movl %cr3, %eax\n    movl %eax, %cr3\n"


def _touch(pages: int) -> str:
    return "".join(f"    movl WINDOW+{page * 0x1000:#x}, %edx\n" for page in range(pages))


WORKLOADS = (
    Workload(
        "page-fault", "a load from a page that is not present, the handler skips it", "    movl 0x40200000, %eax",
        _SETUP + gate(14, "handler"), _INCLUDE + _WINDOW + _SKIP_LOAD,
    ),
    Workload(
        "demand-page", "a page fault whose handler maps the page, a load, unmapping by invlpg",
        "    movl 0x40200000, %edx\n    movl $0x0, WINDOW_TABLE+0x800\n    invlpg 0x40200000",
        _SETUP + gate(14, "handler"),
        _INCLUDE + _WINDOW + "handler:\n    movl $FRAME+0x3, WINDOW_TABLE+0x800\n    addl $0x4, %esp\n    iretl",
    ),
    Workload(
        "cr3-64", "mov to cr3, then a load from each of 64 pages", _RELOAD + _touch(64), _SETUP, _INCLUDE + _WINDOW
    ),
    Workload(
        "fills", "63 TLB fills; on the bare engine by a callback that answers from a dict", _RELOAD + _touch(64),
        _SETUP, _INCLUDE + _WINDOW, base=_RELOAD + _touch(1), platforms=(*MACHINES, Platform.BARE), goals=(FILL_HOOKS,),
    ),
    Workload(
        "invlpg", "a page table entry changed, invlpg, a load from the page",
        "    xorl $0x1000, WINDOW_TABLE\n    invlpg WINDOW\n    movl WINDOW, %edx", _SETUP, _INCLUDE + _WINDOW,
    ),
)  # fmt: skip
