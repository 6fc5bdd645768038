"""Lines of text, to a file or to standard output."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, cast

import pytest
import trio
from document_support import titled

from trio_crawl._errors import OutputError, RowError, UsageError
from trio_crawl._model import Headers, Link, Page, Parsed, Request
from trio_crawl._write.choose import kinds_wanted
from trio_crawl._write.lines import Lines
from trio_crawl.abc import Environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trio_crawl._write.formats import Format
    from trio_crawl.abc import Writer

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

SOURCE = "http://site.test/"
HEADER = b"source_url\tparsed_url\n"


class AllowAll:
    """A guard that refuses no address."""

    def refusal(self, _host: str, _port: int, _address: str) -> str | None:
        return None


async def in_thread(
    function: Callable[[*Ts], T], /, *args: *Ts, limiter: trio.CapacityLimiter | None = None
) -> T:
    """Call what blocks in a thread, as a crawl does."""
    return await trio.to_thread.run_sync(function, *args, limiter=limiter)


def environment(nursery: trio.Nursery) -> Environment:
    return Environment(nursery=nursery, guard=AllowAll(), concurrency=1, run_in_thread=in_thread)


def parsed(*links: str, rows: tuple[Any, ...] | None = None, title: str | None = None) -> Parsed:
    page = Page(
        id="1",
        request=Request(SOURCE),
        url=SOURCE,
        final_url=SOURCE,
        status=200,
        headers=Headers(),
        content=b"",
        depth=0,
        referrer=None,
        attempts=1,
        fetched_at=datetime(2026, 1, 2, tzinfo=UTC),
        elapsed=0.0,
        http_version="1.1",
        address="",
        _document=titled(title),
    )
    return Parsed(page=page, links=tuple(Link(url=link) for link in links), rows=rows)


async def write_in(
    nursery: trio.Nursery, writer: Writer[Any], *outcomes: Parsed, at_once: bool = False
) -> None:
    """Write *outcomes* as a crawl would, in a batch each or all at once."""
    writer.check()
    async with writer.open(environment(nursery)):
        items = [item for outcome in outcomes if (item := writer.encode(outcome)) is not None]
        for batch in [items] if at_once else [[item] for item in items]:
            await writer.write(batch)
        ending = writer.ending()
        if ending is not None:
            await writer.write([ending])


async def write_all(writer: Writer[Any], *outcomes: Parsed, at_once: bool = False) -> None:
    """Write *outcomes* where nothing is expected to go wrong."""
    async with trio.open_nursery() as nursery:
        await write_in(nursery, writer, *outcomes, at_once=at_once)


def descriptors() -> set[str]:
    """Return what this process has open, by name."""
    folder = Path("/proc/self/fd")
    return {str(link.readlink()) for link in folder.iterdir() if link.is_symlink()}


# Which format, which path.


@pytest.mark.parametrize(("name", "first"), [("x.tsv", "s"), ("x.CSV", "s"), ("x.jsonl", "{")])
async def test_the_suffix_picks_the_format(tmp_path: Path, name: str, first: str) -> None:
    """A file's suffix says its format, in whatever case."""
    await write_all(Lines(tmp_path / name), parsed("http://a/"))
    assert (tmp_path / name).read_text()[0] == first


async def test_links_of_other_kinds_are_rows_where_they_are_asked_for(tmp_path: Path) -> None:
    """Those that the output asked for, in order, each URL once; another output has its own."""
    outcome = replace(
        parsed("http://a/"),
        chosen=(
            Link(url="http://i/", kind="img"),
            Link(url="http://a/"),
            Link(url="http://a/", kind="canonical"),
            Link(url="http://s/", kind="script"),
            Link(url="http://i/", kind="img", rel=("x",)),
        ),
    )
    writers = [Lines(tmp_path / "x.tsv", kinds=("img", "a")), Lines(tmp_path / "y.jsonl", kinds="script")]
    assert kinds_wanted([*writers, Lines(tmp_path / "z.tsv")]) == {"img", "a", "script"}
    for writer in writers:
        await write_all(writer, outcome)
    rows = (tmp_path / "x.tsv").read_text().splitlines()[1:]
    assert [row.split("\t")[1] for row in rows] == ["http://i/", "http://a/"]
    assert json.loads((tmp_path / "y.jsonl").read_text())["links"] == ["http://s/"]


