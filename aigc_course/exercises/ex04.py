"""Chapter 04, automatic differentiation: what each exercise asks.

The library's version is ``ex04_autograd``. A learner who is stuck on one part goes on with the
library's (``use("04.1", mine, otherwise=ex04.reference_topological_order)``), so the exercises
after it allow that part.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import chain
from operator import add, mul
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from aigc_course.exercises.ex04_autograd import (
    ReferenceRules,
    ReferenceTensor,
    Vjp,
    reference_gradients,
    reference_topological_order,
    reference_unbroadcast,
)
from aigc_course.judging.describe import describe
from aigc_course.judging.glosses import gloss
from aigc_course.judging.handed import exposes
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

# --- what several exercises need ---------------------------------------------------------------


def _for_use(
    hint: str | Callable[[Exception], str],
) -> dict[type[Exception], str | Callable[[Exception], str]]:
    """``hint`` for every error that a wrong use of arrays and nodes raises."""
    return dict.fromkeys((AttributeError, ValueError, IndexError, KeyError, TypeError), hint)


def _with_gloss(error: Exception, hint: str) -> str:
    """What the error means in general, then ``hint``."""
    meaning = gloss(f"{type(error).__name__}: {error}")
    return "；".join(filter(None, [meaning, hint]))


def _small(name: str, x: Any) -> str:
    """A value with its numbers if they are few, to calculate by hand; else ""."""
    if not isinstance(x, np.ndarray) or x.size > 12:
        return ""
    text = np.array2string(x, precision=3, separator=", ", suppress_small=True)
    return f"{name} = {' '.join(text.split())}"


def _besides(step: Step, *told: str) -> Step:
    """A wrong step with more in its detail."""
    more = "，".join(filter(None, told))
    if step.ok or not more:
        return step
    between = "" if not step.detail or step.detail.endswith("？") else "；"
    return replace(step, detail=f"{step.detail}{between}{more}")


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


def _drawn(parents: _Parents) -> str:
    """A small graph in a line: which nodes are leaves, what the others are made from."""
    leaves = "、".join(str(i) for i, of in enumerate(parents) if not of)
    rest = [f"{i} ← {'、'.join(map(str, of))}" for i, of in enumerate(parents) if len(of)]
    return "；".join([f"叶子 {leaves}", *rest])


def _is_by_distance(answer: Answer, rng: Rng) -> bool:
    """Does the answer sort by the fewest steps to the root?"""
    parents = _diamonds(rng, 24)
    graph = list[GraphNode]()
    for of in parents:
        graph.append(GraphNode(*(graph[i] for i in of)))
    steps, waiting = {id(graph[-1]): 0}, [graph[-1]]
    for node in waiting:  # grows while it is walked
        for parent in node.parents:
            if id(parent) not in steps:
                steps[id(parent)] = steps[id(node)] + 1
                waiting.append(parent)
    found: list[int] = [-1, 0]
    with suppress(Exception):
        found = [steps.get(id(node), -1) for node in answer(graph[-1])]
    return found == sorted(found, reverse=True)


_COUNTED = "若是先数用了几次再放行：每个节点的来源只数一遍，同一个来源用两次算两次，放行时也减两次"


def _missing(parents: _Parents, place: Mapping[int, int], graph: Sequence[GraphNode]) -> str:
    """Why nodes may be missing from an order."""
    if len(graph) == 1:
        return "图里只有 root，它也是叶子：列表里也要有它"
    if len(graph) > 1_000:
        return (
            "排到一半断了：多半是递归到了底（另开线程、吞掉错误也一样）。"
            "函数不能调用自己，把「接下来要看谁」放进一个 list，当栈用"
        )
    if len(parents) - 1 == sum(map(len, parents)):  # a tree
        return "每个节点的所有 parents 都要走到，叶子和 root 也要在列表里"
    return f"没有分叉时不漏，有节点被用两次才漏。{_COUNTED}"


def _order_steps(
    answer: Answer, parents: _Parents, label: str, reads: int, errors: Mapping[Any, str], rng: Rng
) -> Steps:
    """Does the answer give a list of all nodes, each once, parents first, and so again?"""
    graph, budget = list[GraphNode](), [reads]
    for of in parents:
        graph.append(GraphNode(*(graph[i] for i in of), budget=budget))
    number = {id(node): i for i, node in enumerate(graph)}
    edges = [(id(graph[i]), id(n)) for n, of in zip(graph, parents, strict=True) for i in of]

    def late(place: Mapping[int, int]) -> list[tuple[int, int]]:
        return [edge for edge in edges if place[edge[0]] > place[edge[1]]]

    came = yield from attempt(lambda: _asked(answer, graph[-1]), label, errors)
    left = budget[0]
    kind = type(came).__name__
    detail = "列表里有不是这张图的节点的东西" if kind == "list" else f"得到的是 {kind}"
    own = isinstance(came, list) and {*map(id, came)} <= number.keys()
    hint = "要的是 list，里面是节点：最后 return 那个记录顺序的 list，不是生成器、reversed(…)"
    yield that(own, "返回节点的列表", hint, detail)
    order = list(came)
    place = {id(node): i for i, node in enumerate(order)}
    shown = ""
    if len(graph) <= 12:
        mine = "、".join(str(number[id(node)]) for node in order) or "（空）"
        shown = f"。图（root 是 {len(graph) - 1}）：{_drawn(parents)}。你的次序：{mine}"
    hint = (
        "一个节点可以被用两次（x*x、菱形）：用 set 记住见过谁，见过的不再记；"
        "压栈时没见过的，等到出栈时可能已经记过，出栈时也要查"
    )
    detail = f"列表长 {len(order)}，其中不同的节点只有 {len(place)} 个{shown}"
    yield that(len(place) == len(order), f"{label}：每个节点只出现一次", hint, detail, given=came)
    hint = _missing(parents, place, graph)
    detail = f"列表里有 {len(place)} 个，图里有 {len(graph)} 个{shown}"
    yield that(len(place) == len(graph), f"{label}：不漏节点", hint, detail, given=came)
    wrong = late(place)
    hint = detail = ""
    if wrong:
        parent, node = (number[one] for one in wrong[0])
        detail = f"{node} 用到 {parent}，{parent} 却排在 {node} 后面"
        detail += f"（{len(edges)} 条边里有 {len(wrong)} 条这样）"
        hint = (
            "一个节点要等它的来源都进了列表，自己才能进。碰到就记（先序）会早到；"
            f"压栈时就算「见过」，后来从更深处来的那次被挡掉，也会早到。{_COUNTED}"
        )
        if len(wrong) == len(edges):
            hint = "顺序整个反了：root 应当在最后"
        elif _is_by_distance(answer, rng):
            hint = (
                "次序是按离 root 最少几步排的：一个节点可以一步就到 root，也可以绕远路，"
                "要等绕得最远的那条（每条边的来源都在结果之前）"
            )
    yield that(not wrong, f"{label}：先来源，后结果", hint, detail + shown, given=came)
    if len(graph) > 1_000:  # once is enough there: it has to be sent to where the answer is
        return
    hint = "第二次的结果变了：函数不能记得上一次，默认参数、全局变量、函数的属性里都不要留东西"
    twice = yield from attempt(lambda: _asked(answer, graph[-1]), label, errors)
    there = {id(node): i for i, node in enumerate(twice)} if isinstance(twice, list) else {}
    same = there.keys() == place.keys() and len(twice) == len(order) and not late(there)
    yield that(same, f"{label}：同一张图再排一次", hint, given=twice)
    # in another process the answer has copies, whose reads do not count here
    hint = "第二次没有把图重走一遍：上一次的结果存在默认参数、全局变量或缓存里，图一直占着内存。"
    hint += "每次新建列表"
    yield that(left - budget[0] >= reads - left, f"{label}：每次都重新排", hint, given=twice)


@exercise(
    "04.1",
    "不用递归的拓扑排序",
    points=3,
    asks="topological_order(root) -> 节点列表，来源在前，root 在最后",
    reference=reference_topological_order,
)
@hints(
    "函数不能调用自己，那就自己管一个列表当栈：里面放「接下来要看谁」。",
    "每个节点看两次。第一次出栈，说明它的来源还没排：先把它自己压回去，再把来源压在上面。"
    "第二次出栈，来源都已排好，轮到它。",
    "栈里放 (节点, 来源排好了吗)，从 (root, False) 开始。取出 True 就 append 到结果；"
    "取出 False 且不在 set 里，就记进 set，压回 (节点, True)，再压每个 (来源, False)。",
)
def judge_topological_order(answer: Answer, rng: Rng) -> Steps:
    look = "「node in 列表」要一个一个比，n 个节点就是 n² 次；查「见过没有」要用 set"
    deep = _ERRORS | {TooManyVisits: look}
    squarings = [(), *((i, i) for i in range(40))]
    line = [(), *((i,) for i in range(5_000))]
    # 1 is made from 0 twice, and 2 from 0: whoever counts that as one lets 0 go before 2
    small = [_diamonds(rng, 4), *([(), (0, 0), (0,), (2,), last] for last in ((1, 3), (3, 1)))]
    # reads: room for a slow search, not for every path, nor for looking through a list each time
    for label, weight, reads, errors, graphs in (
        ("只有一个节点的图", 0.0, 10**6, _ERRORS, [[()]]),
        ("树", 1.0, 10**6, _ERRORS, [_tree(rng)]),
        ("有菱形的图（5 个节点）", 0.0, 10**6, _ERRORS, small),
        ("有菱形的图（25 个节点）", 1.0, 10**8, _ERRORS, [_diamonds(rng, 24) for _ in range(3)]),
        ("40 个菱形串起来", 1.0, 200_000, _ERRORS, [squarings]),
        ("5,000 个运算的长链", 2.0, 100_000, deep, [line]),
    ):
        steps = (_order_steps(answer, graph, label, reads, errors, rng) for graph in graphs)
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
    same = "形状一样，没有轴要加。哪几根轴求和，由 g.shape 与 shape 比出来，不是固定的几根"
    raised = (
        "哪几根轴求和：先把两个形状从右往左对齐；求和之后形状应当已经是 shape，不用 reshape 去凑"
    )
    empty = "轴的长度可以是 0：reshape 里的 −1 这时推不出来，也没有第 0 行可取；求和就行"
    many = (
        "轴可以有四根、五根：不按几根轴各写一种，多几根由 g.ndim − len(shape) 决定，1 由 shape 决定"
    )
    cases: list[tuple[str, tuple[int, ...], tuple[int, ...], float, str]] = [
        ("形状没变", (a, b), (a, b), 0.0, same),
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
        ("四根轴，两种都有", (a, b, c, 5), (b, 1, 5), 0.0, many),
        ("四根轴，拉长两根", (a, b, c, 5), (1, b, 1, 5), 0.0, many),
        ("五根轴", (2, a, b, c, 3), (b, 1, 3), 0.0, many),
    ]
    for case, big, small, weight, hint in cases:
        g = rng.uniform(1.0, 9.0, size=big)
        label = f"{case} {big} → {small}"
        told = (many if hint is many else raised) if g.size else empty
        both = yield from attempt(partial(call, g, small), label, _for_use(told))
        got, want = both or (None, g)
        copies, extra = max(1, g.size // max(1, want.size)), len(big) - len(small)
        copied = extra and max(big[:extra]) > 1
        if copied and shape_of(got) == (1,) * extra + small:
            hint = f"补出来的 {extra} 根轴求和之后要去掉：那里不要 keepdims"
        got = yield from array(got, small, label, hint)
        traps = {"广播把一个数抄了多份，每一份的影响要相加，不是取平均": want / copies}
        if copies > 1 and np.isin(got, g).all():
            hint = "只取了其中一份：所有份的梯度都要加起来"
        elif copies > 1 and big != (a, a) and hint is not many:
            hint = "求和的轴不对：看清楚哪几根轴是广播时抄出来的"
        yield value(got, want, label, hint, traps, weight=weight)
        yield call.untouched(label="没有改动输入 g")
    yield again(call, rng.normal(size=(a, b)), (b,))
    hint = "求和的轴由这一次的 g 与 shape 决定：不能按 shape 记住上一次的"
    for size in ((c, a, b), (a, b)):
        label = f"换一个 g，同一个 shape {size} → {(b,)}"
        yield again(call, rng.normal(size=size), (b,), label=label, hint=hint)


class _Case(NamedTuple):
    """One question to a rule.

    Attributes:
        title, weight: of the step.
        hint: for a wrong gradient.
        inputs, options: of the rule.
        forward: hint for a wrong result.
        results: ``{hint: wrong results}`` of typical mistakes.
        swapped: hint where each input got the other's gradient.
        raised: hint for an error, or what makes one of its text.
        wrongs: gradient of the result -> ``{hint: wrong gradients, one an input}``.
        between: options of the call after which the first one's vjp is asked again.
    """

    title: str
    weight: float
    hint: str
    inputs: tuple[Array, ...]
    options: Mapping[str, Any] = MappingProxyType({})
    forward: str = "先核对正向的公式"
    results: Mapping[str, Any] = MappingProxyType({})
    swapped: str = "两个梯度的次序反了：先第一个输入的，后第二个的"
    raised: str | Callable[[str], str] = ""
    wrongs: Callable[[Array], Mapping[str, Sequence[Any]]] = lambda g: {}
    between: Mapping[str, Any] = MappingProxyType({})


_SELF = "规则只是装在盒子里的函数，没有 self：写 def {0}(a, …)，不是 def {0}(self, a, …)"


def _rule_steps(rule: Answer, right: Any, rng: Rng, case: _Case) -> Steps:
    """The value of a rule, then what its vjp gives for several g, also after another call."""
    title, inputs, options = case.title, case.inputs, dict(case.options)
    name, call = title.partition("（")[0], Caller(rule, right)

    def why(error: Exception) -> str:
        if "ambiguous" in str(error):  # max(a, b), if a > b
            return gloss(f"ValueError: {error}")
        told = case.raised(str(error)) if callable(case.raised) else case.raised
        return told or case.hint

    def raised(error: Exception) -> str:
        return _SELF.format(name) if f"{name}() missing" in str(error) else why(error)

    ask = partial(call, *inputs, **options)
    answered = yield from attempt(ask, f"{title} 的结果", _for_use(raised))
    got, (out, right_vjp) = answered
    pair = isinstance(got, tuple) and len(got) == 2 and callable(got[1])
    form = "写成 return 结果, lambda g: (…,)：一个数组和一个函数"
    yield that(pair, f"{title}：返回 (结果, vjp)", form, given=got)
    named = dict(zip("ab", inputs, strict=False)) | options
    given = [_small(letter, x) for letter, x in named.items()]
    step = value(got[0], out, f"{title} 的结果", case.forward, case.results)
    yield _besides(step, *given)
    back = Caller(got[1], right_vjp)
    g = np.asarray(rng.uniform(-2.0, 2.0, size=np.shape(out)))
    g.flat[:2] = -np.abs(g.flat[:2])  # negative where a is larger, and where b is
    local, count = right_vjp(np.ones_like(g)), len(inputs)
    asked = (
        case.hint,
        "再问一次就不对了：vjp 会问几次，不能改动、用掉它记住的数组",
        "换一个 g 再问，梯度没有跟着对：每次用收到的 g，也不改动记住的数组",
        "中间又用别的输入调用了一次规则，再问先前的 vjp，用的却是后来的输入："
        "要记的放在这次调用的局部变量里（lambda 记得它们），不放全局变量、类的属性",
    )
    for k, said in enumerate(asked):
        if k == 2:
            g = np.asarray(rng.uniform(2.5, 4.0, size=g.shape))
        if k == 3:
            between = [np.full((1,) * min(x.ndim, 2), 1.5) for x in inputs]
            call(*between, **options | dict(case.between))
        both = yield from attempt(partial(back, g), f"{title} 的梯度", _for_use(said if k else why))
        grads: Any = both[0] if both else None
        want: Any = both[1] if both else local
        comma = f"有 {count} 个输入，vjp 就返回 {count} 个梯度的元组"
        comma += "；只有一个时别漏逗号：(g,)" if count == 1 else ""
        if isinstance(grads, list):
            comma = f"vjp 返回的是列表，要元组：{'(ga, gb)' if count == 2 else '(g,)'}"
        one_each = isinstance(grads, tuple) and len(grads) == count
        yield that(one_each, f"{title}：每个输入一个梯度", comma, given=grads)
        for i in range(count):
            which = f"{title} 第 {i + 1} 个输入的梯度" if count > 1 else f"{title} 的梯度"
            traps = {"只写了局部导数，忘了乘上从结果传回来的 g": local[i]}
            traps |= {hint: wrongs[i] for hint, wrongs in case.wrongs(g).items()}
            if count > 1:
                traps[case.swapped] = want[1 - i]
            step = value(grads[i], want[i], which, said, {} if k else traps)
            yield _besides(step, *given, _small("g", g))
        yield back.untouched(label=f"{title}：vjp 没有改动 g")
    yield call.untouched(label=f"{title}：没有改动输入")


_ZEROS = "np.zeros(形状)、astype(float) 都是 float64：写 np.zeros(形状, a.dtype)，不换类型"
_FLOAT64 = {
    "div": "np.zeros(形状)、np.float64(…) 都是 float64，混进来结果就是 float64：转成输入的 dtype",
    "power": "Python 的数（p、2、0.5）不改变 dtype，np.float64(p)、np.array(p) 会："
    "直接用 p，或转成 a.dtype",
    "maximum": "np.where(…, 0.5, 0.0)、0.5 * 真假数组、np.zeros(形状) 都是 float64："
    "转成输入的 dtype",
    "matmul": _ZEROS,
    "getitem": _ZEROS,
}


def _single_steps(rule: Answer, name: str, inputs: Sequence[Array], **options: Any) -> Steps:
    """float32 in, float32 out and back."""
    got = rule(*(a.astype(np.float32) for a in inputs), **options)
    back = got[1](np.ones(np.shape(got[0]), np.float32))
    names = ["梯度"] if len(back) == 1 else [f"第 {i + 1} 个梯度" for i in range(len(back))]
    found = zip(["结果", *names], (got[0], *back), strict=True)
    types = {what: np.asarray(array).dtype.name for what, array in found}
    detail = "，".join(f"{what}是 {kind}" for what, kind in types.items() if kind != "float32")
    label = f"{name}：float32 进，float32 出"
    yield that(not detail, label, _FLOAT64[name], detail, weight=0.25)


def _too_tied(a: Array, b: Array, g: Array) -> dict[str, list[list[Array]]]:
    """The gradients of ``maximum`` where what is only near counts as equal."""
    found: list[list[Array]] = [[], []]
    for tolerance in (1e-6, 1e-3, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0):
        for relative in (0.0, 1e-5, tolerance):
            near = np.isclose(a, b, rtol=relative, atol=tolerance)
            share = np.where(near, 0.5, a > b)
            found[0].append(reference_unbroadcast(g * share, a.shape))
            found[1].append(reference_unbroadcast(g * (1 - share), b.shape))
    return {"只有恰好相等（a == b）才平分，只差一点的不算：不用 isclose、不加容差": found}


def _rule_cases(rng: Rng) -> list[_Case]:
    """Every rule in its simplest form, then broadcasting, other exponents, the point 0, ties."""
    m, n = sizes(rng, 2, 2, 4)
    a, b = rng.normal(size=(m, n)), rng.uniform(0.5, 2.0, size=(m, n))
    a.flat[:2] = b.flat[0] + 0.7, b.flat[1] - 0.7  # neither is larger everywhere
    row, column = rng.uniform(0.5, 2.0, size=(n,)), rng.uniform(0.5, 2.0, size=(m, 1))
    one, number = rng.uniform(0.5, 2.0, size=(1,)), np.asarray(rng.uniform(0.5, 2.0))
    stack = rng.spawn(1)[0].uniform(0.5, 2.0, size=(2, m, n))
    signs = rng.choice([-1.0, 1.0], size=b.shape)
    signs.flat[:2] = 1.0, -1.0
    zero = b * np.roll(signs, 1)
    zero.flat[rng.integers(zero.size)] = 0.0
    tied = np.where(rng.random(a.shape) < 0.5, a, b)
    tied.flat[:2] = a.flat[0], b.flat[1]
    quotient = "y = a·b⁻¹：对 a 的导数是 1/b，对 b 的是 −a/b²，再各自乘上 g"
    nought = "a 里可以有 0，那里 a/b 照样可导：两个导数都不用除以 a"
    cast = "两个输入都可能被广播过：返回之前各自 unbroadcast 回原来的形状"
    wide = "a、b 的形状可以不同：不能按 a 的下标去取 b，先让 NumPy 广播（a > b、np.maximum 自己会）"
    power = "(aᵖ)' = p·aᵖ⁻¹：系数 p 与指数 p − 1 都要有"
    any_p = "结果是 a**p：p 可以是负数、小数，不只是乘 p 次"
    at_zero = "a 里可以有 0 和负数：直接用 p·aᵖ⁻¹，不要除以 a，也不要取 ln a"
    no_log = "a 里可以有 0 和负数：结果直接写 a**p，不要取 ln a"
    larger = "谁大 g 就归谁，另一个得 0：看 a > b，不是看 g"
    tie = "一样大的地方两边各得一半：a 动一点、b 动一点，结果动的是它们的平均"
    near = 1e-9 * rng.choice([-1.0, 1.0], size=a.shape)
    close = "只差一点也不算一样大：用 a == b，不用 isclose"
    whole = "选了整个数组：取大是逐个位置比的，同一个结果里有的来自 a、有的来自 b"
    sides = "两边反了：大的那一边得 g，小的得 0；返回时先 a 的，后 b 的"

    def maximum(title: str, weight: float, hint: str, *inputs: Array) -> _Case:
        size = np.broadcast_shapes(*(x.shape for x in inputs))
        results = {whole: [np.broadcast_to(x, size) for x in inputs]}
        return _Case(
            *(title, weight, hint, inputs),
            results=results,
            swapped=sides,
            raised=wide,
            wrongs=partial(_too_tied, *inputs),
        )

    return [
        _Case("div（同形）", 1.0, quotient, (a, signs * b)),
        _Case("power（p = 2）", 1.0, power, (b,), {"p": 2}),
        maximum("maximum（同形）", 1.0, larger, a, b),
        _Case("div（(m, n) 与 (n,)）", 0.5, cast, (a, -row), raised=wide),
        _Case("div（(m, 1) 与 (n,)）", 0.5, cast, (column, row), raised=wide),
        _Case("div（(1,) 与一个数）", 0.25, cast, (one, number), raised=wide),
        _Case("div（没有样本）", 0.25, cast, (a[:0], row), raised=wide),
        _Case("div（没有样本，(0, n) 与 (1, n)）", 0.25, cast, (a[:0], b[:1]), raised=wide),
        _Case("div（a 里有 0）", 0.25, nought, (zero, b)),
        _Case("power（p = -1.0）", 0.25, power, (b,), {"p": -1.0}, any_p),
        _Case("power（p = 0.5）", 0.25, power, (b,), {"p": 0.5}, any_p),
        _Case("power（p = 2，a 里有 0 和负数）", 0.25, at_zero, (zero,), {"p": 2}, no_log),
        _Case("power（p = 3，a 里有 0 和负数）", 0.25, at_zero, (zero,), {"p": 3}, no_log),
        maximum("maximum（有一样大的）", 0.5, tie, a, tied),
        maximum("maximum（只差 1e-9）", 0.25, close, a, a + near),
        maximum("maximum（(m, n) 与 (m, 1)）", 0.5, cast, a, column),
        maximum("maximum（(m, 1) 与 (n,)）", 0.5, cast, column, row),
        _Case("div（(2, m, n) 与 (m, 1)）", 0.0, cast, (stack, column), raised=wide),
        maximum("maximum（(n,) 与 (2, m, n)）", 0.0, cast, row, stack),
        _Case("power（(2, m, n)，p = 2）", 0.0, power, (stack,), {"p": 2}),
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
        name = case.title.partition("（")[0]
        steps = _rule_steps(getattr(answer, name), getattr(ReferenceRules, name), rng, case)
        yield as_one(case.title, steps, weight=case.weight)
    a, b = rng.uniform(0.5, 2.0, size=(2, 3, 2))
    b[0] = a[0]
    yield from _single_steps(answer.div, "div", (a, b))
    yield from _single_steps(answer.power, "power", (a,), p=2)
    yield from _single_steps(answer.maximum, "maximum", (a, b))


def _products(a: Array, b: Array, g: Array) -> dict[str, list[Array]]:
    """What typical mistakes give for the two gradients of ``a @ b``."""
    rows = a.reshape(*a.shape[:-2], a.shape[-1], a.shape[-2])
    columns = b.reshape(*b.shape[:-2], b.shape[-1], b.shape[-2])
    back = reference_unbroadcast
    reshaped = "转置不是 reshape：reshape、改 .shape 只是重新断行，换轴用 .T、np.swapaxes"
    found = {reshaped: [back(g @ columns, a.shape), back(rows @ g, b.shape)]}
    if a.ndim == b.ndim == 3 and len(a) == len(b) > 1:
        both = [g @ b.swapaxes(-1, -2), a.swapaxes(-1, -2) @ g]
        summed = "两边都有批时，每一批的梯度归它自己：批与批之间不相加"
        found[summed] = [np.broadcast_to(one.sum(axis=0), one.shape) for one in both]
    return found


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
    plain = "a 的梯度是 g bᵀ，b 的是 aᵀ g：用形状核对谁在左"
    swap = "转置的是最后两根轴：三维数组的 .T 把三根轴全倒过来"
    each = "每一批各算各的，与两个矩阵时一样；批与批之间不相加"
    cast = "没有批的那个输入被每一批用了一次：各批的梯度要加起来，unbroadcast 回它的形状"
    long = "长度为 1 的批轴也被拉长了：梯度在这根轴上加起来，留住长度 1"
    fixed = (
        "批的轴可以没有、一根、几根：写死了轴号或 einsum 的下标就不认，三维数组的 .T 把三根轴"
        "全倒过来。只换最后两根轴用 np.swapaxes，einsum 的下标前写 ..."
    )
    none = "批可以是空的：没有一批可以相加，和是 0，形状照旧（np.stack 至少要一个数组）"
    every = "批的轴有两根，b 被每一根上的每一批都用了：都要加起来，不只第 0 根"
    product = "结果是 a @ b：最后两根轴当矩阵；有批时 np.dot 不是它"
    cases: list[tuple[str, float, str, str, tuple[int, ...], tuple[int, ...]]] = [
        ("两个矩阵", 1.0, plain, plain, (m, n), (n, k)),
        ("两边都有批", 1.0, each, fixed, (B, m, n), (B, n, k)),
        ("只有 a 有批", 1.0, cast, fixed, (B, m, n), (n, k)),
        ("只有 b 有批", 0.5, cast, fixed, (m, n), (B, n, k)),
        ("批的轴长度是 1", 0.5, long, fixed, (B, 1, m, n), (2, n, k)),
        ("批里一个也没有", 0.25, none, none, (0, m, n), (n, k)),
        ("方阵", 0.25, swap, fixed, (B, n, n), (B, n, n)),
        ("a 有两根批的轴", 0.25, every, fixed, (B, 2, m, n), (n, k)),
        ("批的轴 1 拉长成 0", 0.0, long, none, (1, m, n), (0, n, k)),
        ("批的轴 1 拉长成几", 0.0, long, long, (1, m, n), (B, n, k)),
        ("批的轴有三根", 0.0, every, fixed, (2, 1, 3, m, n), (B, 1, n, k)),
    ]
    for label, weight, hint, raised, left, right in cases:
        a, b = rng.normal(size=left), rng.normal(size=right)

        title = f"{label} {left} @ {right}"
        case = _Case(
            title, weight, hint, (a, b), {}, product, raised=raised, wrongs=partial(_products, a, b)
        )
        steps = _rule_steps(answer, ReferenceRules.matmul, rng, case)
        yield as_one(title, steps, weight=weight)
    yield from _single_steps(answer, "matmul", tuple(rng.normal(size=(2, 3, 3))))


def _averaged(a: Array, index: Any, g: Array) -> dict[str, list[Array]]:
    """The gradient of ``a[index]`` where what came several times was averaged."""
    total, count = np.zeros((2, *a.shape))
    np.add.at(total, index, g)
    np.add.at(count, index, 1.0)
    return {"取了几次就加几份，不取平均": [total / np.maximum(count, 1.0)]}


def _one_number(a: Array, index: int, g: Array) -> dict[str, list[list[Array]]]:
    """The gradient of ``a[1]``, a row, where one of its numbers is taken for the row."""
    found = []
    for number in g:
        out = np.zeros(a.shape)
        out[index] = number
        found.append(out)
    return {"index 是一个整数时取出的是一整行：g 有一行那么长，整行放回去，不是其中一个数": [found]}


def _misused(label: str, error: str) -> str:
    """Why an answer to 04.5 may fail."""
    if any(words in error for words in ("broadcast", "shape mismatch", "cannot reshape")):
        return "没取到的位置也要有，是 0：从与 a 同形的零数组出发，位置就是 index，不改 g 的形状"
    if "out of bounds" in error:
        return "index 原样交给 NumPy：负的从最后往前数，它自己认得，不用先取余或相加"
    return (
        f"index 可以是整数、切片、数组、元组，这里是 {label}：不能当成一列行号来循环，"
        "也不能先变成数组；正反两个方向都原样用它"
    )


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
    rowmask = np.arange(m) % 2 == 0
    basic = "把 g 放回取它的位置，其余是 0；形状、dtype 与 a 相同"
    twice = "同一行取了几次，几份梯度就要相加；out[index] = g、+= g 都只留下最后一份"
    negative = "负的行号从最后往前数，−1 是最后一行：index 原样用，不截到 0，也不取绝对值"
    last = "负的下标从最后往前数：a[-1] 是第 0 轴的最后一行，原样交给 NumPy 就行"
    cases: list[tuple[str, float, str, Array, Any]] = [
        ("a[1]", 1.0, basic, a, 1),
        ("a[:, 1:]", 0.5, basic, a, (slice(None), slice(1, None))),
        ("a[::-1]", 0.5, basic, a, slice(None, None, -1)),
        ("a[行号的数组]，有重复", 2.0, twice, a, rows),
        ("a[行号的数组]，a 有三维", 0.5, twice, s, rows),
        ("a[负的行号]，没有重复", 0.0, negative, a, np.array([-1, -m])),
        ("a[负的行号]，与正的重复", 0.5, twice, a, np.array([0, -m, -1, m - 1])),
        ("a[行, 列]，有重复", 0.5, twice, a, (np.array([1, 1, 0]), np.array([0, 0, 1]))),
        ("a[真假数组]", 0.25, basic, a, mask),
        ("a[空的行号]", 0.25, basic, a, rows[:0]),
        ("a[1, 1]，取出一个数", 0.25, basic, a, (1, 1)),
        ("a[-1]", 0.0, last, a, -1),
        ("a[0, -1]", 0.0, last, a, (0, -1)),
        ("a[:, 列号的数组]，有重复", 0.0, twice, a, (slice(None), np.array([0, 2, 0]))),
        ("a[真假的行]", 0.0, basic, a, rowmask),
    ]
    for label, weight, hint, data, index in cases:
        result = "结果就是 a[index]：index 原样用；真假数组不变成 0、1，整数、负数不用自己换算"
        options = {"index": index}
        case = _Case(label, weight, hint, (data,), options, result, raised=partial(_misused, label))
        wrongs = partial(_one_number if label == "a[1]" else _averaged, data, index)
        case = case._replace(wrongs=wrongs, between={"index": 0})
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
    # a view to be read only, as the lesson's rule for ``sum`` gives it
    return GraphNode(a, data=a.data.sum(), vjp=lambda g: (np.broadcast_to(g, a.data.shape),))


def _same(a: GraphNode) -> GraphNode:
    return GraphNode(a, data=a.data, vjp=lambda g: (g,))


def _turned(a: GraphNode) -> GraphNode:
    return GraphNode(a, data=a.data.T, vjp=lambda g: (g.T,))


def _asks(ok: bool, label: str, hint: str, detail: str = "", *, got: Any = None) -> Step:
    """A step about the answer's dictionary, shown by its size: nodes have no names."""
    return replace(that(ok, label, hint, detail), got="" if ok else f"字典，{len(got)} 项")


