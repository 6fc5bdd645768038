"""The public names of the fetchers."""

from __future__ import annotations

import pytest

from trio_crawl import fetchers
from trio_crawl._fetch.archive import Archive
from trio_crawl._fetch.asks import Asks
from trio_crawl._fetch.cache import Cache
from trio_crawl._fetch.curl import Curl
from trio_crawl._fetch.httpx import Httpx


def test_the_names() -> None:
    """Each name is the class, and there is no other."""
    assert [getattr(fetchers, name) for name in fetchers.__all__] == [Archive, Asks, Cache, Curl, Httpx]
    with pytest.raises(AttributeError, match="Wget"):
        _ = fetchers.Wget
