"""The sentences that a fetcher is held to, and the error that cites the one it breaks.

They stand in the docstrings of `trio_crawl.abc` and of the values, or, where
those are silent, in ``docs/fetchers.md``.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

Shortcoming: TypeAlias = Literal["http2", "repeated_headers", "repeated_request_headers"]
"""What a fetcher's library can't do.

``http2``: it speaks no HTTP/2. ``repeated_headers``: of header fields of one
name in a response it keeps one (``Set-Cookie`` excepted).
``repeated_request_headers``: of those in a request it sends one.
"""


class Sentence(NamedTuple):
    """One promise, as it is written down.

    Args:
        where: the class and its member, or the document, in which it stands.
        text: the words.
    """

    where: str
    text: str


_DOCUMENT: Final = "docs/fetchers.md"

ONE_HOP: Final = Sentence("Fetcher", "Makes one hop: no redirects, retries, cookies or robots inside it.")
CONNECTS: Final = Sentence(
    "Fetcher.opens_connections", "Whether it connects to the addresses in `Hop.addresses`."
)
VIRTUAL: Final = Sentence("Fetcher.virtual", "Whether it knows no time but trio's clock")
ONE_CRAWL: Final = Sentence("Fetcher.open", "Hold what `fetch` needs for the length of one crawl.")
BUSY: Final = Sentence("Fetcher.open", "trio.BusyResourceError: another crawl has this fetcher open.")
FINAL: Final = Sentence(
    "Fetcher.fetch", "Make one request and return its final response, whatever its status."
)
CANCELLING: Final = Sentence(
    "Fetcher.fetch", "Cancelling it at any moment leaves nothing open and disturbs no other fetch."
)
BOUNDED: Final = Sentence("Fetcher.fetch", "The crawl bounds its time from outside.")
NO_RESPONSE: Final = Sentence(
    "Fetcher.fetch", "FetchError: there is no response; its kind and message say why."
)

HOP_URL: Final = Sentence("Hop.url", "where to, absolute, without a fragment.")
HOP_METHOD: Final = Sentence("Hop.method", "the HTTP method.")
HOP_HEADERS: Final = Sentence(
    "Hop.headers", "every field to send, but for ``Host`` and those that frame the body."
)
HOP_BODY: Final = Sentence("Hop.body", "the request's content, or None.")
HOP_MAX_BYTES: Final = Sentence(
    "Hop.max_bytes",
    "a body of more bytes than this, as they come over the wire (transfer-decoded, content-coded), "
    "is a `FetchError` of kind ``too_large``.",
)
HOP_ADDRESSES: Final = Sentence(
    "Hop.addresses", "the IP addresses of the host, judged already, the preferred one first"
)

URL: Final = Sentence("Response.url", "the URL that was asked for in this hop.")
STATUS: Final = Sentence("Response.status", "the status code, 200 to 999")
FIELDS: Final = Sentence("Response.headers", "the header fields of the final response.")
ORDER: Final = Sentence("Headers", "Header fields in the order of arrival, repeated ones kept.")
BODY: Final = Sentence("Response.body", "the content, transfer-decoded and still content-coded.")
VERSION: Final = Sentence("Response.http_version", '``"1.0"``, ``"1.1"``, ``"2"`` or ``"3"``.')
ADDRESS: Final = Sentence(
    "Response.address", "the IP address that answered; empty where there was no connection."
)
ELAPSED: Final = Sentence("Response.elapsed", "seconds from the start of the hop to the last byte.")

GUARD: Final = Sentence(
    "Guard.refusal",
    "it is called where the socket is opened, on the very address that is about to be connected.",
)

CLOSED: Final = Sentence(
    _DOCUMENT,
    "Outside of its `open` block, `fetch` raises `trio.ClosedResourceError`; so does a fetch that is "
    "in flight when the block is left.",
)
KEPT: Final = Sentence(
    _DOCUMENT, "A connection is used again for the next request to its origin, unless the server ended it."
)
STALE: Final = Sentence(
    _DOCUMENT,
    "An idempotent request is made once more for each kept connection that turns out to be closed; no "
    "other request is made twice.",
)
UNASKED: Final = Sentence(
    _DOCUMENT, "What a server sends beyond its response is never taken for the response to another request."
)
NO_LOOKUP: Final = Sentence(_DOCUMENT, "It looks no name up.")
TRUST: Final = Sentence(
    _DOCUMENT,
    "A server whose certificate is expired, for another host, or of no authority that is trusted gets "
    "no request: that is a failure of kind `tls`.",
)
SHARED: Final = Sentence(
    _DOCUMENT, "Where the server agrees, requests to one origin share an HTTP/2 connection."
)
KIND: Final = Sentence(_DOCUMENT, "The kind of a `FetchError` is the one that the table below gives.")
NAMED: Final = Sentence(
    _DOCUMENT, "The message of a `FetchError` begins with the URL of the hop, a colon and a space."
)


class ShortOfError(AssertionError):
    """A fetcher can't do what one of the shortcomings names.

    Args:
        shortcoming: which one.
        message: as of every other failed check.
    """

    def __init__(self, shortcoming: Shortcoming, message: str) -> None:
        super().__init__(message)
        self.shortcoming = shortcoming


def broken(sentence: Sentence, *, asked: object, came: object) -> AssertionError:
    """Return the error for a fetcher that does not hold to *sentence*."""
    return AssertionError(_message(sentence, asked, came))


def expect(holds: object, sentence: Sentence, *, asked: object, came: object) -> None:
    """Raise unless *holds* is true.

    Args:
        holds: whether the fetcher did as the contract wants.
        sentence: the sentence that wants it.
        asked: what was asked of the fetcher, and how the server answers that.
        came: what it came to.

    Raises:
        AssertionError: *holds* is false.
    """
    if not holds:
        raise broken(sentence, asked=asked, came=came)


def expect_unless(
    shortcoming: Shortcoming, holds: object, sentence: Sentence, *, asked: object, came: object
) -> None:
    """Do as `expect`, where some fetchers have a known *shortcoming*.

    Raises:
        ShortOfError: *holds* is false.
    """
    if not holds:
        raise ShortOfError(shortcoming, _message(sentence, asked, came))


def _message(sentence: Sentence, asked: object, came: object) -> str:
    return f"{sentence.where} says: {sentence.text}\n  asked: {asked}\n  came:  {came}"
