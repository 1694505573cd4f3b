"""How an exercise is registered, judged and reported; ``vocabulary`` says how one is written.

An exercise is a generator. It draws random cases from ``rng``, calls the learner's ``answer``
and yields one :class:`~aigc_course.judging.result.Step` for each thing that can be right or
wrong. The first wrong step is what the learner reads, so the steps go from the coarse to the fine.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import linecache
import os
import re
import sys
import traceback
import zlib
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import CodeType, FunctionType
from typing import Any, Protocol

import numpy as np

from aigc_course.judging import catalogue
from aigc_course.judging.call_recorder import NOTHING, Call, Recorder
from aigc_course.judging.card import Card, Unknown, one_line
from aigc_course.judging.flood import beneath, with_little_printed
from aigc_course.judging.forbidden import (
    CallMonitor,
    explain,
    is_own,
    library_origin,
    names_of,
    static_findings,
)
from aigc_course.judging.glosses import gloss
from aigc_course.judging.memory import RAISED, Memory
from aigc_course.judging.result import Result, Status, Step, Stopped
from aigc_course.judging.stale import stale
from aigc_course.judging.time_limit import run_with_timeout
from aigc_course.progress import record as progress

__all__ = [
    "Exercise",
    "Judge",
    "Result",
    "Status",
    "Step",
    "Stopped",
    "check",
    "exercise",
    "find",
    "get",
    "hints",
    "judge",
    "registered",
    "use",
]


class Judge(Protocol):
    """A generator of steps: ``judge(answer, rng)``."""

    __code__: CodeType
    __module__: str
    __name__: str

    @property
    def __globals__(self) -> dict[str, Any]: ...

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

    def result(
        self, status: Status, steps: Sequence[Step] = (), message: str = "", score: float = 0.0
    ) -> Card:
        """What a check of this exercise found out."""
        return Card(
            self.id, self.title, self.points, self.asks, status, tuple(steps), message, score
        )


def exercise(
    id: str,
    title: str,
    *,
    points: int,
    asks: str = "",
    reference: Any = None,
    allows: Sequence[Any] = (),
    limit: float = 10.0,
) -> Callable[[Judge], Judge]:
    """Register a judge under ``id`` (``"NN.k"``); hints go below it, see :func:`hints`.

    ``judge_linear`` judges ``linear``: the function or class of that name in the same module is the
    reference unless another one is given.

    Args:
        asks: what is to be written, as ``"linear_backward(dy, x, W) -> dx, dW, db"``; the
            reference's name and arguments if not given.
        reference: a right answer; says how much weight a full run of the judge has.
        allows: what an answer may call though it is forbidden by default: functions, or patterns of
            names like ``"aigc_course.engine.*"``.
        limit: seconds one check may take.

    Raises:
        ValueError: an id of the wrong form or used twice, or nothing to tell ``asks`` from.
    """

    def register(judge: Judge) -> Judge:
        chapter, _, number = id.partition(".")
        if not (len(chapter) == 2 and chapter.isdigit() and number.isdigit()):
            raise ValueError(f"exercise id: got {id!r}, wanted 'NN.k' such as '03.2'")
        if id in _registry and _registry[id].judge.__module__ != judge.__module__:
            raise ValueError(f"exercise {id} is defined twice")
        right = _namesake(judge) if reference is None else reference
        if not asks and right is None:
            raise ValueError(f"exercise {id}: say what it asks, or give it a reference")
        _registry[id] = Exercise(
            id,
            title,
            points,
            asks or _call_of(right),
            judge,
            right,
            tuple(getattr(judge, "hints", ())),
            tuple(one if isinstance(one, str) else _full_name(one) for one in allows),
            limit,
        )
        return judge

    return register


def hints(*texts: str) -> Callable[[Judge], Judge]:
    """What ``hint(id)`` tells, one more each time, from a nudge to nearly the answer.

    Stands below ``@exercise(…)``.
    """

    def attach(judge: Judge) -> Judge:
        if any(ex.judge is judge for ex in _registry.values()):
            raise ValueError(f"@hints of {judge.__name__}: write it below @exercise, not above")
        vars(judge)["hints"] = texts
        return judge

    return attach


def _namesake(judge: Judge) -> Any:
    """For ``judge_linear``, the ``linear`` that the same module defines; None if there is none."""
    prefix, _, name = judge.__name__.partition("judge_")
    found = None if prefix else judge.__globals__.get(name)
    return found if getattr(found, "__module__", None) == judge.__module__ else None


def _call_of(reference: Any) -> str:
    """``"huber_loss(y_hat, y, delta=1.0)"``: name and arguments without annotations."""
    plain = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in inspect.signature(reference).parameters.values()
    ]
    return f"{reference.__name__}{inspect.Signature(plain)}"


def _full_name(function: Any) -> str:
    return f"{function.__module__}.{function.__qualname__}"


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


def find(id: Any) -> tuple[Exercise | None, Card]:
    """The exercise that a learner means, or a card that says which there are.

    ``"1.1"``, ``1.1`` and ``" 01.1"`` mean ``"01.1"``.
    """
    parts = re.fullmatch(r"(\d{1,2})\.(\d{1,2})", str(id).strip())
    number = f"{parts[1]:0>2}.{int(parts[2])}" if parts else str(id).strip()
    try:
        ex = get(number)
    except KeyError:
        ex = None
    if ex is not None:
        return ex, ex.result("unanswered")
    known = "、".join(one.id for one in catalogue.exercises(number[:2])) or "、".join(
        one.id for one in (registered(number[:2]) if number[:2] == "99" else [])
    )
    there = f"第 {number[:2]} 章有 {known}" if known else '号码写成 "01.2" 这样，前面是章号'
    return None, Unknown(number, "", 0, "", "refused", message=there)


def _onward(ex: Exercise, result: Result) -> str:
    """What to type next, below a card."""
    if not result.passed:
        return "" if ex.id[:2] == "99" else f'卡住了就运行：hint("{ex.id}")'
    asked = [one.id for one in catalogue.exercises(ex.id[:2])]
    later = asked[asked.index(ex.id) + 1 :] if ex.id in asked else []
    if later:
        return f"接着往下读，下一道是练习 {later[0]}"
    return "这一章要判的练习到此为止；看进度：from aigc_course import progress，再 progress.show()"


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


def check(id: str, answer: Any, *, noted: bool = True) -> Result:
    """Judge ``answer`` and show the result. Never stops a notebook.

    A number that no exercise has gets an answer, too: which there are. Calls of the library's own
    implementation are refused, an answer that does not come to an end is interrupted, and the try
    is noted in the learner's folder. Where nbgrader runs the notebook, an answer that does not
    pass raises ``AssertionError``: its marks depend on it.

    Args:
        id: the exercise's number, such as ``"03.2"``.
        answer: what the learner wrote: a function, a class, a number or a choice.
        noted: whether this is a try of the learner's; a lesson's demonstration is none.
    """
    ex, note = find(id)
    if ex is None:
        return note
    result = with_little_printed(lambda: _guarded(ex, answer))
    if noted:
        _ended[ex.id] = answer, result
        progress.record_result(result)
    result = replace(result, aside=stale(answer), onward=_onward(ex, result))
    graded = os.environ.get("NBGRADER_EXECUTION") in ("autograde", "validate")
    if graded and noted and not result.passed:
        raise AssertionError(one_line(result)) from None
    return result


def use(id: str, mine: Any, *, otherwise: Any) -> Any:
    """``mine`` if it passes exercise ``id``, else ``otherwise``; says which, in one line.

    Lets a lesson go on with the learner's own code, and lets "Run All" reach the end without it.
    What was lent this way may be called by the answers of later exercises.
    """
    ex, note = find(id)
    if ex is None:
        print(note)
        return otherwise
    before, known = _ended.get(ex.id, (None, None))
    # what has not come to an end in its check is not waited for a second time
    slow = known is not None and known.status == "timeout" and before is mine
    if not slow and with_little_printed(lambda: _guarded(ex, mine)).passed:
        print(f"往下用你写的 {getattr(mine, '__name__', '答案')}。")
        return mine
    lent = library_origin(otherwise)
    if lent is not None:
        _lent.setdefault(ex.id, set()).update((lent, f"{lent}.*"))
    print(f"练习 {ex.id} 还没通过，往下先用课程库的版本；写好后重新运行这一格。")
    return otherwise


# --- how it is judged --------------------------------------------------------------------------

RECURSION = 3000  # calls within each other, at most: as many as a notebook has
_lent: dict[str, set[str]] = {}  # by exercise: names of what `use` gave out in its place
_ended: dict[str, tuple[Any, Card]] = {}  # by exercise: the answer last checked, and its card


def _run(ex: Exercise, answer: Any, seed: int | None, steps: list[Step]) -> tuple[Status, str]:
    """Run the judge, under a limit of recursion that no answer has raised and none leaves so."""
    before = sys.getrecursionlimit()
    try:
        if before > RECURSION:
            with contextlib.suppress(RecursionError):  # we are deeper than that already
                sys.setrecursionlimit(RECURSION)
        return _judged(ex, answer, seed, steps)
    finally:
        sys.setrecursionlimit(before)


@np.errstate(all="ignore")  # in a frame of its own: see what time_limit says about loops
def _judged(ex: Exercise, answer: Any, seed: int | None, steps: list[Step]) -> tuple[Status, str]:
    """Run the judge; ``steps`` is filled as it goes, so that nothing is lost when it is stopped."""
    if answer is None or answer is Ellipsis:
        return "unanswered", ""
    # zlib.crc32, not hash(): the same cases in every process and on every machine
    rng = np.random.default_rng(zlib.crc32(ex.id.encode()) if seed is None else seed)
    try:
        for step in ex.judge(answer, rng):
            steps.append(step)
            if not step.ok:
                return "failed", "" if step.error is None else _own_line(step.error, ex)
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
) -> Card:
    return ex.result(status, steps, message, _score(ex, status, steps, seed))


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


def _guarded(ex: Exercise, answer: Any) -> Card:
    """Judge with a time limit, and refuse what somebody else has written."""
    allows = (*ex.allows, *(p for id, names in _lent.items() if id != ex.id for p in names))
    named = library_origin(answer, allows)
    if named is not None:
        return ex.result("refused", message=f"练习要自己写：交上来的就是 {named}")
    said = _says(answer, allows)
    if said:
        return ex.result("refused", message=explain(said))
    recorder = Recorder(answer) if isinstance(answer, FunctionType) else None
    memory = Memory(answer) if isinstance(answer, FunctionType) else None
    monitor, steps = CallMonitor(allows, judge=ex.judge.__code__), list[Step]()
    waiting = _Waiting()
    try:
        with monitor:
            status, message = run_with_timeout(
                ex.limit,
                lambda: _run(ex, recorder.spy if recorder else answer, None, steps),
                waiting.tell,
            )
    except Stopped as stopped:
        status, message = stopped.status, stopped.message
    except KeyboardInterrupt:
        if not waiting.told:
            raise
        status, message = "timeout", f"{waiting.told}\n等了很久没有返回，被中断了"
    findings = monitor.findings
    if findings:
        return ex.result("refused", message=explain(findings))
    result = _result(ex, status, steps, message, None)
    if recorder is None or status in ("passed", "unanswered"):
        return result
    wrong = result.wrong
    given = None if wrong is None else wrong.given
    call, returned = recorder.show(given)
    result = replace(result, call=call, returned=returned)
    return _blamed(ex, result, memory, recorder.find(given)) if memory else result


def _blamed(ex: Exercise, result: Card, memory: Memory, call: Call | None) -> Card:
    """Says so if it went wrong only because something was left over from an earlier call."""
    wrong = result.wrong
    if call is None or result.status not in ("failed", "error") or (wrong and wrong.here):
        return result
    gave = RAISED if call.shown is NOTHING else call.shown
    try:
        told = run_with_timeout(ex.limit, lambda: memory.blame(call.args, call.kwargs, gave))
    except Stopped:
        return result
    if not told:
        return result
    told = f"单独这样调用，结果不同。{told}"
    if wrong is None:
        return replace(result, message=f"{result.message}\n{told}")
    steps = tuple(replace(one, here=told) if one is wrong else one for one in result.steps)
    return replace(result, steps=steps)


class _Waiting:
    """Writes below the cell how a call is ended that does not come back; remembers that it did."""

    def __init__(self) -> None:
        self.told = ""
        self._out = beneath(sys.stdout)  # not what counts the lines that the answer prints

    def tell(self, message: str) -> None:
        self.told = message
        with contextlib.suppress(Exception):
            self._out.write(
                f"{message}\n还在等一次调用返回，从这里打断不了它。要停下来："
                "菜单“内核 → 中断内核”，或按 Esc 后连按两次 i；还不停，就“内核 → 重启内核”。\n"
            )
            self._out.flush()


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
    if lines and lines[-1] == what:  # the other process says it, too
        lines = lines[:-1]
    if not lines:  # the answer ran; what it gave back could not be used
        return f"返回的东西形式不对：要的是 {ex.asks}\n{what}"
    if len(lines) > 3:  # where it was called from, and where it happened
        lines = [lines[0], *lines[-2:]]
    meaning = gloss(what)
    if what.startswith("RecursionError"):
        meaning = "一层层调用自己，停不下来：缺了终止的条件？"
    return "\n".join(dict.fromkeys([*lines, what, *([meaning] if meaning else [])]))


def _own_line(error: BaseException, ex: Exercise) -> str:
    """The line of the learner's where it happened, and the error; "" if there is none."""
    own = [line for line in _own_lines(error, ex).splitlines() if line.startswith("第 ")]
    return f"{own[-1]}\n{_said(error)}" if own else ""


def _said(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # an error of the learner's own whose text fails
        text = ""
    text = text if len(text) <= 300 else text[:299] + "…"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
