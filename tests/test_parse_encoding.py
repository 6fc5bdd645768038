"""Which encoding a document is in, by the standard's steps and by others' cases."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from growth_support import assert_no_slower
from hypothesis import given, settings, strategies as st

from trio_crawl._parse.encoding import Sniffed, decode, lookup, prescan, sniff, sniff_xml

CASES = Path(__file__).resolve().parents[1].parent / "shared" / "cases" / "encodings.json"


def load_cases() -> list[dict[str, Any]]:
    """Return the cases, or skip."""
    if not CASES.exists():
        pytest.skip(f"the cases are not there: {CASES}")
    cases: list[dict[str, Any]] = json.loads(CASES.read_text("utf-8"))
    return cases


def is_right(case: dict[str, Any]) -> bool:
    """Say whether the encoding or the text is what the case expects."""
    text, encoding = decode(base64.b64decode(case["body_b64"]), case["content_type"])
    return bool(encoding == case["expected_encoding"] or text == case["expected_text"])


def test_every_required_case_is_right() -> None:
    """What browsers agree on is got right without exception."""
    assert sum(case["required"] for case in load_cases()) >= 71
    assert [case["id"] for case in load_cases() if case["required"] and not is_right(case)] == []


def test_a_case_is_wrong_only_where_the_standard_is() -> None:
    """UTF-32 is no encoding of the web, and a meta element that a probe closes is one."""
    wrong = {case["id"] for case in load_cases() if not is_right(case)}
    assert wrong <= {"e0063", "e0167", "e0169", "e0171"}


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"\xef\xbb\xbf<meta charset=gbk>", "text/html; charset=gbk", Sniffed("utf-8", "bom")),
        (b"\xff\xfea\0", None, Sniffed("utf-16le", "bom")),
        (b"\xfe\xff\0a", None, Sniffed("utf-16be", "bom")),
        (b"<meta charset=gbk>", "text/html; charset=latin1", Sniffed("windows-1252", "header")),
        (b"<meta charset=gbk>", "text/html; charset=nonsense", Sniffed("gbk", "meta")),
        (b"<meta charset=gbk>", "text/html; charset=iso-2022-kr", Sniffed("replacement", "header")),
        (b"<?xml encoding='koi8-r'?><meta charset=gbk>", None, Sniffed("gbk", "meta")),
        (b"<?xml encoding = 'koi8-r'?>", None, Sniffed("koi8-r", "xml")),
        (b"<?xml encoding='utf-16'?>", None, Sniffed("utf-8", "xml")),
        (b"<\0?\0x\0m\0l\0", None, Sniffed("utf-16le", "xml")),
        (b"\0<\0?\0x\0m\0l", None, Sniffed("utf-16be", "xml")),
        ("é<p>".encode(), "text/html", Sniffed("utf-8", "guess")),
        ("é日".encode()[:-1], "text/html", Sniffed("utf-8", "guess")),
        (b"caf\xe9", "text/html", Sniffed("windows-1252", "default")),
        (b"caf\xe9 cr\xe8me", None, Sniffed("windows-1252", "default")),
        (b"<meta charset=gbk>", "text/plain", Sniffed("utf-8", "guess")),
        (b"", None, Sniffed("utf-8", "guess")),
    ],
)
def test_the_steps_come_in_the_order_of_the_standard(
    body: bytes, content_type: str | None, expected: Sniffed
) -> None:
    """A mark wins over the field, the field over a meta element, that over the XML declaration."""
    assert sniff(body, content_type) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"<meta charset=gbk>", "gbk"),
        (b"<META/CHARSET = 'GBK'>", "gbk"),
        (b"<metacharset=gbk>", None),
        (b"<meta charset=gbk", None),
        (b"<meta charset='gbk>", None),
        (b"<meta charset=utf-16>", "utf-8"),
        (b"<meta charset=x-user-defined>", "windows-1252"),
        (b"<meta charset=nonsense><meta charset=gbk>", "gbk"),
        (b"<meta charset=gbk charset=koi8-r>", "gbk"),
        (b"<!-- <meta charset=gbk> --><meta charset=koi8-r>", "koi8-r"),
        (b"<!--><meta charset=gbk>", "gbk"),
        (b"<!-- <meta charset=gbk>", None),
        (b"<!doctype><?php ?></ ><meta charset=gbk>", "gbk"),
        (b"<a b='<meta charset=gbk>'>", None),
        (b"a < b <meta charset=gbk>", "gbk"),
        (b"<meta http-equiv=content-type content='text/html; charset=gbk'>", "gbk"),
        (b"<meta content='text/html; charset=gbk' http-equiv=CONTENT-TYPE>", "gbk"),
        (b"<meta content='text/html; charset=gbk'>", None),
        (b"<meta http-equiv=content-type content='charset charset = \"gbk\"'>", "gbk"),
        (b"<meta http-equiv=content-type content='charset=\"gbk'>", None),
        (b"<meta http-equiv=content-type content='charset=gbk' charset=koi8-r>", "koi8-r"),
        (b"<meta charset=nonsense http-equiv=content-type content='charset=gbk'>", None),
        (b"<script>'<meta charset=gbk>'</script>", "gbk"),
    ],
)
def test_a_meta_element_is_found_as_the_standard_prescans(data: bytes, expected: str | None) -> None:
    """Comments, quotes, order and repetition of attributes are as in the standard's algorithm."""
    assert prescan(data) == expected


