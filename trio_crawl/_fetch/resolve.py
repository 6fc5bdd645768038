"""Names to addresses: the system's resolver, in threads of its own.

The system's resolver is the one that knows ``/etc/hosts``, search domains and
the VPN; it can only be called blocking. A look-up that hangs can't be
interrupted: its thread is abandoned and ends by itself when the system gives
up, and until then it counts towards the limit of threads.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, cast, final

import trio

from .._errors import FetchError
from .._urls import literal_address
from .lookups import THREADS

if TYPE_CHECKING:
    from .lookups import Place

LookUp: TypeAlias = Callable[[str], list[str]]
"""Blocking: from a name to its addresses, in order of preference; raises `OSError`."""

MOST_ADDRESSES: Final = 16
"""Addresses of a name that are used, the preferred ones: a name server may send thousands."""

# Names that are remembered at once; about 300 bytes each. The scheduler asks once for a host
# when its turn comes, so what is dropped early costs a look-up, nothing else.
_MAX_REMEMBERED: Final = 10_000

_TRY_AGAIN: Final = frozenset({socket.EAI_AGAIN, socket.EAI_MEMORY})
_SYSTEM: Final = getattr(socket, "EAI_SYSTEM", None)
# EAI_NODATA: the name exists, but has no address. Not every system tells the two apart.
_NO_SUCH_NAME: Final = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


class ResolveError(FetchError):
    """A name has no address, or none could be had.

    Args:
        message: what happened.
        temporary: whether asking again later may help.
    """

    def __init__(self, message: str, *, temporary: bool) -> None:
        super().__init__("dns", message)
        self.temporary = temporary


class _Answer(NamedTuple):
    """What is remembered of one name: its addresses, or why it has none, until a moment."""

    expires: float
    addresses: tuple[str, ...]
    refusal: str


def system_look_up(host: str) -> list[str]:
    """Ask the system for the addresses of *host*; blocks for as long as the system likes.

    Raises:
        OSError: the system has no answer (`socket.gaierror` says which way).
        ValueError: *host* can't be a name (a label of more than 63 characters).
    """
    answers = socket.getaddrinfo(host, None, family=socket.AF_UNSPEC, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in answers]


@final
class Resolver:
    """Finds the addresses of hosts, and remembers them for a while.

    Answers, and the news that a name doesn't exist, are kept for *ttl* seconds
    of trio's clock. Temporary failures are not kept. Nothing is shared between
    two look-ups of one name under way at once.

    Args:
        ttl: seconds that an answer is used for. The system's resolver does not
            tell the time that the answer's owner set; 60 is what browsers take.
        threads: the greatest number of look-ups at once.
        look_up: what is called in a thread.
    """

    def __init__(
        self, *, ttl: float = 60.0, threads: int = THREADS, look_up: LookUp = system_look_up
    ) -> None:
        self._ttl = ttl
        # Not trio's default limiter: a hung name server must not starve disk and database.
        self._limiter = trio.CapacityLimiter(threads)
        self._look_up = look_up
        # Every answer lives equally long, so this is in order of expiry, too.
        self._answers: dict[str, _Answer] = {}

    def __repr__(self) -> str:
        return f"<Resolver: {len(self._answers)} names, {self._limiter.borrowed_tokens} look-ups under way>"

    def cached(self, host: str, now: float) -> tuple[str, ...] | None:
        """Return the addresses of *host* if no look-up is needed for them, else None.

        Args:
            host: a name or an IP address, an IPv6 address in brackets or without.
            now: the time, by trio's clock.

        Raises:
            ResolveError: the name is known not to exist.
        """
        literal = literal_address(host)
        if literal is not None:
            return (literal,)
        answer = self._answers.get(host)
        if answer is None or answer.expires <= now:
            return None
        if answer.refusal:
            raise ResolveError(answer.refusal, temporary=False)
        return answer.addresses

    async def resolve(self, host: str, place: Place | None = None) -> tuple[str, ...]:
        """Return the addresses of *host*, in the order the system prefers, each once.

        Cancelling it returns at once, and leaves the thread to end by itself.

        Args:
            host: a name or an IP address, as it stands in a URL. An IPv6 address
                comes back without its brackets. A name that is not ASCII has to
                be encoded before (``xn--``), as the URL standard does.
            place: of the thread, taken already; without one a thread is waited for.

        Raises:
            ResolveError: there is no address, or none could be had.
        """
        known = self.cached(host, trio.current_time())
        if known is not None:
            await trio.lowlevel.checkpoint()
            return known
        try:
            found = await trio.to_thread.run_sync(
                self._look_up,
                host,
                limiter=self._limiter if place is None else cast("trio.CapacityLimiter", place),
                abandon_on_cancel=True,
            )
        except (OSError, ValueError) as error:
            failure = _translated(host, error)
            if not failure.temporary:
                self._remember(host, (), failure.message)
            raise failure from error
        addresses = tuple(dict.fromkeys(found))[:MOST_ADDRESSES]
        if not addresses:
            message = f"no address for {host!r}: the system's answer is empty"
            raise ResolveError(message, temporary=False)
        self._remember(host, addresses, "")
        return addresses

    def _remember(self, host: str, addresses: tuple[str, ...], refusal: str) -> None:
        now = trio.current_time()
        self._answers.pop(host, None)  # so that the new answer goes to the end
        self._answers[host] = _Answer(now + self._ttl, addresses, refusal)
        while (oldest := next(iter(self._answers))) != host:
            if self._answers[oldest].expires > now and len(self._answers) <= _MAX_REMEMBERED:
                break
            del self._answers[oldest]


def _translated(host: str, error: OSError | ValueError) -> ResolveError:
    """Return *error* as one of ours, in words that say what can be done."""
    head = f"no address for {host!r}"
    if isinstance(error, ValueError):  # UnicodeError, of the codec that getaddrinfo encodes names with
        return ResolveError(f"{head}: it can't be a name ({error})", temporary=False)
    if not isinstance(error, socket.gaierror):
        # The call itself failed, for want of descriptors for example; that says nothing of the name.
        return ResolveError(f"{head}: the look-up failed ({error})", temporary=True)
    if error.errno in _TRY_AGAIN:
        return ResolveError(
            f"{head}: the name server did not answer (is the network up?); it may later", temporary=True
        )
    if error.errno in _NO_SUCH_NAME:
        return ResolveError(
            f"{head}: the name does not exist, or has no address (check the spelling)", temporary=False
        )
    # The system's own trouble, such as too many open files, says nothing of the name either.
    return ResolveError(f"{head}: {error.strerror or error}", temporary=error.errno == _SYSTEM)
