"""A crawl is polite: turns and delays by host, robots.txt, retries, redirects, limits and scope."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, asked, counts, objects_of, virtual

from trio_crawl import Link, Page, Request, crawl, open_crawl
from trio_crawl._policy.retry import backoff
from trio_crawl.testing import MemoryWeb, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from trio_crawl import Hop

OTHER = "https://other.test/"


def starts(web: MemoryWeb, url: str) -> list[float]:
    """Return when *url* was asked for."""
    return [exchange.started for exchange in web.requests if exchange.url == url]


def field(web: MemoryWeb, url: str, name: str) -> list[str]:
    """Return the values of one field that the last request for *url* was sent with."""
    headers = [exchange.headers for exchange in web.requests if exchange.url == url][-1]
    return [value for key, value in headers if key.lower() == name.lower()]


# Order, scope, limits


@virtual
async def test_breadth_first() -> None:
    """Pages are asked for level by level, and within a level in the order of their discovery."""
    web = MemoryWeb()
    tree = {"": "abc", "a": ["a1", "a2"], "b": ["b1"], "c": ["c1"], "a1": ["deep"]}
    for name, targets in tree.items():
        web.links(SITE + name, [f"/{target}" for target in targets])
    await crawl(SITE, fetch=web)
    assert asked(web) == [SITE + name for name in ("", "a", "b", "c", "a1", "a2", "b1", "c1", "deep")]


@virtual
async def test_priorities_come_before_depth() -> None:
    """A request of a higher priority goes first; within one priority it stays breadth first."""
    web = MemoryWeb()
    web.otherwise(SITE, lambda _hop: Reply())

    def parse(page: Page) -> Iterator[Request]:
        if page.url == SITE:
            yield Request("/low", priority=-1)
            yield Request("/usual")
            yield Request("/high", priority=1)
        elif page.url.endswith("high"):
            yield Request("/high/usual")
            yield Request("/high/high", priority=1)
            yield Request("/high/low", priority=-1)

    await crawl(SITE, fetch=web, parse=parse)
    assert asked(web) == [
        SITE + name for name in ("", "high", "high/high", "usual", "high/usual", "low", "high/low")
    ]


@virtual
async def test_requests_are_the_same_by_their_key() -> None:
    """Method, URL without fragment and body make a request; a ``key`` of the user's replaces them."""
    web = MemoryWeb()
    web.otherwise(SITE, lambda _hop: Reply())

    def parse(page: Page) -> Iterator[Request]:
        if page.depth == 0:
            yield Request("/form#a")
            yield Request("/form#b")
            for body in (b"x=1", b"x=2", b"x=1"):
                yield Request("/form", method="POST", body=body)
            yield Request("/news?session=1", key="news")
            yield Request("/news?session=2", key="news")

    report = await crawl(SITE, fetch=web, parse=parse)
    sent = [(exchange.method, exchange.url, exchange.body) for exchange in web.requests[2:]]
    assert sent == [
        ("GET", f"{SITE}form", None),
        ("POST", f"{SITE}form", b"x=1"),
        ("POST", f"{SITE}form", b"x=2"),
        ("GET", f"{SITE}news?session=1", None),
    ]
    assert report.discovered == 5


@pytest.mark.parametrize(
    ("follow", "followed"),
    [
        ("host", {"docs/", "docs/a", "b"}),
        ("prefix", {"docs/", "docs/a"}),
        ("any", {"docs/", "docs/a", "b", OTHER}),
        (lambda link: link.url.endswith("b"), {"docs/", "b"}),
    ],
)
@virtual
async def test_scope(follow: Any, followed: set[str]) -> None:  # noqa: ANN401 - a name or a function
    """What ``follow`` does not take is not asked for, and counts as a skip of that reason, once each."""
    web = MemoryWeb()
    web.links(f"{SITE}docs/", ["a", "/b", OTHER, f"{OTHER}#again"])
    web.links(f"{SITE}docs/a", [OTHER, "/b"])
    web.links(f"{SITE}b", [])
    web.links(OTHER, [])
    report = await crawl(f"{SITE}docs/", fetch=web, follow=follow)
    assert {url.removeprefix(SITE) for url in asked(web)} == followed
    assert report.discovered == 4
    assert report.skipped.get("scope", 0) == 4 - len(followed)


@virtual
async def test_include_and_exclude() -> None:
    """Patterns narrow what is followed, but not the seeds."""
    web = MemoryWeb()
    web.links(SITE, ["/docs/a", "/docs/private/b", "/blog"])
    web.otherwise(SITE, lambda _hop: Reply())
    report = await crawl(SITE, fetch=web, include="*/docs/*", exclude=["*/private/*"])
    assert asked(web) == [SITE, f"{SITE}docs/a"]
    assert counts(report) == (4, 2, {}, {"scope": 2}, 0)


