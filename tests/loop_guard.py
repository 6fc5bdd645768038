"""A guard against calls of the library that block the event loop, for all tests.

Python raises an audit event (PEP 578) before it opens a file, looks a name up or starts a program;
`install` adds events for SQLite's statements, for sleeping and for waiting on a disk. A call blocks the
loop if it is made inside a task of trio, by the library's own code. What user code does on the loop is
the user's, and where time is virtual the crawl calls what blocks inline, on purpose.
"""

from __future__ import annotations

import inspect
import os
import sqlite3
import sys
import threading
import time
from contextlib import contextmanager
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import trio

import trio_crawl
from trio_crawl import _urls
from trio_crawl._callbacks import call
from trio_crawl._crawl.engine import Engine
from trio_crawl._crawl.threads import run_inline
from trio_crawl._parse.worker import _Blocking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FrameType

LIBRARY: Final = f"{Path(trio_crawl.__file__).parent}{os.sep}"
TESTING: Final = f"{LIBRARY}testing{os.sep}"  # fakes and checks stand on the tests' side
TESTS: Final = f"{Path(__file__).parent}{os.sep}"
IMPORTING: Final = "<frozen importlib."  # a part is imported when it is first used

# What may wait for a disk, a name server, another process or the clock. Each is an audit event's name.
BLOCKING: Final = frozenset(
    {
        *("open", "os.listdir", "os.scandir", "os.mkdir", "os.rename", "os.remove", "os.rmdir"),
        *("os.truncate", "os.link", "os.symlink", "os.chmod", "os.utime", "shutil.copyfile", "shutil.rmtree"),
        *("fcntl.flock", "fcntl.lockf", "sqlite3.connect", "sqlite3.execute", "time.sleep", "os.fsync"),
        *("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"),
        *("subprocess.Popen", "os.system", "os.posix_spawn", "os.fork"),
    }
)


class _Guard:
    """What was seen since it was last looked at, and whether anybody looks."""

    def __init__(self) -> None:
        self.armed = False
        self.seen: list[str] = []
        self._local = threading.local()  # walking a stack may raise events of its own

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Note the call that raised *event*, if it is the library's and holds the loop."""
        if not self.armed or event not in BLOCKING or not trio.lowlevel.in_trio_task():
            return
        if _waits_for_nothing(event, arguments):
            return
        if getattr(self._local, "busy", False):
            return
        self._local.busy = True
        try:
            place = _place_in_library(sys._getframe(1), _ALLOWED)  # noqa: SLF001 - there is no other way to the stack
            if place is not None:
                self.seen.append(f"{event}{arguments[:1]!r} in {place}")
        finally:
            self._local.busy = False


def _waits_for_nothing(event: str, arguments: tuple[Any, ...]) -> bool:
    """Return whether it is a descriptor, a line of code for a traceback, an address, or lets go of a lock."""
    if event == "fcntl.flock":
        return bool(arguments[1] & 8)  # LOCK_UN, which Windows has no name for
    if event == "open":
        return isinstance(arguments[0], int) or str(arguments[0]).endswith(".py")
    return event == "socket.getaddrinfo" and _urls.literal_address(str(arguments[0])) is not None


def _place_in_library(frame: FrameType | None, allowed: frozenset[CodeType]) -> str | None:
    """Return where the library holds the loop by the call at *frame*, or None if the call may be made.

    It may where it is made by what is no part of the library, and where a test calls a function of the
    library that is not async: such a function blocks, and it is for its caller to know that.
    """
    place, is_async = None, False
    while frame is not None:
        code, name = frame.f_code, frame.f_code.co_filename
        if code in allowed:
            return None
        if name.startswith(LIBRARY) and not name.startswith(TESTING):
            place = place or f"{name.removeprefix(LIBRARY)}:{frame.f_lineno}, {code.co_name}"
            is_async = is_async or bool(code.co_flags & _ASYNC)
        elif name.startswith((TESTS, TESTING)) and name != __file__:
            return place if is_async else None
        elif place is None and name.startswith(IMPORTING):
            return None
        frame = frame.f_back
    return place


class _WatchedConnection(sqlite3.Connection):
    """A connection whose statements raise an event as what opens a file does."""

    def execute(self, *arguments: Any) -> sqlite3.Cursor:  # noqa: ANN401 - as it is declared
        sys.audit("sqlite3.execute", *arguments)
        return super().execute(*arguments)

    def executemany(self, *arguments: Any) -> sqlite3.Cursor:  # noqa: ANN401
        sys.audit("sqlite3.execute", *arguments)
        return super().executemany(*arguments)

    def commit(self) -> None:
        sys.audit("sqlite3.execute", "COMMIT")
        super().commit()


_ASYNC: Final = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
# What is the user's: a parser, a function, a writer. And what blocks on purpose: where time is virtual,
# processes are waited for with everything else at rest; the list of public suffixes is read once in a process
# as modules are; and paths among the arguments are looked at before a crawl begins.
_ALLOWED: Final[frozenset[CodeType]] = frozenset(
    {
        call.__code__,
        run_inline.__code__,
        _Blocking.start.__func__.__code__,  # type: ignore[attr-defined]
        _urls._public_suffixes.__wrapped__.__code__,  # noqa: SLF001
        Engine.__init__.__code__,
    }
)
_guard: Final = _Guard()


def _raising(event: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - those of *function*
        sys.audit(event, *arguments)
        return function(*arguments, **options)

    return call


def install() -> None:
    """Begin to listen, for as long as the process lives: a hook of audit events can't be taken away."""
    sys.addaudithook(_guard.hear)
    sqlite3.connect = partial(sqlite3.connect, factory=_WatchedConnection)  # type: ignore[assignment]
    time.sleep = _raising("time.sleep", time.sleep)
    os.fsync = _raising("os.fsync", os.fsync)


@contextmanager
def guarding() -> Iterator[list[str]]:
    """Give the list of the library's calls that block the loop while the block runs."""
    before, seen = _guard.armed, _guard.seen
    _guard.armed, _guard.seen = True, []
    try:
        yield _guard.seen
    finally:
        _guard.armed, _guard.seen = before, seen
