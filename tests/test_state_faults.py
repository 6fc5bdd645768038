"""What goes wrong in a crawl, or between two, ends in a clear error; or the rerun has all rows once."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, virtual
from state_support import files_in, go, run_virtually, small_site, urls_in

from trio_crawl import CrawlError, OutputError, Report, StateError
from trio_crawl._cli.check import check
from trio_crawl.testing import MemoryWeb
from trio_crawl.writers import Lines

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from trio_crawl._model import Json
    from trio_crawl.abc import Environment

ALL = sorted(f"{SITE}{number or ''}" for number in range(12))


DISK = 2 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of `DISK` bytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode:  # noqa: S603 - our own folder
        pytest.skip("mounting a small file system needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)  # noqa: S603, S607 - as above


def fat_site() -> MemoryWeb:
    """Return pages whose rows are long: 4 KB each."""
    web = MemoryWeb()
    for number in range(30):
        targets = [f"/{number + 1}?{'x' * 4000}"] if number < 29 else []
        web.links(f"{SITE}{number}" + (f"?{'x' * 4000}" if number else ""), targets)
    return web


# The disk


@virtual
async def test_a_full_disk_under_an_output(tmp_path: Path, small_disk: Path) -> None:
    """An output that finds the disk full ends the crawl; with room, the same call has every row once."""
    keywords: dict[str, Any] = {"write": small_disk / "pages.jsonl", "seeds": f"{SITE}0", "follow": "any"}
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(DISK - 350_000))
    with pytest.raises(OSError, match="No space left on device"):
        await go(tmp_path, fat_site(), **keywords)
    with pytest.raises(OSError, match="No space left on device"):
        await go(tmp_path, fat_site(), **keywords)
    ballast.unlink()
    report = await go(tmp_path, fat_site(), **keywords)
    assert report.pages == 30
    assert len(urls_in(small_disk)) == len(set(urls_in(small_disk))) == 30


@pytest.mark.parametrize("name", ["x.warc", "x-{n}.warc.gz", "mirror/"])
@virtual
async def test_a_full_disk_under_an_archive_or_a_mirror(tmp_path: Path, small_disk: Path, name: str) -> None:
    """They end the crawl by that error; with room, the same call has every page once, as the audit says."""
    web = fat_site()
    for number in range(30):
        # What differs from page to page, and can't be made smaller.
        target = f"<a href='/{number + 1}?{'x' * 4000}'>next</a>" if number < 29 else ""
        noise = random.Random(number).randbytes(12_000).hex()  # noqa: S311 - no secret
        web.add(f"{SITE}{number}" + (f"?{'x' * 4000}" if number else ""), target + noise)
    output = f"{small_disk}/{name}"
    keywords: dict[str, Any] = {"write": output, "seeds": f"{SITE}0", "follow": "any"}
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(DISK - 150_000))
    for _ in range(2):
        with pytest.raises(OSError, match="No space left on device"):
            await go(tmp_path, web, **keywords)
    ballast.unlink()
    report = await go(tmp_path, web, **keywords)
    assert (report.pages, report.rows) == (30, 30)
    assert check(str(tmp_path / "crawl.db"), [output]).problems == ()


@virtual
async def test_a_full_disk_under_the_state(tmp_path: Path, small_disk: Path) -> None:
    """A state that finds the disk full says so; with room, the same call has every row once."""
    keywords: dict[str, Any] = {"state": small_disk / "crawl.db", "seeds": f"{SITE}0", "follow": "any"}
    ballast = small_disk / "ballast"
    for room in (110_000, 350_000):
        ballast.write_bytes(bytes(DISK - room))
        with pytest.raises(StateError, match="the disk is full|disk I/O error"):
            await go(tmp_path, fat_site(), **keywords)
    ballast.unlink()
    report = await go(tmp_path, fat_site(), **keywords)
    assert report.pages == 30
    assert len(urls_in(tmp_path)) == len(set(urls_in(tmp_path))) == 30


@virtual
async def test_no_room_for_anything(tmp_path: Path, small_disk: Path) -> None:
    """On a disk that is full from the start the lock can't say who holds it, and that is what is said."""
    try:
        (small_disk / "ballast").write_bytes(bytes(DISK + 150_000))
    except OSError:
        pass
    with pytest.raises(StateError, match="No space left on device|the disk is full"):
        await go(tmp_path, small_site(), state=small_disk / "crawl.db")
    assert not (tmp_path / "pages.jsonl").exists()


