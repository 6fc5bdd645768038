"""The user's code, called by a crawl: there Ctrl-C may strike at once; in the crawl's own code it waits.

Trio raises `KeyboardInterrupt` in whatever line runs, unless the innermost function that says anything about
it is protected. The tasks of a crawl are, and what they call of the user's goes through here. So an interrupt
ends a parser that never would, and tears nothing that has to be whole.
"""

from __future__ import annotations

import logging
import signal
from inspect import iscoroutine
from typing import TYPE_CHECKING, Final, TypeVar, TypeVarTuple, final

from trio.lowlevel import currently_ki_protected, disable_ki_protection, enable_ki_protection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


@disable_ki_protection
def call(function: Callable[[*Ts], T], /, *args: *Ts) -> T:
    """Call *function*, which is the user's."""
    return function(*args)


@enable_ki_protection
async def call_async(function: Callable[[*Ts], Awaitable[T]], /, *args: *Ts) -> T:
    """Call *function*, which is the user's, and await what it returns."""
    awaitable = function(*args)
    try:
        return await _await_openly(awaitable)
    except KeyboardInterrupt:
        if iscoroutine(awaitable):
            awaitable.close()  # the interrupt may have come before it began
        raise


@disable_ki_protection
async def _await_openly(awaitable: Awaitable[T]) -> T:
    return await awaitable


@final
class Log:
    """What is told to the logger ``trio_crawl``, whose handlers are the user's.

    It is told in the middle of what has to be whole. So an interrupt that ends a handler is not raised
    there: it is sent once more, and trio raises it where nothing is torn.
    """

    def __init__(self) -> None:
        self._logger: Final = logging.getLogger("trio_crawl")

    def tells(self, level: int) -> bool:
        """Return whether anybody is told of *level*."""
        return self._logger.isEnabledFor(level)

    def debug(self, message: str, *args: object) -> None:
        """Tell what is of interest to who looks for a fault."""
        self._tell(logging.DEBUG, message, args)

    def info(self, message: str, *args: object) -> None:
        """Tell what may be of interest."""
        self._tell(logging.INFO, message, args)

    def warning(self, message: str, *args: object) -> None:
        """Tell what may be wrong."""
        self._tell(logging.WARNING, message, args)

    def _tell(self, level: int, message: str, args: tuple[object, ...]) -> None:
        try:
            call(self._log, level, message, args)
        except KeyboardInterrupt:
            if not currently_ki_protected():
                raise
            signal.raise_signal(signal.SIGINT)

    def _log(self, level: int, message: str, args: tuple[object, ...]) -> None:
        # Above this: `call`, `_tell`, and `debug`, `info` or `warning`.
        self._logger.log(level, message, *args, stacklevel=5)


log: Final = Log()
