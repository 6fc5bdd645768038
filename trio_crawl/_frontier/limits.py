"""What a frontier keeps to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the frontier keeps to; the keywords of ``crawl()`` of the same names.

    ``paced`` is none: it says whether hosts mind how fast they are asked, which the fetcher
    knows. If they don't, no delay is kept, and nothing waits to be asked again. ``adaptive``
    is what ``pace`` says, and ``per_address_delay`` what ``delay`` does.
    """

    per_host: int
    per_address: int
    delay: float
    per_address_delay: bool = False
    retries: int = 2
    max_depth: int | None
    max_pages: int | None
    sitemaps: bool = False
    max_per_host: int | None = None
    traps: bool = False
    paced: bool = True
    adaptive: bool = True