def test_a_kind_of_link_that_there_is_none_of_is_an_error(tmp_path: Path) -> None:
    """Before the first request."""
    with pytest.raises(UsageError, match="no kind of link 'image'"):
        Lines(tmp_path / "x.tsv", kinds=("image",))  # type: ignore[arg-type]


async def test_a_format_goes_with_any_name(tmp_path: Path) -> None:
    """With a format named, the file's suffix is nobody's business."""
    await write_all(Lines(tmp_path / "x.log", format="jsonl"), parsed("http://a/"))
    assert json.loads((tmp_path / "x.log").read_text())["links"] == ["http://a/"]


@pytest.mark.parametrize("name", ["x.txt", "x", "out/", "x.gz", "x.txt.gz"])
def test_an_unknown_suffix_is_refused(name: str) -> None:
    """A suffix that names no format is an error that lists those that do, and the way round."""
    with pytest.raises(UsageError, match=r"names no format; .*\.tsv, \.csv, \.jsonl.*\.gz.*writers\.Lines\("):
        Lines(name)


def test_a_compression_alone_is_no_format() -> None:
    """Of a name whose only suffix is a compression's, that is what is said."""
    with pytest.raises(UsageError, match=r"'\.zst' says how it is compressed, and names no format"):
        Lines("links.zst")


def test_an_unknown_format_is_refused() -> None:
    """A format that there is not is an error that lists those that there are."""
    unknown: Any = "xml"
    with pytest.raises(UsageError, match="no format 'xml'; the formats are tsv, csv, jsonl"):
        Lines("x.tsv", format=unknown)


@pytest.mark.parametrize("path", [b"x.tsv", 3, None, "", "a\0.tsv"])
def test_what_is_no_path_is_refused(path: str) -> None:
    """Bytes, numbers, an empty name and a NUL are refused before anything is opened."""
    with pytest.raises(UsageError, match="is no path"):
        Lines(path)


def test_a_writer_says_what_it_is() -> None:
    """Name, path and promptness are to be read; the repr names the arguments."""
    file, standard = Lines(Path("a/x.tsv"), overwrite=True), Lines("-")
    assert (file.name, file.path, file.prompt) == (str(Path("a/x.tsv")), Path("a/x.tsv"), False)
    assert (standard.name, standard.path, standard.prompt) == ("-", None, True)
    assert repr(file) == "Lines('a/x.tsv', format='tsv', overwrite=True)"


# What can't be opened.


def test_a_file_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    """A file with content is an error that names the argument to replace it, and stays as it is."""
    path = tmp_path / "x.tsv"
    path.write_text("precious")
    with pytest.raises(OutputError, match=r"x\.tsv exists and is not empty; pass overwrite=True"):
        Lines(path).check()
    assert path.read_text() == "precious"


def test_a_folder_is_refused(tmp_path: Path) -> None:
    """A folder is an error, whether to be overwritten or not."""
    (tmp_path / "x.tsv").mkdir()
    for overwrite in (False, True):
        with pytest.raises(OutputError, match="is a folder"):
            Lines(tmp_path / "x.tsv", overwrite=overwrite).check()


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    """A folder that does not exist is an error that names it."""
    with pytest.raises(OutputError, match=r"there is no folder .*missing; create it first"):
        Lines(tmp_path / "missing" / "x.tsv").check()


def test_a_file_for_a_folder_is_refused(tmp_path: Path) -> None:
    """A path that goes through a file is an error with the system's reason."""
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="Not a directory"):
        Lines(tmp_path / "file" / "x.tsv").check()


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    """What the system says of a path is passed on."""
    with pytest.raises(OutputError, match="too long"):
        Lines(tmp_path / ("x" * 5000 + ".tsv")).check()


