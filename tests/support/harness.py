"""What the tests of every chapter's exercises share.

A chapter's test module lists its right and wrong answers and asks these questions of them::

    WRONG = [Wrong("03.2", "mean", linear_mean, "db 是相加", percent=0), …]

    @pytest.mark.parametrize("wrong", WRONG, ids=str)
    def test_each_mistake_gets_its_own_hint(wrong):
        assert_hint(wrong)

The module knows nothing of any one exercise.
"""

from __future__ import annotations

import ast
import itertools
import json
import re
import subprocess
import symtable
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import strategies as st

from aigc_course.exercises import judge
from aigc_course.judging import core

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
SEEDS = (None, *range(24))


# --- the notebook's own solution ---------------------------------------------------------------


@cache
def _code_cells(chapter: str) -> tuple[tuple[str, str], ...]:
    """``(cell id, source)`` of a chapter's code cells, without the notebook's magic lines."""
    [path] = NOTEBOOKS.glob(f"{chapter}_*.ipynb")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return tuple(
        (cell["id"], re.sub(r"(?m)^[%!].*$", "", "".join(cell["source"])))
        for cell in cells
        if cell["cell_type"] == "code"
    )


def _bound(statement: ast.stmt) -> set[str]:
    """Names a top-level statement defines; nothing for loops and the like, which do the work."""
    match statement:
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return {(alias.asname or alias.name).partition(".")[0] for alias in names}
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Assign() | ast.AnnAssign():
            stored = (n for n in ast.walk(statement) if isinstance(n, ast.Name))
            return {n.id for n in stored if isinstance(n.ctx, ast.Store)}
    return set()


def _globals_used(source: str) -> set[str]:
    """Global names that ``source`` reads, inside its functions too.

    Example:
        >>> sorted(_globals_used("def f(x):\\n    y = x + k\\n    return np.exp(y)"))
        ['k', 'np']
    """
    names: set[str] = set()
    tables = [symtable.symtable(source, "?", "exec")]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        top = table.get_type() == "module"
        names |= {
            s.get_name()
            for s in table.get_symbols()
            if s.is_referenced() and (top or s.is_global())
        }
    return names


def notebook_source(number: str) -> str:
    """Source of the notebook's answer cell of exercise ``number`` (``"03.2"``)."""
    chapter, _, k = number.partition(".")
    return dict(_code_cells(chapter))[f"ex-{chapter}-{k}"]


@cache
def notebook_answer(number: str) -> Any:
    """The notebook's own solution: its answer cell, run after the definitions that it needs."""
    chapter, _, k = number.partition(".")
    known: dict[str, tuple[int, str]] = {}  # name -> where and how it was last defined
    order = itertools.count()
    for cell_id, source in _code_cells(chapter):
        if cell_id == f"ex-{chapter}-{k}":
            break
        for statement in ast.parse(source).body:
            lines = ast.get_source_segment(source, statement, padded=True) or ""
            decorators = getattr(statement, "decorator_list", [])
            head = "".join(f"@{ast.unparse(d)}\n" for d in decorators)
            names = _bound(statement)
            if names & known.keys() & _globals_used(lines):
                continue  # as in f = use("03.2", f, otherwise=...): f stays what it was
            known |= dict.fromkeys(names, (next(order), head + lines))
    needed: set[tuple[int, str]] = set()
    wanted = _globals_used(source)
    while wanted:
        for definition in [known[name] for name in wanted if name in known]:
            needed.add(definition)
        seen = {name for name, definition in known.items() if definition in needed}
        wanted = {name for _, text in needed for name in _globals_used(text)} & known.keys() - seen
    namespace: dict[str, Any] = {"__name__": "notebook"}
    for _, text in sorted(needed):
        exec(compile(text, f"<notebook {chapter}>", "exec"), namespace)
    exec(compile(source, f"<answer {number}>", "exec"), namespace)
    [name] = {n for s in ast.parse(source).body for n in _bound(s)} & {
        core.get(number).asks.partition("(")[0].strip(),
        *(s.name for s in ast.parse(source).body if isinstance(s, ast.FunctionDef | ast.ClassDef)),
    }
    return namespace[name]


# --- asking the judge --------------------------------------------------------------------------


