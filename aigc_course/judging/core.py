"""How an exercise is written down, judged and reported.

An exercise is a generator. It draws random cases from ``rng``, calls the learner's ``answer``
and yields one :class:`Step` for each thing that can be right or wrong. The first wrong step is
what the learner reads, so the steps go from the coarse (shape) to the fine (values)::

    @exercise("03.2", title="线性层的反向传播", points=3, asks="f(dy, x, W) -> dx, dW, db")
    def linear_backward(answer, rng):
        x, W, dy = rng.normal(size=(5, 3)), rng.normal(size=(4, 3)), rng.normal(size=(5, 4))
        dx, dW, db = answer(dy, x, W)
        yield shape(dW, W.shape, "dW", hint="dW 与 W 同形：少了一次转置？")
        yield close(dW, dy.T @ x, "dW", hint="一批样本的梯度要相加")
"""

from __future__ import annotations

import functools
import importlib
import inspect
import linecache
import os
import re
import traceback
import zlib
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import CodeType, FunctionType
from typing import Any, Protocol

import numpy as np

from aigc_course.judging import card
from aigc_course.judging.call_recorder import Recorder
from aigc_course.judging.forbidden import (
    TAKEN_OFF,
    Tripwire,
    door,
    explain,
    is_own,
    names_of,
    static_findings,
)
from aigc_course.judging.judges import (
    choice,
    close,
    dtype,
    gradient,
    mean_is,
    methods,
    number,
    parameters,
    raises,
    rate_is,
    shape,
    text,
    that,
    untouched,
)
from aigc_course.judging.result import Status, Step, Stopped
from aigc_course.judging.time_limit import time_limit

__all__ = [
    "Exercise",
    "Judge",
    "Result",
    "Status",
    "Step",
    "Stopped",
    "check",
    "choice",
    "close",
    "dtype",
    "exercise",
    "get",
    "gradient",
    "judge",
    "mean_is",
    "methods",
    "number",
    "parameters",
    "raises",
    "rate_is",
    "registered",
    "shape",
    "text",
    "that",
    "untouched",
    "use",
]


class Judge(Protocol):
    """A generator of steps: ``judge(answer, rng)``."""

    __code__: CodeType
    __module__: str

    def __call__(self, answer: Any, rng: np.random.Generator, /) -> Iterator[Step]: ...


_registry: dict[str, Exercise] = {}


@dataclass(frozen=True)
class Exercise:
    """The single definition of one exercise."""

    id: str
    title: str
    points: int
    asks: str
    judge: Judge
    reference: Any = None
    hints: tuple[str, ...] = ()
    allows: tuple[str, ...] = ()
    limit: float = 10.0


@dataclass(frozen=True)
class Result:
    """What :func:`check` found out. A card in a notebook, a few lines of text elsewhere.

    Attributes:
        exercise: what was asked.
        status: how it ended.
        steps: what was judged, up to the first wrong step.
        message: lines for the learner: their own line of a traceback, the limit that was hit.
        score: points earned, at most ``exercise.points``.
        call: the arguments of the last call, name and description; only from :func:`check`.
        returned: what that call returned, described.
    """

    exercise: Exercise
    status: Status
    steps: tuple[Step, ...] = ()
    message: str = ""
    score: float = field(default=0.0)
    call: tuple[tuple[str, str], ...] = ()
    returned: str = ""

    @property
    def passed(self) -> bool:
        return self.status == "passed"

    def __str__(self) -> str:
        return card.as_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return card.as_html(self)


def exercise(
    id: str,
    *,
    title: str,
    points: int,
    asks: str,
    reference: Any = None,
    hints: Sequence[str] = (),
    allows: Sequence[str] = (),
    limit: float = 10.0,
) -> Callable[[Judge], Judge]:
    """Register a judge under ``id`` (``"NN.k"``); see the module's example.

    Args:
        reference: a right answer; says how much weight a full run of the judge has.
        hints: what ``hint(id)`` tells, one more each time, from a nudge to nearly the answer.
        allows: library names an answer may call though they are forbidden by default, as
            patterns like ``"aigc_course.engine.*"``.
        limit: seconds one check may take.
    """

    def register(judge: Judge) -> Judge:
        chapter, _, number = id.partition(".")
        if not (len(chapter) == 2 and chapter.isdigit() and number.isdigit()):
            raise ValueError(f"exercise id: got {id!r}, wanted 'NN.k' such as '03.2'")
        if id in _registry and _registry[id].judge.__module__ != judge.__module__:
            raise ValueError(f"exercise {id} is defined twice")
        _registry[id] = Exercise(
            id, title, points, asks, judge, reference, tuple(hints), tuple(allows), limit
        )
        return judge

    return register


