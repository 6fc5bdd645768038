"""What a column of typed values holds; and a row of each kind of object, in every format the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import msgspec
import pydantic
import pytest
from kill_rows import rows_in
from write_support import written

from trio_crawl._errors import UsageError
from trio_crawl._write.choose import choose
from trio_crawl._write.kinds import PAGE_KINDS, Columns, kinds_of, plain
from trio_crawl.testing._outcomes import failure_of, page_of, pages

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass
class OfDataclass:
    url: str
    day: date
    tags: list[str]


@attrs.frozen
class OfAttrs:
    url: str
    day: date
    tags: list[str]


class OfMsgspec(msgspec.Struct):
    url: str
    day: date
    tags: list[str]


class OfPydantic(pydantic.BaseModel):
    url: str
    day: date
    tags: list[str]


class OfTuple(NamedTuple):
    url: str
    day: date
    tags: list[str]


KINDS: tuple[Callable[..., object], ...] = (OfDataclass, OfAttrs, OfMsgspec, OfPydantic, OfTuple)


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("name", ["links.tsv", "links.csv", "pages.jsonl", "pages.sqlite", "pages.parquet"])
def test_a_row_of_each_kind_of_object_is_what_a_dict_is(
    tmp_path: Path, make: Callable[..., object], name: str
) -> None:
    """Whatever holds the fields, the row is the same."""
    fields: dict[str, Any] = {"url": "http://a.test/", "day": date(2026, 1, 2), "tags": ["a", "b"]}
    found: list[list[tuple[str, str]]] = []
    for place, row in (("dict", fields), ("object", make(**fields))):
        folder = tmp_path / place
        folder.mkdir()
        (writer,) = choose(folder / name)
        written(writer, [[page_of("http://a.test/", rows=[row, row])]], own_rows=True)
        found.append(rows_in(folder, name))
    assert found[0] == found[1]
    assert len(found[0]) == 2


@pytest.mark.parametrize(
    ("value", "number", "kind"),
    [
        (None, None, "null"),
        (True, True, "bool"),
        (3, 3, "int"),
        (b"x", b"x", "bytes"),
        (MOMENT, 1_767_323_045_000_000, "datetime"),
        (MOMENT.replace(tzinfo=None), 1_767_323_045_000_000, "naive datetime"),
        (date(1970, 1, 3), 2, "date"),
        (time(0, 1, 0, 5), 60_000_005, "time"),
        ([1, None], [1, None], "list int"),
        ([], [], "list null"),
        ([1, "a"], '[1,"a"]', "str"),
        ([[1]], "[[1]]", "str"),
        ({"b", "a"}, '["a","b"]', "str"),
        ((1, 2), [1, 2], "list int"),
        (OfTuple("u", date(2026, 1, 2), []), '["u","2026-01-02",[]]', "str"),
    ],
)
def test_a_value_is_of_a_kind(value: object, number: object, kind: str) -> None:
    """Moments, days and times are numbers; lists of one kind are lists; the rest is JSON."""
    assert plain("v", value, "here") == (number, kind)


def test_the_columns_of_pages() -> None:
    """A page and a failure are rows of the same columns, known before the first."""
    columns = Columns(own_rows=False)
    blocks = [columns.encode(outcome) for outcome in [*pages(), failure_of("http://z.test/")]]
    assert columns.kinds == PAGE_KINDS
    widths = {len(row) for block in blocks if block is not None for row in block.rows}
    assert widths == {len(PAGE_KINDS)}
    assert all(block is not None and len(block) > 8 for block in blocks)


def test_what_is_not_known_becomes_text() -> None:
    """Settled, a column without a value is one of text, and a list without members one of texts."""
    columns = Columns(own_rows=True)
    columns.encode(page_of("http://a.test/", rows=[{"a": None, "b": [], "c": 1}]))
    assert columns.kinds == {"a": "null", "b": "list null", "c": "int"}
    assert columns.settle() == {"a": "str", "b": "list str", "c": "int"}


def test_columns_are_named_by_types() -> None:
    """Python's types and lists of them name columns; nothing else does."""
    columns = {"a": int, "b": list[datetime], "c": bytes}
    assert kinds_of(columns) == {"a": "int", "b": "list datetime", "c": "bytes"}
    for wrong in (dict, list, list[list[int]], dict[str, int], "int", None):
        with pytest.raises(UsageError, match="columns= has .* for 'x'; it takes bool, int, float, str"):
            kinds_of({"x": wrong})
