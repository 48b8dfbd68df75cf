# SPDX-License-Identifier: GPL-2.0-or-later
# Random bytes in ring 0, number 1; after every exception and tick sixteen bytes further. Anything may come of it.
.include "start.s"
.include "random.s"
.include "clock.s"
.equ SEED, 0x1
.include "random_kernel.s"
