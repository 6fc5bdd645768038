"""Headers, cookies and credentials through whole crawls: what goes where, and what is shown nowhere."""

from __future__ import annotations

import json
import logging
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, asked, lines_of, objects_of, virtual

from trio_crawl import (
    Failure,
    FetchError,
    Link,
    Page,
    Request,
    SeedError,
    UsageError,
    crawl,
    fetch_page,
    open_crawl,
)
from trio_crawl._crawl.elsewhere import Elsewhere
from trio_crawl._crawl.options import Options
from trio_crawl._crawl.pages import Pages
from trio_crawl._crawl.reading import ReadingMark
from trio_crawl.fetchers import Curl, Httpx
from trio_crawl.testing import MemoryWeb, Reply, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trio_crawl import Hop

OTHER = "https://other.test/"
CLEAR = "http://site.test/"
SECRET = "hidden"  # noqa: S105 - made up
BASIC = f"Basic {b64encode(b'me:hidden').decode()}"


def fields(web: MemoryWeb, url: str, name: str) -> list[str | None]:
    """Return the field *name* of each request for *url*, None for none."""
    found = [dict(exchange.headers) for exchange in web.requests if exchange.url == url]
    return [next((value for key, value in each.items() if key.lower() == name), None) for each in found]


def setting(*cookies: str, status: int = 200, location: str | None = None) -> Reply:
    """Return an answer that sets *cookies*."""
    headers = [("Set-Cookie", cookie) for cookie in cookies]
    if location is not None:
        headers.append(("Location", location))
    return Reply(status=status, headers=tuple(headers), body="<a href='/next'>next</a>")


# Headers


@virtual
async def test_headers_go_with_every_request() -> None:
    """To each host and for robots.txt; they replace the crawl's own, and a request's own replace them."""
    web = MemoryWeb()
    web.robots(SITE, "")
    web.add(SITE, redirect=OTHER)
    web.links(OTHER, [])
    web.links(f"{SITE}own", [])
    own = Request(f"{SITE}own", headers=(("x-key", "2"), ("Accept-Language", "fr")))
    await crawl(
        [SITE, own], fetch=web, headers={"X-Key": "1", "accept": "text/plain", "Accept-Language": "de"}
    )
    for exchange in web.requests:
        sent = [(name.lower(), value) for name, value in exchange.headers]
        assert len({name for name, _ in sent}) == len(sent)
        of_own = exchange.url == own.url
        assert dict(sent)["accept"] == "text/plain"
        assert dict(sent)["x-key"] == ("2" if of_own else "1")
        assert dict(sent)["accept-language"] == ("fr" if of_own else "de")
        assert dict(sent)["user-agent"].startswith("trio-crawl/")
        assert "cookie" not in dict(sent)
        assert "authorization" not in dict(sent)
    assert {exchange.url for exchange in web.requests} >= {f"{SITE}robots.txt", SITE, OTHER, own.url}


@virtual
async def test_a_name_may_be_given_more_than_once() -> None:
    """Pairs keep their order."""
    web = MemoryWeb()
    web.links(SITE, [])
    await crawl(SITE, fetch=web, headers=[("X-A", "1"), ("X-B", "2"), ("x-a", "3")])
    assert web.requests[0].headers[-3:] == (("X-A", "1"), ("X-B", "2"), ("x-a", "3"))


# Cookies


@virtual
async def test_cookies_come_from_every_hop() -> None:
    """Those of robots.txt, redirects and errors are kept, and sent from the next request on."""
    web = MemoryWeb()
    web.add(f"{SITE}robots.txt", lambda _: setting("robots=1; Path=/", status=404))
    web.add(SITE, lambda _: setting("redirect=2; Path=/", status=302, location="/page"))
    web.add(f"{SITE}page", lambda _: setting("page=3", "page=4", "path=5; Path=/elsewhere"))
    web.add(f"{SITE}next", lambda _: setting("error=6; Path=/", status=404))
    web.add(f"{SITE}last", "")
    await crawl([SITE], fetch=web)
    assert fields(web, f"{SITE}robots.txt", "cookie") == [None]
    assert fields(web, SITE, "cookie") == ["robots=1"]
    assert fields(web, f"{SITE}page", "cookie") == ["robots=1; redirect=2"]
    assert fields(web, f"{SITE}next", "cookie") == ["robots=1; redirect=2; page=4"]


