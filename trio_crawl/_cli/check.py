"""A state and its outputs held against each other."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .._errors import CrawlError, StateError, UsageError
from .._frontier.audit import audit
from .._write.audit import audit_file
from .._write.choose import choose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .._frontier.audit import Audit


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What came of a check.

    Args:
        problems: what is wrong, each with the state or output that it is in.
        notes: what was not looked at.
        summary: what there is.
    """

    problems: tuple[str, ...]
    notes: tuple[str, ...]
    summary: str

    def lines(self) -> Iterator[str]:
        """Yield all of it, as it is printed."""
        yield from self.problems
        yield from self.notes
        yield self.summary + (f"; problems: {len(self.problems):,}" if self.problems else "; no problems")


def check(state: str, outputs: Sequence[str]) -> Findings:
    """Compare the accounts of *state*, and every byte of *outputs*, with what was written.

    It blocks, and changes nothing.

    Raises:
        UsageError: there is no such state, or an output is none of its own.
    """
    if not Path(state).is_file():
        raise UsageError(f"there is no state {state}; name the file that the crawl's --state named")
    try:
        found = audit(Path(state))
    except StateError as error:
        return Findings(problems=(str(error),), notes=(), summary="the outputs were not looked at")
    places = _places(outputs, found.outputs, state)
    problems = [f"{state}: {problem}" for problem in found.problems]
    for output, place in zip(outputs, places, strict=True):
        problems += [f"{output}: {problem}" for problem in _problems(output, place, found)]
    left = [name for place, name in enumerate(found.outputs) if place not in places]
    numbers = ", ".join(f"{number:,} {what}" for what, number in found.outcomes.items())
    rows = f"{sum(found.totals[place] for place in places):,} rows in {len(outputs):,} outputs"
    return Findings(
        problems=tuple(problems),
        notes=tuple(f"{name}: not looked at; name it, too" for name in left),
        summary=f"{state}: {numbers}; {rows}; {len(found.positions):,} batches",
    )


def _problems(output: str, place: int, found: Audit) -> list[str]:
    """Return what is wrong with the output at *place*."""
    look: Callable[..., list[str]]
    try:
        (writer,) = choose(output)
        look = writer.audit
    except UsageError:
        # A suffix that names no format: bytes can be compared, rows can't be counted.
        look = partial(audit_file, Path(output))
    positions = {number: each[place] for number, each in found.positions.items() if place < len(each)}
    rows = {number: counts[place] for number, counts in found.rows.items()}
    try:
        return look(positions, rows, found.totals[place], finished=found.finished)
    except CrawlError as error:
        return [str(error)]


def _places(outputs: Sequence[str], names: Sequence[str], state: str) -> list[int]:
    """Return where each output stands among the *names* of those in the state."""
    places = [_place(output, names) for output in outputs]
    for at, (output, place) in enumerate(zip(outputs, places, strict=True)):
        if place is None:
            known = ", ".join(names) or "none"
            raise UsageError(f"{output} is no output of {state}; those are: {known}")
        if place in places[:at]:
            raise UsageError(f"the output {output} is given twice")
    return [place for place in places if place is not None]


def _place(output: str, names: Sequence[str]) -> int | None:
    """Return which of *names* the output is: by name, as the same file, or else by the file's name alone."""
    for alike in (str, os.path.realpath, os.path.basename):
        found = [place for place, name in enumerate(names) if alike(name) == alike(output)]
        if len(found) == 1:
            return found[0]
    return None
