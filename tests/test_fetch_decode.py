"""Content codings undone, within bounds."""

from __future__ import annotations

import gzip
import sys
import tracemalloc
import zlib
from typing import TYPE_CHECKING

import brotli  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings, strategies as st

from trio_crawl._errors import FetchError
from trio_crawl._fetch.decode import ACCEPT_ENCODING, decode_body, decode_pieces

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable

MAX = 10 * 1024 * 1024
TEXT = b"<p>Hello, crawler.</p>" * 20


def raw_deflate(body: bytes) -> bytes:
    """Return *body* as a bare deflate stream."""
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(body) + compressor.flush()


def brotlied(body: bytes) -> bytes:
    """Return *body* in brotli, at a quality that doesn't take long."""
    compressed: bytes = brotli.compress(body, quality=4)
    return compressed


def zstandard(body: bytes) -> bytes:
    """Return *body* in one frame of zstd, which has a checksum."""
    return zstd.compress(body, options={zstd.CompressionParameter.checksum_flag: 1})


ENCODERS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("x-gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("br", brotlied),
    ("zstd", zstandard),
]
each_coding = pytest.mark.parametrize(("coding", "encode"), ENCODERS)


def kind_of(body: bytes, coding: str, max_bytes: int = MAX) -> str:
    """Return the kind of the failure that decoding *body* comes to."""
    with pytest.raises(FetchError) as caught:
        decode_body(body, coding, max_bytes)
    return caught.value.kind


@each_coding
@settings(deadline=None, max_examples=40)
@given(body=st.binary(max_size=3000), times=st.integers(1, 60))
def test_what_was_encoded_comes_back(
    coding: str, encode: Callable[[bytes], bytes], body: bytes, times: int
) -> None:
    """Any content survives each coding, repetitive or not, larger than a chunk or not."""
    assert decode_body(encode(body * times), coding, MAX) == body * times