@virtual
async def test_cookies_go_to_their_site_alone() -> None:
    """Another host gets none, and one below it those that were set for it."""
    web = MemoryWeb()
    web.add(SITE, lambda _: setting("own=1", "all=2; Domain=site.test"))
    web.add("https://www.site.test/", "")
    web.add(OTHER, "")
    await crawl([SITE], fetch=web, robots=False, max_depth=0)
    web.add(
        SITE,
        lambda _: setting("own=1", "all=2; Domain=site.test", status=302, location="https://www.site.test/"),
    )
    web.add("https://www.site.test/", redirect=OTHER)
    await crawl([SITE], fetch=web, robots=False, max_depth=0)
    assert fields(web, "https://www.site.test/", "cookie") == ["all=2"]
    assert fields(web, OTHER, "cookie") == [None]


@virtual
async def test_two_crawls_share_no_cookies() -> None:
    """Each begins without any, and False keeps and sends none."""
    web = MemoryWeb()
    web.add(SITE, lambda _: setting("a=1"))
    web.add(f"{SITE}next", lambda _: setting("b=2"))
    for _ in range(2):
        await crawl(SITE, fetch=web, robots=False)
    assert fields(web, SITE, "cookie") == [None, None]
    assert fields(web, f"{SITE}next", "cookie") == ["a=1", "a=1"]
    await crawl(SITE, fetch=web, robots=False, cookies=False)
    assert fields(web, f"{SITE}next", "cookie")[2:] == [None]


@virtual
async def test_cookies_to_begin_with() -> None:
    """They are sent from the first request on, robots.txt included, and the server may replace them."""
    web = MemoryWeb()
    web.add(f"{SITE}robots.txt", "")
    web.add(SITE, lambda _: setting("session=new; Path=/", "more=1"))
    web.add(f"{SITE}next", "")
    cookies = {"site.test": {"session": "old"}, "other.test": {"x": "y"}}
    await crawl(SITE, fetch=web, cookies=cookies)
    assert fields(web, f"{SITE}robots.txt", "cookie") == fields(web, SITE, "cookie") == ["session=old"]
    assert fields(web, f"{SITE}next", "cookie") == ["session=new; more=1"]


@virtual
async def test_a_cookie_ends_by_the_crawls_clock() -> None:
    """Virtual time counts: a minute later a cookie of a minute is gone."""
    web = MemoryWeb()
    web.add(SITE, lambda _: setting("minute=1; Max-Age=60", "date=2; Expires=Sat, 01 Jan 2000 00:03:00 GMT"))
    web.add(f"{SITE}next", lambda _: Reply(body="<a href='/last'>x</a>"))
    web.add(f"{SITE}last", lambda _: Reply(body="<a href='/end'>x</a>"))
    web.add(f"{SITE}end", "")
    await crawl(SITE, fetch=web, robots=False, delay=59)
    assert fields(web, f"{SITE}next", "cookie") == ["minute=1; date=2"]
    assert fields(web, f"{SITE}last", "cookie") == ["date=2"]
    assert fields(web, f"{SITE}end", "cookie") == ["date=2"]
    await crawl(SITE, fetch=web, robots=False, delay=61)
    assert fields(web, f"{SITE}end", "cookie")[1:] == [None]


