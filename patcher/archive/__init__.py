# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that hold files, for audits. One file a kind: a module here that holds an `ARCHIVE` is a kind."""
