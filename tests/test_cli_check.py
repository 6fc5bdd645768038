"""``trio-crawl check``: a sound crawl passes, and whatever is changed afterwards is found and named."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE
from hypothesis import HealthCheck, given, settings, strategies as st
from state_support import files_in, run_virtually, select, small_site

from trio_crawl.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trio_crawl.testing import MemoryWeb

NAMES = ("pages.jsonl", "links.tsv", "links.csv")


def crawled(folder: Path, web: MemoryWeb | None = None, **keywords: Any) -> None:  # noqa: ANN401 - of crawl()
    """Crawl a small site, which takes several batches, into each format."""
    site = small_site() if web is None else web
    run_virtually(folder, site, **{"write": [folder / name for name in NAMES], "delay": 2, **keywords})


def checked(folder: Path, capsys: pytest.CaptureFixture[str], *names: str) -> tuple[int, str]:
    """Run the command on the state and all outputs, or those named; return its status and what it says."""
    paths = [str(folder / name) for name in (names or NAMES)]
    status = main(["check", str(folder / "crawl.db"), *paths])
    out, err = capsys.readouterr()
    return status, out + err


def execute(folder: Path, statement: str) -> None:
    """Change the state by hand."""
    with closing(sqlite3.connect(folder / "crawl.db")) as state, state:
        state.execute(statement)


def ends(folder: Path, place: int = 0) -> list[int]:
    """Return where each batch of an output ends."""
    said = select(folder, "SELECT positions FROM batches ORDER BY number")
    return sorted({json.loads(text)[place]["bytes"] for (text,) in said})


def test_a_sound_crawl(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing was changed the status is 0, numbers are told, and no file is made or changed."""
    crawled(tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in files_in(tmp_path)}
    status, said = checked(tmp_path, capsys)
    assert status == 0, said
    assert "0 pending, 12 pages, 0 failed, 0 skipped" in said
    assert "no problems" in said
    assert {name: (tmp_path / name).read_bytes() for name in files_in(tmp_path)} == before


