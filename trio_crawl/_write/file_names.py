"""URLs as names of files that every system takes. Pure.

A name depends on nothing but the URL and its media type, and no two URLs have the same,
even where upper and lower case are the same letter: what would be lost of a part of a URL is
made up for by a digest of it, behind a ``~``, which stands for nothing else. A file's name has
a dot and a folder's has none but behind that mark, so no file is where a folder has to be.
"""

from __future__ import annotations

import re
from base64 import b32encode
from hashlib import sha256
from typing import Final
from urllib.parse import unquote

MAP: Final = "files.jsonl"
"""The file of a mirror that says which URL is where."""

_LONGEST: Final = 80
"""Characters of one name."""

_LONGEST_PATH: Final = 180
"""Characters of all of them: Windows takes 260, of which the folder of the mirror needs some."""

_PLAIN: Final = re.compile(r"[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_-])?")
_DEVICE: Final = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)")
_EXTENSION: Final = re.compile(r"\.[a-z0-9]{1,8}$")

_EXTENSIONS: Final = {
    "text/html": (".html", ".htm"),
    "application/xhtml+xml": (".html", ".htm"),
    "text/css": (".css",),
    "image/svg+xml": (".svg",),
}
"""Media types by whose extension alone a browser knows them, and the extensions that do."""

_USUAL: Final = {
    "application/javascript": ".js",
    "application/json": ".json",
    "application/pdf": ".pdf",
    "application/xml": ".xml",
    "image/gif": ".gif",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "text/javascript": ".js",
    "text/plain": ".txt",
    "text/xml": ".xml",
}
"""Of the rest, what is added to a name that has no extension; otherwise it is ``.bin``."""


def file_name(url: str, content_type: str | None, *, variant: str | None = None) -> str:
    """Return the path of the file for *url* in a mirror, its parts joined by slashes.

    Args:
        url: as the URL standard serialises it.
        content_type: the media type of what is there; None if it is not known.
        variant: what tells it from others of the same URL (a form that was sent); None for a plain GET.
    """
    scheme, _, rest = url.partition("://")
    host, _, target = rest.partition("#")[0].partition("/")
    path, mark, query = target.partition("?")
    *folders, last = path.split("/")
    names = [_host(host, scheme), *map(_folder, folders), _file(last + mark + query, last, content_type)]
    joined = "/".join(names)
    if variant is not None or len(joined) > _LONGEST_PATH:
        extension = (_EXTENSION.search(names[-1]) or [""])[0]
        joined = f"{names[0]}/~{_digest(url + ' ' + (variant or ''))}{extension}"
    return joined


def _host(host: str, scheme: str) -> str:
    name = host if _is_plain(host) and host != MAP else _marked(host)
    return name if scheme == "https" else f"{name}~{scheme}"


def _folder(part: str) -> str:
    return part if _is_plain(part) and "." not in part else _marked(part)


def _file(part: str, last: str, content_type: str | None) -> str:
    """Return the name for the last *part* of a URL, of which *last* is without the query."""
    if not part:
        name = "index.html"
    else:
        # What a server shows for a folder is often called so, but need not be the same.
        plain = _is_plain(part) and part != "index.html"
        name = part if plain else _marked(part, (_EXTENSION.search(last.lower()) or [""])[0])
    wanted = _EXTENSIONS.get(content_type or "")
    extension = (_EXTENSION.search(name) or [""])[0]
    if wanted is not None and extension not in wanted:
        return f"{name}~{wanted[0]}"
    if not extension:
        return f"{name}~{_USUAL.get(content_type or '', '.bin')}"
    return name


def _is_plain(part: str) -> bool:
    return len(part) <= _LONGEST and _PLAIN.fullmatch(part) is not None and not _DEVICE.match(part)


def _marked(part: str, extension: str = "") -> str:
    """Return a name that reads like *part*, and is that of no other."""
    text = re.sub(r"[^A-Za-z0-9_-]+", "_", unquote(part.removesuffix(extension)))
    return f"_{text[:40].strip('_')}~{_digest(part)}{extension}"


def _digest(text: str) -> str:
    return b32encode(sha256(text.encode("utf-8", "surrogatepass")).digest()[:10]).decode().lower()
