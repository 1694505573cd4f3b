"""Grading one submission: from the bytes of its notebooks to a mark.

Nothing of the answer runs in this process: it is defined and called in a sandbox, and judged here.
The same bytes, assignment, seed and limits give the same mark, whoever grades it and where.
"""

from __future__ import annotations

import hashlib
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from aigc_course.classroom.assignment.record import AskedExercise, AskedNotebook, Assignment
from aigc_course.classroom.grading.limits import LimitOptions
from aigc_course.classroom.grading.redact import public_detail, public_message
from aigc_course.classroom.grading.warm_sandboxes import (
    SandboxProtocol,
    SubmissionWorkers,
    WarmSandboxes,
    WorkerProtocol,
)
from aigc_course.classroom.marks import (
    ExerciseMark,
    ExerciseStatus,
    NotebookMark,
    StepMark,
    SubmissionMark,
    SubmissionStatus,
)
from aigc_course.classroom.sandbox.limits import Kind
from aigc_course.classroom.sandbox.rpc import NotDefined
from aigc_course.classroom.submission.collect import Problem
from aigc_course.classroom.submission.notebook_file import Damaged, WrongFile
from aigc_course.classroom.submission.read import (
    SubmittedAnswer,
    SubmittedNotebook,
    read_submission,
)
from aigc_course.errors import UserError
from aigc_course.judging import core
from aigc_course.judging.forbidden import explain, static_findings

__all__ = ["case_seed", "digest_of", "grade_submission", "replace_exercise", "settle"]

Report = Callable[[str], None]

#: ``ast.parse`` of CPython 3.11 fails now and then when two threads of a Dask worker parse at once
_parsing = threading.Lock()

MAX_SOURCE = 64 * 1024  # characters of an answer that are kept to be shown
MAX_TEXT = 400

#: the first that applies is the submission's status; see ``SubmissionMark.status``
_ORDER: tuple[SubmissionStatus, ...] = (
    "missing",
    "wrong file",
    "damaged file",
    "refused",
    "time limit",
    "memory limit",
    "crashed",
    "partly answered",
    "graded",
)
_OF_EXERCISE: dict[ExerciseStatus, SubmissionStatus] = {
    "refused": "refused",
    "timeout": "time limit",
    "memory": "memory limit",
    "crashed": "crashed",
    "ungraded": "crashed",
    "unanswered": "partly answered",
}


def case_seed(seed: int, exercise: str) -> int:
    """The seed of an exercise's hidden cases: the same for a whole class, not to be guessed.

    Example:
        >>> case_seed(1, "03.2") == case_seed(1, "03.2") != case_seed(1, "03.1")
        True
    """
    return int.from_bytes(hashlib.sha256(f"{seed}:{exercise}".encode()).digest()[:8], "big")


