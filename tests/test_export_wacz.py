"""Packages of archives."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from crawl_support import SITE
from export_support import archived, crawled
from warcio.archiveiterator import ArchiveIterator

from trio_crawl._export.cdxj import write_cdxj
from trio_crawl._export.wacz import write_wacz
from trio_crawl.writers import Warc

NOW = datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC)


def validated(path: Path) -> str:
    """Return what the validator of the format's own tools says; its status has to be good."""
    program = str(Path(sys.executable).with_name("wacz"))
    found = subprocess.run(  # noqa: S603 - it is installed beside this Python
        [program, "validate", "-f", str(path)], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


def test_a_package_is_valid(tmp_path: Path) -> None:
    """The validator finds the version, the contents, hashes, index and compression right."""
    write_wacz([archived(tmp_path)], tmp_path / "x.wacz", NOW)
    said = validated(tmp_path / "x.wacz")
    assert "1.1.1" in said
    assert "invalid" not in said.lower()


def test_any_name_of_an_archive_makes_a_valid_package(tmp_path: Path) -> None:
    """Capitals, blanks, other letters, names that differ in these alone; and what is no text at all."""
    names = ["Crawl-1.warc.gz", "crawl-1.warc.gz", "My crawl.warc.gz", "My_crawl.warc.gz", "Übung(1).WARC.GZ"]
    names += ["a\\b.warc.gz", "a\nb.warc.gz", os.fsdecode(b"\xff.warc.gz"), "index.idx.warc.gz"]
    source = archived(tmp_path).read_bytes()
    folder = tmp_path / "named"
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(source)
    paths = [folder / name for name in names]
    write_wacz(paths, tmp_path / "x.wacz", NOW)
    validated(tmp_path / "x.wacz")
    with zipfile.ZipFile(tmp_path / "x.wacz") as file:
        lines = gzip.decompress(file.read("indexes/index.cdx.gz")).decode().splitlines()
        filenames = {json.loads(line.split(" ", 2)[2])["filename"] for line in lines}
        resources = json.loads(file.read("datapackage.json"))["resources"]
        assert {f"archive/{name}" for name in filenames} <= set(file.namelist())
    assert len(filenames) == len(names)
    assert len({one["name"] for one in resources}) == len(resources)


def test_a_damaged_package_is_not_valid(tmp_path: Path) -> None:
    """The validator does look: where a hash is not that of its file, it says so."""
    write_wacz([archived(tmp_path)], tmp_path / "x.wacz", NOW)
    with zipfile.ZipFile(tmp_path / "x.wacz") as good, zipfile.ZipFile(tmp_path / "bad.wacz", "w") as bad:
        for name in good.namelist():
            bad.writestr(name, good.read(name) + b"\n" * (name == "pages/pages.jsonl"))
    program = str(Path(sys.executable).with_name("wacz"))
    found = subprocess.run(  # noqa: S603 - as above
        [program, "validate", "-f", str(tmp_path / "bad.wacz")], capture_output=True, text=True, check=False
    )
    assert found.returncode != 0


def test_a_package_has_its_archives_whole_and_uncompressed(tmp_path: Path) -> None:
    """A reader can fetch a record by its offset in the package; all archives are there."""
    crawled(Warc(tmp_path / "crawl-{n}.warc.gz", rotate=1), delay=2)
    paths = sorted(tmp_path.iterdir())
    write_wacz(paths, tmp_path / "x.wacz", NOW)
    with zipfile.ZipFile(tmp_path / "x.wacz") as file:
        assert {one.compress_type for one in file.infolist()} == {zipfile.ZIP_STORED}
        for path in paths:
            assert file.read(f"archive/{path.name}") == path.read_bytes()
    validated(tmp_path / "x.wacz")


def test_a_package_has_an_index_in_blocks(tmp_path: Path) -> None:
    """The compressed index is the plain one, and its own index tells where a block begins."""
    path = archived(tmp_path)
    write_cdxj([path], tmp_path / "x.cdxj")
    write_wacz([path], tmp_path / "x.wacz", NOW)
    with zipfile.ZipFile(tmp_path / "x.wacz") as file:
        packed = file.read("indexes/index.cdx.gz")
        head, *blocks = file.read("indexes/index.idx").decode().splitlines()
    assert gzip.decompress(packed) == (tmp_path / "x.cdxj").read_bytes()
    assert json.loads(head.removeprefix("!meta 0 "))["format"] == "cdxj-gzip-1.0"
    for block in blocks:
        key, timestamp, told = block.split(" ", 2)
        place = json.loads(told)
        data = gzip.decompress(packed[place["offset"] : place["offset"] + place["length"]])
        assert data.decode().startswith(f"{key} {timestamp} ")


def test_a_package_lists_its_pages(tmp_path: Path) -> None:
    """Pages of HTML that were found, by URL, time and title, decoded; no redirects and errors."""
    path = archived(tmp_path)
    write_wacz([path], tmp_path / "x.wacz", NOW)
    with zipfile.ZipFile(tmp_path / "x.wacz") as file:
        head, *pages = map(json.loads, file.read("pages/pages.jsonl").splitlines())
    assert head["format"] == "json-pages-1.0"
    assert {page["url"]: page["title"] for page in pages} == {
        SITE: "Start & <more>",
        f"{SITE}one": "One",
        f"{SITE}two?b=2&a=1": "Two \u00fc",
        f"{SITE}again": "Two \u00fc",
    }
    assert len({page["id"] for page in pages}) == len(pages)
    assert all(page["ts"].startswith("2000-01-01T00:00:") for page in pages)


def test_a_member_is_an_archive(tmp_path: Path) -> None:
    """What is in the package can be read as it is."""
    write_wacz([archived(tmp_path)], tmp_path / "x.wacz", NOW)
    with zipfile.ZipFile(tmp_path / "x.wacz") as file:
        data = file.read("archive/crawl.warc.gz")
    assert next(iter(ArchiveIterator(io.BytesIO(data)))).rec_type == "warcinfo"
