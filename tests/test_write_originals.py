"""The bodies that an archive has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from trio_crawl import OutputError, Response
from trio_crawl._write.originals import Originals
from trio_crawl._write.warc_file import ArchiveFile, Template
from trio_crawl._write.warc_records import Original, digest, response

if TYPE_CHECKING:
    from pathlib import Path

DATE = "2026-01-02T03:04:05.000000Z"
BODIES = (b"a", b"bb", b"ccc", b"dddd")


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Return archives of one response each, the newest one first."""
    template = Template(f"{tmp_path}/x-{{n}}.warc.gz")
    file = ArchiveFile(template, rotate=1, compress=True)
    file.open(False, None)
    for body in BODIES:
        answer = Response(url=f"http://site.test/{len(body)}", status=200, body=body)
        file.append([response(answer, DATE, digest(body), asked="<a>", original=None).data], DATE)
    file.close()
    return file.paths()


def original(number: int) -> Original:
    return Original(id=f"<{number}>", url=f"http://site.test/{number}", date=DATE)


def test_the_newest_ones_are_kept() -> None:
    """As many as are wanted; older ones are forgotten."""
    known = Originals(most=2)
    for number in range(3):
        known.add(str(number), original(number))
    assert [known.get(str(number)) for number in range(3)] == [None, original(1), original(2)]


def test_archives_are_read(paths: list[Path]) -> None:
    """Each response is known by the digest of its body, with its record."""
    known = Originals()
    assert len(list(known.read(paths))) == 2 * len(BODIES)  # a warcinfo in each file
    for body in BODIES:
        found = known.get(digest(body))
        assert found is not None
        assert (found.url, found.date) == (f"http://site.test/{len(body)}", DATE)


def test_no_more_archives_are_read_than_needed(paths: list[Path]) -> None:
    """The newest ones; so the oldest may be gone by now."""
    paths[-1].unlink()
    known = Originals(most=2)
    for _ in known.read(paths):
        pass
    assert [known.get(digest(body)) is not None for body in BODIES] == [False, False, True, True]


def test_an_archive_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    """By its name."""
    with pytest.raises(OutputError, match="none.warc can't be read"):
        next(Originals().read([tmp_path / "none.warc"]))
