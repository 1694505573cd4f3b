"""Trying an exercise's judge with answers that its author has never seen: ``aigc answers FILE…``.

Somebody who knows only the notebook writes answers, right ones in styles of their own and wrong
ones as real learners give them, into a Python file::

    PRELUDE = "import math"                     # if wanted: run before each answer
    ANSWERS = [
        ("03.2", "right", "einsum", "def linear_backward(dy, x, W): …"),
        ("03.2", "wrong", "no transpose", "def linear_backward(dy, x, W): …"),
    ]

Each source is executed as a cell of its own, in a fresh namespace that has ``np``. What is judged
is what the notebook hands to ``check("03.2", …)``, evaluated there. Every answer is judged once by
``check``, as a learner's is, and for several seeds by ``judge``, as in grading: a right answer has
to pass each time, a wrong one never. The answers run in this process: try only files you trust.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import linecache
import os
import runpy
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Literal

from aigc_course.errors import UserError
from aigc_course.exercises import check, get, judge
from aigc_course.judging.result import Stopped
from aigc_course.judging.time_limit import run_with_timeout

__all__ = ["Answer", "Judged", "Trial", "as_json", "as_text", "checked_expressions", "load", "try_"]

Verdict = Literal["as it should be", "false fail", "false pass", "broken"]
FEW = 5  # answers of either kind that an exercise should at least be tried with


@dataclass(frozen=True)
class Answer:
    """One answer of a file: to which exercise, whether it is right, its name and its source."""

    id: str
    right: bool
    label: str
    source: str
    prelude: str = ""


@dataclass(frozen=True)
class Judged:
    """How one judgement ended.

    Attributes:
        passed: whether the answer passed.
        status: as in a result; ``"cell"`` if the source itself does not run, ``"judge"`` if
            judging raised an error, which it never should.
        score: points.
        says: what the learner reads, in one line.
    """

    passed: bool
    status: str
    score: float
    says: str


@dataclass(frozen=True)
class Trial:
    """What became of one answer.

    Attributes:
        answer: the answer.
        points: of its exercise.
        check: as the learner's own check judges it.
        card: the learner's card as plain text.
        seeds: one judgement a seed; none after the first one that ran out of time.
        seconds: of the check.
    """

    answer: Answer
    points: int
    check: Judged
    card: str
    seeds: tuple[Judged, ...]
    seconds: float

    @property
    def verdict(self) -> Verdict:
        """Whether the judge was right about it."""
        every = (self.check, *self.seeds)
        if any(one.status == "judge" for one in every):
            return "broken"
        if self.answer.right:
            return "as it should be" if all(one.passed for one in every) else "false fail"
        if any(one.status == "cell" for one in every):
            return "broken"  # nothing has been caught: the file has a slip
        if self.check.status == "refused":  # in grading, what it calls is not there
            return "as it should be"
        return "false pass" if any(one.passed for one in every) else "as it should be"


def load(path: Path) -> list[Answer]:
    """The answers of a file.

    Raises:
        UserError: the file is not there, cannot be run, or has no list ``ANSWERS`` of the form
            above.
    """
    form = 'ANSWERS = [("03.2", "right" 或 "wrong", "名字", "源码"), …]'
    if not path.is_file():
        raise UserError(f"没有文件 {path}", f"文件里写：{form}")
    try:
        space = runpy.run_path(str(path))
    except Exception as error:
        raise UserError(f"{path} 运行不了（{type(error).__name__}: {error}）", form) from error
    rows, prelude = space.get("ANSWERS"), space.get("PRELUDE", "")
    if not isinstance(rows, list) or not isinstance(prelude, str):
        raise UserError(f"{path} 里没有 ANSWERS 这个列表，或 PRELUDE 不是文字", form)
    for k, row in enumerate(rows):
        texts = isinstance(row, tuple) and len(row) == 4 and all(isinstance(x, str) for x in row)
        if not texts or row[1] not in ("right", "wrong"):
            raise UserError(f"{path} 的第 {k + 1} 个答案写法不对", form)
    return [Answer(id, kind == "right", label, code, prelude) for id, kind, label, code in rows]


def checked_expressions(notebook: Path) -> dict[str, str]:
    """By exercise: the expression that the notebook hands to ``check``.

    A graded cell counts for more than another one, the first for more than a later one.
    """
    graded: dict[str, str] = {}
    other: dict[str, str] = {}
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] != "code" or "check(" not in source:
            continue
        lines = [line for line in source.splitlines() if line[:1] not in ("%", "!")]
        found = graded if cell["metadata"].get("nbgrader", {}).get("grade") else other
        for node in ast.walk(ast.parse("\n".join(lines))):
            match node:
                case ast.Call(func=ast.Name("check"), args=[ast.Constant(str(id)), expression, *_]):
                    found.setdefault(id, ast.unparse(expression))
    return {**other, **graded}


def try_(
    answers: Sequence[Answer],
    notebooks: Path,
    seeds: int = 10,
    progress: Callable[[Sequence[Answer]], Iterator[Answer]] = iter,
) -> list[Trial]:
    """Judge each answer once as a learner's and ``seeds`` times as in grading.

    Args:
        answers: what to try.
        notebooks: the folder of the source notebooks.
        seeds: 1 … ``seeds`` are used.
        progress: loops over the answers.

    Raises:
        UserError: an answer to an exercise that the notebooks do not check.
    """
    expressions: dict[str, str] = {}
    for chapter in sorted({answer.id[:2] for answer in answers}):
        for path in notebooks.glob(f"{chapter}_*.ipynb"):
            expressions |= checked_expressions(path)
    unknown = sorted({answer.id for answer in answers} - expressions.keys())
    if unknown:
        known = "、".join(sorted(expressions)) or "没有"
        raise UserError(f"笔记本里没有练习 {'、'.join(unknown)}", f"这几章有：{known}")
    with _no_record():
        return [
            _tried(answer, expressions[answer.id], seeds, number)
            for number, answer in enumerate(progress(answers))
        ]


@contextlib.contextmanager
def _no_record() -> Iterator[None]:
    """Tries made here are not the learner's progress, and nobody grades a notebook."""
    kept = {name: os.environ.get(name) for name in ("AIGC_PROGRESS", "NBGRADER_EXECUTION")}
    os.environ["AIGC_PROGRESS"] = "0"
    os.environ.pop("NBGRADER_EXECUTION", None)
    try:
        yield
    finally:
        for name, value in kept.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)


