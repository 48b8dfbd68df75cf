# SPDX-License-Identifier: GPL-2.0-or-later
"""Whose address a number is. One kind never becomes another without a function that checks it."""

from typing import NewType

Gva = NewType("Gva", int)
"""Guest-virtual (the SDM's *linear*) address: what the guest's segmentation yields, before its paging."""

Gpa = NewType("Gpa", int)
"""Guest-physical address: what the guest's page tables yield; 0 is the first byte of guest memory."""

Hpa = NewType("Hpa", int)
"""Engine-physical address: where the machine put a frame or a code page in the engine's physical space."""
