"""Where a crawl begins: URLs, requests, files and iterables, and what is said about those that are none."""

from __future__ import annotations

import os
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, asked, counts, virtual

from trio_crawl import Failure, Page, Request, SeedError, crawl, fetch_page, open_crawl
from trio_crawl.testing import MemoryWeb, Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path


def web() -> MemoryWeb:
    """Return a web that has every page of one site."""
    memory = MemoryWeb()
    memory.otherwise(SITE, lambda _hop: Reply())
    memory.robots(SITE, "")
    return memory


def _generator() -> Iterator[str]:
    yield SITE
    yield f"{SITE}a"


async def _async_generator() -> AsyncIterator[str | Request]:
    yield SITE
    yield Request(f"{SITE}a")


@pytest.mark.parametrize(
    "make",
    [
        lambda: [SITE, Request(f"{SITE}a")],
        lambda: (SITE, f"{SITE}a#fragment"),
        lambda: {SITE: 1, f"{SITE}a": 2},
        _generator,
        _async_generator,
        lambda: iter([SITE, "", "  # a comment", f"  {SITE}a \n", SITE]),
    ],
)
@virtual
async def test_collections_and_sources(make: Callable[[], Any]) -> None:
    """Seeds come from collections, iterators and async iterators alike, each URL once."""
    memory = web()
    report = await crawl(make(), fetch=memory)
    assert asked(memory) == [SITE, f"{SITE}a"]
    assert counts(report) == (2, 2, {}, {}, 0)


@virtual
async def test_a_file(tmp_path: Path) -> None:
    """A file has one URL a line; a byte order mark, blank lines, comments and CR LF do no harm."""
    path = tmp_path / "seeds.txt"
    path.write_bytes(f"\ufeff{SITE}\r\n\r\n# more\r\n{SITE}ä\r\n".encode())
    memory = web()
    report = await crawl(path, fetch=memory)
    assert asked(memory) == [SITE, f"{SITE}%C3%A4"]
    assert report.discovered == 2
    with path.open(encoding="utf-8-sig") as file:
        report = await crawl(file, fetch=memory)
        assert not file.closed
    assert report.discovered == 2


