"""Judges of notebook 04: the parts of a reverse-mode tensor, then the tensor itself.

The parts hang together: ``gradients`` calls ``topological_order``, the rules call
``unbroadcast``, the tensor uses all four. A learner who is stuck on one of them goes on with
``reference_*`` of this file (``use("04.1", mine, otherwise=…)``), so those are allowed there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aigc_course.judging.core import Step, exercise
from aigc_course.judging.handed.graph_node import SEALED, GraphNode, TooManyVisits
from aigc_course.judging.returned import close, shape, that, untouched

Array = np.ndarray
Vjp = Callable[[Array], tuple[Array, ...]]
_HERE = "aigc_course.exercises.ex04"


# --- what to go on with when a part is missing ------------------------------------------------


def reference_topological_order(root: Any) -> list[Any]:
    """All nodes behind ``root``, each once, parents before the nodes computed from them.

    Kahn's way: count how often each node is read, then hand nodes out from the root down.

    Example:
        >>> a = GraphNode(); b = GraphNode(a); c = GraphNode(a, b)
        >>> [{a: "a", b: "b", c: "c"}[node] for node in reference_topological_order(c)]
        ['a', 'b', 'c']
    """
    readers: dict[Any, int] = {root: 0}
    waiting = [root]
    while waiting:
        for parent in waiting.pop().parents:
            if parent not in readers:
                readers[parent] = 0
                waiting.append(parent)
            readers[parent] += 1
    order, ready = [], [root]
    while ready:
        node = ready.pop()
        order.append(node)
        for parent in node.parents:
            readers[parent] -= 1
            if readers[parent] == 0:
                ready.append(parent)
    return order[::-1]


def reference_unbroadcast(g: Array, shape: tuple[int, ...]) -> Array:
    """Sum ``g`` over the axes along which an array of ``shape`` was broadcast to ``g.shape``.

    Example:
        >>> reference_unbroadcast(np.ones((4, 3)), (3,)).tolist()
        [4.0, 4.0, 4.0]
    """
    padded = (1,) * (g.ndim - len(shape)) + tuple(shape)
    axes = tuple(
        i for i, (big, small) in enumerate(zip(g.shape, padded, strict=True)) if big != small
    )
    return g.sum(axis=axes, keepdims=True).reshape(shape)


class ReferenceRules:
    """Each rule: arrays in, (value, vjp) out; ``vjp(g)`` gives one gradient for each array."""

    @staticmethod
    def add(a: Array, b: Array) -> tuple[Array, Vjp]:
        back = reference_unbroadcast
        return a + b, lambda g: (back(g, a.shape), back(g, b.shape))

    @staticmethod
    def mul(a: Array, b: Array) -> tuple[Array, Vjp]:
        back = reference_unbroadcast
        return a * b, lambda g: (back(g * b, a.shape), back(g * a, b.shape))

    @staticmethod
    def power(a: Array, p: float) -> tuple[Array, Vjp]:
        return a**p, lambda g: (g * p * a ** (p - 1.0),)

    @staticmethod
    def exp(a: Array) -> tuple[Array, Vjp]:
        out = np.exp(a)
        return out, lambda g: (g * out,)

    @staticmethod
    def transpose(a: Array) -> tuple[Array, Vjp]:
        return a.T, lambda g: (g.T,)

    @staticmethod
    def log(a: Array) -> tuple[Array, Vjp]:
        return np.log(a), lambda g: (g / a,)

    @staticmethod
    def relu(a: Array) -> tuple[Array, Vjp]:
        return np.maximum(a, 0), lambda g: (g * (a > 0),)

    @staticmethod
    def matmul(a: Array, b: Array) -> tuple[Array, Vjp]:
        return a @ b, lambda g: (g @ b.T, a.T @ g)

    @staticmethod
    def sum(a: Array, axis: int | None = None, keepdims: bool = False) -> tuple[Array, Vjp]:
        kept = a.sum(axis=axis, keepdims=True).shape
        return a.sum(axis=axis, keepdims=keepdims), lambda g: (
            np.broadcast_to(np.reshape(g, kept), a.shape),
        )


def reference_gradients(root: Any) -> dict[Any, Array]:
    """Gradient of ``root`` with respect to every node behind it that wants one.

    Example:
        >>> x = GraphNode(data=3.0); y = _mul(x, x)
        >>> float(reference_gradients(y)[x])
        6.0
    """
    grads = {root: np.ones_like(root.data)}
    for node in reversed(reference_topological_order(root)):
        if node.vjp is not None and node in grads:
            for parent, g in zip(node.parents, node.vjp(grads[node]), strict=True):
                if parent.requires_grad:
                    grads[parent] = grads[parent] + g if parent in grads else g
    return grads


class ReferenceTensor:
    """An array with its history; after ``backward()`` the leaves' gradients are in ``.grad``.

    Example:
        >>> x = ReferenceTensor([1.0, 2.0], requires_grad=True)
        >>> (x * x).sum().backward(); x.grad.tolist()
        [2.0, 4.0]
    """

    recording = True
    __array_ufunc__ = None  # ndarray * tensor is left to __rmul__

    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        data = np.asarray(data)
        self.data: Array = data if data.dtype.kind == "f" else data.astype(np.float64)
        self.requires_grad, self.op = requires_grad, ""
        self.grad: Array | None = None
        self.parents: tuple[ReferenceTensor, ...] = ()
        self.vjp: Vjp | None = None

    @classmethod
    @contextmanager
    def no_grad(cls) -> Iterator[None]:
        before, cls.recording = cls.recording, False
        try:
            yield
        finally:
            cls.recording = before

    def apply(self, rule: Callable[..., Any], *others: Any, **options: Any) -> ReferenceTensor:
        inputs = (self, *map(self._wrap, others))
        value, vjp = rule(*(t.data for t in inputs), **options)
        out = ReferenceTensor(value)
        if self.recording and any(t.requires_grad for t in inputs):
            out.requires_grad, out.op = True, rule.__name__
            out.parents, out.vjp = inputs, vjp
        return out

    def _wrap(self, other: Any) -> ReferenceTensor:
        if isinstance(other, ReferenceTensor):
            return other
        return ReferenceTensor(np.asarray(other, self.data.dtype))

    def backward(self) -> None:
        if self.data.size != 1:
            raise ValueError(f"backward starts from one number, the shape is {self.data.shape}")
        for node, g in reference_gradients(self).items():
            if not node.parents:
                node.grad = np.array(g) if node.grad is None else node.grad + g

    def __add__(self, other: Any) -> ReferenceTensor:
        return self.apply(ReferenceRules.add, other)

    def __mul__(self, other: Any) -> ReferenceTensor:
        return self.apply(ReferenceRules.mul, other)

    __radd__, __rmul__ = __add__, __mul__

    def __matmul__(self, other: Any) -> ReferenceTensor:
        return self.apply(ReferenceRules.matmul, other)

    def __pow__(self, p: float) -> ReferenceTensor:
        return self.apply(ReferenceRules.power, p=p)

    def __neg__(self) -> ReferenceTensor:
        return self * -1

    def __sub__(self, other: Any) -> ReferenceTensor:
        return self + -other

    def __rsub__(self, other: Any) -> ReferenceTensor:
        return -self + other

    def __truediv__(self, other: Any) -> ReferenceTensor:
        return self * other**-1.0

    def __rtruediv__(self, other: Any) -> ReferenceTensor:
        return self**-1.0 * other

    @property
    def T(self) -> ReferenceTensor:
        return self.apply(ReferenceRules.transpose)

    def exp(self) -> ReferenceTensor:
        return self.apply(ReferenceRules.exp)

    def log(self) -> ReferenceTensor:
        return self.apply(ReferenceRules.log)

    def relu(self) -> ReferenceTensor:
        return self.apply(ReferenceRules.relu)

    def sum(self, axis: int | None = None, keepdims: bool = False) -> ReferenceTensor:
        return self.apply(ReferenceRules.sum, axis=axis, keepdims=keepdims)

    def mean(self, axis: int | None = None, keepdims: bool = False) -> ReferenceTensor:
        total = self.sum(axis, keepdims)
        return total * (total.data.size / self.data.size)

    def log_softmax(self, axis: int) -> ReferenceTensor:
        z = self - self.data.max(axis=axis, keepdims=True)
        return z - z.exp().sum(axis, keepdims=True).log()


# --- shared by the judges ---------------------------------------------------------------------


def _as_one(label: str, steps: Iterator[Step], *, weight: float = 1.0) -> Step:
    """Many small steps as one line for the learner: the first wrong one, or ``label``."""
    for step in steps:
        if not step.ok:
            return step
    return Step(True, label, weight=weight)


def _up_to_the_gap(steps: Iterator[Step]) -> Iterator[Step]:
    """Half an answer is not "unanswered": say how far it goes."""
    begun = False
    try:
        for step in steps:
            begun = True
            yield step
    except NotImplementedError:
        if not begun:
            raise
        hint = "到这里都对；接着写还留着 NotImplementedError 的那一个"
        yield that(False, "写到一半", hint)


# --- 04.1 -------------------------------------------------------------------------------------


def _graph(rng: np.random.Generator, n: int) -> GraphNode:
    """A random graph of ``n`` nodes, all of them behind the root; first operands chain."""
    nodes = [GraphNode()]
    for i in range(1, n):
        more = rng.integers(0, i, size=int(rng.integers(0, 3)))
        nodes.append(GraphNode(nodes[i - 1], *(nodes[j] for j in more)))
    rest = [nodes[j] for j in rng.permutation(n - 1)[:2]]
    return GraphNode(nodes[-1], *rest)


def _tree(rng: np.random.Generator, depth: int) -> GraphNode:
    """A random tree: no node has two readers, so only the order can be wrong."""
    if depth == 0:
        return GraphNode()
    return GraphNode(*(_tree(rng, depth - 1) for _ in range(int(rng.integers(1, 4)))))


def _diamonds(n: int) -> GraphNode:
    """``n`` squarings in a row, each reading its operand twice: n + 1 nodes, 2**n paths."""
    budget = [200_000]  # room for a slow search, not for every path
    node = GraphNode(budget=budget)
    for _ in range(n):
        node = GraphNode(node, node, budget=budget)
    return node


def _chain(n: int) -> GraphNode:
    budget = [20 * n + 100]
    node = GraphNode(budget=budget)
    for _ in range(n):
        node = GraphNode(node, budget=budget)
    return node


def _order_steps(order: Any, root: GraphNode, what: str) -> Iterator[Step]:
    """Is ``order`` a list of all nodes behind ``root``, each once, parents first?"""
    if not isinstance(order, list) or not all(isinstance(node, GraphNode) for node in order):
        got = type(order).__name__
        detail = "列表里有不是节点的东西" if got == "list" else f"得到的是 {got}"
        yield that(False, "返回节点的列表", "最后 return 那个记录顺序的 list", detail)
        return
    position = {id(node): i for i, node in enumerate(order)}
    yield that(
        len(position) == len(order),
        f"{what}：每个节点只出现一次",
        "一个节点可以被用两次（x*x、菱形）：用 set 记住见过谁，见过的不再记",
        f"列表长 {len(order)}，其中不同的节点只有 {len(position)} 个",
    )
    behind = {id(node) for node in reference_topological_order(root)}
    yield that(
        position.keys() == behind,
        f"{what}：不漏节点",
        "每个节点的所有 parents 都要走到，root 自己也要在列表里",
        f"列表里有 {len(order)} 个，图里有 {len(behind)} 个",
    )
    edges = [(p, n) for n in order for p in n._parents]
    early = sum(position[id(p)] > position[id(n)] for p, n in edges)
    if early == len(edges):
        yield that(False, f"{what}：先来源，后结果", "顺序整个反了：root 应当在最后")
        return
    yield that(
        early == 0,
        f"{what}：先来源，后结果",
        "第一次碰到节点就记下，是先序；要等它的 parents 都记完，才轮到它",
        f"{len(edges)} 条边里有 {early} 条的来源排在结果后面",
    )


@exercise(
    "04.1",
    title="不用递归的拓扑排序",
    points=3,
    asks="topological_order(root) -> 节点列表，来源在前，root 在最后",
    reference=reference_topological_order,
    hints=(
        "函数不能调用自己，那就自己管一个列表当栈：里面放「接下来要看谁」。",
        "每个节点进栈两次。第一次出栈，说明它的来源还没排：先把它自己压回去，再把来源压在上面。"
        "第二次出栈，来源都已排好，轮到它。",
        "栈里放 (节点, 来源排好了吗)，从 (root, False) 开始。取出 True 就 append 到结果；"
        "取出 False 且不在 set 里，就记进 set，压回 (节点, True)，再压每个 (来源, False)。",
    ),
)
def judge_topological_order(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    leaf = GraphNode()
    order = answer(leaf)
    yield that(
        isinstance(order, list) and len(order) == 1 and order[0] is leaf,
        "只有一个节点的图",
        "没有 parents 的 root，答案就是 [root]",
    )
    root = _tree(rng, 3)
    yield _as_one("树", _order_steps(answer(root), root, "树"))
    for n, graphs, weight in ((4, 1, 0.0), (24, 3, 1.0)):
        label = f"有菱形的图（{n + 1} 个节点）"
        steps = (
            step
            for root in [_graph(rng, n) for _ in range(graphs)]
            for step in _order_steps(answer(root), root, label)
        )
        yield _as_one(label, steps, weight=weight)
    root = _diamonds(40)
    try:
        order = answer(root)
    except TooManyVisits:
        hint = "你在走每一条路径，而路径有 2 的 40 次方条；见过的节点不要再展开"
        yield that(False, "40 个菱形串起来", hint)
        return
    yield _as_one("40 个菱形串起来", _order_steps(order, root, "40 个菱形串起来"))
    root = _chain(5_000)
    try:
        order = answer(root)
    except RecursionError:
        hint = "函数不能调用自己：把「接下来要看谁」放进一个 list，当栈用"
        yield that(False, "5,000 个运算的长链", hint, "RecursionError")
        return
    except TooManyVisits:
        hint = "「node in 列表」要一个一个比，n 个节点就是 n² 次；查「见过没有」要用 set"
        yield that(False, "5,000 个运算的长链", hint)
        return
    label = "5,000 个运算的长链"
    yield _as_one(label, _order_steps(order, root, label), weight=2.0)


# --- 04.2 -------------------------------------------------------------------------------------


def _unbroadcast_cases(
    rng: np.random.Generator,
) -> Iterator[tuple[str, tuple[int, ...], tuple[int, ...], str, float]]:
    a, b, c = (int(n) for n in rng.permutation([2, 3, 4]))
    yield "形状没变", (a, b), (a, b), "两个形状一样时原样返回", 0.0
    yield "前面多出一根轴", (a, b), (b,), "shape 比 g 少的轴都在最前面：在那些轴上求和", 1.0
    yield (
        "多出的轴与别的轴一样长",
        (a, a),
        (a,),
        "轴从右往左对齐：不管一样不一样长，多出来的都是最前面的轴",
        0.0,
    )
    yield (
        "前面多出两根轴",
        (a, b, c),
        (c,),
        "可能不止多一根轴：多几根由 g.ndim − len(shape) 决定",
        1.0,
    )
    yield (
        "长度为 1 的轴被拉长",
        (a, b),
        (a, 1),
        "长度为 1 的轴也要求和，而且要留住这根轴（keepdims=True）",
        1.0,
    )
    yield "拉长的轴不止一根", (a, b, c), (1, b, 1), "每一根长度为 1 的轴都要求和，不只一根", 0.5
    yield "两种都有", (a, b, c), (b, 1), "先去掉前面多出的轴，再处理长度为 1 的轴", 1.0
    yield "原来是一个数", (a, b), (), "shape 是 ()：所有轴都是多出来的，全部加起来", 0.5
    yield "本来就是 1", (a, 1), (a, 1), "g 在这根轴上也是 1，求和后形状不能变", 0.0
    yield "多出的轴长度是 1", (1, b), (b,), "多出来的轴哪怕长度是 1 也要去掉", 0.0


@exercise(
    "04.2",
    title="广播的反向",
    points=2,
    asks="unbroadcast(g, shape) -> 形状为 shape 的数组",
    reference=reference_unbroadcast,
    hints=(
        "广播把一个数抄了多份，每一份都影响结果，所以反向是把这些份的梯度加起来。"
        "难处只在：沿哪几根轴加。",
        "分两步。前面补出来的轴有 g.ndim − len(shape) 根，求和并去掉；"
        "shape 里长度为 1 的轴，求和并留住。",
        "第一步 g.sum(axis=前几根轴的元组)；第二步再 sum 一次，axis 是 shape 里等于 1 的那些位置，"
        "keepdims=True。",
    ),
)
def judge_unbroadcast(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    for name, big, small, hint, weight in _unbroadcast_cases(rng):
        g = rng.integers(1, 9, size=big).astype(float)
        before = g.copy()
        got = answer(g, small)
        wanted = reference_unbroadcast(before, small)
        label = f"{name} {big} → {small}"
        yield shape(got, small, label, hint)
        raw, got = got, np.asarray(got, dtype=float)
        count = max(before.size // max(wanted.size, 1), 1)
        if count > 1 and np.allclose(got, wanted / count):
            hint = "广播把一个数抄了多份，每一份的影响要相加，不是取平均"
        elif count > 1 and not np.allclose(got, wanted) and np.isin(got, before).all():
            hint = "只取了其中一份：所有份的梯度都要加起来"
        elif count > 1 and big != (big[0], big[0]) and not np.allclose(got, wanted):
            hint = "求和的轴不对：看清楚哪几根轴是广播时抄出来的"
        yield close(raw, wanted, label, hint, weight=weight)
        yield untouched(before, g, "g")


# --- 04.3 -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _RuleCase:
    """One rule in one situation, and what it should give."""

    rule: str
    case: str
    inputs: tuple[Array, ...]
    value: Any
    vjp: Vjp
    hint: str
    options: dict[str, Any] = field(default_factory=dict)
    weight: float = 1.0


def _plain_rule_cases(rng: np.random.Generator) -> Iterator[_RuleCase]:
    """Every rule once, in its simplest form."""
    m, n, k = (int(i) for i in rng.permutation([2, 3, 4]))
    a, b = rng.normal(size=(m, n)), rng.normal(size=(m, n))
    hint = "∂(ab)/∂a = b，∂(ab)/∂b = a：再各自乘上 g"
    yield _RuleCase("mul", "同形", (a, b), a * b, lambda g: (g * b, g * a), hint)
    c = rng.uniform(0.5, 2.0, size=(m, n))
    yield _RuleCase("power", "p = 2", (c,), c**2, _times(2 * c), _POWER, {"p": 2})
    yield _RuleCase("log", "", (c,), np.log(c), _times(1 / c), "(ln a)' = 1/a，再乘上 g")
    e = rng.choice([-1.0, 1.0], size=(m, k)) * rng.uniform(0.5, 2.0, size=(m, k))
    hint = "a > 0 的地方放 g 过去，其余是 0：看 a 的正负，不是 g 的"
    yield _RuleCase("relu", "", (e,), np.where(e > 0, e, 0), _times(e > 0), hint)
    u, v = rng.normal(size=(m, n)), rng.normal(size=(n, k))
    hint = "da = g @ bᵀ，db = aᵀ @ g：用形状核对谁在左、谁转置"
    yield _RuleCase("matmul", "", (u, v), u @ v, lambda g: (g @ v.T, u.T @ g), hint)
    s = rng.normal(size=(m, n, k))
    hint = "每个元素对和的影响都是 1：把 g 抄回 a 的形状"
    yield _RuleCase("sum", "全部", (s,), s.sum(), lambda g: (np.full_like(s, g),), hint)


_POWER = "(aᵖ)' = p·aᵖ⁻¹：系数 p 与指数 p − 1 都要有"


def _subtle_rule_cases(rng: np.random.Generator) -> Iterator[_RuleCase]:
    """Broadcasting, other exponents, the point 0, axes."""
    m, n, k = (int(i) for i in rng.permutation([2, 3, 4]))
    a, row, column = rng.normal(size=(m, n)), rng.normal(size=n), rng.normal(size=(m, 1))
    hint = "两个输入都可能被广播过：返回之前各自 unbroadcast 回原来的形状"
    yield _RuleCase(
        "mul", "有广播", (a, row), a * row, lambda g: (g * row, (g * a).sum(0)), hint, weight=0.5
    )
    yield _RuleCase(
        *("mul", "都被广播", (column, row), column * row),
        lambda g: ((g * row).sum(1, keepdims=True), (g * column).sum(0)),
        hint,
        weight=0.5,
    )
    c = rng.uniform(0.5, 2.0, size=(m, n))
    for p in (-1.0, 0.5):
        back = _times(p * c ** (p - 1.0))
        yield _RuleCase("power", f"p = {p}", (c,), c**p, back, _POWER, {"p": p}, weight=0.25)
    e = rng.choice([-1.0, 1.0], size=(m, k)) * rng.uniform(0.5, 2.0, size=(m, k))
    e[rng.integers(m), rng.integers(k)] = 0.0
    hint = "a 里可以有 0 和负数：直接用 p·aᵖ⁻¹，不要除以 a，也不要取 ln a"
    for p in (2, 3):
        back = _times(p * e ** (p - 1))
        case = f"p = {p}，a 里有 0 和负数"
        yield _RuleCase("power", case, (e,), e**p, back, hint, {"p": p}, weight=0.25)
    hint = "a = 0 处约定取 0：条件是 a > 0，不是 a >= 0"
    back = _times(e > 0)
    yield _RuleCase("relu", "a 里有 0", (e,), np.where(e > 0, e, 0), back, hint, weight=0.25)
    s = rng.normal(size=(m, n, k))
    hint = "axis 那根轴被压掉了：先用 np.expand_dims 放回去，再抄回 a 的形状"
    options: dict[str, Any]
    for axis in (1, -1):
        options = {"axis": axis}
        back = _repeated(axis, s.shape[axis])
        yield _RuleCase("sum", f"axis={axis}", (s,), s.sum(axis), back, hint, options, 0.5)
    hint = "keepdims=True 时轴还在，不要再 expand_dims"
    options = {"axis": 1, "keepdims": True}
    kept = s.sum(axis=1, keepdims=True)
    back = lambda g: (np.repeat(g, n, 1),)  # noqa: E731
    yield _RuleCase("sum", "keepdims=True", (s,), kept, back, hint, options, 0.25)
    hint = "axis=None 而 keepdims=True 时，g 的每根轴都还在，长度是 1：广播回 a 的形状就行"
    options = {"axis": None, "keepdims": True}
    kept = s.sum(keepdims=True)
    back = lambda g: (np.broadcast_to(g, s.shape),)  # noqa: E731
    yield _RuleCase("sum", "全部，keepdims=True", (s,), kept, back, hint, options, 0.25)


def _times(slope: Array) -> Vjp:
    return lambda g: (g * slope,)


def _repeated(axis: int, times: int) -> Vjp:
    return lambda g: (np.repeat(np.expand_dims(g, axis), times, axis),)


@exercise(
    "04.3",
    title="六条反向规则",
    points=4,
    asks="Rules 的 mul、power、log、relu、matmul、sum：返回 (结果, vjp)",
    reference=ReferenceRules,
    hints=(
        "照 add 和 exp 的样子写：先算结果，再写一个函数，收下 g，返回一个元组，每个输入一个梯度。",
        "逐元素的规则都是「局部导数 × g」；mul 的两个输入可能被广播过，要各自 unbroadcast。"
        "matmul 用形状核对，sum 把 g 抄回 a 的形状。",
        "mul：g·b 与 g·a，各自 unbroadcast；power：g·p·aᵖ⁻¹；log：g/a；relu：g 乘 (a > 0)；"
        "matmul：g @ bᵀ 与 aᵀ @ g；sum：需要时先 np.expand_dims，再 np.broadcast_to。",
    ),
    allows=(f"{_HERE}.reference_unbroadcast",),
)
def judge_rules(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    yield from _up_to_the_gap(_all_rules(answer, rng))


def _all_rules(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    for cases in (_plain_rule_cases, _subtle_rule_cases):
        for case in cases(rng):
            title = f"{case.rule}（{case.case}）" if case.case else case.rule
            steps = _rule_steps(answer, case, title, rng)
            yield _as_one(title, steps, weight=case.weight)


def _rule_steps(
    answer: Any, case: _RuleCase, title: str, rng: np.random.Generator
) -> Iterator[Step]:
    name, inputs, value, hint = case.rule, case.inputs, case.value, case.hint
    before = [x.copy() for x in inputs]
    got = getattr(answer, name)(*inputs, **case.options)
    pair = isinstance(got, tuple) and len(got) == 2 and callable(got[1])
    form = "写成 return 结果, lambda g: (…,)：一个数组和一个函数"
    yield that(pair, f"{title}：返回 (结果, vjp)", form)
    yield close(got[0], value, f"{title} 的结果", "先核对正向的公式")
    g = np.asarray(rng.uniform(-2.0, 2.0, size=np.shape(value)))
    kept = g.copy()
    back = got[1](g)
    one_each = isinstance(back, tuple) and len(back) == len(inputs)
    comma = f"有 {len(inputs)} 个输入，vjp 就返回 {len(inputs)} 个梯度的元组"
    comma += "；只有一个时别漏逗号：(g,)" if len(inputs) == 1 else ""
    yield that(one_each, f"{title}：每个输入一个梯度", comma)
    for i, (mine, wanted) in enumerate(zip(back, case.vjp(g), strict=True)):
        which = f"{title} 第 {i + 1} 个输入的梯度" if len(inputs) > 1 else f"{title} 的梯度"
        yield shape(mine, np.shape(wanted), which, hint)
        if not np.allclose(mine, wanted) and np.allclose(mine * g, wanted):
            hint = "只写了局部导数，忘了乘上从结果传回来的 g"
        yield close(mine, wanted, which, hint)
    yield untouched(kept, g, "g")
    again = got[1](g)
    yield that(
        all(np.array_equal(x, y) for x, y in zip(back, again, strict=True)),
        f"{title}：再问一次，答案一样",
        "vjp 不能改动它记住的数组",
    )
    for x, old in zip(inputs, before, strict=True):
        yield untouched(old, x, name)


# --- 04.4 -------------------------------------------------------------------------------------


def _mul(a: GraphNode, b: GraphNode) -> GraphNode:
    return GraphNode(a, b, data=a.data * b.data, vjp=lambda g: (g * b.data, g * a.data))


def _add(a: GraphNode, b: GraphNode) -> GraphNode:
    # one array for both operands: whoever adds to it in place spoils the other gradient
    return GraphNode(a, b, data=a.data + b.data, vjp=lambda g: (g, g))


def _scale(a: GraphNode, k: float) -> GraphNode:
    return GraphNode(a, data=a.data * k, scale=k)


def _sum(a: GraphNode) -> GraphNode:
    return GraphNode(a, data=a.data.sum(), vjp=lambda g: (np.full(a.data.shape, g),))


def _gradient(
    got: Any, node: GraphNode, wanted: Any, label: str, hint: str, *, weight: float = 1.0
) -> Step:
    """Does the answer's dictionary hold ``wanted`` for ``node``?"""
    found = got.get(node) if isinstance(got, dict) else None
    if found is None:
        return that(False, label, hint, "字典里没有它", weight=weight)
    return close(found, wanted, label, hint, weight=weight)


