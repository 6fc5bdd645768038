"""What a row is, and how it reads as a line of TSV, CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from uuid import UUID

import pytest
from document_support import titled
from hypothesis import given, settings, strategies

from trio_crawl._errors import RowError
from trio_crawl._model import Failure, Headers, Link, Outcome, Page, Parsed, Request
from trio_crawl._write.formats import count_lines, encoder_of
from trio_crawl._write.rows import Rows, as_mapping, cell, json_line, page_line, page_row, require_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from trio_crawl._write.formats import Format

URL = "http://site.test/a"


def a_page(*, url: str = URL, title: str | None = "A title", content_type: str | None = "text/html") -> Page:
    fields = () if content_type is None else ((b"Content-Type", content_type.encode()),)
    return Page(
        id="1",
        request=Request(url),
        url=url,
        final_url="http://site.test/b",
        redirects=(url,),
        status=203,
        headers=Headers(fields),
        content=b"12345",
        depth=2,
        referrer="http://site.test/",
        attempts=3,
        fetched_at=datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC),
        elapsed=0.12345678,
        http_version="2",
        address="192.0.2.1",
        _document=titled(title, encoding="windows-1252"),
    )


def parsed(*links: str, url: str = URL, rows: tuple[Any, ...] | None = None) -> Parsed:
    return Parsed(page=a_page(url=url), links=tuple(Link(url=link) for link in links), rows=rows)


def a_failure() -> Failure:
    return Failure(
        id="2",
        request=Request(URL),
        url=URL,
        kind="dns",
        message="no such host",
        depth=1,
        referrer=None,
        attempts=0,
    )


def encoded(format: Format, *outcomes: Outcome) -> str:
    """Return a whole output."""
    encoder = encoder_of(format, own_rows=False)
    return "".join([encoder.encode(outcome)[0] for outcome in outcomes]) + encoder.ending()


@dataclass
class Quote:
    text: str
    tags: list[str] = field(default_factory=list)


class Point(NamedTuple):
    x: int
    y: int


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Shape(str, Enum):  # noqa: UP042 - an older way to spell a StrEnum, and a common one
    ROUND = "round"


# What a page's row says.


def test_page_row_has_the_promised_keys_in_order() -> None:
    """A page is one object with exactly the documented keys, in their order, its body counted in bytes."""
    row = page_row(parsed("http://site.test/c", "http://site.test/d"))
    assert list(row.items()) == [
        ("url", URL),
        ("final_url", "http://site.test/b"),
        ("status", 203),
        ("depth", 2),
        ("referrer", "http://site.test/"),
        ("title", "A title"),
        ("content_type", "text/html"),
        ("encoding", "windows-1252"),
        ("bytes", 5),
        ("fetched_at", "2026-01-02T03:04:05.678Z"),
        ("elapsed", 0.123457),
        ("attempts", 3),
        ("links", ["http://site.test/c", "http://site.test/d"]),
    ]


def test_failure_row_has_the_promised_keys_in_order() -> None:
    """A URL that failed is one object, too, with the kind and the message of its error."""
    assert list(page_row(a_failure()).items()) == [
        ("url", URL),
        ("depth", 1),
        ("referrer", None),
        ("attempts", 0),
        ("error", {"kind": "dns", "message": "no such host"}),
    ]


def test_fetched_at_is_utc_with_milliseconds() -> None:
    """A moment of another zone is told in UTC, and a whole second keeps its three zeros."""
    page = a_page()
    moment = datetime(2026, 1, 2, 5, 0, 0, tzinfo=timezone(timedelta(hours=2)))
    fields = {name: getattr(page, name) for name in page.__dataclass_fields__}
    row = page_row(Parsed(page=Page(**{**fields, "fetched_at": moment}), links=()))
    assert row["fetched_at"] == "2026-01-02T03:00:00.000Z"


# Which rows an outcome makes.


def test_without_a_parser_pages_and_failures_are_rows() -> None:
    """Without a parser of the user's each outcome is one row."""
    rows = Rows()
    assert [row["url"] for outcome in (a_failure(), parsed()) for _, row in rows.of(outcome)] == [URL, URL]


def test_with_a_parser_only_what_it_yields_is_a_row() -> None:
    """Once a page brought rows of its own, failures make none; a page may bring none either."""
    rows = Rows()
    assert [row for _, row in rows.of(parsed(rows=({"n": 1}, {"n": 2})))] == [{"n": 1}, {"n": 2}]
    assert rows.of(parsed(rows=())) == []
    assert rows.of(a_failure()) == []


