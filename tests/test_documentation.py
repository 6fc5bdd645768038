"""The code in README.md and docs/ runs.

Each ``python`` block is executed, in the order of its document and with the names
that the blocks before it made, as a reader would; ``await`` may stand at the top.
The crawls go to a web in memory, whatever site they name, and under a clock that
jumps. Each block runs in a fresh folder that holds ``urls.txt``, and can import
``my_parsers``. A block after the line ``<!-- not run: reason -->`` is compiled only.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any, Final

import pytest
import trio
from trio.testing import MockClock

import trio_crawl
from trio_crawl import aio
from trio_crawl.testing import MemoryWeb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT: Final = Path(__file__).resolve().parents[1]
DOCUMENTS: Final = sorted(
    path for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")] if path.exists()
)
SITES: Final = ("docs.python.org", "example.org", "example.com", "www.example.org", "queue.internal")
QUOTES: Final = "https://quotes.toscrape.com"
LONGEST: Final = 7 * 24 * 3600  # seconds of the jumping clock that a block may take

FENCE: Final = re.compile(
    r"^(?P<skip><!-- not run: \S.* -->\n+)?```(?P<language>\w+)[^\n]*\n(?P<code>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block of code of a document, at the place where it stands there."""

    document: Path
    line: int
    language: str
    code: str
    runs: bool

    def compiled(self) -> CodeType:
        """Return the code, with the document's own line numbers in its tracebacks."""
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        made = compile(
            "\n" * self.line + self.code, str(self.document), "exec", flags=flags, dont_inherit=True
        )
        assert isinstance(made, CodeType)
        return made


def blocks(document: Path) -> Iterator[Block]:
    """Find the blocks of code in a document."""
    text = document.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        yield Block(
            document=document,
            line=text.count("\n", 0, found.start("code")),
            language=found["language"],
            code=found["code"],
            runs=found["skip"] is None,
        )


def the_web() -> MemoryWeb:
    """Make the sites that the documents crawl: small ones, whatever is asked for."""
    web = MemoryWeb()
    for site in SITES:
        web.links(f"https://{site}/", ["/3/", "/new", "/missing"], title=f"The site {site}")
        web.links(f"https://{site}/3/", ["/3/library/", "/3/tutorial/", "https://example.org/"], title="3")
        web.otherwise(f"https://{site}", lambda hop: f"<title>{hop.url}</title><a href=/>home</a>")
        web.add(f"https://{site}/missing", status=404)
        web.robots(f"https://{site}", "User-agent: *\nDisallow: /private/\n")
    for number in (1, 2, 3):
        more = f"<li class=next><a href=/page/{number + 1}/>next</a>" if number < 3 else ""
        web.add(
            f"{QUOTES}/page/{number}/" if number > 1 else f"{QUOTES}/",
            f"<title>Quotes {number}</title><div class=quote><span class=text>Quote {number}</span>"
            f"<small class=author>Somebody</small><a class=tag href=/tag/x/>x</a></div>{more}",
        )
    return web


