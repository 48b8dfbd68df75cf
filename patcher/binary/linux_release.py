# SPDX-License-Identifier: GPL-2.0-or-later
"""Which version of Linux a kernel is, or a module was built for, as the file itself says it.

A module's `vermagic` is compared with the kernel's own when it is loaded (kernel/module/version.c); a kernel carries
the banner that it prints (init/version.c).
"""

import re
from typing import Final

from patcher.binary.gathering import Gathering

_VERMAGIC: Final = re.compile(rb"(?:^|\0)vermagic=(\d{1,4})\.(\d{1,4})")
_BANNER: Final = re.compile(rb"Linux version (\d{1,4})\.(\d{1,4})[.\-+ ]")


def release_of(into: Gathering) -> tuple[int, int]:
    """Version and patch level, the oldest that the file names; (0, 0) when it names none."""
    modinfo = [section.data for section in into.named(".modinfo")]
    found = _named(_VERMAGIC, modinfo) or _named(
        _BANNER, [section.data for section in into.sections if not section.executable]
    )
    return min(found, default=(0, 0))


def _named(pattern: re.Pattern[bytes], contents: list[memoryview]) -> list[tuple[int, int]]:
    return [(int(major), int(minor)) for data in contents for major, minor in pattern.findall(data)]
