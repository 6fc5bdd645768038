"""A page as the command line shows it, of whatever size and shape."""

from __future__ import annotations

import json

import pytest
from cli_support import beside

from trio_crawl.__main__ import main
from trio_crawl.testing import MemoryWeb

ORIGIN = "http://site.test"
LARGE = "<title>Large</title><ul>" + "<li><a href=/x>x</a> in stock</li>\n" * 80_000
SLOW = "<title>Slow</title><a href=/b>b</a>" + "".join(f"<p><b a{number}>" for number in range(1000))


@pytest.mark.parametrize(("markup", "title"), [(LARGE, "Large"), (SLOW, "Slow")], ids=["large", "slow"])
def test_fetch_shows_what_there_is_of_any_page(
    markup: str, title: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of it where its size explains what it takes; its title and links where it was made to be slow."""
    web = MemoryWeb()
    web.add(f"{ORIGIN}/", markup)
    with beside(web) as url:
        assert main(["fetch", f"{url}/", "--allow-private"]) == 0
        out = capsys.readouterr().out
        assert f"title    {title}\n" in out
        assert "links    1\n" in out
        assert ("x in stock\nx in stock" in out) is (title == "Large")
        assert ("(no text: this page is of a shape that was made to be slow" in out) is (title == "Slow")
        assert main(["fetch", f"{url}/", "--allow-private", "--json"]) == 0
        page = json.loads(capsys.readouterr().out)
        assert (page["title"], len(page["links"])) == (title, 1)
        assert (page["text"] is None) is (title == "Slow")
        assert main(["fetch", f"{url}/", "--allow-private", "--links"]) == 0
        assert len(capsys.readouterr().out.splitlines()) == 1
