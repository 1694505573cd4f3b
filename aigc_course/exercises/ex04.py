"""Chapter 04, automatic differentiation: what each exercise asks.

The library's version is ``ex04_autograd``. A learner who is stuck on one part goes on with the
library's (``use("04.1", mine, otherwise=ex04.reference_topological_order)``), so the exercises
after it allow that part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain
from operator import add, mul
from typing import Any

import numpy as np

from aigc_course.exercises.ex04_autograd import (
    ReferenceRules,
    ReferenceTensor,
    reference_gradients,
    reference_topological_order,
    reference_unbroadcast,
)
from aigc_course.judging.handed.graph_node import SEALED, GraphNode, TooManyVisits
from aigc_course.judging.vocabulary import (
    Answer,
    Array,
    Caller,
    Rng,
    Step,
    Steps,
    array,
    as_one,
    attempt,
    exercise,
    hints,
    raises,
    sizes,
    that,
    value,
)

_Parents = Sequence[Sequence[int]]  # of each node, among those before it; the root is the last


def _tree(rng: Rng) -> _Parents:
    """No node has two readers, so only the order can be wrong."""
    unread = list(range(6))
    parents: list[list[int]] = [[] for _ in unread]
    while len(unread) > 1:
        some = min(int(rng.integers(2, 4)), len(unread))
        parents.append([unread.pop(int(rng.integers(len(unread)))) for _ in range(some)])
        unread.append(len(parents) - 1)
    return parents


def _diamonds(rng: Rng, n: int) -> _Parents:
    """``n`` nodes, each made from the one before and from up to two others; then the root."""
    more = [rng.integers(0, i, size=rng.integers(0, 3)) for i in range(1, n)]
    return [(), *((i, *js) for i, js in enumerate(more)), (n - 1, *rng.permutation(n - 1)[:2])]


def _order_steps(
    answer: Answer, parents: _Parents, label: str, reads: int, errors: Mapping[Any, str]
) -> Steps:
    """Does the answer give a list of all nodes, each once, parents first?"""
    graph, budget = list[GraphNode](), [reads]
    for of in parents:
        graph.append(GraphNode(*(graph[i] for i in of), budget=budget))
    order = yield from attempt(lambda: answer(graph[-1]), label, errors)
    kind = type(order).__name__
    detail = "列表里有不是这张图的节点的东西" if kind == "list" else f"得到的是 {kind}"
    own = isinstance(order, list) and {*map(id, order)} <= {*map(id, graph)}
    yield that(own, "返回节点的列表", "最后 return 那个记录顺序的 list", detail)
    place = {id(node): i for i, node in enumerate(order)}
    hint = "一个节点可以被用两次（x*x、菱形）：用 set 记住见过谁，见过的不再记"
    detail = f"列表长 {len(order)}，其中不同的节点只有 {len(place)} 个"
    yield that(len(place) == len(order), f"{label}：每个节点只出现一次", hint, detail)
    hint = "每个节点的所有 parents 都要走到，root 自己也要在列表里"
    detail = f"列表里有 {len(place)} 个，图里有 {len(graph)} 个"
    yield that(len(place) == len(graph), f"{label}：不漏节点", hint, detail)
    edges = [(graph[i], node) for node, of in zip(graph, parents, strict=True) for i in of]
    late = sum(place[id(parent)] > place[id(node)] for parent, node in edges)
    hint = "第一次碰到节点就记下，是先序；要等它的 parents 都记完，才轮到它"
    if late == len(edges):
        hint = "顺序整个反了：root 应当在最后"
    detail = f"{len(edges)} 条边里有 {late} 条的来源排在结果后面"
    yield that(late == 0, f"{label}：先来源，后结果", hint, detail)


@exercise(
    "04.1",
    "不用递归的拓扑排序",
    points=3,
    asks="topological_order(root) -> 节点列表，来源在前，root 在最后",
    reference=reference_topological_order,
)
@hints(
    "函数不能调用自己，那就自己管一个列表当栈：里面放「接下来要看谁」。",
    "每个节点进栈两次。第一次出栈，说明它的来源还没排：先把它自己压回去，再把来源压在上面。"
    "第二次出栈，来源都已排好，轮到它。",
    "栈里放 (节点, 来源排好了吗)，从 (root, False) 开始。取出 True 就 append 到结果；"
    "取出 False 且不在 set 里，就记进 set，压回 (节点, True)，再压每个 (来源, False)。",
)
def judge_topological_order(answer: Answer, rng: Rng) -> Steps:
    paths = {TooManyVisits: "你在走每一条路径，而路径有 2 的 40 次方条；见过的节点不要再展开"}
    deep = {
        RecursionError: "函数不能调用自己：把「接下来要看谁」放进一个 list，当栈用",
        TooManyVisits: "「node in 列表」要一个一个比，n 个节点就是 n² 次；查「见过没有」要用 set",
    }
    squarings = [(), *((i, i) for i in range(40))]
    line = [(), *((i,) for i in range(5_000))]
    # reads: room for a slow search, not for every path, nor for looking through a list each time
    for label, weight, reads, errors, graphs in (
        ("只有一个节点的图", 0.0, 10**6, paths, [[()]]),
        ("树", 1.0, 10**6, paths, [_tree(rng)]),
        ("有菱形的图（5 个节点）", 0.0, 10**6, paths, [_diamonds(rng, 4)]),
        ("有菱形的图（25 个节点）", 1.0, 10**8, paths, [_diamonds(rng, 24) for _ in range(3)]),
        ("40 个菱形串起来", 1.0, 200_000, paths, [squarings]),
        ("5,000 个运算的长链", 2.0, 100_000, deep, [line]),
    ):
        steps = (_order_steps(answer, graph, label, reads, errors) for graph in graphs)
        yield as_one(label, chain.from_iterable(steps), weight=weight)


@exercise(
    "04.2",
    "广播的反向",
    points=2,
    asks="unbroadcast(g, shape) -> 形状为 shape 的数组",
    reference=reference_unbroadcast,
)
@hints(
    "广播把一个数抄了多份，每一份都影响结果，所以反向是把这些份的梯度加起来。"
    "难处只在：沿哪几根轴加。",
    "分两步。前面补出来的轴有 g.ndim − len(shape) 根，求和并去掉；"
    "shape 里长度为 1 的轴，求和并留住。",
    "第一步 g.sum(axis=前几根轴的元组)；第二步再 sum 一次，axis 是 shape 里等于 1 的那些位置，"
    "keepdims=True。",
)
def judge_unbroadcast(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, reference_unbroadcast)
    a, b, c = (int(n) for n in rng.permutation([2, 3, 4]))
    aligned = "轴从右往左对齐：不管一样不一样长，多出来的都是最前面的轴"
    kept = "长度为 1 的轴也要求和，而且要留住这根轴（keepdims=True）"
    more = "可能不止多一根轴：多几根由 g.ndim − len(shape) 决定"
    cases: list[tuple[str, tuple[int, ...], tuple[int, ...], float, str]] = [
        ("形状没变", (a, b), (a, b), 0.0, "两个形状一样时原样返回"),
        ("前面多出一根轴", (a, b), (b,), 1.0, "shape 比 g 少的轴都在最前面：在那些轴上求和"),
        ("多出的轴与别的轴一样长", (a, a), (a,), 0.0, aligned),
        ("前面多出两根轴", (a, b, c), (c,), 1.0, more),
        ("长度为 1 的轴被拉长", (a, b), (a, 1), 1.0, kept),
        ("拉长的轴不止一根", (a, b, c), (1, b, 1), 0.5, "每一根长度为 1 的轴都要求和，不只一根"),
        ("两种都有", (a, b, c), (b, 1), 1.0, "先去掉前面多出的轴，再处理长度为 1 的轴"),
        ("原来是一个数", (a, b), (), 0.5, "shape 是 ()：所有轴都是多出来的，全部加起来"),
        ("本来就是 1", (a, 1), (a, 1), 0.0, "g 在这根轴上也是 1，求和后形状不能变"),
        ("多出的轴长度是 1", (1, b), (b,), 0.0, "多出来的轴哪怕长度是 1 也要去掉"),
    ]
    for case, big, small, weight, hint in cases:
        g = rng.integers(1, 9, size=big).astype(float)
        got, want = call(g, small)
        label, copies = f"{case} {big} → {small}", g.size // want.size
        got = yield from array(got, small, label, hint)
        traps = {"广播把一个数抄了多份，每一份的影响要相加，不是取平均": want / copies}
        if copies > 1 and np.isin(got, g).all():
            hint = "只取了其中一份：所有份的梯度都要加起来"
        elif copies > 1 and big != (a, a):
            hint = "求和的轴不对：看清楚哪几根轴是广播时抄出来的"
        yield value(got, want, label, hint, traps, weight=weight)
        yield call.untouched(label="没有改动输入 g")


_Case = tuple[str, float, str, tuple[Array, ...], dict[str, Any]]


def _rule_cases(rng: Rng) -> list[_Case]:
    """Every rule in its simplest form, then broadcasting, other exponents, the point 0, axes."""
    m, n, k = sizes(rng, 3, 2, 5)
    a, b, s = (rng.normal(size=size) for size in ((m, n), (m, n), (m, n, k)))
    row, column, right = (rng.normal(size=size) for size in ((n,), (m, 1), (n, k)))
    above = rng.uniform(0.5, 2.0, size=(m, n))
    signed = rng.uniform(0.5, 2.0, size=s.shape) * rng.choice([-1.0, 1.0], size=s.shape)
    zero = signed.copy()
    zero.flat[rng.integers(zero.size)] = 0.0
    product = "∂(ab)/∂a = b，∂(ab)/∂b = a：再各自乘上 g"
    cast = "两个输入都可能被广播过：返回之前各自 unbroadcast 回原来的形状"
    power = "(aᵖ)' = p·aᵖ⁻¹：系数 p 与指数 p − 1 都要有"
    at_zero = "a 里可以有 0 和负数：直接用 p·aᵖ⁻¹，不要除以 a，也不要取 ln a"
    axis = "axis 那根轴被压掉了：先用 np.expand_dims 放回去，再抄回 a 的形状"
    stays = "keepdims=True 时轴还在，不要再 expand_dims"
    every = "axis=None 而 keepdims=True 时，g 的每根轴都还在，长度是 1：广播回 a 的形状就行"
    return [
        ("mul（同形）", 1.0, product, (a, b), {}),
        ("power（p = 2）", 1.0, power, (above,), {"p": 2}),
        ("log", 1.0, "(ln a)' = 1/a，再乘上 g", (above,), {}),
        ("relu", 1.0, "a > 0 的地方放 g 过去，其余是 0：看 a 的正负，不是 g 的", (signed,), {}),
        ("matmul", 1.0, "da = g @ bᵀ，db = aᵀ @ g：用形状核对谁在左、谁转置", (a, right), {}),
        ("sum（全部）", 1.0, "每个元素对和的影响都是 1：把 g 抄回 a 的形状", (s,), {}),
        ("mul（有广播）", 0.5, cast, (a, row), {}),
        ("mul（都被广播）", 0.5, cast, (column, row), {}),
        ("power（p = -1.0）", 0.25, power, (above,), {"p": -1.0}),
        ("power（p = 0.5）", 0.25, power, (above,), {"p": 0.5}),
        ("power（p = 2，a 里有 0 和负数）", 0.25, at_zero, (zero,), {"p": 2}),
        ("power（p = 3，a 里有 0 和负数）", 0.25, at_zero, (zero,), {"p": 3}),
        ("relu（a 里有 0）", 0.25, "a = 0 处约定取 0：条件是 a > 0，不是 a >= 0", (zero,), {}),
        ("sum（axis=1）", 0.5, axis, (s,), {"axis": 1}),
        ("sum（axis=-1）", 0.5, axis, (s,), {"axis": -1}),
        ("sum（keepdims=True）", 0.25, stays, (s,), {"axis": 1, "keepdims": True}),
        ("sum（全部，keepdims=True）", 0.25, every, (s,), {"axis": None, "keepdims": True}),
    ]


def _rule_steps(answer: Answer, rng: Rng, case: _Case) -> Steps:
    title, _, hint, inputs, options = case
    name = title.partition("（")[0]
    call = Caller(getattr(answer, name), getattr(ReferenceRules, name))
    got, (out, right_vjp) = call(*inputs, **options)
    pair = isinstance(got, tuple) and len(got) == 2 and callable(got[1])
    form = "写成 return 结果, lambda g: (…,)：一个数组和一个函数"
    yield that(pair, f"{title}：返回 (结果, vjp)", form)
    yield value(got[0], out, f"{title} 的结果", "先核对正向的公式")
    back = Caller(got[1], right_vjp)
    g = np.asarray(rng.uniform(-2.0, 2.0, size=np.shape(out)))
    local, count = right_vjp(np.ones_like(g)), len(inputs)
    for again in (False, True):
        grads, right = back(g)
        comma = f"有 {count} 个输入，vjp 就返回 {count} 个梯度的元组"
        comma += "；只有一个时别漏逗号：(g,)" if count == 1 else ""
        one_each = isinstance(grads, tuple) and len(grads) == count
        yield that(one_each, f"{title}：每个输入一个梯度", comma)
        for i in range(count):
            which = f"{title} 第 {i + 1} 个输入的梯度" if count > 1 else f"{title} 的梯度"
            traps = {"只写了局部导数，忘了乘上从结果传回来的 g": local[i]}
            hint = "再问一次，答案变了：vjp 不能改动它记住的数组" if again else hint
            yield value(grads[i], right[i], which, hint, {} if again else traps)
        yield back.untouched()
    yield call.untouched()


@exercise(
    "04.3",
    "六条反向规则",
    points=4,
    asks="Rules 的 mul、power、log、relu、matmul、sum：返回 (结果, vjp)",
    reference=ReferenceRules,
    allows=[reference_unbroadcast],
)
@hints(
    "照 add 和 exp 的样子写：先算结果，再写一个函数，收下 g，返回一个元组，每个输入一个梯度。",
    "逐元素的规则都是「局部导数 × g」；mul 的两个输入可能被广播过，要各自 unbroadcast。"
    "matmul 用形状核对，sum 把 g 抄回 a 的形状。",
    "mul：g·b 与 g·a，各自 unbroadcast；power：g·p·aᵖ⁻¹；log：g/a；relu：g 乘 (a > 0)；"
    "matmul：g @ bᵀ 与 aᵀ @ g；sum：需要时先 np.expand_dims，再 np.broadcast_to。",
)
def judge_rules(answer: Answer, rng: Rng) -> Steps:
    for case in _rule_cases(rng):
        yield as_one(case[0], _rule_steps(answer, rng, case), weight=case[1])


def _mul(a: GraphNode, b: GraphNode) -> GraphNode:
    return GraphNode(a, b, data=a.data * b.data, vjp=lambda g: (g * b.data, g * a.data))


def _add(a: GraphNode, b: GraphNode) -> GraphNode:
    # one array for both operands: whoever adds to it in place spoils the other gradient
    return GraphNode(a, b, data=a.data + b.data, vjp=lambda g: (g, g))


def _scale(a: GraphNode, k: float) -> GraphNode:
    return GraphNode(a, data=a.data * k, scale=k)


def _sum(a: GraphNode) -> GraphNode:
    return GraphNode(a, data=a.data.sum(), vjp=lambda g: (np.full(a.data.shape, g),))


def _gradient(got: Any, node: GraphNode, want: Any, label: str, hint: str, weight: float) -> Step:
    """Does the answer's dictionary hold ``want`` for ``node``?"""
    found = got.get(node) if isinstance(got, dict) else None
    if found is None:
        return that(False, label, hint, "字典里没有它", weight=weight)
    return value(found, want, label, hint, weight=weight)


