# SPDX-License-Identifier: GPL-2.0-or-later
# Jumps to itself with interrupts off.
    cli
spin:
    jmp spin
