"""What ``write=`` accepts, made into writers."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from trio_crawl._errors import OutputError, UsageError
from trio_crawl._write.choose import choose
from trio_crawl._write.function import Function
from trio_crawl.writers import Files, Lines, Warc


async def sink(_row: object) -> None:
    """Take a row."""


class Wrapped:
    """A writer that somebody else wrote: it has the methods, and no base class."""

    def __init__(self, inner: Lines) -> None:
        self.name, self.prompt, self.rows = "wrapped", False, 0
        self.check, self.open, self.encode = inner.check, inner.open, inner.encode
        self.ending, self.write, self.audit = inner.ending, inner.write, inner.audit


def test_none_is_no_output() -> None:
    """None and an empty list write nothing."""
    assert choose(None) == []
    assert choose([]) == []


@pytest.mark.parametrize("write", ["out/x.tsv", Path("out/x.csv"), "-"])
def test_a_path_is_a_file_of_lines(write: str | Path) -> None:
    """A path, as text or as an object, and the dash make a `Lines` of that name."""
    (writer,) = choose(write)
    assert isinstance(writer, Lines)
    assert writer.name == str(write)


@pytest.mark.parametrize(
    ("write", "kind"),
    [
        ("x.warc.gz", Warc),
        ("x-{n}.warc", Warc),
        (Path("X.WARC.GZ"), Warc),
        ("mirror/", Files),
        ("a/b/", Files),
    ],
)
def test_a_path_is_an_archive_or_a_mirror(write: str | Path, kind: type) -> None:
    """By its suffix, or a slash at its end; one file is not given twice, however it is written."""
    (writer,) = choose(write)
    assert isinstance(writer, kind)
    assert writer.name == str(write)
    with pytest.raises(UsageError, match="twice"):
        choose([write, f"./{write}"])


def test_overwrite_is_for_paths(tmp_path: Path) -> None:
    """``overwrite`` goes with paths; a writer made by hand keeps its own word."""
    path = tmp_path / "x.tsv"
    path.write_text("precious")
    choose(path, overwrite=True)[0].check()
    for writer in (choose(path)[0], choose(Lines(path), overwrite=True)[0]):
        with pytest.raises(OutputError):
            writer.check()


def test_a_function_is_called_with_rows() -> None:
    """An async function makes a `Function`."""
    (writer,) = choose(sink)
    assert isinstance(writer, Function)
    assert writer.name == "sink"


def test_a_writer_is_taken_as_it_is() -> None:
    """Whatever has a writer's methods is one, without a base class."""
    lines, wrapped = Lines("x.tsv"), Wrapped(Lines("y.tsv"))
    assert choose(lines) == [lines]
    [chosen] = choose(wrapped)
    assert chosen is wrapped


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_list_keeps_its_order(kind: type) -> None:
    """A list or a tuple of outputs makes as many writers, in its order."""
    writers = choose(kind(["x.tsv", sink, Lines("y.jsonl")]))
    assert [writer.name for writer in writers] == ["x.tsv", "sink", "y.jsonl"]


def test_one_file_twice_is_refused(tmp_path: Path) -> None:
    """Two outputs that would write over each other are refused, however the path is spelt."""
    path = tmp_path / "x.tsv"
    (tmp_path / "link.tsv").symlink_to(path)
    again = [
        str(path),
        tmp_path / "." / "x.tsv",
        tmp_path / "y" / ".." / "x.tsv",
        Lines(path),
        tmp_path / "link.tsv",
    ]
    for second in again:
        with pytest.raises(UsageError, match="twice"):
            choose([path, second])
    with pytest.raises(UsageError, match="'-' is given twice"):
        choose(["-", Lines("-")])
    writer = Wrapped(Lines("x.tsv"))
    with pytest.raises(UsageError, match="'wrapped' is given twice"):
        choose([writer, writer])


def test_one_function_may_be_given_beside_a_file() -> None:
    """Outputs of different kinds don't get in each other's way."""
    assert len(choose(["x.tsv", "y.tsv", "-", sink, sink])) == 5


@pytest.mark.parametrize(
    "write", [3, b"x.tsv", {"x.tsv"}, {"write": "x"}, Lines, [None], [["x.tsv"]], io.StringIO()]
)
def test_anything_else_is_refused_with_a_list_of_what_is_not(write: object) -> None:
    """What is no output is a UsageError that lists what would be."""
    with pytest.raises(
        UsageError, match=r"write= can't be .*a path, '-'.*writers\.Lines.*async function.*list"
    ):
        choose(write)


def test_errors_of_the_outputs_come_through() -> None:
    """An unknown suffix and a function that is not async are refused here already."""
    with pytest.raises(UsageError, match="names no format"):
        choose("x.txt")
    with pytest.raises(UsageError, match="is not async"):
        choose(print)
