"""The conformance suite of fetchers finds what is wrong with one, by the check that is meant for it."""

from __future__ import annotations

import gzip
import inspect
import re
import ssl
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args
from unittest import SkipTest

import pytest
import trio

import trio_crawl
import trio_crawl.abc
from trio_crawl import FetchError, Headers, Hop, MissingExtraError, Response, UsageError
from trio_crawl._fetch.addresses import AddressGuard
from trio_crawl._model import FailureKind
from trio_crawl.fetchers import Curl, Httpx
from trio_crawl.testing import (
    FETCHER_CHECKS,
    Shortcoming,
    _fetcher_check_connections,
    _fetcher_check_contract as contract,
    check_fetcher,
)
from trio_crawl.testing._fetcher_check import CHECKS, run_check
from trio_crawl.testing._fetcher_check_servers import ok, playing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from trio_crawl.abc import Environment, Fetcher, Guard

ROOT: Final = Path(__file__).resolve().parents[1]
DOCUMENT: Final = ROOT / "docs" / "fetchers.md"
HANGS: Final = "it still waits"
PROMPT: Final = 0.3  # seconds: here what hangs is what is looked for


class Wrong:
    """A good fetcher in a coat; each of its children does one thing wrong."""

    def __init__(self, ca: Path) -> None:
        self.good = self.make(ca)

    def make(self, ca: Path, /) -> Fetcher:
        return Httpx(ca=ca)

    @property
    def opens_connections(self) -> bool:
        return True

    @property
    def virtual(self) -> bool:
        return False

    def open(self, environment: Environment, /) -> AbstractAsyncContextManager[None]:
        return self.good.open(environment)

    async def fetch(self, hop: Hop, /) -> Response:
        return await self.good.fetch(hop)


class MakesUp:
    """Answers everything, and asks nobody."""

    opens_connections = False
    virtual = True

    @asynccontextmanager
    async def open(self, _environment: Environment, /) -> AsyncIterator[None]:
        yield

    async def fetch(self, hop: Hop, /) -> Response:
        return Response(url=hop.url, status=200, body=b"made up", address=hop.addresses[0])


class GivesUp(MakesUp):
    """Answers nothing."""

    async def fetch(self, hop: Hop, /) -> Response:
        raise FetchError("decode", f"{hop.url}: no")


@pytest.mark.parametrize("check", FETCHER_CHECKS)
@pytest.mark.parametrize("fetcher", [MakesUp, GivesUp])
async def test_no_check_is_passed_by_doing_nothing(fetcher: type[MakesUp], check: str) -> None:
    """A fetcher that makes its responses up, and one that always fails, pass none of the checks."""
    with pytest.raises(AssertionError):
        await run_check(check, lambda _ca: fetcher(), prompt=PROMPT)


# One thing wrong at a time


class Clips(Wrong):
    async def fetch(self, hop: Hop, /) -> Response:
        response = await super().fetch(hop)
        if response.status > 599:
            raise FetchError("protocol", f"{hop.url}: {response.status} is no status")
        return response


class Merges(Wrong):
    async def fetch(self, hop: Hop, /) -> Response:
        response = await super().fetch(hop)
        kept = {name.lower(): (name, value) for name, value in response.headers.raw}
        return replace(response, headers=Headers(tuple(kept.values())))


class Sorts(Wrong):
    async def fetch(self, hop: Hop, /) -> Response:
        response = await super().fetch(hop)
        return replace(response, headers=Headers(tuple(sorted(response.headers.raw))))


class Decodes(Wrong):
    async def fetch(self, hop: Hop, /) -> Response:
        response = await super().fetch(hop)
        if response.headers.get("content-encoding") == "gzip":
            return replace(response, body=gzip.decompress(response.body))
        return response


class Retries(Wrong):
    async def fetch(self, hop: Hop, /) -> Response:
        try:
            return await super().fetch(hop)
        except FetchError:
            return await super().fetch(hop)


