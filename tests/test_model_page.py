"""What a page gives to a parser."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

import trio_crawl
from trio_crawl import ContentError, Failure, Page
from trio_crawl.testing import MemoryWeb

if TYPE_CHECKING:
    from collections.abc import Sequence

URL = "https://site.test/"


async def a_page(
    content: bytes | str, *, content_type: str | None = None, headers: Sequence[tuple[str, str]] = ()
) -> Page:
    """Return a page of this content, as a crawl makes it."""
    web = MemoryWeb()
    web.add(URL, content, content_type=content_type, headers=headers)
    return await trio_crawl.fetch_page(URL, fetch=web)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
async def test_json_is_read_in_the_encodings_of_unicode(encoding: str) -> None:
    """Whether or not there is a byte order mark, and whatever the media type."""
    page = await a_page('{"a": ["é😀", null]}'.encode(encoding), content_type="text/plain")
    assert page.json() == {"a": ["é😀", None]}


@pytest.mark.parametrize("content", [b"", b"<p>", b'{"a": \xff}', b"[" * 200_000])
async def test_what_is_no_json_is_an_error_that_names_the_page(content: bytes) -> None:
    """It is the site's fault, and a `ValueError` for who catches those."""
    page = await a_page(content)
    with pytest.raises(ContentError, match="https://site.test/ is no JSON") as caught:
        page.json()
    assert isinstance(caught.value, ValueError)


async def test_no_json_in_a_parser_is_a_failure_of_the_page() -> None:
    """The crawl goes on."""
    web = MemoryWeb()
    web.add(URL, "<p>")
    outcomes: list[Failure] = []
    async with trio_crawl.open_crawl(URL, fetch=web, parse=lambda page: page.json(), failures=True) as pages:
        outcomes.extend([outcome async for outcome in pages])
    assert [(failure.kind, "is no JSON" in failure.message) for failure in outcomes] == [("parse", True)]


async def test_the_language_of_a_header_counts_where_the_page_has_none() -> None:
    """The document comes before it."""
    of_header = partial(a_page, headers=[("Content-Language", "fr")])
    assert (await of_header("<p>")).language == "fr"
    assert (await of_header("<html lang=de>")).language == "de"


async def test_a_page_that_is_not_html_comes_as_bytes() -> None:
    """Nothing of it is taken for mark-up."""
    page = await a_page(b"%PDF-1.7 <a href=/x>", content_type="application/pdf")
    assert page.content == b"%PDF-1.7 <a href=/x>"
    assert (page.links(), page.title, page.css("a"), page.meta, page.text()) == ([], None, [], {}, "")


async def test_a_page_prints_in_a_few_lines() -> None:
    """Its content, which may have megabytes, and its header fields, which may have secrets, are left out."""
    page = await a_page("<p>" + "x" * 1000, headers=[("Set-Cookie", "session=3f9a")])
    assert "status=200" in repr(page)
    assert "xxx" not in repr(page)
    assert "3f9a" not in repr(page)
