r"""How outcomes read as lines of TSV, CSV or JSON.

Without a parser of the user's, TSV and CSV hold one row for each link of each
page, and JSON lines one object for each page and each failed URL. With one, the
rows are what it yields, and a table's columns are the fields of the first row.

TSV has no quotes: in a user's rows, a backslash, tab, line feed and carriage
return read ``\\``, ``\t``, ``\n`` and ``\r``. (URLs hold no white space, and
stand as they are.) CSV is RFC 4180: lines end in CR LF, and a value with a
comma, quote or line break is quoted.

A spreadsheet takes a cell that begins with certain characters for a formula, and
runs it. On request such cells begin with an apostrophe instead, as OWASP advises
("CSV Injection").
"""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, final

from .._errors import RowError
from .._model import Failure, Outcome
from .rows import Rows, as_mapping, cell, json_line, page_line

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

Format: TypeAlias = Literal["tsv", "csv", "jsonl"]
"""The formats of lines; each is also a file's suffix."""


class Encoder(Protocol):
    """Outcomes to text; one serves one crawl, and knows what came before."""

    def encode(self, outcome: Outcome, /) -> tuple[str, int]:
        """Return the lines of *outcome*, and how many rows they are."""

    def ending(self) -> str:
        """Return what the output still lacks when the crawl is over."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a table whose header is written; none otherwise."""

    def header(self) -> str:
        """Return what a further file of the same table begins with."""

    def resume(self, columns: Sequence[str], /) -> None:
        """Go on after what another encoder wrote, under these *columns*."""


@final
class JsonLines:
    """One JSON object a line."""

    def __init__(self, *, own_rows: bool) -> None:
        self._rows = Rows(parsed=own_rows)

    def encode(self, outcome: Outcome, /) -> tuple[str, int]:
        if not isinstance(outcome, Failure) and outcome.rows is None:
            return page_line(outcome), 1
        lines = [json_line(as_mapping(row, place=at), place=at) for at, row in self._rows.of(outcome)]
        return "".join(lines), len(lines)

    def ending(self) -> str:
        return ""

    @property
    def columns(self) -> tuple[str, ...]:
        return ()

    def resume(self, columns: Sequence[str], /) -> None:
        del columns  # each object has its own names

    def header(self) -> str:
        return ""


_LINK_COLUMNS = ("source_url", "parsed_url")


@final
class Table:
    """Columns under a header, which comes with the first row.

    Args:
        lines: turns rows of cells to text.
        links: turns a page's URL and those of its links to text.
        own_rows: whether a parser of the user's makes the rows.
        safe_cells: whether no cell may read as a formula.
    """

    def __init__(
        self,
        lines: Callable[[Iterable[Sequence[str]]], str],
        links: Callable[[str, list[str]], str],
        *,
        own_rows: bool,
        safe_cells: bool,
    ) -> None:
        self._lines = lines
        self._links = links  # a URL begins with its scheme, so it is safe
        self._cell = _safe_cell if safe_cells else cell
        self._names = _safe_names if safe_cells else tuple
        self._rows = Rows(parsed=own_rows)
        self._columns: tuple[str, ...] = ()

    def encode(self, outcome: Outcome, /) -> tuple[str, int]:
        if isinstance(outcome, Failure):
            return "", 0
        if outcome.rows is not None:
            return self.encode_rows(self._rows.of(outcome))
        if not outcome.links:
            return "", 0
        text = self._links(outcome.page.url, [link.url for link in outcome.links])
        return self._link_header() + text, len(outcome.links)

    def encode_rows(self, rows: Collection[tuple[str, Any]]) -> tuple[str, int]:
        """Return the lines of *rows*, and how many they are; each after the words that name its place."""
        columns = self._columns
        table: list[Sequence[str]] = []
        for place, row in rows:
            mapping = as_mapping(row, place=place)
            if not columns:
                columns = tuple(mapping)
                if not columns:
                    raise RowError(f"{place}: it has no fields; the first row's are the table's columns")
                table.append(self._names(columns))
            for name in mapping:
                if name not in columns:
                    raise RowError(_no_column(name, columns, place))
            table.append([self._cell(name, mapping.get(name), place=place) for name in columns])
        # Only now, so that a page with a row that is refused leaves no trace.
        self._columns = columns
        return self._lines(table), len(rows)

    @property
    def columns(self) -> tuple[str, ...]:
        return self._columns

    def resume(self, columns: Sequence[str], /) -> None:
        self._columns = tuple(columns)

    def header(self) -> str:
        return self._lines([self._names(self._columns)])

    def ending(self) -> str:
        return "" if self._rows.parsed else self._link_header()

    def _link_header(self) -> str:
        if self._columns:
            return ""
        self._columns = _LINK_COLUMNS
        return self._lines([_LINK_COLUMNS])


def link_header(format: Format) -> str:
    """Return the header of a table of links; nothing where the format has none."""
    tables = {"tsv": _tsv, "csv": _csv}
    return tables[format]([_LINK_COLUMNS]) if format in tables else ""


def _no_column(name: str, columns: tuple[str, ...], place: str) -> str:
    return (
        f"{place}: the field {name!r} has no column; the first row's fields are the columns "
        f"({', '.join(columns)}). Yield every field in the first row, as None where there is no value, "
        f"or write .jsonl"
    )


_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")


def _safe_cell(name: str, value: object, *, place: str) -> str:
    text = cell(name, value, place=place)
    # A number may begin with a minus: that is what it is.
    number = isinstance(value, int | float | Decimal)
    return "'" + text if text.startswith(_FORMULAS) and not number else text


def _safe_names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(["'" + name if name.startswith(_FORMULAS) else name for name in names])


_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def _tsv(table: Iterable[Sequence[str]]) -> str:
    return "".join(["\t".join([_escaped(text) for text in row]) + "\n" for row in table])


def _escaped(text: str) -> str:
    # Asking first is three times as quick as translating what needs no escape.
    return text.translate(_ESCAPES) if "\\" in text or not text.isprintable() else text


def _tsv_links(url: str, links: list[str]) -> str:
    return f"{url}\t" + f"\n{url}\t".join(links) + "\n"


def _csv(table: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(table)
    return text.getvalue()


def _csv_links(url: str, links: list[str]) -> str:
    # Most URLs need no quotes, and the csv module takes ten times as long to see that.
    joined = "".join([url, *links])
    if "," in joined or '"' in joined:
        return _csv([(url, link) for link in links])
    return f"{url}," + f"\r\n{url},".join(links) + "\r\n"


_TABLES: Mapping[Format, Callable[..., Table]] = {
    "tsv": partial(Table, _tsv, _tsv_links),
    "csv": partial(Table, _csv, _csv_links),
}

FORMATS: Sequence[Format] = ("tsv", "csv", "jsonl")


def encoder_of(format: Format, *, own_rows: bool, safe_cells: bool = False) -> JsonLines | Table:
    """Return the encoder of one crawl.

    Args:
        format: one of `FORMATS`.
        own_rows: whether a parser of the user's makes the rows.
        safe_cells: of a table, whether no cell may read as a formula.
    """
    if format == "jsonl":
        return JsonLines(own_rows=own_rows)
    return _TABLES[format](own_rows=own_rows, safe_cells=safe_cells)


def count_lines(data: bytes, format: Format) -> int:
    """Return the rows in whole lines, a header included."""
    if format == "csv" and b'"' in data:
        # Every second piece is outside of quotes: a quote in a value is doubled.
        return sum(piece.count(b"\n") for piece in data.split(b'"')[::2])
    return data.count(b"\n")
