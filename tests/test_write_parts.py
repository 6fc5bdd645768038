"""The files that one output is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from trio_crawl._errors import OutputError, UsageError
from trio_crawl._write.parts import Parts
from trio_crawl._write.place import Place, checksum

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("pages-{n}.jsonl", ["pages-1.jsonl", "pages-12.jsonl"]),
        ("{n:05}.tsv.gz", ["00001.tsv.gz", "00012.tsv.gz"]),
        ("a.{worker}.{n}", ["a.{worker}.1", "a.{worker}.12"]),
    ],
)
def test_a_template_names_files(tmp_path: Path, template: str, names: list[str]) -> None:
    """``{n}`` is the number, with digits as they are asked for; other braces stand as they are."""
    parts = Parts(str(tmp_path / template))
    assert parts.numbered
    assert parts.first == 1
    assert [parts.path(number) for number in (1, 12)] == [tmp_path / name for name in names]


def test_a_path_without_a_number_is_one_file(tmp_path: Path) -> None:
    """Its number is 0."""
    parts = Parts(str(tmp_path / "pages.jsonl"))
    assert not parts.numbered
    assert parts.path(parts.first) == tmp_path / "pages.jsonl"
    assert list(parts.stale(None)) == []


@pytest.mark.parametrize("name", ["{n}/pages.jsonl", "{n}-{n}.tsv"])
def test_a_number_in_the_wrong_place_is_refused(name: str) -> None:
    """It stands in the file's name, and once."""
    with pytest.raises(UsageError, match="give it once, in the file's name"):
        Parts(name)


def test_only_what_the_template_makes_is_found(tmp_path: Path) -> None:
    """Files that only look like parts are left alone."""
    for name in ("p-1.x", "p-2.x", "p-10.x", "p-02.x", "p-0.x", "p-1.xx", "q-1.x", "p-a.x", "p-.x"):
        (tmp_path / name).touch()
    assert Parts(str(tmp_path / "p-{n}.x")).found() == [1, 2, 10]
    assert Parts(str(tmp_path / "p-{n:02}.x")).found() == [2, 10]


def test_what_is_stale(tmp_path: Path) -> None:
    """Where a crawl goes on, the parts that follow without a gap; where one begins anew, all."""
    parts = Parts(str(tmp_path / "p-{n}.x"))
    for number in (1, 2, 3, 4, 7):
        parts.path(number).write_text("x")
    assert list(parts.stale(Place(part=2))) == [parts.path(3), parts.path(4)]
    assert list(parts.stale(None)) == [parts.path(number) for number in (1, 2, 3, 4, 7)]


def test_parts_that_are_there_are_refused(tmp_path: Path) -> None:
    """A new crawl does not mix its parts with those of another, whichever they are."""
    parts = Parts(str(tmp_path / "p-{n}.x"))
    parts.check(None, overwrite=False)
    parts.path(3).write_text("x")
    with pytest.raises(OutputError, match="p-3.x exists and is not empty; pass overwrite=True"):
        parts.check(None, overwrite=False)
    parts.check(None, overwrite=True)


def test_earlier_parts_have_to_be_there(tmp_path: Path) -> None:
    """A crawl does not go on behind a part that is gone, or at a position of another kind of output."""
    parts = Parts(str(tmp_path / "p-{n}.x"))
    for number in (1, 2):
        parts.path(number).write_bytes(b"x\n")
    place = Place(bytes=2, batch=2, sum=checksum([b"x\n"]), part=2)
    parts.check(place, overwrite=False)
    parts.path(1).unlink()
    with pytest.raises(OutputError, match="p-1.x is gone, and the state has rows in it"):
        parts.check(place, overwrite=False)
    for other, at in ((parts, Place()), (Parts(str(tmp_path / "x")), place)):
        with pytest.raises(OutputError, match="its position is another output's"):
            other.check(at, overwrite=False)
