"""A page for a parser alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from .. import _urls
from .._errors import UsageError
from .._model import Headers, Page, Request
from .._parse.html import HtmlDocument
from .._parse.links import LinkCache

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._model import Json

_FETCHED: Final = datetime(2000, 1, 1, tzinfo=UTC)


def page(  # noqa: PLR0913 - each is one thing that a parser may look at
    content: str | bytes = b"",
    *,
    url: str = "https://example.org/",
    status: int = 200,
    content_type: str = "text/html; charset=utf-8",
    headers: Sequence[tuple[str, str]] = (),
    label: str | None = None,
    data: Json = None,
    depth: int = 0,
) -> Page:
    """Return a page as a crawl would give it to a parser: for tests of a parser alone.

    ::

        [row] = parse(page("<h1>Tea</h1>", url="https://shop.test/tea"))

    Args:
        content: of the page; a str is encoded as UTF-8.
        url: where it would have come from, an absolute http(s) URL.
        status: the status code.
        content_type: the value of ``Content-Type``.
        headers: further pairs of name and value.
        label: of the request.
        data: of the request.
        depth: links from a seed.

    Raises:
        UsageError: *url* is no http(s) URL.
    """
    parsed = _urls.parse(url)
    if parsed is None:
        raise UsageError(_urls.explain(url))
    body = content.encode() if isinstance(content, str) else content
    fields = Headers(
        tuple((name.encode(), value.encode()) for name, value in (("Content-Type", content_type), *headers))
    )
    document = HtmlDocument(
        body,
        content_type=content_type,
        url=parsed,
        cache=LinkCache(),
        headers=fields,
        robots_tags=fields.get_all("x-robots-tag"),
        product="trio-crawl",
    )
    return Page(
        id=_urls.page_id(_urls.request_key("GET", parsed, None)),
        request=Request(parsed, label=label, data=data, asked=url),
        url=parsed,
        final_url=parsed,
        status=status,
        headers=fields,
        content=body,
        depth=depth,
        referrer=None,
        attempts=1,
        fetched_at=_FETCHED,
        elapsed=0.0,
        http_version="1.1",
        address="",
        _document=document,
    )
