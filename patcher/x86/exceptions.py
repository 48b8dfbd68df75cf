# SPDX-License-Identifier: GPL-2.0-or-later
"""Exception vectors and ``GuestFault``, an exception in the guest's world (SDM vol. 3A, section 6.15)."""

DE = 0  # divide error
DB = 1  # debug
NMI = 2  # non-maskable interrupt
BP = 3  # breakpoint (int3)
OF = 4  # overflow (into)
BR = 5  # bound range exceeded
UD = 6  # invalid opcode
NM = 7  # device not available
DF = 8  # double fault
TS = 10  # invalid TSS
NP = 11  # segment not present
SS = 12  # stack-segment fault
GP = 13  # general protection
PF = 14  # page fault
MF = 16  # x87 floating-point error
AC = 17  # alignment check
XM = 19  # SIMD floating-point exception

NAMES = {
    DE: "#DE", DB: "#DB", NMI: "NMI", BP: "#BP", OF: "#OF", BR: "#BR", UD: "#UD", NM: "#NM", DF: "#DF",
    TS: "#TS", NP: "#NP", SS: "#SS", GP: "#GP", PF: "#PF", MF: "#MF", AC: "#AC", XM: "#XM",
}  # fmt: skip

WITH_ERROR_CODE = frozenset({DF, TS, NP, SS, GP, PF, AC})
"""Vectors whose frame carries an error code (SDM vol. 3A, table 6-1)."""

CONTRIBUTORY = frozenset({DE, TS, NP, SS, GP})
"""Two of these in a row make a double fault (SDM vol. 3A, table 6-4)."""


class GuestFault(Exception):
    """An exception that the guest must take: raised by effects, by the page walk and by memory accesses.

    ``error_code`` is None for vectors that push none; ``address`` is what #PF puts in CR2, else None.
    """

    def __init__(self, vector: int, error_code: int | None = None, address: int | None = None) -> None:
        super().__init__(vector, error_code, address)
        self.vector = vector
        self.error_code = error_code
        self.address = address

    def __str__(self) -> str:
        text = NAMES.get(self.vector, f"vector {self.vector}")
        if self.error_code is not None:
            text += f"({self.error_code:#x})"
        if self.address is not None:
            text += f" at linear {self.address:#010x}"
        return text
