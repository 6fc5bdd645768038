"""Graphs of links."""

from __future__ import annotations

import csv
import gzip
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import networkx as nx
import pytest
from crawl_support import SITE, lines_of
from export_support import crawled

from trio_crawl import UsageError
from trio_crawl._export.graph import Graph, read_graph, write_edges, write_graphml

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from pathlib import Path


def graphml_of(source: Path, target: Path) -> Any:  # noqa: ANN401 - networkx has no types
    """Return what networkx reads of the graph that is made from *source*."""
    with closing(Graph()) as graph:
        read_graph(source, graph)
        write_graphml(graph, target)
    return nx.read_graphml(target)


def edges_of(found: Any) -> set[tuple[str, str]]:  # noqa: ANN401 - likewise
    urls = {node: data["url"] for node, data in found.nodes(data=True)}
    return {(urls[source], urls[target]) for source, target in found.edges()}


def test_a_graph_of_pages_has_what_is_known_of_each(tmp_path: Path) -> None:
    """Every page and every URL that was linked to is a node; networkx reads them with their fields."""
    crawled(tmp_path / "pages.jsonl", tmp_path / "links.tsv")
    found = graphml_of(tmp_path / "pages.jsonl", tmp_path / "x.graphml")
    nodes = {data["url"]: data for _, data in found.nodes(data=True)}
    assert nodes[SITE] == {
        "url": SITE,
        "outcome": "page",
        "status": 200,
        "depth": 0,
        "title": "Start & <more>",
    }
    assert nodes[f"{SITE}missing"]["status"] == 404
    assert nodes[f"{SITE}broken"]["outcome"] == "protocol"
    assert found.is_directed()
    assert edges_of(found) == {(source, target) for source, target in lines_of(tmp_path / "links.tsv")}


@pytest.mark.parametrize("name", ["links.tsv", "links.csv", "links.tsv.gz", "links.csv.zst"])
def test_a_graph_of_links_has_the_same_edges(tmp_path: Path, name: str) -> None:
    """A table of links, also a compressed one, makes the graph of the pages."""
    plain = tmp_path / name.removesuffix(".gz").removesuffix(".zst")
    crawled(tmp_path / "pages.jsonl", plain)
    if name.endswith(".gz"):
        (tmp_path / name).write_bytes(gzip.compress(plain.read_bytes()))
    elif name.endswith(".zst"):
        (tmp_path / name).write_bytes(zstd.compress(plain.read_bytes()))
    one = graphml_of(tmp_path / name, tmp_path / "one.graphml")
    two = graphml_of(tmp_path / "pages.jsonl", tmp_path / "two.graphml")
    assert edges_of(one) == edges_of(two)


def test_a_graph_of_a_state_is_how_each_was_found(tmp_path: Path) -> None:
    """Every URL has one edge, from the page that led to it first; a seed has none."""
    crawled(tmp_path / "links.tsv", state=tmp_path / "crawl.db")
    found = graphml_of(tmp_path / "crawl.db", tmp_path / "x.graphml")
    nodes = {data["url"]: data for _, data in found.nodes(data=True)}
    assert set(nodes) == {SITE} | {
        f"{SITE}{name}" for name in ("one", "two?b=2&a=1", "missing", "broken", "again", "moved")
    }
    assert edges_of(found) == {(SITE, url) for url in nodes if url != SITE}
    assert (nodes[f"{SITE}broken"]["outcome"], nodes[f"{SITE}one"]["status"]) == ("protocol", 200)
    assert nodes[f"{SITE}one"]["depth"] == 1


def test_a_graph_is_made_of_a_database_of_pages(tmp_path: Path) -> None:
    """A SQLite output has the nodes and edges of the JSON lines of the same crawl."""
    crawled(tmp_path / "x.sqlite", tmp_path / "pages.jsonl")
    one = graphml_of(tmp_path / "x.sqlite", tmp_path / "one.graphml")
    two = graphml_of(tmp_path / "pages.jsonl", tmp_path / "two.graphml")
    assert edges_of(one) == edges_of(two)
    nodes = [{data["url"]: data for _, data in found.nodes(data=True)} for found in (one, two)]
    assert nodes[0] == nodes[1]


@pytest.mark.parametrize(("name", "delimiter"), [("edges.tsv", "\t"), ("edges.csv", ",")])
def test_a_list_of_edges_has_each_once(tmp_path: Path, name: str, delimiter: str) -> None:
    """Under a header, source and target, in the order in which the pages were told."""
    crawled(tmp_path / "links.tsv")
    with closing(Graph()) as graph:
        for _ in range(2):
            read_graph(tmp_path / "links.tsv", graph)
        write_edges(graph, tmp_path / name)
    with (tmp_path / name).open(encoding="utf-8", newline="") as file:
        header, *edges = csv.reader(file, delimiter=delimiter)
    assert header == ["source", "target"]
    assert sorted(edges) == sorted(lines_of(tmp_path / "links.tsv"))


def test_what_xml_can_not_say_is_replaced(tmp_path: Path) -> None:
    """A title with a control character, or half of a surrogate pair, is a valid file all the same."""
    (tmp_path / "x.jsonl").write_text(
        '{"url": "http://a.test/", "status": 200, "depth": 0, "title": "a\\u0000b\\u0007c", "links": []}\n'
    )
    found = graphml_of(tmp_path / "x.jsonl", tmp_path / "x.graphml")
    assert [data["title"] for _, data in found.nodes(data=True)] == ["a\ufffdb\ufffdc"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.txt", b"", "this is none of them"),
        ("none.jsonl", None, "there is no file"),
        ("x.tsv", b"title\tprice\n", "no table of links: its columns are title, price"),
        ("x.tsv", b"source_url\tparsed_url\nhttp://a.test/\n", "a row has 1 cells"),
        ("x.jsonl", b'{"text": "a"}\n', "line 1 is no page"),
        ("x.jsonl", b"\xff\n", "can't be read"),
        ("x.tsv.gz", b"no gzip", "can't be read"),
        ("x.tsv.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"\xff" * 20, "can't be read"),
        ("x.tsv.zst", b"no zstd", "can't be read"),
        ("x.db", b"no database, but long enough for one to be looked at", "is no database of a crawl"),
        ("x.sqlite", b"", "neither a state nor an output"),
    ],
)
def test_what_says_nothing_of_links_is_refused(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    """By its name, with what is wrong with it."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with closing(Graph()) as graph, pytest.raises(UsageError, match=message):
        read_graph(tmp_path / name, graph)
