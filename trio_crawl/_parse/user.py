"""Runs a parser of the user's, in whichever form it comes, and sorts what it yields.

Ctrl-C may strike here (see `_callbacks`): what it tears is this page's alone, and is dropped.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, Awaitable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias, final

from trio.lowlevel import disable_ki_protection

from .. import _urls
from .._errors import RowError, UsageError
from .._frontier.requests import text_of
from .._model import Link, Request

if TYPE_CHECKING:
    from .._model import Page, Parse

Parsers: TypeAlias = "Parse | Mapping[str | None, Parse]"
"""One parser, or one for each label; that of None gets the pages without a label."""


class ParserFormError(UsageError):
    """A parser has a form that no page could make right; it ends the crawl."""


class UnsayableError(RowError, ParserFormError):
    """A parser yielded a `Request` that no state could hold; it ends the crawl, as such a row does."""


@dataclass(slots=True)
class Found:
    """What a parser yielded of one page, in order.

    Args:
        page: the page.
        links_too: whether a `Link` is followed; of an error page only a `Request` is.
    """

    page: Page
    links_too: bool = True
    follow: list[Link | Request] = field(default_factory=list)
    rows: list[Any] = field(default_factory=list)
    dropped: int = 0
    """Links and requests that are not followed, since their URLs are too long."""

    def add(self, item: object) -> None:
        """Sort one *item* in: a `Link` or `Request` is followed, anything else is a row.

        Raises:
            UsageError: a `Request` for what is no http(s) URL.
            UnsayableError: one with `data` that is not JSON.
        """
        if isinstance(item, Link):
            if len(item.url) > _urls.MAX_LENGTH:
                self.dropped += 1
            elif self.links_too:
                self.follow.append(item)
        elif isinstance(item, Request):
            url = _urls.join(self.page.final_url, item.url)
            if url is None and _urls.is_too_long(self.page.final_url, item.url):
                self.dropped += 1
                return
            if url is None:
                raise UsageError(f"parse yielded a Request for {item.url!r}, which is no http(s) URL")
            if item != Request(item.url):
                _require_json(item)
            self.follow.append(item if url == item.url else replace(item, url=url))
        else:
            self.rows.append(item)


def _require_json(request: Request) -> None:
    try:
        text_of(request)
    except UsageError as error:
        raise UnsayableError(f"parse yielded what can't be kept: {error}") from error


@final
class UserParser:
    """Calls the parser that is meant for a page.

    Args:
        parse: a function, generator, async function or async generator of a
            `Page`, or a mapping from a request's label to one of those.

    Raises:
        UsageError: *parse* is none of these.
    """

    def __init__(self, parse: Parsers) -> None:
        self._by_label: Mapping[str | None, Parse] | None = None
        if isinstance(parse, Mapping):
            for label, function in parse.items():
                _check(function, f"parse[{label!r}]")
                if label is not None and not isinstance(label, str):
                    raise UsageError(f"parse= has the key {label!r}; its keys are labels: str, or None")
            self._by_label = dict(parse)
        else:
            _check(parse, "parse")
            self._parse = parse

    @disable_ki_protection
    def call(self, page: Page) -> object:
        """Call the parser of *page*, and return what it gives: for `collect` or `collect_async`.

        Raises:
            ParserFormError: no parser is there for the page's label, or it gives a
                coroutine without being declared async.
        """
        parse = self._parser_of(page)
        result = parse(page)
        if inspect.iscoroutine(result) and not _is_declared_async(parse):
            result.close()
            name = getattr(parse, "__qualname__", repr(parse))
            raise ParserFormError(
                f"parse returned a coroutine, which nobody awaited: "
                f"declare {name} `async def`, and await in it"
            )
        return result

    def _parser_of(self, page: Page) -> Parse:
        if self._by_label is None:
            return self._parse
        try:
            return self._by_label[page.request.label]
        except KeyError:
            raise ParserFormError(
                f"parse= has no parser for the label {page.request.label!r} of {page.url}; "
                f"it has {', '.join(map(repr, self._by_label))}"
            ) from None


def is_async(result: object) -> bool:
    """Return whether what a parser gave is for `collect_async`, rather than for `collect`."""
    return isinstance(result, Awaitable | AsyncIterable)


@disable_ki_protection
def collect(result: object, found: Found) -> None:
    """Add what a parser that is no async one returned: nothing, one item, or an iterable of items."""
    if result is None:
        return
    if isinstance(result, str | bytes) or _is_one_item(result):
        found.add(result)
        return
    for item in _iterable(result):
        _add(item, found)


def _add(item: object, found: Found) -> None:
    if inspect.iscoroutine(item):
        item.close()
        raise ParserFormError("parse yielded a coroutine: an `await` is missing, or `async def`")
    found.add(item)


@disable_ki_protection
async def collect_async(result: object, found: Found) -> None:
    """Add what an async parser gives; an async generator is closed before this returns or raises."""
    if isinstance(result, Awaitable):
        collect(await result, found)
    elif inspect.isasyncgen(result):
        async with aclosing(result) as items:
            async for item in items:
                _add(item, found)
    elif isinstance(result, AsyncIterable):
        async for item in result:
            _add(item, found)


def _is_one_item(result: object) -> bool:
    """Return whether *result* is a row or a request by itself, though some rows can be iterated."""
    return (
        isinstance(result, Mapping | Link | Request)
        or not isinstance(result, Iterable)
        or hasattr(result, "_fields")
        or hasattr(result, "model_dump")
    )


def _iterable(result: object) -> Iterable[Any]:
    assert isinstance(result, Iterable)  # noqa: S101 - what else is an item by itself
    return result


def _check(function: object, name: str) -> None:
    if not callable(function):
        raise UsageError(f"{name} is {function!r}; it has to be a function of a page, or a mapping of labels")


def _is_declared_async(function: object) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(type(function), "__call__", None)  # noqa: B004 - the method itself is looked at
    )
