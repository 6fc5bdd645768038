"""The benchmark of the frontier: what it drives, and what it reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import frontier
from benchmarks.frontier_drive import LINKS, Web, grow, resume

if TYPE_CHECKING:
    from pathlib import Path


def test_the_made_up_web_is_the_same_each_time() -> None:
    """Two webs have the same links, 60 a page, over as many hosts as were asked for."""
    webs = [Web(3, 20), Web(3, 20)]
    found: list[list[str]] = [[], []]
    for web, urls in zip(webs, found, strict=True):
        urls += [
            link.url for link in web.links("https://www.site-000000.example/section-00/article-00000000.html")
        ]
        urls += [link.url for link in web.links(urls[-1])]
    assert found[0] == found[1]
    assert len(found[0]) == 2 * LINKS
    assert len({url.split("/")[2] for url in found[0]}) == 3


@pytest.mark.parametrize("hosts", [1, 50])
def test_a_drive_ends_with_its_urls_and_can_be_resumed(tmp_path: Path, hosts: int) -> None:
    """Every URL that was discovered is in the state, and the crawl that goes on knows as many."""
    path = tmp_path / "state.db"
    figures = grow(2000, hosts, 20, path)
    last = figures["steps"][-1]
    assert 2000 <= figures["urls"] < 2000 + LINKS
    assert figures["urls"] == figures["queued"] + last["pages"] + figures["lent"]
    assert set(last["cpu"]) == {"claim", "insert", "commit"}
    assert resume(path)["urls"] == figures["urls"]


def test_the_report_compares_the_end_with_the_beginning() -> None:
    """A URL's cost is told for the whole and for the last step, and that over the second step's."""
    steps = [
        {
            "urls": urls,
            "pages": urls // 10,
            "hops": urls // 9,
            "cpu": {"insert": cpu},
            "wall": {"insert": wall},
        }
        for urls, cpu, wall in ((400, 1.0, 1.0), (600, 1.1, 1.2), (1000, 1.4, 2.0))
    ]
    run = {"urls": 1000, "hosts": 1, "new": 20, "state": False, "grow": {"steps": steps, "resident": 99_000}}
    text = frontier.report({"cores": "2"}, [run])
    assert "| 1,000 | 1 | 20 | no | 714 / 500 |" in text
    assert "| 1400.0 / 2000.0 | 750.0 / 2000.0 | 99 |" in text
    assert "- 1,000 URLs over 1 hosts, without state: 1.50 / 2.00" in text
    assert "- cores: 2" in text
