"""A state belongs to one crawl: with another scope or other outputs it is refused, by name."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, virtual
from state_support import files_in, go, small_site

from trio_crawl import Link, OutputError, StateError, UsageError, open_crawl
from trio_crawl.testing import MemoryWeb

if TYPE_CHECKING:
    from pathlib import Path


def follow_all(_link: Link) -> bool:
    return True


@pytest.mark.parametrize(
    ("name", "keywords"),
    [
        ("follow", {"follow": "any"}),
        ("follow", {"follow": follow_all}),
        ("include", {"include": "*/1"}),
        ("exclude", {"exclude": [re.compile("x", re.IGNORECASE)]}),
        ("write", {"write": None}),
        ("write", {"write": "other.jsonl"}),
        ("parse", {"parse": lambda page: page.links()}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@virtual
async def test_another_crawls_state(tmp_path: Path, name: str, keywords: dict[str, Any]) -> None:
    """What differs is named, with both values; nothing is asked for, and no file is touched."""
    await go(tmp_path, small_site(), max_pages=3)
    before = (tmp_path / "pages.jsonl").read_bytes()
    web = small_site()
    with pytest.raises(
        StateError, match=rf"crawl\.db is of a crawl with {name}=.*, and this one has {name}="
    ):
        await go(tmp_path, web, **keywords)
    assert web.requests == []
    assert (tmp_path / "pages.jsonl").read_bytes() == before
    assert files_in(tmp_path) == ["crawl.db", "pages.jsonl"]
    assert (await go(tmp_path, web)).pages == 12


@virtual
async def test_what_may_change(tmp_path: Path) -> None:
    """Manners, limits and the fetcher are no part of what a crawl is."""
    await go(tmp_path, small_site(), max_pages=3)
    report = await go(
        tmp_path, small_site(), delay=0.1, per_host=9, retries=7, robots=False, user_agent="x/1"
    )
    assert report.pages == 12


@virtual
async def test_a_stream_is_another_output(tmp_path: Path) -> None:
    """A crawl that was begun as a function does not go on as a stream: that has an output more."""
    await go(tmp_path, small_site(), max_pages=3, write=None)
    with pytest.raises(StateError, match="write="):
        async with open_crawl(SITE, fetch=small_site(), state=tmp_path / "crawl.db", delay=0):
            pass


@virtual
async def test_outputs_without_their_state(tmp_path: Path) -> None:
    """Where the state is gone and its outputs are not, they are not written over."""
    await go(tmp_path, small_site())
    rows = (tmp_path / "pages.jsonl").read_bytes()
    (tmp_path / "crawl.db").unlink()
    with pytest.raises(OutputError, match="exists and is not empty"):
        await go(tmp_path, small_site())
    assert (tmp_path / "pages.jsonl").read_bytes() == rows
    # The new state is of no crawl yet: put away what is there, and the same call begins.
    (tmp_path / "pages.jsonl").rename(tmp_path / "old.jsonl")
    assert (await go(tmp_path, small_site())).pages == 12
    # Told to, it replaces them, once: afterwards the state knows them.
    (tmp_path / "crawl.db").unlink()
    await go(tmp_path, small_site(), overwrite=True, max_pages=5)
    await go(tmp_path, small_site(), overwrite=True)
    assert len((tmp_path / "pages.jsonl").read_text().splitlines()) == 12


@virtual
async def test_somebody_elses_database(tmp_path: Path) -> None:
    """A SQLite database of something else is refused and left as it is."""
    with closing(sqlite3.connect(tmp_path / "crawl.db")) as other:
        other.execute("CREATE TABLE precious (x)")
    before = (tmp_path / "crawl.db").read_bytes()
    with pytest.raises(StateError, match="is a database of something else; name another file"):
        await go(tmp_path, small_site())
    assert (tmp_path / "crawl.db").read_bytes() == before
    assert files_in(tmp_path) == ["crawl.db"]


@virtual
async def test_another_versions_state(tmp_path: Path) -> None:
    """A state with another schema is refused, and the versions are named."""
    await go(tmp_path, small_site(), max_pages=3)
    with closing(sqlite3.connect(tmp_path / "crawl.db")) as state:
        state.execute("PRAGMA user_version = 99")
    with pytest.raises(StateError, match="another version of trio_crawl .its schema is 99"):
        await go(tmp_path, small_site())


@pytest.mark.parametrize("state", ["", 7, b"crawl.db", "a\0b", "redis://host/name", True])
def test_no_path(state: Any) -> None:  # noqa: ANN401 - what a caller may give
    """What is no path of a file is a usage error, before anything is asked for."""
    web = MemoryWeb()

    async def main() -> None:
        async with open_crawl(SITE, fetch=web, state=state):
            pass

    with pytest.raises(UsageError, match="state= is"):
        trio.run(main)
    assert web.requests == []
