"""A long sweep behind a lesson's table: resumable row by row, one command, one small CSV.

A script ``experiments/NN_name.py`` says what to measure at which points; :func:`main` does the
rest. Each row is on disk as soon as it is measured, so a stopped or killed sweep goes on where it
was; once all rows are there, they are put into ``data/results/NN_name.csv``, with a card and a
manifest entry, and a notebook reads them with ``data.results("NN_name")``.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from aigc_course import data, provenance, runtime
from aigc_course.data.manifest import Item, as_toml, sha256_of
from aigc_course.data.paths import MANIFEST, data_root
from aigc_course.errors import CourseError, UserError, from_os_error
from aigc_course.files import write_atomically

__all__ = ["Experiment", "main"]

STAMP = ("seconds", "date", "machine", "versions")  # columns that every row ends with
Row = dict[str, str]


@dataclass(frozen=True)
class Experiment:
    """What to measure, and where.

    Attributes:
        script: the file it is written in (``__file__``); its name is the name of the table.
        title: one line in Chinese.
        about: for the card, in Chinese: what was asked, how it was measured, what the columns mean.
        points: the settings to measure at, all with the same names; one of them should be ``seed``.
        measure: called with a point's settings by name; gives the measured values by name. All
            its randomness comes from the point.
        sources: shipped data it reads.
        device: what ``measure`` computes on.
    """

    script: Path
    title: str
    about: str
    points: Sequence[Mapping[str, Any]]
    measure: Callable[..., Mapping[str, Any]]
    sources: tuple[str, ...] = ()
    device: str = "cpu"

    @property
    def name(self) -> str:
        """Of the table of results."""
        return self.script.stem

    @property
    def fingerprint(self) -> str:
        """Of the script's text, whatever its line endings."""
        text = self.script.read_text(encoding="utf-8")
        return hashlib.sha256(text.encode()).hexdigest()

    def run(
        self,
        folder: Path,
        *,
        restart: bool = False,
        keep: bool = False,
        progress: Callable[..., Iterator[Any]] = runtime.progress,
    ) -> list[Row]:
        """Measure every point that has not been measured yet.

        Args:
            folder: where the rows are kept until the table is whole.
            restart: measure all points anew.
            keep: keep rows that an earlier version of the script has measured.

        Returns:
            The rows of the whole table, in the order of the points, as text.

        Raises:
            UserError: the script has changed since; the sweep is being run already; the folder
                cannot be written.
            KeyboardInterrupt: stopped by the user; what was measured is kept.
        """
        points = {_key(point): point for point in self.points}
        if len(points) < len(self.points):
            raise ValueError(f"points: {len(self.points)}, but only {len(points)} differ")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / f"{self.name}.lock", timeout=0):
                table = self._begun(folder, restart, keep)
                names = tuple(next(iter(self.points)))
                rows = {tuple(row[n] for n in names): row for row in _read(table)}
                threads = runtime.limit_threads(runtime.choose_threads())
                for key in progress([key for key in points if key not in rows], self.name):
                    rows[key] = self._measured(points[key], threads)
                    _append(table, rows[key])
                return [rows[key] for key in points]
        except Timeout:
            raise UserError(f"{self.name} 正在别处运行", "等它结束") from None
        except OSError as error:
            raise from_os_error(error, folder) from error

    def _begun(self, folder: Path, restart: bool, keep: bool) -> Path:
        """The table of the rows measured so far; made by this version of the script, or kept."""
        table, note = folder / f"{self.name}.csv", folder / f"{self.name}.script"
        if restart:
            table.unlink(missing_ok=True)
        if table.exists():
            made_by = note.read_text(encoding="utf-8").strip() if note.exists() else ""
            if made_by != self.fingerprint and not keep:
                raise UserError(
                    f"{self.script.name} 改过了，{table} 里是改之前算的",
                    "从头算：--restart；改动不影响已有的行：--keep",
                )
        write_atomically(note, self.fingerprint + "\n")
        return table

    def _measured(self, point: Mapping[str, Any], threads: int) -> Row:
        runtime.seed_everything(int(point.get("seed", 0)))
        start = time.perf_counter()
        found = self.measure(**point)
        values = {
            **point,
            **found,
            "seconds": round(time.perf_counter() - start, 2),
            "date": date.today().isoformat(),
            "machine": provenance.machine(self.device, threads),
            "versions": " ".join(f"{k}={v}" for k, v in provenance.versions().items()),
        }
        if len(values) != len(point) + len(found) + len(STAMP):
            raise ValueError(f"measure: gave {', '.join(found)}, a name that is taken already")
        return {name: _cell(value) for name, value in values.items()}

    def install(self, rows: Sequence[Row]) -> Path:
        """Ship the whole table: CSV, card and manifest entry go into the data folder."""
        root = data_root()
        path = root / "results" / f"{self.name}.csv"
        try:
            for part in ("results", "cards", MANIFEST):
                (root / part).mkdir(parents=True, exist_ok=True)
            write_atomically(path, _as_csv(rows, header=True))
            entry = self._entry(path, rows)
            write_atomically(root / entry.card, self._card(entry, rows))
            write_atomically(root / MANIFEST / f"{self.name}.toml", as_toml(entry))
        except OSError as error:
            raise from_os_error(error, root) from error
        return path

    def _entry(self, path: Path, rows: Sequence[Row]) -> Item:
        return Item(
            name=self.name,
            kind="results",
            title=self.title,
            file=f"results/{self.name}.csv",
            size=path.stat().st_size,
            sha256=sha256_of(path),
            licence="CC-BY-SA-4.0",
            source="、".join(self.sources) or "不读随课程附带的数据",
            recipe=f"experiments/{self.script.name}",
            command=f"python experiments/{self.script.name}",
            made={
                "rows": len(rows),
                "seconds": round(sum(float(row["seconds"]) for row in rows), 1),
                "machines": sorted({row["machine"] for row in rows}),
                "versions": sorted({row["versions"] for row in rows}),
                "data": {source: data.item(source).sha256 for source in self.sources},
                "script_sha256": self.fingerprint,
            },
        )

    def _card(self, entry: Item, rows: Sequence[Row]) -> str:
        made = entry.made
        dates = sorted({row["date"] for row in rows})
        about = {
            "文件": f"`data/{entry.file}`，{entry.size:,} 字节，{len(rows)} 行",
            "列": "，".join(f"`{name}`" for name in rows[0]),
            "重做": f"`{entry.command}`",
            "数据": "，".join(f"`{k}`（SHA-256 `{v[:16]}…`）" for k, v in made["data"].items())
            or "不用",
            "用时": f"{made['seconds']:g} 秒",
            "机器": "；".join(made["machines"]),
            "版本": "；".join(made["versions"]),
            "日期": dates[0] if len(dates) == 1 else f"{dates[0]} 至 {dates[-1]}",
            "许可": entry.licence,
            "载入": f'`data.results("{entry.name}")`，每行一个字典',
        }
        table = "\n".join(f"| {key} | {value} |" for key, value in about.items())
        return (
            f"# {entry.title}\n\n| 项目 | 值 |\n| --- | --- |\n{table}\n\n{self.about.strip()}\n\n"
            f"## 坏了怎么办\n\n    aigc data verify\n    {entry.command}\n\n"
            "从头重算要在课程的仓库里；换一台机器，单个数会不同（加法的次序变了，训练会放大它），"
            "平均与结论应当相同。\n"
        )