@virtual
async def test_a_requests_own_cookie_counts_more() -> None:
    """It is sent in place of the jar's, to its origin alone; beyond that the jar's go again."""
    web = MemoryWeb()
    web.add(SITE, redirect=f"{OTHER}a")
    web.add(f"{OTHER}a", "")
    request = Request(SITE, headers=(("cookie", "own=1"),))
    await crawl(request, fetch=web, robots=False, cookies={"site.test": {"a": "1"}, "other.test": {"b": "2"}})
    assert fields(web, SITE, "cookie") == ["own=1"]
    assert fields(web, f"{OTHER}a", "cookie") == ["b=2"]


def wall(cookie: str, refused: str) -> Callable[[Hop], Reply]:
    """Return what answers with a page if *cookie* was sent, and otherwise redirects to *refused*."""

    def answer(hop: Hop) -> Reply:
        if cookie in dict(hop.headers).get("Cookie", ""):
            return Reply(body="inside")
        return Reply(status=302, headers=(("Location", refused),))

    return answer


@virtual
async def test_a_site_that_looks_whether_cookies_are_kept() -> None:
    """Coming back to the same URL with a new cookie is no loop: to itself, or by a detour."""
    web = MemoryWeb()
    web.add(SITE, wall("in=1", "/login"))
    web.add(f"{SITE}login", lambda _: setting("in=1", status=302, location="/"))
    page = await fetch_page(SITE, fetch=web, robots=False)
    assert (page.content, page.redirects) == (b"inside", (SITE, f"{SITE}login"))

    def itself(hop: Hop) -> Reply:
        cookie = dict(hop.headers).get("Cookie")
        return Reply(body="inside") if cookie else setting("here=1", status=302, location="/self")

    web.add(f"{SITE}self", itself)
    web.add(f"{SITE}to-self", redirect="/self")
    for path, length in (("self", 1), ("to-self", 2)):
        page = await fetch_page(f"{SITE}{path}", fetch=web, robots=False)
        assert (page.content, len(page.redirects)) == (b"inside", length)

    def early(hop: Hop) -> Reply:
        cookie = dict(hop.headers).get("Cookie")
        return Reply(body="inside") if cookie else setting("here=1", status=302, location="/check")

    web.add(f"{SITE}twice", wall("session=1", "/test"))
    web.add(
        f"{SITE}test",
        lambda hop: setting(
            "session=1" if "test=1" in dict(hop.headers).get("Cookie", "") else "test=1",
            status=302,
            location="/twice",
        ),
    )
    page = await fetch_page(f"{SITE}twice", fetch=web, robots=False)
    assert (page.content, len(page.redirects)) == (b"inside", 4)
    web.add(f"{SITE}early", early)
    web.add(f"{SITE}check", redirect="/early")
    page = await fetch_page(f"{SITE}early", fetch=web, robots=False)
    assert (page.content, len(page.redirects)) == (b"inside", 2)


@pytest.mark.parametrize("cookies", [True, False])
@virtual
async def test_a_wall_that_no_cookie_opens(cookies: bool) -> None:
    """Where the same cookie is set again and again, or none is kept, it is a loop, found at once."""
    web = MemoryWeb()
    web.add(SITE, wall("never", "/login"))
    web.add(f"{SITE}login", lambda _: setting("in=1", status=302, location="/"))
    with pytest.raises(FetchError, match="a loop"):
        await fetch_page(SITE, fetch=web, robots=False, cookies=cookies)
    assert len(web.requests) == (4 if cookies else 2)
    # With another value each time it takes the limit.
    numbers = iter(range(100))
    web.add(f"{SITE}login", lambda _: setting(f"in={next(numbers)}", status=302, location="/"))
    with pytest.raises(FetchError) as caught:
        await fetch_page(SITE, fetch=web, robots=False, cookies=cookies)
    assert caught.value.kind == "redirects"
    assert ("max_redirects=10" in caught.value.message) is cookies


# Authentication


