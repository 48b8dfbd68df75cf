# SPDX-License-Identifier: GPL-2.0-or-later
"""Our own guests: small operating systems in assembly text, each with a declaration of what it must do.

A guest is a folder with `guest.s` and `guest.toml`; README.md tells both formats. Dropping a folder in is
all it takes to add one.
"""

from guests.build import BuildError, build
from guests.declaration import DeclarationError, Guest, describe, names

__all__ = ["BuildError", "DeclarationError", "Guest", "build", "describe", "names"]
