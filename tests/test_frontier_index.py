"""Sets of fingerprints."""

from __future__ import annotations

from array import array

from hypothesis import given, settings, strategies as st

from trio_crawl._frontier.index import FingerprintSet, fingerprint

NUMBERS = st.integers(0, 2**64 - 1) | st.integers(0, 40) | st.integers(2**64 - 40, 2**64 - 1)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.booleans(), NUMBERS), max_size=60))
def test_it_is_a_set(steps: list[tuple[bool, int]]) -> None:
    """Whatever is added and taken out, it holds what a set would, and says what was new or there."""
    ours, model = FingerprintSet(), set[int]()
    for add, number in steps:
        if add:
            assert ours.add(number) == (number not in model)
            model.add(number)
        else:
            assert ours.discard(number) == (number in model)
            model.discard(number)
        assert len(ours) == len(model)
    assert all(number in ours for number in model)
    assert not any(number in ours for _, number in steps if number not in model)


@settings(max_examples=40)
@given(st.lists(NUMBERS, max_size=80), st.lists(NUMBERS, max_size=9))
def test_filling_takes_the_place_of_what_was_there(numbers: list[int], before: list[int]) -> None:
    """Filled from numbers in any order, some of them twice, it holds each of them and nothing else."""
    ours = FingerprintSet()
    for number in before:
        ours.add(number)
    ours.fill(array("Q", numbers))
    assert len(ours) == len(set(numbers))
    assert all(number in ours for number in numbers)
    assert not any(number in ours for number in set(before) - set(numbers))
    assert all(ours.discard(number) for number in set(numbers))
    assert len(ours) == 0


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    """States are read by later processes, and on other machines: the numbers are what they are."""
    assert fingerprint("https://example.org/") == 0x6EC7E91C7656BFB8
    assert fingerprint("\ud800") != fingerprint("\ud801")
    assert 0 <= fingerprint("") < 2**64


def test_its_size_is_told() -> None:
    """A ``repr`` says how many there are, and lists none."""
    ours = FingerprintSet()
    ours.fill(range(1234))
    assert repr(ours) == "<FingerprintSet of 1,234>"