class Follows(Wrong):
    async def fetch(self, hop: Hop, /) -> Response:
        response = await super().fetch(hop)
        location = response.headers.get("location")
        return (
            response if location is None else await self.fetch(replace(hop, url=self.join(hop.url, location)))
        )

    def join(self, url: str, location: str) -> str:
        return "/".join(url.split("/")[:3]) + location


class Remembers(Wrong):
    cookies: tuple[tuple[str, str], ...] = ()

    async def fetch(self, hop: Hop, /) -> Response:
        response = await super().fetch(replace(hop, headers=hop.headers + self.cookies))
        self.cookies += tuple(("Cookie", value) for value in response.headers.get_all("set-cookie"))
        return response


class Introduces(Wrong):
    async def fetch(self, hop: Hop, /) -> Response:
        return await super().fetch(replace(hop, headers=(("User-Agent", "mine"), *hop.headers)))


class Shouts(Wrong):
    async def fetch(self, hop: Hop, /) -> Response:
        return await super().fetch(replace(hop, method=hop.method.upper()))


class Forgets(Wrong):
    async def fetch(self, hop: Hop, /) -> Response:
        return await super().fetch(replace(hop, body=None if hop.method == "DELETE" else hop.body))


class Escapes(Wrong):
    async def fetch(self, hop: Hop, /) -> Response:
        response = await super().fetch(replace(hop, url=hop.url.replace("|", "%7C")))
        return replace(response, url=hop.url)


class Normalises(Wrong):
    async def fetch(self, hop: Hop, /) -> Response:
        return await super().fetch(
            replace(hop, headers=tuple({name.lower(): (name, value) for name, value in hop.headers}.values()))
        )


class NoLimit(Wrong):
    async def fetch(self, hop: Hop, /) -> Response:
        return await super().fetch(replace(hop, max_bytes=10**9))


class OneByteLess(Wrong):
    async def fetch(self, hop: Hop, /) -> Response:
        return await super().fetch(replace(hop, max_bytes=hop.max_bytes - 1))


class NoGuard(Wrong):
    def open(self, environment: Environment, /) -> AbstractAsyncContextManager[None]:
        return super().open(replace(environment, guard=AddressGuard(allow_private=True)))


class AsksByAddress(Wrong):
    def open(self, environment: Environment, /) -> AbstractAsyncContextManager[None]:
        class Nameless:
            def refusal(self, _host: str, port: int, address: str) -> str | None:
                return guard.refusal(address, port, address)

        guard: Guard = environment.guard
        return super().open(replace(environment, guard=Nameless()))


class LooksUp(Wrong):
    async def fetch(self, hop: Hop, /) -> Response:
        return await super().fetch(replace(hop, addresses=hop.addresses or ("127.0.0.1",)))


class FirstOnly(Wrong):
    async def fetch(self, hop: Hop, /) -> Response:
        return await super().fetch(replace(hop, addresses=hop.addresses[:1]))


class TrustsAll(Wrong):
    def make(self, ca: Path, /) -> Fetcher:
        context = ssl.create_default_context(cafile=str(ca))
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return Httpx(ssl_context=context)


class TrustsAnyHost(Wrong):
    def make(self, ca: Path, /) -> Fetcher:
        context = ssl.create_default_context(cafile=str(ca))
        context.check_hostname = False
        return Httpx(ssl_context=context)


class TrustsNone(Wrong):
    def make(self, _ca: Path, /) -> Fetcher:
        return Httpx(ssl_context=ssl.create_default_context())


class Afresh(Wrong):
    @asynccontextmanager
    async def open(self, environment: Environment, /) -> AsyncIterator[None]:
        self.environment: Environment = environment
        yield

    async def fetch(self, hop: Hop, /) -> Response:
        fetcher = Httpx()
        async with fetcher.open(self.environment):
            return await fetcher.fetch(hop)


class OneByOne(Wrong):
    def __init__(self, ca: Path) -> None:
        super().__init__(ca)
        self.lock = trio.Lock()

    async def fetch(self, hop: Hop, /) -> Response:
        async with self.lock:
            return await super().fetch(hop)


