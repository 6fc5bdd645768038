"""The fixtures of trio_crawl for pytest.

A module beside the package, as pytest loads it at each start: nothing of the library is
imported before a fixture is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from trio.testing import MockClock

    from trio_crawl.testing import MemoryWeb


@pytest.fixture
def web() -> MemoryWeb:
    """Return a web in memory, empty yet: ``fetch=web``."""
    from trio_crawl.testing import MemoryWeb  # noqa: PLC0415 - see above

    return MemoryWeb()


@pytest.fixture
def crawl_clock() -> MockClock:
    """Return a clock that jumps ahead when all tasks wait; pytest-trio runs the test by it."""
    from trio.testing import MockClock  # noqa: PLC0415 - see above

    return MockClock(autojump_threshold=0)
