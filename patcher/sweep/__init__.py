# SPDX-License-Identifier: GPL-2.0-or-later
"""The fast sweep: audited instructions of code whose paths are not known, by one regular expression a code size.

The expression comes from the opcode maps and the catalogue (``forms``, ``expression``); ``linear`` runs it.
"""

from patcher.sweep.expression import pattern
from patcher.sweep.linear import Found, anywhere, sweep

__all__ = ["Found", "anywhere", "pattern", "sweep"]
