"""Chapter 05, optimizers: what each exercise asks, and the library's version of it.

Each judge works out what the usual mistakes would give on the same random case and compares the
answer with those too, so that the hint can name the mistake without showing the right value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
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
            except ArithmeticError:
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

    got, want = call(grads, labels, b)
    traps = {
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
    }
    hint = "一类一类算：这一类的 σ²、这一类的不放回因子，再乘系数的平方，相加"
    yield value(got, want, "三类，都够抽", hint, traps, form="要一个数", rtol=1e-8, weight=2)
    grads, labels = case((4, 6, 5), rng.permutation([-3, *rng.permutation([0, 12, 40, 77])[:2]]))
    hint = "标签可以是任意整数，中间可以有空：用 np.unique(labels) 取出现过的类"
    yield value(*call(grads, labels, 2), "标签不是 0、1、2", hint, rtol=1e-8)
    grads, labels = case((3, 9, 6), range(3))
    hint = "不够抽的类就全抽：抽的个数是 min(per_class, N_c)，这一类没有噪声"
    yield value(*call(grads, labels, 4), "有一类不够抽", hint, rtol=1e-8)
    grads, labels = case((1, 9, 6), range(3))
    hint = "只有一个样本的类：它总被抽到，噪声是 0；公式里的 N_c − 1 却是 0"
    yield value(*call(grads, labels, 1), "有一类只有一个样本", hint, rtol=1e-8)
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

    def one(label: str, next_lr: float, weight: float) -> Steps:
        got, (want, want_v) = call(phi, g, v, lr, next_lr, mu)
        new, new_v = yield from parts(got, 2, "phi, v", "返回值的个数")
        traps = {
            "两个返回值对调了：先 phi，后 v": want,
            "α 不进 v：v 只管累积梯度": [mu * v - lr * g, mu * v + lr * g],
            "新梯度前面没有 (1 − μ)": mu * v + (1 - mu) * g,
        }
        yield value(new_v, want_v, f"{label}，v", "v 的新值 = μ × 旧 v + 梯度", traps, weight=0.5)
        w = phi + lr * mu * v
        traps = {
            "算新的 φ 要用下一步的学习率 next_lr": phi - lr * (g + mu * want_v),
            "还原 w、走这一步，用的是这一步的学习率 lr": [
                phi + next_lr * mu * v - lr * want_v - next_lr * mu * want_v,
                phi - next_lr * (g + mu * want_v),
                w - next_lr * want_v - next_lr * mu * want_v,
            ],
            "传进来的是 φ，不是 w：先由 φ = w − αμv 还原出 w": [
                phi - lr * want_v - next_lr * mu * want_v,
                phi - lr * want_v,
            ],
            "这是 w 的新值；要返回的是新的前瞻点，再往前看 α'μv'": w - lr * want_v,
            "往前看时用的 v 要是更新之后的": w - lr * want_v - next_lr * mu * v,
            "往前看是顺着走的方向：减去 α'μv'": w - lr * want_v + next_lr * mu * want_v,
            "α 与 α' 用反了：这一步的梯度配这一步的 α，往前看配下一步的": phi
            - next_lr * g
            - lr * mu * want_v,
            "往前看的是 α'μv'，少了 μ": phi - lr * g - next_lr * want_v,
            "还原 w 用的是旧的 v": phi + lr * mu * want_v - lr * want_v - next_lr * mu * want_v,
            "整步的方向反了：往梯度的反方向走": phi + lr * g + next_lr * mu * want_v,
            "还原 w 的符号反了：w = φ + αμv": phi
            - lr * mu * v
            - lr * want_v
            - next_lr * mu * want_v,
        }
        hint = "一行一行来：v'，w，w'，φ'；看每一行里的 v 是新是旧、α 是哪一步的"
        yield value(new, want, f"{label}，phi", hint, traps, weight=weight)

    yield from one("α 变小", lr * float(rng.uniform(0.2, 0.5)), 2.0)
    yield from one("α 不变", lr, 1.0)
    zero, hint = "next_lr = 0", "下一步的学习率可以是 0，不要拿它去除"
    pair: Any = yield from attempt(
        lambda: call(phi, g, v, lr, 0.0, mu), zero, {ZeroDivisionError: hint}
    )
    got, (want, _) = pair
    first, _ = yield from parts(got, 2, "phi, v", "返回值的个数")
    yield value(first, want, zero, hint, weight=0.5)
    yield same_again(call, phi, g, v, lr, lr, mu, weight=0.5)
    yield call.untouched(weight=0.5)


def _adam_variant(
    w: Array, grads: Array, lr: float, b1: Array, b2: Array, eps: float, kind: str
) -> Array:
    """Adam as it comes out with one of the usual slips."""
    m = s = np.zeros_like(w)
    before1 = before2 = 1.0
    path = []
    for t, g in enumerate(grads, start=1):
        p, q = b1[t - 1], b2[t - 1]
        m, s = p * m + (1 - p) * g, q * s + (1 - q) * (g if kind == "no square" else g * g)
        c1, c2 = before1 * p, before2 * q
        fix1, fix2 = {
            "no fix": (0.0, 0.0),
            "only m": (c1, 0.0),
            "only s": (0.0, c2),
            "own power": (p**t, q**t),
            "first power": (b1[0] ** t, b2[0] ** t),
            "mean power": (b1[:t].mean() ** t, b2[:t].mean() ** t),
            "no power": (p, q),
            "one early": (p ** (t - 1) if t > 1 else 0.0, q ** (t - 1) if t > 1 else 0.0),
            "one late": (c1 * p, c2 * q),
            "times": (p * t, q * t),
            "all": (float(np.prod(b1)), float(np.prod(b2))),
            "last power": (b1[-1] ** t, b2[-1] ** t),
            "swapped": (c2, c1),
        }.get(kind, (c1, c2))
        m_hat, s_hat = m / (1 - fix1), np.abs(s / (1 - fix2))
        if kind == "kept":
            m, s = m_hat, s_hat
        size = {
            "eps inside": np.sqrt(s_hat + eps),
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
        "存下来接着用的 m 和 s 不能是修正过的：修正只用在这一步的更新里": "kept",
        "ε 加在根号外面": "eps inside",
        "分母忘了开平方": "no root",
        "s 平均的是 g 的平方": "no square",
        "分子要用平滑过的 m，不是当前梯度": "plain g",
        "符号反了：参数要往 m̂ 的反方向走": "uphill",
        "没有用上传进来的 eps": "no eps",
        "修正用的是 β 的 t 次方，不是 β 乘 t": "times",
        "β1 与 β2 的修正用反了：m 配 β1，s 配 β2": "swapped",
        "修正只用到这一步为止的 β，不是全程的": "all",
        "修正里没有随步数累积：每多走一步，空的起点还占的分量就再乘一个 β": "no power",
    }

    def wrong(betas: tuple[Array, Array, float], kinds: dict[str, str]) -> dict[str, Array]:
        return {said: _adam_variant(w, grads, lr, *betas, kind) for said, kind in kinds.items()}

    got, want = call(w, grads, lr, *same)
    form = "要每一步之后的 w，共 T 个，不含起点"
    hint = "β 不变时它就是正文的 Adam"
    traps: dict[str, Any] = wrong(same, slips)
    traps["T 行都一样：存的是同一个数组，w -= … 把它们一起改了"] = np.tile(want[-1], (T, 1))
    yield value(got, want, "β 不变", hint, traps, form=form)
    varied = rng.uniform(0.5, 0.95, size=T), rng.uniform(0.8, 0.99, size=T), 1e-2
    got, want = call(w, grads, lr, *varied)
    slips |= {
        "βₜ 的 t 次方只在 β 不变时对：从展开式重新求系数之和": "own power",
        "用了第 1 步的 β：每一步有自己的 β": "first power",
        "用了最后一步的 β：每一步有自己的 β": "last power",
        "β 的平均的 t 次方也不对：从展开式重新求系数之和": "mean power",
    }
    hint = "每一步用自己的 β；修正从 m 的展开式重新推"
    yield value(got, want, "β 每步不同", hint, wrong(varied, slips), form=form, weight=2)
    b1 = varied[0].copy()
    b1[0] = 0.0
    got, want = call(w, grads, lr, b1, varied[1], 1e-3)
    hint = "第 1 步的 β 可以是 0（这一步就不需要修正），eps 也可以换"
    yield value(got, want, "第 1 步 β1 = 0", hint, weight=0.5)
    shape = (T, *sizes(rng, 2, 2, 5))
    many = rng.normal(size=shape)
    many[:, 0, 0] = 0.0  # a weight that is not used: 0 / (0 + ε)
    got, want = call(many[0], many, lr, np.full(T, 0.9), np.full(T, 0.999))
    hint = "w 可以是矩阵，grads 是 (T, …)；eps 默认 1e-8"
    yield value(got, want, "参数是矩阵，默认的 ε", hint, weight=0.5)
    yield value(*call(w, grads[:1], lr, *(b[:1] for b in varied[:2])), "只走一步", hint, weight=0.5)
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
    got, want = call(w, sigma, lr, wd, True)
    coupled = -lr * pull / np.hypot(sigma, pull)
    traps = {
        "decoupled=True 时衰减不经过 m 和 s，不被分母除": coupled,
        "衰减的方向反了：w 大于 0 时要变小": -want,
        "衰减要乘学习率": -pull,
        "要的是改变了多少，不是改变之后的 w": w + want,
        "要的是改变多少，不是每步乘的倍数": np.full(shape, -lr * wd),
        "改变的符号跟着 w：w 小于 0 时它要变大": -np.abs(want),
        "噪声的平均是 0，衰减却还在": np.zeros(shape),
    }
    yield value(got, want, "解耦", "噪声的平均是 0，只剩衰减", traps, form="与 w 同形")
    got, want = call(w, sigma, lr, wd, False)
    traps = {
        "decoupled=False 做成了解耦的：λw 要先并进梯度": -lr * pull,
        "E[g²] 里还有 λw 自己的平方：平方的平均 = 方差 + 平均的平方": -lr * pull / sigma,
        "分母忘了开平方": -lr * pull / (sigma**2 + pull**2),
        "平方和再开方，不是直接相加": -lr * pull / (sigma + np.abs(pull)),
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
    }
    hint = "E[g] = λw，E[g²] = σ² + λ²w²，代进更新式"
    yield value(got, want, "Adam + L2", hint, traps, form="与 w 同形", weight=2)
    w[0, 0], sigma[0, 1] = 0.0, 0.0
    hint = "噪声为 0 时每步走 α；w 为 0 时不动"
    yield value(*call(w, sigma, lr, wd, False), "有的 w 是 0，有的 σ 是 0", hint, weight=0.5)
    sigma[0, 0] = 0.0
    label, hint = "w 与 σ 都是 0", "0/0 是 nan：没有梯度也没有衰减，这个权重不动"
    pair: Any = yield from attempt(
        lambda: call(w, sigma, lr, wd, False), label, {ZeroDivisionError: hint}
    )
    yield value(pair[0], pair[1], label, hint, weight=0.5)
    yield call.untouched(weight=0.5)


def _broken(kind: str) -> Callable[..., float]:
    """A schedule that keeps all promises but one; all of them if the kind is unknown."""

    def schedule(t: int, total: int, warmup: int, peak: float, floor: float = 0.0) -> float:
        rise = (t + (kind != "from zero")) / (warmup if kind == "divides" else max(1, warmup))
        if t < warmup and kind != "no warmup":
            return floor + (peak - floor) * rise if kind == "from floor" else peak * rise
        u = (t - warmup) / (total - warmup)
        u = t / total if kind == "from start" else u
        u = (t - warmup) / max(1, total - warmup - 1) if kind == "early" else u
        if kind == "zero after" and t > total:
            return 0.0
        u = u if kind == "rebounds" else min(1.0, u)
        shape = 0.5 * (1 + math.cos(math.pi * u))
        shape = {"linear": 1 - u, "quarter": math.cos(math.pi * u / 2)}.get(kind, shape)
        if kind == "default":
            floor = floor or 0.1 * peak
        low = 0.0 if kind == "no floor" else floor
        rate = low + (peak if kind == "too high" else peak - low) * shape
        return round(rate, 3) if kind == "rounded" else rate

    return schedule


@exercise(
    "05.5",
    "抓出错的日程",
    points=4,
    asks="is_warmup_cosine(schedule) -> bool",
)
@hints(
    "约定有五条：热身段、余弦段、恰好落在哪一步、过了 total 以后、floor 的默认值。每条各问几步。",
    "照约定自己算一遍，与它逐步比，差不到 1e-9 才算一样；"
    "warmup=0、floor 不为 0、t 大于 total 各试几组。",
    "自己先写一个对的日程；外层循环几组 (total, warmup, peak, floor)，其中一组 warmup=0、"
    "一组不给 floor；内层 t 从 0 到 total + 5；它报错（try/except）或差得多，就返回 False；"
    "全部走完返回 True。",
)
def judge_is_warmup_cosine(answer: Answer, rng: Rng) -> Steps:
    def verdict(schedule: Callable[..., Any], label: str, right: bool, hint: str) -> Steps:
        got = yield from attempt(lambda: answer(schedule), label, {ZeroDivisionError: hint})
        if got is not None and not isinstance(got, bool | int | np.bool_):
            yield that(False, label, "要返回 True 或 False")
        said = "返回的是 None：忘了 return？" if got is None else ""
        yield that(bool(got) == right, label, hint, said, weight=0.0 if right else 1.0)

    def squared(t: int, total: int, warmup: int, peak: float, floor: float = 0.0) -> Any:
        """The same, with cos² of half the angle, as a NumPy number."""
        u = np.clip((t - warmup) / (total - warmup), 0, 1)
        down = floor + (peak - floor) * np.cos(np.pi * u / 2) ** 2
        return np.float64(peak / warmup * (t + 1) if t < warmup else down)

    hint = "一个守约的日程被判成了错的：它满足全部约定，看看是哪一条查得过严，或把约定读错了"
    yield from verdict(_broken("nothing"), "守约的放行", True, hint)
    hint = "另一种写法的守约日程被判成了错的：它只在舍入上不同，比较时留 1e-9 的余地，不要用 =="
    yield from verdict(squared, "另一种写法的也放行", True, hint)
    for kind, label, hint in (
        ("no warmup", "没有热身的", "它没有热身，一开始就是 peak"),
        ("from zero", "从 0 起步的", "它第 0 步的学习率是 0：少了那个 + 1"),
        ("linear", "直线下降的", "它热身之后按直线下降，两头对，中间不对：中间也要查"),
        ("quarter", "四分之一周的", "它只走了四分之一周的余弦，两头对，中间不对"),
        ("from start", "进度算错的", "它的余弦从第 0 步算起，热身一结束就已经低于 peak"),
        ("early", "早一步到底的", "它在第 total − 1 步就落到 floor，早了一步"),
        ("rebounds", "又升上去的", "过了 total 以后它又升上去了：t 大于 total 也要查"),
        ("no floor", "不理 floor 的", "它不理 floor，一直降到 0：要有一组 floor 不为 0"),
        ("too high", "高出峰值的", "floor 不为 0 时，它的余弦段从 peak + floor 开始"),
        ("from floor", "从 floor 热身的", "它的热身从 floor 起；约定的热身段与 floor 无关"),
        ("zero after", "最后归零的", "过了 total 它变成 0，而不是停在 floor"),
        ("divides", "会除以 0 的", "warmup=0 时它会报错：报错也算不守约，用 try 接住"),
        ("rounded", "凑整的", "它把学习率四舍五入到三位小数：差 1e-9 以内才算守约"),
        ("default", "默认值不对的", "不给 floor 时它停在 0.1 × peak：floor 的默认值也要查"),
    ):  # fmt: skip
        yield from verdict(_broken(kind), f"抓住{label}", False, f"放过了一个错的日程：{hint}")


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
