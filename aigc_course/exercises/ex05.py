"""Exercises of 05_optimizers: mini-batches, momentum, Adam, weight decay, a schedule.

Each judge works out what the usual mistakes would give on the same random case and compares the
answer with those too, so that the hint can name the mistake without showing the right value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from aigc_course.judging.core import Step, exercise
from aigc_course.judging.returned import close, that, untouched

Array = np.ndarray
Answer = Callable[..., Any]

__all__ = [
    "reference_adam_step",
    "reference_decay_step",
    "reference_epoch_batches",
    "reference_momentum_step",
    "reference_warmup_cosine",
]


# --- the library's versions ----------------------------------------------------------------------


def reference_epoch_batches(n: int, batch_size: int, rng: np.random.Generator) -> list[Array]:
    """Row numbers 0 … n − 1 in random order, ``batch_size`` at a time, the short last batch kept.

    Example:
        >>> [len(batch) for batch in reference_epoch_batches(5, 2, np.random.default_rng(0))]
        [2, 2, 1]
    """
    order = rng.permutation(n)
    return [order[i : i + batch_size] for i in range(0, n, batch_size)]


def reference_momentum_step(
    w: Array, g: Array, v: Array, lr: float, mu: float, nesterov: bool = False
) -> tuple[Array, Array]:
    """PyTorch's form: v ← μv + g, then w ← w − αv, or w ← w − α(g + μv) for Nesterov.

    Example:
        >>> w, v = reference_momentum_step(np.ones(1), np.ones(1), np.ones(1), lr=0.1, mu=0.5)
        >>> w.round(2).tolist(), v.tolist()
        ([0.85], [1.5])
    """
    v = mu * v + g
    return w - lr * (g + mu * v if nesterov else v), v


def reference_adam_step(
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

    Example:
        >>> zero = np.zeros(2)
        >>> w, m, s = reference_adam_step(zero, np.array([3.0, -0.2]), zero, zero, 1, lr=0.1)
        >>> w.round(6).tolist()  # the first step has the length lr whatever the gradient
        [-0.1, 0.1]
    """
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g * g
    return w - lr * (m / (1 - beta1**t)) / (np.sqrt(s / (1 - beta2**t)) + eps), m, s


def reference_decay_step(
    w: Array,
    g: Array,
    m: Array,
    s: Array,
    t: int,
    lr: float,
    weight_decay: float,
    decoupled: bool,
) -> tuple[Array, Array, Array]:
    """AdamW (Loshchilov & Hutter 2019), or Adam with the L2 term inside the gradient.

    Example:
        >>> one, zero = np.ones(1), np.zeros(1)
        >>> w, *_ = reference_decay_step(one, zero, zero, zero, 1, 0.1, 0.5, decoupled=True)
        >>> w.round(3).tolist()
        [0.95]
    """
    if decoupled:
        w = w * (1 - lr * weight_decay)
    else:
        g = g + weight_decay * w
    return reference_adam_step(w, g, m, s, t, lr)


def reference_warmup_cosine(
    t: int, total: int, warmup: int, peak: float, floor: float = 0.0
) -> float:
    """Linear up over ``warmup`` steps, half a cosine down to ``floor`` at step ``total``.

    Example:
        >>> [round(reference_warmup_cosine(t, 10, 2, 1.0), 3) for t in (0, 1, 2, 6, 10, 12)]
        [0.5, 1.0, 1.0, 0.5, 0.0, 0.0]
    """
    if t < warmup:
        return peak * (t + 1) / warmup
    progress = min(1.0, (t - warmup) / (total - warmup))
    return floor + (peak - floor) * 0.5 * (1 + math.cos(math.pi * progress))


# --- shared by the judges ------------------------------------------------------------------------


def _named(
    value: Any,
    wanted: Any,
    label: str,
    mistakes: dict[str, Any],
    hint: str = "",
    *,
    weight: float = 1.0,
) -> Step:
    """Like ``close``, with the hint of the first known mistake whose value the answer equals."""
    for text, wrong in mistakes.items():
        if close(value, wrong, label, "").ok and not close(wrong, wanted, label, "").ok:
            hint = text
            break
    return close(value, wanted, label, hint, weight=weight)


