# SPDX-License-Identifier: GPL-2.0-or-later
"""Looking back for the step that need not be made."""

from followed import BASE, program

from patcher.binary.model import Binary, Entry, Origin, Privilege, Section
from patcher.follow import Budget
from patcher.follow.explorer import Explorer
from patcher.follow.knowledge import Knowledge
from patcher.follow.paths import Known, weak_point
from patcher.follow.space import Space

TEXT = (
    "start: testl %eax, %eax\njz behind\n" + "incl %eax\n" * 40 + "jmp last\nbehind: decl %eax\ncall callee\n"
    "incl %ecx\nlast: incl %edx\nret\ncallee: movl $1, %ebx\nret"
)


def explored() -> Explorer:
    code, labels = program(TEXT)
    section = Section(".text", BASE, memoryview(code), len(code), True, False, 32, 0)
    entry = Entry(labels["start"], 32, Origin.ENTRY)
    binary = Binary("", "raw", 32, Privilege.USER, (section,), (entry,))
    space = Space(binary)
    explorer = Explorer(binary, space, Knowledge(binary, space), Budget())
    explorer.explore([explorer.edge(entry)])
    return explorer


def test_what_is_kept_changes_no_answer() -> None:
    x = explored()
    (lane,) = x.space.lanes.values()
    places = [BASE + offset for offset, length in enumerate(lane.lengths) if length]
    for limit in (4, 20, 256):
        known: Known = {}
        kept = [weak_point(x.space, x.parents, at, 32, limit, known) for at in places]
        assert kept == [weak_point(x.space, x.parents, at, 32, limit) for at in places]
        assert len(set(kept)) > 2


def test_nothing_weak_leads_to_the_start() -> None:
    x = explored()
    assert weak_point(x.space, x.parents, BASE, 32) is None
    assert weak_point(x.space, x.parents, BASE + 4, 32) == BASE + 4
    assert weak_point(x.space, x.parents, BASE + 6, 32) == BASE + 4
    assert weak_point(x.space, x.parents, BASE + 6, 32, limit=2) is None
