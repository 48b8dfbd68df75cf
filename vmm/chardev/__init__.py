# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the characters of a serial port, a debug console or a keyboard come from and go to."""
