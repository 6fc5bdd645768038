"""Crawls in processes of their own that are killed, again and again, and what they left is looked at.

A crawl is killed before its n-th *moment*: a statement of SQL, a write to a file (half of which is
done), a cut, a removed or renamed file. So each n hits a place that a random time would seldom hit;
some kills come at random times all the same. Every process is forked from one that has imported the
library already: a kill costs a tenth of a second.

The long form::

    python tests/kill_support.py --kills 2000 --seed 1
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import os
import pathlib
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import trio
from kill_rows import rows_in

import trio_crawl
import trio_crawl.fetchers
from trio_crawl.testing import MemoryWeb, Reply, serve
from trio_crawl.writers import Lines, Parquet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from trio_crawl import Hop, Page

ORIGIN: Final = "http://site.test"
PAGES: Final = 60
OUTPUTS: Final[Mapping[str, Sequence[str]]] = {
    "lines": ("links.tsv", "links.csv", "pages.jsonl"),
    "others": ("pages.jsonl.gz", "links.tsv.zst", "part-{n}.csv", "pages.sqlite", "pages.parquet"),
}
"""By the name of a set, its outputs."""
PART: Final = 2000
"""Bytes of a part, so that there are some."""
MOST_KILLS: Final = 6
"""Of one crawl; then it is let run to its end."""


# The site, and the crawl of it


def site() -> MemoryWeb:
    """Return pages that link criss-cross; some are missing, fail, lead elsewhere, or are forbidden."""
    web = MemoryWeb()
    web.robots(ORIGIN, "User-agent: *\nDisallow: /secret\n")
    for number in range(PAGES):
        targets = [f"/{(number * 4 + step + 1) % PAGES}" for step in range(4)]
        targets += ["http://elsewhere.test/", "/secret", f"/missing/{number % 5}"]
        targets += [f"/moved/{number}"] if number % 7 == 0 else []
        targets += [f"/broken/{number}"] if number % 11 == 0 else []
        if number % 3:
            web.links(f"{ORIGIN}/{number}", targets, title=f'Page {number}, "quoted"')
        else:
            web.add(f"{ORIGIN}/{number}", partial(page_with_a_validator, number, targets))
        web.add(f"{ORIGIN}/moved/{number}", redirect=f"/target/{number}")
        web.links(f"{ORIGIN}/target/{number}", [f"/{number}"], title="found")
        web.add(f"{ORIGIN}/broken/{number}", failure="protocol")
    return web


def page_with_a_validator(number: int, targets: list[str], hop: Hop) -> Reply:
    """Answer as a server does whose page never changes."""
    etag = ("ETag", f'"{number}"')
    if ("if-none-match", f'"{number}"') in {(name.lower(), value) for name, value in hop.headers}:
        return Reply(status=304, headers=(etag,))
    items = "".join(f'<a href="{target}">{target}</a>\n' for target in targets)
    text = f'<!doctype html>\n<title>Page {number}, "quoted"</title>\n{items}'
    return Reply(body=text.encode(), headers=(("Content-Type", "text/html; charset=utf-8"), etag))


def parse(page: Page) -> Iterator[object]:
    """Yield rows of the user's own, beside the links."""
    yield from page.links()
    for number in range(3):
        yield {"url": page.url, "number": number, "text": f'{page.title}\n"line two"'}


AGE: Final = 86_400.0
"""Seconds after which a page is visited again."""


def grow_old(folder: Path) -> None:
    """Set the clock of a state back, so that every page is due for another visit."""
    with closing(sqlite3.connect(folder / "crawl.db")) as state, state:
        state.execute("UPDATE urls SET fetched_at = fetched_at - ?", (2 * AGE,))


def output(folder: Path, name: str) -> Any:  # noqa: ANN401 - what `write=` takes
    """Return the output of that name, in small parts if it has parts."""
    if name == "part-{n}.csv":
        return Lines(folder / name, rotate=PART)
    if name == "pages.parquet":
        return Parquet(folder / name, part_size=PART)
    return folder / name


async def crawl_into(folder: Path, url: str, *, own_rows: bool, outputs: str) -> trio_crawl.Report:
    """Crawl the site, with a state and a set of outputs."""
    return await trio_crawl.crawl(
        f"{url}/0",
        parse=parse if own_rows else None,
        write=[output(folder, name) for name in OUTPUTS[outputs]],
        state=folder / "crawl.db",
        recrawl=AGE,
        delay=0,
        per_host=8,
        retries=0,
        allow_private=True,
    )


# In the process that is killed