@virtual
async def test_max_depth() -> None:
    """Links deeper than ``max_depth`` are skips of that reason; 0 fetches the seeds alone."""
    for depth, pages in ((0, 1), (1, 2), (2, 3)):
        web = MemoryWeb()
        web.otherwise(SITE, lambda hop: f'<a href="{hop.url}x">x</a>')
        report = await crawl(SITE, fetch=web, max_depth=depth, robots=False)
        assert asked(web) == [SITE + "x" * number for number in range(pages)]
        assert counts(report) == (pages + 1, pages, {}, {"max_depth": 1}, 0)


@virtual
async def test_what_was_too_deep_is_taken_nearer_a_seed() -> None:
    """A URL that was skipped for its depth is fetched when a shorter way to it is found, and counted once."""
    web = MemoryWeb()
    web.links(SITE, ["/a"])
    web.links(f"{SITE}a", ["/target"])
    web.links(f"{OTHER}", [])
    web.add(f"{OTHER}slow", f'<a href="{SITE}target">t</a>', delay=60)
    web.add(f"{SITE}target", "<p>page", delay=0)
    report = await crawl([SITE, f"{OTHER}slow"], fetch=web, max_depth=1, timeout=90)
    assert counts(report) == (4, 4, {}, {}, 0)
    assert starts(web, f"{SITE}target")


@virtual
async def test_max_pages_counts_pages_and_not_failures() -> None:
    """``max_pages`` counts pages; one that failed is replaced by the next in the queue."""
    web = MemoryWeb()
    seeds = [f"{SITE}{number}" for number in range(8)]
    for seed in seeds:
        web.add(seed, "<p>page")
    web.add(seeds[1], failure="tls")
    report = await crawl(seeds, fetch=web, max_pages=3)
    assert asked(web) == seeds[:4]
    assert counts(report) == (8, 3, {"tls": 1}, {"max_pages": 4}, 0)


# Turns


@virtual
async def test_turns_of_a_host() -> None:
    """Two starts on one host are ``delay`` seconds apart, and at most ``per_host`` requests go on at once."""
    web = MemoryWeb()
    seeds = [f"{site}{number}" for site in (SITE, OTHER) for number in range(20)]
    for seed in seeds:
        web.add(seed, "<p>page", delay=10)
    await crawl(seeds, fetch=web, delay=2, per_host=3, timeout=60)
    for host in ("site.test", "other.test"):
        assert web.peak(host) == 3
        assert min(web.gaps(host)) >= 2
    assert [exchange.started for exchange in web.requests[:2]] == [0, 0]


@virtual
async def test_concurrency_bounds_all_hosts_together() -> None:
    """No more than ``concurrency`` requests go on at once, however many hosts there are."""
    web = MemoryWeb()
    running = peak = 0
    seeds = [f"https://host{number}.test/" for number in range(30)]

    def page(_hop: Hop) -> Reply:
        nonlocal running, peak
        begun = [exchange for exchange in web.requests if exchange.finished is None]
        peak = max(peak, len(begun))
        return Reply(delay=5)

    for seed in seeds:
        web.otherwise(seed, page)
    report = await crawl(seeds, fetch=web, concurrency=7)
    assert report.pages == 30
    assert peak == 7


@virtual
async def test_the_timeout_bounds_a_hop_and_not_the_wait_for_its_turn() -> None:
    """A page that waits long for its turn is no timeout; one whose server is slow is."""
    web = MemoryWeb()
    seeds = [f"{SITE}{number}" for number in range(10)]
    for seed in seeds:
        web.add(seed, "<p>page", delay=1)
    web.add(seeds[9], "<p>page", delay=2.5)
    report = await crawl(seeds, fetch=web, timeout=2, delay=100, retries=0)
    assert counts(report) == (10, 9, {"timeout": 1}, {}, 0)


# robots.txt


@virtual
async def test_robots_is_fetched_once_for_each_origin() -> None:
    """Each origin's robots.txt is asked for once, before its pages, and counted apart from them."""
    web = MemoryWeb()
    for origin in (SITE, "http://site.test/", "https://site.test:8443/"):
        web.links(origin, ["/a", "/b", *(f"{other}c" for other in (SITE, "http://site.test/"))])
    report = await crawl([SITE, "http://site.test/", "https://site.test:8443/"], fetch=web)
    for origin in (SITE, "http://site.test/", "https://site.test:8443/"):
        [moment] = starts(web, f"{origin}robots.txt")
        assert moment < min(starts(web, origin))
    assert report.robots == 3
    assert report.requests == len(web.requests) == report.pages + 3
    assert min(web.gaps("site.test")) >= 0.5