@exercise(
    "04.4",
    "沿图往回走",
    points=4,
    asks="gradients(root) -> 字典 {节点: 梯度}",
    reference=reference_gradients,
    allows=[reference_topological_order],
)
@hints(
    "梯度从 root 出发往叶子走。一个节点要等所有用到它的地方都把梯度传来，才能往前传。",
    "先用 topological_order 排好队，再从队尾走到队首：轮到谁，谁的梯度就已收齐。"
    "字典从 {root: 全 1} 开始。",
    "对每个有 vjp、已在字典里的节点：node.vjp(它的梯度) 与 node.parents 一一对应；"
    "来源的 requires_grad 为真才记，已有就写 grads[p] = grads[p] + g，没有就写 grads[p] = g。",
)
def judge_gradients(answer: Answer, rng: Rng) -> Steps:
    size = sizes(rng, 2, 2, 5)
    ones = np.ones(size)

    def leaf(requires_grad: bool = True) -> GraphNode:
        return GraphNode(data=rng.uniform(0.5, 2.0, size=size), requires_grad=requires_grad)

    x = leaf()
    y = _scale(_scale(x, 2.0), 3.0)
    got = answer(y)
    yield that(isinstance(got, dict), "返回字典", "返回 {节点: 梯度}，节点自己作键")
    hint = "从 grads = {root: 全 1} 出发：root 对自己的导数是 1"
    yield _gradient(got, y, ones, "root 的梯度", hint, 0.0)
    label = "链 y = 3·(2x)：x 的梯度"
    yield that(x in got, f"{label}在字典里", "沿 parents 一直走到叶子")
    yield _gradient(got, x, 6 * ones, label, "每过一个节点调用一次它的 vjp", 1.0)

    x = leaf()
    hint = "x 用了两次，两份梯度要相加：用 = 会把第一份盖掉"
    yield _gradient(answer(_mul(x, x)), x, 2 * x.data, "y = x·x", hint, 1.0)
    y = _sum(_mul(x, x))
    got = answer(y)
    hint = "每个梯度与它的节点同形：root 是一个数时，从 np.ones_like(root.data) 出发"
    yield _gradient(got, y, 1.0, "y = Σ x·x：root 的梯度", hint, 0.0)
    yield _gradient(got, x, 2 * x.data, "y = Σ x·x：x 的梯度", hint, 0.5)
    a, b = leaf(), leaf()
    got = answer(_add(_add(a, a), b))
    hint = "vjp 给两个输入的可能是同一个数组：写 grads[p] = grads[p] + g，不要用 +="
    yield _gradient(got, b, ones, "y = (a + a) + b 的 b", hint, 0.5)
    yield _gradient(got, a, 2 * ones, "y = (a + a) + b 的 a", hint, 0.5)

    for label in ("菱形 y = u + 6u，u = x²", "菱形 y = 6u + u，u = x²"):
        u = _mul(x, x)
        v = _scale(_scale(u, 3.0), 2.0)
        got = answer(_add(u, v) if "y = u" in label else _add(v, u))
        hint = "u 的梯度还没收齐就往前传了：按拓扑顺序的反序走，每个节点只处理一次"
        yield _gradient(got, x, 14 * x.data, label, hint, 1.0)
        yield that(u.calls == 1, f"{label}：vjp 只调用一次", hint, f"u.vjp 被调用 {u.calls} 次")
        hint = "字典里要有每个要梯度的节点，不只叶子"
        yield _gradient(got, u, 7 * ones, f"{label}：u 的梯度", hint, 0.0)

    c = leaf(requires_grad=False)
    got = answer(_mul(_mul(x, c), c))
    hint = "只给 requires_grad 为 True 的来源记梯度：常数（数据、标签）不需要"
    yield that(c not in got, "常数不在字典里", hint)
    yield _gradient(got, x, c.data**2, "y = x·c·c 的 x", hint, 1.0)
    sealed = GraphNode(data=1.0, sealed=True)
    written = False
    try:
        answer(GraphNode(sealed, data=2.0, scale=2.0, sealed=True))
    except AttributeError as error:
        written = SEALED in str(error)
        if not written:
            raise
    yield that(not written, "不改动 .grad", "这一步只算，写进 .grad 是 backward 的事")

    ordered = "同一个节点被处理了许多次：先 topological_order 排好队"
    loop = "不要递归：用 04.1 排好的列表，一个 for 就够"
    for label, n, twice, stop, hint in (
        ("40 个菱形串起来", 40, True, TooManyVisits, ordered),
        ("3,200 个运算的长链", 3_200, False, RecursionError, loop),
    ):
        x = y = leaf()
        for _ in range(n):
            y = _scale(_add(y, y), 0.5) if twice else _scale(y, 1.0)
        got = yield from attempt(partial(answer, y), label, {stop: hint})
        yield _gradient(got, x, ones, label, hint, 0.5)


