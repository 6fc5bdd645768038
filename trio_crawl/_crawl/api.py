"""The public function that all others are made of: ``crawl``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio
from trio.lowlevel import enable_ki_protection

from .._errors import UsageError
from .engine import Engine
from .hints import refuse_unknown, with_hints
from .options import CONCURRENCY, USER_AGENT, Options

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike
    from typing import Unpack

    from .._model import Parse, Report
    from .._policy.cookies import Cookies
    from .._policy.credentials import Auth, Fields
    from .._policy.politeness import Delay
    from .._policy.scope import Follow, Patterns
    from .control import Control
    from .options import AllowPrivate, CrawlOptions, PaceName, ParseErrors, ParseIn
    from .seeds import Seeds


@with_hints
@enable_ki_protection
async def crawl(  # noqa: PLR0913 - the one place where a crawl is configured
    seeds: Seeds,
    *,
    fetch: object = "curl",
    parse: Parse | Mapping[str | None, Parse] | None = None,
    parse_in: ParseIn = "crawl",
    write: object = None,
    overwrite: bool = False,
    state: str | PathLike[str] | None = None,
    retry_failed: bool = False,
    recrawl: float | None = None,
    follow: Follow = "host",
    include: Patterns = (),
    exclude: Patterns = (),
    sitemaps: bool = False,
    max_pages: int | None = None,
    max_depth: int | None = None,
    max_per_host: int | None = None,
    max_time: float | None = None,
    max_links: int = 10_000,
    max_bytes: int = 10 * 1024 * 1024,
    max_redirects: int = 10,
    max_failures: int | None = None,
    traps: bool = True,
    concurrency: int | trio.CapacityLimiter = CONCURRENCY,
    per_host: int = 2,
    per_address: int = 8,
    delay: float | Delay = 0.5,
    pace: PaceName = "adaptive",
    timeout: float = 30,  # noqa: ASYNC109 - it bounds each hop, not this call
    retries: int = 2,
    grace: float = 5,
    robots: bool = True,
    user_agent: str = USER_AGENT,
    headers: Fields = (),
    cookies: Cookies = True,
    auth: Auth | None = None,
    allow_private: AllowPrivate = False,
    parse_errors: ParseErrors = "record",
    task_status: trio.TaskStatus[Control] = trio.TASK_STATUS_IGNORED,
) -> Report:
    """Crawl from *seeds*, and return what it came to.

    Everything that the crawl starts ends before this returns or raises. Cancelled,
    it drops what is in flight, writes the rows that are there (at most *grace*
    seconds), and leaves nothing running. ``nursery.start`` gives a `Control`.

    Args:
        seeds: a URL, a `Request`, the `pathlib.Path` of a file with one URL a line,
            an iterable of URLs and requests (read lazily, so a file of ten million
            lines works; blank lines and lines that start with ``#`` are left out),
            or an async iterable such as a memory channel. The crawl ends when they
            are exhausted and nothing is queued or in flight. A bad URL that is given by
            itself is an error; one among others is skipped, logged and counted (``bad_seed``).
        fetch: ``"curl"`` (libcurl: the fastest, and the one with HTTP/2),
            ``"httpx"``, ``"asks"`` (which needs ``trio-crawl[asks]``), the path of a
            ``.warc.gz`` or ``.warc`` file, from which all is answered, a fetcher
            (of `trio_crawl.fetchers`, whose classes take a proxy, authorities and
            more, or any `trio_crawl.abc.Fetcher`), or an httpx or httpx2 client or
            transport.
        parse: a function, generator, async function or async generator of a `Page`,
            or a mapping from a request's label to one. What it yields is followed if
            it is a `Link` or a `Request`, and written otherwise. None follows the
            links of ``a``, ``area`` and ``iframe``, and writes pages and the links of
            ``a`` and ``area``.
        parse_in: ``"crawl"`` runs *parse* on the event loop, as nearly all parsers take no
            time to speak of. ``"process"`` runs it in worker processes, as many as there are
            processors and at most four: it has to be a function that can be imported from a
            module, the rows come back as dicts of plain values, and where a page takes it more
            than 10 seconds or 2 GiB, that costs one `Failure`.
        write: a path (``.tsv``, ``.csv``: links; ``.jsonl``, ``.parquet``: pages; each of the
            lines also with ``.gz`` or ``.zst``; ``.sqlite``: both; ``.warc.gz``: what
            went over the wire; ``mirror/``, with a slash: pages as files in a folder),
            ``"-"`` for standard output, a writer (`trio_crawl.writers`), an async function
            that gets one row at a time, a memory channel that is sent them (and closed in the
            end), or a list of those. None writes nothing.
        overwrite: replace files that exist. False, as nobody's data should be lost by
            a second run.
        state: the path of a database (SQLite) that the crawl is kept in. The same call
            goes on where an earlier one ended, however it ended, and every page's rows
            are in files exactly once: a page is done when its rows and its links are
            committed together. Seeds may be added, and limits changed, which count
            over the whole state; what a limit skipped is pending again when it is
            raised. None: nothing is left behind.
        retry_failed: make pages that failed pending again, where a state is gone on
            with, and those that were skipped as their host failed, or its robots.txt.
            False: a failure is an outcome as well.
        recrawl: seconds of age: a page whose last visit is longer ago is asked for again
            where a state is gone on with, as a visit of its own (`Page.visit`) with rows of
            its own, but only for what has changed: one that is answered by 304 has no row, and
            counts as ``unchanged``. Needs *state*. None: what is done stays done.
        follow: how far from the seeds to go: ``"host"`` (default: what people mean by
            a site; any scheme and port), ``"origin"``, ``"domain"`` (registrable
            domain), ``"prefix"`` (below a seed's directory), ``"any"``, or a function
            of a `Link`.
        include: patterns of which a link has to match one: a `str` is a glob over the
            whole URL, an `re.Pattern` is searched.
        exclude: patterns of which a link may match none.
        sitemaps: read the sitemaps that the robots.txt of each site with a seed names, or
            else its ``/sitemap.xml``, and the feeds that pages link to; what they name is
            followed as far as *follow* goes, one link deeper than what led to them. They
            are asked for as pages are, and count as ``sitemaps``. False, as a site's links
            lead to what it shows, and its sitemap to all that it ever had.
        max_pages: pages to fetch, 1 or more; what is queued then counts as skipped.
            None: no limit, since a site has an end.
        max_depth: links from a seed, 0 (the seeds alone) or more. None: no limit.
        max_per_host: pages to ask one host for, 1 or more, whatever comes of them; the rest of
            its pages counts as skipped. None: no limit, since no number tells a large site
            from an endless one.
        max_time: seconds after which nothing more is started; what is still in flight
            *grace* seconds later is dropped, and the rows that are there may take
            *grace* once more. None: no limit.
        max_links: links of one page that count; the rest is only counted. 10,000 is
            more than people put on a page, and stops what a program can.
        max_bytes: bytes of one body, before and after decoding. 10 MiB holds any page
            made to be read; search engines read 2 to 15 MiB.
        max_redirects: redirects of one page, 0 or more. 10, in the middle of the 5 to
            20 that clients allow.
        max_failures: failed pages after which the crawl ends with an exception. None:
            failures are recorded, and the crawl goes on.
        traps: pass by what leads astray: paths that go round or ever deeper, and pages without end
            that say nothing new (calendars, session identifiers, filters of filters); and ask each host
            that has given 200 pages for one that can't exist, so that its soft 404s are known
            (`Page.soft_404`). True, as such a crawl has no end, and an ordinary site is crawled whole: see
            docs/traps.md.
        concurrency: hops at once, of all hosts, and async parsers that run for pages of one
            host; four times as many pages may wait to be parsed. 64 keeps one core busy. It
            can't be more than the process may have open files, with some in reserve. A
            `trio.CapacityLimiter` is shared by all that is given it, a token for each hop; its
            ``total_tokens`` may change meanwhile, and 0 is a pause.
        per_host: hops at once on one host. 2, as browsers did when they were told to
            be polite (RFC 2616, section 8.1.4).
        per_address: hops at once to one IP address, which many hosts may share; each address
            of a host counts.
        delay: seconds between two starts on one host; a longer ``Crawl-delay`` of its
            robots.txt counts instead. 0.5 is a visitor who clicks quickly. ``Delay(0.5,
            by="address")`` keeps them between two starts on one IP address, too: for many
            small sites on one server; else not, as most hosts that share an address are at a
            provider's that serves thousands of them.
        pace: ``"adaptive"``: a host that slows down or errs is asked more slowly, and one that
            keeps failing rests and is given up, as nobody asked for the load. ``"fixed"``: none
            of that, for your own servers and for APIs; 429 and ``Retry-After`` still count.
        timeout: seconds for one hop from connecting to the last byte; waiting for a
            turn is not counted. 30, as long as people wait at most.
        retries: further attempts after a failure that may pass (connection, timeout,
            408, 429, 5xx), with back-off. 2 survive a restart of a server.
        grace: seconds that a crawl which is cancelled, or out of time, may take to
            write what it has.
        robots: keep to robots.txt (RFC 9309), and follow no link that ``rel``, or its page
            by ``X-Robots-Tag`` or ``<meta name=robots>``, says not to follow. True: the
            standard is clear, and so is the wish.
        user_agent: the ``User-Agent`` field; its product token is what robots.txt is
            searched for.
        headers: header fields for every request, robots.txt included, by name or in
            pairs. They take the place of the crawl's own (``Accept``), and a request's
            own take theirs. They go to every host that is asked: a key that is for
            one of them belongs in *auth*, or in the headers of a `Request`.
        cookies: True keeps what servers set and sends it back, as RFC 6265 says: a
            site that asks for cookies works as in a browser, and each crawl begins
            without any; one that goes on with a state has those that it had. False
            neither keeps nor sends any. A mapping, such as
            ``{"example.org": {"session": "..."}}``, begins with those: each goes to
            that host alone, on every path, over https and http.
        auth: by origin, what it is asked with from the first request on: a user name
            and a password (Basic), or a token (Bearer), as in
            ``{"https://api.example.org": ("user", "password")}``. They go to exactly
            that origin, also after redirects, robots.txt included. None, as nothing
            is to be known of you. A user name in a URL is not used: in a seed it is an
            error, and from links and redirects it is removed. Once a chain of
            redirects has been on https, its hops over http get no credentials and no
            cookies. No message, log or row shows what is given here.
        allow_private: True, or a list of ``host``, ``host:port`` and networks, lets
            the crawl connect to addresses that are not global. False, so that no page
            can lead a crawl into your own network.
        parse_errors: ``"record"`` makes an exception of *parse* a `Failure` of its
            page; ``"raise"`` ends the crawl with it, and leaves the page pending.
        task_status: for ``nursery.start``.

    Returns:
        The report, whose numbers add up: every URL that was discovered is a page,
        failed, skipped, or pending.

    Raises:
        UsageError: an argument can't be right, or an output can't be opened; nothing
            was fetched.
        RowError: *parse* yielded what an output can't hold.
        TooManyFailuresError: more than *max_failures* pages failed.
        Exception: what *write*, an iterable of seeds or (with ``"raise"``) *parse*
            raised, as it is. The first error comes out; later ones are notes on it.
        OSError: an output could not be written.
        trio.BusyResourceError: a fetcher or writer serves another crawl.
    """
    check_in_trio()
    options = Options(
        fetch=fetch,
        parse=parse,
        parse_in=parse_in,
        write=write,
        overwrite=overwrite,
        state=state,
        retry_failed=retry_failed,
        recrawl=recrawl,
        follow=follow,
        include=include,
        exclude=exclude,
        sitemaps=sitemaps,
        max_pages=max_pages,
        max_depth=max_depth,
        max_per_host=max_per_host,
        max_time=max_time,
        max_links=max_links,
        max_bytes=max_bytes,
        max_redirects=max_redirects,
        max_failures=max_failures,
        traps=traps,
        concurrency=concurrency,
        per_host=per_host,
        per_address=per_address,
        delay=delay,
        pace=pace,
        timeout=timeout,
        retries=retries,
        grace=grace,
        robots=robots,
        user_agent=user_agent,
        headers=headers,
        cookies=cookies,
        auth=auth,
        allow_private=allow_private,
        parse_errors=parse_errors,
    )
    return await Engine(seeds, options).run(task_status)


def check_in_trio() -> None:
    """Look whether this is a task of trio's.

    Raises:
        UsageError: it is not.
    """
    if not trio.lowlevel.in_trio_task():
        raise UsageError(
            "a crawl runs in trio: trio.run(main), where main awaits it. A program without trio calls "
            "trio_crawl.run(seeds, ...), and in asyncio it is `await trio_crawl.aio.crawl(seeds, ...)`"
        )


def options_of(**keywords: Unpack[CrawlOptions]) -> Options:
    """Return the keywords with the defaults of `crawl` for the rest."""
    refuse_unknown(keywords, _DEFAULTS)
    return Options(**{**_DEFAULTS, **keywords})


# The defaults stand once, in the signature of `crawl`, where they are explained.
_DEFAULTS: dict[str, Any] = {
    name: value for name, value in (crawl.__kwdefaults__ or {}).items() if name != "task_status"
}
