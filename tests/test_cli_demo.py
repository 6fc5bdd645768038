"""The demonstration, as a person runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli_support import PATIENCE, program

from trio_crawl import crawl
from trio_crawl._cli.demo_site import ORIGIN, SLOW, make_site

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock


def test_it_writes_links_and_prints_the_report_each_time(tmp_path: Path) -> None:
    """It ends with 0, the report and the first lines of found.tsv, and again over the file of before."""
    for _ in range(2):
        with program("demo", cwd=tmp_path) as process:
            out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err
        assert [file.name for file in tmp_path.iterdir()] == ["found.tsv"]
        lines = (tmp_path / "found.tsv").read_text().splitlines()
        base_url = lines[1].split("\t")[0].rstrip("/")
        assert f"crawling a small site of its own at {base_url}/" in err
        assert "Crawl done" in out
        assert "\n".join(lines[:10]) in out
        assert {f"{base_url}/weather", f"{base_url}/keepers/%E7%81%AF%E5%8F%B0%E5%AE%88"} <= {
            line.split("\t")[1] for line in lines
        }


def test_a_file_of_another_crawl_is_left_alone(tmp_path: Path) -> None:
    """A found.tsv that no demonstration wrote is wrong usage, and stays as it is."""
    found = tmp_path / "found.tsv"
    found.write_text("source_url\tparsed_url\nhttps://example.org/\thttps://example.org/a\n")
    before = found.read_bytes()
    with program("demo", cwd=tmp_path) as process:
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert "found.tsv exists, and is no demonstration's" in err
    assert found.read_bytes() == before


def test_an_output_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    """A folder of the output's name is wrong usage, said in a line."""
    (tmp_path / "found.tsv").mkdir()
    with program("demo", cwd=tmp_path) as process:
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert "found.tsv is a folder" in err
    assert "Traceback" not in err


async def test_the_site_has_what_crawlers_meet(autojump_clock: MockClock) -> None:
    """Some forty pages: redirects, a 404, a robots rule, a slow page, files, non-ASCII URLs, encodings."""
    web = make_site()
    report = await crawl(f"{ORIGIN}/", fetch=web)
    assert 36 <= report.pages <= 44
    assert report.statuses[404] == 1
    assert report.redirects >= 2
    assert report.skipped["robots"] == 1
    assert report.skipped["scope"] == 1
    assert not report.failed
    asked = {request.url: request for request in web.requests}
    assert f"{ORIGIN}/private/ledger" not in asked
    assert f"{ORIGIN}/files/caf%C3%A9.html" in asked
    slow = asked[f"{ORIGIN}/weather"]
    assert slow.finished is not None
    assert slow.finished - slow.started == SLOW
    assert autojump_clock.current_time() > 0