class OnForAll(Wrong):
    """Cancelled, it takes all others down."""

    def __init__(self, ca: Path) -> None:
        super().__init__(ca)
        self.scopes: set[trio.CancelScope] = set()

    async def fetch(self, hop: Hop, /) -> Response:
        with trio.CancelScope() as scope:
            self.scopes.add(scope)
            try:
                return await super().fetch(hop)
            except trio.Cancelled:
                for other in self.scopes:
                    other.cancel()
                raise
            finally:
                self.scopes.discard(scope)
        raise FetchError("protocol", f"{hop.url}: another fetch was cancelled")


class AllForOne(OnForAll):
    def make(self, ca: Path, /) -> Fetcher:
        return Curl(ca=ca)


class Shields(Wrong):
    async def fetch(self, hop: Hop, /) -> Response:
        with trio.move_on_after(2 * PROMPT, shield=True):
            return await super().fetch(hop)
        raise FetchError("timeout", f"{hop.url}: too slow")


class Swallows(Wrong):
    async def fetch(self, hop: Hop, /) -> Response:
        with trio.CancelScope() as scope:
            try:
                return await super().fetch(hop)
            except trio.Cancelled:  # noqa: ASYNC103 - that is what is wrong with it
                scope.shield = True
        raise FetchError("timeout", f"{hop.url}: it was cancelled")


class LetsGo(Wrong):
    """Leaves a cancelled fetch to go on behind the scenes."""

    @asynccontextmanager
    async def open(self, environment: Environment, /) -> AsyncIterator[None]:
        async with super().open(environment):
            self.nursery = environment.nursery
            yield

    async def fetch(self, hop: Hop, /) -> Response:
        done = trio.Event()
        came: list[Response | FetchError] = []

        async def go_on() -> None:
            try:
                came.append(await self.good.fetch(hop))
            except FetchError as error:
                came.append(error)
            done.set()

        self.nursery.start_soon(go_on)
        await done.wait()
        if isinstance(came[0], FetchError):
            raise came[0]
        return came[0]


LEAKED: Final[list[trio.socket.SocketType]] = []


class Leaks(Wrong):
    async def fetch(self, hop: Hop, /) -> Response:
        if not LEAKED:
            LEAKED.append(trio.socket.socket())
        return await super().fetch(hop)


class Lends(Wrong):
    """May be opened as often as one likes."""

    @asynccontextmanager
    async def open(self, environment: Environment, /) -> AsyncIterator[None]:
        self.good = Httpx()
        async with self.good.open(environment):
            yield


class OnceOnly(Wrong):
    served = False

    @asynccontextmanager
    async def open(self, environment: Environment, /) -> AsyncIterator[None]:
        if self.served:
            raise trio.ClosedResourceError("it served a crawl already")
        async with super().open(environment):
            yield
            self.served = True


class StaysBusy(Wrong):
    """Is not free again unless its crawl ends well."""

    busy = False

    @asynccontextmanager
    async def open(self, environment: Environment, /) -> AsyncIterator[None]:
        if self.busy:
            raise trio.BusyResourceError("busy")
        self.busy = True
        async with super().open(environment):
            yield
        self.busy = False


class Blurs(Wrong):
    async def fetch(self, hop: Hop, /) -> Response:
        try:
            return await super().fetch(hop)
        except FetchError as error:
            raise FetchError("connect", error.message) from error


class Raises(Wrong):
    async def fetch(self, hop: Hop, /) -> Response:
        try:
            return await super().fetch(hop)
        except FetchError as error:
            raise ValueError(error.message) from error


class SaysLittle(Wrong):
    async def fetch(self, hop: Hop, /) -> Response:
        try:
            return await super().fetch(hop)
        except FetchError as error:
            raise FetchError(error.kind, "it did not work") from error


class Elsewhere(Wrong):
    async def fetch(self, hop: Hop, /) -> Response:
        return replace(await super().fetch(hop), address="192.0.2.1")


class Late(Wrong):
    async def fetch(self, hop: Hop, /) -> Response:
        return replace(await super().fetch(hop), elapsed=1e6)


