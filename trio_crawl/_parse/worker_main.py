"""The program of a worker process: it reads jobs from its input, and writes what they came to.

It imports this library and, for ``parse_in="process"``, the modules of parsers; never the script
that started the crawl. It ends when its input does, so it does not outlive the crawl, and where
the operating system has a timer and a limit of memory, it is ended by these, too: a process whose
crawl was killed while it was busy is gone soon after.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import traceback
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from .._errors import RowError
from . import wire
from .elsewhere import run_parser
from .reading import read_document
from .user import ParserFormError

if TYPE_CHECKING:
    from collections.abc import Callable

MEMORY: Final = 2 * 1024 * 1024 * 1024
"""Bytes of address space that a worker process may have."""

JOBS: Final[dict[str, Callable[..., Any]]] = {"read": read_document, "parse": run_parser}


def main() -> None:
    """Serve until the input ends."""
    source, target = _take_pipes()
    _bound()
    target.write(wire.frame(wire.dumps(("ready", None))))
    while True:
        head = source.read(wire.HEAD.size)
        if len(head) < wire.HEAD.size:
            return
        (length,) = wire.HEAD.unpack(head)
        # What comes in is the crawl's own, so it may be anything.
        seconds, job, arguments, keywords = pickle.loads(source.read(length))  # noqa: S301
        _set_alarm(seconds)
        reply = wire.frame(_outcome(job, arguments, keywords))
        _set_alarm(0)
        target.write(reply)


def _outcome(job: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> bytes:
    """Do a job; return what it came to, or its error."""
    try:
        return wire.dumps(("done", JOBS[job](*arguments, **keywords)))
    except MemoryError:
        return wire.dumps(("limit", "parsing it takes too much memory"))
    except RowError as error:
        return wire.dumps(("row", str(error)))
    except ParserFormError as error:
        return wire.dumps(("form", str(error)))
    except Exception as error:  # noqa: BLE001 - the crawl decides
        trace = "".join(traceback.format_exception(error))
        return wire.dumps(("error", (f"{type(error).__name__}: {error}", trace)))


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return input and output; what a parser prints goes to standard error from now on."""
    source, target = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    return os.fdopen(source, "rb"), os.fdopen(target, "wb", buffering=0)


def _bound() -> None:
    # Ctrl-C is for the crawl, which ends this process by itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - not on Windows

        _, most = resource.getrlimit(resource.RLIMIT_AS)
        least = MEMORY if most == resource.RLIM_INFINITY else min(MEMORY, most)
        resource.setrlimit(resource.RLIMIT_AS, (least, most))


def _set_alarm(seconds: float) -> None:
    """Let the operating system end this process in so many seconds; 0: no more."""
    if sys.platform != "win32":
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)
