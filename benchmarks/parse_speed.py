"""What it takes to read a page: ours stage by stage, and its links beside what others use.

    python -m benchmarks.parse_speed [--rounds 7] [--pages 500] [--results DIRECTORY]

Pages of 20 KB with 60 links each, of the benchmark's site, are read from memory, from
bytes to absolute URLs, all in one process on one thread. Each round every contestant reads
all pages, the first of a round being another each time; figures are medians of the
rounds, in microseconds of CPU a page. It ends with an error if they don't find the same links.

It needs the extra ``bench``: ``pip install -e '.[bench]'``.
"""

from __future__ import annotations

import argparse
import gc
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin

import turbohtml
from bs4 import BeautifulSoup
from lxml import html as lxml_html
from parsel import Selector
from scrapy.http import HtmlResponse
from scrapy.linkextractors import LinkExtractor
from selectolax.lexbor import LexborHTMLParser

from trio_crawl._parse.anchors import anchor_links, document_base
from trio_crawl._parse.cost import is_cheap
from trio_crawl._parse.html import HtmlDocument
from trio_crawl._parse.links import LinkCache
from trio_crawl._parse.tree import Tree

from . import machine, site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_HERE: Final = Path(__file__).parent
_TYPE: Final = "text/html; charset=utf-8"
_ORIGIN: Final = "http://site.test"
_PACKAGES: Final = ("turbohtml", "ada-url", "selectolax", "scrapy", "parsel", "lxml", "beautifulsoup4")
_MICRO: Final = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A page before it is parsed.

    Args:
        url: where it is from.
        content: its bytes.
    """

    url: str
    content: bytes


def main() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parse_speed", description="Compare parsing.")
    parser.add_argument("--rounds", type=int, default=7, help="how often each reads all pages (default 7)")
    parser.add_argument(
        "--pages", type=int, default=500, help="how many there are, 100 or more (default 500)"
    )
    parser.add_argument("--results", type=Path, default=_HERE / "results", help="where the results go")
    arguments = parser.parse_args()
    sources = _sources(arguments.pages)
    _check(sources[:50])
    contestants = _medians([_round(CONTESTANTS, sources, number) for number in range(arguments.rounds)])
    stages = _medians([_stages(sources) for _ in range(arguments.rounds)])
    facts = machine.facts(*_PACKAGES)
    text = _report(facts, contestants, stages, arguments)
    print(text)
    arguments.results.mkdir(parents=True, exist_ok=True)
    results = {"machine": facts, "microseconds": contestants, "stages": stages}
    (arguments.results / "parse_speed.json").write_text(json.dumps(results, indent=2) + "\n")
    (arguments.results / "parse_speed.md").write_text(text)


def _sources(pages: int) -> list[Source]:
    with tempfile.TemporaryDirectory() as scratch:
        site.make(Path(scratch), pages=pages)
        return [
            Source(url=_ORIGIN + path, content=Path(scratch, name.lstrip("/")).read_bytes())
            for path in map(site.path, range(pages))
            for name in [path + ("index.html" if path.endswith("/") else "")]
        ]


def _ours() -> Callable[[Source], list[str]]:
    cache = LinkCache()

    def links(source: Source) -> list[str]:
        page = HtmlDocument(source.content, content_type=_TYPE, url=source.url, cache=cache)
        return [link.url for link in page.links()]

    return links


def _lexbor() -> Callable[[Source], list[str]]:
    def links(source: Source) -> list[str]:
        tree = LexborHTMLParser(source.content.decode("utf-8", "replace"))
        found = (node.attributes["href"] or "" for node in tree.css("a[href], area[href]"))
        return list(dict.fromkeys(urljoin(source.url, href) for href in found))

    return links


def _turbohtml() -> Callable[[Source], list[str]]:
    def links(source: Source) -> list[str]:
        tree = turbohtml.parse(source.content.decode("utf-8", "replace"), positions=False)
        found = (element.attr("href") or "" for element in tree.select("a[href], area[href]"))
        return list(dict.fromkeys(urljoin(source.url, href) for href in found))

    return links


def _scrapy() -> Callable[[Source], list[str]]:
    extractor = LinkExtractor()

    def links(source: Source) -> list[str]:
        response = HtmlResponse(source.url, body=source.content, headers={"Content-Type": _TYPE})
        return [link.url for link in extractor.extract_links(response)]

    return links


def _parsel() -> Callable[[Source], list[str]]:
    def links(source: Source) -> list[str]:
        selector = Selector(text=source.content.decode("utf-8", "replace"))
        found = selector.xpath("//a/@href | //area/@href").getall()
        return list(dict.fromkeys(urljoin(source.url, href) for href in found))

    return links


def _lxml() -> Callable[[Source], list[str]]:
    def links(source: Source) -> list[str]:
        tree = lxml_html.document_fromstring(source.content)
        found = tree.xpath("//a/@href | //area/@href")
        return list(dict.fromkeys(urljoin(source.url, href) for href in found))

    return links


def _soup(builder: str) -> Callable[[Source], list[str]]:
    def links(source: Source) -> list[str]:
        soup = BeautifulSoup(source.content, builder, from_encoding="utf-8")
        found = (str(element["href"]) for element in soup.find_all(["a", "area"], href=True))
        return list(dict.fromkeys(urljoin(source.url, href) for href in found))

    return links


CONTESTANTS: Final[dict[str, Callable[[], Callable[[Source], list[str]]]]] = {
    "trio_crawl": _ours,
    "turbohtml and urljoin": _turbohtml,
    "selectolax and urljoin": _lexbor,
    "lxml and urljoin": _lxml,
    "parsel and urljoin": _parsel,
    "Scrapy's LinkExtractor": _scrapy,
    "BeautifulSoup on lxml": lambda: _soup("lxml"),
    "BeautifulSoup on html.parser": lambda: _soup("html.parser"),
}


def _check(sources: Sequence[Source]) -> None:
    """See that all contestants find the same on these pages."""
    readers = {name: make() for name, make in CONTESTANTS.items()}
    for source in sources:
        expected = sorted(readers["trio_crawl"](source))
        assert len(expected) == site.LINKS, source.url
        for name, links in readers.items():
            if sorted(links(source)) != expected:
                raise SystemExit(f"{name} finds other links on {source.url}")


def _round(
    contestants: Mapping[str, Callable[[], Callable[[Source], list[str]]]],
    sources: Sequence[Source],
    number: int,
) -> dict[str, float]:
    """Return the microseconds of CPU a page of each contestant, all pages read once."""
    names = list(contestants)
    start = number % len(names)
    spent = {}
    for name in names[start:] + names[:start]:
        links = contestants[name]()
        gc.collect()
        before = time.process_time()
        for source in sources:
            links(source)
        spent[name] = (time.process_time() - before) / len(sources) * _MICRO
    return spent


def _stages(sources: Sequence[Source]) -> dict[str, float]:
    """Return the microseconds of CPU a page of each stage of ours."""
    spent = dict.fromkeys(("decode", "predict", "parse", "links", "title, directives", "free the tree"), 0.0)
    cache = LinkCache()
    for source in sources:
        marks = [time.process_time()]
        marks.extend(time.process_time() for _ in _one_page(source, cache))
        for name, begin, end in zip(spent, marks, marks[1:], strict=False):
            spent[name] += end - begin
    return {name: seconds / len(sources) * _MICRO for name, seconds in spent.items()}


def _one_page(source: Source, cache: LinkCache) -> Iterator[None]:
    """Take one page through the stages, and yield after each."""
    page = HtmlDocument(source.content, content_type=_TYPE, url=source.url, cache=cache, bounded=True)
    text = page.html
    yield
    assert is_cheap(text)
    yield
    tree = Tree(text)
    yield
    found = anchor_links(tree, cache.base(document_base(tree, source.url, "utf-8"), "utf-8"))
    yield
    _ = tree.tagged("title")[0].text, tree.tagged("meta")
    yield
    del tree, found, page
    yield


def _medians(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: median(one[name] for one in rounds) for name in rounds[0]}


def _report(
    facts: Mapping[str, str],
    contestants: Mapping[str, float],
    stages: Mapping[str, float],
    arguments: argparse.Namespace,
) -> str:
    ours = contestants["trio_crawl"]
    work = (
        f"From the bytes of a page to its absolute links, {arguments.pages} pages of 20 KB with "
        f"{site.LINKS} links each; medians of {arguments.rounds} rounds in one process. "
        "All found the same links."
    )
    lines = [
        "# Parse speed",
        "",
        work,
        "",
        "| | µs of CPU a page | times ours |",
        "|---|---:|---:|",
        *(
            f"| {name} | {spent:,.0f} | {spent / ours:.1f} |"
            for name, spent in sorted(
                contestants.items(), key=lambda item: (item[0] != "trio_crawl", item[1])
            )
        ),
        "",
        "Ours by stages, each timed by itself:",
        "",
        "| stage | µs of CPU a page |",
        "|---|---:|",
        *(f"| {name} | {spent:,.1f} |" for name, spent in stages.items()),
        "",
        *(f"- {name}: {value}" for name, value in facts.items()),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
