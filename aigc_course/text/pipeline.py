"""From files of raw text to one Parquet file of clean rows: one description, any number of workers.

>>> import tempfile
>>> from aigc_course.text.cleaning import drop_html, squeeze_spaces
>>> from aigc_course.text.quality import Bound, length
>>> pipeline = Pipeline(clean=(drop_html, squeeze_spaces), bounds=(Bound(length, low=4),))
>>> with tempfile.TemporaryDirectory() as folder:
...     raw, out = Path(folder, "raw.txt"), Path(folder, "clean.parquet")
...     lines = "<p>房间很干净\\n好\\n房间 很干净。\\n早餐难吃极了"
...     _ = raw.write_text(lines, encoding="utf-8")
...     funnel = pipeline.run([raw], out)
...     storage.read(out, SCHEMA)["text"].to_pylist()
['房间很干净', '早餐难吃极了']
>>> print(funnel)
read                        4
drop_html                   4     changed 1
squeeze_spaces              4     changed 1
empty                       4
length                      3     dropped 1
private                     3
exact                       2     dropped 1
near                        2
train 2, val 0, test 0

The order of the steps is: clean, sieve, scrub private data, drop exact duplicates, then near ones,
split. Private data goes before duplicates are looked for, because two texts that differ in a phone
number are the same once it is gone, and must not end up in train and test.

The input is streamed, and what has to be compared across all of it is spilled to files in a
temporary folder beside the output: keys in parts small enough to be sorted in memory. Held in
memory are a few chunks of text, and for each row a few bytes but never its text.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from aigc_course.errors import UserError
from aigc_course.files import TEMPORARY
from aigc_course.text import storage
from aigc_course.text.cleaning import EXAMPLES, Cleaner, Count, forms
from aigc_course.text.duplicates import Bands, MinHash, bucket_pairs, clusters, jaccard, key
from aigc_course.text.private import scrub
from aigc_course.text.quality import Bound, Dropped, Sieve
from aigc_course.text.reading import numbered_lines
from aigc_course.text.splitting import check_shares, part_of
from aigc_course.text.spreading import Place, open_place

__all__ = ["INPUT", "SCHEMA", "Funnel", "Near", "Pipeline", "Stage"]

#: What a Parquet file must have to be read; further columns are left alone.
INPUT = pa.schema([("text", pa.string())])

#: What is written: the text, the name of its file, its line (or row) there from 1, its part.
SCHEMA = pa.schema(
    [
        pa.field("text", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("line", pa.int64(), nullable=False),
        pa.field("part", pa.string(), nullable=False),
    ]
)

CHUNK_ROWS = 4096  # a chunk has at most so many texts …
CHUNK_CHARACTERS = 1 << 20  # … and ends with the one that makes it so long
SORTED_AT_ONCE = 1 << 20  # keys that are sorted in memory
EXACT_PARTS = 64  # of the exact keys; their number is not known before
_EXCERPT = 60
_TOGETHER = 1 << 16  # pairs of rows that are gathered before they are spilled
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

Rows = NDArray[np.int64]
Records = NDArray[np.uint64]


# --- the description ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Near:
    """How near duplicates are found, on :func:`~aigc_course.text.cleaning.forms` of the texts.

    Attributes:
        threshold, n, size, seed: as for :func:`~aigc_course.text.duplicates.near_duplicates`.
        keep: ``"first"`` of each cluster, or ``"all"`` of it, in one part of the split.
    """

    threshold: float = 0.8
    n: int = 3
    size: int = 128
    seed: int = 1
    keep: str = "first"

    def __post_init__(self) -> None:
        if self.keep not in ("first", "all"):
            raise ValueError(f"keep: got {self.keep!r}, wanted 'first' or 'all'")
        MinHash(self.size, self.n, self.seed)
        self.bands()

    def bands(self) -> Bands:
        """Those of :func:`~aigc_course.text.duplicates.near_duplicates`."""
        return Bands.for_threshold(self.threshold, self.size, missed=0.9)


@dataclass(frozen=True)
class Pipeline:
    """What is done to the texts.

    Attributes:
        clean: steps of a :class:`~aigc_course.text.cleaning.Cleaner`. A text of which nothing is
            left is dropped (``empty`` in the funnel).
        bounds: of a :class:`~aigc_course.text.quality.Sieve`.
        private: whether private data is scrubbed.
        exact: whether of texts with one :func:`~aigc_course.text.duplicates.key` the first is kept.
        near: how near duplicates are found; None to leave them.
        shares, seed: of :func:`~aigc_course.text.splitting.split`.

    Raises:
        ValueError: two stages of the funnel with the same name, or shares that are none.
    """

    clean: tuple[Callable[[str], str], ...] = ()
    bounds: tuple[Bound, ...] = ()
    private: bool = True
    exact: bool = True
    near: Near | None = Near()
    shares: Mapping[str, float] = field(
        default_factory=lambda: {"train": 0.8, "val": 0.1, "test": 0.1}
    )
    seed: int = 0

    def __post_init__(self) -> None:
        stages = [*Cleaner(self.clean).counts, *Sieve(self.bounds).counts]
        stages += ["empty", "private", "exact", "near"]
        if twice := sorted({name for name in stages if stages.count(name) > 1}):
            raise ValueError(
                f"clean, bounds: got {', '.join(twice)} as the name of two stages of the funnel; "
                "give a step or a bound another"
            )
        check_shares(self.shares)

    def run(
        self,
        inputs: Iterable[str | os.PathLike[str]],
        out: str | os.PathLike[str],
        *,
        workers: int = 1,
        cluster: str = "",
    ) -> Funnel:
        """Read ``inputs`` in their order, write ``out`` (:data:`SCHEMA`) as a whole or not at all.

        The bytes of ``out`` and the funnel hang on the inputs and on this description, not on the
        workers, nor on where the files lie. Interrupted or killed, it leaves what stood at ``out``
        before; a kill may leave a folder beside it whose name begins with
        :data:`~aigc_course.files.TEMPORARY`. It holds scrubbed texts and may be deleted.

        Args:
            inputs: text files, a text on each line (:mod:`~aigc_course.text.reading`), and Parquet
                files with a column ``text`` (:data:`INPUT`), known by their ending ``.parquet``.
            out: a file in a folder with room for twice the cleaned text.
            workers: processes on this machine.
            cluster: address of a Dask scheduler instead. The workers need not see the files.

        Returns:
            How many rows were left after each step, with examples. Those of ``private`` and of the
            steps before it hold what was scrubbed: no examples are in the card of ``out``.

        Raises:
            UserError: a file cannot be read, has another schema or cannot be written; a step
                cannot be sent to a worker; a worker died.
            ValueError: see :func:`~aigc_course.text.spreading.open_place`.
        """
        with open_place(workers, cluster) as place:
            return self.run_at(place, inputs, out)

    def run_at(
        self,
        place: Place,
        inputs: Iterable[str | os.PathLike[str]],
        out: str | os.PathLike[str],
    ) -> Funnel:
        """As :meth:`run`, at a place that is open already."""
        paths, out = [Path(path) for path in inputs], Path(out)
        for path in paths:
            if path.resolve() == out.resolve():
                raise UserError(f"{out} 既要读又要写", "把结果写到另一个文件")
        if out.is_dir():
            raise UserError(f"{out} 是文件夹", f"写明文件名，如 {out / 'clean.parquet'}")
        try:
            # beside the output: there is room, where /tmp may be a part of the memory
            temporary = tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=out.parent)
        except OSError as error:
            raise UserError(
                f"写不进文件夹 {out.parent}（{error.strerror}）",
                "先建好它，或换一个可写的文件夹",
            ) from error
        with temporary as folder:
            try:
                return _Run(self, place, paths, Path(folder)).to(out)
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                raise UserError(
                    f"文件夹 {out.parent} 所在的盘写满了（{error.strerror}）",
                    "腾出清洗后文本两倍大的空间，或换一个盘",
                ) from error

    def card(self) -> dict[str, Any]:
        """The description in words and numbers, as it is put into the output's card."""
        near = self.near
        return {
            "clean": list(Cleaner(self.clean).counts),
            "bounds": [[bound.name, str(bound.low), str(bound.high)] for bound in self.bounds],
            "private": self.private,
            "exact": self.exact,
            "near": None if near is None else vars(near).copy(),
            "shares": dict(self.shares),
            "seed": self.seed,
        }


