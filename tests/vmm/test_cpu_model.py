# SPDX-License-Identifier: GPL-2.0-or-later
"""The processors: cpuid, MSRs and CR4 tell the same story, and none tells of what the machine lacks."""

import pytest

from vmm.cpu_model import CR4_BITS, EFER, MODELS, Feature, UnknownCpu, model

#: name -> EDX of leaf 1, from the manuals of the real parts less what the machine lacks.
FEATURES = {
    "486": 1 << 0 | 1 << 3,
    "pentium": 1 << 0 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 8 | 1 << 23,
    "default": sum(1 << bit for bit in (0, 2, 3, 4, 5, 6, 8, 11, 13, 15, 23, 24, 25, 26)),
}


@pytest.mark.parametrize("name", MODELS)
def test_leaf_1_tells_the_features(name: str) -> None:
    signature, ebx, ecx, edx = model(name).cpuid(1)
    assert (ebx, ecx, edx) == (0, 0, FEATURES[name])
    assert signature == {"486": 0x480, "pentium": 0x543, "default": 0x663}[name]
    assert signature >> 8 & 0xF == model(name).family == {"486": 4, "pentium": 5, "default": 6}[name]


@pytest.mark.parametrize("name", MODELS)
def test_nothing_is_claimed_that_the_machine_lacks(name: str) -> None:
    edx = model(name).cpuid(1)[3]
    vme, mce, apic, mtrr, mca, pat, pse36 = 1, 7, 9, 12, 14, 16, 17
    assert not any(edx >> bit & 1 for bit in (vme, mce, apic, mtrr, mca, pat, pse36))


@pytest.mark.parametrize("name", MODELS)
def test_a_leaf_that_is_not_there_is_answered_by_the_highest_basic_one(name: str) -> None:
    m = model(name)
    highest = m.cpuid(0)[0]
    assert m.cpuid(0x4000_0000) == m.cpuid(0x8FFF_FFFF) == m.cpuid(highest)
    if name != "default":
        assert m.cpuid(0x8000_0000)[0] < 0x8000_0000


def test_the_extended_leaves_tell_nx_and_the_name() -> None:
    m = model("default")
    assert m.cpuid(0x8000_0000) == (0x8000_0004, 0, 0, 0)
    assert m.cpuid(0x8000_0001) == (0, 0, 0, 1 << 20)
    words = [word for leaf in (2, 3, 4) for word in m.cpuid(0x8000_0000 + leaf)]
    assert b"".join(w.to_bytes(4, "little") for w in words).rstrip(b"\0") == b"patchvisor i686 processor"


@pytest.mark.parametrize("name", MODELS)
def test_msrs_and_cr4_agree_with_the_features(name: str) -> None:
    m = model(name)
    assert (EFER in m.msrs) is m.has(Feature.NX)
    assert (0x174 in m.msrs) is m.has(Feature.SEP)
    assert bool(m.msrs) is m.has(Feature.MSR)
    for feature, bits in CR4_BITS.items():
        assert bool(m.cr4_mask & bits) is m.has(feature)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownCpu) as caught:
        model("p9")
    assert str(caught.value) == "-cpu: there is no processor 'p9'; choose from default, 486, pentium."
