"""The instructor's guide does what it says: its commands are run, its output compared.

In ``docs/instructor.md`` a shell block after ``<!-- run -->`` is run in the reader's folder, a text
block after ``<!-- output -->`` is what the reader was shown of it (``…`` for what was left out),
and ``<!-- do: … -->`` stands for what people do: hand in, and mark by hand in formgrader.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "instructor.md"
CLASS = Path(__file__).with_name("make_class.py")
SECONDS = 240  # for one block
_BLOCK = re.compile(
    r"^<!-- (?P<kind>run|output) -->\n```\w+\n(?P<body>.*?)^```$|^<!-- do: (?P<task>\w+) -->$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Part:
    """``kind`` is ``run``, ``output`` or ``do``."""

    kind: str
    text: str
    line: int


def parts(text: str) -> list[Part]:
    return [
        Part(
            found["kind"] or "do",
            found["body"] or found["task"],
            text.count("\n", 0, found.start()) + 1,
        )
        for found in _BLOCK.finditer(text)
    ]


def not_found(shown: str, real: str) -> str:
    """The first line of ``shown`` that is not in ``real`` after those before it; "" if all are."""
    lines = [_plain(line) for line in real.splitlines()]
    at = 0
    for line in shown.splitlines():
        if line.strip() in ("", "…"):
            continue
        pattern = ".*".join(re.escape(piece) for piece in _plain(line).split("…"))
        hit = next((k for k in range(at, len(lines)) if re.fullmatch(pattern, lines[k])), None)
        if hit is None:
            return line
        at = hit + 1
    return ""


def _plain(line: str) -> str:
    return " ".join(line.replace("\ufeff", "").split())


def hand_in(course: Path) -> None:
    subprocess.run([sys.executable, str(CLASS), str(course)], check=True, timeout=60)


def mark_by_hand(course: Path) -> None:
    """What formgrader's page stores when the instructor types a mark and a comment."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        for name, cell, score in (
            ("01_forward", "open-01-q1", 4.0),
            ("03_backprop", "open-03-q1", 4.5),
        ):
            grade = gradebook.find_grade(cell, name, "ps1", "2026001")
            grade.manual_score, grade.needs_manual_grade = score, False
            gradebook.find_comment(cell, name, "ps1", "2026001").manual_comment = "第 3 问缺理由"
        gradebook.db.commit()


DO: dict[str, Callable[[Path], None]] = {"class": hand_in, "formgrader": mark_by_hand}


def test_lines_left_out_and_lines_that_differ() -> None:
    real = "已发布 ps1\n  发给学生：/tmp/x/release/ps1.zip\n退出\n"
    assert not_found("已发布 ps1\n…\n退出\n", real) == ""
    assert not_found("发给学生：…/release/ps1.zip", real) == ""
    assert not_found("退出\n已发布 ps1", real) == "已发布 ps1"  # the other way round
    assert not_found("已发布 ps2", real) == "已发布 ps2"


def test_what_the_guide_links_to_is_there() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    assert len(targets) > 20
    headings = {
        re.sub(r"[^\w\s-]", "", head.lower()).strip().replace(" ", "-")
        for head in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }
    for target in targets:
        path, _, anchor = target.partition("#")
        assert (GUIDE.parent / path).exists() if path else anchor in headings, target


PICTURES = sorted((GUIDE.parent / "images").glob("*.png"))


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_pictures_are_small_and_used(path: Path) -> None:
    assert path.stat().st_size < 200_000
    readme = (GUIDE.parents[1] / "README.md").read_text(encoding="utf-8")
    used = f"](images/{path.name})" in GUIDE.read_text(encoding="utf-8")
    assert used or f"](docs/images/{path.name})" in readme
    with Image.open(path) as picture:
        assert picture.width <= 1200


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform != "linux", reason="answers can be confined on Linux only")
def test_every_command_does_what_is_shown(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        **os.environ,
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "TZ": "Asia/Shanghai",
        "PATH": str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"],
        "PYTHONUTF8": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    here, place = tmp_path, tmp_path / "place"
    real, ran, compared = "", 0, 0
    for part in parts(GUIDE.read_text(encoding="utf-8")):
        if part.kind == "do":
            DO[part.text](here)
        elif part.kind == "run":
            script = f"set -euo pipefail\n{part.text}\npwd > '{place}'\n"
            done = subprocess.run(
                [bash, "-c", script],
                cwd=here,
                env=environment,
                capture_output=True,
                timeout=SECONDS,
            )
            real = (done.stdout + done.stderr).decode("utf-8")
            assert done.returncode == 0, f"{GUIDE.name}:{part.line}\n{part.text}\n{real}"
            here = Path(place.read_text(encoding="utf-8").strip())
            ran += 1
        else:
            line = not_found(part.text, real)
            assert not line, f"{GUIDE.name}:{part.line} shows\n{line}\nbut this came:\n{real}"
            compared += 1
    assert ran >= 10 and compared >= 10
