"""Rows of columns in Arrow's terms: as a stream of bytes, and back."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, final

from .._errors import MissingExtraError
from .kinds import LIST, NAIVE, NULL, SCALARS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import ModuleType

    from .kinds import Kind, Row


def packages() -> tuple[ModuleType, ModuleType]:
    """Return pyarrow and its module for Parquet.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import pyarrow  # noqa: PLC0415, ICN001 - 160 MB, for who asks for it
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError(
            "Parquet needs a package that is not installed: pip install 'trio-crawl[parquet]'"
        ) from error
    return pyarrow, pyarrow.parquet


@final
class ArrowRows:
    """Turns rows, as `kinds.plain` says them, to Arrow's streams and tables, and back."""

    def __init__(self) -> None:
        self._arrow, _ = packages()

    def stream_of(self, rows: Sequence[Row], kinds: Mapping[str, Kind]) -> bytes:
        """Return *rows* as a stream in Arrow's format."""
        arrow = self._arrow
        schema = self.schema(kinds)
        arrays = []
        for place, field in enumerate(schema):
            # Moments are numbers here: what they are called is added without a look at each.
            values = arrow.array([row[place] for row in rows], self._storage(kinds[field.name]))
            arrays.append(values if values.type == field.type else values.cast(field.type))
        sink = io.BytesIO()
        with arrow.ipc.new_stream(sink, schema) as stream:
            stream.write_batch(arrow.record_batch(arrays, schema=schema))
        return sink.getvalue()

    def schema(self, kinds: Mapping[str, Kind]) -> Any:  # noqa: ANN401 - pyarrow has no types
        """Return Arrow's schema for columns of these *kinds*."""
        return self._arrow.schema([(name, self._type(kind)) for name, kind in kinds.items()])

    def _type(self, kind: Kind) -> Any:  # noqa: ANN401 - likewise
        arrow = self._arrow
        if kind.startswith(LIST):
            return arrow.list_(self._type(kind.removeprefix(LIST)))
        return {
            NULL: arrow.null(),
            "bool": arrow.bool_(),
            "int": arrow.int64(),
            "float": arrow.float64(),
            "str": arrow.string(),
            "bytes": arrow.binary(),
            "datetime": arrow.timestamp("us", tz="UTC"),
            NAIVE: arrow.timestamp("us"),
            "date": arrow.date32(),
            "time": arrow.time64("us"),
        }[kind]

    def _storage(self, kind: Kind) -> Any:  # noqa: ANN401 - likewise
        if kind.startswith(LIST):
            return self._arrow.list_(self._storage(kind.removeprefix(LIST)))
        if kind in {"datetime", NAIVE, "time"}:
            return self._arrow.int64()
        return self._arrow.int32() if kind == "date" else self._type(kind)

    def kinds_in(self, schema: Any) -> dict[str, Kind]:  # noqa: ANN401 - likewise
        """Return the kinds of the columns of a *schema* that `schema` made."""
        known = {str(self._type(kind)): kind for kind in (*SCALARS.values(), NAIVE)}
        kinds: dict[str, Kind] = {}
        for field in schema:
            of_list = self._arrow.types.is_list(field.type)
            kind = known[str(field.type.value_type if of_list else field.type)]
            kinds[field.name] = LIST + kind if of_list else kind
        return kinds

    def batches(self, spool: Path) -> Iterator[Any]:
        """Yield the batches of a spool, each as a table."""
        with self._arrow.OSFile(str(spool)) as file:
            while file.tell() < file.size():
                with self._arrow.ipc.open_stream(file) as stream:
                    yield stream.read_all()

    def rows_of(self, table: Any) -> list[Row]:  # noqa: ANN401 - likewise
        """Return the rows of a table as they were before they became one."""
        columns = []
        for column in table.columns:
            storage = self._storage_of(column.type)
            columns.append((column if column.type == storage else column.cast(storage)).to_pylist())
        return list(zip(*columns, strict=True))

    def _storage_of(self, type_: Any) -> Any:  # noqa: ANN401 - likewise
        types = self._arrow.types
        if types.is_list(type_):
            return self._arrow.list_(self._storage_of(type_.value_type))
        if types.is_date32(type_):
            return self._arrow.int32()
        return self._arrow.int64() if types.is_temporal(type_) else type_
