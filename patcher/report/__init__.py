# SPDX-License-Identifier: GPL-2.0-or-later
"""Renderings of an `AuditReport`. One file a form: a module here that holds a `FORM` is a form."""
