"""Chapter 11, embeddings: what each exercise asks, and the library's version of it.

The functions with public names are what the lesson goes on with while an exercise is still open.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from aigc_course.judging.vocabulary import (
    Answer,
    Array,
    Caller,
    Rng,
    Step,
    Steps,
    exercise,
    hints,
    no_python_loop,
    number,
    parts,
    shape_of,
    sizes,
    that,
    value,
)
from aigc_course.text.embeddings import Embedding, cooccurrences, ppmi, skip_gram_gradients
from aigc_course.text.vocabulary import PAD, UNKNOWN, Vocabulary

__all__ = ["best_scores", "expected_pairs", "my_corpus", "my_pairs", "step"]


# --- the library's versions --------------------------------------------------------------------


def expected_pairs(n: int, window: int) -> float:
    """How many pairs of centre and neighbour a row of ``n`` words gives on average.

    Each centre draws its reach from 1 to ``window``: two words at distance d make a pair, seen from
    one of them, with chance (window − d + 1) / window.

    Example:
        >>> expected_pairs(3, 1), expected_pairs(3, 2), expected_pairs(1, 5)
        (4.0, 5.0, 0.0)
    """
    distances = range(1, min(window, n - 1) + 1)
    return sum(2 * (n - d) * (window - d + 1) for d in distances) / window


def my_corpus() -> tuple[list[list[str]], str, str]:
    """Rows, and two words that never share one but have the same neighbours.

    Example:
        >>> rows, x, y = my_corpus()
        >>> any(x in row and y in row for row in rows)
        False
    """
    rows = [[who, *rest] for who in ("面包", "馒头") for rest in (["能", "充饥"], ["配", "咸菜"])]
    return [*rows, ["石头", "很", "硬"], ["山上", "有", "石头"]], "面包", "馒头"


def step(
    W: Array, C: Array, centre: Array, true: Array, drawn: Array, rate: float
) -> tuple[Array, Array]:
    """One step of skip-gram downhill; the tables given are left as they are.

    Args:
        W, C: of the words as centres and as neighbours, (V, D).
        centre, true: (B,).
        drawn: (B, K); where it is the true word it does not count.
        rate: learning rate; gradients are added up, not averaged.

    Example:
        >>> W, C = step(np.ones((2, 1)), np.zeros((2, 1)), *np.zeros((2, 1), int), [[1]], 1.0)
        >>> W.tolist(), C.tolist()
        ([[1.0], [1.0]], [[0.5], [-0.5]])
    """
    return _step(W, C, centre, true, drawn, rate)


def best_scores(counts: Array, K: int, power: float) -> Array:
    """The scores at which negative sampling's loss over all pairs is least: (V, V).

    Args:
        counts: (V, V), how often centre i has the neighbour j; no row or column is empty.
        K: drawn words a pair; j is drawn in proportion to its column's sum to ``power``.
        power: see ``K``.

    Returns:
        −inf where the count is 0.

    Example:
        >>> best_scores(np.ones((2, 2)), 1, 1.0).tolist()  # no pair is oftener than by chance
        [[0.0, 0.0], [0.0, 0.0]]
    """
    counts = np.asarray(counts, dtype=np.float64)
    noise = counts.sum(axis=0) ** power
    noise = noise / noise.sum()  # (V,)
    with np.errstate(divide="ignore"):
        return np.log(counts / (K * counts.sum(axis=1)[:, None] * noise))


def my_pairs() -> Array:
    """Couples whose analogies are all right, though no two offsets have a direction in common.

    Example:
        >>> pairs = my_pairs()
        >>> pairs.shape, all_questions(pairs, True), all_questions(pairs, False)
        ((4, 2, 8), 1.0, 0.0)
    """
    eye = np.eye(8)
    return np.stack([eye[:4], eye[:4] + 0.5 * eye[4:]], axis=1)


def all_questions(pairs: Array, exclude: bool) -> float:
    """The share of analogies that are right, the words of the couples being all there are.

    Args:
        pairs: (P, 2, D).
        exclude: whether the three words of the question are left out.
    """
    unit = pairs / np.linalg.norm(pairs, axis=2, keepdims=True)
    words = unit.reshape(-1, unit.shape[2])
    P, right = len(unit), 0
    for i in range(P):
        for j in range(P):
            if i != j:
                score = words @ (unit[i, 1] - unit[i, 0] + unit[j, 0])
                if exclude:
                    score[[2 * i, 2 * i + 1, 2 * j]] = -np.inf
                others = np.delete(score, 2 * j + 1)
                right += bool(score[2 * j + 1] > others.max() + 1e-12)
    return right / (P * (P - 1))


# --- the judges --------------------------------------------------------------------------------


def _pairs_wrong(kind: str) -> Callable[[int, int], float]:
    def answer(n: int, window: int) -> float:
        short = min(window, n - 1)
        reach = range(1, short + 1)
        if kind == "full":
            return float(sum(2 * (n - d) for d in reach))
        if kind == "edges":
            return float(n * (window + 1))
        if kind == "half":
            return expected_pairs(n, window) / 2
        if kind == "mean":  # the mean reach, as if every centre had it
            return n * (window + 1) / 2
        if kind == "mean reach":
            return float(sum(2 * (n - d) for d in range(1, min((window + 1) // 2, n - 1) + 1)))
        if kind == "whole":
            return expected_pairs(n, window) // 1
        if kind == "from 0":
            return sum(2 * (n - d) * (window - d) for d in reach) / window
        if kind == "0 too":
            return expected_pairs(n, window) * window / (window + 1)
        if kind == "by distance":
            return sum(2 * (n - d) / d for d in reach)
        if kind == "itself":
            return n + expected_pairs(n, window)
        if kind == "a word":
            return expected_pairs(n, window) / n
        if kind == "all reaches":
            return expected_pairs(n, window) * window
        if kind == "last":
            return expected_pairs(n, window) - 2 * max(0, n - window) / window
        if kind == "shortened":
            return expected_pairs(n, short) if short else 0.0
        if kind == "none":
            return 0.0 if n <= window else expected_pairs(n, window)
        return sum(2 * (n - d) * (window - d + 1) for d in range(1, window + 1)) / window

    return answer


_PAIRS_TRAPS = {
    "行比窗口短时，距离最多是 n − 1": "long",
    "行短，半径照样从 1 到 window 里抽：只是再远也没有词了": "shortened",
    "行比窗口短，也有邻居：距离最多是 n − 1": "none",
    "每个中心词先抽一个半径：离得远的，不是每次都够得着": "full",
    "行首行尾的词，一边的邻居不够": "edges",
    "中心词两边都有邻居：左右各算一次": "half",
    "平均半径只说了一边；行首行尾也还没有算": "mean",
    "半径有长有短，不能都换成平均的半径：各个半径各有多少对，再平均": "mean reach",
    "半径从 1 抽到 window，两头都在内：相邻的词每次都够得着": "from 0",
    "半径最少是 1，抽不到 0": "0 too",
    "按距离打折是 GloVe 的数法：这里问的是够得着的机会": "by distance",
    "中心词不是自己的邻居": "itself",
    "要的是一整行的对数，不是每个词的": "a word",
    "各个半径的对数加起来了，还要平均": "all reaches",
    "半径正好是 window 时，相距 window 的也够得着": "last",
    "平均数不一定是整数：用 /，不要用 // 或取整": "whole",
}


@exercise("11.1", "先猜再跑：一行有几对", points=2, asks="expected_pairs(n, window) -> 平均几对")
@hints(
    "先只看相距 d 的两个词：从左边那个看右边那个，够得着的机会是多少？",
    "半径在 1 到 window 里均匀抽，不小于 d 的有 window − d + 1 个。"
    "相距 d 的位置有 n − d 处，每处两个方向。",
    "把 2 · (n − d) · (window − d + 1) / window 从 d = 1 加到 min(window, n − 1)。",
)
def judge_expected_pairs(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, expected_pairs)
    window = int(rng.integers(5, 10))
    long = [n for n in range(window + 5, 60) if expected_pairs(n, window) % 1]
    while not long:  # an average that is no whole number
        window = int(rng.integers(5, 10))
        long = [n for n in range(window + 5, 60) if expected_pairs(n, window) % 1]
    first = int(rng.choice(long))
    too_long, shortened = _pairs_wrong("long"), _pairs_wrong("shortened")
    short = [
        n for n in range(3, window - 1) if abs(too_long(n, window) - shortened(n, window)) > 1e-6
    ]
    cases = (  # label, n, window, weight
        ("行比窗口长", first, window, 1.0),
        ("窗口是 1", int(rng.integers(5, 30)), 1, 0.5),
        ("行不到窗口那么长", int(rng.choice(short)), window, 0.75),
        ("两个词", 2, window, 0.0),
        ("只比窗口短一个词", window - 1, window, 0.25),
        ("与窗口一样长", window, window, 0.0),
        ("只有一个词", 1, window, 0.5),
        ("同一个 n，另一个窗口", first, window + 1, 0.0),
    )
    for label, n, w, weight in cases:
        yield _pairs_right(call, label, n, w, weight)
    yield no_python_loop(
        answer,
        lambda n: answer(n, window),
        "行变长，步数不变",
        "n 可以大到 10^15，一个词一个词地走走不完：中间的词都一样，想想相距 d 的有几处",
        sizes=(40, 400),
    )
    n, w = int(rng.integers(10**12, 10**15)), int(rng.integers(3, 9))
    yield _pairs_right(call, "很长的一行", n, w, 0.5)


def _pairs_right(call: Caller, label: str, n: int, window: int, weight: float) -> Step:
    got, want = call(n, window)
    label = f"{label}：n = {n}，window = {window}"
    if isinstance(got, str):
        return that(False, label, "要的是数，不是文字：不要写成字符串", given=got, weight=weight)
    traps = {said: _pairs_wrong(kind)(n, window) for said, kind in _PAIRS_TRAPS.items()}
    traps = {said: wrong for said, wrong in traps.items() if abs(wrong - want) > 1e-6}
    hint = "在纸上做 n = 3、window = 2：半径可能是 1 或 2，各有多少对？再平均"
    if n > 10**9:
        hint = "数到了 10^15 以上：int32 装不下，float32 只有 7 位"
    elif shape_of(got) == () and abs(float(got) - want) < 0.01 * want:
        hint = "只差一点：要准确的平均，不抽样估计，不四舍五入，也不用 float32"
    return number(got, want, label, hint, traps, rtol=1e-9, weight=weight)


_MOST = 200


def _nearest(rows: Any, word: str) -> tuple[str, float, float]:
    """The nearest other word by rows of PPMI, its cosine, and that of the next one."""
    words = Vocabulary.count(rows, min_count=1)
    matrix = ppmi(cooccurrences(rows, words, window=5)).dense()
    (first, cosine), (_, after) = Embedding(words, matrix).nearest(word, 2)
    return first, cosine, after


@exercise(
    "11.2",
    "写一份语料：不见面的近义词",
    points=3,
    asks="my_corpus() -> rows, x, y",
    allows=["aigc_course.text.embeddings.*", "aigc_course.text.vocabulary.*"],
)
@hints(
    "两个词相近，不靠它们见面，靠它们有同样的邻居。",
    "拿同一句话，把一处换成 x 写一遍，换成 y 再写一遍；这样写两三句。",
    "再写一两句别的词，让词表里不只有 x、y 的邻居；x、y 不出现在同一行。",
)
def judge_my_corpus(answer: Answer, rng: Rng) -> Steps:
    got = yield from parts(answer(), 3, "rows, x, y", "返回语料和两个词", "return rows, x, y")
    rows, x, y = got
    listed = isinstance(rows, list | tuple) and all(isinstance(row, list | tuple) for row in rows)
    hint = "rows 是列表的列表：每行是切好的词，不是一整句的字符串"
    if isinstance(y, list | tuple):
        hint = "次序是 rows、x、y：语料在最前面"
    yield that(listed and len(rows) > 0, "rows 是切好的行", hint, given=rows)
    every = [word for row in rows for word in row]
    fine = all(isinstance(word, str) and word.strip() for word in every)
    yield that(fine, "每个词是字符串", "行里有不是字符串的，或是空的", given=rows)
    hint = f"一共最多 {_MOST} 个词"
    yield that(len(every) <= _MOST, "不超过长度", hint, f"现在有 {len(every)} 个")
    known = isinstance(x, str) and isinstance(y, str) and x in every and y in every
    hint = "x、y 要是语料里出现过的两个不同的词"
    if not (isinstance(x, str) and isinstance(y, str)):
        hint = "x、y 是两个词，写成字符串：不是编号，也不是列表"
    elif x != y:
        lost = x if x not in every else y
        hint = f"语料里没有一个词正好是 {lost!r}：每行切成词了吗，多了空格吗"
    yield that(known and x != y, "x、y 是语料里的两个词", hint)
    own = {x, y} != {"猫", "狗"} and {x, y} != {"鱼", "肉"}
    yield that(own, "是自己的词", "猫与狗、鱼与肉课文里用过了：换你自己的")
    hint = "这两个词在同一行里出现了：它们得从不见面"
    yield that(not any(x in row and y in row for row in rows), "从不同行", hint, weight=0.5)
    hint = "词表里连 x、y 要有 6 个以上不同的词：没有别的词可比，最近就不稀奇"
    reserved = {PAD, UNKNOWN} & {*every}
    if reserved:
        hint = f"{min(reserved)} 是词表留着自己用的，不算词：换一个"
    yield that(len({*every}) >= 6 and not reserved, "有别的词可比", hint)
    for one, other in ((x, y), (y, x)):
        first, cosine, after = _nearest(rows, one)
        hint = f"离 {one} 最近的是 {first}：让 x、y 有同样的邻居，别的词的邻居不同"
        if cosine <= 0:
            hint = f"{one} 与谁也不像：它的邻居要在别的行里也做别人的邻居"
        elif first == other:
            hint = f"还有一个词与 {one} 一样近：只有 x、y 才能换来换去"
        clear = first == other and cosine > after + 1e-9
        yield that(clear, f"离 {one} 最近的词", hint, weight=1.0)
    hint = "余弦还不到 0.5：同样的邻居再多几个，各自独有的少几个"
    yield that(_nearest(rows, x)[1] >= 0.5, "余弦不小于 0.5", hint, weight=0.5)


def _step(
    W: Any, C: Any, centre: Any, true: Any, drawn: Any, rate: float, *, kind: str = ""
) -> tuple[Array, Array]:
    """A step, or one of its near misses."""
    W, C = np.array(W, dtype=np.float64), np.array(C, dtype=np.float64)
    centre, true, drawn = (np.asarray(ids) for ids in (centre, true, drawn))
    h, u, n = W[centre], C[true], C[drawn]
    D = W.shape[1]
    if kind == "one by one":
        for b in range(len(centre)):
            W, C = _step(W, C, centre[b : b + 1], true[b : b + 1], drawn[b : b + 1], rate)
        return W, C
    valid = np.ones(drawn.shape) if kind == "unmasked" else drawn != true[:, None]
    if kind == "anywhere":
        valid = ~np.isin(drawn, true)
    if kind == "centre":
        valid = valid & (drawn != centre[:, None])
    if kind == "once":
        earlier = np.tril(drawn[:, :, None] == drawn[:, None, :], -1)  # (B, K, K)
        valid = valid & ~earlier.any(axis=2)
    slope = 1 / (1 + np.exp(-np.sum(h * u, axis=1))) - 1
    slopes = valid / (1 + np.exp(-np.einsum("bd,bkd->bk", h, n)))
    dh = slope[:, None] * u + np.einsum("bk,bkd->bd", slopes, n)
    if kind == "mean":
        rate = rate / len(centre)
    if kind == "mean drawn":
        slopes = slopes / drawn.shape[1]
        dh = slope[:, None] * u + np.einsum("bk,bkd->bd", slopes, n)
    if kind == "uphill":
        rate = -rate
    if kind in ("lost", "lost centre"):
        W[centre] -= rate * dh
    else:
        np.add.at(W, centre, -rate * dh)
    if kind == "new":
        h = W[centre]
    du, dn = slope[:, None] * h, slopes[:, :, None] * h[:, None]
    if kind in ("lost", "lost neighbour"):
        C[true] -= rate * du
        C[drawn] -= rate * dn
    else:
        np.add.at(C, true, -rate * du)
        if kind != "no drawn":
            np.add.at(C, drawn.ravel(), -rate * dn.reshape(-1, D))
    return W, C


_STEP_TRAPS = {
    "同一个词在一批里出现几次，只有最后一次算了数：W[ids] -= … 不会累加": [
        "lost",
        "lost centre",
        "lost neighbour",
    ],
    "邻居表的梯度用了更新以后的 W：一步里的梯度都在旧的数上算": ["new"],
    "抽到的恰是真邻居时不算：不然同一个词又拉又推": ["unmasked"],
    "同一对抽到同一个词两次，就算两次：不要去重": ["once"],
    "只有那一对自己的真邻居不算；它是别的对的真邻居，照样推开": ["anywhere"],
    "抽到中心词自己照样算：不算的只有那一对的真邻居": ["centre"],
    "后面的对用了前面的对改过的表：一批里的梯度都在旧的数上算": ["one by one"],
    "各对的梯度是相加，不是平均": ["mean"],
    "K 个抽来的词也是相加，不是平均": ["mean drawn"],
    "方向反了：往损失小的方向走，减去梯度": ["uphill"],
    "抽来的词没有更新：它们的向量也有梯度": ["no drawn"],
}


@exercise(
    "11.3",
    "找错：走一步",
    points=3,
    asks="step(W, C, centre, true, drawn, rate) -> W, C",
    allows=[skip_gram_gradients],
)
@hints(
    "一批里 centre 有两个一样的编号时，W[centre] -= … 做了什么？拿两行的小表试。",
    "三处：重复的编号没有累加；第二张表用了第一张表的新值；抽到真邻居时没有去掉。",
    "先把 h、u、n 三份旧的向量取出来，所有的梯度算完再动表；累加用 np.add.at(表, 编号, 数)。",
)
def judge_step(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, step)
    B, D, K = sizes(rng, 3, 2, 6)
    for label, repeated, hit, far, weight, hint in (
        ("编号各不相同", False, False, 1, 1.0, _STEP_PLAIN),
        ("同一个词出现几次", True, False, 1, 1.5, _STEP_OLD),
        ("抽到的恰是真邻居", True, True, 1, 1.0, _STEP_HIT),
        ("抽到中心词自己", True, True, 1, 0.0, _STEP_HIT),
        ("分数有大有小", True, True, 3, 0.0, _STEP_FAR),
    ):
        V = B * (K + 2) + 3
        W, C = rng.normal(size=(2, V, D)) * far
        order = rng.permutation(V)
        centre, true, drawn = order[:B], order[B : 2 * B], order[2 * B : 2 * B + B * K]
        drawn = drawn.reshape(B, K)
        if repeated:
            centre, drawn = centre.copy(), drawn.copy()
            centre[-1] = centre[0]
            drawn[-1, 0] = drawn[0, 0]
            drawn[1, 0] = drawn[1, 1]  # twice for one pair
            drawn[0, -1] = true[1]
        if hit:
            drawn[1, 0] = true[1]
        if "自己" in label:
            drawn[-1, -1] = centre[-1]
        rate = float(rng.uniform(0.1, 0.9))
        got, want = call(W, C, centre, true, drawn, rate)
        tables = yield from parts(got, 2, "W, C", f"{label}：返回两张表", "return W, C", want=want)
        wrong = {
            said: [_step(W, C, centre, true, drawn, rate, kind=kind) for kind in kinds]
            for said, kinds in _STEP_TRAPS.items()
        }
        for k, (name, old) in enumerate((("W", W), ("C", C))):
            traps: dict[str, Any] = {
                said: [tables_[k] for tables_ in some if not np.allclose(tables_[k], want[k])]
                for said, some in wrong.items()
            }
            traps = {said: some for said, some in traps.items() if some}
            traps["这是改了多少；要的是改过以后的表"] = [want[k] - old, old - want[k]]
            form = f"{name} 与给的表同形"
            yield value(
                tables[k], want[k], f"{label}：{name}", hint, traps, form=form, weight=weight / 2
            )
    yield call.untouched(weight=0.5)


_STEP_OLD = "先取出旧的 h、u、n，算完三份梯度，再动两张表"
_STEP_PLAIN = "编号不重复时，同事的 W 那一行的式子是对的；C 的两行只要换成旧的 W"
_STEP_HIT = "抽到真邻居的那一个，梯度整个不算；这一对的真邻居、别的抽来的词照算"
_STEP_FAR = "分数离 0 远的时候不对：σ 照原样算，不要截断"


@exercise("11.4", "分数的极小点", points=3, asks="best_scores(counts, K, power) -> (V, V)")
@hints(
    "只看一对 (i, j)：它在总损失里出现两次，一次当真邻居，一次当抽来的。各几次？",
    "真邻居 n 次；中心词 i 一共抽 K·n_i 个词，其中平均 K·n_i·P(j) 个是 j。"
    "写出 f(s)，求导，令它为 0。",
    "n·(σ(s) − 1) + m·σ(s) = 0 给出 σ(s) = n / (n + m)，也就是 s = ln(n / m)，m = K·n_i·P(j)。",
)
def judge_best_scores(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, best_scores)
    V = int(rng.integers(3, 7))
    for label, filled, power, K, weight in (
        ("每一对都见过", True, 1.0, 1, 1.0),
        ("K 不是 1", True, 1.0, int(rng.integers(2, 9)), 1.0),
        ("幂不是 1", True, float(rng.uniform(0.3, 0.9)), int(rng.integers(2, 9)), 1.0),
        ("有的对没见过", False, 0.75, int(rng.integers(2, 9)), 1.0),
    ):
        counts = rng.integers(1, 40, size=(V, V)).astype(float)
        if not filled:
            counts[0, 1] = counts[V - 1, 0] = 0
        got, want = call(counts, K, power)
        fits = shape_of(got) == (V, V)
        yield that(fits, f"{label}：(V, V) 的数组", "形状是 (V, V)，没见过的也占一格", given=got)
        yield from _scores(got, want, counts, K, power, label, weight)
    yield call.untouched(weight=0.5)


def _scores(
    got: Any, want: Array, counts: Array, K: int, power: float, label: str, weight: float
) -> Steps:
    column = counts.sum(axis=0)
    row = counts.sum(axis=1)[:, None]

    def scores(k: float, noise: Array, by: Any = row) -> Array:
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(counts / (k * by * noise)))

    noise = column**power / (column**power).sum()
    plain = column / column.sum()
    of_rows = row[:, 0] ** power / (row**power).sum()
    both = counts + counts.T
    either = both.sum(axis=0) ** power
    candidates: dict[str, Any] = {
        "抽来的有 K 个：每个真邻居配 K 个": scores(1, noise),
        "K 越大，抽来的越多，分数越低：放在分母": scores(1 / K, noise),
        "抽样的概率要带上 power": scores(K, plain),
        "幂是参数 power，不是写死的 0.75": scores(K, column**0.75 / (column**0.75).sum()),
        "power 只管抽样：中心词 i 的对数就是 n_i": scores(K, noise, row**power),
        "抽的是邻居：按列的和，不是行的和": scores(K, of_rows),
        "counts 不一定对称：行是中心词，列是邻居，不要加上转置": np.log(
            both / (K * both.sum(axis=1)[:, None] * either / either.sum())
        ),
        "抽到真邻居也算：n_i 里不用去掉它": scores(K, noise, row - counts),
        "ln 是自然对数，底是 e": want / np.log(2),
        "行是中心词，列是邻居：结果转置了": want.T,
        "分数可以是负的：这里不取正部": np.maximum(want, 0),
        "这是对数里面的比：还要取对数": np.exp(want),
        "加起来要是 1：先取 power 次方，再除以它们的总和": [
            scores(K, column**power),
            scores(K, plain**power),
        ],
        "这是概率 σ(s)；要的是分数 s": 1 / (1 + np.exp(-want)),
        "中心词与邻居弄反了：行是中心词": scores(K, noise[:, None], column),
        "总对数与 n_i 混了：中心词 i 只有 n_i 对": scores(K, noise, counts.sum()),
    }
    traps: dict[str, Any] = {}
    for said, wrong in candidates.items():
        several = wrong if isinstance(wrong, list) else [wrong]
        traps[said] = [w for w in several if not np.allclose(w, want) and np.isfinite(w).all()]
    traps = {said: wrong for said, wrong in traps.items() if wrong}
    hint = "只看一对 (i, j)：写出它在总损失里的那两项，求导，令导数为 0"
    finite = np.isfinite(want)
    if finite.all():
        yield value(got, want, label, hint, traps, form="形状是 (V, V)", weight=weight)
        return
    bad = ~np.isfinite(got)
    hint_zero = "从没见过的一对，分数越低损失越小，没有底：那里是 −inf"
    zeros = np.array_equal(bad, ~finite) and bool(np.all(got[~finite] == -np.inf))
    yield that(zeros, f"{label}：没见过的是 −inf", hint_zero, weight=weight / 2)
    yield value(got[finite], want[finite], f"{label}：见过的", hint, weight=weight / 2)


@exercise("11.5", "造一个反例：满分的类比，没有方向", points=3, asks="my_pairs() -> (P, 2, D)")
@hints(
    "排除了 a、b、c 以后，只要 d 是 c 在剩下的词里最近的，b − a 是什么都答得对。",
    "让每一对里的两个词互相很近，不同的对互相垂直；各对的 b − a 也互相垂直。",
    "第 i 对：a 是第 i 个坐标轴，b 是 a 加上半个第 P + i 个坐标轴。",
)
def judge_my_pairs(answer: Answer, rng: Rng) -> Steps:
    got = answer()
    fine = isinstance(got, np.ndarray) and got.ndim == 3 and got.shape[1] == 2
    fine = fine and np.issubdtype(got.dtype, np.number) and not np.iscomplexobj(got)
    hint = "返回 (P, 2, D) 的数组：P 对词，每对两个向量"
    if shape_of(got) is None and isinstance(got, np.ndarray) and got.ndim == 3:
        hint = "数组里要是实数：不是复数，也不是文字"
    yield that(fine, "形状是 (P, 2, D)", hint, given=got)
    P, _, D = got.shape
    hint = "P 在 4 到 50，D 不过 1000"
    yield that(4 <= P <= 50 and 1 <= D <= 1000, "几对，几维", hint, f"P 是 {P}，D 是 {D}")
    pairs = np.asarray(got, dtype=np.float64)
    length = np.linalg.norm(pairs, axis=2)
    hint = "有一个向量是 0、nan 或 inf，没有方向"
    good = bool(np.isfinite(pairs).all() and (length > 1e-100).all() and (length < 1e100).all())
    yield that(good, "每个向量都有方向", hint)
    unit = pairs / length[:, :, None]
    offsets = unit[:, 1] - unit[:, 0]
    size = np.linalg.norm(offsets, axis=1)
    yield that(bool((size > 1e-6).all()), "两个词不重合", "有一对的两个向量方向相同：b − a 是 0")
    whole = all_questions(pairs, True)
    hint = "排除 a、b、c 以后还有答错的：每一对里的两个词要比别的词都近"
    yield that(whole == 1, "排除问句里的词：全对", hint, f"答对了 {whole:.0%}", weight=1.0)
    plain = all_questions(pairs, False)
    hint = "不排除也有答对的：b − a 再短一些，b − a + c 就离 c 自己最近"
    yield that(plain == 0, "不排除：全错", hint, f"答对了 {plain:.0%}", weight=1.0)
    cosine = (offsets / size[:, None]) @ (offsets / size[:, None]).T
    most = float(np.abs(cosine[~np.eye(P, dtype=bool)]).max())
    hint = "有两对的 b − a 方向相近或相反：各对要各走各的，互相垂直"
    yield that(most <= 0.1, "偏移没有共同的方向", hint, f"余弦的绝对值最大 {most:.2f}", weight=1.0)