def _is_tuple(out: Any, n: int, names: str) -> Step:
    ok = isinstance(out, tuple | list) and len(out) == n
    detail = "" if ok else f"返回的是 {type(out).__name__}"
    return that(ok, "返回值的个数", f"应当 return {names}，一共 {n} 个", detail)


# --- 05.1 ----------------------------------------------------------------------------------------


@exercise(
    "05.1",
    title="一轮小批，不放回",
    points=2,
    asks="epoch_batches(n, batch_size, rng) -> list",
    reference=reference_epoch_batches,
    hints=(
        "先把 0 … n−1 全体打乱一次，再从头到尾切成段：不放回就是这样来的。",
        "打乱用传进来的 rng.permutation(n)；切段的起点是 range(0, n, batch_size)，"
        "切片超出末尾时会自己变短。",
        "把打乱的下标记作 order；返回一个列表，"
        "起点 i 的那一批是 order 从 i 到 i + batch_size 的切片。",
    ),
)
def sampler(answer: Answer, rng: np.random.Generator) -> Iterator[Step]:
    """Every index once an epoch, in an order that ``rng`` decides, the last short batch kept."""
    size = int(rng.integers(5, 9))
    full, rest = int(rng.integers(6, 10)), int(rng.integers(1, size - 1))
    n = full * size + rest
    seed = int(rng.integers(2**31))

    def draw(stream: np.random.Generator) -> list[Array] | None:
        out = answer(n, size, stream)  # may go on for ever: more than n batches are wrong anyway
        return None if out is None else [np.asarray(batch) for batch in islice(out, n + 1)]

    stream = np.random.default_rng(seed)
    batches = draw(stream)
    if batches is None:
        yield that(False, "返回一个列表", "忘了 return？（用 yield 写成生成器也可以）")
        return
    integers = all(b.ndim == 1 and np.issubdtype(b.dtype, np.integer) for b in batches)
    yield that(integers, "每一批是一维整数下标", "每一批应当是形状 (B,) 的整数数组，不是数据本身")
    sizes = [len(b) for b in batches]
    hint = "按 batch_size 一段一段往后切：range(0, n, batch_size)"
    if sum(sizes) == n and sizes and max(sizes) - min(sizes) <= 1:
        hint = "每一批要恰好 batch_size 个、只有最后一批可以短；array_split 切出的是均分的大小"
    right = sizes[:full] == [size] * full and max(sizes) <= size
    yield that(right, "每批 batch_size 个", hint, f"各批大小：{sizes[:100]}")
    flat = np.concatenate(batches)
    inside = flat.min() >= 0 and flat.max() < n
    yield that(bool(inside), "下标在 0 到 n−1 之间", "有下标越界")
    twice = len(flat) - len(np.unique(flat))
    hint = "这是有放回抽样：先 rng.permutation(n) 打乱全体，再切段，每个下标才会恰好一次"
    yield that(
        twice == 0,
        "没有下标出现两次",
        hint,
        f"有 {twice} 个下标是重复的" if twice else "",
        weight=0.5,
    )
    # in a random order of so many numbers, neighbours that count on are one or two
    runs = float(np.mean(np.diff(flat) == 1))
    hint = "批内还是连号：要打乱的是全部下标，不是批的先后"
    if np.sum(np.diff(flat) != 1) == 1:
        hint = "只是从中间切开、前后换了位置，次序没有打乱：用 rng.permutation"
    if np.array_equal(flat, np.arange(len(flat))):
        hint = "没有打乱：数据按类别排好时，一批里就全是同一类"
    yield that(runs < 0.4, "顺序是打乱的", hint)

    def same(one: list[Array] | None) -> bool:
        if one is None or [len(batch) for batch in one] != sizes:
            return False
        return np.array_equal(flat, np.concatenate(one))

    again = same(draw(np.random.default_rng(seed)))
    yield that(again, "同样的 rng，同样的批", "随机数要从传进来的 rng 取，不要用 np.random.…")
    differs = not same(draw(np.random.default_rng(seed + 1)))
    hint = "不要在函数里自己造一个固定种子的生成器"
    yield that(differs, "换一个 rng，换一种顺序", hint)
    hint = "同一个 rng 接着用，第二轮应当是另一种顺序：直接用它，不要复制它的状态"
    yield that(not same(draw(stream)), "每一轮换一种顺序", hint, weight=1.0)
    hint = "最后不满一批的样本也要留下，丢掉它们，梯度就不再是无偏的一整轮"
    if len(flat) > n or len(sizes) > full + 1:
        hint = "批数多了：起点是 range(0, n, batch_size)"
    detail = f"各批大小：{sizes[:100]}"
    whole = sizes == [size] * full + [rest]
    yield that(whole, "最后不满的一批也在", hint, "" if whole else detail, weight=0.5)