# --- the funnel --------------------------------------------------------------------------------


@dataclass
class Stage:
    """What one step did.

    Attributes:
        name: the step's.
        left: rows after it.
        dropped, changed: rows that it dropped, or changed.
        examples: of those the first few: the text before and after; the text dropped and the
            measure; the duplicate and the text that it is one of.
    """

    name: str
    left: int
    dropped: int = 0
    changed: int = 0
    examples: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Funnel:
    """What became of the rows: read, the steps in their order, and the rows of each part."""

    read: int
    stages: list[Stage]
    parts: dict[str, int]

    def __str__(self) -> str:
        """A line a step."""
        lines = [f"{'read':<20}{self.read:>9}"]
        for stage in self.stages:
            line = f"{stage.name:<20}{stage.left:>9}"
            line += f"     dropped {stage.dropped}" if stage.dropped else ""
            lines.append(line + (f"     changed {stage.changed}" if stage.changed else ""))
        return "\n".join([*lines, ", ".join(f"{name} {n}" for name, n in self.parts.items())])

    def counts(self) -> dict[str, Any]:
        """The numbers, without examples: what may be published."""
        left = {stage.name: stage.left for stage in self.stages}
        changed = {stage.name: stage.changed for stage in self.stages if stage.changed}
        return {"read": self.read, "left": left, "changed": changed, "parts": self.parts}