def test_a_row_is_placed_by_its_number_and_page() -> None:
    """Error messages name the row's number on its page, from 1, and the URL that was asked for."""
    assert [place for place, _ in Rows().of(parsed(rows=({}, {})))] == [f"row 1 of {URL}", f"row 2 of {URL}"]


# What is a row.


def test_every_kind_of_row_is_read_by_its_fields() -> None:
    """Mappings, dataclasses and named tuples give their fields in order."""
    rows: list[tuple[object, list[tuple[str, object]]]] = [
        ({"b": 1, "a": None}, [("b", 1), ("a", None)]),
        (OrderedDict(z=1, a=2), [("z", 1), ("a", 2)]),
        (MappingProxyType({"m": 1}), [("m", 1)]),
        (Quote("hello", ["x"]), [("text", "hello"), ("tags", ["x"])]),
        (Point(1, 2), [("x", 1), ("y", 2)]),
    ]
    for row, expected in rows:
        require_row(row, place="here")
        assert list(as_mapping(row, place="here").items()) == expected


def test_an_attrs_object_is_a_row() -> None:
    """An attrs object gives its attributes, slots or not."""
    attrs = pytest.importorskip("attrs")
    kind = attrs.make_class("Item", ["name", "price"], slots=True)
    assert as_mapping(kind("n", 2), place="here") == {"name": "n", "price": 2}


def test_a_msgspec_struct_is_a_row() -> None:
    """A msgspec struct gives its fields, named as it encodes them."""
    msgspec = pytest.importorskip("msgspec")
    kind = msgspec.defstruct("Item", [("shop_name", str), ("price", int)], rename="camel")
    assert as_mapping(kind("n", 2), place="here") == {"shopName": "n", "price": 2}


def test_a_pydantic_model_is_a_row() -> None:
    """A pydantic model gives what it makes of its own fields as JSON."""
    pydantic = pytest.importorskip("pydantic")
    kind = pydantic.create_model("Item", name=(str, ...), day=(date, ...))
    row = as_mapping(kind(name="n", day=date(2026, 1, 2)), place="here")
    assert row == {"name": "n", "day": "2026-01-02"}


def test_a_pydantic_model_of_a_list_is_refused() -> None:
    """A pydantic model without fields is a RowError that says what it holds."""
    pydantic = pytest.importorskip("pydantic")
    row = pydantic.RootModel[list[int]]([1])
    with pytest.raises(RowError, match=r"row 1 of x: the .* holds a list, not fields"):
        as_mapping(row, place="row 1 of x")


def test_a_nested_object_is_an_object_in_json() -> None:
    """A dataclass, an attrs object, a struct or a model within a row is a JSON object."""
    pydantic = pytest.importorskip("pydantic")
    inner = pydantic.create_model("Inner", n=(int, ...))(n=1)
    line = json_line({"quote": Quote("q"), "model": inner, "proxy": MappingProxyType({"k": 1})}, place="here")
    assert json.loads(line) == {"quote": {"text": "q", "tags": []}, "model": {"n": 1}, "proxy": {"k": 1}}


@pytest.mark.parametrize("value", ["http://site.test/b", b"bytes"])
def test_a_url_yielded_is_refused_with_advice(value: object) -> None:
    """Text is no row, and the error says how to follow a URL."""
    with pytest.raises(
        RowError, match=r"row 3 of p: parse yielded a (str|bytes) .*trio_crawl\.Request\(url\)"
    ):
        as_mapping(value, place="row 3 of p")


def test_a_list_yielded_is_refused_with_advice() -> None:
    """A list is no row, and the error says how to yield each of its members."""
    with pytest.raises(RowError, match=r"parse yielded a list .*yield from"):
        as_mapping([{"a": 1}], place="here")


@pytest.mark.parametrize("value", [None, 3, 1.5, object(), (1, 2), Quote, dict])
def test_what_has_no_fields_is_refused(value: object) -> None:
    """Numbers, None, bare objects and classes themselves are no rows, for every kind of output."""
    with pytest.raises(RowError, match=r"here: parse yielded .*; a row is a dict, a dataclass"):
        require_row(value, place="here")
    with pytest.raises(RowError, match=r"here: parse yielded .*; a row is a dict, a dataclass"):
        as_mapping(value, place="here")


