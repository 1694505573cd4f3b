"""Grading a class: this course beside nbgrader's autograde and nbclient, in one run.

    python benchmarks/grading.py                  # 200 NumPy and 50 PyTorch submissions
    python benchmarks/grading.py --peers 200      # the peers grade all of them, too (long)
    python benchmarks/grading.py --big 1000       # 1,000 on local processes and on a Dask cluster

The class is made from notebook 01 (NumPy: six exercises) and from exercise 99.1 (PyTorch):
notebooks with a set-up cell, the answer cells and the check cells, and nothing of the lesson, so
that the peers do not have to run it. One submission in two is right, the others have
one or more wrong, missing or failing answers. All contenders grade the same files; peers grade
the first ``--peers`` of them and their throughput is that of those. Marks are compared before
times are shown.

Ours runs with all confinement on. nbgrader runs as released, and once more inside bubblewrap
(no network, own processes); it grades one submission after the other, which is how it is made.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is loaded, and inherited by every kernel

import argparse  # noqa: E402
import json  # noqa: E402
import random  # noqa: E402
import shutil  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from copy import deepcopy  # noqa: E402
from pathlib import Path  # noqa: E402
from statistics import median  # noqa: E402
from typing import Any  # noqa: E402

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))
os.environ["PYTHONPATH"] = str(REPOSITORY)
# nbgrader starts "alembic" by name
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

import nbformat  # noqa: E402
from nbformat.v4 import new_code_cell, new_notebook  # noqa: E402

from aigc_course.authoring.student import CODE_STUB, student_version  # noqa: E402
from aigc_course.classroom.assignment.from_notebook import asked_notebook  # noqa: E402
from aigc_course.classroom.assignment.record import Assignment  # noqa: E402
from aigc_course.classroom.grading.options import GradeOptions  # noqa: E402
from aigc_course.classroom.grading.whole_class import grade_class  # noqa: E402
from aigc_course.classroom.sandbox.sandbox import bubblewrap  # noqa: E402
from aigc_course.classroom.store import Store  # noqa: E402

TORCH_ANSWER = '''def attention(q, k, v):
    """q (B, T, D), k (B, S, D), v (B, S, C) -> (B, T, C)"""
    ### BEGIN SOLUTION
    weights = torch.softmax(q @ k.mT / k.shape[-1] ** 0.5, dim=-1)
    return weights @ v
    ### END SOLUTION'''
SETUPS = {
    "numpy": "import math\nimport numpy as np\nfrom aigc_course.exercises import check",
    "torch": "import torch\nfrom aigc_course.exercises import check",
}


# --- the class -----------------------------------------------------------------------------------


def source_notebook(kind: str) -> Any:
    """Set-up, answers with solutions, checks: nothing else."""
    nb = new_notebook()
    nb.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    nb.cells = [new_code_cell(SETUPS[kind], id="setup")]
    if kind == "torch":
        pairs = [("99-1", TORCH_ANSWER, 'check("99.1", attention)', 3)]
    else:
        lesson = nbformat.read(REPOSITORY / "notebooks" / "01_forward.ipynb", as_version=4)
        cells = {cell.id: cell for cell in lesson.cells}
        pairs = [
            (
                f"01-{k}",
                cells[f"ex-01-{k}"].source,
                cells[f"check-01-{k}"].source,
                cells[f"check-01-{k}"].metadata.nbgrader.points,
            )
            for k in range(1, 7)
        ]
    for number, answer, check, points in pairs:
        solved = {"schema_version": 3, "grade_id": f"ex-{number}", "solution": True}
        solved |= {"grade": False, "locked": False, "task": False}
        graded = {"schema_version": 3, "grade_id": f"check-{number}", "solution": False}
        graded |= {"grade": True, "locked": True, "task": False, "points": points}
        nb.cells.append(new_code_cell(answer, id=f"ex-{number}", metadata={"nbgrader": solved}))
        nb.cells.append(new_code_cell(check, id=f"check-{number}", metadata={"nbgrader": graded}))
    return nb


def handed_in(nb: Any, rng: random.Random) -> Any:
    """One student's notebook: the solutions, some of them spoilt."""
    copy = deepcopy(nb)
    answers = [cell for cell in copy.cells if cell.id.startswith("ex-")]
    for cell in answers:
        cell.source = "\n".join(
            line for line in cell.source.splitlines() if not line.strip().startswith("### ")
        )
    if rng.random() < 0.5:
        for cell in rng.sample(answers, rng.randint(1, max(1, len(answers) // 2))):
            head, _, _ = cell.source.partition("\n    ")
            stub = CODE_STUB.replace("\n", "\n    ")
            spoilt = rng.choice(["return None", "return 1 / 0", "return args", stub])
            cell.source = f"{head}\n    {spoilt}"
    return copy


def make_class(root: Path, kind: str, students: int) -> None:
    """``source/``, ``release/`` and ``submitted/`` of an assignment."""
    nb = source_notebook(kind)
    name = f"{kind}1"
    (root / "source" / name).mkdir(parents=True)
    nbformat.write(nb, root / "source" / name / "work.ipynb")
    config = "c = get_config()\nc.CourseDirectory.course_id = 'bench'\n"
    (root / "nbgrader_config.py").write_text(config, encoding="utf-8")
    nbgrader(root, "generate_assignment", name)
    asked = asked_notebook("work", nb, student_version(nb))
    Assignment(name, (asked,)).save(root)
    rng = random.Random(1)
    for number in range(students):
        folder = root / "submitted" / f"s{number:04d}" / name
        folder.mkdir(parents=True)
        nbformat.write(handed_in(nb, rng), folder / "work.ipynb")


# --- the contenders ------------------------------------------------------------------------------


def ours(root: Path, kind: str, workers: int, scheduler: str = "") -> dict[str, Any]:
    """All submissions, with all confinement on."""
    shutil.rmtree(root / ".aigc", ignore_errors=True)
    order = GradeOptions(
        submitted=root / "submitted",
        assignment=f"{kind}1",
        course=root,
        workers=workers,
        scheduler=scheduler,
        seed=1,
    )
    start = time.perf_counter()
    summary = grade_class(order)
    wall = time.perf_counter() - start
    with Store(root) as store:
        marks = store.marks(f"{kind}1")
    each = [mark.seconds for mark in marks]
    return {
        "submissions": summary.total,
        "wall": wall,
        "median": median(each),
        "slowest": max(each),
        "max": max(mark.max_score for mark in marks),
        "scores": {mark.student: mark.score for mark in marks},
        "statuses": dict(summary.marks),
    }


def nbgrader(root: Path, *words: str, boxed: bool = False) -> None:
    """One nbgrader command in the course folder."""
    command = [sys.executable, "-m", "nbgrader", *words]
    if boxed:
        program = bubblewrap()
        assert program, "bubblewrap is needed"
        walls = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]
        walls += ["--bind", str(root), str(root), "--unshare-net", "--unshare-pid"]
        command = [program, *walls, "--setenv", "HOME", "/tmp", "--chdir", str(root), *command]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
        raise SystemExit(f"nbgrader {words[0]} failed")


def autograde(root: Path, kind: str, peers: int, boxed: bool) -> dict[str, Any]:
    """The first ``peers`` submissions by ``nbgrader autograde``, and what it gave."""
    for name in ("autograded", "gradebook.db"):
        path = root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    nbgrader(root, "generate_assignment", f"{kind}1", "--force")
    aside = root / "later"
    aside.mkdir()
    for folder in sorted((root / "submitted").iterdir())[peers:]:
        folder.rename(aside / folder.name)
    try:
        start = time.perf_counter()
        nbgrader(root, "autograde", f"{kind}1", boxed=boxed)
        wall = time.perf_counter() - start
    finally:
        for folder in aside.iterdir():
            folder.rename(root / "submitted" / folder.name)
        aside.rmdir()
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{root}/gradebook.db") as book:
        graded = book.assignment_submissions(f"{kind}1")
        scores = {one.student.id: one.score for one in graded}
    return {"submissions": peers, "wall": wall, "scores": scores}


def new_kernels(root: Path, kind: str, peers: int) -> dict[str, Any]:
    """The first ``peers`` submissions run by nbclient, a new kernel each; nothing is judged."""
    from nbclient import NotebookClient

    folders = sorted((root / "submitted").iterdir())[:peers]
    start = time.perf_counter()
    for folder in folders:
        nb = nbformat.read(folder / f"{kind}1" / "work.ipynb", as_version=4)
        NotebookClient(nb, timeout=60, allow_errors=True, kernel_name="python3").execute()
    return {"submissions": len(folders), "wall": time.perf_counter() - start, "scores": {}}


# --- the table -----------------------------------------------------------------------------------


def compare(kind: str, students: int, peers: int, workers: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_class(root, kind, students)
        found = {f"aigc grade, {workers} workers": ours(root, kind, workers)}
        if workers > 1:
            found["aigc grade, 1 worker"] = ours(root, kind, 1)
        found["nbclient, a kernel each"] = new_kernels(root, kind, peers)
        found["nbgrader autograde"] = autograde(root, kind, peers, boxed=False)
        found["nbgrader autograde, boxed"] = autograde(root, kind, peers, boxed=True)
    mine = next(iter(found.values()))
    full = {student for student, score in mine["scores"].items() if score == mine["max"]}
    for name, one in found.items():
        theirs = {student for student, score in one["scores"].items() if score == mine["max"]}
        if theirs != full & set(one["scores"]):
            raise SystemExit(f"{name} gives full marks to others: {theirs} {full}")
    for one in found.values():
        one["rate"] = one["submissions"] / one["wall"]
        one["ratio"] = mine["rate"] / one["rate"]
    return found


def show(title: str, found: dict[str, Any]) -> None:
    print(f"\n{title}")
    print("| | submissions | s in all | s each | median of judging | ours is … times faster |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, one in found.items():
        middle = f"{one['median']:.3f}" if "median" in one else "–"
        print(
            f"| {name} | {one['submissions']} | {one['wall']:.1f} | {1 / one['rate']:.3f} "
            f"| {middle} | {one['ratio']:.1f} |"
        )


def big(students: int, workers: int) -> dict[str, Any]:
    """The NumPy class on local processes and on a Dask cluster of two workers."""
    from distributed import LocalCluster

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_class(root, "numpy", students)
        found = {f"local processes ({workers})": ours(root, "numpy", workers)}
        with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
            address = cluster.scheduler_address
            found["Dask, two workers"] = ours(root, "numpy", workers, scheduler=address)
    first, second = found.values()
    if first["scores"] != second["scores"]:
        raise SystemExit("the two ways give different marks")
    for one in found.values():
        one["rate"] = one["submissions"] / one["wall"]
        one["ratio"] = first["rate"] / one["rate"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--students", type=int, default=200, help="NumPy submissions")
    parser.add_argument("--torch", type=int, default=50, help="PyTorch submissions")
    parser.add_argument("--peers", type=int, default=20, help="how many of them the peers grade")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--big", type=int, default=0, help="also this many, locally and on Dask")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    tables: dict[str, Any] = {}
    for kind, students in (("numpy", options.students), ("torch", options.torch)):
        if students:
            peers = min(options.peers, students)
            tables[f"{kind}, {students}"] = compare(kind, students, peers, options.workers)
    if options.big:
        tables[f"numpy, {options.big}"] = big(options.big, options.workers)
    for found in tables.values():
        for one in found.values():
            one.pop("scores")
    if options.json:
        print(json.dumps(tables, ensure_ascii=False, indent=1))
        return
    for title, found in tables.items():
        show(title, found)


if __name__ == "__main__":
    main()
