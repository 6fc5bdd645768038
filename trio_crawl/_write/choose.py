"""What ``write=`` accepts, made into writers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import trio

from .._errors import UsageError
from .batch import BATCH_AGE
from .channel import Channel
from .files import Files
from .function import Function
from .lines import Lines
from .parquet import Parquet
from .same import SQLITE_BESIDE, Thing, forbid_same, standard_output
from .sqlite import Sqlite
from .target import checked_path
from .warc import Warc
from .warc_file import SUFFIXES as WARC_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._model import LinkKind
    from ..abc import Writer

_WRITER = ("name", "prompt", "rows", "check", "open", "encode", "ending", "write", "audit")


def choose(write: object, *, overwrite: bool = False) -> list[Writer[Any]]:
    """Return the writers that *write* stands for.

    Args:
        write: None for no output; a path, whose suffix picks the format; ``"-"``
            for standard output; a writer; an async function, which is called with
            one row at a time; a memory channel, which is sent them; or a list or tuple of those.
        overwrite: replace what the files hold that are given by their path. (A
            writer knows by itself whether to.)

    Raises:
        UsageError: *write* is none of these, a path's suffix names no format, or
            one output is given twice.
    """
    if write is None:
        return []
    outputs = write if isinstance(write, list | tuple) else [write]
    writers = [_writer(output, overwrite=overwrite) for output in outputs]
    for place, writer in enumerate(writers):
        if any(_is_twice(writer, other) for other in writers[:place]):
            raise UsageError(f"the output {writer.name!r} is given twice; each needs a file of its own")
    forbid_same(things_of(writers))
    return writers


def things_of(writers: Iterable[Writer[Any]]) -> list[Thing]:
    """Return the files and folders that *writers* write."""
    return [thing for writer in writers if (thing := _thing(writer)) is not None]


def _thing(writer: Writer[Any]) -> Thing | None:
    what = f"the output {writer.name!r}"
    match writer:
        case Lines(parts=None):
            return standard_output()
        case Lines(parts=parts) if parts is not None:
            around = parts.around if parts.numbered else None
            found = parts.found_paths() if parts.numbered else ()
            return Thing(what=what, path=parts.path(parts.first), around=around, parts=found)
        case Warc():
            template = writer.template
            around = template.around if template.numbered else None
            found = template.found_paths() if template.numbered else ()
            return Thing(what=what, path=template.path(1), around=around, parts=found)
        case Sqlite():
            return Thing(what=what, path=writer.path, beside=SQLITE_BESIDE)
        case Parquet() | Files():
            return Thing(what=what, path=writer.path, folder=True)
        case _:
            return None


def patience_with(writer: Writer[Any]) -> float | None:
    """Return for how many seconds an output may be waited for by whoever it waits for itself.

    None: it waits for the system alone. A channel waits for its receiver; what another output waits for,
    nobody knows.
    """
    if isinstance(writer, Lines | Sqlite | Parquet | Warc | Files):
        return None
    return 0.0 if isinstance(writer, Channel) else BATCH_AGE


def kinds_wanted(writers: Iterable[Writer[Any]]) -> frozenset[LinkKind]:
    """Return the kinds of links that *writers* want, beside those that every page has anyway."""
    none: frozenset[LinkKind] = frozenset()
    return none.union(*[writer.kinds or () for writer in writers if isinstance(writer, Lines)])


def _writer(output: object, *, overwrite: bool) -> Writer[Any]:
    if isinstance(output, str | os.PathLike):
        return _of_path(checked_path(output), overwrite=overwrite)
    if _is_writer(output):
        return output
    if isinstance(output, trio.MemorySendChannel):
        return Channel(output)
    if callable(output) and not isinstance(output, type):
        return Function(output)
    raise UsageError(
        f"write= can't be {output!r}: it takes a path, '-' for standard output, a writer "
        f"(such as writers.Lines(path)), an async function, a memory channel, a list of those, or None"
    )


def _of_path(path: str, *, overwrite: bool) -> Writer[Any]:
    if path.lower().endswith(WARC_SUFFIXES):
        return Warc(path, overwrite=overwrite)
    if path.endswith(("/", os.sep)):
        return Files(path, overwrite=overwrite)
    match Path(path).suffix.lower():
        case ".sqlite":
            return Sqlite(path, overwrite=overwrite)
        case ".parquet":
            return Parquet(path, overwrite=overwrite)
        case _:
            return Lines(path, overwrite=overwrite)


def _is_writer(output: object) -> TypeGuard[Writer[Any]]:
    return not isinstance(output, type) and all(hasattr(output, name) for name in _WRITER)


def _is_twice(one: Writer[Any], other: Writer[Any]) -> bool:
    """Return whether they are the same object, or name the same."""
    if isinstance(one, Lines) and isinstance(other, Lines) and one.name == other.name:
        return True
    return one is other
