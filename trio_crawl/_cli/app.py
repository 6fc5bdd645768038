"""The commands: arguments in, exit status out."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Final

import trio
from cyclopts import App, CycloptsError, Parameter

from .._crawl import __version__, crawl, fetch_page
from .._errors import UsageError
from .._export import export as exporting
from . import check as checking, demo as demonstration, page as pages
from .options import ALLOW_PRIVATE, EVERYTHING, Limits, Network, Output
from .progress import show_lines, show_live, show_nothing, showing_log
from .run import supervise, supervise_crawl
from .seeds import seeds_of
from .terminal import (
    Messages,
    Results,
    abandon_output,
    explain,
    put,
    put_bytes,
    rows_beside,
    safe,
    tell,
    tell_error,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rich.console import Console

    from .._crawl import Control
    from .._model import Page, Report
    from .run import Ending
    from .terminal import RowsBeside

MOST_SHOWN: Final = 10_000
"""Hosts that a report on standard output has at most; a state has all."""

DONE: Final = 0
FAILED: Final = 1
WRONG_USAGE: Final = 2
_SIGNALLED: Final = 128
"""What a shell adds to the number of the signal that ended a program."""

_HELP: Final = """\
Crawl web sites from URLs on, and write what was found.

Links are followed on the hosts of the URLs, politely: robots.txt is obeyed, and half a second lies \
between two requests to a host. Ctrl-C stops when what is in flight is finished; a second one drops it.

