"""A crawl's progress on standard error: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, final

import trio
from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from .._errors import printable
from .terminal import as_flags, tell

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import Console, RenderableType

    from .._crawl import Control
    from .._model import Statistics

REFRESH: Final = 0.125
"""Seconds from one picture of the live display to the next."""

INTERVAL: Final = 5.0
"""Seconds from one plain line to the next."""

_WINDOW: Final = 5.0
"""Seconds over which the speed is the mean: short enough to see a change, long enough to read."""

_LEVELS: Final = (logging.WARNING, logging.INFO, logging.DEBUG)
_BAR: Final = 36
_MINUTE, _HOUR = 60, 3600
_KILO: Final = 1000


@final
class Pace:
    """The pages a second of the last few seconds."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque([(0.0, 0)])

    def add(self, elapsed: float, pages: int) -> float:
        """Take the count of *pages* at *elapsed* seconds, and return the pages a second until then."""
        self._samples.append((elapsed, pages))
        while len(self._samples) > 1 and self._samples[1][0] <= elapsed - _WINDOW:
            self._samples.popleft()
        since, before = self._samples[0]
        return (pages - before) / (elapsed - since) if elapsed > since else 0.0


async def show_live(control: Control, console: Console) -> None:
    """Draw the progress on the terminal of *console* until cancelled, and then take it away."""
    pace = Pace()
    spinner = Spinner("dots", style="cyan")
    # Nothing is redirected: rows may be on their way to standard output.
    with Live(
        console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
    ) as live:
        while True:
            counts = control.statistics()
            live.update(picture(counts, pace.add(counts.elapsed, counts.pages), spinner), refresh=True)
            await trio.sleep(REFRESH)


async def show_lines(control: Control, console: Console) -> None:
    """Print a line on *console* every few seconds until cancelled."""
    pace = Pace()
    while True:
        await trio.sleep(INTERVAL)
        counts = control.statistics()
        tell(console, line(counts, pace.add(counts.elapsed, counts.pages)))


async def show_nothing(_control: Control) -> None:
    """Show no progress."""


@contextmanager
def showing_log(console: Console, *, quiet: bool, verbose: int = 0) -> Iterator[None]:
    """Print the library's warnings on *console*, above a live display; none if *quiet*.

    Args:
        console: where.
        quiet: whether nothing is printed.
        verbose: 1 for what is told at ``INFO``, too, 2 or more for ``DEBUG``.
    """
    logger = logging.getLogger(__name__.partition(".")[0])
    level = _LEVELS[min(verbose, len(_LEVELS) - 1)]
    # Without a handler, Python would print warnings itself, and tear the display.
    handler = logging.NullHandler() if quiet else _ConsoleHandler(console)
    handler.setLevel(level)
    before = logger.level
    if verbose:
        logger.setLevel(level)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def line(counts: Statistics, pace: float) -> str:
    """Return the progress in a line of text.

    Args:
        counts: the crawl's numbers.
        pace: pages a second.
    """
    parts = [
        f"{duration(counts.elapsed)}: {counts.pages:,} pages ({pace:.1f}/s)",
        f"{counts.pending:,} pending",
        f"{counts.in_flight:,} in flight",
    ]
    if counts.sitemaps:
        parts.append(f"{counts.sitemaps:,} sitemaps")
    parts += [
        f"{sum(some.values()):,} {name}"
        for name, some in (("failed", counts.failed), ("skipped", counts.skipped))
        if some
    ]
    return ", ".join([*parts, f"{counts.links:,} links", amount(counts.bytes)])


def picture(counts: Statistics, pace: float, spinner: Spinner) -> RenderableType:
    """Return the progress as a terminal shows it; the arguments are those of `line`."""
    known = max(counts.discovered, 1)
    top = Table.grid(padding=(0, 1))
    top.add_row(
        spinner,
        Text(duration(counts.elapsed), style="bold"),
        ProgressBar(total=known, completed=counts.discovered - counts.pending, width=_BAR),
        Text(f"{counts.discovered - counts.pending:,} of {counts.discovered:,} URLs"),
        Text(f"{pace:.1f} pages/s", style="cyan"),
    )
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim", min_width=9)
    rows.add_column(justify="right", min_width=6)
    rows.add_column(overflow="ellipsis", no_wrap=True, style="dim")
    rows.add_row("  pages", f"{counts.pages:,}", _each(counts.statuses))
    if counts.sitemaps:
        rows.add_row("  sitemaps", f"{counts.sitemaps:,}")
    if counts.failed:
        rows.add_row("  failed", Text(f"{sum(counts.failed.values()):,}", "red"), _each(counts.failed))
    if counts.skipped:
        rows.add_row("  skipped", f"{sum(counts.skipped.values()):,}", _each(counts.skipped))
    rows.add_row("  pending", f"{counts.pending:,}", f"{counts.in_flight:,} of them in flight")
    rows.add_row(
        "  links", f"{counts.links:,}", f"{counts.rows:,} rows written, {amount(counts.bytes)} received"
    )
    return Group(top, rows)


def duration(seconds: float) -> str:
    """Return *seconds* as a clock shows them: ``0:07``, ``12:30``, ``1:00:05``."""
    whole = int(seconds)
    minutes = f"{whole // _MINUTE % _MINUTE}:{whole % _MINUTE:02}"
    return f"{whole // _HOUR}:{minutes:0>5}" if whole >= _HOUR else minutes


def amount(size: int) -> str:
    """Return a *size* in bytes in the unit that is easiest to read: ``512 B``, ``1.5 MB``."""
    number = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if number < _KILO:
            return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= _KILO
    return f"{number:.1f} TB"


def _each(counts: Mapping[Any, int]) -> str:
    """Return each count with its name, the largest first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    return ", ".join(f"{name}: {count:,}" for name, count in ordered)


@final
class _ConsoleHandler(logging.Handler):
    """Prints log records on a console."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        # Of what others say, nothing begins a line: neither of a message nor of a traceback.
        text = printable(as_flags(record.getMessage()))
        if record.exc_info:
            trace = logging.Formatter().formatException(record.exc_info)
            text += "".join(f"\n  {printable(line)}" for line in trace.splitlines())
        tell(self._console, text)