def _gradient(
    got: Any,
    node: GraphNode,
    want: Any,
    label: str,
    hint: str,
    weight: float,
    traps: Mapping[str, Any] | None = None,
) -> Step:
    """Does the answer's dictionary hold ``want`` for ``node``?"""
    if not isinstance(got, dict):
        return that(False, label, "返回 {节点: 梯度}，节点自己作键")
    found = got.get(node)
    if found is None:
        return _asks(False, label, hint, "字典里没有它", got=got)
    return value(found, want, label, hint, traps, weight=weight)


_WALK: dict[type[Exception], str] = {
    KeyError: "轮到的节点还不在字典里：从队尾的 root 往队首走，它的梯度才已收齐；常数要跳过",
    TypeError: "叶子的 vjp 是 None，轮到它没有东西可传；别的，把 grads[node] 交给 vjp，得到元组",
}


def _walked(
    answer: Answer, root: GraphNode, label: str, hint: str = ""
) -> Generator[Step, None, Any]:
    """What the answer gives for ``root``; a wrong step if it changes a node.

    Only a node of this process is seen to be changed; in another, the answer has copies.

    Args:
        hint: for an error, instead of the usual ones.
    """
    before = [
        (node, node.data, node.data.copy(), node.vjp) for node in reference_topological_order(root)
    ]
    kinds = dict.fromkeys((IndexError, KeyError, TypeError, ValueError), hint) if hint else _WALK
    got = yield from attempt(partial(answer, root), label, kinds)
    for node, data, copy, vjp in before:
        if node.data is not data or not np.array_equal(data, copy):
            hint = "节点的 .data 被改了：全 1 用 np.ones_like(root.data) 新造；用过的也不清空"
            yield that(False, f"{label}：不改动节点", hint)
        if node.vjp is not vjp:
            hint = "节点的 .vjp 被改了：同一张图会再走一次，用过也留着"
            yield that(False, f"{label}：不改动节点", hint)
    return got


