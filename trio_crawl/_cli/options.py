"""The flags of a crawl: each is the name of a keyword of ``trio_crawl.crawl``, with its default."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path  # noqa: TC003 - cyclopts looks at the annotations
from typing import Annotated, Any, Final, Literal

from cyclopts import Group, Parameter

from .._policy.politeness import Delay

_FOLLOW: Final = Group("What is followed", sort_key=2)
_LIMITS: Final = Group("When to end", sort_key=3)
_PACE: Final = Group("How politely", sort_key=4)
_NETWORK: Final = Group("How a page is fetched", sort_key=5)

ALLOW_PRIVATE: Final = "--allow-private"

EVERYTHING: Final = "all"
"""The value of ``--allow-private`` that stands for every address; the flag alone means it too."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """How one page is fetched; the same for a crawl and for ``fetch``."""

    fetch: Annotated[
        str,
        Parameter(
            metavar="CLIENT",
            group=_NETWORK,
            help="The HTTP client that makes the requests: curl, httpx or asks (which needs "
            "trio-crawl[asks]); or the path of a .warc.gz file, from which all is answered, offline.",
        ),
    ] = "curl"
    timeout: Annotated[
        float,
        Parameter(
            metavar="SECONDS",
            group=_NETWORK,
            help="Seconds for one request, waiting for its turn not counted.",
        ),
    ] = 30
    retries: Annotated[
        int,
        Parameter(metavar="N", group=_NETWORK, help="How often a request is made again where that may help."),
    ] = 2
    max_redirects: Annotated[
        int, Parameter(metavar="N", group=_NETWORK, help="Redirects followed for one page.")
    ] = 10
    max_bytes: Annotated[
        int,
        Parameter(metavar="BYTES", group=_NETWORK, help="Bytes of one page, decoded; a larger one fails."),
    ] = 10 * 1024 * 1024
    robots: Annotated[
        bool,
        Parameter(
            group=_NETWORK, negative="--no-robots", help="Whether robots.txt is asked for, and obeyed."
        ),
    ] = True
    user_agent: Annotated[
        str | None,
        Parameter(group=_NETWORK, metavar="TEXT", help="Sent as User-Agent; by default trio-crawl/VERSION."),
    ] = None
    allow_private: Annotated[
        tuple[str, ...],
        Parameter(
            group=_NETWORK,
            metavar="[=HOST]",
            show_default=False,
            help="Lets addresses be fetched that are not global, such as this machine's: all of them, or "
            "with --allow-private=HOST only those of a host, HOST:PORT or network. Repeatable.",
        ),
    ] = ()

    def keywords(self) -> dict[str, Any]:
        """Return the keyword arguments that these flags stand for."""
        found = asdict(self)
        found["allow_private"] = EVERYTHING in self.allow_private or list(self.allow_private) or False
        if self.user_agent is None:
            del found["user_agent"]
        return found


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is followed, when the crawl ends, and how politely it asks."""

    follow: Annotated[
        Literal["host", "origin", "domain", "prefix", "any"],
        Parameter(group=_FOLLOW, help="How far from the seeds links are followed."),
    ] = "host"
    include: Annotated[
        tuple[str, ...],
        Parameter(
            group=_FOLLOW,
            metavar="GLOB",
            show_default=False,
            help="Only URLs that match; * stands for any characters. Repeatable: one has to match.",
        ),
    ] = ()
    exclude: Annotated[
        tuple[str, ...],
        Parameter(
            group=_FOLLOW,
            metavar="GLOB",
            show_default=False,
            help="No URLs that match; * stands for any characters. Repeatable: none may match.",
        ),
    ] = ()
    sitemaps: Annotated[
        bool,
        Parameter(
            group=_FOLLOW,
            negative="",
            help="Whether the sitemaps of the URLs' sites are read, and the feeds that pages link to.",
        ),
    ] = False
    max_depth: Annotated[
        int | None,
        Parameter(
            metavar="N",
            group=_FOLLOW,
            help="Links from a seed; 0 fetches the seeds alone. No limit by default.",
        ),
    ] = None
    max_per_host: Annotated[
        int | None,
        Parameter(metavar="N", group=_LIMITS, help="Pages asked of one host. No limit by default."),
    ] = None
    traps: Annotated[
        bool,
        Parameter(
            group=_FOLLOW,
            negative="--no-traps",
            help="Whether links into traps are passed by: calendars without end, paths that go round.",
        ),
    ] = True
    max_links: Annotated[
        int,
        Parameter(metavar="N", group=_FOLLOW, help="Links of one page that are kept; the rest are counted."),
    ] = 10_000
    max_pages: Annotated[
        int | None, Parameter(metavar="N", group=_LIMITS, help="Pages asked for. No limit by default.")
    ] = None
    max_time: Annotated[
        float | None,
        Parameter(
            metavar="SECONDS",
            group=_LIMITS,
            help="Seconds until the crawl stops as by Ctrl-C. No limit by default.",
        ),
    ] = None
    max_failures: Annotated[
        int | None,
        Parameter(
            metavar="N",
            group=_LIMITS,
            help="Pages that may fail before the crawl gives up. No limit by default.",
        ),
    ] = None
    grace: Annotated[
        float,
        Parameter(
            metavar="SECONDS",
            group=_LIMITS,
            help="Seconds for which a crawl that has to end may write its rows.",
        ),
    ] = 5
    concurrency: Annotated[
        int, Parameter(metavar="N", group=_PACE, help="Requests at once, of all hosts.")
    ] = 64
    per_host: Annotated[int, Parameter(metavar="N", group=_PACE, help="Requests at once to one host.")] = 2
    per_address: Annotated[
        int,
        Parameter(
            metavar="N", group=_PACE, help="Requests at once to one IP address, which hosts may share."
        ),
    ] = 8
    delay: Annotated[
        float,
        Parameter(
            metavar="SECONDS",
            group=_PACE,
            help="Seconds between the starts of two requests to one host; a longer Crawl-delay is kept to.",
        ),
    ] = 0.5
    delay_by: Annotated[
        Literal["host", "address"],
        Parameter(
            group=_PACE,
            help="Whether the delay lies between two starts on one IP address, too, which hosts may share.",
        ),
    ] = "host"
    pace: Annotated[
        Literal["adaptive", "fixed"],
        Parameter(
            group=_PACE,
            help="Whether a host in trouble is asked more slowly, rests, and is given up. Not so with "
            "fixed, for your own servers; what they ask for by 429 and Retry-After counts all the same.",
        ),
    ] = "adaptive"

    def keywords(self) -> dict[str, Any]:
        """Return the keyword arguments that these flags stand for."""
        found = asdict(self)
        by = found.pop("delay_by")
        return {**found, "delay": Delay(self.delay, by=by) if by != "host" else self.delay}


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Where rows, the progress and the report go."""

    write: Annotated[
        tuple[str, ...],
        Parameter(
            name=("--write", "-o"),
            metavar="FILE",
            show_default=False,
            help="A .tsv or .csv file of links, a .jsonl file of pages (each also .gz or .zst), a .sqlite "
            "database, a .parquet folder, a .warc.gz file of what went over the wire, or a folder/ of the "
            "pages as files; {n} numbers files by size; - is standard output. Repeatable. "
            "Without it, the links go to standard output as TSV (with --json, nowhere).",
        ),
    ] = ()
    overwrite: Annotated[
        bool, Parameter(show_default=False, help="Replace files that exist and are not empty.")
    ] = False
    state: Annotated[
        Path | None,
        Parameter(
            metavar="FILE",
            help="A database that the crawl is kept in. The same command goes on where an earlier one ended.",
        ),
    ] = None
    retry_failed: Annotated[
        bool, Parameter(show_default=False, help="Ask again for pages that failed, with --state.")
    ] = False
    recrawl: Annotated[
        float | None,
        Parameter(metavar="SECONDS", help="Ask again for pages of that age, if they changed, with --state."),
    ] = None
    json: Annotated[
        bool,
        Parameter(show_default=False, help="Print the report as one JSON object to standard output."),
    ] = False
    quiet: Annotated[
        bool,
        Parameter(show_default=False, help="No progress, and no failures as they happen; only the report."),
    ] = False
    verbose: Annotated[
        int,
        Parameter(
            name=("--verbose", "-v"),
            count=True,
            show_default=False,
            help="Tell what is asked for again, and when a host is slowed or rests; -vv tells each request.",
        ),
    ] = 0
