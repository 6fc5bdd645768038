"""Where an output goes: its path, looked at before anything is changed."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .._errors import OutputError, UsageError
from .._holds import HeldError, Hold, holder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


_LONGEST_HEADER: Final = 500
"""Bytes that a table may have, compressed or not, to be looked at whether that is its header alone."""


def checked_path(path: object) -> str:
    """Return *path* as text.

    Raises:
        UsageError: it is no path.
    """
    if not isinstance(path, str | os.PathLike):
        raise UsageError(f"{path!r} is no path; give a str or a path object")
    name = os.fspath(path)
    if not isinstance(name, str) or not name or "\0" in name:
        raise UsageError(f"{name!r} is no path; give a str that is not empty and holds no NUL")
    return name


def check_file(path: Path, *, overwrite: bool) -> None:
    """Look whether the file at *path* can be made, or written to.

    Raises:
        OutputError: it can't, or it holds something and is not to be overwritten.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        check_parent(path)
        return
    except OSError as error:
        raise OutputError(f"{path} can't be written: {error.strerror}") from error
    if stat.S_ISDIR(found.st_mode):
        raise OutputError(f"{path} is a folder; name a file in it")
    if found.st_size and not overwrite:
        raise OutputError(occupied(path))
    if not os.access(path, os.W_OK):
        raise OutputError(f"{path} can't be written: its permissions, or its file system's, forbid it")


def check_parent(path: Path) -> None:
    """Look whether something can be made at *path*.

    Raises:
        OutputError: it can't.
    """
    if not path.parent.is_dir():
        raise OutputError(f"{path} can't be created: there is no folder {path.parent}; create it first")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OutputError(f"{path} can't be created: the folder {path.parent} is not writable")


def holds_only(path: Path, text: bytes, unpack: Callable[[bytes], bytes] | None) -> bool:
    """Return whether the file at *path* holds *text* and nothing else.

    Args:
        path: of a file that need not be there.
        text: a short one.
        unpack: takes the compression of the file away, if it has one.
    """
    try:
        if not 0 < path.stat().st_size <= _LONGEST_HEADER or not path.is_file():
            return False
        found = path.read_bytes()
        return text == (found if unpack is None else unpack(found))
    except (OSError, OutputError):
        return False


def occupied(path: Path) -> str:
    """Return the words for an output that is there already."""
    return f"{path} exists and is not empty; pass overwrite=True to replace it, or name another file"


def in_use(path: Path, by: object) -> str:
    """Return the words for an output that somebody else writes to."""
    return f"{path} is being written by {by}; wait for the end of that, or name another file"


def hold_open(descriptor: int, path: Path) -> Hold:
    """Hold what was opened at *path*, before anything of it is changed.

    Raises:
        OutputError: another crawl, or another output of this one, writes to it.
    """
    try:
        return Hold(descriptor, f"the output {path}")
    except HeldError as error:
        raise OutputError(in_use(path, error)) from None
    except OSError as error:
        raise OutputError(f"{path} can't be locked: {error.strerror}") from error


def hold_path(path: Path, flags: int) -> Hold:
    """Open what is at *path*, and hold it.

    Raises:
        OutputError: as `hold_open` does; or it can't be opened.
    """
    try:
        return Hold.open(path, f"the output {path}", flags)
    except HeldError as error:
        raise OutputError(in_use(path, error)) from None
    except OSError as error:
        raise OutputError(f"{path} can't be opened: {error.strerror}") from error


def hold_folder(path: Path) -> Hold | None:
    """Hold the folder at *path*; None on a system that can't lock one.

    Raises:
        OutputError: as `hold_path` does.
    """
    return hold_path(path, os.O_RDONLY | os.O_DIRECTORY) if os.name == "posix" else None


def require_free(paths: Iterable[Path]) -> None:
    """Look whether nobody writes to one of *paths*, all of which are to be removed.

    Raises:
        OutputError: somebody does.
    """
    for path in paths:
        who = holder(path)
        if who is not None:
            raise OutputError(in_use(path, who))


def absolute(name: str) -> Path:
    """Return the path *name*, which stays the same when the current folder changes."""
    return Path(name).absolute()


def sync_folder(path: Path) -> None:
    """Make the names in the folder at *path* survive a loss of power, where the system has a way to."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
