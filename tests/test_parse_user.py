"""A user's parser in whichever form it comes, and what it yields, sorted."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio

from trio_crawl._errors import RowError, UsageError
from trio_crawl._model import Headers, Link, Page, Request
from trio_crawl._parse.html import HtmlDocument
from trio_crawl._parse.user import Found, ParserFormError, UserParser, collect, collect_async, is_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Iterator

URL = "https://a.test/dir/page"
LINK = Link(url="https://a.test/link")
Named = namedtuple("Named", ["x", "y"])  # noqa: PYI024 - the kind that is iterable and has no annotations


def page(label: str | None = None) -> Page:
    return Page(
        id="0",
        request=Request(URL, label=label),
        url="https://a.test/asked",
        final_url=URL,
        status=200,
        headers=Headers(),
        content=b"",
        depth=0,
        referrer=None,
        attempts=1,
        fetched_at=datetime(2026, 1, 1, tzinfo=UTC),
        elapsed=0,
        http_version="1.1",
        address="",
        _document=HtmlDocument(b"", content_type=None, url=URL),
    )


def collected(result: object, *, links_too: bool = True) -> tuple[list[Link | Request], list[object]]:
    """Return what is followed, and what is written, of what a parser returned."""
    found = Found(page(), links_too=links_too)
    collect(result, found)
    return found.follow, found.rows


@dataclass(frozen=True)
class Row:
    x: int


class IterableModel:
    """A row that can be iterated, as pydantic's models can."""

    def model_dump(self) -> dict[str, int]:
        return {"x": 1}

    def __iter__(self) -> Iterator[tuple[str, int]]:
        yield from self.model_dump().items()


MODEL = IterableModel()


@pytest.mark.parametrize(
    ("result", "follow", "rows"),
    [
        (None, [], []),
        ([], [], []),
        ({"x": 1}, [], [{"x": 1}]),
        (Row(1), [], [Row(1)]),
        (Named(1, 2), [], [Named(1, 2)]),
        (MODEL, [], [MODEL]),
        ("text", [], ["text"]),
        (b"bytes", [], [b"bytes"]),
        (5, [], [5]),
        (LINK, [LINK], []),
        ([LINK, {"x": 1}, LINK], [LINK, LINK], [{"x": 1}]),
        ((item for item in (LINK, None)), [LINK], [None]),
        (iter([Row(1)]), [], [Row(1)]),
        (Request("https://b.test/"), [Request("https://b.test/")], []),
    ],
)
def test_what_a_parser_returns(result: object, follow: list[object], rows: list[object]) -> None:
    """Nothing, one item, or an iterable of items; links and requests are followed, the rest are rows."""
    assert collected(result) == (follow, rows)


def test_relative_requests() -> None:
    """A request is joined to the URL that answered, and keeps the rest of it."""
    request = Request("../other?x#part", label="l", data=[1], priority=3, method="POST", body=b"b", key="k")
    assert collected(request)[0] == [
        Request("https://a.test/other?x", label="l", data=[1], priority=3, method="POST", body=b"b", key="k")
    ]


def test_links_of_error_pages() -> None:
    """Of an error page a link is dropped, and a request is not."""
    assert collected([LINK, Request("/x"), Row(1)], links_too=False) == (
        [Request("https://a.test/x")],
        [Row(1)],
    )


@pytest.mark.parametrize("url", ["mailto:a@b.test", "https://", "javascript:void(0)", "ftp://a.test/"])
def test_a_request_for_no_url(url: str) -> None:
    """A request for what is no http(s) URL is an error that quotes it."""
    with pytest.raises(UsageError, match="which is no http") as caught:
        collected(Request(url))
    assert repr(url) in str(caught.value)


async def _coroutine() -> list[object]:
    await trio.lowlevel.checkpoint()
    return [LINK, Row(1)]


async def _agen() -> AsyncIterator[object]:
    yield LINK
    await trio.lowlevel.checkpoint()
    yield Row(1)


class AsyncItems:
    """An async iterable that is no generator."""

    def __init__(self) -> None:
        self._items: list[object] = [Row(1), LINK]

    def __aiter__(self) -> AsyncItems:
        return self

    async def __anext__(self) -> object:
        await trio.lowlevel.checkpoint()
        if not self._items:
            raise StopAsyncIteration
        return self._items.pop()


@pytest.mark.parametrize("make", [_coroutine, _agen, AsyncItems])
async def test_what_an_async_parser_gives(make: Any) -> None:  # noqa: ANN401 - any of the three forms
    """Awaitables, async generators and async iterables give the same as their sync forms."""
    result = make()
    assert is_async(result)
    found = Found(page())
    await collect_async(result, found)
    assert (found.follow, found.rows) == ([LINK], [Row(1)])


async def test_an_async_parser_that_gives_nothing_or_one() -> None:
    """What an async function returns is taken as a function's result is."""

    async def give(result: object) -> object:
        await trio.lowlevel.checkpoint()
        return result

    for result, rows in ((None, []), (Row(1), [Row(1)]), ({"x": 1}, [{"x": 1}])):
        found = Found(page())
        await collect_async(give(result), found)
        assert found.rows == rows