@dataclass
class Doom:
    """Kills this process before its n-th moment; 0 never does."""

    at: int
    share: float
    moments: int = 0

    def moment(self) -> bool:
        """Count a moment; return whether it is the last."""
        self.moments += 1
        return self.moments == self.at

    def pass_or_die(self) -> None:
        if self.moment():
            os.kill(os.getpid(), signal.SIGKILL)

    def install(self) -> None:
        """Put it before all that makes a difference to a file. For a process that does nothing else."""
        doom = self
        connect, unlink = sqlite3.connect, pathlib.Path.unlink
        replace, truncate = pathlib.Path.replace, os.truncate

        class DoomedFile(io.FileIO):
            def write(self, data: Any, /) -> int:  # noqa: ANN401 - what a buffer may be
                if doom.moment():
                    super().write(data[: int(len(data) * doom.share)])
                    os.kill(os.getpid(), signal.SIGKILL)
                return super().write(data)

            def truncate(self, size: int | None = None, /) -> int:
                doom.pass_or_die()
                size = super().truncate(size)
                doom.pass_or_die()
                return size

        def doomed_connect(*args: Any, **keywords: Any) -> sqlite3.Connection:  # noqa: ANN401 - passed on
            connection: sqlite3.Connection = connect(*args, **keywords)
            connection.set_trace_callback(traced)
            return connection

        def traced(statement: str) -> None:
            # Of thousands alike, within one transaction, few differ.
            if not statement.startswith('INSERT INTO "'):
                doom.pass_or_die()

        def doomed_replace(path: Path, target: Path) -> Path:
            doom.pass_or_die()
            replaced = replace(path, target)
            doom.pass_or_die()
            return replaced

        def doomed_truncate(path: Path, size: int) -> None:
            doom.pass_or_die()
            truncate(path, size)
            doom.pass_or_die()

        def doomed_unlink(path: Path, missing_ok: bool = False) -> None:
            doom.pass_or_die()
            unlink(path, missing_ok=missing_ok)
            doom.pass_or_die()

        io.FileIO = DoomedFile  # type: ignore[misc]
        sqlite3.connect = doomed_connect  # type: ignore[assignment]
        pathlib.Path.unlink = doomed_unlink  # type: ignore[method-assign, assignment]
        pathlib.Path.replace = doomed_replace  # type: ignore[method-assign, assignment]
        os.truncate = doomed_truncate  # type: ignore[assignment]


def crawl_in_child(order: dict[str, Any], channel: int) -> None:
    """Make one crawl, tell what came of it, and end this process."""
    doom = Doom(order["kill"], order["share"])
    doom.install()
    logging.disable()
    try:
        report = trio.run(
            partial(
                crawl_into,
                Path(order["folder"]),
                order["url"],
                own_rows=order["own_rows"],
                outputs=order["outputs"],
            )
        )
        said: dict[str, Any] = {
            "pages": report.pages,
            "unchanged": report.unchanged,
            "failed": dict(report.failed),
            "skipped": dict(report.skipped),
            "pending": report.pending,
            "discovered": report.discovered,
            "rows": report.rows,
            "requests": report.requests,
        }
    except BaseException as error:  # noqa: ASYNC103, BLE001 - told to who asked
        said = {"error": f"{type(error).__name__}: {error}"}
    said["moments"] = doom.moments
    os.write(channel, json.dumps(said).encode())
    os._exit(0)


def crawl_on_order() -> None:
    """Read orders, a line of JSON each, and fork a process for each; the first one is killed by its time."""
    for line in sys.stdin:
        order = json.loads(line)
        told, channel = os.pipe()
        child = os.fork()
        if not child:
            os.close(told)
            crawl_in_child(order, channel)
        os.close(channel)
        if order["after"] is not None:
            time.sleep(order["after"])
            os.kill(child, signal.SIGKILL)
        with os.fdopen(told, "rb") as answer:
            text = answer.read()
        os.waitpid(child, 0)
        sys.stdout.write((text.decode() or "{}") + "\n")
        sys.stdout.flush()


async def serve_the_site() -> None:
    """Serve, and say where, until this process is ended."""
    async with trio.open_nursery() as nursery:
        url = await nursery.start(partial(serve, site(), origin=ORIGIN))
        sys.stdout.write(url + "\n")
        sys.stdout.flush()


# In the process that looks at it


@dataclass(kw_only=True)
class Crawler:
    """Runs crawls in processes of their own, one at a time."""

    url: str
    orders: IO[str]
    answers: IO[str]
    outputs: str = "lines"

    def run(
        self, folder: Path, *, own_rows: bool, kill: int = 0, share: float = 0.5, after: float | None = None
    ) -> dict[str, Any]:
        """Crawl into *folder*; return what the process told before it ended: nothing, if it was killed."""
        order = {
            "folder": str(folder),
            "url": self.url,
            "own_rows": own_rows,
            "outputs": self.outputs,
            "kill": kill,
            "share": share,
            "after": after,
        }
        self.orders.write(json.dumps(order) + "\n")
        self.orders.flush()
        said: dict[str, Any] = json.loads(self.answers.readline())
        assert "error" not in said, said["error"]
        return said