@virtual
async def test_credentials_go_to_their_origin_alone() -> None:
    """From the first request on, robots.txt and redirects included, and to no other origin."""
    web = MemoryWeb()
    ported, below = "https://site.test:8443/", "https://www.site.test/"
    for url in (SITE, OTHER, CLEAR, ported, below):
        web.add(f"{url}robots.txt", "")
        web.add(url, "")
    web.add(OTHER, redirect=f"{SITE}from")
    web.add(f"{SITE}from", redirect=below)
    auth: dict[str, tuple[str, str] | str] = {
        "https://site.test": ("me", SECRET),
        "https://none.test": "token",
    }
    report = await crawl([SITE, OTHER, CLEAR, ported], fetch=web, auth=auth)
    assert report.pages == 4
    for url in (f"{SITE}robots.txt", SITE, f"{SITE}from"):
        assert fields(web, url, "authorization") == [BASIC]
    for url in (OTHER, CLEAR, ported, below):
        assert fields(web, url, "authorization") == fields(web, f"{url}robots.txt", "authorization") == [None]


@virtual
async def test_a_token_and_a_requests_own_authorization() -> None:
    """A token is sent as Bearer; a request that has a field of its own is sent with that."""
    web = MemoryWeb()
    web.add(SITE, "")
    web.add(f"{SITE}own", "")
    own = Request(f"{SITE}own", headers=(("authorization", "Digest x"),))
    await crawl([SITE, own], fetch=web, robots=False, auth={"https://site.test/": "abc"})
    assert fields(web, SITE, "authorization") == ["Bearer abc"]
    assert fields(web, own.url, "authorization") == ["Digest x"]


@virtual
async def test_nobody_is_named_in_the_clear_after_https() -> None:
    """Not even where the http origin has credentials and cookies of its own; another chain gets them."""
    web = MemoryWeb()
    web.add(CLEAR, redirect=SITE)
    web.add(SITE, redirect=f"{CLEAR}down")
    web.add(f"{CLEAR}down", lambda _: setting("c=3; Path=/", status=302, location="/again"))
    web.add(f"{CLEAR}again", redirect=f"{SITE}up")
    web.add(f"{SITE}up", "")
    web.add(f"{CLEAR}direct", "")
    auth: dict[str, tuple[str, str] | str] = {
        "http://site.test": ("me", SECRET),
        "https://site.test": "token",
    }
    cookies = {"site.test": {"a": "1"}}
    own = Request(CLEAR, headers=(("Proxy-Authorization", "x"),))
    await crawl([own], fetch=web, robots=False, auth=auth, cookies=cookies)
    await crawl([f"{CLEAR}direct"], fetch=web, robots=False, auth=auth, cookies=cookies)
    for url in (f"{CLEAR}down", f"{CLEAR}again"):
        names = {
            name.lower() for exchange in web.requests if exchange.url == url for name, _ in exchange.headers
        }
        assert names == {"user-agent", "accept", "accept-encoding"}
    assert fields(web, CLEAR, "authorization") == fields(web, f"{CLEAR}direct", "authorization") == [BASIC]
    assert fields(web, CLEAR, "proxy-authorization") == ["x"]
    assert fields(web, CLEAR, "cookie") == fields(web, f"{CLEAR}direct", "cookie") == ["a=1"]
    assert fields(web, SITE, "authorization") == fields(web, f"{SITE}up", "authorization") == ["Bearer token"]
    assert fields(web, f"{SITE}up", "cookie") == ["a=1; c=3"]


# User names in URLs


