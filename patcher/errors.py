# SPDX-License-Identifier: GPL-2.0-or-later
"""The patcher's own failures. What goes wrong in the guest's world is a ``GuestFault`` instead."""


class PatcherError(Exception):
    """Something this package was asked to do cannot be done; the text is a sentence that names the object."""


class NotX86(PatcherError):
    """A well-formed file for another processor: told when it is named, passed over inside folders and archives."""
