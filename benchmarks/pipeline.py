"""The text pipeline on a file larger than it may hold: megabytes a second, and memory.

A seeded enlargement of the quatrains: pages of some poems each, with tags, entities, numbers,
exact copies, and copies with one character changed. The course's pipeline runs in one process and
in two, beside the same steps written for pandas, which holds all rows at once. Peak memory is that
of the process and its children together, asked ten times a second.

    python benchmarks/pipeline.py --megabytes 1024 --folder /somewhere/with/room
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from aigc_course import data
from aigc_course.text import cleaning, quality
from aigc_course.text.pipeline import Near, Pipeline

CLEAN = (
    cleaning.drop_html,
    cleaning.drop_invisible,
    cleaning.to_halfwidth,
    cleaning.squeeze_repeats,
    cleaning.squeeze_spaces,
)
BOUNDS = (quality.Bound(quality.length, 8, 5000), quality.Bound(quality.han_share, low=0.3))
PIPELINE = Pipeline(clean=CLEAN, bounds=BOUNDS, near=Near())
WITHOUT_NEAR = Pipeline(clean=CLEAN, bounds=BOUNDS, near=None)


def pages(seed: int = 0) -> Iterator[str]:
    """Lines of raw text without end, the same for the same seed."""
    rng = random.Random(seed)
    poems = [str(poem).replace("\n", "") for poem in data.jueju().train]
    characters = sorted(set("".join(poems)))
    recent: list[str] = []
    while True:
        kind = rng.random()
        if recent and kind < 0.10:
            yield rng.choice(recent)  # a copy
            continue
        if recent and kind < 0.20:
            page = list(rng.choice(recent))  # a copy with a slip in it
            page[rng.randrange(len(page))] = rng.choice(characters)
            yield "".join(page)
            continue
        page = "<br>".join(rng.choice(poems) for _ in range(rng.randrange(2, 9)))
        page = f"<p>{page}</p>&nbsp;" if kind < 0.6 else page
        if kind < 0.25:
            page += f"　电话：1{rng.randrange(30, 100)}{rng.randrange(10**8):08d}！！！！"
        recent = [*recent[-2000:], page]
        yield page


def enlarge(path: Path, megabytes: float) -> int:
    """Write at least so many megabytes (10⁶ bytes) to ``path``; the number of lines."""
    wanted, size, lines = int(megabytes * 10**6), 0, 0
    with path.open("wb") as file:
        for page in pages():
            raw = page.encode() + b"\n"
            file.write(raw)
            size, lines = size + len(raw), lines + 1
            if size >= wanted:
                return lines
    raise AssertionError("pages() does not end")


def with_pandas(source: Path, out: Path) -> int:
    """Cleaning, bounds, scrubbing and exact duplicates as one writes them with pandas."""
    import pandas as pd

    from aigc_course.text.private import scrub

    frame = pd.DataFrame({"text": source.read_text(encoding="utf-8").split("\n")})
    for step in CLEAN:
        frame["text"] = frame["text"].map(step)
    for bound in BOUNDS:
        frame = frame[frame["text"].map(bound.holds)]
    frame["text"] = frame["text"].map(scrub)
    frame = frame.drop_duplicates("text")
    frame.to_parquet(out)
    return len(frame)


def measured(work: Callable[[], Any]) -> dict[str, Any]:
    """Run ``work`` in a process of its own; seconds, processor seconds and peak memory."""
    parent, child = multiprocessing.Pipe()
    begun = time.perf_counter()
    process = multiprocessing.get_context("fork").Process(target=_work, args=(work, child))
    process.start()
    peak, stop = [0], threading.Event()
    watch = threading.Thread(target=_watch, args=(process.pid, peak, stop))
    watch.start()
    said = parent.recv()
    seconds = time.perf_counter() - begun
    stop.set()
    watch.join()
    process.join()
    return {"seconds": round(seconds, 1), "peak_mb": round(peak[0] / 1e6), **said}


def _work(work: Callable[[], Any], pipe: Any) -> None:
    result = work()
    used = os.times()
    cpu = used.user + used.system + used.children_user + used.children_system
    pipe.send({"cpu_seconds": round(cpu, 1), "result": result})


def _watch(pid: int | None, peak: list[int], stop: threading.Event) -> None:
    process = psutil.Process(pid)
    while not stop.wait(0.1):
        total = 0
        try:
            for one in (process, *process.children(recursive=True)):
                total += one.memory_info().rss
        except psutil.NoSuchProcess:
            continue
        peak[0] = max(peak[0], total)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--megabytes", type=float, default=1024)
    parser.add_argument("--folder", type=Path, help="with room for about four times as much")
    parser.add_argument("--only", choices=["exact", "near", "pandas"], action="append")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(dir=wanted.folder) as name:
        folder = Path(name)
        source = folder / "pages.txt"
        lines = enlarge(source, wanted.megabytes)
        size = source.stat().st_size
        print(f"{size / 1e6:,.0f} MB, {lines:,} lines", flush=True)

        def run(label: str, work: Callable[[Path], Any]) -> None:
            out = folder / "out.parquet"
            row = measured(lambda: work(out))
            digest = hashlib.sha256(out.read_bytes()).hexdigest()[:16]
            row |= {"what": label, "mb_per_s": round(size / 1e6 / row["seconds"], 2)}
            row["sha256"] = digest
            print(json.dumps(row, ensure_ascii=False), flush=True)
            rows.append(row)

        def pipeline(one: Pipeline, workers: int) -> Callable[[Path], Any]:
            return lambda out: one.run([source], out, workers=workers).counts()["left"]

        chosen = wanted.only or ["exact", "near", "pandas"]
        if "exact" in chosen:
            for n in wanted.workers:
                run(f"without near duplicates, workers {n}", pipeline(WITHOUT_NEAR, n))
        if "pandas" in chosen:
            try:
                run("the same with pandas", lambda out: with_pandas(source, out))
            except ModuleNotFoundError as error:
                sys.exit(f"{error}: pip install pandas")
        if "near" in chosen:
            for n in wanted.workers:
                run(f"with near duplicates, workers {n}", pipeline(PIPELINE, n))
    if wanted.json:
        wanted.json.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