# --- what is done to a chunk: pure functions, in whatever process ------------------------------


@dataclass
class Prepared:
    """A chunk after the steps that look at one text at a time."""

    seen: int
    kept: list[int]  # places in the chunk
    texts: list[str]
    keys: bytes  # 16 of each text, if exact duplicates are looked for
    clean: dict[str, Count]
    empty: Dropped
    bounds: dict[str, Dropped]
    private: Count


def _prepare(pipeline: Pipeline, texts: list[str]) -> Prepared:
    cleaner, sieve = Cleaner(pipeline.clean), Sieve(pipeline.bounds)
    empty, private = Dropped(), Count()
    kept, finals, keys = [], [], []
    for k, text in enumerate(texts):
        cleaned = cleaner(text)
        if not cleaned.strip():
            empty += Dropped(1, [(text[:_EXCERPT], 0.0)])
            continue
        if not sieve.keeps(cleaned):
            continue
        final = scrub(cleaned) if pipeline.private else cleaned
        private.note(cleaned, final)
        kept.append(k)
        finals.append(final)
        if pipeline.exact:
            keys.append(key(final))
    return Prepared(
        len(texts), kept, finals, b"".join(keys), cleaner.counts, empty, sieve.counts, private
    )


def _band_keys(near: Near, chunk: tuple[Rows, list[str]]) -> tuple[Rows, Records]:
    """One key a band and text, (N, bands), beside the rows."""
    rows, texts = chunk
    signatures = MinHash(near.size, near.n, near.seed)([forms(text) for text in texts])
    return rows, near.bands().keys(signatures)


def _alike(near: Near, chunk: tuple[Rows, dict[int, str]]) -> Rows:
    """Those of the pairs (M, 2) whose texts are as alike as is asked for."""
    pairs, texts = chunk
    plain = {row: forms(text) for row, text in texts.items()}
    right = [jaccard(plain[i], plain[j], near.n) >= near.threshold for i, j in pairs.tolist()]
    return pairs[np.array(right, dtype=bool)]


# --- files in the temporary folder -------------------------------------------------------------