_MEAN = "mean 的分母是被平均的个数：输入的大小除以输出的大小"
_LOG_SOFTMAX = "log_softmax(z) = z − ln Σ exp z，沿 axis 求和，keepdims=True"
_EXPRESSIONS = {
    "(a * b + a).sum()": "a 用了两次：两份梯度相加",
    "((a * 3 - 5) * b).relu().sum()": "relu 与 exp 同样写法：self.apply(Rules.relu)",
    "(2 - a * 3).sum()": "2 - x 走 __rsub__，等于 -x + 2",
    "(a / b).sum()": "a / b = a * b**-1",
    "(1 / b).sum()": "1 / x 走 __rtruediv__",
    "(-a).exp().sum()": "-a = a * -1",
    "b.log().sum(axis=0).exp().sum()": "sum 要把 axis 传给规则",
    "((a @ b) ** 2).mean()": _MEAN,
    "(a.mean(axis=0) * b).sum()": _MEAN,
    "(a - a.mean(axis=1, keepdims=True)).relu().sum()": _MEAN,
    "(a.log_softmax(1) * b).sum()": _LOG_SOFTMAX,
    "(b.log_softmax(0) * a).sum()": _LOG_SOFTMAX,
}


def _has(T: Answer, names: str) -> Step:
    missing = "、".join(name for name in names.split() if not hasattr(T, name))
    hint = "照 __add__ 和 exp 的样子，每种运算一行"
    return that(not missing, "该有的都在", hint, f"还缺 {missing}" if missing else "")


