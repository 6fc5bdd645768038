"""The commands, run in this process as the installed script runs them."""

from __future__ import annotations

import inspect
import io
import json
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest
from cli_support import ORIGIN, beside

import trio_crawl
from trio_crawl.__main__ import main
from trio_crawl._cli.options import Limits, Network, Output
from trio_crawl.testing import MemoryWeb

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCAL = ("--allow-private", "--delay", "0")


@pytest.fixture
def base_url() -> Iterator[str]:
    """Serve a small site."""
    web = MemoryWeb()
    web.robots(ORIGIN, "User-agent: *\nDisallow: /private")
    web.add(f"{ORIGIN}/", '<title>Home  page</title><a href="/a">a</a> <a href="/private">p</a>')
    web.add(f"{ORIGIN}/a", '<a href="/">home</a> Text \x1b[31mred')
    web.add(f"{ORIGIN}/private", "secret")
    web.add(f"{ORIGIN}/moved", redirect="/a")
    web.add(f"{ORIGIN}/plain", "Grüße".encode("latin-1"), content_type="text/plain; charset=latin-1")
    web.add(f"{ORIGIN}/broken", failure="protocol")
    with beside(web) as url:
        yield url


def table(url: str) -> str:
    """Return the links of the small site as TSV."""
    rows = [("source_url", "parsed_url"), (f"{url}/", f"{url}/a"), (f"{url}/", f"{url}/private")]
    return "".join("\t".join(row) + "\n" for row in [*rows, (f"{url}/a", f"{url}/")])