def test_a_long_value_is_cut_in_the_message() -> None:
    """An error message shows the beginning of what was yielded, not ten pages of it."""
    with pytest.raises(RowError) as caught:
        as_mapping("x" * 100_000, place="here")
    assert len(str(caught.value)) < 400


def test_a_field_that_is_not_named_by_text_is_refused() -> None:
    """A key that is no str is refused, since JSON would turn it to one silently."""
    with pytest.raises(RowError, match="here: the field 7 is named by a int; use a str"):
        as_mapping({7: "x"}, place="here")


# Values.


@pytest.mark.parametrize(
    ("value", "json_text", "cell_text"),
    [
        ("a", '"a"', "a"),
        (1, "1", "1"),
        (1.5, "1.5", "1.5"),
        (True, "true", "true"),
        (None, "null", ""),
        ("", '""', ""),
        ([1, "a"], '[1,"a"]', '[1,"a"]'),
        ((1, 2), "[1,2]", "[1,2]"),
        ({3, 1, 2}, "[1,2,3]", "[1,2,3]"),
        (frozenset({"b", 1}), '["b",1]', '["b",1]'),
        ({"k": {"l": 1}}, '{"k":{"l":1}}', '{"k":{"l":1}}'),
        (date(2026, 1, 2), '"2026-01-02"', "2026-01-02"),
        (datetime(2026, 1, 2, 3, 4, tzinfo=UTC), '"2026-01-02T03:04:00+00:00"', "2026-01-02T03:04:00+00:00"),
        (time(3, 4), '"03:04:00"', "03:04:00"),
        (Decimal("1.50"), '"1.50"', "1.50"),
        (UUID(int=1), f'"{UUID(int=1)}"', str(UUID(int=1))),
        (PurePosixPath("a/b"), '"a/b"', "a/b"),
        (Colour.RED, '"red"', "red"),
        (Level.HIGH, "3", "3"),
        (Shape.ROUND, '"round"', "round"),
        ("é\u2028", '"é\u2028"', "é\u2028"),
        ('say "x"', '"say \\"x\\""', 'say "x"'),
    ],
)
def test_values_read_the_same_in_json_and_in_cells(value: object, json_text: str, cell_text: str) -> None:
    """Each kind of value has one reading in JSON, and one in a table's cell."""
    assert json_line({"v": value}, place="here") == f'{{"v":{json_text}}}\n'
    assert cell("v", value, place="here") == cell_text


class Itself(dict[str, Any]):
    """A mapping that holds itself."""

    def __init__(self) -> None:
        super().__init__()
        self["me"] = self


def deep() -> list[Any]:
    """Return a list nested more deeply than any encoder goes."""
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: [{"deep": object()}], "nothing for a object"),
        (object, "nothing for a object"),
        (lambda: float("nan"), "[Oo]ut of range"),
        (lambda: float("inf"), "[Oo]ut of range"),
        (lambda: {(1, 2): "x"}, "keys must be str"),
        (Itself, "Circular"),
        (deep, "nested too deeply"),
        (lambda: (n for n in (1, 2)), "nothing for a generator"),
    ],
)
def test_a_value_that_json_has_not_is_refused_by_field(make: Callable[[], object], why: str) -> None:
    """A value that can't be written is a RowError that names the row, the page and the field."""
    value = make()
    message = rf"row 2 of http://p/: the field 'bad' can't be written: .*{why}"
    with pytest.raises(RowError, match=message):
        json_line({"good": 1, "bad": value}, place="row 2 of http://p/")
    with pytest.raises(RowError, match=message):
        cell("bad", value, place="row 2 of http://p/")


# Lines of links.


def test_tsv_of_links_keeps_the_pages_order() -> None:
    """A table of links has its header once, then a row for each link in the page's own order."""
    text = encoded(
        "tsv", parsed("http://z/", "http://a/"), a_failure(), parsed("http://q/", url="http://two/")
    )
    assert text == (f"source_url\tparsed_url\n{URL}\thttp://z/\n{URL}\thttp://a/\nhttp://two/\thttp://q/\n")


def test_tsv_of_links_names_the_url_that_was_asked_for() -> None:
    """The source is the page's first URL, not the one that a redirect led to."""
    assert "site.test/b\t" not in encoded("tsv", parsed("http://z/"))


def test_tsv_of_links_leaves_urls_alone() -> None:
    """A backslash, which a query may hold, is not escaped in a URL."""
    assert encoded("tsv", parsed("http://z/?a\\b")).endswith("\thttp://z/?a\\b\n")


