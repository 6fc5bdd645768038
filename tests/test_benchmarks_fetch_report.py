"""What the measurements of the benchmark of fetching come to."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.fetch_report import Part, Run, report, summarise


def rate(*, fetches: int = 1_000, wall: float = 1.0, cpu: float = 1.0, **server: float) -> dict[str, Any]:
    """Return the figures of one measurement."""
    defaults = {"server_accepted": 0.0, "server_cpu": 0.2, "server_late": 0.1, "server_answered": fetches}
    return {"fetches": fetches, "wall": wall, "cpu": cpu, **defaults, **server}


def pair(name: str, connections: int, cpu: float, rival_cpu: float) -> Run:
    """Return a measurement of a fetcher beside aiohttp."""
    return Run(
        part="connections",
        name=name,
        connections=connections,
        figures=rate(cpu=cpu),
        rival=rate(cpu=rival_cpu),
    )


def delayed(**figures: Any) -> Run:  # noqa: ANN401 - those of `rate`
    """Return a measurement with 1,000 connections."""
    return Run(part="delay", name="curl", connections=1_000, figures=rate(**figures))


def test_the_ratio_is_the_median_of_the_pairs() -> None:
    """A pair that was measured while the machine was busy moves neither ratio nor cost."""
    runs = [pair("curl", 16, 0.1, 0.4), pair("curl", 16, 0.9, 1.0), pair("curl", 16, 0.1, 0.5)]
    row = summarise(runs, delay=0.05)["connections"]["curl"]["at"]["16"]
    assert row["cpu_us"] == pytest.approx(100)
    assert row["aiohttp_cpu_us"] == pytest.approx(500)
    assert row["cpu_ratio"] == pytest.approx(0.25)


def test_flatness_is_the_greatest_cost_over_the_smallest() -> None:
    """Each fetcher has one figure over all numbers of connections, whichever of them is the worst."""
    runs = [pair("httpx", 1, 0.3, 0.2), pair("httpx", 16, 0.2, 0.2), pair("httpx", 256, 0.25, 0.2)]
    assert summarise(runs, delay=0.05)["connections"]["httpx"]["spread"] == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("figures", "reached"),
    [
        ({"fetches": 18_000, "cpu": 0.99}, "the ideal rate"),
        ({"fetches": 17_999, "cpu": 0.9}, "a full core"),
        ({"fetches": 17_999, "cpu": 0.8, "server_cpu": 0.95}, "the server's full core"),
        ({"fetches": 17_999, "cpu": 0.8}, "neither"),
    ],
)
def test_it_says_what_was_reached(figures: dict[str, float], reached: str) -> None:
    """The ideal rate comes first, then the client's core, then the server's, which clears the client."""
    row = summarise([delayed(**figures)], delay=0.05)["delay"]["curl"]
    assert row["ideal"] == pytest.approx(20_000)
    assert row["reached"] == reached


def test_cancelling_keeps_the_longest_time_of_all() -> None:
    """The median and the maximum are over all repetitions of all rounds."""
    runs = [
        Run(part="cancel", name="asks", connections=1_000, figures={"cancel": times})
        for times in ([0.05, 0.06, 0.07], [0.02, 0.2, 0.06])
    ]
    row = summarise(runs, delay=0.05)["cancel"]["asks"]
    assert (row["median_ms"], row["max_ms"], row["times"]) == (pytest.approx(60), pytest.approx(200), 6)


def test_the_text_says_which_wishes_are_met() -> None:
    """Each wish stands beside what was measured; a miss is said as plainly."""
    runs = [
        pair("curl", 1, 0.39, 1.0),
        pair("curl", 16, 0.41, 1.0),
        pair("httpx", 1, 0.5, 1.0),
        pair("httpx", 16, 0.4, 1.0),
        delayed(fetches=5_000, cpu=0.7),
        Run(part="cancel", name="curl", connections=1_000, figures={"cancel": [0.05, 0.12]}),
        Run(part="tls", name="curl", connections=16, figures=rate(server_accepted=1_000)),
    ]
    text = report(summarise(runs, delay=0.05), {"python": "3.11"}, "How it was measured.")
    assert "Wanted: libcurl at most 0.4 of aiohttp's CPU; it is 0.41: NOT MET." in text
    assert "Wanted: httpx flat within 1.5; it is 1.25: met." in text
    assert "Wanted: 90% of the ideal rate, or a full core (90%): NOT MET." in text
    assert "| curl | 5,000 | 25.0% | 70.0% | 20.0% | 0.0 | neither |" in text
    assert "Wanted: less than 100 ms, each time: curl NOT MET." in text
    assert "| curl | 1,000 | 1,000 | 100.0% | 1.00 |" in text
    assert text.endswith("- python: 3.11\n")


@pytest.mark.parametrize("part", ["connections", "delay", "cancel", "tls"])
def test_a_part_that_was_not_measured_is_not_in_the_text(part: Part) -> None:
    """Only what was measured has a section."""
    figures = {"cancel": [0.1]} if part == "cancel" else rate()
    rival = rate() if part == "connections" else None
    run = Run(part=part, name="httpx", connections=10, figures=figures, rival=rival)
    assert report(summarise([run], delay=0.05), {}, "").count("## ") == 1


def test_connections_that_were_opened_anew_are_named() -> None:
    """A fetcher that doesn't keep its connections does other work than the rest, and the text says so."""
    figures = rate(server_accepted=7)
    run = Run(part="connections", name="asks", connections=64, figures=figures, rival=rate())
    text = report(summarise([run], delay=0.05), {}, "")
    assert "asks opened up to 7 new connections while 64 were measured." in text
