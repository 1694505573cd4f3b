"""A judge cannot tell whether an answer lives in its own process or at the end of a socket."""

import contextlib
import socket
import sys

import numpy as np
import pytest

from aigc_course.classroom.sandbox.proxies import Proxy
from aigc_course.classroom.sandbox.worker import AnswerServer
from aigc_course.exercises import exercise, judge, registered
from aigc_course.judging import catalogue, handed
from aigc_course.judging.handed.graph_node import GraphNode
from aigc_course.judging.judges import that, value
from tests.support.harness import notebook_answer
from tests.support.loopback import assert_same_remotely, proxied

ALL = [ex.id for chapter in catalogue.chapters() for ex in registered(chapter)]


@pytest.mark.parametrize("number", ALL)
def test_right_answers_are_judged_alike(number):
    assert_same_remotely(number, notebook_answer(number), (None, 11, 12))


@pytest.mark.parametrize("number", ALL)
@pytest.mark.parametrize("wrong", [lambda *a, **k: None, lambda *a, **k: 1 / 0, 3.5, "x"])
def test_wrong_answers_are_judged_alike(number, wrong):
    assert_same_remotely(number, wrong, (5,))


def test_arrays_come_and_go():
    with proxied(lambda x, k=1: (x * k, x.shape)) as f:
        y, shape = f(np.ones((2, 3)), k=3)
        assert y.tolist() == [[3, 3, 3]] * 2 and shape == (2, 3)


def test_what_is_done_to_an_argument_is_seen_here():
    def spoil(x, params, rng):
        x += 1
        params["w"] *= 2
        params["b"] = np.zeros(1)
        return rng.random()

    x, params, rng = np.zeros(2), {"w": np.ones(2)}, np.random.default_rng(0)
    w = params["w"]
    with proxied(spoil) as f:
        first, second = f(x, params, rng), f(x, params, rng)
    assert x.tolist() == [2, 2] and w.tolist() == [4, 4] and params["b"].tolist() == [0]
    assert [first, second] == np.random.default_rng(0).random(2).tolist()


def test_functions_of_the_judge_can_be_called_back():
    seen = []

    def f(v):
        seen.append(v)
        return float((v**2).sum())

    with proxied(lambda f, x: f(x) + f(2 * x)) as answer:
        assert answer(f, np.ones(2)) == 10.0
    assert len(seen) == 2


def test_errors_cross_under_their_builtin_type_both_ways():
    def refuse(v):
        raise KeyError("no")

    def call(f):
        try:
            f(1)
        except KeyError:
            return "caught"

    with proxied(call) as answer:
        assert answer(refuse) == "caught"
    for error in (ValueError("bad"), RecursionError(), NotImplementedError("not yet")):

        def fail(error=error):
            raise error

        with proxied(fail) as answer, pytest.raises(type(error)):
            answer()


class Counter:
    """Everything a judge may do with an object."""

    made = 0

    def __init__(self, start=0):
        self.n = start
        type(self).made += 1

    def add(self, k=1):
        self.n += k
        return self

    def __add__(self, other):
        return Counter(self.n + (other.n if isinstance(other, Counter) else other))

    __radd__ = __add__
    __array_ufunc__ = None

    def __getitem__(self, k):
        return (self.n, k)

    def __len__(self):
        return self.n

    def __eq__(self, other):
        return isinstance(other, Counter) and other.n == self.n

    __hash__ = None

    @contextlib.contextmanager
    def doubled(self):
        self.n *= 2
        try:
            yield self
        except ValueError:
            self.n = -1
        finally:
            self.n //= 2


def test_objects_stay_there_and_are_used_from_here():
    with proxied(Counter) as C:
        c = C(3)
        assert isinstance(c, Proxy) and isinstance(c, C) and not isinstance(3, C)
        assert c.n == 3 and hasattr(c, "add") and not hasattr(c, "nonsense")
        assert c.add(2) is c and c.n == 5
        assert (c + 1).n == 6 and (1 + c).n == 6 and (np.float64(2) + c).n == 7
        assert c[2] == (5, 2) and len(c) == 5 and c == C(5) and c != C(4)
        c.n = 8
        assert (C(1) + c).n == 9 and C.made >= 4
        with c.doubled() as same:
            assert same is c and c.n == 16
        with c.doubled():
            raise ValueError
        assert c.n == -1
        assert callable(c.add) and not callable(c)


