# SPDX-License-Identifier: GPL-2.0-or-later
"""Keys by name, with QEMU's `sendkey` spellings, on a US keyboard.

A key is its scan code in set 1; `E0xx` means the byte pair E0 xx. IBM PS/2 technical reference, "Keyboards
(101- and 102-Key)". A *chord* is keys held together: "ctrl-alt-delete".
"""

from vmm.errors import VmmError

_ROWS = (
    (0x01, "esc 1 2 3 4 5 6 7 8 9 0 minus equal backspace tab"),
    (0x10, "q w e r t y u i o p bracket_left bracket_right ret ctrl a s"),
    (0x20, "d f g h j k l semicolon apostrophe grave_accent shift backslash z x c v"),
    (0x30, "b n m comma dot slash shift_r kp_multiply alt spc caps_lock f1 f2 f3 f4 f5"),
    (0x40, "f6 f7 f8 f9 f10 num_lock scroll_lock kp_7 kp_8 kp_9 kp_subtract kp_4 kp_5 kp_6 kp_add kp_1"),
    (0x50, "kp_2 kp_3 kp_0 kp_decimal"),
    (0x56, "less f11 f12"),
)
_EXTENDED = {
    "kp_enter": 0xE01C, "ctrl_r": 0xE01D, "kp_divide": 0xE035, "alt_r": 0xE038, "home": 0xE047, "up": 0xE048,
    "pgup": 0xE049, "left": 0xE04B, "right": 0xE04D, "end": 0xE04F, "down": 0xE050, "pgdn": 0xE051,
    "insert": 0xE052, "delete": 0xE053, "meta_l": 0xE05B, "meta_r": 0xE05C, "menu": 0xE05D,
    "print": 0xE037, "sysrq": 0x54,
}  # fmt: skip
#: Pause has a make code of its own (E1 1D 45 E1 9D C5) and no break code.
PAUSE = 0xE11D45

#: name -> scan code in set 1
KEYS: dict[str, int] = {
    name: first + i for first, names in _ROWS for i, name in enumerate(names.split())
} | _EXTENDED | {"pause": PAUSE}  # fmt: skip

_ALIASES = {
    "enter": "ret", "return": "ret", "escape": "esc", "space": "spc", "del": "delete", "ins": "insert",
    "pageup": "pgup", "pagedown": "pgdn", "control": "ctrl", "ctrl_l": "ctrl", "shift_l": "shift",
    "alt_l": "alt", "bksp": "backspace", "asterisk": "kp_multiply", "period": "dot",
}  # fmt: skip

_PLAIN = {
    "-": "minus", "=": "equal", "\t": "tab", "[": "bracket_left", "]": "bracket_right", "\n": "ret",
    "\r": "ret", ";": "semicolon", "'": "apostrophe", "`": "grave_accent", "\\": "backslash", ",": "comma",
    ".": "dot", "/": "slash", " ": "spc", "\x1b": "esc", "\x7f": "backspace", "\b": "backspace",
}  # fmt: skip
_SHIFTED = dict(zip('!@#$%^&*()_+{}:"~|<>?', "1234567890-=[];'`\\,./", strict=True))

Chord = tuple[int, ...]


def parse_chord(text: str) -> Chord:
    """The scan codes of "ret", "f1", "ctrl-c"; a single character that is no name is typed ("A", "?")."""
    if len(text) == 1:
        return chord_of_character(text)
    codes = []
    for name in text.lower().split("-"):
        code = KEYS.get(_ALIASES.get(name, name))
        if code is None:
            raise VmmError(f'There is no key named "{name}" in "{text}"; names are like ret, f1, ctrl-c.')
        codes.append(code)
    return tuple(codes)


def parse_chords(text: str) -> list[Chord]:
    """The chords of "esc down ret", in order."""
    return [parse_chord(word) for word in text.split()]


def chord_of_character(character: str) -> Chord:
    """What to press on a US keyboard for one character of text."""
    if character in _SHIFTED:
        return (KEYS["shift"], *chord_of_character(_SHIFTED[character]))
    if character.isascii() and character.isalnum():
        key = (KEYS[character.lower()],)
        return (KEYS["shift"], *key) if character.isupper() else key
    if character in _PLAIN:
        return (KEYS[_PLAIN[character]],)
    if "\x01" <= character <= "\x1a":
        return (KEYS["ctrl"], KEYS[chr(ord(character) + 0x60)])
    raise VmmError(f"A US keyboard has no key for the character {character!r}.")


def chords_of_text(text: str) -> list[Chord]:
    """What to press for a text, character by character."""
    return [chord_of_character(character) for character in text]
