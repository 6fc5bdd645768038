"""The bench: opens the fetcher under test as a crawl does, asks it, and judges what all answers share."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, TypeVar, TypeVarTuple, final, get_args

import trio

from .._errors import FetchError
from .._fetch.addresses import AddressGuard
from .._model import FailureKind, Response
from ..abc import Environment
from . import _fetcher_check_contract as contract
from ._fetcher_check_contract import broken, expect
from ._fetcher_check_judge import asked_for, brief, judge
from ._fetcher_check_servers import ok, playing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from .._model import Hop
    from ..abc import Fetcher, Guard
    from ._fetcher_check_tls import Authority

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

CONCURRENCY: Final = 64
PROMPT: Final = 10.0
"""Seconds within which something has to come that should come at once, on however busy a machine."""

SHORT: Final = 0.1
"""Seconds after which a fetch is given up whose server will never go on."""

_KINDS: Final = frozenset(get_args(FailureKind)) - {"redirects", "parse", "cancelled"}


@final
class RecordingGuard:
    """A guard that allows all addresses but some, and keeps what it was asked.

    Args:
        refused: the addresses that may not be connected to.
    """

    def __init__(self, *refused: str) -> None:
        self._refused = refused
        self.asked: list[tuple[str, int, str]] = []
        self._asked_next = trio.Event()

    def next_asked(self) -> trio.Event:
        """Return what is set when it is asked the next time."""
        self._asked_next = trio.Event()
        return self._asked_next

    def refusal(self, host: str, port: int, address: str) -> str | None:
        """Refuse *address* if it is one of those."""
        self.asked.append((host, port, address))
        self._asked_next.set()
        return f"{address} is refused by the guard of this check" if address in self._refused else None


@final
class Asker:
    """An open fetcher: makes hops, and judges what any response or failure has to be like."""

    def __init__(self, fetcher: Fetcher) -> None:
        self.fetcher = fetcher

    async def attempt(self, hop: Hop, when: str = "") -> Response | FetchError:
        """Make *hop*, and return what it comes to.

        Args:
            hop: what to ask for.
            when: how the server answers, for the message.

        Raises:
            AssertionError: it comes to neither, or to one that can't be.
        """
        asked = asked_for(hop, when)
        started = trio.current_time()
        try:
            response = await self.fetcher.fetch(hop)
        except FetchError as error:
            expect(
                error.kind in _KINDS and error.message.strip(),
                contract.NO_RESPONSE,
                asked=asked,
                came=brief(error),
            )
            return error
        except Exception as error:
            raise broken(
                contract.NO_RESPONSE, asked=asked, came=f"{type(error).__name__}: {error}"
            ) from error
        judge(response, hop, asked, trio.current_time() - started)
        return response

    async def response(self, hop: Hop, when: str = "") -> Response:
        """Make *hop*, and return the response.

        Raises:
            AssertionError: there is none.
        """
        came = await self.attempt(hop, when)
        if isinstance(came, FetchError):
            raise broken(contract.FINAL, asked=asked_for(hop, when), came=brief(came)) from came
        return came

    async def failure(self, hop: Hop, *kinds: FailureKind, when: str) -> FetchError:
        """Make *hop*, and return the failure.

        Args:
            hop: what to ask for.
            kinds: of which kinds it may be.
            when: what stands in the way.

        Raises:
            AssertionError: there is a response, or a failure of another kind.
        """
        came = await self.attempt(hop, when)
        asked = f"{asked_for(hop, when)}; a FetchError of kind {' or '.join(map(repr, kinds))} is wanted"
        if isinstance(came, Response):
            raise broken(contract.NO_RESPONSE, asked=asked, came=brief(came))
        if came.kind not in kinds:
            raise broken(contract.KIND, asked=asked, came=brief(came)) from came
        return came

    async def cancelled(self, hop: Hop, reached: Callable[[], Awaitable[object]], when: str) -> None:
        """Make *hop*, and cancel it once *reached* returns; it must end by that.

        Raises:
            AssertionError: it ended before, or otherwise.
        """
        came: Response | FetchError | None = None
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_cancel_when, reached, scope)
                came = await self.attempt(hop, when)
                nursery.cancel_scope.cancel(reason="the fetch has ended")
        self._expect_given_up(hop, when, scope, came)

    async def timed_out(self, hop: Hop, when: str) -> None:
        """Make *hop*, for which the server never goes on, within a scope that has a deadline.

        Raises:
            AssertionError: it ended before, or otherwise.
        """
        came: Response | FetchError | None = None
        with trio.move_on_after(SHORT) as scope:
            came = await self.attempt(hop, when)
        self._expect_given_up(hop, when, scope, came)

    @staticmethod
    def _expect_given_up(
        hop: Hop, when: str, scope: trio.CancelScope, came: Response | FetchError | None
    ) -> None:
        expect(
            scope.cancelled_caught and came is None,
            contract.CANCELLING,
            asked=f"{asked_for(hop, when)}, in a scope that is cancelled meanwhile",
            came="no trio.Cancelled" if came is None else brief(came),
        )

    async def unharmed(self, when: str) -> None:
        """Make a hop to a server that answers in order; it must not know what was before.

        Raises:
            AssertionError: there is no such answer.
        """
        async with playing(ok(b"unharmed")) as server:
            said = f"the server answers in order, after {when}"
            response = await self.response(server.hop("/unharmed"), said)
            expect(
                response.body == b"unharmed",
                contract.CANCELLING,
                asked=asked_for(server.hop("/unharmed"), said),
                came=brief(response),
            )


@final
class Bench:
    """What a check works with.

    Args:
        make: makes a fetcher that trusts the authorities in a file.
        authority: what the servers' certificates are of.
        folder: for files of a check.
        prompt: seconds within which something has to come that should come at once.
    """

    def __init__(
        self, make: Callable[[Path], Fetcher], authority: Authority, folder: Path, prompt: float = PROMPT
    ) -> None:
        self._make = make
        self._prompt = prompt
        self.authority = authority
        self.folder = folder

    def make(self) -> Fetcher:
        """Return a fresh fetcher."""
        return self._make(self.authority.pem)

    @asynccontextmanager
    async def opened(
        self, fetcher: Fetcher | None = None, *, guard: Guard | None = None
    ) -> AsyncIterator[Asker]:
        """Open *fetcher*, or a fresh one, as a crawl does.

        Args:
            fetcher: which one.
            guard: the judge of addresses; by default one that allows all.
        """
        lent = fetcher or self.make()
        async with self.environment(guard) as environment, lent.open(environment):
            yield Asker(lent)

    async def expect_soon(self, event: trio.Event, what: str) -> None:
        """Wait for *event*, which is *what* cancelling or closing has to lead to at once.

        Raises:
            AssertionError: it does not come.
        """
        with trio.move_on_after(self._prompt):
            await event.wait()
        if not event.is_set():
            raise broken(contract.CANCELLING, asked=what, came=f"nothing within {self._prompt:g} s")

    @asynccontextmanager
    async def environment(self, guard: Guard | None = None) -> AsyncIterator[Environment]:
        """Lend what a crawl lends to its fetcher, for the length of the block."""
        async with trio.open_nursery() as nursery:
            yield Environment(
                nursery=nursery,
                guard=guard or AddressGuard(allow_private=True),
                concurrency=CONCURRENCY,
                run_in_thread=_in_a_thread,
            )
            nursery.cancel_scope.cancel(reason="the check is over")


async def _in_a_thread(
    function: Callable[[*Ts], T], /, *args: *Ts, limiter: trio.CapacityLimiter | None = None
) -> T:
    return await trio.to_thread.run_sync(function, *args, limiter=limiter)


async def _cancel_when(reached: Callable[[], Awaitable[object]], scope: trio.CancelScope) -> None:
    await reached()
    scope.cancel(reason="the check is about that")
