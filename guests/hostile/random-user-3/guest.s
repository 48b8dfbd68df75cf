# SPDX-License-Identifier: GPL-2.0-or-later
# Random bytes in ring 3 behind page tables, number 3; an exception or a tick of the timer goes sixteen bytes further.
.include "start.s"
.include "paging.s"
.include "random.s"
.include "clock.s"
.equ SEED, 0x13
.include "random_user.s"
