"""Requests as text, for a state that holds them."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from .._errors import UsageError
from .._lease import ListRequest
from .._model import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

_DEFAULTS: Mapping[str, Any] = {field.name: getattr(Request(""), field.name) for field in fields(Request)}
_LIST = "list"


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
        if name != "url" and getattr(request, name) != default
    }
    if isinstance(request, ListRequest):
        said[_LIST] = [request.named_by, request.level]
    if isinstance(request.body, bytes | bytearray | memoryview):
        said["body"] = b64encode(request.body).decode("ascii")
    return said


def request_of(url: str, text: str) -> Request:
    """Return the request for *url* of which `text_of` returned *text*."""
    said = json.loads(text)
    if "body" in said:
        said["body"] = b64decode(said["body"])
    if "headers" in said:
        said["headers"] = tuple((name, value) for name, value in said["headers"])
    if _LIST in said:
        named_by, level = said.pop(_LIST)
        return ListRequest(url, named_by=named_by, level=level, **said)
    return Request(url, **said)
