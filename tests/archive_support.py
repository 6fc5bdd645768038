"""Archives as other tools write them, and as nobody should: records put together byte by byte."""

from __future__ import annotations

import gzip
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from trio_crawl import Page, Report, Request, crawl

try:
    from compression import zstd  # type: ignore[import-not-found, unused-ignore]
except ImportError:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


def _framed(data: bytes) -> bytes:
    return bytes(zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1}))


HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"
DATE = "2020-01-02T03:04:05Z"
MORE = {".warc": lambda record: record, ".warc.gz": gzip.compress, ".warc.zst": _framed}
"""How a record is packed, by the suffix of its file."""


def record(  # noqa: PLR0913 - what a record has
    kind: str,
    url: str | None,
    block: bytes = b"",
    *fields: tuple[str, str],
    id_: str | None = None,
    date: str | None = DATE,
    length: object = None,
) -> bytes:
    """Return one record; *length* is what it says of the length of its block, "" for nothing."""
    head = [("WARC-Type", kind), ("WARC-Record-ID", f"<urn:x:{id_ or url}>")]
    head += ([] if url is None else [("WARC-Target-URI", url)]) + (
        [] if date is None else [("WARC-Date", date)]
    )
    said = len(block) if length is None else length
    head += [*fields, *([("Content-Length", str(said))] if said != "" else [])]
    lines = "".join(f"{name}: {value}\r\n" for name, value in head)
    return b"WARC/1.1\r\n" + lines.encode() + b"\r\n" + block + b"\r\n\r\n"


def response(
    url: str,
    body: bytes = b"<p>text",
    *fields: tuple[str, str],
    head: bytes = HTML,
    **told: Any,  # noqa: ANN401 - of a record
) -> bytes:
    """Return the record of a response."""
    return record("response", url, head + body, *fields, **told)


def archive(path: Path, *records: bytes) -> Path:
    """Write *records* to *path*, each packed as its suffix says."""
    suffix = next(one for one in MORE if path.name.endswith(one))
    path.write_bytes(b"".join([MORE[suffix](one) for one in records]))
    return path


def replayed(path: object, seeds: Sequence[str | Request], **keywords: Any) -> tuple[list[Page], Report]:  # noqa: ANN401 - of crawl()
    """Return the pages of a crawl of *seeds* from an archive, and its report."""
    pages: list[Page] = []

    def parse(page: Page) -> Iterator[Any]:
        pages.append(page)
        yield from page.links()

    run = partial(crawl, list(seeds), fetch=path, parse=parse, robots=False, **keywords)
    report = trio.run(run)
    return sorted(pages, key=lambda page: page.url), report


def page_of(path: object, url: str | Request, **keywords: Any) -> Page:  # noqa: ANN401 - of crawl()
    """Return the one page of an archive that a URL is."""
    (page,), _ = replayed(path, [url], max_depth=0, **keywords)
    return page
