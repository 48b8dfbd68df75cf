# SPDX-License-Identifier: GPL-2.0-or-later
"""A plain Unicorn script, as the engine's own samples are written: what the machine's speed is compared with.

One mapping with all rights for everything, the engine's own address translation, a hook for port output through the
binding. Code and data are not told apart, so every store is looked at by the engine.
"""

from collections.abc import Callable

import unicorn
from unicorn import x86_const as x86


def run_stock(image: bytes, address: int, entry: int, memory: int, port_write: Callable[[int, int], bool]) -> None:
    """Run flat 32-bit code in ring 0 from `entry` until `port_write(port, value)` returns False.

    `image` is put at `address` in `memory` bytes of RAM at 0.
    """
    uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_32)

    def out(engine: unicorn.Uc, port: int, _size: int, value: int, _data: object) -> None:
        if not port_write(port, value):
            engine.emu_stop()

    uc.mem_map(0, memory)
    uc.mem_write(address, image)
    uc.hook_add(unicorn.UC_HOOK_INSN, out, None, 1, 0, x86.UC_X86_INS_OUT)
    uc.emu_start(entry, memory)
