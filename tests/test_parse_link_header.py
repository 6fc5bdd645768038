"""Links in header fields, as RFC 8288 reads them."""

from __future__ import annotations

from itertools import repeat

import pytest
from growth_support import assert_linear
from hypothesis import given, strategies as st

from trio_crawl._parse.link_header import MOST_READ, parse_links


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("", []),
        ("<a>; rel=next", [("a", {"rel": "next"})]),
        (
            '<a>; rel="next"; title="x, y; z", <b>;rel=prev',
            [("a", {"rel": "next", "title": "x, y; z"}), ("b", {"rel": "prev"})],
        ),
        (" , <a> ;\tREL = next ,, <b>", [("a", {"rel": "next"}), ("b", {})]),
        ("<a>;rel=next;rel=prev", [("a", {"rel": "next"})]),
        (r'<a>;title="x\"y\\";rel=z', [("a", {"title": 'x"y\\', "rel": "z"})]),
        ('<a>;rel="next', [("a", {"rel": "next"})]),
        ('<a>;rel="next\\', [("a", {"rel": "next"})]),
        ("<a,b;c>;rel=x", [("a,b;c", {"rel": "x"})]),
        ("<a>;crossorigin;rel=x", [("a", {"crossorigin": "", "rel": "x"})]),
        ("<a>;;rel=x", [("a", {"": "", "rel": "x"})]),
        ("<a> rubbish, <b>", [("a", {}), ("b", {})]),
        ("rubbish, <b>", []),
        ("<a>, <b", [("a", {})]),
        ("<>; rel=self", [("", {"rel": "self"})]),
    ],
)
def test_a_field_has_links_with_parameters(field: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    """Commas in quotes and in URLs part nothing, and the first of a name counts."""
    assert list(parse_links([field])) == expected


@given(st.text(alphabet='<>ab;,="\\ \trel', max_size=40))
def test_any_field_can_be_read(field: str) -> None:
    """No text raises."""
    for target, parameters in parse_links([field]):
        assert target in field
        assert all(name == name.lower() for name in parameters)


@pytest.mark.parametrize("piece", ["<", "<>", ";", '<>;a="', "\\", ", ", "<>; ", '<>;a="\\'])
def test_a_hostile_field_takes_linear_time(piece: str) -> None:
    """A field as long as no server sends is read piece by piece, once."""
    assert_linear(lambda size: list(parse_links([piece * (size // len(piece))])), 20_000)
    assert_linear(lambda size: list(parse_links(['<>;a="' + piece * (size // len(piece))])), 20_000)


@pytest.mark.parametrize("field", ["", "rubbish", "<a>;rel=next", "<a>", "<a>, " * 50, "<a>" + ";x" * 5_000])
def test_of_fields_without_end_so_many_links_are_read(field: str) -> None:
    """Whatever comes of them."""
    assert len(list(parse_links(repeat(field)))) <= MOST_READ
