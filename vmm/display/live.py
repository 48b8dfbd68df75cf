# SPDX-License-Identifier: GPL-2.0-or-later
"""The terminal as the guest's screen and keyboard (`-display text`): the screen is drawn, keys are typed."""

from collections.abc import Callable

from vmm.chardev.stdio import StdioBackend
from vmm.devices.typist import Typist
from vmm.devices.vga_text import VgaText
from vmm.display.terminal_keys import TerminalKeys
from vmm.display.text import TextDisplay


class LiveTerminal:
    """Draws `vga` and types what comes from `keys`; without `keys` the screen is only drawn.

    `wake` is called, from the reading thread, when keys wait for `draw`.
    """

    def __init__(
        self, vga: VgaText, typist: Typist, wake: Callable[[], None], keys: StdioBackend | None
    ) -> None:
        self._display = TextDisplay(vga)
        self._keys = keys
        if keys is not None:
            keys.wake = wake
            keys.connect(TerminalKeys(typist, keys.pump))

    def draw(self) -> None:
        """Type what waits, draw what changed."""
        if self._keys is not None:
            self._keys.pump()
        self._display.draw()

    def close(self) -> None:
        """Give the terminal back."""
        if self._keys is not None:
            self._keys.close()
        self._display.close()