class Modern(Wrong):
    async def fetch(self, hop: Hop, /) -> Response:
        return replace(await super().fetch(hop), http_version="1.1")


class Takes09(Wrong):
    async def fetch(self, hop: Hop, /) -> Response:
        try:
            return await super().fetch(hop)
        except FetchError as error:
            if error.kind != "protocol":
                raise
            return Response(url=hop.url, status=200, address=hop.addresses[0])


class Cuts(Wrong):
    """Takes what it got of a body for all of it."""

    async def fetch(self, hop: Hop, /) -> Response:
        response = await super().fetch(hop)
        return replace(response, body=response.body[:100_000])


WRONG: Final[list[tuple[type[Wrong], str, str]]] = [
    (Clips, "statuses", "Fetcher.fetch"),
    (Merges, "repeated_headers", "Headers"),
    (Merges, "repeated_set_cookie", "Headers"),
    (Sorts, "header_fields", "Headers"),
    (Decodes, "codings", "Response.body"),
    (Decodes, "sizes_before_decoding", "Response.body"),
    (Cuts, "bodies", "Response.body"),
    (Cuts, "bodies_without_length", "Response.body"),
    (Modern, "bodies_without_length", "Response.http_version"),
    (Retries, "fresh_connections", "Fetcher"),
    (Retries, "stale_connections_of_others", "docs/fetchers.md"),
    (Retries, "stale_connections_once", "docs/fetchers.md"),
    (Retries, "stale_after_a_beginning", "Fetcher.fetch"),
    (Follows, "one_hop", "Response.url"),
    (Remembers, "one_hop", "Fetcher"),
    (Introduces, "request_headers", "Hop.headers"),
    (Normalises, "repeated_request_headers", "Hop.headers"),
    (Shouts, "methods", "Hop.method"),
    (Forgets, "request_bodies", "Hop.body"),
    (Escapes, "targets", "Hop.url"),
    (NoLimit, "exact_sizes", "Fetcher.fetch"),
    (NoLimit, "limits_of_each_hop", "Fetcher.fetch"),
    (OneByteLess, "exact_sizes", "Fetcher.fetch"),
    (NoGuard, "guarded_addresses", "Fetcher.fetch"),
    (AsksByAddress, "guarded_addresses", "Guard.refusal"),
    (LooksUp, "names_are_not_resolved", "Response.address"),
    (FirstOnly, "dead_addresses", "Fetcher.fetch"),
    (FirstOnly, "partly_guarded_addresses", "Fetcher.fetch"),
    (TrustsAll, "self_signed_certificates", "docs/fetchers.md"),
    (TrustsAll, "strange_authorities", "docs/fetchers.md"),
    (TrustsAll, "expired_certificates", "docs/fetchers.md"),
    (TrustsAnyHost, "wrong_hosts", "docs/fetchers.md"),
    (TrustsAnyHost, "certificates_for_addresses", "docs/fetchers.md"),
    (TrustsNone, "trusted_certificates", "Fetcher.fetch"),
    (Afresh, "kept_connections", "docs/fetchers.md"),
    (OneByOne, "concurrent_fetches", HANGS),
    (OnForAll, "concurrent_cancellations", "Fetcher.fetch"),
    (OnForAll, "a_thousand_fetches", "Fetcher.fetch"),
    (AllForOne, "http2_neighbours", "Fetcher.fetch"),
    (Shields, "given_up_in_the_handshake", "Fetcher.fetch"),
    (Shields, "given_up_while_sending", "Fetcher.fetch"),
    (Swallows, "given_up_before_the_head", "Fetcher.fetch"),
    (Swallows, "given_up_while_connecting", "Fetcher.fetch"),
    (LetsGo, "given_up_in_the_body", "Fetcher.fetch"),
    (LetsGo, "given_up_in_the_head", "Fetcher.fetch"),
    (LetsGo, "given_up_while_dripping", "Fetcher.fetch"),
    (LetsGo, "given_up_over_tls", "Fetcher.fetch"),
    (LetsGo, "given_up_on_a_kept_connection", "Fetcher.fetch"),
    (LetsGo, "closed_in_flight", "the fetcher"),
    (Leaks, "statuses", "left behind"),
    (Lends, "opened_twice", "Fetcher.open"),
    (OnceOnly, "opened_again", "the fetcher"),
    (StaysBusy, "opened_again_after_an_error", "the fetcher"),
    (Blurs, "early_ends", "docs/fetchers.md"),
    (Blurs, "failed_handshakes", "docs/fetchers.md"),
    (Raises, "broken_framing", "Fetcher.fetch"),
    (Raises, "refused_connections", "Fetcher.fetch"),
    (SaysLittle, "messages", "docs/fetchers.md"),
    (Elsewhere, "ipv6", "Response.address"),
    (Late, "statuses", "Response.elapsed"),
    (Takes09, "http_0_9", "Fetcher.fetch"),
    (Takes09, "broken_status_lines", "Fetcher.fetch"),
    (Takes09, "endless_heads", "docs/fetchers.md"),
]


