"""Files of an export: beneath their folder, under a name nobody else has until they are whole."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from .._errors import OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NOFOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_BINARY: Final = getattr(os, "O_BINARY", 0)


@contextmanager
def replacing(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a new, empty file beside *path*, which becomes *path* when the block ends, or else is gone.

    Raises:
        OutputError: there is something at *path*, also something that came meanwhile, and it is not
            to be overwritten.
        OSError: it can't be made.
    """
    if os.path.lexists(path) and not overwrite:
        raise OutputError(f"{path} exists; --overwrite replaces it")
    part = path.with_name(f".{secrets.token_hex(8)}{path.suffix}")
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _BINARY, 0o666))
    try:
        yield part
        if overwrite:
            part.replace(path)
        else:
            _put(part, path)
    finally:
        part.unlink(missing_ok=True)


def _put(part: Path, path: Path) -> None:
    try:
        os.link(part, path)  # which replaces nothing
    except FileExistsError as error:
        raise OutputError(f"{path} was made meanwhile; --overwrite replaces it") from error
    except OSError:  # a file system without links
        part.replace(path)


def read_beneath(folder: Path, name: str) -> bytes:
    """Return what the file *name* in *folder* holds, on the way to which no link is.

    Raises:
        UsageError: it is gone, no file, or there is a link.
        OSError: it can't be read.
    """
    path = _without_links(folder, name)
    if path is None or not _is_file(path):
        raise UsageError(
            f"{folder / name} is gone, or no file but a link, and the map of the mirror names it"
        )
    with os.fdopen(os.open(path, os.O_RDONLY | _NOFOLLOW | _BINARY), "rb") as file:
        return file.read()


def write_beneath(folder: Path, name: str, data: bytes) -> None:
    """Make the file *name* in *folder* of *data*, replacing what is there; no link is followed.

    Raises:
        UsageError: there is a link on the way.
        OSError: it can't be written.
    """
    path = _without_links(folder, name)
    if path is None:
        raise UsageError(f"{folder / name} can't be written: there is a link on the way to it")
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, overwrite=True) as part:
        part.write_bytes(data)


def _without_links(folder: Path, name: str) -> Path | None:
    """Return the path of *name* in *folder*; None if a folder on the way is a link."""
    path = folder
    *folders, last = name.split("/")
    for part in folders:
        path /= part
        if path.is_symlink():
            return None
    return path / last


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False
