"""Gathers what outputs keep of each outcome to batches, so that a thread hop pays for many rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sized
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, final, runtime_checkable

from .._callbacks import call
from .._model import Failure, Parsed
from .._policy.revisit import NOT_MODIFIED
from ..abc import ExchangeWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._frontier.journal import Changes
    from .._model import Exchange, FailureKind, Outcome, Skip
    from ..abc import Writer

BATCH_SIZE: Final = 256 * 1024
"""Characters or bytes of rows from which on a batch is passed on (measured: larger ones gain nothing)."""

BATCH_OUTCOMES: Final = 1000
"""Outcomes from which on it is, however little the outputs keep of them."""

PROMPT_OUTCOMES: Final = 64
"""The same where an output wants each row as soon as it is there: rows for a function or a channel are
objects of any size, and wait in up to four batches."""

BATCH_AGE: Final = 1.0
"""Seconds after which a row is passed on at the latest, if the outputs have time for it."""


@runtime_checkable
class SkipTaker(Protocol):
    """A writer that takes skips, too."""

    def encode_skips(self, skips: Sequence[Skip], /) -> Sequence[Skip] | None:
        """Return what is kept of *skips*; None for nothing."""


@dataclass(slots=True)
class Batch:
    """Outcomes in the order of parsing: what each writer keeps of them, and what they count for."""

    items: list[list[Any]]
    since: float
    size: int = 0
    pages: int = 0
    unchanged: int = 0
    rows: int = 0
    links: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    failed: Counter[FailureKind] = field(default_factory=Counter)
    changes: Changes | None = None

    @property
    def outcomes(self) -> int:
        """The number of outcomes, those included that no output keeps anything of."""
        return self.pages + self.failed.total()


class Encoded(NamedTuple):
    """What the outputs keep of an outcome.

    Args:
        outcome: which.
        items: of each output; None for nothing.
        rows: of each output.
    """

    outcome: Outcome
    items: Sequence[Any]
    rows: tuple[int, ...]


@final
class Gatherer:
    """Collects outcomes to a batch.

    Args:
        writers: the outputs, in the order in which they are written.
        most: outcomes that a batch may have.

    Attributes:
        batch: what is gathered; None if nothing is.
        refused: whether an output has refused an outcome. Those before it count a row, or a header, that
            is in no batch, so nothing may be added any more.
    """

    def __init__(self, writers: Sequence[Writer[Any]], *, most: int = BATCH_OUTCOMES) -> None:
        self._writers = writers
        self._most = min(most, PROMPT_OUTCOMES) if any(writer.prompt for writer in writers) else most
        self.batch: Batch | None = None
        self.refused = False

    def begin(self, now: float) -> Batch:
        """Return the batch, begun now if there is none."""
        if self.batch is None:
            self.batch = Batch([[] for _ in self._writers], now)
        return self.batch

    def encode(self, outcome: Outcome) -> Encoded:
        """Return what the outputs keep of *outcome*, for `add`, before anything of it is kept.

        Raises:
            RowError: an output can't hold a row of it.
        """
        before = [writer.rows for writer in self._writers]
        try:
            items = [call(writer.encode, outcome) for writer in self._writers]
        except BaseException:
            self.refused = True
            raise
        rows = [writer.rows - rows for writer, rows in zip(self._writers, before, strict=True)]
        return Encoded(outcome, items, tuple(rows))

    def add(self, encoded: Encoded, now: float) -> tuple[int, ...]:
        """Add one outcome, and return the rows that each output has of it.

        What no output keeps of it is not held on to.
        """
        batch = self.begin(now)
        outcome, items, rows = encoded
        _keep(batch, items)
        match outcome:
            case Parsed():
                batch.pages += 1
                batch.links += len(outcome.links) + outcome.found
                batch.statuses[outcome.page.status] += 1
            case Failure():
                batch.failed[outcome.kind] += 1
        batch.rows += sum(rows)
        return rows

    @property
    def wants_exchanges(self) -> bool:
        """Whether an output keeps what went over the wire."""
        return any(isinstance(writer, ExchangeWriter) for writer in self._writers)

    def add_aside(self, exchanges: Sequence[Exchange], now: float) -> None:
        """Add exchanges that no outcome has."""
        encoded = [
            call(writer.encode_aside, exchanges) if isinstance(writer, ExchangeWriter) else None
            for writer in self._writers
        ]
        if any(item is not None for item in encoded):
            _keep(self.begin(now), encoded)

    def add_skips(self, skips: Sequence[Skip], now: float) -> None:
        """Add URLs that are not asked for."""
        encoded = [
            call(writer.encode_skips, skips) if isinstance(writer, SkipTaker) else None
            for writer in self._writers
        ]
        _keep(self.begin(now), encoded)

    def unchanged(self, now: float) -> tuple[int, ...]:
        """Count a page that has not changed since its last visit; return its rows, which are none."""
        return self.rowless(NOT_MODIFIED, now, unchanged=True)

    def rowless(self, status: int, now: float, *, unchanged: bool) -> tuple[int, ...]:
        """Count a page with that *status* which has nothing new to say; return its rows, which are none."""
        batch = self.begin(now)
        batch.pages += 1
        batch.unchanged += unchanged
        batch.statuses[status] += 1
        return (0,) * len(self._writers)

    def end(self, now: float) -> None:
        """Add what the outputs lack when nothing more comes."""
        endings = [call(writer.ending) for writer in self._writers]
        if any(ending is not None for ending in endings):
            _keep(self.begin(now), endings)

    @property
    def full(self) -> bool:
        """Whether the batch has to be passed on before anything is added."""
        return self.batch is not None and (self.batch.size >= BATCH_SIZE or self.batch.outcomes >= self._most)

    def close(self) -> Batch | None:
        """Return the batch, if there is one, and begin another."""
        batch, self.batch = self.batch, None
        return batch


def _keep(batch: Batch, encoded: Sequence[Any]) -> None:
    for item, items in zip(encoded, batch.items, strict=True):
        if item is not None:
            items.append(item)
            if isinstance(item, Sized):
                batch.size += len(item)
