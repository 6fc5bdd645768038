"""Outcomes are gathered to batches of a bounded size."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from trio_crawl._errors import RowError
from trio_crawl._model import Exchange, Failure, Headers, Hop, Link, Page, Parsed, Request
from trio_crawl._parse.html import HtmlDocument
from trio_crawl._write.batch import BATCH_SIZE, Batch, Gatherer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from trio_crawl._model import Json, Outcome
    from trio_crawl.abc import Environment

URL = "https://a.test/"


def page(status: int = 200, *, links: int = 0) -> Parsed:
    """Return a page with so many links."""
    fetched = Page(
        id="0",
        request=Request(URL),
        url=URL,
        final_url=URL,
        status=status,
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
    return Parsed(page=fetched, links=tuple(Link(url=f"{URL}{number}") for number in range(links)))


FAILURE = Failure(
    id="0", request=Request(URL), url=URL, kind="dns", message="", depth=0, referrer=None, attempts=0
)


class Output:
    """Keeps of each outcome what a function says."""

    name = "output"
    prompt = False

    def __init__(self, keep: Callable[[Outcome], Any], *, rows: int = 1) -> None:
        self._keep = keep
        self._rows_each = rows
        self.rows = 0

    def check(self, _position: Json = None, /) -> None:
        """Do nothing."""

    def ending(self) -> None:
        """Return nothing."""

    @asynccontextmanager
    async def open(self, _environment: Environment, _position: Json = None, /) -> AsyncIterator[None]:
        yield

    def encode(self, outcome: Outcome, /) -> object | None:
        kept: object = self._keep(outcome)
        if kept is not None:
            self.rows += self._rows_each
        return kept

    async def write(self, _items: Sequence[object], /) -> Json:
        return None

    def audit(
        self, _positions: Mapping[int, Json], _rows: Mapping[int, int], _total: int, /, *, finished: bool
    ) -> list[str]:
        del finished
        return []


def closed(gatherer: Gatherer) -> Batch:
    batch = gatherer.close()
    assert batch is not None
    return batch


def test_each_output_has_what_it_keeps() -> None:
    """A batch has the items of each output in order, without those of which it keeps nothing."""
    texts, failures = (
        Output(lambda outcome: f"{type(outcome).__name__};"),
        Output(lambda outcome: outcome if isinstance(outcome, Failure) else None),
    )
    gatherer = Gatherer([texts, failures])
    assert gatherer.batch is None
    assert gatherer.close() is None
    for outcome in (page(), FAILURE, page()):
        gatherer.add(gatherer.encode(outcome), 5.0)
    batch = closed(gatherer)
    assert batch.items == [["Parsed;", "Failure;", "Parsed;"], [FAILURE]]
    assert batch.size == len("Parsed;Failure;Parsed;")
    assert batch.since == 5.0
    assert gatherer.batch is None


def test_what_a_batch_counts_for() -> None:
    """Pages, failures, statuses, links and rows are those of the batch, not of those before it."""
    gatherer = Gatherer([Output(lambda _: "x", rows=3), Output(lambda _: None)])
    for outcome in (page(links=2), page(404), FAILURE):
        gatherer.add(gatherer.encode(outcome), 0)
    batch = closed(gatherer)
    assert (batch.pages, batch.links, batch.rows, batch.outcomes) == (2, 2, 9, 3)
    assert batch.statuses == {200: 1, 404: 1}
    assert batch.failed == {"dns": 1}
    gatherer.add(gatherer.encode(page()), 1)
    batch = closed(gatherer)
    assert (batch.pages, batch.links, batch.rows, batch.outcomes) == (1, 0, 3, 1)
    assert batch.failed == {}


def test_without_an_output_outcomes_count_all_the_same() -> None:
    """A crawl that writes nothing has its pages counted by batches, too."""
    gatherer = Gatherer([])
    gatherer.add(gatherer.encode(page()), 0)
    batch = closed(gatherer)
    assert (batch.items, batch.pages, batch.rows) == ([], 1, 0)


def test_a_batch_is_full_by_its_size() -> None:
    """A batch is full when its rows reach so many characters or bytes, of all outputs together."""
    half = BATCH_SIZE // 2
    gatherer = Gatherer([Output(lambda _: "x" * (half - 1)), Output(lambda _: b"x")])
    gatherer.add(gatherer.encode(page()), 0)
    assert not gatherer.full
    gatherer.add(gatherer.encode(page()), 0)
    assert gatherer.full
    gatherer.close()
    assert not gatherer.full


@pytest.mark.parametrize("most", [1, 3])
def test_a_batch_is_full_by_its_outcomes(most: int) -> None:
    """A batch is full of so many outcomes, though nothing is kept of them."""
    gatherer = Gatherer([Output(lambda _: None)], most=most)
    for number in range(most):
        assert not gatherer.full
        gatherer.add(gatherer.encode(FAILURE if number % 2 else page()), 0)
    assert gatherer.full
    assert closed(gatherer).outcomes == most


def test_a_row_that_can_not_be_held() -> None:
    """An output's refusal comes out, and the outcome is not counted."""

    def refuse(outcome: Outcome) -> str:
        if isinstance(outcome, Failure):
            raise RowError("no")
        return "x"

    gatherer = Gatherer([Output(refuse)])
    gatherer.add(gatherer.encode(page()), 0)
    with pytest.raises(RowError):
        gatherer.add(gatherer.encode(FAILURE), 0)
    assert closed(gatherer).outcomes == 1


def test_a_page_that_has_not_changed() -> None:
    """It is a page of the batch, of status 304, of which no output has a row."""
    gatherer = Gatherer([Output(lambda _: "kept"), Output(lambda _: None)])
    assert gatherer.unchanged(5.0) == (0, 0)
    batch = gatherer.close()
    assert batch is not None
    assert (batch.pages, batch.unchanged, batch.rows, dict(batch.statuses)) == (1, 1, 0, {304: 1})
    assert batch.items == [[], []]


class Keeper(Output):
    """An output that keeps exchanges, too."""

    def encode_aside(self, exchanges: Sequence[Exchange], /) -> str | None:
        return f"{len(exchanges)} aside" if exchanges else None


def test_exchanges_go_to_those_who_keep_them() -> None:
    """What no outcome has is no outcome and no row, and is in the batch of those that follow."""
    plain, keeper = Output(lambda _: "row"), Keeper(lambda _: "page")
    assert not Gatherer([plain]).wants_exchanges
    gatherer = Gatherer([plain, keeper])
    assert gatherer.wants_exchanges
    exchange = Exchange(hop=Hop(url=URL), kind="dns", ended=datetime(2026, 1, 1, tzinfo=UTC))
    gatherer.add_aside((exchange,), 0.0)
    gatherer.add(gatherer.encode(page()), 1.0)
    gatherer.add_aside((), 2.0)
    batch = gatherer.close()
    assert batch is not None
    assert batch.items == [["row"], ["1 aside", "page"]]
    assert (batch.since, batch.outcomes, batch.rows) == (0.0, 1, 2)
    gatherer.add_aside((), 3.0)
    assert gatherer.close() is None


def test_whatever_has_a_length_counts_by_it() -> None:
    """An output that keeps large things of its own kind fills a batch by their size."""
    gatherer = Gatherer([Output(lambda _: range(BATCH_SIZE // 2))])
    gatherer.add(gatherer.encode(page()), 0.0)
    assert not gatherer.full
    gatherer.add(gatherer.encode(page()), 0.0)
    assert gatherer.full
