"""Whole crawls into every format: a slow output, one that fails, one that is gone on with."""

from __future__ import annotations

import csv
import random
import resource
import shutil
import sqlite3
from contextlib import closing, contextmanager
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, asked, counts, objects_of, virtual
from kill_rows import rows_in
from state_support import run_virtually, small_site
from trio.testing import MockClock

import trio_crawl
from trio_crawl import UsageError
from trio_crawl.__main__ import main
from trio_crawl.testing import MemoryWeb, cancel_everywhere
from trio_crawl.writers import Files, Lines, Parquet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trio_crawl import Page

FORMATS = (
    *("links.tsv", "links.csv", "pages.jsonl", "pages.jsonl.gz", "links.tsv.zst", "part-{n}.csv"),
    *("pages.sqlite", "pages.parquet"),
)


def output(folder: Path, name: str, *, part: int = 2000) -> Any:  # noqa: ANN401 - what `write=` takes
    """Return the output of that name, in parts of so many bytes if it has parts."""
    if name == "part-{n}.csv":
        return Lines(folder / name, rotate=part)
    if name == "pages.parquet":
        return Parquet(folder / name, part_size=part)
    return folder / name


def rows_of_size(page: Page, *, size: int) -> Iterator[object]:
    """Yield the links of a page, and a row of so many bytes that no compression makes much smaller."""
    yield from page.links()
    text = random.Random(page.url).randbytes(size // 2).hex()  # noqa: S311 - text of no meaning
    yield {"url": page.url, "text": text}


@contextmanager
def small_files(size: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes: writing more fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", FORMATS)
def test_an_output_that_fails(tmp_path: Path, name: str) -> None:
    """The crawl ends with the output's own error; mended, the same call has every row once."""
    plain = tmp_path / "plain"
    plain.mkdir()
    large = partial(rows_of_size, size=100_000)
    run_virtually(plain, small_site(50), write=output(plain, name, part=10**8), parse=large, delay=2)
    folder = tmp_path / "fails"
    folder.mkdir()
    web = small_site(50)
    crawl = partial(run_virtually, folder, web, parse=large, delay=2)
    with small_files(2_000_000), pytest.raises((OSError, sqlite3.Error)) as caught:
        crawl(write=output(folder, name, part=10**8))
    assert "while writing" in caught.value.__notes__[0]
    assert 8 < len(asked(web)) < 48
    report = crawl(write=output(folder, name, part=10**8))
    assert (report.ended, report.pages, report.pending) == ("done", 50, 0)
    assert sorted(rows_in(folder, name)) == sorted(rows_in(plain, name))


@virtual
async def test_a_slow_output_slows_the_fetching(tmp_path: Path) -> None:
    """While it is busy with one batch, three more are gathered, and then nothing more is fetched."""

    class Slow:
        def __init__(self, inner: Lines) -> None:
            self._inner = inner
            self.written = 0

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever it has
            return getattr(self._inner, name)

        async def write(self, items: Any) -> Any:  # noqa: ANN401 - of the writer around which this is
            await trio.sleep(1000 if items else 0)
            position = await self._inner.write(items)
            self.written += len(items)
            ahead.append(len(asked(web)) - self.written)
            return position

    ahead: list[int] = []
    web = MemoryWeb()
    web.links(SITE, [f"/{number}" for number in range(300)])
    for number in range(300):
        web.links(f"{SITE}{number}", [])
    parse = partial(rows_of_size, size=20_000)
    slow = Slow(Lines(tmp_path / "pages.jsonl"))
    report = await trio_crawl.crawl(SITE, fetch=web, write=slow, parse=parse, delay=0)
    assert report.pages == slow.written == 301
    assert report.elapsed > 1000 * 301 / 15
    # 14 rows of 20 KB make a batch of 256 KiB.
    assert 14 < max(ahead) < 3 * 14 + 64


@virtual
async def test_a_slow_function_slows_the_fetching() -> None:
    """Rows that wait for a function are bounded by their number."""
    web = MemoryWeb()
    web.links(SITE, [f"/{number}" for number in range(800)])
    for number in range(800):
        web.links(f"{SITE}{number}", [])
    called = 0
    ahead: list[int] = []

    async def take(_row: object) -> None:
        nonlocal called
        await trio.sleep(10)
        called += 1
        ahead.append(len(asked(web)) - called)

    report = await trio_crawl.crawl(SITE, fetch=web, write=take, delay=0)
    assert report.pages == called == 801
    assert 64 < max(ahead) < 5 * 64


@pytest.mark.slow
def test_cancelled_anywhere_every_format_goes_on(tmp_path: Path) -> None:
    """Cancelled before a step, a crawl into all formats at once goes on, and has every row once in each."""
    formats = ("pages.jsonl.gz", "links.tsv.zst", "part-{n}.csv", "pages.sqlite", "pages.parquet")
    numbers = count()
    folder = tmp_path

    async def crawl() -> trio_crawl.Report:
        return await trio_crawl.crawl(
            SITE,
            fetch=small_site(6),
            delay=2,
            state=folder / "crawl.db",
            write=[output(folder, name) for name in formats],
        )

    def whole() -> dict[str, list[tuple[str, str]]]:
        return {name: sorted(rows_in(folder, name)) for name in formats}

    async def make() -> None:
        nonlocal folder
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        await crawl()

    trio.run(make, clock=MockClock(autojump_threshold=0))
    expected = whole()

    def check(_step: int, _result: object) -> None:
        report = trio.run(crawl, clock=MockClock(autojump_threshold=0))
        assert counts(report)[0:2] == (6, 6)
        assert whole() == expected
        shutil.rmtree(folder)

    cancel_everywhere(make, first=2, stride=7, bound=6, check=check)


@pytest.mark.parametrize("name", FORMATS)
def test_a_row_that_can_not_be_held_is_named(tmp_path: Path, name: str) -> None:
    """The error of each format names the row, the field and the page, and nothing of that page is written."""

    def parse(page: Page) -> Iterator[object]:
        yield from page.links()
        yield {"url": page.url, "thing": None}
        yield {"url": page.url, "thing": object() if page.url.endswith("/2") else None}

    with pytest.raises(trio_crawl.RowError) as caught:
        run_virtually(tmp_path, small_site(5), write=output(tmp_path, name), parse=parse, delay=2)
    assert f"row 2 of {SITE}2: the field 'thing' can't be written" in str(caught.value)
    assert {url for url, _ in rows_in(tmp_path, name)} <= {SITE, f"{SITE}1"}


CHECKED = ("pages.jsonl.gz", "links.tsv.zst", "part-{n}.csv", "pages.sqlite", "pages.parquet")


@pytest.mark.parametrize("own_rows", [False, True], ids=["pages", "own rows"])
def test_the_command_checks_every_format(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], own_rows: bool
) -> None:
    """``trio-crawl check`` finds a sound crawl sound, in whatever format, and what is gone from each."""
    outputs = [output(tmp_path, name, part=300) for name in CHECKED]
    parse = partial(rows_of_size, size=3000) if own_rows else None
    run_virtually(tmp_path, small_site(12), write=outputs, parse=parse, delay=2)
    paths = [str(tmp_path / name) for name in CHECKED]
    assert main(["check", str(tmp_path / "crawl.db"), *paths]) == 0, capsys.readouterr().out
    (tmp_path / "part-2.csv").unlink()
    (tmp_path / "pages.parquet" / "part-00001.parquet").unlink()
    with closing(sqlite3.connect(tmp_path / "pages.sqlite")) as db, db:
        db.execute("UPDATE pages SET title = 'changed' WHERE id = 3")
    for name in ("pages.jsonl.gz", "links.tsv.zst"):
        path = tmp_path / name
        path.write_bytes(path.read_bytes()[:-1])
    capsys.readouterr()
    assert main(["check", str(tmp_path / "crawl.db"), *paths]) == 1
    said = capsys.readouterr().out
    for name in CHECKED:
        assert f"{tmp_path / name}: " in said


@pytest.mark.parametrize("name", ["l.tsv", "l.csv", "l.tsv.gz", "l.csv.zst"])
@virtual
async def test_a_table_that_holds_only_its_header_counts_as_empty(name: str, tmp_path: Path) -> None:
    """What a crawl without links, or one that was cancelled early, left is no reason to refuse the next."""
    path = tmp_path / name
    empty, full = MemoryWeb(), MemoryWeb()
    empty.add(SITE, "no links")
    full.links(SITE, ["/a"])
    await trio_crawl.crawl(SITE, fetch=empty, write=path)
    header = path.read_bytes()
    assert header
    assert (await trio_crawl.crawl(SITE, fetch=full, write=path)).rows == 1
    with pytest.raises(trio_crawl.OutputError, match="exists and is not empty"):
        await trio_crawl.crawl(SITE, fetch=full, write=path)
    for other in (b"source_url\n", b"mine\n", header + b"x", header[:-1]):
        path.write_bytes(other)
        with pytest.raises(trio_crawl.OutputError, match="exists and is not empty"):
            await trio_crawl.crawl(SITE, fetch=full, write=path)
        assert path.read_bytes() == other


def troubled() -> MemoryWeb:
    """Return a site with pages that are well, and some that are not."""
    web = MemoryWeb()
    web.add(SITE, "<a href=/a>a</a><a href=/gone>g</a><a href=/ill>i</a><a href=/down>d</a>")
    web.add(f"{SITE}a", "a")
    web.add(f"{SITE}gone", "<title>Gone, for good</title>", status=410)
    web.add(f"{SITE}ill", status=500)
    web.add(f"{SITE}down", failure="tls")
    return web


@pytest.mark.parametrize("own", [False, True])
@virtual
async def test_only_errors_are_written(own: bool, tmp_path: Path) -> None:
    """Pages of 4xx and 5xx and failures, in each format, with a parser of the user's, too."""

    def parse(page: Page) -> Iterator[Any]:
        yield from page.links()
        yield {"title": page.title}

    outputs = [Lines(tmp_path / name, only="errors") for name in ("e.jsonl", "e.csv", "e.tsv")]
    keywords: dict[str, Any] = {"parse": parse} if own else {}
    web = troubled()
    state = tmp_path / "s.db"
    report = await trio_crawl.crawl(
        SITE, fetch=web, write=outputs, state=state, retries=0, delay=0, **keywords
    )
    objects = {row["url"]: row for row in objects_of(tmp_path / "e.jsonl")}
    assert set(objects) == {f"{SITE}{name}" for name in ("gone", "ill", "down")}
    assert (objects[f"{SITE}gone"]["status"], objects[f"{SITE}gone"]["referrer"]) == (410, SITE)
    assert objects[f"{SITE}down"]["error"]["kind"] == "tls"
    with (tmp_path / "e.csv").open(newline="") as file:
        rows = {row["url"]: row for row in csv.DictReader(file)}
    assert rows[f"{SITE}gone"] == {
        "url": f"{SITE}gone",
        "status": "410",
        "error": "",
        "message": "Gone, for good",
        "referrer": SITE,
        "attempts": "1",
    }
    assert (rows[f"{SITE}down"]["status"], rows[f"{SITE}down"]["error"]) == ("", "tls")
    assert len((tmp_path / "e.tsv").read_text().splitlines()) == 4
    assert report.rows == 9
    assert main(["check", str(state), *(str(tmp_path / name) for name in ("e.jsonl", "e.csv", "e.tsv"))]) == 0
    with pytest.raises(UsageError, match="only= is 'all'"):
        Lines(tmp_path / "x.tsv", only="all")  # type: ignore[arg-type]


@virtual
async def test_files_of_some_pages(tmp_path: Path) -> None:
    """``where`` says of which; what it raises ends the crawl."""
    web = MemoryWeb()
    web.links(SITE, ["/a.html", "/b.pdf"])
    web.add(f"{SITE}a.html", "a")
    web.add(f"{SITE}b.pdf", "%PDF", content_type="application/pdf")
    output = Files(tmp_path / "mirror", where=lambda page: page.content_type == "application/pdf")
    report = await trio_crawl.crawl(SITE, fetch=web, write=output, delay=0)
    assert report.rows == 1
    [line] = objects_of(tmp_path / "mirror/files.jsonl")
    assert line["url"] == f"{SITE}b.pdf"

    def broken(_page: Page) -> bool:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await trio_crawl.crawl(SITE, fetch=web, write=Files(tmp_path / "other", where=broken), delay=0)
    with pytest.raises(UsageError, match="where= is 5"):
        Files(tmp_path / "x", where=5)  # type: ignore[arg-type]
