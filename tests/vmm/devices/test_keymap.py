# SPDX-License-Identifier: GPL-2.0-or-later
"""Key names, text and the two scan code sets."""

import string

import pytest

from vmm.devices.keymap import KEYS, chord_of_character, chords_of_text, parse_chord, parse_chords
from vmm.devices.scancodes import TRANSLATION, Translator, encode
from vmm.errors import VmmError


def translated(data: bytes) -> bytes:
    translator = Translator()
    return bytes(byte for raw in data if (byte := translator.feed(raw)) is not None)


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("pressed", [True, False])
def test_the_controller_turns_set_2_into_set_1(name: str, pressed: bool) -> None:
    assert translated(encode(KEYS[name], pressed, 2)) == encode(KEYS[name], pressed, 1)


def test_the_translation_is_one_to_one() -> None:
    assert len(TRANSLATION) == 128
    assert len(set(TRANSLATION)) == 128


@pytest.mark.parametrize(
    ("name", "pressed", "set_2"),
    [
        ("a", True, "1c"), ("a", False, "f0 1c"), ("ret", True, "5a"), ("esc", True, "76"),
        ("f7", True, "83"), ("up", True, "e0 75"), ("up", False, "e0 f0 75"),
        ("ctrl_r", True, "e0 14"), ("sysrq", True, "84"),
        ("pause", True, "e1 14 77 e1 f0 14 f0 77"), ("pause", False, ""),
    ],
)  # fmt: skip
def test_set_2_codes_from_the_reference(name: str, pressed: bool, set_2: str) -> None:
    assert encode(KEYS[name], pressed, 2).hex(" ") == set_2


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("ret", [0x1C]), ("enter", [0x1C]), ("esc", [0x01]), ("spc", [0x39]), ("up", [0xE048]),
        ("f1", [0x3B]), ("f12", [0x58]), ("ctrl-c", [0x1D, 0x2E]), ("-", [0x0C]),
        ("ctrl-alt-delete", [0x1D, 0x38, 0xE053]), ("A", [0x2A, 0x1E]),
        ("kp_5", [0x4C]), ("delete", [0xE053]),
    ],
)  # fmt: skip
def test_names_as_in_qemu(text: str, codes: list[int]) -> None:
    assert list(parse_chord(text)) == codes


def test_several_chords() -> None:
    assert parse_chords("esc  down ret") == [(0x01,), (0xE050,), (0x1C,)]


def test_an_unknown_name_is_a_sentence() -> None:
    with pytest.raises(VmmError) as error:
        parse_chord("ctrl-foo")
    assert str(error.value) == 'There is no key named "foo" in "ctrl-foo"; names are like ret, f1, ctrl-c.'


def test_all_printable_text_can_be_typed() -> None:
    chords = chords_of_text(string.printable.replace("\x0b", "").replace("\x0c", ""))
    assert all(code in KEYS.values() for chord in chords for code in chord)
    assert len(set(chords_of_text(string.ascii_letters + string.digits + string.punctuation))) == 94


@pytest.mark.parametrize(
    ("character", "names"), [("?", "shift slash"), ("\n", "ret"), ("\x01", "ctrl a"), ("Z", "shift z")]
)
def test_characters(character: str, names: str) -> None:
    assert chord_of_character(character) == tuple(KEYS[name] for name in names.split())


def test_a_character_without_a_key_is_a_sentence() -> None:
    with pytest.raises(VmmError, match="A US keyboard has no key for the character 'é'"):
        chord_of_character("é")