def digest_of(files: Mapping[str, bytes], problems: Mapping[str, Problem] | None = None) -> str:
    """Checksum of what was handed in."""
    parts = [(name, hashlib.sha256(data).hexdigest()) for name, data in sorted(files.items())]
    parts += [(name, repr(problem)) for name, problem in sorted((problems or {}).items())]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def grade_submission(
    assignment: Assignment,
    student: str,
    files: Mapping[str, bytes | None],
    seed: int,
    sandboxes: WarmSandboxes | SandboxProtocol,
    *,
    limits: LimitOptions | None = None,
    problems: Mapping[str, Problem] | None = None,
    older: Mapping[str, Sequence[AskedNotebook]] | None = None,
    exercise: str = "",
    report: Report = print,
) -> SubmissionMark:
    """The mark of one submission, before lateness.

    Args:
        assignment: what was asked.
        student: id.
        files: by the notebook's name the bytes handed in; None or absent for not handed in.
        seed: secret seed of the hidden cases.
        sandboxes: where answers run; one, or one for each kind.
        limits: what they may use.
        problems: notebooks that could not be opened, ``""`` for the whole submission.
        older: the notebooks as earlier releases had them, by name.
        exercise: only this one is graded, all others are left out; see :func:`replace_exercise`.
        report: is told of our own failures, with traceback.

    Returns:
        A mark in every case: whatever the submission does is in its status.
    """
    began = time.monotonic()
    limits, problems = limits or LimitOptions(), problems or {}
    present = {name: data for name, data in files.items() if data is not None}
    mark = SubmissionMark(
        student,
        assignment.name,
        "missing",
        None,
        assignment.max_score,
        digest=digest_of(present, problems),
        assignment_digest=assignment.digest,
        seed=seed,
    )
    if "" in problems:
        return replace(mark, status=problems[""].status, reason=problems[""].reason)
    if not problems and not any(book.name in present for book in assignment.notebooks):
        return replace(mark, reason="没有交")
    deadline = began + limits.total_seconds
    books = []
    with SubmissionWorkers(sandboxes) as workers:
        grader = _SubmissionGrader(workers, seed, limits, deadline, report, student)
        for asked in assignment.notebooks:
            if exercise and not any(ex.id == exercise for ex in asked.exercises):
                continue
            if asked.name in problems:
                problem = problems[asked.name]
                books.append(_unopened(asked, problem.status, problem.reason))
            else:
                data, before = present.get(asked.name), (older or {}).get(asked.name, ())
                books.append(grader.notebook(asked, data, before, exercise))
    mark = replace(mark, notebooks=tuple(books), seconds=round(time.monotonic() - began, 3))
    return settle(mark)


def settle(mark: SubmissionMark, late_seconds: float = 0.0, penalty: float = 0.0) -> SubmissionMark:
    """``mark`` with the status, reason and score that follow from its notebooks and its lateness.

    It can be done again with another lateness: nothing is judged anew.
    """
    late_seconds, penalty = max(0.0, late_seconds), penalty if late_seconds > 0 else 0.0
    mark = replace(mark, late_seconds=late_seconds, penalty=penalty)
    if not mark.notebooks:
        return mark
    exercises = [ex for book in mark.notebooks for ex in book.exercises]
    found = {book.status for book in mark.notebooks if book.status != "missing"}
    if any(book.status == "missing" for book in mark.notebooks):
        found.add("partly answered")
    status = next(one for one in _ORDER if one in found | {"graded"})
    if status == "graded" and late_seconds > 0:
        status = "late"
    scores = [ex.score for ex in exercises if ex.score is not None]
    score = round(sum(scores) * (1 - penalty), 2) if scores else None
    return replace(mark, status=status, score=score, reason=_reason(mark))


def replace_exercise(mark: SubmissionMark, fresh: SubmissionMark, exercise: str) -> SubmissionMark:
    """``mark`` with ``exercise`` as it is in ``fresh``."""
    new = {ex.id: ex for book in fresh.notebooks for ex in book.exercises if ex.id == exercise}
    books = []
    for book in mark.notebooks:
        exercises = tuple(new.get(ex.id, ex) for ex in book.exercises)
        if exercises != book.exercises:
            book = _notebook(replace(book, exercises=exercises))
        books.append(book)
    merged = replace(mark, notebooks=tuple(books))
    return settle(merged, mark.late_seconds, mark.penalty)


def _notebook(book: NotebookMark) -> NotebookMark:
    """``book`` with the status and reason that follow from its exercises."""
    found = {_OF_EXERCISE.get(ex.status, "graded") for ex in book.exercises}
    status = next(one for one in _ORDER if one in found | {"graded"})
    return replace(book, status=status, reason=_summary(book.exercises))


def _reason(mark: SubmissionMark) -> str:
    """One line: what went wrong, notebook by notebook."""
    said = []
    for book in mark.notebooks:
        if book.reason:
            said.append(f"{book.name}：{book.reason}")
    return "；".join(said)


