"""The folder of a mirror: its files, and the map that says which URL is where. All of it blocks."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final, final

import trio

from .._errors import OutputError
from .file_names import MAP
from .place import Place
from .target import hold_folder, hold_open

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from .._holds import Hold

_UNFINISHED: Final = "~unfinished"
"""What a file is called while it is written."""


@final
@dataclass(frozen=True, slots=True)
class Item:
    """What a mirror keeps of one page: where, what, and its line in the map."""

    name: str
    content: bytes
    line: str

    def __len__(self) -> int:
        return len(self.content) + len(self.line)


def read_map(folder: Path, end: int | None = None) -> Iterator[dict[str, object]]:
    """Yield the lines of the map in *folder*, up to byte *end*.

    Raises:
        OutputError: it can't be read, or a line is none.
    """
    read = 0
    try:
        with (folder / MAP).open("rb") as file:
            for number, line in enumerate(file, 1):
                read += len(line)
                if end is not None and read > end:
                    return
                try:
                    told = dict(json.loads(line))
                    whole = "redirect" in told or {"file", "final_url"} <= set(told)
                except (ValueError, TypeError):
                    whole = False
                if not whole:
                    raise OutputError(f"{folder / MAP}: line {number} is no line of a map")
                yield told
    except OSError as error:
        raise OutputError(f"{folder / MAP} can't be read: {error.strerror}") from error


def changed(folder: Path, end: int) -> Iterator[str]:
    """Yield which files are not as the map says; of one that was written twice, the last line counts."""
    sums = {str(told["file"]): told["sha256"] for told in read_map(folder, end) if "file" in told}
    for name, wanted in sums.items():
        path = folder / name
        try:
            digest = sha256()
            with path.open("rb") as file:
                while piece := file.read(1024 * 1024):
                    digest.update(piece)
        except OSError as error:
            yield f"{name} can't be read: {error.strerror}"
            continue
        if digest.hexdigest() != wanted:
            yield f"{name} was changed"


@final
class Mirror:
    """The folder, open; its methods block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._map: io.FileIO | None = None
        self._hold: Hold | None = None
        self._folder_hold: Hold | None = None
        self._place = Place()

    def open(self, place: Place | None, overwrite: bool) -> None:  # noqa: FBT001 - a thread's function takes no keywords
        """Open the map at *place*, and cut off what is behind; or begin it, if there is none."""
        path = self._folder / MAP
        try:
            self._folder.mkdir(exist_ok=True)
            self._folder_hold = hold_folder(self._folder)
            self._map = io.FileIO(path, "r+" if place is not None and place.bytes else "a")
            self._hold = hold_open(self._map.fileno(), path)
            if place is not None:
                self._place = place
                place.check(path)
            elif path.stat().st_size and not overwrite:
                raise OutputError(f"{path} exists; pass overwrite=True to replace it, or name another")
            self._map.truncate(self._place.bytes)
            self._map.seek(self._place.bytes)
        except OSError as error:
            raise OutputError(f"{path} can't be opened: {error.strerror}") from error

    def append(self, items: Sequence[Item]) -> Place:
        """Write files, then their lines; return the place after these."""
        if not items:
            return self._place
        if self._map is None or self._hold is None:
            raise trio.ClosedResourceError(f"{self._folder} is not open")
        self._hold.require()
        for item in items:
            if item.name:
                self._put(item)
        data = "".join([item.line for item in items]).encode()
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[self._map.write(rest) :]
        except OSError as error:
            error.add_note(f"while writing {self._folder / MAP}: {self._cut_back(self._map)}")
            raise
        self._place = self._place.after(data, ())
        return self._place

    def _put(self, item: Item) -> None:
        path = self._folder / item.name
        unfinished = self._folder / _UNFINISHED
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with io.FileIO(unfinished, "w") as file:
                rest = memoryview(item.content)
                while rest:
                    rest = rest[file.write(rest) :]
            unfinished.replace(path)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            error.add_note(f"while writing {path}; {MAP} does not have it")
            raise

    def _cut_back(self, file: io.FileIO) -> str:
        try:
            file.truncate(self._place.bytes)
            file.seek(self._place.bytes)
        except OSError as error:
            return f"a part of a batch may stand after its first {self._place.bytes} bytes ({error.strerror})"
        return f"it was cut back to {self._place.bytes} bytes, which end with a whole line"

    def close(self) -> None:
        """Close the map if it is open; where that fails, its descriptor is gone all the same."""
        file, self._map = self._map, None
        hold, self._hold = self._hold, None
        folder, self._folder_hold = self._folder_hold, None
        if hold is not None:
            hold.release()
        try:
            if file is not None:
                file.close()
        finally:
            if folder is not None:
                folder.close()