@pytest.mark.parametrize("size", [65535, 65536, 65537, 131072, 1_000_000])
@each_coding
def test_sizes_around_a_chunk_come_back(coding: str, encode: Callable[[bytes], bytes], size: int) -> None:
    """Neither a full chunk of output nor one of input loses what is behind it."""
    noise = zlib.compress(bytes(range(256)) * 40, 0)[:257]
    body = b"".join(noise[number % 7 :] + number.to_bytes(4, "big") for number in range(size // 250))[:size]
    for content in (body, bytes(size)):
        assert decode_body(encode(content), coding, MAX) == content
        assert decode_body(encode(content), coding, len(content)) == content


@pytest.mark.parametrize("declared", [None, "", " ", ",", "identity", "Identity, identity"])
def test_content_without_a_coding_is_the_very_object(declared: str | None) -> None:
    """The common case copies nothing."""
    assert decode_body(TEXT, declared, MAX) is TEXT


@pytest.mark.parametrize("declared", ["utf-8", "none", "compress", "chunked", "gzip, foo"])
def test_from_an_unknown_coding_on_the_body_stays(declared: str) -> None:
    """What servers declare by mistake costs nobody the page."""
    assert decode_body(TEXT, declared, MAX) is TEXT


def test_below_a_known_coding_an_unknown_one_stays() -> None:
    """What can be undone is, from the outside."""
    assert decode_body(gzip.compress(TEXT), "foo, gzip", MAX) == TEXT


@pytest.mark.parametrize(
    "declared", ["gzip", "GZIP", " gzip ", "\tgzip,", "identity, gzip", "gzip, identity"]
)
def test_the_name_of_a_coding_is_read_generously(declared: str) -> None:
    """Case, white space, empty elements and identity change nothing (RFC 9110, 5.6.1 and 8.4.1)."""
    assert decode_body(gzip.compress(TEXT), declared, MAX) == TEXT


def test_codings_are_undone_from_the_last() -> None:
    """They are listed in the order in which they were applied."""
    assert decode_body(brotlied(gzip.compress(TEXT)), "gzip, br", MAX) == TEXT
    assert kind_of(brotlied(gzip.compress(TEXT)), "br, gzip") == "decode"


def test_five_codings_are_undone_and_six_are_not() -> None:
    """A body in a hundred layers is an attack."""
    body = TEXT
    for _ in range(5):
        body = gzip.compress(body)
    assert decode_body(body, "gzip, gzip, gzip, gzip, gzip", MAX) == TEXT
    assert kind_of(gzip.compress(body), ", ".join(["gzip"] * 6)) == "decode"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, br", "br, zstd"])
def test_an_empty_body_stays_empty(coding: str) -> None:
    """HEAD, 204 and 304 declare the coding of what they don't send."""
    assert decode_body(b"", coding, MAX) == b""


@each_coding
def test_nothing_encoded_is_nothing(coding: str, encode: Callable[[bytes], bytes]) -> None:
    """A coded empty body is an empty body."""
    assert decode_body(encode(b""), coding, 0) == b""


@each_coding
def test_a_body_cut_anywhere_is_an_error(coding: str, encode: Callable[[bytes], bytes]) -> None:
    """No part of a page is taken for the whole: not without its last byte, nor without its checksum."""
    whole = encode(TEXT)
    for length in range(1, len(whole)):
        assert kind_of(whole[:length], coding) == "decode", length
    assert decode_body(whole, coding, MAX) == TEXT


@each_coding
@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_a_damaged_body_is_an_error_or_has_content(
    coding: str, encode: Callable[[bytes], bytes], data: st.DataObject
) -> None:
    """Whatever a byte is changed to, no exception but ours comes out."""
    whole = bytearray(encode(TEXT))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] = data.draw(st.integers(0, 255))
    try:
        decoded = decode_body(bytes(whole), coding, 5000)
    except FetchError as error:
        assert error.kind in {"decode", "too_large"}  # noqa: PT017
    else:
        # Only the codings with a checksum can tell, and their headers have bytes without a meaning.
        assert coding not in {"gzip", "zstd"} or decoded == TEXT


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
@settings(deadline=None, max_examples=150)
@given(body=st.binary(min_size=1, max_size=300))
def test_any_bytes_are_content_or_an_error(coding: str, body: bytes) -> None:
    """A body that is something else altogether raises no other exception."""
    try:
        assert isinstance(decode_body(body, coding, 1000), bytes)
    except FetchError as error:
        assert error.kind in {"decode", "too_large"}  # noqa: PT017


def test_a_body_that_was_never_encoded_is_an_error_that_names_the_coding() -> None:
    """The message says what the body can't be read as."""
    with pytest.raises(FetchError, match=r"the body can't be read as gzip: .*header"):
        decode_body(TEXT, "gzip", MAX)


def test_a_wrong_checksum_is_an_error() -> None:
    """The trailers of gzip and zlib are checked."""
    for coding, whole in (("gzip", gzip.compress(TEXT)), ("deflate", zlib.compress(TEXT))):
        damaged = bytearray(whole)
        damaged[-5 if coding == "gzip" else -1] ^= 1
        assert kind_of(bytes(damaged), coding) == "decode"


def test_the_members_of_gzip_are_put_together() -> None:
    """A gzip body may be several (RFC 1952, section 2.2), an empty one among them."""
    body = gzip.compress(TEXT) + gzip.compress(b"") + gzip.compress(b"end")
    assert decode_body(body, "gzip", MAX) == TEXT + b"end"
    assert kind_of(body[:-1], "gzip") == "decode"


@pytest.mark.parametrize("padding", [b"\0", b"\0" * 600, b"\n", b"garbage", b"\x1f"])
def test_padding_after_gzip_is_ignored(padding: bytes) -> None:
    """As gzip itself and browsers do."""
    assert decode_body(gzip.compress(TEXT) + padding, "gzip", MAX) == TEXT
    assert decode_body(zlib.compress(TEXT) + padding, "deflate", MAX) == TEXT


def test_a_host_of_empty_members_is_an_error() -> None:
    """Members that cost time and bring nothing have a limit."""
    empty = gzip.compress(b"")
    assert decode_body(empty * 9_000, "gzip", MAX) == b""
    assert kind_of(empty * 11_000, "gzip") == "decode"


def skippable(content: bytes) -> bytes:
    """Return a frame of zstd that decoders pass over (RFC 8878, section 3.1.2)."""
    return b"\x50\x2a\x4d\x18" + len(content).to_bytes(4, "little") + content


def test_the_frames_of_zstd_are_put_together() -> None:
    """A zstd body may be several frames (RFC 8878, section 3), empty and skippable ones among them."""
    body = zstandard(TEXT) + zstandard(b"") + skippable(b"index") + zstandard(b"end") + skippable(b"")
    assert decode_body(body, "zstd", MAX) == TEXT + b"end"
    assert decode_body(skippable(b"x" * 200_000), "zstd", MAX) == b""


def test_frames_of_zstd_are_cut_anywhere() -> None:
    """Cut between two frames a body is whole, as far as anyone can tell; elsewhere it is an error."""
    frames = [zstandard(TEXT), skippable(b"index"), zstandard(b"end")]
    body = b"".join(frames)
    edges = {len(frames[0]), len(frames[0]) + len(frames[1])}
    for length in range(1, len(body)):
        if length in edges:
            assert decode_body(body[:length], "zstd", MAX) == TEXT
        else:
            assert kind_of(body[:length], "zstd") == "decode", length


@pytest.mark.parametrize("rest", [b"\0", b"\n", b"garbage", b"\x28", b"\x28\xb5\x2f\xfd"])
def test_what_follows_a_frame_of_zstd_has_to_be_a_frame(rest: bytes) -> None:
    """Unlike gzip's, its decoders know no padding."""
    assert kind_of(zstandard(TEXT) + rest, "zstd") == "decode"


def test_a_host_of_frames_is_an_error() -> None:
    """Frames that cost time and bring nothing have a limit."""
    empty = zstd.compress(b"")
    assert decode_body(empty * 9_000, "zstd", MAX) == b""
    assert kind_of(empty * 11_000, "zstd") == "decode"
    assert kind_of(skippable(b"") * 11_000, "zstd") == "decode"


def test_a_window_of_zstd_is_bounded() -> None:
    """8 MB, which HTTP allows (RFC 9659), are held for it, and not what a frame asks for."""

    def windowed(log: int) -> bytes:
        options: dict[int, int] = {zstd.CompressionParameter.window_log: log}
        compressor = zstd.ZstdCompressor(options=options)  # it doesn't know the size in advance
        return compressor.compress(TEXT) + compressor.flush()

    assert decode_body(windowed(23), "zstd", MAX) == TEXT
    with pytest.raises(FetchError, match="too much memory") as caught:
        decode_body(windowed(24), "zstd", MAX)
    assert caught.value.kind == "decode"


def test_a_wrong_checksum_of_zstd_is_an_error() -> None:
    """It is checked where there is one."""
    damaged = bytearray(zstandard(TEXT))
    damaged[-1] ^= 1
    assert kind_of(bytes(damaged), "zstd") == "decode"


@each_coding
def test_the_limit_is_exact(coding: str, encode: Callable[[bytes], bytes]) -> None:
    """A body of just `max_bytes` passes, one byte more does not."""
    encoded = encode(TEXT)
    assert decode_body(encoded, coding, len(TEXT)) == TEXT
    assert kind_of(encoded, coding, len(TEXT) - 1) == "too_large"


def test_the_limit_holds_without_a_coding() -> None:
    """The result is bounded, whatever it was made of."""
    assert decode_body(TEXT, None, len(TEXT)) is TEXT
    assert kind_of(TEXT, "", len(TEXT) - 1) == "too_large"


def test_the_message_about_the_limit_names_it_and_its_keyword() -> None:
    """A person learns what to change."""
    with pytest.raises(FetchError, match=r"larger than 1,000 bytes.*max_bytes"):
        decode_body(gzip.compress(bytes(2000)), "gzip", 1000)


@each_coding
def test_a_bomb_is_stopped_before_it_takes_memory(coding: str, encode: Callable[[bytes], bytes]) -> None:
    """Of 64 MiB that a small body unfolds to no more than the limit and a chunk is ever held."""
    bomb = encode(bytes(64 * 1024 * 1024))
    limit = 1024 * 1024
    tracemalloc.start()
    try:
        assert kind_of(bomb, coding, limit) == "too_large"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < limit * 1.25 + 4 * 64 * 1024


def test_a_bomb_in_a_bomb_is_stopped_at_each_step() -> None:
    """What one coding unfolds to is bounded before the next one is begun."""
    inner = gzip.compress(bytes(32 * 1024 * 1024))
    assert kind_of(gzip.compress(inner), "gzip, gzip", 1024 * 1024) == "too_large"
    assert kind_of(gzip.compress(bytes(2000) + inner), "gzip, gzip", 1000) == "too_large"


def test_a_large_body_is_held_once() -> None:
    """Putting the chunks together does not take the memory twice."""
    encoded = gzip.compress(bytes(8 * 1024 * 1024))
    tracemalloc.start()
    try:
        assert len(decode_body(encoded, "gzip", MAX)) == 8 * 1024 * 1024
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * 1024 * 1024 * 1.25 + 4 * 64 * 1024


def test_what_is_asked_for_is_what_can_be_undone() -> None:
    """Every coding that ``Accept-Encoding`` names is decoded here."""
    codings = ACCEPT_ENCODING.split(", ")
    assert codings == ["gzip", "deflate", "br", "zstd"]
    encoders = dict(ENCODERS)
    for coding in codings:
        assert decode_body(encoders[coding](TEXT), coding, MAX) == TEXT


@pytest.mark.parametrize("coding", [None, "identity", "gzip", "x-gzip", "br", "unknown"])
def test_pieces_are_the_whole_in_parts(coding: str | None) -> None:
    """Undone as `decode_body` does it, in pieces that are had one by one."""
    content = bytes(range(256)) * 1000
    encoders: dict[str | None, Callable[[bytes], bytes]] = {
        "gzip": gzip.compress,
        "x-gzip": gzip.compress,
        "br": brotlied,
    }
    body = encoders.get(coding, bytes)(content)
    assert b"".join(decode_pieces(body, coding, 10**6)) == decode_body(body, coding, 10**6)


@pytest.mark.parametrize(
    ("body", "coding", "kind"),
    [
        (gzip.compress(bytes(10**6), mtime=0), "gzip", "too_large"),
        (gzip.compress(b"x", mtime=0)[:-3], "gzip", "decode"),
        (b"x", "gzip, br", "decode"),
    ],
)
def test_pieces_end_in_an_error_as_the_whole_does(body: bytes, coding: str, kind: str) -> None:
    """And more than one coding is not undone so."""
    with pytest.raises(FetchError) as caught:
        list(decode_pieces(body, coding, 1000))
    assert caught.value.kind == kind
