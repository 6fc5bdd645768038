"""What is exported to what: the suffix of the target says it."""

from __future__ import annotations

from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .._errors import OutputError, UsageError
from .._write.file_names import MAP
from .._write.warc_file import archive_files
from .cdxj import write_cdxj
from .graph import Graph, read_graph, write_edges, write_graphml
from .places import replacing
from .site import write_site
from .wacz import write_wacz

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

_TARGETS: Final = (
    ".cdxj or .wacz (of archives); .graphml, .tsv or .csv (of links); or a slash at the end (of a mirror)"
)


def export(sources: Sequence[str], target: str, now: datetime, *, overwrite: bool = False) -> str:
    """Make *target* of *sources*, and return in words what was made. It blocks.

    Args:
        sources: paths of archives, or of rows or a state.
        target: where to; its suffix says what.
        now: the present moment, aware.
        overwrite: replace what is there.

    Raises:
        UsageError: a source can't be read, or they do not go with the target.
        OutputError: the target exists, or can't be written.
    """
    suffix = Path(target).suffix.lower()
    if not sources:
        raise UsageError("there is nothing to export; name what a crawl wrote")
    if target.endswith("/"):
        return _export_mirror(sources, Path(target), overwrite=overwrite)
    if suffix in {".cdxj", ".wacz"}:
        archives = [path for source in sources for path in archive_files(source)]
        with _made(target, overwrite=overwrite) as path:
            return _export_archives(archives, path, suffix, now)
    if suffix in {".graphml", ".tsv", ".csv"}:
        with closing(Graph()) as graph:
            for source in sources:
                read_graph(Path(source), graph)
            with _made(target, overwrite=overwrite) as path:
                write = write_graphml if suffix == ".graphml" else write_edges
                write(graph, path)
            nodes, edges = (sum(1 for _ in found) for found in (graph.nodes(), graph.edges()))
        return f"{nodes:,} URLs and {edges:,} links to {target}"
    raise UsageError(f"{target}: the suffix says what to make: it is {_TARGETS}")


def _export_mirror(sources: Sequence[str], target: Path, *, overwrite: bool) -> str:
    if len(sources) != 1 or not (Path(sources[0]) / MAP).is_file():
        raise UsageError(
            f"a site is made of one mirror: a folder with {MAP} in it, which write='mirror/' makes"
        )
    if target.exists() and not overwrite and any(target.iterdir()):
        raise OutputError(f"{target} is not empty; --overwrite writes to it all the same")
    try:
        site = write_site(Path(sources[0]), target)
    except OSError as error:
        raise OutputError(f"{target} can't be written: {error}") from error
    return f"{site.files:,} files to {target}" + (f"; open {target / site.first}" if site.first else "")


def _export_archives(archives: Sequence[Path], path: Path, suffix: str, now: datetime) -> str:
    number = write_cdxj(archives, path) if suffix == ".cdxj" else write_wacz(archives, path, now)
    return f"{number:,} captures of {len(archives):,} archives"


@contextmanager
def _made(target: str, *, overwrite: bool) -> Iterator[Path]:
    """Give a path to write to, which becomes *target* when all is written, and is gone otherwise.

    Raises:
        OutputError: *target* exists and is not to be overwritten, or can't be written.
    """
    try:
        with replacing(Path(target), overwrite=overwrite) as part:
            yield part
    except OSError as error:
        raise OutputError(f"{target} can't be written: {error.strerror}") from error