class _Texts:
    """Texts on the disk by their row, with the file and line that each came from."""

    def __init__(self, folder: Path) -> None:
        self.count = self._end = 0
        self._text: IO[bytes] = open(folder / "texts", "w+b")  # noqa: SIM115
        self._index: IO[bytes] = open(folder / "index", "w+b")  # noqa: SIM115

    def close(self) -> None:
        self._text.close()
        self._index.close()

    def append(self, texts: list[str], sources: list[int], lines: list[int]) -> None:
        raw = [text.encode() for text in texts]
        ends = self._end + np.cumsum([len(one) for one in raw], dtype=np.int64)
        index = np.stack([ends, np.array(sources, np.int64), np.array(lines, np.int64)], axis=1)
        self._text.write(b"".join(raw))
        self._index.write(index.tobytes())
        self.count += len(raw)
        self._end = int(ends[-1]) if raw else self._end

    def index(self, start: int, stop: int) -> Rows:
        """End in bytes, source and line of some rows, (stop − start, 3)."""
        self._index.seek(24 * start)
        return np.frombuffer(self._index.read(24 * (stop - start)), np.int64).reshape(-1, 3)

    def __getitem__(self, row: int) -> str:
        start = int(self.index(row - 1, row)[0, 0]) if row else 0
        self._text.seek(start)
        return self._text.read(int(self.index(row, row + 1)[0, 0]) - start).decode()

    def rows(self, alive: NDArray[np.bool_]) -> Iterator[tuple[int, str, int, int]]:
        """Row, text, source and line of each row that is alive, in order."""
        start = 0
        for first in range(0, self.count, CHUNK_ROWS):
            index = self.index(first, min(first + CHUNK_ROWS, self.count)).tolist()
            for row, (end, source, line) in enumerate(index, first):
                if alive[row]:
                    self._text.seek(start)  # one who reads a row in between may have moved it
                    yield row, self._text.read(end - start).decode(), source, line
                start = end


class _Spill:
    """Records of some numbers each, in several files of which each fits into the memory."""

    def __init__(self, folder: Path, name: str, parts: int, width: int) -> None:
        self._paths = [folder / f"{name}-{k}" for k in range(parts)]
        self._width = width

    def add(self, records: Records, part: NDArray[Any]) -> None:
        """Each record to its part, behind those that are there."""
        order = np.argsort(part, kind="stable")
        records, part = records[order], part[order]
        bounds = np.searchsorted(part, np.arange(len(self._paths) + 1))
        for k in np.unique(part).tolist():
            with open(self._paths[k], "ab") as file:  # not kept open: there may be thousands
                file.write(records[bounds[k] : bounds[k + 1]].tobytes())

    def parts(self) -> Iterator[Records]:
        """The records of each part, which is deleted after it."""
        for path in self._paths:
            if path.exists():
                yield np.fromfile(path, np.uint64).reshape(-1, self._width)
                path.unlink()


# --- the run -----------------------------------------------------------------------------------


