"""Classical item analysis: how hard each exercise was, and whether it tells students apart."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import StatisticsError, correlation, fmean, median

from aigc_course.classroom.assignment.record import AskedExercise, Assignment
from aigc_course.classroom.marks import ExerciseMark
from aigc_course.classroom.report.similarity import canonical_source
from aigc_course.classroom.report.standing import Standing
from aigc_course.classroom.report.words import EXERCISE_STATUS

__all__ = ["ItemAnalysis", "WrongAnswer", "analyse", "distribution", "enough", "wrong_answers"]

FEWEST = 20  # students below whom discrimination is mostly noise


@dataclass(frozen=True)
class ItemAnalysis:
    """What the class did with one exercise.

    Attributes:
        asked: the exercise.
        seen: students whose answer was graded; unanswered counts as graded with 0.
        ease: mean share of the points, 0 (nobody) to 1 (everybody); None: nobody graded.
        discrimination: mean share in the upper 27 % less that in the lower 27 % by total score.
        correlation: between the share here and the points in all other exercises: the
            point-biserial correlation, corrected by leaving the item itself out of the total
            (for part marks it is Pearson's). None if either does not vary.
        unanswered: share of those handed in that left it empty.
        seconds: median time of judging.
        ungraded: students whose answer could not be graded.
    """

    asked: AskedExercise
    seen: int
    ease: float | None
    discrimination: float | None
    correlation: float | None
    unanswered: float | None
    seconds: float | None
    ungraded: tuple[str, ...]


@dataclass(frozen=True)
class WrongAnswer:
    """Answers to one exercise that failed in the same way."""

    exercise: str
    label: str
    hint: str
    students: tuple[str, ...]
    example: str


def enough(lines: Sequence[Standing]) -> bool:
    """Whether there are enough students to speak of discrimination."""
    return len(_complete(lines)) >= FEWEST


def _complete(lines: Sequence[Standing]) -> list[Standing]:
    """Who has a score for every exercise: only they can be put in order."""
    done = []
    for line in lines:
        scores = list(line.exercises.values())
        if scores and all(score is not None for score in scores):
            done.append(line)
    return done


def analyse(assignment: Assignment, lines: Sequence[Standing]) -> list[ItemAnalysis]:
    """One :class:`ItemAnalysis` for each exercise, in the assignment's order."""
    ranked = _complete(lines)
    totals = [sum(score or 0.0 for score in line.exercises.values()) for line in ranked]
    order = sorted(range(len(ranked)), key=lambda k: (totals[k], ranked[k].student))
    size = round(0.27 * len(ranked))
    found: dict[str, list[tuple[str, ExerciseMark]]] = defaultdict(list)
    for line in lines:
        for book in line.mark.notebooks if line.mark else ():
            for mark in book.exercises:
                found[mark.id].append((line.student, mark))
    items = []
    for ex in (ex for book in assignment.notebooks for ex in book.exercises):
        shares = [_share(line.exercises[ex.id], ex) for line in ranked]
        rest = [t - (line.exercises[ex.id] or 0.0) for t, line in zip(totals, ranked, strict=True)]
        seen = [s for line in lines if (s := line.exercises.get(ex.id)) is not None]
        upper = [shares[k] for k in order[len(order) - size :]]
        lower = [shares[k] for k in order[:size]]
        marks = found[ex.id]
        items.append(
            ItemAnalysis(
                ex,
                len(seen),
                fmean(_share(score, ex) for score in seen) if seen else None,
                fmean(upper) - fmean(lower) if size else None,
                _correlation(shares, rest),
                fmean(m.status == "unanswered" for _, m in marks) if marks else None,
                median(m.seconds for _, m in marks) if marks else None,
                tuple(s for s, m in marks if m.score is None),
            )
        )
    return items


def _share(score: float | None, ex: AskedExercise) -> float:
    return (score or 0.0) / ex.points if ex.points else 0.0


def _correlation(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Pearson's correlation; None where it is undefined: too few students, or no variation.

    Example:
        >>> round(_correlation([0, 1, 1], [0, 1, 2]), 3)
        0.866
        >>> _correlation([0.1 + 0.2, 0.3], [0, 2]) is None
        True
    """
    try:
        # rounded: what differs by a rounding error does not vary
        return correlation([round(v, 9) for v in x], [round(v, 9) for v in y])
    except StatisticsError:
        return None


def wrong_answers(
    assignment: Assignment, lines: Sequence[Standing], most: int = 5
) -> dict[str, list[WrongAnswer]]:
    """For each exercise, the ``most`` frequent ways to fail, by first wrong step and hint."""
    groups: dict[str, dict[tuple[str, str], list[tuple[str, str]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for line in lines:
        for book in line.mark.notebooks if line.mark else ():
            for mark in book.exercises:
                if mark.status not in ("passed", "unanswered", "ungraded"):
                    groups[mark.id][_way(mark)].append((line.student, mark.source))
    answer = {}
    for ex in (ex for book in assignment.notebooks for ex in book.exercises):
        ways = sorted(groups[ex.id].items(), key=lambda item: (-len(item[1]), item[0]))
        answer[ex.id] = [
            WrongAnswer(ex.id, label, hint, tuple(s for s, _ in members), _typical(members))
            for (label, hint), members in ways[:most]
        ]
    return answer


def _way(mark: ExerciseMark) -> tuple[str, str]:
    """(label, hint) of the first wrong step, or what stopped the answer."""
    for step in mark.steps:
        if not step.ok:
            return step.label, step.hint
    last = mark.message.strip().splitlines()[-1:] or [""]
    what = last[0] if mark.status != "error" else last[0].partition(":")[0]
    return EXERCISE_STATUS[mark.status], what


def _typical(members: list[tuple[str, str]]) -> str:
    """The most frequent normalised source of a group; as typed if it does not parse."""
    texts = Counter(canonical_source(source[:20_000]) or source[:2_000] for _, source in members)
    return texts.most_common(1)[0][0]


def distribution(
    scores: Sequence[float], highest: float, bins: int = 10
) -> list[tuple[float, float, int]]:
    """Counts of scores in ``bins`` equal parts of 0 to ``highest``: (from, to, count).

    Example:
        >>> distribution([0, 4.9, 10], 10, bins=2)
        [(0.0, 5.0, 2), (5.0, 10.0, 1)]
        >>> distribution([], 0)
        []
    """
    if highest <= 0:
        return []
    counts = [0] * bins
    for score in scores:
        counts[min(bins - 1, max(0, int(score / highest * bins)))] += 1
    return [(highest * k / bins, highest * (k + 1) / bins, n) for k, n in enumerate(counts)]
