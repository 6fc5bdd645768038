"""Where a redirect leads, with which method, and where it ends."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from trio_crawl._errors import FetchError
from trio_crawl._lease import Redirect
from trio_crawl._policy.redirect import follow

URL = "https://a.test/dir/page?q=1"


def hop(  # noqa: PLR0913 - those of what is tested
    location: str | None,
    *,
    status: int = 302,
    method: str = "GET",
    chain: tuple[str, ...] = (),
    max_redirects: int = 10,
    may_differ: bool = False,
) -> Redirect | None:
    """Return where a response from the page leads."""
    return follow(
        status=status,
        location=location,
        url=URL,
        method=method,
        chain=chain,
        max_redirects=max_redirects,
        may_differ=may_differ,
    )


def target(location: str) -> str:
    """Return the URL that *location* leads to."""
    redirect = hop(location)
    assert redirect is not None
    return redirect.url


@pytest.mark.parametrize("status", [200, 204, 300, 304, 305, 306, 309, 399, 400, 404, 500])
def test_other_statuses_are_pages(status: int) -> None:
    """Only 301, 302, 303, 307 and 308 redirect, even with a Location."""
    assert hop("/next", status=status) is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", [None, "", " "])
def test_without_a_target_it_is_a_page(status: int, location: str | None) -> None:
    """A redirect without a Location, or with an empty one, is the page itself."""
    assert hop(location, status=status) is None


@pytest.mark.parametrize(
    ("status", "method", "expected"),
    [
        (301, "GET", "GET"),
        (302, "GET", "GET"),
        (303, "GET", "GET"),
        (307, "GET", "GET"),
        (308, "GET", "GET"),
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (301, "PUT", "PUT"),
        (302, "DELETE", "DELETE"),
        (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"),
        (301, "HEAD", "HEAD"),
    ],
)
def test_the_method_is_the_browsers(status: int, method: str, expected: str) -> None:
    """A form's POST becomes a GET but for 307 and 308, and the body goes along as long as the method does."""
    redirect = hop("/next", status=status, method=method)
    assert redirect == Redirect(url="https://a.test/next", method=expected, keep_body=method == expected)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("https://b.test/x", "https://b.test/x"),
        ("http://b.test", "http://b.test/"),
        ("//b.test/x", "https://b.test/x"),
        ("/x", "https://a.test/x"),
        ("x", "https://a.test/dir/x"),
        ("../x", "https://a.test/x"),
        ("?q=2", "https://a.test/dir/page?q=2"),
        (" /x ", "https://a.test/x"),
        ("/a b", "https://a.test/a%20b"),
        ("\\x\\y", "https://a.test/x/y"),
        ("/x#part", "https://a.test/x"),
        ("HTTPS://B.TEST:443/x", "https://b.test/x"),
    ],
)
def test_a_target_is_resolved_as_in_a_browser(location: str, expected: str) -> None:
    """Relative targets, spaces, backslashes and fragments come to the URL that a browser asks for."""
    assert target(location) == expected


def test_raw_utf8_is_kept() -> None:
    """Bytes beyond ASCII, which headers carry as Latin-1, reach the server as it wrote them."""
    assert target("/grün".encode().decode("latin-1")) == "https://a.test/gr%C3%BCn"
    assert target("/?q=ü".encode().decode("latin-1")) == "https://a.test/?q=%C3%BC"
    assert target("https://bücher.test/".encode().decode("latin-1")) == "https://xn--bcher-kva.test/"


def test_raw_bytes_of_an_old_encoding_are_kept() -> None:
    """Bytes that are no UTF-8 are percent-encoded one by one."""
    assert target("/gr\xfcn") == "https://a.test/gr%FCn"


def test_characters_that_no_header_has_are_utf8() -> None:
    """A fetcher that makes its responses up may give any characters."""
    assert target("/字") == "https://a.test/%E5%AD%97"
    assert target("/字/ü") == "https://a.test/%E5%AD%97/%C3%BC"


@pytest.mark.parametrize(
    "location",
    ["mailto:x@a.test", "javascript:alert(1)", "ftp://a.test/", "http://", "http://a b/", "data:,x"],
)
def test_a_target_that_cannot_be_asked_for_is_a_failure(location: str) -> None:
    """The failure is of kind redirects and names both ends."""
    with pytest.raises(FetchError, match="no http") as caught:
        hop(location)
    assert caught.value.kind == "redirects"
    assert URL in str(caught.value)
    assert repr(location) in str(caught.value)


