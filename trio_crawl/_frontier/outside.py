"""What a state says, read as from outside: whoever gave it away may have put anything there. Pure.

Each function raises `ValueError` where something can't be ours, which is told as damage.
"""

from __future__ import annotations

import re
import sqlite3
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

from .. import _urls
from .conduct import SCHEMA as CONDUCT
from .schema import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORDS: Final = re.compile(r"--[^\n]*|\s+")
_LINE_ENDS: Final = re.compile(r"[\r\n\0]")


def check_schema(connection: sqlite3.Connection) -> None:
    """Do nothing if the tables of a database are a state's, and nothing in it runs by itself.

    A table of others beside them does no harm. A trigger, a view, or a table of ours with
    conditions and columns that are computed, runs what somebody else wrote.
    """
    ours = _ours()
    found = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    for kind, name, table, sql in found:
        if kind in {"trigger", "view"} or (kind == "table" and _plain(sql).startswith("create virtual")):
            raise ValueError(f"it has the {kind} {name!r}, which no crawl makes and which runs by itself")
        if sql is not None and (name in ours or table in ours) and ours.get(name) != _plain(sql):
            raise ValueError(f"the {kind} {name!r} is not as a crawl makes it")
    missing = ours.keys() - {name for _, name, _, _ in found}
    if missing:
        raise ValueError(f"it has no {min(missing)!r}")


@cache
def _ours() -> Mapping[str, str]:
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(SCHEMA + CONDUCT)
        return {
            name: _plain(sql)
            for name, sql in connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        }
    finally:
        connection.close()


def _plain(sql: str) -> str:
    return _WORDS.sub(" ", sql).replace(" ,", ",").strip().lower()


def url_in(value: object) -> str:
    """Return a URL as a crawl puts it into a state: in the standard's form, without a user name."""
    if not isinstance(value, str) or _urls.parse(value) != value or _urls.without_user_info(value) != value:
        raise ValueError(f"{value!r:.80} is no URL that a crawl asks for")
    return value


def optional_url_in(value: object) -> str | None:
    """Return the same, or None for None."""
    return None if value is None else url_in(value)


def field_in(value: object) -> str | None:
    """Return the value of a header field; None for None."""
    if value is not None and (not isinstance(value, str) or _LINE_ENDS.search(value)):
        raise ValueError(f"{value!r:.80} is no value of a header field")
    return value


def list_in(value: object) -> list[Any]:
    """Return a list."""
    if not isinstance(value, list):
        raise ValueError(f"{value!r:.80} is no list")  # noqa: TRY004 - of what is damaged
    return value


def books_in(value: object) -> dict[str, Any]:
    """Return the books of a crawl: numbers, and numbers by name."""
    if not isinstance(value, dict):
        raise ValueError(f"its books are {value!r:.80}")  # noqa: TRY004 - of what is damaged
    for name, number in cast("dict[str, object]", value).items():
        parts = number.values() if isinstance(number, dict) else (number,)
        for part in parts:
            kinds = (int, float) if name == "elapsed" else (int,)
            if isinstance(part, bool) or not isinstance(part, kinds) or not 0 <= part < 1 << 63:
                raise ValueError(f"its books say {number!r:.80} for {name}")
    return value


def check_sums(books: Mapping[str, Any], pending: int) -> None:
    """Do nothing if each URL of *books* has one outcome, or is pending."""
    ended = sum(books.get(name, 0) for name in ("pages", "sitemaps"))
    ended += sum(sum(books.get(name, {}).values()) for name in ("failed", "skipped"))
    discovered = books.get("discovered", 0)
    if ended + pending != discovered or books.get("pages", 0) != sum(books.get("statuses", {}).values()):
        raise ValueError(f"of {discovered} URLs, {ended} have an outcome and {pending} are pending")
