"""Indexes of archives."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from export_support import archived, crawled
from warcio.archiveiterator import ArchiveIterator
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from trio_crawl import UsageError
from trio_crawl._export.cdxj import captures, write_cdxj
from trio_crawl.writers import Warc


def lines_of(path: Path) -> list[tuple[str, str, dict[str, Any]]]:
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        key, timestamp, told = line.split(" ", 2)
        found.append((key, timestamp, json.loads(told)))
    return found


def test_an_index_has_every_capture_in_order(tmp_path: Path) -> None:
    """Responses and revisits, redirects, errors and robots.txt; sorted by key and time."""
    number = write_cdxj([archived(tmp_path)], tmp_path / "x.cdxj")
    lines = lines_of(tmp_path / "x.cdxj")
    assert len(lines) == number == 7
    assert [(key, time) for key, time, _ in lines] == sorted((key, time) for key, time, _ in lines)
    assert {told["status"] for _, _, told in lines} == {"200", "302", "404"}
    assert {key for key, _, _ in lines} >= {"test,site)/", "test,site)/robots.txt", "test,site)/two?a=1&b=2"}


@pytest.mark.parametrize("name", ["crawl.warc.gz", "crawl.warc"])
def test_an_index_leads_to_the_records(tmp_path: Path, name: str) -> None:
    """At the offset of each line, in the length that it tells, is the record of its URL and digest."""
    path = archived(tmp_path, name)
    write_cdxj([path], tmp_path / "x.cdxj")
    data = path.read_bytes()
    for _, _, told in lines_of(tmp_path / "x.cdxj"):
        begin = int(told["offset"])
        (record,) = ArchiveIterator(io.BytesIO(data[begin : begin + int(told["length"])]))
        assert record.rec_headers.get_header("WARC-Target-URI") == told["url"]
        assert record.rec_headers.get_header("WARC-Payload-Digest") == told["digest"]


_DIGEST = rb"WARC-Payload-Digest: [^\r]*\r\n"


def others_index(path: Path) -> str:
    program = str(Path(sys.executable).with_name("cdxj-indexer"))
    found = subprocess.run(  # noqa: S603 - it is installed beside this Python
        [program, "--sort", str(path)], capture_output=True, text=True, check=True
    )
    return found.stdout


@pytest.mark.parametrize("name", ["crawl.warc.gz", "crawl.warc"])
def test_an_index_is_that_of_another_indexer(tmp_path: Path, name: str) -> None:
    """cdxj-indexer makes the same lines of the same archive, compressed or not."""
    path = archived(tmp_path, name)
    write_cdxj([path], tmp_path / "x.cdxj")
    assert (tmp_path / "x.cdxj").read_text(encoding="utf-8") == others_index(path)


@pytest.mark.parametrize("name", ["other.warc.gz", "other.warc"])
def test_an_index_of_what_others_wrote_is_that_of_another_indexer(tmp_path: Path, name: str) -> None:
    """Resources, revisits with and without a block, hosts of each form, records without a digest."""
    path = tmp_path / name
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=name.endswith("gz"), warc_version="1.1")
        hosts = ["127.0.0.1:8080", "[::1]", "user:x@Www.a.test", "a.test.", "b\u00fccher.test"]
        urls = [f"http://{host}/Path/?b=2&A=1" for host in hosts]
        for url in urls:
            head = StatusAndHeaders(
                "200 OK", [("Content-Type", "text/html; charset=utf-8")], protocol="HTTP/1.1"
            )
            payload = io.BytesIO(url.encode())
            length = len(url.encode())
            record = writer.create_warc_record(
                url, "response", payload=payload, length=length, http_headers=head
            )
            writer.write_record(record)
            digest, date = (record.rec_headers[key] for key in ("WARC-Payload-Digest", "WARC-Date"))
            writer.write_record(writer.create_revisit_record(f"{url}&c", digest, url, date))
            revisit = writer.create_revisit_record(f"{url}&d", digest, url, date, http_headers=head)
            writer.write_record(revisit)
        for url, kind in (
            (urls[0], "text/plain"),
            ("urn:x:y", "image/png"),
            (urls[0], "application/warc-fields"),
        ):
            payload = io.BytesIO(b"a: resource")
            writer.write_record(
                writer.create_warc_record(url, "resource", payload=payload, length=11, warc_content_type=kind)
            )
    data = path.read_bytes()
    if name.endswith(".warc"):
        records = data.split(b"WARC/1.1\r\n")
        kept = [re.sub(_DIGEST, b"", one) if b"Type: revisit" not in one else one for one in records]
        path.write_bytes(b"WARC/1.1\r\n".join(kept))
    write_cdxj([path], tmp_path / "x.cdxj")
    assert (tmp_path / "x.cdxj").read_text(encoding="utf-8") == others_index(path)


def test_an_index_is_of_several_archives(tmp_path: Path) -> None:
    """Each line names its file; two files of one name are refused."""
    crawled(Warc(tmp_path / "crawl-{n}.warc.gz", rotate=1), delay=2)
    paths = sorted(tmp_path.iterdir())
    assert write_cdxj(paths, tmp_path / "x.cdxj") == 7
    names = {told["filename"] for _, _, told in lines_of(tmp_path / "x.cdxj")}
    assert names <= {path.name for path in paths}
    assert len(names) > 2
    with pytest.raises(UsageError, match="tell them apart"):
        write_cdxj([paths[0], paths[0]], tmp_path / "y.cdxj")


def test_a_cut_archive_is_indexed_up_to_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A record that is not whole is left out, and the log says so."""
    path = archived(tmp_path, "crawl.warc")
    whole = list(captures(path))
    path.write_bytes(path.read_bytes()[: whole[-1].offset + whole[-1].length // 2])
    assert list(captures(path)) == whole[:-1]
    assert "is cut short" in caplog.text