def _chain_steps(answer: Answer, x: GraphNode) -> Steps:
    """y = 3·(2x): a dictionary, with the nodes as its keys, root and all on the way in it."""
    middle = _scale(x, 2.0)
    ones, budget = np.ones(x.data.shape), [10_000]
    y = GraphNode(middle, data=6.0 * x.data, scale=3.0, budget=budget)
    got = yield from _walked(answer, y, "链 y = 3·(2x)")
    left = budget[0]
    yield that(isinstance(got, dict), "返回字典", "返回 {节点: 梯度}，节点自己作键", given=got)
    nodes = {id(node) for node in (x, middle, y)}
    keys = {id(key) for key in got}
    if y in got:
        hint = "里面有别的图的节点：grads 要在函数里新建，默认参数、全局变量里都不要留东西"
        yield _asks(keys <= nodes, "字典里只有这张图的节点", hint, got=got)
    hint = "键是节点自己（节点可以当键），不是 id、编号或名字"
    yield _asks(keys <= nodes, "字典的键是节点", hint, got=got)
    if y not in got and x in got:
        hint = "root 和中间节点也要留在字典里：用过的不 pop，最后也不只挑叶子"
        if middle in got:
            hint = "root 自己也要在字典里（全 1）"
        yield _asks(False, "链 y = 3·(2x)：root 在字典里", hint, got=got)
    hint = "从 grads = {root: 全 1} 出发：root 对自己的导数是 1；全 1 与 root.data 同形"
    yield _gradient(got, y, ones, "root 的梯度", hint, 0.0)
    label = "链 y = 3·(2x)：x 的梯度"
    hint = (
        f"字典里有 {len(got)} 个节点，链上有 3 个，x 还没有走到：从队尾的 root 往队首走，"
        "轮到谁，谁的梯度就已经在字典里"
    )
    yield _asks(x in got, f"{label}在字典里", hint, got=got)
    hint = "从队尾的 root 往队首走，每过一个节点调用一次它的 vjp，把 grads[node] 交给它"
    yield _gradient(got, x, 6 * ones, label, hint, 1.0)
    hint = "中间节点也要留在字典里，不只叶子"
    yield _gradient(got, middle, 3 * ones, "链 y = 3·(2x)：2x 的梯度", hint, 0.0)
    hint = "第二次的梯度变了：grads 要在函数里新建，默认参数、全局变量里都不要留东西"
    again_ = yield from _walked(answer, y, "同一张图再问一次")
    yield _gradient(again_, x, 6 * ones, "同一张图再问一次：x 的梯度", hint, 0.0)
    hint = (
        "第二次没有把图重走一遍：上一次的队或字典存在默认参数、全局变量或缓存里，图就一直占着内存"
    )
    yield _asks(left - budget[0] >= 10_000 - left, "同一张图再问一次：每次重走", hint, got=again_)


