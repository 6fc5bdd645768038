"""A crawl connects to no address that it may not connect to, whatever a URL, a name or a server says."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from http_cases import FETCHERS, MakeFetcher, names_by

from trio_crawl import Failure, Page, open_crawl
from trio_crawl.testing import asserts_no_leaks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

PATIENCE = 60  # seconds: a test that hangs fails, on however busy a machine
OPEN = "::1"
"""The loopback address that plays the public one: crawls here permit its network, and no other."""


@pytest.fixture(params=FETCHERS)
def make(request: pytest.FixtureRequest) -> MakeFetcher:
    """Return what makes a fetcher: each of those there are."""
    return FETCHERS[request.param]


class Listener:
    """A server on a loopback address, and what reached it.

    Args:
        address: where it listens.
        answer: from the path that was asked for to the whole response.
    """

    def __init__(self, address: str, answer: Callable[[str], bytes]) -> None:
        self.connections = 0
        self.asked: list[str] = []
        self.hosts: list[str] = []
        self.port = 0
        self.address = address
        self._answer = answer

    async def serve(self, port: int, task_status: trio.TaskStatus[list[trio.SocketListener]]) -> None:
        """Serve until cancelled."""
        (listener,) = await trio.open_tcp_listeners(port, host=self.address)
        self.port = listener.socket.getsockname()[1]
        await trio.serve_listeners(self._handle, [listener], task_status=task_status)

    async def _handle(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        buffered = b""
        async with stream:
            try:
                async for chunk in stream:
                    buffered += chunk
                    while b"\r\n\r\n" in buffered:
                        head, _, buffered = buffered.partition(b"\r\n\r\n")
                        path = head.split(b" ")[1].decode()
                        self.asked.append(path)
                        self.hosts.append(head.partition(b"\r\nHost: ")[2].partition(b"\r\n")[0].decode())
                        await stream.send_all(self._answer(path))
            except trio.BrokenResourceError:
                pass  # the client has hung up


def page(text: str = "page") -> bytes:
    """Return a response with this page."""
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()


def to(location: str) -> bytes:
    """Return a response that redirects."""
    return f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


@asynccontextmanager
async def listening(
    address: str = "127.0.0.1", answer: Callable[[str], bytes] = lambda _: page(), *, port: int = 0
) -> AsyncIterator[Listener]:
    """Yield a server; no connection to it outlives the block."""
    server = Listener(address, answer)
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(server.serve, port))
        yield server
        nursery.cancel_scope.cancel()


async def crawled(
    make: MakeFetcher,
    seeds: Iterable[str],
    *,
    allow_private: bool | Sequence[str] = False,
    **options: Any,  # noqa: ANN401
) -> dict[str, Page | Failure]:
    """Return what each URL came to."""
    keywords = {"robots": False, "delay": 0, "retries": 0, "max_depth": 0, "timeout": 20, **options}
    found: dict[str, Page | Failure] = {}
    with trio.fail_after(PATIENCE):
        async with (
            asserts_no_leaks(),
            open_crawl(
                iter(list(seeds)), failures=True, fetch=make(), allow_private=allow_private, **keywords
            ) as pages,
        ):
            async for outcome in pages:
                found[outcome.url] = outcome
    return found


def assert_blocked(outcome: Page | Failure, *named: str) -> None:
    """See that *outcome* is a refusal that names the address and the keyword."""
    assert isinstance(outcome, Failure), outcome
    assert outcome.kind == "blocked_address", outcome
    for part in (*named, "allow_private=True or allow_private=["):
        assert part in outcome.message


# Every spelling of a literal address that some parser understands, and the address that is meant;
# None where the URL standard sees no valid host in it.
SPELLINGS: list[tuple[str, str | None]] = [
    ("127.0.0.1", "127.0.0.1"),
    ("127.0.0.1.", "127.0.0.1"),
    ("2130706433", "127.0.0.1"),
    ("0x7f000001", "127.0.0.1"),
    ("0X7F000001", "127.0.0.1"),
    ("0x000000007f000001", "127.0.0.1"),
    ("017700000001", "127.0.0.1"),
    ("127.1", "127.0.0.1"),
    ("127.0.1", "127.0.0.1"),
    ("127.0x1", "127.0.0.1"),
    ("127.0.0.01", "127.0.0.1"),
    ("0177.0.0.1", "127.0.0.1"),
    ("0177.0000.0000.0001", "127.0.0.1"),
    ("0x7f.0.0.1", "127.0.0.1"),
    ("0x7f.0x0.0x0.0x1", "127.0.0.1"),
    ("0x7f.1", "127.0.0.1"),
    ("0177.0x1", "127.0.0.1"),
    ("127.16777215", "127.255.255.255"),
    ("\uff11\uff12\uff17.0.0.1", "127.0.0.1"),
    ("\uff11\uff12\uff17\uff0e\uff10\uff0e\uff10\uff0e\uff11", "127.0.0.1"),
    ("\u2460\u2461\u2466.0.0.1", "127.0.0.1"),
    ("127\u30020\u30020\u30021", "127.0.0.1"),
    ("127.0.0.1%2e", "127.0.0.1"),
    ("%31%32%37.0.0.1", "127.0.0.1"),
    ("%31%32%37%2e%30%2e%30%2e%31", "127.0.0.1"),
    ("127%E3%80%820%E3%80%820%E3%80%821", "127.0.0.1"),
    ("12\u00ad7.0.0.1", "127.0.0.1"),
    ("12\t7.0.0.1", "127.0.0.1"),
    ("user@127.0.0.1", "127.0.0.1"),
    ("example.com@127.0.0.1", "127.0.0.1"),
    ("0", "0.0.0.0"),
    ("0.0.0.0", "0.0.0.0"),
    ("0x0", "0.0.0.0"),
    ("00000", "0.0.0.0"),
    ("[::1]", "::1"),
    ("[0:0:0:0:0:0:0:1]", "::1"),
    ("[0000:0000:0000:0000:0000:0000:0000:0001]", "::1"),
    ("[::0.0.0.1]", "::1"),
    ("[::]", "::"),
    ("[::ffff:127.0.0.1]", "::ffff:7f00:1"),
    ("[::FFFF:7F00:0001]", "::ffff:7f00:1"),
    ("[0:0:0:0:0:ffff:127.0.0.1]", "::ffff:7f00:1"),
    ("[::127.0.0.1]", "::7f00:1"),
    ("[64:ff9b::127.0.0.1]", "64:ff9b::7f00:1"),
    ("[2002:7f00:1::]", "2002:7f00:1::"),
    ("[2001:0:808:808::80ff:fffe]", "2001:0:808:808::80ff:fffe"),
    ("[fe80::1]", "fe80::1"),
    ("169.254.169.254", "169.254.169.254"),
    ("2852039166", "169.254.169.254"),
    ("0xa9fea9fe", "169.254.169.254"),
    ("[::ffff:169.254.169.254]", "::ffff:a9fe:a9fe"),
    ("[fd00:ec2::254]", "fd00:ec2::254"),
    ("10.0.0.1", "10.0.0.1"),
    ("012.1", "10.0.0.1"),
    ("100.64.0.1", "100.64.0.1"),
    ("198.18.0.1", "198.18.0.1"),
    ("224.0.0.1", "224.0.0.1"),
    ("255.255.255.255", "255.255.255.255"),
    ("4294967295", "255.255.255.255"),
    ("127.0.0.1.0", None),
    ("127.0.0.256", None),
    ("4294967296", None),
    ("0x17f000001", None),
    ("127.0.0.08", None),
    ("127..0.1", None),
    ("[::1%25lo]", None),
    ("[::1%lo]", None),
    ("[fe80::1%25eth0]", None),
    ("[127.0.0.1]", None),
    ("[::127.0.0.1.]", None),
    ("%5B::1%5D", None),
    ("[::1", None),
    ("127.0.0.1%00.example.com", None),
    ("127.0.0.1%2f.example.com", None),
    ("127.0.0.1%40", None),
]


async def test_every_spelling_of_an_address_is_refused(make: MakeFetcher) -> None:
    """As a seed, it is refused by the address it stands for, or is no URL; nothing is connected to."""
    async with listening() as server, listening("::1", port=server.port) as six:
        meant = {
            f"http://{host}:{server.port}/{number}": address
            for number, (host, address) in enumerate(SPELLINGS)
        }
        outcomes = await crawled(make, meant)
    assert (server.connections, six.connections) == (0, 0)
    by_path = {outcome.url.rpartition("/")[2]: outcome for outcome in outcomes.values()}
    for url, address in meant.items():
        outcome = by_path.pop(url.rpartition("/")[2], None)
        if address is None or "@" in url:  # nobody is logged in by the URL of a seed
            assert outcome is None, url
        else:
            assert outcome is not None, url
            assert_blocked(outcome, address)
    assert by_path == {}


async def test_a_redirect_to_any_spelling_is_refused(make: MakeFetcher) -> None:
    """What a server says is judged as a seed is, by the same address and in the same words."""
    async with listening() as server, listening(OPEN, lambda path: to(locations[path])) as public:
        locations = {
            f"/{number}": f"http://{host}:{server.port}/{number}"
            for number, (host, address) in enumerate(SPELLINGS)
            if address != OPEN
        }
        seeds = [f"http://[{OPEN}]:{public.port}{path}" for path in locations]
        outcomes = await crawled(make, seeds, allow_private=[f"{OPEN}/128"])
    assert server.connections == 0
    for seed, outcome in outcomes.items():
        address = SPELLINGS[int(seed.rpartition("/")[2])][1]
        if address is None:
            assert isinstance(outcome, Failure), outcome
            assert outcome.kind == "redirects"
        else:
            assert_blocked(outcome, address)
    assert outcomes.keys() == set(seeds)


@pytest.mark.parametrize(
    "answers",
    [["127.0.0.1"], ["::1"], ["10.0.0.1", "127.0.0.1"], ["::ffff:127.0.0.1"], ["0.0.0.0"], ["fe80::1%lo"]],
)
async def test_a_name_of_a_private_address_is_refused(make: MakeFetcher, answers: list[str]) -> None:
    """The refusal says what the name resolves to."""
    async with listening() as server, listening("::1", port=server.port) as six:
        with names_by(lambda _: answers):
            seeds = [f"http://evil.test:{server.port}/", f"http://evil.test.:{server.port}/"]
            outcomes = await crawled(make, seeds)
    assert (server.connections, six.connections) == (0, 0)
    assert len(outcomes) == 2
    for outcome in outcomes.values():
        assert_blocked(outcome, f"resolves to {answers[0]},", "evil.test")


@pytest.mark.parametrize(
    "name", ["127.0.0.1..", "127.0.0.1.example", "0x7f.0.0.1x", "127.0.0.0x1g", "localhost.example"]
)
async def test_what_looks_like_an_address_is_a_name(make: MakeFetcher, name: str) -> None:
    """It is resolved as such, and what it resolves to is judged."""
    asked: list[str] = []

    def look_up(host: str) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    async with listening() as server:
        with names_by(look_up):
            (outcome,) = (await crawled(make, [f"http://{name}:{server.port}/"])).values()
    assert (server.connections, asked) == (0, [name])
    assert_blocked(outcome, "resolves to 127.0.0.1,")


async def test_localhost_is_refused(make: MakeFetcher) -> None:
    """The system's own names are names like others."""
    async with listening() as server:
        outcomes = await crawled(
            make, [f"http://localhost:{server.port}/", f"http://LOCALHOST.:{server.port}/"]
        )
    assert server.connections == 0
    assert_blocked(
        outcomes[f"http://localhost:{server.port}/"], "localhost resolves to", "a loopback address"
    )
    # With its dot it is a name that not every system knows; no system finds a page there.
    assert all(isinstance(outcome, Failure) for outcome in outcomes.values())


