# SPDX-License-Identifier: GPL-2.0-or-later
"""What a terminal sends for keys, turned into key presses for the guest's keyboard.

xterm control sequences, "PC-Style Function Keys". A character that a US keyboard cannot type is left out.
"""

import re
from collections.abc import Callable, Iterator

from vmm.devices.keymap import KEYS, Chord, chord_of_character
from vmm.devices.typist import Typist
from vmm.errors import VmmError

_SEQUENCE = re.compile(r"\x1b\[(?P<number>\d*)(?:;(?P<modifier>\d+))?(?P<final>[A-Z~])|\x1bO(?P<ss3>[A-Z])")
_FINAL = {"A": "up", "B": "down", "C": "right", "D": "left", "H": "home", "F": "end",
          "P": "f1", "Q": "f2", "R": "f3", "S": "f4"}  # fmt: skip
_NUMBER = {1: "home", 2: "insert", 3: "delete", 4: "end", 5: "pgup", 6: "pgdn", 7: "home", 8: "end",
           11: "f1", 12: "f2", 13: "f3", 14: "f4", 15: "f5", 17: "f6", 18: "f7", 19: "f8", 20: "f9",
           21: "f10", 23: "f11", 24: "f12"}  # fmt: skip
_MODIFIERS = ((1, "shift"), (2, "alt"), (4, "ctrl"))
#: chords that may wait for a guest that does not read its keyboard
_BACKLOG = 256


def chords(text: str) -> Iterator[Chord]:
    """The chords of a piece of terminal input; an escape with nothing after it is the Esc key."""
    position = 0
    while position < len(text):
        match = _SEQUENCE.match(text, position)
        if match is not None:
            position = match.end()
            chord = _of_sequence(match)
        else:
            alt = text[position] == "\x1b" and position + 1 < len(text)
            position += alt
            chord = _of_character(text[position], alt)
            position += 1
        if chord:
            yield chord


def _of_sequence(match: re.Match[str]) -> Chord:
    final = match["ss3"] or match["final"]
    name = _NUMBER.get(int(match["number"] or 0)) if final == "~" else _FINAL.get(final)
    if name is None:
        return ()
    bits = int(match["modifier"] or 1) - 1
    return (*(KEYS[key] for bit, key in _MODIFIERS if bits & bit), KEYS[name])


def _of_character(character: str, alt: bool) -> Chord:
    try:
        chord = chord_of_character(character)
    except VmmError:
        return ()
    return (KEYS["alt"], *chord) if alt else chord


class TerminalKeys:
    """A receiver of characters that types them; `more` asks the backend for what waits."""

    def __init__(self, typist: Typist, more: Callable[[], None]) -> None:
        self._typist = typist
        typist.on_idle = more

    def room(self) -> int:
        """As many characters as keep the backlog in bounds."""
        return max(_BACKLOG - self._typist.waiting, 0)

    def receive(self, data: bytes) -> None:
        """A piece of terminal input."""
        self._typist.touch(list(chords(data.decode("utf-8", "ignore"))))
