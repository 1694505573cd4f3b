"""Chapter 02, losses: what each exercise asks, and the library's version of it.

The functions with public names are what the lesson goes on with while an exercise is still open.
They take and return plain NumPy arrays, so this module needs nothing but NumPy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_course.exercises.core import Step, close, exercise, shape, that, untouched

Array = NDArray[Any]

__all__ = [
    "bce_with_logits",
    "cross_entropy",
    "huber_loss",
    "kl_divergence",
    "logsumexp",
]


# --- the library's versions --------------------------------------------------------------------


def huber_loss(y_hat: Array, y: Array, delta: float = 1.0) -> float:
    """Mean Huber loss (Huber, 1964): quadratic near zero, linear further out.

    Args:
        y_hat: predictions, (N,).
        y: targets, (N,).
        delta: where the parabola turns into a line, in the unit of ``y``; positive.

    Returns:
        The mean over the N samples.

    Example:
        >>> huber_loss(np.array([0.5, 3.0]), np.array([0.0, 0.0]), delta=1.0)
        1.3125
    """
    r = np.abs(y_hat - y)
    return float(np.mean(np.where(r <= delta, 0.5 * r**2, delta * (r - 0.5 * delta))))


def kl_divergence(p: Array, q: Array) -> float:
    """Kullback–Leibler divergence KL(p‖q) in nats (Kullback and Leibler, 1951).

    Args:
        p: probabilities, (K,), summing to 1; zeros contribute nothing.
        q: probabilities, (K,), summing to 1.

    Returns:
        A number ≥ 0; infinite where q is 0 but p is not.

    Example:
        >>> round(kl_divergence(np.array([1.0, 0.0]), np.array([0.5, 0.5])), 6)
        0.693147
    """
    seen = p > 0
    with np.errstate(divide="ignore"):
        return float(np.sum(p[seen] * (np.log(p[seen]) - np.log(q[seen]))))


def logsumexp(z: Array) -> Array:
    """``log Σ_k exp z_k`` of each row, shifted by the row's maximum so that nothing overflows.

    Args:
        z: logits, (B, K).

    Returns:
        (B,).

    Example:
        >>> logsumexp(np.array([[1000.0, 1000.0]])).round(4).tolist()
        [1000.6931]
    """
    m = z.max(axis=1)
    return np.asarray(m + np.log(np.exp(z - m[:, None]).sum(axis=1)))


def bce_with_logits(z: Array, y: Array) -> float:
    """Mean binary cross-entropy of logits, stable for any size of logit.

    Args:
        z: logits, (N,).
        y: targets in [0, 1], (N,).

    Returns:
        The mean over the N samples, in nats.

    Example:
        >>> bce_with_logits(np.array([1000.0, -1000.0]), np.array([0.0, 1.0]))
        1000.0
    """
    return float(np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))))


def cross_entropy(
    logits: Array, y: Array, weight: Array | None = None, label_smoothing: float = 0.0
) -> float:
    """Cross-entropy of logits with the semantics of ``torch.nn.functional.cross_entropy``.

    Args:
        logits: (B, K).
        y: class numbers, integers in [0, K), (B,).
        weight: one factor a class, (K,); the mean is then weighted by ``weight[y]``.
        label_smoothing: share of the target spread evenly over all K classes, in [0, 1].

    Returns:
        The (weighted) mean over the batch, in nats.

    Example:
        >>> round(cross_entropy(np.zeros((4, 10)), np.array([0, 3, 3, 9])), 4)
        2.3026
    """
    B, K = logits.shape
    w = np.ones(K) if weight is None else np.asarray(weight)
    log_p = logits - logsumexp(logits)[:, None]  # (B, K)
    hard = -w[y] * log_p[np.arange(B), y]  # (B,)
    spread = -(w * log_p).sum(axis=1) / K  # (B,)
    loss = (1 - label_smoothing) * hard + label_smoothing * spread
    return float(loss.sum() / w[y].sum())


# --- the judges --------------------------------------------------------------------------------


def _hint(got: Any, traps: Sequence[tuple[Any, str]], otherwise: str) -> str:
    """The hint of the typical mistake that gives exactly ``got``, else a general one."""
    value = np.asarray(got, dtype=float)
    for wrong, hint in traps:
        wrong = np.asarray(wrong, dtype=float)
        if value.shape == wrong.shape and np.allclose(
            value, wrong, rtol=1e-6, atol=1e-9, equal_nan=True
        ):
            return hint
    return otherwise


def _value(
    got: Any, want: Any, label: str, traps: Sequence[tuple[Any, str]], otherwise: str
) -> Step:
    if np.shape(got) != np.shape(want):
        return shape(
            got,
            np.shape(want),
            label,
            hint="要的是整批的平均，一个数；最后一步少了求平均？",
        )
    return close(got, want, label, hint=_hint(got, traps, otherwise))


@exercise("02.1", title="Huber 损失", points=2, asks="huber_loss(y_hat, y, delta=1.0)")
def _huber(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    y = rng.normal(size=30)
    y_hat = y + rng.uniform(0.2, 3.0, size=30) * rng.choice([-1.0, 1.0], size=30)
    near = y + 0.1 * (y_hat - y)
    before, want = near.copy(), huber_loss(near, y, 1.0)
    got = answer(near, y, 1.0)
    yield untouched(before, near, "y_hat")
    r = np.abs(near - y)
    yield _value(
        got,
        want,
        "误差全都小于 delta 时",
        [
            (np.mean(r**2), "小误差这一段是 r²/2：少了 1/2，两段在 delta 处就接不上"),
            (0.5 * np.sum(r**2), "对 N 个样本取平均，不是求和"),
        ],
        "小误差这一段应与 r²/2 的平均相同；r 是误差的绝对值",
    )
    for delta in (1.0, 0.4):
        got = answer(y_hat, y, delta)
        d = y_hat - y
        r = np.abs(d)
        yield _value(
            got,
            huber_loss(y_hat, y, delta),
            f"有大有小，delta={delta}",
            [
                (
                    np.mean(np.where(r <= delta, 0.5 * r**2, delta * r)),
                    "两段在 r = delta 处没接上：直线那一段要减去 delta²/2",
                ),
                (
                    np.mean(np.where(d <= delta, 0.5 * d**2, delta * (d - 0.5 * delta))),
                    "判断远近要看误差的绝对值：很大的负误差也该走直线",
                ),
                (0.5 * np.mean(r**2), "大误差也还是平方：超过 delta 的部分该换成直线"),
                (huber_loss(y_hat, y, 1.0), "函数里没有用到参数 delta，写死成 1 了"),
                (
                    np.mean(np.where(r <= delta, 0.5 * r**2, r - 0.5)),
                    "直线那一段的斜率是 delta，不总是 1",
                ),
            ],
            "r ≤ delta 用 r²/2，否则用 delta·(r − delta/2)，再取平均",
        )


@exercise("02.2", title="KL 散度", points=2, asks="kl_divergence(p, q)")
def _kl(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    p, q = rng.dirichlet(np.ones(5)), rng.dirichlet(np.ones(5))
    got = answer(p, q)
    yield _value(
        got,
        kl_divergence(p, q),
        "两个普通的分布",
        [
            (kl_divergence(q, p), "p 与 q 放反了：KL(p‖q) 用 p 加权"),
            (-kl_divergence(p, q), "符号反了：KL 不会小于 0"),
            (-np.sum(p * np.log(q)), "这是交叉熵 H(p, q)，还要减去 p 自己的熵"),
            (kl_divergence(p, q) / 5, "按概率加权求和就够了，不用再除以 K"),
            (
                kl_divergence(p, q) / np.log(2),
                "这里用自然对数（单位 nat），不是以 2 为底",
            ),
        ],
        "KL(p‖q) = Σ p·(ln p − ln q)",
    )
    yield _value(answer(p, p), 0.0, "两个分布相同", [], "p = q 时应为 0")
    hot = np.zeros(5)
    hot[rng.integers(5)] = 1.0
    got = answer(hot, q)
    traps = [(np.nan, "0·ln 0 在 NumPy 里是 nan，而这里约定为 0：只对 p > 0 的项求和")]
    yield _value(got, kl_divergence(hot, q), "p 是 one-hot", traps, "p 里的 0 不该有贡献")
    far = np.where(hot > 0, 0.0, 0.25)
    yield that(
        answer(hot, far) == np.inf,
        "q 在 p 有值的地方是 0",
        hint="这时 KL 是无穷大：别用 +1e-12 把它掩盖掉，也别漏掉这一项",
    )


@exercise("02.3", title="不溢出的 log-sum-exp", points=3, asks="logsumexp(z)")
def _logsumexp(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    z = rng.normal(size=(4, 3))
    given = z.copy()
    got = answer(given)
    yield shape(got, (4,), "logsumexp(z)", hint="每个样本一个数：沿 axis=1 求和，不保留那一维")
    yield close(
        got,
        logsumexp(z),
        "普通的 logits",
        hint=_hint(
            got,
            [
                (logsumexp(z) - z.max(axis=1), "最后忘了把减掉的最大值加回来"),
                (
                    np.log(np.exp(z).mean(axis=1)),
                    "这是平均，不是求和：sum 写成 mean 了",
                ),
                (z.max(axis=1), "这只是最大值；还要加上 ln Σ exp(z − max)"),
            ],
            "应等于 ln Σ exp z_k，逐行",
        ),
    )
    yield untouched(z, given, "z")
    for case, label in (
        (z + 1000, "logits 在 1000 上下"),
        (z - 800, "logits 在 −800 上下"),
    ):
        got = answer(case)
        what = (
            "exp 溢出成 inf：先减去这一行的最大值"
            if case[0, 0] > 0
            else ("exp 全部下溢成 0，ln 0 = −inf：先减去这一行的最大值（只在大于 0 时减不够）")
        )
        yield close(got, logsumexp(case), label, hint=what)
    mixed = z + np.array([0.0, 900.0, -900.0, 5000.0])[:, None]
    yield close(
        answer(mixed),
        logsumexp(mixed),
        "各行大小悬殊的一批",
        hint="减的是整个矩阵的最大值吧：小的那几行会全部下溢，要每一行减自己的最大值",
    )


@exercise("02.4", title="用 logit 写的二元交叉熵", points=3, asks="bce_with_logits(z, y)")
def _bce(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    z = rng.normal(size=40) * 2
    y = rng.integers(0, 2, size=40).astype(float)
    given = z.copy()
    got = answer(given, y)
    right = bce_with_logits(z, y)
    yield _value(
        got,
        right,
        "普通的 logit",
        [
            (40 * right, "对 N 个样本取平均，不是求和"),
            (-right, "符号反了：损失是负的对数似然，不会小于 0"),
            (bce_with_logits(z, 1 - y), "y 与 1 − y 的位置换了"),
            (
                np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(np.abs(z)))),
                "指数里是 −|z|：写成 +|z| 既不对，也会溢出",
            ),
            (
                np.mean(np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))),
                "漏了 −z·y 这一项",
            ),
            (
                np.mean(-z * y + np.log1p(np.exp(-np.abs(z)))),
                "漏了 max(z, 0) 这一项：z > 0 的样本都错了",
            ),
        ],
        "应等于 −[y ln σ(z) + (1−y) ln(1−σ(z))] 的平均",
    )
    yield untouched(z, given, "z")
    soft = rng.uniform(size=40)
    yield _value(
        answer(z, soft),
        bce_with_logits(z, soft),
        "目标是 0 到 1 之间的概率",
        [],
        "y 可以是概率（如标签平滑后的 0.9）：别用 if y == 1 分支，把它当乘数",
    )
    big = np.array([1000.0, -1000.0, 800.0, -40.0])
    wrong = np.array([0.0, 1.0, 1.0, 1.0])
    got = float(answer(big, wrong))
    yield close(
        got,
        bce_with_logits(big, wrong),
        "错得很自信的大 logit（±1000）",
        hint="先算 σ(z) 再取 ln，σ 会先变成 0 或 1：把式子化简到只剩 z"
        if not np.isfinite(got)
        else "数值有限但偏小：裁剪概率（clip）会把真实的损失削平，要换式子而不是裁剪",
    )
    tiny = np.full(4, 40.0)
    yield close(
        answer(tiny, np.ones(4)),
        np.exp(-40.0),
        "判得又对又自信（z = 40，y = 1）",
        hint="损失应约为 e^{−40} 而不是 0：用 np.log1p(x)，不要 np.log(1 + x)；"
        "先算 max(z, 0) − zy，最后才加它，否则会被 40 淹没",
        rtol=1e-5,
        atol=0.0,
    )


@exercise(
    "02.5",
    title="带类权重与标签平滑的交叉熵",
    points=4,
    asks="cross_entropy(logits, y, weight=None, label_smoothing=0.0)",
)
def _cross_entropy(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    B, K = 12, 5
    logits, y = rng.normal(size=(B, K)) * 2, rng.integers(0, K, size=B)
    given = logits.copy()
    got = answer(given, y)
    right = cross_entropy(logits, y)
    yield _value(
        got,
        right,
        "不带任何选项",
        [
            (B * right, "对一批样本取平均，不是求和"),
            (-right, "符号反了：交叉熵是负的对数概率"),
            (right / K, "除数是样本数 B，不是 B·K：np.mean 用在 (B, K) 的矩阵上了？"),
        ],
        "先算 log_p = z − logsumexp(z)，再取出真实类别那一列，取负，求平均",
    )
    yield untouched(logits, given, "logits")
    huge = logits * 500
    yield close(
        answer(huge, y),
        cross_entropy(huge, y),
        "logits 上千",
        hint="溢出了：不要先算 softmax 再取 ln，用 z − logsumexp(z)",
    )
    w = rng.uniform(0.2, 3.0, size=K)
    picked = cross_entropy(logits, y, weight=w) * w[y].sum()
    yield _value(
        answer(logits, y, weight=w),
        picked / w[y].sum(),
        "只带类权重",
        [
            (picked / B, "带权时除以 Σ w[y]，不是除以 B：这是加权平均"),
            (
                picked / w.sum(),
                "除数是这一批样本的权重之和 Σ w[y]，不是所有类别的权重之和",
            ),
            (right, "没有用到 weight"),
        ],
        "每个样本乘 weight[y]，再除以这些权重之和",
    )
    eps = 0.1
    log_p = logits - logsumexp(logits)[:, None]
    hard = -log_p[np.arange(B), y].mean()
    others = (-log_p.sum(axis=1) + log_p[np.arange(B), y]).mean() / (K - 1)
    yield _value(
        answer(logits, y, label_smoothing=eps),
        cross_entropy(logits, y, label_smoothing=eps),
        "只带标签平滑",
        [
            (
                (1 - eps) * hard + eps * others,
                "ε 平分给全部 K 类（含真实类），不是其余 K − 1 类",
            ),
            (right, "没有用到 label_smoothing"),
            (
                (1 - eps) * hard - eps * log_p.sum(axis=1).mean(),
                "每一类分到的是 ε/K，不是 ε：少除了一个 K",
            ),
        ],
        "目标变成 (1−ε)·one-hot + ε/K",
    )
    both = (1 - eps) * picked + eps * (-w[y] * log_p.mean(axis=1)).sum()
    yield _value(
        answer(logits, y, weight=w, label_smoothing=eps),
        cross_entropy(logits, y, weight=w, label_smoothing=eps),
        "两样一起带",
        [
            (
                both / w[y].sum(),
                "平滑那一部分里，第 k 类的 ln p 要乘它自己的 weight[k]，不是乘 weight[y]",
            )
        ],
        "目标向量的每一类都乘自己的权重，最后仍除以 Σ weight[y]",
    )