def _unopened(asked: AskedNotebook, status: SubmissionStatus, reason: str) -> NotebookMark:
    """A notebook that is not graded. One that was not handed in earns 0; the others nothing yet."""
    missing = status == "missing"
    exercises = tuple(
        ExerciseMark(
            ex.id,
            ex.title,
            "unanswered" if missing else "ungraded",
            0.0 if missing else None,
            ex.points,
            message="没有交这本笔记本" if missing else reason,
        )
        for ex in asked.exercises
    )
    return NotebookMark(asked.name, status, reason, exercises)


class _SubmissionGrader:
    """One submission being graded."""

    def __init__(
        self,
        workers: SubmissionWorkers,
        seed: int,
        limits: LimitOptions,
        deadline: float,
        report: Report,
        student: str,
    ) -> None:
        self.workers = workers
        self.seed = seed
        self.limits = limits
        self.deadline = deadline
        self.report = report
        self.student = student

    def notebook(
        self,
        asked: AskedNotebook,
        data: bytes | None,
        older: Sequence[AskedNotebook] = (),
        exercise: str = "",
    ) -> NotebookMark:
        """The mark of one notebook, or of one exercise in it."""
        if data is None:
            return _unopened(asked, "missing", "没有交")
        try:
            with _parsing:
                read = read_submission(data, asked, older=older)
        except WrongFile as error:
            return _unopened(asked, "wrong file", error.reason)
        except Damaged as error:
            return _unopened(asked, "damaged file", error.reason)
        except Exception:
            self._log_failure(asked.name)
            return _unopened(asked, "crashed", "评分程序读它时出错，没有批改")
        marks: dict[str, ExerciseMark] = {}
        for ex in asked.exercises:
            if not exercise or ex.id == exercise:
                self._in_order(ex, {one.id: one for one in asked.exercises}, read, marks)
        wanted = tuple(marks[ex.id] for ex in asked.exercises if exercise in ("", ex.id))
        return _notebook(
            NotebookMark(asked.name, "graded", "", wanted, tuple(read.open), tuple(read.notes))
        )

    def _worker(self, asked: AskedExercise) -> WorkerProtocol:
        exercise = core.get(asked.id)
        limits = self.limits.of(asked.id, exercise.limit)
        return self.workers.worker(_kind(exercise), limits, tuple(exercise.allows))

    def _in_order(
        self,
        asked: AskedExercise,
        known: Mapping[str, AskedExercise],
        read: SubmittedNotebook,
        marks: dict[str, ExerciseMark],
        above: tuple[str, ...] = (),
    ) -> None:
        """Grade an exercise after those whose answers it builds on.

        As in the lesson, it goes on with an earlier answer only if that passed; else with the
        course's, so that one mistake is not counted twice.
        """
        if asked.id in marks or asked.id in above:
            return
        for need in read.answers[asked.id].needs:
            if need in known:
                self._in_order(known[need], known, read, marks, (*above, asked.id))
        wrong = {id for id, mark in marks.items() if mark.status != "passed"}
        with _parsing:
            answer = read.answer(asked.id, wrong)
        marks[asked.id] = self._exercise(asked, answer)

    def _exercise(self, asked: AskedExercise, answer: SubmittedAnswer) -> ExerciseMark:
        mark = ExerciseMark(asked.id, asked.title, "unanswered", 0.0, asked.points)
        if not answer.found:
            return replace(mark, message="没有找到这道题的答案", notes=answer.notes)
        source = answer.source
        shown = source if len(source) <= MAX_SOURCE else source[:MAX_SOURCE] + "\n# …（太长，略去）"
        mark = replace(mark, source=shown, notes=answer.notes)
        if answer.stub:
            return replace(mark, message="还没作答")
        began = time.monotonic()
        try:
            result = self._judged(asked, answer)
            if result.status in ("failed", "error") and not _sound(asked.id, self._seed(asked)):
                raise RuntimeError(f"the reference fails exercise {asked.id} with these cases")
        except core.Stopped as stopped:
            result = core.get(asked.id).result(stopped.status, message=stopped.message)
        except Exception:
            self._log_failure(asked.id)
            mark = replace(
                mark, status="ungraded", score=None, message="评分程序出错，这题没有批改"
            )
            return replace(mark, seconds=round(time.monotonic() - began, 3))
        seconds = round(time.monotonic() - began, 3)
        return replace(_marked(mark, result, source), seconds=seconds)

    def _judged(self, asked: AskedExercise, answer: SubmittedAnswer) -> core.Result:
        """Raises Stopped, or an exception that is not the answer's fault."""
        exercise = core.get(asked.id)
        program = "\n".join(chunk.source for chunk in answer.program)
        with _parsing:
            findings = static_findings(program, exercise.allows)
            # in the cell's own line numbers, if it is the cell that says it
            said = static_findings(answer.source, exercise.allows) if findings else []
        if findings:
            return exercise.result("refused", message=explain(said or ["用到的别的单元格里有"]))
        if time.monotonic() >= self.deadline:
            text = f"整份作业已经用了 {self.limits.total_seconds:g} 秒，这题没有运行"
            raise core.Stopped("timeout", text)
        worker = self._worker(asked)
        try:
            value = worker.answer(answer.program, asked.defines)
        except NotDefined:
            return exercise.result("error", message=f"运行后没有定义 {asked.defines}")
        except NotImplementedError:
            return exercise.result("unanswered")
        except UserError:
            raise  # no confinement to be had: not the answer's doing
        except Exception as error:
            lines = [str(line) for line in getattr(error, "own_lines", ())]
            what = f"{type(error).__name__}: {error}"
            return exercise.result("error", message="\n".join(dict.fromkeys([*lines, what])))
        return core.judge(asked.id, value, seed=self._seed(asked))

    def _seed(self, asked: AskedExercise) -> int:
        return case_seed(self.seed, asked.id)

    def _log_failure(self, where: str) -> None:
        self.report(f"{self.student} {where}\n{traceback.format_exc()}")


