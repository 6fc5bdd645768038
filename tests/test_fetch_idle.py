"""Which idle connections are kept, and which is used next."""

from __future__ import annotations

from hypothesis import given, strategies as st

from trio_crawl._fetch.idle import Idle


class Wire:
    """A connection that knows whether it is closed."""

    def __init__(self, *, fresh: bool = True) -> None:
        self.fresh = fresh
        self.closed = False

    def is_fresh(self) -> bool:
        return self.fresh

    def close(self) -> None:
        self.closed = True


def test_the_last_one_is_used_first() -> None:
    """Of several to one origin the one that was used last is the most likely to be open still."""
    idle = Idle[Wire]()
    old, new = Wire(), Wire()
    idle.put("http://a.test", old, 1)
    idle.put("http://a.test", new, 2)
    assert len(idle) == 2
    assert idle.take("http://a.test", 3) is new
    assert idle.take("http://a.test", 3) is old
    assert idle.take("http://a.test", 3) is None
    assert [old.closed, new.closed] == [False, False]


def test_each_origin_has_its_own() -> None:
    """A connection to one origin is never given for another."""
    idle = Idle[Wire]()
    idle.put("http://a.test", Wire(), 1)
    assert idle.take("https://a.test", 1) is None
    assert len(idle) == 1


def test_what_does_not_look_usable_is_closed() -> None:
    """It is passed over, for an older one that does."""
    idle = Idle[Wire]()
    good, bad = Wire(), Wire(fresh=False)
    idle.put("http://a.test", good, 1)
    idle.put("http://a.test", bad, 2)
    assert idle.take("http://a.test", 3) is good
    assert bad.closed
    assert len(idle) == 0


def test_what_is_too_old_is_closed() -> None:
    """After its time a connection is not used again."""
    idle = Idle[Wire](seconds=90)
    wire = Wire()
    idle.put("http://a.test", wire, 10)
    assert idle.take("http://a.test", 100) is None
    assert wire.closed


def test_of_too_many_the_longest_unused_is_closed() -> None:
    """An origin that is used is moved to the end of the line."""
    idle = Idle[Wire](limit=2)
    first, second, third = Wire(), Wire(), Wire()
    idle.put("http://a.test", first, 1)
    idle.put("http://b.test", second, 2)
    assert idle.take("http://a.test", 3) is first
    idle.put("http://a.test", first, 4)
    idle.put("http://c.test", third, 5)
    assert [wire.closed for wire in (first, second, third)] == [False, True, False]
    assert idle.take("http://b.test", 6) is None


def test_closing_closes_all() -> None:
    """None is left open, and none is given out."""
    idle = Idle[Wire]()
    wires = [Wire() for _ in range(5)]
    for number, wire in enumerate(wires):
        idle.put(f"http://{number % 2}.test", wire, number)
    idle.close()
    assert all(wire.closed for wire in wires)
    assert len(idle) == 0
    assert idle.take("http://0.test", 9) is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), max_size=60))
def test_every_connection_is_kept_or_given_or_closed(steps: list[tuple[bool, int]]) -> None:
    """Whatever is done, none is lost open, and no more are kept than the limit."""
    idle = Idle[Wire](limit=4, seconds=20)
    given_out: list[Wire] = []
    wires: list[Wire] = []
    for now, (put, origin) in enumerate(steps):
        if put:
            wires.append(Wire(fresh=bool(now % 7)))
            idle.put(str(origin), wires[-1], now)
        else:
            found = idle.take(str(origin), now)
            given_out += [] if found is None else [found]
        assert len(idle) <= 4
        assert len(wires) == len(idle) + len(given_out) + sum(wire.closed for wire in wires)
    assert not any(wire.closed for wire in given_out)