def _shared_steps(answer: Answer, a: GraphNode, b: GraphNode) -> Steps:
    """Rules that give one array to two inputs, what they got, or a view of it."""
    ones = np.ones(a.data.shape)
    hint = (
        "别的节点的梯度被改了：vjp 给的可能就是传进去的 g、它的转置（与它共用内存），"
        "或与另一边同一个；写 grads[p] = grads[p] + g，别在原地加"
    )
    for turned, label in (
        (False, "y = a + (a + b)"),
        (False, "y = (a + b) + a"),
        (True, "y = aᵀ + 3aᵀ"),
        (True, "y = 3aᵀ + aᵀ"),
    ):
        if turned:
            u = _turned(a)
            pair = _same(u), _scale(u, 3.0)
            root = _add(*(pair if label.startswith("y = a") else pair[::-1]))
            want = {root: ones.T, pair[0]: ones.T, pair[1]: ones.T, u: 4 * ones.T, a: 4 * ones}
        else:
            u = _add(a, b)
            root = _add(a, u) if label.startswith("y = a") else _add(u, a)
            want = {root: ones, u: ones, a: 2 * ones, b: ones}
        got = yield from _walked(answer, root, label)
        for node, right in want.items():
            name = {id(root): "root", id(a): "a", id(b): "b"}.get(id(node), "中间节点")
            yield _gradient(got, node, right, f"{label}：{name} 的梯度", hint, 0.0)


