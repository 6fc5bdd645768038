"""Which parsers can go to a worker process, and how they run there."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import parsers_elsewhere
import pytest

from trio_crawl import Headers, Page, Request, UsageError
from trio_crawl._parse.elsewhere import fields_of, names_of, run_parser
from trio_crawl._parse.html import HtmlDocument
from trio_crawl._parse.user import ParserFormError

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio_crawl._parse.elsewhere import Names


def page(content: bytes = b"<title>A</title><a href=/b>b</a>", *, label: str | None = None) -> Page:
    """Return a page as a crawl makes it."""
    return Page(
        id="1",
        request=Request("https://site.test/", label=label, data={"a": 1}),
        url="https://site.test/",
        final_url="https://site.test/",
        status=200,
        headers=Headers(((b"content-type", b"text/html"),)),
        content=content,
        depth=0,
        referrer=None,
        attempts=1,
        fetched_at=datetime(2000, 1, 1, tzinfo=UTC),
        elapsed=0.0,
        http_version="1.1",
        address="",
        _document=HtmlDocument(content, content_type="text/html", url="https://site.test/"),
    )


def run(names: Names, page: Page) -> tuple[list[Any], list[Any], dict[str, Any]]:
    """Run a parser as a worker process does."""
    return run_parser(names, fields_of(page), page._document.parts())  # type: ignore[attr-defined] # noqa: SLF001


def closure() -> Callable[[Page], None]:
    """Return a function that has no name elsewhere."""

    def parse(page: Page) -> None:
        del page

    return parse


class Script:
    """Stands for a function of the script that is run."""

    __module__ = "__main__"
    __qualname__ = "parse"

    def __call__(self, page: Page) -> None:
        """Yield nothing."""


def test_a_function_is_named_by_its_module() -> None:
    """So is each function of a mapping."""
    assert names_of(parsers_elsewhere.titles) == ("parsers_elsewhere", "titles")
    assert names_of({None: parsers_elsewhere.titles, "b": parsers_elsewhere.rows}) == {
        None: ("parsers_elsewhere", "titles"),
        "b": ("parsers_elsewhere", "rows"),
    }


@pytest.mark.parametrize(
    ("parse", "message"),
    [
        (None, "pass it as parse="),
        (Script(), "parse lives in the script that is run.*move it to a module of its own"),
        ({"a": Script()}, "parse\\['a'\\] lives in the script"),
        (lambda page: None, "move it to a module, as a function by itself"),  # noqa: ARG005
        (closure(), "can't import by its name"),
        (parsers_elsewhere.PARSER, "can't import by its name"),
        (parsers_elsewhere.PARSER.parse, "can't import by its name"),
        (functools.partial(parsers_elsewhere.titles), "can't import by its name"),
        (parsers_elsewhere.asynchronous, "is async"),
    ],
)
def test_what_a_worker_process_can_not_import_is_refused(parse: object, message: str) -> None:
    """The error says why, and what to do, before the first request."""
    with pytest.raises(UsageError, match=message):
        names_of(parse)


def test_a_parser_gets_the_page_as_it_is() -> None:
    """Made again of its parts, a page has all that it had."""
    follow, [row], known = run(names_of(parsers_elsewhere.titles), page())
    assert known == {"encoding": "utf-8", "title": "A", "directives": frozenset(), "chosen": {}}
    assert [link.url for link in follow] == ["https://site.test/b"]
    assert (row["title"], row["elements"]) == ("A", 5)
    _, [row], _ = run(names_of({"x": parsers_elsewhere.request_data}), page(label="x"))
    assert row == {
        "data": {"a": 1},
        "depth": 0,
        "type": "text/html",
        "html": "<title>A</title><a href=/b>b</a>",
    }


def test_requests_are_joined_to_the_page() -> None:
    """A relative URL is one of the page's."""
    follow, rows, _ = run(names_of(parsers_elsewhere.rows), page())
    assert follow == [Request("https://site.test/next", label="b", data={"from": "https://site.test/"})]
    assert len(rows) == 3


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("no_such_module_here", "parse"), "can't import no_such_module_here"),
        (("parsers_elsewhere", "not_there"), "finds no not_there in parsers_elsewhere"),
        (("parsers_elsewhere", "asynchronous"), "coroutine|async"),
        ({"other": ("parsers_elsewhere", "titles")}, "no parser for the label None"),
    ],
)
def test_a_parser_that_no_page_makes_right_is_an_error_of_its_own(names: Names, message: str) -> None:
    """It ends the crawl, whatever ``parse_errors`` says."""
    with pytest.raises(ParserFormError, match=message):
        run(names, page())
