# SPDX-License-Identifier: GPL-2.0-or-later
"""The devices of a PC/AT, one file each.

A device sees offsets and values. It does not know its address, the engine, or any other device:
`pc.py` is the only place that knows how they are wired.
"""