async def test_of_several_addresses_only_the_permitted_are_connected_to(make: MakeFetcher) -> None:
    """A name that resolves to both kinds is fetched from the permitted one, in whatever order they come."""
    async with listening() as private, listening(OPEN, port=private.port) as public:
        with names_by(lambda host: ["127.0.0.1", OPEN] if host.startswith("a") else [OPEN, "127.0.0.1"]):
            outcomes = await crawled(
                make, [f"http://{name}.test:{public.port}/" for name in "ab"], allow_private=[f"{OPEN}/128"]
            )
    assert [type(outcome) for outcome in outcomes.values()] == [Page, Page]
    assert (private.connections, public.connections) == (0, 2)


@pytest.mark.parametrize("keeping", [True, False])
async def test_a_name_that_changes_its_answer_is_refused(make: MakeFetcher, keeping: bool) -> None:
    """When the first answer has expired, the second is judged, though a connection to the first be open."""

    def answer(_path: str) -> bytes:
        return page() if keeping else page().replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)

    async with listening() as private, listening(OPEN, answer, port=private.port) as public:
        # The time between two requests is longer than that of an answer.
        with names_by(lambda _: ["127.0.0.1"] if public.asked else [OPEN], ttl=0.05):
            seeds = [f"http://rebinding.test:{public.port}/{number}" for number in range(3)]
            outcomes = await crawled(make, seeds, allow_private=[f"{OPEN}/128"], delay=0.3, per_host=1)
    assert public.asked == ["/0"]
    assert private.connections == 0
    first, *later = outcomes.values()
    assert isinstance(first, Page)
    assert len(later) == 2
    for outcome in later:
        assert_blocked(outcome, "rebinding.test resolves to 127.0.0.1")


