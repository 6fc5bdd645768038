"""Whether the quick suite covers what it should: to be run after it ran with ``--cov``.

That is 88 % of the branches, and at least one line of every public function and method.
"""

from __future__ import annotations

import ast
import inspect
import os
import sys
import textwrap
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

import coverage
from test_house import PUBLIC

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FunctionType

BRANCHES: Final = 0.88
ELSEWHERE: Final = {"trio_crawl.fetchers.Asks"}  # in an environment of its own, with a measure of its own


def functions() -> Iterator[tuple[str, FunctionType]]:
    """Give every public function and method that has a body to run, by name."""
    for module, names in PUBLIC.items():
        for name in sorted(names):
            value = getattr(import_module(module), name)
            if f"{module}.{name}" in ELSEWHERE or getattr(value, "_is_protocol", False):
                continue
            members = vars(value).items() if inspect.isclass(value) else [("", value)]
            for member, found in members:
                function = inspect.unwrap(getattr(found, "fget", None) or getattr(found, "__func__", found))
                own = inspect.isfunction(function) and Path(function.__code__.co_filename).is_file()
                if own and not member.startswith("_"):
                    yield f"{module}.{name}.{member}".rstrip("."), function


def body_of(function: FunctionType) -> set[int]:
    """Return the numbers of the lines that the body of *function* has, without its docstring."""
    lines, first = inspect.getsourcelines(function)
    node = ast.parse(textwrap.dedent("".join(lines))).body[0]
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return {
        number for part in body for number in range(first + part.lineno - 1, first + (part.end_lineno or 0))
    }


def main() -> int:
    """Print what is missing, and return 1 if anything is."""
    measured = coverage.Coverage()
    measured.load()
    data = measured.get_data()
    silent = [
        name
        for name, function in functions()
        if (body := body_of(function)) and not body & set(data.lines(function.__code__.co_filename) or ())
    ]
    branches = covered = 0
    for path in filter(os.path.isfile, data.measured_files()):
        numbers = measured._analyze(path).numbers  # noqa: SLF001 - what its reports are made of
        branches += numbers.n_branches
        covered += numbers.n_branches - numbers.n_missing_branches
    share = covered / branches
    sys.stdout.write(f"{share:.1%} of {branches:,} branches, of which {BRANCHES:.0%} have to be covered\n")
    if silent:
        sys.stdout.write(f"no test of the quick suite calls {', '.join(silent)}\n")
    return int(share < BRANCHES or bool(silent))


if __name__ == "__main__":
    sys.exit(main())
