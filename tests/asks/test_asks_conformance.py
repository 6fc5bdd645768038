"""The asks fetcher does what every fetcher has to."""

from __future__ import annotations

import pytest

from trio_crawl.fetchers import Asks
from trio_crawl.testing import FETCHER_CHECKS, check_fetcher


@pytest.mark.parametrize("check", FETCHER_CHECKS)
async def test_conformance(check: str) -> None:
    """It keeps the contract, but for HTTP/2, which asks does not speak."""
    await check_fetcher(lambda ca: Asks(ca=ca), shortcomings=["http2"], only=check)
