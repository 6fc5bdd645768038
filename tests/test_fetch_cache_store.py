"""The file of a cache: what it keeps, what it drops, and what it says of files that are none."""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest
from cache_support import full_disk, headers
from hypothesis import given, settings, strategies as st

from trio_crawl import Headers, UsageError
from trio_crawl._fetch.cache_entry import Stored, variant_of, vary_of
from trio_crawl._fetch.cache_store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB = 1024 * 1024
PLAIN = headers("Accept: */*")


def response(name: str = "page", *, body: bytes = b"one", text: str = "", asked: Headers = PLAIN) -> Stored:
    found = headers(text)
    vary = vary_of(found)
    return Stored(
        url=f"http://site.test/{name}",
        method="GET",
        vary=vary,
        variant=variant_of(vary, asked),
        status=200,
        http_version="1.1",
        headers=found,
        body=body,
        requested=1.5,
        received=2.5,
    )


@contextmanager
def opened(path: Path, max_bytes: int = 100 * MIB) -> Iterator[Store]:
    store = Store(path, max_bytes)
    store.open()
    try:
        yield store
    finally:
        store.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a cache is to be."""
    return tmp_path / "cache.db"


def find(store: Store, name: str = "page", *, asked: Headers = PLAIN, most: int = MIB) -> list[Stored]:
    return store.find(f"http://site.test/{name}", "GET", asked, most)


def names(store: Store, among: int) -> list[int]:
    return [number for number in range(among) if find(store, str(number))]


def test_what_is_stored_outlives_the_store(path: Path) -> None:
    """A response is the same after the file was closed and opened; nothing else is left beside the file."""
    kept = response(text="Server: x\nserver: y\nX: \xe9\xff", body=bytes(range(256)))
    with opened(path) as store:
        store.change((), kept)
    with opened(path) as store:
        [found] = find(store)
    assert found == Stored(**{**{name: getattr(kept, name) for name in kept.__slots__}, "id": found.id})
    assert [file.name for file in path.parent.iterdir()] == ["cache.db"]


def test_variants_are_kept_apart(path: Path) -> None:
    """Each request gets what belongs to its fields, and one for none of them gets nothing."""
    english, french = headers("Accept-Language: en"), headers("Accept-Language: fr")
    text = "Vary: Accept-Language"
    with opened(path) as store:
        store.change((), response(text=text, asked=english, body=b"en"))
        store.change((), response(text=text, asked=french, body=b"fr"))
        assert [found.body for found in find(store, asked=english)] == [b"en"]
        assert [found.body for found in find(store, asked=french)] == [b"fr"]
        assert find(store, asked=headers("Accept-Language: de")) == []
        assert store.find("http://site.test/page", "HEAD", english, MIB) == []


def test_answers_to_credentials_are_for_them(path: Path) -> None:
    """Whatever the server says, they are not for others, nor for none; and they are not in the file."""
    asked = headers("Authorization: Bearer secret\nCookie: secret")
    with opened(path) as store:
        store.change((), response(asked=asked, text="Vary: Cookie"))
        assert len(find(store, asked=asked)) == 1
        assert find(store, asked=headers("Cookie: secret")) == []
        assert find(store, asked=headers("Authorization: Bearer other\nCookie: secret")) == []
    assert b"secret" not in path.read_bytes()


def test_a_variant_is_stored_once(path: Path) -> None:
    """A second response takes the place of the first."""
    with opened(path) as store:
        store.change((), response(body=b"one"))
        store.change((), response(body=b"two"))
        assert [found.body for found in find(store)] == [b"two"]


def test_a_large_body_is_not_read(path: Path) -> None:
    """Above the given number of bytes there is everything but the body."""
    with opened(path) as store:
        store.change((), response(body=b"12345"))
        assert [found.body for found in find(store, most=5)] == [b"12345"]
        assert [found.body for found in find(store, most=4)] == [None]


def test_forgetting(path: Path) -> None:
    """Responses are deleted by number together with what takes their place, or by URL."""
    with opened(path) as store:
        for name in ("a", "b", "c"):
            store.change((), response(name))
        store.change([found.id for name in ("a", "b") for found in find(store, name)], response("d"))
        assert [name for name in "abcd" if find(store, name)] == ["c", "d"]
        store.forget(["http://site.test/c", "http://site.test/none"])
        assert [name for name in "abcd" if find(store, name)] == ["d"]


def test_the_least_recently_used_goes(path: Path) -> None:
    """Beyond the bound those go that were not read for longest, also across runs."""
    with opened(path, 10 * 1024) as store:
        for number in range(8):
            store.change((), response(str(number), body=bytes(1000)))
        assert names(store, 8) == list(range(8))
        find(store, "0")
    with opened(path, 10 * 1024) as store:
        find(store, "1")
        store.change((), response("8", body=bytes(1000)))
        left = names(store, 9)
    assert {0, 1, 8} <= set(left)
    assert 2 not in left


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3000)), max_size=30))
def test_the_bound_holds(tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]]) -> None:
    """Whatever is stored and replaced, all bodies together stay within it."""
    with opened(tmp_path_factory.mktemp("cache") / "cache.db", 5000) as store:
        for number, size in changes:
            store.change((), response(str(number), body=bytes(size)))
            bodies = [found.body or b"" for name in range(10) for found in find(store, str(name))]
            assert sum(map(len, bodies)) <= 5000
            assert len(find(store, str(number))) == 1


def test_what_exceeds_the_bound_alone_is_not_stored(path: Path) -> None:
    """It would drive out everything else; what it replaces goes nevertheless."""
    with opened(path, 5000) as store:
        store.change((), response("a"))
        store.change((), response("b"))
        [old] = find(store, "b")
        store.change((old.id,), response("b", body=bytes(5000)))
        assert [name for name in "ab" if find(store, name)] == ["a"]


def test_a_file_is_reused(path: Path) -> None:
    """What goes leaves room for what comes: the file stays within reach of the bound."""
    with opened(path, MIB) as store:
        for number in range(300):
            store.change((), response(str(number), body=os.urandom(20_000)))
    assert path.stat().st_size < 2 * MIB


def test_two_stores_of_one_file(path: Path) -> None:
    """Each sees what the other does, and the bound holds for both."""
    with opened(path, 20_000) as one, opened(path, 20_000) as other:
        for number in range(20):
            (one if number % 2 else other).change((), response(str(number), body=bytes(1000)))
        assert names(one, 20) == names(other, 20)
    with opened(path, 20_000) as store:
        assert len(names(store, 20)) <= 20


def test_a_body_that_changed_is_not_used(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What SQLite can't notice the checksum does; the response is dropped, and said so."""
    with opened(path) as store:
        store.change((), response(body=b"needle" * 10))
    path.write_bytes(path.read_bytes().replace(b"needleneedle", b"needleNEEDLE"))
    with opened(path) as store, caplog.at_level(logging.WARNING, "trio_crawl"):
        assert find(store) == []
        assert find(store) == []
    assert [record.getMessage() for record in caplog.records] == [
        f"cache {path}: what is stored of http://site.test/page is damaged, and not used"
    ]


