"""The exceptions of the library: one tree that says whose fault it was.

::

    CrawlError
    ├── UsageError            the caller's: an argument that can't be right
    │   ├── SeedError         a seed that is no http(s) URL, or can't be read
    │   ├── OutputError       an output that exists, or can't be opened
    │   ├── RowError          a row that its output can't hold
    │   └── MissingExtraError a part whose package is not installed
    ├── StateError            the state's: damaged, of another crawl, or in use
    ├── ContentError          the site's: a page's content is not what the parser takes it for
    ├── ParseError            the site's: a page costs too much to parse; or a parser failed elsewhere
    ├── FetchError            the network's or the site's: no response
    ├── RefusedError          ours: robots.txt or a limit says not to fetch
    └── TooManyFailuresError  the crawl met ``max_failures``

In a crawl, what goes wrong with one page is a value, a `Failure`, and the
crawl goes on. An exception comes out of ``crawl()`` only where going on makes
no sense. Errors that the operating system raises while an output is written
(`OSError`: the disk is full) come out as themselves, with a note that names
the output. A call made in the wrong state (a fetcher that serves another crawl
already, a second consumer of one stream) raises `trio.BusyResourceError`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ._model import Failure, FailureKind

LONGEST_MESSAGE: Final = 200
"""Characters of a message, beside the URL that it may begin with: a server may have written a part of it."""

# What ends a line or a terminal acts on, what turns text round, and half characters, which no file takes.
_UNPRINTABLE: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_LEADING_URL: Final = re.compile(r"https?://\S+: ")
_ELLIPSIS: Final = " \u2026 "


def printable(text: str) -> str:
    r"""Return *text* with its control characters, line feeds too, as ``\x1b`` and the like."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def message_of(text: str) -> str:
    """Return *text*, which others may have written a part of, as a message has it: printable, and not long.

    Of one that is too long the middle is left out, since what to do about it stands at its end.
    """
    # Before it is escaped, since it may be as long as a response; what is cut off again is little.
    url = _LEADING_URL.match(text[: 16 * 1024])
    head, rest = (url[0], text[url.end() :]) if url is not None else ("", text)
    rest = _shortened(printable(_shortened(rest)))
    return printable(head) + rest


def _shortened(text: str) -> str:
    if len(text) <= LONGEST_MESSAGE:
        return text
    end = LONGEST_MESSAGE // 3
    return text[: LONGEST_MESSAGE - end - len(_ELLIPSIS)] + _ELLIPSIS + text[-end:]


class CrawlError(Exception):
    """The root of every exception that is the library's own."""


class UsageError(CrawlError, ValueError):
    """An argument can't be right; nothing was fetched because of it."""


class SeedError(UsageError):
    """A seed is not an http(s) URL with a valid host, or can't be read."""


class OutputError(UsageError):
    """An output exists already, is no file, or can't be opened."""


class RowError(UsageError):
    """What ``parse`` yielded can't be written; names the row, the field and the page."""


class MissingExtraError(UsageError, ImportError):
    """A package that this part needs is not installed; says which command installs it."""


class StateError(CrawlError):
    """A state can't be gone on with: it is damaged, of another crawl, or in use by another process.

    Outputs are left as they are.
    """


class ContentError(CrawlError, ValueError):
    """The content of a page is not what ``parse`` takes it for; makes a `Failure` of kind ``parse``."""


class ParseError(CrawlError):
    """A page could not be parsed within bounds; makes a `Failure` of kind ``parse``.

    Raised by what needs the elements of a page which take too long to be had on the event loop,
    and where the worker process that parsed it was ended. With ``parse_in="process"``, it also
    stands for an exception of the parser, whose traceback is a note on it.
    """


class FetchError(CrawlError):
    """There is no response: the network's fault, or the site's.

    A fetcher raises it; a crawl turns it into a `Failure` of the same kind.

    Args:
        kind: which of the kinds of `Failure` it is.
        message: what happened, in words a person can act on. Control characters in it are escaped, and
            of more than 200 characters behind the URL the middle is left out: a server may have a say in it.
        failure: the failed page, where ``fetch_page`` raises this.

    Attributes:
        ours: whether it says nothing of the host, since this machine lacked something.
    """

    ours = False

    def __init__(self, kind: FailureKind, message: str, *, failure: Failure | None = None) -> None:
        message = message_of(message)
        super().__init__(message)
        self.kind: FailureKind = kind
        self.message = message
        self.failure = failure

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"


class RefusedError(CrawlError):
    """The page was not asked for: robots.txt disallows it, or a limit does.

    Args:
        reason: the reason, as a crawl's report counts it.
        message: the same in a sentence, with what would lift it.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class TooManyFailuresError(CrawlError):
    """More pages failed than ``max_failures`` lets pass; the last failure is in the message."""
