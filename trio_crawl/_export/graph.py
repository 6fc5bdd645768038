"""The graph of what links to what, from the rows of a crawl or from its state: GraphML, or a list of edges.

It goes through a temporary database without a name, so that memory does not grow with it.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import json
import re
import sqlite3
import sys
import zlib
from contextlib import closing
from typing import IO, TYPE_CHECKING, Any, Final, TypeAlias, final
from xml.sax.saxutils import escape

from .._errors import MissingExtraError, UsageError
from .._frontier.schema import APPLICATION_ID, DEEPEST

try:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
except ImportError:  # a Python that was built without it, or a platform without a wheel
    zstd = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

SUFFIXES: Final = (".tsv", ".csv", ".jsonl", ".sqlite", ".db")
"""Of the sources that a graph is made from; the first three also with ``.gz`` or ``.zst``."""

_UNREADABLE: Final[tuple[type[Exception], ...]] = (
    *(OSError, EOFError, UnicodeDecodeError, zlib.error),
    *(() if zstd is None else (zstd.ZstdError,)),
)
_LINKS: Final = ["source_url", "parsed_url"]

_Node: TypeAlias = "tuple[str, str, int | None, int | None, str | None]"
"""URL, what became of it, status, depth, title."""

_Edge: TypeAlias = tuple[str, str]

_SCHEMA: Final = """
CREATE TABLE nodes (
    id INTEGER PRIMARY KEY, url TEXT UNIQUE NOT NULL,
    outcome TEXT, status INTEGER, depth INTEGER, title TEXT
);
CREATE TABLE edges (source INTEGER, target INTEGER, PRIMARY KEY (source, target)) WITHOUT ROWID;
"""

_KEYS: Final = (
    ("url", "string"),
    ("outcome", "string"),
    ("status", "int"),
    ("depth", "int"),
    ("title", "string"),
)

# What XML 1.0 has no character for (section 2.2).
_NO_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@final
class Graph:
    """Nodes and edges, each once, in the order in which they were first told."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(_SCHEMA)
        self._db.execute("BEGIN")

    def close(self) -> None:
        """Remove it."""
        self._db.close()

    def add_node(self, node: _Node) -> None:
        """Add a URL of which it is known what became of it."""
        self._db.execute(
            "INSERT INTO nodes (url, outcome, status, depth, title) VALUES (?, ?, ?, ?, ?) ON CONFLICT (url)"
            " DO UPDATE SET outcome = excluded.outcome, status = excluded.status, depth = excluded.depth,"
            " title = excluded.title",
            node,
        )

    def add_edge(self, edge: _Edge) -> None:
        """Add a link, and the URLs that it joins if they are new."""
        self._db.executemany("INSERT OR IGNORE INTO nodes (url) VALUES (?)", [(url,) for url in edge])
        self._db.execute(
            "INSERT OR IGNORE INTO edges SELECT one.id, two.id FROM nodes AS one, nodes AS two"
            " WHERE one.url = ? AND two.url = ?",
            edge,
        )

    def nodes(self) -> Iterator[tuple[Any, ...]]:
        """Yield number, URL, outcome, status, depth and title of each; None for what is not known."""
        yield from self._db.execute("SELECT * FROM nodes ORDER BY id")

    def edges(self) -> Iterator[tuple[int, int]]:
        """Yield each as the numbers of its nodes."""
        yield from self._db.execute("SELECT source, target FROM edges ORDER BY source, target")

    def named_edges(self) -> Iterator[_Edge]:
        """Yield each as two URLs."""
        yield from self._db.execute(
            "SELECT one.url, two.url FROM edges JOIN nodes AS one ON one.id = source"
            " JOIN nodes AS two ON two.id = target ORDER BY source, target"
        )


def read_graph(path: Path, graph: Graph) -> None:
    """Add to *graph* what the file at *path* says.

    Raises:
        UsageError: it can't be read, or says nothing of links.
    """
    name = path.name.lower().removesuffix(".gz").removesuffix(".zst")
    suffix = name[name.rfind(".") :]
    if suffix not in SUFFIXES:
        raise UsageError(
            f"{path}: a graph is made from {', '.join(SUFFIXES)} (the first three also with .gz or .zst); "
            "this is none of them"
        )
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    try:
        if suffix in {".sqlite", ".db"}:
            _read_database(path, graph)
            return
        read = _read_objects if suffix == ".jsonl" else _read_table
        with _opened(path) as file:
            read(path, file, graph)
    except _UNREADABLE as error:
        raise UsageError(f"{path} can't be read: {error}") from error
    except sqlite3.Error as error:
        raise UsageError(f"{path} is no database of a crawl, or damaged: {error}") from error


