"""From names to addresses, in threads, with answers remembered for a while."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest
import trio
import trio.testing

from trio_crawl._errors import FetchError
from trio_crawl._fetch.resolve import ResolveError, Resolver, system_look_up


class Names:
    """A name server of our own: answers, or raises, what it was told, and counts."""

    def __init__(self, **answers: list[str] | Exception) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __call__(self, host: str) -> list[str]:
        """Answer."""
        self.asked.append(host)
        answer = self.answers[host]
        if isinstance(answer, Exception):
            raise answer
        return answer


def now() -> float:
    """Return the time by trio's clock."""
    return trio.current_time()


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "127.0.0.1"), ("[::1]", "::1"), ("::1", "::1"), ("[2001:db8::7]", "2001:db8::7")],
)
async def test_an_address_needs_no_look_up(host: str, address: str) -> None:
    """A literal comes back as it is, without the brackets of a URL."""
    names = Names()
    resolver = Resolver(look_up=names)
    assert await resolver.resolve(host) == (address,)
    assert resolver.cached(host, now()) == (address,)
    assert names.asked == []


async def test_addresses_keep_the_order_of_the_system_each_once() -> None:
    """The preferred address stays first; the system's repetitions go."""
    resolver = Resolver(look_up=Names(a=["::2", "192.0.2.1", "::2", "192.0.2.0", "192.0.2.1"]))
    assert await resolver.resolve("a") == ("::2", "192.0.2.1", "192.0.2.0")


async def test_an_answer_is_used_until_it_expires() -> None:
    """One look-up answers for `ttl` seconds of trio's clock, and no longer."""
    names = Names(a=["192.0.2.1"])
    resolver = Resolver(ttl=60.0, look_up=names)
    assert resolver.cached("a", now()) is None
    await resolver.resolve("a")
    await resolver.resolve("a")
    assert names.asked == ["a"]
    assert resolver.cached("a", now() + 59.0) == ("192.0.2.1",)
    assert resolver.cached("a", now() + 60.1) is None


async def test_an_expired_answer_is_asked_for_again(mock_clock: trio.testing.MockClock) -> None:
    """A host that moved is found at its new address after the time an answer lives."""
    names = Names(a=["192.0.2.1"])
    resolver = Resolver(ttl=60.0, look_up=names)
    await resolver.resolve("a")
    names.answers["a"] = ["192.0.2.2"]
    mock_clock.jump(59.0)
    assert await resolver.resolve("a") == ("192.0.2.1",)
    mock_clock.jump(2.0)
    assert await resolver.resolve("a") == ("192.0.2.2",)


