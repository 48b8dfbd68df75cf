# SPDX-License-Identifier: GPL-2.0-or-later
"""Every guest builds into an image that a loader takes; misspelt text and declarations are refused."""

import struct
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

import guests
from guests.build import BASE, BSS_END, ENTRY, BuildError, build, checked, source
from guests.declaration import FOLDER, DeclarationError, describe, parse

MINIMAL = 'description = "x"\nexit = 33\n'


@pytest.mark.parametrize("name", guests.names())
def test_image_has_an_address_field_header_that_matches_its_size(name: str) -> None:
    image = build(name)
    magic, flags, checksum, header, load, load_end, bss_end, entry = struct.unpack_from("<8I", image)
    assert (magic + flags + checksum) & 0xFFFFFFFF == 0
    assert (magic, flags) == (0x1BADB002, 0x10000)
    assert (header, load, load_end, bss_end, entry) == (BASE, BASE, BASE + len(image), BSS_END, ENTRY)


@pytest.mark.parametrize("name", guests.names())
def test_declaration_is_complete_and_describes_in_one_line(name: str) -> None:
    guest = describe(name)
    assert guest.name == name
    assert len(guest.description.splitlines()) == 1


def test_every_source_folder_has_a_declaration() -> None:
    folders = {path.parent.relative_to(FOLDER).as_posix() for path in FOLDER.glob("**/guest.s")}
    assert folders == set(guests.names())


def test_an_include_is_taken_once() -> None:
    assert source("rings").count("serial_setup:") == 1


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("movl $20, %eax", "write numbers as 0x"),
        (".long 100", "write numbers as 0x"),
        ("1: nop", "write a named label"),
        ("jnz 1b", "write a named label"),
        ("ljmpl $0x8, $foo", "write a direct far jump or call as .byte"),
        ("boundl %eax, (%ebx)", "write bound as .byte"),
        (".org 0x200", "use .balign"),
        ('.incbin "/etc/passwd"', "use .balign"),
        (".macro pause", "give the macro a parameter"),
        (".space 0x10-(.-start)", "may not depend on '.'"),
    ],
)
def test_what_the_assembler_misreads_is_refused(line: str, advice: str) -> None:
    with pytest.raises(BuildError, match=advice):
        checked(line, "here:1")


@pytest.mark.parametrize(
    "line",
    [
        "movl $0x20, %eax",
        "movl 0x8(%ebp), %eax",
        '.asciz "20 1b"',
        "movb $'1', %al",
        "nop # 20 times",
        "leal foo(,%eax,8), %ecx",
        "add4_5: nop",
    ],
)
def test_what_it_reads_rightly_passes(line: str) -> None:
    assert checked(line, "here:1")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (MINIMAL + "colour = 3\n", "guest x: unknown key 'colour'"),
        ("exit = 33\n", "guest x: key 'description' is missing"),
        (MINIMAL + "slow = 1\n", "guest x: key 'slow' has the wrong type: 1"),
        (MINIMAL + "memory = true\n", "guest x: key 'memory' has the wrong type: True"),
        ('description = "x"\nexit = [33, 256]\n', "guest x: exit: whole numbers from 0 to 255"),
        ('description = "x"\nexit = [33, "any"]\n', "guest x: exit: 'any' is neither a number nor 'debug-exit'"),
        (MINIMAL + 'serial = "a"\nserial_pattern = "b"\n', "guest x: serial and serial_pattern: one of"),
        (MINIMAL + '[skip]\nslow = "no"\n', "guest x: skip: keys from fast, trap, native"),
        (MINIMAL + 'qemu = "differs"\n', "guest x: qemu_note: needed"),
        (MINIMAL + "hostile = true\n", "guest x: hostile: exactly the guests under hostile/"),
        ("exit", "guest x: not TOML"),
    ],
)
def test_a_wrong_declaration_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        parse("x", text)
    assert str(caught.value).startswith(sentence)


def test_any_status_of_the_exit_device() -> None:
    exits = parse("x", 'description = "x"\nexit = ["debug-exit", 80]\n').exits
    assert {1, 33, 255, 80} <= set(exits)
    assert len(exits) == 129


def test_an_unknown_guest_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(DeclarationError, match=r"there is no guest named 'nobody': .*hello"):
        describe("nobody")


@pytest.fixture
def made_guest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Makes a guest folder with the given text and returns the guest's name."""

    def make(text: str) -> str:
        monkeypatch.setattr(import_module("guests.build"), "FOLDER", tmp_path)
        (tmp_path / "made").mkdir()
        (tmp_path / "made" / "guest.s").write_text(text, encoding="ascii")
        return "made"

    return make


def test_a_repeated_body_with_dollar_and_digit_is_refused(made_guest: Callable[[str], str]) -> None:
    name = made_guest(".rept 0x3\npushl $0x0\n.endr\n")
    with pytest.raises(BuildError, match=r"guest made: a \.rept body holds \$ and a digit"):
        source(name)


def test_a_refusal_names_file_and_line(made_guest: Callable[[str], str]) -> None:
    name = made_guest("nop\nmovl $20, %eax\n")
    with pytest.raises(BuildError, match=r"made/guest\.s:2: 'movl \$20, %eax': write numbers as 0x"):
        source(name)


def test_a_missing_include_is_refused(made_guest: Callable[[str], str]) -> None:
    name = made_guest('.include "nowhere.s"\n')
    with pytest.raises(BuildError, match=r"there is no guest source nowhere\.s in include"):
        source(name)


@pytest.mark.parametrize(
    ("text", "serial", "accepted"),
    [
        (MINIMAL, "anything", True),
        (MINIMAL + 'serial = "a\\n"\n', "a\n", True),
        (MINIMAL + 'serial = "a\\n"\n', "a\nb", False),
        (MINIMAL + 'serial_pattern = "a.*z"\n', "a\n\nz", True),
        (MINIMAL + 'serial_pattern = "a"\n', "ab", False),
    ],
)
def test_output_is_accepted_as_a_whole(text: str, serial: str, accepted: bool) -> None:
    assert parse("x", text).accepts(serial) is accepted


def test_a_policy_can_be_left_out_with_a_sentence() -> None:
    guest = parse("x", MINIMAL + '[skip]\nnative = "no"\n')
    assert (guest.applies_to("native"), guest.applies_to("fast")) == ("no", None)
