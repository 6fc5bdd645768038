"""The library's own fetchers do what the Protocol promises: every check of the suite, each on its own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import pytest

from trio_crawl.fetchers import Curl, Httpx
from trio_crawl.testing import FETCHER_CHECKS, check_fetcher

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from _pytest.mark import ParameterSet

    from trio_crawl.abc import Fetcher
    from trio_crawl.testing import Shortcoming

FETCHERS: Final[dict[str, tuple[Callable[[Path], Fetcher], tuple[Shortcoming, ...]]]] = {
    "curl": (lambda ca: Curl(ca=ca, watch="tasks"), ()),
    "curl-http1": (lambda ca: Curl(ca=ca, http_version="1.1"), ("http2",)),
    "httpx": (lambda ca: Httpx(ca=ca), ("http2",)),
}
if sys.platform == "linux":
    FETCHERS["curl-epoll"] = (lambda ca: Curl(ca=ca, watch="epoll"), ())


def cases() -> list[ParameterSet]:
    """Return each fetcher with each check."""
    return [pytest.param(name, check, id=f"{name}-{check}") for name in FETCHERS for check in FETCHER_CHECKS]


# What would change a fetcher's way if it looked into its environment.
ENVIRONMENT: Final = (
    *("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"),
    *("NETRC", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"),
)


@pytest.mark.parametrize(("name", "check"), cases())
async def test_the_fetcher_passes_the_check(name: str, check: str) -> None:
    """The fetcher passes the check, or fails in the one way that its library is known for."""
    make, shortcomings = FETCHERS[name]
    await check_fetcher(make, shortcomings=shortcomings, only=check)


@pytest.mark.parametrize("check", ["kept_connections", "trusted_certificates", "strange_authorities"])
@pytest.mark.parametrize("name", FETCHERS)
async def test_nothing_is_taken_from_the_environment(
    name: str, check: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Proxies, authorities and passwords that the environment names make no difference."""
    (tmp_path / "netrc").write_text("default login somebody password secret\n", encoding="ascii")
    for variable in ENVIRONMENT:
        proxy = variable.lower().endswith("_proxy")
        monkeypatch.setenv(variable, "http://127.0.0.1:9" if proxy else str(tmp_path / "netrc"))
    make, _ = FETCHERS[name]
    await check_fetcher(make, only=check)
