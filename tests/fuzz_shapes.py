"""Random shapes, each again and again, held against what is predicted of them: a program of its own.

``python tests/fuzz_shapes.py --shapes 20000`` makes shapes from numbers, of which each can be made
again, at sizes up to a megabyte, and reads those that are cheap as a crawl does. It ends with status
1 if one of them takes more memory or time than what is cheap may take.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path
from typing import Final

from fuzz_documents import token
from growth_support import ROOM
from hostile_documents import BOUND, bound

from trio_crawl._parse.cost import MOST_MEMORY, predict
from trio_crawl._parse.html import HtmlDocument

SIZES: Final = (16 * 1024, 64 * 1024, 200 * 1024, 1000 * 1024)
TRIES: Final = 5
# What is measured has the page's own objects in it, and the allocator's.
_SLACK: Final = 32 * 1024 * 1024
_PAGE: Final = 4096


def shape(seed: int, size: int) -> str:
    """Return the document of a number, of about so many characters."""
    chance = random.Random(seed)  # noqa: S311 - any numbers will do
    before = "".join(token(chance) for _ in range(chance.choice((0, 0, 1, 3, 20))))
    unit = "".join(token(chance) for _ in range(chance.randint(1, 6)))
    if chance.random() < 0.4:
        # With a number in it that is another one each time.
        unit = unit.replace(">", " a{}>", 1) if chance.random() < 0.7 else f"{{}}{unit}"
        count = size // (len(unit) + 4) + 1
        document = before + "".join(unit.replace("{}", str(number)) for number in range(count))
    elif chance.random() < 0.4:
        after = "".join(token(chance) for _ in range(chance.randint(1, 3)))
        document = before + unit * (size // 2 // len(unit)) + after * (size // 2 // len(after))
    else:
        document = before + unit * (size // len(unit))
    return document[:size]


def wrong(seed: int, *, room: float = ROOM) -> str | None:
    """Return how a shape takes more than was predicted of it, with some *room*; None if it does not."""
    for size in SIZES:
        text = shape(seed, size)
        predicted = predict(text)
        if predicted.is_cheap:
            taken, bytes_taken = _read(text)
            if bytes_taken > 2 * MOST_MEMORY:
                return f"{size} characters take {bytes_taken:,} bytes: {text[:200]!r}"
            tries = [taken]
            while min(tries) > BOUND and len(tries) < TRIES:
                tries.append(_read(text)[0])
            # The machine is not always ours alone.
            if min(tries) > BOUND and min(tries) > bound(room):
                return f"{size} characters take {min(tries) * 1000:.0f} ms: {text[:200]!r}"
    return None


def _read(text: str) -> tuple[float, int]:
    """Return seconds and bytes that it takes to read a document as a crawl does."""
    content = text.encode("utf-8", "replace")
    before = _resident()
    began = time.thread_time()
    document = HtmlDocument(content, content_type="text/html; charset=utf-8", url="http://site.test/d/")
    document.links()
    _ = document.title, document.directives
    taken = _resident() - before - _SLACK
    del document
    return time.thread_time() - began, taken


def _resident() -> int:
    path = Path("/proc/self/statm")
    return int(path.read_text().split()[1]) * _PAGE if path.exists() else 0


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description="Hold random shapes against what is predicted of them.")
    parser.add_argument("--shapes", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="the number of the first one")
    options = parser.parse_args()
    found = 0
    for seed in range(options.first, options.first + options.shapes):
        message = wrong(seed, room=1)
        if message is not None:
            found += 1
            print(f"shape {seed}: {message}", flush=True)  # noqa: T201 - what it is for
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
