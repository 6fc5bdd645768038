"""HTML elements and those of the same name in SVG and MathML."""

from __future__ import annotations

import pytest
from selectolax.lexbor import LexborHTMLParser

from trio_crawl._parse.namespaces import Namespaces


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<p><a>", True),
        ("<svg><a>", False),
        ("<svg><g><a>", False),
        ("<svg></svg><a>", True),
        ("<svg><foreignObject><a>", True),
        ("<svg><desc><p><a>", True),
        ("<svg><title><a>", True),
        ("<svg><p><a>", True),
        ("<svg><foreignObject><svg><a>", False),
        ("<svg><math><a>", False),
        ("<math><a>", False),
        ("<math><mi><a>", True),
        ("<math><mi><b><a>", True),
        ("<math><mi><mglyph><a>", False),
        ("<math><mi><svg><a>", False),
        ("<math><annotation-xml><a>", False),
        ("<math><annotation-xml encoding='Text/HTML'><a>", True),
        ("<math><annotation-xml><svg><foreignObject><a>", True),
    ],
)
def test_an_element_is_html_by_where_it_stands(markup: str, expected: bool) -> None:
    """Foreign content makes foreign elements, but for the standard's integration points."""
    (element,) = LexborHTMLParser(markup).tags("a")
    assert Namespaces().is_html(element) is expected


def test_elements_of_one_tree_are_told_apart_in_any_order() -> None:
    """What was worked out for one serves the next."""
    tree = LexborHTMLParser(
        "<a id=1></a><svg><a id=2></a><desc><a id=3></a></desc><a id=4></a></svg><a id=5></a>"
    )
    namespaces = Namespaces()
    nodes = tree.css("a[id]")
    html = [node.attributes["id"] for node in reversed(nodes) if namespaces.is_html(node)]
    assert sorted(name or "" for name in html) == ["1", "3", "5"]
    assert [namespaces.is_html(node) for node in nodes] == [node.attributes["id"] in html for node in nodes]