@exercise(
    "04.4",
    title="沿图往回走",
    points=4,
    asks="gradients(root) -> 字典 {节点: 梯度}",
    reference=reference_gradients,
    hints=(
        "梯度从 root 出发往叶子走。一个节点要等所有用到它的地方都把梯度传来，才能往前传。",
        "先用 topological_order 排好队，再从队尾走到队首：轮到谁，谁的梯度就已收齐。"
        "字典从 {root: 全 1} 开始。",
        "对每个有 vjp、已在字典里的节点：node.vjp(它的梯度) 与 node.parents 一一对应；"
        "来源的 requires_grad 为真才记，已有就写 grads[p] = grads[p] + g，没有就写 grads[p] = g。",
    ),
    allows=(f"{_HERE}.reference_topological_order",),
)
def judge_gradients(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    size = tuple(int(n) for n in rng.permutation([2, 3, 4])[:2])

    def leaf(requires_grad: bool = True) -> GraphNode:
        return GraphNode(data=rng.uniform(0.5, 2.0, size=size), requires_grad=requires_grad)

    x = leaf()
    y = _scale(_scale(x, 2.0), 3.0)
    got = answer(y)
    yield that(isinstance(got, dict), "返回字典", "返回 {节点: 梯度}，节点自己作键")
    hint = "从 grads = {root: 全 1} 出发：root 对自己的导数是 1"
    yield _gradient(got, y, np.ones(size), "root 的梯度", hint, weight=0.0)
    yield that(x in got, "链 y = 3·(2x)：x 的梯度在字典里", "沿 parents 一直走到叶子")
    hint = "每过一个节点调用一次它的 vjp"
    yield _gradient(got, x, np.full(size, 6.0), "链 y = 3·(2x)：x 的梯度", hint)

    x = leaf()
    hint = "x 用了两次，两份梯度要相加：用 = 会把第一份盖掉"
    yield _gradient(answer(_mul(x, x)), x, 2 * x.data, "y = x·x", hint)
    x = leaf()
    y = _sum(_mul(x, x))
    got = answer(y)
    hint = "每个梯度与它的节点同形：root 是一个数时，从 np.ones_like(root.data) 出发"
    yield _gradient(got, y, 1.0, "y = Σ x·x：root 的梯度", hint, weight=0.0)
    yield _gradient(got, x, 2 * x.data, "y = Σ x·x：x 的梯度", hint, weight=0.5)
    a, b = leaf(), leaf()
    got = answer(_add(_add(a, a), b))
    hint = "vjp 给两个输入的可能是同一个数组：写 grads[p] = grads[p] + g，不要用 +="
    yield _gradient(got, b, np.ones(size), "y = (a + a) + b 的 b", hint, weight=0.5)
    yield _gradient(got, a, np.full(size, 2.0), "y = (a + a) + b 的 a", hint, weight=0.5)

    hint = "u 的梯度还没收齐就往前传了：按拓扑顺序的反序走，每个节点只处理一次"
    for short_way_first in (True, False):
        x = leaf()
        u = _mul(x, x)
        v = _scale(_scale(u, 3.0), 2.0)
        got = answer(_add(u, v) if short_way_first else _add(v, u))
        label = f"菱形 y = {'u + 6u' if short_way_first else '6u + u'}，u = x²"
        yield _gradient(got, x, 14 * x.data, label, hint)
        yield that(u.calls == 1, f"{label}：vjp 只调用一次", hint, f"u.vjp 被调用 {u.calls} 次")
        every = "字典里要有每个要梯度的节点，不只叶子"
        yield _gradient(got, u, np.full(size, 7.0), f"{label}：u 的梯度", every, weight=0.0)

    x, c = leaf(), leaf(requires_grad=False)
    y = _mul(_mul(x, c), c)
    got = answer(y)
    hint = "只给 requires_grad 为 True 的来源记梯度：常数（数据、标签）不需要"
    yield that(c not in got, "常数不在字典里", hint)
    yield _gradient(got, x, c.data**2, "y = x·c·c 的 x", hint)

    x = GraphNode(data=1.0, sealed=True)
    y = GraphNode(x, data=2.0, scale=2.0, sealed=True)
    try:
        answer(y)
        written = False
    except AttributeError as error:
        if SEALED not in str(error):
            raise
        written = True
    yield that(not written, "不改动 .grad", "这一步只算，写进 .grad 是 backward 的事")

    x = leaf()
    y = x
    for _ in range(40):
        y = _scale(_add(y, y), 0.5)
    hint = "同一个节点被处理了许多次：先 topological_order 排好队"
    try:
        got = answer(y)
    except TooManyVisits:
        yield that(False, "40 个菱形串起来", hint)
        return
    yield _gradient(got, x, np.ones(size), "40 个菱形串起来", hint, weight=0.5)
    y = x
    for _ in range(3_200):
        y = _scale(y, 1.0)
    hint = "不要递归：用 04.1 排好的列表，一个 for 就够"
    try:
        got = answer(y)
    except RecursionError:
        yield that(False, "3,200 个运算的长链", hint)
        return
    yield _gradient(got, x, np.ones(size), "3,200 个运算的长链", hint, weight=0.5)


# --- 04.5 -------------------------------------------------------------------------------------


def _numeric(f: Callable[..., Any], arrays: list[Array], i: int) -> Array:
    """Central differences of ``f`` with respect to ``arrays[i]``."""
    out = np.zeros_like(arrays[i])
    for index in np.ndindex(out.shape):
        sides = []
        for step in (1e-6, -1e-6):
            moved = [x.copy() for x in arrays]
            moved[i][index] += step
            sides.append(float(f(*moved)))
        out[index] = (sides[0] - sides[1]) / 2e-6
    return out


@dataclass(frozen=True)
class _Expression:
    """The same expression in tensors and, to compare with, in arrays alone."""

    text: str
    tensor: Callable[[Any, Any], Any]
    plain: Callable[[Array, Array], Any]
    hint: str
    product: bool = False  # b is (n, k), otherwise of the shape of a


def _log_p(z: Array, axis: int) -> Array:
    return np.asarray(z - np.log(np.exp(z).sum(axis=axis, keepdims=True)))


_MEAN = "mean 的分母是被平均的个数：输入的大小除以输出的大小"
_LOG_SOFTMAX = "log_softmax(z) = z − ln Σ exp z，沿 axis 求和，keepdims=True"
_EXPRESSIONS = (
    _Expression(
        "(a * b + a).sum()",
        lambda a, b: (a * b + a).sum(),
        lambda a, b: (a * b + a).sum(),
        "a 用了两次：两份梯度相加",
    ),
    _Expression(
        "((a * 3 - 5) * b).relu().sum()",
        lambda a, b: ((a * 3 - 5) * b).relu().sum(),
        lambda a, b: np.maximum((a * 3 - 5) * b, 0).sum(),
        "relu 与 exp 同样写法：self.apply(Rules.relu)",
    ),
    _Expression(
        "(2 - a * 3).sum()",
        lambda a, b: (2 - a * 3).sum(),
        lambda a, b: (2 - a * 3).sum(),
        "2 - x 走 __rsub__，等于 -x + 2",
    ),
    _Expression(
        "(a / b).sum()",
        lambda a, b: (a / b).sum(),
        lambda a, b: (a / b).sum(),
        "a / b = a * b**-1",
    ),
    _Expression(
        "(1 / b).sum()",
        lambda a, b: (1 / b).sum(),
        lambda a, b: (1 / b).sum(),
        "1 / x 走 __rtruediv__",
    ),
    _Expression(
        "(-a).exp().sum()",
        lambda a, b: (-a).exp().sum(),
        lambda a, b: np.exp(-a).sum(),
        "-a = a * -1",
    ),
    _Expression(
        "b.log().sum(axis=0).exp().sum()",
        lambda a, b: b.log().sum(axis=0).exp().sum(),
        lambda a, b: b.prod(axis=0).sum(),
        "sum 要把 axis 传给规则",
    ),
    _Expression(
        "((a @ b) ** 2).mean()",
        lambda a, b: ((a @ b) ** 2).mean(),
        lambda a, b: ((a @ b) ** 2).mean(),
        _MEAN,
        product=True,
    ),
    _Expression(
        "(a.mean(axis=0) * b).sum()",
        lambda a, b: (a.mean(axis=0) * b).sum(),
        lambda a, b: (a.mean(axis=0) * b).sum(),
        _MEAN,
    ),
    _Expression(
        "(a - a.mean(axis=1, keepdims=True)).relu().sum()",
        lambda a, b: (a - a.mean(axis=1, keepdims=True)).relu().sum(),
        lambda a, b: np.maximum(a - a.mean(axis=1, keepdims=True), 0).sum(),
        _MEAN,
    ),
    _Expression(
        "(a.log_softmax(1) * b).sum()",
        lambda a, b: (a.log_softmax(1) * b).sum(),
        lambda a, b: (_log_p(a, 1) * b).sum(),
        _LOG_SOFTMAX,
    ),
    _Expression(
        "(b.log_softmax(0) * a).sum()",
        lambda a, b: (b.log_softmax(0) * a).sum(),
        lambda a, b: (_log_p(b, 0) * a).sum(),
        _LOG_SOFTMAX,
    ),
)


_OPERATIONS = (
    *("__add__", "__radd__", "__mul__", "__rmul__", "__matmul__", "__pow__"),
    *("exp", "log", "relu", "sum", "mean", "log_softmax"),
)


def _missing(T: Any, names: tuple[str, ...]) -> Step:
    missing = "、".join(name for name in names if not hasattr(T, name))
    hint = "照 __add__ 和 exp 的样子，每种运算一行"
    return that(not missing, "该有的都在", hint, f"还缺 {missing}" if missing else "")


def _tensor_construction(T: Any, rng: np.random.Generator) -> Iterator[Step]:
    t = T([[1, 2], [3, 4]])
    more = t + 1
    yield that(isinstance(more, T), "Tensor + 1 得到 Tensor", "apply 最后 return 新造的 Tensor")
    hint = "apply 把规则算出的结果放进新的 Tensor：value, vjp = rule(…)，再 Tensor(value)"
    yield close(more.data, [[2.0, 3.0], [4.0, 5.0]], "(Tensor + 1).data", hint)
    yield _missing(T, ("no_grad", "backward"))
    is_array = isinstance(t.data, np.ndarray) and t.data.dtype.kind == "f"
    yield that(is_array, "T([[1, 2], [3, 4]]).data 是浮点数组", "np.asarray，整数换成 float64")
    yield that(t.grad is None and not t.requires_grad, "新张量：grad 是 None，默认不要梯度")


def _tensor_recording(T: Any, rng: np.random.Generator) -> Iterator[Step]:
    w = T(rng.normal(size=3), requires_grad=True)
    hint = "任何一个输入要梯度，结果就要"
    yield that((w + 2).requires_grad, "算出来的张量继承 requires_grad", hint)
    constant = T(np.ones(3)) + 2
    hint = "any(t.requires_grad for t in 输入)"
    yield that(not constant.requires_grad, "没有人要梯度就不记录", hint)
    hint = "只在需要时写 parents 和 vjp，否则它们会让整张图留在内存里"
    yield that(len(constant.parents) == 0, "没有人要梯度就不留 parents", hint)
    with T.no_grad():
        quiet = w + 2
        with T.no_grad():
            pass
        inner = w + 3
    hint = "apply 里先看 recording 是不是 True"
    yield that(not quiet.requires_grad, "no_grad 里不记录", hint)
    hint = "没有记录就不该有 parents：它们会让整张图留在内存里"
    yield that(len(quiet.parents) == 0, "no_grad 里的结果没有 parents", hint)
    hint = "退出时恢复成进来之前的值，不是一律改成 True：no_grad 可以套着用"
    yield that(not inner.requires_grad, "no_grad 套 no_grad", hint)
    yield that((w + 2).requires_grad, "离开 no_grad 后重新记录", "用完要恢复")
    try:
        with T.no_grad():
            raise KeyError
    except KeyError:
        pass
    hint = "把恢复写在 finally 里：里面出了错也要恢复"
    restored = (w + 2).requires_grad
    T.recording = True  # a wrong no_grad must not spoil the rest of a learner's notebook
    yield that(restored, "no_grad 里出错之后重新记录", hint, weight=1.0)
    w = T(np.ones(1), requires_grad=True)
    (w + w).backward()
    hint = "把 gradients 的结果写进叶子的 .grad，叶子是没有 parents 的节点"
    yield that(w.grad is not None, "backward 之后 w.grad 有值", hint)
    yield close(w.grad, np.full(1, 2.0), "y = w + w 的 w.grad", "w 用了两次，两份梯度相加")


def _tensor_types(T: Any, rng: np.random.Generator) -> Iterator[Step]:
    yield _missing(T, _OPERATIONS)
    single = T(np.ones(3, np.float32), requires_grad=True)
    out = (single * 2 + 1).mean()
    hint = "NumPy 里 float32 数组 + float64 数组会变成 float64：把常数先转成 self.data.dtype"
    yield that(out.data.dtype == np.float32, "float32 进，float32 出", hint)
    w = T(rng.normal(size=3), requires_grad=True)
    for name, make in (
        ("ndarray * Tensor", lambda: np.ones(3) * w),
        ("ndarray + Tensor", lambda: np.ones(3) + w),
    ):
        try:
            got: Any = make()
        except (TypeError, ValueError, AttributeError):
            got = None
        hint = "类里写 __array_ufunc__ = None，NumPy 才会让位给 __rmul__、__radd__"
        yield that(isinstance(got, T) and got.data.shape == (3,), f"{name} 得到 Tensor", hint)


def _tensor_backward(T: Any, rng: np.random.Generator) -> Iterator[Step]:
    x_data = rng.normal(size=(4, 2))
    w = T(rng.normal(size=(2, 3)), requires_grad=True)
    x = T(x_data.copy())
    (x @ w).sum().backward()
    once = x_data.T @ np.ones((4, 3))
    yield close(w.grad, once, "w.grad", "(x @ w).sum() 对 w 的梯度是 xᵀ @ 全 1 的矩阵")
    yield that(x.grad is None, "不要梯度的 x：grad 仍是 None", "只写进 gradients 返回的节点")
    (x @ w).sum().backward()
    hint = "再次 backward 是累加：grad 已有值就相加，没有才赋值"
    yield close(w.grad, 2 * once, "两次 backward 后的 w.grad", hint)
    w.grad = None
    middle = x @ w
    middle.sum().backward()
    hint = "只给叶子留梯度（没有 parents 的），中间结果用完就丢"
    yield that(middle.grad is None, "中间结果的 grad 是 None", hint)
    yield close(w.grad, once, "清成 None 之后再 backward", "grad 是 None 时直接赋值", weight=0.0)
    a = T(np.ones(3), requires_grad=True)
    b = T(np.ones(3), requires_grad=True)
    try:
        for _ in range(2):
            a.sum().backward()
        twice = a.grad
    except ValueError:  # assignment destination is read-only
        twice = None
    hint = "sum 传回来的是 np.broadcast_to 的只读视图：第一次写进 .grad 时用 np.array 复制"
    yield that(twice is not None, "a.sum().backward() 两次", hint)
    yield close(twice, np.full(3, 2.0), "a.sum().backward() 两次后的 a.grad", hint, weight=0.0)
    a.grad = None
    for _ in range(2):
        (a + b).sum().backward()
    hint = "a.grad 与 b.grad 成了同一个数组：写进 .grad 时复制，累加时写 node.grad + g"
    yield close(b.grad, np.full(3, 2.0), "a、b 各自累加", hint, weight=0.0)
    try:
        (x @ w).backward()
        refused = False
    except ValueError:
        refused = True
    hint = "从一个数出发才谈得上梯度：size 不是 1 时 raise ValueError"
    yield that(refused, "形状 (4, 3) 的张量不能 backward", hint)


def _draw(expression: _Expression, rng: np.random.Generator) -> list[Array]:
    """Inputs at which no relu is so near its corner that a difference would straddle it."""
    m, n, k = (int(i) for i in rng.permutation([2, 3, 4]))
    while True:
        a = rng.uniform(0.3, 2.0, size=(m, n))
        b = rng.uniform(0.3, 2.0, size=(n, k) if expression.product else (m, n))
        if min(np.abs(a - a.mean(axis=1, keepdims=True)).min(), np.abs(a * 3 - 5).min()) > 1e-3:
            return [a, b]


def _expression_steps(T: Any, expression: _Expression, rng: np.random.Generator) -> Iterator[Step]:
    text, hint = expression.text, expression.hint
    arrays = _draw(expression, rng)
    tensors = [T(x.copy(), requires_grad=True) for x in arrays]
    out = expression.tensor(*tensors)
    yield close(out.data, float(expression.plain(*arrays)), f"{text} 的值", hint)
    out.backward()
    for i, name in enumerate("ab"):
        numeric = _numeric(expression.plain, arrays, i)
        label = f"{text} 对 {name} 的梯度"
        got = tensors[i].grad
        if got is None and not numeric.any():  # the expression does not use this one
            got = numeric
        yield close(got, numeric, label, hint, rtol=1e-4, atol=1e-6)
        yield untouched(arrays[i], tensors[i].data, name)


def _tensor_extremes(T: Any, rng: np.random.Generator) -> Iterator[Step]:
    z = T(np.array([[1000.0, 0.0, -1000.0]]), requires_grad=True)
    out = z.log_softmax(1)
    hint = "exp(1000) 溢出：先减去这一行的最大值（当作常数），结果不变"
    yield close(out.data, [[0.0, -1000.0, -2000.0]], "log_softmax([1000, 0, −1000])", hint)
    # log_softmax of a log_softmax changes nothing, and is half a dozen operations each time
    data, c = rng.normal(size=3), rng.normal(size=3)
    y = x = T(data.copy(), requires_grad=True)
    label = "几千个运算的长链"
    try:
        for _ in range(550):
            y = y.log_softmax(0)
        (y * c).sum().backward()
    except RecursionError:
        yield that(False, label, "backward 里不要递归：用 topological_order")
        return
    wanted = c - np.exp(_log_p(data, 0)) * c.sum()
    yield close(x.grad, wanted, label, "减去的最大值当作常数：用 self.data，不用 Tensor 的运算")


@exercise(
    "04.5",
    title="完整的 Tensor",
    points=6,
    asks="类 Tensor：运算、backward、no_grad、log_softmax",
    reference=ReferenceTensor,
    hints=(
        "先写 apply，其余运算都只是调用它的一行；再写 backward，最后写 no_grad 与 log_softmax。",
        "apply：把不是 Tensor 的输入包起来（dtype 跟 self.data 走），把各自的 .data 交给 rule，"
        "得到 (结果, vjp)；正在记录且有输入要梯度时，结果才记下 requires_grad、parents、vjp。"
        "no_grad 的恢复写在 finally 里。",
        "backward：size 不是 1 就 raise ValueError；否则对 gradients(self) 的每一项，没有 parents "
        "的节点才写 .grad：None 时 np.array(g)，否则相加。mean = sum × (输出大小 / 输入大小)。"
        "log_softmax：z = self − self.data 沿 axis 的最大值；再减 ln Σ exp z，keepdims=True。",
    ),
    allows=(
        f"{_HERE}.reference_topological_order",
        f"{_HERE}.reference_unbroadcast",
        f"{_HERE}.reference_gradients",
        f"{_HERE}.ReferenceRules*",
    ),
)
def judge_tensor(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    yield from _up_to_the_gap(_whole_tensor(answer, rng))


def _whole_tensor(T: Any, rng: np.random.Generator) -> Iterator[Step]:
    # the entry first, then the way back, then the many operations: half a class is half a mark
    yield from _tensor_construction(T, rng)
    yield from _tensor_recording(T, rng)
    yield from _tensor_types(T, rng)
    yield from _tensor_backward(T, rng)
    for expression in _EXPRESSIONS:
        steps = _expression_steps(T, expression, rng)
        yield _as_one(expression.text, steps, weight=0.5)
    yield from _tensor_extremes(T, rng)
