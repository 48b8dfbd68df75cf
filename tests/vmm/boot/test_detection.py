# SPDX-License-Identifier: GPL-2.0-or-later
"""Which protocol boots a file: plain ELF, flat and packed files, and files that are no kernels at all."""

import gzip
from contextlib import suppress

import pytest
from executables import CODE, BzImage, Elf, Part, multiboot_flat, multiboot_header
from hypothesis import given
from hypothesis import strategies as st

import vmm.boot
from vmm.boot import BootOptions, detect, load
from vmm.errors import VmmError

KERNELS = {
    "linux": bytes(BzImage()),
    "multiboot": multiboot_flat(),
    "elf": bytes(Elf()),
}


@pytest.mark.parametrize("name", KERNELS)
def test_a_protocol_is_told_by_contents(name: str, ram: memoryview) -> None:
    assert detect(KERNELS[name]).name == name
    assert load(KERNELS[name], "kernel", ram).protocol == name


def test_an_elf_file_with_a_multiboot_header_is_a_multiboot_kernel() -> None:
    assert detect(bytes(Elf((Part(multiboot_header(0)),)))).name == "multiboot"


def test_an_address_makes_any_file_flat(ram: memoryview) -> None:
    state = load(KERNELS["elf"], "kernel", ram, BootOptions(address=0x7C00))
    assert (state.protocol, state.eip, state.regs[0]) == ("flat", 0x7C00, 0)
    assert bytes(ram[0x7C00 : 0x7C00 + len(KERNELS["elf"])]) == KERNELS["elf"]


def test_every_protocol_of_the_folder_is_registered_once() -> None:
    assert [protocol.name for protocol in vmm.boot.protocols()] == ["flat", "linux", "multiboot", "elf"]


def test_a_plain_elf_kernel_starts_with_empty_registers_and_a_stack(ram: memoryview) -> None:
    state = load(bytes(Elf((Part(CODE, 0xC010_0000, 0x10_0000),), 0xC010_0000)), "kernel", ram)
    assert state.eip == 0x10_0000
    assert [value for index, value in enumerate(state.regs) if index != 4] == [0] * 7
    assert 0x1000 < state.regs[4] < 0x9_FC00


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (BootOptions(append="x"), "command line"),
        (BootOptions(initrd=b"x"), "initial RAM disk"),
        (BootOptions(modules=(vmm.boot.Module(b"x"),)), "modules"),
    ],
)
def test_what_a_protocol_cannot_pass_on_is_refused(ram: memoryview, options: BootOptions, what: str) -> None:
    with pytest.raises(VmmError) as caught:
        load(KERNELS["elf"], "kernel", ram, options)
    assert str(caught.value) == f"kernel is booted as plain ELF, which knows no {what}."


def test_a_gzip_file_is_unpacked(ram: memoryview) -> None:
    assert load(gzip.compress(KERNELS["multiboot"]), "kernel.gz", ram).protocol == "multiboot"


PACKED = gzip.compress(KERNELS["multiboot"])
BAD = {
    "empty": (b"", "file is empty."),
    "empty when unpacked": (gzip.compress(b""), "file is empty."),
    "truncated gzip": (PACKED[:-12], "file is a truncated gzip file."),
    "gzip that unpacks without end": (
        gzip.compress(bytes(64 << 20)),
        "file does not fit into the guest's 4 MiB of RAM when unpacked.",
    ),
    "xz": (b"\xfd7zXZ\0" + bytes(64), "file is compressed with xz; unpack it first."),
    "DOS program": (b"MZ" + bytes(64), "file is a DOS or EFI program."),
    "Multiboot 2": (
        bytes(64) + 0xE85250D6.to_bytes(4, "little"),
        "file has a Multiboot 2 header only; this is a Multiboot 1 loader.",
    ),
    "text": (
        b"#!/bin/sh\n",
        "file is no Multiboot, Linux or ELF kernel; a flat binary needs an address to be loaded at.",
    ),
    "wrong machine": (
        bytes(Elf(machine=40)),
        "file is an ELF file for Arm (e_machine 40), not for x86.",
    ),
}


@pytest.mark.parametrize(("data", "sentence"), BAD.values(), ids=BAD)
def test_what_is_no_kernel_gets_a_sentence(ram: memoryview, data: bytes, sentence: str) -> None:
    with pytest.raises(VmmError) as caught:
        load(data, "file", ram)
    assert str(caught.value) == sentence


def test_damaged_gzip_gets_a_sentence(ram: memoryview) -> None:
    with pytest.raises(VmmError, match=r"^file is a damaged gzip file \(.*\)\.$"):
        load(PACKED[:10] + b"\xff" * 40, "file", ram)


@pytest.mark.parametrize(
    ("size", "told", "what"),
    [(1 << 20, None, "1 MiB"), (4 << 20, 5 << 20, "5 MiB"), (4 << 20, 4096, "0x1000 bytes")],
)
def test_a_machine_too_small_or_larger_than_its_ram_gets_a_sentence(
    size: int, told: int | None, what: str
) -> None:
    with pytest.raises(VmmError) as caught:
        load(KERNELS["elf"], "kernel", memoryview(bytearray(size)), BootOptions(memory=told))
    assert (
        str(caught.value)
        == f"A machine with {what} of RAM cannot boot kernel: 2 MiB to 3584 MiB are possible."
    )


@given(st.data())
def test_a_damaged_kernel_never_gives_a_traceback(data: st.DataObject) -> None:
    ram = memoryview(bytearray(2 << 20))
    file = bytearray(data.draw(st.sampled_from(sorted(KERNELS.values()))))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, min(len(file), 0x270) - 1))
        file[at] = data.draw(st.sampled_from([0, 1, 2, 0x7F, 0x80, 0xFF]))
    with suppress(VmmError):
        assert load(bytes(file), "kernel", ram).eip < len(ram)
