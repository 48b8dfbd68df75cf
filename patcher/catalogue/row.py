# SPDX-License-Identifier: GPL-2.0-or-later
"""What a row of the catalogue says about one encoding of a sensitive instruction."""

from dataclasses import dataclass
from enum import Enum, Flag, auto


class Form(Enum):
    """Which operands of ModRM a key means."""

    ANY = "any"  # memory or register, or no ModRM byte
    MEMORY = "memory"
    REGISTER = "register"


class Runs(Enum):
    """Who may run the instruction; everybody else gets a fault."""

    ANYBODY = "anybody"
    GATE = "anybody, through a gate of the IDT whose DPL allows it"
    CR4 = "anybody, unless a bit of CR4 keeps it for ring 0 or takes it away"
    IOPL = "CPL 0 up to IOPL"
    CPL0 = "CPL 0"
    NOBODY = "nobody"


class Sensitivity(Flag):
    """Popek and Goldberg's two kinds: it changes privileged state, or what it does depends on that state."""

    CONTROL = auto()
    BEHAVIOUR = auto()


class Origin(Enum):
    """Why there is a row: an audit of binaries is about the first kind only."""

    ARCHITECTURE = "the manual: sensitive on every processor"
    UNDEFINED = "the manual: the processor answers with #UD, but the engine may run it"
    ENGINE = "this engine: it does otherwise than a processor, or has to be kept from trying"


class RobinIrvine(Enum):
    """The "17" that run unprivileged on the Pentium although they are sensitive (Robin, Irvine: USENIX 2000).

    The value is the place in the paper's order, and the rule that is broken: 3B, sensitive registers; 3C,
    the protection system. The paper's count is 17; spelled out they are 18 mnemonics.
    """

    SGDT = (1, "3B")
    SIDT = (2, "3B")
    SLDT = (3, "3B")
    SMSW = (4, "3B")
    PUSHF = (5, "3B")
    POPF = (6, "3B")
    LAR = (7, "3C")
    LSL = (8, "3C")
    VERR = (9, "3C")
    VERW = (10, "3C")
    POP = (11, "3C")
    PUSH = (12, "3C")
    CALL = (13, "3C")
    JMP = (14, "3C")
    INT = (15, "3C")
    RET = (16, "3C")
    STR = (17, "3C")
    MOV = (18, "3C")

    @property
    def number(self) -> int:
        """Place in the paper's order."""
        return self.value[0]

    @property
    def rule(self) -> str:
        """The paper's rule that the instruction breaks."""
        return self.value[1]


EVERY_MODE = frozenset((16, 32, 64))
LEGACY_MODES = frozenset((16, 32))
REAL_MODE = frozenset((16,))
LONG_MODE = frozenset((64,))

NO_PREFIX = 0
"""In ``Key.prefixes``: none of 66, F2 and F3."""


@dataclass(frozen=True, slots=True)
class Key:
    """The encodings that a row claims.

    ``regs`` and ``rms`` are values of ModRM.reg and .rm (None: all). ``prefixes`` are the values of the
    mandatory prefix (0x66, 0xF2, 0xF3 or NO_PREFIX; F2 and F3 go before 66; None: the prefix changes
    nothing).
    """

    opmap: int
    opcode: int
    regs: tuple[int, ...] | None = None
    form: Form = Form.ANY
    rms: tuple[int, ...] | None = None
    prefixes: tuple[int, ...] | None = None

    def __str__(self) -> str:
        text = ("", "0F ", "0F 38 ", "0F 3A ")[self.opmap] + f"{self.opcode:02X}"
        if self.regs is not None:
            text += " /" + "".join(map(str, self.regs))
        if self.rms is not None:
            text += " rm=" + "".join(map(str, self.rms))
        if self.form is not Form.ANY:
            text += f" ({self.form.value})"
        if self.prefixes is not None:
            text += " with " + "/".join(f"{p:02X}" if p else "no prefix" for p in self.prefixes)
        return text


@dataclass(frozen=True, slots=True, eq=False)
class SensitiveInsn:
    """One sensitive instruction in one encoding; rows are compared by identity.

    ``effect`` names the function that does its work on the virtual processor. ``is_hole``: it does not trap
    by itself when deprivileged. ``breaks`` says what goes wrong then. ``modes`` are the code sizes in which
    it exists. ``control_flow``: it ends a block, the next instruction is not always the next to run.
    ``origin`` tells what any monitor must close from what only this engine wants closed.
    """

    name: str
    key: Key
    family: str
    effect: str
    runs_at: Runs
    sensitivity: Sensitivity
    is_hole: bool
    breaks: str
    manual: str
    robin_irvine: RobinIrvine | None = None
    modes: frozenset[int] = EVERY_MODE
    control_flow: bool = False
    origin: Origin = Origin.ARCHITECTURE

    def __str__(self) -> str:
        return f"{self.name} ({self.key})"


def sdm(title: str) -> str:
    """The manual's section on an instruction: its volume follows from the first letter (A-L, M-U, V, W-Z)."""
    letter = title[0].upper()
    volume = "2A" if letter < "M" else "2B" if letter < "V" else "2C" if letter < "W" else "2D"
    return f"SDM vol. {volume}, {title}"
