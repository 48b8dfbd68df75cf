# SPDX-License-Identifier: GPL-2.0-or-later
"""AMD's XOP instructions: their lengths, and that a pop is none."""

import pytest

from patcher.x86.decode import Truncated
from patcher.x86.insn import VEX_MAP
from patcher.x86.xop import decode_any, decode_xop, is_xop, xop_length


@pytest.mark.parametrize(
    ("raw", "bits"),
    [
        ("8fe878c2e410", 64),  # vprotd $16, %xmm4, %xmm4
        ("8fe878c2e410", 32),
        ("8fe97890c8", 64),  # vprotb %xmm0, %xmm0, %xmm1
        ("8fe8fca2442410f0", 64),  # vpcmov %ymm15, 16(%rsp), %ymm0, %ymm0
        ("8fea7810c001000000", 64),  # bextr $1, %eax, %eax
    ],
)
def test_xop(raw: str, bits: int) -> None:
    code = bytes.fromhex(raw)
    assert is_xop(code, 0, bits)
    insn = decode_any(code + b"\x90" * 15, 0, bits)
    assert insn is not None
    assert (insn.opmap, insn.raw) == (VEX_MAP, code)
    assert [xop_length(code[:size], 0, bits) for size in range(1, len(code))] == [0] * (len(code) - 1)
    with pytest.raises(Truncated, match="at offset 0x0 goes on past the end of the code"):
        decode_xop(code[:-1], 0, bits)


@pytest.mark.parametrize(("raw", "bits"), [("8fc0", 64), ("8f00", 32), ("8fe8", 16), ("90", 32), ("8f", 32)])
def test_everything_else(raw: str, bits: int) -> None:
    assert not is_xop(bytes.fromhex(raw), 0, bits)
