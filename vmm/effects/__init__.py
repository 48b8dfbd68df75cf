# SPDX-License-Identifier: GPL-2.0-or-later
"""What each sensitive instruction would have done on the processor that the guest believes it has.

One file a family. An effect is a function of the virtual processor and the decoded instruction, called with
`v.eip` at the instruction and `v.shadow` false. On success it moves `v.eip` on; a fault is a `GuestFault`
that leaves the processor as it was, so that the instruction can be restarted (a fault in the second half of a
task switch belongs to the new task instead: SDM vol. 3A, section 7.3). `EFFECTS` finds them by the name in a
catalogue row.
"""

from importlib import import_module
from pkgutil import iter_modules

from vmm.effects.registry import EFFECTS, Effect, effect

__all__ = ["EFFECTS", "Effect", "effect"]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