async def test_a_name_is_looked_up_once_for_judging_and_connecting(make: MakeFetcher) -> None:
    """What is connected to is the answer that was judged: a name that flaps gains nothing."""
    asked: list[str] = []

    def look_up(host: str) -> list[str]:
        asked.append(host)
        return [OPEN] if len(asked) == 1 else ["127.0.0.1"]

    async with listening() as private, listening(OPEN, port=private.port) as public:
        with names_by(look_up):
            seeds = [f"http://flapping.test:{public.port}/{number}" for number in range(4)]
            outcomes = await crawled(make, seeds, allow_private=[f"{OPEN}/128"])
    assert [type(outcome) for outcome in outcomes.values()] == [Page] * 4
    assert (asked, private.connections) == (["flapping.test"], 0)


async def test_a_robots_txt_that_leads_to_a_private_address_is_not_read(make: MakeFetcher) -> None:
    """Neither the robots.txt nor a page of its origin is fetched then."""
    async with (
        listening() as private,
        listening(OPEN, lambda _: to(f"http://127.0.0.1:{private.port}/robots.txt")) as public,
    ):
        seed = f"http://[{OPEN}]:{public.port}/page"
        outcomes = await crawled(make, [seed], allow_private=[f"{OPEN}/128"], robots=True)
    assert private.connections == 0
    assert public.asked == ["/robots.txt"]
    assert_blocked(outcomes[seed], "127.0.0.1 is a loopback address")


