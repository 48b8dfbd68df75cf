# SPDX-License-Identifier: GPL-2.0-or-later
"""Real kernels for tests: `real_kernel("linux")` is the path of one, or skips the test with the reason."""

from collections.abc import Callable
from pathlib import Path

import pytest
from private_apt import Unavailable
from real_kernels import fetch


@pytest.fixture(scope="session")
def real_kernel() -> Callable[[str], Path]:
    """The file of a kernel that `real_kernels.KERNELS` names, fetched when it is not in the cache."""

    def path(name: str) -> Path:
        try:
            return fetch(name)[0]
        except Unavailable as error:
            pytest.skip(str(error))

    return path
