"""A class of thirty with every status, names in many scripts and scores of None, for the tests."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import nbformat

from aigc_course.authoring.student import student_version
from aigc_course.classroom.assignment.record import (
    AskedExercise,
    AskedNotebook,
    AskedOpen,
    Assignment,
)
from aigc_course.classroom.marks import (
    ExerciseMark,
    NotebookMark,
    OpenAnswer,
    StepMark,
    SubmissionMark,
)
from aigc_course.classroom.submission.roll import Person
from aigc_course.judging.core import get

REPOSITORY = Path(__file__).resolve().parents[2]
NOTEBOOKS = ("01_forward", "03_backprop")
NAMES = [
    *("李雷", "韩梅梅", "欧阳晓彤", "Ada_Lovelace", "Γιώργος_Παπαδόπουλος"),
    *("Мария_Иванова", "佐藤_花子", "김민준", "نورا_العلي", "अनन्या_शर्मा"),
    *("Zoë_O'Brien", "王小明", "赵敏", "钱学礼", "孙丽"),
    *("周杰", "吴越", "郑成", "冯程程", "陈曦"),
    *("褚一鸣", "卫东", "蒋欣", "沈从", "韩冰"),
    *("杨柳", "朱玉", "秦岚", "尤勇", "许晴"),
]

WRONG = {  # exercise -> (source, first wrong step, hint)
    "01.2": (
        "def softmax(z):\n    e = np.exp(z)\n    return e / e.sum(axis=1, keepdims=True)",
        "大数不溢出",
        "先减去每行的最大值，再取指数",
    ),
    "01.4": (
        "def mlp_forward(x, layers):\n    for W, b in layers:\n"
        "        x = np.maximum(x @ W.T + b, 0)\n    return x",
        "最后一层没有 ReLU",
        "最后一层的输出不过激活函数",
    ),
    "03.2": (
        "def linear_backward(dy, x, W):\n    dx = dy @ W\n    dW = dy.T @ x\n"
        "    db = dy.mean(axis=0)\n    return dx, dW, db",
        "db 的值",
        "一批样本的梯度要相加，不是取平均",
    ),
    "03.4": (
        "def softmax_ce_backward(logits, y):\n"
        "    e = np.exp(logits - logits.max(axis=1, keepdims=True))\n"
        "    d = e / e.sum(axis=1, keepdims=True)\n    d[np.arange(len(y)), y] -= 1\n    return d",
        "对一批取了平均",
        "损失是一批的平均，梯度也要除以 B",
    ),
}
# two who share more than the obvious: same odd detour, other names
DETOUR = """def mlp_backward(x, y, params):
    # {note}
    {a} = params["W1"]
    {b} = params["W2"]
    {z} = np.einsum("bd,hd->bh", x, {a}) + params["b1"][None, :]
    {h} = np.where({z} > 0, {z}, 0.0)
    {s} = np.einsum("bh,kh->bk", {h}, {b}) + params["b2"][None, :]
    {s} = {s} - np.max({s}, axis=1)[:, None]
    {p} = np.exp({s}) / np.sum(np.exp({s}), axis=1)[:, None]
    onehot = np.eye({p}.shape[1])[y]
    loss = -np.mean(np.sum(onehot * np.log({p}), axis=1))
    g = ({p} - onehot) / float(len(y))
    back = np.einsum("bk,kh->bh", g, {b}) * ({z} > 0)
    return loss, {{"W1": np.einsum("bh,bd->hd", back, x), "b1": np.sum(back, axis=0),
                  "W2": np.einsum("bk,bh->kh", g, {h}), "b2": np.sum(g, axis=0)}}
"""


def course(root: Path, notebooks: tuple[str, ...] = NOTEBOOKS, due: str = "") -> Assignment:
    """An instructor's folder as ``aigc release`` leaves it."""
    books = []
    for name in notebooks:
        notebook = nbformat.read(REPOSITORY / "notebooks" / f"{name}.ipynb", as_version=4)
        student = student_version(notebook)
        for kind, one in (("source", notebook), ("release", student)):
            path = root / kind / "ps1" / f"{name}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(nbformat.writes(one), encoding="utf-8")
        books.append(_asked(name, notebook, student))
    assignment = Assignment("ps1", tuple(books), due, "0.1.0", "2026-03-01T08:00:00+08:00")
    assignment.save(root)
    (root / "nbgrader_config.py").write_text(
        'c = get_config()\nc.CourseDirectory.course_id = "aigc"\n', encoding="utf-8"
    )
    return assignment