@virtual
async def test_bad_lines_of_a_file_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A line that is no URL does not end the crawl: it is a skip, and the log says what is wrong with it."""
    path = tmp_path / "seeds.txt"
    path.write_text(f"{SITE}\nexample.org/a\nftp://site.test/\n{SITE}a\n")
    report = await crawl(path, fetch=web())
    assert counts(report) == (4, 2, {}, {"bad_seed": 2}, 0)
    assert "did you mean 'https://example.org/a'?" in caplog.text
    assert "only http and https URLs can be fetched" in caplog.text


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        ("", "The URL is empty"),
        ("example.org", "did you mean 'https://example.org/'?"),
        ("/relative", "not an absolute URL; start it with https://"),
        ("ftp://example.org/", "has the scheme 'ftp'; only http and https"),
        ("mailto:a@example.org", "has the scheme 'mailto'"),
        ("https://", "has no host"),
        ("https://exa mple.org/", "white space in its host"),
        ("https://example.org:99999/", "has the port '99999'; a port is a number from 0 to 65535"),
        ("https://ex%41mple..%00/", "no valid domain or IP address; check its spelling"),
        ("http://256.1.1.1/", "no valid domain or IP address"),
        (b"https://example.org/", "seeds can't be b'https://example.org/': give a URL"),
        (None, "seeds can't be None: give a URL, a Request, the pathlib.Path of a file"),
        (5, "seeds can't be 5"),
        ([SITE, None], "None is no seed: a seed is a URL (a str) or a Request"),
        ("urls.txt", "For a file of URLs, give pathlib.Path('urls.txt')."),
        ([b"https://example.org/"], "is no seed"),
        (Request("example.org"), "did you mean 'https://example.org/'?"),
    ],
)
@virtual
async def test_what_is_no_seed(seed: Any, message: str, tmp_path: Path) -> None:  # noqa: ANN401
    """What is no URL, or no source of URLs, is an error before the first request: it says what is wrong."""
    memory = web()
    with pytest.raises(SeedError) as caught:
        await crawl(seed, fetch=memory, write=tmp_path / "out.tsv")
    assert message in str(caught.value)
    with pytest.raises(SeedError):
        async with open_crawl(seed, fetch=memory):
            pytest.fail("the block was entered")
    if not isinstance(seed, list):
        with pytest.raises(SeedError):
            await fetch_page(seed, fetch=memory)
    assert memory.requests == []
    assert not (tmp_path / "out.tsv").exists()


@virtual
async def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing file, and a folder, is an error before the first request that names it."""
    for path, reason in ((tmp_path / "missing.txt", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(SeedError, match=reason) as caught:
            await crawl(path, fetch=web())
        assert str(path) in str(caught.value)


@virtual
async def test_a_file_that_may_not_be_read(ordinary_user: Path) -> None:
    """A file whose permissions forbid it is an error before the first request."""
    path = ordinary_user / "seeds.txt"
    path.write_text(SITE)
    path.chmod(0)
    with pytest.raises(SeedError, match="Permission denied"):
        await crawl(path, fetch=web())


@pytest.mark.parametrize("number", [1, 3, 500, 5000])
@virtual
async def test_a_file_that_is_no_utf8(number: int, tmp_path: Path) -> None:
    """A file that is not UTF-8 is an error that names the file and the very line."""
    path = tmp_path / "seeds.txt"
    lines = [f"{SITE}{line}".encode() for line in range(1, 6000)]
    lines[number - 1] = b"https://site.test/caf\xe9"
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(SeedError, match="UTF-8|utf-8") as caught:
        await crawl(path, fetch=web(), delay=0, robots=False)
    assert str(path) in str(caught.value)
    assert f"line {number}" in str(caught.value)


@virtual
async def test_an_open_file_of_bytes(tmp_path: Path) -> None:
    """A file that was opened for bytes is an error that says how to open it."""
    path = tmp_path / "seeds.txt"
    path.write_text(f"{SITE}\n")
    with path.open("rb") as file, pytest.raises(SeedError, match="gives bytes: open the file as text"):
        await crawl(file, fetch=web())  # type: ignore[arg-type]


async def _bytes() -> AsyncIterator[Any]:
    yield b"https://site.test/"


@virtual
async def test_async_seeds_that_are_bad() -> None:
    """What an async source gives and is no seed is counted, as in a file."""
    report = await crawl(_bytes(), fetch=web())
    assert counts(report) == (1, 0, {}, {"bad_seed": 1}, 0)


@virtual
async def test_a_file_is_closed_however_the_crawl_ends(tmp_path: Path) -> None:
    """Cancelled, failed or stopped before its end, a crawl closes the file of its seeds."""
    path = tmp_path / "seeds.txt"
    path.write_text("".join(f"{SITE}{number}\n" for number in range(11_000)))
    with trio.move_on_after(5):
        await crawl(path, fetch=web())
    await crawl(path, fetch=web(), max_pages=1)
    with pytest.raises(ZeroDivisionError):
        await crawl(path, fetch=web(), parse=lambda _page: 1 // 0, parse_errors="raise")
    async with open_crawl(path, fetch=web()) as pages:
        async for _page in pages:
            break
    open_files = {os.readlink(f"/proc/self/fd/{number}") for number in _descriptors()}  # noqa: PTH115
    assert str(path) not in open_files


def _descriptors() -> list[str]:
    return [name for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")]  # noqa: PTH110, PTH208


@virtual
async def test_a_file_of_a_million_lines_is_not_held_in_memory(tmp_path: Path) -> None:
    """Of a file of a million lines a bounded part is read ahead, and so memory is bounded."""
    path = tmp_path / "seeds.txt"
    with path.open("w") as file:
        for number in range(1_000_000):
            file.write(f"https://host{number % 50}.test/{number}\n")
    memory = MemoryWeb()
    for number in range(50):
        memory.otherwise(f"https://host{number}.test/", lambda _hop: Reply())
    tracemalloc.start()
    try:
        report = await crawl(path, fetch=memory, max_pages=100, robots=False)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert report.pages == 100
    assert report.discovered < 12_000
    assert peak < 40 * 2**20


@virtual
async def test_a_bad_seed_among_others_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    """One in a collection is skipped, logged and counted, as one in a file is."""
    seeds = [SITE, "ftp://example.org/", "", "# a comment", Request("nowhere"), "no URL", "no URL"]
    collections: tuple[Any, ...] = (seeds, tuple(seeds), iter(seeds))
    for collection in collections:
        caplog.clear()
        report = await crawl(collection, fetch=web(), max_depth=0)
        assert counts(report) == (4, 1, {}, {"bad_seed": 3}, 0)
        left_out = [record.getMessage() for record in caplog.records if "left out" in record.getMessage()]
        assert len(left_out) == 3
        assert "has the scheme 'ftp'" in left_out[0]


@virtual
async def test_what_was_asked_is_kept_as_it_was_written(tmp_path: Path) -> None:
    """``page.request.asked`` is the text of the seed or the request, also of failures, and after a resume."""
    memory = web()
    memory.links(SITE, ["/a"])
    memory.add(f"{SITE}down", failure="connect")
    texts = ["HTTPS://SITE.test", " https://site.test/a#part ", f"{SITE}down"]

    def parse(page: Page) -> Iterator[Any]:
        if page.url == SITE:
            yield Request("../b?x=1#frag", data=1)
            yield Request(f"{SITE}c")
        yield {"asked": page.request.asked, "url": page.url}

    for state in (None, tmp_path / "state.db"):
        asked: dict[str, str] = {}
        for max_pages in (1, None) if state else (None,):
            keywords: dict[str, Any] = {
                "parse": parse,
                "failures": True,
                "retries": 0,
                "max_pages": max_pages,
            }
            async with open_crawl(texts, fetch=memory, state=state, **keywords) as rows:
                async for row in rows:
                    failed = isinstance(row, Failure)
                    asked[row.url if failed else row["url"]] = row.request.asked if failed else row["asked"]
        assert asked == {
            SITE: "HTTPS://SITE.test",
            f"{SITE}a": " https://site.test/a#part ",
            f"{SITE}down": f"{SITE}down",
            f"{SITE}b?x=1": "../b?x=1#frag",
            f"{SITE}c": f"{SITE}c",
        }


@virtual
async def test_a_seed_that_is_too_long_is_none(tmp_path: Path) -> None:
    """By itself it is an error; among others each counts once, by a short text."""
    long = SITE + "x" * 60_000
    for seeds in (long, Request(long)):
        with pytest.raises(SeedError, match="more than 8,000 characters"):
            await crawl(seeds, fetch=web())
    path = tmp_path / "seeds.txt"
    path.write_text(f"{SITE}\n{long}\n{long}y\n{long}\n")
    report = await crawl(path, fetch=web(), state=tmp_path / "s.db")
    assert counts(report) == (3, 1, {}, {"bad_seed": 2}, 0)
    assert (tmp_path / "s.db").stat().st_size < 100_000