def test_csv_of_links_is_rfc_4180() -> None:
    """Lines of CSV end in CR LF, and a URL with a comma is quoted."""
    assert encoded("csv", parsed("http://z/", "http://z/?a,b")) == (
        f'source_url,parsed_url\r\n{URL},http://z/\r\n{URL},"http://z/?a,b"\r\n'
    )


def test_csv_of_links_without_a_comma_reads_as_the_csv_module_would_write_it() -> None:
    """The quick way for URLs that need no quotes gives the same text."""
    links = ["http://z/", "http://z/;x='1'"]
    expected = io.StringIO()
    csv.writer(expected).writerows([("source_url", "parsed_url"), *[(URL, link) for link in links]])
    assert encoded("csv", parsed(*links)) == expected.getvalue()


@pytest.mark.parametrize(("format", "header"), [("tsv", "source_url\tparsed_url\n"), ("jsonl", "")])
def test_a_crawl_without_links_has_a_header_only(format: Format, header: str) -> None:
    """A table of links in which no link was found has its header; JSON lines have none."""
    assert encoded(format) == header
    assert encoded("tsv", parsed(), a_failure()) == "source_url\tparsed_url\n"


def test_links_are_counted_as_rows_without_the_header() -> None:
    """The count is of links for tables, and of pages for JSON lines."""
    page = parsed("http://z/", "http://a/")
    assert encoder_of("tsv", own_rows=False).encode(page)[1] == 2
    assert encoder_of("csv", own_rows=False).encode(page)[1] == 2
    assert encoder_of("jsonl", own_rows=False).encode(page)[1] == 1


# Lines of rows.


def test_json_lines_are_one_object_a_page() -> None:
    """Each page and each failure is one line, which reads back as its row."""
    lines = encoded("jsonl", parsed("http://z/"), a_failure()).splitlines()
    assert [json.loads(line) for line in lines] == [page_row(parsed("http://z/")), page_row(a_failure())]


def test_json_lines_of_a_users_rows_are_what_it_yields() -> None:
    """Each row that the parser yields is one line; failures are none."""
    text = encoded("jsonl", parsed("http://z/", rows=(Quote("q", ["é"]), {"n": 1})), a_failure())
    assert text == '{"text":"q","tags":["é"]}\n{"n":1}\n'


@pytest.mark.parametrize("format", ["tsv", "csv"])
def test_a_tables_columns_are_the_first_rows_fields(format: Literal["tsv", "csv"]) -> None:
    """The header is the first row's fields; a missing field and None leave a cell empty."""
    text = encoded(
        format, parsed(rows=({"a": 1, "b": None, "c": [2]},)), parsed(rows=({"c": "x"},)), a_failure()
    )
    end = "\n" if format == "tsv" else "\r\n"
    comma = "\t" if format == "tsv" else ","
    assert text == end.join(["a,b,c", "1,,[2]", ",,x", ""]).replace(",", comma)


def test_a_table_of_no_rows_has_no_header_of_links() -> None:
    """Where a parser yielded nothing, the output isn't given the header of another table."""
    assert encoded("tsv", parsed("http://z/", rows=())) == ""


def test_a_field_without_a_column_is_refused() -> None:
    """A later row with a field of its own is a RowError that names it and says what to do."""
    encoder = encoder_of("csv", own_rows=False)
    encoder.encode(parsed(rows=({"a": 1},)))
    with pytest.raises(RowError, match=rf"row 2 of {URL}: the field 'new' has no column.*\(a\).*\.jsonl"):
        encoder.encode(parsed(rows=({"a": 1}, {"a": 1, "new": 2})))


def test_a_first_row_without_fields_is_refused() -> None:
    """A table can't begin with a row that has no fields."""
    with pytest.raises(RowError, match="it has no fields"):
        encoder_of("csv", own_rows=False).encode(parsed(rows=({},)))


def test_a_refused_page_leaves_no_trace() -> None:
    """A page with a bad row sets no columns and writes no header: the next page begins the table."""
    encoder = encoder_of("tsv", own_rows=False)
    with pytest.raises(RowError):
        encoder.encode(parsed(rows=({"a": 1}, {"a": object()})))
    assert encoder.encode(parsed(rows=({"z": 1},))) == ("z\n1\n", 1)