# --- 05.2 ----------------------------------------------------------------------------------------


@exercise(
    "05.2",
    title="动量与 Nesterov 的一步",
    points=3,
    asks="momentum_step(w, g, v, lr, mu, nesterov=False) -> (w, v)",
    reference=reference_momentum_step,
    hints=(
        "先更新 v，再用更新过的 v 更新 w；两步都写成新数组，不要原地改。",
        "v 是旧 v 打个折扣再加上这一步的梯度，学习率不进 v；w 往 v 的反方向走学习率那么多。"
        "Nesterov 只换掉 w 那一步里的 v。",
        "v 的新值是 μv + g；w 减去 α 乘 v，nesterov=True 时减去 α 乘 (g + μv)，其中的 v 都是新的。",
    ),
)
def momentum(answer: Answer, rng: np.random.Generator) -> Iterator[Step]:
    """One step each way; the state comes back too."""
    w, g, v = (rng.normal(size=(3, 4)) for _ in range(3))
    lr, mu = float(rng.uniform(0.05, 0.2)), float(rng.uniform(0.6, 0.9))
    kept = [a.copy() for a in (w, g, v)]
    out = answer(w, g, v, lr, mu)
    yield _is_tuple(out, 2, "w, v")
    for before, after, name in zip(kept, (w, g, v), "wgv", strict=True):
        yield untouched(before, after, name)
        after.flags.writeable = False  # what is right is worked out from these
    new_w, new_v = out
    want_w, want = reference_momentum_step(w, g, v, lr, mu)
    mistakes = {
        "两个返回值对调了：先 w，后 v": want_w,
        "α 不放进 v 里：这里用 PyTorch 的写法，α 只在更新 w 时乘一次": mu * v - lr * g,
        "α 不放进 v 里（还多了一个正号）：v 只管累积梯度": mu * v + lr * g,
        "新梯度前面没有 (1 − μ)：PyTorch 的动量是加权和，不是加权平均": mu * v + (1 - mu) * g,
        "μ 乘错了地方：要衰减的是旧的 v": v + mu * g,
    }
    yield _named(new_v, want, "v", mistakes, "v 的新值 = μ × 旧 v + 梯度")
    mistakes = {
        "符号反了：要往 v 的反方向走": w + lr * want,
        "用了旧的 v：先更新 v，再用新的 v 更新 w": w - lr * v,
        "忘了乘学习率": w - want,
        "这是普通 SGD：更新 w 要用 v，不是 g": w - lr * g,
        "nesterov=False 时不必再看一步": w - lr * (g + mu * want),
    }
    yield _named(new_w, want_w, "w", mistakes, "w 的新值 = w − 学习率 × 新的 v")
    out = answer(w, g, v, lr, mu, True)
    yield _is_tuple(out, 2, "w, v")
    mistakes = {
        "与 nesterov=False 一样：要用 g + μ × 新 v（用旧 v 算，恰好就等于新 v 本身）": w
        - lr * want,
        "g + μv 少了 g": w - lr * mu * want,
        "v + μv 不对：加上的是 μv，底子是当前梯度 g": w - lr * (want + mu * want),
    }
    nesterov, _ = reference_momentum_step(w, g, v, lr, mu, nesterov=True)
    yield _named(
        out[0], nesterov, "Nesterov 的 w", mistakes, "w 的新值 = w − 学习率 × (g + μ × 新的 v)"
    )
    hint = "nesterov 只改 w 的更新，v 的更新不变"
    yield close(out[1], want, "Nesterov 的 v", hint, weight=0.5)


# --- 05.3 ----------------------------------------------------------------------------------------


