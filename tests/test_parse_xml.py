"""XML from servers that mean harm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from growth_support import assert_no_slower
from hypothesis import given, strategies as st

from trio_crawl._errors import FetchError
from trio_crawl._parse.xml import MAX_DEPTH, MAX_NAMES, MAX_TEXT, NoXmlError, XmlReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trio_crawl._parse.xml import Name


class Told:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.ends: list[tuple[int, str, str]] = []
        self.attributes: list[Mapping[str, str]] = []

        self.names: list[tuple[str, str]] = []

    def start(self, _depth: int, name: Name, attributes: Mapping[str, str]) -> None:
        self.names.append(name)
        if attributes:
            self.attributes.append(attributes)

    def end(self, depth: int, name: Name, text: str) -> None:
        assert name in self.names
        self.ends.append((depth, name.local, text))


def read(data: bytes | str, *, size: int = 1000) -> Told:
    """Read *data* in pieces of some *size*."""
    told = Told()
    reader = XmlReader(told)
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    for start in range(0, len(text), size):
        reader.feed(text[start : start + size])
    reader.close()
    return told


LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (n + 1, b"&l%d;" % n * 10) for n in range(9))
REFUSED = {
    "billion laughs": b'<!DOCTYPE a [<!ENTITY l0 "ha">' + LAUGHS + b"]><a>&l9;</a>",
    "quadratic blow-up": b'<!DOCTYPE a [<!ENTITY x "'
    + b"x" * 100_000
    + b'">]><a>'
    + b"&x;" * 10_000
    + b"</a>",
    "external entity": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "parameter entity": b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://h/"> %x;]><a/>',
    "default attributes": b'<!DOCTYPE a [<!ATTLIST b c CDATA "'
    + b"x" * 1000
    + b'">]><a>'
    + b"<b/>" * 1000
    + b"</a>",
    "depth": b"<a>" * (MAX_DEPTH + 1),
    "a long tag": b"<a b='" + b"x" * 600_000 + b"'/>",
    "a long comment": b"<a><!--" + b"x" * 600_000 + b"--></a>",
    "a long name": b"<a><" + b"x" * 5_000_000,
    "many attributes": b"<a " + b"".join(b"a%d='' " % n for n in range(100_000)) + b"/>",
    "many names": b"<a>" + b"".join(b"<a%d/>" % n for n in range(100_000)) + b"</a>",
    "not well-formed": b"<a></b>",
    "cut short": b"<a><b>",
    "an unknown entity": b"<a>&nbsp;</a>",
    "two roots": b"<a/><a/>",
    "a character that XML has not": b"<a>\x0b</a>",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_cost_more_than_its_bytes_is_refused(name: str) -> None:
    """As quickly as an ordinary document of its size is read, and as a failure of parsing."""
    ordinary = b"<a>" + b"<b/>" * (len(REFUSED[name]) // 4 + 1_000) + b"</a>"

    def refused() -> None:
        with pytest.raises(FetchError) as caught:
            read(REFUSED[name], size=16_384)
        assert caught.value.kind == "parse"

    assert_no_slower(refused, lambda: read(ordinary, size=16_384), times=2)


def test_an_external_document_type_is_not_asked_for() -> None:
    """RSS 0.91 names one, and stays readable."""
    told = read(b'<!DOCTYPE rss PUBLIC "-//N//DTD RSS 0.91//EN" "http://n.test/rss.dtd"><rss><a>x</a></rss>')
    assert told.ends == [(1, "a", "x"), (0, "rss", "")]


@pytest.mark.parametrize(
    "data", [b"", b"x", b"<!doctype html><p>", b"<!DOCTYPE html><html></html>", b"<", b"\xff\xfe\0\0"]
)
def test_what_is_no_xml_from_its_beginning_is_no_failure(data: bytes) -> None:
    """It is something else, such as a page that says that nothing is there."""
    with pytest.raises(NoXmlError):
        read(data)


def test_elements_are_told_with_their_texts() -> None:
    """Of a text that is too long its beginning, without the white space before it."""
    assert read("<a><b>é &amp; <![CDATA[<]]></b></a>").ends[0] == (1, "b", "é & <")
    assert read(b"<a>" + b" " * 20_000 + b"x" * 500_000 + b"</a>").ends == [(0, "a", "x" * MAX_TEXT)]
    assert read(b"<a>" + b"x" * MAX_TEXT + b"</a>").ends == [(0, "a", "x" * MAX_TEXT)]
    assert read(b"<x:a y:b='c'/>").attributes == [{"y:b": "c"}]


def test_names_are_those_of_namespaces() -> None:
    """Declared anywhere around, undone, or not at all: then the prefix stands for itself."""
    told = read(
        "<a xmlns='A' xmlns:p='P'><b/><p:c/><q:d/><e xmlns='' xmlns:p='O'><f/><p:g/></e><p:h/><xmlnsx:i/></a>"
    )
    assert told.names == [
        *(("A", "a"), ("A", "b"), ("P", "c"), ("q", "d"), ("", "e"), ("", "f"), ("O", "g"), ("P", "h")),
        ("xmlnsx", "i"),
    ]


@pytest.mark.parametrize("element", ["<n{}/>", "<n a{}=''/>", "<n xmlns:p{}='u'/>"])
def test_a_document_has_so_many_names(element: str) -> None:
    """Of elements, attributes and prefixes: whatever keeps them grows no further."""
    few = "".join(element.format(n) for n in range(MAX_NAMES - 2)) + element.format(0) * 20_000
    assert len(read(f"<a>{few}</a>", size=16_384).names) > MAX_NAMES
    with pytest.raises(FetchError, match="more than 10,000 names"):
        read(f"<a>{few}{''.join(element.format(-n) for n in range(3))}</a>")


@given(
    st.lists(
        st.sampled_from(
            [
                b"<a>",
                b"</a>",
                b"<b c='d'>",
                b"&",
                b"<!",
                b"]]>",
                b"<?",
                b"\xff",
                b"x",
                b">",
                b"<!DOCTYPE a [",
                b"\0",
            ]
        ),
        max_size=12,
    )
)
def test_no_content_raises_anything_else(parts: list[bytes]) -> None:
    """Whatever is in it."""
    try:
        read(b"<r>" + b"".join(parts), size=3)
    except (FetchError, NoXmlError):
        pass