@virtual
async def test_robots_disallows() -> None:
    """What robots.txt disallows, to us or to everyone, is a skip and not asked for; ``robots=False`` asks."""
    web = MemoryWeb()
    web.robots(SITE, "User-agent: *\nDisallow: /\n\nUser-agent: Trio-Crawl\nDisallow: /private\nAllow: /")
    web.links(SITE, ["/private/a", "/public"])
    for page in ("private/a", "public"):
        web.links(SITE + page, [])
    report = await crawl(SITE, fetch=web)
    assert asked(web) == [SITE, f"{SITE}public"]
    assert counts(report) == (3, 2, {}, {"robots": 1}, 0)
    report = await crawl(SITE, fetch=web, robots=False)
    assert counts(report) == (3, 3, {}, {}, 0)
    assert report.robots == 0
    report = await crawl(SITE, fetch=web, user_agent="other/1.0")
    assert counts(report) == (1, 0, {}, {"robots": 1}, 0)


@pytest.mark.parametrize("status", [401, 403, 404, 410, 429])
@virtual
async def test_no_robots_allows_everything(status: int) -> None:
    """Any 4xx says that there is no robots.txt (RFC 9309, section 2.3.1.3)."""
    web = MemoryWeb()
    web.robots(SITE, "User-agent: *\nDisallow: /", status=status)
    web.links(SITE, [])
    report = await crawl(SITE, fetch=web)
    assert counts(report) == (1, 1, {}, {}, 0)


@pytest.mark.parametrize("status", [500, 502, 503])
@virtual
async def test_a_robots_that_cannot_be_had_disallows_everything(status: int) -> None:
    """A server error disallows everything (RFC 9309, section 2.3.1.4), and each is an attempt at one page."""
    web = MemoryWeb()
    web.robots(SITE, "", status=status)
    web.links(SITE, [])
    report = await crawl([SITE, f"{SITE}a"], fetch=web)
    assert counts(report) == (2, 0, {}, {"robots_unreachable": 2}, 0)
    assert starts(web, f"{SITE}robots.txt") == [0, 1, 3, 7, 15, 31]
    assert (report.robots, report.retries) == (1, 6)
    assert asked(web) == []


@virtual
async def test_a_robots_that_is_back_after_a_while() -> None:
    """A server error that passes is not what counts, but the rules that come then."""
    web = MemoryWeb()
    answers = iter([Reply(status=503), Reply(body="User-agent: *\nDisallow: /a")])
    web.add(f"{SITE}robots.txt", lambda _hop: next(answers))
    web.links(SITE, ["/a"])
    report = await crawl(SITE, fetch=web)
    assert counts(report) == (2, 1, {}, {"robots": 1}, 0)


@pytest.mark.parametrize("kind", ["timeout", "protocol"])
@virtual
async def test_a_robots_without_an_answer_disallows(kind: Any) -> None:  # noqa: ANN401 - a Literal
    """A robots.txt that never comes, from a host that can be reached, disallows as a server error does."""
    web = MemoryWeb()
    web.add(f"{SITE}robots.txt", failure=kind)
    web.links(SITE, [])
    report = await crawl(SITE, fetch=web)
    assert counts(report) == (1, 0, {}, {"robots_unreachable": 1}, 0)


@virtual
async def test_a_host_that_cannot_be_reached_is_a_failure() -> None:
    """Where the origin can't be reached for its robots.txt, that is what became of its pages."""
    web = MemoryWeb()
    web.links(SITE, [])
    seeds = ["https://nosuch.test/a", "https://nosuch.test/b", "http://site.test/"]
    report = await crawl(seeds, fetch=web)
    assert counts(report) == (3, 0, {"dns": 2, "connect": 1}, {}, 0)
    assert len(starts(web, "https://nosuch.test/robots.txt")) == 6


@virtual
async def test_a_redirected_robots() -> None:
    """A robots.txt is followed to another host, and holds where it was asked for (RFC 9309, 2.3.1.2)."""
    web = MemoryWeb()
    web.add(f"{SITE}robots.txt", redirect=f"{OTHER}rules.txt")
    web.add(f"{OTHER}rules.txt", "User-agent: *\nDisallow: /a", content_type="text/plain")
    web.links(SITE, ["/a", "/b"])
    web.links(f"{OTHER}a", [])
    report = await crawl([SITE, f"{OTHER}a"], fetch=web)
    assert asked(web).count(f"{OTHER}rules.txt") == 1
    assert f"{SITE}a" not in asked(web)
    assert f"{OTHER}a" in asked(web)
    assert report.robots == 2
    assert counts(report) == (4, 3, {}, {"robots": 1}, 0)