def test_a_meta_element_further_down_counts_unless_it_is_script() -> None:
    """Beyond the 1,024 bytes of the prescan it is the parser that would meet it."""
    filler = b"<!--" + b"x" * 2000 + b"-->"
    assert sniff(filler + b"<meta charset=gbk>", None) == Sniffed("gbk", "meta")
    script = b"<script>'<meta charset=gbk>'</script>"
    assert sniff(filler + script, None) == Sniffed("utf-8", "guess")
    assert sniff(filler + script + b"<meta charset=koi8-r>", None) == Sniffed("koi8-r", "meta")


@pytest.mark.parametrize(
    ("label", "name"),
    [(b" UTF8\n", "utf-8"), (b"latin1", "windows-1252"), (b"utf-7", None), (b"\xff", None), (b"", None)],
)
def test_a_label_has_a_name_or_none(label: bytes, name: str | None) -> None:
    """Labels are those of the Encoding standard, without case and white space around them."""
    assert lookup(label) == name


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Привет, как дела? Страница рассказывает, как живёт Москва", "windows-1251"),
        ("これは日本語のページです。宣言はありません", "shift_jis"),
        ("これは日本語のページです。宣言はありません", "euc-jp"),
        ("Καλημέρα κόσμε, τι κάνεις σήμερα;", "windows-1253"),
        ("안녕하세요 세계, 이것은 페이지입니다", "euc-kr"),
        ("Größe, Maße, Straße, Übergänge, Äpfel, Öfen, süße Füße, blöde Hüte, Ähren", "windows-1252"),
    ],
)
def test_what_is_not_declared_is_recognised(text: str, encoding: str) -> None:
    """As browsers do, by the bytes, wherever in the page they begin; the sample may cut a character."""
    filler = b"<p>" * 20_000
    body = filler + (text + "\n").encode(encoding) * 400
    assert sniff(body, "text/html") == Sniffed(encoding, "detected")
    assert sniff(body, f"text/html; charset={encoding}") == Sniffed(encoding, "header")


def test_a_few_odd_bytes_are_western() -> None:
    """Of one word a detector makes anything."""
    assert sniff(b"\xc4\xe3\xba\xc3" * 3, "text/html") == Sniffed("windows-1252", "default")


def test_a_guess_is_bounded_in_time() -> None:
    """However long the page is, the detector sees a few kilobytes of it."""
    little, much = b"\xe9" * 10_000, b"\xe9" * 10_000_000
    assert_no_slower(lambda: sniff(much, "text/html"), lambda: sniff(little, "text/html"), times=4)


MARKUP = st.lists(
    st.sampled_from(
        [b"<meta ", b"charset", b"=", b"utf-8", b"'", b'"', b">", b"<!--", b"-->", b"content", b"/"]
    ),
    max_size=12,
).map(b"".join)


@given(st.binary(max_size=50) | MARKUP, st.none() | st.text(max_size=20))
@settings(max_examples=200, deadline=None)
def test_no_content_raises(body: bytes, content_type: str | None) -> None:
    """Any bytes under any media type have an encoding and a text without surrogates."""
    text, encoding = decode(body, content_type)
    assert encoding == encoding.lower()
    text.encode()


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"<?xml version='1.0' encoding='koi8-r'?><rss>", "application/rss+xml", Sniffed("koi8-r", "xml")),
        (b"<?xml encoding='koi8-r'?><meta charset=gbk>", "text/xml", Sniffed("koi8-r", "xml")),
        (b"<?xml encoding='koi8-r'?><meta charset=gbk>", "application/xhtml+xml", Sniffed("koi8-r", "xml")),
        (b"<?xml encoding='utf-16'?><rss>", "application/atom+xml", Sniffed("utf-8", "xml")),
        (b"<?xml encoding='hex'?><rss>", "application/atom+xml", Sniffed("utf-8", "guess")),
        (b"<?xml encoding='koi8-r'?><rss>", "text/xml; charset=euc-jp", Sniffed("euc-jp", "header")),
        (b"\xef\xbb\xbf<?xml encoding='koi8-r'?>", "text/xml; charset=euc-jp", Sniffed("utf-8", "bom")),
        (b"<\0r\0s\0s\0", "text/xml; charset=utf-16", Sniffed("utf-16le", "header")),
    ],
)
def test_xml_says_by_its_declaration_what_it_is_in(body: bytes, content_type: str, expected: Sniffed) -> None:
    """After the mark and the field, and before what HTML has for it (RFC 7303, section 3)."""
    assert sniff(body, content_type) == expected


@pytest.mark.parametrize(
    ("head", "content_type", "encoding"),
    [
        (b"<a>", None, "utf-8"),
        (b"<?xml encoding='x-sjis'?>", None, "shift_jis"),
        (b"<a>\xff", "text/xml; charset=none", "utf-8"),
        (b"<a>", "text/xml; charset=utf-16", "utf-8"),
        (b"<\0a\0>\0", None, "utf-16le"),
        (b"\0<\0a\0>", "text/xml; charset=utf-16be", "utf-16be"),
        (b"\0<\0a\0>", None, "utf-16be"),
        (b"\xfe\xff\0<", "text/xml; charset=koi8-r", "utf-16be"),
    ],
)
def test_xml_is_utf_8_unless_it_says_otherwise(head: bytes, content_type: str | None, encoding: str) -> None:
    """There is no guess about it."""
    assert sniff_xml(head, content_type) == encoding
