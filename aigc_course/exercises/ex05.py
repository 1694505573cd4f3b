"""Chapter 05, optimizers: what each exercise asks, and the library's version of it.

Each judge works out what the usual mistakes would give on the same random case and compares the
answer with those too, so that the hint can name the mistake without showing the right value.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from aigc_course.judging.vocabulary import (
    Answer,
    Array,
    Caller,
    Rng,
    Step,
    Steps,
    attempt,
    exercise,
    hints,
    parts,
    same_again,
    shape_of,
    sizes,
    that,
    value,
)

__all__ = [
    "adam_walk",
    "drift",
    "is_warmup_cosine",
    "largest_rate",
    "lookahead_step",
    "stratified_noise",
    "warmup_cosine",
    "which_optimizer",
]


# --- the library's versions --------------------------------------------------------------------


def stratified_noise(grads: Array, labels: Array, per_class: int) -> float:
    """E‖ĝ − g‖² when every class is sampled by itself, without replacement.

    Args:
        grads: (N, P), one gradient a sample.
        labels: (N,), any integers.
        per_class: how many are drawn of each class; all of it where a class has no more.

    Example:
        >>> grads = np.array([[0.0], [2.0], [5.0]])
        >>> stratified_noise(grads, np.array([7, 7, 9]), 1)  # (2/3)² × 1
        0.4444444444444444
    """
    total = 0.0
    for label in np.unique(labels):
        own = grads[labels == label]
        n, drawn = len(own), min(per_class, len(own))
        if drawn < n:
            sigma2 = ((own - own.mean(axis=0)) ** 2).sum(axis=1).mean()
            total += (n / len(grads)) ** 2 * sigma2 / drawn * (n - drawn) / (n - 1)
    return float(total)


def lookahead_step(
    phi: Array, g: Array, v: Array, lr: float, next_lr: float, mu: float
) -> tuple[Array, Array]:
    """Nesterov's momentum where only the point looked ahead to, φ = w − αμv, is kept.

    Args:
        phi, g, v: that point, the gradient there and the velocity, of one shape.
        lr, next_lr: learning rates of this step and of the next.

    Returns:
        The next ``phi, v``.

    Example:
        >>> phi, v = lookahead_step(np.ones(1), np.ones(1), np.ones(1), 0.1, 0.2, mu=0.5)
        >>> phi.round(2).tolist(), v.tolist()
        ([0.75], [1.5])
    """
    v = mu * v + g
    return phi - lr * g - next_lr * mu * v, v


def adam_walk(
    w: Array, grads: Array, lr: float, beta1: Array, beta2: Array, eps: float = 1e-8
) -> Array:
    """Adam (Kingma & Ba 2015) whose β may change from step to step, started from empty averages.

    Args:
        w: where it starts.
        grads: (T, *w.shape), the gradient of each step.
        beta1, beta2: (T,)

    Returns:
        Where it is after each step, (T, *w.shape).

    Example:
        >>> adam_walk(np.zeros(1), np.array([[3.0]]), 0.1, np.array([0.9]), np.array([0.99]))
        array([[-0.1]])
    """
    m = s = np.zeros_like(w)
    left1 = left2 = 1.0  # the weight that the empty start still has
    path = []
    for g, b1, b2 in zip(grads, beta1, beta2, strict=True):
        m, s = b1 * m + (1 - b1) * g, b2 * s + (1 - b2) * g * g
        left1, left2 = left1 * b1, left2 * b2
        w = w - lr * (m / (1 - left1)) / (np.sqrt(s / (1 - left2)) + eps)
        path.append(w)
    return np.array(path)


def drift(w: Array, sigma: Array, lr: float, weight_decay: float, decoupled: bool) -> Array:
    """How much a step of Adam + L2, or of AdamW, moves w on average when the gradient is noise.

    Example:
        >>> drift(np.array([2.0]), np.array([3.0]), 0.1, 2.0, decoupled=False)  # −0.1 × 4/5
        array([-0.08])
    """
    pull = weight_decay * w
    if decoupled:
        return -lr * pull
    size = np.hypot(sigma, pull)
    return -lr * pull / np.where(size > 0, size, 1.0)


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


def is_warmup_cosine(schedule: Callable[..., Any]) -> bool:
    """Does ``schedule(t, total, warmup, peak, floor)`` keep what :func:`warmup_cosine` promises?

    Example:
        >>> is_warmup_cosine(warmup_cosine), is_warmup_cosine(lambda t, *rest: 1.0)
        (True, False)
    """
    for case in ((30, 7, 0.4, 0.05), (20, 0, 2.0, 0.0), (9, 8, 1.0, 0.3), (25, 5, 0.3)):
        for t in range(case[0] + 6):
            try:
                got = schedule(t, *case)
            except Exception:
                return False
            if not abs(got - warmup_cosine(t, *case)) < 1e-9:
                return False
    return True


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
    return OPTIMIZERS[int(np.argmin(_residues(path, grads)))]


def largest_rate(H: Array, mu: float, form: str, weight_decay: float = 0.0) -> float:
    """The least upper bound of stable learning rates of momentum on ½wᵀHw + ½λ‖w‖².

    Args:
        H: (D, D), symmetric, no eigenvalue below 0.
        form: "甲" v ← μv + g, "乙" v ← μv - αg, "丙" v ← μv + (1 - μ)g, "丁" as 丙, but
            with (1 - μ)g + μv for v where w moves.

    Example:
        >>> round(largest_rate(np.diag([1.0, 50.0]), 0.9, "甲"), 6)
        0.076
    """
    top = float(np.linalg.eigvalsh(H)[-1]) + weight_decay
    return 2 * (1 + mu) / top / {"丙": 1 - mu, "丁": (1 - mu) * (1 + 2 * mu)}.get(form, 1)


# --- the judges --------------------------------------------------------------------------------


def _or_its_cause(step: Step, hint: str, call: Caller, *inputs: Any) -> Steps:
    """``step``; where it has only the general ``hint`` to tell, first what may be behind it.

    An input that was changed on the way, or something kept from an earlier call, spoils values in
    ways that look like any other mistake.

    Args:
        inputs: of a call to be asked twice; nothing of the kind is asked without.
    """
    if not step.ok and step.hint == hint:
        changed = call.untouched()
        if not changed.ok:
            yield changed
            return
        if inputs:
            kept = same_again(call, *inputs)
            if not kept.ok:
                yield kept
                return
    yield step


@exercise(
    "05.1",
    "每类抽几个",
    points=3,
    asks="stratified_noise(grads, labels, per_class) -> 一个数",
)
@hints(
    "先只看一类：在这一类里面，它就是正文推过的不放回抽样，N、σ²、g 都换成这一类自己的。",
    "各类独立地抽，误差的交叉项期望为 0，方差相加；ĝ 里第 c 类的系数 N_c/N，到了方差里要平方。",
    "对每一类：(N_c/N)² × σ_c²/b × (N_c − b)/(N_c − 1)，b = min(per_class, N_c)，σ_c² 是到"
    "这一类自己的平均的平方距离的平均；抽完了的类没有噪声，是 0，先跳过它就不会有 0/0。",
)
def judge_stratified_noise(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, stratified_noise)

    def case(counts: Iterable[int], names: Iterable[int]) -> tuple[Array, Array]:
        labels = rng.permutation(np.repeat(list(names), list(counts)))
        P = int(rng.integers(2, 6))
        return rng.normal(size=(len(labels), P)) + rng.normal(size=(10, P))[labels % 10], labels

    def term(
        own: Array, b: int, power: int = 2, centre: Any = None, N: int = 1
    ) -> tuple[float, ...]:
        n = len(own)
        sigma2 = ((own - (own.mean(axis=0) if centre is None else centre)) ** 2).sum(axis=1).mean()
        return (n / N) ** power * sigma2 / b, (n - b) / (n - 1), n / (n - 1)

    counts, b = rng.permutation([5, 7, 11]), int(rng.integers(2, 4))
    grads, labels = case(counts, range(3))
    N, P = grads.shape
    own = [grads[labels == c] for c in range(3)]
    g, B = grads.mean(axis=0), 3 * b
    uniform = ((grads - g) ** 2).sum(axis=1).mean() / B

    def total(factor: Callable[..., float], **more: Any) -> float:
        return sum(factor(*term(one, b, N=N, **more)) for one in own)

    shares = [v * k for v, k, _ in (term(one, b, N=N) for one in own)]
    got, want = call(grads, labels, b)
    traps: dict[str, Any] = {
        "这是不分类、一起抽的噪声：每一类要各算各的": [uniform, uniform * (N - B) / (N - 1)],
        "系数 N_c/N 到了方差里要平方": total(lambda v, k, _: v * k, power=1),
        "各类的方差相加时，别忘了 ĝ 里第 c 类的系数 N_c/N": total(lambda v, k, _: v * k, power=0),
        "不放回的因子没有乘：(N_c − b)/(N_c − 1)": total(lambda v, k, _: v),
        "σ² 除的是 N_c：已经乘了 (N_c − b)/(N_c − 1)，不要再除 N_c − 1": total(
            lambda v, k, r: v * k * r
        ),
        "σ_c² 是到这一类自己的平均的距离，不是到全体的平均": total(lambda v, k, _: v * k, centre=g),
        "不放回是在每一类里面：因子里的 N 要换成 N_c": [
            total(lambda v, k, _: v) * (N - drawn) / (N - 1) for drawn in (b, B)
        ],
        "各类不是一样重：ĝ 里第 c 类的系数是 N_c/N，方差里要平方": [
            total(lambda v, k, _: v * k, power=0) / k for k in (3, 9)
        ],
        "‖·‖² 是各个参数的平方相加，不是平均": want / P,
        "要的是平方的期望，不用开方": math.sqrt(want),
        "不放回因子的分母是 N_c − 1，不是 N_c": total(lambda v, k, r: v * k / r),
        "σ_c² 里每个参数减它自己的平均（沿 axis=0）；.var() 不写 axis 是减全体的平均": sum(
            one.var() * P * (len(one) / N) ** 2 / b * (len(one) - b) / (len(one) - 1) for one in own
        ),
        "只有第一类的一份：return 缩进到循环里了？": shares[0],
        "只有最后一类的一份：各类要累加（+=）": shares[-1],
    }
    hint = (
        "一类一类算，再相加。先用手核对一类：两个样本的梯度是 0 与 2，per_class = 1，"
        "σ² 是 1，不放回因子是 1，这一类占全部时噪声是 1"
    )
    step = value(got, want, "三类，都够抽", hint, traps, form="要一个数", rtol=1e-8, weight=2)
    if not step.ok and step.hint == hint and shape_of(got) == ():
        order = rng.permutation(N)
        once = call(grads[order], labels[order], b)[0]
        if not value(once, float(np.asarray(got)), "", rtol=1e-6).ok:
            drawn = "样本换个次序排，答案就变了：要期望的公式，不要抽样来估计；取样本要按标签"
            step = value(got, want, "三类，都够抽", drawn, rtol=1e-8, weight=2)
    yield from _or_its_cause(step, hint, call)
    grads, labels = case((4, 6, 5), rng.permutation([-3, 0, int(rng.choice([12, 40, 77]))]))
    hint = "标签可以是任意整数，中间可以有空：用 np.unique(labels) 取出现过的类"
    label = "标签不是 0、1、2"
    pair: Any = yield from attempt(lambda: call(grads, labels, 2), label, {ValueError: hint})
    got, want = pair
    yield from _or_its_cause(value(got, want, label, hint, rtol=1e-8), hint, call)
    hint = "只有一类、一个参数时，它就是正文的公式：N_c = N"
    step = value(*call(grads[:, :1], 0 * labels + 4, 6), "只有一类", hint, rtol=1e-8, weight=0)
    yield from _or_its_cause(step, hint, call)
    grads, labels = case((3, 9, 6), range(3))
    enough = sum(v * k for v, k, _ in (term(grads[labels == c], 4, N=15) for c in (1, 2)))
    short = sum(v * k for v, k, _ in (term(grads[labels == c], 4, N=18) for c in range(3)))
    traps = {
        "N 是全部样本，抽完的类也算在内": enough,
        "不够抽的类是全抽，没有噪声，不是负的：个数用 min(per_class, N_c)": short,
    }
    hint = "这里有一类 3 个样本、per_class 是 4：它全抽到，噪声是 0；别的类照算，N 不变"
    yield value(*call(grads, labels, 4), "有一类不够抽", hint, traps, rtol=1e-8)
    grads, labels = case((1, 9, 6), range(3))
    hint = "只有一个样本的类：它总被抽到，噪声是 0，公式里的 N_c − 1 却是 0；N 不变"
    label = "有一类只有一个样本"
    got, want = yield from attempt(lambda: call(grads, labels, 1), label, {ZeroDivisionError: hint})
    yield value(got, want, label, hint, rtol=1e-8)
    hint = "每类都抽完，就是整批，噪声是 0"
    yield value(*call(grads, labels, 50), "每类都抽完", hint, atol=1e-9, weight=0.5)
    yield call.untouched(weight=0.5)


@exercise(
    "05.2",
    "只在前瞻点求梯度",
    points=3,
    asks="lookahead_step(phi, g, v, lr, next_lr, mu) -> (phi, v)",
)
@hints(
    "传进来的 phi 不是 w。先由 φ = w − αμv 把 w 还原出来，再照原来的三行走。",
    "还原 w 用旧的 v 和这一步的 α；算新的 φ 用新的 v 和下一步的 α。",
    "v' = μv + g，w = φ + αμv，w' = w − αv'，φ' = w' − α'μv'；代进去会消掉一项。",
)
def judge_lookahead_step(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, lookahead_step)
    phi, g, v = rng.normal(size=(3, *sizes(rng, 2, 4, 8)))
    lr, mu = float(rng.uniform(0.1, 0.2)), float(rng.uniform(0.6, 0.9))
    lower = lr * float(rng.uniform(0.2, 0.5))
    general = (
        "一行一行来：v'，w，w'，φ'；看每一行里的 v 是新是旧、α 是哪一步的。用手核对："
        "φ、g、v 都是 1，α = 0.1，α' = 0.2，μ = 0.5 时，v' = 1.5，w = 1.05，w' = 0.9，φ' = 0.75"
    )

    form = "v 与 phi 都与传进来的同形：逐元素算，不要 ravel、flatten，也不要求和"

    def one(label: str, now: float, then: float, weight: float) -> Steps:
        got, (want, want_v) = call(phi, g, v, now, then, mu)
        new, new_v = yield from parts(got, 2, "phi, v", "返回值的个数")
        traps = {
            "两个返回值对调了：先 phi，后 v": want,
            "α 不进 v：v 只管累积梯度": [mu * v - now * g, mu * v + now * g],
            "新梯度前面没有 (1 − μ)": mu * v + (1 - mu) * g,
            "返回的 v 还是传进来的那个：要返回更新之后的": v,
        }
        hint = "v 的新值 = μ × 旧 v + 梯度"
        step = value(new_v, want_v, f"{label}，v", hint, traps, form=form, weight=weight / 4)
        yield from _or_its_cause(step, hint, call, phi, g, v, lr, lower, mu)
        w = phi + now * mu * v
        traps = {
            "算新的 φ 要用下一步的学习率 next_lr": phi - now * (g + mu * want_v),
            "还原 w、走这一步，用的是这一步的学习率 lr": [
                phi + then * mu * v - now * want_v - then * mu * want_v,
                phi - then * (g + mu * want_v),
                w - then * want_v - then * mu * want_v,
            ],
            "传进来的是 φ，不是 w：先由 φ = w − αμv 还原出 w": [
                phi - now * want_v - then * mu * want_v,
                phi - now * want_v,
            ],
            "这是 w 的新值；要返回的是新的前瞻点，再往前看 α'μv'": w - now * want_v,
            "往前看时用的 v 要是更新之后的": w - now * want_v - then * mu * v,
            "往前看是顺着走的方向：减去 α'μv'": w - now * want_v + then * mu * want_v,
            "α 与 α' 用反了：这一步的梯度配这一步的 α，往前看配下一步的": phi
            - then * g
            - now * mu * want_v,
            "往前看的是 α'μv'，少了 μ": phi - now * g - then * want_v,
            "往前看的是 α'μv'：μ 多乘了一次": phi - now * g - then * mu * mu * want_v,
            "还原 w 用的是旧的 v": phi + now * mu * want_v - now * want_v - then * mu * want_v,
            "整步的方向反了：往梯度的反方向走": phi + now * g + then * mu * want_v,
            "还原 w 的符号反了：w = φ + αμv": phi
            - now * mu * v
            - now * want_v
            - then * mu * want_v,
        }
        step = value(new, want, f"{label}，phi", general, traps, form=form, weight=weight)
        yield from _or_its_cause(step, general, call, phi, g, v, lr, lower, mu)

    def special(label: str, now: float, then: float, mu: float, hint: str, traps: Any) -> Steps:
        divided: dict[type[Exception], str] = {ZeroDivisionError: "学习率可以是 0，不要拿它去除"}
        pair: Any = yield from attempt(lambda: call(phi, g, v, now, then, mu), label, divided)
        got, (want, want_v) = pair
        new, new_v = yield from parts(got, 2, "phi, v", "返回值的个数")
        odd = "出现了 nan 或 inf：学习率可以是 0，不要拿它去除"
        for came, right, name in ((new_v, want_v, "v"), (new, want, "phi")):
            step = value(came, right, f"{label}，{name}", hint, traps, weight=0.25, nonfinite=odd)
            yield from _or_its_cause(step, hint, call, phi, g, v, lr, lower, mu)

    yield from one("α 变小", lr, lower, 2.0)
    yield from one("α 不变", lr, lr, 1.0)
    yield from one("α 变大", lower, lr, 0.0)
    traps = {"0 不等于没有给：next_lr or lr 会把 0 换成 lr": phi - lr * (g + mu * (mu * v + g))}
    hint = "next_lr = 0 时不往前看：φ' 就是 w'"
    yield from special("next_lr = 0", lr, 0.0, mu, hint, traps)
    traps = {"0 不等于没有给：lr or … 会把 0 换掉": phi - lower * (g + mu * (mu * v + g))}
    hint = "lr = 0 时这一步不走：w' 就是 w，v 照样累积，再按 next_lr 往前看"
    yield from special("lr = 0", 0.0, lower, mu, hint, traps)
    hint = "μ = 0 就是没有动量：v' = g，φ' = φ − αg"
    yield from special("μ = 0", lr, lower, 0.0, hint, {})
    for size in ((6,), (2, 3, 2)):
        phi, g, v = rng.normal(size=(3, *size))
        pair: Any = yield from attempt(
            lambda: call(phi, g, v, lr, lower, mu),  # noqa: B023
            f"形状 {size}",
            {IndexError: "参数不一定是矩阵，可以是任意形状：整个数组一起算，不用下标"},
        )
        new, _ = yield from parts(pair[0], 2, "phi, v", "返回值的个数")
        hint = "参数不一定是矩阵，可以是任意形状：整个数组一起算，不用下标"
        yield value(new, pair[1][0], f"形状 {size}", hint, weight=0.25)
    yield same_again(call, phi, g, v, lr, lr, mu, weight=0.5)
    yield call.untouched(weight=0.5)


def _adam_variant(
    w: Array, grads: Array, lr: float, b1: Array, b2: Array, eps: float, kind: str
) -> Array:
    """Adam as it comes out with one of the usual slips."""
    if kind == "swapped":
        return _adam_variant(w, grads, lr, b2, b1, eps, "")
    m = s = np.zeros_like(w)
    before1 = before2 = 1.0
    path = []
    for t, g in enumerate(grads, start=1):
        p, q = b1[t - 1], b2[t - 1]
        new = g if kind == "no 1 − β1" else (1 - p) * g
        m = g if kind == "both start full" and t == 1 else p * m + new
        square = {"no square": g, "m squared": m * m}.get(kind, g * g)
        s = q * s + (square if kind == "no 1 − β2" else (1 - q) * square)
        if kind in ("s starts full", "s starts full, m raw", "both start full") and t == 1:
            s = square
        if kind == "one array":  # m = s = …, and each line changes it
            m = s = q * m + (1 - q) * g * g
        c1, c2 = before1 * p, before2 * q
        fix1, fix2 = {
            "no fix": (0.0, 0.0),
            "only m": (c1, 0.0),
            "only s": (0.0, c2),
            "own power": (p**t, q**t),
            "own power of s": (c1, q**t),
            "own power of m": (p**t, c2),
            "first power": (b1[0] ** t, b2[0] ** t),
            "mean power": (b1[:t].mean() ** t, b2[:t].mean() ** t),
            "no power": (p, q),
            "one early": (p ** (t - 1) if t > 1 else 0.0, q ** (t - 1) if t > 1 else 0.0),
            "one late": (c1 * p, c2 * q),
            "first twice": (b1[0] * before1, b2[0] * before2),
            "without its own": (before1, before2),
            "times": (p * t, q * t),
            "summed": (1 - (1 - b1[:t]).sum(), 1 - (1 - b2[:t]).sum()),
            "all": (float(np.prod(b1)), float(np.prod(b2))),
            "last power": (b1[-1] ** t, b2[-1] ** t),
            "fixes swapped": (c2, c1),
            "fix of s for both": (c2, c2),
            "fix of m for both": (c1, c1),
            "product of 1 − β": (1 - float(np.prod(1 - b1[:t])), 1 - float(np.prod(1 - b2[:t]))),
            "s starts full": (c1, 0.0),
            "s starts full, m raw": (0.0, 0.0),
            "both start full": (0.0, 0.0),
        }.get(kind, (c1, c2))
        m_hat, s_hat = m / (1 - fix1), s / (1 - fix2)
        if kind not in ("one array", "no square"):
            s_hat = np.abs(s_hat)
        if kind == "kept":
            m, s = m_hat, s_hat
        size = {
            "eps inside": np.sqrt(s_hat + eps),
            "eps² inside": np.sqrt(s_hat + eps**2),
            "eps not scaled": np.sqrt(s_hat) + eps / np.sqrt(1 - fix2),
            "no root": s_hat + eps,
        }.get(kind, np.sqrt(s_hat) + eps)
        if kind == "no eps":
            size = np.sqrt(s_hat) + 1e-8
        w = w - lr * (g if kind == "plain g" else m_hat) / size * (-1 if kind == "uphill" else 1)
        path.append(w)
        before1, before2 = c1, c2
    return np.array(path)


@exercise(
    "05.3",
    "β 会变的 Adam",
    points=4,
    asks="adam_walk(w, grads, lr, beta1, beta2, eps=1e-8) -> (T, …) 的数组",
)
@hints(
    "正文的推导里，哪一步用到了 β 不变？把 m₁、m₂、m₃ 用 g₁、g₂、g₃ 展开，再把系数加起来。",
    "系数之和 cₜ 满足 cₜ = βₜcₜ₋₁ + (1 − βₜ)，也就是 1 − cₜ = βₜ(1 − cₜ₋₁)，c₀ = 0。",
    "第 t 步除以 1 − β₁β₂…βₜ（到此为止用过的 β 之积）；m 用 beta1 的积，s 用 beta2 的积。"
    "β 不变时就是 1 − βᵗ。",
)
def judge_adam_walk(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, adam_walk)
    T, D = int(rng.integers(5, 9)), int(rng.integers(2, 5))
    w, grads, lr = rng.normal(size=D), rng.normal(size=(T, D)), float(rng.uniform(0.05, 0.2))
    same = np.full(T, rng.uniform(0.7, 0.85)), np.full(T, rng.uniform(0.9, 0.97)), 1e-2
    slips = {
        "没有做偏差修正：m 和 s 都要除": "no fix",
        "只修正了 m，s 也要修正": "only m",
        "只修正了 s，m 也要修正": "only s",
        "第 t 步的修正比该用的少一个 β：t 从 1 数起，第 1 步就要修正": "one early",
        "第 t 步的修正多用了一个 β：t 从 1 数起，第 1 步只用过一个": "one late",
        "第 1 步就除以了 0：连乘要乘到这一步自己的 β，第 1 步的除数是 1 − β₁[0]": "without its own",
        "存下来接着用的 m 和 s 不能是修正过的：修正只用在这一步的更新里": "kept",
        "ε 加在根号外面": "eps inside",
        "ε 加在根号外面，根号里不加 ε²": "eps² inside",
        "ε 是加在 √ŝ 上的：把 √(1 − β₂ᵗ) 提到外面，ε 也要跟着乘": "eps not scaled",
        "分母忘了开平方": "no root",
        "s 平均的是 g 的平方": "no square",
        "s 平均的是 g²，不是 m²": "m squared",
        "m 的新梯度前面少了 (1 − β₁)": "no 1 − β1",
        "s 的新平方前面少了 (1 − β₂)": "no 1 − β2",
        "m 与 s 是同一个数组：m = s = … 之后又原地改（m *= …），两本账记到了一起": "one array",
        "beta1 与 beta2 用反了：m 用 beta1，s 用 beta2": "swapped",
        "分子要用平滑过的 m，不是当前梯度": "plain g",
        "符号反了：参数要往 m̂ 的反方向走": "uphill",
        "没有用上传进来的 eps": "no eps",
        "修正用的是 β 的 t 次方，不是 β 乘 t": "times",
        "系数之和不是 Σ(1 − β)：早的梯度，系数还要再乘后面的 β": "summed",
        "β1 与 β2 的修正用反了：m 配 β1，s 配 β2": "fixes swapped",
        "m 的修正用了 beta2 的：m 配 beta1 的积，s 配 beta2 的积": "fix of s for both",
        "s 的修正用了 beta1 的：m 配 beta1 的积，s 配 beta2 的积": "fix of m for both",
        "乘起来的是 β，不是 1 − β：空的起点还占 β₁β₂…βₜ，除数是 1 减它": "product of 1 − β",
        "s 从 0 起步，不是从第一个 g² 起步；然后除以修正": "s starts full",
        "s 从 0 起步，不是从第一个 g² 起步；m、s 都要修正": "s starts full, m raw",
        "m、s 都从 0 起步，不是从第一个 g、g² 起步；然后除以修正": "both start full",
        "修正只用到这一步为止的 β，不是全程的": "all",
        "修正里没有随步数累积：每多走一步，空的起点还占的分量就再乘一个 β": "no power",
    }

    def wrong(betas: tuple[Array, Array, float], grads: Array) -> dict[str, Any]:
        return {said: _adam_variant(w, grads, lr, *betas, kind) for said, kind in slips.items()}

    def where(got: Any, want: Array, later: str) -> str:
        """What to compare by hand, from the first step that is wrong."""
        if shape_of(got) != want.shape:
            return later
        rows = zip(got, want, strict=True)
        k = next((k for k, (a, b) in enumerate(rows, 1) if not value(a, b, "", lists=True).ok), 1)
        first = (
            "第 1 步就不对。用手核对：m = (1 − β₁)g，除以修正的 1 − β₁ 正好是 g；"
            "s 修正后正好是 g²；所以这一步是 α·g/(|g| + ε)"
        )
        return first if k == 1 else f"前 {k - 1} 步都对，从第 {k} 步起不对：{later}"

    form = "要每一步之后的 w，共 T 个，不含起点；m、s 与 w 同形"
    odd = "出现了 nan 或 inf：第 1 步的除数是不是 0？根号里是不是负数？"

    def walked(label: str, betas: tuple[Array, Array, float], later: str, weight: float) -> Steps:
        got, want = call(w, grads, lr, *betas)
        traps = wrong(betas, grads)
        traps["T 行都一样：存的是同一个数组，w -= … 把它们一起改了"] = np.tile(want[-1], (T, 1))
        traps["第 1 行是起点，最后一步没有存：先更新 w，再存"] = np.vstack([w, want[:-1]])
        traps["要每一步之后的 w，不是每一步走了多少"] = np.diff(want, axis=0, prepend=w[None])
        hint = where(got, want, later)
        step = value(got, want, label, hint, traps, form=form, weight=weight, nonfinite=odd)
        if shape_of(got) == want.shape and not np.isfinite(np.asarray(got, float)).all():
            tame = np.abs(grads)  # what is nan for having a root of something below 0
            told = value(*call(w, tame, lr, *betas), label, "", wrong(betas, tame))
            call(w, grads, lr, *betas)
            step = replace(step, hint=told.hint or step.hint)
        yield from _or_its_cause(step, hint, call, w, grads, lr, *betas)

    later = "m、s 要接着上一步没修正的；修正乘到这一步自己的 β"
    yield from walked("β 不变", same, later, 1.0)
    slips |= {
        "βₜ 的 t 次方只在 β 不变时对：从展开式重新求系数之和": "own power",
        "m 的修正对，s 的不对：s 也要除以 1 减 beta2 的连乘": "own power of s",
        "s 的修正对，m 的不对：m 也要除以 1 减 beta1 的连乘": "own power of m",
        "用了第 1 步的 β：每一步有自己的 β": "first power",
        "用了最后一步的 β：每一步有自己的 β": "last power",
        "β 的平均的 t 次方也不对：从展开式重新求系数之和": "mean power",
        "连乘差了一步：β[0] 乘了两次，第 t 步要乘到这一步自己的 β": "first twice",
    }
    varied = rng.uniform(0.5, 0.95, size=T), rng.uniform(0.8, 0.99, size=T), 1e-2
    later = "每一步用自己的 β；修正从 m 的展开式重新推，先写出 m₂ 里 g₁ 与 g₂ 的系数之和"
    yield from walked("β 每步不同", varied, later, 2.0)
    b1, b2 = varied[0].copy(), varied[1].copy()
    b1[0], b2[-2] = 0.0, 0.0
    got, want = call(w, grads, lr, b1, b2, 1e-3)
    hint = "β 可以是 0：那一步的平均就是这一步的梯度，修正的除数是 1；eps 也可以换"
    yield value(got, want, "有的 β 是 0", hint, weight=0.5)
    shape = (T, *sizes(rng, 2, 2, 5))
    many = rng.normal(size=shape)
    many[:, 0, 0] = 0.0  # a weight that is not used: 0 / (0 + ε)
    many[2] = 0.0
    label = "参数是矩阵，默认的 ε"
    any_shape = "w 可以是矩阵，grads 是 (T, …)：m、s 用 np.zeros_like(w)"
    pair: Any = yield from attempt(
        lambda: call(many[0], many, lr, *same[:2]), label, {ValueError: any_shape}
    )
    skipped = adam_walk(many[0], np.delete(many, 2, 0), lr, same[0][1:], same[1][1:])
    skipped = np.insert(skipped, 2, skipped[1], axis=0)
    traps = {"梯度全是 0 的一步也要走：m 还没有忘光，β 照样累积": skipped}
    got, want = pair
    yield value(got, want, label, f"{any_shape}；eps 默认 1e-8", traps, weight=0.5)
    yield value(*call(w, grads[:1], lr, *(b[:1] for b in varied[:2])), "只走一步", hint, weight=0.5)
    many = rng.normal(size=(T, 2, 3, 2))
    hint = "w 可以是任意形状，这里是 (2, 3, 2)；不要拉平，也不要只在第一维上循环"
    yield value(*call(many[0], many, lr, *varied), "三维的参数", hint, weight=0)
    yield call.untouched(weight=0.5)


@exercise(
    "05.4",
    "衰减得多快",
    points=3,
    asks="drift(w, sigma, lr, weight_decay, decoupled) -> 与 w 同形的数组",
)
@hints(
    "先写出 Adam 看到的梯度 g：解耦时它只是噪声；不解耦时还加上 λw。再求 E[g] 与 E[g²]。",
    "E[g²] = 方差 + 平均的平方。把 m̂ 换成 E[g]，ŝ 换成 E[g²]，代进更新式。",
    "解耦：−αλw。不解耦：−α·λw / √(σ² + λ²w²)；分母是 0 时分子也是 0，这一步不动。",
)
def judge_drift(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, drift)
    shape = tuple(sizes(rng, 2, 3, 7))
    w, sigma = rng.normal(size=shape), rng.uniform(0.1, 3.0, size=shape)
    lr, wd = float(rng.uniform(0.01, 0.1)), float(rng.uniform(0.4, 0.8))
    pull = wd * w
    any_shape = "参数可以是任意形状：整个数组一起算，用 np 的函数，不用下标"
    told: Any = {TypeError: any_shape}
    pair: Any = yield from attempt(lambda: call(w, sigma, lr, wd, True), "解耦", told)
    got, want = pair
    coupled = -lr * pull / np.hypot(sigma, pull)
    traps: dict[str, Any] = {
        "decoupled=True 时衰减不经过 m 和 s，不被分母除": coupled,
        "衰减的方向反了：w 大于 0 时要变小": -want,
        "衰减要乘学习率": -pull,
        "要的是改变了多少，不是改变之后的 w": w + want,
        "要的是改变多少，不是每步乘的倍数": np.full(shape, -lr * wd),
        "改变的符号跟着 w：w 小于 0 时它要变大": -np.abs(want),
        "噪声的平均是 0，衰减却还在": np.zeros(shape),
        "衰减的是 λw，不是 ½λw²": -lr * wd * w**2 / 2,
    }
    hint = "噪声的平均是 0，只剩衰减：w = 2、α = 0.1、λ = 0.5 时，一步改变 −0.1"
    step = value(got, want, "解耦", hint, traps, form="与 w 同形")
    yield from _or_its_cause(step, hint, call)
    pair = yield from attempt(lambda: call(w, sigma, lr, wd, False), "Adam + L2", told)
    got, want = pair
    squares = sigma**2 + pull**2
    half = wd * w**2 / 2
    traps = {
        "decoupled=False 做成了解耦的：λw 要先并进梯度": -lr * pull,
        "E[g²] 里还有 λw 自己的平方：平方的平均 = 方差 + 平均的平方": -lr * pull / sigma,
        "分母忘了开平方": -lr * pull / squares,
        "平方和再开方，不是直接相加": -lr * pull / (sigma + np.abs(pull)),
        "方差与平均的平方是相加，不是相减": -lr * pull / np.sqrt(np.abs(sigma**2 - pull**2)),
        "是 σ 的平方加 λw 的平方": [
            -lr * pull / np.sqrt(sigma + pull**2),
            -lr * pull / np.sqrt(sigma**2 + np.abs(pull)),
        ],
        "分母里是 λ²w²，λ 也要平方": [
            -lr * pull / np.sqrt(sigma**2 + wd * w**2),
            -lr * pull / np.sqrt(sigma**2 + w**2),
        ],
        "分子里少了 λ": -lr * w / np.hypot(sigma, pull),
        "衰减的方向反了：w 大于 0 时要变小": -want,
        "分母要为正：平方的平均": -lr * pull / (sigma + pull),
        "改变的符号跟着 w：w 小于 0 时它要变大": -np.abs(want),
        "σ 没有用上：每步走满 α，那是没有噪声时的答案": -lr * np.sign(w),
        "每个权重有自己的 E[g²]：不要把全部权重合在一起平均": [
            -lr * pull / np.sqrt(squares.mean()),
            -lr * pull / np.sqrt(squares.sum()),
            -lr * pull / np.sqrt(squares.mean(axis=-1, keepdims=True)),
        ],
        "ε 不计：分母里不要再加一个小数": [
            -lr * pull / (np.sqrt(squares) + 10.0**-k) for k in range(2, 7)
        ],
        "α 只在最外面乘一次：Adam 看到的梯度里没有 α": [
            -lr * lr * pull / np.hypot(sigma, lr * pull),
            -lr * pull / np.hypot(sigma, lr * pull),
        ],
        "L2 那一项 ½λw² 对 w 求导是 λw": -lr * half / np.hypot(sigma, half),
        "要的是改变了多少，不是改变之后的 w": w + want,
    }
    hint = (
        "E[g] = λw，E[g²] = σ² + λ²w²，代进 −α·E[g]/√E[g²]："
        "λw = 3、σ = 4、α = 0.1 时，一步改变 −0.06"
    )
    step = value(got, want, "Adam + L2", hint, traps, form="与 w 同形", weight=2)
    yield from _or_its_cause(step, hint, call)
    w[0, 0], w[1, 0], w[1, 1] = 0.0, abs(w[1, 0]), -abs(w[1, 1])
    sigma[1, :2] = 0.0  # one w of either sign
    got, want = call(w, sigma, lr, wd, False)
    still, idle = sigma == 0, np.hypot(sigma, w) == 0
    traps = {
        "噪声为 0 时每步朝 0 走 α：w 小于 0 的，改变是 +α": [
            np.where(still & ~idle, -lr, want), np.where(still, -lr, want)
        ],
        "w 不是 0、σ 是 0 的也在衰减：梯度里还有 λw，每步朝 0 走 α": np.where(still, 0.0, want),
    }  # fmt: skip
    hint = "噪声为 0 时每步朝 0 走 α，w 大于 0 的改变 −α，小于 0 的 +α；w 为 0 时不动"
    yield value(got, want, "有的 w 是 0，有的 σ 是 0", hint, traps, weight=0.5)
    sigma[0, 0] = 0.0
    label, hint = "w 与 σ 都是 0", "w 与 σ 都是 0 的那一个不动，别的照算"
    pair = yield from attempt(
        lambda: call(w, sigma, lr, wd, False), label, {ZeroDivisionError: f"0/0：{hint}"}
    )
    got, want = pair
    traps = {"只有 w 与 σ 都是 0 的那一个不动：别的照算，不要整个返回 0": np.zeros(shape)}
    odd = "0/0 是 nan：没有梯度也没有衰减，这个权重不动"
    yield value(got, want, label, hint, traps, weight=0.5, nonfinite=odd)
    hint = "decoupled=True 时不除以任何东西：σ 是 0 的权重照样衰减"
    got, want = call(w, sigma, lr, wd, True)
    yield value(got, want, "解耦，有的 σ 是 0", hint, weight=0, nonfinite=hint)
    for size in ((5,), (2, 3, 2)):
        w, sigma = rng.normal(size=size), rng.uniform(0.1, 3.0, size=size)
        label = f"形状 {size}"
        pair = yield from attempt(
            lambda: call(w, sigma, lr, wd, False),  # noqa: B023
            label,
            {IndexError: any_shape},
        )
        yield value(pair[0], pair[1], label, any_shape, weight=0.25)
    yield call.untouched(weight=0.5)


def _broken(kind: str) -> Callable[..., float]:
    """A schedule that keeps all promises but one; all of them if the kind is unknown."""

    def schedule(t: int, total: int, warmup: int, peak: float, floor: float = 0.0) -> float:
        if kind == "nan" and t == warmup == 0:
            return math.nan
        t = t - t % 2 if kind == "every second" else t
        rise = (t + (kind != "from zero")) / (warmup if kind == "divides" else max(1, warmup))
        if t < warmup and kind != "no warmup":
            high = 1.0 if kind == "no peak" else peak
            return floor + (peak - floor) * rise if kind == "from floor" else high * rise
        u = (t - warmup) / (total - warmup)
        u = t / total if kind == "from start" else u
        u = (t - warmup) / max(1, total - warmup - 1) if kind == "early" else u
        if kind == "zero after" and t > total:
            return 0.0
        if kind == "table" and t > total:
            raise IndexError("list index out of range")
        u = u if kind == "rebounds" else min(1.0, u)
        u = 0.0 if kind == "wraps" and t == total else u
        shape = 0.5 * (1 + math.cos(math.pi * u))
        shape = {"linear": 1 - u, "quarter": math.cos(math.pi * u / 2)}.get(kind, shape)
        low = 0.0 if kind == "no floor" else floor
        rate = low + (peak if kind == "too high" else peak - low) * shape
        if kind == "single":
            return float(np.float32(rate))
        return round(rate, 3) if kind == "rounded" else rate

    if kind == "obligatory":
        return lambda t, total, warmup, peak, floor: schedule(t, total, warmup, peak, floor)
    if kind == "default":
        return lambda t, total, warmup, peak, floor=0.1: schedule(t, total, warmup, peak, floor)
    return schedule


def _question(args: tuple[Any, ...], named: dict[str, Any], got: Any) -> str:
    given = [f"{v:.4g}" if isinstance(v, float) else str(v)[:12] for v in args]
    given += [f"{k}={str(v)[:12]}" for k, v in named.items()]
    came = f"报了 {type(got).__name__}" if isinstance(got, Exception) else f"答 {got:.6g}"
    return f"schedule({', '.join(given)}) {came}"


MANY = 50_000  # questions about one schedule: no answer needs so many


class _Asked:
    """What a schedule was asked: what :attr:`schedule` answers is remembered here.

    Attributes:
        schedule: the function to hand over.
        count: how many questions.
        last: the last question and its answer.
        error: what the last question raised.
        want: what is right there.
        early: whether it was about the warm-up.
        telling, off: the question that breaks the promise most clearly, and by how much; inf for
            an error.
    """

    def __init__(self, schedule: Callable[..., Any]) -> None:
        self.count = 0
        self.error: Exception | None = None
        self.want = self.off = 0.0
        self.early: bool | None = None
        self._last: tuple[tuple[Any, ...], dict[str, Any], Any] = ((), {}, None)
        self._telling: tuple[tuple[Any, ...], dict[str, Any], Any] = ((), {}, None)

        @functools.wraps(schedule)
        def asked(*args: Any, **named: Any) -> Any:
            self.count, self.error = self.count + 1, None
            try:
                if self.count > MANY:
                    raise OverflowError("too many questions")
                got = schedule(*args, **named)
            except Exception as error:
                self.error, self.off = error, math.inf
                self._last = self._telling = args, named, error
                raise
            self._last = args, named, got
            if self.count <= 5000:
                self._compare(got, args, named)
            return got

        self.schedule = asked

    @property
    def last(self) -> str:
        return _question(*self._last)

    @property
    def telling(self) -> str:
        return _question(*self._telling) if self.off else ""

    def _compare(self, got: Any, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        def in_warmup(t: int, total: int, warmup: int, peak: float, floor: float = 0.0) -> bool:
            return t < warmup

        try:
            self.want, self.early = warmup_cosine(*args, **named), in_warmup(*args, **named)
            off = float(got - self.want)
        except Exception:  # asked in a way of the learner's own
            self.early = None
            return
        if math.isfinite(self.off) and not abs(off) <= max(2e-9, abs(self.off)):  # nan, too
            self._telling, self.off = self._last, off


@exercise(
    "05.5",
    "抓出错的日程",
    points=4,
    asks="is_warmup_cosine(schedule) -> bool",
)
@hints(
    "约定有五条：热身段，余弦段，落在哪一步并且停住，warmup 是 0，floor 的默认值。每条各问几步。",
    "照约定自己算一遍，与它逐步比，差不到 1e-9 才算一样；"
    "warmup=0、floor 不为 0、t 大于 total 各试几组。",
    "自己先写一个对的日程；外层循环几组 (total, warmup, peak, floor)，其中一组 warmup=0、"
    "一组不给 floor；内层 t 从 0 到 total + 5；它报错（try/except）或差得多，就返回 False；"
    "全部走完返回 True。",
)
def judge_is_warmup_cosine(answer: Answer, rng: Rng) -> Steps:
    many = f"一个日程问了 {MANY:,} 次还没问完：挑几组情形，每组问到 total 之后几步，几百次就够"

    def called(asked: _Asked, label: str) -> Generator[Step, None, Any]:
        """Ask the answer; an error of the schedule's that it lets through is a wrong step."""
        try:
            got = answer(asked.schedule)
        except NotImplementedError:
            raise
        except Exception as error:
            kind = type(error).__name__
            if kind == "AssertionError":
                hint = "要返回 False，不要用 assert：它让你的函数报错，什么也没有返回"
            elif asked.count > MANY:
                hint = many
            elif asked.error is not None and type(asked.error).__name__ == kind:
                hint = (
                    f"{asked.last}，你的函数没有接住：调用要放在 try 里，"
                    "except 要接住各种 Exception，不只是一两种"
                )
            else:
                raise
            yield that(False, label, hint, kind, weight=1.0)
            return None
        if got is not None and not isinstance(got, bool | int | np.bool_):
            yield that(False, label, "要返回 True 或 False", given=got)
        if isinstance(got, int) and got not in (0, 1):
            hint = f"要返回 True 或 False，得到的是 {got}：数出来的错，最后要变成“有没有”"
            yield that(False, label, hint, given=got)
        return got

    def passes(schedule: Callable[..., Any], label: str, hint: str, rounded: bool) -> Steps:
        asked = _Asked(schedule)
        got = yield from called(asked, label)
        detail = "返回的是 None：忘了 return？" if got is None else ""
        if not got and got is not None:
            if type(got) is int:
                hint = "得到的是 0，也就是 False：数的若是错的个数，最后要返回“个数 == 0”"
            elif asked.error is not None:
                hint = (
                    f"{asked.last}：它守约，是你问的方式它不认得；"
                    "参数依次是 t、total、warmup、peak、floor"
                )
            elif rounded and asked.want == 0:
                hint = (
                    "约定是 0 的地方，它只差舍入：相对误差（rel_tol）在 0 处不管用，== 也不行；"
                    "用差的绝对值与 1e-9 比"
                )
            elif asked.count:
                detail = f"问了 {asked.count} 次，最后一问：{asked.last}"
                if asked.early is not None and not rounded:
                    rule = "约定 1：peak * (t + 1) / warmup" if asked.early else "约定 2 到 4"
                    hint += f"这一问归{rule}，它答得对"
        hint = many if asked.count > MANY else hint
        yield that(bool(got), label, hint, detail, given=got)

    def caught(kind: str, label: str, what: str, ask: str) -> Steps:
        asked = _Asked(_broken(kind))
        got = yield from called(asked, label)
        hint, detail = f"放过了一个错的日程：{what}", ""
        if got and not asked.count:
            hint = "一次也没有问过 schedule，就返回了 True"
        elif got and asked.count <= 2:
            hint = (
                f"只问了 {asked.count} 次就返回了 True：return True 缩进到循环里了？"
                "要全部问完才放行"
            )
        elif got and asked.telling:
            detail = f"你问过：{asked.telling}"
            if math.isnan(asked.off):
                why = "差是 nan 时，“差 > 1e-9”也是假：写成“不是（差 < 1e-9）”，max 也会漏掉它"
            elif math.isinf(asked.off):
                why = "报错也算不守约：except 里要返回 False，不能跳过"
            else:
                off = f"{asked.off:.1g}".replace("-", "−")
                why = (
                    f"这一问差 {off}，绝对值大于 1e-9，该判错：忘了取绝对值，容差太宽"
                    "（np.isclose 默认容许 1e-8 + 1e-5·|值|），还是这一步没有查？"
                )
            hint = f"{hint}。{why}"
        elif got:
            detail = f"你问的 {asked.count} 次里，没有一次看得出来"
            hint = f"{hint}。{ask}"
        yield that(not got, label, hint, detail, weight=float(kind != "wraps"), given=got)

    def squared(t: int, total: int, warmup: int, peak: float, floor: float = 0.0) -> Any:
        """The same, with cos² of half the angle, as a NumPy number."""
        u = np.clip((t - warmup) / (total - warmup), 0, 1)
        down = floor + (peak - floor) * np.cos(np.pi * u / 2) ** 2
        return np.float64(peak / warmup * (t + 1) if t < warmup else down)

    hint = (
        "守约的日程被判成了错的：自己的参考写错了，判断写反了，"
        "还是用 == 比的（写法不同会差舍入，用差的绝对值与 1e-9 比）？"
    )
    yield from passes(warmup_cosine, "守约的放行", hint, False)
    hint = "另一种写法的守约日程被判成了错的：它只在舍入上不同，比较时留 1e-9 的余地，不要用 =="
    yield from passes(squared, "另一种写法的也放行", hint, True)
    for kind, label, what, ask in (
        ("no warmup", "没有热身的", "它没有热身，一开始就是 peak", "问热身段的每一步"),
        ("from zero", "从 0 起步的", "它第 0 步的学习率是 0：少了那个 + 1", "要问 t = 0"),
        ("linear", "直线下降的", "它热身之后按直线下降，两头对，中间不对", "中间也要问"),
        ("quarter", "四分之一周的", "它只走了四分之一周的余弦，两头对", "中间也要问"),
        ("from start", "进度算错的", "它的余弦从第 0 步算起", "热身刚结束的几步也要问"),
        ("early", "早一步到底的", "它在第 total − 1 步就落到 floor", "要问 t = total − 1"),
        ("rebounds", "又升上去的", "过了 total 以后它又升上去了", "t 大于 total 也要问"),
        ("no floor", "不理 floor 的", "它不理 floor，一直降到 0", "要有一组 floor 不为 0"),
        ("too high", "高出峰值的", "它的余弦段从 peak + floor 开始", "要有一组 floor 不为 0"),
        ("from floor", "从 floor 热身的", "它的热身从 floor 起", "要有一组 floor 不为 0，又有热身"),
        ("zero after", "最后归零的", "过了 total 它变成 0，而不是停在 floor",
         "floor 不为 0 的那一组，t 大于 total 也要问"),
        ("divides", "会除以 0 的", "warmup=0 时它会报错", "要有一组 warmup = 0"),
        ("nan", "给出 nan 的", "warmup=0 时它第 0 步是 nan（NumPy 的 0/0）",
         "要有一组 warmup = 0，从 t = 0 问起"),
        ("rounded", "凑整的", "它把学习率四舍五入到三位小数", "换几组不是整数的 peak"),
        ("single", "只有单精度的", "它中途用了 float32，差 1e-8 左右", "余弦段多问几步"),
        ("no peak", "不理 peak 的", "它的热身段忘了乘 peak", "要有一组 peak 不是 1，又有热身"),
        ("every second", "隔一步才动的", "它每两步才换一次学习率", "奇数步、偶数步都要问"),
        ("table", "只备到 total 的", "它查表，t 大于 total 时报 IndexError", "t 大于 total 也要问"),
        ("default", "默认值不对的", "不给 floor 时它停在 0.1", "要有一组不给 floor，也要比值"),
        ("obligatory", "必须给 floor 的", "不给 floor 时它报 TypeError", "要有一组不给 floor"),
        ("wraps", "绕回去的", "它在第 total 步回到了 peak（进度取余）", "要问 t = total"),
    ):  # fmt: skip
        yield from caught(kind, f"抓住{label}", what, ask)