def get(id: str) -> Exercise:
    """The exercise called ``id``; its module is imported on demand."""
    if id not in _registry:
        name = f"aigc_course.exercises.ex{id[:2]}"
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
    if id not in _registry:
        known = ", ".join(sorted(k for k in _registry if k[:2] == id[:2])) or "none"
        raise KeyError(f"no exercise {id!r}; chapter {id[:2]} has: {known}")
    return _registry[id]


def registered(chapter: str) -> list[Exercise]:
    """All exercises of a chapter (``"03"``), in order."""
    importlib.import_module(f"aigc_course.exercises.ex{chapter}")
    found = [ex for key, ex in _registry.items() if key.startswith(f"{chapter}.")]
    return sorted(found, key=lambda ex: int(ex.id.split(".")[1]))


def judge(id: str, answer: Any, seed: int | None = None) -> Result:
    """Judge ``answer`` without printing. Never raises for anything the answer does wrong.

    Args:
        id: the exercise.
        answer: what was written, or a stand-in for it that lives in another process.
        seed: of the random cases; the learner's own when not given.

    Raises:
        RuntimeError: the exercise's own reference does not pass.
    """
    ex = get(id)
    steps: list[Step] = []
    status, message = _run(ex, answer, seed, steps)
    return _result(ex, status, steps, message, seed)


def check(id: str, answer: Any) -> Result:
    """Judge ``answer`` and show the result. Never stops a notebook.

    Calls of the library's own implementation are refused, an answer that does not come to an
    end is interrupted, and the try is noted in the learner's folder. Where nbgrader runs the
    notebook, an answer that does not pass raises ``AssertionError``: its marks depend on it.

    Args:
        id: the exercise's number, such as ``"03.2"``.
        answer: what the learner wrote: a function, a class, a number or a choice.
    """
    result = _guarded(get(id), answer)
    record("record", result)
    if os.environ.get("NBGRADER_EXECUTION") in ("autograde", "validate") and not result.passed:
        raise AssertionError(card.one_line(result)) from None
    return result


def use(id: str, mine: Any, *, otherwise: Any) -> Any:
    """``mine`` if it passes exercise ``id``, else ``otherwise``; says which, in one line.

    Lets a lesson go on with the learner's own code, and lets "Run All" reach the end without it.
    What was lent this way may be called by the answers of later exercises.
    """
    if _guarded(get(id), mine).passed:
        print(f"往下用你写的 {getattr(mine, '__name__', '答案')}。")
        return mine
    lent = door(otherwise)
    if lent is not None:
        _lent.setdefault(id, set()).update((lent, f"{lent}.*"))
    print(f"练习 {id} 还没通过，往下先用课程库的版本；写好后重新运行这一格。")
    return otherwise


# --- how it is judged --------------------------------------------------------------------------

_TOO_DEEP = re.compile("^(RecursionError|MemoryError)", re.MULTILINE)
_lent: dict[str, set[str]] = {}  # by exercise: names of what `use` gave out in its place


def _run(ex: Exercise, answer: Any, seed: int | None, steps: list[Step]) -> tuple[Status, str]:
    """Run the judge; ``steps`` is filled as it goes, so that nothing is lost when it is stopped."""
    if answer is None or answer is Ellipsis:
        return "unanswered", ""
    # zlib.crc32, not hash(): the same cases in every process and on every machine
    rng = np.random.default_rng(zlib.crc32(ex.id.encode()) if seed is None else seed)
    try:
        with np.errstate(all="ignore"):
            for step in ex.judge(answer, rng):
                steps.append(step)
                if not step.ok:
                    return "failed", ""
    except NotImplementedError:
        if not any(step.weight > 0 for step in steps):
            return "unanswered", ""
        return "failed", "到这里都对；接着写还留着 NotImplementedError 的那一部分"
    except Stopped as stopped:
        return stopped.status, stopped.message
    except (Exception, SystemExit) as error:
        return "error", _own_lines(error, ex)
    return "passed", ""


def _result(
    ex: Exercise, status: Status, steps: Sequence[Step], message: str, seed: int | None
) -> Result:
    return Result(ex, status, tuple(steps), message, _score(ex, status, steps, seed))


def _score(ex: Exercise, status: Status, steps: Sequence[Step], seed: int | None) -> float:
    """Points by the weight of the steps that held, in proportion to a right answer's."""
    if status == "passed":
        return float(ex.points)
    earned = sum(step.weight for step in steps if step.ok)
    if status in ("unanswered", "refused") or ex.reference is None or earned <= 0:
        return 0.0
    whole = _whole(ex, seed)
    if earned >= whole:  # only a step without weight is wrong: it counts as one of weight 1
        whole = earned + 1.0
    return round(ex.points * earned / whole, 2)


def _whole(ex: Exercise, seed: int | None) -> float:
    """The weight of all steps a right answer goes through."""
    if isinstance(ex.reference, Hashable):
        return _weigh_once(ex, seed)
    return _weigh(ex, seed)


