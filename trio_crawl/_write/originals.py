"""The bodies that an archive has, so that one that comes again is not written again."""

from __future__ import annotations

from collections import OrderedDict, deque
from contextlib import closing
from typing import TYPE_CHECKING, Final, final

from .._errors import OutputError, UsageError
from .warc_reader import Reader
from .warc_records import Original

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from pathlib import Path

MOST: Final = 50_000
"""Bodies that later ones are compared with, the newest ones: about 20 MB of memory."""


@final
class Originals:
    """Finds the response that had a body first, by the digest of the body.

    Args:
        most: how many are kept; the oldest ones are forgotten.
    """

    def __init__(self, *, most: int = MOST) -> None:
        self._most = most
        self._known: OrderedDict[str, Original] = OrderedDict()

    def get(self, payload: str) -> Original | None:
        """Return the response that has the body of this digest, None if there is none."""
        return self._known.get(payload)

    def add(self, payload: str, original: Original) -> None:
        """Note a response whose body is a new one."""
        self._known[payload] = original
        if len(self._known) > self._most:
            self._known.popitem(last=False)

    def read(self, paths: Iterable[Path]) -> Generator[None, None, None]:
        """Learn what archives have, and yield after each record. It blocks.

        Args:
            paths: the newest one first; no more are read than are needed.

        Raises:
            OutputError: one can't be read.
        """
        found: list[tuple[str, Original]] = []
        for path in paths:
            newest: deque[tuple[str, Original]] = deque(maxlen=self._most)
            for pair in _responses(path):
                if pair is not None:
                    newest.append(pair)
                yield
            found = [*newest, *found]
            if len(found) >= self._most:
                break
        for payload, original in found[-self._most :]:
            self._known.setdefault(payload, original)


def _responses(path: Path) -> Generator[tuple[str, Original] | None, None, None]:
    """Yield digest and record of each response, and None for each other record."""
    try:
        with closing(Reader(path, lambda *_: None).records()) as records:
            for record in records:
                if record is None or not record.judged:
                    continue
                payload = record.get("warc-payload-digest")
                id_, date = record.get("warc-record-id"), record.get("warc-date")
                if record.problem is None and record.kind == "response" and payload and id_ and date:
                    yield payload, Original(id=id_, url=record.url, date=date)
                else:
                    yield None
    except UsageError as error:
        raise OutputError(str(error)) from error
