"""Which sitemaps and feeds are read."""

from __future__ import annotations

import logging

import pytest
from frontier_support import lease_of

from trio_crawl._frontier.lists import MOST, MOST_NAMED, Lists
from trio_crawl._lease import ListRequest
from trio_crawl._policy.scope import Scope


def lists(*, exclude: str | tuple[str, ...] = ()) -> Lists:
    """Return those of a crawl from http://a.test/."""
    scope = Scope("host", exclude=exclude)
    scope.add_seed("http://a.test/")
    return Lists(scope)


def test_a_site_has_the_sitemaps_of_its_robots_txt_or_one_in_the_usual_place() -> None:
    """Told once, however many seeds are on it."""
    site = lists()
    named = ("http://u:p@b.test/1.xml#x", "/2.xml", "mailto:x", "http://[")
    assert [request.url for request in site.of_site("http://a.test", named)] == [
        "http://b.test/1.xml",
        "http://a.test/2.xml",
    ]
    assert site.of_site("http://a.test", named) == []
    assert [request.url for request in site.of_site("http://c.test", ())] == ["http://c.test/sitemap.xml"]
    assert [request.url for request in site.of_site("http://d.test", ("mailto:x",))] == [
        "http://d.test/sitemap.xml"
    ]
    assert len(site.of_site("http://e.test", tuple(f"/{n}" for n in range(9000)))) == MOST_NAMED


@pytest.mark.parametrize(
    ("named_by", "url", "parent", "expected"),
    [
        ("robots", "http://b.test/m", "http://a.test/", True),
        ("sitemap_index", "http://a.test/m", "http://b.test/i", True),
        ("sitemap_index", "http://b.test/m", "http://b.test/i", True),
        ("sitemap_index", "http://c.test/m", "http://b.test/i", False),
        ("alternate", "http://a.test/f", "http://a.test/", True),
        ("alternate", "http://b.test/f", "http://b.test/", False),
        ("robots", "http://a.test/no/m", "http://a.test/", False),
    ],
)
def test_who_names_a_list_says_where_it_may_be(named_by: str, url: str, parent: str, expected: bool) -> None:
    """A robots.txt anywhere, an index beside itself, a page where links are followed."""
    request = ListRequest.of(url, named_by)  # type: ignore[arg-type] # they are kinds
    assert lists(exclude="*/no/*").allows(request, url, lease_of(parent)) is expected


def test_lists_of_one_host_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """The log says once that there are more."""
    site = lists()
    with caplog.at_level(logging.WARNING):
        for number in range(MOST):
            request = ListRequest.of(f"http://a.test/{number}", "alternate")
            assert site.has_room(request)
            site.admitted(request)
        assert not any(
            site.has_room(ListRequest.of(f"http://a.test/{n}", "alternate")) for n in (MOST, MOST + 1)
        )
    assert site.has_room(ListRequest.of("http://b.test/", "alternate"))
    assert len(caplog.records) == 1
