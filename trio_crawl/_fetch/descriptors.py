"""The open files that a process may have, of which each connection is one."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING, Final, TypeVar, final

import trio

from .._errors import FetchError, UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

RESERVE: Final = 96
"""Open files that are kept for what is no connection: outputs and a state, worker processes, look-ups."""

WAITS: Final = (0.0, 0.1, 0.2, 0.4)
"""Seconds before each further attempt at a connection for which no descriptor was left."""

_LACKS: Final = frozenset({errno.EMFILE, errno.ENFILE})


@final
class NoDescriptorError(FetchError):
    """No descriptor is left for a socket, to this process or this machine: nothing that a host did."""

    ours = True

    def __init__(self, message: str) -> None:
        super().__init__("connect", message)


def is_lack(error: OSError) -> bool:
    """Return whether *error* says that there are too many open files."""
    return error.errno in _LACKS


def room() -> int | None:
    """Return how many more connections this process may have open; None for no limit that is known."""
    try:
        import resource  # noqa: PLC0415 - Unix has it alone
    except ImportError:
        return None
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        return None
    return max(most - _open_now() - RESERVE, 0)


def _open_now() -> int:
    """Return about how many are open: a new one has the smallest number that is free."""
    try:
        ends = os.pipe()
    except OSError as error:
        if is_lack(error):
            return sys.maxsize
        raise
    for end in ends:
        os.close(end)
    return min(ends)


def check_concurrency(concurrency: int) -> None:
    """Look whether so many connections can be open at once.

    Raises:
        UsageError: this process may not have as many open files.
    """
    most = room()
    if most is not None and concurrency > most:
        raise UsageError(
            f"concurrency= is {concurrency:,}, and this process may have {most:,} connections beside its "
            f"other open files: give a lower one, or raise the limit (ulimit -n, or resource.setrlimit)"
        )


async def opened(attempt: Callable[[], Awaitable[T]], drop_idle: Callable[[], None]) -> T:
    """Return what *attempt* does; where no descriptor is left, idle connections are dropped first.

    Raises:
        NoDescriptorError: there is none after that either.
    """
    for wait in WAITS:
        try:
            return await attempt()
        except NoDescriptorError:
            drop_idle()
            await trio.sleep(wait)
    return await attempt()
