"""From a path to a cache: what is made, and what is refused."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from trio_crawl import UsageError
from trio_crawl._fetch.cache_file import open_file

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a cache is to be."""
    return tmp_path / "cache.db"


def test_only_its_owner_may_read_it(path: Path) -> None:
    """It holds answers to credentials; what SQLite puts beside it is no easier to read."""
    with closing(open_file(path)) as file:
        file.execute("PRAGMA user_version = 1")
        modes = {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        assert len(list(path.parent.iterdir())) == 3
    assert modes == {0o600}


def test_opening_one_leaves_the_locks_of_another(path: Path) -> None:
    """A second connection of this process, opened and closed, ends no transaction of the first."""
    with closing(open_file(path)) as file:
        file.execute("BEGIN IMMEDIATE")
        open_file(path).close()
        code = (
            "import sqlite3, sys\n"
            "file = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)\n"
            "try: file.execute('BEGIN IMMEDIATE')\n"
            "except sqlite3.OperationalError as error: print(error)"
        )
        found = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True
        )
    assert found.stdout.strip() == "database is locked"


def _text(path: Path) -> None:
    path.write_text("not a database, but long enough to look like one\n" * 100)


def _short(path: Path) -> None:
    path.write_bytes(b"x")


def _foreign(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE responses (id)")
    other.close()


def _newer(path: Path) -> None:
    with closing(open_file(path)) as file:
        file.execute("PRAGMA user_version = 2")


def _full_of_pages(path: Path) -> None:
    with closing(open_file(path)) as file:
        for number in range(50):
            values = (*(str(number), "GET", "", b"", 200, "1.1", "[]", 0.0, 0.0, 0, 0, 0), os.urandom(3000))
            file.execute(f"INSERT INTO responses VALUES (NULL, {', '.join('?' * 13)})", values)  # noqa: S608


def _truncated(path: Path) -> None:
    _full_of_pages(path)
    os.truncate(path, path.stat().st_size // 2)


def _overwritten(path: Path) -> None:
    _full_of_pages(path)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 8)
        file.write(bytes(path.stat().st_size // 2))


def _folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_text, "this is no cache but another file; name another one"),
        (_short, "this is no cache but another file; name another one"),
        (_foreign, "this is no cache but another file; name another one"),
        (_newer, "it has the format 2, and this version of trio_crawl knows 1 alone; delete it"),
        (_truncated, "it is damaged"),
        (_overwritten, "it is damaged"),
        (_folder, "it can't be opened: Is a directory"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_file_that_is_no_cache(path: Path, make: object, message: str) -> None:
    """It is refused as it is opened, with what to do, and left as it was."""
    assert callable(make)
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(UsageError) as caught:
        open_file(path)
    assert str(caught.value).startswith(f"cache {path}: {message}")
    assert path.is_dir() or path.read_bytes() == before


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """Folders are not made."""
    with pytest.raises(UsageError, match="can't be opened: No such file or directory"):
        open_file(tmp_path / "none" / "cache.db")


def test_a_file_that_may_not_be_read(ordinary_user: Path) -> None:
    """Permissions are named as the reason."""
    path = ordinary_user / "cache.db"
    path.touch(mode=0o000)
    with pytest.raises(UsageError, match="can't be opened: Permission denied"):
        open_file(path)


def test_an_empty_file_is_a_new_cache(path: Path) -> None:
    """A file made beforehand, as for its permissions, is used."""
    path.touch()
    for _ in range(2):
        with closing(open_file(path)) as file:
            assert file.execute("SELECT count(*) FROM responses").fetchone() == (0,)