def _construction(T: Answer) -> Steps:
    t = T([[1, 2], [3, 4]])
    more = t + 1
    yield that(isinstance(more, T), "Tensor + 1 得到 Tensor", "apply 最后 return 新造的 Tensor")
    hint = "apply 把规则算出的结果放进新的 Tensor：value, vjp = rule(…)，再 Tensor(value)"
    yield value(more.data, [[2.0, 3.0], [4.0, 5.0]], "(Tensor + 1).data", hint)
    yield _has(T, "no_grad backward")
    is_array = isinstance(t.data, np.ndarray) and t.data.dtype.kind == "f"
    yield that(is_array, "T([[1, 2], [3, 4]]).data 是浮点数组", "np.asarray，整数换成 float64")
    yield that(t.grad is None and not t.requires_grad, "新张量：grad 是 None，默认不要梯度")


def _recording(T: Answer, rng: Rng) -> Steps:
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
    yield that(not quiet.requires_grad, "no_grad 里不记录", "apply 里先看 recording 是不是 True")
    hint = "没有记录就不该有 parents：它们会让整张图留在内存里"
    yield that(len(quiet.parents) == 0, "no_grad 里的结果没有 parents", hint)
    hint = "退出时恢复成进来之前的值，不是一律改成 True：no_grad 可以套着用"
    yield that(not inner.requires_grad, "no_grad 套 no_grad", hint)
    yield that((w + 2).requires_grad, "离开 no_grad 后重新记录", "用完要恢复")
    with suppress(KeyError), T.no_grad():
        raise KeyError
    restored = (w + 2).requires_grad
    T.recording = True  # a wrong no_grad must not spoil the rest of a learner's notebook
    hint = "把恢复写在 finally 里：里面出了错也要恢复"
    yield that(restored, "no_grad 里出错之后重新记录", hint, weight=1.0)
    w = T(np.ones(1), requires_grad=True)
    (w + w).backward()
    hint = "把 gradients 的结果写进叶子的 .grad，叶子是没有 parents 的节点"
    yield that(w.grad is not None, "backward 之后 w.grad 有值", hint)
    yield value(w.grad, [2.0], "y = w + w 的 w.grad", "w 用了两次，两份梯度相加")