def _marked(mark: ExerciseMark, result: core.Result, source: str) -> ExerciseMark:
    """The judge's result as a mark the student may read, scaled to the assignment's points."""
    share = result.score / result.points if result.points else 0.0
    steps = tuple(
        StepMark(
            bool(step.ok),
            str(step.label)[:MAX_TEXT],
            "" if step.ok else str(step.hint)[:MAX_TEXT],
            "" if step.ok else public_detail(str(step.detail)),
        )
        for step in result.steps
    )
    message = result.message
    if result.status in ("error", "refused"):  # other texts are the judge's own
        message = public_message(message, source)
    return replace(
        mark,
        status=result.status,
        score=round(min(1.0, max(0.0, share)) * mark.points, 2),
        steps=steps,
        message=message[: MAX_TEXT * 4],
    )


def _summary(marks: tuple[ExerciseMark, ...]) -> str:
    """Which exercises did not end as they should, in one line."""
    words: dict[str, str] = {
        "refused": "用了不许用的函数",
        "timeout": "超时",
        "memory": "内存超限",
        "crashed": "进程中断",
        "ungraded": "没能批改",
    }
    told = {
        word: [mark.id for mark in marks if mark.status == status] for status, word in words.items()
    }
    return "；".join(f"{'、'.join(ids)} {word}" for word, ids in told.items() if ids)


def _kind(exercise: core.Exercise) -> Kind:
    """What must be there to be imported: what the exercise allows and the judge itself sends."""
    sends = ("torch",) if "torch" in vars(_module_of(exercise)) else ()
    return Kind.of(exercise.allows, *sends)


def _module_of(exercise: core.Exercise) -> Any:
    return sys.modules[exercise.judge.__module__]


@lru_cache(maxsize=4096)
def _sound(exercise: str, seed: int) -> bool:
    """Does the reference pass with these cases? If it does not, no answer can be blamed."""
    reference = core.get(exercise).reference
    return reference is None or core.judge(exercise, reference, seed=seed).passed
