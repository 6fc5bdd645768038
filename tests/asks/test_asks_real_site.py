"""A real site, as an independent search finds it, crawled by the asks fetcher."""

from __future__ import annotations

from typing import TYPE_CHECKING

# The test of another file, run with this fetcher; the fixtures come with it.
from test_real_site import expected, site, test_a_crawl_finds_what_a_search_finds as crawl_it  # noqa: F401

if TYPE_CHECKING:
    from pathlib import Path

    from test_real_site import Found


async def test_a_real_site(site: str, expected: Found, tmp_path: Path) -> None:  # noqa: F811 - the fixtures
    """The crawl has the same pages as a search, and on each the same links in the same order."""
    await crawl_it("asks", site, expected, tmp_path)
