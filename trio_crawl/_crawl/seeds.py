"""Where a crawl begins: what ``seeds`` accepts, read as lazily as it comes."""

from __future__ import annotations

import io
from collections.abc import AsyncIterable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Final, TypeAlias

from .. import _urls
from .._errors import SeedError, UsageError
from .._frontier.requests import text_of
from .._model import Request
from .._write.same import Thing
from .seed_lines import LONGEST_LINE, SeedLines

Seed: TypeAlias = "str | Request"
Seeds: TypeAlias = "Seed | PathLike[str] | Iterable[Seed] | AsyncIterable[Seed]"
"""A URL, a `Request`, the path of a file of URLs, or an iterable, async or not, of URLs and requests."""


_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class BadSeed:
    """One of several seeds that is no URL: counted, not raised, so that the rest is crawled."""

    text: str
    message: str


def open_seeds(seeds: Seeds, *, inline: bool = False) -> Iterator[Request | BadSeed] | AsyncIterable[Seed]:
    """Return *seeds* as something to read from, checked as far as it is at hand.

    A path is opened now, and read in a thread, unless that is to be done *inline*.

    Raises:
        SeedError: *seeds* is nothing that can be read, a URL that is none, or a collection of
            which one is neither a str nor a `Request`.
    """
    if isinstance(seeds, str):
        return iter([alone(seeds)])
    if isinstance(seeds, Request):
        return iter([checked(seeds)])
    if isinstance(seeds, PathLike):
        return SeedLines(Path(seeds), name=f"the file of seeds {str(Path(seeds))!r}", inline=inline)
    if isinstance(seeds, list | tuple | set | frozenset | dict):
        return iter([found for seed in seeds if (found := _in_collection(seed)) is not None])
    if isinstance(seeds, AsyncIterable):
        return seeds
    if isinstance(seeds, Iterable) and not isinstance(seeds, bytes | bytearray | memoryview):
        return _text(seeds) if isinstance(seeds, io.IOBase) else _lazily(seeds, "the source of seeds")
    raise SeedError(
        f"seeds can't be {seeds!r}: give a URL, a Request, the pathlib.Path of a file with one URL a line, "
        f"or an iterable of URLs"
    )


def seed_files(seeds: object) -> list[Thing]:
    """Return the file that *seeds* are read from, if they are."""
    if not isinstance(seeds, PathLike):
        return []
    return [Thing(what=f"the file of seeds {str(seeds)!r}", path=Path(seeds).absolute(), read=True)]


def checked(seed: object) -> Request:
    """Return *seed* as a request for a URL as the URL standard serialises it.

    Raises:
        SeedError: it is no http(s) URL, or has a user name; or a field that is not JSON.
    """
    request = seed if isinstance(seed, Request) else None
    text = request.url if request is not None else seed
    if not isinstance(text, str):
        raise SeedError(f"{text!r} is no seed: a seed is a URL (a str) or a Request")
    url = _urls.parse(text)
    if url is None:
        raise SeedError(_urls.explain(text) or f"{text!r} is no http(s) URL")
    plain = _urls.without_user_info(url)
    if plain != url:
        raise SeedError(
            f"{plain!r} was given with a user name in front of its host; leave that out of the URL, "
            f"and give auth={{{_urls.origin(url)!r}: (user, password)}}"
        )
    if request is None:
        return Request(url, asked=text)
    try:
        text_of(request)
    except UsageError as error:
        raise SeedError(str(error)) from error
    return replace(request, url=url)


def alone(text: str) -> Request:
    """Return a seed that a person gave, who may have meant the file of that name.

    Raises:
        SeedError: it is no http(s) URL.
    """
    try:
        return checked(text)
    except SeedError as error:
        if text.lower().endswith(_FILES) and "://" not in text:
            raise SeedError(f"{error} For a file of URLs, give pathlib.Path({text!r}).") from None
        raise


_FILES = (".txt", ".csv", ".tsv", ".lst", ".list", ".urls")


def _in_collection(seed: object) -> Request | BadSeed | None:
    """Return one item of a collection as one of a file; what is no text at all is an error at once."""
    return lenient(seed) if isinstance(seed, str | Request) else checked(seed)


def is_seed(line: str) -> bool:
    """Return whether a *line*, without white space around it, is neither blank nor a comment."""
    return bool(line) and not line.startswith("#")


def lenient(seed: object) -> Request | BadSeed | None:
    """Return one item of a lazily read source; None for a blank line or a comment (``#``)."""
    if isinstance(seed, str):
        seed = seed.rstrip("\r\n")
        if not is_seed(seed.strip()):
            return None
    try:
        return checked(seed)
    except SeedError as error:
        text = _urls.without_secrets(str(seed.url if isinstance(seed, Request) else seed))
        if len(text) > _urls.MAX_LENGTH:  # of which the report and the state need no more to name it by
            text = f"{text[:_SHOWN]}… ({len(text):,} characters, {_urls.page_id(text)})"
        return BadSeed(text, str(error))


def _lazily(seeds: Iterable[object], name: str) -> Iterator[Request | BadSeed]:
    for seed in seeds:
        if isinstance(seed, bytes):
            raise SeedError(f"{name} gives bytes: open the file as text")
        request = lenient(seed)
        if request is not None:
            yield request


def _text(file: Iterable[object]) -> Iterator[Request | BadSeed]:
    """Read a file that the caller has opened."""
    name = f"the file of seeds {getattr(file, 'name', file)!r}"
    lines = iter(partial(file.readline, LONGEST_LINE), "") if isinstance(file, io.TextIOBase) else file
    try:
        yield from _lazily(_bounded(lines, name), name)
    except (UnicodeDecodeError, OSError) as error:
        raise SeedError(f"{name} can't be read on: {error}") from error


def _bounded(lines: Iterable[object], name: str) -> Iterator[object]:
    for line in lines:
        if isinstance(line, str) and len(line) >= LONGEST_LINE and not line.endswith("\n"):
            raise SeedError(
                f"{name}: a line has more than {LONGEST_LINE:,} characters; one URL a line is expected"
            )
        yield line


def host_name(text: object) -> str:
    """Return the name of a host as it stands in a URL.

    Raises:
        UsageError: *text* is none.
    """
    url = _urls.parse(f"http://{text}/") if isinstance(text, str) else None
    port = isinstance(text, str) and ":" in text.rpartition("]")[2]  # which a URL may leave out
    if url is None or port or url != f"http://{_urls.host(url)}/":
        raise UsageError(f"{text!r} is no host; give its name alone, without a port, such as 'example.org'")
    return _urls.host(url)