def _residues(path: Array, grads: Array) -> Array:
    """What is left of the steps, relative to them, for each of OPTIMIZERS at its best rate."""
    steps = path[:-1] - path[1:]
    left = []
    for name in OPTIMIZERS:
        d = directions(name, grads)
        left.append(np.linalg.norm(steps - (steps * d).sum() / (d * d).sum() * d))
    return np.array(left) / np.linalg.norm(steps)


def _walk(
    name: str, rng: Rng, steps: int, size: int, idle: str = "", mean: float = 0.0
) -> tuple[Array, Array]:
    """A path of an optimiser with a random learning rate and the gradients along it.

    Args:
        idle: where most parameters have no gradient, ``"first"`` or ``"last"``, so that neither
            one of them nor their median gives the learning rate; a few more zeros stand here and
            there then.
    """
    while True:
        grads = rng.normal(mean, 1.0, size=(steps, size)) * 10 ** rng.uniform(-1, 1, size=size)
        if idle:
            grads[rng.random(size=grads.shape) < 0.1] = 0.0
            most = min(size // 2 + 1, size - 1)
            grads[:, :most] *= idle != "first"
            grads[:, -most:] *= idle != "last"
        start, lr = rng.normal(size=size), 10 ** rng.uniform(-2.5, -0.5)
        if not grads[0].any():
            continue
        path = _along(start, lr * directions(name, grads))
        if np.sort(_residues(path, grads))[1] > 1e-3:  # nobody else could have walked it
            return path, grads


def _along(start: Array, steps: Array) -> Array:
    return np.vstack([start, start - np.cumsum(steps, axis=0)])


@exercise(
    "05.6",
    "是谁走的",
    points=4,
    asks="which_optimizer(path, grads) -> str",
    allows=["aigc_course.engine.*", "torch.*"],
    limit=30,  # PyTorch's optimisers take a tenth of a second for a hundred steps
)
@hints(
    "五种更新都可以写成 w ← w − α·d，d 只由到此为止的梯度决定：先写一个算 d 的函数。",
    "α 不知道，但整条路上是同一个数：真正的那一种，每一步、每个坐标的 (w 的减少量) 与 d 成正比，"
    "比例处处相同。",
    "对每一种算出全部的 d（形状 (T, D)），用最小二乘求 α = Σ(步·d)/Σ(d·d)，再看 步 − α·d 剩下多少；"
    "剩得最少的就是。梯度为 0 的元素也不会出问题，因为没有用到 步/d。",
)
def judge_which_optimizer(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, which_optimizer)
    known: list[tuple[Array, Array, str, str]] = []  # path, grads, what was said, who it was
    Paths = list[tuple[Array, Array, str]]

    def says(path: Array, grads: Array) -> str:
        """A question beside the others."""
        try:
            return str(answer(path.copy(), grads.copy()))
        except Exception:
            return ""

    def all_right(paths: Paths) -> bool:
        return all(says(path, grads) == name for path, grads, name in paths)

    def cause(want: str, got: str) -> str:
        """Which mistake would say what the answer has said: tried out on paths made for it."""
        if why := changed():
            return why
        if all_right(plain):
            return ""
        if all_right([(2 * path[0] - path, grads, name) for path, grads, name in plain]):
            return "步的符号反了：减掉的是 path[t] − path[t + 1]"
        for lr in (1.0, 0.1, 0.01, 0.001):
            if all_right([(_along(p[0], lr * directions(n, g)), g, n) for p, g, n in plain]):
                return (
                    f"α 是 {lr:g} 的路都认对了，别的不行：对每一种 d 先由路估出 α，"
                    "再取剩得最少的；不要用固定的门限"
                )
        if all_right([(path, np.roll(grads, 1, axis=0), name) for path, grads, name in plain]):
            return "grads[t] 是 path[t] 处的，配从 path[t] 到 path[t + 1] 的这一步：你晚用了一步"
        worst = [OPTIMIZERS[int(np.argmax(_residues(p, g)))] for p, g, _ in plain]
        if all(says(p, g) == name for (p, g, _), name in zip(plain, worst, strict=True)):
            return "每一条答的都是最不像的那一个：剩得最少的才是，取最小，不是最大"
        return slip(want) or slip(got) or never()

    def by_hand(*names: str) -> str:
        told = (
            f"{name} 是 {directions(name, np.array([[3.0], [4.0]]))[1, 0]:.2f}" for name in names
        )
        return f"用手核对：g 依次是 3、4 时，第 2 步的 d，{'，'.join(told)}"

    def changed() -> str:
        if all(says(path, grads) == said for path, grads, said, _ in known):
            return ""
        return "同样的路再问一次，答的名字变了：函数外面（全局变量、默认参数）留着上一次的东西"

    def never() -> str:
        """Names that are never said, whoever has walked."""
        said = [says(path, grads) for path, grads, _ in plain]
        missing = set(OPTIMIZERS) - set(said)
        if len(missing) == 4:
            return changed() or (
                f"问了 {len(said)} 条路，答的都是 {said[0]}：剩下的量里有 nan，"
                "或者拿它与 0、与固定的门限比？取最小的那个"
            )
        if len(missing) == 1:
            lost = missing.pop()
            return (
                f"五个名字里，从没有返回过 {lost}：没有算它，它的 d 不对（有 nan？），"
                f"或者没有用上全部的步。{by_hand(lost)}"
            )
        return ""

    def slip(name: str) -> str:
        """Whose path the answer takes for that of ``name``: one of the usual wrong formulas."""
        slips = {
            "RMSprop": {"RMSprop 的 β 是 0.99：照 β = 0.9 走的路，你也认成了它": "forgets"},
            "Adam": {
                "Adam 的 d 里，m 和 s 都要除以 1 − βᵗ：没有修正的路，你也认成了它": "raw",
                "Adam 的 d 里，s 也要除以 1 − β₂ᵗ：只修正 m 的路，你也认成了它": "only m",
                "Adam 的 d 里，m 也要除以 1 − β₁ᵗ：只修正 s 的路，你也认成了它": "only s",
            },
            "AdaGrad": {"AdaGrad 的 s 是从头累加的 g²：只除以当前 |g| 的路，你也认成了它": "sign"},
        }.get(name, {})
        trial = np.random.default_rng(0)
        steps = [trial.normal(1.5, 1.0, size=(3, 1)) for _ in range(12)]

        def walked(direction: Callable[[Array], Array]) -> Paths:
            return [(_along(np.zeros(1), 0.1 * direction(g)), g, name) for g in steps]

        if all_right(walked(functools.partial(directions, name))):
            return ""
        for said, kind in slips.items():
            if all_right(walked(functools.partial(_wrong_direction, kind))):
                return said
        return ""

    def told(paths: Paths, label: str, hint: str) -> Steps:
        for path, grads, name in paths:
            got, want = call(path, grads)
            if not isinstance(got, str) or got not in OPTIMIZERS:
                said = f"返回的是 {got!r}"[:60]
                why = f"要返回五个名字里的一个：{'、'.join(OPTIMIZERS)}"
                yield that(False, label, why, said)
                return
            known.append((path, grads, got, name))
            if got == want:
                continue
            kept = call.untouched(weight=1.0)
            if not kept.ok:
                yield kept
                return
            for more in (one for one in paths if one[0] is not path):  # how it does elsewhere
                known.append((*more[:2], says(*more[:2]), more[2]))
            why = (
                cause(want, got)
                or slip(want)
                or slip(got)
                or hint
                or f"五种的 d 都算出来，取剩得最少的。{by_hand(*OPTIMIZERS)}"
            )
            said = f"一条 {len(grads)} 步、{grads.shape[1]} 个参数的路认错了，答的是 {got}"
            says(path, grads)  # the last call is the one on the card
            yield that(False, label, why, said, weight=1.0)
            return
        yield that(True, label, weight=1.0)

    def some(names: Iterable[str], times: int, *shape: Any) -> Paths:
        order = [str(name) for name in rng.permutation(list(names) * times)]
        return [(*_walk(name, rng, *shape), name) for name in order]

    plain = some(OPTIMIZERS, 4, 12, 3)  # to find out about an answer that has gone wrong
    steps, size = int(rng.integers(8, 20)), int(rng.integers(2, 7))
    paths = some(("SGD", "Momentum"), 3, steps, size)
    yield from told(paths, "分得清 SGD 与 Momentum", "")
    paths = some(("AdaGrad", "RMSprop"), 3, steps, size)
    yield from told(paths, "分得清 AdaGrad 与 RMSprop", "")
    yield from told(some(("Adam", "AdaGrad", "SGD"), 3, steps, size), "认得出 Adam", "")
    hint = (
        "一个参数、三步，五种很像：整条路只有一个 α，不要一步一步各拟合各的；"
        "差先平方再加，取最小的；步数不要写死，衰减率要与题目的一样"
    )
    paths = some(OPTIMIZERS, 3, 3, 1) + some(("Adam", "RMSprop"), 24, 3, 1, "", 1.5)
    yield from told(paths, "一个参数，三步", hint)
    one, other = some(OPTIMIZERS, 2, steps, size, "first"), some(OPTIMIZERS, 2, steps, size, "last")
    hint = (
        "有的参数梯度一直是 0（没有被用到）：算 d 时 g/√s 是 0/0，分母要加 ε；"
        "也不要拿 步 除以 d。nan 混进来，比大小就不算数了"
    )
    if len({says(path, grads) == name for path, grads, name in one + other}) == 2 and (
        all_right(one) or all_right(other)
    ):
        hint = "有的参数梯度一直是 0：只看一个参数，碰上它就认不出，所有的参数都要用上"
    yield from told(one + other, "有的参数梯度一直是 0", hint)
    paths = [_level_walk(rng), *(_steady_walk(name, rng) for name in ("Momentum", "Adam"))]
    hint = (
        "短的路都认对了，长的认错：衰减率与题目写的不一样？"
        "Momentum 的 μ 是 0.9，RMSprop 的 β 是 0.99，Adam 的 β₁ 是 0.9、β₂ 是 0.999"
    )
    yield from told(paths, "一个参数，几十步、几百步", hint)
    yield call.untouched(weight=0.5)


def _level_walk(rng: Rng) -> tuple[Array, Array, str]:
    """A walk of RMSprop on which SGD is nearly RMSprop: the first g², which counts 0.01, is 100.

    So s starts where it stays, at about 1; with another β it moves.
    """
    size = np.append(10.0, rng.uniform(0.5, 1.5, size=39))
    grads = (size * rng.choice([-1.0, 1.0], size=40))[:, None]
    lr = 10 ** rng.uniform(-2.5, -0.5)
    return _along(rng.normal(size=1), lr * directions("RMSprop", grads)), grads, "RMSprop"


def _steady_walk(name: str, rng: Rng) -> tuple[Array, Array, str]:
    """A walk on which Momentum is nearly Adam, so that each with another β is further off.

    After 220 steps to and fro, which fill s and lead nowhere, the gradient keeps its sign for long
    and its size goes up and down about that of the first steps, faster than β₂ = 0.999 follows.
    """
    t = np.arange(500)
    turns = rng.choice(np.arange(220, 500), size=11, replace=False)
    sign = (-1.0) ** np.where(t < 220, t, (t[:, None] >= turns).sum(axis=1))
    size = np.where((t + 70) % 290 < 145, 1.0, 4.4)
    size[:220] = 3.4
    lr = 10 ** rng.uniform(-2.5, -0.5)
    grads = (sign * size)[:, None]
    return _along(rng.normal(size=1), lr * directions(name, grads)), grads, name


def _wrong_direction(kind: str, grads: Array) -> Array:
    """What is subtracted at each step by one of the usual wrong formulas; (T, D)."""
    t = np.arange(1, len(grads) + 1)[:, None]
    left = 0.9**t, 0.999**t
    if kind == "sign":
        return np.sign(grads)
    if kind == "forgets":
        s, out = np.zeros(grads.shape[1]), []
        for g in grads:
            s = 0.9 * s + 0.1 * g * g
            out.append(g / (np.sqrt(s) + 1e-8))
        return np.array(out)
    right = directions("Adam", grads)
    m = right * (1 - left[0])  # without its correction
    return {
        "raw": m / np.sqrt(1 - left[1]),
        "only m": right / np.sqrt(1 - left[1]),
        "only s": m,
    }[kind]


@exercise(
    "05.7",
    "没有印出来的上限",
    points=3,
    asks="largest_rate(H, mu, form, weight_decay=0.0) -> float",
    allows=["aigc_course.engine.*", "torch.*"],
)
@hints(
    "二次损失沿 H 的特征方向分成许多条抛物线，最弯的那条说了算。L2 那一项给每个方向加多少曲率？",
    "甲的上限正文推过。乙在 α 不变时与甲逐步相同；丙的 v 是甲的多少倍，α 就要反过来放大多少倍。"
    "丁的一步用甲的 v 写出来，提出 (1−μ)，再与 PyTorch 的 Nesterov 比。",
    "最大特征值加上 weight_decay 记作 top；甲、乙是 2(1+μ)/top，丙还要除以 (1−μ)，"
    "丁再除以 (1+2μ)。",
)
def judge_largest_rate(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, largest_rate)
    size = int(rng.integers(3, 7))
    X = rng.normal(size=(size + 2, size))
    H, mu, wd = X.T @ X, float(rng.uniform(0.4, 0.95)), float(rng.uniform(0.5, 2.0))
    lams = np.linalg.eigvalsh(H)
    top = lams[-1]
    rate = 2 * (1 + mu) / top
    got, want = call(H, mu, "甲")
    if isinstance(got, list | tuple):
        yield that(False, "返回一个数", "上限是一个数，不是一组")
        return
    fastest = "这是走得最快的学习率，不是稳定的上限：上限只看 λ_max"
    traps: dict[str, Any] = {
        "这是没有动量的上限": 2 / top,
        "这是 Nesterov 的上限": rate / (1 + 2 * mu),
        "要的是最大的特征值，不是对角线上最大的数：H 不是对角的": rate * top / np.diag(H).max(),
        "要的是最大的特征值，不是最大的元素": rate * top / H.max(),
        "要的是最大的特征值：eigvals、eig 给的不保证排好序": [
            rate * top / lam for lam in lams[:-1]
        ],
        "要的是最大的特征值，不是平均": rate * top / lams.mean(),
        "要的是最大的特征值，不是迹（特征值之和）": rate * top / np.trace(H),
        "Frobenius 范数是特征值平方和开方，比最大的特征值大": rate * top / np.linalg.norm(H),
        "行的绝对值之和只是 λ_max 的上界，要 λ_max 本身": rate * top / np.abs(H).sum(axis=1).max(),
        "1 − μ 是甲的等效学习率 α/(1 − μ) 里的；上限里是 1 + μ": 2 * (1 - mu) / top,
        fastest: [
            (1 + math.sqrt(mu)) ** 2 / top,
            (2 / (math.sqrt(top) + math.sqrt(lams[0]))) ** 2,
            2 / (lams[0] + top),
            2 * rate / (1 + lams[0] / top),
        ],
        "要上确界本身，不留余地：不要再乘 0.99 之类": [
            k * rate for k in (0.9, 0.95, 0.98, 0.99, 0.999)
        ],
    }
    hint = (
        "正文推过：αλ < 2(1 + μ)，对最大的 λ 也要成立。"
        "用手核对：H 的特征值是 1 与 5、μ = 0.5 时，甲的上限是 0.6；"
        "幂法的轮数不够、走几百步去试，都不够准：用 np.linalg.eigvalsh"
    )
    yield value(got, want, "甲", hint, traps, form="上限是一个数", rtol=1e-8)
    for k, diagonal in enumerate(([1.0, 5.0, 2.0], [5.0, 1.0, 2.0], [2.0, 1.0, 5.0])):
        hint = (
            "H 是对角的：最大的特征值就是对角线上最大的数，不论在哪一格；"
            "eig 给的不保证排好序，幂法的起点不能与它的方向垂直"
        )
        label = f"对角的 H，最大的在第 {diagonal.index(5.0) + 1} 个"
        traps = {hint: [2 * (1 + mu) / other for other in (1.0, 2.0)]}
        pair = call(np.diag(diagonal), mu, "甲")
        yield value(*pair, label, hint, traps, rtol=1e-8, weight=float(k == 0))
    Q = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    close = Q @ np.diag([5.0, 4.9995, 2.0, 1.0]) @ Q.T
    hint = "最大的两个特征值很近：幂法要走几万轮才分得开，用 np.linalg.eigvalsh"
    got, want = call((close + close.T) / 2, mu, "甲")
    ok = value(got, want, "", rtol=1e-8).ok
    yield that(ok, "两个特征值很近", hint, weight=0.5, given=got)
    got, want = call(H, mu, "乙")
    traps = {
        "乙的 v 里已经有 α，w 不再乘 α；α 不变时乙与甲逐步相同": [
            rate / (1 - mu),
            rate * (1 - mu),
            2 / top,
            2 * (1 - mu) / top,
        ]
    }
    yield value(got, want, "乙", "α 不变时，乙与甲逐步相同，上限也相同", traps, rtol=1e-8)
    got, want = call(H, mu, "丙")
    traps = {
        "丙的步长是甲的 (1 − μ) 倍：步长小，上限就该大，要除不要乘": rate * (1 - mu),
        "丙得到的与甲一样：form 传进来的是 '丙' 这个字，那一支走到了吗？"
        "丙的新梯度前面多了一个 (1 − μ)": rate,
        "丙是甲的上限除以 (1 − μ)，甲的 (1 + μ) 还在": 2 / top / (1 - mu),
    }
    hint = "把丙的更新写成 w 的两步递推，再用判据：v 是甲的 (1 − μ) 倍"
    yield value(got, want, "丙", hint, traps, rtol=1e-8, weight=1)
    got, want = call(H, mu, "丁")
    traps = {
        "丁与丙不是一回事：w 走的不是 v，是 (1 − μ)g + μv": rate / (1 - mu),
        "丁的 v 与 g 都乘了 (1 − μ)：步长是 PyTorch 的 Nesterov 的多少倍？": rate / (1 + 2 * mu),
        "丁得到的与甲一样：form 传进来的是 '丁' 这个字，那一支走到了吗？": rate,
        "丁的步长小，上限就该大，要除不要乘": rate / (1 + 2 * mu) * (1 - mu),
    }
    hint = "用甲的 v（丙、丁的 v 是它的 (1 − μ) 倍）把丁的一步写出来，再与第 5 节的 Nesterov 比"
    yield value(got, want, "丁", hint, traps, rtol=1e-8, weight=2)
    X = rng.normal(size=(size - 1, size))  # fewer rows than columns: one eigenvalue is 0
    H = X.T @ X
    top = np.linalg.eigvalsh(H)[-1]
    kappas = {"甲": 1.0, "丙": 1 / (1 - mu), "丁": 1 / (1 - mu) / (1 + 2 * mu)}
    for form, factor in kappas.items():
        got, want = call(H, mu, form, wd)
        whole = 2 * (1 + mu) * factor
        traps = {
            "weight_decay 没有用上：½λ‖w‖² 也有曲率": whole / top,
            "L2 项让每个方向更弯，上限变小": whole / (top - wd),
            "½λ‖w‖² 的曲率是 λ，不是 2λ": whole / (top + 2 * wd),
            "½λ‖w‖² 的曲率是 λ，不是 λ/2": whole / (top + wd / 2),
            "λ 是加在特征值上，不是乘 (1 + λ)": whole / (top * (1 + wd)),
            "H + weight_decay 是每一格都加：要加在特征值上，也就是 H + λI": whole
            / np.linalg.eigvalsh(H + wd)[-1],
            "L2 项改的是曲率，不是上限本身：先加到 λ_max 上，再算上限": [
                whole / top + wd,
                whole / top - wd,
            ],
            "v 里的 (1 − μ) 乘的是整个梯度，λw 也在内": 2
            * (1 + mu)
            / (2 * (1 + mu) / whole * top + wd),
        }
        hint = "L2 项给每个特征值都加上多少？½λ‖w‖² 求两次导看看"
        yield value(got, want, f"带 L2 的{form}", hint, traps, rtol=1e-8)
    got, want = call(np.array([[3.0]]), 0.0, "丙")
    yield value(got, want, "一个参数，μ = 0", "没有动量、一个参数时回到 2/λ", rtol=1e-8, weight=0.5)
    yield call.untouched(weight=0.5)
