"""What other users may have put in the place of a state or a cache is not used."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE
from trio.testing import MockClock

from trio_crawl import CrawlError, crawl
from trio_crawl._frontier.private import planted
from trio_crawl.fetchers import Cache
from trio_crawl.testing import MemoryWeb

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OTHER = 65534


def with_state(path: Path) -> None:
    run(state=path)


def with_cache(path: Path) -> None:
    run(fetch=Cache(web(), path=path))


both = pytest.mark.parametrize("use", [with_state, with_cache])
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")


def web() -> MemoryWeb:
    made = MemoryWeb()
    made.add(SITE, "x")
    return made


def run(**keywords: Any) -> None:  # noqa: ANN401 - of crawl()
    keywords = {"fetch": web(), "robots": False, **keywords}
    trio.run(partial(crawl, SITE, **keywords), clock=MockClock(autojump_threshold=0))


@both
@pytest.mark.parametrize("mode", [0o666, 0o640, 0o604])
def test_what_others_may_open_is_refused(tmp_path: Path, use: Callable[[Path], None], mode: int) -> None:
    """The message says what to do, and that done, it goes on."""
    path = tmp_path / "x.db"
    use(path)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(mode)
    with pytest.raises(CrawlError, match=f"chmod 600 {path}"):
        use(path)
    path.chmod(0o600)
    use(path)


@both
@as_root
def test_what_is_anothers_is_refused(tmp_path: Path, use: Callable[[Path], None]) -> None:
    """A file of somebody else's would hold our cookies."""
    path = tmp_path / "x.db"
    use(path)
    os.chown(path, OTHER, OTHER)
    with pytest.raises(CrawlError, match="another user's"):
        use(path)


@as_root
@pytest.mark.parametrize(
    ("use", "name"), [(with_state, "x.db"), (with_state, "x.db.lock"), (with_cache, "x.db")]
)
def test_a_link_of_others_is_not_followed(tmp_path: Path, use: Callable[[Path], None], name: str) -> None:
    """Neither in the place of the file, nor in that of its lock; what it leads to stays as it is."""
    mine = tmp_path / "mine"
    mine.write_bytes(b"")
    (tmp_path / name).symlink_to(mine)
    os.chown(tmp_path / name, OTHER, OTHER, follow_symlinks=False)
    with pytest.raises(CrawlError, match="a link that another user made"):
        use(tmp_path / "x.db")
    assert mine.read_bytes() == b""


@both
def test_a_link_of_ones_own_is_followed(tmp_path: Path, use: Callable[[Path], None]) -> None:
    """As before, also where everybody can make one."""
    (tmp_path / "there").mkdir()
    (tmp_path / "x.db").symlink_to(tmp_path / "there" / "real.db")
    use(tmp_path / "there" / "real.db")
    tmp_path.chmod(0o1777)
    use(tmp_path / "x.db")


def test_what_is_no_link_is_not_planted(tmp_path: Path) -> None:
    """A file, a folder, and nothing."""
    (tmp_path / "x").write_bytes(b"")
    assert [planted(tmp_path / name) for name in ("x", ".", "none")] == [None] * 3