def test_what_may_not_be_written_is_refused(ordinary_user: Path) -> None:
    """A folder and a file that are read-only are errors."""
    (ordinary_user / "x.tsv").touch(mode=0o400)
    with pytest.raises(OutputError, match="can't be written"):
        Lines(ordinary_user / "x.tsv").check()
    ordinary_user.chmod(0o500)
    with pytest.raises(OutputError, match="is not writable"):
        Lines(ordinary_user / "y.tsv").check()


def test_a_check_creates_nothing(tmp_path: Path) -> None:
    """A check leaves no file behind."""
    Lines(tmp_path / "x.tsv").check()
    assert list(tmp_path.iterdir()) == []


async def test_what_only_opening_tells_is_an_output_error(tmp_path: Path) -> None:
    """A folder that is gone since the check is an OutputError of the opening."""
    folder = tmp_path / "folder"
    folder.mkdir()
    writer = Lines(folder / "x.tsv")
    writer.check()
    folder.rmdir()
    async with trio.open_nursery() as nursery:
        with pytest.raises(OutputError, match=r"x\.tsv can't be opened: No such file"):
            async with writer.open(environment(nursery)):
                pytest.fail("it was opened")


async def test_a_file_that_appears_after_the_check_is_kept(tmp_path: Path) -> None:
    """A file that another program wrote since the check is refused, unharmed, and not left open."""
    path = tmp_path / "x.tsv"
    writer = Lines(path)
    writer.check()
    path.write_text("precious")
    async with trio.open_nursery() as nursery:
        with pytest.raises(OutputError, match="exists and is not empty"):
            async with writer.open(environment(nursery)):
                pytest.fail("it was opened")
    assert path.read_text() == "precious"
    assert str(path) not in descriptors()


async def test_a_pipe_that_nobody_reads_is_refused(tmp_path: Path) -> None:
    """A named pipe without a reader is an error rather than a crawl that waits for good."""
    path = tmp_path / "pipe.tsv"
    os.mkfifo(path)
    writer = Lines(path)
    writer.check()
    async with trio.open_nursery() as nursery:
        with trio.fail_after(5), pytest.raises(OutputError, match="can't be opened"):
            async with writer.open(environment(nursery)):
                pytest.fail("it was opened")


# What is written.


async def test_an_empty_file_is_used(tmp_path: Path) -> None:
    """A file that exists and is empty is no obstacle."""
    path = tmp_path / "x.tsv"
    path.touch()
    await write_all(Lines(path), parsed("http://a/"))
    assert path.read_bytes() == HEADER + b"http://site.test/\thttp://a/\n"


async def test_overwriting_replaces_all(tmp_path: Path) -> None:
    """With overwrite=True nothing of a longer file is left."""
    path = tmp_path / "x.tsv"
    path.write_text("precious" * 1000)
    await write_all(Lines(path, overwrite=True), parsed("http://a/"))
    assert path.read_bytes() == HEADER + b"http://site.test/\thttp://a/\n"


async def test_positions_are_the_files_size(tmp_path: Path) -> None:
    """After each batch the position is the size in bytes, and every row up to it can be read."""
    path = tmp_path / "x.jsonl"
    writer = Lines(path)
    sizes = []
    async with trio.open_nursery() as nursery, writer.open(environment(nursery)):
        for text in ("é", "𝄞", "x"):
            item = writer.encode(parsed(rows=({"t": text}, {"t": text})))
            assert item is not None
            sizes.append((cast("dict[str, Any]", await writer.write([item])), path.stat().st_size))
            assert path.read_bytes().endswith(b"}\n")
        assert await writer.write([]) == sizes[-1][0]
    assert [position["bytes"] for position, _ in sizes] == [size for _, size in sizes]


