"""The house: what is exported, that it is documented, and what is in the package that users install."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import zipfile
from importlib import import_module
from importlib.metadata import metadata
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, TypeVar, TypeVarTuple

import pytest

import trio_crawl

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT: Final = Path(__file__).resolve().parents[1]

PUBLIC: Final = {
    "trio_crawl": {
        *("crawl", "open_crawl", "fetch_page", "run", "collect", "iterate", "Control"),
        *("Request", "Response", "Page", "Link", "Failure", "Report", "Statistics", "Headers", "Hop"),
        *("HostReport", "RobotsReport", "Delay", "InFlight", "Skip"),
        *(
            "ContentError",
            "CrawlError",
            "UsageError",
            "SeedError",
            "OutputError",
            "RowError",
            "MissingExtraError",
        ),
        *("ParseError", "FetchError", "RefusedError", "StateError", "TooManyFailuresError"),
    },
    "trio_crawl.aio": {"crawl", "open_crawl", "fetch_page", "Control", "Stream"},
    "trio_crawl.fetchers": {"Archive", "Asks", "Cache", "Curl", "Httpx"},
    "trio_crawl.writers": {"Call", "Files", "Lines", "Parquet", "Sqlite", "Warc"},
    "trio_crawl.abc": {
        *("Fetcher", "RecordedFetcher", "TimedFetcher", "Parser", "Writer", "ExchangeWriter", "Frontier"),
        *("Environment", "Guard", "Rules", "RunInThread", "Hop", "Response", "Exchange", "Outcome"),
    },
    "trio_crawl.testing": {
        *("MemoryWeb", "Reply", "Handler", "Exchange", "page", "serve", "serving"),
        *("cancel_everywhere", "cancel_at", "asserts_no_leaks", "check_writer", "check_frontier"),
        *("check_fetcher", "FETCHER_CHECKS", "Shortcoming"),
    },
}
SUBMODULES: Final = {"abc", "aio", "fetchers", "writers", "testing"}
FUNCTIONS: Final = (
    *("crawl", "open_crawl", "fetch_page", "run", "collect", "iterate"),
    *("aio.crawl", "aio.open_crawl", "aio.fetch_page"),
)


def defined(module: ModuleType) -> set[str]:
    """Return the public names that *module* itself defines; type variables are for its annotations."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
        if not isinstance(value, TypeVar | TypeVarTuple)
    }


@pytest.mark.parametrize("name", PUBLIC)
def test_a_module_exports_its_names_and_no_others(name: str) -> None:
    """``__all__`` is the list above, each name of it is there, and nothing public is left out of it."""
    module = import_module(name)
    listed = module.__all__
    assert len(listed) == len(set(listed))
    submodules = {item for item in listed if isinstance(getattr(module, item), ModuleType)}
    assert set(listed) - submodules - {"__version__"} == PUBLIC[name]
    assert submodules <= SUBMODULES
    # Not all stand there from the start: a class whose import takes long is had on demand.
    assert [item for item in listed if not hasattr(module, item)] == []
    assert defined(module) <= PUBLIC[name]


@pytest.mark.parametrize("name", sorted(PUBLIC.keys() - {"trio_crawl.abc"}))
def test_a_module_shows_nothing_else(name: str) -> None:
    """What stands in a module that only gathers names is in its ``__all__``."""
    module = import_module(name)
    shown = {
        item
        for item, value in vars(module).items()
        if not item.startswith("_") and not isinstance(value, ModuleType)
    } - {"annotations", "TYPE_CHECKING"}
    assert shown <= set(module.__all__)


def test_no_module_but_the_public_ones_is_without_an_underscore() -> None:
    """Every other module is private by its name."""
    names = {
        path.stem
        for path in Path(trio_crawl.__file__).parent.iterdir()
        if not path.name.startswith((".", "_"))
    }
    assert names - {"py"} == SUBMODULES


def test_the_version_is_the_packages() -> None:
    """The version that the code tells is that of the installed package."""
    assert trio_crawl.__version__ == metadata("trio-crawl")["Version"]


@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_public_has_a_docstring(name: str) -> None:
    """Every public class and function says what it is; so do its public methods."""
    module = import_module(name)
    silent = [
        f"{name}.{item}"
        for item in sorted(PUBLIC[name])
        for value in [getattr(module, item)]
        if (inspect.isclass(value) or inspect.isroutine(value)) and not inspect.getdoc(value)
    ]
    silent += [
        f"{name}.{item}.{method}"
        for item in sorted(PUBLIC[name])
        if inspect.isclass(getattr(module, item))
        for method, value in vars(getattr(module, item)).items()
        if not method.startswith("_") and (inspect.isroutine(value) or isinstance(value, property))
        if not inspect.getdoc(value)
    ]
    assert silent == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_keyword_is_documented(name: str) -> None:
    """Each argument of a public function has an entry of its own in the docstring."""
    function: Callable[..., Any] = attrgetter(name)(trio_crawl)
    text = inspect.getdoc(function) or ""
    missing = [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if not re.search(rf"^ +\*{{0,2}}(\w+, )*{parameter.name}(, \w+)*: \S", text, re.MULTILINE)
    ]
    assert missing == []


@pytest.mark.parametrize(
    "name",
    [
        *("Request", "Response", "Page", "Link", "Failure", "Report", "Statistics", "Hop"),
        *("HostReport", "RobotsReport", "Delay", "InFlight", "Skip"),
    ],
)
def test_every_field_of_a_value_is_documented(name: str) -> None:
    """Each field of a public value has an entry of its own in the docstring of the class that declares it."""
    value: type = getattr(trio_crawl, name)
    text = "\n".join(inspect.getdoc(cls) or "" for cls in value.__mro__[:-1])
    fields = [field for field in inspect.signature(value).parameters if not field.startswith("_")]
    assert [field for field in fields if not re.search(rf"^ +{field}: \S", text, re.MULTILINE)] == []


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build the wheel as an installer would."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(  # noqa: S603 - our own build
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    [path] = folder.iterdir()
    return zipfile.ZipFile(path)


def test_the_wheel_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    """The wheel has every module, the marker of a typed package, and the licence."""
    names = set(wheel.namelist())
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "trio_crawl").rglob("*.py")}
    modules.add("pytest_trio_crawl.py")
    assert {name for name in names if name.endswith(".py")} == modules
    assert "trio_crawl/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name.split("/")[0] for name in names} == {
        "trio_crawl",
        "pytest_trio_crawl.py",
        f"trio_crawl-{trio_crawl.__version__}.dist-info",
    }


def test_importing_the_library_loads_no_client_and_no_command_line() -> None:
    """What only one fetcher or the command line needs is imported when it is used."""
    heavy = ["httpx", "httpcore", "pycurl", "cyclopts", "rich", "pytest"]
    code = f"import sys, trio_crawl; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert found.stdout.strip() == "[]"
