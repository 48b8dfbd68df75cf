# SPDX-License-Identifier: GPL-2.0-or-later
"""A port that kernels write only to let a bus cycle pass (Linux's `io_delay=0xed`)."""


class DelayPort:
    """Takes everything, reads all ones, is not counted as unknown."""

    name = "delay"

    def reset(self) -> None:
        """There is no state."""

    def port_read(self, offset: int, size: int) -> int:
        return 0xFF

    def port_write(self, offset: int, size: int, value: int) -> None:
        """The cycle itself was the purpose."""
