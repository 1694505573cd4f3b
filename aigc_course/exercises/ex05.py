"""Chapter 05, optimizers: what each exercise asks, and the library's version of it.

Each judge works out what the usual mistakes would give on the same random case and compares the
answer with those too, so that the hint can name the mistake without showing the right value.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from aigc_course.judging.vocabulary import (
    Answer,
    Array,
    Caller,
    Rng,
    Step,
    Steps,
    as_one,
    attempt,
    exercise,
    hints,
    parts,
    sizes,
    that,
    value,
)

__all__ = [
    "adam_step",
    "decay_step",
    "epoch_batches",
    "largest_rate",
    "momentum_step",
    "warmup_cosine",
    "which_optimizer",
]


# --- the library's versions --------------------------------------------------------------------


def epoch_batches(n: int, batch_size: int, rng: Rng) -> list[Array]:
    """Row numbers 0 … n − 1 in random order, ``batch_size`` at a time, the short last batch kept.

    Example:
        >>> [len(batch) for batch in epoch_batches(5, 2, np.random.default_rng(0))]
        [2, 2, 1]
    """
    order = rng.permutation(n)
    return [order[i : i + batch_size] for i in range(0, n, batch_size)]


def momentum_step(
    w: Array, g: Array, v: Array, lr: float, mu: float, nesterov: bool = False
) -> tuple[Array, Array]:
    """PyTorch's form: v ← μv + g, then w ← w − αv, or w ← w − α(g + μv) for Nesterov.

    Args:
        w, g, v: weights, gradient and state, of one shape.
        lr, mu: learning rate α and momentum μ.

    Returns:
        The new ``w, v``.

    Example:
        >>> w, v = momentum_step(np.ones(1), np.ones(1), np.ones(1), lr=0.1, mu=0.5)
        >>> w.round(2).tolist(), v.tolist()
        ([0.85], [1.5])
    """
    v = mu * v + g
    return w - lr * (g + mu * v if nesterov else v), v


def adam_step(
    w: Array,
    g: Array,
    m: Array,
    s: Array,
    t: int,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
) -> tuple[Array, Array, Array]:
    """Adam (Kingma & Ba 2015); all arrays of one shape, ``t`` counts from 1.

    Returns:
        The new ``w, m, s``.

    Example:
        >>> zero = np.zeros(2)
        >>> w, m, s = adam_step(zero, np.array([3.0, -0.2]), zero, zero, 1, lr=0.1)
        >>> w.round(6).tolist()  # the first step has the length lr whatever the gradient
        [-0.1, 0.1]
    """
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g * g
    return w - lr * (m / (1 - beta1**t)) / (np.sqrt(s / (1 - beta2**t)) + eps), m, s


def decay_step(
    w: Array, g: Array, m: Array, s: Array, t: int, lr: float, weight_decay: float, decoupled: bool
) -> tuple[Array, Array, Array]:
    """AdamW (Loshchilov & Hutter 2019), or Adam with the L2 term inside the gradient.

    Example:
        >>> one, zero = np.ones(1), np.zeros(1)
        >>> w, *_ = decay_step(one, zero, zero, zero, 1, 0.1, 0.5, decoupled=True)
        >>> w.round(3).tolist()
        [0.95]
    """
    if decoupled:
        w = w * (1 - lr * weight_decay)
    else:
        g = g + weight_decay * w
    return adam_step(w, g, m, s, t, lr)


def warmup_cosine(t: int, total: int, warmup: int, peak: float, floor: float = 0.0) -> float:
    """Linear up over ``warmup`` steps, half a cosine down to ``floor`` at step ``total``.

    Example:
        >>> [round(warmup_cosine(t, 10, 2, 1.0), 3) for t in (0, 1, 2, 6, 10, 12)]
        [0.5, 1.0, 1.0, 0.5, 0.0, 0.0]
    """
    if t < warmup:
        return peak * (t + 1) / warmup
    progress = min(1.0, (t - warmup) / (total - warmup))
    return floor + (peak - floor) * 0.5 * (1 + math.cos(math.pi * progress))


OPTIMIZERS = ("SGD", "Momentum", "AdaGrad", "RMSprop", "Adam")


def directions(name: str, grads: Array) -> Array:
    """What each step subtracts from w when the learning rate is 1; ``grads`` and result (T, D)."""
    m = s = v = np.zeros(grads.shape[1])
    out = []
    for t, g in enumerate(grads, start=1):
        v, s_sum = 0.9 * v + g, s + g * g
        s = s_sum if name == "AdaGrad" else (0.999 if name == "Adam" else 0.99) * s
        if name in ("RMSprop", "Adam"):
            s = s + (0.001 if name == "Adam" else 0.01) * g * g
        m = 0.9 * m + 0.1 * g
        out.append(
            {
                "SGD": g,
                "Momentum": v,
                "AdaGrad": g / (np.sqrt(s) + 1e-10),
                "RMSprop": g / (np.sqrt(s) + 1e-8),
                "Adam": m / (1 - 0.9**t) / (np.sqrt(s / (1 - 0.999**t)) + 1e-8),
            }[name]
        )
    return np.array(out)


def which_optimizer(path: Array, grads: Array) -> str:
    """Who has walked this path: every step is the learning rate times a known direction.

    Args:
        path: (T + 1, D)
        grads: (T, D), at the first T points.

    Example:
        >>> grads = np.array([[1.0], [2.0], [-1.0]])
        >>> which_optimizer(np.array([[0.0], [-0.1], [-0.3], [-0.2]]), grads)
        'SGD'
    """
    steps = path[:-1] - path[1:]
    left = []
    for name in OPTIMIZERS:
        d = directions(name, grads)
        left.append(np.linalg.norm(steps - (steps * d).sum() / (d * d).sum() * d))
    return OPTIMIZERS[int(np.argmin(left))]


def largest_rate(H: Array, mu: float, form: str, weight_decay: float = 0.0) -> float:
    """The least upper bound of stable learning rates of momentum on ½wᵀHw + ½λ‖w‖².

    Args:
        H: (D, D), symmetric, no eigenvalue below 0.
        form: "甲" v ← μv + g, "乙" v ← μv - αg, "丙" v ← μv + (1 - μ)g.

    Example:
        >>> round(largest_rate(np.diag([1.0, 50.0]), 0.9, "甲"), 6)
        0.076
    """
    top = float(np.linalg.eigvalsh(H)[-1]) + weight_decay
    return 2 * (1 + mu) / top / (1 - mu if form == "丙" else 1)


# --- the judges --------------------------------------------------------------------------------


@exercise("05.1", "一轮小批，不放回", points=2, asks="epoch_batches(n, batch_size, rng) -> list")
@hints(
    "先把 0 … n−1 全体打乱一次，再从头到尾切成段：不放回就是这样来的。",
    "打乱用传进来的 rng.permutation(n)；切段的起点是 range(0, n, batch_size)，"
    "切片超出末尾时会自己变短。",
    "把打乱的下标记作 order；返回一个列表，起点 i 的那一批是 order 从 i 到 i + batch_size 的切片。",
)
def judge_epoch_batches(answer: Answer, rng: Rng) -> Steps:
    size = int(rng.integers(30, 40))  # more than 255 numbers: they do not fit into a byte
    full, rest = int(rng.integers(9, 12)), int(rng.integers(1, size - 1))
    n, seed = full * size + rest, int(rng.integers(2**31))

    def draw(stream: Rng, n: int = n) -> list[Array] | None:
        out = answer(n, size, stream)  # may go on for ever: more than n batches are wrong anyway
        return None if out is None else [np.asarray(batch) for batch in islice(out, n + 1)]

    stream = np.random.default_rng(seed)
    batches = draw(stream)
    if batches is None:
        yield that(False, "返回一个列表", "忘了 return？（用 yield 写成生成器也可以）")
        return
    integers = all(b.ndim == 1 and np.issubdtype(b.dtype, np.integer) for b in batches)
    yield that(integers, "每一批是一维整数下标", "每一批应当是形状 (B,) 的整数数组，不是数据本身")
    lengths = [len(b) for b in batches]
    detail = f"各批大小：{lengths[:100]}"
    hint = "按 batch_size 一段一段往后切：range(0, n, batch_size)"
    if sum(lengths) == n and max(lengths) - min(lengths) <= 1:
        hint = "每一批要恰好 batch_size 个、只有最后一批可以短；array_split 切出的是均分的大小"
    right = lengths[:full] == [size] * full and max(lengths) <= size
    yield that(right, "每批 batch_size 个", hint, detail)
    flat = np.concatenate(batches)
    yield that(flat.min() >= 0 and flat.max() < n, "下标在 0 到 n−1 之间", "有下标越界")
    twice = len(flat) - len(np.unique(flat))
    hint = "这是有放回抽样：先 rng.permutation(n) 打乱全体，再切段，每个下标才会恰好一次"
    said = f"{100 * twice // len(flat)} % 的下标是重复的"
    yield that(twice == 0, "没有下标出现两次", hint, said, weight=0.5)
    # in a random order of so many numbers, neighbours that count on are one or two
    jumps = np.diff(flat) != 1
    hint = "批内还是连号：要打乱的是全部下标，不是批的先后"
    if jumps.sum() == 1:
        hint = "只是从中间切开、前后换了位置，次序没有打乱：用 rng.permutation"
    if np.array_equal(flat, np.arange(len(flat))):
        hint = "没有打乱：数据按类别排好时，一批里就全是同一类"
    yield that(jumps.mean() > 0.6, "顺序是打乱的", hint)

    def again(stream: Rng) -> bool:
        """Does the answer give the very same batches once more?"""
        other = draw(stream)
        if other is None or [len(batch) for batch in other] != lengths:
            return False
        return np.array_equal(flat, np.concatenate(other))

    hint = "随机数要从传进来的 rng 取，不要用 np.random.…"
    yield that(again(np.random.default_rng(seed)), "同样的 rng，同样的批", hint)
    hint = "不要在函数里自己造一个固定种子的生成器"
    yield that(not again(np.random.default_rng(seed + 1)), "换一个 rng，换一种顺序", hint)
    hint = "同一个 rng 接着用，第二轮应当是另一种顺序：直接用它，不要复制它的状态"
    yield that(not again(stream), "每一轮换一种顺序", hint, weight=1.0)
    hint = "最后不满一批的样本也要留下，丢掉它们，梯度就不再是无偏的一整轮"
    if len(flat) > n or len(lengths) > full + 1:
        hint = "批数多了：起点是 range(0, n, batch_size)"
    whole = lengths == [size] * full + [rest]
    yield that(whole, "最后不满的一批也在", hint, detail, weight=0.5)
    for label, total, hint in (
        ("恰好分完时", 2 * size, "n 是 batch_size 的整数倍时，末尾不该多一个空批"),
        ("n 比一批还小时", size - 3, "n 比 batch_size 小时，全部样本就是唯一的一批"),
    ):
        some = [len(batch) for batch in draw(np.random.default_rng(seed), total) or []]
        want = [size, size] if total > size else [total]
        yield that(some == want, label, hint, f"各批大小：{some[:100]}", weight=0.25)


ARRAY = "{} 要是 NumPy 数组，现在是列表：下一步拿它做乘法会出错"


def _arrays(names: str, *found: Any) -> Steps:
    """The next call multiplies what this one returned."""
    for name, one in zip(names, found, strict=True):
        listed = isinstance(one, list | tuple)
        yield that(not listed, f"{name} 是数组", ARRAY.format(name))


def _again(call: Caller, names: str, *case: Any) -> Steps:
    """The same call once more: what a function remembers shows here, before other calls."""
    got, want = call(*case)
    found = yield from parts(got, len(want), names, "返回值的个数")
    hint = "同样的输入，第二次的结果不一样：不要在函数外面、默认参数或函数的属性里记东西"
    again = [value(one, right, "再来一次", hint) for one, right in zip(found, want, strict=True)]
    yield as_one("同样的输入再来一次，结果相同", again, weight=0.5)


@exercise(
    "05.2",
    "动量与 Nesterov 的一步",
    points=3,
    asks="momentum_step(w, g, v, lr, mu, nesterov=False) -> (w, v)",
)
@hints(
    "先更新 v，再用更新过的 v 更新 w；两步都写成新数组，不要原地改。",
    "v 是旧 v 打个折扣再加上这一步的梯度，学习率不进 v；w 往 v 的反方向走学习率那么多。"
    "Nesterov 只换掉 w 那一步里的 v。",
    "v 的新值是 μv + g；w 减去 α 乘 v，nesterov=True 时减去 α 乘 (g + μv)，其中的 v 都是新的。",
)
def judge_momentum_step(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, momentum_step)
    w, g, v = rng.normal(size=(3, *sizes(rng, 3, 4, 8)))
    lr, mu = float(rng.uniform(0.05, 0.2)), float(rng.uniform(0.6, 0.9))
    got, (want_w, want_v) = call(w, g, v, lr, mu)
    new_w, new_v = yield from parts(got, 2, "w, v", "返回值的个数")
    yield from _arrays("wv", new_w, new_v)
    traps = {
        "两个返回值对调了：先 w，后 v": want_w,
        "α 不放进 v 里：这里用 PyTorch 的写法，α 只在更新 w 时乘一次": mu * v - lr * g,
        "α 不放进 v 里（还多了一个正号）：v 只管累积梯度": mu * v + lr * g,
        "新梯度前面没有 (1 − μ)：PyTorch 的动量是加权和，不是加权平均": mu * v + (1 - mu) * g,
        "μ 乘错了地方：要衰减的是旧的 v": v + mu * g,
    }
    yield value(new_v, want_v, "v", "v 的新值 = μ × 旧 v + 梯度", traps)
    traps = {
        "符号反了：要往 v 的反方向走": w + lr * want_v,
        "用了旧的 v：先更新 v，再用新的 v 更新 w": w - lr * v,
        "忘了乘学习率": w - want_v,
        "这是普通 SGD：更新 w 要用 v，不是 g": w - lr * g,
        "nesterov=False 时不必再看一步": w - lr * (g + mu * want_v),
    }
    yield value(new_w, want_w, "w", "w 的新值 = w − 学习率 × 新的 v", traps)
    yield from _again(call, "w, v", w, g, v, lr, mu)
    got, (want, _) = call(w, g, v, lr, mu, True)
    new_w, new_v = yield from parts(got, 2, "w, v", "返回值的个数")
    plain = "与 nesterov=False 一样：要用 g + μ × 新 v（用旧 v 算，恰好就等于新 v 本身）"
    traps = {
        plain: want_w,
        "g + μv 少了 g": w - lr * mu * want_v,
        "v + μv 不对：加上的是 μv，底子是当前梯度 g": w - lr * (want_v + mu * want_v),
    }
    hint = "w 的新值 = w − 学习率 × (g + μ × 新的 v)"
    yield value(new_w, want, "Nesterov 的 w", hint, traps)
    hint = "nesterov 只改 w 的更新，v 的更新不变"
    yield value(new_v, want_v, "Nesterov 的 v", hint, weight=0.5)
    yield call.untouched(weight=0.5)


def _adam_case(rng: Rng) -> tuple[Array, Array, Array, Array, int, float]:
    """``w, g, m, s, t, lr`` of a step that is not the first."""
    shape = tuple(sizes(rng, 2, 4, 8))
    w, g, m = rng.normal(size=(3, *shape))
    s = rng.uniform(0.1, 0.5, size=shape)
    return w, g, 0.3 * m, s, int(rng.integers(2, 6)), float(rng.uniform(0.05, 0.2))


@exercise(
    "05.3",
    "带偏差修正的 Adam",
    points=4,
    asks="adam_step(w, g, m, s, t, lr, beta1=0.9, beta2=0.999, eps=1e-8) -> (w, m, s)",
)
@hints(
    "m 与 s 是两个指数滑动平均：一个平均梯度，一个平均梯度的平方；都从 0 起步，所以开头偏小。",
    "先更新 m、s（要返回的就是它们），再各除以 1 − βᵗ 得到 m̂、ŝ，只用在这一步的 w 里。",
    "m 是 β1·m + (1 − β1)·g，s 是 β2·s + (1 − β2)·g²；w 减去 lr·m̂ / (√ŝ + ε)，ε 在根号外面。",
)
def judge_adam_step(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, adam_step)
    w, g, m, s, t, lr = case = _adam_case(rng)
    b1, b2, eps = float(rng.uniform(0.7, 0.85)), float(rng.uniform(0.9, 0.97)), 1e-2
    got, (want_w, want_m, want_s) = call(w, g, m, s, t, lr, b1, b2, eps)
    new_w, new_m, new_s = yield from parts(got, 3, "w, m, s", "返回值的个数")
    yield from _arrays("wms", new_w, new_m, new_s)
    m_hat, s_hat = want_m / (1 - b1**t), want_s / (1 - b2**t)
    traps = {
        "存下来的 m 不能是修正过的：修正只用在这一步的更新里，存的是原来的": m_hat,
        "β1 与 β2 用反了": b2 * m + (1 - b2) * g,
        "新梯度前面要乘 (1 − β1)：这里是加权平均，不是动量那样的加权和": b1 * m + g,
    }
    yield value(new_m, want_m, "m", "m 是梯度的指数滑动平均", traps)
    traps = {
        "存下来的 s 不能是修正过的：修正只用在这一步的更新里": s_hat,
        "s 平均的是 g 的平方": b2 * s + (1 - b2) * g,
        "s 用 β2，不是 β1": b1 * s + (1 - b1) * g * g,
        "新的 g² 前面要乘 (1 − β2)": b2 * s + g * g,
    }
    yield value(new_s, want_s, "s", "s 是梯度平方的指数滑动平均", traps)

    def moved(m: Array, s: Array) -> Array:
        return w - lr * m / (np.sqrt(s) + eps)

    late = moved(want_m / (1 - b1 ** (t + 1)), want_s / (1 - b2 ** (t + 1)))
    no_power = moved(want_m / (1 - b1), want_s / (1 - b2))
    traps = {
        "没有做偏差修正：m 和 s 都要除以 1 − β^t": moved(want_m, want_s),
        "只修正了 m，s 也要修正": moved(m_hat, want_s),
        "只修正了 s，m 也要修正": moved(want_m, s_hat),
        "ε 加在根号外面": w - lr * m_hat / np.sqrt(s_hat + eps),
        "分母忘了开平方": w - lr * m_hat / (s_hat + eps),
        "t 从 1 数起，传进来的就是这一步的号，不用再加 1": late,
        "修正用的是 β 的 t 次方，不是 β 乘 t，也不是 β 本身": no_power,
        "分子要用平滑过的 m，不是当前梯度": moved(g, s_hat),
        "符号反了": moved(-m_hat, s_hat),
    }
    hint = "更新是 学习率 × m̂ / (√ŝ + ε)，m̂、ŝ 是修正过的"
    yield value(new_w, want_w, "w", hint, traps, weight=2)
    yield from _again(call, "w, m, s", *case, b1, b2, eps)
    mine: Any
    mine = theirs = (w, np.zeros_like(w), np.zeros_like(w))
    for k in range(1, 11):
        g = rng.normal(size=w.shape)
        got, _ = call(mine[0], g, mine[1], mine[2], k, 0.1)  # as the lesson calls it
        mine = yield from parts(got, 3, "w, m, s", f"第 {k} 步的返回值")
        theirs = adam_step(theirs[0], g, theirs[1], theirs[2], k, 0.1)
    hint = "单步对、多步不对：状态没有正确地传下去"
    yield value(mine[0], theirs[0], "用默认的 β 与 ε 连走 10 步后的 w", hint)
    yield call.untouched(weight=0.5)


@exercise(
    "05.4",
    "AdamW 与 Adam + L2",
    points=4,
    asks="decay_step(w, g, m, s, t, lr, weight_decay, decoupled) -> (w, m, s)",
)
@hints(
    "两种做法只差一处：λw 是加进梯度里，还是直接从 w 上减。其余都是 05.3 的 Adam。",
    "decoupled=False：一开始就把 g 换成 g + λw，它会进 m 和 s。"
    "decoupled=True：g 不变，w 先缩小一点，再走 Adam 的那一步。",
    "decoupled=True 时，w 先乘 (1 − αλ)，再减 α·m̂ / (√ŝ + ε)；衰减要乘学习率 α，"
    "乘的是这一步之前的 w。",
)
def judge_decay_step(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, decay_step)
    w, g, m, s, t, lr = case = _adam_case(rng)
    wd = float(rng.uniform(0.1, 0.4))
    got, (l2_w, l2_m, l2_s) = call(*case, wd, False)
    new_w, new_m, new_s = yield from parts(got, 3, "w, m, s", "返回值的个数")
    yield from _arrays("wms", new_w, new_m, new_s)
    plain, _, _ = adam_step(*case)
    traps = {
        "decoupled=False 时衰减没有起作用：先 g ← g + λw，再交给 Adam": plain,
        "decoupled=False 做成了 AdamW：两个分支写反了？": plain - lr * wd * w,
        "L2 惩罚 ½λw² 的梯度是 +λw，加号": adam_step(w, g - wd * w, m, s, t, lr)[0],
        "½λw² 求导后是 λw，没有 2": adam_step(w, g + 2 * wd * w, m, s, t, lr)[0],
    }
    hint = "decoupled=False：g + λw 当作梯度，其余与 Adam 相同"
    yield value(new_w, l2_w, "L2 的 w", hint, traps)
    hint = "L2 的那一项也要进 m 和 s：它是梯度的一部分"
    yield value(new_m, l2_m, "L2 的 m", hint, weight=0.5)
    yield value(new_s, l2_s, "L2 的 s", hint, weight=0.5)
    yield from _again(call, "w, m, s", *case, wd, False)
    got, (want_w, want_m, want_s) = call(*case, wd, True)
    new_w, new_m, new_s = yield from parts(got, 3, "w, m, s", "返回值的个数")
    traps = {
        "decoupled=True 与 L2 结果一样：衰减不该经过 m 和 s": l2_w,
        "decoupled=True 时衰减没有起作用": plain,
        "衰减要乘学习率：w 减去的是 αλw，不是 λw": plain - wd * w,
        "先衰减、再走 Adam 的一步：衰减的是旧的 w": plain * (1 - lr * wd),
        "衰减做了两次：decoupled=True 时梯度里不要再加 λw": l2_w - lr * wd * w,
        "衰减的符号反了：权重要变小": plain + lr * wd * w,
    }
    yield value(new_w, want_w, "AdamW 的 w", "w 直接乘 (1 − αλ)，再减 Adam 的那一步", traps)
    hint = "解耦之后，m 和 s 里只有损失的梯度"
    yield value(new_m, want_m, "AdamW 的 m", hint, weight=0.5)
    yield value(new_s, want_s, "AdamW 的 s", hint, weight=0.5)
    yield call.untouched(weight=0.5)


@exercise(
    "05.5",
    "热身加余弦",
    points=3,
    asks="warmup_cosine(t, total, warmup, peak, floor=0.0) -> float",
)
@hints(
    "分两段写：t < warmup 时线性上升；之后先算出余弦段走到了几分之几，再换成学习率。",
    "进度是 (t − warmup) / (total − warmup)，最多到 1；½(1 + cos(π × 进度)) 从 1 降到 0。",
    "热身段 peak·(t + 1)/warmup；余弦段 floor + (peak − floor)·½(1 + cos(π × 进度))，"
    "进度用 min(1, …) 截住。",
)
def judge_warmup_cosine(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, warmup_cosine)
    warmup, total = int(rng.integers(4, 9)), int(rng.integers(30, 50))
    peak, floor = float(rng.uniform(0.1, 1.0)), float(rng.uniform(0.01, 0.05))

    def curve(steps: Iterable[int], *low: float) -> Iterator[tuple[Any, ...]]:
        """What the answer and the reference say of these steps."""
        return zip(*(call(int(t), total, warmup, peak, *low) for t in steps), strict=True)

    yield that(answer(0, total, warmup, peak) is not None, "有返回值", "忘了 return？")
    up, swing = np.arange(warmup), peak - floor
    traps = {
        "第 0 步的学习率是 0，这一步就白走了：用 (t + 1) / warmup": peak * up / warmup,
        "热身从 0 升到峰值，不从 floor 出发": floor + swing * (up + 1) / warmup,
        "热身还没做：t < warmup 时学习率应当线性上升": np.full(warmup, peak),
    }
    got, want = curve(up, floor)
    yield value(got, want, "热身段", "t < warmup 时是 peak × (t + 1) / warmup", traps, lists=True)
    down = np.arange(warmup, total + 1)
    u = (down - warmup) / (total - warmup)
    cosine, from_start = (0.5 * (1 + np.cos(np.pi * part)) for part in (u, down / total))
    late = "余弦的进度要从热身结束处算起：(t − warmup) / (total − warmup)"
    traps = {
        late: floor + swing * from_start,
        "最低要停在 floor，不是 0": peak * cosine,
        "振幅是 peak − floor：现在起点高出了峰值": floor + peak * cosine,
        "余弦要压到 0 和 1 之间：½(1 + cos)": floor + swing * np.cos(np.pi * u),
        "这是线性下降，不是余弦": floor + swing * (1 - u),
        "cos 里只走了四分之一周：进度要乘 π": floor + swing * np.cos(np.pi * u / 2),
    }
    hint = "从 peak 到 floor：floor + (peak − floor) × ½(1 + cos(π × 进度))"
    got, want = curve(down, floor)
    yield value(got, want, "余弦段", hint, traps, weight=2, lists=True)
    got, want = curve(down)
    yield value(got, want, "floor 的默认值", "floor 默认是 0.0", atol=1e-9, weight=0, lists=True)
    got, want = curve([total + 1, total + 5], floor)
    hint = "训练超过 total 步以后停在 floor；余弦会自己再升上去，要用 min 截住进度"
    yield value(got, want, "超过 total 之后", hint, lists=True)
    label, hint = "warmup=0 也能用", "没有热身时第 0 步就是峰值；当心除以 0"
    got = yield from attempt(lambda: answer(0, total, 0, peak), label, {ZeroDivisionError: hint})
    yield as_one(label, [value(got, peak, "warmup=0 时", hint)], weight=0.5)


def _walk(name: str, rng: Rng, steps: int, size: int, idle: int = 0) -> tuple[Array, Array]:
    """A path of an optimiser with a random learning rate and the gradients along it."""
    grads = rng.normal(size=(steps, size)) * 10 ** rng.uniform(-1, 1, size=size)
    grads[:, :idle] = 0.0
    start, lr = rng.normal(size=size), 10 ** rng.uniform(-2.5, -0.5)
    walked = lr * np.cumsum(directions(name, grads), axis=0)
    return np.vstack([start, start - walked]), grads


@exercise("05.6", "是谁走的", points=4, asks="which_optimizer(path, grads) -> str")
@hints(
    "五种更新都可以写成 w ← w − α·d，d 只由到此为止的梯度决定：先写一个算 d 的函数。",
    "α 不知道，但整条路上是同一个数：真正的那一种，每一步、每个坐标的 (w 的减少量) 与 d 成正比，"
    "比例处处相同。",
    "对每一种算出全部的 d（形状 (T, D)），用最小二乘求 α = Σ(步·d)/Σ(d·d)，再看 步 − α·d 剩下多少；"
    "剩得最少的就是。梯度为 0 的元素也不会出问题，因为没有用到 步/d。",
)
def judge_which_optimizer(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, which_optimizer)
    hints_for = {
        ("Momentum", "SGD"): "第 1 步 Momentum 与 SGD 相同（v 从 0 起步），要看后面的步",
        ("SGD", "Momentum"): "SGD 每一步只看当前的梯度，速度要把以前的也加起来",
        ("Adam", "AdaGrad"): "第 1 步 Adam 与 AdaGrad 都是 ±α，要看后面的步",
        ("AdaGrad", "Adam"): "第 1 步 AdaGrad 与 Adam 都是 ±α，要看后面的步",
        ("AdaGrad", "RMSprop"): "AdaGrad 的 s 只加不忘，RMSprop 的 s 每步打折",
        ("RMSprop", "AdaGrad"): "RMSprop 的 s 每步打折，第 1 步的 √s 是 0.1|g|",
        ("RMSprop", "Adam"): "RMSprop 没有平滑梯度，也没有偏差修正",
        ("Adam", "RMSprop"): "Adam 还平滑了梯度，并做偏差修正",
    }

    def told(names: Iterable[str], label: str, hint: str, *shape: int) -> Step:
        for name in names:
            path, grads = _walk(name, rng, *shape)
            got, want = call(path, grads)
            if not isinstance(got, str) or got not in OPTIMIZERS:
                said = f"返回的是 {got!r}"[:60]
                return that(False, label, f"要返回五个名字里的一个：{'、'.join(OPTIMIZERS)}", said)
            if got != want:
                why = hint or hints_for.get((name, got), "五种的 d 都算出来，一种一种比")
                said = f"一条 {len(grads)} 步、{grads.shape[1]} 个参数的路认错了，答的是 {got}"
                return that(False, label, why, said, weight=1.0)
        return that(True, label, weight=1.0)

    def some(*names: str) -> list[str]:
        return [str(name) for name in rng.permutation(names * 3)]

    steps, size = int(rng.integers(8, 20)), int(rng.integers(2, 7))
    yield told(some("SGD", "Momentum"), "分得清 SGD 与 Momentum", "", steps, size)
    yield told(some("AdaGrad", "RMSprop"), "分得清 AdaGrad 与 RMSprop", "", steps, size)
    yield told(some("Adam", "AdaGrad", "SGD"), "认得出 Adam", "", steps, size)
    hint = "只有一个参数、三步时也要认得：不要用固定的步数或参数个数，比例要在所有步之间比"
    yield told(some(*OPTIMIZERS), "一个参数，三步", hint, 3, 1)
    hint = "有的参数梯度一直是 0（没有被用到）：0/0 是 nan，不要拿 步 除以 d"
    yield told(some(*OPTIMIZERS), "有的参数梯度一直是 0", hint, steps, size, 1)
    yield call.untouched(weight=0.5)


@exercise(
    "05.7",
    "没有印出来的上限",
    points=3,
    asks="largest_rate(H, mu, form, weight_decay=0.0) -> float",
)
@hints(
    "二次损失沿 H 的特征方向分成许多条抛物线，最弯的那条说了算。L2 那一项给每个方向加多少曲率？",
    "甲的上限正文推过。乙在 α 不变时与甲逐步相同；丙的 v 是甲的多少倍，α 就要反过来放大多少倍。",
    "最大特征值加上 weight_decay 记作 top；甲、乙是 2(1+μ)/top，丙还要除以 (1−μ)。",
)
def judge_largest_rate(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, largest_rate)
    size = int(rng.integers(3, 7))
    X = rng.normal(size=(size - 1, size))  # fewer rows than columns: one eigenvalue is 0
    H, mu, wd = X.T @ X, float(rng.uniform(0.4, 0.95)), float(rng.uniform(0.5, 2.0))
    top = np.linalg.eigvalsh(H)[-1]
    rate = 2 * (1 + mu) / top
    got, want = call(H, mu, "甲")
    if isinstance(got, list | tuple):
        yield that(False, "返回一个数", "上限是一个数，不是一组")
        return
    traps = {
        "这是没有动量的上限": 2 / top,
        "这是 Nesterov 的上限": rate / (1 + 2 * mu),
        "要的是最大的特征值，不是对角线上最大的数：H 不是对角的": rate * top / np.diag(H).max(),
        "要的是最大的特征值，不是迹（特征值之和）": rate * top / np.trace(H),
        "Frobenius 范数是特征值平方和开方，比最大的特征值大": rate * top / np.linalg.norm(H),
        "这是最快的学习率，不是最大的": (1 + math.sqrt(mu)) ** 2 / top,
    }
    hint = "正文推过：αλ < 2(1 + μ)，对最大的 λ 也要成立"
    yield value(got, want, "甲", hint, traps, form="上限是一个数", rtol=1e-8)
    got, want = call(H, mu, "乙")
    traps = {
        "乙的 v 里已经有 α，w 不再乘 α；α 不变时乙与甲逐步相同": [rate / (1 - mu), rate * (1 - mu)]
    }
    yield value(got, want, "乙", "α 不变时，乙与甲逐步相同", traps, rtol=1e-8)
    got, want = call(H, mu, "丙")
    traps = {
        "丙的步长是甲的 (1 − μ) 倍：步长小，上限就该大，要除不要乘": rate * (1 - mu),
        "丙与甲不同：新梯度前面多了一个 (1 − μ)": rate,
    }
    yield value(
        got, want, "丙", "把丙的更新写成 w 的两步递推，再用判据", traps, rtol=1e-8, weight=2
    )
    kappas = {"甲": 1.0, "丙": 1 / (1 - mu)}
    for form, factor in kappas.items():
        got, want = call(H, mu, form, wd)
        traps = {
            "weight_decay 没有用上：½λ‖w‖² 也有曲率": rate * factor,
            "L2 项让每个方向更弯，上限变小": 2 * (1 + mu) / (top - wd) * factor,
            "½λ‖w‖² 的曲率是 λ，不是 2λ": 2 * (1 + mu) / (top + 2 * wd) * factor,
        }
        yield value(got, want, f"带 L2 的{form}", "L2 项给每个特征值加多少？", traps, rtol=1e-8)
    got, want = call(np.array([[3.0]]), 0.0, "丙")
    yield value(got, want, "一个参数，μ = 0", "没有动量、一个参数时回到 2/λ", rtol=1e-8, weight=0.5)
    yield call.untouched(weight=0.5)
