# SPDX-License-Identifier: GPL-2.0-or-later
"""`patchvisor patch` and `patchvisor diff`."""

import json
from pathlib import Path

import elf_maker
import pytest
from executables import Elf, Part

import guests
from patcher.patch_map import decode_map


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    file = tmp_path / "hello"
    file.write_bytes(guests.build("hello"))
    return file


def test_patch_writes_a_map_and_leaves_the_image(patchvisor, hello: Path, tmp_path: Path) -> None:
    before, out = hello.read_bytes(), tmp_path / "hello.pvmap"
    said = patchvisor("patch", str(hello), "-o", str(out))
    assert said.status == 0
    assert said.out.endswith(f"page records in {out}\n")
    assert decode_map(out.read_bytes(), "m").pages
    assert hello.read_bytes() == before


def test_patch_counts_one_in_the_singular(patchvisor, tmp_path: Path) -> None:
    image, out = tmp_path / "image", tmp_path / "out"
    image.write_bytes(bytes(Elf((Part(b"\x0f\x01\x08\xfa\xc3", flags=5),))))  # sidt [eax]; cli; ret
    said = patchvisor("patch", str(image), "-o", str(out))
    assert said.out == f"{image}: 1 site to close (1 by trap), 1 that needs no patch; 3 page records in {out}\n"


def test_an_image_and_its_map_are_the_same(patchvisor, hello: Path, tmp_path: Path) -> None:
    out = tmp_path / "hello.pvmap"
    patchvisor("patch", str(hello), "-o", str(out))
    said = patchvisor("diff", str(hello), str(out))
    assert (said.status, said.out.splitlines()[-1][:20]) == (0, "0 added, 0 removed, ")


def test_another_image_is_another(patchvisor, hello: Path, tmp_path: Path) -> None:
    other = tmp_path / "timer"
    other.write_bytes(guests.build("timer"))
    said = patchvisor("diff", str(hello), str(other))
    assert said.status == 1
    assert any(line.startswith("+ ") for line in said.out.splitlines())
    found = json.loads(patchvisor("diff", "--json", str(hello), str(other)).out)
    assert found.keys() == {"added", "removed", "moved", "closed_otherwise", "same"}
    assert len(found["added"]) == sum(line.startswith("+ ") for line in said.out.splitlines())


def test_files_that_are_none_are_sentences(patchvisor, hello: Path, tmp_path: Path) -> None:
    said = patchvisor("diff", str(hello), str(tmp_path / "none"))
    assert (said.status, said.err) == (66, f"patchvisor: {tmp_path}/none: no such file\n")
    text = tmp_path / "text"
    text.write_text("no code here")
    said = patchvisor("patch", str(text), "-o", str(tmp_path / "x"))
    assert said.status == 66
    assert "Traceback" not in said.err
    assert str(text) in said.err
    said = patchvisor("patch", str(hello), "-o", str(tmp_path / "no" / "folder"))
    assert said.status == 2


def test_the_image_is_not_written_over(patchvisor, hello: Path, tmp_path: Path) -> None:
    before = hello.read_bytes()
    (tmp_path / "link").symlink_to(hello)
    for output in (hello, tmp_path / "link"):
        said = patchvisor("patch", str(hello), "-o", str(output))
        assert (said.status, said.out) == (2, "")
        assert f"-o {output} is what is to be read, and would be lost" in said.err
    assert hello.read_bytes() == before


def test_what_is_no_file_is_written_to_and_not_replaced(patchvisor, hello: Path, tmp_path: Path) -> None:
    place = tmp_path / "null"
    place.symlink_to("/dev/null")
    assert patchvisor("patch", str(hello), "-o", str(place)).status == 0
    assert place.is_symlink()


@pytest.mark.parametrize(
    ("content", "sentence"), [(None, "No such file or directory."), (b"x", "is no patch map.")]
)
def test_a_map_that_cannot_be_used_is_no_fault_of_ours(
    patchvisor, hello: Path, tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    file = tmp_path / "map"
    if content is not None:
        file.write_bytes(content)
    said = patchvisor("run", str(hello), "--patches", str(file))
    assert said.status == 66
    assert sentence in said.err


def test_names_in_a_difference_steer_no_terminal(patchvisor, tmp_path: Path) -> None:
    for name, code in (("a", b"\xc3"), ("b", b"\x9c\xc3")):
        part = elf_maker.Part(".text", code, elf_maker.ALLOC | elf_maker.EXEC)
        symbol = elf_maker.Sym("\x1b[31mevil", 0, 0, size=len(code))
        (tmp_path / name).write_bytes(bytes(elf_maker.Maker([part], [symbol])))
    said = patchvisor("diff", str(tmp_path / "a"), str(tmp_path / "b"))
    assert said.out.startswith("+ \\x1b[31mevil+0x0 pushf [9c]")
