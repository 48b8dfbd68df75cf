# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine: a virtual machine monitor of the scan-and-patch kind for 32-bit x86.

`from vmm import Machine` is the way in for programs. It is loaded when first asked for, so that
`import vmm` costs nothing.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmm.machine import Machine

__version__ = "0.1.0"
__all__ = ["Machine", "__version__"]


def __getattr__(name: str) -> object:
    """Load `Machine` when first used (PEP 562)."""
    if name == "Machine":
        from vmm.machine import Machine

        return Machine
    raise AttributeError(f"module 'vmm' has no attribute {name!r}")
