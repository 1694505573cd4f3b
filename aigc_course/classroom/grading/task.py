"""The unit of work of a grading run, as it travels to another process or another machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Protocol

import aigc_course
from aigc_course.classroom.assignment.record import AskedNotebook, Assignment
from aigc_course.classroom.grading.limits import LimitOptions
from aigc_course.classroom.grading.one_submission import digest_of, grade_submission, settle
from aigc_course.classroom.grading.warm_sandboxes import WarmSandboxes
from aigc_course.classroom.marks import ExerciseMark, NotebookMark, SubmissionMark
from aigc_course.classroom.submission.collect import Problem
from aigc_course.data import data_root
from aigc_course.policy import can_change_marks

__all__ = [
    "Runner",
    "Setup",
    "Task",
    "TaskOutcome",
    "course_fingerprint",
    "fingerprint_of",
    "grade_task",
    "settings_of",
    "ungraded_outcome",
]

TRIES = 3  # a submission is tried again twice when the process that graded it died


@dataclass(frozen=True)
class Setup:
    """What is the same for all submissions of a run.

    Attributes:
        assignment: what was asked.
        seed: secret seed of the hidden cases.
        limits: what answers may use.
        older: notebooks as earlier releases had them, by name.
        unconfined: without confinement.
        sandboxes: starts the sandboxes; another one in tests.
    """

    assignment: Assignment
    seed: int
    limits: LimitOptions = field(default_factory=LimitOptions)
    older: Mapping[str, tuple[AskedNotebook, ...]] = field(default_factory=dict)
    unconfined: bool = False
    sandboxes: Callable[[], WarmSandboxes] | None = None

    def open_sandboxes(self) -> WarmSandboxes:
        start = self.sandboxes or partial(WarmSandboxes.confined, self.unconfined)
        return start()

    @property
    def patience(self) -> float:
        """Seconds after which a process that has not answered hangs."""
        return 2 * self.limits.total_seconds + 60


@dataclass(frozen=True)
class Task:
    """One submission: its bytes, and what could not be opened."""

    student: str
    files: Mapping[str, bytes]
    problems: Mapping[str, Problem] = field(default_factory=dict)
    exercise: str = ""  # only this one, where one is graded anew


@dataclass(frozen=True)
class TaskOutcome:
    """What came back.

    Attributes:
        mark: of the submission, or of the one exercise that was asked for.
        exercise: that exercise, or "".
        log: what is to be written to the log.
    """

    mark: SubmissionMark
    exercise: str = ""
    log: str = ""

    def to_bytes(self) -> bytes:
        return json.dumps([self.mark.to_json(), self.exercise, self.log]).encode()

    @staticmethod
    def of_bytes(data: bytes) -> TaskOutcome:
        mark, exercise, log = json.loads(data)
        return TaskOutcome(SubmissionMark.from_json(mark), exercise, log)


class Runner(Protocol):
    """Grades submissions somewhere: local processes, or a cluster."""

    def run(self, tasks: Iterator[Task]) -> Iterator[TaskOutcome]:
        """One outcome for each task, in any order; tasks are taken as workers become free."""

    def close(self, *, at_once: bool = False) -> None:
        """End all processes that were started; ``at_once`` does not wait for their work."""


def grade_task(setup: Setup, task: Task, sandboxes: WarmSandboxes) -> TaskOutcome:
    """Grade one submission here."""
    log: list[str] = []
    mark = grade_submission(
        setup.assignment,
        task.student,
        task.files,
        setup.seed,
        sandboxes,
        limits=setup.limits,
        problems=task.problems,
        older=setup.older,
        exercise=task.exercise,
        report=log.append,
    )
    return TaskOutcome(mark, task.exercise, "\n".join(log))


def ungraded_outcome(setup: Setup, task: Task, reason: str) -> TaskOutcome:
    """The outcome when the grading process died again and again: ungraded, never zero."""
    assignment = setup.assignment
    books = tuple(
        NotebookMark(
            asked.name,
            "crashed",
            reason,
            tuple(
                ExerciseMark(ex.id, ex.title, "ungraded", None, ex.points, message=reason)
                for ex in asked.exercises
                if task.exercise in ("", ex.id)
            ),
        )
        for asked in assignment.notebooks
        if not task.exercise or any(ex.id == task.exercise for ex in asked.exercises)
    )
    mark = SubmissionMark(
        task.student,
        assignment.name,
        "crashed",
        None,
        assignment.max_score,
        reason=reason,
        notebooks=books,
        digest=digest_of(task.files, task.problems),
        assignment_digest=assignment.digest,
        seed=setup.seed,
    )
    return TaskOutcome(
        replace(settle(mark), reason=reason), task.exercise, f"{task.student} {reason}"
    )


@cache
def course_fingerprint() -> str:
    """Changes with whatever in the course can change a mark, and with nothing else.

    It also tells whether another machine has the same course.
    """
    return fingerprint_of(Path(aigc_course.__file__).resolve().parent, data_root())


def fingerprint_of(package: Path, data: Path) -> str:
    """Checksum of the files that :func:`aigc_course.policy.can_change_marks` names.

    Args:
        package: folder of the course.
        data: folder of the data; its manifest has their checksums.
    """
    digest = hashlib.sha256()
    for folder, pattern in ((package, "*"), (data, "*.toml")):
        names = (path.relative_to(folder) for path in folder.rglob(pattern) if path.is_file())
        for name in sorted(name.as_posix() for name in names if can_change_marks(name)):
            # line ends differ between systems and do not matter
            content = (folder / name).read_bytes().replace(b"\r\n", b"\n")
            digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()[:16]


def settings_of(setup: Setup) -> str:
    """Fingerprint of what decides about a mark and is not in the mark itself."""
    text = json.dumps([setup.limits.text(), course_fingerprint()])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
