"""One process at a time: a lock file beside a state, which says who holds it."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, final

from .._errors import StateError
from .._holds import guard, unguard

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        # A byte far behind the text, since what is locked can't be read by others.
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)

else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@final
class StateLock:
    """Holds ``PATH.lock``. The system lets go of it when the process ends, however it does.

    Args:
        path: the state that is locked.

    Raises:
        StateError: another crawl holds it, in this process or another, which is named; or the
            file can't be made.

    Attributes:
        left_behind: whether the file was there: who held it before did not let go of it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        while True:
            descriptor = self._open(path)
            try:
                _try_lock(descriptor)
                # Who held it before may have removed the file between our opening and locking it.
                if self._is_ours(descriptor):
                    self.left_behind = os.fstat(descriptor).st_size > 0
                    _sign(descriptor)
                    break
            except OSError as error:
                with os.fdopen(descriptor, "rb") as file:
                    if error.errno in _HELD:
                        raise StateError(f"{path} is in use by {_holder(file.read())}") from None
                raise StateError(f"{path} can't be locked: {self._path.name}: {error.strerror}") from error
            os.close(descriptor)
        self._descriptor = descriptor
        self._process = os.getpid()
        guard(descriptor)

    def _open(self, path: Path) -> int:
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        except OSError as error:
            raise StateError(f"{path} can't be used: {self._path.name}: {error.strerror}") from error

    def _is_ours(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        except FileNotFoundError:
            return False

    def name(self, state: os.stat_result) -> None:
        """Say which file it is that is locked, whatever it is called."""
        _sign(self._descriptor, state)

    def release(self) -> None:
        """Let go of it, and remove the file; not in a child that was forked from the one who holds it."""
        if os.getpid() != self._process:
            return
        unguard(self._descriptor)
        if sys.platform != "win32":  # there, an open file can't be removed
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)
        if sys.platform == "win32":
            with contextlib.suppress(OSError):  # another process may have opened it
                self._path.unlink(missing_ok=True)


_HELD: Final = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK})
"""What the system calls it where another holds the lock; all else, such as a full disk, is no holder."""


def _sign(descriptor: int, state: os.stat_result | None = None) -> None:
    """Say in the file who holds it, and what."""
    text: dict[str, object] = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if state is not None:
        text |= {"device": state.st_dev, "inode": state.st_ino}
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, json.dumps(text).encode())


def _holder(text: bytes) -> str:
    try:
        known = json.loads(text)
        return f"process {known['pid']} on {known['host']}, since {known['since']}"
    except (ValueError, KeyError, TypeError):
        return "another crawl"
