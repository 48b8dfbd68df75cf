# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line: verbs/ has one file a verb, the other modules are what verbs share."""
