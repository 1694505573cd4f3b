"""Where each student stands: roll, automatic marks and marks given by hand, put together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from aigc_course.classroom.assignment.record import Assignment
from aigc_course.classroom.marks import SubmissionMark
from aigc_course.classroom.report.words import NOT_YET
from aigc_course.classroom.submission.roll import Person, student_id

__all__ = ["ManualMark", "Manuals", "Standing", "folder_problem", "standings"]


@dataclass(frozen=True)
class ManualMark:
    """What a person did to one cell in nbgrader's formgrader.

    Attributes:
        score: given by hand, extra credit included; None if no score was given by hand.
        comment: written by hand.
        waiting: formgrader still asks for a look.
    """

    score: float | None = None
    comment: str = ""
    waiting: bool = False


Manuals = Mapping[tuple[str, str], ManualMark]  # (student, nbgrader's cell id) -> mark


@dataclass(frozen=True)
class Standing:
    """One student's line.

    Attributes:
        student: id on the roll, or the folder's name.
        person: None if not on the roll.
        mark: None if ``aigc grade`` has no result for them.
        status: of the mark, or ``"missing"``, or "not graded yet".
        exercises: id -> points, by hand if given so; None: not graded.
        open: id -> points by hand; 0 if not answered; None: waits for a person.
        judged: points for all exercises after the late penalty; None if none was graded.
        total: ``judged`` and the open questions; None if nothing at all was graded.
        waiting: ids of what has no mark yet. Only with none waiting is ``total`` the last word.
    """

    student: str
    person: Person | None
    mark: SubmissionMark | None
    status: str
    exercises: Mapping[str, float | None] = field(default_factory=dict)
    open: Mapping[str, float | None] = field(default_factory=dict)
    judged: float | None = None
    total: float | None = None
    waiting: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """From the roll, else as grading recorded it, else empty."""
        return (self.person.name if self.person else "") or (self.mark.name if self.mark else "")


def standings(
    assignment: Assignment,
    marks: Iterable[SubmissionMark],
    roll: Sequence[Person] = (),
    manual: Manuals | None = None,
    handed_in: Collection[str] = (),
) -> list[Standing]:
    """A line for everybody on the roll, in its order, then for every submission not on it.

    Args:
        assignment: what was asked.
        marks: what grading found; the last one counts if a student occurs twice.
        roll: the class, in the order wanted.
        manual: from :func:`aigc_course.classroom.report.manual_marks.read_manual`.
        handed_in: students who have a folder, to tell "not handed in" from "not graded yet".

    Example:
        >>> lines = standings(Assignment("ps1", ()), [], [Person("s1", "李雷")])
        >>> [(line.name, line.status, line.total) for line in lines]
        [('李雷', 'missing', None)]
    """
    by_student = {mark.student: mark for mark in marks}
    people = {person.id: person for person in roll}
    order = [*people]
    order += sorted({*by_student, *handed_in} - set(order))
    lines = []
    for student in order:
        mark = by_student.get(student)
        if mark is None:
            status = NOT_YET if student in handed_in else "missing"
            lines.append(Standing(student, people.get(student), None, status))
        else:
            lines.append(_line(assignment, mark, people.get(student), manual or {}))
    return lines


def _line(
    assignment: Assignment, mark: SubmissionMark, person: Person | None, manual: Manuals
) -> Standing:
    if mark.status == "missing":
        return Standing(mark.student, person, mark, mark.status)
    judged_by_machine = {ex.id: ex.score for book in mark.notebooks for ex in book.exercises}
    answered = {answer.id for book in mark.notebooks for answer in book.open if answer.answered}
    read = {answer.id for book in mark.notebooks for answer in book.open}
    absent = {book.name for book in mark.notebooks if book.status == "missing"}
    exercises: dict[str, float | None] = {}
    questions: dict[str, float | None] = {}
    by_hand = False
    for book in assignment.notebooks:
        for ex in book.exercises:
            exercises[ex.id] = judged_by_machine.get(ex.id)
            given = manual.get((mark.student, ex.check_cell), ManualMark()).score
            if given is not None:
                exercises[ex.id], by_hand = given, True
        for question in book.open:
            given = manual.get((mark.student, question.cell), ManualMark()).score
            empty = question.id in read and question.id not in answered
            if given is None and (empty or book.name in absent):
                given = 0.0
            questions[question.id] = given
    judged = mark.score
    if by_hand:  # a person's mark outweighs the machine's; the late penalty stays
        earned = sum(score for score in exercises.values() if score is not None)
        judged = round(earned * (1 - mark.penalty), 2)
    marked = [score for score in questions.values() if score is not None]
    scores: dict[str, float | None] = {**exercises, **questions}
    total = None
    if judged is not None or any(marked):
        total = round((judged or 0.0) + sum(marked), 2)
    return Standing(
        mark.student,
        person,
        mark,
        mark.status,
        exercises,
        questions,
        judged,
        total,
        tuple(id for id, score in scores.items() if score is None),
    )


def folder_problem(student: str) -> str:
    """Why no folder may be called ``student``; empty if one may.

    Ids come from rolls and folder names that others wrote; one like ``../../x`` must not lead out
    of the course's folder, nor one with markup into formgrader, which does not escape ids.

    Example:
        >>> folder_problem("2024001"), folder_problem("李雷"), folder_problem("a.b@c.edu")
        ('', '', '')
        >>> folder_problem("../../x")
        '学号含有 /'
    """
    try:
        return "" if student_id(student) == student else "学号的头尾有空白，或不是 NFC 形式"
    except ValueError as error:
        return f"学号{error}"