def _types(T: Answer, rng: Rng) -> Steps:
    operators = "__add__ __radd__ __mul__ __rmul__ __matmul__ __pow__"
    yield _has(T, f"{operators} exp log relu sum mean log_softmax")
    out = (T(np.ones(3, np.float32), requires_grad=True) * 2 + 1).mean()
    hint = "NumPy 里 float32 数组 + float64 数组会变成 float64：把常数先转成 self.data.dtype"
    yield that(out.data.dtype == np.float32, "float32 进，float32 出", hint)
    w = T(rng.normal(size=3))
    hint = "类里写 __array_ufunc__ = None，NumPy 才会让位给 __rmul__、__radd__"
    for sign, operator in (("*", mul), ("+", add)):
        got: Any = None
        with suppress(TypeError, ValueError, AttributeError):
            got = operator(np.ones(3), w)
        ok = isinstance(got, T) and got.data.shape == (3,)
        yield that(ok, f"ndarray {sign} Tensor 得到 Tensor", hint)


def _backward(T: Answer, rng: Rng) -> Steps:
    data = rng.normal(size=(4, 2))
    w, x = T(rng.normal(size=(2, 3)), requires_grad=True), T(data.copy())
    (x @ w).sum().backward()
    once = data.T @ np.ones((4, 3))
    yield value(w.grad, once, "w.grad", "(x @ w).sum() 对 w 的梯度是 xᵀ @ 全 1 的矩阵")
    yield that(x.grad is None, "不要梯度的 x：grad 仍是 None", "只写进 gradients 返回的节点")
    (x @ w).sum().backward()
    hint = "再次 backward 是累加：grad 已有值就相加，没有才赋值"
    yield value(w.grad, 2 * once, "两次 backward 后的 w.grad", hint)
    w.grad = None
    middle = x @ w
    middle.sum().backward()
    hint = "只给叶子留梯度（没有 parents 的），中间结果用完就丢"
    yield that(middle.grad is None, "中间结果的 grad 是 None", hint)
    yield value(w.grad, once, "清成 None 之后再 backward", "grad 是 None 时直接赋值", weight=0.0)
    a, b = T(np.ones(3), requires_grad=True), T(np.ones(3), requires_grad=True)
    twice = None
    with suppress(ValueError):  # assignment destination is read-only
        a.sum().backward()
        a.sum().backward()
        twice = a.grad
    hint = "sum 传回来的是 np.broadcast_to 的只读视图：第一次写进 .grad 时用 np.array 复制"
    yield that(twice is not None, "a.sum().backward() 两次", hint)
    yield value(twice, [2.0] * 3, "a.sum().backward() 两次后的 a.grad", hint, weight=0.0)
    a.grad = None
    (a + b).sum().backward()
    (a + b).sum().backward()
    hint = "a.grad 与 b.grad 成了同一个数组：写进 .grad 时复制，累加时写 node.grad + g"
    yield value(b.grad, [2.0] * 3, "a、b 各自累加", hint, weight=0.0)
    hint = "从一个数出发才谈得上梯度：size 不是 1 时 raise ValueError"
    yield raises((x @ w).backward, ValueError, "形状 (4, 3) 的张量不能 backward", hint)


