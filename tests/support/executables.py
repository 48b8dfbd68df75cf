# SPDX-License-Identifier: GPL-2.0-or-later
"""Small executable files, well-formed or damaged on purpose: ELF, Multiboot headers, bzImages."""

import struct
from dataclasses import dataclass, replace

MULTIBOOT_MAGIC = 0x1BADB002
CODE = b"\xf4\xeb\xfd"
"""hlt; jmp back."""


@dataclass(frozen=True)
class Part:
    """One program header and its bytes. What is None is taken from the rest."""

    data: bytes = CODE
    vaddr: int = 0x10_0000
    paddr: int | None = None
    memsz: int | None = None
    filesz: int | None = None
    offset: int | None = None
    flags: int = 7
    type: int = 1

    @property
    def sizes(self) -> tuple[int, int]:
        filesz = len(self.data) if self.filesz is None else self.filesz
        return filesz, filesz if self.memsz is None else self.memsz


@dataclass(frozen=True)
class Elf:
    """An ELF executable; `bytes(Elf(...))` makes the file."""

    parts: tuple[Part, ...] = (Part(),)
    entry: int = 0x10_0000
    machine: int = 3
    type: int = 2
    bits: int = 32
    data: int = 1
    phnum: int | None = None
    phentsize: int | None = None
    phoff: int | None = None
    sections: tuple[int, int, int] = (0, 0, 0)
    """e_shoff, e_shentsize, e_shnum."""
    tail: bytes = b""

    def __bytes__(self) -> bytes:
        wide = self.bits == 64
        start, row = (0x40, 56) if wide else (0x34, 32)
        at = start + row * len(self.parts)
        rows, bodies = [], []
        for part in self.parts:
            rows.append(self._row(part, at if part.offset is None else part.offset, wide))
            bodies.append(part.data)
            at += len(part.data)
        return self._header(start, row, wide) + b"".join(rows) + b"".join(bodies) + self.tail

    @property
    def size(self) -> int:
        return len(bytes(self))

    def _header(self, start: int, row: int, wide: bool) -> bytes:
        ident = b"\x7fELF" + bytes([2 if wide else 1, self.data, 1]) + bytes(9)
        phoff = start if self.phoff is None else self.phoff
        phnum = len(self.parts) if self.phnum is None else self.phnum
        phentsize = row if self.phentsize is None else self.phentsize
        shoff, *rest = self.sections
        form = "<HHI3QI6H" if wide else "<HHI3II6H"
        head = (self.type, self.machine, 1, self.entry, phoff, shoff, 0, start, phentsize, phnum)
        return ident + struct.pack(form, *head, *rest, 0)

    def _row(self, part: Part, offset: int, wide: bool) -> bytes:
        filesz, memsz = part.sizes
        paddr = part.vaddr if part.paddr is None else part.paddr
        if wide:
            return struct.pack("<2I6Q", part.type, part.flags, offset, part.vaddr, paddr, filesz, memsz, 4)
        return struct.pack("<8I", part.type, offset, part.vaddr, paddr, filesz, memsz, part.flags, 4)


def with_symbols(elf: Elf, symbols: list[tuple[str, int, int, int]], **damage: int) -> bytes:
    """The file with a symbol table of (name, value, info, section); `damage` changes header fields."""
    names, rows = b"\0", b""
    for name, value, info, section in symbols:
        rows += struct.pack("<IIIBBH", len(names), value, 4, info, 0, section)
        names += name.encode() + b"\0"
    base = elf.size
    link = damage.get("link", 2)
    headers = b"".join(
        struct.pack("<10I", 0, *fields)
        for fields in (
            (0,) * 9,
            (2, 0, 0, base, damage.get("length", len(rows)), link, 0, 4, 16),
            (3, 0, 0, base + len(rows), damage.get("names", len(names)), 0, 0, 1, 0),
        )
    )
    shoff = damage.get("shoff", base + len(rows) + len(names))
    return bytes(replace(elf, sections=(shoff, damage.get("shentsize", 40), 3), tail=rows + names + headers))


def multiboot_header(flags: int, *fields: int) -> bytes:
    """Magic, flags, a checksum that fits, then whatever fields follow."""
    return struct.pack(
        f"<{3 + len(fields)}I", MULTIBOOT_MAGIC, flags, -(MULTIBOOT_MAGIC + flags) % 2**32, *fields
    )


def multiboot_flat(
    flags: int = 0x1_0003,
    load: int = 0x10_0000,
    body: bytes = CODE,
    header_addr: int | None = None,
    load_end: int = 0,
    bss_end: int = 0,
    entry: int | None = None,
    video: tuple[int, ...] = (),
) -> bytes:
    """An image whose header comes first and has address fields; it is entered behind the header."""
    size = 32 + 4 * len(video)
    start = load + size if entry is None else entry
    head = load if header_addr is None else header_addr
    return multiboot_header(flags, head, load, load_end, bss_end, start, *video) + body


@dataclass(frozen=True)
class BzImage:
    """A bzImage of a few sectors; `bytes(BzImage(...))` makes the file."""

    payload: bytes = CODE.ljust(512, b"\x90")
    version: int = 0x20C
    setup_sects: int = 1
    loadflags: int = 1
    syssize: int | None = None
    code32_start: int = 0x10_0000
    initrd_addr_max: int = 0x37FF_FFFF
    kernel_alignment: int = 0x1000
    relocatable: int = 0
    cmdline_size: int = 255
    pref_address: int = 0x10_0000
    init_size: int = 0x1_0000
    header_end: int = 0x62
    """The jump byte at 0x201: how far behind 0x202 the header ends."""

    def __bytes__(self) -> bytes:
        head = bytearray(512 * (1 + (self.setup_sects or 4)))
        head[0x1F1] = self.setup_sects
        paragraphs = -(-len(self.payload) // 16) if self.syssize is None else self.syssize
        head[0x1F4:0x1F8] = struct.pack("<I", paragraphs)
        head[0x1FE:0x202] = bytes([0x55, 0xAA, 0xEB, self.header_end])
        head[0x202:0x208] = b"HdrS" + struct.pack("<H", self.version)
        head[0x211] = self.loadflags
        head[0x214:0x218] = struct.pack("<I", self.code32_start)
        head[0x22C:0x23C] = struct.pack(
            "<IIB3xI", self.initrd_addr_max, self.kernel_alignment, self.relocatable, self.cmdline_size
        )
        head[0x258:0x264] = struct.pack("<QI", self.pref_address, self.init_size)
        return bytes(head) + self.payload