def test_a_full_disk_changes_nothing(path: Path) -> None:
    """A change that finds no room raises and is undone; with room again, the store goes on."""
    with opened(path) as store:
        store.change((), response("a"))
        [old] = find(store, "a")
        with full_disk(200_000), pytest.raises(sqlite3.OperationalError):
            store.change((old.id,), response("b", body=os.urandom(MIB)))
        assert [name for name in "ab" if find(store, name)] == ["a"]
        store.change((old.id,), response("b", body=os.urandom(MIB)))
        assert [name for name in "ab" if find(store, name)] == ["b"]


def test_a_change_that_is_refused_is_undone(path: Path) -> None:
    """Whatever stops it half-way, nothing of it is done, and the next change is made."""
    with opened(path) as store:
        store.change((), response("a"))
        [old] = find(store, "a")
        with closing(sqlite3.connect(path)) as other:
            refuse = "CREATE TRIGGER no BEFORE INSERT ON responses BEGIN SELECT RAISE(FAIL, 'no'); END"
            other.execute(refuse)
            with pytest.raises(sqlite3.IntegrityError, match="no"):
                store.change((old.id,), response("b"))
            other.execute("DROP TRIGGER no")
        assert [name for name in "ab" if find(store, name)] == ["a"]
        store.change((old.id,), response("b"))
        assert [name for name in "ab" if find(store, name)] == ["b"]


def test_a_cache_without_its_table(path: Path) -> None:
    """A file that says it is a cache, and has nothing in it, is refused as it is opened."""
    with opened(path):
        pass
    with sqlite3.connect(path) as other:
        other.execute("DROP TABLE responses")
    other.close()
    with pytest.raises(UsageError, match="no such table: responses"):
        Store(path, MIB).open()


def test_closing_twice(path: Path) -> None:
    """A closed store may be closed again; so may one that could not be opened."""
    store = Store(path, MIB)
    store.close()
    store.open()
    store.close()
    store.close()


_KILLED = """
import os, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_fetch_cache_store import Store, response
store = Store(Path({path!r}), 300_000)
store.open()
for number in range(10**9):
    store.change((), response(str(number % 50), body=os.urandom(9_000)))
    print(flush=True)
"""


def test_a_kill_damages_nothing(path: Path) -> None:
    """After any number of kills amid changes the file is opened, and what is in it is whole."""
    code = _KILLED.format(tests=os.path.dirname(__file__), path=str(path))  # noqa: PTH120 - a str
    for changes in (10, 100):
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:  # noqa: S603
            assert child.stdout is not None
            assert [child.stdout.readline() for _ in range(changes)] == [b"\n"] * changes
            child.stdout.close()
            child.send_signal(signal.SIGKILL)
        with opened(path) as store:
            assert len(names(store, 50)) >= min(changes, 25)
            assert all(
                len(found.body or b"") == 9_000 for name in range(50) for found in find(store, str(name))
            )
