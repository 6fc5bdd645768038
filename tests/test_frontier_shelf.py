"""What is kept for as long as there is room."""

from __future__ import annotations

from trio_crawl._frontier.shelf import Shelf


def test_the_least_recently_used_goes_first() -> None:
    """By bytes, not by number; asking for something is a use of it."""
    shelf: Shelf[str] = Shelf(100)
    for name in "abcd":
        shelf.put(name, name.upper(), 25)
    assert shelf.get("a") == "A"
    shelf.put("e", "E", 30)
    assert [shelf.get(name) for name in "abcde"] == ["A", None, None, "D", "E"]
    shelf.put("a", "again", 10)
    assert (shelf.get("a"), len(shelf)) == ("again", 3)
    assert repr(shelf) == "<Shelf of 3, 65 bytes>"
    shelf.drop("a")
    shelf.drop("a")
    assert repr(shelf) == "<Shelf of 2, 55 bytes>"


def test_what_is_larger_than_all_is_kept_alone() -> None:
    """What is in use has to be there, whatever it takes."""
    shelf: Shelf[int] = Shelf(10)
    shelf.put("a", 1, 1)
    shelf.put("b", 2, 1000)
    assert (shelf.get("a"), shelf.get("b")) == (None, 2)
    shelf.put("c", 3, 1)
    assert (shelf.get("b"), shelf.get("c")) == (None, 3)
