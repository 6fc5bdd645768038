"""Fuzz what reads bytes of strangers, guided by coverage: ``python tests/fuzz.py TARGET [SECONDS]``.

It needs atheris (``pip install -e '.[test,fuzz]'``; Linux, CPython 3.11 to 3.13). What it has found to
reach new code is kept in ``.fuzz/TARGET``, from where the next run goes on. An input that
breaks a promise, or takes longer than ten seconds, ends it with status 1 or more and stands
in ``.fuzz`` in a file of its own, which ``python tests/fuzz.py TARGET FILE`` tries again.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).parent))

if TYPE_CHECKING:
    from fuzz_targets import Target

FOLDER: Final = Path(".fuzz")
SLOWEST: Final = 10  # seconds for one input
LONGEST: Final = 8192  # bytes of one input


def main() -> None:
    """Fuzz one target for so many seconds, or try one file."""
    names = _names()
    parser = argparse.ArgumentParser(description="Fuzz what reads bytes of strangers.")
    parser.add_argument("target", choices=names)
    parser.add_argument("what", nargs="?", default="60", help="seconds, or a file to try again; default 60")
    arguments = parser.parse_args()
    if not arguments.what.isdigit():
        _targets()[arguments.target].check(Path(arguments.what).read_bytes())
        return
    try:
        import atheris  # noqa: PLC0415 - named if it is not there
    except ImportError:
        parser.error("atheris is not installed: pip install -e '.[test,fuzz]'")
    with atheris.instrument_imports(include=["trio_crawl"]):
        target = _targets()[arguments.target]
    corpus = FOLDER / arguments.target
    corpus.mkdir(parents=True, exist_ok=True)
    words = FOLDER / f"{arguments.target}.dict"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words), encoding="ascii")
    options = {
        "max_total_time": arguments.what,
        "timeout": SLOWEST,
        "max_len": LONGEST,
        "dict": words,
        "artifact_prefix": f"{FOLDER}/{arguments.target}-",
    }
    atheris.Setup(
        [sys.argv[0], str(corpus), *(f"-{key}={value}" for key, value in options.items())], target.check
    )
    atheris.Fuzz()


def _names() -> list[str]:
    """Return the names of the targets without importing what is to be instrumented."""
    text = Path(__file__).with_name("fuzz_targets.py").read_text(encoding="utf-8")
    return [
        line.split('"')[1] for line in text.splitlines() if line.startswith('    "') and "Target(" in line
    ]


def _targets() -> dict[str, Target]:
    from fuzz_targets import TARGETS  # noqa: PLC0415 - instrumented as it is imported

    return TARGETS


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main()