async def test_a_robots_txt_of_a_private_address_is_not_asked_for(make: MakeFetcher) -> None:
    """The refusal comes before robots.txt."""
    async with listening() as server:
        seed = f"http://127.0.0.1:{server.port}/"
        outcomes = await crawled(make, [seed], robots=True)
    assert server.connections == 0
    assert_blocked(outcomes[seed], "127.0.0.1 is a loopback address")


async def test_a_sitemap_of_a_private_address_is_not_asked_for(make: MakeFetcher) -> None:
    """Neither one that robots.txt names, nor one that an index leads to, nor one behind a redirect."""

    def serve(target: str) -> bytes:
        if target == "/robots.txt":
            return page(f"Sitemap: {inside}/named.xml\nSitemap: /index.xml\nSitemap: /moved.xml")
        if target == "/moved.xml":
            return to(f"{inside}/moved.xml")
        return page(f"<sitemapindex><sitemap><loc>{inside}/i.xml</loc></sitemap></sitemapindex>")

    async with listening() as private, listening(OPEN, serve) as public:
        inside = f"http://127.0.0.1:{private.port}"
        seed = f"http://[{OPEN}]:{public.port}/"
        options: dict[str, Any] = {"robots": True, "sitemaps": True, "max_depth": 1, "follow": "any"}
        outcomes = await crawled(make, [seed], allow_private=[f"{OPEN}/128"], **options)
    assert private.connections == 0
    assert isinstance(outcomes.pop(seed), Page)
    assert len(outcomes) == 3
    for outcome in outcomes.values():
        assert_blocked(outcome, "127.0.0.1 is a loopback address")


async def test_links_to_private_addresses_are_refused(make: MakeFetcher) -> None:
    """A page of a permitted host gets no one anywhere else."""
    async with listening() as private, listening(OPEN, lambda _: page(html)) as public:
        html = (
            f'<a href="http://127.0.0.1:{private.port}/a">x</a><a href="http://0x7f.1:{private.port}/b">y</a>'
        )
        seed = f"http://[{OPEN}]:{public.port}/"
        outcomes = await crawled(make, [seed], allow_private=[f"{OPEN}/128"], follow="any", max_depth=1)
    assert private.connections == 0
    assert isinstance(outcomes.pop(seed), Page)
    assert len(outcomes) == 2
    for outcome in outcomes.values():
        assert_blocked(outcome, "127.0.0.1 is a loopback address")


