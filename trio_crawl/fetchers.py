"""The fetchers, for what only one transport understands.

``fetch="curl"`` is ``fetch=Curl()``, and ``fetch="httpx"`` is ``fetch=Httpx()``.
Name the class where a keyword alone does not say enough, as with a client of
your own: ``fetch=Httpx(client)``. `trio_crawl.abc.Fetcher` is what they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._fetch.curl import Curl as Curl

if TYPE_CHECKING:
    from ._fetch.httpx import Httpx as Httpx

__all__ = ["Curl", "Httpx"]


def __getattr__(name: str) -> object:
    # httpx takes longer to import than all the rest together, and few crawls need it.
    if name == "Httpx":
        from ._fetch.httpx import Httpx  # noqa: PLC0415

        return Httpx
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
