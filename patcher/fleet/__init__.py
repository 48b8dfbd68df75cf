# SPDX-License-Identifier: GPL-2.0-or-later
"""Audits of very many files: over processes, over machines, in parts, and again after they were ended.

Each module gives a `Runner` for `patcher.auditing.many.audit_many`, or wraps one.
"""
