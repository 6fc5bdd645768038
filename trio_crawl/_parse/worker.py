"""The worker processes of a crawl: started when they are needed first, killed when they take too long.

Each is a program of the library's own, spoken to over its standard input and output. (A pool that
runs the user's script again in its processes would start a second crawl there, where the script
calls `trio.run` without a guard.)
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol, final

import trio

from .._errors import ParseError, RowError
from . import wire
from .elsewhere import RemoteError
from .user import ParserFormError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PARSE_SECONDS: Final = 10.0
"""Seconds that one page may take in a worker process. A page made to be read takes less than one."""

START_SECONDS: Final = 60.0
"""Seconds in which a worker process has to be ready: its imports, on a machine that is busy."""

MOST_WORKERS: Final = 4

_END_SECONDS: Final = 1.0
_CHUNK: Final = 256 * 1024
_LARGEST: Final = 256 * 1024 * 1024
# The process' own alarm is for when nobody is there to end it.
_SLACK: Final = 2.0
# Isolated from the environment and the current folder; it finds its modules where this process does.
_PROGRAM: Final = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from trio_crawl._parse.worker_main import main
main()
"""
# In a group of its own, so that Ctrl-C reaches the crawl alone, which ends it then.
_OPTIONS: Final[dict[str, Any]] = {
    "stdin": subprocess.PIPE,
    "stdout": subprocess.PIPE,
    **({"process_group": 0} if os.name == "posix" else {}),
}


class UnsendableError(RowError, ParserFormError):
    """A parser yielded what is no row wherever it goes; it ends the crawl, as such a row does elsewhere."""


class _Worker(Protocol):
    @property
    def alive(self) -> bool: ...
    async def ask(self, request: bytes, seconds: float) -> bytes: ...
    async def end(self) -> None: ...


@final
class Workers:
    """Gives jobs to worker processes, as many at once as there are processors, and at most four.

    Args:
        virtual: block while a job is done, since a clock that jumps can't wait for a process.
        seconds: that a job may take; by default `PARSE_SECONDS`.
        spare: so many more at once.

    Attributes:
        most: jobs at once.
    """

    def __init__(self, *, virtual: bool = False, seconds: float | None = None, spare: int = 0) -> None:
        self._start = _Blocking.start if virtual else _Process.start
        self._seconds = PARSE_SECONDS if seconds is None else seconds
        self.most = min(MOST_WORKERS, os.cpu_count() or 1) + spare
        self._limiter = trio.CapacityLimiter(self.most)
        self._idle: list[_Worker] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """End all processes when the block is left."""
        try:
            yield
        finally:
            while self._idle:
                with trio.move_on_after(_END_SECONDS, shield=True):
                    await self._idle.pop().end()

    async def do(self, job: str, *arguments: object, **keywords: object) -> Any:  # noqa: ANN401 - see the jobs
        """Do a job of `worker_main`, and return what it came to.

        Cancelled, the process that does it is killed.

        Raises:
            RemoteError: the job raised an exception.
            ParseError: it took too long, or too much memory; or no process could be started.
            ParserFormError: no page could make it right.
            UnsendableError: what it came to can't leave the process.
        """
        async with self._limiter:
            # Not before: what waits would be there twice.
            request = pickle.dumps((self._seconds + _SLACK, job, arguments, keywords))
            worker = await self._take()
            try:
                kind, value = _read(await worker.ask(request, self._seconds))
            except BaseException:
                with trio.move_on_after(_END_SECONDS, shield=True):
                    await worker.end()
                raise
            self._idle.append(worker)
        return _result(kind, value)

    async def _take(self) -> _Worker:
        """Return a process that has nothing to do; one that was ended meanwhile costs no page."""
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            with trio.move_on_after(_END_SECONDS, shield=True):
                await worker.end()
        return await self._start()


