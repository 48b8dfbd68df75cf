# SPDX-License-Identifier: GPL-2.0-or-later
"""What a site is for, where the instructions around it form a known pattern.

One row of `PATTERNS` each; the first that fits counts.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from patcher.auditing.code_map import CodeMap, Place
from patcher.auditing.ports import VMWARE_BACKDOOR, device_at
from patcher.catalogue import SensitiveInsn, classify
from patcher.follow.model import Site
from patcher.x86.insn import Insn

_WIDE: Final = 40  # instructions between two readings of a clock
_NEAR: Final = 12
_EAX, _EDX = 0, 2
_ID_AC: Final = frozenset({1 << 21, 1 << 18, 1 << 21 | 1 << 18})  # EFLAGS.ID and .AC (SDM vol. 1, 3.4.3)
_TF: Final = 1 << 8
_HYPERVISOR_LEAF: Final = 0x4000_0000
_BACKDOOR_MAGIC: Final = 0x564D_5868
_BIOS_VECTORS: Final = range(0x10, 0x1B)
_KERNEL_VECTORS: Final = frozenset({0x80, 0x2E})
_ARITHMETIC: Final = frozenset((0x80, 0x81, 0x83))
_SUB, _CMP, _XOR, _OR, _AND = 5, 7, 6, 1, 4


@dataclass
class Window:
    """A site with the code around it."""

    code: CodeMap
    site: Site
    insn: Insn
    row: SensitiveInsn
    ring: int

    @cached_property
    def before(self) -> list[Insn]:
        """Instructions before the site, the nearest first."""
        return [place.insn for place in self.code.before(self.site.address, self.site.mode, _NEAR)]

    @cached_property
    def after(self) -> list[Insn]:
        return self.following(_NEAR)

    def following(self, count: int) -> list[Insn]:
        return [place.insn for place in self.code.after(Place(self.site.address, self.insn), count)]

    @cached_property
    def near(self) -> list[Insn]:
        return [*reversed(self.before), self.insn, *self.after]


def effect_of(insn: Insn) -> str:
    """The effect of a sensitive instruction; "" for an ordinary one."""
    row = classify(insn)
    return "" if row is None else row.effect


def _has(insns: list[Insn], *effects: str) -> bool:
    return any(effect_of(insn) in effects for insn in insns)


def _constants(insns: list[Insn], operations: tuple[int, ...]) -> Iterator[int]:
    """The constants of xor, or, and, cmp, sub in their forms with an immediate."""
    for insn in insns:
        if insn.opmap == 0 and insn.opcode in _ARITHMETIC and insn.reg in operations:
            shift = 8 * insn.disp if insn.opcode == 0x80 and insn.is_memory and 0 <= insn.disp < 4 else 0
            yield insn.imm << shift
        elif (
            insn.opmap == 0
            and insn.opcode & 7 in (4, 5)
            and insn.opcode < 0x40
            and insn.opcode >> 3 in operations
        ):
            yield insn.imm
        elif (insn.opmap, insn.opcode, insn.reg) == (1, 0xBA, 7):  # btc r/m,n
            yield 1 << (insn.imm & 31)


def _loaded(before: list[Insn], register: int) -> int | None:
    """The constant that a register was loaded with; None when it is another value or nothing tells."""
    for insn in before:
        if insn.opmap == 0 and insn.opcode == 0xB8 | register and not insn.rex & 1:
            return insn.imm
        if insn.opmap == 0 and insn.opcode == 0x31 | 0 and insn.modrm == 0xC0 | register * 9:
            return 0
        if _writes(insn, register):
            return None
    return None


def _writes(insn: Insn, register: int) -> bool:
    """May an instruction change a register? Only what is surely harmless is let pass."""
    if insn.opmap == 0 and insn.opcode in (0xE6, 0xE7, 0xEE, 0xEF, 0x90, 0xFA, 0xFB, 0xEB):
        return False
    if insn.opmap == 0 and insn.opcode in (0xE4, 0xE5, 0xEC, 0xED):
        return register == _EAX
    if insn.opmap == 0 and 0xB0 <= insn.opcode <= 0xBF:
        number = insn.opcode & 7
        return (number & 3 if insn.opcode < 0xB8 else number) == register
    if insn.opmap == 0 and insn.opcode in (0x88, 0x89, 0x8A, 0x8B, 0xC6, 0xC7):
        if insn.opcode in (0x8A, 0x8B):
            return insn.reg == register or (insn.opcode == 0x8A and insn.reg & 3 == register)
        return not insn.is_memory and insn.rm & (3 if insn.opcode in (0x88, 0xC6) else 7) == register
    return True


def _red_pill(w: Window) -> bool:
    """A table register in user code, or one whose value is compared with a constant (Rutkowska, 2004)."""
    return w.ring == 3 or (w.row.effect in ("sidt", "sgdt") and any(_constants(w.after, (_CMP,))))


def _hypervisor_leaf(w: Window) -> bool:
    return _loaded(w.before, _EAX) == _HYPERVISOR_LEAF


def _backdoor(w: Window) -> bool:
    """VMware's port, or the number that it asks for, in whatever register it gets there."""
    return port_of(w) == VMWARE_BACKDOOR or any(
        insn.opmap == 0 and insn.opcode & 0xF8 == 0xB8 and insn.imm == _BACKDOOR_MAGIC for insn in w.before
    )


def _toggles_flags(w: Window) -> bool:
    """popf of a changed ID or AC flag, between two readings (SDM vol. 1, 20.1.2)."""
    return (
        _has(w.near, "pushf")
        and _has(w.near, "popf")
        and bool(_ID_AC & set(_constants(w.near, (_XOR, _OR, _AND))))
    )


