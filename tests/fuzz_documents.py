"""Put random documents through every method of the HTML engine that is called: a program of its own.

``python tests/fuzz_documents.py --documents 2000000 --log FILE`` makes documents of 1 to 16 KB
from numbers, so that each can be made again, and reads them in a child process that may take 1 GiB
of memory. It is watched from here: when it crashes, or takes more than ten seconds for a
document, the document is made smaller as long as that stays so, written to a file, and named. What
was done is kept in the log, from where the next run goes on.
"""

from __future__ import annotations

import argparse
import mmap
import os
import random
import resource
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import turbohtml

if TYPE_CHECKING:
    from collections.abc import Callable

MEMORY: Final = 1 << 30
SLOWEST: Final = 10.0
CHUNK: Final = 20_000
"""Documents that one process reads."""

_MOST: Final = 100
"""Elements of a document that are asked one by one."""

_TAG_NAMES: Final = (
    "html head body title base link meta style script noscript template slot div p span a area b i u em font "
    "nobr big code s tt h1 h2 ul ol li dl dt dd table caption colgroup col tbody thead tfoot tr td th form "
    "input button select option optgroup datalist textarea fieldset legend label iframe frame frameset "
    "noframes img picture source video audio object param embed applet marquee svg g path foreignObject desc "
    "use image math mi mo mn ms mtext annotation-xml mglyph malignmark ruby rb rt rtc rp pre listing xmp "
    "plaintext hr br wbr main article nav header footer aside section details summary dialog menu address "
    "center search x-y isindex keygen menuitem bgsound basefont spacer blink"
)
_TAGS: Final = _TAG_NAMES.split()
_ATTRIBUTE_NAMES: Final = (
    "href src id class rel name content http-equiv charset property type lang xml:lang xlink:href srcset "
    "imagesrcset srcdoc action formaction shadowrootmode shadowrootdelegatesfocus slot hreflang media "
    "encoding definitionurl viewbox hidden data-x style dir value checked xmlns xmlns:x x:y a"
)
_NAMES: Final = _ATTRIBUTE_NAMES.split()
_VALUES: Final = (
    "",
    "/a?b=c#d",
    "http://h/",
    "../x",
    "open",
    "closed",
    "q",
    "a b a",
    "refresh",
    "0;url=x",
    "robots",
    "text/html",
    "application/xhtml+xml",
    "&lt;p&gt;&lt;a href=x&gt;",
    "&amp;amp;lt;",
    "hidden",
    "x" * 300,
    "\u00e9\U0001f600\ud7ff",
    "http://www.w3.org/1999/xhtml",
    "http://www.w3.org/2000/svg",
    "1x, b 2x",
)
_PIECES: Final = (
    "x ",
    "text ",
    "\n",
    "\t",
    "&amp;",
    "&lt;",
    "&notin;",
    "&#0;",
    "&#xD800;",
    "&#x110000;",
    "&CounterClockwiseContourIntegral;",
    "&",
    "<",
    ">",
    "</",
    "<!",
    "<?",
    "/>",
    "<!-- c -->",
    "<!--",
    "-->",
    "--!>",
    "<!-->",
    "<![CDATA[",
    "]]>",
    "]]",
    "<!DOCTYPE html>",
    '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "u">',
    "<!DOCTYPE a [<!ENTITY b 'c'>]>",
    "<?xml version='1.0'?>",
    "<?p i?>",
    "\0",
    "\r\n",
    "\f",
    "\u00a0",
    "\ufeff",
    "\u00e9",
    "\u4e2d",
    "\U0001f600",
    "\uffff",
    "'",
    '"',
    "=",
    "a=",
    "<a b='",
    "<p b=",
    "Lorem ipsum, dolor sit amet, consectetur adipisici elit, sed eiusmod tempor. ",
)
_SELECTORS: Final = (
    "a, area, base, svg, iframe, frame, noscript, template, meta",
    "div > p a[href]",
    "li:nth-child(2n+1)",
    ":not(p) ~ *",
    "body :has(a)",
    "*",
    "p:first-of-type + *",
    "[rel~=a]",
)
_PATHS: Final = (
    "//a/@href",
    "//*[@href or @src]",
    "count(//*)",
    "string(//body)",
    "boolean(//p[2])",
    "//text()",
    "//p/following-sibling::*[1]",
    "//*[contains(., 'x')][last()]",
)
_WHOLE: Final[tuple[Callable[[turbohtml.Document], object], ...]] = (
    turbohtml.Document.main_content,
    lambda tree: tree.html,
    lambda tree: tree.find_all("a", limit=10),
    turbohtml.Document.to_markdown,
    turbohtml.Document.serialize,
)


