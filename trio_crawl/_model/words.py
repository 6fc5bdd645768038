"""The closed sets of words that values are told by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
"""What JSON can say; the type of `Request.data`."""

FailureKind: TypeAlias = Literal[
    "dns",
    "connect",
    "tls",
    "timeout",
    "protocol",
    "decode",
    "too_large",
    "redirects",
    "blocked_address",
    "parse",
    "cancelled",
]
"""Why there is no page: the closed set of kinds of `Failure`."""

SkipReason: TypeAlias = Literal[
    "scope",
    "nofollow",
    "max_depth",
    "max_pages",
    "max_per_host",
    "trap_depth",
    "trap_repetition",
    "trap_pattern",
    "robots",
    "robots_unreachable",
    "host_given_up",
    "known_target",
    "bad_seed",
    "cancelled_host",
    "no_sitemap",
    "not_archived",
]
"""Why a URL that was found was not asked for, or not to its end.

``scope``: outside ``follow``, ``include`` or ``exclude``. ``nofollow``: every link to it
says ``rel`` "nofollow", "ugc" or "sponsored", or stands on a page that says "nofollow" or
"none" to robots. ``max_depth``, ``max_pages`` and ``max_per_host``: the limit of that name.
``trap_depth``: the URL has more than 30 segments, 40 parameters or 8,000 characters.
``trap_repetition``: its path goes round. ``trap_pattern``: it is one of pages without end that
say nothing new, and was found on such a page (see docs/traps.md).
``robots``: robots.txt disallows it.
``robots_unreachable``: robots.txt could not be had, which disallows everything
(RFC 9309, section 2.3.1.4). ``host_given_up``: its host failed twelve times in a
row (no connection, no answer in time, 5xx), with rests between. ``known_target``: it
redirects to a URL that the crawl knows already. ``bad_seed``: one of several seeds is no URL.
``cancelled_host``: ``control.cancel_host()`` was called for its host. ``no_sitemap``: with
``sitemaps=True``, where a sitemap or feed was looked for there is none. ``not_archived``: the
archive that answers (`trio_crawl.fetchers.Archive`) does not have it.
"""

LinkKind: TypeAlias = Literal[
    "a",
    "area",
    "iframe",
    "canonical",
    "alternate",
    "next",
    "prev",
    "icon",
    "stylesheet",
    "link",
    "img",
    "srcset",
    "script",
    "form",
    "refresh",
    "header",
    "sitemap",
    "sitemap_index",
    "feed",
    "robots",
    "element",
]
"""Where a link stands: the closed set of kinds of `Link`.

``a``, ``area``, ``script``: the element of that name. ``iframe``: an ``iframe`` or ``frame``.
``canonical``, ``alternate``, ``next``, ``prev``, ``icon``, ``stylesheet``: a ``link`` element of that
link type, whatever others it has; ``link``: one of another type. ``img``: the ``src`` of an
``img``; ``srcset``: a candidate of a ``srcset`` or ``imagesrcset``. ``form``: an ``action`` or
``formaction``. ``refresh``: a ``meta`` element or header field that leads to another page.
``header``: a ``Link`` field. ``sitemap`` and ``feed``: an entry of a sitemap, or of an RSS or
Atom feed; ``sitemap_index``: a sitemap that an index names. ``robots``: a sitemap that a
robots.txt names. ``element``: any other element that a selector matched.
"""

Kinds: TypeAlias = "LinkKind | Literal['all'] | Iterable[LinkKind]"
"""Kinds of links that are asked for: one, several, or ``"all"``."""

Ended: TypeAlias = Literal["done", "stopped", "cancelled", "max_time", "left"]
"""How a crawl ended: nothing was left to do, ``control.stop()`` or ``control.cancel()`` was called,
``max_time`` passed, or the consumer of the stream, or of a channel, left it."""
