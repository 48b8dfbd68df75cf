# SPDX-License-Identifier: GPL-2.0-or-later
"""Which processor the guest sees: one list of features, told alike by cpuid, the MSRs and the bits of CR4.

A feature is claimed only when the machine can do it: no APIC, no MTRR or PAT, no virtual-8086 extension, no
PSE-36, and nothing whose instructions the engine does not run.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from vmm.errors import VmmError

EAX, EBX, ECX, EDX = range(4)

Leaf = tuple[int, int, int, int]
"""EAX, EBX, ECX and EDX of one cpuid leaf."""


class Feature(Enum):
    """A feature and the cpuid bit that tells of it: leaf, register, bit (SDM vol. 2A, CPUID)."""

    FPU = (1, EDX, 0)
    VME = (1, EDX, 1)
    DE = (1, EDX, 2)
    PSE = (1, EDX, 3)
    TSC = (1, EDX, 4)
    MSR = (1, EDX, 5)
    PAE = (1, EDX, 6)
    MCE = (1, EDX, 7)
    CX8 = (1, EDX, 8)
    SEP = (1, EDX, 11)
    PGE = (1, EDX, 13)
    CMOV = (1, EDX, 15)
    MMX = (1, EDX, 23)
    FXSR = (1, EDX, 24)
    SSE = (1, EDX, 25)
    SSE2 = (1, EDX, 26)
    MONITOR = (1, ECX, 3)
    PCID = (1, ECX, 17)
    XSAVE = (1, ECX, 26)
    FSGSBASE = (7, EBX, 0)
    SMEP = (7, EBX, 7)
    INVPCID = (7, EBX, 10)
    SMAP = (7, EBX, 20)
    UMIP = (7, ECX, 2)
    RDPID = (7, ECX, 22)
    SYSCALL = (0x8000_0001, EDX, 11)
    NX = (0x8000_0001, EDX, 20)
    RDTSCP = (0x8000_0001, EDX, 27)
    LM = (0x8000_0001, EDX, 29)
    PERFCTR = (0, EAX, 0)  # the P6 counters and rdpmc: before leaf 0AH existed, no bit told of them


CR4_BITS: Final = {
    Feature.VME: 0x3,  # VME, PVI
    Feature.TSC: 0x4,  # TSD
    Feature.DE: 0x8,
    Feature.PSE: 0x10,
    Feature.PAE: 0x20,
    Feature.MCE: 0x40,
    Feature.PGE: 0x80,
    Feature.PERFCTR: 0x100,  # PCE
    Feature.FXSR: 0x200,  # OSFXSR
    Feature.SSE: 0x400,  # OSXMMEXCPT
    Feature.UMIP: 0x800,
    Feature.FSGSBASE: 0x1_0000,
    Feature.PCID: 0x2_0000,
    Feature.XSAVE: 0x4_0000,  # OSXSAVE
    Feature.SMEP: 0x10_0000,
    Feature.SMAP: 0x20_0000,
}
"""The bits of CR4 that exist because of a feature (SDM vol. 3A, section 2.5); all others are reserved."""

TSC: Final = 0x10
SYSENTER_CS: Final = 0x174
SYSENTER_ESP: Final = 0x175
SYSENTER_EIP: Final = 0x176
EFER: Final = 0xC000_0080
TSC_AUX: Final = 0xC000_0103
EFER_NXE: Final = 0x800
_WHOLE: Final = 0xFFFF_FFFF_FFFF_FFFF


@dataclass(frozen=True, slots=True)
class Msr:
    """A model-specific register: its value after reset, and the bits that software may change (64 bits)."""

    name: str
    initial: int = 0
    writable: int = 0


class UnknownCpu(VmmError):
    """No processor model has this name."""


@dataclass(frozen=True, slots=True)
class CpuModel:
    """One processor as the guest can know it."""

    name: str
    signature: int
    """Family, model, stepping as in EAX of leaf 1."""
    features: frozenset[Feature]
    leaves: dict[int, Leaf]
    msrs: dict[int, Msr]
    cr4_mask: int
    """Bits of CR4 that may be set; setting another is #GP."""
    top_leaf: Leaf = field(default=(0, 0, 0, 0))

    def has(self, feature: Feature) -> bool:
        """Does this processor have `feature`?"""
        return feature in self.features

    def cpuid(self, leaf: int, subleaf: int = 0) -> Leaf:
        """The answer to cpuid; a leaf that is not there gets the highest basic one's (SDM vol. 2A, CPUID)."""
        return self.leaves.get(leaf, self.top_leaf)

    @property
    def family(self) -> int:
        """4 for the 486, 5 for the Pentium, 6 for the i686 class."""
        return self.signature >> 8 & 0xF