@virtual
async def test_a_read_only_file_system(tmp_path: Path, small_disk: Path) -> None:
    """Where nothing can be written, state and output say so, before anything is asked for."""
    await go(small_disk, small_site(), max_pages=3)
    _remount(small_disk, "ro")
    try:
        web = small_site()
        with pytest.raises(
            StateError, match=r"crawl\.db can't be written; look at its permissions, and its file"
        ):
            await go(small_disk, web)
        shutil.copy(small_disk / "crawl.db", tmp_path / "crawl.db")
        keywords: dict[str, Any] = {"state": tmp_path / "crawl.db", "write": small_disk / "pages.jsonl"}
        with pytest.raises(OutputError, match="can't be written"):
            await go(small_disk, web, **keywords)
        assert web.requests == []
    finally:
        _remount(small_disk, "rw")
    assert (await go(small_disk, small_site())).pages == 12
    assert sorted(urls_in(small_disk)) == ALL


def _remount(folder: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True)  # noqa: S603, S607 - our own


def test_permissions(ordinary_user: Path) -> None:
    """A state that may not be written is refused with its name."""
    run_virtually(ordinary_user, small_site(), max_pages=3)
    (ordinary_user / "crawl.db").chmod(0o444)
    with pytest.raises(StateError, match=r"crawl\.db can't be written; look at its permissions"):
        run_virtually(ordinary_user, small_site())
    (ordinary_user / "crawl.db").chmod(0o600)
    ordinary_user.chmod(0o555)
    with pytest.raises(StateError, match=r"can't be used: crawl\.db\.lock: Permission denied"):
        run_virtually(ordinary_user, small_site())
    ordinary_user.chmod(0o755)
    assert run_virtually(ordinary_user, small_site()).pages == 12
    assert sorted(urls_in(ordinary_user)) == ALL


# Outputs, between two runs


def delete(path: Path) -> None:
    path.unlink()


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def edit(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4] + b"?" + path.read_bytes()[-3:])


def insert(path: Path) -> None:
    path.write_bytes(b"{}\n" + path.read_bytes())


def make_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (delete, "is gone, and the state has rows in it; put it back as it was, or begin again"),
        (shorten, r"is shorter \([\d,]+ bytes\) than what was written \([\d,]+ bytes\); put it back"),
        (empty, r"is shorter \(0 bytes\)"),
        (edit, "was changed: its last rows are not those that were written; put it back"),
        (insert, "was changed"),
        (make_a_folder, "is a folder"),
    ],
)
@virtual
async def test_an_output_that_was_changed(tmp_path: Path, change: Callable[[Path], None], words: str) -> None:
    """What happened to the file is said; nothing is asked for, it stays as it is, and put back it goes on."""
    await go(tmp_path, small_site(), max_pages=5)
    path = tmp_path / "pages.jsonl"
    rows = path.read_bytes()
    change(path)
    changed = path.read_bytes() if path.is_file() else None
    web = small_site()
    with pytest.raises(OutputError, match=rf"pages\.jsonl.*{words}"):
        await go(tmp_path, web)
    assert web.requests == []
    assert (path.read_bytes() if path.is_file() else None) == changed
    if path.is_dir():
        path.rmdir()
    path.write_bytes(rows)
    await go(tmp_path, web)
    assert sorted(urls_in(tmp_path)) == ALL


@virtual
async def test_rows_behind_the_position(tmp_path: Path) -> None:
    """What stands behind the last batch that counts is cut off, as after a kill."""
    await go(tmp_path, small_site(), max_pages=5)
    with (tmp_path / "pages.jsonl").open("a") as file:
        file.write('{"url": "half a r')
    await go(tmp_path, small_site())
    assert sorted(urls_in(tmp_path)) == ALL


@virtual
async def test_an_empty_output_that_was_deleted(tmp_path: Path) -> None:
    """An output without a row that counts is made anew where it was deleted."""
    path = tmp_path / "links.tsv"
    keywords: dict[str, Any] = {"write": path}
    small = MemoryWeb()
    small.add(SITE, delay=20)
    with trio.move_on_after(1):
        await go(tmp_path, small, **keywords)
    assert path.read_bytes() == b""
    path.unlink()
    report = await go(tmp_path, small, **keywords)
    assert report.pages == 1
    assert path.read_text() == "source_url\tparsed_url\n"


