"""Steps for what an answer does and has: errors, methods, parameters, anything else."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from aigc_course.judging.describe import describe, of, plain
from aigc_course.judging.result import Step

__all__ = [
    "as_one",
    "attempt",
    "independent",
    "methods",
    "parameters",
    "raises",
    "that",
    "truthy",
]


def that(
    ok: bool | np.bool_,
    label: str,
    hint: str = "",
    detail: str = "",
    *,
    weight: float = 0.0,
    given: Any = None,
) -> Step:
    """A step for any yes-or-no question.

    It earns nothing by itself unless given a ``weight``: most such steps ask whether a certain
    mistake was made, and an answer that makes none of them is not half right for it.

    Args:
        given: what the answer returned in the call that is asked about, so that this call is
            shown and not the last one.

    Example:
        >>> that(2 > 1, "大小").ok
        True
    """
    shown = "" if ok or given is None else describe(plain(given))
    return Step(bool(ok), label, hint, detail, weight, shown, given=None if ok else given)


def truthy(
    got: Any,
    want: bool,
    label: str,
    hint: str = "",
    *,
    weight: float = 1.0,
) -> Step:
    """Does the answer say yes where it should, and nothing that counts as yes elsewhere?

    For a statement that says only when to return ``True``: None, False, 0 and ``np.False_`` are
    all a no; True, 1 and ``np.True_`` a yes. Anything else, such as text or an array of several
    numbers, is neither.

    Example:
        >>> truthy(None, False, "还早").ok, truthy(np.True_, True, "该停了").ok
        (True, True)
        >>> truthy("False", False, "还早").detail
        '要 True 或 False，来的是 str'
    """
    found = plain(got)
    if isinstance(found, np.ndarray) and found.shape == ():
        found = found[()]
    known = found is None or (isinstance(found, int | float | np.number | np.bool_))
    if not known or (found is not None and found not in (0, 1)):
        detail = f"要 True 或 False，来的是 {type(got).__name__}"
        return Step(False, label, "", detail, weight, describe(got), "True 或 False", got)
    if bool(found) == bool(want):
        return Step(True, label, weight=weight)
    detail = "这时还不该是 True" if found else "这时该是 True"
    return Step(False, label, hint, detail, weight, describe(got), "", got)


def raises(
    call: Callable[[], Any],
    error: type[Exception] | tuple[type[Exception], ...],
    label: str,
    hint: str = "",
    *,
    weight: float = 0.0,
) -> Step:
    """Does ``call()`` raise ``error``, as asked for bad input?

    Example:
        >>> raises(lambda: int("x"), ValueError, "不是数字的输入").ok
        True
        >>> raises(lambda: int("7"), ValueError, "不是数字的输入").detail
        '没有报错；应当 raise ValueError'
    """
    kinds = error if isinstance(error, tuple) else (error,)
    names = " 或 ".join(kind.__name__ for kind in kinds)
    wanted = f"raise {names}"
    try:
        got = call()
    except kinds:
        return Step(True, label, hint, weight=weight)
    except NotImplementedError:
        raise
    except Exception as other:
        # an error from another process may have a class of its own of the same name
        if type(other).__name__ in {kind.__name__ for kind in kinds}:
            return Step(True, label, hint, weight=weight)
        detail = f"报的是 {type(other).__name__}；应当 raise {names}"
        return Step(False, label, hint, detail, weight, type(other).__name__, wanted)
    detail = f"没有报错；应当 raise {names}"
    return Step(False, label, hint, detail, weight, describe(got), wanted)


def methods(obj: Any, names: Sequence[str], label: str = "", hint: str = "") -> Step:
    """Does the class or object have these methods?

    Example:
        >>> methods([], ["append", "push"], "栈").detail
        '栈少了 push'
    """
    label = label or getattr(obj, "__name__", type(obj).__name__)
    missing = [name for name in names if not callable(getattr(obj, name, None))]
    detail = f"{label}少了 {'、'.join(missing)}" if missing else ""
    hint = hint or f"要有 {'、'.join(names)} 这几个方法，名字和大小写都要对上"
    wanted = "方法 " + "、".join(names)
    return Step(not missing, of(label, "的方法"), hint, detail, 0.0, "", wanted)


def parameters(
    got: Any,
    shapes: Mapping[str, tuple[int, ...]],
    label: str = "参数",
    hint: str = "",
    *,
    exactly: bool = True,
    weight: float = 0.0,
) -> Step:
    """Does an object with state have the parameters asked for, each in its shape?

    Args:
        got: a mapping from names to arrays, or an object with attributes of these names.
        shapes: name → shape.
        exactly: for a mapping, further names are wrong too.

    Example:
        >>> parameters({"W": np.zeros((2, 3))}, {"W": (2, 3), "b": (2,)}).detail
        '参数少了 b'
        >>> parameters({"W": np.zeros((3, 2))}, {"W": (2, 3)}).detail
        'W 的形状是 (3, 2)，应为 (2, 3)'
    """
    wanted = "、".join(f"{name} {size}" for name, size in shapes.items())

    def step(ok: bool, detail: str = "", came: str = "") -> Step:
        return Step(ok, f"{label}的名字与形状", hint, detail, weight, came, "" if ok else wanted)

    mapping = isinstance(got, Mapping)
    values: dict[str, Any] = {}
    for name in shapes:
        value = got.get(name) if mapping else getattr(got, name, None)
        if value is not None:
            values[name] = value
    came = "、".join(f"{name} {np.shape(plain(value))}" for name, value in values.items())
    missing = [name for name in shapes if name not in values]
    if missing:
        return step(False, f"{label}少了 {'、'.join(missing)}", came)
    for name, size in shapes.items():
        actual = np.shape(plain(values[name]))
        if tuple(actual) != tuple(size):
            return step(False, f"{name} 的形状是 {tuple(actual)}，应为 {tuple(size)}", came)
    extra = [str(name) for name in got if name not in shapes] if mapping and exactly else []
    if extra:
        return step(False, f"{label}多了 {'、'.join(extra)}", came)
    return step(True)


# --- several as one ---------------------------------------------------------------------------


def as_one(label: str, steps: Iterable[Step], *, weight: float = 1.0) -> Step:
    """Many small steps as one line for the learner: the first wrong one, or ``label``.

    Example:
        >>> as_one("都对", [that(True, "一"), that(False, "二")]).label
        '二'
        >>> as_one("都对", [that(True, "一"), that(True, "二")]).label
        '都对'
    """
    for step in steps:
        if not step.ok:
            return step
    return Step(True, label, weight=weight)


def independent(*questions: Step | Iterable[Step]) -> Iterator[Step]:
    """Questions that have nothing to do with each other: each earns its points by itself.

    All are asked. What held comes first, so it counts; then the first step that did not hold,
    which also says how many of the questions are right. An error in one of them does not keep
    the others from being asked, and is told if it is the first thing that went wrong.

    Args:
        questions: steps, or generators of steps; a generator ends at its first wrong step.

    Example:
        >>> one, two = that(False, "一", weight=1.0), that(True, "二", weight=1.0)
        >>> [(step.ok, step.label, step.detail) for step in independent(one, two)]
        [(True, '二', ''), (False, '一', '各不相干的 2 问，对了 1 问')]
    """
    held: list[Step] = []
    failed: list[Step | Exception] = []
    for question in questions:
        try:
            for step in [question] if isinstance(question, Step) else question:
                if not step.ok:
                    failed.append(step)
                    break
                held.append(step)
        except Exception as error:
            failed.append(error)
    yield from held
    if not failed:
        return
    first = failed[0]
    if isinstance(first, Exception):
        raise first
    count = f"各不相干的 {len(questions)} 问，对了 {len(questions) - len(failed)} 问"
    yield replace(first, detail=f"{first.detail}；{count}" if first.detail else count)


def attempt(
    call: Callable[[], Any],
    label: str,
    hints: Mapping[type[Exception], str | Callable[[Exception], str]],
) -> Generator[Step, None, Any]:
    """Return what ``call()`` returns; for an error in ``hints``, yield a wrong step with its hint.

    The step keeps the error, so the card shows the learner's own line. An answer that is not
    written yet (``NotImplementedError``) stays that, unless ``hints`` names it.

    Args:
        call: asks the answer.
        label: what is looked at.
        hints: by kind of error, the first that fits: the likely mistake, or what tells it from
            the error; if that says "", the error goes on.

    Example:
        >>> def judge():
        ...     print((yield from attempt(lambda: 6 / 2, "商", {ZeroDivisionError: "除以了 0"})))
        ...     yield from attempt(lambda: 1 / 0, "商", {ZeroDivisionError: "除以了 0"})
        >>> [step.hint for step in judge()]
        3.0
        ['除以了 0']
    """
    try:
        return call()
    except tuple(hints) as error:
        if isinstance(error, NotImplementedError) and NotImplementedError not in hints:
            raise
        hint = next(hint for kind, hint in hints.items() if isinstance(error, kind))
        if callable(hint) and not (hint := hint(error)):
            raise
        name = _python_kind(error)
        yield replace(that(False, label, hint, name), error=error if name else None)
        return None


def _python_kind(error: Exception) -> str:
    """Python's own name for the kind of error; "" for a judge's signal, of no kind Python has."""
    kinds = (kind for kind in type(error).__mro__ if kind.__module__ == "builtins")
    name = next(kinds).__name__
    return "" if name == "Exception" else name
