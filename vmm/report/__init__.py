# SPDX-License-Identifier: GPL-2.0-or-later
"""Frozen results of a run and their renderings: table, JSON, exit map, crash report."""