def _words(text: str) -> list[int]:
    raw = text.encode("ascii").ljust(48, b"\0")
    return [int.from_bytes(raw[i : i + 4], "little") for i in range(0, 48, 4)]


def _feature_word(features: Iterable[Feature], leaf: int, register: int) -> int:
    bits = (f.value[2] for f in features if f.value[:2] == (leaf, register))
    return sum(1 << bit for bit in bits)


def _leaves(signature: int, features: frozenset[Feature], highest: int, brand: str) -> dict[int, Leaf]:
    leaves = {
        0: (highest, 0x756E_6547, 0x6C65_746E, 0x4965_6E69),  # GenuineIntel, in EBX, EDX, ECX
        1: (signature, 0, _feature_word(features, 1, ECX), _feature_word(features, 1, EDX)),
    }
    for leaf in range(2, highest + 1):
        leaves[leaf] = (1 if leaf == 2 else 0, 0, 0, 0)  # leaf 2: one round, no cache described
    if brand:
        name = _words(brand)
        leaves[0x8000_0000] = (0x8000_0004, 0, 0, 0)
        leaves[0x8000_0001] = (0, 0, 0, _feature_word(features, 0x8000_0001, EDX))
        for i in range(3):
            a, b, c, d = name[4 * i : 4 * i + 4]
            leaves[0x8000_0002 + i] = (a, b, c, d)
    return leaves


def _msrs(family: int, features: frozenset[Feature]) -> dict[int, Msr]:
    if Feature.MSR not in features:
        return {}
    msrs = {}
    if Feature.TSC in features:
        msrs[TSC] = Msr("IA32_TIME_STAMP_COUNTER", 0, _WHOLE)
    if family >= 6:
        msrs[0x17] = Msr("IA32_PLATFORM_ID")
        msrs[0x8B] = Msr("IA32_BIOS_SIGN_ID", 0, _WHOLE)
        msrs[0x1D9] = Msr("DEBUGCTLMSR")  # no branch recording: its bits cannot be set
    if Feature.SEP in features:
        msrs[SYSENTER_CS] = Msr("IA32_SYSENTER_CS", 0, _WHOLE)
        msrs[SYSENTER_ESP] = Msr("IA32_SYSENTER_ESP", 0, _WHOLE)
        msrs[SYSENTER_EIP] = Msr("IA32_SYSENTER_EIP", 0, _WHOLE)
    if Feature.NX in features:
        msrs[EFER] = Msr("IA32_EFER", 0, EFER_NXE)
    if Feature.RDTSCP in features or Feature.RDPID in features:
        msrs[TSC_AUX] = Msr("IA32_TSC_AUX", 0, 0xFFFF_FFFF)
    return msrs


def make(
    name: str, signature: int, features: Iterable[Feature], highest: int = 1, brand: str = ""
) -> CpuModel:
    """A model from its features; cpuid has leaves 0 to `highest`, the extended ones with a `brand`."""
    have = frozenset(features)
    leaves = _leaves(signature, have, highest, brand)
    msrs = _msrs(signature >> 8 & 0xF, have)
    cr4_mask = sum(CR4_BITS.get(feature, 0) for feature in have)
    return CpuModel(name, signature, have, leaves, msrs, cr4_mask, leaves[highest])


_F486: Final = (Feature.FPU, Feature.PSE)
_PENTIUM: Final = (*_F486, Feature.DE, Feature.TSC, Feature.MSR, Feature.CX8, Feature.MMX)
_I686: Final = (
    *_PENTIUM, Feature.PAE, Feature.SEP, Feature.PGE, Feature.CMOV,
    Feature.FXSR, Feature.SSE, Feature.SSE2, Feature.NX,
)  # fmt: skip

MODELS: Final = {
    "default": make("default", 0x663, _I686, highest=2, brand="patchvisor i686 processor"),
    "486": make("486", 0x480, _F486),
    "pentium": make("pentium", 0x543, _PENTIUM),
}
"""The processors by the name that `-cpu` takes."""


def model(name: str) -> CpuModel:
    """The processor called `name`; `UnknownCpu` lists the names that there are."""
    try:
        return MODELS[name]
    except KeyError:
        raise UnknownCpu(f"-cpu: there is no processor {name!r}; choose from {', '.join(MODELS)}.") from None
