"""The page of progress in a notebook: one bar a chapter, every exercise below it.

Everything is said in words too; colour and stripes only repeat it. Colours are taken from the
text colour of the page it is shown on (``currentColor``), and from one blue and one orange that
keep their contrast on white and on black and differ for every kind of colour blindness.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape

from aigc_course.progress.summary import (
    ChapterProgress,
    ExerciseProgress,
    duration,
    number,
)

__all__ = ["as_html", "as_text", "display", "display_note", "local_time", "mark", "sum_line"]

BLUE, ORANGE = "#2a7fc1", "#d5730e"
STRIPES = f"repeating-linear-gradient(45deg,{ORANGE} 0 4px,transparent 4px 7px)"
LEGEND = (
    "分数取每道练习最好的一次；◇ 表示通过之前看过解答（橙色斜纹）。"
    "用时是估计：相邻两次操作相隔不超过 20 分钟的，记在后一次所在的那一章，只记一次。"
)


def display(chapters: Sequence[ChapterProgress]) -> None:
    """Show the page below the cell; its text outside a notebook."""
    _emit(as_text(chapters), as_html(chapters))


def display_note(text: str) -> None:
    """Show one sentence instead of the page."""
    _emit(text, f"<p>{escape(text)}</p>")


def _emit(text: str, html: str) -> None:
    try:
        from IPython import get_ipython
        from IPython.display import display as show
    except ImportError:
        print(text)
        return
    if get_ipython() is None:
        print(text)
        return
    show({"text/html": html, "text/plain": text}, raw=True)


# --- words both pages use --------------------------------------------------------------------


def mark(exercise: ExerciseProgress) -> str:
    """``✓`` passed, ``◇`` passed after the solution was opened, ``…`` begun, ``·`` not begun."""
    if exercise.passed:
        return "◇" if exercise.opened_first else "✓"
    return "…" if exercise.begun else "·"


def state(exercise: ExerciseProgress) -> str:
    """The same in words."""
    if exercise.passed:
        return "看过解答后通过" if exercise.opened_first else "通过"
    if exercise.opened:
        return "看过解答，还没通过"
    return "在做" if exercise.begun else "没开始"


def local_time(when: datetime | None) -> str:
    """Date and time as the clock on the wall shows it; "–" for none."""
    return when.astimezone().strftime("%Y-%m-%d %H:%M") if when else "–"


def sum_line(chapters: Sequence[ChapterProgress]) -> str:
    """One line over the whole course."""
    asked = sum(len(chapter.asked) for chapter in chapters)
    done = sum(chapter.done for chapter in chapters)
    score, points = (sum(getattr(c, name) for c in chapters) for name in ("score", "points"))
    spent = duration(sum(chapter.seconds for chapter in chapters))
    return f"通过 {done}/{asked} 道练习，{number(score)}/{number(points)} 分，用时 {spent}"


# --- plain text ------------------------------------------------------------------------------


def as_text(chapters: Sequence[ChapterProgress]) -> str:
    """A line for the whole and one for each chapter that was worked on."""
    lines = [f"学习进度：{sum_line(chapters)}"]
    for chapter in chapters:
        if not chapter.last:
            continue
        share = chapter.score / chapter.points if chapter.points else 0.0
        bar = "#" * int(10 * share) + "." * (10 - int(10 * share))
        marks = " ".join(f"{ex.id}{mark(ex)}" for ex in chapter.exercises)
        lines.append(
            f"{chapter.number} [{bar}] {number(chapter.score)}/{number(chapter.points)} 分，"
            f"{duration(chapter.seconds)}  {chapter.short_title}：{marks}"
        )
    return "\n".join([*lines, "✓ 通过  ◇ 看过解答后通过  … 在做  · 没开始"])


# --- HTML ------------------------------------------------------------------------------------


def as_html(chapters: Sequence[ChapterProgress]) -> str:
    """The page as one HTML fragment: no script, no style sheet, no address of any kind."""
    rows = "".join(_chapter(chapter) for chapter in chapters)
    return (
        '<div style="max-width:52em">'
        f'<p style="margin:0 0 .6em"><b>学习进度</b>　{escape(sum_line(chapters))}</p>'
        f"{rows}"
        f'<p style="margin:.6em 0 0;font-size:90%;opacity:.8">{escape(LEGEND)}</p>'
        "</div>"
    )


def _chapter(chapter: ChapterProgress) -> str:
    points = f"{number(chapter.score)}/{number(chapter.points)} 分"
    done = f"{chapter.done}/{len(chapter.asked)} 道"
    head = (
        f'<span style="display:inline-block;width:15em;vertical-align:middle">'
        f"{escape(chapter.number)}　{escape(chapter.short_title)}</span>"
        f"{_bar(chapter, points)}"
        f'<span style="display:inline-block;width:7em;margin-left:.8em">{points}</span>'
        f'<span style="display:inline-block;width:4em">{done}</span>'
        f"<span>{duration(chapter.seconds)}</span>"
    )
    if not chapter.last:
        return f'<div style="margin:.25em 0 .25em 1.1em;opacity:.65">{head}</div>'
    rows = "".join(_exercise(exercise) for exercise in chapter.exercises)
    headings = "".join(
        f'<th style="text-align:{side};padding:.1em .8em .1em 0;font-weight:600">{text}</th>'
        for text, side in (
            ("练习", "left"),
            ("情况", "left"),
            ("得分", "right"),
            ("尝试", "right"),
            ("提示", "right"),
            ("最近", "left"),
        )
    )
    return (
        f'<details style="margin:.25em 0"><summary style="cursor:pointer">{head}</summary>'
        '<table style="margin:.4em 0 .6em 2.2em;border-collapse:collapse;'
        'font-size:inherit;white-space:nowrap">'
        f"<tr>{headings}</tr>{rows}</table></details>"
    )


def _bar(chapter: ChapterProgress, words: str) -> str:
    """Blue: earned alone; orange stripes: after the solution; empty: still to come."""
    whole = chapter.points or 1.0
    after = 100 * chapter.score_after_solution / whole
    alone = 100 * chapter.score / whole - after
    box = (
        "display:inline-block;width:12em;height:.9em;vertical-align:middle;overflow:hidden;"
        "border:1px solid currentColor;border-radius:3px;white-space:nowrap;font-size:90%;"
        "line-height:.9em"
    )
    part = "display:inline-block;height:100%;vertical-align:top"
    return (
        f'<span role="img" aria-label="{words}" style="{box}">'
        f'<span style="{part};width:{alone:.2f}%;background:{BLUE}"></span>'
        f'<span style="{part};width:{after:.2f}%;background:{STRIPES}"></span>'
        "</span>"
    )


def _exercise(exercise: ExerciseProgress) -> str:
    title = exercise.title + ("" if exercise.current else "（课程里已没有）")
    cells = (
        (f"{mark(exercise)} {exercise.id}　{title}", "left"),
        (state(exercise), "left"),
        (f"{number(exercise.score)}/{number(exercise.points)}", "right"),
        (str(exercise.tries), "right"),
        (str(exercise.hints), "right"),
        (local_time(exercise.last), "left"),
    )
    return (
        "<tr>"
        + "".join(
            f'<td style="text-align:{side};padding:.1em .8em .1em 0">{escape(text)}</td>'
            for text, side in cells
        )
        + "</tr>"
    )
