"""URLs as archives sort them: the "sort-friendly URI reordering transform", a key of an index."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

from .. import _urls

_WWW: Final = re.compile(r"www\d*\.")
_ADDRESS: Final = re.compile(r"[0-9.]+|\[.*\]")
_UNESCAPED: Final = "!\"$&'()*+,-./:;<=>?@[\\]^_`{|}~"


def surt(url: str) -> str:
    """Return the key of *url*: ``com,example)/path?query`` for ``https://www.example.com/Path/?query``.

    As replay tools and other indexers make it, it leaves out the scheme, ``www``, a default port
    and a slash at the end, is in lower case, and has its parameters in order; but no session ids
    are left out, and no name is looked up.
    """
    normal = _urls.parse(url) or url
    _, _, host, rest = normal.split("/", 3)
    name, colon, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    if not colon:
        name, port = host, ""
    name = _WWW.sub("", name, count=1) if _WWW.match(name) else name
    if not _ADDRESS.fullmatch(name):
        name = ",".join(reversed(name.split(".")))
    path, mark, query = rest.partition("?")
    path = "/" + re.sub("//+", "/", _escaped(path)).lstrip("/").lower()
    if path != "/":
        path = path.removesuffix("/")
    if mark and query:
        parameters = [tuple(one.split("=", 1)) for one in _escaped(query).lower().split("&")]
        path += "?" + "&".join("=".join(one) for one in sorted(parameters))
    return f"{name}{f':{port}' if port else ''}){path}"


def _escaped(text: str) -> str:
    """Return *text* with every escape undone that need not be one."""
    data = text.encode()
    while (plain := unquote_to_bytes(data)) != data:
        data = plain
    return quote_from_bytes(data, safe=_UNESCAPED)