@contextmanager
def crawler(outputs: str = "lines") -> Iterator[Crawler]:
    """Start a server and a process that forks crawls, for the length of a block."""
    root = str(Path(__file__).resolve().parents[1])
    environment = {**os.environ, "PYTHONPATH": root}
    command = [sys.executable, __file__]
    with (
        subprocess.Popen(  # noqa: S603 - ourselves
            [*command, "--role=serve"], stdout=subprocess.PIPE, text=True, env=environment
        ) as server,
        subprocess.Popen(  # noqa: S603 - likewise
            [*command, "--role=crawl"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        ) as forker,
    ):
        try:
            assert server.stdout is not None
            assert forker.stdin is not None
            assert forker.stdout is not None
            url = server.stdout.readline().strip()
            yield Crawler(url=url, orders=forker.stdin, answers=forker.stdout, outputs=outputs)
        finally:
            server.kill()
            forker.kill()


def whole(folder: Path, outputs: str) -> dict[str, list[tuple[str, str]]]:
    """Return the rows of each output, sorted."""
    return {name: sorted(rows_in(folder, name)) for name in OUTPUTS[outputs]}


def left_in(folder: Path) -> list[str]:
    """Return what is in *folder*, numbered parts as one."""
    return sorted({re.sub(r"^part-\d+", "part-{n}", path.name) for path in folder.iterdir()})


def check_committed(folder: Path, outputs: str) -> int:
    """Look at what a kill left: what is before the committed position is what the state says is done.

    The state is read from a copy, so that the next crawl finds it as the kill left it.

    Returns:
        The number of visits that are done.
    """
    with tempfile.TemporaryDirectory() as name:
        for path in folder.glob("crawl.db*"):
            shutil.copy(path, name)
        with closing(sqlite3.connect(Path(name) / "crawl.db")) as state:
            if not state.execute("SELECT 1 FROM sqlite_master WHERE name = 'batches'").fetchone():
                return 0
            last = state.execute("SELECT positions FROM batches ORDER BY number DESC LIMIT 1").fetchone()
            done = state.execute("SELECT url, rows FROM urls WHERE rows <> ''").fetchall()
            (books,) = state.execute("SELECT max(value) FROM facts WHERE name = 'books'").fetchone()
            marks = dict(state.execute("SELECT status, count(*) FROM urls GROUP BY status"))
            waiting = dict(state.execute("SELECT name, pending FROM hosts WHERE pending"))
            pending = dict(
                state.execute(
                    "SELECT name, count(*) FROM urls JOIN hosts ON hosts.id = host"
                    " WHERE status = 0 GROUP BY 1"
                )
            )
            passed = state.execute("SELECT count(*) FROM passed").fetchone()[0]
    if last is None:
        return 0
    for place, (name, position) in enumerate(zip(OUTPUTS[outputs], json.loads(last[0]), strict=True)):
        found = Counter(url for url, _ in rows_in(folder, name, position))
        said = {url: sum(int(visit.split()[place]) for visit in visits_in(rows)) for url, rows in done}
        assert found == Counter({url: rows for url, rows in said.items() if rows}), name
    counted = json.loads(books)
    assert waiting == pending
    assert counted["pages"] == marks.get(1, 0)
    assert sum(counted["failed"].values()) == marks.get(2, 0)
    assert sum(counted["skipped"].values()) == marks.get(3, 0) + passed
    assert counted["discovered"] == sum(marks.values()) + passed
    return sum(len(visits_in(rows)) for _, rows in done)


def visits_in(rows: str) -> list[str]:
    """Return the numbers of rows of each visit of a page."""
    return [visit for visit in rows.split(" + ") if visit]


@dataclass
class Sweep:
    """What a sweep came to."""

    kills: int = 0
    crawls: int = 0
    resumed: int = 0
    """Kills of a crawl that went on from an earlier one, with pages done."""
    late: int = 0
    """Kills that came when the crawl had ended already."""
    kinds: Counter[str] = field(default_factory=Counter)


NUMBERS: Final = ("pages", "unchanged", "rows", "failed", "skipped", "pending", "discovered")


def sweep(  # noqa: PLR0913 - what a sweep is made of
    crawls: Crawler, root: Path, *, kills: int, seed: int, own_rows: bool, rounds: int = 1
) -> Sweep:
    """Kill crawls at seeded moments, up to so many in all, and look at what is left each time.

    Args:
        crawls: makes them.
        root: a folder for their files.
        kills: after how many to end.
        seed: of the moments.
        own_rows: whether a parser of the user's makes the rows.
        rounds: how often each page is visited; the kills come in the last round.
    """
    chance = random.Random(seed)  # noqa: S311 - moments to kill at
    plain = root / f"undisturbed-{seed}"
    plain.mkdir()
    began = time.monotonic()
    undisturbed = _visited(crawls, plain, own_rows=own_rows, rounds=rounds)
    took = (time.monotonic() - began) / rounds
    expected = whole(plain, crawls.outputs)
    assert (undisturbed["unchanged"] > 0) == (rounds > 1)
    result = Sweep()
    while result.kills < kills:
        folder = root / f"killed-{seed}-{result.crawls}"
        folder.mkdir()
        if rounds > 1:
            _visited(crawls, folder, own_rows=own_rows, rounds=rounds - 1)
            grow_old(folder)
        result.crawls += 1
        most = min(chance.randrange(1, MOST_KILLS + 1), kills - result.kills)
        ways = [_way_to_die(chance, undisturbed["moments"], took) for _ in range(most)]
        history = _kill(crawls, folder, ways, result, own_rows=own_rows)
        note = f"killed {', '.join(history)} (seed {seed}); left in {folder}"
        said = crawls.run(folder, own_rows=own_rows)
        assert whole(folder, crawls.outputs) == expected, note
        assert {name: said[name] for name in NUMBERS} == {name: undisturbed[name] for name in NUMBERS}, note
        again = crawls.run(folder, own_rows=own_rows)
        assert again["requests"] == said["requests"], note
        assert left_in(folder) == sorted([*OUTPUTS[crawls.outputs], "crawl.db"]), note
        shutil.rmtree(folder)
    return result


def _visited(crawls: Crawler, folder: Path, *, own_rows: bool, rounds: int) -> dict[str, Any]:
    """Crawl undisturbed, so many times; return what the last crawl told."""
    for number in range(rounds):
        if number:
            grow_old(folder)
        said = crawls.run(folder, own_rows=own_rows)
    return said


def _way_to_die(chance: random.Random, moments: int, took: float) -> dict[str, Any]:
    """Return when a crawl is to be killed, as `Crawler.run` takes it."""
    if chance.random() < 0.15:
        return {"after": chance.uniform(0, took)}
    # Early moments often: there a crawl is resumed, and little is done before.
    moment = chance.randrange(1, max(2, int(moments * chance.choice((0.1, 0.5, 1)))))
    return {"kill": moment, "share": chance.random()}


def _kill(
    crawls: Crawler, folder: Path, ways: list[dict[str, Any]], result: Sweep, *, own_rows: bool
) -> list[str]:
    """Kill a crawl in each of these ways, unless it ends before, and look at what is left; return them."""
    history: list[str] = []
    done = check_committed(folder, crawls.outputs) if (folder / "crawl.db").exists() else 0
    for way in ways:
        history.append(str(way))
        if crawls.run(folder, own_rows=own_rows, **way):
            result.late += 1
            break
        result.kills += 1
        result.resumed += done > 0
        result.kinds["time" if "after" in way else "moment"] += 1
        try:
            before, done = done, check_committed(folder, crawls.outputs)
            assert done >= before, "what was committed is gone"
        except Exception as error:
            error.add_note(f"killed {', '.join(history)}; left in {folder}")
            raise
    return history


def main() -> None:
    """Do what the command line says: a sweep, or what a sweep starts."""
    parser = argparse.ArgumentParser(
        description="Kill crawls, and compare their rows with an undisturbed one's."
    )
    parser.add_argument("--kills", type=int, default=500, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments (default: %(default)s)")
    parser.add_argument(
        "--rounds", type=int, default=2, help="visits of each page; 1 or more (default: %(default)s)"
    )
    parser.add_argument(
        "--outputs", choices=OUTPUTS, default="lines", help="which set of them (default: %(default)s)"
    )
    parser.add_argument(
        "--role", choices=("sweep", "serve", "crawl"), default="sweep", help=argparse.SUPPRESS
    )
    said = parser.parse_args()
    if said.role == "serve":
        trio.run(serve_the_site)
    elif said.role == "crawl":
        crawl_on_order()
    else:
        with crawler(said.outputs) as crawls, tempfile.TemporaryDirectory(prefix="trio-crawl-kills-") as root:
            forms = [(own_rows, rounds) for own_rows in (False, True) for rounds in range(1, said.rounds + 1)]
            for number, (own_rows, rounds) in enumerate(forms):
                began = time.monotonic()
                result = sweep(
                    crawls,
                    Path(root),
                    kills=said.kills // len(forms),
                    seed=len(forms) * said.seed + number,
                    own_rows=own_rows,
                    rounds=rounds,
                )
                seconds = time.monotonic() - began
                name = f"{'own rows' if own_rows else 'links'}, visit {rounds}"
                sys.stdout.write(f"{name}: {result}, {seconds:.0f} s\n")


if __name__ == "__main__":
    main()