def _opened(path: Path) -> IO[str]:
    # With or without a byte order mark, as spreadsheets write it.
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    if path.suffix.lower() == ".zst":
        if zstd is None:
            raise MissingExtraError(f"{path}: this Python has no zstd: pip install backports.zstd")
        return zstd.open(path, "rt", encoding="utf-8-sig", newline="")
    with path.open("rb") as raw:
        utf_16 = raw.read(2) in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}
    return path.open(encoding="utf-16" if utf_16 else "utf-8-sig", newline="")


def _read_table(path: Path, file: Iterable[str], graph: Graph) -> None:
    if ".tsv" in path.name.lower():
        rows: Iterator[list[str]] = (line.rstrip("\r\n").split("\t") for line in file)
    else:
        rows = csv.reader(file)
    header = next(rows, [])
    if header != _LINKS:
        raise UsageError(f"{path} is no table of links: its columns are {', '.join(header)}")
    for row in rows:
        if len(row) != len(_LINKS):
            raise UsageError(f"{path}: a row has {len(row)} cells, and should have 2: {row!r:.80}")
        graph.add_edge((row[0], row[1]))


def _read_objects(path: Path, file: Iterable[str], graph: Graph) -> None:
    for number, line in enumerate(file, 1):
        try:
            row = json.loads(line)
            _add_object(row, graph)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(
                f"{path}: line {number} is no page: a page has a url and links, or an error"
            ) from error


def _add_object(row: Mapping[str, Any], graph: Graph) -> None:
    url: str = row["url"]
    if "error" in row:
        graph.add_node((url, row["error"]["kind"], None, row["depth"], None))
        return
    graph.add_node((url, "page", row["status"], row["depth"], row["title"]))
    for link in row["links"]:
        graph.add_edge((url, link))


def _read_database(path: Path, graph: Graph) -> None:
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
        (mark,) = db.execute("PRAGMA application_id").fetchone()
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
        if mark == APPLICATION_ID and "urls" in tables:
            _read_state(db, graph)
        elif {"pages", "links", "failures"} <= tables:
            _read_pages(db, graph)
        else:
            raise UsageError(f"{path} is neither a state nor an output of a crawl: it has no pages and links")


_OUTCOMES: Final = ("pending", "page", "failed", "skipped")


def _read_state(db: sqlite3.Connection, graph: Graph) -> None:
    """Add each URL that was found, with a link from the page that it was found on first."""
    rows = db.execute(
        "SELECT found.url, found.status, found.rank, found.detail, origin.url"
        " FROM urls AS found LEFT JOIN urls AS origin ON origin.id = found.referrer ORDER BY found.id"
    )
    for url, status, rank, detail, origin in rows:
        outcome = _OUTCOMES[status]
        if outcome == "page":
            graph.add_node((url, outcome, detail, rank & DEEPEST, None))
        else:
            graph.add_node((url, str(detail or outcome), None, rank & DEEPEST, None))
        if origin is not None:
            graph.add_edge((origin, url))


def _read_pages(db: sqlite3.Connection, graph: Graph) -> None:
    for row in db.execute("SELECT url, 'page', status, depth, title FROM pages ORDER BY id"):
        graph.add_node(row)
    for row in db.execute("SELECT url, kind, NULL, depth, NULL FROM failures ORDER BY id"):
        graph.add_node(row)
    query = "SELECT pages.url, links.url FROM links JOIN pages ON pages.id = page ORDER BY page, number"
    for row in db.execute(query):
        graph.add_edge(row)


def write_graphml(graph: Graph, target: Path) -> None:
    """Write *graph* as GraphML: directed, with what is known of each URL."""
    with target.open("w", encoding="utf-8", newline="\n") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        file.write('<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n')
        for name, kind in _KEYS:
            file.write(f'<key id="{name}" for="node" attr.name="{name}" attr.type="{kind}"/>\n')
        file.write('<graph edgedefault="directed">\n')
        for number, *values in graph.nodes():
            data = "".join(
                f'<data key="{name}">{_text(value)}</data>'
                for (name, _), value in zip(_KEYS, values, strict=True)
                if value is not None
            )
            file.write(f'<node id="n{number}">{data}</node>\n')
        for source, to in graph.edges():
            file.write(f'<edge source="n{source}" target="n{to}"/>\n')
        file.write("</graph>\n</graphml>\n")


def _text(value: object) -> str:
    return escape(_NO_XML.sub("\ufffd", str(value)))


def write_edges(graph: Graph, target: Path) -> None:
    """Write the edges of *graph*, each once, as TSV or CSV with a header."""
    with target.open("w", encoding="utf-8", newline="") as file:
        by_commas = target.name.lower().endswith(".csv")
        write: Callable[[Iterable[str]], object] = (
            csv.writer(file).writerow if by_commas else _tsv_writer(file)
        )
        write(("source", "target"))
        for edge in graph.named_edges():
            write(edge)


def _tsv_writer(file: IO[str]) -> Callable[[Iterable[str]], object]:
    return lambda row: file.write("\t".join(row) + "\n")
