"""Chapter 04, automatic differentiation: what each exercise asks.

The library's version is ``ex04_autograd``. A learner who is stuck on one part goes on with the
library's (``use("04.1", mine, otherwise=ex04.reference_topological_order)``), so the exercises
after it allow that part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain
from operator import add, mul
from typing import Any

import numpy as np

from aigc_course.exercises.ex04_autograd import (
    ReferenceRules,
    ReferenceTensor,
    Vjp,
    reference_gradients,
    reference_topological_order,
    reference_unbroadcast,
)
from aigc_course.judging.handed.graph_node import (
    MARKED,
    SEALED,
    GraphNode,
    TooDeep,
    TooManyVisits,
)
from aigc_course.judging.vocabulary import (
    Answer,
    Array,
    Caller,
    Rng,
    Step,
    Steps,
    again,
    array,
    as_one,
    attempt,
    exercise,
    hints,
    shape_of,
    sizes,
    that,
    value,
)

# --- 04.1: the order ---------------------------------------------------------------------------

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


class _Marked(Exception):
    """An answer leaves marks on the nodes."""


def _asked(answer: Answer, root: GraphNode) -> Any:
    """``answer(root)``; a mark on a node is not to be mistaken for another AttributeError."""
    try:
        return answer(root)
    except AttributeError as error:
        if MARKED in str(error):
            raise _Marked from None
        raise


_LOOP = "函数不能调用自己，调高递归的上限也不行：把「接下来要看谁」放进一个 list，当栈用"
_ERRORS: dict[type[Exception], str] = {
    TooManyVisits: "你在走每一条路径，而路径有 2 的 40 次方条；见过的节点不要再展开",
    TooDeep: _LOOP,
    RecursionError: _LOOP,
    _Marked: "记号不要写在节点上：用函数里的 set 记住见过谁",
}


def _order_steps(
    answer: Answer, parents: _Parents, label: str, reads: int, errors: Mapping[Any, str]
) -> Steps:
    """Does the answer give a list of all nodes, each once, parents first, and and so again?"""
    graph, budget = list[GraphNode](), [reads]
    for of in parents:
        graph.append(GraphNode(*(graph[i] for i in of), budget=budget))
    nodes = {*map(id, graph)}
    edges = [(id(graph[i]), id(n)) for n, of in zip(graph, parents, strict=True) for i in of]

    def late(place: Mapping[int, int]) -> int:
        return sum(place[parent] > place[node] for parent, node in edges)

    order = yield from attempt(lambda: _asked(answer, graph[-1]), label, errors)
    kind = type(order).__name__
    detail = "列表里有不是这张图的节点的东西" if kind == "list" else f"得到的是 {kind}"
    own = isinstance(order, list) and {*map(id, order)} <= nodes
    yield that(own, "返回节点的列表", "最后 return 那个记录顺序的 list", detail)
    order = list(order)  # the answer may go on with its own
    place = {id(node): i for i, node in enumerate(order)}
    hint = "一个节点可以被用两次（x*x、菱形）：用 set 记住见过谁，见过的不再记"
    detail = f"列表长 {len(order)}，其中不同的节点只有 {len(place)} 个"
    yield that(len(place) == len(order), f"{label}：每个节点只出现一次", hint, detail)
    hint = "每个节点的所有 parents 都要走到，root 自己也要在列表里"
    detail = f"列表里有 {len(place)} 个，图里有 {len(graph)} 个"
    yield that(len(place) == len(graph), f"{label}：不漏节点", hint, detail)
    hint = "第一次碰到节点就记下，是先序；要等它的 parents 都记完，才轮到它"
    if late(place) == len(edges):
        hint = "顺序整个反了：root 应当在最后"
    detail = f"{len(edges)} 条边里有 {late(place)} 条的来源排在结果后面"
    yield that(late(place) == 0, f"{label}：先来源，后结果", hint, detail)
    if len(graph) > 1_000:  # once is enough there: it has to be sent to where the answer is
        return
    twice = yield from attempt(lambda: _asked(answer, graph[-1]), label, errors)
    there = {id(node): i for i, node in enumerate(twice)} if isinstance(twice, list) else {}
    same = there.keys() == place.keys() and len(twice) == len(order) and late(there) == 0
    hint = "第二次的结果变了：函数不能记得上一次，默认参数、全局变量、函数的属性里都不要留东西"
    yield that(same, f"{label}：同一张图再排一次", hint)


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
    look = "「node in 列表」要一个一个比，n 个节点就是 n² 次；查「见过没有」要用 set"
    deep = _ERRORS | {TooManyVisits: look}
    squarings = [(), *((i, i) for i in range(40))]
    line = [(), *((i,) for i in range(5_000))]
    # reads: room for a slow search, not for every path, nor for looking through a list each time
    for label, weight, reads, errors, graphs in (
        ("只有一个节点的图", 0.0, 10**6, _ERRORS, [[()]]),
        ("树", 1.0, 10**6, _ERRORS, [_tree(rng)]),
        ("有菱形的图（5 个节点）", 0.0, 10**6, _ERRORS, [_diamonds(rng, 4)]),
        ("有菱形的图（25 个节点）", 1.0, 10**8, _ERRORS, [_diamonds(rng, 24) for _ in range(3)]),
        ("40 个菱形串起来", 1.0, 200_000, _ERRORS, [squarings]),
        ("5,000 个运算的长链", 2.0, 100_000, deep, [line]),
    ):
        steps = (_order_steps(answer, graph, label, reads, errors) for graph in graphs)
        yield as_one(label, chain.from_iterable(steps), weight=weight)


# --- 04.2 to 04.5: the rules -------------------------------------------------------------------


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
        ("一个样本也没有", (0, b), (b,), 0.0, "没有东西可加时和是 0：求和就行，不要取某一行"),
        ("一个样本也没有", (0, b), (1, b), 0.0, "0 也是 1 拉出来的：shape 里是 1 的轴一律求和"),
        ("一个样本也没有", (0, b), (0, b), 0.0, "形状一样时原样返回，长度是 0 也一样"),
    ]
    for case, big, small, weight, hint in cases:
        g = rng.uniform(1.0, 9.0, size=big)
        got, want = call(g, small)
        label, copies = f"{case} {big} → {small}", max(1, g.size // max(1, want.size))
        got = yield from array(got, small, label, hint)
        traps = {"广播把一个数抄了多份，每一份的影响要相加，不是取平均": want / copies}
        if copies > 1 and np.isin(got, g).all():
            hint = "只取了其中一份：所有份的梯度都要加起来"
        elif copies > 1 and big != (a, a):
            hint = "求和的轴不对：看清楚哪几根轴是广播时抄出来的"
        yield value(got, want, label, hint, traps, weight=weight)
        yield call.untouched(label="没有改动输入 g")
    yield again(call, rng.normal(size=(a, b)), (b,))


_Case = tuple[str, float, str, tuple[Array, ...], dict[str, Any]]


def _rule_steps(rule: Answer, right: Any, rng: Rng, case: _Case) -> Steps:
    """The value of a rule, then what its vjp gives, twice."""
    title, _, hint, inputs, options = case
    call = Caller(rule, right)
    got, (out, right_vjp) = call(*inputs, **options)
    pair = isinstance(got, tuple) and len(got) == 2 and callable(got[1])
    form = "写成 return 结果, lambda g: (…,)：一个数组和一个函数"
    yield that(pair, f"{title}：返回 (结果, vjp)", form)
    yield value(got[0], out, f"{title} 的结果", "先核对正向的公式")
    back = Caller(got[1], right_vjp)
    g = np.asarray(rng.uniform(-2.0, 2.0, size=np.shape(out)))
    local, count = right_vjp(np.ones_like(g)), len(inputs)
    other = "换一个 g 再问，梯度没有跟着对：每次用收到的 g，也不改动记住的数组"
    for repeated in (0, 1, 2):
        said = (hint, "再问一次，答案变了：vjp 不能改动它记住的数组", other)[repeated]
        if repeated == 2:
            g = np.asarray(rng.uniform(2.5, 4.0, size=g.shape))
        both = yield from attempt(partial(back, g), f"{title} 的梯度", {ValueError: said})
        grads: Any = both[0] if both else None
        want: Any = both[1] if both else local
        comma = f"有 {count} 个输入，vjp 就返回 {count} 个梯度的元组"
        comma += "；只有一个时别漏逗号：(g,)" if count == 1 else ""
        one_each = isinstance(grads, tuple) and len(grads) == count
        yield that(one_each, f"{title}：每个输入一个梯度", comma)
        for i in range(count):
            which = f"{title} 第 {i + 1} 个输入的梯度" if count > 1 else f"{title} 的梯度"
            traps = {"只写了局部导数，忘了乘上从结果传回来的 g": local[i]}
            if count > 1:
                traps["两个梯度的次序反了：先第一个输入的，后第二个的"] = want[1 - i]
            yield value(grads[i], want[i], which, said, {} if repeated else traps)
        yield back.untouched()
    yield call.untouched()


def _single_steps(rule: Answer, name: str, inputs: Sequence[Array], **options: Any) -> Steps:
    """float32 in, float32 out and back."""
    got = rule(*(a.astype(np.float32) for a in inputs), **options)
    back = got[1](np.ones(np.shape(got[0]), np.float32))
    found = {np.asarray(array).dtype.name for array in (got[0], *back)}
    hint = "np.where(…, 0.5, …)、np.zeros(形状) 给的是 float64：转成输入的 dtype"
    detail = f"得到的有 {'、'.join(sorted(found))}"
    yield that(found == {"float32"}, f"{name}：float32 进，float32 出", hint, detail, weight=0.25)


def _rule_cases(rng: Rng) -> list[_Case]:
    """Every rule in its simplest form, then broadcasting, other exponents, the point 0, ties."""
    m, n = sizes(rng, 2, 2, 5)
    a, b = rng.normal(size=(m, n)), rng.uniform(0.5, 2.0, size=(m, n))
    row, column = rng.uniform(0.5, 2.0, size=(n,)), rng.uniform(0.5, 2.0, size=(m, 1))
    one, number = rng.uniform(0.5, 2.0, size=(1,)), np.asarray(rng.uniform(0.5, 2.0))
    zero = b * rng.choice([-1.0, 1.0], size=b.shape)
    zero.flat[rng.integers(zero.size)] = 0.0
    tied = np.where(rng.random(a.shape) < 0.5, a, b)
    tied.flat[:2] = a.flat[0], b.flat[1]
    quotient = "y = a·b⁻¹：对 a 的导数是 1/b，对 b 的是 −a/b²，再各自乘上 g"
    cast = "两个输入都可能被广播过：返回之前各自 unbroadcast 回原来的形状"
    power = "(aᵖ)' = p·aᵖ⁻¹：系数 p 与指数 p − 1 都要有"
    at_zero = "a 里可以有 0 和负数：直接用 p·aᵖ⁻¹，不要除以 a，也不要取 ln a"
    larger = "谁大 g 就归谁，另一个得 0：看 a > b，不是看 g"
    tie = "一样大的地方两边各得一半：a 动一点、b 动一点，结果动的是它们的平均"
    near = 1e-9 * rng.choice([-1.0, 1.0], size=a.shape)
    close = "只差一点也不算一样大：用 a == b，不用 isclose"
    return [
        ("div（同形）", 1.0, quotient, (a, b), {}),
        ("power（p = 2）", 1.0, power, (b,), {"p": 2}),
        ("maximum（同形）", 1.0, larger, (a, b), {}),
        ("div（(m, n) 与 (n,)）", 0.5, cast, (a, row), {}),
        ("div（(m, 1) 与 (n,)）", 0.5, cast, (column, row), {}),
        ("div（(1,) 与一个数）", 0.25, cast, (one, number), {}),
        ("div（没有样本）", 0.25, cast, (a[:0], row), {}),
        ("div（没有样本，(0, n) 与 (1, n)）", 0.25, cast, (a[:0], b[:1]), {}),
        ("power（p = -1.0）", 0.25, power, (b,), {"p": -1.0}),
        ("power（p = 0.5）", 0.25, power, (b,), {"p": 0.5}),
        ("power（p = 2，a 里有 0 和负数）", 0.25, at_zero, (zero,), {"p": 2}),
        ("power（p = 3，a 里有 0 和负数）", 0.25, at_zero, (zero,), {"p": 3}),
        ("maximum（有一样大的）", 0.5, tie, (a, tied), {}),
        ("maximum（只差 1e-9）", 0.25, close, (a, a + near), {}),
        ("maximum（(m, n) 与 (m, 1)）", 0.5, cast, (a, column), {}),
        ("maximum（(m, 1) 与 (n,)）", 0.5, cast, (column, row), {}),
    ]


@exercise(
    "04.3",
    "三条逐元素的规则",
    points=3,
    asks="Rules 的 div、power、maximum：返回 (结果, vjp)",
    reference=ReferenceRules,
    allows=[reference_unbroadcast],
)
@hints(
    "照 mul 和 exp 的样子写：先算结果，再写一个函数，收下 g，返回一个元组，每个输入一个梯度。",
    "先把导数写在纸上。div 的两个可以从 a·b⁻¹ 来；maximum 在 a > b 处等于 a，在 a < b 处等于 b。",
    "div：g 除以 b，与 −g·a 除以 b 的平方；power：g·p·aᵖ⁻¹；maximum：a 分到的份是 1、½ 或 0，"
    "b 分到余下的份。有两个输入的都要各自 unbroadcast。",
)
def judge_rules(answer: Answer, rng: Rng) -> Steps:
    for case in _rule_cases(rng):
        name = case[0].partition("（")[0]
        steps = _rule_steps(getattr(answer, name), getattr(ReferenceRules, name), rng, case)
        yield as_one(case[0], steps, weight=case[1])
    a, b = rng.uniform(0.5, 2.0, size=(2, 3, 2))
    b[0] = a[0]
    yield from _single_steps(answer.div, "div", (a, b))
    yield from _single_steps(answer.power, "power", (a,), p=2)
    yield from _single_steps(answer.maximum, "maximum", (a, b))


@exercise(
    "04.4",
    "成批的矩阵乘法",
    points=2,
    asks="matmul(a, b) -> (结果, vjp)",
    reference=ReferenceRules.matmul,
    allows=[reference_unbroadcast],
)
@hints(
    "每一批里都是正文推过的两个式子；难处只在：转置只转最后两根轴，前面的轴会广播。",
    "三维数组的 .T 把三根轴全倒过来；只换最后两根用 np.swapaxes。广播过的输入要 unbroadcast。",
    "a 的梯度是 g 乘上换过最后两轴的 b，b 的梯度是换过最后两轴的 a 乘上 g；"
    "再各自 unbroadcast 回 a.shape、b.shape。",
)
def judge_matmul(answer: Answer, rng: Rng) -> Steps:
    m, n, k, B = sizes(rng, 4, 2, 6)
    swap = "转置的是最后两根轴：三维数组的 .T 把三根轴全倒过来"
    cast = "没有批的那个输入被每一批用了一次：各批的梯度要加起来，unbroadcast 回它的形状"
    cases: list[tuple[str, float, str, tuple[int, ...], tuple[int, ...]]] = [
        ("两个矩阵", 1.0, "a 的梯度是 g bᵀ，b 的是 aᵀ g：用形状核对谁在左", (m, n), (n, k)),
        ("两边都有批", 1.0, swap, (B, m, n), (B, n, k)),
        ("只有 a 有批", 1.0, cast, (B, m, n), (n, k)),
        ("只有 b 有批", 0.5, cast, (m, n), (B, n, k)),
        ("批的轴长度是 1", 0.5, cast, (B, 1, m, n), (2, n, k)),
        ("批里一个也没有", 0.25, cast, (0, m, n), (n, k)),
        ("方阵", 0.25, swap, (B, n, n), (B, n, n)),
        ("a 有两根批的轴", 0.25, cast, (B, 2, m, n), (n, k)),
        ("批里一个也没有", 0.0, cast, (1, m, n), (0, n, k)),
    ]
    for label, weight, hint, left, right in cases:
        inputs = rng.normal(size=left), rng.normal(size=right)
        case = (f"{label} {left} @ {right}", weight, hint, inputs, dict[str, Any]())
        steps = _rule_steps(answer, ReferenceRules.matmul, rng, case)
        yield as_one(case[0], steps, weight=weight)
    yield from _single_steps(answer, "matmul", tuple(rng.normal(size=(2, 3, 3))))


@exercise(
    "04.5",
    "取下标的反向",
    points=3,
    asks="getitem(a, index) -> (结果, vjp)",
    reference=ReferenceRules.getitem,
)
@hints(
    "没有被取到的位置对结果没有影响，被取到两次的位置影响了两次：它们的梯度各是什么？",
    "从与 a 同形的零数组出发，把 g 加回取它的位置。先手算 a = [5, 7]、index = [0, 0] 的例子。",
    "out[index] += g 对重复的下标只加最后一份：它先读、再加、再写。NumPy 有一个不漏的写法："
    "np.add.at(数组, 下标, 要加的)。",
)
def judge_getitem(answer: Answer, rng: Rng) -> Steps:
    m, n, k = sizes(rng, 3, 3, 7)
    a, s = rng.normal(size=(m, n)), rng.normal(size=(m, n, k))
    rows = rng.integers(m, size=2 * m)  # more than there are rows: some come twice
    mask = rng.random((m, n)) < 0.5
    mask.flat[:2] = True, False
    basic = "把 g 放回取它的位置，其余是 0；形状与 a 相同"
    twice = "同一行取了几次，几份梯度就要相加；out[index] += g 只留下最后一份"
    cases: list[tuple[str, float, str, Array, Any]] = [
        ("a[1]", 1.0, basic, a, 1),
        ("a[:, 1:]", 0.5, basic, a, (slice(None), slice(1, None))),
        ("a[::-1]", 0.5, basic, a, slice(None, None, -1)),
        ("a[行号的数组]，有重复", 2.0, twice, a, rows),
        ("a[行号的数组]，a 有三维", 0.5, twice, s, rows),
        ("a[负的行号]，与正的重复", 0.5, twice, a, np.array([0, -m, -1, m - 1])),
        ("a[行, 列]，有重复", 0.5, twice, a, (np.array([1, 1, 0]), np.array([0, 0, 1]))),
        ("a[真假数组]", 0.25, basic, a, mask),
        ("a[空的行号]", 0.25, basic, a, rows[:0]),
        ("a[1, 1]，取出一个数", 0.25, basic, a, (1, 1)),
    ]
    for label, weight, hint, data, index in cases:
        case = (label, weight, hint, (data,), {"index": index})
        steps = _rule_steps(answer, ReferenceRules.getitem, rng, case)
        yield as_one(label, steps, weight=weight)
    yield from _single_steps(answer, "getitem", (a,), index=[0, 0])


# --- 04.6: the way back ------------------------------------------------------------------------


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
    "04.6",
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
    hint = "第二次的梯度变了：grads 要在函数里新建，默认参数、全局变量里都不要留东西"
    yield _gradient(answer(y), x, 6 * ones, "同一张图再问一次：x 的梯度", hint, 0.0)

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

    u = _scale(x, 2.0)
    got = answer(_add(_scale(u, 0.0), _scale(u, 0.0)))
    hint = "梯度是 0 也是梯度：照样往前传、进字典（.grad 是 0，不是 None）"
    yield _gradient(got, x, 0 * ones, "中途乘了 0：x 的梯度", hint, 0.0)

    empty = GraphNode(data=np.zeros((0, *size)))
    hint = "没有样本时梯度也与节点同形：(0, …)，从 np.ones_like(root.data) 出发"
    yield _gradient(answer(_sum(empty)), empty, empty.data, "没有样本的 x", hint, 0.0)

    c = leaf(requires_grad=False)
    got = answer(_mul(_mul(x, c), c))
    hint = "只给 requires_grad 为 True 的来源记梯度：常数（数据、标签）不需要"
    yield that(c not in got, "常数不在字典里", hint)
    yield _gradient(got, x, c.data**2, "y = x·c·c 的 x", hint, 1.0)
    sealed = GraphNode(data=1.0, sealed=True)
    written = ""
    try:
        answer(GraphNode(sealed, data=2.0, scale=2.0, sealed=True))
    except AttributeError as error:
        written = next((hint for hint in (SEALED, MARKED) if hint in str(error)), "")
        if not written:
            raise
    hint = "这一步只算，写进 .grad 是 backward 的事" if written == SEALED else written
    yield that(not written, "不改动节点", hint)

    ordered = "同一个节点被处理了许多次：先 topological_order 排好队"
    loop = "不要递归：用 04.1 排好的列表，一个 for 就够"
    for label, n, twice, stop, hint in (
        ("40 个菱形串起来", 40, True, TooManyVisits, ordered),
        ("3,200 个运算的长链", 3_200, False, RecursionError, loop),
    ):
        x = y = leaf()
        for _ in range(n):
            y = _scale(_add(y, y), 0.5) if twice else _scale(y, 1.0)
        errors: dict[type[Exception], str] = {TooDeep: loop, TooManyVisits: ordered, stop: hint}
        got = yield from attempt(partial(answer, y), label, errors)
        yield _gradient(got, x, ones, label, hint, 0.5)


# --- 04.7: three broken ways back --------------------------------------------------------------


def nearest_first(root: Any) -> dict[Any, Array]:
    """甲：离 root 近的先走。"""
    grads, waiting, seen = {root: np.ones_like(root.data)}, [root], {root}
    for node in waiting:  # 边走边往后添
        if node.vjp is not None:
            for parent, g in zip(node.parents, node.vjp(grads[node]), strict=True):
                grads[parent] = grads[parent] + g if parent in grads else g
                if parent not in seen:
                    seen.add(parent)
                    waiting.append(parent)
    return grads


def adds_in_place(root: Any) -> dict[Any, Array]:
    """乙：已有就加进去。"""
    grads = {root: np.ones_like(root.data)}
    for node in reversed(reference_topological_order(root)):
        if node.vjp is not None:
            for parent, g in zip(node.parents, node.vjp(grads[node]), strict=True):
                if parent in grads:
                    grads[parent] += g
                else:
                    grads[parent] = g
    return grads


def pairs_in_a_dict(root: Any) -> dict[Any, Array]:
    """丙：来源与梯度先配成字典。"""
    grads = {root: np.ones_like(root.data)}
    for node in reversed(reference_topological_order(root)):
        if node.vjp is not None:
            pairs = dict(zip(node.parents, node.vjp(grads[node]), strict=True))
            for parent, g in pairs.items():
                grads[parent] = grads[parent] + g if parent in grads else g
    return grads


COLLEAGUES: dict[str, Callable[[Any], dict[Any, Array]]] = {
    "甲": nearest_first,
    "乙": adds_in_place,
    "丙": pairs_in_a_dict,
}


def run_program(program: Any, a: Array, b: Array) -> list[Any]:
    """The nodes of a program: ``a``, ``b``, then one for each step ``("+" or "×", i, j)``.

    Example:
        >>> run_program([("×", 0, 1), ("+", 2, 0)], np.array([3.0]), np.array([2.0]))[-1].data
        array([9.])
    """
    nodes = [GraphNode(data=a), GraphNode(data=b)]
    for op, i, j in program:
        nodes.append((_add if op == "+" else _mul)(nodes[i], nodes[j]))
    return nodes


def witness(who: str) -> list[tuple[str, int, int]]:
    """A program on which only ``who`` is wrong."""
    return {
        "甲": [("×", 0, 1), ("×", 2, 1), ("×", 2, 3)],
        "乙": [("+", 0, 1), ("+", 2, 0)],
        "丙": [("×", 0, 0)],
    }[who]


def _steps_of(program: Any) -> list[tuple[str, int, int]] | None:
    """The program in plain values; None for what is none."""
    if not isinstance(program, list | tuple) or len(program) > 8:
        return None
    steps: list[tuple[str, int, int]] = []
    for step in program:
        if not isinstance(step, list | tuple) or len(step) != 3:
            return None
        op, *places = step
        whole = all(isinstance(k, int | np.integer) and not isinstance(k, bool) for k in places)
        if not isinstance(op, str) or op not in ("+", "×", "*") or not whole:
            return None
        i, j = (int(k) for k in places)
        if not 0 <= min(i, j) <= max(i, j) < len(steps) + 2:
            return None
        steps.append(("+" if op == "+" else "×", i, j))
    return steps


@exercise(
    "04.7",
    "只有他错的程序",
    points=3,
    asks='witness(who) -> 程序 [("+" 或 "×", i, j), …]',
    allows=[
        *(nearest_first, adds_in_place, pairs_in_a_dict),
        *(reference_gradients, reference_topological_order),
    ],
)
@hints(
    "每一份代码问一句：它与 04.6 差在哪一行？那一行在什么样的图上才会与 04.6 不同？",
    "甲：要有一个节点，从 root 有一短一长两条路到它。乙：要有一个数组交给了两个来源，其中一个来源"
    "后来又收到一份。丙：同一个来源在一步里出现两次。",
    "“×”给两边的是两个新数组，“+”给两边的是同一个：用“×”造甲和丙的例子，乙就不会跟着错。"
    "甲的最后一步，把走近路的节点写在前面。",
)
def judge_witness(answer: Answer, rng: Rng) -> Steps:
    a, b = rng.uniform(0.5, 2.0, size=(2, 3))
    found: dict[str, Any] = {}
    form = '程序是列表，1 到 8 步，每一步是 ("+" 或 "×", i, j)，i、j 是整数，只能用前面已有的号'

    def wrong(name: str, steps: Any) -> bool:
        """Is the gradient for ``a`` or for ``b`` wrong?"""
        leaves = [run_program(steps, a, b) for _ in range(2)]
        got, want = COLLEAGUES[name](leaves[0][-1]), reference_gradients(leaves[1][-1])
        return not all(
            np.allclose(got.get(mine, 0.0), want.get(right, 0.0), rtol=1e-9)
            for mine, right in zip(leaves[0][:2], leaves[1][:2], strict=True)
        )

    reasons = {
        "甲": "甲在这个程序上算对了：它离 root 近的先走，要有节点被走得太早",
        "乙": "乙在这个程序上算对了：它原地相加，要有数组被两个来源共用",
        "丙": "丙在这个程序上算对了：字典里同一个键只留一份",
    }
    for name in ("丙", "甲", "乙"):
        found[name] = answer(name)
        steps = _steps_of(found[name])
        detail = "忘了 return？" if found[name] is None else ""
        yield that(bool(steps), f'witness("{name}") 是一个程序', form, detail)
        if not steps:
            return
        yield that(wrong(name, steps), f"{name}在他的程序上出错", reasons[name], weight=1.0)
        others = [other for other in COLLEAGUES if other != name and wrong(other, steps)]
        hint = f"{'、'.join(others)}也错了，分不清是谁的毛病：换一个只有{name}错的程序"
        yield that(not others, f"{name}的程序上别人都对", hint, weight=0.5)


# --- 04.8: the record --------------------------------------------------------------------------


@exercise(
    "04.8",
    "记录，与不记录",
    points=3,
    asks="类 Tensor：apply 与 no_grad",
    reference=ReferenceTensor,
    allows=[
        *(reference_topological_order, reference_unbroadcast, reference_gradients),
        f"{ReferenceRules.__module__}.ReferenceRules*",
    ],
)
@hints(
    "先写 apply：所有运算都经过它。再写 no_grad：它只管一个开关。",
    "apply：把不是 Tensor 的输入包起来（dtype 跟 self.data 走），.data 和 options 交给 rule，"
    "得到 (结果, vjp)；正在记录且有输入要梯度时，结果才记下 requires_grad、parents、vjp、op。",
    "no_grad：先记住 recording 原来的值，再关掉，yield；恢复原来的值写在 finally 里。"
    "apply 里的输入是 (self, 包好的其余输入…)，判断用 any(t.requires_grad for t in 输入)。",
)
def judge_tensor(answer: Answer, rng: Rng) -> Steps:
    yield from _construction(answer)
    yield from _recording(answer, rng)
    yield from _quiet(answer, rng)
    yield from _types(answer, rng)


def _construction(T: Answer) -> Steps:
    t = T([[1, 2], [3, 4]])
    more = t + 1
    yield that(isinstance(more, T), "Tensor + 1 得到 Tensor", "apply 最后 return 新造的 Tensor")
    hint = "apply 把规则算出的结果放进新的 Tensor：value, vjp = rule(…)，再 Tensor(value)"
    yield value(more.data, [[2.0, 3.0], [4.0, 5.0]], "(Tensor + 1).data", hint, weight=0.25)
    hint = "输入的次序是 (self, *others)：a / b 与 b / a 不同"
    yield value(
        (t / T([2.0, 4.0])).data, [[0.5, 0.5], [1.5, 1.0]], "(a / b).data", hint, weight=0.25
    )
    hint = "options 要原样交给规则：rule(*数组, **options)"
    yield value(t.sum(axis=0).data, [4.0, 6.0], "a.sum(axis=0).data", hint, weight=0.25)


def _recording(T: Answer, rng: Rng) -> Steps:
    w, c = T(rng.normal(size=3), requires_grad=True), T(rng.normal(size=3))
    hint = "任何一个输入要梯度，结果就要"
    yield that((w + 2).requires_grad, "w + 2 要梯度", hint)
    hint += "；others 里已经是 Tensor 的要用它自己，再包一层，来历就断了"
    yield that((c * w).requires_grad, "c * w 要梯度（只有 w 要）", hint)
    out = c / w
    parents = out.parents
    right = isinstance(parents, tuple) and len(parents) == 2
    hint = "parents 是输入的元组，次序与规则的输入相同：(self, *others)"
    yield that(right and parents[0] is c and parents[1] is w, "c / w 的 parents", hint)
    for other, said in ((2.0, "w + 2"), (np.arange(3.0), "w + 数组")):
        kinds = [isinstance(p, T) for p in (w + other).parents]
        hint = "不是 Tensor 的（数、数组）先包成 Tensor，包好的也在 parents 里"
        yield that(kinds == [True, True], f"{said} 的 parents 是两个 Tensor", hint)
    yield that(callable(out.vjp), "结果记着 vjp", "规则给的第二样东西，原样记在结果上")
    yield that(out.op == "div", "结果记着 op", "op 是规则的名字：rule.__name__")
    constant = c + 2
    hint = "any(t.requires_grad for t in 输入)"
    yield that(not constant.requires_grad, "没有人要梯度就不记录", hint)
    hint = "只在需要时写 parents 和 vjp，否则它们会让整张图留在内存里"
    kept = len(constant.parents) > 0 or constant.vjp is not None
    yield that(not kept, "没有人要梯度就不留 parents 与 vjp", hint)
    y = (w / T([2.0, 4.0, 5.0]) + w).sum()
    y.backward()
    hint = "(w / c + w).sum() 对 w 的梯度是 1/c + 1：parents、vjp 要与输入一一对应"
    yield value(w.grad, [1.5, 1.25, 1.2], "backward 之后的 w.grad", hint)


def _quiet(T: Answer, rng: Rng) -> Steps:
    w = T(rng.normal(size=3), requires_grad=True)
    with T.no_grad():
        quiet = w + 2
        with T.no_grad():
            deep = w + 3
        inner = w + 3
    yield that(
        not quiet.requires_grad,
        "no_grad 里不记录",
        "apply 里先看 recording 是不是 True",
        weight=0.5,
    )
    kept = len(quiet.parents) > 0 or quiet.vjp is not None
    hint = "没有记录就不该有 parents 与 vjp：它们会让整张图留在内存里"
    yield that(not kept, "no_grad 里的结果没有 parents", hint)
    hint = "退出时恢复成进来之前的值，不是一律改成 True：no_grad 可以套着用"
    yield that(not inner.requires_grad, "no_grad 套 no_grad", hint)
    hint = "进去时一律关掉：recording = False，不是反过来"
    yield that(not deep.requires_grad, "里层的 no_grad 里也不记录", hint)
    T.recording = False
    with T.no_grad():
        pass
    restored, T.recording = T.recording, True
    hint = "进来之前 recording 已经是 False，出来还应是 False：先记住原来的值"
    yield that(restored is False, "进来之前就不记录，出来也不记录", hint)
    yield that((w + 2).requires_grad, "离开 no_grad 后重新记录", "用完要恢复")
    passed_on = False
    try:
        with T.no_grad():
            raise KeyError
    except KeyError:
        passed_on = True
    restored = (w + 2).requires_grad
    T.recording = True  # a wrong no_grad must not spoil the rest of a learner's notebook
    hint = "把恢复写在 finally 里：里面出了错也要恢复"
    yield that(restored, "no_grad 里出错之后重新记录", hint, weight=1.0)
    hint = "with 里的错误要照样传出去：用 finally，不要用 except 吞掉它"
    yield that(passed_on, "no_grad 里的错误传得出来", hint)


def _types(T: Answer, rng: Rng) -> Steps:
    out = (T(np.ones(3, np.float32), requires_grad=True) * 2 + 1).mean()
    hint = "NumPy 里 float32 数组 + float64 数组会变成 float64：把常数先转成 self.data.dtype"
    yield that(out.data.dtype == np.float32, "float32 进，float32 出", hint, weight=0.5)
    mixed = T(np.ones(3, np.float32)) + np.ones(3)
    hint = "数组也要转：np.asarray(t, self.data.dtype)，不只是数"
    yield that(mixed.data.dtype == np.float32, "float32 + float64 的数组，得 float32", hint)
    w = T(rng.normal(size=3), requires_grad=True)
    hint = "常数的 dtype 跟 self.data 走：float64 里的常数不能经过 float32"
    yield value((w * 0.1).data, w.data * 0.1, "float64 的 w * 0.1", hint)
    single = T(np.ones(3, np.float32))
    single + w
    same = w.data.dtype == np.float64 and single.data.dtype == np.float32
    hint = "已经是 Tensor 的用它自己，不改它的 .data"
    yield that(same, "输入的 Tensor 没有变", hint)
    for sign, operator in (("*", mul), ("+", add)):
        got: Any = None
        with suppress(TypeError, ValueError, AttributeError):
            got = operator(np.ones(3), w)
        hint = f"ndarray {sign} Tensor 由 Tensor 的 __r…__ 来算，它也经过 apply"
        yield that(isinstance(got, T), f"ndarray {sign} Tensor 得到 Tensor", hint)


# --- 04.9: an operation of one's own -----------------------------------------------------------


def own_rule(a: Array) -> tuple[Array, Vjp]:
    """logcumsumexp along the last axis: yᵢ = ln Σ_{j ≤ i} exp aⱼ.

    Example:
        >>> own_rule(np.zeros(3))[0].round(3).tolist()  # ln 1, ln 2, ln 3
        [0.0, 0.693, 1.099]
    """
    y = np.logaddexp.accumulate(a, axis=-1)

    def vjp(g: Array) -> tuple[Array, ...]:
        # gⱼ' = Σ_{i ≥ j} gᵢ exp(aⱼ − yᵢ): one row of the triangle at a time
        weights = np.exp(a[..., :, None] - y[..., None, :])
        return ((np.triu(weights) * g[..., None, :]).sum(axis=-1),)

    return y, vjp


def _jacobian(call: Caller, a: Array, shape: tuple[int, ...], step: float) -> Array:
    """(output size, input size), by central differences."""
    columns = []
    for place in np.ndindex(a.shape):
        up, down = a.copy(), a.copy()
        up[place] += step
        down[place] -= step
        values = [np.asarray(call(x)[0][0], dtype=float).reshape(-1) for x in (up, down)]
        columns.append((values[0] - values[1]) / (up[place] - down[place]))
    return np.stack(columns, axis=-1).reshape(int(np.prod(shape)), a.size)


def _own_steps(call: Caller, rng: Rng, a: Array, label: str) -> Iterator[Any]:
    """Form, value and gradient for one input; the Jacobian comes last."""
    got, _ = call(a)
    pair = isinstance(got, tuple) and len(got) == 2 and callable(got[1])
    yield that(pair, f"{label}：返回 (结果, vjp)", "写成 return 结果, vjp：一个数组和一个函数")
    shape = shape_of(got[0])
    finite = shape is not None and bool(np.isfinite(np.asarray(got[0], dtype=float)).all())
    yield that(finite, f"{label}：结果是有限的实数", "输入在 −2 到 2 之间，结果里不该有 nan 或 inf")
    assert shape is not None
    J, fine = (_jacobian(call, a, shape, step) for step in (2e-4, 1e-4))
    smooth = np.allclose(J, fine, rtol=1e-3, atol=1e-4 * max(1.0, float(np.abs(fine).max())))
    hint = "步长减半，差分就变了：这里不可导，或者每次调用的结果不同"
    yield that(smooth, f"{label}：处处可导", hint)
    J = (4 * fine - J) / 3  # Richardson: the error of order step² is gone
    back = Caller(got[1])
    size = float(np.abs(J).max()) or 1.0
    # differences round at 1e-16 of the value over the step: a saturated tanh shows it
    floor = 1e-6 * size + 1e-10 * float(np.abs(np.asarray(got[0], dtype=float)).max())
    for repeated in (False, True, True):
        g = np.asarray(rng.uniform(-2.0, 2.0, size=shape))
        grads = back(g)[0]
        one = isinstance(grads, tuple) and len(grads) == 1
        yield that(one, f"{label}：vjp 返回一个梯度的元组", "只有一个输入也是元组：(g,)")
        want = (g.reshape(-1) @ J).reshape(a.shape)
        traps = {"只对 g 全是 1 成立：每个 gᵢ 要乘进它自己的那一项": J.sum(axis=0).reshape(a.shape)}
        if shape == a.shape:
            n = a.size
            diagonal = (g.reshape(-1) * np.diag(J)).reshape(shape)
            traps["只算了同一位置的导数 ∂yᵢ/∂aᵢ：别的位置也影响结果"] = diagonal
            traps["方向反了：这是 J·g，反向要的是 g·J"] = (J @ g.reshape(n)).reshape(shape)
        hint = "与数值差分对不上：把 ∂yᵢ/∂aⱼ 写出来，对 i 求和 Σᵢ gᵢ ∂yᵢ/∂aⱼ"
        if repeated:
            hint = "第一次对，后来不对：vjp 不能改动它记住的数组"
        yield value(grads[0], want, f"{label}：梯度", hint, traps, rtol=1e-5, atol=floor)
    yield back.untouched(hint="vjp 改动了 g：先 copy，或写成新数组")
    yield J


@exercise("04.9", "自己的运算", points=4, asks="own_rule(a) -> (结果, vjp)")
@hints(
    "挑一个每个输出都要看好几个输入的函数：归一化、累积、两两相乘、按行的 softmax 都行。",
    "先对两三个数手算：写出 ∂yᵢ/∂aⱼ，再写 Σᵢ gᵢ ∂yᵢ/∂aⱼ，最后想怎样用 sum、cumsum 一次算完。",
    "例如除以均方根：r = √(mean(a²) + 1)，y = a/r。那么 ∂yᵢ/∂aⱼ 是 δᵢⱼ/r − aᵢaⱼ/(n·r³)，"
    "传回去的是 g/r − a·Σ(g·a)/(n·r³)。",
)
def judge_own_rule(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer)
    n, m, k = sizes(rng, 3, 2, 5)
    shapes = {"一维": (n + 2,), "二维": (m, n), "三维": (m, n, k), "一个元素": (1,), "一列": (n, 1)}
    for label, shape in shapes.items():
        a, J = rng.uniform(-2.0, 2.0, size=shape), np.zeros(())
        if label == "三维":
            a.flat[:3] = 0.0, a.flat[3], 0.0  # zeros and equal entries are lawful, too
        for step in _own_steps(call, rng, a, f"{label} {shape}"):
            if isinstance(step, np.ndarray):
                J = step
            else:
                yield step if step.weight == 0 else as_one(step.label, [step], weight=0.25)
        if label != "一维":
            continue
        seen = (np.abs(J) > 1e-6 * np.abs(J).max()).sum(axis=1)
        hint = "现在每个输出只看一个输入，是逐元素的：换一个输出要看好几个输入的函数"
        yield that(bool((seen > 1).any()), "输出要看不止一个输入", hint)
        other = rng.uniform(-2.0, 2.0, size=shape)  # a straight line that misses the origin
        line = [a + t * (other - a) for t in (0, 1 / 3, 2 / 3, 1)]
        moved = [np.asarray(call(x)[0][0], dtype=float) for x in line]
        bend = np.abs(moved[0] - moved[1] - moved[2] + moved[3]).max()
        straight = bend <= 1e-7 * max(1.0, float(np.abs(moved[3]).max()))
        hint = "现在的函数是线性的（求和、平均、差分都是）：换一个弯的"
        yield that(not straight, "不是线性的", hint)
        small, g = a.astype(np.float32), np.ones(np.shape(moved[0]))
        vjp = call(small)[0][1]
        want = _jacobian(call, small.astype(float), np.shape(g), 1e-4).sum(axis=0)
        hint = "float32 里差得多：vjp 要写公式，不能用数值差分"
        got = vjp(g.astype(np.float32))[0]
        yield value(got, want, "float32 的梯度", hint, rtol=1e-3, atol=1e-3, weight=1.0)
    yield call.untouched(weight=0.5)