@pytest.mark.parametrize(("fetcher", "check", "sentence"), WRONG)
async def test_what_is_wrong_is_found(fetcher: type[Wrong], check: str, sentence: str) -> None:
    """The check that is meant for it finds it, and says which sentence of the contract is broken."""
    with pytest.raises(AssertionError) as caught:
        await run_check(check, fetcher, prompt=PROMPT if sentence == HANGS else 1.0)
    message = str(caught.value)
    assert message.startswith((f"{sentence} says: ", sentence))
    if " says: " in message:
        assert re.search(r"\n  asked: \S.*\n  came:  \S", message, re.DOTALL)
    assert any(check in note for note in caught.value.__notes__)
    while LEAKED:
        LEAKED.pop().close()


# What is known not to work


class SpeaksHttp1(Wrong):
    """Good, but for HTTP/2."""


HTTP2: Final[tuple[Shortcoming, ...]] = ("http2",)


@pytest.mark.parametrize("check", ["http2", "http2_neighbours"])
async def test_a_known_shortcoming_is_no_failure(check: str) -> None:
    """What a fetcher's library can't do fails a check, unless it is named; then it has to fail."""
    with pytest.raises(AssertionError, match="share an HTTP/2 connection"):
        await check_fetcher(SpeaksHttp1, only=check)
    await check_fetcher(SpeaksHttp1, only=check, shortcomings=HTTP2)


async def test_a_shortcoming_that_is_none_any_more_is_a_failure() -> None:
    """A check that passes says so, where the shortcoming it is about is still named."""
    with pytest.raises(AssertionError, match="'repeated_headers' is none any more"):
        await check_fetcher(SpeaksHttp1, only="repeated_headers", shortcomings=["repeated_headers"])
    await check_fetcher(
        SpeaksHttp1, only="statuses", shortcomings=["repeated_headers"]
    )  # which is not about it


async def test_a_shortcoming_excuses_nothing_else() -> None:
    """A check that fails in another way than the known one fails."""
    with pytest.raises(AssertionError, match="of kind 'decode'"):
        await run_check("http2", lambda _ca: GivesUp(), shortcomings=HTTP2)


# How it is called


@pytest.mark.slow
async def test_all_checks_are_made_by_default(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a name all are made; what the machine has no means for is logged."""
    monkeypatch.setattr(
        _fetcher_check_connections, "LOOPBACK_6", "192.0.2.1"
    )  # not an address of this machine
    made: list[Path] = []

    def make(ca: Path) -> Fetcher:
        assert b"BEGIN CERTIFICATE" in ca.read_bytes()
        made.append(ca)
        return Httpx(ca=ca)

    await check_fetcher(make, shortcomings=HTTP2)
    assert len(made) >= len(FETCHER_CHECKS)
    assert [record.getMessage().split(":")[1] for record in caplog.records] == [" ipv6 was not checked"]
    assert not any(ca.exists() for ca in made)
    with pytest.raises(SkipTest, match="192.0.2.1"):
        await check_fetcher(make, only="ipv6")


async def test_names_that_are_none_are_refused() -> None:
    """A misspelt check, and a misspelt shortcoming, are told with those that there are."""
    with pytest.raises(UsageError, match="there is no check 'status'; there are properties, .*statuses"):
        await check_fetcher(SpeaksHttp1, only="status")
    with pytest.raises(UsageError, match="'http3' is no shortcoming; there are http2, "):
        await check_fetcher(SpeaksHttp1, shortcomings=["http3"])  # type: ignore[list-item]


@pytest.mark.parametrize(("package", "check"), [("trustme", "properties"), ("h2", "http2")])
async def test_packages_that_are_missing_are_named(
    package: str, check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the servers are made with may not be installed; then the error has the command."""
    for module in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"{package}.*pip install 'trio-crawl\[test\]'"):
        await check_fetcher(SpeaksHttp1, only=check)


