"""The writer of mirrors."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, virtual
from trio.testing import MockClock

from trio_crawl import OutputError, Request, UsageError, crawl
from trio_crawl.testing import MemoryWeb, check_writer
from trio_crawl.writers import Files

if TYPE_CHECKING:
    from pathlib import Path


def mapped(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the lines of the map, by URL."""
    path = folder / "files.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {told["url"]: told for told in map(json.loads, lines)}


def site() -> MemoryWeb:
    web = MemoryWeb()
    web.links(SITE, ["/a", "/A", "/a/b.html", "/moved", "/missing", "/packed"])
    web.add(f"{SITE}a", "small")
    web.add(f"{SITE}A", "large")
    web.add(f"{SITE}a/b.html", "below")
    web.add(f"{SITE}moved", redirect="/target.html")
    web.add(f"{SITE}target.html", "here")
    web.add(f"{SITE}packed", "text " * 100, coding="gzip", content_type="text/plain")
    return web


async def mirrored(folder: Path, **keywords: Any) -> None:  # noqa: ANN401 - of crawl()
    await crawl(SITE, **{"fetch": site(), "write": f"{folder}/", "delay": 0, **keywords})


@virtual
async def test_each_page_is_a_file_of_its_own(tmp_path: Path) -> None:
    """Decoded, under the name that the map tells; errors are left out, redirects are in the map."""
    await mirrored(tmp_path / "mirror")
    found = mapped(tmp_path / "mirror")
    content = {
        url.removeprefix(SITE): (tmp_path / "mirror" / told["file"]).read_bytes()
        for url, told in found.items()
    }
    assert content.pop("").startswith(b"<!doctype html>")
    assert content == {
        "a": b"small",
        "A": b"large",
        "a/b.html": b"below",
        "moved": b"here",
        "packed": b"text " * 100,
    }
    assert found[f"{SITE}moved"]["redirects"] == [f"{SITE}moved"]
    assert found[f"{SITE}moved"]["final_url"] == f"{SITE}target.html"
    assert len({told["file"].lower() for told in found.values()}) == 6


@virtual
async def test_forms_of_one_url_are_files_of_their_own(tmp_path: Path) -> None:
    """What was sent makes a difference."""
    web = MemoryWeb()
    web.add(f"{SITE}form", lambda hop: (hop.body or b"none").decode())
    seeds = [Request(f"{SITE}form", method="POST", body=body) for body in (b"a", b"b")]
    await crawl([*seeds, f"{SITE}form"], fetch=web, write=f"{tmp_path}/mirror/", delay=0, robots=False)
    lines = read_lines(tmp_path / "mirror")
    assert {(tmp_path / "mirror" / told["file"]).read_bytes() for told in lines} == {b"a", b"b", b"none"}


def read_lines(folder: Path) -> list[dict[str, Any]]:
    path = folder / "files.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def rows_of(folder: Path) -> list[tuple[str, bytes]]:
    """Return the URL and the content of each file in the map."""
    if not (folder / "files.jsonl").exists():
        return []
    return [(told["url"], (folder / told["file"]).read_bytes()) for told in read_lines(folder)]


def test_it_keeps_what_writers_promise(tmp_path: Path) -> None:
    """Resumed from each position, after a kill and a cancellation, each page is there once."""
    check_writer(Files, rows_of, tmp_path, of_users=False)


def test_a_resumed_mirror_is_that_of_one_crawl(tmp_path: Path) -> None:
    """Stopped again and again, it has the same files and the same map in the end, and nothing else."""
    for most in (1, 3, 100):
        go = partial(mirrored, tmp_path / "mirror", state=tmp_path / "crawl.db", max_pages=most)
        trio.run(go, clock=MockClock(autojump_threshold=0))
    trio.run(partial(mirrored, tmp_path / "whole"), clock=MockClock(autojump_threshold=0))
    one, two = (sorted(rows_of(tmp_path / name)) for name in ("mirror", "whole"))
    assert one == two
    names = [
        {str(path.relative_to(tmp_path / name)) for path in (tmp_path / name).rglob("*")}
        for name in ("mirror", "whole")
    ]
    assert names[0] == names[1]


def test_a_changed_file_is_found(tmp_path: Path) -> None:
    """An audit reads every file: one that was changed, and one that is gone, are named."""
    trio.run(partial(mirrored, tmp_path / "mirror"), clock=MockClock(autojump_threshold=0))
    size = (tmp_path / "mirror" / "files.jsonl").stat().st_size
    (tmp_path / "mirror" / mapped(tmp_path / "mirror")[f"{SITE}a"]["file"]).write_text("other")
    (tmp_path / "mirror" / mapped(tmp_path / "mirror")[f"{SITE}A"]["file"]).unlink()
    from trio_crawl._write.place import Place, checksum  # noqa: PLC0415 - to make up a position

    data = (tmp_path / "mirror" / "files.jsonl").read_bytes()
    position = Place(bytes=size, batch=size, sum=checksum((data,))).to_json()
    problems = Files(tmp_path / "mirror").audit({1: position}, {}, 6, finished=True)
    assert [problem.split()[1] for problem in sorted(problems)] == ["can't", "was"]


def test_folders_that_can_not_be_used_are_refused(tmp_path: Path) -> None:
    """One that holds something, one that is a file, and one in no folder; and what is no path."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    with pytest.raises(OutputError, match="is not empty"):
        Files(tmp_path / "full").check()
    with pytest.raises(OutputError, match="is no folder"):
        Files(tmp_path / "full" / "mine").check()
    with pytest.raises(OutputError, match="there is no folder"):
        Files(tmp_path / "none" / "mirror").check()
    with pytest.raises(UsageError, match="no path"):
        Files("")


@virtual
async def test_a_folder_is_written_to_all_the_same_if_asked(tmp_path: Path) -> None:
    """With overwrite, what is not of the mirror stays, and the map is a new one."""
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "mine").write_text("mine")
    (tmp_path / "mirror" / "files.jsonl").write_text("old\n")
    await mirrored(tmp_path / "mirror", overwrite=True)
    assert len(mapped(tmp_path / "mirror")) == 6
    assert (tmp_path / "mirror" / "mine").read_text() == "mine"
