"""Mirrors that open in a browser."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import zlib
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
from crawl_support import SITE
from trio.testing import MockClock

from trio_crawl import OutputError, UsageError, crawl
from trio_crawl.__main__ import main
from trio_crawl._export.site import write_site
from trio_crawl.testing import MemoryWeb

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trio_crawl import Link, Page

START = """<!doctype html><meta charset=windows-1252>
<meta http-equiv=Content-Security-Policy content="default-src 'self'">
<link rel=stylesheet href="/Style?v=1" integrity=sha256-nonsense crossorigin>
<title>Gr\u00fc\u00dfe</title>
<body onload="tell()">
<img id=image src="/images/Logo" srcset="/images/Logo 1x">
<p id=text>text</p>
<a id=page href="/deep/er/page?x=1#part">page</a> <a id=moved href=/moved>moved</a>
<a id=out href=http://elsewhere.test/>out</a>
<script>
function tell() {
  var style = getComputedStyle(document.getElementById("text"));
  document.body.setAttribute("data-seen", [
    document.getElementById("image").naturalWidth, style.color, document.title,
    getComputedStyle(document.getElementById("page")).backgroundImage.split("/").pop(),
  ].join("|"));
}
</script>
"""


def png(width: int) -> bytes:
    """Return a picture that is so wide, and one pixel high."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(kind, data)
        for kind, data in ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(width + 1))), (b"IEND", b""))
    )


def site() -> MemoryWeb:
    web = MemoryWeb()
    web.add(SITE, START.encode("windows-1252"), content_type="text/html")
    css = "@import 'more.css'; #page { background-image: url(images/Logo) }"
    web.add(f"{SITE}Style?v=1", css, content_type="text/css")
    web.add(f"{SITE}more.css", "#text { color: rgb(1, 2, 3) }", content_type="text/css")
    web.add(f"{SITE}images/Logo", png(7), content_type="image/png")
    web.add(f"{SITE}deep/er/page?x=1", "<title>deep</title><a href=../../>up</a>")
    web.add(f"{SITE}moved", redirect="/deep/er/page?x=1")
    return web


def parse(page: Page) -> Iterator[Link]:
    """Follow pictures and style sheets, too."""
    if page.content_type == "text/html":
        yield from page.links("a")
        yield from page.links("img, link[rel=stylesheet]")


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """Return a mirror of the site."""
    seeds = [SITE, f"{SITE}more.css"]
    go = partial(crawl, seeds, fetch=site(), parse=parse, write=f"{tmp_path}/mirror/", delay=0)
    trio.run(go, clock=MockClock(autojump_threshold=0))
    return tmp_path / "mirror"


def shown(path: Path, profile: Path) -> str:
    """Return the document as Chromium has it after it ran, opened from the file."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed: the package of Debian by that name brings it")
    command = [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    found = subprocess.run(  # noqa: S603 - on a file of our own
        [*command, f"--user-data-dir={profile}", "--dump-dom", path.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return found.stdout


def test_a_mirror_opens_in_a_browser(mirror: Path, tmp_path: Path) -> None:
    """Chromium shows the page from the folder, with its picture, its styles and its characters."""
    assert main(["export", str(mirror), "-o", f"{tmp_path}/site/"]) == 0
    found = re.search(
        r'data-seen="([^"]*)"', shown(tmp_path / "site/site.test/index.html", tmp_path / "profile")
    )
    assert found is not None
    width, colour, title, background = found[1].split("|")
    assert (width, colour, title) == ("7", "rgb(1, 2, 3)", "Gr\u00fc\u00dfe")
    assert background.startswith("_Logo~")


def test_links_lead_to_files(mirror: Path, tmp_path: Path) -> None:
    """To the file of the page, redirects followed; what is not in the mirror is on the web."""
    found = write_site(mirror, tmp_path / "site")
    assert (found.files, found.first) == (5, "site.test/index.html")
    text = (tmp_path / "site/site.test/index.html").read_text(encoding="utf-8-sig")
    hrefs = dict(re.findall(r'<a id="(\w+)" href="([^"]*)"', text))
    page, _, fragment = hrefs["page"].partition("#")
    assert fragment == "part"
    assert hrefs["moved"] == page
    assert hrefs["out"] == "http://elsewhere.test/"
    assert "deep</title>" in (tmp_path / "site/site.test" / page).read_text(encoding="utf-8-sig")
    back = re.search(r'href="([^"]*)"', (tmp_path / "site/site.test" / page).read_text(encoding="utf-8-sig"))
    assert back is not None
    assert back[1] == "../../index.html"


def test_the_mirror_itself_is_left_as_it_is(mirror: Path, tmp_path: Path) -> None:
    """A site is a copy: what was crawled keeps its bytes."""
    before = {path: path.read_bytes() for path in mirror.rglob("*") if path.is_file()}
    write_site(mirror, tmp_path / "site")
    assert {path: path.read_bytes() for path in mirror.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["../out.html", "/etc/passwd", "a/../../b", "C:\\x", ""])
def test_a_map_does_not_lead_out_of_the_folder(tmp_path: Path, name: str) -> None:
    """A name that somebody put into the map is refused, and nothing is written elsewhere."""
    (tmp_path / "mirror").mkdir()
    told = {"url": SITE, "final_url": SITE, "file": name, "content_type": "text/html"}
    (tmp_path / "mirror/files.jsonl").write_text(json.dumps(told) + "\n")
    with pytest.raises(UsageError, match="is no name of a file"):
        write_site(tmp_path / "mirror", tmp_path / "site")


def test_a_mirror_that_is_not_whole_is_refused(mirror: Path, tmp_path: Path) -> None:
    """A file that is gone, and a line that is none, are named."""
    (mirror / "site.test/index.html").unlink()
    with pytest.raises(UsageError, match="is gone"):
        write_site(mirror, tmp_path / "one")
    (mirror / "files.jsonl").write_text("no line\n")
    with pytest.raises(OutputError, match="line 1 is no line of a map"):
        write_site(mirror, tmp_path / "two")


def test_a_folder_that_is_not_empty_is_not_written_to(
    mirror: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unless the flag says so; and what is no mirror is told."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/mine").write_text("mine")
    assert main(["export", str(mirror), "-o", f"{tmp_path}/site/"]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main(["export", str(mirror), "-o", f"{tmp_path}/site/", "--overwrite"]) == 0
    assert main(["export", str(tmp_path), "-o", f"{tmp_path}/other/"]) == 2
    assert "a site is made of one mirror" in capsys.readouterr().err
