# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's screen on the host's terminal, and the terminal's keys for the guest."""
