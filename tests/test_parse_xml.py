"""XML from servers that mean harm."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from trio_crawl._errors import FetchError
from trio_crawl._parse.xml import MAX_DEPTH, MAX_TEXT, NoXmlError, XmlReader

if TYPE_CHECKING:
    from collections.abc import Mapping


class Told:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.ends: list[tuple[int, str, str]] = []
        self.attributes: list[Mapping[str, str]] = []

    def start(self, _depth: int, _name: str, attributes: Mapping[str, str]) -> None:
        if attributes:
            self.attributes.append(attributes)

    def end(self, depth: int, name: str, text: str) -> None:
        self.ends.append((depth, name, text))


def read(data: bytes, *, size: int = 1000) -> Told:
    """Read *data* in pieces of some *size*."""
    told = Told()
    reader = XmlReader(told)
    for start in range(0, len(data), size):
        reader.feed(data[start : start + size])
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
    "not well-formed": b"<a></b>",
    "cut short": b"<a><b>",
    "an unknown entity": b"<a>&nbsp;</a>",
    "two roots": b"<a/><a/>",
    "wrong bytes": b"<a>\xff</a>",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_cost_more_than_its_bytes_is_refused(name: str) -> None:
    """Quickly, and as a failure of parsing."""
    began = time.thread_time()
    with pytest.raises(FetchError) as caught:
        read(REFUSED[name], size=16_384)
    assert caught.value.kind == "parse"
    assert time.thread_time() - began < 2


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
    """In whatever encoding that expat knows; a text that is too long is none."""
    assert read("<a><b>é &amp; <![CDATA[<]]></b></a>".encode("utf-16")).ends[0] == (1, "b", "é & <")
    assert read("<?xml version='1.0' encoding='koi8-r'?><a>я</a>".encode("koi8-r")).ends == [(0, "a", "я")]
    assert read(b"<a>" + b"x" * 500_000 + b"</a>").ends == [(0, "a", "")]
    assert read(b"<a>" + b"x" * MAX_TEXT + b"</a>").ends == [(0, "a", "x" * MAX_TEXT)]
    assert read(b"<x:a y:b='c'/>").attributes == [{"y:b": "c"}]


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
