"""A class of fifteen for the instructor's guide, made from a released assignment.

``python make_class.py 课程文件夹 [作业]`` writes ``roll.csv`` and ``submitted/``, and the same
class as Moodle and as Canvas would deliver it, ``moodle.zip`` and ``canvas.zip``. It wants an
assignment of notebooks 01 and 03. Every way a submission can end is in it once.
"""

from __future__ import annotations

import csv
import json
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MARKS = ("### BEGIN SOLUTION", "### END SOLUTION")
IN_TIME, LATE = "2026-11-30 12:15:00 UTC", "2026-12-02 01:30:00 UTC"
ALL = "all"

NO_SHIFT = """def softmax(z):
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)
"""
TORCH = """import torch

def softmax(z):
    return torch.softmax(torch.as_tensor(z), dim=1).numpy()
"""
NO_COPY = """def mlp_forward(x, layers):
    for W, b in layers:
        x = np.maximum(x @ W.T + b, 0)
    return x
"""
MEAN = """def linear_backward(dy, x, W):
    dx = dy @ W
    dW = dy.T @ x
    db = dy.mean(axis=0)
    return dx, dW, db
"""
TRANSPOSED = """def linear_backward(dy, x, W):
    return dy @ W, x.T @ dy, dy.sum(axis=0)
"""
NO_BATCH = """def softmax_ce_backward(logits, y):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    d = e / e.sum(axis=1, keepdims=True)
    d[np.arange(len(y)), y] -= 1
    return d
"""
ENDLESS = """def gradient_check(f, x, grad, eps=1e-5):
    n = np.zeros(x.shape)
    i = 0
    while i < x.size:
        n.flat[i] = f(x)
    return n
"""
GREEDY = """def hat(left, peak, right):
    grid = np.linspace(left, right, 20_000)
    every_pair = np.ones((20_000, 20_000)) * grid
    return every_pair
"""
EXIT = """import os

def neuron_backward(w, x, b, y):
    os._exit(0)
"""
TYPO = """def gelu_backward(dy, x):
    c = np.sqrt(2 / np.pi)
    t = np.tanh(c * (x + 0.044715 * x**3))
    return dy * (0.5 * (1 + tt) + 0.5 * x * (1 - t**2) * c)
"""
# the same detour twice, with other names: what two who worked "together" hand in
DETOUR = """def mlp_backward(x, y, params):
    {a}, {b} = params["W1"], params["W2"]
    {z} = np.einsum("bd,hd->bh", x, {a}) + params["b1"][None, :]
    {h} = np.where({z} > 0, {z}, 0.0)
    {s} = np.einsum("bh,kh->bk", {h}, {b}) + params["b2"][None, :]
    {s} = {s} - np.max({s}, axis=1)[:, None]
    {p} = np.exp({s}) / np.sum(np.exp({s}), axis=1)[:, None]
    target = np.eye({p}.shape[1])[y]
    loss = -np.mean(np.sum(target * np.log({p}), axis=1))
    g = ({p} - target) / float(len(y))
    back = np.einsum("bk,kh->bh", g, {b}) * ({z} > 0)
    return loss, {{
        "W1": np.einsum("bh,bd->hd", back, x), "b1": np.sum(back, axis=0),
        "W2": np.einsum("bk,bh->kh", g, {h}), "b2": np.sum(g, axis=0),
    }}
"""
ONE = DETOUR.format(a="W1", b="W2", z="z", h="h", s="s", p="p")
TWO = DETOUR.format(a="first", b="second", z="pre", h="act", s="score", p="prob")
OPEN_01 = "两件事都对，但 sigmoid 更糟：导数最大只有 0.25，两头都平；ReLU 的右边斜率恒为 1。"
OPEN_03 = "全 0 时 h=0，所以 dW2=0，W2=0 又使 dW1=0，只有 b2 在学，输出是类别占比。"


@dataclass(frozen=True)
class Student:
    """One of the class.

    Attributes:
        mine: exercise -> the student's own source; all others are the course's solution.
        answered: the exercises that are answered at all.
        books: what is handed in: notebooks by chapter.
        written: open questions, by id.
        trick: what is done to the file in the end.
    """

    id: str
    name: str
    mine: Mapping[str, str] = field(default_factory=dict)
    answered: str | tuple[str, ...] = ALL
    books: tuple[str, ...] = ("01", "03")
    written: Mapping[str, str] = field(default_factory=dict)
    trick: str = ""
    time: str = IN_TIME


