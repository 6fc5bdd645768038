"""A parser of the user's that runs in a worker process: how it is named, and what is sent there."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from dataclasses import fields
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from .._errors import ParseError, UsageError
from .._model import Page
from .html import HtmlDocument
from .reading import known_of
from .user import Found, ParserFormError, UserParser, collect, is_async

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._model import Kinds, Link, Request

Name: TypeAlias = tuple[str, str]
"""A module, and the path to a function in it."""

Names: TypeAlias = "Name | Mapping[str | None, Name]"
"""One parser, or one for each label."""

_FIELDS: Final = tuple(item.name for item in fields(Page) if item.init and not item.name.startswith("_"))
_NO_MODULE: Final = frozenset({"__main__", "__mp_main__"})


class RemoteError(ParseError):
    """A parser raised an exception in a worker process; the message names it, its traceback is a note."""


def names_of(parse: object) -> Names:
    """Return how a worker process finds a parser, or each of those in a mapping.

    Raises:
        UsageError: *parse* is none, or one that a worker process can't import.
    """
    if parse is None:
        raise UsageError("parse_in='process' is for a parser of yours: pass it as parse=")
    if isinstance(parse, Mapping):
        return {label: _name(function, f"parse[{label!r}]") for label, function in parse.items()}
    return _name(parse, "parse")


def _name(function: object, place: str) -> Name:
    module, path = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise UsageError(
            f"{place} is async, which parse_in='process' can't be: a worker process has no event loop"
        )
    if module in _NO_MODULE:
        raise UsageError(
            f"{place} lives in the script that is run, which a worker process never imports: "
            f"for parse_in='process', move it to a module of its own, and import it from there"
        )
    found = None if module is None or path is None else _look_up(sys.modules.get(module), path)
    if found is not function or inspect.ismethod(function):
        raise UsageError(
            f"{place} is {function!r}, which a worker process can't import by its name: "
            f"for parse_in='process', move it to a module, as a function by itself"
        )
    assert isinstance(module, str)  # noqa: S101 - or nothing was found
    assert isinstance(path, str)  # noqa: S101
    return module, path


def _look_up(place: object, path: str) -> object:
    for name in path.split("."):
        place = getattr(place, name, None)
    return place


def fields_of(page: Page) -> dict[str, Any]:
    """Return what a page is made of, to make it again elsewhere."""
    return {name: getattr(page, name) for name in _FIELDS}


def run_parser(
    names: Names,
    page_fields: Mapping[str, Any],
    parts: Mapping[str, Any],
    kinds: Sequence[Kinds] = (),
    most: int = 0,
) -> tuple[list[Link | Request], list[Any], dict[str, Any]]:
    """Call a parser in this process.

    Args:
        names: where it is found.
        page_fields: of its page, as `fields_of` returns them.
        parts: of its document, as `HtmlDocument.parts` returns them.
        kinds: of links, each a set, that the crawl wants to know of itself.
        most: links to return of each.

    Returns:
        What it yielded to be followed, its rows, and what the crawl wants to know of the page.

    Raises:
        ParserFormError: it can't be imported here, or is async.
        Exception: what it raises.
    """
    if isinstance(names, Mapping):
        parser = UserParser({label: _import(name) for label, name in names.items()})
    else:
        parser = UserParser(_import(names))
    document = HtmlDocument(**parts)
    page = Page(**page_fields, _document=document)
    # Whether links of this page are followed is decided where it came from.
    found = Found(page)
    result = parser.call(page)
    if is_async(result):
        if inspect.iscoroutine(result):
            result.close()
        raise ParserFormError("parse returned something async, for which a worker process has no event loop")
    collect(result, found)
    return found.follow, found.rows, known_of(document, kinds, most)


def _import(name: Name) -> Any:  # noqa: ANN401 - a function of the user's
    module, path = name
    try:
        function = _look_up(import_module(module), path)
    except Exception as error:
        raise ParserFormError(
            f"a worker process can't import {module}, where parse is: {type(error).__name__}: {error}"
        ) from error
    if function is None:
        raise ParserFormError(f"a worker process finds no {path} in {module}: is it made when the crawl is?")
    return function
