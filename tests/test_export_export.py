"""What is exported to what, by the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from export_support import archived, crawled

from trio_crawl.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("crawl.warc.gz", "x.cdxj", "7 captures of 1 archives"),
        ("crawl.warc.gz", "x.wacz", "7 captures of 1 archives"),
        ("pages.jsonl", "x.graphml", "7 URLs and 9 links"),
        ("crawl.db", "x.tsv", "7 URLs and 6 links"),
        ("links.tsv", "x.csv", "7 URLs and 9 links"),
    ],
)
def test_the_suffixes_say_what_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str, target: str, said: str
) -> None:
    """Archives become an index or a package, rows and a state a graph; what was made is told."""
    outputs = [tmp_path / name for name in ("crawl.warc.gz", "pages.jsonl", "links.tsv")]
    crawled(*outputs, state=tmp_path / "crawl.db")
    assert main(["export", str(tmp_path / source), "-o", str(tmp_path / target)]) == 0
    assert said in capsys.readouterr().out
    assert (tmp_path / target).stat().st_size > 0
    assert not list(tmp_path.glob("*.part*"))


def test_what_exists_is_not_replaced_unless_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A target that is there is an error, which names the flag; with it, it is replaced."""
    path, target = archived(tmp_path), tmp_path / "x.cdxj"
    target.write_text("mine")
    assert main(["export", str(path), "-o", str(target)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert target.read_text() == "mine"
    assert main(["export", str(path), "-o", str(target), "--overwrite"]) == 0
    assert target.read_text() != "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "x.cdxj"], "nothing to export"),
        (["none.warc.gz", "-o", "x.cdxj"], "there is no archive none.warc.gz"),
        (["links.tsv", "-o", "x.wacz"], "no path of an archive"),
        (["links.tsv", "-o", "x.png"], "the suffix says what to make"),
        (["broken.warc.gz", "-o", "x.cdxj"], "is no archive"),
        (["links.tsv", "-o", "nowhere/x.graphml"], "can't be written"),
    ],
)
def test_what_can_not_be_exported_is_wrong_usage(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    """The status is 2, the message says what is wrong, and nothing is left."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.warc.gz").write_bytes(b"not an archive\r\n\r\n")
    (tmp_path / "links.tsv").write_text("source_url\tparsed_url\n")
    before = sorted(tmp_path.iterdir())
    assert main(["export", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before
