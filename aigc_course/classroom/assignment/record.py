"""An assignment as ``aigc release`` made it: what is asked, in which cells, for how many points.

Stored as ``source/<name>/assignment.json`` beside nbgrader's own folders. nbgrader copies whatever
else lies in that folder to the learners, so solutions and rubrics are kept apart from it, in
``.aigc/assignments/<name>.json``; what was asked in earlier releases is in
``source/<name>/.releases/``.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from aigc_course.errors import UserError
from aigc_course.files import write_atomically

FILE = "assignment.json"
OLDER = ".releases"


@dataclass(frozen=True)
class AskedExercise:
    """One exercise of a notebook.

    Attributes:
        id: such as ``"03.2"``.
        title: of the exercise.
        points: what this assignment gives for it.
        answer_cell: id of the cell the answer is written in, ``"ex-03-2"``.
        check_cell: id of the cell that checks it, ``"check-03-2"``.
        defines: the name the check asks for, ``"linear_backward"``.
        starter: the answer cell as released, with the stub.
        solution: the answer cell of the source. Where a lesson goes on with an earlier answer,
            a learner who has none goes on with the course's, and so does grading.
    """

    id: str
    title: str
    points: float
    answer_cell: str
    check_cell: str
    defines: str
    starter: str
    solution: str = ""


@dataclass(frozen=True)
class AskedOpen:
    """One open question; ``rubric`` is the model answer with its marking criteria."""

    id: str
    points: float
    cell: str
    question: str
    rubric: str
    starter: str


@dataclass(frozen=True)
class AskedNotebook:
    """One notebook of the assignment; ``name`` without suffix, ``"03_backprop"``.

    ``lesson`` holds the :func:`fingerprint` of each code cell that is not an answer: what such a
    cell defines is the lesson's, not the learner's.
    """

    name: str
    chapter: str
    exercises: tuple[AskedExercise, ...]
    open: tuple[AskedOpen, ...]
    lesson: tuple[str, ...] = ()


def fingerprint(source: str) -> str:
    """Names a cell's text; blank lines and blanks at the ends of lines do not count.

    Example:
        >>> fingerprint("x = 1  \\n\\n") == fingerprint("x = 1") != fingerprint("x = 2")
        True
    """
    lines = (line.rstrip() for line in source.splitlines())
    text = "\n".join(line for line in lines if line)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


@dataclass(frozen=True)
class Assignment:
    """What was released.

    Attributes:
        name: such as ``"ps1"``.
        notebooks: in the course's order.
        due: ISO 8601 with offset, or "" for none.
        course_version: of the release.
        released: ISO 8601 time of the release.
    """

    name: str
    notebooks: tuple[AskedNotebook, ...]
    due: str = ""
    course_version: str = ""
    released: str = ""

    @property
    def max_score(self) -> float:
        """Points of all automatically judged exercises."""
        return sum(ex.points for book in self.notebooks for ex in book.exercises)

    @property
    def due_at(self) -> datetime | None:
        return datetime.fromisoformat(self.due) if self.due else None

    @property
    def digest(self) -> str:
        """Changes when what is asked or what it is worth changes; not with the due time."""
        asked = [{**asdict(book), "lesson": ()} for book in self.notebooks]
        text = json.dumps([asked, self.course_version], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def save(self, root: Path) -> Path:
        """Write ``root/source/<name>/assignment.json``; an earlier one is kept for old answers."""
        path = root / "source" / self.name / FILE
        public = asdict(self)
        private: dict[str, dict[str, str]] = {"solutions": {}, "rubrics": {}}
        for book in public["notebooks"]:
            for ex in book["exercises"]:
                private["solutions"][ex["id"]] = ex.pop("solution")
            for question in book["open"]:
                private["rubrics"][question["id"]] = question.pop("rubric")
        secret = _private(root, self.name)
        for file, content in ((secret, private), (path, public)):
            if file == path:
                _keep(path, public)
            file.parent.mkdir(parents=True, exist_ok=True)
            if file == secret:
                file.parent.chmod(0o700)  # solutions and rubrics are for the owner's eyes
            write_atomically(file, json.dumps(content, ensure_ascii=False, indent=1) + "\n")
        return path

    @staticmethod
    def load(root: Path, name: str) -> Assignment:
        """Read it back; raises UserError when it was never released or cannot be read."""
        path = root / "source" / name / FILE
        try:
            public = json.loads(path.read_text(encoding="utf-8"))
            secret = _private(root, name)
            private = json.loads(secret.read_text(encoding="utf-8")) if secret.exists() else {}
            return _assignment(public, private)
        except FileNotFoundError:
            raise UserError(
                f"没有叫 {name} 的作业：{path} 不在",
                f"先发布：aigc release {name} --notebooks 01,02",
            ) from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"作业文件读不出来：{path}（{type(error).__name__}）", "从备份取回，或重新 release"
            ) from error

    @staticmethod
    def earlier(root: Path, name: str) -> tuple[Assignment, ...]:
        """What earlier releases asked, oldest first; an answer may have been written in one."""
        found = []
        for path in sorted((root / "source" / name / OLDER).glob("*.json")):
            try:
                found.append(_assignment(json.loads(path.read_text(encoding="utf-8")), {}))
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                continue  # only helps to recognise old stubs: not worth stopping a class for
        return tuple(found)

    def notebook(self, name: str) -> AskedNotebook | None:
        """The notebook called ``name``, or None."""
        return next((book for book in self.notebooks if book.name == name), None)


def _private(root: Path, name: str) -> Path:
    return root / ".aigc" / "assignments" / f"{name}.json"


def _keep(path: Path, new: dict[str, Any]) -> None:
    """Copy the assignment that is about to be replaced, if it asks for something else."""
    try:
        old = json.loads(path.read_text(encoding="utf-8"))
        stamp = re.sub("[^0-9]", "", str(old["released"]))[:14] or "0"
        same = old["notebooks"] == json.loads(json.dumps(new["notebooks"]))
    except (OSError, ValueError, KeyError, TypeError):
        return
    if same:
        return
    folder = path.with_name(OLDER)
    folder.mkdir(exist_ok=True)
    kept = folder / f"{stamp}.json"
    number = 1
    while kept.exists():
        number += 1
        kept = folder / f"{stamp}-{number}.json"
    shutil.copyfile(path, kept)


def _assignment(public: dict[str, Any], private: dict[str, dict[str, str]]) -> Assignment:
    solutions, rubrics = private.get("solutions", {}), private.get("rubrics", {})
    notebooks = tuple(
        AskedNotebook(
            book["name"],
            book["chapter"],
            tuple(
                AskedExercise(**{"solution": solutions.get(ex["id"], ""), **ex})
                for ex in book["exercises"]
            ),
            tuple(
                AskedOpen(**{"rubric": rubrics.get(question["id"], ""), **question})
                for question in book["open"]
            ),
            tuple(book.get("lesson", ())),
        )
        for book in public["notebooks"]
    )
    return Assignment(**{**public, "notebooks": notebooks})
