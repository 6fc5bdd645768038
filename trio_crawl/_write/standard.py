"""Standard output, as an output of a crawl."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO, final

from .._errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable


@final
class Standard:
    """Standard output: what `sys.stdout` is when the crawl begins, never closed.

    Nothing is left in a buffer, so a pipe that broke does not raise a second
    time when the interpreter ends.

    Raises:
        OutputError: there is none.
    """

    def __init__(self) -> None:
        stream: TextIO | None = sys.stdout
        if stream is None or stream.closed:
            raise OutputError("there is no standard output to write to (it is closed); name a file")
        self._stream = stream

    def write(self, data: memoryview, /) -> int | None:
        """Write some of *data*, and return how much; None if it takes nothing now."""
        self._stream.flush()
        buffer = getattr(self._stream, "buffer", None)
        if buffer is None:
            # A notebook's or a test's replacement takes text only.
            self._stream.write(str(data, "utf-8"))
            self._stream.flush()
            return len(data)
        write: Callable[[memoryview], int | None] = getattr(buffer, "raw", buffer).write
        count = write(data)
        buffer.flush()
        return count

    def close(self) -> None:
        """Leave it open: it is not ours."""