def test_without_an_output_the_links_go_to_standard_output(
    base_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Standard output holds TSV and nothing else; the report is on standard error."""
    assert main([f"{base_url}/", *LOCAL]) == 0
    out, err = capsys.readouterr()
    assert out == table(base_url)
    assert "Crawl done" in err


def test_each_output_is_written(base_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """-o may be repeated, the suffix picks the format, and standard output stays empty."""
    tsv, jsonl = tmp_path / "found.tsv", tmp_path / "pages.jsonl"
    assert main([f"{base_url}/", "-o", str(tsv), "--write", str(jsonl), *LOCAL]) == 0
    assert tsv.read_text() == table(base_url)
    assert [json.loads(line)["url"] for line in jsonl.read_text().splitlines()] == [
        f"{base_url}/",
        f"{base_url}/a",
    ]
    assert capsys.readouterr().out == ""


def test_an_output_that_exists_is_refused_until_told_otherwise(
    base_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the flag, nothing is changed, and with the flag the file is replaced."""
    file = tmp_path / "found.tsv"
    file.write_text("precious")
    arguments = [f"{base_url}/", "-o", str(file), *LOCAL]
    assert main(arguments) == 2
    assert file.read_text() == "precious"
    err = capsys.readouterr().err
    assert err.startswith("trio-crawl: error: ")
    assert "--overwrite" in err
    assert "overwrite=True" not in err
    assert main([*arguments, "--overwrite"]) == 0
    assert file.read_text() == table(base_url)


def test_json_prints_the_report_as_one_object(
    base_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --json standard output is one object that has every field of the report."""
    assert main([f"{base_url}/", "-o", str(tmp_path / "found.tsv"), "--json", *LOCAL]) == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert set(report) == {field.name for field in fields(trio_crawl.Report)}
    assert (report["ended"], report["pages"], report["skipped"]) == ("done", 2, {"robots": 1})
    assert report["statuses"] == {"200": 2}
    assert "Crawl done" not in err


def test_json_without_an_output_writes_no_rows(base_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The object is alone on standard output, and the report says that there was no output."""
    assert main([f"{base_url}/", "--json", *LOCAL]) == 0
    assert json.loads(capsys.readouterr().out)["outputs"] == []


def test_a_dash_is_standard_output(base_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`-o -` says what is so without it."""
    assert main([f"{base_url}/", "-o", "-", *LOCAL]) == 0
    assert capsys.readouterr().out == table(base_url)


def test_flags_reach_the_crawl(base_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Limits, patterns, robots and the client do what their keywords do."""
    flags = ["--max-depth", "1", "--exclude", "*/a", "--no-robots", "--fetch", "httpx", "--json"]
    assert main([f"{base_url}/", *flags, *LOCAL]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["pages"], report["robots"], report["skipped"]) == (2, 0, {"scope": 1})


def test_an_archive_is_written_and_crawled_again(
    base_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`-o x.warc.gz` keeps what was fetched, and `--fetch x.warc.gz` gives the same links from it."""
    path = str(tmp_path / "x.warc.gz")
    assert main([f"{base_url}/", "-o", path, "-o", "-", *LOCAL]) == 0
    before = capsys.readouterr().out
    assert main([f"{base_url}/", "--fetch", path]) == 0
    assert sorted(capsys.readouterr().out.splitlines()) == sorted(before.splitlines())
    assert main([f"{base_url}/", "--fetch", str(tmp_path / "none.warc.gz")]) == 2
    assert "there is no archive" in capsys.readouterr().err


def test_seeds_come_from_a_file(base_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file of URLs is crawled, alone and after URLs, its blank lines and comments left out."""
    file = tmp_path / "seeds.txt"
    file.write_text(f"# seeds\n\n{base_url}/a\n{base_url}/plain\n")
    assert main(["--seeds", str(file), "--max-depth", "0", "--json", *LOCAL]) == 0
    assert json.loads(capsys.readouterr().out)["pages"] == 2
    assert main([f"{base_url}/", "--seeds", str(file), "--max-depth", "0", "--json", *LOCAL]) == 0
    assert json.loads(capsys.readouterr().out)["pages"] == 3


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ([], "--seeds"),
        (["ftp://site.test/"], "ftp"),
        (["http://site.test/", "--bogus"], "--bogus"),
        (["http://site.test/", "--max-pages", "many"], "--max-pages"),
        (["http://site.test/", "--max-pages", "-1"], "--max-pages is -1"),
        (["http://site.test/", "--follow", "everything"], "--follow"),
        (["http://site.test/", "-o", "found.docx"], ".docx"),
        (["http://site.test/", "-o"], "-o"),
        (["http://site.test/", "--allow-private=300.1.1.1/99"], "300.1.1.1/99"),
        (["http://site.test/", "--json", "-o", "-"], "standard output"),
        (["--seeds", "absent.txt"], "absent.txt"),
        (["http://site.test/", "--seeds", "absent.txt"], "absent.txt"),
        (["fetch"], "URL"),
        (["fetch", "no-url"], "no-url"),
        (["fetch", "http://site.test/", "--json", "--links"], "--links"),
    ],
)
def test_wrong_usage_is_said_in_a_line(
    flags: list[str],
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Wrong usage ends with 2 and one message that names what is wrong; nothing is written."""
    monkeypatch.chdir(tmp_path)
    assert main(flags) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("trio-crawl: error: ")
    assert named in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_a_seed_that_can_not_be_fetched_is_a_failure(
    base_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no page was fetched the status is 1, and the failure was told on standard error."""
    assert main([f"{base_url}/broken", "--retries", "0", *LOCAL]) == 1
    assert "protocol" in capsys.readouterr().err


def test_a_private_address_is_refused_until_allowed(
    base_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loopback is refused with a message that names the flag; the flag may name what it permits."""
    assert main([f"{base_url}/", "--delay", "0"]) == 1
    assert "--allow-private" in capsys.readouterr().err
    host = base_url.removeprefix("http://")
    assert main([f"{base_url}/", "--delay", "0", f"--allow-private={host}", "--quiet"]) == 0
    assert main([f"{base_url}/", "--delay", "0", "--allow-private=10.0.0.0/8", "--quiet"]) == 1


def test_the_flag_before_a_url_takes_nothing_from_it(
    base_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--allow-private URL` permits everything, and crawls the URL."""
    assert main(["--delay", "0", "--allow-private", f"{base_url}/"]) == 0
    assert capsys.readouterr().out == table(base_url)


def test_quiet_leaves_only_the_report(base_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With --quiet no failure is told as it happens."""
    assert main([f"{base_url}/broken", "--retries", "0", "--quiet", *LOCAL]) == 1
    assert capsys.readouterr().err.startswith("Crawl done")


def test_fetch_shows_a_page(base_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Status, headers, title, links and text are shown."""
    assert main(["fetch", f"{base_url}/", "--allow-private"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"200 {base_url}/  (HTTP/1.1, 127.0.0.1, ")
    assert "Content-Type: text/html; charset=utf-8" in out
    assert "title    Home page\n" in out
    assert "links    2\n" in out


def test_fetch_shows_no_control_characters(base_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A page can't steer the terminal that it is shown on; where it came from is shown too."""
    assert main(["fetch", f"{base_url}/moved", "--allow-private"]) == 0
    out = capsys.readouterr().out
    assert f"  redirected from {base_url}/moved\n" in out
    assert "\x1b" not in out
    assert r"Text \x1b[31mred" in out


def test_fetch_prints_a_page_as_json(base_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--json gives what a .jsonl file has, with headers and text."""
    assert main(["fetch", f"{base_url}/plain", "--allow-private", "--json"]) == 0
    page = json.loads(capsys.readouterr().out)
    assert (page["status"], page["text"], page["links"]) == (200, "Grüße", [])
    assert ["Content-Type", "text/plain; charset=latin-1"] in page["headers"]


def test_fetch_prints_links_or_content(base_url: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """--links gives a URL a line, --body the bytes as they came."""
    assert main(["fetch", f"{base_url}/", "--allow-private", "--links"]) == 0
    assert capfdbinary.readouterr().out == f"{base_url}/a\n{base_url}/private\n".encode()
    assert main(["fetch", f"{base_url}/plain", "--allow-private", "--body"]) == 0
    assert capfdbinary.readouterr().out == "Grüße".encode("latin-1")


@pytest.mark.parametrize(("path", "named"), [("/broken", "protocol"), ("/private", "robots")])
def test_fetch_tells_why_there_is_no_page(
    base_url: str, path: str, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A failed and a refused page end with 1 and the reason."""
    assert main(["fetch", base_url + path, "--allow-private", "--retries", "0"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("trio-crawl: error: ")
    assert named in err


def test_the_version_is_the_library_s(capsys: pytest.CaptureFixture[str]) -> None:
    """--version prints the name and the version."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"trio-crawl {trio_crawl.__version__}\n"


def test_help_names_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    """--help has each flag and each command."""
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    for kind in (Limits, Network, Output):
        for field in fields(kind):
            assert "--" + field.name.replace("_", "-") in out
    assert "fetch URL" in out
    assert "demo" in out


def test_flags_are_the_keywords_with_their_defaults() -> None:
    """Each keyword of crawl() that a shell can say is a flag of that name, with that default."""
    keywords = {
        name: parameter.default
        for name, parameter in inspect.signature(trio_crawl.crawl).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    not_for_a_shell = {"parse", "parse_in", "parse_errors", "task_status", "headers", "cookies", "auth"}
    flags = {**Limits().keywords(), **Network().keywords(), "write": None}
    flags |= {name: getattr(Output(), name) for name in ("overwrite", "state", "retry_failed", "recrawl")}
    assert Network().user_agent is None
    assert keywords.pop("user_agent").startswith("trio-crawl/")
    assert flags == {name: value for name, value in keywords.items() if name not in not_for_a_shell}


def test_text_that_the_output_can_not_encode_is_escaped(
    base_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ASCII terminal gets escapes, not a traceback."""
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="ascii"))
    assert main(["fetch", f"{base_url}/plain", "--allow-private"]) == 0
    assert rb"Gr\xfc\xdfe" in raw.getvalue()
