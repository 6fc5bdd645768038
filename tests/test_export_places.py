"""Files of an export: nothing of others is read, written through, or replaced."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from trio_crawl import OutputError, UsageError
from trio_crawl._export.export import export
from trio_crawl._export.places import replacing

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def mirror(folder: Path, *names: str) -> Path:
    """Return a mirror whose map names files; what they are is for the test to say."""
    made = folder / "mirror"
    made.mkdir()
    lines = [
        {"url": f"http://a.test/{name}", "final_url": f"http://a.test/{name}", "file": name, "redirects": []}
        for name in names
    ]
    told = [{**line, "content_type": "text/plain", "encoding": "utf-8"} for line in lines]
    (made / "files.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in told))
    return made


def test_no_link_leads_out_of_a_mirror(tmp_path: Path) -> None:
    """Neither a file that is one, nor a folder, nor a pipe: what is elsewhere is not copied."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("secret")
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        made = mirror(folder, "d/key" if number == 1 else "x")
        if number == 0:
            (made / "x").symlink_to(secret / "key")
        elif number == 1:
            (made / "d").symlink_to(secret)
        else:
            os.mkfifo(made / "x")
        with pytest.raises(UsageError, match="a link, and the map"):
            export([str(made)], f"{folder}/site/", NOW)
        assert not list((folder / "site").rglob("*key")) if (folder / "site").exists() else True


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    """A file that is one is replaced by the copy; a folder that is one is an error."""
    made = mirror(tmp_path, "x", "d/y")
    (made / "x").write_text("copy")
    (made / "d").mkdir()
    (made / "d" / "y").write_text("copy")
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "y").write_text("mine")
    site = tmp_path / "site"
    site.mkdir()
    (site / "x").symlink_to(mine / "y")
    (site / "d").symlink_to(mine)
    with pytest.raises(UsageError, match="a link on the way"):
        export([str(made)], f"{site}/", NOW, overwrite=True)
    assert (mine / "y").read_text() == "mine"
    assert not (site / "x").is_symlink()
    assert (site / "x").read_text() == "copy"


def test_a_temporary_name_is_nobody_elses(tmp_path: Path) -> None:
    """What looks like one of ours stays, and nothing is left where an export fails."""
    links = tmp_path / "links.tsv"
    links.write_text("\ufeffsource_url\tparsed_url\nhttp://a.test/\thttp://b.test/\n", encoding="utf-8")
    (tmp_path / "x.part.tsv").write_text("mine")
    export([str(links)], str(tmp_path / "x.tsv"), NOW)
    assert (tmp_path / "x.part.tsv").read_text() == "mine"
    assert "b.test" in (tmp_path / "x.tsv").read_text()
    (tmp_path / "bad.tsv").write_text("nothing of links")
    with pytest.raises(UsageError):
        export([str(tmp_path / "bad.tsv")], str(tmp_path / "y.tsv"), NOW)
    assert {path.name for path in tmp_path.iterdir()} == {"links.tsv", "x.part.tsv", "x.tsv", "bad.tsv"}


def test_what_is_there_is_replaced_only_if_asked_for(tmp_path: Path) -> None:
    """Also a link that leads nowhere, and what somebody made while the export went on."""
    target = tmp_path / "x.tsv"
    target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match="exists"), replacing(target, overwrite=False):
        pass
    target.unlink()
    with pytest.raises(OutputError, match="meanwhile"), replacing(target, overwrite=False) as part:
        part.write_text("ours")
        target.write_text("theirs")
    assert target.read_text() == "theirs"
    with replacing(target, overwrite=True) as part:
        part.write_text("ours")
    assert target.read_text() == "ours"
    assert [path.name for path in tmp_path.iterdir()] == ["x.tsv"]