async def test_cancelling_it_is_no_failure() -> None:
    """Cancelled from outside it ends as any other call."""
    with trio.move_on_after(0.05) as scope:
        await check_fetcher(SpeaksHttp1, only="given_up_before_the_head")
    assert scope.cancelled_caught


async def test_a_crash_of_the_fetchers_own_task_is_its_failure() -> None:
    """A task that a fetcher has in the crawl's nursery, and that fails, fails the check as itself."""

    class Crashes(Wrong):
        @asynccontextmanager
        async def open(self, environment: Environment, /) -> AsyncIterator[None]:
            async def crash() -> None:
                raise KeyError("lost")

            async with super().open(environment):
                environment.nursery.start_soon(crash)
                yield

    with pytest.raises(AssertionError, match="raised KeyError: 'lost'"):
        await check_fetcher(Crashes, only="statuses")


async def test_a_wrapper_that_does_no_wrong_passes() -> None:
    """What the coat does not change is not found wrong."""
    for check in ("statuses", "opened_twice", "given_up_in_the_body", "a_thousand_fetches"):
        await check_fetcher(SpeaksHttp1, only=check)


# What it says


SENTENCES: Final = [value for value in vars(contract).values() if isinstance(value, contract.Sentence)]


@pytest.mark.parametrize("sentence", SENTENCES, ids=lambda sentence: sentence.where)
def test_a_sentence_that_is_cited_stands_where_it_says(sentence: contract.Sentence) -> None:
    """The contract that an error cites is the one in the docstrings, word for word."""
    if sentence.where.endswith(".md"):
        text = (ROOT / sentence.where).read_text(encoding="utf-8")
    else:
        owner, _, member = sentence.where.partition(".")
        cls = getattr(trio_crawl.abc, owner, None) or getattr(trio_crawl, owner)
        value = inspect.getattr_static(cls, member, None)
        documented = value if callable(value) or isinstance(value, property) else cls
        text = inspect.getdoc(documented) or ""
    assert sentence.text in " ".join(text.split())


@pytest.mark.parametrize("check", FETCHER_CHECKS)
def test_a_check_is_documented(check: str) -> None:
    """The documentation lists each check, with the sentence that its docstring begins with."""
    said = inspect.getdoc(CHECKS[check])
    assert said is not None
    assert "\n" not in said
    assert f"| `{check}` | {said.replace('``', '`')} |\n" in DOCUMENT.read_text(encoding="utf-8")


def test_the_documentation_names_no_other_checks() -> None:
    """A row of the tables of checks is a check; a shortcoming has a row of its own."""
    rows = re.findall(r"^\| `(\w+)` \| .* \|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(rows) >= {*FETCHER_CHECKS, *get_args(Shortcoming)}
    assert [
        row for row in rows if row not in {*FETCHER_CHECKS, *get_args(Shortcoming), *get_args(FailureKind)}
    ] == []


async def test_a_server_that_can_not_be_is_a_reason_to_skip() -> None:
    """Where the machine does not have the address, it is no fault of the fetcher's."""
    with pytest.raises(SkipTest, match="nothing can listen on 192.0.2.1"):
        async with playing(ok(), address="192.0.2.1"):
            pass
