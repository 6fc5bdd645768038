"""The place where a file of rows ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings, strategies as st

from trio_crawl import OutputError
from trio_crawl._write import place as module
from trio_crawl._write.place import Place, checksum

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, *batches: bytes, columns: tuple[str, ...] = ()) -> Place:
    """Write *batches*, and return the place after them."""
    place = Place()
    for batch in batches:
        place = place.after(batch, columns)
    path.write_bytes(b"".join(batches))
    return place


def test_it_survives_a_state(tmp_path: Path) -> None:
    """What a state gives back is the same place, columns included."""
    place = write(tmp_path / "x", b"one\n", b"two\n", columns=("a", "ü"))
    assert (place.bytes, place.batch) == (8, 4)
    assert Place.of(json.loads(json.dumps(place.to_json()))) == place
    assert Place.of(json.loads(json.dumps(Place().to_json()))) == Place()
    assert Place.of(None) is None


@pytest.mark.parametrize(
    "position",
    [
        7,
        "x",
        [],
        {},
        {"bytes": 1},
        {"bytes": -1, "batch": 0, "sum": ""},
        {"bytes": 1, "batch": 2, "sum": ""},
        True,
        {"bytes": "x", "batch": 0, "sum": ""},
        {"bytes": 5, "batch": 2, "sum": "", "columns": 3},
    ],
)
def test_a_position_of_something_else(position: Any) -> None:  # noqa: ANN401 - JSON
    """It is refused, rather than made a place of."""
    with pytest.raises(OutputError, match="is no position in a file of lines"):
        Place.of(position)


def test_what_was_written_is_recognised(tmp_path: Path) -> None:
    """A file as it was written is right, also with something behind it, which is cut off later."""
    path = tmp_path / "x"
    place = write(path, b"one\n", b"two\n")
    place.check(path)
    path.write_bytes(b"one\ntwo\nthr")
    place.check(path)
    Place().check(path)
    Place().check(tmp_path / "not there")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "is gone, and the state has rows in it"),
        (b"one\ntwo", r"is shorter \(7 bytes\) than what was written \(8 bytes\)"),
        (b"", r"is shorter \(0 bytes\)"),
        (b"one\ntwO\n", "was changed: its last rows are not those"),
        (b"\none\ntwo\n", "was changed"),
    ],
)
def test_what_was_changed_is_refused(tmp_path: Path, content: bytes | None, words: str) -> None:
    """It is said what is wrong, of which file, and what can be done."""
    path = tmp_path / "x"
    place = write(path, b"one\n", b"two\n")
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(OutputError, match=f"x {words}.*; put it back as it was, or begin again"):
        place.check(path)


def test_a_change_before_the_last_batch_is_not_looked_for(tmp_path: Path) -> None:
    """Reading a file of gigabytes at each start would take minutes: only its last batch is summed."""
    path = tmp_path / "x"
    place = write(path, b"one\n", b"two\n")
    path.write_bytes(b"ONE\ntwo\n")
    place.check(path)


@settings(max_examples=40)
@given(st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=5), st.data())
def test_any_change_of_the_last_batch_is_found(
    tmp_path_factory: pytest.TempPathFactory, batches: list[bytes], data: st.DataObject
) -> None:
    """Whichever of its bits is turned, the checksum says so."""
    path = tmp_path_factory.mktemp("place") / "x"
    place = write(path, *batches)
    place.check(path)
    changed = bytearray(path.read_bytes())
    at = data.draw(st.integers(len(changed) - len(batches[-1]), len(changed) - 1))
    changed[at] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(changed)
    with pytest.raises(OutputError, match="was changed"):
        place.check(path)


def test_a_large_batch_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its checksum is that of the whole, however it is read."""
    monkeypatch.setattr(module, "_PIECE", 3)
    path = tmp_path / "x"
    write(path, b"before", b"0123456789").check(path)
    assert checksum([b"0123", b"456789"]) == checksum([b"0123456789"]) != checksum([b"012345678"])
