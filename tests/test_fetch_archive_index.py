"""Where in an archive the answer to a request is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from crawl_support import SITE
from export_support import archived

from trio_crawl import UsageError
from trio_crawl._fetch.archive_index import Index, key_of
from trio_crawl._write.warc_reader import record_at
from trio_crawl._write.warc_records import digest
from trio_crawl._write.warc_stream import Packing

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def built(tmp_path: Path) -> Index:
    """Return the index of a small archive."""
    index = Index([archived(tmp_path)])
    for _ in index.build():
        pass
    return index


def test_an_answer_is_found_by_request(built: Index, tmp_path: Path) -> None:
    """At its offset is the record of its URL; what was not asked for has none."""
    answer = built.answer(key_of("GET", f"{SITE}one", None))
    assert answer is not None
    with (tmp_path / "crawl.warc.gz").open("rb") as file:
        record = record_at(file, Packing(file), answer.offset)
    assert (record.kind, record.url) == ("response", f"{SITE}one")
    assert built.answer(key_of("POST", f"{SITE}one", b"a")) is None
    built.close()


def test_a_failure_is_an_answer(built: Index) -> None:
    """With its kind and its words."""
    answer = built.answer(key_of("GET", f"{SITE}broken", None))
    assert answer is not None
    assert answer.failure is not None
    assert answer.failure.startswith("protocol: ")
    built.close()


def test_an_original_is_found_by_its_digest(built: Index) -> None:
    """The response that has the body; what no response has is not found."""
    capture = built.answer(key_of("GET", f"{SITE}one", None))
    assert capture is not None
    other = capture._replace(number=999, payload=digest(b"<title>Two \xc3\xbc</title>"))
    assert (found := built.original(other)) is not None
    assert found.payload == other.payload
    assert built.original(other._replace(payload=digest(b"nothing"))) is None
    built.close()


def test_it_can_be_given_up_in_between(tmp_path: Path) -> None:
    """It yields after each record."""
    index = Index([archived(tmp_path)])
    build = index.build()
    next(build)
    assert sum(1 for _ in build) > 10
    index.close()


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        (("GET", "http://a.test", None), ("GET", "HTTP://A.test:80/#x", None), True),
        (("GET", "http://a.test/", None), ("HEAD", "http://a.test/", None), False),
        (("POST", "http://a.test/", b"a"), ("POST", "http://a.test/", b"b"), False),
        (("POST", "http://a.test/", b""), ("POST", "http://a.test/", None), True),
    ],
)
def test_what_makes_two_requests_the_same(
    one: tuple[str, str, bytes | None], two: tuple[str, str, bytes | None], same: bool
) -> None:
    """Method, URL in whichever form, and body."""
    assert (key_of(*one) == key_of(*two)) is same


def test_a_file_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    """By its name."""
    with pytest.raises(UsageError, match="none.warc can't be read"):
        next(Index([tmp_path / "none.warc"]).build())
