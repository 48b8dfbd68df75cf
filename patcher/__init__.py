# SPDX-License-Identifier: GPL-2.0-or-later
"""Bytes in, findings and patches out: what is known about x86 code, with no machine to run it.

Nothing in this package imports ``vmm`` or the engine. ``decoder`` alone touches Capstone, ``assembler`` alone
Keystone. `audit` and `scan_image` are loaded when they are used.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from patcher.auditing.api import audit, scan_image

__all__ = ["audit", "scan_image"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from patcher.auditing import api

        found: object = getattr(api, name)
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
