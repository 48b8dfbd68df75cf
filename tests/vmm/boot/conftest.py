# SPDX-License-Identifier: GPL-2.0-or-later
"""Guest RAM for boot tests."""

import pytest


@pytest.fixture
def ram() -> memoryview:
    """4 MiB of zeroes."""
    return memoryview(bytearray(4 << 20))
