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

import importlib
import traceback
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any, Literal, Protocol

import numpy as np

Status = Literal["passed", "failed", "unanswered", "error"]


class Judge(Protocol):
    """A generator of steps: ``judge(answer, rng)``."""

    __code__: CodeType
    __module__: str

    def __call__(self, answer: Any, rng: np.random.Generator, /) -> Iterator[Step]: ...


_registry: dict[str, Exercise] = {}


@dataclass(frozen=True)
class Step:
    """One judged point: did it hold, what is it called, and what to look at if it did not."""

    ok: bool
    label: str
    hint: str = ""
    detail: str = ""
    weight: float = 1.0


@dataclass(frozen=True)
class Exercise:
    """The single definition of one exercise."""

    id: str
    title: str
    points: int
    asks: str
    judge: Judge


@dataclass(frozen=True)
class Result:
    """What :func:`check` found out. Shown in a notebook as a short text card."""

    exercise: Exercise
    status: Status
    steps: tuple[Step, ...] = ()
    message: str = ""
    score: float = field(default=0.0)

    @property
    def passed(self) -> bool:
        return self.status == "passed"

    def __str__(self) -> str:
        ex = self.exercise
        head = f"练习 {ex.id} {ex.title}"
        if self.status == "passed":
            return f"✓ {head}：通过（{len(self.steps)} 项检查，{ex.points} 分）"
        if self.status == "unanswered":
            return f"· {head}：还没作答（要写的是 {ex.asks}，{ex.points} 分）"
        lines = [f"✗ {head}：还差一点"]
        for step in self.steps:
            lines.append(f"  {'✓' if step.ok else '✗'} {step.label}")
            if not step.ok:
                lines += [f"    {text}" for text in (step.detail, step.hint) if text]
        if self.message:
            lines += [f"  {line}" for line in self.message.splitlines()]
        return "\n".join(lines)

    __repr__ = __str__


def exercise(id: str, *, title: str, points: int, asks: str) -> Callable[[Judge], Judge]:
    """Register a judge under ``id`` (``"NN.k"``); see the module's example."""

    def register(judge: Judge) -> Judge:
        chapter, _, number = id.partition(".")
        if not (len(chapter) == 2 and chapter.isdigit() and number.isdigit()):
            raise ValueError(f"exercise id: got {id!r}, wanted 'NN.k' such as '03.2'")
        if id in _registry and _registry[id].judge.__module__ != judge.__module__:
            raise ValueError(f"exercise {id} is defined twice")
        _registry[id] = Exercise(id, title, points, asks, judge)
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
    """Judge ``answer`` without printing. Never raises for anything the answer does wrong."""
    ex = get(id)
    # zlib.crc32, not hash(): the same cases in every process and on every machine
    rng = np.random.default_rng(zlib.crc32(id.encode()) if seed is None else seed)
    steps: list[Step] = []
    if answer is None or answer is Ellipsis:
        return Result(ex, "unanswered")
    try:
        with np.errstate(all="ignore"):
            for step in ex.judge(answer, rng):
                steps.append(step)
                if not step.ok:
                    return Result(ex, "failed", tuple(steps))
    except NotImplementedError:
        return Result(ex, "unanswered", tuple(steps))
    except Exception as error:
        return Result(ex, "error", tuple(steps), _own_lines(error, ex))
    return Result(ex, "passed", tuple(steps), score=float(ex.points))


def check(id: str, answer: Any) -> Result:
    """Judge ``answer`` and show the result. Never stops a notebook.

    Args:
        id: the exercise's number, such as ``"03.2"``.
        answer: what the learner wrote: a function, a class, a number or a choice.
    """
    return judge(id, answer)


def use(id: str, mine: Any, *, otherwise: Any) -> Any:
    """``mine`` if it passes exercise ``id``, else ``otherwise``; says which, in one line.

    Lets a lesson go on with the learner's own code, and lets "Run All" reach the end without it.
    """
    if judge(id, mine).passed:
        print(f"往下用你写的 {getattr(mine, '__name__', '答案')}。")
        return mine
    print(f"练习 {id} 还没通过，往下先用课程库的版本；写好后重新运行这一格。")
    return otherwise


def _own_lines(error: Exception, ex: Exercise) -> str:
    """The learner's own lines of a traceback, and the error; none of the library's frames."""
    frames = list(traceback.extract_tb(error.__traceback__))
    code = ex.judge.__code__
    judge_at = [
        k for k, f in enumerate(frames) if (f.filename, f.name) == (code.co_filename, code.co_name)
    ]
    own = frames[judge_at[0] + 1 :] if judge_at else frames
    own = [f for f in own if not {"aigc_course", "site-packages"} & set(Path(f.filename).parts)]
    what = f"{type(error).__name__}: {error}"
    if not own:  # the answer ran; what it gave back could not be used
        return f"返回的东西形式不对：要的是 {ex.asks}\n{what}"
    return "\n".join([*(f"第 {f.lineno} 行：{(f.line or '').strip()}" for f in own[-3:]), what])


# --- judges ------------------------------------------------------------------------------------


def that(ok: bool | np.bool_, label: str, hint: str = "", detail: str = "") -> Step:
    """A step for any yes-or-no question."""
    return Step(bool(ok), label, hint, detail)


def shape(value: Any, wanted: tuple[int, ...], label: str, hint: str = "") -> Step:
    """Is ``value`` an array of the shape ``wanted``?"""
    if value is None:
        return Step(False, f"{label} 的形状", hint, f"{label} 是 None：忘了 return？")
    got = np.shape(value)
    ok = tuple(got) == tuple(wanted)
    detail = "" if ok else f"{label} 的形状是 {tuple(got)}，应为 {tuple(wanted)}"
    return Step(ok, f"{label} 的形状", hint, detail)


def close(
    value: Any,
    wanted: Any,
    label: str,
    hint: str = "",
    *,
    rtol: float = 1e-6,
    atol: float = 1e-8,
) -> Step:
    """Are the values right? ``|value − wanted| ≤ atol + rtol·|wanted|``, NaN never equal.

    The tolerance leaves room for a different order of summation in float64, not for a
    different formula. Shape is judged first, so a broadcast cannot pass by accident.
    """
    first = shape(value, np.shape(wanted), label, hint)
    if not first.ok:
        return first
    got, want = np.asarray(value, dtype=float), np.asarray(wanted, dtype=float)
    with np.errstate(invalid="ignore"):
        wrong = ~((np.abs(got - want) <= atol + rtol * np.abs(want)) | (got == want))
    if not wrong.any():
        return Step(True, f"{label} 的值")
    bad = f"{int(wrong.sum())}/{wrong.size}" if wrong.size > 1 else ""
    detail = f"{label} 有 {bad} 个值不对" if bad else f"{label} 的值不对"
    if not np.isfinite(got).all() and np.isfinite(want).all():
        detail = f"{label} 里出现了 {'nan' if np.isnan(got).any() else 'inf'}"
    return Step(False, f"{label} 的值", hint, detail)


def untouched(before: np.ndarray, after: np.ndarray, label: str) -> Step:
    """Was the input left as it came?"""
    ok = np.array_equal(before, after, equal_nan=True)
    return Step(ok, f"没有改动输入 {label}", f"{label} 被原地修改了：先 copy，或写成新数组")
