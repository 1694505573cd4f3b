"""However a library's own implementation is reached it is recognised; honest answers are not."""

import functools
import importlib
import itertools
import math
import operator
import sys
from collections import Counter

import numpy as np
import pytest
import torch
import torch.nn.functional as G
from torch import softmax as soft

from aigc_course import engine, metrics
from aigc_course.exercises import ex01, ex04, use
from aigc_course.judging import core
from aigc_course.judging.core import check, exercise
from aigc_course.judging.forbidden import (
    CallMonitor,
    explain,
    is_own,
    library_origin,
    names_of,
    static_findings,
)
from aigc_course.judging.judges import value


@pytest.fixture(autouse=True)
def softmax_exercise(monkeypatch):
    monkeypatch.setattr(core, "_registry", {})
    monkeypatch.setattr(core, "_lent", {})

    @exercise("98.1", title="softmax", points=2, asks="softmax(z)", limit=20)
    def judge_softmax(answer, rng):
        z = rng.normal(size=(3, 4))
        right = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        yield value(answer(z), right, "p")


# --- ways of reaching it ----------------------------------------------------------------------


def plain_call(z):
    return torch.softmax(torch.tensor(z), 1).numpy()


def from_alias(z):
    return soft(torch.tensor(z), dim=1).numpy()


def module_alias(z):
    return G.softmax(torch.tensor(z), 1).numpy()


def local_alias(z):
    s = G.softmax
    return s(torch.tensor(z), 1).numpy()


def local_import(z):
    import torch.nn.functional as f

    return f.softmax(torch.tensor(z), 1).numpy()


def by_getattr(z):
    return getattr(torch, "softmax")(torch.tensor(z), 1).numpy()  # noqa: B009


def by_assembled_name(z):
    name = "soft"
    return getattr(torch, name + "max")(torch.tensor(z), 1).numpy()


def by_name_from_characters(z):
    name = "".join(chr(c) for c in (115, 111, 102, 116, 109, 97, 120))
    return getattr(engine.functional, name)(engine.tensor(z), 1).data


def by_importlib(z):
    f = importlib.import_module("torch.nn.functional")
    return f.softmax(f.linear(torch.tensor(z), torch.eye(4, dtype=torch.float64)), 1).numpy()


def by_dunder_import(z):
    return __import__("torch").softmax(__import__("torch").tensor(z), 1).numpy()


def by_sys_modules(z):
    return sys.modules["torch"].softmax(sys.modules["torch"].as_tensor(z), 1).numpy()


def by_vars(z):
    return vars(torch)["softmax"](vars(torch)["tensor"](z), 1).numpy()


def by_dict(z):
    return torch.__dict__["softmax"](torch.tensor(z), 1).numpy()


def by_attrgetter(z):
    return operator.attrgetter("softmax")(torch)(torch.tensor(z), 1).numpy()


def by_method(z):
    return torch.tensor(z).softmax(1).numpy()


def by_layer(z):
    return torch.nn.Softmax(1)(torch.tensor(z)).numpy()


def by_map(z):
    return next(map(torch.softmax, [torch.tensor(z)], [1])).numpy()


def by_apply(z):
    return np.apply_along_axis(
        lambda row: engine.functional.softmax(engine.tensor(row), 0).data, 1, z
    )


def by_eval(z):
    return eval("torch.softmax(torch.tensor(z), 1)").numpy()


def by_cross_entropy(z):
    rows = [
        [math.exp(-G.cross_entropy(torch.tensor(row), torch.tensor(k)).item()) for k in range(4)]
        for row in z
    ]
    return np.array(rows)


def by_engine(z):
    return engine.functional.softmax(engine.tensor(z), 1).data


def by_the_course(z):
    return ex01.softmax(z)


def helper(z):
    return ex01.softmax(z)


def by_helper(z):
    return helper(z)


class Wrapped:
    """A callable object, and a class whose method calls it."""

    def __call__(self, z):
        return engine.functional.softmax(engine.tensor(z), 1).data


DISHONEST = [
    *(plain_call, from_alias, module_alias, local_alias, local_import, by_getattr),
    *(by_assembled_name, by_name_from_characters, by_importlib, by_dunder_import),
    *(by_sys_modules, by_vars, by_dict, by_attrgetter, by_method, by_layer, by_map, by_apply),
    *(by_eval, by_cross_entropy, by_engine, by_the_course, by_helper, Wrapped()),
    lambda z: G.softmax(torch.tensor(z), 1).numpy(),
    *(ex01.softmax, functools.partial(ex01.softmax), torch.softmax, engine.functional.softmax),
    *(engine.tensor(np.ones(2)).softmax, np.vectorize(ex01.softmax), torch.nn.Softmax(1)),
]


def _name(answer):
    return getattr(answer, "__name__", type(answer).__name__)