@virtual
async def test_a_robots_that_redirects_without_end_is_none() -> None:
    """After five redirects a robots.txt counts as one that is not there (RFC 9309, section 2.3.1.2)."""
    web = MemoryWeb()
    web.add(f"{SITE}robots.txt", redirect="/r")
    web.otherwise(SITE, lambda hop: Reply(status=302, headers=(("Location", f"{hop.url}r"),)))
    web.links(SITE, [])
    report = await crawl(SITE, fetch=web)
    assert counts(report) == (1, 1, {}, {}, 0)
    assert report.redirects == 5


@virtual
async def test_a_crawl_delay_is_kept_to() -> None:
    """A ``Crawl-delay`` that is longer than ``delay`` counts, and a shorter one does not."""
    web = MemoryWeb()
    for site, delay in ((SITE, 7), (OTHER, 1)):
        web.robots(site, f"User-agent: *\nCrawl-delay: {delay}")
        web.links(site, ["/a", "/b", "/c"])
    await crawl([SITE, OTHER], fetch=web, delay=2)
    assert min(web.gaps("site.test")[1:]) >= 7
    assert web.gaps("other.test") == [2] * 4


@virtual
async def test_a_robots_in_gzip() -> None:
    """A robots.txt is decoded as any other response is."""
    web = MemoryWeb()
    web.add(f"{SITE}robots.txt", "User-agent: *\nDisallow: /", coding="gzip", content_type="text/plain")
    report = await crawl(SITE, fetch=web)
    assert counts(report) == (1, 0, {}, {"robots": 1}, 0)


@pytest.mark.parametrize(
    ("head", "headers"),
    [
        ("<meta name=robots content='noindex, nofollow'>", []),
        ("<meta name=trio-crawl content=none>", []),
        ("", [("X-Robots-Tag", "noindex"), ("X-Robots-Tag", "Trio-Crawl: nofollow")]),
        ("<meta name=trio-crawl content=follow>", [("X-Robots-Tag", "none")]),
    ],
)
@virtual
async def test_a_page_that_says_nofollow_is_written_and_not_followed(
    head: str, headers: list[tuple[str, str]], tmp_path: Path
) -> None:
    """Its links are rows, but not followed unless another page leads there; ``robots=False`` follows."""
    web = MemoryWeb()
    web.links(SITE, ["/quiet", "/loud"])
    web.add(f"{SITE}quiet", f"{head}<a href=/both>x</a><a href=/only>x</a>", headers=headers)
    web.add(f"{SITE}loud", "<a href=/both>x</a>")
    web.otherwise(SITE, lambda _hop: Reply())
    web.add(f"{SITE}robots.txt", status=404)
    path = tmp_path / "links.tsv"
    report = await crawl(SITE, fetch=web, write=path)
    assert asked(web) == [SITE, f"{SITE}quiet", f"{SITE}loud", f"{SITE}both"]
    assert counts(report) == (5, 4, {}, {"nofollow": 1}, 0)
    assert path.read_text("utf-8").count(f"\n{SITE}quiet\t") == 2
    report = await crawl(SITE, fetch=web, robots=False)
    assert counts(report) == (5, 5, {}, {}, 0)


@virtual
async def test_what_a_page_says_to_others_or_of_indexing_is_only_recorded() -> None:
    """``noindex``, a date, and what is said to another crawler keep no link from being followed."""
    web = MemoryWeb()
    tags = [
        ("X-Robots-Tag", "otherbot: nofollow, none"),
        ("X-Robots-Tag", "unavailable_after: Tue, 25 Jun 2030 15:00:00 GMT, noarchive"),
    ]
    web.add(
        SITE, "<meta name=robots content=noindex><meta name=otherbot content=none><a href=a>", headers=tags
    )
    web.add(f"{SITE}a", "<p>page")
    async with open_crawl(SITE, fetch=web) as pages:
        found = [page.directives async for page in pages]
    date = "unavailable_after:tue, 25 jun 2030 15:00:00 gmt"
    assert found == [{"noindex", "noarchive", date}, frozenset()]


@virtual
async def test_a_parsers_requests_are_followed_from_a_page_that_says_nofollow() -> None:
    """Of such a page a parser's links are not followed; its requests are the user's own wish."""
    web = MemoryWeb()
    web.add(SITE, "<meta name=robots content=nofollow><a href=/link>x</a>")
    web.otherwise(SITE, lambda _hop: Reply())
    web.add(f"{SITE}robots.txt", status=404)

    def parse(page: Page) -> Iterator[Request | Link]:
        yield from page.links()
        if page.depth == 0:
            yield Request("/request")

    report = await crawl(SITE, fetch=web, parse=parse)
    assert asked(web) == [SITE, f"{SITE}request"]
    assert counts(report) == (3, 2, {}, {"nofollow": 1}, 0)


