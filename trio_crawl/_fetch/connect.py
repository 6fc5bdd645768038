"""Connections to judged addresses, for the fetchers whose sockets are trio's.

What is connected to is an address that was resolved and judged already; it is
judged once more here, where the socket is opened, and no name is looked up on
the way. Whatever goes wrong, cancellation included, leaves no socket open.
"""

from __future__ import annotations

import math
import os
import socket
import ssl
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

import trio

from .._errors import FetchError
from .descriptors import NoDescriptorError, is_lack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..abc import Guard

TlsStream: TypeAlias = "trio.SSLStream[trio.SocketStream]"

StreamT = TypeVar("StreamT", bound=trio.abc.Stream)

# Seconds for each address but the last one: time for two repetitions of a lost SYN (RFC 6298:
# after 1 s and 3 s). One dead address of a host must not use up the whole time of a hop.
ATTEMPT: Final = 4.0


async def connect(
    host: str, port: int, addresses: Sequence[str], guard: Guard
) -> tuple[trio.SocketStream, str]:
    """Connect to the first of *addresses* that answers; return the stream and that address.

    They are tried one after the other, each but the last for 4 seconds. Those
    that *guard* refuses are passed over.

    Args:
        host: the host that the addresses are of, for *guard* and for messages.
        port: the TCP port.
        addresses: IP addresses, the preferred one first.
        guard: the judge of addresses.

    Raises:
        FetchError: of kind ``blocked_address``, *guard* refuses every address; of
            kind ``connect``, none answers; of kind ``dns``, there is none.
    """
    return await reach(host, port, permitted(host, port, addresses, guard))


def permitted(host: str, port: int, addresses: Sequence[str], guard: Guard) -> list[str]:
    """Return those of *addresses* that *guard* lets pass; the arguments are those of `connect`.

    Raises:
        FetchError: of kind ``blocked_address``, there is none of them; of kind
            ``dns``, there was none before.
    """
    refusals = [guard.refusal(host, port, address) for address in addresses]
    passed = [address for address, refusal in zip(addresses, refusals, strict=True) if refusal is None]
    if passed:
        return passed
    if refusals and refusals[0]:
        raise FetchError("blocked_address", refusals[0])
    raise FetchError("dns", f"no address for {host!r}")


async def reach(host: str, port: int, addresses: Sequence[str]) -> tuple[trio.SocketStream, str]:
    """Connect to the first of *addresses* that answers, as `connect` does, with nobody to judge them.

    Raises:
        FetchError: of kind ``connect``, none answers.
        NoDescriptorError: no socket could be opened.
    """
    problems: list[str] = []
    for place, address in enumerate(addresses, 1):
        seconds = ATTEMPT if place < len(addresses) else math.inf
        with trio.move_on_after(seconds) as attempt:
            try:
                return await _open(address, port), address
            except OSError as error:
                if is_lack(error):
                    raise NoDescriptorError(f"no socket could be opened: {_reason(error)}") from error
                problems.append(f"{address} port {port}: {_reason(error)}")
        if attempt.cancelled_caught:
            problems.append(f"{address} port {port}: no answer in {seconds:g} seconds")
    raise FetchError("connect", f"{host} can't be connected to: {'; '.join(problems)}")


async def _open(address: str, port: int) -> trio.SocketStream:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = trio.socket.socket(family, socket.SOCK_STREAM)
    try:
        await opened.connect((address, port))
        return trio.SocketStream(opened)
    except BaseException:
        opened.close()
        raise


def _reason(error: OSError) -> str:
    # trio's message repeats the address, and not in the same way on every system.
    return os.strerror(error.errno).lower() if error.errno and error.errno > 0 else str(error)


async def start_tls(stream: StreamT, context: ssl.SSLContext, host: str) -> trio.SSLStream[StreamT]:
    """Make *stream* a TLS connection to *host*, and return it; on failure *stream* is closed.

    Args:
        stream: a fresh connection; may be one of TLS itself, to a proxy.
        context: says which certificates are trusted.
        host: the name or IP address, without brackets, that the certificate has to be for.

    Raises:
        FetchError: of kind ``tls``, the certificate is not trusted, or there is
            no agreement on TLS; of kind ``connect``, the connection broke.
    """
    try:
        # SNI has no trailing dot (RFC 6066, section 3), though a URL's host may have one.
        # Compatible to HTTPS: many servers end a connection without saying so in TLS first.
        secured = trio.SSLStream(stream, context, server_hostname=host.rstrip("."), https_compatible=True)
        await secured.do_handshake()
    except trio.BrokenResourceError as error:
        close(stream)
        raise _handshake_failure(host, error) from error
    except ValueError as error:  # of the codec that encodes the server's name
        close(stream)
        raise FetchError("tls", f"{host!r} can't be the name of a certificate: {error}") from error
    except BaseException:
        close(stream)
        raise
    return secured


def close(stream: trio.abc.Stream) -> None:
    """Close the socket at the bottom of *stream*, at once.

    There is no farewell in TLS: it would tell the server that nothing is missing,
    and the server got all it gets.
    """
    while isinstance(stream, trio.SSLStream):
        stream = stream.transport_stream
    if isinstance(stream, trio.SocketStream):
        stream.socket.close()


def _handshake_failure(host: str, error: trio.BrokenResourceError) -> FetchError:
    cause = error.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return FetchError("tls", f"the certificate of {host} is not trusted: {cause.verify_message}")
    if isinstance(cause, ssl.SSLError):
        return FetchError("tls", f"no TLS connection to {host}: {cause.reason or cause}")
    return FetchError("connect", f"the connection to {host} broke during the TLS handshake")