@pytest.mark.parametrize(
    "seed",
    [
        f"https://me:{SECRET}@site.test/a",
        f"https://{SECRET}@site.test/a",
        Request(f"https://me:{SECRET}@site.test/a"),
        f"https://me:{SECRET}@site.test:99999/",
        f"ftp://me:{SECRET}@site.test/",
        f"//me:{SECRET}@site.test/",
    ],
)
@virtual
async def test_a_seed_with_a_user_name(seed: str | Request, caplog: pytest.LogCaptureFixture) -> None:
    """It is an error that names ``auth=``, a skip in a lazily read source, and never a repeated password."""
    caplog.set_level(logging.DEBUG, "trio_crawl")
    web = MemoryWeb()
    web.add(SITE, "")
    with pytest.raises(SeedError) as caught:
        await crawl(seed, fetch=web)
    assert SECRET not in str(caught.value)
    if isinstance(seed, Request):
        assert "give auth={'https://site.test': (user, password)}" in str(caught.value)
    with pytest.raises(SeedError):
        await fetch_page(seed, fetch=web)
    async with open_crawl(SITE, fetch=web) as pages:
        with pytest.raises(SeedError):
            await pages.control.add(seed)
    report = await crawl(iter([seed, SITE]), fetch=web)
    assert (report.pages, report.skipped) == (1, {"bad_seed": 1})
    assert SECRET not in caplog.text


@virtual
async def test_links_lose_their_user_names(tmp_path: Path) -> None:
    """What a page says of names and passwords is neither sent nor written, and makes no second URL."""
    web = MemoryWeb()
    targets = ["https://me:hidden@site.test/a", "/a", "https://me@site.test/b?x@y", "/c@d"]
    web.links(SITE, targets)
    for path in ("a", "b?x@y", "c@d"):
        web.add(f"{SITE}{path}", "")
    await crawl(SITE, fetch=web, robots=False, write=[tmp_path / "l.tsv", tmp_path / "p.jsonl"])
    urls = [f"{SITE}a", f"{SITE}b?x@y", f"{SITE}c@d"]
    assert asked(web) == [SITE, *urls]
    assert [row[1] for row in lines_of(tmp_path / "l.tsv")] == urls
    assert objects_of(tmp_path / "p.jsonl")[0]["links"] == urls
    assert SECRET not in (tmp_path / "p.jsonl").read_text()
    assert {value for url in urls for value in fields(web, url, "authorization")} == {None}


@virtual
async def test_what_a_parser_yields_loses_its_user_name() -> None:
    """A link or request that was made of what a page says is followed without it."""
    web = MemoryWeb()
    web.add(SITE, f"<base href='https://me:{SECRET}@site.test/x/'><a href='a'>")
    for path in ("x/a", "b", "c"):
        web.add(f"{SITE}{path}", "")

    def parse(page: Page) -> list[object]:
        made = [
            Link(url=f"https://me:{SECRET}@site.test/b"),
            Request(f"https://:{SECRET}@site.test/c", method="POST"),
        ]
        return [*page.links(), *made] if page.url == SITE else []

    await crawl(SITE, fetch=web, robots=False, parse=parse)
    assert sorted(asked(web)) == [SITE, f"{SITE}b", f"{SITE}c", f"{SITE}x/a"]


@virtual
async def test_a_redirects_user_name_is_removed() -> None:
    """The target is asked for without it, and nothing shows it; one that leads to itself so is a loop."""
    web = MemoryWeb()
    web.add(SITE, redirect=f"https://me:{SECRET}@other.test/a")
    web.add(f"{OTHER}a", redirect="b")
    web.add(f"{OTHER}b", "")
    page = await fetch_page(SITE, fetch=web, robots=False)
    assert (page.final_url, page.redirects) == (f"{OTHER}b", (SITE, f"{OTHER}a"))
    assert fields(web, f"{OTHER}a", "authorization") == [None]
    web.add(SITE, redirect=f"https://me:{SECRET}@site.test/")
    with pytest.raises(FetchError) as caught:
        await fetch_page(SITE, fetch=web, robots=False)
    assert caught.value.kind == "redirects"
    assert SECRET not in str(caught.value)


# What is shown


