# SPDX-License-Identifier: GPL-2.0-or-later
"""Sources of the corpora, and in which ways each of them is made into files.

A folder of `corpus/` is a class, a file in it a source. Sources in C are compiled in every way of `RECIPES`; sources in
assembly say in a comment how they want to be built:

    # @build bits=32 forms=exe,o base=0x7c00 mode=16 entry=start
    # @undecidable why no analysis of the file alone can find every instruction
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

CORPUS: Final = Path(__file__).parent / "corpus"
HELD_OUT: Final = Path(__file__).parent / "held_out"
CLASSES: Final = {
    "a": "plain compiled code",
    "b": "data in code",
    "c": "obfuscated",
    "d": "mixed 16, 32 and 64 bit",
}
LINKED: Final = ("exe", "exe stripped")
_BUILD: Final = re.compile(r"^# @build (.*)$", re.M)
_UNDECIDABLE: Final = re.compile(r"^# @undecidable (.*)$", re.M)


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to make a source into files: `flags` are the compiler's, `forms` what is linked or stripped of it."""

    label: str
    bits: int
    forms: tuple[str, ...]
    flags: tuple[str, ...] = ()
    constants_in_text: bool = False
    base: int | None = None
    mode: int | None = None
    entry: str = "_start"


@dataclass(frozen=True, slots=True)
class Source:
    """One program text. `group` is its class, a letter; `undecidable` says why not all of it can be found."""

    name: str
    group: str
    text: str
    recipes: tuple[Recipe, ...]
    is_c: bool = False
    undecidable: str = ""


def _compiled(bits: int, level: str, pic: bool, *more: str, forms: tuple[str, ...] = LINKED) -> Recipe:
    position = ("-fPIC",) if pic else ("-fno-pic",)
    label = " ".join((str(bits), level, "pic" if pic else "fixed", *(flag.lstrip("-") for flag in more)))
    return Recipe(label, bits, forms, (f"-m{bits}", f"-{level}", *position, *more))


_SHARED: Final = ("so", "so stripped")
_OBJECT: Final = ("o", "o stripped")
_NO_TABLES: Final = ("-fno-asynchronous-unwind-tables", "-fno-unwind-tables")

PLAIN: Final = (
    _compiled(32, "O0", False, forms=(*LINKED, *_OBJECT)),
    _compiled(32, "O1", True, forms=_SHARED),
    _compiled(32, "O2", False, forms=(*LINKED, *_OBJECT)),
    _compiled(32, "O2", True, forms=("pie", "pie stripped")),
    _compiled(32, "Os", False),
    _compiled(32, "O2", False, *_NO_TABLES),
    _compiled(64, "O0", True, forms=_SHARED),
    _compiled(64, "O1", False),
    _compiled(64, "O2", False, forms=(*LINKED, *_OBJECT)),
    _compiled(64, "O2", True, "-fcf-protection=full", forms=("pie", "pie stripped")),
    _compiled(64, "Os", True, forms=(*_SHARED, *_OBJECT)),
    _compiled(64, "O2", False, *_NO_TABLES),
)


def with_constants(recipe: Recipe) -> Recipe:
    """The same, with strings, jump tables and floating-point constants between the functions."""
    return Recipe(
        f"{recipe.label} constants in text", recipe.bits, recipe.forms, recipe.flags, constants_in_text=True
    )


POOLED: Final = tuple(with_constants(recipe) for recipe in PLAIN if "-fno-unwind-tables" not in recipe.flags)

REAL_MODE: Final = tuple(
    Recipe(
        f"16 {level} fixed",
        32,
        ("raw",),
        ("-m16", f"-{level}", "-fno-pic", *_NO_TABLES),
        base=0x8000,
        mode=16,
    )
    for level in ("O0", "O1", "O2", "Os")
)
_PROTECTED_MODE: Final = frozenset({"kernel"})  # sources that make no sense in real mode


@cache
def corpus(folder: Path = CORPUS) -> tuple[Source, ...]:
    """Every source of a corpus's folder, by class and name."""
    return tuple(source for group in CLASSES for source in _of_class(folder, group))


def _of_class(folder: Path, group: str) -> Iterator[Source]:
    for path in sorted((folder / group).glob("*.[cs]")):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".c":
            yield Source(f"{group}/{path.stem}", group, text, PLAIN, True)
        else:
            yield assembly(f"{group}/{path.stem}", group, text)
    if group == "b":
        yield from _compiled_again(folder, "b/pooled-", POOLED)
    if group == "d":
        yield from _compiled_again(folder, "d/real-", REAL_MODE)


def _compiled_again(folder: Path, prefix: str, recipes: tuple[Recipe, ...]) -> Iterator[Source]:
    """The programs of class A, made into files of another class."""
    for path in sorted((folder / "a").glob("*.c")):
        if recipes is not REAL_MODE or path.stem not in _PROTECTED_MODE:
            text = path.read_text(encoding="utf-8")
            yield Source(f"{prefix}{path.stem}", prefix[0], text, recipes, True)


def assembly(name: str, group: str, text: str) -> Source:
    """A source in assembly, built as its comments say."""
    recipes = tuple(_recipe(match[1]) for match in _BUILD.finditer(text))
    reasons = " ".join(match[1] for match in _UNDECIDABLE.finditer(text))
    return Source(name, group, text, recipes, undecidable=reasons)


def _recipe(words: str) -> Recipe:
    settings = dict(word.split("=", 1) for word in words.split())
    bits = int(settings.pop("bits"))
    forms = tuple(form.replace("-", " ") for form in settings.pop("forms", "exe,exe-stripped").split(","))
    base = settings.pop("base", None)
    mode = settings.pop("mode", None)
    entry = settings.pop("entry", "_start")
    if settings:
        raise ValueError(f"A source wants to be built with {settings}, which means nothing.")
    return Recipe(
        str(bits), bits, forms, (), False, int(base, 0) if base else None, int(mode) if mode else None, entry
    )
