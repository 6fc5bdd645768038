"""The crawl: its public functions, its keywords, its engine."""

from __future__ import annotations

from .api import crawl as crawl
from .blocking import collect as collect, iterate as iterate, run as run
from .control import Control as Control
from .options import __version__ as __version__
from .streaming import fetch_page as fetch_page, open_crawl as open_crawl
