"""URLs as names of files."""

from __future__ import annotations

import re
from pathlib import PureWindowsPath

import pytest
from hypothesis import given, strategies as st

from trio_crawl import _urls
from trio_crawl._write.file_names import file_name

HTML = "text/html"


@pytest.mark.parametrize(
    ("url", "content_type", "name"),
    [
        ("https://site.test/", HTML, "site.test/index.html"),
        ("https://site.test/a/", HTML, "site.test/a/index.html"),
        ("https://site.test/a", HTML, "site.test/a~.html"),
        ("https://site.test/a.html", HTML, "site.test/a.html"),
        ("https://site.test/a.php", HTML, "site.test/a.php~.html"),
        ("https://site.test/a/b.png", "image/png", "site.test/a/b.png"),
        ("https://site.test/a/b", "image/png", "site.test/a/b~.png"),
        ("https://site.test/a/b", None, "site.test/a/b~.bin"),
        ("https://site.test/style", "text/css", "site.test/style~.css"),
        ("http://site.test/", HTML, "site.test~http/index.html"),
    ],
)
def test_plain_urls_have_plain_names(url: str, content_type: str, name: str) -> None:
    """Folders and names are those of the URL, and the extension tells a browser what it is."""
    assert file_name(url, content_type) == name


@pytest.mark.parametrize(
    ("url", "pattern"),
    [
        ("https://site.test/a.html?b=2&c", r"site\.test/_a_html_b_2_c~[a-z2-7]{16}\.html"),
        ("https://site.test/README.html", r"site\.test/_README~[a-z2-7]{16}\.html"),
        ("https://site.test/index.html", r"site\.test/_index~[a-z2-7]{16}\.html"),
        ("https://site.test/%2e%2E%2fetc/a.html", r"site\.test/_etc~[a-z2-7]{16}/a\.html"),
        ("https://site.test/CON", r"site\.test/_CON~[a-z2-7]{16}~\.html"),
        ("https://site.test/nul.html", r"site\.test/_nul~[a-z2-7]{16}\.html"),
        ("https://site.test/v1.2/a.html", r"site\.test/_v1_2~[a-z2-7]{16}/a\.html"),
        ("https://site.test/a./b.html", r"site\.test/_a~[a-z2-7]{16}/b\.html"),
        ("https://site.test/.htaccess", r"site\.test/_.*~[a-z2-7]{16}.*\.html"),
        ("https://site.test//a.html", r"site\.test/_~[a-z2-7]{16}/a\.html"),
        ("https://site.test/a~.html", r"site\.test/_a~[a-z2-7]{16}\.html"),
        ("https://site.test:8443/", r"_site_test_8443~[a-z2-7]{16}/index\.html"),
        ("https://files.jsonl/", r"_files_jsonl~[a-z2-7]{16}/index\.html"),
        (f"https://site.test/{'a' * 200}.html", r"site\.test/_a{40}~[a-z2-7]{16}\.html"),
        (f"https://site.test/{'aaa/' * 100}b.html", r"site\.test/~[a-z2-7]{16}\.html"),
    ],
)
def test_what_a_name_can_not_say_is_a_digest(url: str, pattern: str) -> None:
    """Queries, case, devices, dots, length: each is a readable name with a mark."""
    assert re.fullmatch(pattern, file_name(url, HTML)), file_name(url, HTML)


def test_a_form_has_a_name_of_its_own() -> None:
    """What was sent tells the answers of one URL apart."""
    url = "https://site.test/form"
    names = {file_name(url, HTML), file_name(url, HTML, variant="1"), file_name(url, HTML, variant="2")}
    assert len(names) == 3


_PARTS = st.lists(
    st.one_of(
        st.sampled_from(
            ["a", "A", "a.b", "index.html", "", "con", "COM1.txt", "~", "a~", "..", "%2e%2e", "a "]
        ),
        st.text(max_size=12),
        st.text("ab.AB~_%", max_size=100),
    ),
    max_size=5,
)


@given(_PARTS, _PARTS, st.sampled_from([HTML, "text/css", "image/png", None]))
def test_two_urls_never_have_one_name(one: list[str], two: list[str], content_type: str | None) -> None:
    """Not even where case makes no difference; and none is a folder where the other is a file."""
    urls = [_urls.parse("https://site.test/" + "/".join(parts)) for parts in (one, two)]
    names = [file_name(url, content_type).lower() for url in urls if url is not None]
    if len(names) == 2 and urls[0] != urls[1]:
        assert names[0] != names[1]
        assert not names[0].startswith(f"{names[1]}/")
        assert not names[1].startswith(f"{names[0]}/")


@given(_PARTS)
def test_every_system_takes_every_name(parts: list[str]) -> None:
    """No part leads elsewhere, is reserved, has a forbidden character, or is too long."""
    url = _urls.parse("https://site.test/" + "/".join(parts))
    if url is None:
        return
    name = file_name(url, HTML)
    assert len(name) <= 200
    assert not PureWindowsPath(name).is_reserved()
    for part in name.split("/"):
        assert re.fullmatch(r"[A-Za-z0-9._~-]{1,120}", part)
        assert part.strip(".") == part
