"""What is kept for as long as there is room."""

from __future__ import annotations

from trio_crawl._frontier.shelf import Shelf


def test_the_least_recently_used_goes_first() -> None:
    """By bytes, not by number; asking for something is a use of it."""
    shelf: Shelf[str] = Shelf(100, len)
    for name in "abcd":
        shelf.put(name, name.upper() * 25)
    assert shelf.get("a") == "A" * 25
    shelf.put("e", "E" * 30)
    assert [(shelf.get(name) or "-")[0] for name in "abcde"] == ["A", "-", "-", "D", "E"]
    shelf.put("a", "again" * 2)
    assert (shelf.get("a"), len(shelf)) == ("again" * 2, 3)
    assert repr(shelf) == "<Shelf of 3, 65 bytes>"
    shelf.drop("a")
    shelf.drop("a")
    assert repr(shelf) == "<Shelf of 2, 55 bytes>"


def test_what_is_larger_than_all_is_kept_alone() -> None:
    """What is in use has to be there, whatever it takes."""
    shelf: Shelf[int] = Shelf(10, lambda size: size)
    shelf.put("a", 1)
    shelf.put("b", 1000)
    assert (shelf.get("a"), shelf.get("b")) == (None, 1000)
    shelf.put("c", 3)
    assert (shelf.get("b"), shelf.get("c")) == (None, 3)
