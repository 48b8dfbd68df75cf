# SPDX-License-Identifier: GPL-2.0-or-later
"""Audits: where a binary would break out of, see through or misbehave under a monitor that deprivileges it."""
