# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows for tests/bad_input (its README.md has the format): files that cannot be booted, guests that go wrong."""

import gzip
from dataclasses import dataclass

from executables import BzImage, Elf, Part, multiboot_flat, multiboot_header

FOUR_GIB = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Case:
    """`words` follow `patchvisor run FILE`; `sentence` is a regular expression for the line on stderr."""

    name: str
    image: bytes
    status: int
    sentence: str
    words: str = ""

    def __str__(self) -> str:
        return self.name


def _image(name: str, image: object, sentence: str, words: str = "-m 32") -> Case:
    return Case(name, bytes(image), 66, sentence, words)  # type: ignore[call-overload]


ELF = bytes(Elf())
IMAGES = (
    _image("empty file", b"", "FILE is empty."),
    _image("text", b"#!/bin/sh\n", "FILE is no Multiboot, Linux or ELF kernel; a flat binary needs an address to be loaded at."),
    _image("magic only", b"\x7fELF", "FILE .*truncated.*"),
    _image("half an ELF header", ELF[:30], "FILE .*truncated.*"),
    _image("half a program header", ELF[:60], "FILE .*truncated.*"),
    _image("segment bytes missing", ELF[:-1], "FILE is truncated: program header 0 wants file bytes .*"),
    _image("no program headers", Elf(parts=()), "FILE .*"),
    _image("endless program headers", Elf(phnum=0xFFFF), "FILE .*"),
    _image("endless empty program headers", Elf((Part(memsz=0, filesz=0),) * 0xFFF0), ".*FILE.*"),
    _image("program headers of no size", Elf(phnum=0xFFFF, phentsize=0), "FILE .*"),
    _image("program headers past the end", Elf(phoff=FOUR_GIB), "FILE .*"),
    _image("another machine", Elf(machine=40), "FILE .*ARM.*|FILE .*machine.*"),
    _image("big-endian", Elf(data=2), "FILE .*"),
    _image("a relocatable file", Elf(type=1), "FILE .*"),
    _image("64 bits", Elf(bits=64, machine=62), "FILE is an ELF file for x86-64; only 32-bit kernels can be booted."),
    _image("zero entry", Elf(entry=0), "The entry point 0x00000000 of FILE is outside everything that it loads."),
    _image("entry behind the code", Elf(entry=0x10_0003), "The entry point 0x00100003 of FILE is outside everything that it loads."),
    _image("segment past RAM", Elf((Part(vaddr=0x0FF0_0000),), entry=0x0FF0_0000), "Program header 0 of FILE .* reaches past the guest's 32 MiB of RAM."),
    _image("segment around 4 GiB", Elf((Part(vaddr=FOUR_GIB),), entry=FOUR_GIB), ".*FILE.*"),
    _image("4 GiB of bss", Elf((Part(memsz=FOUR_GIB),)), ".*FILE.*"),
    _image("more file than memory", Elf((Part(memsz=1, filesz=3),)), ".*FILE.*"),
    _image("overlapping segments", Elf((Part(data=bytes(64)), Part(data=bytes(64), vaddr=0x10_0010))), "In FILE, program header 0 and program header 1 overlap at guest-virtual address 0x00100010."),
    _image("in the BIOS area", Elf((Part(vaddr=0xF_0000),), entry=0xF_0000), ".*overlaps the video and BIOS area .*"),
    _image("over the interrupt vectors", Elf((Part(vaddr=0x10),), entry=0x10), ".*overlaps the interrupt vectors and BIOS data .*"),
    _image("Multiboot: header only", multiboot_header(0x1_0000), "FILE .*"),
    _image("Multiboot: load past RAM", multiboot_flat(load=0xF000_0000), ".*FILE.*reaches past the guest's 32 MiB of RAM."),
    _image("Multiboot: 4 GiB of bss", multiboot_flat(bss_end=FOUR_GIB), ".*FILE.*"),
    _image("Multiboot: ends before it starts", multiboot_flat(load_end=0x10), ".*FILE.*"),
    _image("Multiboot: header after load address", multiboot_flat(header_addr=0x1000), ".*FILE.*"),
    _image("Multiboot: entry zero", multiboot_flat(entry=0), ".*FILE.*"),
    _image("Multiboot: unknown demands", multiboot_header(0x0000_FFFC), ".*FILE.*"),
    _image("Multiboot 2", b"\xd6\x50\x52\xe8" + bytes(60), "FILE has a Multiboot 2 header only; this is a Multiboot 1 loader."),
    _image("bzImage: header only", bytes(BzImage())[:0x280], "FILE is no bzImage that can be booted: its setup code ends at file offset 0x400 and the file at 0x280."),
    _image("bzImage: too old", BzImage(version=0x100), "FILE .*"),
    _image("bzImage: no kernel", BzImage(payload=b"", syssize=0), "FILE .*"),
    _image("bzImage: endless kernel", BzImage(syssize=FOUR_GIB), "FILE is no bzImage .*: its protected-mode part has 0xffffffff0 bytes and the file only 0x200."),
    _image("bzImage: endless memory", BzImage(init_size=FOUR_GIB), ".*FILE.*"),
    _image("gzip: cut off", gzip.compress(ELF)[:-9], "FILE is a truncated gzip file."),
    _image("gzip: damaged", gzip.compress(bytes(99))[:14] + bytes(9), "FILE is a (damaged|truncated) gzip file.*"),
    _image("gzip: a bomb", gzip.compress(bytes(64 << 20), 9), "FILE does not fit into the guest's 32 MiB of RAM when unpacked."),
    _image("a file larger than RAM", bytes(3 << 20), "FILE does not fit into the guest's 2 MiB of RAM.", "-m 2"),
    _image("no RAM to speak of", ELF, "A machine with 1 MiB of RAM cannot boot FILE: 2 MiB to 3584 MiB are possible.", "-m 1"),
    _image("more RAM than addresses", ELF, "A machine with 1048576 MiB of RAM cannot boot FILE: .*", "-m 1024G"),
    _image("an initrd for plain ELF", ELF, "FILE is booted as plain ELF, which knows no initial RAM disk.", "-initrd FILE"),
    _image("a missing initrd", multiboot_flat(), "/no/such cannot be read: No such file or directory.", "-initrd /no/such"),
    _image("a flat binary past RAM", b"\xf4", ".*FILE.*", "--load-at 0xfffffff0"),
    _image("a flat binary over the vectors", b"\xf4", ".*FILE.*", "--load-at 0"),
)  # fmt: skip


