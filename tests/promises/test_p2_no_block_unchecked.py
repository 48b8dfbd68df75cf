# SPDX-License-Identifier: GPL-2.0-or-later
"""P2: no block runs unchecked, wherever execution enters, and what was checked is what runs."""

import pytest
from block_witness import Witness
from raw_guest import ENTRY, EXIT_EAX, code, exit_status, image, jump, word

import guests
from guests.declaration import describe
from vmm.machine import Machine
from vmm.report.run_report import ExitReason

SITES = code(
    "9c 58",  # pushf; pop eax
    "66 8c c8",  # mov ax, cs
    "0f 01 e0",  # smsw eax
    "b8 9c 0f 01 e0",  # mov eax, with sites inside
    "2e 0f 00 c8",  # str eax under a prefix
    "81 c2 0f 20 c0 9c",  # add edx, with sites inside
    "f0 0f c1 04 24",  # lock xadd [esp], eax
    "0f 20 c0",  # mov eax, cr0
    "0f 01 0c 24",  # sidt [esp]
    "cd 03 cc f1",  # int 3, int3, int1: no IDT, so the run ends
)
AT = 0x103FE8  # over a page edge
LAST = 0x1FFFFF  # all memory up to here stops who gets lost
TEXTS = ["smc", "redpills", "redpills-user", "exceptions", "fpu", "hostile/random-user-2"]


def entered(offset: int) -> dict[int, bytes]:
    """A guest that enters the sites at an offset, with EAX and a stack set up."""
    start = code("bc", word(0x108000), "b8", word(5))
    return {ENTRY: start + jump(ENTRY + len(start), AT + offset), AT: SITES + EXIT_EAX, LAST: b"\xcc"}


@pytest.mark.parametrize("policy", ["fast", "trap"])
@pytest.mark.parametrize("name", TEXTS)
def test_guests_run_checked_blocks_only(name: str, policy: str) -> None:
    guest = describe(name)
    with Machine(kernel=guests.build(name), memory=guest.memory, policy=policy, no_reboot=True) as machine:
        witness = Witness(machine)
        machine.run(timeout=15)
    assert witness.executed > 30
    assert witness.complaints == []


@pytest.mark.parametrize("offset", range(len(SITES)))
def test_entry_at_every_offset(offset: int) -> None:
    with Machine(kernel=image(entered(offset)), memory=2, no_reboot=True) as machine:
        witness = Witness(machine)
        report = machine.run(timeout=60)
        patched = report.exit_status, list(machine.vcpu.regs), machine.vcpu.eip
    assert witness.complaints == []
    assert report.reason is not ExitReason.INTERNAL
    if report.reason is ExitReason.UNSUPPORTED:
        return
    with Machine(kernel=image(entered(offset)), memory=2, no_reboot=True, policy="native") as machine:
        report = machine.run(timeout=60)
        native = report.exit_status, list(machine.vcpu.regs), machine.vcpu.eip
    assert patched == native


def test_one_guest_enters_everywhere_in_turn() -> None:
    """Decodings that exclude each other, in a row: each entry by a far-reaching jump table, three times over."""
    body = code("40 42 66 8c c8 b8 9c 58 90 c3 0f 01 e0 c3 9c 58 c3 c3")
    entries = [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16]
    at = 0x103FF8
    main = code("bc", word(0x108000))
    for _ in range(3):
        for entry in entries:
            place = ENTRY + len(main) + 2
            main += code("6a 00", b"\xe8", word(at + entry - place - 5), "bc", word(0x108000))
    kernel = image({ENTRY: main + code("b8", word(9), EXIT_EAX), at: body})
    results = []
    for policy in ("fast", "trap", "native"):
        with Machine(kernel=kernel, memory=2, no_reboot=True, policy=policy) as machine:
            witness = Witness(machine) if policy != "native" else None
            report = machine.run(timeout=60)
            results.append((report.exit_status, list(machine.vcpu.regs)))
            assert witness is None or witness.complaints == []
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("policy", ["fast", "trap"])
def test_an_instruction_over_the_edge_shows_its_own_bytes(policy: str) -> None:
    """Its second half is a site when the next page is entered at its start."""
    edge = 0x103000
    start = code("bc", word(0x108000))
    for entry in (edge, edge - 1, edge, edge - 1):
        start += b"\xe8" + word(entry - (ENTRY + len(start)) - 5)
    kernel = image({ENTRY: start + EXIT_EAX, edge - 1: code("b8 0f 01 e0 90 c3")})
    with Machine(kernel=kernel, memory=2, no_reboot=True, policy=policy) as machine:
        witness = Witness(machine)
        report = machine.run(timeout=60)
    assert report.exit_status == exit_status(0x0F)
    assert witness.complaints == []