async def test_a_batch_keeps_its_order(tmp_path: Path) -> None:
    """The rows of one batch stand in the order in which they were encoded."""
    outcomes = [parsed(rows=({"n": number},)) for number in range(50)]
    await write_all(Lines(tmp_path / "x.jsonl"), *outcomes, at_once=True)
    lines = (tmp_path / "x.jsonl").read_text().splitlines()
    assert [json.loads(line)["n"] for line in lines] == list(range(50))


@pytest.mark.parametrize(
    ("format", "expected"), [("tsv", HEADER), ("csv", b"source_url,parsed_url\r\n"), ("jsonl", b"")]
)
async def test_no_rows_leave_a_header(tmp_path: Path, format: Format, expected: bytes) -> None:
    """A table of links has its header even if no link was found."""
    await write_all(Lines(tmp_path / "x", format=format))
    assert (tmp_path / "x").read_bytes() == expected


async def test_csv_lines_end_in_cr_lf(tmp_path: Path) -> None:
    """A CSV file's lines end as RFC 4180 has them, not as the platform would."""
    await write_all(Lines(tmp_path / "x.csv"), parsed("http://a/?b,c"))
    expected = b'source_url,parsed_url\r\nhttp://site.test/,"http://a/?b,c"\r\n'
    assert (tmp_path / "x.csv").read_bytes() == expected


async def test_half_a_surrogate_pair_is_written_escaped(tmp_path: Path) -> None:
    r"""A lone surrogate, which UTF-8 has not, is no crash: it reads ``\ud800``, and JSON gives it back."""
    await write_all(Lines(tmp_path / "x.jsonl"), parsed(rows=({"t": "a\ud800\\b"}, {"t": "\udfff"})))
    first, second = (tmp_path / "x.jsonl").read_bytes().splitlines()
    assert json.loads(first) == {"t": "a\ud800\\b"}
    assert json.loads(second) == {"t": "\udfff"}
    await write_all(Lines(tmp_path / "x.tsv"), parsed(rows=({"t": "\ud800"},)))
    assert (tmp_path / "x.tsv").read_bytes() == b"t\n\\ud800\n"


async def test_rows_are_counted_without_the_header(tmp_path: Path) -> None:
    """The count is of rows encoded since the output was opened; a refused page adds none."""
    writer = Lines(tmp_path / "x.tsv", overwrite=True)
    await write_all(writer, parsed("http://a/", "http://b/"), parsed("http://c/"))
    assert writer.rows == 3
    await write_all(writer, parsed(rows=({"a": 1},)))
    with pytest.raises(RowError):
        writer.encode(parsed(rows=({"a": 1}, 5)))
    assert writer.rows == 1


async def test_one_writer_serves_one_crawl_after_another(tmp_path: Path) -> None:
    """A second crawl begins anew: with the header, and with columns of its own."""
    writer = Lines(tmp_path / "x.tsv", overwrite=True)
    await write_all(writer, parsed("http://a/"))
    await write_all(writer, parsed(rows=({"a": 1},)))
    assert (tmp_path / "x.tsv").read_bytes() == b"a\n1\n"


async def test_a_second_crawl_at_once_is_refused(tmp_path: Path) -> None:
    """An open writer can't be opened again, and goes on working for the crawl that has it."""
    writer = Lines(tmp_path / "x.tsv")
    async with trio.open_nursery() as nursery, writer.open(environment(nursery)):
        with pytest.raises(trio.BusyResourceError):
            async with writer.open(environment(nursery)):
                pytest.fail("it was opened")
        await writer.write([writer.encode(parsed("http://a/")) or ""])
    assert (tmp_path / "x.tsv").read_bytes() == HEADER + b"http://site.test/\thttp://a/\n"


async def test_writing_to_what_is_not_open_is_refused(tmp_path: Path) -> None:
    """A writer that was never opened, or is closed again, says so."""
    writer = Lines(tmp_path / "x.tsv")
    with pytest.raises(trio.ClosedResourceError):
        await writer.write(["x"])
    await write_all(writer)
    with pytest.raises(trio.ClosedResourceError):
        await writer.write(["x"])


