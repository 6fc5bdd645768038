"""A family of HTML documents, each of which asks much of a parser; of any size."""

from __future__ import annotations

import time
from itertools import count
from typing import TYPE_CHECKING, Final, TypeAlias

from growth_support import ROOM

if TYPE_CHECKING:
    from collections.abc import Callable

Shape: TypeAlias = "Callable[[int], str]"
"""Makes a document of about so many characters."""


def again(piece: str, before: str = "") -> Shape:
    """Return the shape of *piece*, again and again, after what stands *before* it."""
    return lambda size: before + piece * ((size - len(before)) // len(piece) + 1)


def numbered(piece: str, before: str = "", after: str = "") -> Shape:
    """Return the shape of *piece* with a number in it that is another one each time."""

    def shape(size: int) -> str:
        pieces = []
        left = size - len(before) - len(after)
        for number in count():
            if left <= 0:
                break
            pieces.append(piece.format(number))
            left -= len(pieces[-1])
        return before + "".join(pieces) + after

    return shape


def halves(first: str, second: str, before: str = "") -> Shape:
    """Return the shape of *first* many times, then *second* many times."""
    return lambda size: again(first, before)(size // 2) + again(second)(size // 2)


def xhtml(shape: Shape) -> Shape:
    """Return *shape* as the content of a document in XHTML, with a type for which references have names."""
    doctype = '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "u">'
    return lambda size: f'{doctype}<html xmlns="http://www.w3.org/1999/xhtml">{shape(size)}</html>'


BOUND: Final = 0.05
"""Seconds of processor time that nothing may take on the event loop, on an idle machine."""


def bound(room: float = ROOM) -> float:
    """Return that bound for the machine as it is: where it is busy, all takes longer.

    Args:
        room: how much longer than on an idle machine it may take besides. What is not bounded takes a
            hundred times as long.
    """

    def work() -> float:
        began = time.thread_time()
        sum(range(200_000))
        return time.thread_time() - began

    # What this takes on a core of 2.5 GHz that has nothing else to do.
    return room * BOUND * max(1.0, min(work() for _ in range(5)) / 0.003)


FAMILY: Final[dict[str, Shape]] = {
    # One in another.
    "div in div": again("<div>"),
    "div in div, closed": halves("<div>", "</div>"),
    "span in span": again("<span>"),
    "list in list": again("<ul><li>"),
    "text between": again("<div>x"),
    "end tags of nothing in much": halves("<div>", "</x>"),
    "items in much": halves("<span>", "<li>"),
    "terms in much": halves("<span>", "<dd>"),
    "paragraphs in much": halves("<span>", "<p>"),
    "end tags that close nothing": again("<i><div></i></div>"),
    "end tags in comments": again("<div><!--</div>-->"),
    "end tags in values": again("<div><br x='</div>'>"),
    "end tags in scripts": again("<div><script></div></script>"),
    # Attributes.
    "attributes": numbered("a{} ", "<div ", ">"),
    "attributes that are one": again("a ", "<div "),
    "attributes with what ends tags": numbered("a{}='>' ", "<div ", ">"),
    "attributes of many tags": numbered("<br a{}>"),
    "attributes of one body": numbered("<body a{}>"),
    "attributes of one html": numbered("<html a{}></html>"),
    "a long value": again("x", "<a href='"),
    "a long name": again("x", "<div "),
    "a long tag": again("x", "<"),
    # Formatting.
    "bold in bold": again("<b>"),
    "bold of many kinds": numbered("<b a{}>"),
    "bold left open in paragraphs": numbered("<p><b a{}>"),
    "fonts left open in paragraphs": again("<p><i><b><u><font>"),
    "formatting opened again": again("<p>x", "<p>" + "<b><i><u><s><tt><em><big>" * 3),
    "bold closed outside": again("<b><p></b>"),
    "bold closed inside": again("<b><div></b></div>"),
    "anchors closed outside": again("<a><div></a>"),
    "formatting that ends nothing": again("</i>", "<b>" * 2000),
    "nobr": again("<nobr>"),
    # Tables and lists.
    "table in table": again("<table><tr><td>"),
    "tables": again("<table>"),
    "cells": again("<td>x", "<table><tr>"),
    "moved out of a table": again("<div>", "<table>"),
    "bold moved out of a table": again("<b>x", "<table>"),
    "text moved out of a table": again("x<tr>", "<table>"),
    "captions": again("<table><caption>"),
    "options": again("<option>x", "<select>"),
    "groups": again("<optgroup>", "<select>"),
    "select in table": again("<table><tr><td><select>"),
    "paragraphs and buttons": again("<p><button>"),
    "ruby": again("<ruby><rt>"),
    "forms": again("<form>"),
    "end of paragraphs": again("</p>"),
    # References.
    "references": again("&amp;"),
    "long references": again("&CounterClockwiseContourIntegral;"),
    "ampersands": again("&"),
    "references in a value": again("&amp;", "<a href='"),
    # What is no element.
    "comments": again("<!---->"),
    "a comment": again("-", "<!--"),
    "comments begun": again("<!--"),
    "no comments": again("<!x>"),
    "CDATA in HTML": again("<![CDATA[x]]>"),
    "CDATA in an image": again("<![CDATA[x]]>", "<svg>"),
    "CDATA left open": again("]]", "<svg><![CDATA["),
    "end tags in CDATA": again("<g><![CDATA[</g>]]>", "<svg>"),
    "doctypes": again("<!doctype html>"),
    "less than": again("<"),
    "nulls": again("\0"),
    "nulls in tags": again("<p\0>"),
    "null characters in an image": again("\0", "<svg>"),
    # Foreign content.
    "image in image": again("<svg>"),
    "groups in an image": again("<g>", "<svg>"),
    "paths in no image": again("<path/>", "<svg><p>x</p>"),
    "out of images": again("<svg><p>"),
    "HTML in images": again("<svg><foreignObject>"),
    "titles of images": again("<svg><title><b>"),
    "end tags of nothing in an image": halves("<g>", "</x>", "<svg>"),
    "mathematics": again("<math><mi>"),
    "HTML in mathematics": again("<math><annotation-xml encoding=text/html><div>"),
    # Text that is no mark-up.
    "a title": again("x ", "<title>"),
    "titles": again("<title>x</title>"),
    "a script": again("<!--<script>", "<script>"),
    "styles": again("<style></style>"),
    "templates": again("<template><tr>"),
    "frames": again("<frameset>"),
    "plain text": again("<", "<plaintext>"),
    # Links.
    "links": numbered("<a href=/{}>x</a>"),
    "links in an image's company": numbered("<a href=/{}>x</a>", "<svg></svg>"),
    "bases": again("<base href=x>"),
}

XML_FAMILY: Final[dict[str, Shape]] = {
    "elements": xhtml(again("<p/>")),
    "one in another": xhtml(halves("<p>", "</p>")),
    "one in another, not closed": xhtml(again("<p>")),
    "namespaces": xhtml(again("<p xmlns='u'/>")),
    "namespaces in one another": xhtml(halves("<p xmlns='u'>", "</p>")),
    "prefixes in one another": xhtml(numbered("<p xmlns:a{}='u'>")),
    "prefixes of one tag": xhtml(numbered("xmlns:a{}='u' ", "<p ", "/>")),
    "many prefixes, used": xhtml(
        again("<a1:b/>", "<p " + "".join(f"xmlns:a{n}='u' " for n in range(90)) + ">")
    ),
    "attributes": xhtml(numbered("a{}='1' ", "<p ", "/>")),
    "references": xhtml(again("&nbsp;")),
    "ampersands": xhtml(again("&")),
    "comments begun": xhtml(again("<!--")),
    "CDATA": xhtml(again("<![CDATA[x]]>")),
    "CDATA begun": xhtml(again("<![CDATA[")),
    "instructions begun": xhtml(again("<?x ")),
    "a type that does not end": again("'", "<!DOCTYPE html "),
    "a subset": lambda size: again("<!ENTITY a 'b'>", "<!DOCTYPE html [")(size) + "]><html/>",
    "a subset that does not end": again("<!--", "<!DOCTYPE html ["),
    "comments before the root": lambda size: again("<!-- -->")(size) + "<html/>",
    "instructions before the root": lambda size: again("<?a?> ")(size) + "<html/>",
    "space before the root": lambda size: again(" ")(size) + "<html/>",
}
