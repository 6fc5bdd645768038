"""One file twice: whatever it is called, a crawl that would write it by two of its parts is refused."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, virtual

from trio_crawl import UsageError, crawl, writers
from trio_crawl.fetchers import Archive, Cache
from trio_crawl.testing import MemoryWeb

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Given = dict[str, Any]


def linked(folder: Path) -> Given:
    (folder / "a.jsonl").touch()
    os.link(folder / "a.jsonl", folder / "b.jsonl")
    return {"write": [folder / "a.jsonl", folder / "b.jsonl"]}


def symlinked(folder: Path) -> Given:
    (folder / "b.jsonl").symlink_to(folder / "a.jsonl")
    return {"write": [folder / "a.jsonl", folder / "b.jsonl"]}


def linked_part(folder: Path) -> Given:
    (folder / "p-7.jsonl").touch()
    os.link(folder / "p-7.jsonl", folder / "b.jsonl")
    return {"write": [folder / "p-{n}.jsonl", folder / "b.jsonl"], "overwrite": True}


def state_by_symlink(folder: Path) -> Given:
    (folder / "link.sqlite").symlink_to(folder / "crawl.db")
    return {"write": folder / "link.sqlite", "state": folder / "crawl.db"}


def read_archive(folder: Path) -> Given:
    path = folder / "a.warc.gz"
    path.write_bytes(b"not looked at")
    return {"fetch": Archive(path), "write": path, "overwrite": True}


def seeds_of_a_file(folder: Path) -> Given:
    (folder / "urls.tsv").write_text(f"{SITE}\n")
    return {"seeds": folder / "urls.tsv", "write": folder / "urls.tsv", "overwrite": True}


CASES: dict[str, Callable[[Path], Given]] = {
    "hard links": linked,
    "symbolic links": symlinked,
    "a part": lambda folder: {"write": [folder / "p-{n}.jsonl", folder / "p-1.jsonl"]},
    "a part that will be": lambda folder: {"write": [folder / "p-{n:03}.jsonl", folder / "p-12345.jsonl"]},
    "a hard link of a part": linked_part,
    "two templates": lambda folder: {"write": [folder / "p-{n}.jsonl", folder / "p-{n:04}.jsonl"]},
    "templates with digits": lambda folder: {"write": [folder / "p-{n}.jsonl", folder / "p-1{n}.jsonl"]},
    "archives": lambda folder: {"write": [folder / "p-{n}.warc.gz", folder / "p-2.warc.gz"]},
    "a folder and its map": lambda folder: {"write": [f"{folder}/m/", folder / "m" / "files.jsonl"]},
    "a folder in a folder": lambda folder: {"write": [f"{folder}/m/", f"{folder}/m/n/"]},
    "the state": lambda folder: {"write": folder / "x.sqlite", "state": folder / "x.sqlite"},
    "the state by a symlink": state_by_symlink,
    "the state's log": lambda folder: {
        "write": writers.Lines(folder / "x.db-wal", format="tsv"),
        "state": folder / "x.db",
    },
    "the state's lock": lambda folder: {
        "write": writers.Lines(folder / "x.db.lock", format="tsv"),
        "state": folder / "x.db",
    },
    "the state in a mirror": lambda folder: {"write": f"{folder}/m/", "state": folder / "m" / "crawl.db"},
    "the cache": lambda folder: {
        "fetch": Cache(MemoryWeb(), path=folder / "x.sqlite"),
        "write": folder / "x.sqlite",
    },
    "the cache and the state": lambda folder: {
        "fetch": Cache(MemoryWeb(), path=folder / "x.db"),
        "state": folder / "x.db",
    },
    "the archive that is read": read_archive,
    "the file of seeds": seeds_of_a_file,
}


def contents(folder: Path) -> dict[str, bytes]:
    """Return what is in the files of *folder*."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("make", CASES.values(), ids=CASES)
@virtual
async def test_the_same_twice(make: Callable[[Path], Given], tmp_path: Path) -> None:
    """It is told which two are one, and nothing was touched."""
    given = {"fetch": MemoryWeb(), "seeds": SITE, **make(tmp_path)}
    before = contents(tmp_path)
    with pytest.raises(UsageError, match="twice; each needs") as caught:
        await crawl(given.pop("seeds"), **given)
    assert contents(tmp_path) == before
    assert str(caught.value).count(str(tmp_path)) >= 2


@pytest.mark.parametrize(
    "names",
    [
        ["p-{n}.jsonl", "p-x.jsonl"],
        ["p-{n}.jsonl", "q-{n}.jsonl"],
        ["p-{n}.jsonl", "p-{n}.tsv"],
        ["a.jsonl", "a.jsonl.gz"],
        ["m/", "mm/"],
    ],
)
@virtual
async def test_what_is_not_the_same(names: list[str], tmp_path: Path) -> None:
    """Names that are alike are no reason."""
    web = MemoryWeb()
    web.add(SITE, "a page")
    report = await crawl(SITE, fetch=web, write=[f"{tmp_path}/{name}" for name in names])
    assert report.pages == 1


@virtual
async def test_devices_are_shared(tmp_path: Path) -> None:
    """What is thrown away may be thrown away twice."""
    web = MemoryWeb()
    web.add(SITE, "a page")
    (tmp_path / "null").symlink_to("/dev/null")
    outputs = [writers.Lines(path, format="tsv") for path in ("/dev/null", tmp_path / "null")]
    assert (await crawl(SITE, fetch=web, write=outputs)).pages == 1


@pytest.mark.parametrize("state", [":memory:", "file:x?mode=memory"])
@virtual
async def test_a_state_in_memory(state: str) -> None:
    """What SQLite has a meaning of its own for is no file."""
    with pytest.raises(UsageError, match="a meaning of its own"):
        await crawl(SITE, fetch=MemoryWeb(), state=state)


def test_other_databases_in_memory() -> None:
    """Nor is it an output, or a cache."""
    with pytest.raises(UsageError, match="in memory"):
        writers.Sqlite(":memory:")
    with pytest.raises(UsageError, match="in memory"):
        Cache(MemoryWeb(), path=":memory:")


@virtual
async def test_paths_hold_when_the_folder_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths are those of the folder where the crawl began."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    monkeypatch.chdir(one)
    web = MemoryWeb()
    for number in range(30):
        web.links(f"{SITE}{number}", [f"/{number + 1}"] if number < 29 else [])

    async def write(_row: object) -> None:
        monkeypatch.chdir(two)
        await trio.sleep(0.1)

    outputs = [
        writers.Lines("p-{n}.jsonl", rotate=200),
        writers.Sqlite("p.sqlite"),
        writers.Parquet("p.parquet", part_size=100),
        writers.Warc("w-{n}.warc.gz", rotate=1000),
        writers.Files("mirror"),
    ]
    await crawl(f"{SITE}0", fetch=web, write=[*outputs, write], state="crawl.db", delay=0)
    assert list(two.iterdir()) == []
    names = {path.name for path in one.iterdir()}
    assert {"crawl.db", "p-1.jsonl", "p-3.jsonl", "p.sqlite", "w-2.warc.gz", "mirror", "p.parquet"} <= names
    assert "crawl.db.lock" not in names
