"""A connection as HTTP is spoken over it: bytes in, bytes out, and closed at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from .._errors import FetchError
from .connect import close

if TYPE_CHECKING:
    import trio

MAX_LINES: Final = 5_000
"""Lines of all heads of one response: as many fields as libcurl takes. Each costs h11 microseconds."""

_READ: Final = 64 * 1024  # bytes
_READ_OF_HEAD: Final = 4 * 1024  # of which lines are counted before h11 sees more


@final
class Wire:
    """A connection, in TLS or not.

    Args:
        stream: the connection.
        socket: the socket at the bottom of it.
        address: the IP address that the socket leads to.
    """

    __slots__ = ("_lines", "address", "answered", "socket", "stream")

    def __init__(self, stream: trio.abc.Stream, socket: trio.socket.SocketType, address: str) -> None:
        self.stream = stream
        self.socket = socket
        self.address = address
        self.answered = False
        """Whether anything came in since this was last set to False."""
        self._lines: int | None = None

    def expect_head(self) -> None:
        """Bound the lines that come in, up to `end_head`."""
        self._lines = MAX_LINES

    def end_head(self) -> None:
        """Take note that the head of the response is read."""
        self._lines = None

    async def send(self, data: bytes) -> None:
        """Send *data*.

        Raises:
            trio.BrokenResourceError: the connection broke.
        """
        await self.stream.send_all(data)

    async def receive(self, at_most: int = _READ) -> bytes:
        """Return what came in, nothing at the end.

        Raises:
            FetchError: a head has too many lines.
            trio.BrokenResourceError: the connection broke.
        """
        if self._lines is not None:
            if self._lines < 0:
                raise FetchError("protocol", f"the header has more than {MAX_LINES:,} lines")
            at_most = min(at_most, _READ_OF_HEAD)
        data = await self.stream.receive_some(at_most)
        if data:
            self.answered = True
            if self._lines is not None:
                self._lines -= data.count(b"\n")
        return bytes(data)

    def is_fresh(self) -> bool:
        """Whether it is open, and nothing has come in that nobody asked for."""
        return not self.socket.is_readable()

    def close(self) -> None:
        """Close it. This never waits, so nothing can cut it short."""
        close(self.stream)