def _constant_steps(answer: Answer, x: GraphNode, c: GraphNode) -> Steps:
    """Data among the parents, last or first; a root that is a leaf, or wants no gradient."""
    got = yield from _walked(answer, _mul(_mul(x, c), c), "y = x·c·c")
    hint = "只给 requires_grad 为 True 的来源记梯度：常数（数据、标签）不需要"
    yield _asks(c not in got, "常数不在字典里", hint, got=got)
    yield _gradient(got, x, c.data**2, "y = x·c·c 的 x", hint, 1.0)
    got = yield from _walked(answer, _mul(c, _mul(c, x)), "y = c·(c·x)")
    hint = "常数排在前面时，只跳过它（continue），后面的来源还要记"
    yield _asks(x in got, "y = c·(c·x)：x 在字典里", hint, got=got)
    hint = "常数可以排在前面：vjp 的梯度与 parents 一一对应，先配对，再跳过常数；筛过再 zip 就错位"
    yield _gradient(got, x, c.data**2, "y = c·(c·x) 的 x", hint, 0.0)
    hint = "排在前面的常数也不进字典"
    yield _asks(c not in got, "y = c·(c·x)：常数不在字典里", hint, got=got)

    doubled = GraphNode(c, data=2.0 * c.data, scale=2.0, requires_grad=False)
    got = yield from _walked(answer, _mul(_mul(x, doubled), doubled), "y = x·(2c)·(2c)")
    hint = (
        "由常数算出来的也是常数：2c 有 vjp，可是 requires_grad 是 False，不进字典，也不往它后面走。"
        "看 requires_grad，不看有没有 vjp"
    )
    for node, name in ((doubled, "2c"), (c, "c")):
        yield _asks(node not in got, f"y = x·(2c)·(2c)：{name} 不在字典里", hint, got=got)
    yield _gradient(got, x, 4 * c.data**2, "y = x·(2c)·(2c) 的 x", hint, 0.0)

    ones, alone = (
        np.ones(x.data.shape),
        "图里可以只有 root：它是叶子，没有 vjp，字典里就它自己，全 1",
    )
    kept = "root 不要梯度也在字典里（全 1）：requires_grad 只管来源进不进"
    untracked = GraphNode(c, data=2.0 * c.data, scale=2.0, requires_grad=False)
    for root, label, hint in (
        (x, "root 是叶子", alone),
        (c, "root 是叶子，不要梯度", kept),
        (untracked, "root 不要梯度", kept),
    ):
        got = yield from _walked(answer, root, label, hint)
        yield _gradient(got, root, ones, f"{label}：root 的梯度", hint, 0.0)
        hint = "常数（数据、标签）不进字典"
        yield _asks(len(got) == 1, f"{label}：别的不在字典里", hint, got=got)


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

    yield from _chain_steps(answer, leaf())

    x = leaf()
    hint = "x 用了两次，两份梯度要相加：用 = 会盖掉第一份，先配成字典或集合也会并成一份"
    yield _gradient(answer(_mul(x, x)), x, 2 * x.data, "y = x·x", hint, 1.0)
    y = _sum(_mul(x, x))
    got = answer(y)
    hint = "每个梯度与它的节点同形：root 是一个数时，从 np.ones_like(root.data) 出发"
    yield _gradient(got, y, 1.0, "y = Σ x·x：root 的梯度", hint, 0.0)
    yield _gradient(got, x, 2 * x.data, "y = Σ x·x：x 的梯度", hint, 0.5)
    a, b = leaf(), leaf()
    hint = "vjp 给两个输入的可能是同一个数组：写 grads[p] = grads[p] + g，不要用 +="
    y = _add(_add(a, a), b)
    got = yield from _walked(answer, y, "y = (a + a) + b")
    if isinstance(got, dict) and np.asarray(got.get(y)).dtype.kind == "b":
        hint = "root 的全 1 是 bool：True + True 还是 True。用 np.ones_like(root.data)，类型也跟着"
    yield _gradient(got, b, ones, "y = (a + a) + b 的 b", hint, 0.5)
    yield _gradient(got, a, 2 * ones, "y = (a + a) + b 的 a", hint, 0.5)
    for label in ("菱形 y = u + 6u，u = x²", "菱形 y = 6u + u，u = x²"):
        u = _mul(x, x)
        v = _scale(_scale(u, 3.0), 2.0)
        root = _add(u, v) if "y = u" in label else _add(v, u)
        got = answer(root)
        hint = "u 的梯度还没收齐就往前传了：按拓扑顺序的反序走，每个节点只处理一次"
        early = {hint: [k * x.data for k in (2, 4, 6, 12, 16, 26)]}  # no word about a factor
        yield _gradient(got, x, 14 * x.data, label, hint, 1.0, early)
        once = "一个节点的 vjp 只调用一次，得到的元组再与 parents 配对：不要为每个来源各调一次"
        detail = f"u.vjp 被调用 {u.calls} 次，root.vjp {root.calls} 次"
        right = u.calls == root.calls == 1
        said = once if root.calls > 1 else hint
        yield _asks(right, f"{label}：vjp 只调用一次", said, detail, got=got)
        hint = "字典里要有每个要梯度的节点，不只叶子"
        yield _gradient(got, u, 7 * ones, f"{label}：u 的梯度", hint, 0.0)

    yield from _shared_steps(answer, a, b)

    u = _scale(x, 2.0)
    got = answer(_add(_scale(u, 0.0), _scale(u, 0.0)))
    hint = "梯度是 0 也是梯度：照样往前传、进字典（.grad 是 0，不是 None）"
    yield _gradient(got, x, 0 * ones, "中途乘了 0：x 的梯度", hint, 0.0)

    empty = GraphNode(data=np.zeros((0, *size)))
    hint = "没有样本时梯度也与节点同形：(0, …)，从 np.ones_like(root.data) 出发"
    yield _gradient(answer(_sum(empty)), empty, empty.data, "没有样本的 x", hint, 0.0)

    yield from _constant_steps(answer, x, leaf(requires_grad=False))
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


_Program = list[tuple[str, int, int]]


def _written(step: Any) -> str:
    """One step of a program, as it was written."""
    if isinstance(step, list | tuple) and len(step) <= 4:
        plain = (bool, int, float, str, np.integer, np.floating)
        parts = [str(one) if isinstance(one, plain) else describe(one) for one in step]
        return f"({', '.join(parts)})"
    return describe(step)


def _steps_of(program: Any) -> tuple[_Program, str]:
    """The program in plain values, and what is wrong with it ("" if nothing)."""
    if program is None:
        return [], "得到 None：忘了 return，或者 who 是这个人时没有走到 return？"
    if not isinstance(program, list | tuple):
        return [], f"要的是列表，得到的是 {describe(program)}"
    if not program:
        return [], "程序是空的：至少一步"
    if len(program) > 8:
        return [], f"有 {len(program)} 步，最多 8 步"
    steps: _Program = []
    for k, step in enumerate(program, 1):
        which = f"第 {k} 步 {_written(step)}"
        if not isinstance(step, list | tuple) or len(step) != 3:
            return [], f"{which}：每一步是三项的元组 (运算, i, j)，整个程序是这样的元组的列表"
        op, *places = step
        if not isinstance(op, str) or op not in ("+", "×", "*"):
            return [], f"{which}：第一项是运算，只有 + 和 ×（写 * 也行）"
        if not all(isinstance(i, int | np.integer) and not isinstance(i, bool) for i in places):
            return [], f"{which}：i、j 是整数，a 是 0 号，b 是 1 号"
        i, j = (int(place) for place in places)
        if not 0 <= min(i, j) <= max(i, j) < len(steps) + 2:
            return (
                [],
                f"{which}：这时只有 0 到 {len(steps) + 1} 号（a 是 0，b 是 1，第 1 步的结果是 2）",
            )
        steps.append(("+" if op == "+" else "×", i, j))
    return steps, ""


def _needed(steps: _Program) -> list[bool]:
    """Which steps does the root need?"""
    needed = [False] * len(steps) + [False, False]
    needed[len(steps) + 1] = True
    for k in reversed(range(len(steps))):
        if needed[k + 2]:
            needed[steps[k][1]] = needed[steps[k][2]] = True
    return needed[2:]