@pytest.mark.parametrize("answer", DISHONEST, ids=_name)
def test_recognised(answer):
    result = check("98.1", answer)
    assert result.status == "refused" and result.score == 0, str(result)
    assert "练习要自己写" in result.message and "用了不许用的函数" in str(result)


def test_the_line_is_the_cells_own():
    first = by_method.__code__.co_firstlineno
    assert f"第 {first + 1} 行用了 torch." in check("98.1", by_method).message


# --- honest answers ---------------------------------------------------------------------------


def honest(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def with_loops(z):
    rows = []
    for row in z:
        e = [math.exp(v) for v in row]
        rows.append([v / sum(e) for v in e])
    return np.array(rows)


def local_called_softmax(z):
    softmax = np.exp(z)
    softmax = softmax / softmax.sum(axis=1, keepdims=True)
    return softmax


def softmax(z):
    return np.exp(z - np.logaddexp.reduce(z, axis=1, keepdims=True))


def through_own_softmax(z):
    return softmax(z)


def with_linalg(z):
    e = np.exp(z)
    return np.linalg.inv(np.diag(np.einsum("ij->i", e))) @ e


def with_itertools(z):
    flat = list(itertools.chain.from_iterable(np.exp(z).tolist()))
    assert Counter(len(row) for row in z)
    e = np.array(flat).reshape(z.shape)
    return e / np.apply_along_axis(np.sum, 1, e)[:, None]


def parameter_called_torch(z, torch=np):
    e = torch.exp(z)
    return e / e.sum(axis=1, keepdims=True)


def annotated(z: "torch.Tensor") -> torch.Tensor:
    if isinstance(z, torch.Tensor):
        raise TypeError("an array, please")
    return honest(z)


def with_recursion(z):
    return np.stack([honest(z[:1])[0], *with_recursion(z[1:])]) if len(z) else z


def with_comprehension(z):
    return np.array([[np.exp(v) / np.exp(row).sum() for v in row] for row in z])


class Layer:
    softmax = staticmethod(honest)

    def __call__(self, z):
        return self.softmax(z)


@functools.lru_cache(maxsize=None)  # noqa: UP033
def cached(key):
    return key


HONEST = [
    *(honest, with_loops, local_called_softmax, through_own_softmax, with_linalg),
    *(with_itertools, parameter_called_torch, annotated, with_recursion, with_comprehension),
    *(Layer(), functools.partial(honest), lambda z: honest(z)),
]


@pytest.mark.parametrize("answer", HONEST, ids=_name)
def test_not_flagged(answer):
    result = check("98.1", answer)
    assert result.status == "passed", str(result)


def test_an_oracle_in_the_judge_is_not_the_learners_call():
    @exercise("98.2", title="softmax", points=2, asks="softmax(z)")
    def judge_softmax(answer, rng):
        z = rng.normal(size=(3, 4))
        yield value(answer(z), torch.softmax(torch.tensor(z), 1), "p")

    assert check("98.2", honest).passed


# --- what is allowed --------------------------------------------------------------------------


def test_allows_are_read_in_order_and_by_any_spelling():
    source = "import torch\nx = torch.exp(y)\nz = torch.softmax(x, 1)"
    assert len(static_findings(source)) == 2
    assert static_findings(source, ("torch.*",)) == []
    assert static_findings(source, ("torch.*", "!torch.*softmax")) == ["第 3 行用了 torch.softmax"]
    with CallMonitor(("aigc_course.engine.tensor",)) as monitor:
        engine.tensor(np.ones(2))
    assert monitor.findings == []
    with CallMonitor(("aigc_course.engine.zeros",)) as monitor:
        engine.tensor(np.ones(2))
    assert monitor.findings
    assert (
        library_origin(engine.Tensor)
        and library_origin(engine.Tensor, ("aigc_course.engine.Tensor",)) is None
    )


def test_what_use_lent_may_be_called_by_later_exercises(capsys):
    lent = use("98.1", None, otherwise=ex01.softmax)

    @exercise("98.2", title="两次", points=1, asks="twice(z)")
    def judge_twice(answer, rng):
        z = rng.normal(size=(3, 4))
        yield value(answer(z), ex01.softmax(ex01.softmax(z)), "p")

    assert check("98.2", lambda z: lent(lent(z))).passed
    assert check("98.1", lambda z: lent(z)).status == "refused"  # not in its own place


def test_what_a_judge_hands_in_may_be_used():
    node = ex04.GraphNode(ex04.GraphNode())
    with CallMonitor() as monitor:
        assert len(node.parents) == 1
    assert monitor.findings == []


# --- the source alone -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "finding"),
    [
        ("import torch as t\ndef f(z):\n    return t.softmax(z, 1)", "第 3 行用了 torch.softmax"),
        ("from torch.nn import functional as F\ny = F.cross_entropy(a, b)",
         "第 2 行用了 torch.nn.functional.cross_entropy"),
        ("from sklearn.metrics import f1_score as f\nprint(f(a, b))",
         "第 2 行用了 sklearn.metrics.f1_score"),
        ("import importlib as il\ny = il.import_module('jax.nn').softmax(x)",
         "第 2 行用了 jax.nn.softmax"),
        ("def f(z):\n    return h(z)\nfrom scipy.special import expit as h",
         "第 2 行用了 scipy.special.expit"),
        ("class Mine(Base): pass\nfrom aigc_course.engine import Tensor\nclass B(Tensor): pass",
         "第 3 行用了 aigc_course.engine.Tensor"),
        ("import sys\nsys.setprofile(None)", "第 2 行改动了 sys.setprofile"),
        ("from sys import settrace\nsettrace(None)", "第 2 行改动了 sys.settrace"),
        ("import sys\nsys.monitoring.use_tool_id(1, 'x')",
         "第 2 行改动了 sys.monitoring.use_tool_id"),
        ("import torch\n(s := torch.softmax)(x, 1)", "第 2 行用了 torch.softmax"),
        ("import torch\nf = {'s': torch.softmax}['s']", "第 2 行用了 torch.softmax"),
        ("import torch\na, f = 1, torch.softmax", "第 2 行用了 torch.softmax"),
        ("y = getattr(__import__('torch'), 'softmax')(x)", "第 1 行用了 torch.softmax"),
        ("import aigc_course.not_written_yet as t\nt.answer(x)",
         "第 2 行用了 aigc_course.not_written_yet.answer"),
        ("import torch\nclass T:\n    def f(self, z):\n        return torch.softmax(z, 1)",
         "第 4 行用了 torch.softmax"),
    ],
)  # fmt: skip
def test_source(source, finding):
    assert static_findings(source) == ([] if finding is None else [finding])