async def test_a_name_that_does_not_exist_is_remembered() -> None:
    """A thousand links to a misspelt host cost one look-up."""
    names = Names(a=socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
    resolver = Resolver(look_up=names)
    for _ in range(3):
        with pytest.raises(
            ResolveError, match=r"^dns: no address for 'a': the name does not exist"
        ) as caught:
            await resolver.resolve("a")
        assert not caught.value.temporary
    with pytest.raises(ResolveError, match="the name does not exist"):
        resolver.cached("a", now())
    assert names.asked == ["a"]


async def test_a_name_server_that_is_silent_is_asked_again() -> None:
    """A temporary failure says so, and is not held against the name."""
    names = Names(a=socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"))
    resolver = Resolver(look_up=names)
    with pytest.raises(ResolveError, match="the name server did not answer") as caught:
        await resolver.resolve("a")
    assert caught.value.temporary
    assert caught.value.kind == "dns"
    names.answers["a"] = ["192.0.2.1"]
    assert await resolver.resolve("a") == ("192.0.2.1",)


@pytest.mark.parametrize(
    ("error", "temporary", "words"),
    [
        (socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure"), False, "Non-recoverable failure"),
        (OSError(24, "Too many open files"), True, "Too many open files"),
        (UnicodeError("label too long"), False, "can't be a name"),
    ],
)
async def test_whatever_goes_wrong_is_a_failure_of_kind_dns(
    error: Exception,
    temporary: bool,
    words: str,
) -> None:
    """No other exception of a look-up comes out, and it is told whether waiting helps."""
    with pytest.raises(FetchError, match=words) as caught:
        await Resolver(look_up=Names(a=error)).resolve("a")
    assert isinstance(caught.value, ResolveError)
    assert caught.value.temporary == temporary
    assert caught.value.__cause__ is error


async def test_a_mistake_in_the_code_is_no_failure_of_a_name() -> None:
    """Only what a look-up may raise is translated."""
    with pytest.raises(ZeroDivisionError):
        await Resolver(look_up=Names(a=ZeroDivisionError())).resolve("a")


async def test_an_empty_answer_is_a_failure() -> None:
    """A host without an address can't be connected to."""
    with pytest.raises(ResolveError, match="empty"):
        await Resolver(look_up=Names(a=[])).resolve("a")


@pytest.mark.parametrize("host", ["a" * 64 + ".test", "a..test", "nul\0.test"])
async def test_a_host_that_can_not_be_a_name_is_a_failure(host: str) -> None:
    """What the system's own encoding refuses is a failure of kind dns, too."""
    with pytest.raises(ResolveError) as caught:
        await Resolver().resolve(host)
    assert not caught.value.temporary


async def test_the_system_knows_this_machine() -> None:
    """The default look-up reads the system's own table of hosts."""
    assert {"127.0.0.1", "::1"} & set(await Resolver().resolve("localhost"))
    assert system_look_up("127.0.0.1") == ["127.0.0.1"]


Hanging = tuple[Callable[[str], list[str]], threading.Event]


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    """Yield a look-up that hangs until the test is over, and an event: that it was called."""
    called, over = threading.Event(), threading.Event()

    def look_up(host: str) -> list[str]:
        if host == "quick":
            return ["192.0.2.9"]
        called.set()
        over.wait(30.0)
        return ["192.0.2.1"]

    yield look_up, called
    over.set()


async def test_cancelling_does_not_wait_for_the_system(hanging: Hanging) -> None:
    """A look-up that hangs is left to itself."""
    look_up, called = hanging
    resolver = Resolver(look_up=look_up)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(resolver.resolve, "slow")
        await trio.to_thread.run_sync(called.wait, 10.0)
        nursery.cancel_scope.cancel()
    assert called.is_set()
    assert resolver.cached("slow", now()) is None


async def test_a_hanging_look_up_does_not_hold_up_others(hanging: Hanging) -> None:
    """As long as there are threads left, other names are answered."""
    look_up, called = hanging
    resolver = Resolver(look_up=look_up, threads=2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(resolver.resolve, "slow")
        await trio.to_thread.run_sync(called.wait, 10.0)
        assert await resolver.resolve("quick") == ("192.0.2.9",)
        nursery.cancel_scope.cancel()


async def test_look_ups_have_threads_of_their_own(hanging: Hanging) -> None:
    """Hanging look-ups take none of the tokens that trio's other threads need."""
    look_up, called = hanging
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Resolver(look_up=look_up).resolve, "slow")
        await trio.to_thread.run_sync(called.wait, 10.0)
        assert trio.to_thread.current_default_thread_limiter().borrowed_tokens == 0
        nursery.cancel_scope.cancel()


async def test_the_number_of_threads_is_bounded(hanging: Hanging) -> None:
    """Of ten look-ups that hang two have begun, and the others wait for their turn."""
    look_up, _ = hanging
    resolver = Resolver(look_up=look_up, threads=2)
    async with trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(resolver.resolve, f"slow{number}")
        await trio.testing.wait_all_tasks_blocked()
        assert repr(resolver) == "<Resolver: 0 names, 2 look-ups under way>"
        nursery.cancel_scope.cancel()


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest answers go when there are too many."""
    monkeypatch.setattr("trio_crawl._fetch.resolve._MAX_REMEMBERED", 3)
    names = Names(**{f"host{number}": ["192.0.2.1"] for number in range(5)})
    resolver = Resolver(look_up=names)
    for host in names.answers:
        await resolver.resolve(host)
    assert [host for host in names.answers if resolver.cached(host, now())] == ["host2", "host3", "host4"]
    assert repr(resolver) == "<Resolver: 3 names, 0 look-ups under way>"


async def test_expired_answers_are_forgotten(mock_clock: trio.testing.MockClock) -> None:
    """A name that nobody asks for again takes no memory for ever."""
    resolver = Resolver(ttl=10.0, look_up=Names(a=["192.0.2.1"], b=["192.0.2.2"]))
    await resolver.resolve("a")
    mock_clock.jump(11.0)
    await resolver.resolve("b")
    assert repr(resolver) == "<Resolver: 1 names, 0 look-ups under way>"