def test_dropped_objects_are_forgotten_there():
    with proxied(Counter) as C:
        keep = C(1)
        for k in range(200):
            keep = keep + 0
            del k
        assert keep.n == 1
        coder = object.__getattribute__(keep, "_session").coder
        assert len(coder.proxies) < 10 and len(coder.seen) < 20


def test_a_judge_cannot_hand_over_its_insides():
    with proxied(lambda x: x) as f, pytest.raises(TypeError, match="cannot hand over"):
        f(contextlib)


@handed.exposes("value", "note", "double", "__add__", "__radd__", "__array__", writable=["note"])
class Shown:
    def __init__(self, value=1.0):
        self.value, self.hidden, self.note = value, "secret", ""

    def double(self):
        return Shown(2 * self.value)

    def __add__(self, other):
        return Shown(self.value + float(other))

    __radd__, __sub__, __array_ufunc__ = __add__, __add__, None

    def __array__(self, *args, **kwargs):
        return np.array(self.value)

    def __call__(self):
        self.note = "called"


def test_of_an_object_handed_over_what_its_class_exposes_is_open():
    def answer(x):
        x.note = "seen"
        return (np.float64(2) + (1 + x.double())).value, float(np.asarray(x))

    shown = Shown()
    with proxied(answer) as proxy:
        assert proxy(shown) == (5.0, 1.0) and shown.note == "seen"


@pytest.mark.parametrize(
    "use",
    [
        lambda x: x.hidden,
        lambda x: x - 1,
        lambda x: x(),
        lambda x: x.__class__.__init__(x, 7),
        lambda x: setattr(x, "value", 7),
        lambda x: setattr(x, "double", None),
        lambda x: setattr(x, "__class__", None),
    ],
)
def test_and_nothing_else(use):
    shown = Shown()
    with proxied(use) as proxy, pytest.raises((AttributeError, TypeError)):
        assert proxy(shown) is None
    assert vars(shown) == {"value": 1.0, "hidden": "secret", "note": ""}
    assert type(shown) is Shown and shown.double().value == 2


def test_of_a_function_handed_over_only_the_call_is_open():
    def probe(f):
        found = []
        for name in ("__globals__", "__code__", "__class__", "__self__", "__closure__"):
            with contextlib.suppress(AttributeError):
                found.append(getattr(f, name))
        return [x for x in found if type(x).__name__ not in ("type",)]

    with proxied(probe) as answer:
        assert answer(lambda v: v) == []


def test_a_result_that_only_claims_to_be_right_is_compared_here():
    class Agreeable:
        def __eq__(self, other):
            return True

        def __array__(self, *args, **kwargs):
            return np.array([1.0, 2.0])

        __hash__ = None

    @exercise("99.7", title="试", points=1, asks="f() -> 数组")
    def _(answer, rng):
        got = answer()
        yield that(np.shape(got) == (2,), "形状")
        yield value(got, np.array([3.0, 4.0]), "值")

    with proxied(lambda: Agreeable()) as proxy:
        assert judge("99.7", proxy).status == "failed"


def test_nodes_of_one_exercise_are_forgotten_before_the_next(monkeypatch):
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # it sets its own
    here, there = socket.socketpair()
    with here, there:
        inside = AnswerServer(there, frame=1 << 20)
        _, records = handed.copier_of(GraphNode).pack(GraphNode(GraphNode()))
        root = inside.coder.decode(["C", "GraphNode", [1, 2], inside.coder.encode(records)])
        assert inside.coder.encode([root, *root.parents]) == ["l", ["M", 2], ["M", 1]]
        inside.do_define([("x = 1", "<a>", 1)], "x")
        # else it would go out as whatever has that number by then
        assert inside.coder.encode(root)[0] == "O"


def test_a_graph_that_is_handed_over_twice_is_one_graph():
    """An answer that remembers nodes from call to call is found out there, too."""
    seen = set()

    def fresh(node):
        new = node not in seen
        seen.add(node)
        return new

    with proxied(fresh) as proxy:
        node = GraphNode(GraphNode())
        assert [proxy(node), proxy(node), proxy(GraphNode(node))] == [True, False, True]


def test_a_judge_that_gives_its_own_generator_away_is_noticed():
    @exercise("99.8", title="试", points=1, asks="f(rng)")
    def _(answer, rng):
        yield that(answer(rng) is None, "调用")

    with pytest.raises(AssertionError, match="own generator"):
        assert_same_remotely("99.8", lambda rng: None)