# Two outputs, one of which fails


class Failing:
    """Lines that fail at one of their batches, before or after that is written."""

    prompt = False

    def __init__(self, lines: Lines, *, at: int, after: bool) -> None:
        self._lines = lines
        self._at = at
        self._after = after
        self.name = lines.name

    @property
    def rows(self) -> int:
        return self._lines.rows

    def check(self, position: Json = None, /) -> None:
        self._lines.check(position)

    @asynccontextmanager
    async def open(self, environment: Environment, position: Json = None, /) -> AsyncIterator[None]:
        async with self._lines.open(environment, position):
            yield

    def encode(self, outcome: Any, /) -> str | None:  # noqa: ANN401 - passed on
        return self._lines.encode(outcome)

    def ending(self) -> str | None:
        return self._lines.ending()

    async def write(self, items: Sequence[str], /) -> Json:
        self._at -= 1
        if self._at == 0 and not self._after:
            raise OSError("this output fails")
        position = await self._lines.write(items)
        if self._at == 0:
            raise OSError("this output fails")
        return position

    def audit(
        self, positions: Mapping[int, Json], rows: Mapping[int, int], total: int, /, *, finished: bool
    ) -> list[str]:
        return self._lines.audit(positions, rows, total, finished=finished)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("place", [0, 1], ids=["first", "second"])
@pytest.mark.parametrize("at", [1, 2, 4])
@virtual
async def test_one_of_two_outputs_fails(tmp_path: Path, at: int, place: int, after: bool) -> None:
    """Whichever output fails, before its rows or after: the rerun has each row once in both."""
    paths = [tmp_path / "pages.jsonl", tmp_path / "links.tsv"]

    def outputs() -> list[Lines | Failing]:
        made: list[Lines | Failing] = [Lines(path) for path in paths]
        made[place] = Failing(Lines(paths[place]), at=at, after=after)
        return made

    with pytest.raises(OSError, match="this output fails"):
        await go(tmp_path, small_site(), write=outputs())
    # A failing output is not the only one of its name: a plain one goes on where it was.
    await go(tmp_path, small_site(), write=paths)
    assert sorted(urls_in(tmp_path)) == ALL
    links = paths[1].read_text().splitlines()
    assert links[0] == "source_url\tparsed_url"
    assert len(links) == len(set(links)) == 1 + 10 * 3 + 2 + 1


# The database


@virtual
async def test_a_locked_database(tmp_path: Path) -> None:
    """A program that has the database locked is said to, soon; when it lets go the same call goes on."""
    await go(tmp_path, small_site(), max_pages=3)
    with closing(sqlite3.connect(tmp_path / "crawl.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(
            StateError, match="another program has it locked .*; end that, and run the same crawl"
        ):
            await go(tmp_path, small_site())
        other.execute("ROLLBACK")
    assert (await go(tmp_path, small_site())).pages == 12
    assert sorted(urls_in(tmp_path)) == ALL


@virtual
async def test_a_database_that_is_locked_in_the_middle(tmp_path: Path) -> None:
    """Rows of a batch whose commit finds the database locked are cut off, and written once by the rerun."""
    with closing(sqlite3.connect(tmp_path / "crawl.db", isolation_level=None, timeout=0)) as other:
        web = small_site()

        def locks(_hop: object) -> str:
            other.execute("BEGIN IMMEDIATE")
            return "<a href=/6>6</a>"

        web.add(f"{SITE}5", locks)
        with pytest.raises(StateError, match="another program has it locked"):
            await go(tmp_path, web)
        other.execute("ROLLBACK")
    await go(tmp_path, small_site())
    assert sorted(urls_in(tmp_path)) == ALL


@virtual
async def test_a_reader_disturbs_nobody(tmp_path: Path) -> None:
    """A program that reads the state while the crawl goes on does not stop it."""
    with closing(sqlite3.connect(tmp_path / "crawl.db", isolation_level=None)) as reader:
        web = small_site()

        def looks(_hop: object) -> str:
            reader.execute("BEGIN")
            assert reader.execute("SELECT count(*) FROM urls").fetchone()[0] > 0
            return "<a href=/6>6</a>"

        web.add(f"{SITE}5", looks)
        assert (await go(tmp_path, web)).pages == 12


def overwrite_all(path: Path) -> None:
    path.write_bytes(b"\xaa" * path.stat().st_size)


def overwrite_the_rest(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:4096] + b"\xaa" * (path.stat().st_size - 4096))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def be_text(path: Path) -> None:
    path.write_text("This is a letter, and no database at all.\n" * 100)


