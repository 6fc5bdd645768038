"""What went wrong, alone: pages of 4xx and 5xx, and failures, as rows of any format of lines."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, final

from .._model import Failure
from .formats import JsonLines, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._model import Outcome

_ERROR: Final = 400
"""The least status that says that something is wrong (RFC 9110, sections 15.5 and 15.6)."""


@final
class ErrorLines:
    """An encoder that leaves out what is well.

    In JSON they read as they do among others, and as they do without a parser of the user's. A table
    has the columns ``url``, ``status``, ``error`` (a kind of `Failure`), ``message``, ``referrer``
    and ``attempts``.

    Args:
        inner: the encoder of the format.
    """

    def __init__(self, inner: JsonLines | Table) -> None:
        self._inner = inner

    def encode(self, outcome: Outcome, /) -> tuple[str, int]:
        """Return the line of *outcome*, if something is wrong with it."""
        if not isinstance(outcome, Failure):
            if outcome.page.status < _ERROR:
                return "", 0
            outcome = replace(outcome, rows=None)
        if isinstance(self._inner, JsonLines):
            return self._inner.encode(outcome)
        row = _row(outcome)
        return self._inner.encode_rows([(str(row["url"]), row)])

    def ending(self) -> str:
        """Return nothing: where nothing was wrong, there is no table."""
        return ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Those of the table, once there is a row."""
        return self._inner.columns

    def header(self) -> str:
        """Return what a further file begins with."""
        return self._inner.header()

    def resume(self, columns: Sequence[str], /) -> None:
        """Go on after what another one wrote."""
        self._inner.resume(columns)


def _row(outcome: Outcome) -> dict[str, Any]:
    error: dict[str, Any]
    if isinstance(outcome, Failure):
        error = {"status": None, "error": outcome.kind, "message": outcome.message}
        return {"url": outcome.url, **error, "referrer": outcome.referrer, "attempts": outcome.attempts}
    page = outcome.page
    error = {"status": page.status, "error": None, "message": page.title}
    return {"url": page.url, **error, "referrer": page.referrer, "attempts": page.attempts}