@pytest.mark.parametrize("location", ["/" + "a/" * 4_000, "/" + "\xff" * 3_000, "x" * 1_000_000])
def test_a_target_that_is_too_long_is_a_failure(location: str) -> None:
    """It says so, and not all of it."""
    with pytest.raises(FetchError, match="which is longer than 8,000 characters") as caught:
        hop(location)
    assert caught.value.kind == "redirects"
    assert len(str(caught.value)) < 500
    assert target(f"/a#{location}") == "https://a.test/a"


def test_a_bad_target_is_quoted_in_part() -> None:
    """A server can't fill the log: a long target is cut, and its control characters are escaped."""
    with pytest.raises(FetchError) as caught:
        hop("mailto:\x1b[31m" + "x" * 10_000)
    assert len(str(caught.value)) < 500
    assert "\x1b" not in str(caught.value)


def test_a_redirect_to_itself_is_a_loop() -> None:
    """The same URL, but for its fragment, and the same method lead nowhere."""
    for location in (URL, "?q=1", f"{URL}#part"):
        with pytest.raises(FetchError, match="loop") as caught:
            hop(location)
        assert caught.value.kind == "redirects"


def test_a_redirect_into_the_chain_is_a_loop() -> None:
    """A URL that redirected here is not asked for again."""
    with pytest.raises(FetchError, match="loop"):
        hop("/first", chain=("https://a.test/first", "https://a.test/second"))


def test_a_cookie_makes_a_loop_a_second_try() -> None:
    """Where the response set a cookie, the same URL may answer otherwise; the limit ends what does not."""
    assert hop(URL, may_differ=True) == Redirect(url=URL, method="GET", keep_body=True)
    assert hop("/first", chain=("https://a.test/first",), may_differ=True) is not None
    with pytest.raises(FetchError, match="max_redirects=2"):
        hop(URL, chain=(URL, URL), max_redirects=2, may_differ=True)


@pytest.mark.parametrize(
    "location", ["https://user:secret@b.test/x@y", "//user@b.test/x@y", "https://user:p%40ss:@b.test/x@y"]
)
def test_user_names_and_passwords_are_dropped(location: str) -> None:
    """A server can't choose whom we log in as; an at sign in a path is none of that."""
    assert target(location) == "https://b.test/x@y"


def test_a_password_in_a_bad_target_is_not_shown() -> None:
    """Messages are logged and written."""
    for location in ("ftp://user:secret@b.test/", "https://user:secret@/", " https://user:secret@b test/"):
        with pytest.raises(FetchError, match="no http") as caught:
            hop(location)
        assert "secret" not in str(caught.value)


def test_user_information_does_not_hide_a_loop() -> None:
    """The page itself is the page itself, whoever is to ask for it."""
    with pytest.raises(FetchError, match="loop"):
        hop(URL.replace("//", "//user:secret@"))


def test_a_form_may_lead_back_to_its_page() -> None:
    """POST, then GET of the same URL, is no loop."""
    redirect = hop(URL, status=303, method="POST")
    assert redirect == Redirect(url=URL, method="GET", keep_body=False)


def test_a_chain_has_an_end() -> None:
    """As many redirects are followed as max_redirects says; one more is a failure that names it."""
    chain = tuple(f"https://a.test/{number}" for number in range(3))
    assert hop("/next", chain=chain[:2], max_redirects=3) is not None
    with pytest.raises(FetchError, match="max_redirects=3") as caught:
        hop("/next", chain=chain, max_redirects=3)
    assert caught.value.kind == "redirects"
    with pytest.raises(FetchError, match="max_redirects=0"):
        hop("/next", max_redirects=0)


@settings(max_examples=200, deadline=None)
@given(location=st.text(), status=st.sampled_from([301, 303, 308]))
def test_whatever_a_server_sends_is_a_target_or_a_failure(location: str, status: int) -> None:
    """No Location raises anything else, and every target is an ASCII http(s) URL without a fragment."""
    try:
        redirect = hop(location, status=status)
    except FetchError:
        return
    if redirect is not None:
        assert redirect.url.startswith(("http://", "https://"))
        assert redirect.url.isascii()
        assert "#" not in redirect.url
