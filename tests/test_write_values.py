"""What the fields of a row are to an output with types of its own."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import PurePosixPath
from uuid import UUID

import pytest

from trio_crawl._errors import RowError
from trio_crawl._write.values import sayable, scalar


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (1.5, 1.5),
        ("ü", "ü"),
        (b"\xff", b"\xff"),
        (bytearray(b"x"), b"x"),
        (memoryview(b"x"), b"x"),
        (date(2026, 1, 2), date(2026, 1, 2)),
        (datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)),
        (time(3, 4), time(3, 4)),
        (timedelta(seconds=90), 90.0),
        (Decimal("1.50"), "1.50"),
        (UUID(int=1), str(UUID(int=1))),
        (PurePosixPath("a/b"), "a/b"),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (Text("x"), "x"),
        ([1, {"a": None}], '[1,{"a":null}]'),
        ({"k": b"\x00"}, '{"k":"AA=="}'),
        ({2, 1}, "[1,2]"),
        ("half \ud800", "half \\ud800"),
    ],
)
def test_each_kind_has_one_reading(value: object, expected: object) -> None:
    """Numbers, text, bytes, dates and times are themselves; the rest is as in JSON, text without quotes."""
    found = scalar("v", value, place="here")
    assert found == expected
    assert type(found) is type(expected)


def test_what_can_not_be_held_is_named() -> None:
    """The error names the row and the field."""
    with pytest.raises(RowError, match="row 2 of p: the field 'v' can't be written"):
        scalar("v", object(), place="row 2 of p")


def test_text_that_utf8_can_say_is_left_alone() -> None:
    """Only half of a surrogate pair is written as an escape."""
    assert sayable("ü\U0001f577") == "ü\U0001f577"
    assert sayable("a\udfffb") == "a\\udfffb"