def _weigh(ex: Exercise, seed: int | None) -> float:
    steps: list[Step] = []
    status, message = _run(ex, ex.reference, seed, steps)
    if status != "passed":
        wrong = next((step.label for step in steps if not step.ok), message)
        raise RuntimeError(f"exercise {ex.id}: its own reference does not pass ({wrong})")
    return sum(step.weight for step in steps)


_weigh_once = functools.lru_cache(maxsize=256)(_weigh)


def _guarded(ex: Exercise, answer: Any) -> Result:
    """Judge with a time limit, and refuse what somebody else has written."""
    allows = (*ex.allows, *(p for id, names in _lent.items() if id != ex.id for p in names))
    named = door(answer, allows)
    if named is not None:
        return Result(ex, "refused", (), f"练习要自己写：交上来的就是 {named}")
    said = _says(answer, allows)
    if said:
        return Result(ex, "refused", (), explain(said))
    recorder = Recorder(answer) if isinstance(answer, FunctionType) else None
    wire, steps = Tripwire(allows, judge=ex.judge.__code__), list[Step]()
    try:
        with wire, time_limit(ex.limit):
            status, message = _run(ex, recorder.spy if recorder else answer, None, steps)
    except Stopped as stopped:
        status, message = stopped.status, stopped.message
    findings = wire.findings
    if status == "error" and _TOO_DEEP.search(message):  # it takes the tripwire off by itself
        findings = [finding for finding in findings if finding != TAKEN_OFF]
    if findings:
        return Result(ex, "refused", (), explain(findings))
    result = _result(ex, status, steps, message, None)
    if recorder is None or status in ("passed", "unanswered"):
        return result
    return replace(result, call=recorder.arguments(), returned=recorder.returned())


def _says(answer: Any, allows: Sequence[str]) -> list[str]:
    """Forbidden names in the answer's own source; a class is looked through method by method."""
    if isinstance(answer, type):
        members = [
            getattr(m, "fget", None) or getattr(m, "__func__", m) for m in vars(answer).values()
        ]
    else:
        members = [answer]
    found: list[str] = []
    for member in members:
        member = getattr(member, "__wrapped__", member)
        code = getattr(member, "__code__", None)
        # the source of a lambda is the whole line around it, with whatever else stands there
        if not isinstance(code, CodeType) or code.co_name == "<lambda>":
            continue
        if not is_own(code.co_filename) or not linecache.getlines(code.co_filename):
            continue
        lines = linecache.getlines(code.co_filename)[code.co_firstlineno - 1 :]
        names = names_of(_names_used(member))
        source = "".join(inspect.getblock(lines))
        found += static_findings(source, allows, names=names, first_line=code.co_firstlineno)
    return found


def _names_used(function: Any) -> dict[str, Any]:
    """Values of the global and enclosing names that a function or a part of it mentions."""
    namespace = function.__globals__
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=False))
    used: dict[str, Any] = {}
    codes = [function.__code__]
    while codes:
        code = codes.pop()
        used |= {name: namespace[name] for name in code.co_names if name in namespace}
        codes += [const for const in code.co_consts if isinstance(const, CodeType)]
    for name, cell in cells.items():
        try:
            used[name] = cell.cell_contents
        except ValueError:  # not bound yet
            used.pop(name, None)
    return used


def record(what: str, *arguments: Any, otherwise: Any = None) -> Any:
    """Call ``what`` of the learner's progress; ``otherwise`` where there is none to keep."""
    try:
        progress = importlib.import_module("aigc_course.progress.record")
    except ImportError:
        return otherwise
    return getattr(progress, what)(*arguments)


def _own_lines(error: BaseException, ex: Exercise) -> str:
    """The learner's own lines of a traceback, and the error; none of the library's frames."""
    what = _said(error)
    lines = getattr(error, "own_lines", None)  # of an answer that ran in another process
    if lines is None:
        frames = list(traceback.extract_tb(error.__traceback__))
        code = ex.judge.__code__
        spot = (code.co_filename, code.co_name)
        judge_at = [k for k, f in enumerate(frames) if (f.filename, f.name) == spot]
        own = frames[judge_at[0] + 1 :] if judge_at else frames
        lines = [f"第 {f.lineno} 行：{(f.line or '').strip()}" for f in own if is_own(f.filename)]
    lines = list(dict.fromkeys(str(line) for line in lines))  # a recursion says it once
    if not lines:  # the answer ran; what it gave back could not be used
        return f"返回的东西形式不对：要的是 {ex.asks}\n{what}"
    if what.startswith("RecursionError"):
        what += "\n一层层调用自己，停不下来：缺了终止的条件？"
    return "\n".join(dict.fromkeys([*lines[-3:], what]))  # the other process may say it, too


def _said(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # an error of the learner's own whose text fails
        text = ""
    text = text if len(text) <= 300 else text[:299] + "…"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