def _harmless(name: str, steps: _Program) -> str:
    """Why a colleague may be right on a program."""
    used = [step for step, needed in zip(steps, _needed(steps), strict=True) if needed]
    if len(used) < len(steps):
        unused = "有的步 root 用不到，等于没写：0 是 a，1 是 b，第 1 步的结果是 2"
        return f"{name}在这个程序上算对了：{unused}"
    if name == "丙":
        return "丙在这个程序上算对了：字典里同一个键只留一份，要有一步的两个来源是同一个键"
    if name == "乙":
        if any(op == "+" and i != j for op, i, j in used):
            return "乙在这个程序上算对了：数组有两个来源共用，可是共用以后要有一方再收到一份"
        if any(op == "+" for op, _, _ in used):
            return (
                "乙在这个程序上算对了：“+”的两个来源是同一个节点，他加进自己那一份，正好是两份。"
                "要两个不同的节点共用，其中一个以后还收到一份"
            )
        return "乙在这个程序上算对了：他原地相加，要有数组被两个来源共用，而 × 给两边的是两个数组"
    read = [place for _, i, j in used for place in {i, j}]
    if any(read.count(k) > 1 for k in range(2, len(steps) + 2)):
        return (
            "甲在这个程序上算对了：有节点用了两次，可是轮到它时已经收齐。"
            "甲先走写在前面的来源：看他的 waiting 里是什么次序"
        )
    return "甲在这个程序上算对了：他离 root 近的先走，要有算出来的节点走得太早（叶子走早了不碍事）"


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
    form = '程序是列表，1 到 8 步，每一步是 ("+" 或 "×", i, j)，i、j 是整数，只能用前面已有的号'

    def wrong(name: str, steps: Any) -> bool:
        """Is the gradient for ``a`` or for ``b`` wrong?"""
        leaves = [run_program(steps, a, b) for _ in range(2)]
        got, want = COLLEAGUES[name](leaves[0][-1]), reference_gradients(leaves[1][-1])
        return not all(
            np.allclose(got.get(mine, 0.0), want.get(right, 0.0), rtol=1e-9)
            for mine, right in zip(leaves[0][:2], leaves[1][:2], strict=True)
        )

    state = "同一个人会问第二次：不要 pop、不要改动存好的程序，写成每次都一样的 return"
    for again_, weight in ((False, 1.0), (True, 0.0)):
        for name in ("丙", "甲", "乙"):
            label = f'再问一次 witness("{name}")' if again_ else f'witness("{name}")'
            hints = _for_use(state) if again_ else {}
            found = yield from attempt(partial(answer, name), label, hints)
            steps, why = _steps_of(found)
            yield that(not why, f"{label} 是一个程序", state if again_ else form, why)
            if not steps:
                return
            program = f"程序 {'、'.join(map(_written, steps))}"
            hint = state if again_ else _harmless(name, steps)
            label = f"{name}在他的程序上出错" if not again_ else label
            yield that(wrong(name, steps), label, hint, program, weight=weight)
            others = [other for other in COLLEAGUES if other != name and wrong(other, steps)]
            hint = f"{'、'.join(others)}也错了，分不清是谁的毛病：换一个只有{name}错的程序"
            label = f"{name}的程序上别人都对" if not again_ else label
            yield that(not others, label, hint, program, weight=weight / 2)


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
    yield from _chain_of_rules(answer, rng)
    yield from _quiet(answer, rng)
    yield from _types(answer, rng)


def _construction(T: Answer) -> Steps:
    t = T([[1, 2], [3, 4]])
    hint = "others 里不是 Tensor 的（数、数组）没有可用的 .data：先包成 Tensor，再取 .data"
    arrays = "交给规则的要是数组：rule(*(t.data for t in 输入), …)。交 Tensor，"
    arrays += "规则里的 + 又来叫 apply，没有完"
    hints = {AttributeError: hint, RecursionError: arrays}
    more = yield from attempt(lambda: t + 1, "Tensor + 1", hints)
    hint = "apply 最后 return 新造的 Tensor"
    yield that(isinstance(more, T), "Tensor + 1 得到 Tensor", hint, given=more)
    hint = "apply 把规则算出的结果放进新的 Tensor：value, vjp = rule(…)，再 Tensor(value)"
    kept = more is not t and np.array_equal(t.data, [[1.0, 2.0], [3.0, 4.0]])
    yield that(kept, "Tensor + 1 之后，输入没有变", f"{hint}；不写进 self")
    yield value(more.data, [[2.0, 3.0], [4.0, 5.0]], "(Tensor + 1).data", hint, weight=0.25)
    hint = "输入的次序是 (self, *others)：a / b 与 b / a 不同"
    yield value(
        (t / T([2.0, 4.0])).data, [[0.5, 0.5], [1.5, 1.0]], "(a / b).data", hint, weight=0.25
    )
    hint = "options 要原样交给规则：rule(*数组, **options)"
    yield value(t.sum(axis=0).data, [4.0, 6.0], "a.sum(axis=0).data", hint, weight=0.25)


def _about_parents(T: Answer, parents: Any, inputs: Sequence[Any]) -> str:
    """What is wrong with the parents of a result; "" if nothing."""
    if not isinstance(parents, tuple):
        return f"parents 要元组，来的是 {type(parents).__name__}"
    if len(parents) < len(inputs):
        return (
            f"输入有 {len(inputs)} 个，parents 里少了：self 与常数都在里面，同一个用两次算两个，"
            "这样才与 vjp 的梯度一一对应"
        )
    if not all(isinstance(one, T) for one in parents):
        return "parents 里要的是 Tensor，不是数组：来历要能一直走下去"
    if any(one is not two for one, two in zip(parents, inputs, strict=False)):
        if any(one is two for one in parents for two in inputs):
            swapped = len(parents) == 2 and parents[0] is inputs[1]
            if swapped:
                return "parents 的次序反了：与规则的输入相同，(self, *others)"
        return (
            "parents 里是另造的 Tensor，不是输入自己：再包一层，来历就断了。"
            "self 和已经是 Tensor 的 others 都用它自己"
        )
    return "" if len(parents) == len(inputs) else "parents 里多了东西：只有输入，(self, *others)"


def _recording(T: Answer, rng: Rng) -> Steps:
    w, c = T(rng.normal(size=3), requires_grad=True), T(rng.normal(size=3))
    hint = "任何一个输入要梯度，结果就要：在结果上写 requires_grad = True"
    yield that((w + 2).requires_grad, "w + 2 要梯度", hint)
    mixed = c * w
    hint = "apply 只读输入，不改它们：c 没有要求梯度，算完仍然没有"
    yield that(not c.requires_grad, "c * w 之后，c 仍不要梯度", hint)
    hint = "任何一个输入要梯度，结果就要，不只看 self"
    hint += "；others 里已经是 Tensor 的要用它自己，再包一层，来历就断了"
    yield that(mixed.requires_grad, "c * w 要梯度（只有 w 要）", hint)
    out = c / w
    for result, inputs, said in ((out, (c, w), "c / w"), (w * w, (w, w), "w * w")):
        wrong = _about_parents(T, result.parents, inputs)
        yield that(not wrong, f"{said} 的 parents", wrong)
    array = "ndarray 自己也有 .data（一块内存），不能靠它来认：用 isinstance(t, Tensor)，其余的先包"
    number = "不是 Tensor 的（数、数组）先包成 Tensor，包好的也在 parents 里"
    for other, said, hint in ((2.0, "w + 2", number), (np.arange(3.0), "w + 数组", array)):
        hints = {TypeError: hint, AttributeError: hint}
        result = yield from attempt(partial(add, w, other), said, hints)
        kinds = [isinstance(p, T) for p in result.parents]
        yield that(kinds == [True, True], f"{said} 的 parents 是两个 Tensor", hint)
    hint = "包常数时不要写 requires_grad=True：常数不要梯度"
    yield that(not (w + 2).parents[1].requires_grad, "w + 2 里的 2 不要梯度", hint)
    yield that(callable(out.vjp), "结果记着 vjp", "规则给的第二样东西，原样记在结果上")
    yield that(out.op == "div", "结果记着 op", "op 是规则的名字：rule.__name__")
    constant = c + 2
    hint = "没有一个输入要梯度，结果也不要：any(t.requires_grad for t in 输入)"
    yield that(not constant.requires_grad, "没有人要梯度就不记录", hint)
    hint = "只在需要时写 parents 和 vjp，否则它们会让整张图留在内存里"
    kept = len(constant.parents) > 0 or constant.vjp is not None
    yield that(not kept, "没有人要梯度就不留 parents 与 vjp", hint)
    hint = "不记录时四样都不写，op 也是：它仍是空字符串"
    yield that(not constant.op, "没有人要梯度就不写 op", hint)


@exposes("__call__", "__name__")
class _Blend:
    """A rule of three inputs and two options, to be given by name."""

    __name__ = "blend"

    def __call__(
        self, a: Array, b: Array, c: Array, *, scale: float, shift: float
    ) -> tuple[Array, Vjp]:
        return scale * (a * b - c) + shift, lambda g: (scale * g * b, scale * g * a, -scale * g)


def _chain_of_rules(T: Answer, rng: Rng) -> Steps:
    w = T(rng.uniform(0.5, 2.0, size=3), requires_grad=True)
    c, g = T([2.0, 4.0, 5.0]), rng.uniform(2.0, 3.0, size=3)
    hint = "常数的 dtype 跟 self.data 走：float64 里的常数不能经过 float32"
    yield value((w * 0.1).data, w.data * 0.1, "float64 的 w * 0.1", hint)
    hint = "vjp 要记规则给的那个函数本身：不在 apply 里先调用它，不替它定 g，反向时才知道 g 是多少"
    back = Caller((w / c).vjp, ReferenceRules.div(w.data, c.data)[1])
    got, want = yield from attempt(partial(back, g), "(w / c).vjp(g)", _for_use(hint))
    pair = isinstance(got, tuple) and len(got) == 2
    yield that(pair, "(w / c).vjp(g) 是两个梯度", hint, given=got)
    for k, name in enumerate("wc"):
        yield value(got[k], want[k], f"(w / c).vjp(g) 给 {name} 的", hint, weight=0.0)
    y = ((w / c + w) * T(g)).sum()
    y.backward()
    hint = "((w / c + w) * k).sum() 对 w 的梯度是 k·(1/c + 1)：parents、vjp 要与输入一一对应"
    want = g * np.array([1.5, 1.25, 1.2])
    yield value(w.grad, want, "backward 之后的 w.grad", hint)
    kept = np.array(w.grad)
    w * c + 1.0
    same = w.grad is not None and np.array_equal(w.grad, kept)
    hint = "apply 改动了输入的 .grad：它只读输入，清零是训练循环的事"
    yield that(same, "又算一步，w.grad 没有变", hint)

    a, b, c = (rng.normal(size=3) for _ in range(3))
    first, third = T(a), T(c, requires_grad=True)
    label = "apply(规则, b, c, scale=2.0, shift=1.0)：规则有三个输入"
    hint = "规则的输入可以不止两个：(self, *others) 里有几个就交几个，options 按名字交"
    rule = partial(first.apply, _Blend(), b, third, scale=2.0, shift=1.0)
    out = yield from attempt(rule, label, _for_use(hint))
    yield value(out.data, 2.0 * (a * b - c) + 1.0, label, hint, weight=0.0)
    right = isinstance(out.parents, tuple) and len(out.parents) == 3 and out.parents[2] is third
    yield that(right and out.op == "blend", "三个输入的结果：parents 与 op", hint)


