"""The fingerprint of the course changes with what can change a mark, and with nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import aigc_course
from aigc_course.classroom.grading.task import course_fingerprint, fingerprint_of
from aigc_course.data import data_root
from aigc_course.policy import can_change_marks, visible_parts

PACKAGE = Path(aigc_course.__file__).parent
COUNTS = [
    "__init__.py",
    "classroom/grading/task.py",
    "classroom/marks.py",
    "classroom/submission/slicing.py",
    "data/manifest.py",
    "engine/ops/elementwise.py",
    "exercises/ex03.py",
    "judging/handed/graph_node.py",
    "judging/result.py",
    "metrics/confusion.py",
    "plots/style.py",
    "policy.py",
]
DOES_NOT = [
    "authoring/show.py",
    "classroom/report/feedback.py",
    "classroom/report/templates",
    "classroom/workspace/jupyter.py",
    "cli/main.py",
    "progress/page.py",
]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(PACKAGE, tmp_path / "aigc_course", ignore=ignored))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    manifest = tmp_path / "data" / "manifest"
    manifest.mkdir(parents=True)
    (manifest / "digits.toml").write_text('sha256 = "0"\n', encoding="utf-8")
    return tmp_path / "data"


def edit(path: Path) -> None:
    if path.is_dir():
        path = min(p for p in path.rglob("*") if p.is_file())
    path.write_bytes(path.read_bytes() + b"\n# edited\n")


def test_it_is_that_of_this_course(package: Path):
    assert course_fingerprint() == fingerprint_of(package, data_root())


@pytest.mark.parametrize("name", COUNTS)
def test_what_can_change_a_mark_changes_it(package: Path, data: Path, name: str):
    before = fingerprint_of(package, data)
    edit(package / name)
    assert fingerprint_of(package, data) != before


def test_whatever_runs_beside_an_answer_counts():
    seen = visible_parts(PACKAGE)
    files = [path for part in seen for path in (PACKAGE / part, *(PACKAGE / part).rglob("*.py"))]
    assert len(files) > len(seen) > 10
    uncounted = [path for path in files if not can_change_marks(path.relative_to(PACKAGE))]
    assert uncounted == []


@pytest.mark.parametrize("name", DOES_NOT)
def test_what_cannot_does_not(package: Path, data: Path, name: str):
    before = fingerprint_of(package, data)
    edit(package / name)
    assert fingerprint_of(package, data) == before


@pytest.mark.parametrize("name", ["text/vocabulary.py", "judging/new/deep/x.py", "engine/t.json"])
def test_what_is_added_counts_without_being_listed(package: Path, data: Path, name: str):
    before = fingerprint_of(package, data)
    (package / name).parent.mkdir(parents=True, exist_ok=True)
    (package / name).write_text("1\n", encoding="utf-8")
    added = fingerprint_of(package, data)
    assert added != before
    edit(package / name)
    assert fingerprint_of(package, data) not in (before, added)


def test_a_file_that_moves_or_goes_changes_it(package: Path, data: Path):
    before = fingerprint_of(package, data)
    (package / "metrics" / "curves.py").rename(package / "curves.py")
    moved = fingerprint_of(package, data)
    (package / "curves.py").unlink()
    assert len({before, moved, fingerprint_of(package, data)}) == 3


def test_line_ends_and_what_python_and_editors_leave_do_not_matter(package: Path, data: Path):
    before = fingerprint_of(package, data)
    path = package / "judging" / "result.py"
    path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    for name in ("__pycache__/result.cpython-311.pyc", ".result.py.swp", ".ipynb_checkpoints/x.py"):
        left = package / "judging" / name
        left.parent.mkdir(exist_ok=True)
        left.write_bytes(b"x")
    assert fingerprint_of(package, data) == before


def test_other_data_change_it(package: Path, data: Path):
    before = fingerprint_of(package, data)
    (data / "manifest" / "digits.toml").write_text('sha256 = "1"\n', encoding="utf-8")
    changed = fingerprint_of(package, data)
    (data / "notes.md").write_text("x", encoding="utf-8")
    assert changed != before and fingerprint_of(package, data) == changed