@pytest.mark.parametrize(
    ("entries", "permitted"),
    [
        (True, True),
        (False, False),
        ([], False),
        (["intranet.test"], True),
        (["INTRANET.test."], True),
        (["intranet.test:{port}"], True),
        (["intranet.test:1"], False),
        (["test"], False),
        (["127.0.0.1"], False),  # a host of that spelling, and not every name that leads there
        (["127.0.0.1/32"], True),
        (["127.0.0.0/8"], True),
        (["10.0.0.0/8", "fd00::/8"], False),
        (["10.0.0.0/8", "intranet.test"], True),
    ],
)
async def test_allow_private_lifts_it(make: MakeFetcher, entries: bool | list[str], permitted: bool) -> None:
    """For every address, or for what an entry names and nothing else."""
    async with listening() as server:
        allow = (
            entries if isinstance(entries, bool) else [entry.format(port=server.port) for entry in entries]
        )
        with names_by(lambda _: ["127.0.0.1"]):
            (outcome,) = (
                await crawled(make, [f"http://intranet.test:{server.port}/"], allow_private=allow)
            ).values()
    assert server.connections == (1 if permitted else 0)
    if permitted:
        assert isinstance(outcome, Page)
    else:
        assert_blocked(outcome, "intranet.test resolves to 127.0.0.1, a loopback address")


async def test_a_kept_connection_serves_no_other_name(make: MakeFetcher) -> None:
    """A permitted host's connection is not lent to a forbidden one that resolves to the same address."""
    async with listening() as server:
        with names_by(lambda _: ["127.0.0.1"]):
            seeds = [
                f"http://{name}.test:{server.port}/{number}"
                for number in range(3)
                for name in ("good", "evil")
            ]
            outcomes = await crawled(make, seeds, allow_private=["good.test"], per_host=1)
    assert set(server.hosts) == {f"good.test:{server.port}"}
    for url, outcome in outcomes.items():
        if "good" in url:
            assert isinstance(outcome, Page)
        else:
            assert_blocked(outcome, "evil.test resolves to 127.0.0.1")


async def test_two_crawls_do_not_share_what_is_permitted(make: MakeFetcher) -> None:
    """A crawl that may connect to a host leaves no connection behind for one that may not."""
    async with listening() as server:
        seed = f"http://127.0.0.1:{server.port}/"
        fetcher = make()
        first = await crawled(lambda: fetcher, [seed], allow_private=True)
        second = await crawled(lambda: fetcher, [seed])
    assert isinstance(first[seed], Page)
    assert_blocked(second[seed], "127.0.0.1 is a loopback address")
    assert server.connections == 1


class Unjudged:
    """Any address will do for the frontier: what a fetcher refuses then, it refuses by itself."""

    def __init__(self, real: Any) -> None:  # noqa: ANN401
        self._real = real
        self.asked = 0

    def refusal(self, host: str, port: int, address: str) -> str | None:
        self.asked += 1
        refusal: str | None = self._real.refusal(host, port, address)
        return None if self.asked == 1 else refusal


@pytest.mark.parametrize("host", ["127.0.0.1", "evil.test"])
async def test_the_address_is_judged_again_where_the_socket_is_opened(make: MakeFetcher, host: str) -> None:
    """Though the crawl itself had let it pass, the fetcher asks the guard about the very address."""
    from trio_crawl._fetch.addresses import AddressGuard  # noqa: PLC0415 - beside its stand-in

    guards: list[Unjudged] = []

    def guard(allow_private: bool) -> Unjudged:
        guards.append(Unjudged(AddressGuard(allow_private)))
        return guards[-1]

    async with listening() as server:
        with names_by(lambda _: ["127.0.0.1"]), pytest.MonkeyPatch.context() as patch:
            patch.setattr("trio_crawl._crawl.assembly.AddressGuard", guard)
            seed = f"http://{host}:{server.port}/"
            outcomes = await crawled(make, [seed])
    assert server.connections == 0
    assert guards[0].asked == 2
    assert_blocked(outcomes[seed], "127.0.0.1")
