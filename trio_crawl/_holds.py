"""Files that are held by one user at a time, by what they are (device and inode), whatever they are called.

Each is locked by a descriptor, as BSD's ``flock`` does it, and noted in this process: a second user
here is told of the first without the file being opened once more. (To close a descriptor of a database
ends the locks that SQLite has on it in the same process.) The system lets go when the last copy of the
descriptor is closed, and a child that is forked has copies of all: there they are replaced at once, so that
no lock outlives its process, and nothing that the child does reaches the file.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
from pathlib import Path
from typing import Final, final

if sys.platform != "win32":
    import fcntl


class HeldError(Exception):
    """Somebody else holds it; says who."""


_UNSUPPORTED: Final = frozenset(
    {errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.EBADF, errno.EOPNOTSUPP, errno.ENOTSUP}
)
"""What the system says where a file system knows no locks (NFS: none of what is only read): then there is
only what is noted here."""

_LOCKS: Final = Path("/proc/locks")


@final
class Hold:
    """One file or folder, held.

    Args:
        descriptor: of it, which stays the caller's to close, after `release`.
        what: how the holder calls it.

    Attributes:
        descriptor: the same.

    Raises:
        HeldError: somebody else holds it.
    """

    def __init__(self, descriptor: int, what: str) -> None:
        self.descriptor = descriptor
        self.what = what
        self._process = os.getpid()
        found = os.fstat(descriptor)
        self._key = _key(found)
        with _register.lock:
            if self._key is not None:
                _refuse(self._key)
                _lock(descriptor, found)
                _register.held[self._key] = self
            _register.descriptors.add(descriptor)

    @classmethod
    def open(cls, path: Path, what: str, flags: int = os.O_RDONLY, mode: int = 0o666) -> Hold:
        """Open what is at *path*, and hold it; `close` closes it.

        Raises:
            HeldError: somebody else holds it; where that is in this process, it was not opened.
            OSError: it can't be opened.
        """
        try:
            key = _key(path.stat())
        except FileNotFoundError:
            key = None
        if key is not None:
            with _register.lock:
                _refuse(key)
        descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0), mode)
        try:
            return cls(descriptor, what)
        except BaseException:
            os.close(descriptor)
            raise

    def __repr__(self) -> str:
        return f"<Hold on {self.what}>"

    def release(self) -> None:
        """Let go of it; again, without effect."""
        if self.foreign:
            return  # nothing of it is this process's
        with _register.lock:
            if self._key is not None and _register.held.get(self._key) is self:
                del _register.held[self._key]
                _unlock(self.descriptor)
            _register.descriptors.discard(self.descriptor)

    def close(self) -> None:
        """Let go of what `open` opened, and close it."""
        self.release()
        os.close(self.descriptor)

    @property
    def foreign(self) -> bool:
        """Whether it is held by the process that this one was forked from."""
        return os.getpid() != self._process

    def require(self) -> None:
        """Do nothing in the process that holds it.

        Raises:
            RuntimeError: this is a child that was forked from it.
        """
        if self.foreign:
            raise RuntimeError(
                f"process {os.getpid()} was forked from {self._process}, whose crawl has {self.what}: "
                "nothing of it goes on here; end such a child by os._exit()"
            )


@final
class Share:
    """One file that several may have, of this process or others, but nobody who would hold it alone.

    Of a process there is one descriptor, as long as anybody in it has the file: see above.

    Args:
        path: of the file, which is there.
        what: how whoever has it calls it.

    Raises:
        HeldError: somebody holds it.
        OSError: it can't be opened.
    """

    def __init__(self, path: Path, what: str) -> None:
        self._process = os.getpid()
        self._key = _key(path.stat())
        with _register.lock:
            if self._key is None:
                return
            shared = _register.shared.get(self._key)
            if shared is None:
                _refuse(self._key)
                descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
                try:
                    _lock(descriptor, os.fstat(descriptor), shared=True)
                except BaseException:
                    os.close(descriptor)
                    raise
                _register.descriptors.add(descriptor)
                shared = _register.shared[self._key] = _Shared(descriptor, what)
            shared.users += 1

    def __repr__(self) -> str:
        return "<Share of a file>"

    def close(self) -> None:
        """Let go of it; again, without effect."""
        key, self._key = self._key, None
        if key is None or os.getpid() != self._process:
            return
        with _register.lock:
            shared = _register.shared[key]
            shared.users -= 1
            if not shared.users:
                del _register.shared[key]
                _register.descriptors.discard(shared.descriptor)
                _unlock(shared.descriptor)
                os.close(shared.descriptor)


def holder(path: Path) -> str | None:
    """Return who holds what is at *path*; None if nobody does, or it can't be told."""
    try:
        if _key(path.stat()) is not None:
            Hold.open(path, "nobody's").close()
    except HeldError as error:
        return str(error)
    except OSError:
        return None
    return None


class _Shared:
    """A file that some of this process have."""

    def __init__(self, descriptor: int, what: str) -> None:
        self.descriptor = descriptor
        self.what = what
        self.users = 0


class _Register:
    """What this process holds: there is one, as the system has one for the whole process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.held: dict[tuple[int, int], Hold] = {}
        self.shared: dict[tuple[int, int], _Shared] = {}
        self.descriptors: set[int] = set()

    def forked(self) -> None:
        """Let go of all, in a child: what its copies of the descriptors do from now on is done to nothing."""
        self.lock = threading.Lock()
        descriptors, self.descriptors = self.descriptors, set()
        self.held, self.shared = {}, {}
        if not descriptors:
            return
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in descriptors:
            os.dup2(nothing, descriptor, inheritable=False)
        os.close(nothing)


_register: Final = _Register()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_register.forked)


def guard(descriptor: int) -> None:
    """Let a forked child have nothing of *descriptor*, until `unguard`."""
    with _register.lock:
        _register.descriptors.add(descriptor)


def unguard(descriptor: int) -> None:
    """Forget *descriptor*, before it is closed."""
    with _register.lock:
        _register.descriptors.discard(descriptor)


def _key(found: os.stat_result) -> tuple[int, int] | None:
    """Return what tells a file or folder from others; None for a device or a pipe, which many may use."""
    known = stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)
    return (found.st_dev, found.st_ino) if known else None


def _refuse(key: tuple[int, int]) -> None:
    other = _register.held.get(key) or _register.shared.get(key)
    if other is not None:
        raise HeldError(_here(other.what))


def _here(what: str) -> str:
    return f"a crawl of this process ({os.getpid()}), as {what}"


def _lock(descriptor: int, found: os.stat_result, *, shared: bool = False) -> None:
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}:
            raise HeldError(_elsewhere(found)) from None
        if error.errno not in _UNSUPPORTED:
            raise


def _unlock(descriptor: int) -> None:
    """Unlock it now: a child that was forked by other means may have a copy."""
    if sys.platform != "win32":
        try:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        except OSError:
            return  # it never was, where the file system knows no locks


def _elsewhere(found: os.stat_result) -> str:
    """Return which other process holds it, as far as the system tells."""
    try:
        lines = _LOCKS.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        lines = []
    wanted = f":{found.st_ino}"
    pids = [fields[4] for line in lines if "FLOCK" in (fields := line.split()) and fields[5].endswith(wanted)]
    known = [pid for pid in pids if pid not in {"0", "-1", str(os.getpid())}]
    return f"process {known[0]}" if len(known) == 1 else "another process"