async def test_an_async_generator_is_closed() -> None:
    """An async generator is closed before an error of an item, or a cancellation, comes out."""
    closed: list[str] = []

    async def parse(item: object, name: str) -> AsyncIterator[object]:
        try:
            yield item
            await trio.sleep_forever()
        finally:
            closed.append(name)

    with pytest.raises(UsageError):
        await collect_async(parse(Request("ftp://a.test/"), "error"), Found(page()))
    with trio.CancelScope() as scope:
        scope.cancel()
        await collect_async(parse(Row(1), "cancelled"), Found(page()))
    assert closed == ["error", "cancelled"]


def is_sync(result: object) -> bool:
    return not is_async(result)


def test_what_is_not_async() -> None:
    """Rows, lists and generators are collected at once."""
    assert all(map(is_sync, ([], {}, None, iter([Row(1)]), Row(1), "text")))


async def awaited(_page: Page) -> None:
    await trio.lowlevel.checkpoint()


def forgot(of: Page) -> Awaitable[None]:
    return awaited(of)


class Callable:
    async def __call__(self, _page: Page) -> None:
        await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("parse", [forgot, lambda of: awaited(of)])  # noqa: PLW0108 - that is the mistake
def test_a_function_that_returns_a_coroutine(parse: Any) -> None:  # noqa: ANN401 - a parser
    """A coroutine of what was not declared async was meant to be awaited in it; it is closed."""
    with pytest.raises(ParserFormError, match=r"nobody awaited: declare .*(forgot|lambda).* `async def`"):
        UserParser(parse).call(page())


@pytest.mark.parametrize("parse", [awaited, Callable(), partial(awaited), Callable().__call__])
def test_what_is_declared_async(parse: Any) -> None:  # noqa: ANN401 - a parser
    """An async function, a partial of one, a bound method and an object are declared so."""
    result: Any = UserParser(parse).call(page())
    assert is_async(result)
    result.close()


def _yields_coroutine() -> Iterator[object]:
    yield awaited(page())


async def _ayields_coroutine() -> AsyncIterator[object]:
    yield awaited(page())


async def test_items_that_are_coroutines() -> None:
    """A coroutine among the items is said, not written, whether the generator is async or not."""
    with pytest.raises(ParserFormError, match="an `await` is missing"):
        collected(_yields_coroutine())
    with pytest.raises(ParserFormError, match="an `await` is missing"):
        await collect_async(_ayields_coroutine(), Found(page()))


def test_labels() -> None:
    """A mapping's parser is that of the page's label; None is for pages without one."""
    parser = UserParser({None: lambda _: "plain", "a": lambda _: "labelled"})
    assert parser.call(page()) == "plain"
    assert parser.call(page("a")) == "labelled"
    with pytest.raises(ParserFormError, match=r"no parser for the label 'b' of .*asked; it has None, 'a'"):
        parser.call(page("b"))
    with pytest.raises(ParserFormError, match="the label None"):
        UserParser({"a": lambda _: None}).call(page())


def test_a_mapping_is_read_once() -> None:
    """What is done to a mapping later does not change the crawl."""
    mapping: dict[str | None, Any] = {None: lambda _: 1}
    parser = UserParser(mapping)
    mapping.clear()
    assert parser.call(page()) == 1


@pytest.mark.parametrize(
    ("parse", "message"),
    [
        (5, "parse is 5; it has to be a function of a page"),
        ("name", "parse is 'name'"),
        ({None: 5}, r"parse\[None\] is 5"),
        ({5: print}, "the key 5; its keys are labels: str, or None"),
    ],
)
def test_what_is_no_parser(parse: Any, message: str) -> None:  # noqa: ANN401 - that is the test
    """What can't be called, and labels that are no text, are errors at once."""
    with pytest.raises(UsageError, match=message):
        UserParser(parse)


@pytest.mark.parametrize(
    "more",
    [
        {"data": date(2020, 1, 1)},
        {"data": float("nan")},
        {"data": {"deep": [{1}]}},
        {"data": 10**5000},
        {"label": b"bytes"},
        {"headers": ((b"X", b"y"),)},
    ],
)
def test_a_request_that_no_state_could_hold(more: dict[str, Any]) -> None:
    """It is refused where it is yielded, whether the crawl has a state or not."""
    with pytest.raises(RowError, match="not JSON"):
        collect([Request("https://a.test/", **more)], Found(page()))


def test_what_is_too_long_is_counted_and_not_followed() -> None:
    """By itself, or when it is joined; the rows stay."""
    found = Found(page())
    long = "x" * 8_000
    collect([Link(url=URL + long), Request(long), Request(URL + long), LINK, {"a": 1}], found)
    assert (found.follow, found.rows, found.dropped) == ([LINK], [{"a": 1}], 3)
