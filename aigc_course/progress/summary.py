"""From events to what a learner wants to know: points, tries, hints and time per chapter.

* **Points** are those of the best check of each exercise. If an exercise is worth more in a later
  version of the course, the best share counts.
* **Tries** are checks of an answer up to the first full pass; running a solved notebook again adds
  none, nor does checking what is not written yet.
* **Time** is estimated: the pause between one event and the next, of whatever chapter, counts for
  the chapter of the later one, so that two chapters done by turns share their hour instead of
  having it each. A pause of more than twenty minutes was spent elsewhere and counts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from aigc_course.judging import catalogue
from aigc_course.progress.store import Event

__all__ = [
    "PAUSE",
    "ChapterProgress",
    "ExerciseProgress",
    "attempts",
    "duration",
    "number",
    "seconds_spent",
    "summarise",
]

PAUSE = 20 * 60  # seconds


@dataclass(frozen=True)
class ExerciseProgress:
    """How far one exercise is.

    Attributes:
        score: the best so far, in the points the exercise is worth now.
        opened: the solution was looked at, at any time.
        opened_first: it was looked at before the first full pass.
        last: time of the latest event, None if there is none.
        current: False for one that this version of the course no longer has.
    """

    id: str
    title: str
    points: float
    score: float = 0.0
    passed: bool = False
    tries: int = 0
    hints: int = 0
    opened: bool = False
    opened_first: bool = False
    last: datetime | None = None
    current: bool = True

    @property
    def begun(self) -> bool:
        return bool(self.passed or self.tries or self.hints or self.opened)


@dataclass(frozen=True)
class ChapterProgress:
    """One chapter: its exercises and the time spent on them in seconds."""

    number: str
    title: str
    exercises: tuple[ExerciseProgress, ...]
    seconds: float = 0.0
    last: datetime | None = None

    @property
    def asked(self) -> list[ExerciseProgress]:
        """The exercises that this version of the course has."""
        return [ex for ex in self.exercises if ex.current]

    @property
    def short_title(self) -> str:
        """The title up to its colon, for narrow tables."""
        return self.title.partition("：")[0]

    @property
    def done(self) -> int:
        return sum(ex.passed for ex in self.asked)

    @property
    def score(self) -> float:
        return sum(ex.score for ex in self.asked)

    @property
    def score_after_solution(self) -> float:
        """The part of :attr:`score` from exercises whose solution was opened first."""
        return sum(ex.score for ex in self.asked if ex.opened_first)

    @property
    def points(self) -> float:
        return sum(ex.points for ex in self.asked)

    @property
    def tries(self) -> int:
        return sum(ex.tries for ex in self.exercises)

    @property
    def hints(self) -> int:
        return sum(ex.hints for ex in self.exercises)


def summarise(events: Iterable[Event]) -> list[ChapterProgress]:
    """All chapters of the course in order, with what ``events`` tell of each."""
    by_chapter: dict[str, list[Event]] = {number: [] for number in catalogue.chapters()}
    in_order = sorted(events, key=lambda event: event.at)
    for event in in_order:
        by_chapter.setdefault(event.chapter, []).append(event)
    spent = seconds_spent(in_order)
    return [
        _chapter(number, noted, spent.get(number, 0.0))
        for number, noted in sorted(by_chapter.items())
    ]


def _chapter(number: str, events: Sequence[Event], seconds: float) -> ChapterProgress:
    by_exercise: dict[str, list[Event]] = {}
    for event in events:
        by_exercise.setdefault(event.exercise, []).append(event)
    exercises = [
        _exercise(asked.id, asked.title, asked.points, by_exercise.pop(asked.id, []), True)
        for asked in catalogue.exercises(number)
    ]
    for id, noted in by_exercise.items():  # no longer in the course, still the learner's
        latest = [event for event in noted if event.title] or noted
        exercises.append(_exercise(id, latest[-1].title, latest[-1].points, noted, False))
    return ChapterProgress(
        number,
        catalogue.chapter_title(number),
        tuple(exercises),
        seconds,
        events[-1].when if events else None,
    )


def _exercise(
    id: str, title: str, points: float, events: Sequence[Event], current: bool
) -> ExerciseProgress:
    first_pass = next((k for k, event in enumerate(events) if event.status == "passed"), None)
    opened = [k for k, event in enumerate(events) if event.kind == "solution"]
    shares = [min(event.score / event.points, 1.0) for event in events if event.points > 0]
    return ExerciseProgress(
        id,
        title,
        points,
        score=round(points * max(shares, default=0.0), 2),
        passed=first_pass is not None,
        tries=attempts(events),
        hints=len({event.level for event in events if event.kind == "hint"}),
        opened=bool(opened),
        opened_first=bool(opened) and (first_pass is None or opened[0] < first_pass),
        last=events[-1].when if events else None,
        current=current,
    )


def attempts(events: Iterable[Event]) -> int:
    """Checks of an answer up to the first full pass; ``events`` of one exercise, in order.

    Example:
        >>> statuses = ["unanswered", "failed", "error", "passed", "passed"]
        >>> attempts(Event("03.2", "check", status) for status in statuses)
        3
    """
    count = 0
    for event in events:
        if event.kind == "check" and event.status != "unanswered":
            count += 1
            if event.status == "passed":
                break
    return count


def seconds_spent(events: Iterable[Event]) -> dict[str, float]:
    """Seconds by chapter: each pause, none longer than :data:`PAUSE`, goes to the later event's.

    Example:
        >>> at = "2026-01-31T09:{}:00+00:00".format
        >>> when = {"00": "03.1", "05": "03.1", "08": "02.2", "09": "03.2", "40": "03.2"}
        >>> seconds_spent([Event(id, "check", at=at(m)) for m, id in when.items()])
        {'03': 360.0, '02': 180.0}
    """
    spent: dict[str, float] = {}
    in_order = sorted(events, key=lambda event: event.when)
    for before, after in pairwise(in_order):
        pause = (after.when - before.when).total_seconds()
        if pause <= PAUSE:
            spent[after.chapter] = spent.get(after.chapter, 0.0) + pause
    return spent


# --- words -----------------------------------------------------------------------------------


def number(value: float) -> str:
    """Points without needless digits.

    Example:
        >>> number(3.0), number(2.5), number(0.67)
        ('3', '2.5', '0.67')
    """
    return f"{value:.2f}".rstrip("0").rstrip(".")


def duration(seconds: float) -> str:
    """A length of time for people; "–" for none.

    Example:
        >>> duration(0), duration(20), duration(1500), duration(5400)
        ('–', '不到 1 分钟', '25 分钟', '1 小时 30 分')
    """
    minutes = round(seconds / 60)
    if seconds <= 0:
        return "–"
    if minutes < 1:
        return "不到 1 分钟"
    if minutes < 60:
        return f"{minutes} 分钟"
    return f"{minutes // 60} 小时 {minutes % 60} 分" if minutes % 60 else f"{minutes // 60} 小时"
