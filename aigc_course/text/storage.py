"""Rows of text in Parquet: a declared schema, a card in the file, the same bytes for the same rows.

>>> import tempfile
>>> import pyarrow as pa
>>> schema = pa.schema([pa.field("text", pa.string(), nullable=False), ("stars", pa.int8())])
>>> with tempfile.TemporaryDirectory() as folder:
...     path = Path(folder, "reviews.parquet")
...     write(path, [{"text": "很干净", "stars": 5}], schema, {"what": "酒店评论"})
...     read(path, schema).to_pylist(), read_card(path)
1
([{'text': '很干净', 'stars': 5}], {'what': '酒店评论'})

A file holds groups of rows, and in a group each column by itself, compressed. What a group is hangs
on the rows alone (:data:`ROWS`, :data:`CHARACTERS`), compression and format are fixed, and no time
is written down: equal rows and an equal card make equal bytes, with the same version of pyarrow.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from aigc_course.errors import UserError
from aigc_course.files import write_atomically

__all__ = ["CHARACTERS", "ROWS", "batches", "read", "read_card", "write"]

#: A group of rows is closed after so many rows …
ROWS = 8192
#: … or once the texts in it have so many characters together, so that it fits into the memory.
CHARACTERS = 4 << 20

_BUFFER = 1 << 20  # bytes of a column that are read at once; others write groups of gigabytes
_CARD = b"aigc_course.card"

Row = Mapping[str, Any]


# --- write -------------------------------------------------------------------------------------


class _Sink:
    """Where pyarrow writes to: holds the bytes until they are taken, so few are held at a time."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        return len(self._pieces[-1])

    def flush(self) -> None:
        pass

    def take(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


def write(
    path: str | os.PathLike[str], rows: Iterable[Row], schema: pa.Schema, card: Mapping[str, Any]
) -> int:
    """Write ``rows`` to a Parquet file, as a whole or not at all.

    One group of rows is in memory at a time. If ``rows`` raises, or the process is killed, what was
    at ``path`` before is still there.

    Args:
        path: the file; its folder must exist.
        rows: each with exactly the columns of the schema.
        schema: a field that may not hold None has ``nullable=False``.
        card: what the file is and how it was made, in values that JSON knows; no times and no
            names of machines, if the bytes are to be the same next time.

    Returns:
        The number of rows.

    Raises:
        ValueError: a row does not fit the schema; the message names the row and the column.
        UserError: the file could not be written.
    """
    count = 0
    of_rows: OSError | None = None

    def counted() -> Iterator[Row]:
        nonlocal count, of_rows
        try:
            for row in rows:
                _check_row(count, row, schema)
                yield row
                count += 1
        except OSError as error:
            of_rows = error
            raise

    try:
        write_atomically(path, _pieces(counted(), schema, card))
    except OSError as error:
        if of_rows is not None:  # where they come from is at fault, not where they go to
            raise of_rows  # noqa: B904
        reason = error.strerror or type(error).__name__
        raise UserError(
            f"写不进 {os.fspath(path)}（{reason}）",
            "换一个可写、有空间的文件夹；原来的文件没有变",
        ) from error
    return count


def _pieces(rows: Iterator[Row], schema: pa.Schema, card: Mapping[str, Any]) -> Iterator[bytes]:
    """The file's bytes, group by group."""
    text = json.dumps(card, ensure_ascii=False, sort_keys=True)
    sink = _Sink()
    with pq.ParquetWriter(
        sink,
        schema.with_metadata({_CARD: text.encode()}),
        version="2.6",
        compression="zstd",
        compression_level=3,
        use_dictionary=True,
        data_page_size=1 << 20,
    ) as writer:
        first = 0
        for group in _groups(rows):
            writer.write_batch(_batch(first, group, schema))
            first += len(group)
            yield sink.take()
    yield sink.take()  # the end of the file, where its index is


def _groups(rows: Iterator[Row]) -> Iterator[list[Row]]:
    group: list[Row] = []
    characters = 0
    for row in rows:
        group.append(row)
        characters += sum(len(value) for value in row.values() if isinstance(value, str))
        if len(group) == ROWS or characters >= CHARACTERS:
            yield group
            group, characters = [], 0
    if group:
        yield group


def _check_row(number: int, row: Row, schema: pa.Schema) -> None:
    if set(row) != set(schema.names):
        raise ValueError(f"row {number}: got columns {sorted(row)}, wanted {sorted(schema.names)}")
    for column in schema:
        if not column.nullable and row[column.name] is None:
            raise ValueError(f"row {number}, column {column.name}: got None, wanted {column.type}")


def _batch(first: int, group: list[Row], schema: pa.Schema) -> pa.RecordBatch:
    columns = []
    for column in schema:
        values = [row[column.name] for row in group]
        try:
            columns.append(pa.array(values, column.type))
        except (pa.ArrowException, OverflowError, TypeError, UnicodeError) as error:
            last = first + len(group) - 1
            raise ValueError(
                f"rows {first} to {last}, column {column.name}: wanted {column.type}: {error}"
            ) from error
    return pa.RecordBatch.from_arrays(columns, schema=schema)


# --- read --------------------------------------------------------------------------------------


def batches(
    path: str | os.PathLike[str],
    schema: pa.Schema,
    rows: int = ROWS,
    *,
    others: bool = False,
) -> Iterator[pa.RecordBatch]:
    """The rows of a file, at most ``rows`` at a time; not even a group is in memory as a whole.

    Args:
        path: a Parquet file.
        schema: the columns that are wanted, with their types and in their order.
        rows: of a batch, at least 1.
        others: whether the file may have further columns; they are not read.

    Raises:
        UserError: the file is missing, damaged or no Parquet, or has another schema. Raised when
            the first batch is asked for; damage inside, or nothing where the schema does not
            allow it, when it is met.
    """
    if rows < 1:
        raise ValueError(f"rows: got {rows}, wanted at least 1")
    with _opened(path) as file:
        _check_schema(path, file.schema_arrow, schema, others)
        stream = file.iter_batches(batch_size=rows, columns=schema.names)
        while True:
            try:
                batch = next(stream, None)
                if batch is not None:
                    batch.validate(full=True)  # text may be bytes that are no UTF-8
            except (pa.ArrowException, OSError) as error:
                raise _damaged(path, error) from error
            if batch is None:
                return
            _check_filled(path, batch, schema)
            yield pa.RecordBatch.from_arrays(
                [batch.column(name) for name in schema.names], schema=schema
            )


def read(path: str | os.PathLike[str], schema: pa.Schema) -> pa.Table:
    """The whole file as a table.

    Raises:
        UserError: as :func:`batches`.
    """
    return pa.Table.from_batches(list(batches(path, schema)), schema=schema)


def read_card(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The card that :func:`write` put into the file.

    Raises:
        UserError: the file is missing, damaged or no Parquet, or has no card.
    """
    with _opened(path) as file:
        text = (file.schema_arrow.metadata or {}).get(_CARD)
    if text is None:
        raise UserError(
            f"{os.fspath(path)} 里没有卡片：不是这门课写的 Parquet", "用 storage.write 写一份"
        )
    card: dict[str, Any] = json.loads(text)
    return card


def _opened(path: str | os.PathLike[str]) -> pq.ParquetFile:
    if not Path(path).exists():
        raise UserError(f"没有文件 {os.fspath(path)}", "看看路径；文件夹名里有空格时用引号括起来")
    try:
        return pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from error


def _damaged(path: str | os.PathLike[str], error: Exception) -> UserError:
    reason = str(error).partition("\n")[0][:200]
    return UserError(
        f"{os.fspath(path)} 读不出：不是 Parquet，或者坏了、不完整（{reason}）",
        "重新生成它，或重新取一次；文本文件的名字不要以 .parquet 结尾",
    )


def _check_schema(
    path: str | os.PathLike[str], came: pa.Schema, wanted: pa.Schema, others: bool
) -> None:
    same = came.names == wanted.names or (
        others and all(came.names.count(name) == 1 for name in wanted.names)
    )
    if same and all(came.field(column.name).type == column.type for column in wanted):
        return
    more = "，…" if others else ""
    raise UserError(
        f"{os.fspath(path)} 的列不对：有 {_shown(came)}；要的是 {_shown(wanted)}{more}",
        "把列改名、转成这些类型再存一遍，或换一个文件",
    )


def _check_filled(path: str | os.PathLike[str], batch: pa.RecordBatch, wanted: pa.Schema) -> None:
    """Files of others allow nothing in any column, so the schema does not tell."""
    for column in wanted:
        if not column.nullable and batch.column(column.name).null_count:
            raise UserError(
                f"{os.fspath(path)} 的 {column.name} 一列有空值（null）", "补上或删去那些行再存一遍"
            )


def _shown(schema: pa.Schema) -> str:
    return "，".join(f"{column.name}: {column.type}" for column in schema) or "（没有列）"
