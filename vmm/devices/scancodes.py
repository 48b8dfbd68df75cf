# SPDX-License-Identifier: GPL-2.0-or-later
"""Scan code sets 1 and 2, and the 8042's translation from 2 to 1.

IBM PS/2 technical reference, "Keyboard and Auxiliary Device Controller", table "Scan Code Translation". Set
2 is what keyboards send; set 1 is what PC software expects to read after translation.
"""

from vmm.devices.keymap import PAUSE

#: set-2 code -> set-1 code, for 00 to 7F; the row is the high digit
_TRANSLATION_ROWS = (
    "ff 43 41 3f 3d 3b 3c 58 64 44 42 40 3e 0f 29 59",
    "65 38 2a 70 1d 10 02 5a 66 71 2c 1f 1e 11 03 5b",
    "67 2e 2d 20 12 05 04 5c 68 39 2f 21 14 13 06 5d",
    "69 31 30 23 22 15 07 5e 6a 72 32 24 16 08 09 5f",
    "6b 33 25 17 18 0b 0a 60 6c 34 35 26 27 19 0c 61",
    "6d 73 28 74 1a 0d 62 6e 3a 36 1c 1b 75 2b 63 76",
    "55 56 77 78 79 7a 0e 7b 7c 4f 7d 4b 47 7e 7f 6f",
    "52 53 50 4c 4d 48 01 45 57 4e 51 4a 37 49 46 54",
)
TRANSLATION = bytes.fromhex("".join(_TRANSLATION_ROWS))
_ABOVE = {0x83: 0x41, 0x84: 0x54}  # F7 and SysRq; everything else from 80 on passes unchanged
_SET_2 = {code: raw for raw, code in enumerate(TRANSLATION)} | {0x41: 0x83, 0x54: 0x84}

BREAK_PREFIX = 0xF0
_PAUSE_SET_1 = bytes.fromhex("e11d45e19dc5")
_PAUSE_SET_2 = bytes.fromhex("e11477e1f014f077")


class Translator:
    """The controller's translation of a stream of bytes; F0 turns the next code into a break code."""

    def __init__(self) -> None:
        self._break = 0

    def feed(self, byte: int) -> int | None:
        """The byte as software sees it; None for F0, which is kept for the next one."""
        if byte == BREAK_PREFIX:
            self._break = 0x80
            return None
        flag, self._break = self._break, 0
        if byte < 0x80:
            return TRANSLATION[byte] | flag
        return _ABOVE.get(byte, byte) | (flag if byte in _ABOVE else 0)


def encode(key: int, pressed: bool, scan_set: int) -> bytes:
    """What a keyboard in `scan_set` (1 or 2) sends when a key (set-1 code, E0xx when extended) moves."""
    if key == PAUSE:
        return (_PAUSE_SET_1 if scan_set == 1 else _PAUSE_SET_2) if pressed else b""
    prefix = b"\xe0" if key >> 8 == 0xE0 else b""
    code = key & 0x7F
    if scan_set == 1:
        return prefix + bytes((code if pressed else code | 0x80,))
    return prefix + (b"" if pressed else bytes((BREAK_PREFIX,))) + bytes((_SET_2[code],))
