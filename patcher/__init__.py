# SPDX-License-Identifier: GPL-2.0-or-later
"""Bytes in, findings and patches out: what is known about x86 code, with no machine to run it.

Nothing in this package imports ``vmm`` or the engine. ``decoder`` alone touches Capstone, ``assembler`` alone
Keystone.
"""