def test_a_crawl_with_every_outcome(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Failures, skips, a bad seed, limits, retries of failures and resumes leave accounts that agree."""
    web = small_site()
    web.links(f"{SITE}3", ["/broken", "https://elsewhere.test/", "/4"])
    web.add(f"{SITE}broken", failure="protocol")
    seeds = (SITE, "no url")
    crawled(tmp_path, web, seeds=iter(seeds), max_pages=5, retries=0)
    assert checked(tmp_path, capsys)[0] == 0
    crawled(tmp_path, web, seeds=iter(seeds), retries=0)
    status, said = checked(tmp_path, capsys)
    assert status == 0, said
    assert "12 pages, 1 failed, 2 skipped" in said
    crawled(tmp_path, web, seeds=iter(seeds), retries=0, retry_failed=True)
    status, said = checked(tmp_path, capsys)
    assert status == 0, said


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a crawl in it that is not to be changed."""
    folder = tmp_path_factory.mktemp("sound")
    crawled(folder)
    return folder


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_changed_byte_is_found(
    sound: Path, data: st.DataObject, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whichever byte of an output is changed, its batch is named with the bytes in question."""
    name = data.draw(st.sampled_from(NAMES))
    path = sound / name
    content = path.read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    path.write_bytes(content[:at] + bytes([content[at] ^ data.draw(st.integers(1, 255))]) + content[at + 1 :])
    try:
        status, said = checked(sound, capsys)
    finally:
        path.write_bytes(content)
    assert status == 1
    places = ends(sound, NAMES.index(name))
    end = min(place for place in places if place > at)
    begin = max((place for place in places if place <= at), default=0)
    assert f"(bytes {begin:,} to {end:,}) was changed; its checksum should be" in said
    assert said.count(" was changed") == 1
    assert str(path) in said


def take_out(content: bytes, ends: list[int]) -> bytes:
    return content[: ends[1]] + content[ends[3] :]


def repeat(content: bytes, ends: list[int]) -> bytes:
    return content[: ends[3]] + content[ends[2] : ends[3]] + content[ends[3] :]


def put_in(content: bytes, ends: list[int]) -> bytes:
    return content[: ends[2]] + b"foreign\n" + content[ends[2] :]


def take_bytes(content: bytes, ends: list[int]) -> bytes:
    return content[: ends[2] - 3] + content[ends[2] :]


def append(content: bytes, _ends: list[int]) -> bytes:
    return content + b"{}\n"


def shorten(content: bytes, ends: list[int]) -> bytes:
    return content[: ends[-2]]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (take_out, ["missing: batch", "missing: batch"]),
        (repeat, ["repeat batch"]),
        (put_in, ["are foreign: batch"]),
        (take_bytes, ["was changed", "3 bytes before"]),
        (append, ["are foreign: it should end before them"]),
        (shorten, ["was changed"]),
    ],
)
def test_batches_that_are_missing_foreign_or_repeated(
    change: Callable[[bytes, list[int]], bytes],
    told: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What was taken out, put in, repeated or moved is called that, and what follows it is no problem."""
    crawled(tmp_path)
    path = tmp_path / NAMES[0]
    path.write_bytes(change(path.read_bytes(), [end for end in ends(tmp_path) if end]))
    status, said = checked(tmp_path, capsys, NAMES[0])
    assert status == 1
    problems = [line for line in said.splitlines() if line.startswith(f"{path}: ")]
    if path.stat().st_size < ends(tmp_path)[-1]:
        assert " bytes, and should have " in problems.pop(0)
    assert len(problems) == len(told), said
    assert all(word in line for word, line in zip(told, problems, strict=True)), said


def test_an_output_that_is_gone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there is a problem, and no wrong usage."""
    crawled(tmp_path)
    (tmp_path / NAMES[1]).unlink()
    status, said = checked(tmp_path, capsys)
    assert status == 1
    assert f"{NAMES[1]}: it is gone, and should have" in said


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DELETE FROM urls WHERE id = 3", "the books have 12 discovered, the URLs 11"),
        (
            "UPDATE urls SET detail = 404 WHERE id = 3",
            "the books have 0 pages with the status 404, the URLs 1",
        ),
        ("UPDATE urls SET rows = '1 1 1' WHERE id = 3", "rows, and its pages in the state"),
        ("UPDATE urls SET rows = '1 1' WHERE id = 3", "has '1 1' for its rows in 3 outputs"),
        ("UPDATE urls SET rows = NULL WHERE id = 3", "has None for its rows in 3 outputs"),
        ("UPDATE urls SET status = 2, detail = 'dns' WHERE id = 3", "0 failures of the kind dns, the URLs 1"),
        ("UPDATE hosts SET pending = 7", "has 7 pending, its URLs 0"),
        ("DELETE FROM batches WHERE number = 4", "batch 4 is missing in the state"),
        ("DELETE FROM batches WHERE number = 4", "the state lacks a batch"),
        ("UPDATE batches SET positions = '[]' WHERE number = 4", "has 0 positions for 3 outputs"),
    ],
)
def test_accounts_that_do_not_agree(
    statement: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was changed in the state shows in its accounts."""
    crawled(tmp_path)
    execute(tmp_path, statement)
    status, said = checked(tmp_path, capsys)
    assert status == 1
    assert told in said


def test_rows_after_a_retry_are_counted_in_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where a page has rows of two visits, the rows of the file are compared as a whole."""
    web = small_site()
    web.add(f"{SITE}5", failure="protocol")
    crawled(tmp_path, web, retries=0)
    crawled(tmp_path, small_site(), retries=0, retry_failed=True)
    assert checked(tmp_path, capsys)[0] == 0
    execute(tmp_path, "UPDATE urls SET rows = '7 7 7' WHERE id = 1")
    status, said = checked(tmp_path, capsys)
    assert status == 1
    assert f"{NAMES[0]}: it has 13 rows, and its pages in the state 19" in said


def test_a_state_that_a_kill_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A log beside the state is read, not touched; what stands behind the last batch is no problem then."""
    crawled(tmp_path, max_time=9)
    with closing(sqlite3.connect(tmp_path / "crawl.db")) as state:
        state.execute("UPDATE facts SET value = value")
        state.commit()
        with (tmp_path / NAMES[0]).open("ab") as file:
            file.write(b'{"half of a')
        (tmp_path / "crawl.db.lock").touch()
        before = {name: (tmp_path / name).read_bytes() for name in files_in(tmp_path)}
        assert "crawl.db-wal" in before
        status, said = checked(tmp_path, capsys)
        assert status == 0, said
        assert {name: (tmp_path / name).read_bytes() for name in files_in(tmp_path)} == before


def test_beside_a_crawl_that_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A check in the middle of a crawl finds what is committed in order, and the crawl goes on."""
    web = small_site()
    statuses: list[tuple[int, str]] = []

    async def look(_row: object) -> None:
        await trio.lowlevel.checkpoint()
        statuses.append(checked(tmp_path, capsys, NAMES[0]))

    crawled(tmp_path, web, write=[tmp_path / NAMES[0], look])
    assert len(statuses) == 12
    assert {status for status, _ in statuses} == {0}, statuses
    assert "look: not looked at; name it, too" in statuses[-1][1]


@pytest.fixture
def other_folder(tmp_path: Path) -> Path:
    """Return a folder to which state and outputs have been moved."""
    folder = tmp_path / "moved"
    (tmp_path / "first").mkdir()
    crawled(tmp_path / "first")
    (tmp_path / "first").rename(folder)
    return folder


def test_outputs_that_were_moved(other_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An output in another folder is known by its name."""
    status, said = checked(other_folder, capsys)
    assert status == 0, said


def test_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A state that is not there, an output of another crawl and one given twice are wrong usage."""
    status, said = checked(tmp_path, capsys)
    assert status == 2
    assert said.startswith(f"trio-crawl: error: there is no state {tmp_path / 'crawl.db'}; name the file")
    crawled(tmp_path)
    status, said = checked(tmp_path, capsys, "other.tsv")
    assert (status, "is no output of" in said) == (2, True)
    status, said = checked(tmp_path, capsys, NAMES[0], NAMES[0])
    assert (status, "is given twice" in said) == (2, True)
    assert main(["check"]) == 2


def test_something_that_is_no_state(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another database, and a file that is none, are problems."""
    (tmp_path / "crawl.db").write_bytes(b"not a database" * 100)
    status, said = checked(tmp_path, capsys)
    assert (status, "is damaged, or can't be read" in said) == (1, True)
    (tmp_path / "crawl.db").unlink()
    execute(tmp_path, "CREATE TABLE other (x)")
    status, said = checked(tmp_path, capsys)
    assert (status, "is no state of a crawl" in said) == (1, True)