# What goes wrong while writing.


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Give a file system of 64 KiB."""
    folder.mkdir()
    mounted = subprocess.run(  # noqa: S603 - our own folder
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)],  # noqa: S607 - wherever mount is
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)  # noqa: S603, S607 - as above


async def test_a_full_disk_leaves_whole_rows(tmp_path: Path) -> None:
    """Where the disk fills up, the error says so, and the file is cut back to the batches before."""
    with small_disk(tmp_path / "disk") as disk:
        path = disk / "x.tsv"
        writer = Lines(path)
        before = HEADER + b"http://site.test/\thttp://a/\n"
        async with trio.open_nursery() as nursery, writer.open(environment(nursery)):
            await writer.write([writer.encode(parsed("http://a/")) or ""])
            links = [f"http://b/{number}" for number in range(10_000)]
            with pytest.raises(OSError, match="No space left") as caught:
                await writer.write([writer.encode(parsed(*links)) or ""])
            assert path.read_bytes() == before
            assert caught.value.errno == errno.ENOSPC
            assert caught.value.__notes__ == [
                f"while writing {path}: it was cut back to {len(before)} bytes, which end with a whole row"
            ]
            # There is room again: what follows stands right after the batch before.
            await writer.write(["more\n"])
        assert path.read_bytes() == before + b"more\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
async def test_what_cannot_be_cut_back_is_said() -> None:
    """Where an output can't be cut back, the note says that a part of a batch may be in it."""
    async with trio.open_nursery() as nursery:
        with pytest.raises(OSError, match="No space left") as caught:
            await write_in(nursery, Lines("/dev/full", format="jsonl"), parsed())
    assert caught.value.__notes__[0].startswith("while writing /dev/full: a part of a batch may stand after")


async def test_a_pipes_reader_that_leaves_is_a_broken_pipe(tmp_path: Path) -> None:
    """A named pipe is written as it is read; a reader that goes away is an OSError with a note."""
    path = tmp_path / "pipe.jsonl"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer = Lines(path)
    async with trio.open_nursery() as nursery, writer.open(environment(nursery)):
        await writer.write(["row\n"])
        assert os.read(reader, 100) == b"row\n"
        os.close(reader)
        with pytest.raises(BrokenPipeError) as caught:
            await writer.write(["row\n"])
    assert caught.value.__notes__ == [f"while writing {path}: a part of the last batch may have been written"]


async def test_an_error_in_the_block_closes_the_file(tmp_path: Path) -> None:
    """Whatever ends the crawl comes out as itself, and the file is closed, without a header."""
    path = tmp_path / "x.tsv"
    async with trio.open_nursery() as nursery:
        with pytest.raises(ZeroDivisionError):
            async with Lines(path).open(environment(nursery)):
                raise ZeroDivisionError
    assert str(path) not in descriptors()
    assert path.read_bytes() == b""


async def test_a_cancelled_batch_is_written_whole(tmp_path: Path) -> None:
    """A batch that is being written when the scope is cancelled is written to its end."""
    path = tmp_path / "x.jsonl"
    writer = Lines(path)
    held, go_on = trio.Event(), threading.Event()
    token = trio.lowlevel.current_trio_token()

    async def held_up(
        function: Callable[[*Ts], T], /, *args: *Ts, limiter: trio.CapacityLimiter | None = None
    ) -> T:
        def call() -> T:
            if args and isinstance(args[0], list):  # neither the opening nor the closing
                token.run_sync_soon(held.set)
                go_on.wait()
            return function(*args)

        return await trio.to_thread.run_sync(call, limiter=limiter)

    async with trio.open_nursery() as outer:
        lent = Environment(nursery=outer, guard=AllowAll(), concurrency=1, run_in_thread=held_up)
        async with trio.open_nursery() as nursery:

            async def crawl() -> None:
                async with writer.open(lent):
                    await writer.write(["first\n", "second\n"])
                    await trio.lowlevel.checkpoint()
                    pytest.fail("it was not cancelled")

            nursery.start_soon(crawl)
            await held.wait()
            nursery.cancel_scope.cancel()
            go_on.set()
    assert path.read_bytes() == b"first\nsecond\n"
    assert str(path) not in descriptors()