def _asked(
    name: str, source: nbformat.NotebookNode, student: nbformat.NotebookNode
) -> AskedNotebook:
    starters = {cell.id: cell.source for cell in student.cells}
    exercises, questions = [], []
    for cell in source.cells:
        settings = cell.metadata.get("nbgrader", {})
        if found := re.fullmatch(r"check-(\d\d)-(\d+)", cell.id):
            id, answer = ".".join(found.groups()), f"ex-{found[1]}-{found[2]}"
            defines = re.search(r"check\(\"[\d.]+\", (\w+)", cell.source)
            exercises.append(
                AskedExercise(
                    id,
                    get(id).title,
                    float(settings["points"]),
                    answer,
                    cell.id,
                    defines[1] if defines else "",
                    starters[answer],
                )
            )
        elif found := re.fullmatch(r"open-(\d\d)-(q\d+)", cell.id):
            questions.append(
                AskedOpen(
                    ".".join(found.groups()),
                    float(settings["points"]),
                    cell.id,
                    "",
                    cell.source,
                    starters[cell.id],
                )
            )
    return AskedNotebook(name, name[:2], tuple(exercises), tuple(questions))


def solutions(assignment: Assignment) -> dict[str, str]:
    """The course's own answers, by exercise."""
    found = {}
    for book in assignment.notebooks:
        path = REPOSITORY / "notebooks" / f"{book.name}.ipynb"
        sources = {c.id: c.source for c in nbformat.read(path, as_version=4).cells}
        for ex in book.exercises:
            found[ex.id] = re.sub(r" *### (BEGIN|END) SOLUTION\n?", "", sources[ex.answer_cell])
    return found


def exercise(ex: AskedExercise, status: str = "passed", source: str = "", **more) -> ExerciseMark:
    """A mark for one exercise; the score follows from the status unless given."""
    score = {"passed": ex.points, "ungraded": None}.get(status, 0.0)
    steps = (StepMark(True, "结果的形状"), StepMark(True, "结果的值"))
    return ExerciseMark(
        **{
            "id": ex.id,
            "title": ex.title,
            "status": status,
            "score": score,
            "points": ex.points,
            "steps": steps if status == "passed" else (),
            "source": source
            or (f"def {ex.defines}():\n    pass" if status != "unanswered" else ""),
            "seconds": 0.02,
            **more,
        }
    )


def submission(
    assignment: Assignment, student: str, books, status="graded", **more
) -> SubmissionMark:
    """A submission whose score is the sum of what was graded, less the penalty."""
    scores = [e.score for b in books for e in b.exercises if e.score is not None]
    penalty = more.get("penalty", 0.0)
    score = round(sum(scores) * (1 - penalty), 2) if scores else None
    values = {"score": score, "notebooks": tuple(books), "assignment_digest": assignment.digest}
    return SubmissionMark(
        **{
            "student": student,
            "assignment": assignment.name,
            "status": status,
            "max_score": assignment.max_score,
            **values,
            **more,
        }
    )


def perfect(assignment: Assignment, student: str, answer: str = "", **more) -> SubmissionMark:
    """Everything passed; open questions answered with ``answer``, if it is not empty."""
    known = solutions(assignment)
    books = [
        NotebookMark(
            book.name,
            "graded",
            "",
            tuple(exercise(ex, source=known[ex.id]) for ex in book.exercises),
            tuple(OpenAnswer(q.id, q.cell, q.points, answer, bool(answer)) for q in book.open),
        )
        for book in assignment.notebooks
    ]
    return submission(assignment, student, books, **more)