@exercise(
    "05.3",
    title="带偏差修正的 Adam",
    points=4,
    asks="adam_step(w, g, m, s, t, lr, beta1, beta2, eps) -> (w, m, s)",
    reference=reference_adam_step,
    hints=(
        "m 与 s 是两个指数滑动平均：一个平均梯度，一个平均梯度的平方；都从 0 起步，所以开头偏小。",
        "先更新 m、s（要返回的就是它们），再各除以 1 − βᵗ 得到 m̂、ŝ，只用在这一步的 w 里。",
        "m 是 β1·m + (1 − β1)·g，s 是 β2·s + (1 − β2)·g²；w 减去 lr·m̂ / (√ŝ + ε)，ε 在根号外面。",
    ),
)
def adam(answer: Answer, rng: np.random.Generator) -> Iterator[Step]:
    """One step from a given state, then ten steps from zero."""
    w, g = rng.normal(size=(2, 5)), rng.normal(size=(2, 5))
    m, s = 0.3 * rng.normal(size=(2, 5)), rng.uniform(0.1, 0.5, size=(2, 5))
    t, lr = int(rng.integers(2, 6)), float(rng.uniform(0.05, 0.2))
    b1, b2, eps = float(rng.uniform(0.7, 0.85)), float(rng.uniform(0.9, 0.97)), 1e-2
    kept = [a.copy() for a in (w, g, m, s)]
    out = answer(w, g, m, s, t, lr, b1, b2, eps)
    yield _is_tuple(out, 3, "w, m, s")
    for before, after, name in zip(kept, (w, g, m, s), "wgms", strict=True):
        yield untouched(before, after, name)
        after.flags.writeable = False  # what is right is worked out from these
    want_w, want_m, want_s = reference_adam_step(w, g, m, s, t, lr, b1, b2, eps)
    m_hat, s_hat = want_m / (1 - b1**t), want_s / (1 - b2**t)
    mistakes = {
        "存下来的 m 不能是修正过的：修正只用在这一步的更新里，存的是原来的": m_hat,
        "β1 与 β2 用反了": b2 * m + (1 - b2) * g,
        "新梯度前面要乘 (1 − β1)：这里是加权平均，不是动量那样的加权和": b1 * m + g,
    }
    yield _named(out[1], want_m, "m", mistakes, "m 是梯度的指数滑动平均")
    mistakes = {
        "存下来的 s 不能是修正过的：修正只用在这一步的更新里": s_hat,
        "s 平均的是 g 的平方": b2 * s + (1 - b2) * g,
        "s 用 β2，不是 β1": b1 * s + (1 - b1) * g * g,
        "新的 g² 前面要乘 (1 − β2)": b2 * s + g * g,
    }
    yield _named(out[2], want_s, "s", mistakes, "s 是梯度平方的指数滑动平均")
    mistakes = {
        "没有做偏差修正：m 和 s 都要除以 1 − β^t": w - lr * want_m / (np.sqrt(want_s) + eps),
        "只修正了 m，s 也要修正": w - lr * m_hat / (np.sqrt(want_s) + eps),
        "只修正了 s，m 也要修正": w - lr * want_m / (np.sqrt(s_hat) + eps),
        "ε 加在根号外面": w - lr * m_hat / np.sqrt(s_hat + eps),
        "分母忘了开平方": w - lr * m_hat / (s_hat + eps),
        "t 从 1 数起，传进来的就是这一步的号，不用再加 1": w
        - lr * (want_m / (1 - b1 ** (t + 1))) / (np.sqrt(want_s / (1 - b2 ** (t + 1))) + eps),
        "修正用的是 β 的 t 次方，不是 β 乘 t，也不是 β 本身": w
        - lr * (want_m / (1 - b1)) / (np.sqrt(want_s / (1 - b2)) + eps),
        "分子要用平滑过的 m，不是当前梯度": w - lr * g / (np.sqrt(s_hat) + eps),
        "符号反了": w + lr * m_hat / (np.sqrt(s_hat) + eps),
    }
    hint = "更新是 学习率 × m̂ / (√ŝ + ε)，m̂、ŝ 是修正过的"
    yield _named(out[0], want_w, "w", mistakes, hint, weight=2.0)
    mine: Any
    mine = theirs = (w, np.zeros_like(w), np.zeros_like(w))
    for k in range(1, 11):
        step = rng.normal(size=w.shape)
        step.flags.writeable = False
        if mine is None or len(mine) != 3:
            yield that(False, f"第 {k} 步的返回值", "每一步都要 return w, m, s")
            return
        mine = answer(mine[0], step, mine[1], mine[2], k, 0.1, 0.9, 0.999, 1e-8)
        theirs = reference_adam_step(*_split(theirs, step), k, 0.1, 0.9, 0.999, 1e-8)
    yield close(mine[0], theirs[0], "连走 10 步后的 w", "单步对、多步不对：状态没有正确地传下去")


