# SPDX-License-Identifier: GPL-2.0-or-later
"""P3: generated programs that change themselves end with the registers and the memory that an interpreter gives them.

Fragments of code lie on their own pages, share pages, and run over page edges. The main program, which lies on a
page with some of them, calls them and rewrites them by all kinds of stores, and fragments rewrite themselves.
"""

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from raw_guest import BASE, ENTRY, image
from tiny_processor import EDX, Stuck, TinyProcessor, word

from vmm.machine import Machine

STACK = 0x10F000
END = 0x110000
MAIN = 0x101800
SLOT = 16
# Where fragments lie: beside the main program, together on a page, over two edges, and alone; all SLOT bytes long.
SLOTS = (0x101780, 0x1017F0, 0x103000, 0x103010, 0x103800, 0x103FF8, 0x104008, 0x104FF3, 0x106FFE, 0x108000)

BODIES = [
    bytes.fromhex("81 c2 01 02 03 04"),  # add edx, imm
    bytes.fromhex("81 f2 11 22 33 44"),  # xor edx, imm
    bytes.fromhex("0f 01 e0 01 c2"),  # smsw eax; add edx, eax
    bytes.fromhex("0f 20 c0 01 c2"),  # mov eax, cr0; add edx, eax
    bytes.fromhex("0f 00 c8 01 c2"),  # str eax; add edx, eax
    bytes.fromhex("b8 0f 01 e0 90 01 c2"),  # the smsw inside an immediate
    bytes.fromhex("81 c2 0f 20 c0 90"),
]


@dataclass(frozen=True)
class Program:
    """`fragments` by slot, and the main program's parts: each is code for a given address."""

    fragments: tuple[bytes, ...]
    parts: tuple[tuple[str, int, int, int], ...]


def fragment(body: int, turn: bool) -> bytes:
    code = BODIES[body] + (b"\xd1\xc2" if turn else b"") + b"\xc3"
    return code.ljust(SLOT, b"\x90")


def part(at: int, kind: str, slot: int, other: int, value: int) -> bytes:
    """Code of the main program at `at`."""
    target, source, byte = SLOTS[slot], SLOTS[other], bytes((value & 0xFF,))
    call = b"\xe8" + word(target - at - 5)
    immediate = target + 2  # of add and xor; harmless or an opcode byte of the others
    match kind:
        case "call":
            return call
        case "byte":
            return b"\xc6\x05" + word(immediate) + byte
        case "word over":
            return b"\x66\xc7\x05" + word(immediate + 1) + byte * 2
        case "dword":
            return b"\xc7\x05" + word(immediate) + word(value)
        case "add":
            return b"\x83\x05" + word(immediate) + bytes((value & 0x7F,))
        case "exchange":
            return b"\xb8" + word(value) + b"\x87\x05" + word(immediate)
        case "body":
            new = fragment(value % len(BODIES), bool(value & 0x100))
            return b"".join(b"\xc7\x05" + word(target + n) + new[n : n + 4] for n in range(0, SLOT, 4))
        case "copy":
            return b"\xbe" + word(source) + b"\xbf" + word(target) + b"\xb9" + word(SLOT) + b"\xf3\xa4"
        case "push":
            return b"\xbc" + word(immediate + 4) + b"\x68" + word(value) + b"\xbc" + word(STACK)
        case "own next":  # the store changes the immediate of the instruction behind it
            return b"\xc6\x05" + word(at + 9) + byte + b"\x81\xc2" + word(0)
        case "own later":
            return b"\xc6\x05" + word(at + 12) + byte + b"\x90\xd1\xc2" + b"\x81\xf2" + word(0)
        case "own sensitive":  # four nops become smsw eax and a nop, at once
            return b"\xc7\x05" + word(at + 10) + b"\x0f\x01\xe0\x90" + b"\x90" * 4 + b"\x01\xc2"
        case "fill":
            return b"\xb8" + word(value) + b"\xbf" + word(immediate) + b"\xb9" + word(3) + b"\xf3\xaa"
    raise AssertionError(kind)


TEXT_KINDS = (
    "call", "byte", "word over", "dword", "add", "exchange", "body", "copy", "push", "own next", "own later",
    "own sensitive", "fill",
)  # fmt: skip

programs = st.builds(
    Program,
    st.lists(
        st.builds(fragment, st.integers(0, len(BODIES) - 1), st.booleans()),
        min_size=len(SLOTS), max_size=len(SLOTS),
    ).map(tuple),
    st.lists(
        st.tuples(
            st.sampled_from(TEXT_KINDS + ("call",) * 6), st.integers(0, len(SLOTS) - 1),
            st.integers(0, len(SLOTS) - 1), st.integers(0, 0xFFFF_FFFF),
        ),
        min_size=1, max_size=60,
    ).map(tuple),
)  # fmt: skip
"""Kinds that only rewrite immediates may still make another instruction of a fragment: such programs are left out."""


def pieces(program: Program) -> dict[int, bytes]:
    main = b"\xbc" + word(STACK)
    for kind, slot, other, value in program.parts:
        main += part(MAIN + len(main), kind, slot, other, value)
    main += b"\xf4"
    start = b"\xe9" + word(MAIN - ENTRY - 5)
    everything = {ENTRY: start, MAIN: main, END - 1: b"\x90"}
    everything.update(zip(SLOTS, program.fragments, strict=True))
    return everything


def expected(memory: bytes) -> TinyProcessor:
    processor = TinyProcessor(bytearray(memory), BASE, ENTRY)
    processor.run()
    return processor


@pytest.mark.parametrize("policy", ["fast", "trap"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.data_too_large])
@given(program=programs)
def test_the_end_is_what_the_interpreter_says(policy: str, program: Program) -> None:
    kernel = image(pieces(program))
    try:
        oracle = expected(kernel)
    except (Stuck, IndexError):
        assume(False)
        raise AssertionError from None
    with Machine(kernel=kernel, memory=4, policy=policy, no_reboot=True) as machine:
        report = machine.run(timeout=60)
        assert report.exit_status == 86, report.message
        memory = bytes(machine._guest_memory.bytes[BASE + 0x20 : END])
        assert machine.vcpu.regs[EDX] == oracle.regs[EDX]
    assert memory == bytes(oracle.memory[0x20 : END - BASE])
