# SPDX-License-Identifier: GPL-2.0-or-later
# The handler of #UD goes back to the ud2.
.include "start.s"
main:
    handle 0x6, back
    ud2
back:
    ret
