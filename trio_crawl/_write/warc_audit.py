"""The files of an archive held against the positions of its batches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .audit import audit_file
from .counting import miscounted
from .place import Place
from .warc_file import part_and_place
from .warc_reader import Reader
from .warc_records import OUTCOME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._model import Json
    from .warc_file import Template


def audit(
    template: Template, positions: Mapping[int, Json], rows: Mapping[int, int], total: int, *, finished: bool
) -> list[str]:
    """Return how the files differ from what was written; see `trio_crawl.abc.Writer.audit`. It blocks.

    Raises:
        OutputError: a file can't be read, or is not what the positions are of.
    """
    at = {number: part_and_place(position) or (1, Place()) for number, position in positions.items()}
    last = max([part for part, _ in at.values()], default=1)
    problems: list[str] = []
    for part in range(1, last + 1):
        path = template.path(part)
        places = {number: place.to_json() for number, (of, place) in at.items() if of == part}
        own = {number: rows.get(number, 0) for number in places} if rows else {}
        found = audit_file(path, places, own, 0, finished=finished or part < last)
        problems += [f"{path.name}: {one}" for one in found] if template.numbered else found
    if finished:
        foreign = [number for number in template.found() if number > last]
        problems += [f"{template.path(number).name} is foreign: it was not written" for number in foreign]
    ends = {number: (template.path(part), place) for number, (part, place) in at.items()}
    return problems or miscounted(ends, rows, total, _pages, "pages")


def _pages(batch: bytes) -> int:
    """Return of how many pages *batch* says the outcome."""
    told = f"{OUTCOME}: ".encode()
    pages = 0
    for record in Reader(Path("a batch"), lambda *_: None, held=batch).records():
        if record is not None and not record.judged and record.kind == "metadata":
            pages += any(line.startswith(told) for line in record.read(record.length).splitlines())
    return pages