BOTH = {"01.q1": OPEN_01, "03.q1": OPEN_03}
CLASS = (
    Student("2026001", "李雷", written=BOTH),
    Student("2026002", "韩梅梅", {"01.2": NO_SHIFT, "03.2": MEAN, "03.6": ONE}, written=BOTH),
    Student("2026003", "欧阳晓彤", {"03.4": NO_BATCH}, written=BOTH, time=LATE),
    Student("2026004", "Ada Lovelace", written=BOTH, trick="shuffle"),
    Student("2026005", "Мария Иванова", {"01.4": NO_COPY}, ("01.1", "01.2", "01.4", "03.1")),
    Student("2026006", "佐藤花子", {"01.2": NO_SHIFT}, books=("01",)),
    Student("2026007", "김민준", {"03.5": ENDLESS, "03.2": MEAN}, written=BOTH),
    Student("2026008", "نورا العلي", {"01.6": GREEDY, "03.2": TRANSPOSED}),
    Student("2026009", "王小明", {"01.2": TORCH}, written={"01.q1": "ReLU 快。"}),
    Student("2026010", "Zoë O'Brien", trick="cut"),
    Student("2026011", "赵敏", books=("02",)),
    Student("2026012", "钱学礼", books=()),
    Student("2026013", "孙丽", {"03.1": EXIT, "03.3": TYPO}),
    Student("2026014", "周杰", {"01.2": NO_SHIFT, "03.2": MEAN, "03.6": TWO}, written=BOTH),
)
GUEST = Student("旁听-01", "吴越", {"03.4": NO_BATCH, "01.4": NO_COPY}, written=BOTH)


def _load(path: Path) -> dict[str, Any]:
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return notebook


def _solutions(source: Mapping[str, Any]) -> dict[str, str]:
    """Exercise -> the course's answer, marks taken out."""
    found = {}
    for cell in source["cells"]:
        if cell["id"].startswith("ex-") and cell["cell_type"] == "code":
            lines = "".join(cell["source"]).splitlines()
            kept = [line for line in lines if line.strip() not in MARKS]
            _, chapter, number = cell["id"].split("-")
            found[f"{chapter}.{number}"] = "\n".join(kept)
    return found


def notebook(course: Path, assignment: str, name: str, student: Student) -> bytes:
    """The file as the student saved it."""
    book = _load(course / "release" / assignment / f"{name}.ipynb")
    right = _solutions(_load(course / "source" / assignment / f"{name}.ipynb"))
    for cell in book["cells"]:
        id = ".".join(cell["id"].split("-")[1:])
        if id in right and cell["id"].startswith("ex-"):
            if student.answered == ALL or id in student.answered:
                cell["source"] = student.mine.get(id, right[id])
        elif id in student.written:
            cell["source"] = student.written[id]
    if student.trick == "shuffle":  # moved about, check cells thrown away: it does not matter
        book["cells"] = [c for c in reversed(book["cells"]) if not c["id"].startswith("check-")]
    data = json.dumps(book, ensure_ascii=False, indent=1).encode()
    return data[: len(data) // 2] if student.trick == "cut" else data


def files(course: Path, assignment: str, student: Student) -> dict[str, bytes]:
    """What the student hands in, by file name."""
    found = {}
    for chapter in student.books:
        if chapter == "02":  # not of this assignment
            empty = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
            found["02_losses.ipynb"] = json.dumps(empty).encode()
            continue
        (path,) = (course / "release" / assignment).glob(f"{chapter}_*.ipynb")
        found[path.name] = notebook(course, assignment, path.stem, student)
    return found


def write_roll(path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["学号", "姓名", "邮箱", "班级"])
        for k, one in enumerate(CLASS):
            table.writerow([one.id, one.name, f"{one.id}@example.edu", "12"[k % 2] + " 班"])


def write_class(course: Path, assignment: str) -> None:
    """``submitted/<student>/<assignment>/``, as nbgrader collects it."""
    for student in (*CLASS, GUEST):
        folder = course / "submitted" / student.id / assignment
        handed_in = files(course, assignment, student)
        if not handed_in:
            continue
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in handed_in.items():
            (folder / name).write_bytes(data)
        (folder / "timestamp.txt").write_text(student.time, encoding="utf-8")


def write_downloads(course: Path, assignment: str) -> None:
    """The class as the two big learning systems pack it: by name, not by id."""
    with (
        zipfile.ZipFile(course / "moodle.zip", "w") as moodle,
        zipfile.ZipFile(course / "canvas.zip", "w") as canvas,
    ):
        for k, student in enumerate(CLASS):
            for number, (name, data) in enumerate(files(course, assignment, student).items()):
                moodle.writestr(f"{student.name}_{5000 + k}_assignsubmission_file/{name}", data)
                short = "".join(char for char in student.name.lower() if char.isalnum())
                canvas.writestr(f"{short}_{7000 + k}_{90000 + 10 * k + number}_{name}", data)


def main() -> None:
    course = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    assignment = sys.argv[2] if len(sys.argv) > 2 else "ps1"
    write_roll(course / "roll.csv")
    write_class(course, assignment)
    write_downloads(course, assignment)


if __name__ == "__main__":
    main()
