# SPDX-License-Identifier: GPL-2.0-or-later
"""Facts of the processor manuals: registers, flags, descriptors, exceptions, instruction encoding.

"SDM" in these files is the Intel 64 and IA-32 Architectures Software Developer's Manual, by volume and
section.
"""
