"""The positions of a database and of Parquet files."""

from __future__ import annotations

import json
from typing import Any

import pytest

from trio_crawl._errors import OutputError
from trio_crawl._write.mark import Extent, Mark
from trio_crawl._write.spot import Spot


def test_they_survive_a_state() -> None:
    """What a state gives back is the same, with tables and columns in their order."""
    tables = {"pages": Extent(1, 3, 0), "failures": Extent(0, 1, 0), "Quote": Extent(2, 7, 4)}
    mark = Mark(run="r", batch=2, sum="s", own_rows=True, tables=tables)
    assert Mark.of(json.loads(json.dumps(mark.to_json()))) == mark
    spot = Spot().after([(1, "x"), (2, None)], 90, {"b": "int", "a": "str"})
    again = Spot.of(json.loads(json.dumps(spot.to_json())))
    assert again == spot
    assert again is not None
    assert list(again.kinds) == ["b", "a"]
    assert (spot.rows, spot.batch, spot.bytes, spot.in_next_part().part) == (2, 2, 90, 2)
    assert Mark.of(None) is None
    assert Spot.of(None) is None


def test_a_batch_counts_the_rows_that_are_the_outputs() -> None:
    """With a parser of the user's its rows count; without one, pages and failures."""
    tables = {"pages": Extent(1, 3, 0), "failures": Extent(0, 1, 0), "Quote": Extent(2, 7, 4)}
    assert Mark(run="r", batch=2, sum="s", own_rows=True, tables=tables).rows() == 5
    assert Mark(run="r", batch=2, sum="s", own_rows=False, tables=tables).rows() == 3


@pytest.mark.parametrize(
    "position", [7, "x", [], {}, {"bytes": 1, "batch": 0, "sum": ""}, {"tables": 3}, True]
)
def test_a_position_of_something_else(position: Any) -> None:  # noqa: ANN401 - JSON
    """It is refused, rather than made a place of."""
    for kind in (Mark, Spot):
        with pytest.raises(OutputError, match="is no position in"):
            kind.of(position)
