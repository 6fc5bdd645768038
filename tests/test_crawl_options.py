"""Keywords that can't be right are said before the first request, with what would be."""

from __future__ import annotations

import inspect
import math
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from crawl_support import SITE, virtual

from trio_crawl import MissingExtraError, OutputError, UsageError, crawl, fetch_page, open_crawl
from trio_crawl._crawl.options import CrawlOptions
from trio_crawl.testing import MemoryWeb
from trio_crawl.writers import Lines

if TYPE_CHECKING:
    from pathlib import Path


def web() -> MemoryWeb:
    memory = MemoryWeb()
    memory.links(SITE, [])
    return memory


async def refused(**keywords: Any) -> str:  # noqa: ANN401 - whatever is wrong
    """Return what is said about *keywords*, having seen that nothing was asked for."""
    memory = web()
    with pytest.raises(UsageError) as caught:
        await crawl(SITE, **{"fetch": memory, **keywords})
    with pytest.raises(type(caught.value)):
        async with open_crawl(SITE, **{"fetch": memory, **keywords}):
            pytest.fail("the block was entered")
    assert memory.requests == []
    return str(caught.value)


WHOLE = {
    **dict.fromkeys(("max_links", "max_bytes", "concurrency", "per_host", "per_address", "max_pages"), 1),
    **dict.fromkeys(("max_redirects", "retries", "max_depth", "max_failures"), 0),
}
OR_NONE = {"max_pages", "max_depth", "max_failures", "max_time"}
SECONDS = {"delay": True, "grace": True, "timeout": False, "max_time": False}


@pytest.mark.parametrize("name", WHOLE)
@virtual
async def test_whole_numbers(name: str) -> None:
    """A limit that is no whole number, or too small, is named with the least that makes sense."""
    least = WHOLE[name]
    bad: list[Any] = [least - 1, -5, True, False, 1.5, math.nan, "3", [3]]
    for value in [*bad, *([] if name in OR_NONE else [None])]:
        message = await refused(**{name: value})
        assert message.startswith(f"{name}= is {value!r}; it takes a whole number, {least} or more")
        assert message.endswith("or None for no limit") is (name in OR_NONE)
    fine: dict[str, Any] = {name: least}
    assert (await crawl(SITE, fetch=web(), **fine)).discovered == 1


@pytest.mark.parametrize("name", SECONDS)
@virtual
async def test_seconds(name: str) -> None:
    """A time that is no finite number of seconds, or too short, is named with what it takes."""
    zero = SECONDS[name]
    bad: list[Any] = [-1, -0.001, True, math.nan, math.inf, -math.inf, "3", *([] if zero else [0, 0.0])]
    for value in [*bad, *([] if name in OR_NONE else [None])]:
        message = await refused(**{name: value})
        assert message.startswith(f"{name}= is {value!r}; it takes a number of seconds, ")
        assert ("0 or more" in message) is zero
    fine: dict[str, Any] = {name: 0 if zero else 0.5}
    assert (await crawl(SITE, fetch=web(), **fine)).discovered == 1


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"robots": None}, "robots= is None; it takes True or False"),
        ({"pace": "slow"}, "pace= is 'slow'; it takes 'adaptive' or 'fixed'"),
        ({"delay": "1"}, "delay= is '1'; it takes a number of seconds, 0 or more, or a Delay"),
        ({"robots": 1}, "robots= is 1; it takes True or False"),
        ({"overwrite": "yes"}, "overwrite= is 'yes'; it takes True or False"),
        ({"parse_errors": "ignore"}, "parse_errors= is 'ignore'; it takes 'record' or 'raise'"),
        ({"user_agent": ""}, "user_agent= is ''; it takes printable ASCII"),
        ({"user_agent": "bot\r\nHost: evil"}, "such as 'my-crawler/1.0"),
        ({"user_agent": "Käfer/1.0"}, "printable ASCII"),
        ({"user_agent": None}, "printable ASCII"),
        ({"follow": "hosts"}, "follow= is 'hosts'; give one of 'host', 'origin'"),
        ({"include": 5}, "include= is 5; give a glob"),
        ({"exclude": [b"x"]}, "exclude= has b'x'; each pattern is a glob"),
        ({"fetch": "crul"}, 'fetch takes "curl", "httpx"'),
        ({"fetch": None}, "got None"),
        ({"fetch": MemoryWeb}, "got the class MemoryWeb and not an instance of it: call it"),
        ({"allow_private": "10.0.0.0/8"}, "allow_private"),
        ({"allow_private": ["10.0.0.0/99"]}, "10.0.0.0/99"),
        ({"write": 5}, "write= can't be 5: it takes a path"),
        ({"write": "links.xls"}, "the suffixes are .tsv, .csv, .jsonl"),
        ({"write": "links"}, "without a suffix it names no format"),
        ({"write": "links.xls"}, ".sqlite, .parquet, .warc.gz and .warc; a slash at the end"),
        ({"retry_failed": True}, "retry_failed=True needs state=, which knows what failed"),
        ({"write": print}, "is not async; declare it `async def`"),
    ],
)
@virtual
async def test_what_else_can_not_be_right(keywords: dict[str, Any], message: str) -> None:
    """Each keyword is checked, and the message says what it takes."""
    assert message in await refused(**keywords)


