# SPDX-License-Identifier: GPL-2.0-or-later
"""From a source to files with known truth: compiled to assembly, assembled with a listing, linked with a map.

Every step is checked: statements fill their sections without gap or overlap, and the bytes in the finished file are
those of the listing, except in fields that a relocation fills in.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from vmm.bench.audit import listing, objects
from vmm.bench.audit.source import CORPUS, Recipe, Source
from vmm.bench.audit.statements import one_a_line
from vmm.bench.audit.tools import ToolError, call
from vmm.bench.audit.truth import Statement, What, sections, statements

_EMULATION: Final = {32: "elf_i386", 64: "elf_x86_64"}
_MAPPED: Final = re.compile(r"^ (\S+)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+) (\S+)$", re.M)
_CONSTANTS: Final = re.compile(r"^\t\.section\t\.rodata.*$", re.M)
_COMMON: Final = (
    "-S",
    "-ffreestanding",
    "-nostdlib",
    "-fno-stack-protector",
    "-w",
    "-fno-ident",
    "-std=gnu11",
)


@dataclass(frozen=True, slots=True)
class Known:
    """An instruction of which the assembler said that it starts here."""

    mode: int
    length: int
    text: str
    sensitive: bool


@dataclass(frozen=True, slots=True)
class Region:
    """Executable bytes of a file: their offset, where they run, and the mode that the file's header suggests."""

    offset: int
    address: int
    size: int
    mode: int


@dataclass(frozen=True, slots=True)
class Truth:
    """All places are file offsets. `padding` holds every byte of alignments; `covered` are the ranges `[start, end)` of
    which the assembler told (the linker's own code is in none of them).
    """

    starts: dict[int, Known]
    padding: frozenset[int]
    covered: tuple[tuple[int, int], ...]

    def covers(self, offset: int) -> bool:
        """Did the assembler lay down this byte?"""
        return any(start <= offset < end for start, end in self.covered)

    @property
    def sites(self) -> frozenset[int]:
        return frozenset(offset for offset, known in self.starts.items() if known.sensitive)


@dataclass(frozen=True, slots=True)
class Sample:
    """One finished file. `base` and `entry` are None unless it is raw bytes."""

    source: str
    group: str
    label: str
    form: str
    data: bytes
    regions: tuple[Region, ...]
    truth: Truth
    undecidable: str = ""
    base: int | None = None
    entry: int | None = None

    @property
    def name(self) -> str:
        return f"{self.source} ({self.label}, {self.form})"

    @property
    def mode(self) -> int:
        return self.regions[0].mode


@dataclass(frozen=True, slots=True)
class _Assembled:
    """A relocatable object and the statements in its executable sections."""

    file: objects.Object
    code: dict[str, list[Statement]]


def build(source: Source, folder: Path) -> Iterator[Sample]:
    """Make every file of a source in an empty folder, which is written to freely."""
    for recipe in source.recipes:
        text = _assembly(source, recipe, folder)
        assembled = _assemble(text, recipe, folder)
        for form in recipe.forms:
            yield _finish(source, recipe, form, assembled, folder)


def _assembly(source: Source, recipe: Recipe, folder: Path) -> str:
    if not source.is_c:
        return source.text
    (folder / "source.c").write_text(source.text, encoding="utf-8")
    include = f"-I{CORPUS / 'include'}"
    text = call(["gcc", *_COMMON, *recipe.flags, include, "-o", "-", "source.c"], folder)
    return _CONSTANTS.sub("\t.text", text) if recipe.constants_in_text else text


def _assemble(text: str, recipe: Recipe, folder: Path) -> _Assembled:
    (folder / "source.s").write_text(one_a_line(text), encoding="latin-1", errors="strict")
    listed = call(
        [
            "as",
            f"--{recipe.bits}",
            "-alnm",
            "-mrelax-relocations=no",
            *listing.OPTIONS,
            "-o",
            "object.o",
            "source.s",
        ],
        folder,
    )
    file = objects.read((folder / "object.o").read_bytes())
    wanted = {section.name for section in file.code}
    found = statements(listing.parse(listed.splitlines()), recipe.bits)
    code = sections(statement for statement in found if statement.section in wanted)
    fields = _masks(file)
    for section in file.code:
        laid = b"".join(statement.raw for statement in code[section.name])
        _compare(laid, section.data, fields[section.name], section.name)
    return _Assembled(file, code)


def _masks(file: objects.Object) -> dict[str, set[int]]:
    masks: dict[str, set[int]] = {section.name: set() for section in file.code}
    for name, offset, size in file.fields:
        if name in masks:
            masks[name].update(range(offset, offset + size))
    return masks