def _split(state: tuple[Array, Array, Array], g: Array) -> tuple[Array, Array, Array, Array]:
    w, m, s = state
    return w, g, m, s


# --- 05.4 ----------------------------------------------------------------------------------------


@exercise(
    "05.4",
    title="AdamW 与 Adam + L2",
    points=4,
    asks="decay_step(w, g, m, s, t, lr, weight_decay, decoupled) -> (w, m, s)",
    reference=reference_decay_step,
    hints=(
        "两种做法只差一处：λw 是加进梯度里，还是直接从 w 上减。其余都是 05.3 的 Adam。",
        "decoupled=False：一开始就把 g 换成 g + λw，它会进 m 和 s。"
        "decoupled=True：g 不变，w 先缩小一点，再走 Adam 的那一步。",
        "decoupled=True 时，w 先乘 (1 − αλ)，再减 α·m̂ / (√ŝ + ε)；衰减要乘学习率 α，"
        "乘的是这一步之前的 w。",
    ),
)
def decay(answer: Answer, rng: np.random.Generator) -> Iterator[Step]:
    """The L2 term first, then the decoupled decay; each with the state it leaves behind."""
    w, g = rng.normal(size=(2, 5)), rng.normal(size=(2, 5))
    m, s = 0.3 * rng.normal(size=(2, 5)), rng.uniform(0.1, 0.5, size=(2, 5))
    t, lr, wd = int(rng.integers(2, 6)), float(rng.uniform(0.05, 0.2)), float(rng.uniform(0.1, 0.4))
    settings = (lr, 0.9, 0.999, 1e-8)
    kept = [a.copy() for a in (w, g, m, s)]
    out = answer(w, g, m, s, t, lr, wd, False)
    yield _is_tuple(out, 3, "w, m, s")
    for before, after, name in zip(kept, (w, g, m, s), "wgms", strict=True):
        yield untouched(before, after, name)
        after.flags.writeable = False  # what is right is worked out from these
    plain = reference_adam_step(w, g, m, s, t, *settings)
    l2 = reference_adam_step(w, g + wd * w, m, s, t, *settings)
    adamw = (plain[0] - lr * wd * w, plain[1], plain[2])
    mistakes = {
        "decoupled=False 时衰减没有起作用：先 g ← g + λw，再交给 Adam": plain[0],
        "decoupled=False 做成了 AdamW：两个分支写反了？": adamw[0],
        "L2 惩罚 ½λw² 的梯度是 +λw，加号": reference_adam_step(w, g - wd * w, m, s, t, *settings)[
            0
        ],
        "½λw² 求导后是 λw，没有 2": reference_adam_step(w, g + 2 * wd * w, m, s, t, *settings)[0],
    }
    yield _named(
        out[0], l2[0], "L2 的 w", mistakes, "decoupled=False：g + λw 当作梯度，其余与 Adam 相同"
    )
    hint = "L2 的那一项也要进 m 和 s：它是梯度的一部分"
    yield close(out[1], l2[1], "L2 的 m", hint, weight=0.5)
    yield close(out[2], l2[2], "L2 的 s", hint, weight=0.5)
    out = answer(w, g, m, s, t, lr, wd, True)
    yield _is_tuple(out, 3, "w, m, s")
    mistakes = {
        "decoupled=True 与 L2 结果一样：衰减不该经过 m 和 s": l2[0],
        "decoupled=True 时衰减没有起作用": plain[0],
        "衰减要乘学习率：w 减去的是 αλw，不是 λw": plain[0] - wd * w,
        "先衰减、再走 Adam 的一步：衰减的是旧的 w": plain[0] * (1 - lr * wd),
        "衰减做了两次：decoupled=True 时梯度里不要再加 λw": l2[0] - lr * wd * w,
        "衰减的符号反了：权重要变小": plain[0] + lr * wd * w,
    }
    yield _named(out[0], adamw[0], "AdamW 的 w", mistakes, "w 直接乘 (1 − αλ)，再减 Adam 的那一步")
    hint = "解耦之后，m 和 s 里只有损失的梯度"
    yield close(out[1], plain[1], "AdamW 的 m", hint, weight=0.5)
    yield close(out[2], plain[2], "AdamW 的 s", hint, weight=0.5)


