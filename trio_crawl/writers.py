"""Outputs with arguments of their own.

A path given as ``write="found.tsv"`` is ``write=Lines("found.tsv")``: name the
class where a path alone does not say enough.
"""

from __future__ import annotations

from ._write.call import Call as Call
from ._write.files import Files as Files
from ._write.lines import Lines as Lines
from ._write.parquet import Parquet as Parquet
from ._write.sqlite import Sqlite as Sqlite
from ._write.warc import Warc as Warc

__all__ = ["Call", "Files", "Lines", "Parquet", "Sqlite", "Warc"]
