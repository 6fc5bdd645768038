"""How hosts were treated, read from a state whenever somebody asks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, overload

from .._model.conduct import HostReport
from . import audit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class StoredHosts(Sequence[HostReport]):
    """The hosts of a state: first where a rule was not kept, then the busiest.

    Nothing of it is in memory; each use reads the state as it is then.

    Args:
        path: of the state.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __repr__(self) -> str:
        return f"<the hosts of the state {str(self._path)!r}>"

    def __iter__(self) -> Iterator[HostReport]:
        """Yield them, one after the other.

        Raises:
            StateError: the state is not there any more, or can't be read.
        """
        yield from audit.hosts(self._path)

    def __len__(self) -> int:
        return audit.number_of_hosts(self._path)

    @overload
    def __getitem__(self, place: int) -> HostReport: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[HostReport]: ...
    def __getitem__(self, place: int | slice) -> HostReport | Sequence[HostReport]:
        if isinstance(place, slice):
            first, last, step = place.indices(len(self))
            return tuple(islice(self, first, last, step)) if step > 0 else tuple(self)[place]
        number = place + len(self) if place < 0 else place
        found = next(islice(self, number, None), None) if number >= 0 else None
        if found is None:
            raise IndexError(place)
        return found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment] # it changes with the state