def _guest(name: str, code: str, status: int, sentence: str, words: str = "--timeout 1") -> Case:
    """Flat code at 1 MiB, in hexadecimal with remarks in brackets."""
    text = "".join(part.split("]")[-1] for part in code.split("["))
    return Case(name, bytes.fromhex(text), status, sentence, f"--load-at 0x100000 -m 2 {words}")


LIMIT = r"The time limit of 1 s is over\."
SHUT_DOWN = "The guest's processor shut down at guest address 0x[0-9a-f]{8}: .*"
IDT = "[lidt] 0f 01 1d 20 00 10 00"
GUESTS = (
    _guest("runs into zeroes", "00 00", 80, SHUT_DOWN, "--timeout 30"),
    _guest("jumps to where no RAM is", "[jmp] e9 fb ff ff 7f", 80, SHUT_DOWN),
    _guest("spins", "[jmp $] eb fe", 124, LIMIT),
    _guest("spins, counted", "[jmp $] eb fe", 124, LIMIT, "--timeout 1 --clock counted"),
    _guest("spins, limited", "[jmp $] eb fe", 124, r"The limit of 5000 instructions is reached\.", "--max-insns 5000"),
    _guest("halts with interrupts off", "f4", 86, r"The guest halted with interrupts off at guest address 0x00100001\."),
    _guest("an unknown opcode", "0f 0b", 80, SHUT_DOWN),
    _guest("divides by zero", "f7 f1", 80, SHUT_DOWN),
    _guest("int without a table", "cd 80", 80, SHUT_DOWN),
    _guest("a garbage IDT", IDT + "cc" + "90" * 24 + "ff ff ef be ad de", 80, SHUT_DOWN),
    _guest("an IDT past the address space", IDT + "cc" + "90" * 24 + "ff ff f0 ff ff ff", 80, SHUT_DOWN),
    _guest("a garbage GDT", "[lgdt] 0f 01 15 20 00 10 00 [mov ds] 8e d8 [jmp far] ea 0e 00 10 00 08 00", 80, SHUT_DOWN),
    _guest("garbage page tables", "b8 ff ff ff 7f [mov cr3] 0f 22 d8 0f 20 c0 0d 00 00 00 80 [mov cr0] 0f 22 c0", 80, SHUT_DOWN),
    _guest("a stack that is nowhere", "bc 00 00 00 f0 [push] 50 [pop] 5c [int3] cc", 80, SHUT_DOWN),
    _guest("a stack that runs down", "[push] 50 [jmp] eb fd", 124, LIMIT),
    _guest("floods the serial port", "66 ba f8 03 b0 41 [out] ee eb fd", 124, LIMIT, "--timeout 1 -serial null"),
    _guest("floods the debug console", "b0 41 [out] e6 e9 eb fc", 124, LIMIT),
    _guest("asks every port", "[in] 66 42 ec eb fb", 124, LIMIT, "--timeout 1"),
    _guest("resets for ever", "b0 fe e6 64 eb fe", 124, LIMIT),
    _guest("exit port written with a wide value", "b8 ff ff ff ff e7 f4", 255, "", ""),
    _guest("exit 0", "30 c0 e6 f4", 1, "", ""),
    _guest("exit 0x10", "b0 10 e6 f4", 33, "", ""),
    _guest("exit 0x80", "b0 80 e6 f4", 1, "", ""),
    _guest("exit elsewhere", "b0 03 [out 0x501] 66 ba 01 05 ee", 7, "", "-device isa-debug-exit"),
    _guest("reset, told to end", "b0 fe e6 64 eb fe", 0, "", "-no-reboot --timeout 9"),
    _guest("reset by port 92, told to end", "b0 01 e6 92 eb fe", 0, "", "-no-reboot --timeout 9"),
    _guest("triple fault, told to end", "0f 0b", 80, SHUT_DOWN, "-no-reboot"),
)  # fmt: skip