def _expression(T: Answer, rng: Rng, text: str, hint: str) -> Steps:
    """The same expression in the answer's tensors and in the library's."""
    m, n, k = sizes(rng, 3, 2, 5)
    a = rng.uniform(0.3, 2.0, size=(m, n))
    b = rng.uniform(0.3, 2.0, size=(n, k) if "@" in text else (m, n))
    mine, library = ([K(x.copy(), True) for x in (a, b)] for K in (T, ReferenceTensor))
    # one text for both and for the learner to read: they cannot come to differ
    got, want = (eval(text, dict(zip("ab", pair, strict=True))) for pair in (mine, library))
    yield value(got.data, want.data, f"{text} 的值", hint)
    got.backward()
    want.backward()
    for name, x, t, right in zip("ab", (a, b), mine, library, strict=True):
        if right.grad is not None:
            label, unreached = f"{text} 对 {name} 的梯度", f"{name}.grad 还是 None：梯度没有传到它"
            yield that(t.grad is not None, label, hint, unreached)
            yield value(t.grad, right.grad, label, hint)
        yield value(t.data, x, f"没有改动输入 {name}", "运算得到新的 Tensor，不改 .data")


def _extremes(T: Answer, rng: Rng) -> Steps:
    z = T(np.array([[1000.0, 0.0, -1000.0]]), requires_grad=True)
    hint = "exp(1000) 溢出：先减去这一行的最大值（当作常数），结果不变"
    right = [[0.0, -1000.0, -2000.0]]
    yield value(z.log_softmax(1).data, right, "log_softmax([1000, 0, −1000])", hint)
    # log_softmax of a log_softmax changes nothing, and is half a dozen operations each time
    data, c = rng.normal(size=3), rng.normal(size=3)
    x = T(data.copy(), requires_grad=True)

    def deep_gradient() -> Any:
        y = x
        for _ in range(550):
            y = y.log_softmax(0)
        (y * c).sum().backward()
        return x.grad

    label, recursive = "几千个运算的长链", "backward 里不要递归：用 topological_order"
    got = yield from attempt(deep_gradient, label, {RecursionError: recursive})
    want = c - np.exp(data) / np.exp(data).sum() * c.sum()
    yield value(got, want, label, "减去的最大值当作常数：用 self.data，不用 Tensor 的运算")


