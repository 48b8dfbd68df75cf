# SPDX-License-Identifier: GPL-2.0-or-later
"""A segment register with its hidden part (SDM vol. 3A, 3.4.3)."""

from dataclasses import dataclass
from typing import NamedTuple


class Segment(NamedTuple):
    """`flags` is the descriptor's high double word masked with 0x00F0FF00; `limit` is in bytes, granularity applied."""

    selector: int
    base: int
    limit: int
    flags: int


@dataclass(slots=True)
class TableRegister:
    """GDTR or IDTR: linear base, and the offset of the table's last byte."""

    base: int
    limit: int
