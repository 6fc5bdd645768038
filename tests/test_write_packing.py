"""Batches made smaller, each on its own."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from trio_crawl._errors import OutputError, UsageError
from trio_crawl._write.packing import Compression, packing_of

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = {"gzip": ["gzip", "-dc"], "zstd": ["zstd", "-dc"]}


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_what_follows_one_another_unpacks_to_all(compression: Compression, tmp_path: Path) -> None:
    """Members and frames, one after the other, are one file to the usual tools and to us."""
    packing = packing_of(compression)
    assert packing is not None
    packed = [packing.pack(text) for text in (b"one\n" * 50, b"", b"two\n")]
    path = tmp_path / "x"
    path.write_bytes(b"".join(packed))
    assert packing.unpack(path.read_bytes()) == b"one\n" * 50 + b"two\n"
    assert packing.pack(b"two\n") == packed[2]
    if shutil.which(compression):
        with path.open("rb") as file:
            out = subprocess.run(COMMANDS[compression], stdin=file, check=True, capture_output=True)  # noqa: S603
        assert out.stdout == b"one\n" * 50 + b"two\n"


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_what_is_damaged_is_said_to_be(compression: Compression) -> None:
    """A changed byte and a missing end are an OutputError."""
    packing = packing_of(compression)
    assert packing is not None
    packed = packing.pack(b"some text that is long enough to be in there as it is")
    changed = packed[:20] + bytes([packed[20] ^ 1]) + packed[21:]
    for data in (packed[:-1], changed, b"no such thing"):
        with pytest.raises(OutputError, match=f"it is no {compression}"):
            packing.unpack(data)


def test_no_compression_and_an_unknown_one() -> None:
    """None leaves bytes as they are; a name that is none is a UsageError."""
    assert packing_of(None) is None
    with pytest.raises(UsageError, match="'brotli'; they are gzip, zstd"):
        packing_of("brotli")  # type: ignore[arg-type] # what a user may write
