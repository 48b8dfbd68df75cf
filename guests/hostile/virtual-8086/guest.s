# SPDX-License-Identifier: GPL-2.0-or-later
# Goes to virtual-8086 mode by iret.
.include "start.s"
main:
    pushl $0x0
    pushl $0x0
    pushl $0x0
    pushl $0x0
    pushl $0x0
    pushl $0x7000
    pushl $0x20002
    pushl $0x0
    pushl $0x7000
    iretl