@pytest.mark.parametrize("policy", ["fast", "trap"])
@pytest.mark.parametrize("split", [1, 2])
def test_a_privileged_instruction_over_the_edge_is_read_whole(split: int, policy: str) -> None:
    """The engine refuses it in ring 1 before it has asked for the second page."""
    at, start = 0x103000 - split, code("bc", word(0x108000))
    start += b"\xe8" + word(at - (ENTRY + len(start)) - 5)
    kernel = image({ENTRY: start + EXIT_EAX, at: code("0f 20 c0 c3")})
    with Machine(kernel=kernel, memory=2, no_reboot=True, policy=policy) as machine:
        report = machine.run(timeout=60)
    assert report.exit_status == exit_status(0x11), report.message


@pytest.mark.parametrize("policy", ["fast", "trap"])
@pytest.mark.parametrize("byte", [0x90, 0xA3])
def test_an_instruction_too_long_stays_closed_when_the_bytes_behind_it_change(byte: int, policy: str) -> None:
    """It was closed as the beginning of what the engine must not translate, and need not be that any more."""
    at = 0x103000
    start = code("bc", word(0x108000))
    start += b"\xe8" + word(at - (ENTRY + len(start)) - 5)
    start += b"\xc6\x05" + word(at + 4 + 15) + bytes((byte,))
    start += b"\xe8" + word(at - (ENTRY + len(start)) - 5)
    start += jump(ENTRY + len(start), at + 4)
    body = code("f9 73 01 c3 f0", b"\x66" * 13, "0f a3 c0")  # stc; jnc over the ret; ret
    kernel = image({ENTRY: start, at: body, LAST: b"\xcc"})
    with Machine(kernel=kernel, memory=2, no_reboot=True, policy=policy) as machine:
        witness = Witness(machine)
        report = machine.run(timeout=60)
    assert f"at guest address {at + 4:#010x}: #GP(0x0)" in report.message
    assert witness.complaints == []


DIRECTORY, TABLE, WINDOW_TABLE, FIRST, SECOND, WINDOW = 0x106000, 0x107000, 0x108000, 0x104000, 0x105000, 0x400000


def remapped(first: str, second: str) -> bytes:
    """A guest whose code maps another page in its own place, without a flush, right before `first` stands there and
    `second` in the other page. Later it maps the first one again, flushes, runs `first`, and exits with AL.
    """
    start = code("bc", word(0x10A000), "b8", word(DIRECTORY), "0f22d8 0f20c0 0d 00000080 0f22c0")
    start += b"\xb8" + word(SECOND | 3)
    start += b"\xe8" + word(WINDOW - (ENTRY + len(start)) - 5)
    start += code("c705", word(WINDOW_TABLE), word(FIRST | 3), "0f013d", word(WINDOW), "b8", word(0))  # mov, invlpg
    start += b"\xe8" + word(WINDOW + 5 - (ENTRY + len(start)) - 5)
    store = code("a3", word(WINDOW_TABLE))
    return image({
        ENTRY: start + EXIT_EAX, FIRST: store + code(first, "c3"), SECOND: store + code(second, "c3"),
        DIRECTORY: word(TABLE | 3) + word(WINDOW_TABLE | 3), WINDOW_TABLE: word(FIRST | 3),
        TABLE: b"".join(word(page << 12 | 3) for page in range(1024)),
    })  # fmt: skip


@pytest.mark.parametrize("policy", ["fast", "trap", "native"])
@pytest.mark.parametrize(
    ("first", "second", "low_byte"),
    [("0f20c0", "909090", 0x11), ("0f00c8", "909090", 0), ("0f20c0", "0f20d0", 0x11), ("0f20d0", "0f20c0", 0)],
    ids=["cr0 and nops", "str and nops", "cr0 and cr2", "cr2 and cr0"],
)
def test_a_page_that_is_mapped_again_is_still_closed(first: str, second: str, low_byte: int, policy: str) -> None:
    """The trap of the first page is hit when the tables name the second already."""
    with Machine(kernel=remapped(first, second), memory=4, no_reboot=True, policy=policy) as machine:
        witness = Witness(machine) if policy != "native" else None
        report = machine.run(timeout=60)
    assert report.exit_status == exit_status(low_byte), report.message
    assert witness is None or witness.complaints == []


@pytest.mark.parametrize("policy", ["fast", "trap"])
@pytest.mark.parametrize("edge", [0, 1, 2, 4], ids=lambda edge: f"{edge} bytes before a page")
@pytest.mark.parametrize(
    "text", ["8f e8 78 c2 ed 10", "8f e9 70 12 c1 90", "8f ea 78 10 c1 11", "8f eb 78 c2 ed 10", "8f e0 90", "0f a6 c0"]
)
def test_what_other_makers_added_is_undefined(text: str, edge: int, policy: str) -> None:
    """The engine runs every 8F as pop, whatever it means to processors that know XOP; none is offered."""
    at = 0x103000 - edge
    start = code("bc", word(0x108000))
    kernel = image({ENTRY: start + jump(ENTRY + len(start), at), at: code(text) + bytes(8) + EXIT_EAX})
    with Machine(kernel=kernel, memory=2, no_reboot=True, policy=policy) as machine:
        witness = Witness(machine)
        report = machine.run(timeout=60)
    assert f"at guest address {at:#010x}: #UD" in report.message
    assert witness.complaints == []
