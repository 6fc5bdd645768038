"""What passes between processes: plain values come through, and nothing else does."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import given, settings, strategies as st

from trio_crawl import Link, Request, RowError
from trio_crawl._parse import wire

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.datetimes(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)


class Shade(Enum):
    DARK = "dark"


class Number(IntEnum):
    ONE = 1


class Word(StrEnum):
    YES = "yes"


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "something else"


class Pair(NamedTuple):
    left: int
    right: Shade


@dataclass
class Data:
    shade: Shade
    inner: Pair


@attrs.frozen
class Attrs:
    path: Path


class Struct(msgspec.Struct):
    number: int


class Model(pydantic.BaseModel):
    number: int


@settings(max_examples=40)
@given(PLAIN)
def test_plain_values_come_through(value: object) -> None:
    """What JSON can say, bytes, dates and tuples are the same on the other side."""
    assert wire.loads(wire.dumps(value)) == value


@pytest.mark.parametrize(
    "value",
    [
        datetime(2020, 1, 1, tzinfo=UTC),
        datetime(2020, 1, 1, tzinfo=timezone(timedelta(hours=5))),
        date(2020, 1, 1),
        time(1, 2),
        timedelta(days=1),
        Decimal("1.20"),
        UUID(int=7),
        {1, 2},
        frozenset("a"),
        Link(url="https://a.test/", kind="area", rel=("nofollow",)),
        Request("https://a.test/", label="x", data={"a": [1]}, headers=(("A", "b"),)),
    ],
)
def test_what_rows_hold_comes_through(value: object) -> None:
    """So do these, and links and requests, which are followed."""
    found = wire.loads(wire.dumps([value]))
    assert found == [value]
    assert type(found[0]) is type(value)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Shade.DARK, "dark"),
        (Number.ONE, 1),
        (Word.YES, "yes"),
        (Text("text"), "text"),
        (PurePosixPath("a/b"), "a/b"),
        (Pair(1, Shade.DARK), {"left": 1, "right": "dark"}),
        (Data(Shade.DARK, Pair(1, Shade.DARK)), {"shade": "dark", "inner": {"left": 1, "right": "dark"}}),
        (Attrs(Path("x")), {"path": "x"}),
        (Struct(3), {"number": 3}),
        (Model(number=3), {"number": 3}),
        (OrderedDict(a=1), {"a": 1}),
        (defaultdict(list, a=[1]), {"a": [1]}),
    ],
)
def test_rows_of_every_kind_become_plain(value: object, plain: object) -> None:
    """What has named fields is a dict of them, and a member of an enumeration its value."""
    found = wire.loads(wire.dumps({"value": value}))["value"]
    assert found == plain
    assert type(found) is type(plain)


def test_a_moment_keeps_its_distance_from_utc() -> None:
    """A zone with a name is the distance from UTC that it has at that moment."""
    moment = datetime(2020, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    found = wire.loads(wire.dumps(moment))
    assert found.isoformat() == "2020-07-01T12:00:00+02:00"


@pytest.mark.parametrize("value", [object(), 1j, iter([]), len, Shade, lambda: None, ValueError("x")])
def test_what_is_no_plain_value_is_refused_where_it_is_written(value: object) -> None:
    """The message names its type, and what to do."""
    with pytest.raises(RowError, match=f"{type(value).__name__}.*text, numbers, dates"):
        wire.dumps({"a": [value]})


def test_what_is_nested_too_deeply_is_refused() -> None:
    """A row without a bottom ends in an error, not in a crash."""
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(RowError, match="nested too deeply"):
        wire.dumps(value)


class Evil:
    """Runs a command where it is read by `pickle.loads`."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch evil",)


@pytest.mark.parametrize(
    "payload",
    [
        pickle.dumps(Evil()),
        pickle.dumps(eval),
        pickle.dumps(Path),
        pickle.dumps(Data(Shade.DARK, Pair(1, Shade.DARK))),
        b"cos\nsystem\n(S'touch evil'\ntR.",
        b"cbuiltins\ngetattr\n.",
        b"",
        b"nonsense",
    ],
)
def test_nothing_else_is_made_of_what_is_read(
    payload: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has got hold of a worker process can't have the crawl's run anything."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(pickle.UnpicklingError):
        wire.loads(payload)
    assert list(tmp_path.iterdir()) == []