class Wrong(NamedTuple):
    """A typical mistake, what the learner is told of it, and what it is worth.

    Attributes:
        number: of the exercise.
        name: of the mistake.
        answer: that makes it.
        words: in its hint or the line above; one of several where that depends on the case.
        percent: share of the points it earns; from and to where that depends on the case.
    """

    number: str
    name: str
    answer: Any
    words: str | tuple[str, ...]
    percent: int | tuple[int, int]

    def __str__(self) -> str:
        return f"{self.number} {self.name}"


def assert_passes(number: str, answer: Any, seeds: Iterable[int | None] = SEEDS) -> None:
    """``answer`` passes whatever the seed."""
    for seed in seeds:
        result = judge(number, answer, seed=seed)
        assert result.passed, f"seed {seed}\n{result}"


def assert_hint(wrong: Wrong, seeds: Iterable[int | None] = range(8)) -> None:
    """The answer fails whatever the seed; the learner reads the words and earns the share."""
    for seed in seeds:
        result = judge(wrong.number, wrong.answer, seed=seed)
        assert result.status == "failed", f"seed {seed}\n{result}"
        told = f"{result.steps[-1].hint} {result.steps[-1].detail}"
        words = (wrong.words,) if isinstance(wrong.words, str) else wrong.words
        assert any(one in told for one in words), f"seed {seed}\n{result}"
        percent = 100 * result.score / result.points
        low, high = (wrong.percent,) * 2 if isinstance(wrong.percent, int) else wrong.percent
        assert low - 1 <= percent <= high + 1, f"seed {seed}: {percent:.0f} %\n{result}"


def assert_hints_differ(wrongs: Iterable[Wrong]) -> None:
    """Different mistakes in one exercise get different hints, three at least."""
    hints: dict[str, list[str]] = {}
    for wrong in wrongs:
        result = judge(wrong.number, wrong.answer, seed=1)
        hints.setdefault(wrong.number, []).append(result.steps[-1].hint)
    for number, texts in hints.items():
        assert len(set(texts)) == len(texts) >= 3, (number, texts)


