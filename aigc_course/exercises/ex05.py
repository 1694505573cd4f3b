"""Exercises of 05_optimizers: mini-batches, momentum, Adam, weight decay, a schedule.

Each judge works out what the usual mistakes would give on the same random case and compares the
answer with those too, so that the hint can name the mistake without showing the right value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from aigc_course.exercises.core import Step, close, exercise, that, untouched

Array = np.ndarray
Answer = Callable[..., Any]

__all__ = ["adam", "decay", "momentum", "sampler", "schedule"]


def _named(value: Any, wanted: Any, label: str, mistakes: dict[str, Any], hint: str = "") -> Step:
    """Like ``close``, with the hint of the first known mistake whose value the answer equals."""
    for text, wrong in mistakes.items():
        if close(value, wrong, label).ok and not close(wrong, wanted, label).ok:
            hint = text
            break
    return close(value, wanted, label, hint)


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
)
def sampler(answer: Answer, rng: np.random.Generator) -> Iterator[Step]:
    """Every index once an epoch, in an order that ``rng`` decides, the last short batch kept."""
    size = int(rng.integers(5, 9))
    full, rest = int(rng.integers(6, 10)), int(rng.integers(1, size - 1))
    n = full * size + rest
    seed = int(rng.integers(2**31))

    def draw(s: int) -> list[Array] | None:
        out = answer(n, size, np.random.default_rng(s))
        return None if out is None else [np.asarray(batch) for batch in out]

    batches = draw(seed)
    if batches is None:
        yield that(False, "返回一个列表", "忘了 return？（用 yield 写成生成器也可以）")
        return
    integers = all(b.ndim == 1 and np.issubdtype(b.dtype, np.integer) for b in batches)
    yield that(integers, "每一批是一维整数下标", "每一批应当是形状 (B,) 的整数数组，不是数据本身")
    sizes = [len(b) for b in batches]
    flat = np.concatenate(batches) if batches else np.zeros(0, dtype=int)
    hint = "按 batch_size 一段一段往后切：range(0, n, batch_size)"
    if len(flat) < n:
        hint = "最后不满一批的样本也要留下，丢掉它们，梯度就不再是无偏的一整轮"
    elif sizes and max(sizes) - min(sizes) <= 1:
        hint = "每一批要恰好 batch_size 个、只有最后一批可以短；array_split 切出的是均分的大小"
    yield that(sizes == [size] * full + [rest], "每一批的大小", hint, f"各批大小：{sizes}")
    inside = flat.min() >= 0 and flat.max() < n
    yield that(bool(inside), "下标在 0 到 n−1 之间", "有下标越界")
    twice = n - len(np.unique(flat))
    hint = "这是有放回抽样：先 rng.permutation(n) 打乱全体，再切段，每个下标才会恰好一次"
    yield that(twice == 0, "一轮里每个下标恰好一次", hint, f"有 {twice} 个下标没有轮到")
    ordered = all(np.all(np.diff(b) == 1) for b in batches[:full])
    hint = "批内还是连号：要打乱的是全部下标，不是批的先后"
    if np.array_equal(flat, np.arange(n)):
        hint = "没有打乱：数据按类别排好时，一批里就全是同一类"
    yield that(not ordered, "顺序是打乱的", hint)
    again = draw(seed)
    same = again is not None and np.array_equal(flat, np.concatenate(again))
    yield that(same, "同样的 rng，同样的批", "随机数要从传进来的 rng 取，不要用 np.random.…")
    other = draw(seed + 1)
    differs = other is not None and not np.array_equal(flat, np.concatenate(other))
    yield that(differs, "换一个 rng，换一种顺序", "不要在函数里自己造一个固定种子的生成器")


# --- 05.2 ----------------------------------------------------------------------------------------


@exercise(
    "05.2",
    title="动量与 Nesterov 的一步",
    points=3,
    asks="momentum_step(w, g, v, lr, mu, nesterov=False) -> (w, v)",
)
def momentum(answer: Answer, rng: np.random.Generator) -> Iterator[Step]:
    """PyTorch's form: v ← μv + g, then w ← w − αv, or w ← w − α(g + μv) for Nesterov."""
    w, g, v = (rng.normal(size=(3, 4)) for _ in range(3))
    lr, mu = float(rng.uniform(0.05, 0.2)), float(rng.uniform(0.6, 0.9))
    kept = [a.copy() for a in (w, g, v)]
    out = answer(w, g, v, lr, mu)
    yield _is_tuple(out, 2, "w, v")
    yield untouched(kept[0], w, "w")
    yield untouched(kept[2], v, "v")
    new_w, new_v = out
    want = mu * v + g
    mistakes = {
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
    yield _named(new_w, w - lr * want, "w", mistakes, "w 的新值 = w − 学习率 × 新的 v")
    out = answer(w, g, v, lr, mu, True)
    mistakes = {
        "与 nesterov=False 一样：要用 g + μ × 新 v（用旧 v 算，恰好就等于新 v 本身）": w
        - lr * want,
        "g + μv 少了 g": w - lr * mu * want,
        "v + μv 不对：加上的是 μv，底子是当前梯度 g": w - lr * (want + mu * want),
    }
    nesterov = w - lr * (g + mu * want)
    yield _named(
        out[0], nesterov, "Nesterov 的 w", mistakes, "w 的新值 = w − 学习率 × (g + μ × 新的 v)"
    )
    yield close(out[1], want, "Nesterov 的 v", "nesterov 只改 w 的更新，v 的更新不变")


# --- 05.3 ----------------------------------------------------------------------------------------


def _adam(
    w: Array, g: Array, m: Array, s: Array, t: int, lr: float, b1: float, b2: float, eps: float
) -> tuple[Array, Array, Array]:
    """Adam (Kingma & Ba 2015); all arrays of one shape, ``t`` counts from 1."""
    m = b1 * m + (1 - b1) * g
    s = b2 * s + (1 - b2) * g * g
    return w - lr * (m / (1 - b1**t)) / (np.sqrt(s / (1 - b2**t)) + eps), m, s


@exercise(
    "05.3",
    title="带偏差修正的 Adam",
    points=4,
    asks="adam_step(w, g, m, s, t, lr, beta1, beta2, eps) -> (w, m, s)",
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
    want_w, want_m, want_s = _adam(w, g, m, s, t, lr, b1, b2, eps)
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
    yield _named(out[0], want_w, "w", mistakes, hint)
    mine = theirs = (w, np.zeros_like(w), np.zeros_like(w))
    for k in range(1, 11):
        step = rng.normal(size=w.shape)
        mine = answer(mine[0], step, mine[1], mine[2], k, 0.1, 0.9, 0.999, 1e-8)
        theirs = _adam(*_split(theirs, step), k, 0.1, 0.9, 0.999, 1e-8)
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
)
def decay(answer: Answer, rng: np.random.Generator) -> Iterator[Step]:
    """Decoupled decay (Loshchilov & Hutter 2019) and the L2 term inside the gradient."""
    w, g = rng.normal(size=(2, 5)), rng.normal(size=(2, 5))
    m, s = 0.3 * rng.normal(size=(2, 5)), rng.uniform(0.1, 0.5, size=(2, 5))
    t, lr, wd = int(rng.integers(2, 6)), float(rng.uniform(0.05, 0.2)), float(rng.uniform(0.1, 0.4))
    settings = (lr, 0.9, 0.999, 1e-8)
    kept = [a.copy() for a in (w, g, m, s)]
    out = answer(w, g, m, s, t, lr, wd, False)
    yield _is_tuple(out, 3, "w, m, s")
    for before, after, name in zip(kept, (w, g, m, s), "wgms", strict=True):
        yield untouched(before, after, name)
    plain = _adam(w, g, m, s, t, *settings)
    l2 = _adam(w, g + wd * w, m, s, t, *settings)
    adamw = (plain[0] - lr * wd * w, plain[1], plain[2])
    mistakes = {
        "decoupled=False 时衰减没有起作用：先 g ← g + λw，再交给 Adam": plain[0],
        "decoupled=False 做成了 AdamW：两个分支写反了？": adamw[0],
        "L2 惩罚 ½λw² 的梯度是 +λw，加号": _adam(w, g - wd * w, m, s, t, *settings)[0],
        "½λw² 求导后是 λw，没有 2": _adam(w, g + 2 * wd * w, m, s, t, *settings)[0],
    }
    yield _named(
        out[0], l2[0], "L2 的 w", mistakes, "decoupled=False：g + λw 当作梯度，其余与 Adam 相同"
    )
    yield close(out[1], l2[1], "L2 的 m", "L2 的那一项也要进 m：它是梯度的一部分")
    yield close(out[2], l2[2], "L2 的 s", "L2 的那一项也要进 s：它是梯度的一部分")
    out = answer(w, g, m, s, t, lr, wd, True)
    mistakes = {
        "decoupled=True 与 L2 结果一样：衰减不该经过 m 和 s": l2[0],
        "decoupled=True 时衰减没有起作用": plain[0],
        "衰减要乘学习率：w 减去的是 αλw，不是 λw": plain[0] - wd * w,
        "先衰减、再走 Adam 的一步：衰减的是旧的 w": plain[0] * (1 - lr * wd),
        "衰减做了两次：decoupled=True 时梯度里不要再加 λw": l2[0] - lr * wd * w,
        "衰减的符号反了：权重要变小": plain[0] + lr * wd * w,
    }
    yield _named(out[0], adamw[0], "AdamW 的 w", mistakes, "w 直接乘 (1 − αλ)，再减 Adam 的那一步")
    yield close(out[1], plain[1], "AdamW 的 m", "解耦之后，m 里只有损失的梯度")
    yield close(out[2], plain[2], "AdamW 的 s", "解耦之后，s 里只有损失的梯度")


# --- 05.5 ----------------------------------------------------------------------------------------


@exercise(
    "05.5",
    title="热身加余弦",
    points=3,
    asks="warmup_cosine(t, total, warmup, peak, floor=0.0) -> float",
)
def schedule(answer: Answer, rng: np.random.Generator) -> Iterator[Step]:
    """Linear up over ``warmup`` steps, half a cosine down to ``floor`` at step ``total``."""
    warmup, total = int(rng.integers(4, 9)), int(rng.integers(30, 50))
    peak, floor = float(rng.uniform(0.1, 1.0)), float(rng.uniform(0.01, 0.05))

    def curve(steps: Any, *, zero_floor: bool = False) -> Array:
        low = () if zero_floor else (floor,)
        return np.array([answer(int(t), total, warmup, peak, *low) for t in steps], dtype=float)

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
    yield _named(curve(down), want, "余弦段", mistakes, hint)
    yield close(
        curve(down, zero_floor=True), peak * cosine, "floor 的默认值", "floor 默认是 0.0", atol=1e-9
    )
    late = curve([total + 1, total + 5])
    hint = "训练超过 total 步以后停在 floor；余弦会自己再升上去，要用 min 截住进度"
    yield close(late, np.full(2, floor), "超过 total 之后", hint)
    straight = answer(0, total, 0, peak)
    ok = straight is not None and math.isclose(float(straight), peak, rel_tol=1e-9)
    yield that(ok, "warmup=0 也能用", "没有热身时第 0 步就是峰值；当心除以 0")