def _quiet(T: Answer, rng: Rng) -> Steps:
    try:
        yield from _without_recording(T, rng)
    finally:
        T.recording = True  # a wrong no_grad must not spoil the rest of a learner's notebook


def _without_recording(T: Answer, rng: Rng) -> Steps:
    w = T(rng.normal(size=3), requires_grad=True)

    def plain() -> tuple[Any, Any]:
        with T.no_grad():
            return T.recording, w + 2

    label = "with Tensor.no_grad(): 能用"
    hint = (
        "no_grad 里要有一个 yield（块里的代码在那里执行），上面留着 @classmethod、@contextmanager"
    )
    kinds = (AttributeError, TypeError, RuntimeError)
    switched, quiet = yield from attempt(plain, label, dict.fromkeys(kinds, hint))
    after = w + 2
    hint = (
        "apply 里没有看对开关：Tensor.recording 已是 False 还在记录；要看 Tensor 的，不是 Base 的"
    )
    if switched is True:
        hint = "块里 Tensor.recording 仍是 True：no_grad 改的是局部变量？写 cls.recording = False"
    elif not quiet.parents and quiet.vjp is None:
        hint = "parents、vjp 没有写，requires_grad 却写了：四样都要等 recording 为真才写"
    yield that(not quiet.requires_grad, "no_grad 里不记录", hint, weight=0.5)
    kept = len(quiet.parents) > 0 or quiet.vjp is not None or bool(quiet.op)
    hint = "没有记录就不该有 parents、vjp 与 op：它们会让整张图留在内存里"
    yield that(not kept, "no_grad 里的结果没有 parents", hint)
    hint = "正常离开（没有出错）也要恢复：写在 finally 里，出不出错都走到"
    yield that(after.requires_grad, "离开 no_grad 后重新记录", hint)

    with T.no_grad():
        with T.no_grad():
            deep = w + 3
        inner = w + 3
    after = w + 3
    hint = "进去时一律关掉：recording = False，不是反过来"
    yield that(not deep.requires_grad, "里层的 no_grad 里也不记录", hint)
    hint = "退出时恢复成进来之前的值，不是一律改成 True：no_grad 可以套着用"
    yield that(not inner.requires_grad, "no_grad 套 no_grad", hint)
    hint = "里层把外层记住的旧值盖掉了：旧值记在这一次调用的局部变量里，不记在类或共用的对象上"
    yield that(after.requires_grad, "离开外层的 no_grad 后重新记录", hint)
    T.recording = False
    with T.no_grad():
        pass
    restored, T.recording = T.recording, True
    hint = "进来之前 recording 已经是 False，出来还应是 False：先记住原来的值"
    yield that(restored is False, "进来之前就不记录，出来也不记录", hint)

    raised: Exception | None = None
    try:
        with T.no_grad():
            raise KeyError
    except Exception as error:
        raised = error
    restored = (w + 2).requires_grad
    T.recording = True
    hint = "把恢复写在 finally 里：里面出了错也要恢复"
    yield that(restored, "no_grad 里出错之后重新记录", hint, weight=1.0)
    hint = "with 里的错误要照样传出去：用 finally，里面不要 return；不要用 except 吞掉它"
    yield that(raised is not None, "no_grad 里的错误传得出来", hint)
    hint = "with 里的错误要原样传出去，不要换成别的：用 finally，不用 except … raise 别的"
    detail = f"里面是 KeyError，传出来的是 {type(raised).__name__}"
    same = type(raised).__name__ == "KeyError"
    yield that(same, "no_grad 里的错误原样传出来", hint, detail)


def _types(T: Answer, rng: Rng) -> Steps:
    out = (T(np.ones(3, np.float32), requires_grad=True) * 2 + 1).mean()
    hint = "NumPy 里 float32 数组 + float64 数组会变成 float64：把常数先转成 self.data.dtype"
    hint += "；规则给的结果原样包成 Tensor"
    yield that(out.data.dtype == np.float32, "float32 进，float32 出", hint, weight=0.5)
    mixed = T(np.ones(3, np.float32)) + np.ones(3)
    hint = "数组也要转：np.asarray(t, self.data.dtype)，不只是数"
    yield that(mixed.data.dtype == np.float32, "float32 + float64 的数组，得 float32", hint)
    with T.no_grad():
        quiet = T(np.ones(3, np.float32), requires_grad=True) * 2
    hint = "不记录时，结果的数与记录时一样，dtype 也一样"
    yield that(quiet.data.dtype == np.float32, "no_grad 里也是 float32 进，float32 出", hint)
    w, single = T(rng.normal(size=3), requires_grad=True), T(np.ones(3, np.float32))
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


def _top(x: Any) -> float:
    """The largest size of a number in ``x``; 0 if there is none."""
    return float(np.abs(x).max(initial=0.0))


def _flat(call: Caller, a: Array) -> Array:
    """The result for ``a``, in a row."""
    return np.asarray(call(a)[0][0], dtype=float).reshape(-1)


def _bends(call: Caller, at: Array, along: Array) -> str:
    """ "尖" if the slope changes at a point, "跳" if the value does, else "".

    The second difference over the step stays the same at a kink, grows at a jump, and shrinks
    with the step where the function is smooth.
    """
    middle, found = _flat(call, at), []
    for step in 10.0 ** -np.arange(4, 10):
        around = _flat(call, at + step * along) + _flat(call, at - step * along)
        found.append(_top(around - 2 * middle) / step)
    if found[-1] * 1e-9 > 1e-6 * max(1.0, _top(middle)):
        return "跳"
    return "尖" if min(found) > 1e-4 and max(found) < 4 * min(found) else ""


def _corner(call: Caller, start: Array, end: Array) -> tuple[str, Array]:
    """Where a kink or a jump lies on a line, and which of the two: looked for closer and closer."""
    known: dict[float, Array] = {}

    def f(t: float) -> Array:
        if t not in known:
            known[t] = _flat(call, start + t * (end - start))
        return known[t]

    grid = [k / 32 for k in range(33)]
    values = np.stack([f(t) for t in grid])
    reach = np.maximum(np.ptp(values, axis=0), 1e-9)  # of every output
    bend = (np.abs(values[:-2] - 2 * values[1:-1] + values[2:]) / reach).max(axis=1, initial=0)
    middle, step, found = grid[int(bend.argmax()) + 1], 1 / 32, list[float]()
    for _ in range(26):
        step /= 2
        sizes = {}
        for t in (middle - step, middle, middle + step):
            sizes[t] = _top((f(t - step) - 2 * f(t) + f(t + step)) / reach)
        middle = max(sizes, key=lambda t: sizes[t])
        found.append(sizes[middle] / step)
    last, kind = found[-11:], ""
    if last[-1] * step > 1e-6:
        kind = "跳"
    elif min(last) > 1e-3 and max(last) < 4 * min(last):
        kind = "尖"
    return kind, start + middle * (end - start)


_SHAPES = {
    "尖": "左右两边的斜率不同，这里不可导：abs、max、排序、relu、clip、长度（平方和开根号）都有"
    "这样的尖角。换一个光滑的",
    "跳": "结果在这里跳了一下：取整、比大小、argmax 不连续，更不可导。换一个光滑的",
}


def _smooth_steps(call: Caller, rng: Rng, a: Array, label: str) -> Steps:
    """No kink and no jump: not where entries are 0 or equal, nor on lines across."""
    n, everywhere = a.size, f"{label}：处处可导"
    pair = a.copy()
    pair[1] = pair[0]
    for where, at in (
        ("a 全是 0 ", np.zeros(n)),
        ("a 的元素都一样大", np.full(n, a[0])),
        ("a 的前两个元素一样大", pair),
    ):
        finite = np.isfinite(_flat(call, at)).all()
        hint = "a 里可以有 0，也可以有一样大的：结果仍要是有限的数，哪里除以了 0？"
        yield that(finite, f"{label}：结果是有限的实数", hint, f"{where}时有 nan 或 inf")
        for along in (np.eye(n)[0], rng.uniform(-1.0, 1.0, size=n)):
            kind = _bends(call, at, along)
            yield that(not kind, everywhere, _SHAPES.get(kind, ""), f"{where}时")
    corner = np.where(np.arange(n) % 2, -2.0, 2.0)
    across = np.stack([corner, -corner * np.linspace(0.9, 1.0, n)])  # to the edge, on both sides
    for ends in (
        rng.uniform(1.0, 2.0, size=(2, n)) * [[-1.0], [1.0]],
        rng.uniform(-2, 2, (2, n)),
        across,
    ):
        kind, at = _corner(call, *ends)
        yield that(not kind, everywhere, _SHAPES.get(kind, ""), f"在 {_small('a', at)} 附近")