def test_tsv_escapes_what_would_break_its_lines() -> None:
    """Backslash, tab, line feed and carriage return are escaped, in cells and in the header."""
    assert encoded("tsv", parsed(rows=({"a\tb": "\\ \t \n \r"},))) == "a\\tb\n\\\\ \\t \\n \\r\n"


def unescaped(text: str) -> str:
    """Undo TSV's escapes."""

    def characters() -> Iterator[str]:
        rest = iter(text)
        for character in rest:
            yield (
                {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}[next(rest)] if character == "\\" else character
            )

    return "".join(characters())


TEXT = strategies.text(max_size=12) | strategies.text(alphabet='\\\t\n\r", tnr\x85\u2028', max_size=8)
TABLES = strategies.integers(1, 4).flatmap(
    lambda width: strategies.lists(
        strategies.lists(TEXT, min_size=width, max_size=width), min_size=1, max_size=4
    )
)


def as_rows(table: list[list[str]]) -> tuple[Mapping[str, str], ...]:
    return tuple({f"c{number}": value for number, value in enumerate(row)} for row in table)


@settings(max_examples=60, deadline=None)
@given(TABLES)
def test_tsv_reads_back(table: list[list[str]]) -> None:
    """Any text in any cell of a TSV file is had back by splitting at tabs and undoing the escapes."""
    lines = encoded("tsv", parsed(rows=as_rows(table))).split("\n")
    assert lines.pop() == ""
    assert [[unescaped(text) for text in line.split("\t")] for line in lines[1:]] == table


@settings(max_examples=60, deadline=None)
@given(TABLES)
def test_csv_reads_back(table: list[list[str]]) -> None:
    """Any text in any cell of a CSV file is had back by the csv module."""
    text = encoded("csv", parsed(rows=as_rows(table)))
    assert list(csv.reader(io.StringIO(text, newline="")))[1:] == table


JSON_VALUES = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers()
    | strategies.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: strategies.lists(inner, max_size=3) | strategies.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(strategies.lists(strategies.dictionaries(TEXT, JSON_VALUES, max_size=3), max_size=4))
def test_json_lines_read_back(rows: list[dict[str, Any]]) -> None:
    """Any rows of JSON values are had back, one from each line."""
    lines = encoded("jsonl", parsed(rows=tuple(rows))).split("\n")
    assert lines.pop() == ""
    assert [json.loads(line) for line in lines] == rows


def test_lines_of_csv_are_counted_as_rows() -> None:
    """A line's end in quotes ends no row, however large the value is."""
    row = {"a": 'two\nlines, "quoted"\r\n', "b": "x" * 200_000 + '"\n', "c": "plain"}
    data = encoded("csv", parsed(rows=(row, row, {"a": "", "b": '"', "c": ""}))).encode()
    assert data.count(b"\n") > 8
    assert count_lines(data, "csv") == 4
    assert count_lines(encoded("jsonl", parsed(rows=(row, row))).encode(), "jsonl") == 2


def test_bytes_and_spans_of_time_read_as_text_and_seconds() -> None:
    """Bytes are base64, a span of time is its seconds, in JSON and in a cell."""
    for value in (b"\x00\xff", bytearray(b"\x00\xff"), memoryview(b"\x00\xff")):
        assert json_line({"v": value}, place="here") == '{"v":"AP8="}\n'
        assert cell("v", value, place="here") == "AP8="
    assert json_line({"v": timedelta(minutes=1, microseconds=5)}, place="here") == '{"v":60.000005}\n'


@pytest.mark.parametrize(
    "links", [(), ("http://z/",), ("http://z/", "http://z/?a\\b"), ("http://z/\u00fc", 'http://z/"')]
)
def test_a_line_of_a_page_is_its_row(links: tuple[str, ...]) -> None:
    """However it is put together, a page's line is what JSON says of its row; so is a failure's."""
    for outcome in (parsed(*links), a_failure()):
        assert page_line(outcome) == json_line(page_row(outcome), place="here")


def test_a_number_that_python_makes_no_text_of_is_refused() -> None:
    """A whole number of thousands of digits is no cell, and no JSON; nor does a message about it fail."""
    with pytest.raises(RowError, match="'n' can't be written"):
        cell("n", 10**5000, place="row 1")
    assert cell("n", 10**100, place="row 1") == "1" + "0" * 100
    with pytest.raises(RowError, match="a row is a dict"):
        require_row([10**5000], place="row 1")
