"""The fetchers, for what only one transport understands.

``fetch="curl"`` is ``fetch=Curl()``, ``fetch="httpx"`` is ``fetch=Httpx()``, and
``fetch="asks"`` is ``fetch=Asks()``, and the path of a ``.warc.gz`` file is
``fetch=Archive(path)``. ``Cache`` is a fetcher around a fetcher.
Name the class where a keyword alone does not say enough, as with a client of
your own: ``fetch=Httpx(client)``. `trio_crawl.abc.Fetcher` is what they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._fetch.curl import Curl as Curl

if TYPE_CHECKING:
    from ._fetch.archive import Archive as Archive
    from ._fetch.asks import Asks as Asks
    from ._fetch.cache import Cache as Cache
    from ._fetch.httpx import Httpx as Httpx

__all__ = ["Archive", "Asks", "Cache", "Curl", "Httpx"]


def __getattr__(name: str) -> object:
    # httpx takes longer to import than all the rest together, and few crawls need it.
    if name == "Httpx":
        from ._fetch.httpx import Httpx  # noqa: PLC0415

        return Httpx
    if name == "Asks":
        from ._fetch.asks import Asks  # noqa: PLC0415

        return Asks
    if name == "Cache":
        from ._fetch.cache import Cache  # noqa: PLC0415

        return Cache
    if name == "Archive":
        from ._fetch.archive import Archive  # noqa: PLC0415

        return Archive
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
