"""One page as the command line shows it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from .._errors import ParseError
from .._model import Parsed
from .._write.rows import page_row
from .terminal import safe

if TYPE_CHECKING:
    from .._model import Page

_SHOWN_TEXT: Final = 1200
"""Characters of a page's text that are shown: about a terminal's height."""


def as_object(page: Page) -> dict[str, Any]:
    """Return *page* as JSON can say it: a row of a ``.jsonl`` file, with headers and text.

    The text is None of a page that was made to be slow to read.
    """
    row = page_row(Parsed(page=page, links=tuple(page.links())))
    return {
        **row,
        "redirects": list(page.redirects),
        "http_version": page.http_version,
        "address": page.address,
        "headers": [list(pair) for pair in page.headers],
        "text": _text(page)[0],
    }


def as_json(page: Page) -> str:
    """Return *page* as one JSON object."""
    return json.dumps(as_object(page), indent=2) + "\n"


def _text(page: Page) -> tuple[str | None, str]:
    """Return the text of *page*; None, and why, if it is not read."""
    try:
        return page.text(), ""
    except ParseError as error:
        return None, f"(no text: {error})"


def as_links(page: Page) -> str:
    """Return the links of *page*, one a line."""
    return "".join(f"{link.url}\n" for link in page.links())


def as_text(page: Page) -> str:
    """Return what a person wants to know of *page*: status, headers, title, links, its first text."""
    came = f"HTTP/{page.http_version}, {page.address or 'no connection'}, {page.elapsed:.2f} s"
    lines = [f"{page.status} {page.final_url}  ({came})"]
    lines += [f"  redirected from {url}" for url in page.redirects]
    lines += ["", *(f"{name}: {value}" for name, value in page.headers), ""]
    media_type = page.content_type or "of no declared type"
    facts = {
        "title": page.title or "(none)",
        "content": f"{media_type}, {page.encoding}, {len(page.content):,} bytes",
        "links": f"{len(page.links()):,}",
    }
    lines += [f"{name:<8} {value}" for name, value in facts.items()]
    told, reason = _text(page)
    text = "\n".join(filter(None, (" ".join(line.split()) for line in (told or reason).splitlines())))
    if text:
        more = " …" if len(text) > _SHOWN_TEXT else ""
        lines += ["", text[:_SHOWN_TEXT] + more]
    return "\n".join(safe(line) for line in lines) + "\n"
