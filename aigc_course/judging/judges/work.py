"""Steps for how an answer gets there: no loop in Python, no recursion. Measured while it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from aigc_course.judging.forbidden import Work, WorkCounter
from aigc_course.judging.result import Step

__all__ = ["measured", "no_python_loop", "no_recursion"]

T = TypeVar("T")


def measured(answer: Any, call: Callable[[], T]) -> tuple[T, Work]:
    """What ``call()`` returns, and how much of the learner's Python it took.

    Args:
        answer: what the learner wrote; says where that Python runs.
        call: calls it.
    """
    elsewhere = getattr(type(answer), "measured_", None)  # a stand-in: see the sandbox's proxies
    if elsewhere is not None:
        value, work = elsewhere(answer, call)
        return value, Work.of(work)
    counter = WorkCounter()
    with counter:
        value = call()
    return value, counter.work()


def no_python_loop(
    answer: Any,
    call: Callable[[int], Any],
    label: str = "没有用 Python 的循环",
    hint: str = "",
    *,
    sizes: tuple[int, int] = (8, 64),
    weight: float = 0.0,
) -> Step:
    """Does the work in Python stay the same when the input grows?

    ``call(n)`` calls the answer on an input of size ``n``; it is asked for both sizes. ``for``,
    ``while``, comprehensions, generators, ``map``, recursion and what NumPy offers in place of a
    loop (``np.vectorize``, ``np.apply_along_axis``, ``np.frompyfunc``) do more for more rows;
    array operations do not. A loop over something that stays the same, such as the layers, is
    none. Let every axis over which no loop is wanted grow with ``n``.

    Example:
        >>> def whole(n):
        ...     return sum(range(n))
        >>> no_python_loop(whole, whole).ok
        True
    """
    few, many = sizes
    call(few)  # what happens only the first time, such as an import, is not counted
    _, little = measured(answer, lambda: call(few))
    _, much = measured(answer, lambda: call(many))
    found = [*little.loops, *much.loops]
    if found:
        detail = f"{found[0]} 在里面一个一个地调用 Python，只是看不见循环"
        return Step(False, label, hint or _WITHOUT_LOOP, detail, weight)
    if much.steps - little.steps <= (many - few) // 2:
        return Step(True, label, weight=weight)
    detail = f"输入从 {few} 增到 {many}，Python 就多执行 {much.steps - little.steps} 步"
    if much.line:
        detail += f"，多在第 {much.line} 行"
    return Step(False, label, hint or _WITHOUT_LOOP, detail, weight)


_WITHOUT_LOOP = "for、推导式、map、np.vectorize 都是一个一个地算：整个数组一次写成一个式子"


def no_recursion(
    answer: Any,
    call: Callable[[], Any],
    label: str = "没有递归",
    hint: str = "",
    *,
    deeper_than: int = 10,
    weight: float = 0.0,
) -> Step:
    """Does no function of the learner's call itself, ``deeper_than`` times within each other?

    Let ``call()`` be on an input that a recursion would go down deep into. A recursion that hits
    the limit is one, and so is one under a limit that was raised; the limit is put back.

    Example:
        >>> no_recursion(len, lambda: len([1, 2])).ok
        True
    """
    hint = hint or "一层层调用自己，输入一深就超出限度：用一个列表当栈，写成循环"
    try:
        _, work = measured(answer, call)
    except RecursionError:
        detail = "调用自己太深，超出了 Python 的限度（RecursionError）"
        return Step(False, label, hint, detail, weight)
    if work.depth <= deeper_than:
        return Step(True, label, weight=weight)
    detail = f"{work.recursive} 同时有 {work.depth} 层没有返回：它在调用自己"
    if work.raised:
        detail += "；调高递归的限度只是推迟，太深时解释器会直接退出"
    return Step(False, label, hint, detail, weight)