def _tried(answer: Answer, expression: str, seeds: int, number: int) -> Trial:
    exercise = get(answer.id)
    cell = f"<answer {number} {answer.label}>"
    lines = answer.source.splitlines(keepends=True)
    linecache.cache[cell] = (len(answer.source), None, lines, cell)  # judges quote lines of it

    def made() -> Any:
        import numpy as np

        space: dict[str, Any] = {"np": np, "__name__": "__main__"}
        exec(compile(answer.prelude, "<prelude>", "exec"), space)
        exec(compile(answer.source, cell, "exec"), space)
        return eval(expression, space)

    start = time.perf_counter()
    first, card = _judged(made, partial(check, answer.id), exercise.limit)
    seconds = time.perf_counter() - start
    rest: list[Judged] = []
    for seed in range(1, seeds + 1):
        one, _ = _judged(made, partial(judge, answer.id, seed=seed), exercise.limit)
        rest.append(one)
        if one.status in ("timeout", "cell"):
            break  # as the next seed would
    return Trial(answer, exercise.points, first, card, tuple(rest), seconds)


def _judged(
    made: Callable[[], Any], judging: Callable[[Any], Any], limit: float
) -> tuple[Judged, str]:
    """One judgement of a fresh answer, and its card."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            answer = run_with_timeout(limit, made)
        except (Exception, SystemExit, Stopped) as error:
            text = f"这一格运行不了：{type(error).__name__}: {error}"
            return Judged(False, "cell", 0.0, text), text
        try:
            # check has a limit of its own
            result = run_with_timeout(2 * limit, lambda: judging(answer))
        except Stopped as stopped:
            return Judged(False, stopped.status, 0.0, stopped.message), stopped.message
        except Exception as error:
            text = f"判题出错：{type(error).__name__}: {error}"
            return Judged(False, "judge", 0.0, text), text
        wrong = next((step for step in result.steps if not step.ok), None)
        parts = (wrong.label, wrong.detail, wrong.hint) if wrong else ()
        says = "；".join(part for part in (*parts, result.message.replace("\n", " ")) if part)
        return Judged(result.passed, result.status, result.score, says), _plain(result)


class _Text(HTMLParser):
    """The text of a card, a line for each row of a table and each block."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "br":
            self.text += "\n"

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self.text += "  "
        if tag in ("div", "tr", "summary", "p", "pre"):
            self.text += "\n"


