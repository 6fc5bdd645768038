"""A web without pages, and what a person would write down of a crawl through it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Final, final

from .._model import Link, Request

_HOSTS: Final = 3
_REDIRECTS, _FAILURES = 0.05, 0.1
"""How likely each is."""


@final
@dataclass
class Web:
    """URLs by number, and what each comes to, by its number alone.

    Args:
        urls: how many there are.
        salt: makes it another web.
    """

    urls: int
    salt: int

    def url(self, number: int) -> str:
        return f"http://host{number % _HOSTS}.test/{number}"

    def number(self, url: str) -> int:
        return int(url.rpartition("/")[2])

    def chance(self, *about: object) -> random.Random:
        return random.Random(f"{self.salt} {about}")  # noqa: S311 - a made-up web

    def found_on(self, number: int) -> list[Link | Request]:
        chance = self.chance("links", number)
        found: list[Link | Request] = []
        for _ in range(chance.randrange(1, 12)):
            target = self.url(chance.randrange(self.urls))
            # What a URL is asked for with is the same wherever it is found.
            priority = self.chance("priority", target).choice((0, 0, 0, 0, 3, -2))
            data = {"asked": self.number(target)}
            found.append(Request(target, priority=priority, data=data) if priority else Link(url=target))
        return found

    def redirects_to(self, number: int) -> str | None:
        chance = self.chance("redirect", number)
        return self.url(chance.randrange(self.urls)) if chance.random() < _REDIRECTS else None

    def fails(self, number: int) -> bool:
        return self.chance("fails", number).random() < _FAILURES


@final
@dataclass
class Model:
    """What a crawl has come to, in the words of a person."""

    waiting: dict[str, int] = field(default_factory=dict)
    """By URL, the order in which it is to be asked for."""
    done: dict[str, str] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)

    def copy(self) -> Model:
        return Model(dict(self.waiting), dict(self.done), set(self.known))