def document(seed: int) -> str:
    """Return the document of a number."""
    chance = random.Random(seed)  # noqa: S311 - any numbers will do
    size = int(1024 * 16 ** chance.random())
    kind = seed % 8
    if kind == 0:  # one shape, again and again
        unit = "".join(token(chance) for _ in range(chance.randint(1, 6)))
        text = (unit * (size // max(1, len(unit)) + 1))[:size]
        return token(chance) + text if chance.random() < 0.5 else text
    if kind == 1:  # what is opened, then what is closed
        tags = [chance.choice(_TAGS) for _ in range(chance.randint(1, 5))]
        count = size // (6 * len(tags)) + 1
        opened = "".join(f"<{tag}>" for tag in tags) * count
        closed = "".join(f"</{tag}>" for tag in (reversed(tags) if chance.random() < 0.5 else tags)) * count
        return (opened + token(chance) + closed)[: size * 2]
    pool = [token(chance) for _ in range(chance.choice((12, 60, 200)))]
    pieces: list[str] = []
    length = 0
    while length < size:
        some = chance.choices(pool, k=20)
        pieces += some
        length += sum(map(len, some))
    if kind == 2:  # well-formed, or nearly so
        return _well_formed(chance, size)
    text = "".join(pieces)[:size]
    if kind in {3, 4}:  # mutated
        text = _mutated(chance, _page(chance, text))
    return text


def token(chance: random.Random) -> str:
    which = chance.random()
    if which < 0.45:
        return _start(chance)
    if which < 0.7:
        return f"</{chance.choice(_TAGS)}>"
    return chance.choice(_PIECES)


def _start(chance: random.Random) -> str:
    attributes = ""
    while chance.random() < 0.4:
        quote = chance.choice(('"', '"', "'", ""))
        attributes += f" {chance.choice(_NAMES)}={quote}{chance.choice(_VALUES)}{quote}"
    return f"<{chance.choice(_TAGS)}{attributes}{chance.choice(('', '', '', '/', ' /'))}>"


def _page(chance: random.Random, text: str) -> str:
    """Return a page as people make them, with *text* somewhere in it."""
    items = "".join(f'<li class="n a{n}"><a rel=x href="/p/{n}?q={n}">Page {n}</a></li>' for n in range(20))
    parts = [
        "<!doctype html><html lang=de><head><title>T &amp; u</title><base href='/b/'>",
        "<meta charset=utf-8><meta name=robots content=none>",
        "<noscript><meta http-equiv=refresh content='0;x'><link rel=canonical href=c></noscript>",
        "</head><body>",
        f"<nav><ul>{items}</ul></nav><main><article><h1>H</h1><p>Some text, with words.</p>",
        "<div><template shadowrootmode=open><slot name=q><a href=f>f</a></slot><slot></slot></template>",
        "<b slot=q>s</b>t</div>",
        "<noscript><p><a href=n>n<img src=i></noscript><iframe srcdoc='<a href=z>z</a>'></iframe>",
        "<svg><a xlink:href=s><title>t</title></a></svg><table><tr><td>1<td rowspan=3>2</table>",
        "</article></main></body></html>",
    ]
    parts.insert(chance.randrange(len(parts) + 1), text)
    return "".join(parts)


def _well_formed(chance: random.Random, size: int) -> str:
    pieces = [
        "<?xml version='1.0'?>",
        "<html xmlns='http://www.w3.org/1999/xhtml' xmlns:x='u' xmlns:xlink='http://www.w3.org/1999/xlink'>",
    ]
    opened = ["html"]
    length = 0
    while length < size:
        which = chance.random()
        if which < 0.4:
            tag = chance.choice(_TAGS)
            names = chance.sample(_NAMES, chance.randrange(4))
            attributes = "".join(f' {name}="{chance.choice(_VALUES)}"' for name in names)
            if chance.random() < 0.3:
                piece = f"<{tag}{attributes}/>"
            else:
                piece = f"<{tag}{attributes}>"
                opened.append(tag)
        elif which < 0.75 and len(opened) > 1:
            piece = f"</{opened.pop()}>"
        else:
            piece = chance.choice(("x", "&amp;", "&#233;", "<!-- c -->", "<![CDATA[<d>]]>", "<?p i?>", "\n"))
        pieces.append(piece)
        length += len(piece)
    pieces += [f"</{tag}>" for tag in reversed(opened)]
    text = "".join(pieces)
    return _mutated(chance, text) if chance.random() < 0.3 else text


def _mutated(chance: random.Random, text: str) -> str:
    for _ in range(chance.randint(1, 12)):
        start = chance.randrange(len(text) + 1)
        end = min(len(text), start + int(200 ** chance.random()))
        match chance.randrange(4):
            case 0:
                text = text[:start] + text[end:]
            case 1:
                text = text[:start] + token(chance) + text[start:]
            case 2:
                text = text[:end] + text[start:end] * chance.randint(1, 8) + text[end:]
            case _:
                text = text[:start] + chance.choice(_PIECES) + text[end:]
    return text


def read(text: str, seed: int) -> None:
    """Call what is called of the engine, on *text*."""
    tree = turbohtml.parse(text, positions=False, scripting=True)
    _graft(tree)
    _ask(tree, seed)
    if seed % 5 == 0:
        _rewrite(text)
    # Elements outlive their document.
    kept = tree.select("*")[:_MOST]
    del tree
    for element in kept:
        _look_at(element)
    if seed % 4 == 2:
        try:
            tree = turbohtml.parse_xml(text)
        except turbohtml.HTMLParseError:
            return
        _ask(tree, seed + 1)
        for element in tree.select("*"):
            element.tag = element.tag.rpartition(":")[2] or "x"
        _ask(tree, seed + 2)


def _rewrite(text: str) -> None:
    """Change the tree as an export does, and write it."""
    tree = turbohtml.parse(text, positions=False, scripting=True, allow_declarative_shadow_roots=False)
    for element in tree.select("base, meta[http-equiv]"):
        element.decompose()
    for element in tree.select("[href], [src], [style], [srcset]")[:_MOST]:
        for name in ("href", "src", "style", "srcset"):
            if element.attr(name) is not None:
                element.attrs[name] = "x" * len(name)
        if element.attr("id") is not None:
            del element.attrs["id"]
    for element in tree.select("style, noscript"):
        part = turbohtml.parse_fragment(element.text, "noscript", positions=False)
        element.set_text(part.inner_html)
    assert isinstance(tree.html, str)


def _graft(tree: turbohtml.Document) -> None:
    for template in tree.select("template"):
        template.clear()
    for noscript in tree.select("noscript"):
        part = turbohtml.parse_fragment(noscript.text, "noscript", positions=False)
        noscript.clear()
        noscript.extend(list(part.children))
        del part
    for frame in tree.select("iframe[srcdoc]")[:3]:
        turbohtml.parse(frame.attr("srcdoc") or "", positions=False, scripting=True).select("a")


def _ask(tree: turbohtml.Document, seed: int) -> None:
    for selector in (_SELECTORS[0], _SELECTORS[1 + seed % 7]):
        found = tree.select(selector)
        tree.select_one(selector)
    for element in found[:_MOST]:
        _look_at(element)
    if tree.root is not None:
        for node in tree.root.flattened_children[:_MOST]:
            _ = node.parent
        tree.root.select("a")
    list(tree.iter_elements({"a", "p"}))
    tree.xpath(_PATHS[seed % 8])
    _walk(tree)
    if seed % 16 == 0:
        main = tree.main_content()
        if main is not None:
            _walk(main)
    elif seed % 16 < len(_WHOLE):
        _WHOLE[seed % 16](tree)


def _walk(node: turbohtml.Node) -> None:
    """Read the text as a person sees it, as far as a few hundred nodes."""
    stack = [node]
    for _ in range(1000):
        if not stack:
            return
        node = stack.pop()
        if isinstance(node, turbohtml.Text):
            _ = node.data
        else:
            stack += reversed(node.flattened_children)


def _look_at(element: turbohtml.Element) -> None:
    _ = element.tag, element.namespace, element.attr("href"), dict(element.attrs), element.text
    _ = element.parent, element.children, element.next_sibling, element.shadow_root
    element.closest("div")
    element.matches("p a")
    element.select_one("a")


def child(path: str, first: int, last: int, *, only: str | None = None) -> None:
    """Read documents, and say in the file at *path* which one is read."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if only is not None:
        read(Path(only).read_text(encoding="utf-8", errors="surrogatepass"), first)
        return
    with Path(path).open("r+b") as file, mmap.mmap(file.fileno(), 8) as now:
        for seed in range(first, last):
            now[:] = struct.pack("!Q", seed)
            read(document(seed), seed)


def _run(arguments: list[str], now: Path | None, seconds: float) -> str | None:
    """Run a child to its end; return what went wrong, None if nothing did."""
    environment = {**os.environ, "MALLOC_PERTURB_": "165", "PYTHONMALLOC": "malloc"}
    command = [sys.executable, "-X", "faulthandler", __file__, "--child", *arguments]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)  # noqa: S603
    last = b""
    since = time.monotonic()
    while True:
        try:
            _, said = process.communicate(timeout=1)
            break
        except subprocess.TimeoutExpired:
            state = now.read_bytes() if now else b""
            if state != last:
                last, since = state, time.monotonic()
            if time.monotonic() - since > seconds:
                process.kill()
                process.communicate()
                return f"more than {seconds:g} s"
    return None if process.returncode == 0 else f"status {process.returncode}: {said[-2000:]}"


def _fails(text: str, seed: int, folder: Path) -> bool:
    path = folder / "try"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    return _run(["-", str(seed), "0", str(path)], None, SLOWEST) is not None


def smaller(text: str, fails: Callable[[str], bool]) -> str:
    """Return a part of *text* that still fails."""
    size = len(text) // 2
    while size:
        start = 0
        while start < len(text):
            shorter = text[:start] + text[start + size :]
            if fails(shorter):
                text = shorter
            else:
                start += size
        size //= 2
    return text


def main() -> int:
    """Run it."""
    if sys.argv[1:2] == ["--child"]:
        path, first, last, *only = sys.argv[2:]
        child(path, int(first), int(last), only=only[0] if only else None)
        return 0
    parser = argparse.ArgumentParser(description="Put random documents through the HTML engine.")
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0, help="the number of the first one")
    parser.add_argument("--log", type=Path, help="where it goes on, and what it finds")
    options = parser.parse_args()
    seed, failed = options.first, 0
    if options.log and options.log.exists():
        seed = max([seed, *(int(line.split()[1]) for line in options.log.open() if line.startswith("upto"))])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        now = folder / "now"
        while seed < options.first + options.documents:
            now.write_bytes(bytes(8))
            last = min(seed + CHUNK, options.first + options.documents)
            began = time.monotonic()
            wrong = _run([str(now), str(seed), str(last)], now, SLOWEST)
            if wrong is None:
                _say(options.log, f"upto {last} in {time.monotonic() - began:.0f} s")
                seed = last
                continue
            failed += 1
            (bad,) = struct.unpack("!Q", now.read_bytes())
            _say(options.log, f"document {bad}: {wrong}")
            if not _fails(document(bad), bad, folder):
                _say(options.log, "  not by itself")
            else:
                text = smaller(document(bad), lambda text, bad=bad: _fails(text, bad, folder))  # type: ignore[misc]
                _say(options.log, f"  smallest: {text!r}")
            seed = bad + 1
    return 1 if failed else 0


def _say(log: Path | None, line: str) -> None:
    print(line, flush=True)  # noqa: T201 - what it is for
    if log:
        with log.open("a") as file:
            file.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