Exit status: 0 done, 1 the crawl could not be done or no page was fetched, 2 wrong usage, 130 and 143 \
interrupted.
"""

_USAGE: Final = """\
Usage: trio-crawl URL... [-o FILE] [OPTIONS]
       trio-crawl fetch URL [OPTIONS]
       trio-crawl check STATE OUTPUT...
       trio-crawl export FILE... -o FILE
       trio-crawl demo"""

_TAKE_A_FILE: Final = ("-o", "--write", "--seeds")

_OUTPUT: Final = Output()
_LIMITS: Final = Limits()
_NETWORK: Final = Network()

app: Final = App(
    name="trio-crawl",
    help=_HELP,
    usage=_USAGE,
    version=f"trio-crawl {__version__}",
    help_format="plaintext",
    console=Results(),
    default_parameter=Parameter(negative=()),
)


def run(arguments: Sequence[str]) -> int:
    """Run the command line, and return its exit status; nothing that a user can cause is raised."""
    try:
        status = app(
            _spelled_out(arguments), exit_on_error=False, print_error=False, result_action="return_value"
        )
    except CycloptsError as error:
        command = " ".join(("trio-crawl", *(error.command_chain or ())))
        tell_error(f"{explain(error)} (see {command} --help)")
        return WRONG_USAGE
    except UsageError as error:
        tell_error(explain(error))
        return WRONG_USAGE
    except KeyboardInterrupt:
        return _SIGNALLED + signal.SIGINT
    except BrokenPipeError:
        # A reader that has seen enough (`| head`) is no error.
        abandon_output()
        return DONE
    return status if isinstance(status, int) else DONE


@app.default
def crawl_command(
    *urls: Annotated[str, Parameter(help="Where to begin; redirects of these are followed anywhere.")],
    seeds: Annotated[
        str | None,
        Parameter(
            metavar="FILE", help="A file of further URLs to begin at, one a line; - is standard input."
        ),
    ] = None,
    output: Output = _OUTPUT,
    limits: Limits = _LIMITS,
    network: Network = _NETWORK,
) -> int:
    """Crawl from URLs on, and write what was found."""
    writes = output.write or (() if output.json else ("-",))
    if output.json and "-" in writes:
        msg = "--json and -o - both want standard output; give the rows a file"
        raise UsageError(msg)
    ready = partial(
        crawl,
        seeds_of(urls, seeds),
        write=list(writes),
        overwrite=output.overwrite,
        state=output.state,
        retry_failed=output.retry_failed,
        recrawl=output.recrawl,
        **limits.keywords(),
        **network.keywords(),
    )
    console = Messages()
    if output.quiet and output.verbose:
        msg = "--quiet and --verbose exclude each other; give one of them"
        raise UsageError(msg)
    show = _progress(console, quiet=output.quiet, rows=rows_beside(writes))
    with showing_log(console, quiet=output.quiet, verbose=output.verbose):
        ending = trio.run(partial(supervise_crawl, ready, show=show, say=partial(tell, console)))
    if isinstance(ending.error, BrokenPipeError) and writes == ("-",):
        raise ending.error
    if ending.result is not None:
        _print_report(ending.result, as_json=output.json)
    return _status(ending, pages=ending.result.pages if ending.result else 0)


@app.command(name="fetch")
def fetch_command(
    url: Annotated[str, Parameter(help="The page.")],
    /,
    *,
    as_json: Annotated[
        bool, Parameter(name="--json", show_default=False, help="Print the page as one JSON object.")
    ] = False,
    links: Annotated[bool, Parameter(show_default=False, help="Print its links, one a line.")] = False,
    body: Annotated[
        bool, Parameter(show_default=False, help="Print its content, decoded, as it is.")
    ] = False,
    network: Network = _NETWORK,
) -> int:
    """Fetch one page as a crawl would, and show its status, headers, title, links and text."""
    if as_json + links + body > 1:
        msg = "--json, --links and --body exclude each other; give one of them"
        raise UsageError(msg)
    console = Messages()
    work = partial(fetch_page, url, **network.keywords())
    # The one failure that there can be is told as an error.
    with showing_log(console, quiet=True):
        ending = trio.run(partial(supervise, work, say=partial(tell, console)))
    if ending.result is not None:
        _print_page(ending.result, as_json=as_json, links=links, body=body)
    return _status(ending, pages=1)


@app.command(name="check")
def check_command(
    state: Annotated[str, Parameter(help="What --state named.")],
    /,
    *outputs: Annotated[str, Parameter(help="Files that the crawl wrote, which -o named.")],
) -> int:
    """Compare a state's accounts, and every byte and row of its outputs, with what was written.

    Changes nothing, and may be run beside the crawl. The status is 0 if all is well, and 1 if not.
    """
    findings = checking.check(state, outputs)
    put("".join(f"{safe(line)}\n" for line in findings.lines()))
    return FAILED if findings.problems else DONE


@app.command(name="export")
def export_command(
    *sources: Annotated[str, Parameter(help="What a crawl wrote: archives, rows, a state, or a mirror.")],
    target: Annotated[
        str,
        Parameter(
            name=("-o", "--target"),
            metavar="FILE",
            help="What to make of them, by its suffix: of archives a .cdxj index or a .wacz package; of "
            "links, pages or a state a .graphml file, or a .tsv or .csv list of edges; of a mirror a folder/ "
            "that opens in a browser.",
        ),
    ],
    overwrite: Annotated[bool, Parameter(show_default=False, help="Replace what is there.")] = False,
) -> int:
    """Make of what a crawl wrote what other tools read: an index, a package, a graph, a site."""
    put(f"{exporting.export(sources, target, datetime.now(UTC), overwrite=overwrite)}\n")
    return DONE


@app.command(name="demo")
def demo_command(
    *,
    quiet: Annotated[bool, Parameter(show_default=False, help="No progress.")] = False,
) -> int:
    """Serve a small site on this machine, crawl it, and write found.tsv to this folder."""
    console = Messages()
    say = partial(tell, console)
    with showing_log(console, quiet=quiet):
        ending = trio.run(partial(demonstration.run, show=_progress(console, quiet=quiet), say=say))
    if ending.result is not None:
        put(demonstration.account(ending.result))
    return _status(ending, pages=ending.result.pages if ending.result else 0)


def _spelled_out(arguments: Sequence[str]) -> list[str]:
    """Return *arguments* as the parser reads them right.

    A bare ``--allow-private`` gets its value, so that no URL is taken for one; and
    a ``-`` is joined to its flag, since alone it looks like one itself.
    """
    options = list(arguments[: arguments.index("--")] if "--" in arguments else arguments)
    spelled: list[str] = []
    for argument in options:
        if argument == "-" and spelled and spelled[-1] in _TAKE_A_FILE:
            spelled[-1] += "=-"
        else:
            spelled.append(f"{ALLOW_PRIVATE}={EVERYTHING}" if argument == ALLOW_PRIVATE else argument)
    return [*spelled, *arguments[len(options) :]]


def _progress(
    console: Console, *, quiet: bool, rows: RowsBeside = "nowhere"
) -> Callable[[Control], Awaitable[None]]:
    """Return what shows the progress: nothing where *rows* scroll over the same terminal.

    What reads a pipe may write to it as well (``| cat``, ``| head``): there, nothing is drawn over.
    """
    if quiet or rows == "terminal":
        return show_nothing
    live = sys.stderr.isatty() and console.is_terminal and not console.is_dumb_terminal and rows == "nowhere"
    return partial(show_live if live else show_lines, console=console)


def _status(ending: Ending[Any], *, pages: int) -> int:
    """Print what went wrong, and return the exit status."""
    if ending.error is not None:
        tell_error(explain(ending.error))
    if ending.caught is not None:
        return _SIGNALLED + ending.caught
    if ending.error is not None:
        return WRONG_USAGE if isinstance(ending.error, UsageError) else FAILED
    return DONE if pages else FAILED


def _print_report(report: Report, *, as_json: bool) -> None:
    if as_json:
        put(json.dumps(_plain(report)) + "\n")
    else:
        sys.stderr.write(f"{report}\n")
        sys.stderr.flush()


def _plain(value: object) -> Any:  # noqa: ANN401 - JSON
    """Return a report as JSON can say it, under the names of its fields."""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in islice(value, MOST_SHOWN)]
    return value.isoformat() if isinstance(value, datetime) else value


def _print_page(page: Page, *, as_json: bool, links: bool, body: bool) -> None:
    if body:
        put_bytes(page.content)
    elif links:
        put(pages.as_links(page))
    else:
        put(pages.as_json(page) if as_json else pages.as_text(page))