def _sets_trap_flag(w: Window) -> bool:
    around = w.after if w.row.effect == "pushf" else w.before
    return _has([w.insn, *around], "popf") and any(value & _TF for value in _constants(around, (_OR, _XOR)))


def _is_pop(insn: Insn) -> bool:
    return insn.opmap == 0 and (0x58 <= insn.opcode < 0x60 or (insn.opcode == 0x8F and insn.reg == 0))


def _is_push(insn: Insn) -> bool:
    return insn.opmap == 0 and (0x50 <= insn.opcode < 0x58 or (insn.opcode == 0xFF and insn.reg == 6))


def _saves_interrupts(w: Window) -> bool:
    return w.ring == 0 and (_has(w.after[:6], "cli") or any(_is_pop(insn) for insn in w.after[:2]))


def _masks_after_saving(w: Window) -> bool:
    return w.ring == 0 and _has(w.before[:6], "pushf")


def _restores_interrupts(w: Window) -> bool:
    return w.ring == 0 and (any(_is_push(insn) for insn in w.before[:2]) or _has(w.before, "pushf"))


def _kernel_vector(w: Window) -> bool:
    return w.insn.imm in _KERNEL_VECTORS


def _bios_vector(w: Window) -> bool:
    return w.site.mode == 16 and w.insn.imm in _BIOS_VECTORS


def _reads_clock_twice(w: Window) -> bool:
    """Two readings of the time-stamp counter and a difference, in one run of code."""
    clocks = ("rdtsc", "rdtscp")
    after = w.following(_WIDE)
    before = [place.insn for place in w.code.before(w.site.address, w.site.mode, _WIDE)]
    return _has([*after, *before], *clocks) and any(_is_difference(insn) for insn in [*after, *before])


def _is_difference(insn: Insn) -> bool:
    if insn.opmap != 0:
        return False
    return insn.opcode in (0x29, 0x2B, 0x19, 0x1B) or (insn.opcode in _ARITHMETIC and insn.reg == _SUB)


def _switches_mode(w: Window) -> bool:
    if w.row.effect in ("mov cr,r", "lmsw"):
        return w.insn.reg == (0 if w.row.effect == "mov cr,r" else 6) and _has(w.after, "jmp far", "retf")
    return any(effect_of(insn) in ("mov cr,r", "lmsw") for insn in w.before)


def _pages(w: Window) -> bool:
    turned_on = any(value & 1 << 31 for value in _constants(w.before[:6], (_OR,)))
    return w.insn.reg == 3 or (w.insn.reg == 0 and turned_on)


def _in_user_code(w: Window) -> bool:
    return w.ring == 3


def _loops(w: Window) -> bool:
    """A jump back behind hlt. In user code hlt is an end: it faults."""
    return w.ring == 0 and any(
        insn.relative and insn.opmap == 0 and insn.opcode in (0xEB, 0xE9) and insn.imm < 0
        for insn in w.after[:3]
    )


def _always(w: Window) -> bool:
    return True


Test = Callable[[Window], bool]
_TABLES: Final = ("sgdt", "sidt", "sldt", "str", "smsw")
PATTERNS: Final[tuple[tuple[str, tuple[str, ...], Test], ...]] = (
    ("red pill", _TABLES, _red_pill),
    ("red pill", ("cpuid",), _hypervisor_leaf),
    ("red pill", ("in",), _backdoor),
    ("CPU identification", ("cpuid", "xgetbv"), _always),
    ("CPU identification", ("pushf", "popf"), _toggles_flags),
    ("debugger check", ("pushf", "popf"), _sets_trap_flag),
    ("debugger check", ("int1",), _always),
    ("debugger check", ("int3",), _in_user_code),
    ("interrupt-flag save", ("pushf",), _saves_interrupts),
    ("interrupt-flag save", ("cli",), _masks_after_saving),
    ("interrupt-flag restore", ("popf",), _restores_interrupts),
    ("kernel entry", ("syscall", "sysenter"), _always),
    ("kernel entry", ("int n",), _kernel_vector),
    ("BIOS call", ("int n",), _bios_vector),
    ("return to user", ("sysexit", "sysret"), _always),
    ("return from an interrupt", ("iret",), _always),
    ("timing check", ("rdtsc", "rdtscp"), _reads_clock_twice),
    ("mode switch", ("mov cr,r", "lmsw", "jmp far", "retf"), _switches_mode),
    ("paging", ("mov cr,r", "mov r,cr"), _pages),
    ("paging", ("invlpg", "invpcid"), _always),
    ("halt loop", ("hlt",), _loops),
    ("abort", ("hlt",), _in_user_code),
)
"""What for, the effects that it may be told of, and the test."""

_BY_EFFECT: Final = {
    effect: [(name, test) for name, effects, test in PATTERNS if effect in effects]
    for effect in {effect for _, effects, _ in PATTERNS for effect in effects}
}
_PORT_EFFECTS: Final = ("in", "out", "ins", "outs")


def port_of(w: Window) -> int | None:
    """The port that an instruction reads or writes; None when nothing near it tells."""
    if w.row.key.opcode in (0xE4, 0xE5, 0xE6, 0xE7):
        return w.insn.imm
    port = _loaded(w.before, _EDX)
    return None if port is None else port & 0xFFFF


def purpose(code: CodeMap, site: Site, insn: Insn, row: SensitiveInsn, ring: int) -> str:
    """What the instruction at `site`, run in `ring`, is for; "" when no pattern fits."""
    window = Window(code, site, insn, row, ring)
    for name, test in _BY_EFFECT.get(row.effect, ()):
        if test(window):
            return name
    if row.effect in _PORT_EFFECTS:
        port = port_of(window)
        device = "" if port is None else device_at(port)
        return f"port probe: {device}" if device else ""
    return ""