@exercise(
    "04.5",
    "完整的 Tensor",
    points=6,
    asks="类 Tensor：运算、backward、no_grad、log_softmax",
    reference=ReferenceTensor,
    allows=[
        *(reference_topological_order, reference_unbroadcast, reference_gradients),
        f"{ReferenceRules.__module__}.ReferenceRules*",
    ],
)
@hints(
    "先写 apply，其余运算都只是调用它的一行；再写 backward，最后写 no_grad 与 log_softmax。",
    "apply：把不是 Tensor 的输入包起来（dtype 跟 self.data 走），把各自的 .data 交给 rule，"
    "得到 (结果, vjp)；正在记录且有输入要梯度时，结果才记下 requires_grad、parents、vjp。"
    "no_grad 的恢复写在 finally 里。",
    "backward：size 不是 1 就 raise ValueError；否则对 gradients(self) 的每一项，没有 parents "
    "的节点才写 .grad：None 时 np.array(g)，否则相加。mean = sum × (输出大小 / 输入大小)。"
    "log_softmax：z = self − self.data 沿 axis 的最大值；再减 ln Σ exp z，keepdims=True。",
)
def judge_tensor(answer: Answer, rng: Rng) -> Steps:
    # the entry first, then the way back, then the many operations: half a class is half a mark
    yield from _construction(answer)
    yield from _recording(answer, rng)
    yield from _types(answer, rng)
    yield from _backward(answer, rng)
    for text, hint in _EXPRESSIONS.items():
        yield as_one(text, _expression(answer, rng, text, hint), weight=0.5)
    yield from _extremes(answer, rng)
