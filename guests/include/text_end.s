# SPDX-License-Identifier: GPL-2.0-or-later
# The last line of a guest that uses checksum.s.
text_end: nop
