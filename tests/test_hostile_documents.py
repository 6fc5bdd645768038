"""Documents that ask much of a parser, through whole crawls: each costs one failure at most, and no time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
from crawl_support import SITE, lines_of, objects_of, virtual
from hostile_documents import FAMILY, bound

from trio_crawl import Headers, crawl
from trio_crawl._parse import worker
from trio_crawl.testing import MemoryWeb, asserts_no_leaks, serving

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from trio_crawl import Hop, Response
    from trio_crawl.abc import Environment

MIB = 1024 * 1024
ROOT = Path(__file__).resolve().parents[1]
LINKS = "<title>T</title><a href=/linked>linked</a>"


class RealTime:
    """A web in memory for which the crawl lives in real time, and talks to its processes as ever."""

    opens_connections = False
    virtual = False

    def __init__(self, web: MemoryWeb) -> None:
        self._web = web

    def open(self, environment: Environment) -> AbstractAsyncContextManager[None]:
        """Serve one crawl."""
        return self._web.open(environment)

    async def fetch(self, hop: Hop) -> Response:
        """Answer one request."""
        return await self._web.fetch(hop)


class Longest(trio.abc.Instrument):
    """Measures the longest step of a task, in seconds of the loop's processor time."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.task = ""
        self._began: float | None = None

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Begin to count."""
        del task
        self._began = time.thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Keep the longest."""
        if self._began is not None and (taken := time.thread_time() - self._began) > self.seconds:
            self.seconds, self.task = taken, task.name