# --- 05.5 ----------------------------------------------------------------------------------------


@exercise(
    "05.5",
    title="热身加余弦",
    points=3,
    asks="warmup_cosine(t, total, warmup, peak, floor=0.0) -> float",
    reference=reference_warmup_cosine,
    hints=(
        "分两段写：t < warmup 时线性上升；之后先算出余弦段走到了几分之几，再换成学习率。",
        "进度是 (t − warmup) / (total − warmup)，最多到 1；½(1 + cos(π × 进度)) 从 1 降到 0。",
        "热身段 peak·(t + 1)/warmup；余弦段 floor + (peak − floor)·½(1 + cos(π × 进度))，"
        "进度用 min(1, …) 截住。",
    ),
)
def schedule(answer: Answer, rng: np.random.Generator) -> Iterator[Step]:
    """The two parts, then what happens at the ends."""
    warmup, total = int(rng.integers(4, 9)), int(rng.integers(30, 50))
    peak, floor = float(rng.uniform(0.1, 1.0)), float(rng.uniform(0.01, 0.05))

    def curve(steps: Any, *, zero_floor: bool = False) -> Array:
        low = () if zero_floor else (floor,)
        return np.array([answer(int(t), total, warmup, peak, *low) for t in steps])

    first = answer(0, total, warmup, peak)
    yield that(first is not None, "有返回值", "忘了 return？")
    up = np.arange(warmup)
    mistakes = {
        "第 0 步的学习率是 0，这一步就白走了：用 (t + 1) / warmup": peak * up / warmup,
        "热身从 0 升到峰值，不从 floor 出发": floor + (peak - floor) * (up + 1) / warmup,
        "热身还没做：t < warmup 时学习率应当线性上升": np.full(warmup, peak),
    }
    hint = "t < warmup 时是 peak × (t + 1) / warmup"
    yield _named(curve(up), peak * (up + 1) / warmup, "热身段", mistakes, hint)
    down = np.arange(warmup, total + 1)
    u = (down - warmup) / (total - warmup)
    cosine = 0.5 * (1 + np.cos(np.pi * u))
    want = floor + (peak - floor) * cosine
    from_start = 0.5 * (1 + np.cos(np.pi * down / total))
    mistakes = {
        "余弦的进度要从热身结束处算起：(t − warmup) / (total − warmup)": floor
        + (peak - floor) * from_start,
        "最低要停在 floor，不是 0": peak * cosine,
        "振幅是 peak − floor：现在起点高出了峰值": floor + peak * cosine,
        "余弦要压到 0 和 1 之间：½(1 + cos)": floor + (peak - floor) * np.cos(np.pi * u),
        "这是线性下降，不是余弦": floor + (peak - floor) * (1 - u),
        "cos 里只走了四分之一周：进度要乘 π": floor + (peak - floor) * np.cos(np.pi * u / 2),
    }
    hint = "从 peak 到 floor：floor + (peak − floor) × ½(1 + cos(π × 进度))"
    yield _named(curve(down), want, "余弦段", mistakes, hint, weight=2.0)
    got = curve(down, zero_floor=True)
    yield close(got, peak * cosine, "floor 的默认值", "floor 默认是 0.0", atol=1e-9, weight=0.0)
    late = curve([total + 1, total + 5])
    hint = "训练超过 total 步以后停在 floor；余弦会自己再升上去，要用 min 截住进度"
    yield close(late, np.full(2, floor), "超过 total 之后", hint)
    try:
        straight = answer(0, total, 0, peak)
    except ZeroDivisionError:
        straight = None
    ok = straight is not None and math.isclose(float(straight), peak, rel_tol=1e-9)
    hint = "没有热身时第 0 步就是峰值；当心除以 0"
    yield that(ok, "warmup=0 也能用", hint, weight=0.5)
