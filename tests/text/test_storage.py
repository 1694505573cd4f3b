"""Storage: rows come back as they went in, equal rows make equal bytes, every bad file says why."""

import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_course.errors import UserError
from aigc_course.text import storage

SCHEMA = pa.schema([pa.field("text", pa.string(), nullable=False), ("stars", pa.int64())])
SCHEMA_OF_OTHERS = pa.schema([("text", pa.string()), ("stars", pa.int64())])
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "text": st.text(st.characters(codec="utf-8"), max_size=20),
            "stars": st.none() | st.integers(-(2**63), 2**63 - 1),
        }
    ),
    max_size=30,
)


@given(ROWS, st.integers(1, 7), st.integers(1, 7), st.integers(1, 30))
def test_rows_come_back(tmp_path_factory, rows, group, together, characters):
    path = tmp_path_factory.mktemp("s") / "诗.parquet"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, "ROWS", group)
        patch.setattr(storage, "CHARACTERS", characters)
        assert storage.write(path, iter(rows), SCHEMA, {"卡": [1, "二"]}) == len(rows)
    assert storage.read(path, SCHEMA).to_pylist() == rows
    assert pq.read_table(path).to_pylist() == rows  # the oracle reads it too
    parts = list(storage.batches(path, SCHEMA, together))
    assert [row for part in parts for row in part.to_pylist()] == rows
    assert all(len(part) <= together for part in parts)
    assert storage.read_card(path) == {"卡": [1, "二"]}
    sizes = [
        pq.ParquetFile(path).metadata.row_group(k).num_rows
        for k in range(pq.ParquetFile(path).num_row_groups)
    ]
    assert sum(sizes) == len(rows) and all(size <= group for size in sizes)


def test_equal_rows_make_equal_bytes_in_another_process(tmp_path):
    program = (
        "import sys, pyarrow as pa; from aigc_course.text import storage\n"
        "schema = pa.schema([('text', pa.string())])\n"
        "rows = ({'text': '春眠不觉晓' * (k % 50)} for k in range(20_000))\n"
        "storage.write(sys.argv[1], rows, schema, {'b': 1, 'a': '诗'})"
    )
    for k in range(2):
        command = [sys.executable, "-c", program, str(tmp_path / f"{k}.parquet")]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": str(k)})
    one, other = ((tmp_path / f"{k}.parquet").read_bytes() for k in range(2))
    assert one == other
    assert pq.ParquetFile(tmp_path / "0.parquet").metadata.row_group(0).num_rows == storage.ROWS


def test_neither_writing_nor_reading_holds_all_rows(tmp_path):
    path, schema = tmp_path / "long.parquet", pa.schema([("text", pa.string())])
    tracemalloc.start()
    before = pa.total_allocated_bytes()
    rows = ({"text": chr(0x4E00 + k) * 100_000} for k in range(400))  # 120 MB as UTF-8
    storage.write(path, rows, schema, {})
    held = 0
    for batch in storage.batches(path, schema, 16):
        held = max(held, pa.total_allocated_bytes() - before)
        assert len(batch) <= 16
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert held < 60e6 and peak < 60e6


def test_one_group_of_another_writer_is_not_held_as_a_whole(tmp_path):
    path, schema = tmp_path / "long.parquet", pa.schema([("text", pa.string())])
    drawn = np.random.default_rng(0).integers(32, 127, size=(8000, 4000), dtype=np.uint8)
    texts = [bytes(row).decode() for row in drawn]  # 32 MB that hardly get smaller
    pq.write_table(pa.table({"text": texts}, schema), path)
    assert pq.ParquetFile(path).num_row_groups == 1 and path.stat().st_size > 2e7
    before, held = pa.total_allocated_bytes(), 0
    for batch in storage.batches(path, schema, 100):
        held = max(held, pa.total_allocated_bytes() - before)
        del batch
    assert held < 1.5e7


def test_an_error_of_the_rows_is_not_blamed_on_the_file(tmp_path):
    def of_a_missing_file():
        yield {"text": "好", "stars": 5}
        yield {"text": (tmp_path / "missing.txt").read_text(encoding="utf-8"), "stars": 5}

    def of_a_lost_connection():
        yield {"text": "好", "stars": 5}
        raise ConnectionResetError(104, "lost")

    for rows, error in (
        (of_a_missing_file, FileNotFoundError),
        (of_a_lost_connection, ConnectionResetError),
    ):
        with pytest.raises(error, match=r"missing\.txt|lost"):
            storage.write(tmp_path / "a.parquet", rows(), SCHEMA, {})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"text": None, "stars": 1}, "row 1, column text: got None"),
        ({"text": "好"}, r"row 1: got columns \['text'\]"),
        ({"text": "好", "stars": 1, "more": 2}, "row 1: got columns"),
        ({"text": 3, "stars": 1}, "column text: wanted string"),
        ({"text": "好", "stars": "五"}, "column stars: wanted int64"),
        ({"text": "好", "stars": 2**64}, "column stars: wanted int64"),
        ({"text": "\ud800", "stars": 1}, "column text: wanted string"),
    ],
)
def test_a_row_that_does_not_fit_leaves_the_old_file(tmp_path, row, said):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match=said):
        storage.write(path, [{"text": "好", "stars": 5}, row], SCHEMA, {})
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["a.parquet"]