def _worst(back: Caller, J: Array, shape: tuple[int, ...], like: Array) -> str:
    """For which output and which entry of the input the vjp is furthest from the differences."""
    told, gap = "", 0.0
    with suppress(Exception):
        for i in range(min(len(J), 64)):
            g = np.zeros(len(J))
            g[i] = 1.0
            got = np.asarray(back(g.reshape(shape))[0][0], dtype=float)
            off = np.abs(got - J[i].reshape(like.shape))
            if off.max() > gap:
                gap, j = float(off.max()), np.unravel_index(int(off.argmax()), off.shape)
                output = list(map(int, np.unravel_index(i, shape)))
                asked = f"只给输出 {output} 的 g = 1、其余 0" if shape else "g = 1"
                want = float(J[i].reshape(like.shape)[j])
                told = (
                    f"{asked}：a{list(map(int, j))} 的梯度，vjp 给 {got[j]:.4g}，差分是 {want:.4g}"
                )
                told = told.replace("-", "−")
                if abs(want) < 1e-9 * _top(J):
                    told += "（这个输出不随它变）"
    return told


def _own_steps(call: Caller, rng: Rng, a: Array, label: str) -> Iterator[Any]:
    """Form, value and gradient for one input; last, where it was asked, with the Jacobian."""
    axes = "a 可以是一维、二维、三维，轴也可以只有 1 长：沿最后一根轴写 axis=-1、a[..., i]"
    glossed = _for_use(lambda error: _with_gloss(error, axes))
    got, _ = yield from attempt(partial(call, a), f"{label} 的结果", glossed)
    pair = isinstance(got, tuple) and len(got) == 2 and callable(got[1])
    yield that(pair, f"{label}：返回 (结果, vjp)", "写成 return 结果, vjp：一个数组和一个函数")
    shape = shape_of(got[0])
    plain = shape is not None and not isinstance(got[0], list | tuple)
    yield that(
        plain, f"{label}：结果是实数数组", f"结果是 NumPy 的数组或一个数，不是{describe(got[0])}"
    )
    assert shape is not None
    bounded = "输入在 −2 到 2 之间，结果里不该有 nan 或 inf"
    finite = bool(np.isfinite(np.asarray(got[0], dtype=float)).all())
    yield that(finite, f"{label}：结果是有限的实数", bounded)
    for number in (2.0, -2.0):
        finite = bool(np.isfinite(_flat(call, np.full(a.shape, number))).all())
        detail = f"a 全是 {number:g} 时有 nan 或 inf".replace("-", "−")
        yield that(finite, f"{label}：结果是有限的实数", bounded, detail)
    twice = np.asarray(call(a)[0][0], dtype=float)
    same = twice.shape == shape and np.array_equal(twice, np.asarray(got[0], dtype=float))
    hint = "同样的输入，第二次的结果不同：每次调用的结果只由 a 决定，不抽随机数，不数调用次数"
    yield that(same, f"{label}：同样的输入给同样的结果", hint)
    eighths = np.array_equal(8 * twice, np.round(8 * twice))  # of little account
    for kind in (np.float16, np.float32):
        if not eighths and np.array_equal(twice.astype(kind).astype(float), twice):
            hint = (
                f"结果只有 {kind.__name__} 的精度，差分量不出斜率：照 a 的 dtype 算，"
                "不转成 float16、float32，也不取整"
            )
            yield that(False, f"{label}：结果与 a 一样准", hint)
    for x in (a, -a, np.abs(a), -np.abs(a)):  # where it is flat, as relu is on a side, look on
        J, fine = (_jacobian(call, x, shape, step) for step in (2e-4, 1e-4))
        if _top(fine) > 1e-9:
            a = x
            break
    else:
        J, fine = (_jacobian(call, a, shape, step) for step in (2e-4, 1e-4))
    smooth = np.allclose(J, fine, rtol=1e-3, atol=1e-4 * max(1.0, _top(fine)))
    hint = "步长减半，差分就变了：这里不可导，或者变化太急，斜率在 0.0002 之内就变了"
    yield that(smooth, f"{label}：处处可导", hint)
    if a.ndim == 1 and a.size > 2:
        yield from _smooth_steps(call, rng, a, label)
    J = (4 * fine - J) / 3  # Richardson: the error of order step² is gone
    if a.ndim == 1 and a.size > 2:  # a softmax of one entry does not change, and is right
        hint = "结果不随输入变，导数处处是 0：换一个随 a 变的函数"
        yield that(_top(J) > 1e-9, f"{label}：结果随输入变", hint)
    size = _top(J) or 1.0
    # differences round at 1e-16 of the value over the step: a saturated tanh shows it
    got, _ = call(a)
    floor = 1e-6 * size + 1e-10 * _top(np.asarray(got[0], dtype=float))
    back = Caller(got[1])
    compare = "照上面那一对 i、j 手算 ∂yᵢ/∂aⱼ，与代码里的那一项比；再对 i 求和 Σᵢ gᵢ ∂yᵢ/∂aⱼ"
    kept = "第一次对，后来不对：vjp 会问几次，不能改动、用掉它记住的数组"
    other = (
        "中间又用别的 a 调用了一次 own_rule，再问先前的 vjp，用的却是后来的 a："
        "要记的放在这次调用的局部变量里，不放全局变量"
    )
    for k, hint in enumerate((compare, kept, kept, other)):
        if k == 3:
            call(0.5 * a)
        g = np.asarray(rng.uniform(-2.0, 2.0, size=shape))
        errors = _for_use(hint) if k else glossed
        asked = yield from attempt(partial(back, g), f"{label}：梯度", errors)
        grads = asked[0]
        one = isinstance(grads, tuple) and len(grads) == 1
        yield that(one, f"{label}：vjp 返回一个梯度的元组", "只有一个输入也是元组：(g,)")
        want = (g.reshape(-1) @ J).reshape(a.shape)
        flat = g.reshape(-1)
        traps: dict[str, Any] = {
            "只对 g 全是 1 成立：每个 gᵢ 要乘进它自己的那一项": J.sum(axis=0).reshape(a.shape),
            "vjp 对 g 是线性的：g 变号，梯度也变号；不取 |g|、g 的符号、正的一半，也不平方": [
                (odd @ J).reshape(a.shape)
                for odd in (np.abs(flat), np.sign(flat), np.maximum(flat, 0), flat**2)
            ],
        }
        if shape == a.shape:
            n = a.size
            diagonal = (flat * np.diag(J)).reshape(shape)
            traps["只算了同一位置的导数 ∂yᵢ/∂aᵢ：别的位置也影响结果"] = diagonal
            traps["方向反了：这是 J·g，反向要的是 g·J"] = (J @ g.reshape(n)).reshape(shape)
        step = value(
            grads[0],
            want,
            f"{label}：梯度",
            hint,
            {} if k else traps,
            form=f"梯度与 a 同形 {a.shape}：每个输入元素一份，不是与结果同形",
            nonfinite="梯度里有 nan 或 inf：哪里除以了可能是 0 的量？a 里可以有 0",
            rtol=1e-5,
            atol=floor,
        )
        if not step.ok and step.hint == compare:
            near = 1e-2 * max(floor, _top(want))
            if shape_of(grads[0]) == a.shape and _top(np.asarray(grads[0], float) - want) < near:
                said = "只差在后几位：vjp 里是数值差分，或者转成了 float32、加了小常数？要写公式"
                step = replace(step, hint=said)
            step = _besides(step, _worst(back, J, shape, a))
        yield step
    yield back.untouched(hint="vjp 改动了 g：先 copy，或写成新数组")
    yield a, J


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
            if isinstance(step, tuple):
                a, J = step
            else:
                yield step if step.weight == 0 else as_one(step.label, [step], weight=0.25)
        if label != "一维":
            continue
        near_0 = _jacobian(call, 0.2 * a, np.shape(call(a)[0][0]), 1e-4)  # where tanh is steep
        seen = np.array([(np.abs(K) > 1e-6 * _top(K)).sum(axis=1) for K in (J, near_0)])
        hint = "现在每个输出只看一个输入，是逐元素的：换一个输出要看好几个输入的函数"
        yield that(bool((seen > 1).any()), "输出要看不止一个输入", hint)
        other = rng.uniform(-2.0, 2.0, size=shape)  # a straight line that misses the origin
        line = [a + t * (other - a) for t in (0, 1 / 3, 2 / 3, 1)]
        moved = [np.asarray(call(x)[0][0], dtype=float) for x in line]
        bend = _top(moved[0] - moved[1] - moved[2] + moved[3])
        straight = bend <= 1e-7 * max(1.0, _top(moved[3]))
        hint = "现在的函数是线性的（求和、平均、差分都是，加上常数也一样）：换一个弯的"
        yield that(not straight, "不是线性的", hint)
        small, g = a.astype(np.float32), np.ones(np.shape(moved[0]))
        vjp = call(small)[0][1]
        want = _jacobian(call, small.astype(float), np.shape(g), 1e-4).sum(axis=0)
        hint = "float32 里差得多：vjp 要写公式，不能用数值差分"
        got = vjp(g.astype(np.float32))[0]
        yield value(got, want, "float32 的梯度", hint, rtol=1e-3, atol=1e-3, weight=1.0)
    yield call.untouched(hint="a 被原地修改了：先 copy，或写成新数组", weight=0.5)
