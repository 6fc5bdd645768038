"""What other files state of every fetcher, stated of this one: hostile servers, safe addresses, redirects."""

from __future__ import annotations

import inspect

import http_cases
import pytest
import test_hostile_servers as hostile
import test_redirects
import test_safe_addresses
from asks_support import FETCHERS

from trio_crawl.fetchers import Asks

http_cases.FETCHERS.update(FETCHERS)  # where the tests of hostile servers look a name up


@pytest.fixture
def make() -> type[Asks]:
    """Return what makes the fetcher, to the tests below that want one."""
    return Asks


globals().update(
    {
        name: test
        for module in (test_redirects, test_safe_addresses)
        for name, test in vars(module).items()
        if name.startswith("test_") and "make" in inspect.signature(test).parameters
    }
)


def test_there_are_tests() -> None:
    """The tests of both files were found."""
    assert {"test_secrets_over_the_wire", "test_every_spelling_of_an_address_is_refused"} <= set(globals())


async def test_cases_of_others() -> None:
    """Every case comes to what is expected, harms no other request, and is read as most clients read it."""
    await hostile.test_cases_of_others("asks")


@pytest.mark.parametrize("theme", hostile.THEMES)
async def test_answers_by_theme(theme: str) -> None:
    """What is broken is a failure, what is odd but sound a page, and the next request gets its own answer."""
    await hostile.test_answers_by_theme("asks", theme)


async def test_answers_to_head() -> None:
    """HEAD has no body, whatever its answer tells or sends."""
    await hostile.test_answers_to_head("asks")


async def test_drips_end_at_the_deadline() -> None:
    """A server that sends a byte now and then is not waited for beyond the timeout of the hop."""
    await hostile.test_drips_end_at_the_deadline("asks")


async def test_floods_are_stopped() -> None:
    """What has no end is cut off at a limit of size, or at the deadline where there is nothing to keep."""
    await hostile.test_floods_are_stopped("asks")


async def test_floods_take_no_memory() -> None:
    """Of what has no end no more is held than the limit, a few times over."""
    growth, pages = await http_cases.memory_growth(
        list(hostile.FLOODS.values()),
        module="asks_support",
        name="asks",
        max_bytes=2 * http_cases.MIB,
        timeout=2.0,
    )
    assert pages == 0
    assert growth < 32 * http_cases.MIB
