# SPDX-License-Identifier: GPL-2.0-or-later
"""lar lsl verr verw arpl: every descriptor type, against the tables; no selector makes them fault."""

import pytest
from fake_vcpu import CODE0, EAX, EBX, ESI, FREE, descriptor, fault_of, perform, world
from hypothesis import given
from hypothesis import strategies as st

from patcher.x86.exceptions import PF
from patcher.x86.flags import ZF

AT = 0x8000
LAR_SYSTEM, LSL_SYSTEM = {1, 2, 3, 4, 5, 9, 0xB, 0xC}, {1, 2, 3, 9, 0xB}
CODES = {"lar": "0f 02 c3", "lsl": "0f 03 c3", "verr": "0f 00 e3", "verw": "0f 00 eb"}


def visible(effect: str, access: int, cpl: int, rpl: int) -> bool:
    """SDM vol. 2A, LAR and LSL, tables 3-53 and 3-56; vol. 2B, VERR."""
    segment, kind, dpl = access & 0x10, access & 0xF, access >> 5 & 3
    if not segment:
        return effect in ("lar", "lsl") and kind in (LAR_SYSTEM if effect == "lar" else LSL_SYSTEM) and (
            dpl >= max(cpl, rpl)
        )  # fmt: skip
    code, conforming, right = kind & 8, kind & 4, kind & 2
    if effect == "verw" and (code or not right):
        return False
    if effect == "verr" and code and not right:
        return False
    return bool(code and conforming) or dpl >= max(cpl, rpl)


@pytest.mark.parametrize("effect", CODES)
@given(access=st.integers(0, 255), cpl=st.sampled_from([0, 1, 3]), rpl=st.integers(0, 3), word=st.booleans())
def test_every_access_byte_from_every_ring(effect: str, access: int, cpl: int, rpl: int, word: bool) -> None:
    v = world(cpl)
    raw = descriptor(0x1235_5678, 0xA_BCDE, access, 0xD)
    v.set_descriptor(FREE, raw)
    v.regs[EAX], v.regs[EBX] = 0x1111_1111, 0x5555_0000 | FREE | rpl
    v.eflags = 2 if visible(effect, access, cpl, rpl) else 2 | ZF
    before = v.eflags
    perform(v, effect, ("66 " if word else "") + CODES[effect])
    assert v.eflags == before ^ ZF
    result = 0x1111_1111
    if effect in ("lar", "lsl") and v.eflags & ZF:
        full = 0x00D0_0000 | access << 8 if effect == "lar" else 0xABCD_EFFF
        result = 0x1111_0000 | full & 0xFFFF if word else full
    assert v.regs[EAX] == result
    assert v.get(0x1000 + FREE, 1, size=8) == [raw]


@pytest.mark.parametrize("effect", CODES)
@pytest.mark.parametrize("selector", [0, 3, 0xC0, 0xFFFF, 0x14])
def test_null_and_missing_selectors_clear_zf(effect: str, selector: int) -> None:
    v = world()
    v.regs[EBX], v.eflags = selector, 2 | ZF
    perform(v, effect, CODES[effect])
    assert v.eflags == 2


def test_lsl_of_a_byte_granular_segment() -> None:
    v = world()
    v.set_descriptor(FREE, descriptor(0, 0x4_5678, 0x93, 4))
    v.regs[ESI] = AT
    v.put(AT, FREE, size=2)
    perform(v, "lsl", "0f 03 06")
    assert v.regs[EAX] == 0x4_5678
    v.mem.absent.add(8)
    assert fault_of(v, "lsl", "0f 03 06") == (PF, 0)


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF_FFFF), st.booleans())
def test_arpl_raises_rpl_and_never_lowers_it(selector: int, other: int, memory: bool) -> None:
    v = world(3)
    raised = selector & 3 < other & 3
    v.eflags = 2 if raised else 2 | ZF
    v.regs[EAX], v.regs[EBX], v.regs[ESI] = other, 0x9999_0000 | selector, AT
    v.put(AT, 0x9999_0000 | selector)
    perform(v, "arpl", "63 06" if memory else "63 c3")
    expected = 0x9999_0000 | selector & ~3 | max(selector & 3, other & 3)
    assert (v.get(AT, 1)[0] if memory else v.regs[EBX]) == expected
    assert v.eflags == (2 | ZF if raised else 2)


def test_arpl_reads_a_read_only_word_that_it_need_not_change() -> None:
    v = world(3)
    v.regs[EAX], v.regs[ESI] = 0, AT
    v.put(AT, CODE0)
    v.mem.read_only.add(8)
    perform(v, "arpl", "63 06")
    v.regs[EAX] = 3
    assert fault_of(v, "arpl", "63 06") == (PF, 7)
