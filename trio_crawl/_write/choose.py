"""What ``write=`` accepts, made into writers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeGuard

from .._errors import UsageError
from .files import Files
from .function import Function
from .lines import Lines
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
            one row at a time; or a list or tuple of those.
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
    seen: set[object] = set()
    for writer in writers:
        identity = _identity(writer)
        if identity in seen:
            raise UsageError(f"the output {writer.name!r} is given twice; each needs a file of its own")
        seen.add(identity)
    return writers


def kinds_wanted(writers: Iterable[Writer[Any]]) -> frozenset[LinkKind]:
    """Return the kinds of links that *writers* want, beside those that every page has anyway."""
    none: frozenset[LinkKind] = frozenset()
    return none.union(*[writer.kinds or () for writer in writers if isinstance(writer, Lines)])


def _writer(output: object, *, overwrite: bool) -> Writer[Any]:
    if isinstance(output, str | os.PathLike):
        if str(output).lower().endswith(WARC_SUFFIXES):
            return Warc(output, overwrite=overwrite)
        if str(output).endswith(("/", os.sep)):
            return Files(output, overwrite=overwrite)
        return Lines(output, overwrite=overwrite)
    if _is_writer(output):
        return output
    if callable(output) and not isinstance(output, type):
        return Function(output)
    raise UsageError(
        f"write= can't be {output!r}: it takes a path, '-' for standard output, a writer "
        f"(such as writers.Lines(path)), an async function, a list of those, or None"
    )


def _is_writer(output: object) -> TypeGuard[Writer[Any]]:
    return not isinstance(output, type) and all(hasattr(output, name) for name in _WRITER)


def _identity(writer: Writer[Any]) -> object:
    """Return what is equal for two writers that would write over each other."""
    if isinstance(writer, Lines | Warc | Files) and writer.path is not None:
        return os.path.normcase(os.path.realpath(writer.path))
    return "-" if isinstance(writer, Lines) else id(writer)