class _Run:
    """One run: the state that its steps hand on."""

    def __init__(
        self, pipeline: Pipeline, place: Place, inputs: Sequence[Path], folder: Path
    ) -> None:
        self.pipeline, self.place, self.inputs, self.folder = pipeline, place, inputs, folder
        self.texts = _Texts(folder)
        self.alive = np.zeros(0, dtype=bool)  # (N,)
        self.read = 0
        self.stages: list[Stage] = []

    def to(self, out: Path) -> Funnel:
        try:
            self._prepare()
            if self.pipeline.near is not None:
                parts = self._parts(self._near(self.pipeline.near))
            else:
                parts = self._parts(np.zeros((2, 0), dtype=np.int64))
            return self._write(out, parts)
        finally:
            self.texts.close()  # before the folder goes: Windows deletes no open file

    # each text by itself, and the keys of exact duplicates

    def _prepare(self) -> None:
        total = _prepare(self.pipeline, [])
        spill = _Spill(self.folder, "exact", EXACT_PARTS, 3)
        origins: list[tuple[list[int], list[int]]] = []  # of the chunks on their way

        def chunks() -> Iterator[list[str]]:
            for texts, sources, lines in _chunks(_input_rows(self.inputs)):
                origins.append((sources, lines))
                yield texts

        for done in self.place.map(partial(_prepare, self.pipeline), chunks()):
            sources, lines = origins.pop(0)
            if self.pipeline.exact and done.kept:
                keys = np.frombuffer(done.keys, ">u8").reshape(-1, 2).astype(np.uint64)
                rows = np.arange(self.texts.count, self.texts.count + len(keys), dtype=np.uint64)
                spill.add(np.column_stack([keys, rows]), keys[:, 0] % np.uint64(EXACT_PARTS))
            self.texts.append(
                done.texts, [sources[k] for k in done.kept], [lines[k] for k in done.kept]
            )
            self.read += done.seen
            _add(total, done)
        self._note(total)
        self.alive = np.ones(self.texts.count, dtype=bool)
        if self.pipeline.exact:
            self._drop("exact", *_first_of_each(spill))

    def _note(self, total: Prepared) -> None:
        """The stages so far."""
        left = self.read
        for name, count in total.clean.items():
            self.stages.append(Stage(name, left, 0, count.changed, count.examples))
        for name, dropped in {"empty": total.empty, **total.bounds}.items():
            left -= dropped.dropped
            examples = [(text, f"{measure:g}") for text, measure in dropped.examples]
            self.stages.append(Stage(name, left, dropped.dropped, 0, examples))
        if self.pipeline.private:
            count = total.private
            self.stages.append(Stage("private", left, 0, count.changed, count.examples))

    def _drop(self, name: str, rows: Rows, firsts: Rows) -> None:
        """Drop ``rows``, each a duplicate of the first beside it, and note it."""
        self.alive[rows] = False
        least = np.argsort(rows)[:EXAMPLES]
        examples = [
            (self.texts[int(rows[k])][:_EXCERPT], self.texts[int(firsts[k])][:_EXCERPT])
            for k in least
        ]
        left = int(self.alive.sum())
        self.stages.append(Stage(name, left, len(rows), 0, examples))

    # near duplicates

    def _near(self, near: Near) -> Rows:
        """Members of clusters and the first of each, (2, M), of what is still there."""
        pairs = np.concatenate([np.zeros((0, 2), np.int64), *self._pairs(near)])
        rows, places = np.unique(pairs, return_inverse=True)
        # the union is made among rows that have a partner: few of all
        firsts = rows[clusters(len(rows), ((i, j) for i, j in places.reshape(-1, 2).tolist()))]
        if near.keep == "first":
            later = rows != firsts
            self._drop("near", rows[later], firsts[later])
            return np.zeros((2, 0), dtype=np.int64)
        self.stages.append(Stage("near", int(self.alive.sum())))
        return np.stack([rows, firsts])

    def _pairs(self, near: Near) -> Iterator[Rows]:
        """All pairs that are near enough, in order, some at a time."""
        count = max(1, self.texts.count)
        parts = -(-count // SORTED_AT_ONCE)
        bands = [
            _Spill(self.folder, f"band{k}", parts, 2) for k in range(near.bands().count)
        ]  # one band after the other is sorted, so only one part of one band is in memory
        for rows, keys in self.place.map(partial(_band_keys, near), self._alive_chunks()):
            for spill, column in zip(bands, keys.T, strict=True):
                records = np.column_stack([column, rows.astype(np.uint64)])
                spill.add(records, column % np.uint64(parts))
        pairs = _Spill(self.folder, "pairs", parts, 2)
        for spill in bands:
            for records in spill.parts():
                for found in _bucket_pairs(records):
                    pairs.add(found, found[:, 0] * np.uint64(parts) // np.uint64(count))
        yield from self.place.map(partial(_alike, near), self._pair_chunks(pairs))

    def _alive_chunks(self) -> Iterator[tuple[Rows, list[str]]]:
        for texts, rows, _ in _chunks((text, row, 0) for row, text, *_ in self._alive_rows()):
            yield np.array(rows, dtype=np.int64), texts

    def _alive_rows(self) -> Iterator[tuple[int, str, int, int]]:
        return self.texts.rows(self.alive)

    def _pair_chunks(self, spill: _Spill) -> Iterator[tuple[Rows, dict[int, str]]]:
        """Pairs, each once, with the texts that they are of."""
        for records in spill.parts():
            chunk: list[list[int]] = []
            texts: dict[int, str] = {}
            characters = 0
            for pair in np.unique(records.astype(np.int64), axis=0).tolist():
                chunk.append(pair)
                for row in pair:
                    if row not in texts:
                        texts[row] = self.texts[row]
                        characters += len(texts[row])
                if len(chunk) >= CHUNK_ROWS or characters >= CHUNK_CHARACTERS:
                    yield np.array(chunk, dtype=np.int64), texts
                    chunk, texts, characters = [], {}, 0
            if chunk:
                yield np.array(chunk, dtype=np.int64), texts

    # the split and the output

    def _parts(self, members: Rows) -> NDArray[np.int8]:
        """The number of each row's part, (N,): decided by the least text of its cluster."""
        shares, seed = self.pipeline.shares, self.pipeline.seed
        numbers = {name: k for k, name in enumerate(shares)}
        parts = np.full(self.texts.count, -1, dtype=np.int8)
        order = np.argsort(members[1], kind="stable")
        rows, firsts = members[:, order]
        starts = np.flatnonzero(np.diff(firsts, prepend=-1)).tolist()
        for start, stop in pairwise([*starts, len(rows)]):
            of_one = rows[start:stop]
            least = min(self.texts[row] for row in of_one.tolist())
            parts[of_one] = numbers[part_of(least, shares, seed)]
        for row, text, *_ in self._alive_rows():
            if parts[row] < 0:
                parts[row] = numbers[part_of(text, shares, seed)]
        return parts

    def _write(self, out: Path, parts: NDArray[np.int8]) -> Funnel:
        names = list(self.pipeline.shares)
        counts = np.bincount(parts[self.alive], minlength=len(names)).tolist()
        funnel = Funnel(self.read, self.stages, dict(zip(names, counts, strict=True)))
        rows = (
            {"text": text, "source": self.inputs[source].name, "line": line, "part": names[part]}
            for (row, text, source, line) in self._alive_rows()
            for part in [parts[row]]
        )
        card = {"pipeline": self.pipeline.card(), "funnel": funnel.counts()}
        storage.write(out, rows, SCHEMA, card)
        return funnel


def _input_rows(inputs: Sequence[Path]) -> Iterator[tuple[str, int, int]]:
    """Text, number of the file, line in it."""
    for source, path in enumerate(inputs):
        if path.suffix == ".parquet":
            line = 0
            for batch in storage.batches(path, INPUT, 1024, others=True):
                for text in batch.column("text"):
                    line += 1
                    yield text.as_py() or "", source, line
        else:
            for line, text in numbered_lines(path):
                yield text, source, line


def _chunks(
    rows: Iterable[tuple[str, int, int]],
) -> Iterator[tuple[list[str], list[int], list[int]]]:
    texts: list[str] = []
    first: list[int] = []
    second: list[int] = []
    characters = 0
    for text, one, other in rows:
        texts.append(text)
        first.append(one)
        second.append(other)
        characters += len(text)
        if len(texts) >= CHUNK_ROWS or characters >= CHUNK_CHARACTERS:
            yield texts, first, second
            texts, first, second, characters = [], [], [], 0
    if texts:
        yield texts, first, second


def _add(total: Prepared, later: Prepared) -> None:
    """Add the counts of a later chunk."""
    for name, count in later.clean.items():
        total.clean[name] += count
    for name, dropped in later.bounds.items():
        total.bounds[name] += dropped
    total.empty += later.empty
    total.private += later.private


def _first_of_each(spill: _Spill) -> tuple[Rows, Rows]:
    """Rows whose key has been there before, and the row where it first was."""
    later, firsts = [], []
    for records in spill.parts():
        records = records[np.lexsort((records[:, 2], records[:, 1], records[:, 0]))]
        new = np.ones(len(records), dtype=bool)
        new[1:] = (records[1:, :2] != records[:-1, :2]).any(axis=1)
        rows = records[:, 2].astype(np.int64)
        first = rows[new][np.cumsum(new) - 1]
        later.append(rows[~new])
        firsts.append(first[~new])
    none = np.zeros(0, dtype=np.int64)
    return np.concatenate([none, *later]), np.concatenate([none, *firsts])


def _bucket_pairs(records: Records) -> Iterator[Records]:
    """Pairs of rows with the same key, from records of key and row; some at a time."""
    records = records[np.lexsort((records[:, 1], records[:, 0]))]
    starts = np.flatnonzero(np.diff(records[:, 0], prepend=~records[:1, 0]))
    stops = np.append(starts[1:], len(records))
    several = stops - starts > 1
    pairs = (
        pair
        for start, stop in zip(starts[several].tolist(), stops[several].tolist(), strict=True)
        for pair in bucket_pairs(records[start:stop, 1].tolist())
    )
    while found := list(islice(pairs, _TOGETHER)):  # one bucket may hold all rows there are
        yield np.array(found, dtype=np.uint64)