@final
class _Process:
    """A worker process that is waited for by the event loop."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        assert process.stdin is not None  # noqa: S101 - they are pipes
        assert process.stdout is not None  # noqa: S101
        self._input = process.stdin
        self._output = process.stdout
        self._read = bytearray()

    @classmethod
    async def start(cls) -> _Process:
        """Start one, and wait until it is ready."""
        try:
            worker = cls(await trio.lowlevel.open_process(_command(), **_OPTIONS))
        except OSError as error:
            raise _no_start(error) from error
        try:
            await worker._be_ready()
        except BaseException:
            with trio.move_on_after(_END_SECONDS, shield=True):
                await worker.end()
            raise
        return worker

    async def _be_ready(self) -> None:
        with trio.move_on_after(START_SECONDS):
            await self._receive()
            return
        raise _no_start(f"it was not ready within {START_SECONDS:g} s")

    @property
    def alive(self) -> bool:
        """Whether it has not ended by itself, or was ended from outside."""
        return self._process.poll() is None

    async def ask(self, request: bytes, seconds: float) -> bytes:
        """Send a request, and return the reply to it."""
        with trio.move_on_after(seconds):
            try:
                await self._input.send_all(wire.HEAD.pack(len(request)))
                await self._input.send_all(request)
            except trio.BrokenResourceError:
                await self._ended()
            return await self._receive()
        raise _too_long(seconds)

    async def end(self) -> None:
        """Kill it, and wait until it is gone."""
        self._process.kill()
        await self._process.wait()
        await self._input.aclose()
        await self._output.aclose()

    async def _receive(self) -> bytes:
        (length,) = wire.HEAD.unpack(await self._exactly(wire.HEAD.size))
        return await self._exactly(_bounded(length))

    async def _exactly(self, size: int) -> bytes:
        while len(self._read) < size:
            piece = await self._output.receive_some(_CHUNK)
            if not piece:
                await self._ended()
            self._read += piece
        taken = bytes(self._read[:size])
        del self._read[:size]
        return taken

    async def _ended(self) -> NoReturn:
        raise _unasked_end(await self._process.wait())


@final
class _Blocking:
    """A worker process that is waited for with everything else at rest, which takes no virtual time."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        assert process.stdin is not None  # noqa: S101 - they are pipes
        assert process.stdout is not None  # noqa: S101
        self._input = process.stdin
        self._output = process.stdout

    @classmethod
    async def start(cls) -> _Blocking:
        """Start one, and wait until it is ready."""
        try:
            worker = cls(subprocess.Popen(_command(), **_OPTIONS))  # noqa: ASYNC220, S603 - see the class
        except OSError as error:
            raise _no_start(error) from error
        try:
            worker._exchange(b"", START_SECONDS)
        except BaseException:
            worker.kill()
            raise
        return worker

    @property
    def alive(self) -> bool:
        """Whether it has not ended by itself, or was ended from outside."""
        return self._process.poll() is None

    async def ask(self, request: bytes, seconds: float) -> bytes:
        """Send a request, and return the reply to it."""
        await trio.lowlevel.checkpoint()
        return self._exchange(wire.frame(request), seconds)

    async def end(self) -> None:
        """Kill it, and wait until it is gone."""
        self.kill()

    def kill(self) -> None:
        """Do the same, which takes no time to speak of."""
        self._process.kill()
        self._process.wait()
        self._input.close()
        self._output.close()

    def _exchange(self, sent: bytes, seconds: float) -> bytes:
        too_long = threading.Event()

        def stop() -> None:
            too_long.set()
            self._process.kill()

        timer = threading.Timer(seconds, stop)
        timer.start()
        try:
            self._input.write(sent)
            self._input.flush()
            (length,) = wire.HEAD.unpack(self._exactly(wire.HEAD.size))
            return self._exactly(_bounded(length))
        except (BrokenPipeError, EOFError):
            if too_long.is_set():
                raise _too_long(seconds) from None
            raise _unasked_end(self._process.wait()) from None
        finally:
            timer.cancel()
            timer.join()

    def _exactly(self, size: int) -> bytes:
        taken = self._output.read(size)
        if len(taken) < size:
            raise EOFError
        return taken


def _command() -> list[str]:
    return [sys.executable, "-I", "-c", _PROGRAM, json.dumps(sys.path)]


def _bounded(length: int) -> int:
    if length > _LARGEST:
        raise ParseError(f"what was found on it takes {length:,} bytes, of which {_LARGEST:,} are allowed")
    return length


def _too_long(seconds: float) -> ParseError:
    return ParseError(f"it took more than {seconds:g} s to parse, and the process that did so was ended")


def _unasked_end(status: int) -> ParseError:
    how = f"signal {-status}" if status < 0 else f"status {status}"
    return ParseError(f"the process that parsed it ended ({how}): perhaps it takes too much memory")


def _no_start(reason: object) -> ParseError:
    return ParseError(f"it has to be parsed in a worker process, and none can be started: {reason}")


def _read(reply: bytes) -> tuple[str, Any]:
    try:
        kind, value = wire.loads(reply)
    except (pickle.UnpicklingError, TypeError, ValueError) as error:
        raise ParseError(f"the process that parsed it sent what it should not: {error}") from error
    return kind, value


def _result(kind: str, value: Any) -> Any:  # noqa: ANN401 - see the jobs
    match kind:
        case "done":
            return value
        case "form":
            raise ParserFormError(value)
        case "row":
            raise UnsendableError(value)
        case "error":
            message, trace = value
            remote = RemoteError(message)
            remote.add_note(trace)
            raise remote
        case _:
            raise ParseError(str(value))