def test_an_interrupt_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"old")
    monkeypatch.setattr(storage, "ROWS", 2)

    def rows():
        yield from [{"text": "好", "stars": 5}] * 5
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        storage.write(path, rows(), SCHEMA, {})
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["a.parquet"]


@pytest.mark.parametrize(
    "other",
    [
        pa.schema([("text", pa.string())]),
        pa.schema([("stars", pa.int64()), ("text", pa.string())]),
        pa.schema([("text", pa.string()), ("stars", pa.int32())]),
        pa.schema([("text", pa.binary()), ("stars", pa.int64())]),
        pa.schema([("text", pa.string()), ("stars", pa.int64()), ("more", pa.int8())]),
    ],
)
def test_another_schema_is_told_column_by_column(tmp_path, other):
    path = tmp_path / "别的.parquet"
    pq.write_table(other.empty_table(), path)
    with pytest.raises(UserError) as caught:
        storage.read(path, SCHEMA)
    for column in other:
        assert f"{column.name}: {column.type}" in caught.value.cause
    assert "别的.parquet" in caught.value.cause
    assert "要的是 text: string，stars: int64" in caught.value.cause


def test_further_columns_are_left_unread_if_allowed(tmp_path):
    path, wanted = tmp_path / "a.parquet", pa.schema([("text", pa.string())])
    storage.write(path, [{"text": "好", "stars": 5}], SCHEMA, {})
    (batch,) = storage.batches(path, wanted, others=True)
    assert batch.to_pylist() == [{"text": "好"}]
    with pytest.raises(UserError, match="有 text: string，stars: int64；要的是 missing: int8，…"):
        list(storage.batches(path, pa.schema([("missing", pa.int8())]), others=True))


def test_what_others_wrote_into_a_column_is_looked_at(tmp_path):
    path = tmp_path / "别的.parquet"
    pq.write_table(pa.table({"text": ["好", None], "stars": [1, None]}, SCHEMA_OF_OTHERS), path)
    with pytest.raises(UserError, match="text 一列有空值"):
        storage.read(path, SCHEMA)
    assert storage.read(path, SCHEMA_OF_OTHERS)["text"].to_pylist() == ["好", None]
    ends = pa.py_buffer(np.array([0, 2, 4], np.int32).tobytes())
    text = pa.StringArray.from_buffers(2, ends, pa.py_buffer(b"ab\xff\xfe"))  # no UTF-8
    pq.write_table(pa.table({"text": text, "stars": [1, 2]}), path)
    with pytest.raises(UserError, match="读不出"):
        storage.read(path, SCHEMA)
    twice = pa.Table.from_arrays([pa.array(["好"]), pa.array(["坏"])], names=["text", "text"])
    pq.write_table(twice, path)
    with pytest.raises(UserError, match="有 text: string，text: string；要的是"):
        list(storage.batches(path, pa.schema([("text", pa.string())]), others=True))


def test_files_that_are_no_parquet(tmp_path):
    whole = tmp_path / "a.parquet"
    storage.write(whole, ({"text": str(k), "stars": k} for k in range(9000)), SCHEMA, {})
    raw = whole.read_bytes()
    for name, content in {
        "half": raw[: len(raw) // 2],
        "empty": b"",
        "text": "春眠不觉晓".encode(),
        "middle": raw[:100] + bytes(2000) + raw[2100:],
    }.items():
        path = tmp_path / f"{name}.parquet"
        path.write_bytes(content)
        with pytest.raises(UserError, match=rf"{name}\.parquet 读不出"):
            storage.read(path, SCHEMA)
    with pytest.raises(UserError, match="没有文件"):
        storage.read(tmp_path / "不在.parquet", SCHEMA)
    with pytest.raises(UserError, match="读不出"):
        storage.read_card(tmp_path)
    pq.write_table(SCHEMA.empty_table(), tmp_path / "bare.parquet")
    with pytest.raises(UserError, match="没有卡片"):
        storage.read_card(tmp_path / "bare.parquet")
    with pytest.raises(ValueError, match="got 0"):
        list(storage.batches(whole, SCHEMA, 0))


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "不在" / "a.parquet", tmp_path / "file" / "a.parquet"):
        with pytest.raises(UserError, match=r"写不进 .*a\.parquet"):
            storage.write(path, [], SCHEMA, {})