@pytest.mark.parametrize("damage", [overwrite_all, overwrite_the_rest, truncate, be_text])
@virtual
async def test_a_damaged_database(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    """It is said to be damaged, and what can be done; database and outputs stay as they are."""
    await go(tmp_path, small_site(), max_pages=5)
    rows = (tmp_path / "pages.jsonl").read_bytes()
    damage(tmp_path / "crawl.db")
    damaged = (tmp_path / "crawl.db").read_bytes()
    web = small_site()
    with pytest.raises(StateError, match=r"crawl\.db: it is damaged.*outputs are left as they are"):
        await go(tmp_path, web)
    assert web.requests == []
    assert (tmp_path / "pages.jsonl").read_bytes() == rows
    assert (tmp_path / "crawl.db").read_bytes() == damaged
    assert "crawl.db.lock" not in files_in(tmp_path)


@virtual
async def test_an_empty_database(tmp_path: Path) -> None:
    """An empty file is a new state; outputs that have rows already are not written over."""
    await go(tmp_path, small_site(), max_pages=5)
    rows = (tmp_path / "pages.jsonl").read_bytes()
    (tmp_path / "crawl.db").write_bytes(b"")
    with pytest.raises(OutputError, match="exists and is not empty"):
        await go(tmp_path, small_site())
    assert (tmp_path / "pages.jsonl").read_bytes() == rows


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE batches SET positions = 'no JSON'",
        "UPDATE batches SET positions = '[7]'",
        """UPDATE batches SET positions = '[{"bytes": -7, "batch": 3, "sum": ""}]'""",
        "UPDATE batches SET fingerprints = x'00'",
        "UPDATE facts SET value = '[]' WHERE name = 'identity'",
        "UPDATE facts SET value = '{' WHERE name = 'books'",
        "DELETE FROM facts",
        "DROP TABLE urls",
        "UPDATE urls SET url = x'ff', request = '{' WHERE status = 0",
        "DELETE FROM urls WHERE status = 0",
    ],
)
@virtual
async def test_a_database_that_was_changed_from_outside(tmp_path: Path, statement: str) -> None:
    """Content that can't be ours is an error of the state or its outputs, and no other; rows stay."""
    await go(tmp_path, small_site(), delay=1, max_time=3.5)
    rows = (tmp_path / "pages.jsonl").read_bytes()
    with closing(sqlite3.connect(tmp_path / "crawl.db", isolation_level=None)) as state:
        state.execute(statement)
    with pytest.raises((StateError, OutputError)):
        await go(tmp_path, small_site())
    assert (tmp_path / "pages.jsonl").read_bytes().startswith(rows)


@pytest.mark.parametrize("seed", range(6))
def test_bytes_that_were_overwritten(tmp_path: Path, seed: int) -> None:
    """Wherever a database is overwritten: an error of ours, or nothing that was written is lost."""
    chance = random.Random(seed)  # noqa: S311 - places
    intact = tmp_path / "intact"
    intact.mkdir()
    run_virtually(intact, small_site(), delay=1, max_time=5.5)
    rows = (intact / "pages.jsonl").read_bytes()
    size = (intact / "crawl.db").stat().st_size
    for number in range(8):
        folder = tmp_path / str(number)
        shutil.copytree(intact, folder)
        with (folder / "crawl.db").open("r+b") as file:
            file.seek(chance.randrange(size))
            file.write(bytes(chance.choices(range(256), k=chance.choice((1, 16, 512)))))
        ended: Report | Exception
        try:
            ended = run_virtually(folder, small_site())
        except CrawlError as error:
            ended = error
        assert isinstance(ended, Report | StateError | OutputError), repr(ended)
        assert (folder / "pages.jsonl").read_bytes().startswith(rows)
        assert "crawl.db.lock" not in files_in(folder)