async def crawled(size: int, names: list[str], folder: Path) -> Longest:
    """Crawl a site of documents of the family, with ordinary pages between them."""
    web = MemoryWeb()
    web.links(SITE, [f"/{number}" for number in range(2 * len(names))])
    for number, name in enumerate(names):
        web.add(f"{SITE}{2 * number}", FAMILY[name](size))
        web.links(f"{SITE}{2 * number + 1}", ["/"])
    longest = Longest()
    path = folder / "found.jsonl"
    async with asserts_no_leaks():
        report = await crawl(
            SITE,
            fetch=RealTime(web),
            write=path,
            overwrite=True,
            delay=0,
            max_depth=1,
            max_bytes=16 * MIB,
            # Made once the documents are, which takes longer than anything here.
            follow=lambda link: trio.lowlevel.add_instrument(longest) or link.url.startswith(SITE),
        )
    trio.lowlevel.remove_instrument(longest)
    assert {kind for kind, many in report.failed.items() if many} <= {"parse"}
    rows = {row["url"]: row for row in objects_of(path)}
    assert len(rows) == 2 * len(names) + 1
    for number in range(len(names)):
        assert rows[f"{SITE}{2 * number + 1}"]["links"] == [SITE]
    return longest


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize(
    ("size", "names"),
    [
        (64 * 1024, list(FAMILY)),
        (1000 * 1024, list(FAMILY)[::2]),
        (10 * MIB, list(FAMILY)[::8]),
    ],
    ids=["64 KiB", "1000 KiB", "10 MiB"],
)
def test_no_document_keeps_the_loop_busy(
    size: int, names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event loop is never held for more than 50 ms, and the pages beside them are written as ever."""
    # How long a process may take makes no difference to the loop, but to this test.
    monkeypatch.setattr(worker, "PARSE_SECONDS", 0.5)
    for _ in range(3):
        longest = trio.run(crawled, size, names, tmp_path)
        if longest.seconds <= bound():
            return
    pytest.fail(f"{longest.task} took {longest.seconds * 1000:.0f} ms")


class Typeless(RealTime):
    """A web in memory that says nothing of what it sends."""

    virtual = True

    async def fetch(self, hop: Hop) -> Response:
        """Answer one request without a header."""
        return replace(await super().fetch(hop), headers=Headers())


# By name: the content, its type, and what comes of it: the links of the page, "parse", or either (None).
DOCUMENTS: dict[str, tuple[bytes, str | None, list[str] | str | None]] = {
    "a PDF that says it is HTML": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + os.urandom(5000), "text/html", None),
    "HTML that says it is an image": (LINKS.encode(), "image/png", []),
    "HTML that says nothing": (LINKS.encode(), None, [SITE + "linked"]),
    "a picture that says nothing": (b"\x89PNG\r\n\x1a\n" + LINKS.encode(), None, []),
    "a picture that says it is HTML": (b"\x89PNG\r\n\x1a\n" + b"\0" * 5000, "text/html", []),
    "null bytes": (
        b"\0" * 1000 + LINKS.encode().replace(b"title", b"ti\0tle"),
        "text/html",
        [SITE + "linked"],
    ),
    "null bytes alone": (b"\0" * 500_000, "text/html", []),
    "lone surrogates in UTF-16": (
        b"\x00\xd8" * 50_000 + LINKS.encode("utf-16le"),
        "text/html; charset=utf-16le",
        [SITE + "linked"],
    ),
    "lone surrogates in UTF-8": (b"\xed\xa0\x80" * 50_000 + LINKS.encode(), "text/html", [SITE + "linked"]),
    "lone surrogates in references": (b"&#xD800;" * 10_000 + LINKS.encode(), "text/html", [SITE + "linked"]),
    "lone surrogates in a link": (b"<a href='/&#xDC00;\xed\xb0\x80'>x</a>", "text/html", None),
    "bytes that mean nothing": (
        b"\xff" * 300_000 + LINKS.encode(),
        "text/html; charset=gbk",
        [SITE + "linked"],
    ),
    "a page of 100 MB": (LINKS.encode() + b"<p>text " * (100 * MIB // 8), "text/html", None),
    "a text of 100 MB": (LINKS.encode() + b"text " * (100 * MIB // 5), "text/html", None),
    "a million links": (
        LINKS.encode() + b"".join(b"<a href=%d>" % n for n in range(1_000_000)),
        "text/html",
        None,
    ),
    "50,000 attributes": (
        LINKS.encode() + b"<p " + b" ".join(b"a%d" % n for n in range(50_000)) + b">",
        "text/html",
        [SITE + "linked"],
    ),
    "elements in one another": (LINKS.encode() + b"<div>" * 200_000, "text/html", [SITE + "linked"]),
    "attributes of many bodies": (
        LINKS.encode() + b"".join(b"<body a%d>" % n for n in range(50_000)),
        "text/html",
        "parse",
    ),
    "formatting of many kinds": (
        LINKS.encode() + b"".join(b"<p><b a%d>" % n for n in range(50_000)),
        "text/html",
        "parse",
    ),
    "frames in frames": (
        LINKS.encode() + b"<iframe srcdoc='" + b"&lt;p>&lt;b a&gt;" * 50_000 + b"'></iframe>",
        "text/html",
        None,
    ),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_hostile_document_costs_itself_at_most(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a page or a failure of kind ``parse``; the pages beside it are as without it."""
    monkeypatch.setattr(worker, "PARSE_SECONDS", 4.0)
    content, content_type, expected = DOCUMENTS[name]
    web = MemoryWeb()
    web.links(SITE, ["/before", "/hostile", "/after"])
    web.add(SITE + "hostile", content, content_type=content_type)
    web.links(SITE + "before", ["/x"])
    web.links(SITE + "after", ["/y"])

    @virtual
    async def run() -> None:
        await crawl(
            SITE,
            fetch=Typeless(web) if content_type is None else web,
            write=[tmp_path / "found.jsonl", tmp_path / "found.tsv"],
            max_depth=1,
            max_bytes=200 * MIB,
            max_links=1000,
        )

    run()
    rows = {row["url"].removeprefix(SITE): row for row in objects_of(tmp_path / "found.jsonl")}
    assert list(rows) == ["", "before", "hostile", "after"]
    assert rows["before"]["links"] == [SITE + "x"]
    assert rows["after"]["links"] == [SITE + "y"]
    row = rows["hostile"]
    if "error" in row:
        assert row["error"]["kind"] == "parse"
        assert expected in ("parse", None)
    else:
        assert row["bytes"] == len(content)
        assert expected in (row["links"], None)
    tsv = [url for source, url in lines_of(tmp_path / "found.tsv") if source == SITE + "hostile"]
    assert tsv == row.get("links", [])


def first_example(url: str) -> str:
    """Return the README's first example, for a site on this machine."""
    found = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    code = found[1]
    assert "https://docs.python.org/3/" in code
    assert "__name__" not in code
    code = code.replace('"https://docs.python.org/3/"', f'"{url}", allow_private=True, delay=0')
    note = "import os, pathlib\nwith open('starts', 'a') as starts: starts.write(f'{os.getpid()}\\n')\n"
    after = (
        "own = pathlib.Path('/proc/self/task')\n"
        "print('children:', [path.read_text() for path in own.glob('*/children') if path.read_text()])\n"
    )
    return note + code + after


async def test_the_first_example_crawls_once(tmp_path: Path) -> None:
    """As a script, with nothing to guard its `trio.run`, on a site with a page that goes to a process."""
    web = MemoryWeb()
    web.add(SITE, "<a href=one>1</a><a href=hostile>h</a><a href=two>2</a>")
    web.add(SITE + "one", "<a href=./>home</a>")
    web.add(SITE + "two", "<a href=one>1</a>")
    web.add(SITE + "hostile", "<a href=deep>d</a>" + "<p><b>x</b>" * 180_000)
    async with serving(web, origin=SITE) as base:
        url = base.rstrip("/") + "/"
        (tmp_path / "example.py").write_text(first_example(url), encoding="utf-8")
        done = await trio.run_process(
            [sys.executable, "example.py"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_stdout=True,
            stderr=subprocess.STDOUT,
            check=False,
        )
    output = done.stdout.decode()
    assert done.returncode == 0, output
    assert output.count("Crawl done") == 1
    assert "children: []" in output
    assert len((tmp_path / "starts").read_text().splitlines()) == 1
    assert sorted(lines_of(tmp_path / "found.tsv")) == sorted(
        [url + source, url + target]
        for source, target in [
            ("", "one"),
            ("", "hostile"),
            ("", "two"),
            ("one", ""),
            ("two", "one"),
            ("hostile", "deep"),
        ]
    )