def assert_unanswered(number: str) -> None:
    """Nothing, and the cell as it is given out, are called unanswered and not wrong."""

    def stub(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    open_cell: Any = stub
    reference = core.get(number).reference
    if isinstance(reference, type):
        own = [name for name in vars(reference) if not name.startswith("__")]
        open_cell = type(reference.__name__, (), dict.fromkeys([*own, "__init__"], stub))
    for answer in (None, ..., open_cell):
        result = judge(number, answer)
        assert result.status == "unanswered" and "还没作答" in str(result), str(result)
        assert result.score == 0


def earned(number: str, answer: Any, seed: int | None = None) -> float:
    """The share of the points ``answer`` earns, 0 to 1."""
    return judge(number, answer, seed=seed).score / core.get(number).points


# --- answers that know nothing -----------------------------------------------------------------


def leaves(value: Any) -> int:
    """How many numbers and arrays there are in nested tuples, lists and dictionaries.

    Example:
        >>> leaves((1.0, {"W": np.ones((2, 2)), "b": [3, 4]}))
        4
    """
    if isinstance(value, dict):
        return sum(leaves(v) for v in value.values())
    if isinstance(value, tuple | list):
        return sum(leaves(v) for v in value)
    return 1


def with_leaves(value: Any, change: Callable[[int, Any], Any]) -> Any:
    """A copy of nested containers in which leaf ``k`` became ``change(k, leaf)``.

    Example:
        >>> with_leaves((1, {"a": [2, 3]}), lambda k, leaf: leaf if k else None)
        (None, {'a': [2, 3]})
    """
    count = itertools.count()

    def walk(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: walk(v) for key, v in node.items()}
        if isinstance(node, tuple | list):
            return type(node)(walk(v) for v in node)
        return change(next(count), node)

    return walk(value)


def changed(answer: Callable[..., Any], change: Callable[[int, Any], Any]) -> Callable[..., Any]:
    """``answer``, with every leaf of what it returns sent through ``change``."""

    def other(*args: Any, **kwargs: Any) -> Any:
        return with_leaves(answer(*args, **kwargs), change)

    return other


def _erase(leaf: Any) -> bool:
    if not (isinstance(leaf, np.ndarray) and leaf.flags.writeable):
        return False
    leaf[...] = 0
    return True


def know_nothings(answer: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """Answers that return what has the right form and means nothing: none may earn a point."""

    draws = np.random.default_rng(2026)  # fixed, so that chance decides no test

    def noise(_: int, leaf: Any) -> Any:
        # a new draw at each call
        value = draws.normal(size=np.shape(leaf)) + 0.123
        return value if np.shape(leaf) else float(value)

    def fill(number: float) -> Callable[..., Any]:
        def filled(_: int, leaf: Any) -> Any:
            return np.full(np.shape(leaf), number) if np.shape(leaf) else number

        return changed(answer, filled)

    def sabotage(*args: Any, **kwargs: Any) -> Any:
        # zeros written over the inputs, and the right answer for zeros: passes with a judge
        # that works out what is right from arrays it gave away
        erased: list[bool] = []
        with_leaves((args, kwargs), lambda _, leaf: erased.append(_erase(leaf)))
        return answer(*args, **kwargs) if any(erased) else None

    return {
        "sabotage": sabotage,
        "zeros": fill(0.0),
        "ones": fill(1.0),
        "nan": fill(float("nan")),
        "inf": fill(float("inf")),
        "noise": changed(answer, noise),
        "no return": lambda *args, **kwargs: None,
        # the right values, in a form that no sum can be trusted with
        "text": changed(answer, lambda _, leaf: np.asarray(leaf).astype(str)),
        "imaginary": changed(answer, lambda _, leaf: np.asarray(leaf) + 1j),
        "agreeable": changed(answer, lambda _, leaf: np.full(np.shape(leaf), Agreeable())),
        "first input": lambda *args, **kwargs: args[0],
        "all inputs": lambda *args, **kwargs: args,
    }


def assert_worth_nothing(number: str, answers: dict[str, Callable[..., Any]]) -> None:
    """None of ``answers`` earns anything, whatever the seed."""
    for name, answer in answers.items():
        for seed in range(6):
            share = earned(number, answer, seed)
            assert share == 0, f"{name}, seed {seed}: {share:.0%}\n{judge(number, answer, seed)}"


# --- odd values --------------------------------------------------------------------------------


class Agreeable:
    """Equal to everything, unequal to everything, and every sum with it is itself."""

    def _yes(self, *_: Any) -> bool:
        return True

    def _self(self, *_: Any) -> Agreeable:
        return self

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = _yes  # type: ignore[assignment]
    __hash__ = object.__hash__
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = _self
    __neg__ = __abs__ = __getitem__ = __pow__ = __matmul__ = __rmatmul__ = _self
    __repr__ = lambda self: "Agreeable()"


class Claims:
    """Has a shape and a length that its values do not bear out."""

    shape, ndim, size, dtype = (2, 3), 2, 6, np.dtype(float)

    def __len__(self) -> int:
        return 3

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return np.zeros(())


class Breaks:
    """Raises whatever is asked of it."""

    def _no(self, *_: Any, **__: Any) -> Any:
        raise ValueError("no")

    __array__ = __float__ = __int__ = __index__ = __len__ = __iter__ = __eq__ = __bool__ = _no  # type: ignore[assignment]
    __hash__ = object.__hash__


def _nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def _own_element() -> list[Any]:
    loop: list[Any] = [1.0]
    loop.append(loop)
    return loop


_ODD: list[Callable[[], Any]] = [
    *(lambda v=v: v for v in (None, ..., True, False, "", "0.5", "nan", "通过", b"\x00", 10**400)),
    *(lambda v=v: v for v in (-(10**400), 1j, 1e308, -0.0, float("nan"), float("inf"), slice(3))),
    *(lambda v=v: v for v in (Fraction(1, 3), Decimal("0.5"), Decimal("sNaN"), int, len, np)),
    *(lambda v=v: v for v in ((), [], {}, set(), frozenset({1}), {"a": 1}, {1: 2}, range(3))),
    lambda: [[1.0, 2.0], [3.0]],
    lambda: [1.0, [2.0, "three"], None],
    lambda: [1.0, "2.0", 3.0],
    lambda: _nested(40),
    lambda: _nested(3000),
    _own_element,
    object,
    Agreeable,
    Claims,
    Breaks,
    lambda: (k for k in range(3)),
    lambda: iter([np.zeros(3)] * 3),
    lambda: lambda *args: 0.0,
    lambda: np.array(None),
    lambda: np.array([1.0, None, "x"], dtype=object),
    lambda: np.array([[Agreeable()] * 3] * 2, dtype=object),
    lambda: np.array(["0.1", "0.2"]),
    lambda: np.array([b"0.1"]),
    lambda: np.array(["2020-01-01"], dtype="datetime64[D]"),
    lambda: np.array([3], dtype="timedelta64[s]"),
    lambda: np.zeros(2, dtype=[("a", float), ("b", int)]),
    lambda: np.ma.masked_all((2, 3)),
    lambda: np.broadcast_to(np.float32(0), (10**6, 10**6)),
    lambda: np.zeros((0, 3)),
    lambda: np.zeros((1,) * 20),
    lambda: np.random.default_rng(0),
    lambda: np.float16(0.5),
    lambda: np.complex128(1 + 1j),
    lambda: np.datetime64("NaT"),
]


def odd_values() -> st.SearchStrategy[Any]:
    """Results no judge expects: of every type, ragged, endless in depth, agreeing with anything."""
    dtypes = st.one_of(
        hnp.floating_dtypes(),
        hnp.integer_dtypes(),
        hnp.boolean_dtypes(),
        hnp.complex_number_dtypes(),
    )
    arrays = hnp.arrays(dtypes, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    scalars = st.one_of(
        st.integers(), st.floats(), st.booleans(), st.complex_numbers(), st.text(max_size=4)
    )
    ready = st.sampled_from(_ODD).map(lambda make: make())
    single = st.one_of(ready, arrays, scalars)
    keys = st.sampled_from(["W1", "b1", "W2", "b2", "loss", 0, ()])
    return st.one_of(
        single,
        st.lists(single, max_size=5),
        st.lists(single, max_size=5).map(tuple),
        st.dictionaries(keys, single, max_size=4),
    )


@cache
def leaf_count(number: str) -> int:
    """How many numbers and arrays the reference returns at each call, at least."""
    counts: set[int] = set()

    def counting(*args: Any, **kwargs: Any) -> Any:
        result = core.get(number).reference(*args, **kwargs)
        counts.add(leaves(result))
        return result

    assert judge(number, counting).passed
    return min(counts)


def assert_survives(number: str, result: Any, leaf: int | None = None) -> None:
    """An answer that returns ``result`` is wrong, and the judge says so in words.

    With ``leaf``, the answer is right but for that leaf of its results: deeper questions are
    reached.
    """
    if leaf is None:
        verdict = judge(number, lambda *args, **kwargs: result)
    else:
        reference = core.get(number).reference
        verdict = judge(number, changed(reference, lambda k, v: result if k == leaf else v))
    assert verdict.status in ("failed", "error", "unanswered"), (result, verdict)
    assert str(verdict) and verdict.score < core.get(number).points


# --- right answers, spoilt ----------------------------------------------------------------------


def _as_list(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) and value.ndim else value


def _in_float32(value: Any) -> Any:
    is_array = isinstance(value, np.ndarray) and value.ndim and value.dtype == float
    return value.astype(np.float32) if is_array else value


def _nearly(value: Any) -> Any:
    is_float = isinstance(value, np.ndarray | float) and np.asarray(value).dtype == float
    return value * (1 + 3e-8) if is_float else value


def _in_bytes(value: Any) -> Any:
    is_whole = isinstance(value, np.ndarray) and value.dtype.kind in "iu"
    return value.astype(np.uint8) if is_whole else value


#: By name: what is done to each result of a right answer. ``"stale"`` is what
#: :func:`_that_remembers` makes.
SPOILT: dict[str, Callable[[Any], Any]] = {
    "list": _as_list,
    "float32": _in_float32,
    "nearly": _nearly,
    "bytes": _in_bytes,
}


def _that_remembers(answer: Callable[..., Any]) -> Callable[..., Any]:
    """``answer``, which for inputs of a form it has seen returns what it returned then."""
    seen: dict[Any, Any] = {}

    def remembering(*args: Any, **kwargs: Any) -> Any:
        parts = [*args, *kwargs.values()]
        form = tuple(
            np.shape(one) if isinstance(one, np.ndarray | list) else type(one).__name__
            for one in parts
        )
        if form not in seen:
            seen[form] = answer(*args, **kwargs)
        return seen[form]

    return remembering


def assert_spoilt_fails(number: str, but: Collection[str] = (), seed: int = 1) -> None:
    """A right answer whose results break in the lesson's next cell, or are from before, fails.

    Args:
        but: names of ``SPOILT``, or ``"stale"``, that do no harm here.
    """
    reference = core.get(number).reference
    for name, spoil in SPOILT.items():
        touched: list[bool] = []

        def change(_: int, value: Any, spoil: Any = spoil, touched: Any = touched) -> Any:
            touched.append(spoil(value) is not value)
            return spoil(value)

        result = judge(number, changed(reference, change), seed=seed)
        if any(touched) and name not in but:
            assert not result.passed, f"{number} passes with results spoilt so: {name}"
    if "stale" not in but:
        result = judge(number, _that_remembers(reference), seed=seed)
        assert not result.passed, f"{number}: what was returned before passes for other inputs"


# --- what is written for the learner -----------------------------------------------------------

_NUMBER = re.compile(r"\d+\.\d+(?:e[+-]?\d+)?|\d{3,}")


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, tuple | list):
        for item in value:
            yield from _numbers(item)
    elif np.asarray(value).dtype.kind in "iuf":
        yield from np.asarray(value, dtype=float).ravel().tolist()


def assert_keeps_its_secrets(number: str, answer: Any, seeds: Iterable[int] = range(4)) -> None:
    """The text of a failed result holds none of the values the reference would have returned.

    A number that stands in the judge's own source, such as ``0.044715`` in a hint, is no secret.
    """
    exercise = core.get(number)
    source = Path(exercise.judge.__code__.co_filename).read_text(encoding="utf-8")
    for seed in seeds:
        expected: list[float] = []

        def listening(*args: Any, expected: list[float] = expected, **kwargs: Any) -> Any:
            value = exercise.reference(*args, **kwargs)
            expected.extend(_numbers(value))
            return value

        assert judge(number, listening, seed=seed).passed
        text = str(judge(number, answer, seed=seed))
        # two digits can agree by chance, with a size or an input
        for found in {n for n in _NUMBER.findall(text) if len(re.sub(r"^[0.]+|\.", "", n)) > 2}:
            digits = len(found.partition(".")[2].partition("e")[0])
            near = [v for v in expected if abs(abs(v) - float(found)) <= 0.5 * 10.0**-digits]
            assert not near or found in source, f"{found} is in the text\n{text}"


def assert_hints_lead_without_telling(number: str) -> None:
    """Three hints, each longer on the matter than a word, none a line of the solution."""
    hints = core.get(number).hints
    assert len(hints) == len(set(hints)) == 3, f"{number}: wanted 3 hints, got {len(hints)}"
    solution = re.search(
        r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", notebook_source(number), flags=re.S
    )
    assert solution, number
    lines = {re.sub(r"#.*|^return |\s", "", line.strip()) for line in solution[1].splitlines()}
    for hint in hints:
        assert len(hint) >= 10 and re.search("[\u4e00-\u9fff]", hint), hint
        assert "！" not in hint and "!" not in hint, hint
        bare = re.sub(r"\s", "", hint)
        assert not any(len(line) > 6 and line in bare for line in lines), hint


def assert_loads_only_numpy(module: str, but: Collection[str] = ()) -> None:
    """Importing ``module`` in a new interpreter brings NumPy, and of the heavy only ``but``."""
    heavy = ("torch", "scipy", "sklearn", "pandas", "matplotlib", "IPython", "aigc_course.engine")
    code = f"import sys, {module}; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=True
    )
    loaded = set(ast.literal_eval(done.stdout))
    assert loaded == set(but), loaded


__all__ = [
    "SEEDS",
    "SPOILT",
    "Wrong",
    "assert_hint",
    "assert_hints_differ",
    "assert_hints_lead_without_telling",
    "assert_keeps_its_secrets",
    "assert_loads_only_numpy",
    "assert_passes",
    "assert_spoilt_fails",
    "assert_survives",
    "assert_unanswered",
    "assert_worth_nothing",
    "changed",
    "earned",
    "know_nothings",
    "leaf_count",
    "leaves",
    "notebook_answer",
    "notebook_source",
    "odd_values",
    "with_leaves",
]