@virtual
async def test_no_secret_is_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in rows, logs, failures and pages, nor in any ``repr``."""
    caplog.set_level(logging.DEBUG)
    web = MemoryWeb()
    web.links(SITE, ["/down", "/loop", "/bad"])
    web.add(f"{SITE}down", failure="connect")
    web.add(f"{SITE}loop", redirect="/loop")
    keywords: dict[str, Any] = {
        "auth": {"https://site.test": ("me", SECRET)},
        "cookies": {"site.test": {"session": SECRET}},
        "headers": {"X-Key": SECRET},
    }
    shown: list[str] = []
    async with open_crawl(SITE, fetch=web, failures=True, write=tmp_path / "p.jsonl", **keywords) as pages:
        shown += [repr(pages), repr(pages.control)]
        async for outcome in pages:
            assert isinstance(outcome, Page | Failure)
            shown += [repr(outcome), str(outcome)]
    shown += [repr(pages.report), str(pages.report), caplog.text, (tmp_path / "p.jsonl").read_text()]
    assert pages.report.failed == {"connect": 1, "redirects": 1}
    hidden = {SECRET, BASIC.removeprefix("Basic ")}
    assert not [text for text in shown for secret in hidden if secret in text]
    assert all(SECRET in dict(exchange.headers)["X-Key"] for exchange in web.requests)


def options(**keywords: object) -> Options:
    """Return options as ``crawl`` would make them."""
    defaults = {name: value for name, value in (crawl.__kwdefaults__ or {}).items() if name != "task_status"}
    return Options(**{**defaults, **keywords})


def test_no_repr_of_options_shows_a_secret() -> None:
    """They appear in tracebacks with variables, as some tools make them."""
    made = options(auth={"https://a.test": SECRET}, cookies={"a.test": {"a": SECRET}}, headers={"X": SECRET})
    assert SECRET not in repr(made)
    assert "hidden" not in repr(Pages(made, Elsewhere(made), ReadingMark()))


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"headers": {"Cookie": SECRET}}, "give cookies= instead"),
        ({"headers": "X: hidden"}, "headers= is of type str"),
        ({"cookies": {"session": SECRET}}, "cookies= has, for 'session', a str"),
        ({"auth": {"site.test": SECRET}}, "did you mean 'https://site.test'?"),
        ({"auth": ("me", SECRET)}, "auth= is of type tuple"),
    ],
)
@virtual
async def test_keywords_that_can_not_be_right(keywords: dict[str, Any], message: str) -> None:
    """They are said before the first request, without the secret."""
    web = MemoryWeb()
    web.add(SITE, "")
    with pytest.raises(UsageError) as caught:
        await crawl(SITE, fetch=web, **keywords)
    assert message in str(caught.value)
    assert SECRET not in str(caught.value)
    with pytest.raises(UsageError):
        async with open_crawl(SITE, fetch=web, **keywords):
            pytest.fail("the block was entered")
    assert web.requests == []


# Over sockets


@pytest.mark.parametrize("fetcher", [Curl, Httpx])
async def test_over_sockets(fetcher: Callable[[], Curl | Httpx]) -> None:
    """Both clients send what the crawl says: fields, cookies with bytes beyond ASCII, and credentials."""
    web = MemoryWeb()

    def start(_: Hop) -> Reply:
        return setting("a=1; Path=/", 'b=\xe9 "x"', "gone=1; Max-Age=0", status=302, location="/page")

    web.add("http://site.test/", start)
    web.add("http://site.test/page", lambda hop: json.dumps({n.lower(): v for n, v in hop.headers}))
    with trio.fail_after(30):
        async with serving(web, origin="http://site.test") as base:
            page = await fetch_page(
                base,
                fetch=fetcher(),
                allow_private=True,
                robots=False,
                auth={base: ("me", SECRET)},
                cookies={"127.0.0.1": {"own": "0"}},
                headers=[("X-Key", "1"), ("Accept", "*/*")],
            )
    assert page.redirects == (f"{base}/",)
    got = json.loads(page.content)
    assert got["cookie"] == 'own=0; a=1; b=\xe9 "x"'
    assert (got["authorization"], got["x-key"], got["accept"]) == (BASIC, "1", "*/*")
