"""What passes between a crawl and its worker processes: frames of pickled values.

A worker has read what strangers wrote, so what it says is not believed more than that: nothing
is made of it but plain values, dates, numbers, links and requests. On its side, rows of every
kind are turned to dicts, and what is none of these is refused there.
"""

from __future__ import annotations

import io
import pickle
import struct
from dataclasses import fields
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

from .._errors import RowError
from .._model import Link, Request
from .._write.rows import as_mapping, is_row

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

HEAD: Final = struct.Struct("!Q")
"""A frame begins with the number of bytes that follow."""

_FIELDS: Final = {kind: tuple(item.name for item in fields(kind)) for kind in (Link, Request)}
_PLAIN: Final = (datetime, date, time, timedelta, timezone, Decimal, UUID)


def frame(payload: bytes) -> bytes:
    """Return *payload* with its length before it."""
    return HEAD.pack(len(payload)) + payload


def itself(value: T) -> T:
    """Return *value*: what something that is not plain was turned to."""
    return value


def link(*values: Any) -> Link:  # noqa: ANN401 - the values of its fields
    """Return the link of which *values* are the fields, in their order."""
    return Link(**dict(zip(_FIELDS[Link], values, strict=True)))


def request(*values: Any) -> Request:  # noqa: ANN401 - the values of its fields
    """Return the request of which *values* are the fields, in their order."""
    return Request(**dict(zip(_FIELDS[Request], values, strict=True)))


_MAKERS: Final[dict[type, Callable[..., Any]]] = {Link: link, Request: request}
_KNOWN: Final = {(made.__module__, made.__qualname__): made for made in (itself, link, request, *_PLAIN)}


def dumps(value: object) -> bytes:
    """Return *value* as `loads` reads it.

    Mappings are dicts, what has named fields is a dict of them, an enumeration's member is its
    value, a path is a string.

    Raises:
        RowError: there is something in it that is no plain value, or it is nested too deeply.
    """
    written = io.BytesIO()
    try:
        _Pickler(written, protocol=pickle.HIGHEST_PROTOCOL).dump(value)
    except RecursionError as error:
        raise RowError("what parse yielded is nested too deeply to leave the worker process") from error
    return written.getvalue()


def loads(payload: bytes) -> Any:  # noqa: ANN401 - whatever was written
    """Return the value that `dumps` wrote.

    Raises:
        pickle.UnpicklingError: it is nothing that `dumps` wrote.
    """
    try:
        return _Unpickler(io.BytesIO(payload)).load()
    except pickle.UnpicklingError:
        raise
    except Exception as error:  # what is no pickle raises anything
        raise pickle.UnpicklingError(f"{type(error).__name__}: {error}") from error


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any, /) -> Any:  # noqa: ANN401 - pickle's signature
        kind = type(value)
        if kind in _MAKERS:
            return _MAKERS[kind], tuple(getattr(value, name) for name in _FIELDS[kind])
        if kind is datetime and value.tzinfo is not None and type(value.tzinfo) is not timezone:
            # Its zone has a name, which other processes may not know; its distance from UTC stays.
            offset = value.utcoffset()
            return itself, (value.replace(tzinfo=None if offset is None else timezone(offset)),)
        if kind in _PLAIN or any(value is function for function in _KNOWN.values()):
            return NotImplemented
        return itself, (_plain(value),)


def _plain(value: object) -> object:
    """Return plain data for a *value* that is none.

    Raises:
        RowError: nothing stands for it.
    """
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, PurePath):
        return str(value)
    if is_row(value):
        return dict(as_mapping(value, place="what parse yielded"))
    for kind in (str, bytes, int, float, list, tuple, set, frozenset):
        if isinstance(value, kind):
            # Of a class of its own, which means nothing elsewhere. (`str()` might be that class's.)
            return "".join(value) if isinstance(value, str) else kind(value)  # type: ignore[arg-type]
    raise RowError(
        f"parse yielded a {type(value).__name__}, which can't leave the worker process: "
        f"yield text, numbers, dates, and lists and dicts of them"
    )


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:  # noqa: ANN401 - pickle's signature
        try:
            return _KNOWN[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"a worker process sent a {module}.{name}") from None
