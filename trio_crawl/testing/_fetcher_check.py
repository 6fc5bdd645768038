"""The conformance suite of fetchers: every check of the contract, against real sockets on loopback."""

from __future__ import annotations

import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, TypeAlias, get_args
from unittest import SkipTest

import trio

from .._errors import MissingExtraError, UsageError
from . import (
    _fetcher_check_cancel,
    _fetcher_check_connections,
    _fetcher_check_failures,
    _fetcher_check_http2,
    _fetcher_check_life,
    _fetcher_check_limits,
    _fetcher_check_phases,
    _fetcher_check_replies,
    _fetcher_check_requests,
    _fetcher_check_stale,
    _fetcher_check_trust,
)
from ._fetcher_check_bench import PROMPT, Bench
from ._fetcher_check_contract import Shortcoming, ShortOfError
from ._fetcher_check_tls import Authority
from ._leaks import asserts_no_leaks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from ..abc import Fetcher

    Check: TypeAlias = Callable[[Bench], Awaitable[None]]

CHECKS: Final[Mapping[str, Check]] = {
    check.__name__: check
    for theme in (
        _fetcher_check_life,
        _fetcher_check_requests,
        _fetcher_check_replies,
        _fetcher_check_connections,
        _fetcher_check_stale,
        _fetcher_check_trust,
        _fetcher_check_limits,
        _fetcher_check_failures,
        _fetcher_check_phases,
        _fetcher_check_cancel,
        _fetcher_check_http2,
    )
    for check in theme.CHECKS
}
"""Every check by its name; its docstring says in a sentence what it looks at."""

FETCHER_CHECKS: Final = tuple(CHECKS)
"""The names of the checks of `check_fetcher`, for ``pytest.mark.parametrize``."""

_SHORTCOMINGS: Final[Mapping[str, Shortcoming]] = {
    "http2": "http2",
    "http2_neighbours": "http2",
    "repeated_headers": "repeated_headers",
    "repeated_request_headers": "repeated_request_headers",
}
_PATIENCE: Final = 6  # times of what has to be prompt that a whole check may take
_log: Final = logging.getLogger("trio_crawl.testing")


async def check_fetcher(
    make: Callable[[Path], Fetcher], *, shortcomings: Collection[Shortcoming] = (), only: str | None = None
) -> None:
    """Check that a fetcher does what `trio_crawl.abc.Fetcher` promises.

    Each check opens a fresh fetcher, as a crawl does, and plays raw servers to it,
    on loopback sockets of this very trio run: well-behaved ones, and ones that
    stall, reset, lie about lengths or show the wrong certificate. No other program
    is needed, and no network. After each check no descriptor, task, thread or
    child process may be left, and of the rest of the process nothing may open any
    meanwhile. A real clock is needed, and not a `trio.testing.MockClock`.

    With pytest, a test for each check (``docs/fetchers.md`` lists them)::

        @pytest.mark.parametrize("check", FETCHER_CHECKS)
        async def test_my_fetcher(check: str) -> None:
            await check_fetcher(lambda ca: MyFetcher(ca=ca), only=check)

    Args:
        make: called with the path of a PEM file of the authorities to trust;
            returns a fetcher that was not opened yet, another one each time.
        shortcomings: what the fetcher's library is known not to be able to do.
            The checks for that are made nevertheless, and have to fail in just
            this way: once they pass, the shortcoming is none any more, and that
            is an error.
        only: the one check to make, of `FETCHER_CHECKS`; by default all, one
            after the other, up to the first that fails.

    Raises:
        AssertionError: the fetcher breaks the contract. The message cites the
            sentence, and says what was asked and what came.
        MissingExtraError: trustme or h2 is not installed, which the servers need.
        UsageError: *only* or one of *shortcomings* is no name that there is.
        unittest.SkipTest: this machine lacks what the one check needs (an IPv6
            loopback address); where all are made, it is logged instead.
    """
    names = FETCHER_CHECKS if only is None else (only,)
    if unknown := set(names) - set(FETCHER_CHECKS):
        raise UsageError(f"there is no check {unknown.pop()!r}; there are {', '.join(FETCHER_CHECKS)}")
    if strange := set(shortcomings) - set(get_args(Shortcoming)):
        raise UsageError(f"{strange.pop()!r} is no shortcoming; there are {', '.join(get_args(Shortcoming))}")
    for name in names:
        try:
            await run_check(name, make, shortcomings=shortcomings)
        except SkipTest as lack:
            if only is not None:
                raise
            _log.warning("check_fetcher: %s was not checked: %s", name, lack)


async def run_check(
    name: str,
    make: Callable[[Path], Fetcher],
    *,
    shortcomings: Collection[Shortcoming] = (),
    prompt: float = PROMPT,
) -> None:
    """Make one check.

    Args:
        name: which one.
        make: makes the fetcher.
        shortcomings: what it is known not to be able to do.
        prompt: seconds within which something has to come that should come at once.

    Raises:
        AssertionError: the fetcher breaks the contract.
        unittest.SkipTest: this machine lacks what the check needs.
    """
    known = _SHORTCOMINGS.get(name)
    if known not in shortcomings:
        known = None
    with TemporaryDirectory(prefix="trio-crawl-check-") as folder:
        bench = Bench(make, Authority(Path(folder)), Path(folder), prompt)
        try:
            await _contain(CHECKS[name], bench, _PATIENCE * prompt)
        except ShortOfError as error:
            if error.shortcoming == known:
                return
            raise _explained(error, name) from error.__cause__
        except AssertionError as error:
            raise _explained(error, name) from error.__cause__
    if known is not None:
        raise AssertionError(f"the shortcoming {known!r} is none any more: the check {name!r} passes")


def _explained(error: AssertionError, name: str) -> AssertionError:
    error.add_note(f"check {name!r}: {CHECKS[name].__doc__}")
    return error


async def _contain(check: Check, bench: Bench, patience: float) -> None:
    """Make *check*; what it comes to is one error at the most, and no group.

    Raises:
        AssertionError: it failed, hung, or left something behind.
        MissingExtraError: what its server needs is not installed.
        unittest.SkipTest: this machine lacks what it needs.
    """
    try:
        with trio.fail_after(patience):
            async with asserts_no_leaks():
                await check(bench)
    except (AssertionError, SkipTest, MissingExtraError):
        raise
    except trio.TooSlowError as error:
        raise AssertionError(f"it still waits for the fetcher after {patience:g} s") from error
    except ExceptionGroup as group:
        raise _first(group) from group
    except Exception as error:
        raise AssertionError(f"the fetcher raised {type(error).__name__}: {error}") from error


def _first(group: ExceptionGroup[Exception]) -> Exception:
    """Return what says best why the check failed."""
    errors = list(_leaves(group))
    for kind in (AssertionError, SkipTest):
        for error in errors:
            if isinstance(error, kind):
                return error
    return AssertionError(f"the fetcher, or a task of its, raised {type(errors[0]).__name__}: {errors[0]}")


def _leaves(group: BaseExceptionGroup[Exception]) -> list[Exception]:
    found: list[Exception] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
