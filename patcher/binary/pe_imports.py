# SPDX-License-Identifier: GPL-2.0-or-later
"""Imports of a PE image by name: which of them never return, and the thunks through which code calls them.

Microsoft, "PE Format": "The .idata Section", "Delay-Load Import Tables".
"""

from collections.abc import Iterator

from patcher.binary.gathering import Gathering
from patcher.binary.part import form
from patcher.binary.pe_headers import DELAY_IMPORT, IMPORT, Pe
from patcher.errors import PatcherError

NEVER = frozenset(
    {
        "ExitProcess", "ExitThread", "FreeLibraryAndExitThread", "RtlExitUserProcess", "RtlExitUserThread",
        "FatalExit", "FatalAppExitA", "FatalAppExitW", "RaiseFailFastException", "RtlRaiseStatus",
        "exit", "_exit", "_Exit", "quick_exit", "abort", "_assert", "_wassert", "__assert_fail", "longjmp", "_longjmp",
        "terminate", "?terminate@@YAXXZ", "_CxxThrowException", "_invalid_parameter_noinfo_noreturn", "_amsg_exit",
        "__fastfail", "_endthread", "_endthreadex", "_purecall", "__cxa_throw", "__cxa_rethrow", "_Unwind_Resume",
        "KeBugCheck", "KeBugCheckEx", "PsTerminateSystemThread", "ExRaiseStatus", "ExRaiseAccessViolation",
        "ExRaiseDatatypeMisalignment", "HalReturnToFirmware", "__report_gsfailure", "__report_rangecheckfailure",
        "_CorExeMain", "__wine_spec_unimplemented_stub", "__stack_chk_fail",
    }
)  # fmt: skip
"""Functions of Windows, its C runtimes and its kernel that their documentation says never return."""
JMP_MEMORY = b"\xff\x25"
"""jmp [mem]: absolute in 32-bit code, relative to the next instruction in 64-bit code."""


def imported(pe: Pe) -> Iterator[tuple[str, str, int]]:
    """Library, function name and address of the pointer (the slot in the import address table) of each import."""
    room = len(pe.part)
    for library, lookup, slots in [*_libraries(pe), *_delayed(pe)]:
        for index, name in _names(pe, lookup or slots):
            room -= len(name) + 1
            if room < 0:
                raise PatcherError(f"The imported names of {pe.name} take more room than the file.")
            if not name:
                continue
            yield library, name, pe.base + slots + index * (8 if pe.mode == 64 else 4)


def libraries(pe: Pe) -> frozenset[str]:
    """Names of the libraries that are imported from, in lower case."""
    return frozenset(name.lower() for name, _, _ in _libraries(pe))


def _libraries(pe: Pe) -> Iterator[tuple[str, int, int]]:
    """Library name, RVA of the names and RVA of the slots."""
    rva, _ = pe.directory(IMPORT)
    tail = pe.tail(rva) if rva else memoryview(b"")
    for lookup, _, _, name, slots in form("5I").iter_unpack(tail[: len(tail) // 20 * 20]):
        if not name or not slots:
            return
        yield pe.text(name), lookup, slots


def _delayed(pe: Pe) -> Iterator[tuple[str, int, int]]:
    """The same of libraries that are loaded at their first call; old linkers wrote addresses, not RVAs."""
    rva, _ = pe.directory(DELAY_IMPORT)
    tail = pe.tail(rva) if rva else memoryview(b"")
    for flags, name, _, slots, lookup, _, _, _ in form("8I").iter_unpack(tail[: len(tail) // 32 * 32]):
        if not name or not slots:
            return
        bias = 0 if flags & 1 else pe.base
        yield pe.text(name - bias), lookup - bias, slots - bias


def _names(pe: Pe, table: int) -> Iterator[tuple[int, str]]:
    """Index and name of each import, "" for those by number; the table ends with a zero."""
    wide = pe.mode == 64
    tail = pe.tail(table)
    width = 8 if wide else 4
    for index, (row,) in enumerate(
        form("Q" if wide else "I").iter_unpack(tail[: len(tail) // width * width])
    ):
        if not row:
            return
        yield index, "" if row >> (63 if wide else 31) else pe.text((row & 0x7FFF_FFFF) + 2)


def read_imports(pe: Pe, found: Gathering) -> None:
    """Names for the slots, and for the thunks of functions that never return."""
    slots = {slot: name for _, name, slot in imported(pe)}
    found.imports += slots.items()
    never = {slot: name for slot, name in slots.items() if name in NEVER}
    found.symbols += ((address, never[slot], 6, True) for address, slot in _thunks(pe, set(never)))


def returns_never(found: Gathering) -> set[int]:
    """Addresses of functions, of thunks and of slots of imports, of which the name says that they never return."""
    slots = {slot for slot, name in found.imports if name in NEVER}
    return slots | {row[0] for row in found.symbols if row[3] and row[1].lstrip("_").split("@")[0] in _PLAIN}


_PLAIN = frozenset(name.lstrip("_") for name in NEVER) - {"terminate"}
"""Names of functions in the image itself: 32-bit C names have one underscore more, and stdcall ones "@4"."""


def _thunks(pe: Pe, slots: set[int]) -> Iterator[tuple[int, int]]:
    """Address and slot of each `jmp [slot]` in code."""
    if not slots:
        return
    for section in pe.sections:
        if not section.executable:
            continue
        code = bytes(section.data)
        at = code.find(JMP_MEMORY)
        while at >= 0:
            address = section.address + at
            target = int.from_bytes(code[at + 2 : at + 6], "little", signed=pe.mode == 64)
            slot = target if pe.mode == 32 else address + 6 + target
            if slot in slots:
                yield address, slot
            at = code.find(JMP_MEMORY, at + 1)
