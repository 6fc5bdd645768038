"""A view of a web application that is not async: it crawls, and answers when it has what it wants.

Run it: ``python examples/from_a_view.py`` asks both views of a WSGI application what they say.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.util import setup_testing_defaults

import trio_crawl
from trio_crawl.testing import MemoryWeb


def application(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    """Answer one request; this is WSGI, as Django's and Flask's views are at the bottom."""
    start("200 OK", [("Content-Type", "application/json")])
    return (stream if environ["PATH_INFO"] == "/stream" else summary)(environ["QUERY_STRING"])


def summary(url: str) -> list[bytes]:
    """Crawl to the end, at most ten seconds, and answer with all of it."""
    rows, report = trio_crawl.collect(url, fetch=site(), parse=parse, max_time=10, delay=0)
    return [json.dumps({"ended": report.ended, "pages": report.pages, "rows": rows}).encode()]


def stream(url: str) -> Iterator[bytes]:
    """Answer row by row; a client that goes away closes this, and with it ends the crawl."""
    with trio_crawl.iterate(url, fetch=site(), parse=parse, delay=0) as rows:
        for row in rows:
            yield json.dumps(row).encode() + b"\n"


def parse(page: trio_crawl.Page) -> Iterator[object]:
    """Yield links, and a row."""
    yield from page.links()
    yield {"url": page.url, "title": page.title}


def site() -> MemoryWeb:
    """Return a site in memory."""
    web = MemoryWeb()
    web.links("https://shop.test/", ["/tea", "/cup", "/pot"], title="Shop")
    for name in ("tea", "cup", "pot"):
        web.add(f"https://shop.test/{name}", f"<title>{name.title()}</title>")
    return web


def show(status: str, _headers: object, _error: object = None, /) -> Callable[[bytes], object]:
    """Take the status, as a server does."""
    return print(status) or print


if __name__ == "__main__":
    for path in ("/summary", "/stream"):
        environ: WSGIEnvironment = {"PATH_INFO": path, "QUERY_STRING": "https://shop.test/"}
        setup_testing_defaults(environ)
        print(b"".join(application(environ, show)).decode())
