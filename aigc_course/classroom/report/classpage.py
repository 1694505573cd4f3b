"""The instructor's page of one assignment: how the class did, and what to talk about next time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median, stdev

from aigc_course.classroom.assignment.record import Assignment
from aigc_course.classroom.report import autograded, items
from aigc_course.classroom.report.files import put
from aigc_course.classroom.report.pages import render
from aigc_course.classroom.report.similarity import SimilarPair, similar_pairs
from aigc_course.classroom.report.standing import Standing
from aigc_course.classroom.report.words import SUBMISSION_STATUS, score_text, single_line

__all__ = ["StudentPair", "class_page", "similar_students", "write_page"]

MOST_COUPLES = 30


@dataclass(frozen=True)
class StudentPair:
    """Two students and every exercise in which their answers are alike."""

    first: str
    second: str
    pairs: tuple[SimilarPair, ...]


def similar_students(
    assignment: Assignment, lines: Sequence[Standing], known: Mapping[str, str]
) -> list[StudentPair]:
    """Pairs of students, the more alike answers the earlier.

    Args:
        assignment: what was asked.
        lines: the class.
        known: exercise id -> the course's own solution, which proves nothing.
    """
    answers: dict[str, dict[str, str]] = {}
    for line in lines:
        for book in line.mark.notebooks if line.mark else ():
            for ex in book.exercises:
                if ex.status != "unanswered" and ex.source.strip():
                    answers.setdefault(ex.id, {})[line.student] = ex.source
    found: dict[tuple[str, str], list[SimilarPair]] = {}
    for asked in (ex for book in assignment.notebooks for ex in book.exercises):
        stub_and_solution = [asked.starter, known.get(asked.id, "")]
        for pair in similar_pairs(asked.id, answers.get(asked.id, {}), stub_and_solution):
            found.setdefault((pair.first, pair.second), []).append(pair)
    listed = [StudentPair(first, second, tuple(pairs)) for (first, second), pairs in found.items()]

    def weight(couple: StudentPair) -> tuple[float, str, str]:
        return (
            -sum(pair.share * pair.common for pair in couple.pairs),
            couple.first,
            couple.second,
        )

    return sorted(listed, key=weight)


def class_page(
    assignment: Assignment, lines: Sequence[Standing], known: Mapping[str, str] | None = None
) -> str:
    """The HTML of the page."""
    found = similar_students(assignment, lines, known or {})
    scores = [line.judged for line in lines if line.judged is not None]
    sources = {
        (line.student, ex.id): ex.source
        for line in lines
        for book in (line.mark.notebooks if line.mark else ())
        for ex in book.exercises
    }
    statuses = Counter(line.status for line in lines)
    bins = items.distribution(scores, assignment.max_score)
    return render(
        "class.html.j2",
        assignment=assignment,
        lines=lines,
        names={line.student: line.name for line in lines},
        statuses=[(SUBMISSION_STATUS[s], statuses[s]) for s in SUBMISSION_STATUS if statuses[s]],
        scores=scores,
        summary=_summary(scores),
        bins=bins,
        tallest=max((count for _, _, count in bins), default=0),
        alt=_alt(bins),
        items=items.analyse(assignment, lines),
        enough=items.enough(lines),
        fewest=items.FEWEST,
        wrong=items.wrong_answers(assignment, lines),
        ungraded=[line for line in lines if line.mark and line.status != "missing" and _gaps(line)],
        gaps={line.student: _gaps(line) for line in lines},
        reasons={line.student: _why(line) for line in lines},
        words=SUBMISSION_STATUS,
        couples=found[:MOST_COUPLES],
        more_couples=max(0, len(found) - MOST_COUPLES),
        sources=sources,
    )


def _gaps(line: Standing) -> list[str]:
    return [id for id, score in line.exercises.items() if score is None]


def _why(line: Standing) -> str:
    """The reason of the submission, or the first words of each exercise without a score."""
    if line.mark is None or line.mark.reason:
        return line.mark.reason if line.mark else ""
    marks = [ex for book in line.mark.notebooks for ex in book.exercises if ex.score is None]
    return "；".join(dict.fromkeys(single_line(ex.message, 200) for ex in marks if ex.message))


def _summary(scores: Sequence[float]) -> list[tuple[str, str]]:
    if not scores:
        return []
    deviation = score_text(stdev(scores)) if len(scores) > 1 else "—"
    return [
        ("有分数的人数", str(len(scores))),
        ("平均", score_text(fmean(scores))),
        ("中位数", score_text(median(scores))),
        ("标准差", deviation),
        ("最低", score_text(min(scores))),
        ("最高", score_text(max(scores))),
    ]


def _alt(bins: Sequence[tuple[float, float, int]]) -> str:
    """The bars in words, for those who hear the page."""
    parts = [f"{score_text(low)} 到 {score_text(high)} 分 {n} 人" for low, high, n in bins if n]
    return "练习得分的分布：" + ("；".join(parts) or "还没有分数")


def write_page(root: Path, assignment: Assignment, lines: Sequence[Standing]) -> Path:
    """Write ``reports/<assignment>.html``."""
    known = autograded.sources(root, assignment)
    return put(root / "reports" / f"{assignment.name}.html", class_page(assignment, lines, known))