@pytest.mark.parametrize(
    "source",
    [
        "import torch\nimport torch.nn.functional as F",
        "import torch\nx: torch.Tensor = y\ndef f(a: torch.Tensor) -> torch.Tensor:\n    return a",
        "import torch\ndef f(torch):\n    return torch.softmax(1)",
        "import torch\nfor torch in xs:\n    torch.softmax(1)",
        "import torch\nok = isinstance(x, torch.Tensor)",
        "import torch\nd = torch.float32",
        "import torch\nf = lambda torch: torch.softmax(1)",
        "import torch\ny = [torch.softmax for torch in xs]",
        "self.softmax(x)\nmodel.cross_entropy(y)",
        "import numpy as np\nnp.linalg.norm(x)\nimport matplotlib.pyplot as plt\nplt.plot(x)",
        "import torch\ntry:\n    pass\nexcept torch.OutOfMemoryError:\n    pass",
        "def f(:",
        "",
    ],
)
def test_innocent_source(source):
    assert static_findings(source) == []


def test_lines_are_counted_from_the_first_line_of_the_cell():
    source = "import torch\ndef mine(z):\n    return torch.softmax(z, 1)"
    assert static_findings(source, first_line=11) == ["第 13 行用了 torch.softmax"]


def test_names_come_from_elsewhere():
    names = names_of({"G": G, "soft": soft, "np": np, "mine": honest, "acc": metrics.accuracy})
    assert names["G"] == "torch.nn.functional" and names["np"] == "numpy"
    assert "mine" not in names and names["acc"].startswith("aigc_course.metrics.")
    assert static_findings("y = G.softmax(x)", names=names)
    assert static_findings("y = G.softmax(x)") == []


def test_deep_source_does_not_bring_it_down():
    assert static_findings("x = " + "-" * 50_000 + "1") == []
    assert static_findings("x = " + "(" * 5000 + ")" * 5000) == []


# --- the monitor itself -----------------------------------------------------------------------


def test_a_profile_function_of_others_is_put_back():
    def mine(frame, event, arg):
        pass

    before = sys.getprofile()
    sys.setprofile(mine)
    try:
        with CallMonitor():
            pass
        assert sys.getprofile() is mine
        with pytest.raises(KeyError), CallMonitor():
            {}[1]
        assert sys.getprofile() is mine
    finally:
        sys.setprofile(before)


def test_taking_it_off_is_noticed():
    with CallMonitor() as monitor:
        sys.setprofile(None)
    assert monitor.findings and "sys.setprofile" in monitor.findings[0]


def test_imports_are_not_calls(monkeypatch):
    monkeypatch.setattr(metrics, "calibration", None)  # put back afterwards
    monkeypatch.delitem(sys.modules, "aigc_course.metrics.calibration", raising=False)
    with CallMonitor() as monitor:
        importlib.import_module("aigc_course.metrics.calibration")
    assert monitor.findings == []


def test_whose_file():
    assert is_own("/home/me/我的课程/x.py") and is_own("<cell ex-03-2>")
    assert not is_own(np.__file__) and not is_own(functools.__file__) and not is_own(ex01.__file__)
    assert explain(["a", "b"]) == "练习要自己写：a；b"
