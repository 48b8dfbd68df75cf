# SPDX-License-Identifier: GPL-2.0-or-later
"""Facts of the processor manuals: registers, flags, descriptors, exceptions, and how instructions are encoded.

"SDM" in these files is the Intel 64 and IA-32 Architectures Software Developer's Manual, named by volume and section.
"""
