"""The base of a document, apart from the rest of it."""

from __future__ import annotations

import pytest

from trio_crawl._parse.anchors import anchor_links, document_base
from trio_crawl._parse.links import LinkCache
from trio_crawl._parse.tree import Tree


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("", "http://h/d/p"),
        ("<base href=/x/><base href=/y/>", "http://h/x/"),
        ("<base target=_top><base href='?é'>", "http://h/d/p?%E9"),
        ("<base href='javascript:x'><base href=/y/>", "http://h/d/p"),
    ],
)
def test_the_first_base_with_an_href_counts(markup: str, expected: str) -> None:
    """Even where it is of no use; its query is in the document's encoding."""
    assert document_base(Tree(markup), "http://h/d/p", "windows-1252") == expected


def test_anchors_lead_to_each_url_once() -> None:
    """Known from another page or not, the first that leads there stands for it."""
    cache = LinkCache()
    for _ in range(2):
        tree = Tree("<a href=x><a href=x rel=next><area href=x><a name=y><a href>")
        links = anchor_links(tree, cache.base("http://h/d/p", "utf-8"))
        assert [(link.url, link.kind, link.rel) for link in links] == [
            ("http://h/d/x", "a", ()),
            ("http://h/d/p", "a", ()),
        ]
