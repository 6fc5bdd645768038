"""Requests as text, for a state that holds them."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .._errors import UsageError
from .._lease import ListRequest
from .._model import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_DEFAULTS: Mapping[str, Any] = {field.name: getattr(Request(""), field.name) for field in fields(Request)}
_NAMED = ("url", "asked", "lastmod")
_LIST = "list"


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _are_fields(value: object) -> bool:
    pairs = value if isinstance(value, list) else [None]
    return all(isinstance(pair, list) and [type(part) for part in pair] == [str, str] for pair in pairs)


def _is_list(value: object) -> bool:
    if not isinstance(value, list) or len(value) != 2:  # noqa: PLR2004 - who named it, and how deep it is
        return False
    return (value[0] is None or _is_text(value[0])) and _is_number(value[1])


_FORMS: Mapping[str, Callable[[object], bool]] = {
    "label": _is_text,
    "data": lambda _: True,
    "priority": _is_number,
    "method": _is_text,
    "headers": _are_fields,
    "body": _is_text,
    "key": _is_text,
    "asked": _is_text,
    "lastmod": _is_text,
    _LIST: _is_list,
}


def text_of(request: Request | None) -> str | None:
    """Return what *request* says beyond its URL, as JSON; None for None.

    Raises:
        UsageError: a field of it, such as its `data`, is not what JSON can say.
    """
    if request is None:
        return None
    said = _said(request)
    try:
        return json.dumps(said, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        wrong = "data" if "data" in said else ", ".join(said)
        raise UsageError(f"the {wrong} of the Request for {request.url} is not JSON: {error}") from error


def _said(request: Request) -> dict[str, Any]:
    said = {
        name: getattr(request, name)
        for name, default in _DEFAULTS.items()
        if name not in _NAMED and getattr(request, name) != default
    }
    if request.asked != request.url:
        said["asked"] = request.asked
    if request.lastmod is not None:
        said["lastmod"] = request.lastmod.isoformat()
    if isinstance(request, ListRequest):
        said[_LIST] = [request.named_by, request.level]
    if isinstance(request.body, bytes | bytearray | memoryview):
        said["body"] = b64encode(request.body).decode("ascii")
    return said


def request_of(url: str, text: str) -> Request:
    """Return the request for *url* of which `text_of` returned *text*.

    Raises:
        ValueError: it did not return it: no request says that.
        RecursionError: likewise, in too many brackets.
    """
    said = json.loads(text)
    for name, value in said.items():
        if name not in _FORMS or not _FORMS[name](value):
            raise ValueError(f"no request says {value!r:.80} for {name!r:.80}")
    if "body" in said:
        said["body"] = b64decode(said["body"])
    if "lastmod" in said:
        said["lastmod"] = datetime.fromisoformat(said["lastmod"])
    if "headers" in said:
        said["headers"] = tuple((name, value) for name, value in said["headers"])
    if _LIST in said:
        named_by, level = said.pop(_LIST)
        return ListRequest(url, named_by=named_by, level=level, **said)
    return Request(url, **said)