def main(experiment: Experiment, arguments: Sequence[str] | None = None) -> int:
    """Command line of an experiment's script; returns the exit status.

    Unfinished rows are kept in ``runs/`` beside the folder of the script.
    """
    parser = argparse.ArgumentParser(
        description=f"{experiment.title}。停了再运行就接着算；算完写进 data/results/。"
    )
    parser.add_argument("--restart", action="store_true", help="扔掉已有的行，从头算")
    parser.add_argument("--keep", action="store_true", help="脚本改过，但已有的行仍然有效")
    options = parser.parse_args(arguments)
    folder = experiment.script.resolve().parents[1] / "runs"
    try:
        rows = experiment.run(folder, restart=options.restart, keep=options.keep)
        path = experiment.install(rows)
    except KeyboardInterrupt:
        print("停下了。再运行同一条命令就接着算。", file=sys.stderr)
        return 130
    except CourseError as error:
        print(f"✗ {error.line()}", file=sys.stderr)
        return 1
    print(f"{path}：{len(rows)} 行，{path.stat().st_size:,} 字节；说明卡和清单也在")
    return 0


# --- rows --------------------------------------------------------------------------------------


def _cell(value: Any) -> str:
    """As it is written in the table; :func:`aigc_course.data.results` reads it back.

    Example:
        >>> [_cell(value) for value in (1, 1.0, None, True, "a")]
        ['1', '1.0', '', 'True', 'a']
    """
    if hasattr(value, "item"):  # a scalar of NumPy or PyTorch
        value = value.item()
    return "" if value is None else str(value)


def _key(point: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(map(_cell, point.values()))


def _as_csv(rows: Sequence[Row], header: bool) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _read(table: Path) -> list[Row]:
    """The rows of a table; a last line that was cut off when the process died is taken away."""
    if not table.exists():
        return []
    raw = table.read_bytes()
    whole = raw[: raw.rfind(b"\n") + 1]
    if whole != raw:
        write_atomically(table, whole)
    return list(csv.DictReader(io.StringIO(whole.decode("utf-8"), newline="")))


def _append(table: Path, row: Row) -> None:
    """Put one row at the end; it is on the disk when this returns."""
    begun = table.exists() and table.stat().st_size > 0
    with table.open("a", encoding="utf-8", newline="") as file:
        file.write(_as_csv([row], header=not begun))
        file.flush()
        os.fsync(file.fileno())