@pytest.mark.parametrize("state", [False, True])
@virtual
async def test_links_that_say_nofollow_are_not_followed(state: bool, tmp_path: Path) -> None:
    """``rel`` nofollow, ugc and sponsored are obeyed, unless another link says nothing of the kind."""
    web = MemoryWeb()
    rels = ("nofollow", "UGC", "noopener sponsored", "noopener")
    links = "".join(f'<a href="/{number}" rel="{rel}">x</a>' for number, rel in enumerate(rels))
    web.add(SITE, links)
    web.add(f"{SITE}3", '<a href="/0">vouched for</a>')
    web.otherwise(SITE, lambda _hop: Reply())
    report = await crawl(SITE, fetch=web, state=tmp_path / "a.db" if state else None)
    assert asked(web) == [SITE, f"{SITE}3", f"{SITE}0"]
    assert counts(report) == (5, 3, {}, {"nofollow": 2}, 0)
    assert report.links == 5
    regardless = await crawl(SITE, fetch=web, robots=False)
    assert counts(regardless) == (5, 5, {}, {}, 0)


# Retries


@pytest.mark.parametrize("kind", ["timeout", "connect", "protocol", "dns"])
@virtual
async def test_what_may_pass_is_tried_again(kind: Any) -> None:  # noqa: ANN401 - a Literal
    """A failure that may pass is followed by further attempts with back-off, and then by a failure."""
    web = MemoryWeb()
    web.add(SITE, failure=kind)
    report = await crawl(SITE, fetch=web, robots=False, retries=3, delay=0)
    moments = starts(web, SITE)
    assert [later - earlier for earlier, later in pairwise(moments)] == [
        pytest.approx(backoff(attempt, SITE)) for attempt in (1, 2, 3)
    ]
    assert report.retries == 3
    assert counts(report) == (1, 0, {kind: 1}, {}, 0)


@pytest.mark.parametrize("kind", ["tls", "decode", "too_large", "redirects", "blocked_address"])
@virtual
async def test_what_will_not_pass_is_not_tried_again(kind: Any) -> None:  # noqa: ANN401 - a Literal
    """A failure that would be the same the next time is final at once."""
    web = MemoryWeb()
    web.add(SITE, failure=kind)
    report = await crawl(SITE, fetch=web, robots=False)
    assert len(starts(web, SITE)) == 1
    assert report.retries == 0
    assert counts(report) == (1, 0, {kind: 1}, {}, 0)


@virtual
async def test_a_page_that_comes_at_the_third_attempt(tmp_path: Path) -> None:
    """A page counts once, with the number of its attempts."""
    web = MemoryWeb()
    answers = iter([Reply(status=500), Reply(status=502), Reply(body="<title>At last</title>")])
    web.add(SITE, lambda _hop: next(answers))
    report = await crawl(SITE, fetch=web, robots=False, write=tmp_path / "pages.jsonl")
    [row] = objects_of(tmp_path / "pages.jsonl")
    assert (row["title"], row["attempts"], row["status"]) == ("At last", 3, 200)
    assert report.statuses == {200: 1}
    assert report.retries == 2


@pytest.mark.parametrize(("status", "attempts"), [(404, 1), (410, 1), (501, 1), (500, 3), (503, 3)])
@virtual
async def test_a_final_status_is_a_page(status: int, attempts: int) -> None:
    """Whatever the status is in the end, it is a page, and its links are not followed."""
    web = MemoryWeb()
    web.add(SITE, '<a href="/a">a</a>', status=status)
    report = await crawl(SITE, fetch=web, robots=False)
    assert report.statuses == {status: 1}
    assert asked(web) == [SITE] * attempts
    assert report.links == 1


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("value", "wait"),
    [("120", 120), ("Sat, 01 Jan 2000 00:03:00 GMT", 180), ("soon", None), ("-5", None)],
)
@virtual
async def test_retry_after_gives_the_whole_host_a_rest(status: int, value: str, wait: float | None) -> None:
    """A host that is too busy is asked for nothing at all as long as it says, or for the back-off's time."""
    web = MemoryWeb()
    seeds = [f"{SITE}{number}" for number in range(6)]
    for seed in seeds:
        web.add(seed, "<p>page")
    answers = iter([Reply(status=status, headers=(("Retry-After", value),)), Reply(body="<p>now")])
    web.add(seeds[0], lambda _hop: next(answers))
    web.add(OTHER, "<p>page")
    await crawl([*seeds, OTHER], fetch=web, robots=False, per_host=1)
    rest = backoff(1, seeds[0]) if wait is None else wait
    first, second, *_ = [e.started for e in web.requests if e.url.startswith(SITE)]
    assert first == 0
    assert second == pytest.approx(max(rest, 1.0))  # trouble doubles the delay
    assert starts(web, OTHER) == [0]


