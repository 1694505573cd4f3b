"""Grading a class: who handed in what, what is left to be done, every result into the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from aigc_course.classroom.assignment.record import FILE, AskedNotebook, Assignment
from aigc_course.classroom.grading.one_submission import digest_of, replace_exercise, settle
from aigc_course.classroom.grading.options import GradeOptions, Selection
from aigc_course.classroom.grading.task import Runner, Setup, Task, TaskOutcome, settings_of
from aigc_course.classroom.marks import SubmissionMark
from aigc_course.classroom.store import FOLDER, Store, exclusive, secret_seed
from aigc_course.classroom.submission.collect import Problem, Submission, collect
from aigc_course.classroom.submission.roll import Person, Roll, collision_key, read_roll
from aigc_course.classroom.submission.untrusted_files import Unreadable, read_untrusted
from aigc_course.errors import UserError, from_os_error

__all__ = [
    "NoProgress",
    "ProgressListener",
    "Summary",
    "course_folder",
    "grade_class",
]

LOG = "grade.log"


@dataclass
class Summary:
    """How the class came out.

    Attributes:
        marks: how many submissions there are of each status.
        graded: how many were graded in this run; the others were done before.
        unlisted: handed in by people who are not on the roll.
        ungraded: ``student exercise`` for each one left without a mark by a failure of ours.
        log: where the tracebacks are, if there are any.
    """

    assignment: str
    course: Path
    marks: Counter[str] = field(default_factory=Counter)
    graded: int = 0
    unlisted: list[str] = field(default_factory=list)
    ungraded: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    log: Path | None = None

    @property
    def total(self) -> int:
        return sum(self.marks.values())


class ProgressListener(Protocol):
    """Is told of the progress of a run."""

    def start(self, total: int, done: Counter[str]) -> None: ...

    def note(self, text: str) -> None: ...

    def step(self, mark: SubmissionMark) -> None: ...


class NoProgress:
    """A progress listener that shows nothing."""

    def start(self, total: int, done: Counter[str]) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def step(self, mark: SubmissionMark) -> None:
        """Nothing."""


def grade_class(
    options: GradeOptions,
    listener: ProgressListener | None = None,
    runner: Callable[[Setup], Runner] | None = None,
) -> Summary:
    """Grade what has not been graded yet, and note who handed in nothing.

    Each result is in the store as soon as it is there, so a run that is broken off, even by
    ``kill -9``, is continued by the next one.

    Args:
        options: what and how.
        listener: is told of the progress.
        runner: where to grade; by default as ``options`` says.

    Raises:
        UserError: nothing can be graded, or not all of it; what was graded is kept.
    """
    listener = listener or NoProgress()
    root = course_folder(options)
    assignment = Assignment.load(root, options.assignment or _only_assignment(root))
    if not any(book.exercises for book in assignment.notebooks):
        raise UserError(
            f"作业 {assignment.name} 里没有自动批改的练习", "核对 release 时的 --notebooks"
        )
    roll = read_roll(options.roll) if options.roll else Roll()
    with exclusive(root), Store(root) as store:
        handed_in = collect(
            options.submitted,
            assignment,
            roll=roll,
            others=_assignments(root),
            layout=options.layout,
        )
        handed_in = _with_roll_ids(handed_in, roll)
        if not handed_in and not roll.people:
            raise UserError(
                f"{options.submitted} 里没有 {assignment.name} 的提交",
                f"放成 {options.submitted}/学号/{assignment.name}/*.ipynb",
            )
        seed = secret_seed(root, assignment.name) if options.seed is None else options.seed
        older = _older(root, assignment)
        setup = Setup(assignment, seed, options.limits, older, options.unconfined)
        run = _GradingRun(options, root, setup, roll, store, listener)
        return run.all(handed_in, runner or (lambda setup: _runner(options, setup)))


def course_folder(options: GradeOptions) -> Path:
    """The folder with ``source/``: named, or the one ``submitted`` is in."""
    top = options.submitted.absolute()
    places = [options.course.absolute()] if options.course else [top.parent, top, *top.parents[1:3]]
    for place in places:
        if (place / "source").is_dir():
            return place
    if options.course:
        raise UserError(f"{options.course} 不是课程文件夹：里面没有 source", "先发布：aigc release")
    raise UserError(
        f"{options.submitted} 旁边没有 source，找不到课程文件夹",
        "用 --course 指明，或先 aigc release",
    )


def _assignments(root: Path) -> list[str]:
    return sorted(path.parent.name for path in (root / "source").glob(f"*/{FILE}"))


def _only_assignment(root: Path) -> str:
    names = _assignments(root)
    if len(names) == 1:
        return names[0]
    if not names:
        raise UserError(f"{root} 里还没有发布过作业", "先发布：aigc release ps1 --notebooks 01,02")
    raise UserError(f"有 {len(names)} 份作业：{'、'.join(names)}", "用 --assignment 指明批改哪一份")


def _older(root: Path, assignment: Assignment) -> dict[str, tuple[AskedNotebook, ...]]:
    """The notebooks as earlier releases had them: an untouched old stub is a stub, too."""
    earlier = Assignment.earlier(root, assignment.name)
    return {
        asked.name: tuple(old for one in earlier if (old := one.notebook(asked.name)))
        for asked in assignment.notebooks
    }


def _with_roll_ids(handed_in: list[Submission], roll: Roll) -> list[Submission]:
    """Ids as the roll writes them, where only case or Unicode form differ."""
    known = {collision_key(person.id): person.id for person in roll.people}
    return [
        replace(one, student=known.get(collision_key(one.student), one.student))
        for one in handed_in
    ]


def _runner(options: GradeOptions, setup: Setup) -> Runner:
    if options.scheduler:
        from aigc_course.classroom.grading.dask_cluster import DaskCluster

        return DaskCluster(setup, options.scheduler)
    from aigc_course.classroom.grading.local_pool import LocalPool, default_workers
    from aigc_course.classroom.sandbox.sandbox import Sandbox

    reason = "" if options.unconfined else Sandbox.available()
    if reason:
        raise UserError(
            f"不能隔离运行学生的代码：{reason}",
            "在能隔离的 Linux 上批改；学生的代码全都可信时才用 --unconfined",
        )

    return LocalPool(setup, options.workers or default_workers())


@dataclass(frozen=True)
class _Queued:
    """One submission to be graded, or one exercise of it."""

    found: Submission
    exercise: str = ""


class _GradingRun:
    """One run over a class."""

    def __init__(
        self,
        options: GradeOptions,
        root: Path,
        setup: Setup,
        roll: Roll,
        store: Store,
        listener: ProgressListener,
    ) -> None:
        self.options = options
        self.root = root
        self.setup = setup
        self.people = roll.by_id()
        self.store = store
        self.listener = listener
        self.settings = settings_of(setup)
        self.due = setup.assignment.due_at
        self.summary = Summary(setup.assignment.name, root, notes=list(roll.notes))

    def all(self, handed_in: list[Submission], start: Callable[[Setup], Runner]) -> Summary:
        for note in self.summary.notes:
            self.listener.note(note)
        if self.people:
            self.summary.unlisted = [f.student for f in handed_in if f.student not in self.people]
        queue, done = self._plan(handed_in)
        for mark in done:
            self._count(mark)
        self.listener.start(len(queue), self.summary.marks.copy())
        if queue:
            self._grade(queue, start)
        return self.summary

    def _plan(self, handed_in: list[Submission]) -> tuple[list[_Queued], list[SubmissionMark]]:
        """What is to be graded, and the marks that stand."""
        settled = self.store.settled(self.setup.assignment.name)
        chosen = Selection(self.options.only, self.setup.assignment, [f.student for f in handed_in])
        queue: list[_Queued] = []
        done: list[SubmissionMark] = []
        self._note_changed_penalties(handed_in, settled)
        for found in handed_in:
            mark, settings = settled.pop(found.student, (None, ""))
            same = mark is not None and self._same(mark, settings, found)
            exercises = chosen.of(found.student)
            if chosen and exercises is None:
                done += [mark] if mark is not None else []
            elif mark is not None and same and exercises:
                queue += [_Queued(found, exercise) for exercise in exercises]
            elif mark is None or not same or exercises is not None or self.options.again:
                queue.append(_Queued(found))
            else:
                finished = self._finished(mark, found)
                self.store.put(finished, settings)
                done.append(finished)
        done += self._absent(settled, {found.student for found in handed_in})
        return queue, done

    def _note_changed_penalties(
        self, handed_in: list[Submission], settled: dict[str, tuple[SubmissionMark, str]]
    ) -> None:
        """A forgotten ``--late`` gives everybody back what they lost: not without a word."""
        before = {student: mark.penalty for student, (mark, _) in settled.items()}
        changed = [
            found.student
            for found in handed_in
            if found.student in before
            and before[found.student] != self.options.late.penalty(self._late(found))
        ]
        if changed:
            self._note(f"{len(changed)} 份的迟交扣分与上次不同，按这次的 --late 重算")

    def _same(self, mark: SubmissionMark, settings: str, found: Submission) -> bool:
        """Was it made from the same bytes by the same rules, and is it whole?"""
        if (mark.seed, mark.assignment_digest) != (self.setup.seed, self.setup.assignment.digest):
            return False
        if settings != self.settings or _ungraded_exercises(mark):
            return False
        task = _task(found)
        return mark.digest == digest_of(task.files, task.problems)

    def _absent(
        self, settled: dict[str, tuple[SubmissionMark, str]], present: set[str]
    ) -> list[SubmissionMark]:
        """Those of whom nothing was found: missing, or graded before and then taken away."""
        marks = []
        for student, person in self.people.items():
            if student in present:
                continue
            mark, _ = settled.pop(student, (None, ""))
            if mark is None or mark.status == "missing":
                mark = self._missing(person)
                self.store.put(mark, self.settings)
            else:
                self._note(f"{student} 的提交不见了，保留上次的成绩")
            marks.append(mark)
        for student, (mark, _) in settled.items():
            if mark.status == "missing" and self.people:  # no longer on the roll, nothing to keep
                self.store.forget(mark.assignment, [student])
                continue
            if mark.status != "missing":
                self._note(f"{student} 的提交不见了，保留上次的成绩")
            marks.append(mark)
        return marks

    def _missing(self, person: Person) -> SubmissionMark:
        assignment = self.setup.assignment
        return SubmissionMark(
            person.id,
            assignment.name,
            "missing",
            None,
            assignment.max_score,
            reason="没有交",
            assignment_digest=assignment.digest,
            seed=self.setup.seed,
            name=person.name,
        )

    def _grade(self, queue: list[_Queued], start: Callable[[Setup], Runner]) -> None:
        waiting: dict[str, list[_Queued]] = {}
        for item in queue:
            waiting.setdefault(item.found.student, []).append(item)
        runner = start(self.setup)
        finished = False
        try:
            for outcome in runner.run(self._tasks(queue)):
                item = self._item(waiting, outcome)
                mark = outcome.mark
                stored = self.store.get(mark.assignment, mark.student)
                if stored and item.exercise:
                    mark = replace_exercise(stored, mark, item.exercise)
                if stored and not mark.name:
                    mark = replace(mark, name=stored.name)
                mark = self._finished(mark, item.found)
                self.store.put(mark, self.settings)
                self._log(outcome.log)
                self.summary.graded += 1
                if not waiting[mark.student]:
                    self._count(mark)
                self.listener.step(mark)
            finished = True
        finally:
            runner.close(at_once=not finished)

    @staticmethod
    def _item(waiting: dict[str, list[_Queued]], outcome: TaskOutcome) -> _Queued:
        """The queued submission that this outcome belongs to."""
        items = waiting[outcome.mark.student]
        k = next(k for k, item in enumerate(items) if item.exercise == outcome.exercise)
        return items.pop(k)

    def _tasks(self, queue: list[_Queued]) -> Iterator[Task]:
        for item in queue:
            task = _task(item.found)
            yield replace(task, exercise=item.exercise)

    def _finished(self, mark: SubmissionMark, found: Submission) -> SubmissionMark:
        """With the person's name, the lateness by today's policy and due time, and the notes."""
        late, policy = self._late(found), self.options.late
        mark = settle(mark, policy.late(late), policy.penalty(late))
        person = self.people.get(mark.student)
        if person:
            mark = replace(mark, name=person.name)
        if mark.notebooks:
            first = mark.notebooks[0]
            notes = tuple(dict.fromkeys((*found.notes, *first.notes)))
            mark = replace(mark, notebooks=(replace(first, notes=notes), *mark.notebooks[1:]))
        return mark

    def _late(self, found: Submission) -> float:
        """Seconds after the due time; below 0 when in time."""
        if self.due is None or found.time is None:
            return 0.0
        return round((found.time - _aware(self.due)).total_seconds(), 3)

    def _count(self, mark: SubmissionMark) -> None:
        self.summary.marks[mark.status] += 1
        self.summary.ungraded += [f"{mark.student} {ex}" for ex in _ungraded_exercises(mark)]

    def _note(self, text: str) -> None:
        self.summary.notes.append(text)
        self.listener.note(text)

    def _log(self, text: str) -> None:
        if not text:
            return
        path = self.root / FOLDER / LOG
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {text}\n\n")
        except OSError as error:
            raise from_os_error(error, path) from error
        self.summary.log = path


def _task(found: Submission) -> Task:
    files: dict[str, bytes] = {}
    problems = dict(found.problems)
    for name, entry in found.files.items():
        try:
            files[name] = read_untrusted(entry)
        except Unreadable as error:
            problems[name] = Problem("damaged file", f"{entry.name} {error}")
    return Task(found.student, files, problems)


def _ungraded_exercises(mark: SubmissionMark) -> list[str]:
    """Exercises without a mark through a failure of the grading; a damaged file is none."""
    return [
        ex.id
        for book in mark.notebooks
        if book.status not in ("damaged file", "wrong file")
        for ex in book.exercises
        if ex.status == "ungraded"
    ]


def _aware(time: datetime) -> datetime:
    return time if time.tzinfo else time.astimezone()
