r"""How outcomes read as lines of TSV, CSV or JSON.

Without a parser of the user's, TSV and CSV hold one row for each link of each
page, and JSON lines one object for each page and each failed URL. With one, the
rows are what it yields, and a table's columns are the fields of the first row.

TSV has no quotes: in a user's rows, a backslash, tab, line feed and carriage
return read ``\\``, ``\t``, ``\n`` and ``\r``. (URLs hold no white space, and
stand as they are.) CSV is RFC 4180: lines end in CR LF, and a value with a
comma, quote or line break is quoted.
"""

from __future__ import annotations

import csv
import io
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, final

from .._errors import RowError
from .._model import Failure, Outcome
from .rows import Rows, as_mapping, cell, json_line

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

    def resume(self, columns: Sequence[str], /) -> None:
        """Go on after what another encoder wrote, under these *columns*."""


class EncoderOf(Protocol):
    """Makes the encoder of one crawl."""

    def __call__(self, *, own_rows: bool) -> Encoder: ...


@final
class JsonLines:
    """One JSON object a line."""

    def __init__(self, *, own_rows: bool) -> None:
        self._rows = Rows(parsed=own_rows)

    def encode(self, outcome: Outcome, /) -> tuple[str, int]:
        lines = [json_line(as_mapping(row, place=at), place=at) for at, row in self._rows.of(outcome)]
        return "".join(lines), len(lines)

    def ending(self) -> str:
        return ""

    @property
    def columns(self) -> tuple[str, ...]:
        return ()

    def resume(self, columns: Sequence[str], /) -> None:
        del columns  # each object has its own names


_LINK_COLUMNS = ("source_url", "parsed_url")


@final
class Table:
    """Columns under a header, which comes with the first row.

    Args:
        lines: turns rows of cells to text.
        links: turns a page's URL and those of its links to text.
        own_rows: whether a parser of the user's makes the rows.
    """

    def __init__(
        self,
        lines: Callable[[Iterable[Sequence[str]]], str],
        links: Callable[[str, list[str]], str],
        *,
        own_rows: bool,
    ) -> None:
        self._lines = lines
        self._links = links
        self._rows = Rows(parsed=own_rows)
        self._columns: tuple[str, ...] = ()

    def encode(self, outcome: Outcome, /) -> tuple[str, int]:
        if isinstance(outcome, Failure):
            return "", 0
        if outcome.rows is not None:
            return self._encode_rows(self._rows.of(outcome))
        if not outcome.links:
            return "", 0
        text = self._links(outcome.page.url, [link.url for link in outcome.links])
        return self._link_header() + text, len(outcome.links)

    def _encode_rows(self, rows: Collection[tuple[str, Any]]) -> tuple[str, int]:
        columns = self._columns
        table: list[Sequence[str]] = []
        for place, row in rows:
            mapping = as_mapping(row, place=place)
            if not columns:
                columns = tuple(mapping)
                if not columns:
                    raise RowError(f"{place}: it has no fields; the first row's are the table's columns")
                table.append(columns)
            for name in mapping:
                if name not in columns:
                    raise RowError(_no_column(name, columns, place))
            table.append([cell(name, mapping.get(name), place=place) for name in columns])
        # Only now, so that a page with a row that is refused leaves no trace.
        self._columns = columns
        return self._lines(table), len(rows)

    @property
    def columns(self) -> tuple[str, ...]:
        return self._columns

    def resume(self, columns: Sequence[str], /) -> None:
        self._columns = tuple(columns)

    def ending(self) -> str:
        return "" if self._rows.parsed else self._link_header()

    def _link_header(self) -> str:
        if self._columns:
            return ""
        self._columns = _LINK_COLUMNS
        return self._lines([_LINK_COLUMNS])


def _no_column(name: str, columns: tuple[str, ...], place: str) -> str:
    return (
        f"{place}: the field {name!r} has no column; the first row's fields are the columns "
        f"({', '.join(columns)}). Yield every field in the first row, as None where there is no value, "
        f"or write .jsonl"
    )


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


ENCODERS: Mapping[Format, EncoderOf] = {
    "tsv": partial(Table, _tsv, _tsv_links),
    "csv": partial(Table, _csv, _csv_links),
    "jsonl": JsonLines,
}