def _compare(expected: bytes, found: bytes, masked: set[int], name: str) -> None:
    if len(expected) != len(found):
        raise ToolError(f"The listing has {len(expected)} bytes of {name}, the file {len(found)}.")
    for offset, (one, other) in enumerate(zip(expected, found, strict=True)):
        if one != other and offset not in masked:
            raise ToolError(f"{name}+{offset:#x} is {one:#04x} in the listing and {other:#04x} in the file.")


def _finish(source: Source, recipe: Recipe, form: str, assembled: _Assembled, folder: Path) -> Sample:
    kind, _, stripped = form.partition(" ")
    path = "object.o" if kind == "o" else _link(kind, recipe, folder)
    if stripped:
        call(["strip", "--strip-unneeded" if kind == "o" else "-s", "-o", "stripped", path], folder)
        path = "stripped"
    data = (folder / path).read_bytes()
    if kind == "raw":
        return _raw(source, recipe, form, assembled, data, folder)
    file = objects.read(data)
    regions = tuple(Region(s.offset, s.address, s.size, recipe.mode or recipe.bits) for s in file.code)
    truth = _truth(assembled, _offsets(kind, assembled, file, folder), data)
    return Sample(source.name, source.group, recipe.label, form, data, regions, truth, source.undecidable)


def _raw(
    source: Source, recipe: Recipe, form: str, assembled: _Assembled, data: bytes, folder: Path
) -> Sample:
    base = recipe.base or 0
    mapped = _mapped(assembled, folder)
    regions = (Region(0, base, len(data), recipe.mode or recipe.bits),)
    truth = _truth(assembled, {name: address - base for name, address in mapped.items()}, data)
    everything = replace(truth, covered=((0, len(data)),))  # what is not code is data or the linker's zeros
    section, offset = assembled.file.symbols[recipe.entry]
    return Sample(
        source.name,
        source.group,
        recipe.label,
        form,
        data,
        regions,
        everything,
        source.undecidable,
        base,
        mapped[section] + offset,
    )


def _link(kind: str, recipe: Recipe, folder: Path) -> str:
    how = {
        "exe": ["-e", recipe.entry],
        "pie": ["-pie", "--no-dynamic-linker", "-e", recipe.entry],
        "so": ["-shared"],
        "raw": ["--oformat", "binary", "-e", recipe.entry],
    }[kind]
    where = [] if recipe.base is None else [f"-Ttext={recipe.base:#x}", "-N"]
    fixed = ["-m", _EMULATION[recipe.bits], "--no-relax", "--no-warn-rwx-segments", "-z", "noexecstack"]
    call(["ld", *fixed, *how, *where, "-Map=map", "-o", "linked", "object.o"], folder)
    return "linked"


def _offsets(kind: str, assembled: _Assembled, file: objects.Object, folder: Path) -> dict[str, int]:
    """File offset of every executable section of the assembled object."""
    if kind == "o":
        return {name: file.section(name).offset for name in assembled.code}
    placed = {}
    for name, address in _mapped(assembled, folder).items():
        offset = file.offset_of(address)
        if offset is None:
            raise ToolError(f"{name} was linked to {address:#x}, where the file has no code.")
        placed[name] = offset
    return placed


def _mapped(assembled: _Assembled, folder: Path) -> dict[str, int]:
    """Address of every executable section of the assembled object, from the linker's map."""
    text = (folder / "map").read_text(encoding="latin-1")
    found = {
        match[1]: int(match[2], 16)
        for match in _MAPPED.finditer(text)
        if match[4] == "object.o" and int(match[3], 16)
    }
    return {name: found[name] for name in assembled.code}


def _truth(assembled: _Assembled, placed: dict[str, int], data: bytes) -> Truth:
    masks = _masks(assembled.file)
    starts: dict[int, Known] = {}
    padding: set[int] = set()
    covered = []
    for name, inside in assembled.code.items():
        base = placed[name]
        covered.append((base, base + inside[-1].end))
        laid = b"".join(statement.raw for statement in inside)
        _compare(laid, data[base : base + len(laid)], masks[name], name)
        for statement in inside:
            if statement.what is What.PADDING:
                padding.update(range(base + statement.offset, base + statement.end))
            elif statement.start is not None:
                start = statement.start
                starts[base + statement.offset] = Known(
                    statement.mode, start.length, start.text, start.sensitive
                )
    return Truth(starts, frozenset(padding), tuple(covered))
