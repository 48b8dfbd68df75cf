# SPDX-License-Identifier: GPL-2.0-or-later
"""The monitor's own failures.

`VmmError` is the root of everything the monitor says about itself; what the guest did wrong is a `GuestFault`
(patcher.x86.exceptions) and never appears here. Messages are whole sentences that name the object and the
address with its kind.
"""


class VmmError(Exception):
    """The monitor cannot do what was asked; the message is a sentence for the user."""


class BootError(VmmError):
    """An image, or what is to be loaded with it, that cannot be booted (exit status 66)."""


class Unsupported(VmmError):
    """A verdict: the guest reached a feature that the monitor does not have (exit status 84).

    `feature` names it ("virtual-8086 mode"); `eip` is the guest's instruction (offset in CS) or None.
    """

    def __init__(self, feature: str, eip: int | None = None) -> None:
        self.feature = feature
        self.eip = eip
        where = "" if eip is None else f" at guest address {eip:#010x}"
        super().__init__(f"The guest reached {feature}{where}, which patchvisor does not support.")