@virtual
async def test_an_output_that_exists(tmp_path: Path) -> None:
    """A file that is not empty is left as it is, and the message says how to replace it."""
    path = tmp_path / "links.tsv"
    path.write_text("precious\n")
    message = await refused(write=path)
    assert message == (
        f"{path} exists and is not empty; pass overwrite=True to replace it, or name another file"
    )
    assert path.read_text() == "precious\n"
    report = await crawl(SITE, fetch=web(), write=path, overwrite=True)
    assert path.read_text() == "source_url\tparsed_url\n"
    assert report.outputs == (str(path),)


@virtual
async def test_outputs_that_can_not_be_opened(tmp_path: Path) -> None:
    """A folder, a folder that is missing, and one file given twice, are said before the first request."""
    folder = tmp_path / "folder.tsv"
    folder.mkdir()
    assert "is a folder; name a file in it" in await refused(write=folder)
    assert "create it first" in await refused(write=tmp_path / "missing" / "links.tsv")
    path = tmp_path / "links.tsv"
    assert "given twice" in await refused(write=[path, Lines(path)])
    assert "is a folder" in await refused(write=[path, folder])
    assert not path.exists()


@virtual
async def test_a_keyword_that_does_not_exist() -> None:
    """A keyword that no crawl has is a `TypeError`, as of any function."""
    unknown: Any = {"max_page": 5}
    with pytest.raises(TypeError, match="max_page"):
        await crawl(SITE, fetch=web(), **unknown)
    with pytest.raises(TypeError, match="max_page"):
        async with open_crawl(SITE, fetch=web(), **unknown):
            pytest.fail("the block was entered")


def test_the_keywords_of_every_form_are_the_same() -> None:
    """What ``crawl`` takes is what the other forms pass on, neither more nor less."""
    keywords = {
        name
        for name, parameter in inspect.signature(crawl).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    assert keywords - {"task_status"} == set(CrawlOptions.__annotations__)


def test_without_pycurl() -> None:
    """Where pycurl is not installed the message gives the command that installs it, and another fetcher."""
    program = (
        "import sys; sys.modules['pycurl'] = None\n"
        "import trio_crawl\n"
        "try:\n    trio_crawl.run('https://example.org/')\n"
        "except trio_crawl.MissingExtraError as error:\n    print(error)"
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert "pip install pycurl, or fetch='httpx'" in done.stdout
    assert issubclass(MissingExtraError, ImportError)
    assert issubclass(OutputError, UsageError)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("max_page", "did you mean max_pages=?"),
        ("retry", "did you mean retries=?"),
        ("per_address_delay", "by='address'"),
        ("zzz", "help(trio_crawl.crawl)"),
    ],
)
async def test_an_unknown_keyword_suggests_the_nearest(name: str, hint: str) -> None:
    """In whichever function it is used."""
    keywords: dict[str, Any] = {name: 1}
    with pytest.raises(TypeError) as caught:
        await crawl("https://site.test/", **keywords)
    assert str(caught.value) == f"no such keyword: {name}=; " + str(caught.value).partition("; ")[2]
    assert hint in str(caught.value)
    with pytest.raises(TypeError, match=f"no such keyword: {name}="):
        async with open_crawl("https://site.test/", **keywords):
            pass
    with pytest.raises(TypeError, match=f"no such keyword: {name}="):
        await fetch_page("https://site.test/", **keywords)
