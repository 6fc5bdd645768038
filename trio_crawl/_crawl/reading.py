"""Says which page is being read in this process, so that one which ends it is known afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, final

from .._frontier.index import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    from .._lease import Lease

T = TypeVar("T")


@final
class ReadingMark:
    """Marks pages, if somebody keeps the mark.

    Attributes:
        mark: how to keep it; None where there is no state. 0 is no page.
        poison: the pages that are read elsewhere, since they were being read here at two unclean ends.
    """

    def __init__(self) -> None:
        self.mark: Callable[[int], None] | None = None
        self.poison: frozenset[int] = frozenset()
        self._lease: Lease | None = None

    def of(self, lease: Lease) -> ReadingMark:
        """Return a context manager in which the page of *lease* is read."""
        self._lease = lease
        return self

    def __enter__(self) -> None:
        if self.mark is not None and self._lease is not None and self._lease.is_page:
            self.mark(fingerprint(self._lease.key))

    def __exit__(self, *_: object) -> None:
        if self.mark is not None:
            self.mark(0)

    def is_poison(self, lease: Lease) -> bool:
        """Say whether the page of *lease* is to be read elsewhere."""
        return bool(self.poison) and fingerprint(lease.key) in self.poison

    def each_step(self, lease: Lease, reading: Coroutine[Any, Any, T]) -> _Steps[T]:
        """Return something to await that reads the page of *lease*, and waits for others in between."""
        return _Steps(self, lease, reading)


@final
class _Steps(Generic[T]):
    """Runs a coroutine step by step, and marks each."""

    def __init__(self, reading: ReadingMark, lease: Lease, coroutine: Coroutine[Any, Any, T]) -> None:
        self._reading = reading
        self._lease = lease
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, T]:
        step: Callable[[Any], Any] = self._coroutine.send
        given: Any = None
        while True:
            try:
                with self._reading.of(self._lease):
                    asked = step(given)
            except StopIteration as end:
                result: T = end.value
                return result
            try:
                given = yield asked
                step = self._coroutine.send
            except BaseException as error:  # noqa: ASYNC103, BLE001 - passed on
                given, step = error, self._coroutine.throw
