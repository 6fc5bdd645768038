"""The files of an archive."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from warcio.archiveiterator import ArchiveIterator

from trio_crawl import OutputError, Response, UsageError
from trio_crawl._write.warc_file import ArchiveFile, Template, archive_files, check, part_and_place
from trio_crawl._write.warc_records import digest, response

if TYPE_CHECKING:
    from pathlib import Path

    from trio_crawl._model import Json

DATE = "2026-01-02T03:04:05.000000Z"


def record(body: bytes) -> bytes:
    answer = Response(url=f"http://site.test/{len(body)}", status=200, body=body)
    return response(answer, DATE, digest(body), asked="<a>", original=None).data


def kinds(path: Path) -> list[str]:
    with path.open("rb") as file:
        return [one.rec_type for one in ArchiveIterator(file)]


def opened(template: Template, position: Json = None, *, rotate: int = 1) -> ArchiveFile:
    file = ArchiveFile(template, rotate=rotate, compress=True)
    file.open(False, position)
    return file


def test_a_template_stands_for_numbered_files(tmp_path: Path) -> None:
    """In the order of their numbers; others in the folder are none of them."""
    template = Template(f"{tmp_path}/x-{{n}}.warc.gz")
    for name in ("x-2.warc.gz", "x-10.warc.gz", "x-1.warc.gz", "x-01.warc.gz", "x-a.warc.gz", "y-1.warc.gz"):
        (tmp_path / name).write_bytes(b"")
    assert template.found() == [1, 2, 10]
    assert [path.name for path in archive_files(template.name)] == [
        "x-1.warc.gz",
        "x-2.warc.gz",
        "x-10.warc.gz",
    ]


def test_a_full_file_is_followed_by_another(tmp_path: Path) -> None:
    """Batches are not divided, and each file begins with a warcinfo."""
    template = Template(f"{tmp_path}/x-{{n}}.warc.gz")
    file = opened(template, rotate=10_000)
    for _ in range(3):
        file.append([record(bytes(range(256)) * 20) for _ in range(40)], DATE)
    file.close()
    assert template.found() == [1, 2, 3]
    assert [kinds(template.path(number)) for number in (1, 2, 3)] == [["warcinfo"] + ["response"] * 40] * 3


def test_what_is_behind_a_position_is_removed(tmp_path: Path) -> None:
    """Later files up to a gap, and the rest of the one that it is in."""
    template = Template(f"{tmp_path}/x-{{n}}.warc.gz")
    file = opened(template, rotate=2000)
    positions = [file.append([record(b"text" * number)], DATE) for number in range(1, 30)]
    file.close()
    assert len(template.found()) > 2
    others = template.path(max(template.found()) + 2)
    others.write_bytes(b"of another crawl")
    opened(template, positions[1]).close()
    assert [template.path(number) for number in template.found()] == [template.path(1), others]
    assert kinds(template.path(1)) == ["warcinfo", "response", "response"]


def test_a_batch_that_fails_leaves_whole_records(tmp_path: Path) -> None:
    """What was written of it is cut off, and the error says where the file ends now."""
    template = Template(f"{tmp_path}/x.warc.gz")
    file = opened(template)
    file.append([record(b"whole")], DATE)
    size = template.path(1).stat().st_size

    class Full(io.FileIO):
        def write(self, data: Any, /) -> int:  # noqa: ANN401 - what a buffer may be
            super().write(data[:10])
            raise OSError(28, "No space left on device")

    file.close()
    full = Full(template.path(1), "r+")
    full.seek(size)
    file._raw = full  # noqa: SLF001 - a disk that is full
    with pytest.raises(OSError, match="No space") as caught:
        file.append([record(b"lost")], DATE)
    assert any("it was cut back to" in note for note in caught.value.__notes__)
    assert template.path(1).stat().st_size == size
    file.close()


@pytest.mark.parametrize("position", [{"no": "position"}, {"file": 0}, {"file": "1"}, 7, "x", {"file": 1}])
def test_strange_positions_are_refused(position: Json) -> None:
    """What no writer said is told to be damaged."""
    with pytest.raises(OutputError, match="is no position"):
        part_and_place(position)


def test_files_that_can_not_be_gone_on_with_are_refused(tmp_path: Path) -> None:
    """One before the position is gone; or the folder is; or there is a folder in its place."""
    template = Template(f"{tmp_path}/x-{{n}}.warc.gz")
    file = opened(template, rotate=1)
    positions = [file.append([record(body)], DATE) for body in (b"a", b"bb")]
    file.close()
    template.path(1).unlink()
    with pytest.raises(OutputError, match="x-1.warc.gz is gone"):
        check(template, positions[1], overwrite=False)
    with pytest.raises(OutputError, match="there is no folder"):
        check(Template(f"{tmp_path}/none/x.warc"), None, overwrite=False)
    (tmp_path / "y.warc").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        check(Template(f"{tmp_path}/y.warc"), None, overwrite=True)
    with pytest.raises(UsageError, match="there is no archive"):
        archive_files(f"{tmp_path}/z-{{n}}.warc")