def _plain(result: Any) -> str:
    text = _Text()
    text.feed(result._repr_html_())
    return "\n".join(line.rstrip() for line in text.text.splitlines() if line.strip())


# --- the report --------------------------------------------------------------------------------


def as_json(trials: Sequence[Trial]) -> str:
    """Everything, for programs."""
    rows = [{**asdict(trial), "verdict": trial.verdict} for trial in trials]
    return json.dumps(rows, ensure_ascii=False, indent=1)


def as_text(trials: Sequence[Trial], brief: bool = False) -> str:
    """What went wrong first, then the cards of the wrong answers that were caught.

    Args:
        trials: what was tried.
        brief: leave those cards out.
    """
    right = [trial for trial in trials if trial.answer.right]
    wrong = [trial for trial in trials if not trial.answer.right]
    blocks = [
        _few(trials),
        _block("坏了", [t for t in trials if t.verdict == "broken"], trials),
        _block("误判为错", [t for t in right if t.verdict == "false fail"], right),
        _block("误判为对", [t for t in wrong if t.verdict == "false pass"], wrong),
    ]
    caught = [trial for trial in wrong if trial.verdict == "as it should be"]
    blocks.append(_block("抓住了", caught, wrong, titles=not brief))
    slow = sorted(trials, key=lambda trial: -trial.seconds)[:3]
    last = "；".join(f"{t.answer.id} {t.answer.label} {1e3 * t.seconds:.0f} ms" for t in slow)
    return "\n\n".join([*filter(None, blocks), f"最慢的：{last}" if last else "没有答案"])


def _few(trials: Sequence[Trial]) -> str:
    lines = []
    for id in sorted({trial.answer.id for trial in trials}):
        kinds = [trial.answer.right for trial in trials if trial.answer.id == id]
        if min(sum(kinds), len(kinds) - sum(kinds)) < FEW:
            lines.append(f"（{id} 只有 {sum(kinds)} 个对的、{len(kinds) - sum(kinds)} 个错的答案）")
    return "\n".join(lines)


def _block(title: str, found: Sequence[Trial], of: Sequence[Trial], titles: bool = True) -> str:
    head = f"== {title}：{len(found)} / {len(of)}"
    return "\n".join([head, *(_one(trial) for trial in found)]) if titles else head


def _one(trial: Trial) -> str:
    answer, first = trial.answer, trial.check
    passed = sum(one.passed for one in trial.seeds)
    lines = [
        f"\n[{answer.id}] {answer.label}：check {first.status}，{first.score:g}/{trial.points} 分；"
        f"种子通过 {passed}/{len(trial.seeds)}",
        _indented(answer.source, "    "),
        _indented(trial.card, "  | "),
    ]
    others = sorted({one.says for one in trial.seeds} - {first.says, ""})
    lines += [f"  别的种子说：{text}" for text in others]
    return "\n".join(lines)


def _indented(text: str, by: str) -> str:
    return "\n".join(by + line for line in text.strip("\n").splitlines())