@virtual
async def test_a_redirect_with_retry_after_waits_before_its_next_hop() -> None:
    """The page that was redirected waits as long as the redirect says, and no other does."""
    web = MemoryWeb()
    headers = (("Location", f"{OTHER}moved"), ("Retry-After", "40"))
    web.add(SITE, status=302, headers=headers)
    web.add(f"{SITE}next", "<p>page")
    web.add(f"{OTHER}moved", "<p>page")
    report = await crawl([SITE, f"{SITE}next"], fetch=web, robots=False, per_host=1)
    assert starts(web, f"{SITE}next") == [0.5]
    assert starts(web, f"{OTHER}moved") == [40]
    assert (report.pages, report.redirects) == (2, 1)


@virtual
async def test_a_host_that_slows_down_is_asked_more_slowly() -> None:
    """While responses take much longer than usual their host gets more time, and then the usual again."""
    web = MemoryWeb()
    seeds = [f"{SITE}{number}" for number in range(30)]
    for number, seed in enumerate(seeds):
        web.add(seed, "<p>page", delay=4 if 5 <= number < 8 else 0.1)
    await crawl(seeds, fetch=web, robots=False, per_host=1, delay=1)
    gaps = web.gaps("site.test")
    assert gaps[:5] == pytest.approx([1] * 5)
    assert max(gaps) > 4.5
    assert gaps[-5:] == pytest.approx([1] * 5)
    assert min(gaps) >= 1 - 1e-9


@virtual
async def test_a_host_that_keeps_failing_rests_and_is_given_up() -> None:
    """After twelve failures in a row, and rests between, its other pages are skipped at once, and counted."""
    web = MemoryWeb()
    seeds = [f"{SITE}{number}" for number in range(100)]
    web.otherwise(SITE, lambda _hop: Reply(status=500))
    web.add(OTHER, "<p>page")
    report = await crawl([*seeds, OTHER], fetch=web, robots=False, per_host=1, retries=0)
    assert counts(report) == (101, 13, {}, {"host_given_up": 88}, 0)
    assert len(asked(web)) == 13
    # At first its pace, which each failure halves, makes it wait for longer than the rests do.
    assert web.gaps("site.test") == [1, 2, 4, 8, 16, 32, 60, 80, 160, 320, 270]
    assert report.elapsed < 1_000


@virtual
async def test_a_host_that_recovers_is_not_given_up() -> None:
    """One good answer after a rest, and its pages are asked for as before."""
    web = MemoryWeb()
    seeds = [f"{SITE}{number}" for number in range(30)]
    web.otherwise(SITE, lambda hop: Reply(status=500 if hop.url in seeds[:11] else 200))
    report = await crawl(seeds, fetch=web, robots=False, per_host=1, retries=0)
    assert report.statuses == {200: 19, 500: 11}
    assert not report.skipped


@virtual
async def test_retry_failed_tries_a_host_that_was_given_up(tmp_path: Path) -> None:
    """A state keeps what was skipped with its host; it is asked for again with ``retry_failed`` only."""
    web = MemoryWeb()
    seeds = [f"{SITE}{number}" for number in range(40)]
    web.otherwise(SITE, lambda _hop: Reply(status=500))
    state = tmp_path / "state.db"
    first = await crawl(seeds, fetch=web, robots=False, per_host=1, retries=0, state=state)
    assert first.skipped == {"host_given_up": 28}
    web.otherwise(SITE, lambda _hop: Reply())
    same = await crawl(seeds, fetch=web, robots=False, state=state)
    assert counts(same) == counts(first)
    again = await crawl(seeds, fetch=web, robots=False, state=state, retry_failed=True)
    assert counts(again) == (40, 40, {}, {}, 0)


@virtual
async def test_a_post_is_not_sent_twice() -> None:
    """A request that is not idempotent is only repeated if nothing of it was sent (RFC 9110, 9.2.2)."""
    web = MemoryWeb()
    web.add(f"{SITE}timeout", failure="timeout")
    web.add(f"{SITE}connect", failure="connect")
    requests = [Request(SITE + name, method="POST", body=b"x") for name in ("timeout", "connect")]
    await crawl(requests, fetch=web, robots=False)
    assert len(starts(web, f"{SITE}timeout")) == 1
    assert len(starts(web, f"{SITE}connect")) == 3


# Redirects


@virtual
async def test_the_way_of_a_page(tmp_path: Path) -> None:
    """A page that was reached by redirects has the whole way, the depth and the URL that was asked for."""
    web = MemoryWeb()
    web.links(SITE, ["/a"])
    web.add(f"{SITE}a", redirect="b")
    web.add(f"{SITE}b", status=308, redirect="/c#part")
    web.links(f"{SITE}c", ["/d"])
    seen: dict[str, Page] = {}
    async with open_crawl(SITE, fetch=web, write=tmp_path / "links.tsv") as pages:
        async for page in pages:
            seen[page.url] = page
    page = seen[f"{SITE}a"]
    assert page.final_url == f"{SITE}c"
    assert page.redirects == (f"{SITE}a", f"{SITE}b")
    assert (page.depth, page.referrer, page.status, page.attempts) == (1, SITE, 200, 1)
    assert seen[f"{SITE}d"].depth == 2
    assert pages.report.redirects == 2
    assert f"{SITE}a\t{SITE}d\n" in (tmp_path / "links.tsv").read_text()


