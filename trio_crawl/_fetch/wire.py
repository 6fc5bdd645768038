"""A connection as HTTP is spoken over it: bytes in, bytes out, and closed at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from .connect import close

if TYPE_CHECKING:
    import trio

_READ: Final = 64 * 1024  # bytes


@final
class Wire:
    """A connection, in TLS or not.

    Args:
        stream: the connection.
        socket: the socket at the bottom of it.
        address: the IP address that the socket leads to.
    """

    __slots__ = ("address", "answered", "socket", "stream")

    def __init__(self, stream: trio.abc.Stream, socket: trio.socket.SocketType, address: str) -> None:
        self.stream = stream
        self.socket = socket
        self.address = address
        self.answered = False
        """Whether anything came in since this was last set to False."""

    async def send(self, data: bytes) -> None:
        """Send *data*.

        Raises:
            trio.BrokenResourceError: the connection broke.
        """
        await self.stream.send_all(data)

    async def receive(self, at_most: int = _READ) -> bytes:
        """Return what came in, nothing at the end.

        Raises:
            trio.BrokenResourceError: the connection broke.
        """
        data = await self.stream.receive_some(at_most)
        if data:
            self.answered = True
        return bytes(data)

    def is_fresh(self) -> bool:
        """Whether it is open, and nothing has come in that nobody asked for."""
        return not self.socket.is_readable()

    def close(self) -> None:
        """Close it. This never waits, so nothing can cut it short."""
        close(self.stream)
