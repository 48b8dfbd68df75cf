# SPDX-License-Identifier: GPL-2.0-or-later
"""`patchvisor bench audit`: how many of the sensitive instructions that an assembler laid down an audit finds.

Truth comes from the assembler, never from a disassembler: `statements` puts one statement on a line, `listing` reads
what the assembler says about each, `truth` labels it code, data or padding, and `build` follows it through the linker.
"""