@virtual
async def test_a_seeds_redirect_makes_its_target_a_seed() -> None:
    """A seed that redirects to another host is crawled there."""
    web = MemoryWeb()
    web.add(SITE, redirect="https://www.site.test/")
    web.links("https://www.site.test/", ["/a"])
    web.links("https://www.site.test/a", [SITE])
    report = await crawl(SITE, fetch=web)
    assert counts(report) == (2, 2, {}, {}, 0)
    assert "https://www.site.test/a" in asked(web)


@virtual
async def test_a_target_that_is_known_already() -> None:
    """A redirect to a URL that the crawl knows ends there; no page is fetched twice."""
    web = MemoryWeb()
    web.links(SITE, ["/a", "/b", "/c"])
    web.add(f"{SITE}a", redirect="/b")
    web.add(f"{SITE}c", redirect="/")
    web.links(f"{SITE}b", [])
    report = await crawl(SITE, fetch=web)
    assert counts(report) == (4, 2, {}, {"known_target": 2}, 0)
    assert sorted(asked(web)) == [SITE, f"{SITE}a", f"{SITE}b", f"{SITE}c"]


@virtual
async def test_two_redirects_to_one_page() -> None:
    """Of two links that redirect to one page the first has it; a link to that page itself has nothing new."""
    web = MemoryWeb()
    web.links(SITE, ["/old", "/older"])
    web.add(f"{SITE}old", redirect="/new")
    web.add(f"{SITE}older", redirect="/new")
    web.links(f"{SITE}new", ["/new", "/old"])
    report = await crawl(SITE, fetch=web)
    assert len(starts(web, f"{SITE}new")) == 1
    assert counts(report) == (3, 2, {}, {"known_target": 1}, 0)


@virtual
async def test_a_target_that_was_out_of_scope_before_is_fetched_once() -> None:
    """A URL that was skipped, and is reached by a seed's redirect then, is not fetched again by a link."""
    web = MemoryWeb()
    web.links(SITE, [OTHER])
    web.add("https://late.test/", redirect=OTHER)
    web.links(OTHER, [OTHER, "/a"])
    web.links(f"{OTHER}a", [OTHER])
    report = await crawl([SITE, "https://late.test/"], fetch=web, delay=1)
    assert len(starts(web, OTHER)) == 1
    assert report.pages == 3


@virtual
async def test_a_target_out_of_scope() -> None:
    """A link's redirect that leaves the scope is a skip, and its target is not asked for."""
    web = MemoryWeb()
    web.links(SITE, ["/out"])
    web.add(f"{SITE}out", redirect=OTHER)
    web.links(OTHER, [])
    report = await crawl(SITE, fetch=web)
    assert counts(report) == (2, 1, {}, {"scope": 1}, 0)
    assert OTHER not in asked(web)


@pytest.mark.parametrize("way", [["/"], ["/b", "/"], ["/b", "/c", "/b"]])
@virtual
async def test_a_loop(way: list[str]) -> None:
    """Redirects that lead back to where they came from are a failure, and not a retry."""
    web = MemoryWeb()
    places = ["/", *way]
    for here, target in pairwise(places):
        web.add(SITE + here[1:], redirect=target)
    report = await crawl(SITE, fetch=web, robots=False)
    assert counts(report) == (1, 0, {"redirects": 1}, {}, 0)
    # What redirects to itself is asked once more: it may have woken up.
    assert len(web.requests) == max(len(way), 2)


@virtual
async def test_too_many_redirects() -> None:
    """A chain longer than ``max_redirects`` is a failure; one of that length is a page."""
    web = MemoryWeb()
    for number in range(4):
        web.add(f"{SITE}{number}", redirect=f"/{number + 1}")
    web.add(f"{SITE}4", "<p>page")
    report = await crawl(f"{SITE}0", fetch=web, robots=False, max_redirects=4)
    assert report.pages == 1
    report = await crawl(f"{SITE}0", fetch=web, robots=False, max_redirects=3)
    assert counts(report) == (1, 0, {"redirects": 1}, {}, 0)
    report = await crawl(f"{SITE}4", fetch=web, robots=False, max_redirects=0)
    assert report.pages == 1