class CancelAt(trio.abc.Instrument):
    """Cancels a scope before its k-th task step."""

    def __init__(self, scope: trio.CancelScope, steps: int) -> None:
        self._scope = scope
        self._left = steps

    def before_task_step(self, task: trio.lowlevel.Task) -> None:  # noqa: ARG002 - trio's signature
        self._left -= 1
        if self._left == 0:
            self._scope.cancel()


async def test_cancelled_anywhere_the_file_is_closed_and_whole(tmp_path: Path) -> None:
    """Cancelled at any step, the file is closed, and holds whole batches in order from the first on."""
    batches = [f"{number}\n" * 3 for number in range(4)]
    for step in range(1, 200):
        path = tmp_path / f"{step}.jsonl"
        with trio.CancelScope() as scope:
            instrument = CancelAt(scope, step)
            trio.lowlevel.add_instrument(instrument)
            writer = Lines(path)
            try:
                async with trio.open_nursery() as nursery, writer.open(environment(nursery)):
                    for batch in batches:
                        await writer.write([batch])
            finally:
                trio.lowlevel.remove_instrument(instrument)
        assert str(path) not in descriptors()
        text = path.read_text() if path.exists() else ""
        assert text in {"".join(batches[:count]) for count in range(5)}
        if not scope.cancelled_caught:
            assert text == "".join(batches)
            return
    pytest.fail("it was cancelled at each of 200 steps")


# Standard output.


async def test_standard_output_is_tsv_of_links(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """A dash is standard output, as a table of links; what was printed before stands before it."""
    writer = Lines("-")
    sys.stdout.write("before\n")
    await write_all(writer, parsed("http://a/"))
    sys.stdout.write("after\n")
    sys.stdout.flush()
    expected = b"before\n" + HEADER + b"http://site.test/\thttp://a/\nafter\n"
    assert capfdbinary.readouterr().out == expected


async def test_rows_on_standard_output_show_at_once(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Each batch is there as soon as it is written."""
    writer = Lines("-", format="jsonl")
    async with trio.open_nursery() as nursery, writer.open(environment(nursery)):
        assert cast("dict[str, Any]", await writer.write(["é\n"]))["bytes"] == 3
        assert capfdbinary.readouterr().out == "é\n".encode()


async def test_standard_output_without_bytes_takes_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a notebook put a text stream for standard output, it gets text."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    await write_all(Lines("-", format="jsonl"), parsed(rows=({"t": "é\ud800"},)))
    assert stream.getvalue() == '{"t":"é\\ud800"}\n'
    assert not stream.closed


async def test_standard_output_in_memory_takes_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where standard output is a stream in memory, its bytes are UTF-8 whatever its encoding is."""
    memory = io.BytesIO()
    with io.TextIOWrapper(memory, encoding="ascii") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        await write_all(Lines("-", format="jsonl"), parsed(rows=({"t": "é"},)))
        monkeypatch.undo()
        assert memory.getvalue() == '{"t":"é"}\n'.encode()


def test_no_standard_output_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program without a standard output can't write to it."""
    closed = io.StringIO()
    closed.close()
    for stream in (None, closed):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", stream)
            with pytest.raises(OutputError, match="no standard output"):
                Lines("-").check()


async def test_a_broken_pipe_on_standard_output_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that left is a BrokenPipeError, after which nothing is left in a buffer to raise again."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="utf-8") as stream:  # noqa: ASYNC230, PTH123 - a descriptor is no path
        monkeypatch.setattr(sys, "stdout", stream)
        async with trio.open_nursery() as nursery:
            with pytest.raises(BrokenPipeError) as caught:
                await write_in(nursery, Lines("-"), parsed("http://a/"))
        monkeypatch.undo()
    assert caught.value.__notes__ == ["while writing -: a part of the last batch may have been written"]