def in_memory(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap one of the library's functions so that what would go to a network goes to `the_web`."""

    @functools.wraps(function)
    def call(*args: object, **options: object) -> object:
        fetch = options.get("fetch", "curl")
        if isinstance(fetch, str) or type(fetch).__module__.startswith("trio_crawl._fetch"):
            options["fetch"] = the_web()
        return function(*args, **options)

    return call


def under_a_jumping_clock(run: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `trio.run` so that nothing waits, and nothing lasts for ever."""

    async def bounded(function: Callable[..., Any], *args: object) -> object:
        with trio.fail_after(LONGEST):
            return await function(*args)

    def call(function: Callable[..., Any], *args: object, **options: Any) -> object:  # noqa: ANN401 - trio's
        if threading.current_thread() is not threading.main_thread():
            return run(function, *args, **options)  # another thread is waited for, which a clock can't see
        options["clock"] = MockClock(autojump_threshold=0)
        return run(bounded, function, *args, **options)

    return call


def execute(document: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run the Python of a document; return how many blocks that were."""
    for module, names_of in (
        (trio_crawl, ("crawl", "open_crawl", "fetch_page", "run", "collect", "iterate")),
        (aio, ("crawl", "open_crawl", "fetch_page")),
    ):
        for name in names_of:
            monkeypatch.setattr(module, name, in_memory(getattr(module, name)))
    monkeypatch.setattr(trio, "run", under_a_jumping_clock(trio.run))
    names: dict[str, Any] = {
        "__name__": "__main__",
        "trio": trio,
        "trio_crawl": trio_crawl,
        "seeds": ["https://example.org/"],
    }
    monkeypatch.syspath_prepend(folder)
    (folder / "my_parsers.py").write_text("def parse_product(page):\n    yield {'title': page.title}\n")
    ran = 0
    for block in blocks(document):
        if block.language != "python":
            continue
        code = block.compiled()
        if not block.runs:
            continue
        place = folder / str(block.line)
        place.mkdir()
        (place / "urls.txt").write_text("# where to begin\nhttps://example.org/\n\nhttps://example.com/\n")
        monkeypatch.chdir(place)
        result = eval(code, names)  # noqa: S307 - our own documentation
        if inspect.iscoroutine(result):
            trio.run(functools.partial(_awaited, result))
        ran += 1
    return ran


async def _awaited(coroutine: Any) -> None:  # noqa: ANN401 - of whatever a block is
    await coroutine


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_code_of_a_document_runs(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every Python block of the document runs, or says beside it why it doesn't."""
    execute(document, tmp_path, monkeypatch)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_documents_links_lead_somewhere(document: Path) -> None:
    """Every relative link of the document names a file that exists."""
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", document.read_text(encoding="utf-8"))
    assert [target for target in targets if not (document.parent / target).exists()] == []


def test_the_readme_shows_an_example_and_two_commands() -> None:
    """README.md has code that runs, the command of the demonstration and the command of the tests."""
    found = list(blocks(ROOT / "README.md"))
    shell = "".join(block.code for block in found if block.language in {"sh", "shell", "bash", "console"})
    assert any(block.language == "python" and block.runs for block in found)
    install = "python3 -m venv .venv && .venv/bin/pip install"
    assert f"{install} '.[cli]' && .venv/bin/trio-crawl demo\n" in shell
    assert f"{install} -e '.[test]' && .venv/bin/pytest\n" in shell


# The runner itself.

SAMPLE: Final = """
# A page

```python
import trio, trio_crawl

async def main():
    report = await trio_crawl.crawl("https://docs.python.org/3/", write="found.tsv", max_depth=1)
    found.append(report)

found = []
trio.run(main)
```

The names go on, `await` may stand at the top, and a browser's name is no matter:

```python
from trio_crawl import fetch_page

page = await fetch_page("https://quotes.toscrape.com/", fetch="httpx")
assert page.title == "Quotes 1"
assert found[0].pages == 3
```

<!-- not run: it needs a machine that is not there -->
```python
await trio_crawl.crawl(nowhere)
```

```sh
exit 1
```
"""


def test_a_sample_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a document the Python blocks run, in order, against the web in memory."""
    document = tmp_path / "sample.md"
    document.write_text(SAMPLE)
    assert execute(document, tmp_path, monkeypatch) == 2
    assert len(list(tmp_path.glob("*/found.tsv"))) == 1


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("1 / 0", ZeroDivisionError),
        ("await trio.sleep_forever()", trio.TooSlowError),
        ("trio.run(trio.sleep_forever)", trio.TooSlowError),
        ("<!-- -->", SyntaxError),
    ],
)
def test_what_is_wrong_with_a_block_comes_out(
    code: str, error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A block that fails, that never ends, or that is no Python fails its document."""
    document = tmp_path / "sample.md"
    document.write_text(f"Text.\n\n```python\n{code}\n```\n")
    with pytest.raises(error) as caught:
        execute(document, tmp_path, monkeypatch)
    if error is ZeroDivisionError:
        assert (caught.traceback[-1].path, caught.traceback[-1].lineno) == (document, 3)


def test_a_block_that_is_not_run_must_still_be_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a document does not run is compiled, and only a reason excuses a block."""
    document = tmp_path / "sample.md"
    document.write_text("<!-- not run: later -->\n```python\nno python\n```\n")
    with pytest.raises(SyntaxError):
        execute(document, tmp_path, monkeypatch)
    document.write_text("<!-- not run: -->\n```python\nmissing\n```\n")
    with pytest.raises(NameError):
        execute(document, tmp_path, monkeypatch)