def class_of_30(assignment: Assignment) -> tuple[list[Person], list[SubmissionMark]]:
    """The roll and the marks: every status occurs, two share a detour, one is not on the roll."""
    draw = random.Random(7)
    known = solutions(assignment)
    roll = [
        Person(
            f"2024{k:03}", name.replace("_", " "), f"s{k}@example.edu", "一班" if k % 2 else "二班"
        )
        for k, name in enumerate(NAMES, 1)
    ]
    special = {4: "late", 7: "time limit", 9: "memory limit", 12: "crashed", 14: "refused"}
    special |= {16: "damaged file", 19: "wrong file", 22: "missing", 25: "missing"}
    special |= {11: "ungraded one"}
    marks = []
    for k, person in enumerate(roll):
        skill = draw.random()
        status = special.get(k, "")
        if status == "missing":
            marks.append(
                SubmissionMark(person.id, "ps1", "missing", None, assignment.max_score, "没有交")
            )
            continue
        if status in ("damaged file", "wrong file"):
            reason = {"damaged file": "不是 JSON：第 1 行", "wrong file": "不是这次作业的笔记本"}
            marks.append(
                submission(
                    assignment, person.id, [], status, reason=reason[status], name=person.name
                )
            )
            continue
        books = []
        for book in assignment.notebooks:
            done = [_answer(ex, known, skill, draw, k, status) for ex in book.exercises]
            texts = [
                ""
                if draw.random() > 0.5 + skill / 2
                else "**1.** 若 $z<0$，导数为 0。\n\n**2.** 导数最大 0.25，乘上几层就没有了。"
                for _ in book.open
            ]
            written = tuple(
                OpenAnswer(q.id, q.cell, q.points, text, bool(text))
                for q, text in zip(book.open, texts, strict=True)
            )
            books.append(NotebookMark(book.name, "graded", "", tuple(done), written))
        if status == "late":
            books = list(perfect(assignment, person.id, "见上。").notebooks)
        empty = any(e.status == "unanswered" for b in books for e in b.exercises)
        overall = status if status in ("time limit", "memory limit", "crashed", "refused") else ""
        overall = overall or (
            "partly answered" if empty else "late" if status == "late" else "graded"
        )
        more = {"late_seconds": 93_000.0, "penalty": 0.2} if status == "late" else {}
        marks.append(submission(assignment, person.id, books, overall, name=person.name, **more))
    marks.append(perfect(assignment, "旁听生-01", "旁听"))
    return roll, marks


def _answer(ex, known, skill, draw, k, status) -> ExerciseMark:
    last = ex.id.endswith(".6")
    stopped = {
        "time limit": ("timeout", "10 秒没有算完"),
        "memory limit": ("memory", "超过 1024 MiB"),
        "crashed": ("crashed", "进程在第 3 行之后没有了"),
        "refused": ("refused", "第 4 行调用了 torch.softmax，这题不许用"),
        "ungraded one": ("ungraded", "判题程序出错"),
    }
    if last and status in stopped:
        kind, message = stopped[status]
        return exercise(ex, kind, known[ex.id], message=message)
    if ex.id == "03.6" and k in (1, 2):
        names = dict(
            zip(
                "abzhsp",
                "uvwqrt" if k == 1 else ("W1", "W2", "z1", "h1", "z2", "prob"),
                strict=True,
            )
        )
        return exercise(ex, source=DETOUR.format(note="我的" if k == 1 else "two layers", **names))
    hard = 0.25 + 0.1 * int(ex.id[-1])
    if draw.random() < 0.15 * hard / (skill + 0.1):
        return exercise(ex, "unanswered")
    if draw.random() < 0.25 + 0.9 * skill - 0.5 * hard + 0.3:
        return exercise(ex, source=known[ex.id], seconds=0.01 + 0.02 * draw.random())
    source, label, hint = WRONG.get(ex.id, (known[ex.id] + "  # ?", "结果的值", "逐项核对公式"))
    steps = (StepMark(True, "结果的形状"), StepMark(False, label, hint, "6/12 个值不对"))
    return exercise(ex, "failed", source, steps=steps, score=round(ex.points / 3, 2))


def submitted(root: Path, assignment: Assignment, marks) -> None:
    """Folders in ``submitted/`` with a timestamp for everybody who handed in."""
    for mark in marks:
        if mark.status != "missing":
            folder = root / "submitted" / mark.student / assignment.name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "timestamp.txt").write_text("2026-03-14 15:09:26 UTC", encoding="utf-8")
            for book in assignment.notebooks:
                (folder / f"{book.name}.ipynb").write_text(json.dumps({}), encoding="utf-8")
