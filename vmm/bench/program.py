# SPDX-License-Identifier: GPL-2.0-or-later
"""A workload's guest: a frame around its text that says on the debug console when a loop begins and ends.

Each guest warms up (pages scanned, blocks translated, stubs made), then runs an empty loop between `[` and `]` and its
own between `<` and `>`. Both counts are numbers in the image, so a guest is assembled once and cut to any length.
"""

from functools import cache

from vmm.bench.workload import Workload

WARM_UP = 256
_COUNT, _WARM = 0x5EED0BE1, 0x5EED0BE2  # stand in the image for the numbers of iterations

_LOOP = """
run_body:
{body}
    decl %edi
    jnz run_body
    ret
"""

_FRAME = """
.include "start.s"
.macro mark sign
    movb $\\sign, %al
    outb %al, $0xe9
.endm
main:
{setup}
    movl ${warm:#x}, %edi
    call run_body
    movl ${warm:#x}, %edi
    call run_empty
    mark 0x20
    movl ${count:#x}, %edi
    mark 0x5b
    call run_empty
    mark 0x5d
    movl ${count:#x}, %edi
    mark 0x3c
    call run_body
    mark 0x3e
    cli
    finish
.balign 0x1000, 0x90
run_empty:
{base}
    decl %edi
    jnz run_empty
    ret
.balign 0x40, 0x90
{loop}
.balign 0x1000, 0x90
{more}
"""


def text(workload: Workload, bare: bool = False) -> str:
    """The whole assembly text, its includes not yet in place; `bare`: for the bare engine."""
    loop = workload.loop or _LOOP.format(body=(bare and workload.bare) or workload.body)
    return _FRAME.format(
        setup=workload.setup, loop=loop, base=workload.base, more=workload.more, count=_COUNT, warm=_WARM
    )


@cache
def _assembled(workload: Workload, bare: bool) -> bytes:
    from guests.build import expand, image

    name = f"bench {workload.name}"
    return image(expand(text(workload, bare), name), name)


def image_of(workload: Workload, count: int, bare: bool = False) -> bytes:
    """The bootable image whose loops run `count` times, after a shorter warm-up."""
    warm = max(1, min(count, WARM_UP))
    return _assembled(workload, bare).replace(_number(_COUNT), _number(count)).replace(_number(_WARM), _number(warm))


def _number(value: int) -> bytes:
    return value.to_bytes(4, "little")