@virtual
async def test_a_redirect_waits_for_the_turn_of_the_other_host() -> None:
    """A redirect to another host keeps to that host's delay and to its robots.txt."""
    web = MemoryWeb()
    web.robots(OTHER, "User-agent: *\nCrawl-delay: 30\nDisallow: /private")
    seeds = [f"{OTHER}{number}" for number in range(3)]
    for seed in seeds:
        web.add(seed, "<p>page")
    web.add(f"{SITE}a", redirect=f"{OTHER}from-a")
    web.add(f"{SITE}b", redirect=f"{OTHER}private")
    web.add(f"{OTHER}from-a", "<p>page")
    report = await crawl([*seeds, f"{SITE}a", f"{SITE}b"], fetch=web)
    assert min(web.gaps("other.test")) >= 30
    assert f"{OTHER}from-a" in asked(web)
    assert f"{OTHER}private" not in asked(web)
    assert counts(report) == (5, 4, {}, {"robots": 1}, 0)


@pytest.mark.parametrize(
    ("target", "kept"), [("/b", True), ("https://site.test:444/b", False), (f"{OTHER}b", False)]
)
@virtual
async def test_credentials_stay_with_their_origin(target: str, kept: bool) -> None:
    """Fields that are for one origin do not go along to another one, and do not come back after it."""
    web = MemoryWeb()
    url = target if "://" in target else SITE + target[1:]
    web.add(SITE, redirect=target)
    web.add(url, redirect=f"{SITE}end")
    web.add(f"{SITE}end", "<p>page")
    headers = (("Authorization", "Bearer x"), ("Cookie", "a=b"), ("X-Own", "1"), ("user-agent", "own/1"))
    await crawl(Request(SITE, headers=headers), fetch=web, robots=False)
    assert field(web, SITE, "Authorization") == ["Bearer x"]
    for place in (url, f"{SITE}end"):
        assert field(web, place, "Authorization") == ["Bearer x"] * kept
        assert field(web, place, "Cookie") == ["a=b"] * kept
        assert field(web, place, "X-Own") == ["1"]
        assert field(web, place, "User-Agent") == ["own/1"]


@pytest.mark.parametrize(("status", "method"), [(302, "GET"), (303, "GET"), (307, "POST")])
@virtual
async def test_a_form_that_redirects(status: int, method: str) -> None:
    """A POST becomes a GET without its body and what describes it, but for 307 and 308."""
    web = MemoryWeb()
    web.add(f"{SITE}form", status=status, redirect="/done")
    web.add(f"{SITE}done", "<p>done")
    headers = (("Content-Type", "text/plain"),)
    await crawl(
        Request(f"{SITE}form", method="POST", body=b"x", headers=headers), fetch=web, robots=False, retries=0
    )
    last = web.requests[-1]
    assert (last.url, last.method) == (f"{SITE}done", method)
    assert last.body == (b"x" if method == "POST" else None)
    assert bool(field(web, last.url, "Content-Type")) is (method == "POST")


@virtual
async def test_a_redirect_without_a_target_is_a_page() -> None:
    """A 3xx without a ``Location``, and a 304, is the page itself."""
    web = MemoryWeb()
    web.add(SITE, status=302)
    web.add(f"{SITE}b", status=304)
    report = await crawl([SITE, f"{SITE}b"], fetch=web, robots=False)
    assert report.statuses == {302: 1, 304: 1}


@virtual
async def test_a_page_that_is_too_large_once_decoded() -> None:
    """``max_bytes`` bounds a body before and after decoding."""
    web = MemoryWeb()
    web.add(f"{SITE}bomb", b"\0" * 100_000, coding="gzip")
    web.add(f"{SITE}large", b"\0" * 5_000)
    web.add(f"{SITE}broken", b"no gzip", headers=[("Content-Encoding", "gzip")])
    web.add(f"{SITE}fits", b"\0" * 4_000)
    seeds = [SITE + name for name in ("bomb", "large", "broken", "fits")]
    report = await crawl(seeds, fetch=web, robots=False, max_bytes=4_000)
    assert counts(report) == (4, 1, {"too_large": 2, "decode": 1}, {}, 0)


def _always(reply: Reply) -> Callable[[Hop], Reply]:
    return lambda _hop: reply


@virtual
async def test_what_is_sent() -> None:
    """Each request says who asks, what is wanted, and which codings can be decoded."""
    web = MemoryWeb()
    web.otherwise(SITE, _always(Reply()))
    await crawl(SITE, fetch=web, user_agent="my-crawler/2.0 (+https://example.org/bot)")
    for exchange in web.requests:
        sent = {name.lower(): value for name, value in exchange.headers}
        assert sent["user-agent"] == "my-crawler/2.0 (+https://example.org/bot)"
        assert {coding.strip() for coding in sent["accept-encoding"].split(",")} >= {"gzip", "br"}
        assert "text/html" in sent["accept"]
    assert trio.current_time() == 0.5
