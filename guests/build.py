# SPDX-License-Identifier: GPL-2.0-or-later
"""Assembly text of a guest to a Multiboot image: own includes, a check of the spelling, one call of Keystone.

The image is flat, with a Multiboot 0.6.96 header of the address-field kind (flags bit 16, section 3.1.3) in
its first 32 bytes, loaded at 1 MiB and entered just behind the header, with zeroed memory up to 2 MiB.
`qemu-system-i386 -kernel` starts it as well.
"""

import re
import struct
from functools import cache
from pathlib import Path

from guests.declaration import FOLDER

BASE = 0x100000
HEADER_SIZE = 32
ENTRY = BASE + HEADER_SIZE
IMAGE_LIMIT = 0x180000  # the guests' own tables and stacks begin here: include/layout.s
BSS_END = 0x200000

_MAGIC = 0x1BADB002
_ADDRESS_FIELDS = 1 << 16
_INCLUDE = re.compile(r'^\s*\.include\s+"([a-z0-9_-]+\.s)"\s*$')
_COMMENT_OR_STRING = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\\])\'?|#.*$')

# Spellings that the assembler takes silently for something else, or not at all.
_REFUSED = (
    (r"(?<![\w\\.$%])-?[1-9]\d+\b(?!x)|(?<=\$)-?[1-9]\d+\b", "write numbers as 0x..: it reads digits as hex"),
    (r"^\s*\d+:|\b\d+[bf]\b", "write a named label: there are no numeric ones"),
    (r"\bl(?:jmp|call)l?\s+\$", "write a direct far jump or call as .byte: it vanishes"),
    (r"\bbound[lw]?\s", "write bound as .byte: it vanishes"),
    (r"\.(?:org|align|p2align|incbin|include)\b", "use .balign, or an include on a line of its own"),
    (r"^\s*\.macro\s+\w+\s*$", "give the macro a parameter: without one $0 is expanded and \\@ is not"),
    (r"\.(?:fill|space|skip)\b[^#]*(?<![\w.])\.(?!\w)", "a size may not depend on '.': the assembler hangs"),
)


class BuildError(Exception):
    """A guest that cannot be built; the sentence names the file and line."""


def source(name: str) -> str:
    """The whole text of a guest: includes in place, each file once, comments dropped, spelling checked."""
    return expand(_included(FOLDER / name / "guest.s"), name)


def expand(given: str, name: str) -> str:
    """The same for a text that is no file: `name` is what errors call it."""
    text = "\n".join(_expand(given, f"{name}/guest.s", set())) + "\n"
    for body in re.findall(r"\.rept\b(.*?)\.endr", text, re.DOTALL):
        if re.search(r"\$\d", body):
            raise BuildError(
                f"guest {name}: a .rept body holds $ and a digit, which the assembler expands: {body!r}"
            )
    return text


@cache
def build(name: str) -> bytes:
    """The bootable image of the guest `name`."""
    return image(source(name), name)


def image(text: str, name: str) -> bytes:
    """The bootable image of an expanded text."""
    from patcher.assembler import assemble  # loads Keystone

    code = assemble(text, ENTRY, 32)
    if not code:
        raise BuildError(f"guest {name}: the assembler gave no code and no reason")
    end = ENTRY + len(code)
    if end > IMAGE_LIMIT:
        raise BuildError(f"guest {name}: the image ends at {end:#x}, past {IMAGE_LIMIT:#x}")
    return multiboot_header(end) + code


def multiboot_header(load_end: int) -> bytes:
    """The 32 bytes that make a loader load BASE..load_end (half-open) and clear memory up to BSS_END."""
    checksum = -(_MAGIC + _ADDRESS_FIELDS) & 0xFFFFFFFF
    return struct.pack("<8I", _MAGIC, _ADDRESS_FIELDS, checksum, BASE, BASE, load_end, BSS_END, ENTRY)


def _expand(text: str, where: str, seen: set[Path]) -> list[str]:
    lines: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        include = _INCLUDE.match(line)
        if include is None:
            lines.append(checked(line, f"{where}:{number}"))
        elif (target := FOLDER / "include" / include[1]) not in seen:
            seen.add(target)
            lines += _expand(_included(target), f"include/{target.name}", seen)
    return lines


def _included(path: Path) -> str:
    if not path.is_file():
        raise BuildError(f"there is no guest source {path.name} in {path.parent.name}")
    return path.read_text(encoding="ascii")


def checked(line: str, where: str) -> str:
    """The line without its comment; `BuildError` if it is spelled in a way the assembler misreads."""
    code = _COMMENT_OR_STRING.sub(lambda match: "" if match[0].startswith("#") else match[0], line).rstrip()
    bare = _COMMENT_OR_STRING.sub("''", code)
    for pattern, advice in _REFUSED:
        if re.search(pattern, bare):
            raise BuildError(f"{where}: {line.strip()!r}: {advice}")
    return code
