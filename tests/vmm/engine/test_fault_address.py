# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine tells the exact address of a refused access: what CR2 must hold (SDM vol. 3A, section 4.7).

Misaligned operands over two pages, implicit stack accesses, string instructions and the long FPU images: each
time it is the first byte that the refused page would have given or taken.
"""

import ctypes

import pytest
import unicorn
from unicorn import x86_const as x86

from vmm.engine.learn import Learned, handle_of, learn

CODE, STACK, PAGE = 0x1000, 0x9800, 0x1000
REGISTERS = {
    "eax": x86.UC_X86_REG_EAX, "ecx": x86.UC_X86_REG_ECX, "ebx": x86.UC_X86_REG_EBX,
    "esp": x86.UC_X86_REG_ESP,
    "ebp": x86.UC_X86_REG_EBP, "esi": x86.UC_X86_REG_ESI, "edi": x86.UC_X86_REG_EDI,
}  # fmt: skip

#: instruction, registers, refused page, address
CASES = [
    ("8b 06", "esi=7ffe", 8, 0x8000),  # mov eax,[esi]
    ("8b 06", "esi=7ffe", 7, 0x7FFE),
    ("89 06", "esi=7ffd", 8, 0x8000),  # mov [esi],eax
    ("89 06", "esi=7ffd", 7, 0x7FFD),
    ("01 06", "esi=7ffe", 8, 0x8000),  # add [esi],eax
    ("f0 01 06", "esi=7ffe", 8, 0x8000),
    ("87 06", "esi=7ffe", 8, 0x8000),  # xchg
    ("0f c7 0e", "esi=7ffc", 8, 0x8000),  # cmpxchg8b
    ("f0 0f c7 0e", "esi=7ffc", 7, 0x7FFC),
    ("0f ab 06", "esi=7000 eax=8000", 8, 0x8000),  # bts [esi],eax
    ("d7", "ebx=7fff eax=1", 8, 0x8000),  # xlat
    ("50", "esp=8002", 7, 0x7FFE),  # push eax
    ("50", "esp=8002", 8, 0x8000),
    ("ff 36", "esi=7ffe", 8, 0x8000),  # push [esi]
    ("8f 06", "esi=7ffe esp=6000", 8, 0x8000),  # pop [esi]
    ("e8 00 00 00 00", "esp=8003", 7, 0x7FFF),  # call
    ("c3", "esp=7ffe", 8, 0x8000),  # ret
    ("c9", "ebp=7ffe", 8, 0x8000),  # leave
    ("61", "esp=7ff0", 8, 0x8000),  # popa
    ("a5", "esi=7ffe edi=6000", 8, 0x8000),  # movsd, reading
    ("a5", "esi=6000 edi=7ffe", 8, 0x8000),  # movsd, writing
    ("f3 a4", "esi=7ff0 edi=6000 ecx=30", 8, 0x8000),  # rep movsb
    ("0f ae 06", "esi=7f10", 8, 0x8000),  # fxsave
    ("0f ae 06", "esi=7f10", 7, 0x7F10),
    ("0f ae 0e", "esi=7f10", 8, 0x8000),  # fxrstor
    ("dd 36", "esi=7fc1", 8, 0x8000),  # fnsave
    ("d9 36", "esi=7ff1", 8, 0x8000),  # fnstenv
    ("db 2e", "esi=7ffb", 8, 0x8000),  # fld m80
    ("db 3e", "esi=7ff8", 8, 0x8000),  # fstp m80
    ("0f 6f 06", "esi=7ffb", 8, 0x8000),  # movq mm0,[esi]
    ("0f 10 06", "esi=7ff9", 8, 0x8000),  # movups xmm0,[esi]
    ("0f 11 06", "esi=7ff9", 7, 0x7FF9),  # movups [esi],xmm0
]


@pytest.fixture(scope="module")
def learned() -> Learned:
    return learn()


@pytest.mark.parametrize(("code", "registers", "page", "address"), CASES)
def test_the_refused_address_is_exact(
    learned: Learned, code: str, registers: str, page: int, address: int
) -> None:
    uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_32)
    uc.mem_map(0, 0x2_0000)
    uc.mem_write(CODE, bytes.fromhex(code))
    uc.ctl_set_tlb_mode(unicorn.UC_TLB_VIRTUAL)

    def fill(_uc: unicorn.Uc, at: int, _access: int, entry: ctypes.Structure, _data: object) -> bool:
        entry.paddr, entry.perms = at, unicorn.UC_PROT_ALL
        return at // PAGE != page

    uc.hook_add(unicorn.UC_HOOK_TLB_FILL, fill)
    uc.reg_write(x86.UC_X86_REG_CR4, 0x600)  # SSE
    uc.reg_write(x86.UC_X86_REG_ESP, STACK)
    for word in registers.split():
        name, value = word.split("=")
        uc.reg_write(REGISTERS[name], int(value, 16))
    with pytest.raises(unicorn.UcError):
        uc.emu_start(CODE, CODE + len(bytes.fromhex(code)), count=100)
    told = ctypes.c_uint64.from_address(handle_of(uc) + learned.fault_address).value
    assert told == address
    assert uc.reg_read(x86.UC_X86_REG_EIP) == CODE
