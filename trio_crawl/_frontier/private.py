"""Files that hold secrets, cookies say: what other users may have put in their place is not used."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def planted(path: Path) -> str | None:
    """Return why *path* is not to be opened: a link that somebody else made; None if it may be.

    Links of one's own, and those of the system's administrator, are followed; but where everybody
    can make one (a sticky folder that others may write), one's own alone.
    """
    if not hasattr(os, "geteuid"):  # a system with other rules
        return None
    try:
        link = path.lstat()
    except OSError:
        return None
    if not stat.S_ISLNK(link.st_mode) or link.st_uid == os.geteuid():
        return None
    shared = path.parent.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if link.st_uid == 0 and not shared:
        return None
    return "it is a link that another user made; name the file that is meant, or remove the link"


def claimed(path: Path) -> bool:
    """Make *path*, which held nothing, its owner's alone; return whether that is us."""
    if not hasattr(os, "geteuid") or path.stat().st_uid != os.geteuid():
        return False
    path.chmod(0o600)
    return True


def exposed(path: Path) -> str | None:
    """Return why *path*, which is there, does not keep what is in it to its owner; None if it does."""
    if not hasattr(os, "geteuid"):
        return None
    found = path.stat()
    if found.st_uid != os.geteuid():
        return "it is another user's, and would hold cookies of yours; name a file of your own"
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return f"other users may open it, and it holds cookies: chmod 600 {path}"
    return None
