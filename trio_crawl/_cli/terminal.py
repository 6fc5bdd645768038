"""Text to a terminal, a pipe or a file: what is safe to print, and how it gets there."""

from __future__ import annotations

import os
import re
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final

from rich.console import Console

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RowsBeside: TypeAlias = Literal["nowhere", "pipe", "terminal"]
"""Where rows go that may share a terminal with what is told."""

# A terminal acts on these; a page's title must not move its cursor or write its clipboard.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")

# "?" or "&" before a name means that it belongs to a URL.
_KEYWORD: Final = r"(?<![?&\w])"
_HINTS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...]] = (
    (re.compile(_KEYWORD + r"robots=False\b"), lambda _: "--no-robots"),
    (re.compile(r"give pathlib\.Path\('([^']*)'\)"), lambda found: f"give --seeds {found[1]}"),
    (re.compile(_KEYWORD + r"(overwrite|allow_private|retry_failed)=True\b"), lambda found: _flag(found[1])),
    (re.compile(_KEYWORD + r"allow_private=\['([^']*)'\]"), lambda found: f"--allow-private={found[1]}"),
    (re.compile(_KEYWORD + r"write=\[('[^]]*')\]"), lambda found: _each_output(found[1])),
    (re.compile(r"and give auth=\{.*\}$"), lambda _: "and give auth= in a program; it has no flag"),
    (re.compile(r", or None for (no \w+)"), lambda found: f"; leave it out for {found[1]}"),
    (
        re.compile(
            _KEYWORD + r"(max_\w+|timeout|retries|grace|delay|concurrency|per_\w+|follow|include|exclude"
            r"|user_agent|fetch|write|state|recrawl)=([ ,;]?)"
        ),
        lambda found: f"{_flag(found[1])}{found[2] or '='}",
    ),
)


@final
class Messages(Console):
    """Standard error, where everything but rows and results goes; unread, it costs the crawl nothing."""

    def __init__(self) -> None:
        super().__init__(stderr=True, highlight=False, markup=False, emoji=False)

    def on_broken_pipe(self) -> None:
        """Be quiet from now on, where rich would end the program."""
        self.quiet = True


@final
class Results(Console):
    """Standard output."""

    def on_broken_pipe(self) -> None:
        """Raise the `BrokenPipeError` that is being handled, where rich would end the program."""
        raise  # noqa: PLE0704 - rich calls this in its except clause


def safe(text: str) -> str:
    r"""Return *text* with its control characters, but for line feed and tab, as ``\x1b`` and the like."""
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def as_flags(message: str) -> str:
    """Return a library's *message* with the keywords that it names as the flags that they are here."""
    for pattern, flag in _HINTS:
        message = pattern.sub(flag, message)
    return message


def explain(error: BaseException) -> str:
    """Return what *error* says, its notes too, as the command line says it."""
    lines = [str(error) or type(error).__name__, *getattr(error, "__notes__", ())]
    return safe(as_flags("\n".join(lines)))


def rows_beside(writes: Sequence[str]) -> RowsBeside:
    """Return where rows go that may end up on a terminal: to one, into a pipe, or nowhere of that kind.

    Args:
        writes: the outputs; ``"-"`` is standard output, and a path may be a device or a pipe.
    """
    found: RowsBeside = "nowhere"
    for name in writes:
        try:
            status = os.fstat(sys.stdout.fileno()) if name == "-" else Path(name).stat()
        except (OSError, ValueError):  # nothing yet, or no descriptor
            continue
        if stat.S_ISCHR(status.st_mode) and (sys.stdout.isatty() if name == "-" else name != os.devnull):
            return "terminal"
        if stat.S_ISFIFO(status.st_mode) or stat.S_ISSOCK(status.st_mode):
            found = "pipe"
    return found


def tell(console: Console, message: str) -> None:
    """Print *message* to standard error under the command's name; above a live display, if one is on."""
    console.print(f"trio-crawl: {message}", soft_wrap=True)


def tell_error(message: str) -> None:
    """Print to standard error what went wrong, whatever state its console is in."""
    sys.stderr.write(f"trio-crawl: error: {message}\n")
    sys.stderr.flush()


def put(text: str) -> None:
    """Print *text* to standard output at once; what its encoding lacks is escaped.

    Raises:
        BrokenPipeError: nobody reads it any more.
    """
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()


def put_bytes(data: bytes) -> None:
    """Write *data* to standard output as it is.

    Raises:
        BrokenPipeError: nobody reads it any more.
    """
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def abandon_output() -> None:
    """Send what is left in standard output's buffer nowhere, after its reader went away.

    The interpreter flushes it once more when it ends, and would complain.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def _each_output(names: str) -> str:
    """Return the outputs of a list of *names*, each behind its flag, as they are typed."""
    return " ".join(f"-o {name[1:-1]}" for name in names.split(", "))


def _flag(keyword: str) -> str:
    return "--" + keyword.replace("_", "-")
