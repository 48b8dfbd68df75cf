# SPDX-License-Identifier: GPL-2.0-or-later
"""Control flow of a binary, recovered without running it.

`follow(binary, budget)` starts at every entry that the file gives and goes where control goes, keeping the
mode of each path. The method and its limits: docs/audit-method.md.
"""

from patcher.follow.following import follow
from patcher.follow.model import Budget, Flow, JumpTable, Problem, ProblemKind, Site

__all__ = ["Budget", "Flow", "JumpTable", "Problem", "ProblemKind", "Site", "follow"]
