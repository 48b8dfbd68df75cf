# SPDX-License-Identifier: GPL-2.0-or-later
"""One file a verb: the file's name is the verb's, its `command` is what click runs.

A file dropped in here is a verb at once. `--help` of the group imports every file, so a verb imports what
is heavy inside its functions. A verb returns its exit status; it prints results to stdout and everything
else to stderr.
"""
