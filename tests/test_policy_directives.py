"""What a page says to robots about itself."""

from __future__ import annotations

from itertools import repeat

import pytest

from trio_crawl._policy.directives import (
    MAX_DIRECTIVES,
    MAX_LENGTH,
    forbids_following,
    of_header,
    of_meta,
)

DATE = "unavailable_after:"


@pytest.mark.parametrize(
    ("values", "directives"),
    [
        ([], set()),
        ([""], set()),
        (["noindex"], {"noindex"}),
        (["NoIndex, NOFOLLOW", "noarchive"], {"noindex", "nofollow", "noarchive"}),
        ([" , ,noindex,noindex"], {"noindex"}),
        (["max-snippet: 20, nofollow"], {"max-snippet:20", "nofollow"}),
        (["max-image-preview:large"], {"max-image-preview:large"}),
        (["none"], {"none", "noindex", "nofollow"}),
    ],
)
def test_x_robots_tag_for_everybody(values: list[str], directives: set[str]) -> None:
    """Fields may be repeated and hold lists; names are the same in any case; "none" is short for two."""
    assert of_header(values, "bot") == directives


@pytest.mark.parametrize(
    ("values", "directives"),
    [
        (["bot: nofollow"], {"nofollow"}),
        (["Bot : noarchive, nofollow"], {"noarchive", "nofollow"}),
        (["otherbot: noindex, nofollow"], set()),
        (["robot: noindex"], set()),
        (["bot2: noindex"], set()),
        (["otherbot: noindex", "noarchive"], {"noarchive"}),
        (["noarchive, otherbot: noindex"], {"noarchive"}),
        (["otherbot: noindex, bot: nofollow"], {"nofollow"}),
        (["otherbot: noindex, bot: max-snippet: 3, noarchive"], {"max-snippet:3", "noarchive"}),
        (["noindex", "bot: nofollow"], {"noindex", "nofollow"}),
        (["*: noindex"], {"noindex"}),
        (["bot:"], set()),
    ],
)
def test_x_robots_tag_for_one_crawler(values: list[str], directives: set[str]) -> None:
    """A user agent holds for what follows it in its field; what is for us and for everybody adds up."""
    assert of_header(values, "Bot") == directives


@pytest.mark.parametrize(
    ("value", "directives"),
    [
        ("25 Jun 2030 15:00:00 PST", "25 jun 2030 15:00:00 pst"),
        ("Tue, 25 Jun 2030 15:00:00 GMT", "tue, 25 jun 2030 15:00:00 gmt"),
        ("Tuesday, 25-Jun-30 15:00:00 GMT", "tuesday, 25-jun-30 15:00:00 gmt"),
        ("Tue, Jun 25, 2030 15:00", "tue, jun 25, 2030 15:00"),
        ("2030-06-25T15:00:00+00:00", "2030-06-25t15:00:00+00:00"),
    ],
)
def test_a_date_has_commas_and_colons(value: str, directives: str) -> None:
    """The date of ``unavailable_after`` is one value, whatever follows it and whomever it is for."""
    assert of_header([f"{DATE} {value}, nofollow"], "bot") == {DATE + directives, "nofollow"}
    assert of_header([f"noindex, unavailable_after : {value}"], "bot") == {DATE + directives, "noindex"}
    assert of_header([f"bot: {DATE}{value}, noarchive"], "bot") == {DATE + directives, "noarchive"}
    assert of_header([f"other: {DATE} {value}, nofollow"], "bot") == set()
    assert of_meta([("robots", f"{DATE} {value}, none")], "bot") >= {DATE + directives, "nofollow"}


def test_meta_elements() -> None:
    """Those called "robots" and those called as we are add up, in any case; others say nothing to us."""
    pairs = [("Robots", "noindex"), ("BOT ", "nofollow, noindex"), ("otherbot", "none"), ("viewport", "x")]
    assert of_meta(pairs, "bot") == {"noindex", "nofollow"}
    assert of_meta([("robots", "nofollow"), ("bot", "all, follow")], "bot") >= {"nofollow"}


def test_what_forbids_to_follow() -> None:
    """That is "nofollow", and "none", which is short for it; not "noindex"."""
    assert forbids_following(of_header(["noindex, nofollow"], "bot"))
    assert forbids_following(of_header(["none"], "bot"))
    assert not forbids_following(of_header(["noindex, noarchive, nofollowing"], "bot"))


def test_a_hostile_value_is_bounded() -> None:
    """No page says more than a hundred things about itself, and no field is read without end."""
    assert len(of_header([",".join(map(str, range(9_999)))] * 3, "bot")) == MAX_DIRECTIVES
    assert of_header([" " * MAX_LENGTH + "nofollow"], "bot") == set()


@pytest.mark.parametrize("value", ["all", "", ",", "other: all", "all,all", f"{DATE} 1,2,3"])
def test_what_is_read_is_counted_and_not_what_comes_of_it(value: str) -> None:
    """Fields and elements without end are read up to the hundredth word, though they say nothing new."""
    assert len(of_header(repeat(value), "bot")) <= 34
    assert len(of_meta(repeat(("robots", value)), "bot")) <= 34
    many = of_header([",".join([value] * MAX_DIRECTIVES), "nofollow"], "bot")
    assert "nofollow" not in many
