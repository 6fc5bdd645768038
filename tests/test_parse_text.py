"""The text that a person reads."""

from __future__ import annotations

import pytest

from trio_crawl._parse.text import collapse, document_text
from trio_crawl._parse.tree import Tree


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("Hello <b>bold</b> w\n orld", "Hello bold w orld"),
        ("<p>one<p> two <br> three", "one\ntwo\nthree"),
        ("<ul><li>a<li>b</ul>c", "a\nb\nc"),
        ("<table><tr><td>1<td>2<tr><td>3</table>", "1 2\n3"),
        ("a<script>b</script><style>c</style><template>d</template><!--e-->f", "af"),
        ("<pre>a\n  b</pre>c\nd", "a\nb\nc d"),
        ("<textarea>a\nb</textarea>", "a\nb"),
        ("a&nbsp;&nbsp;b", "a\xa0\xa0b"),
        ("<noscript>a</noscript><iframe>b</iframe>", "a"),
        ("", ""),
    ],
)
def test_text_is_a_line_a_block(markup: str, expected: str) -> None:
    """Scripts, styles, comments and blank lines are left out, white space is collapsed."""
    assert document_text(Tree(f"<!doctype html><title>t</title><body>{markup}")) == expected


def test_deep_nesting_is_no_recursion() -> None:
    """A tree is deeper than Python's stack if its author wants it so."""
    assert document_text(Tree("<b>" * 3000 + "x")) == "x"


def test_white_space_is_that_of_ascii() -> None:
    """A no-break space is a character that someone meant."""
    assert collapse(" a\t\n\f\r b\xa0 ") == "a b\xa0"
