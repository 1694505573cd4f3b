"""Chapter 02, losses: what each exercise asks, and the library's version of it.

The functions with public names are what the lesson goes on with while an exercise is still open.
They take and return plain NumPy arrays, so this module needs nothing but NumPy.
"""

from __future__ import annotations

import numpy as np

from aigc_course.judging.vocabulary import (
    Answer,
    Array,
    Caller,
    Rng,
    Steps,
    exercise,
    hints,
    shape_of,
    value,
)

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

_MEAN = "要的是整批的平均，一个数；最后一步少了求平均？"


@exercise("02.1", "Huber 损失", points=2)
@hints(
    "先求误差的绝对值 r，再问它比 delta 大还是小：两种情形各有一个式子。",
    "近处是抛物线 r²/2，远处是斜率为 delta 的直线；直线要减去一个常数，才能在 r = delta 处接上。",
    "直线那一段是 delta·(r − delta/2)。用 np.where 逐个样本选一段，最后对整批取平均。",
)
def judge_huber_loss(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, huber_loss)
    N = int(rng.integers(20, 40))
    y = rng.normal(size=N)
    sign = rng.permutation(np.resize([-1.0, 1.0], N))
    y_hat = y + rng.uniform(0.2, 3.0, size=N) * sign
    near = y + 0.1 * (y_hat - y)
    r = np.abs(near - y)
    traps = {
        "小误差这一段是 r²/2：少了 1/2，两段在 delta 处就接不上": np.mean(r**2),
        "对 N 个样本取平均，不是求和": 0.5 * np.sum(r**2),
    }
    hint = "小误差这一段应与 r²/2 的平均相同；r 是误差的绝对值"
    yield value(*call(near, y), "误差全都小于 delta 时", hint, traps, form=_MEAN, weight=0.5)
    d = y_hat - y
    r = np.abs(d)
    for delta in (1.0, float(rng.uniform(0.3, 0.6)), float(rng.uniform(1.5, 2.0))):
        got, want = call(y_hat, y, delta)
        gap = np.where(r <= delta, 0.5 * r**2, delta * r).mean()
        signed = np.where(d <= delta, 0.5 * d**2, delta * (d - 0.5 * delta)).mean()
        traps = {
            "两段在 r = delta 处没接上：直线那一段要减去 delta²/2": gap,
            "判断远近要看误差的绝对值：很大的负误差也该走直线": signed,
            "大误差也还是平方：超过 delta 的部分该换成直线": 0.5 * np.mean(r**2),
            "函数里没有用到参数 delta，写死成 1 了": huber_loss(y_hat, y, 1.0),
            "直线那一段的斜率是 delta，不总是 1": np.where(r <= delta, 0.5 * r**2, r - 0.5).mean(),
            "多除了 delta：这是 smooth L1，Huber 在远处的斜率是 delta": want / delta,
        }
        label, weight = f"有大有小，delta={delta:.2g}", 1.0 if delta == 1.0 else 0.5
        hint = "r ≤ delta 用 r²/2，否则用 delta·(r − delta/2)，再取平均"
        yield value(got, want, label, hint, traps, form=_MEAN, weight=weight)
    yield call.untouched(weight=0.5)


@exercise("02.2", "KL 散度", points=2)
@hints(
    "每个类别贡献一项：p 乘上两个对数之差。哪个减哪个？谁来加权？",
    "只看 p 大于 0 的那些类别：按约定 0·ln 0 是 0，而 NumPy 会算出 nan。",
    "用布尔下标 p > 0 挑出要算的项，对 p·(ln p − ln q) 求和；"
    "q 为 0 时自然得到无穷大，不要加小数去躲。",
)
def judge_kl_divergence(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, kl_divergence)
    K = int(rng.integers(5, 9))
    p, q = rng.dirichlet(np.ones(K)), rng.dirichlet(np.ones(K))
    got, want = call(p, q)
    traps = {
        "p 与 q 放反了：KL(p‖q) 用 p 加权": kl_divergence(q, p),
        "符号反了：KL 不会小于 0": -want,
        "这是交叉熵 H(p, q)，还要减去 p 自己的熵": -np.sum(p * np.log(q)),
        "按概率加权求和就够了，不用再除以 K": want / K,
        "这里用自然对数（单位 nat），不是以 2 为底": want / np.log(2),
    }
    hint, form = "KL(p‖q) = Σ p·(ln p − ln q)", "要对所有类别求和，返回一个数"
    yield value(got, want, "两个普通的分布", hint, traps, form=form)
    yield value(*call(p, p), "两个分布相同", "p = q 时应为 0", weight=0)
    # some classes p never shows, one of which q does not show either
    seen = rng.permutation(K) < 3
    some, hot = np.where(seen, p, 0) / p[seen].sum(), np.zeros(K)
    hot[np.flatnonzero(seen)[0]] = 1.0
    rest = q.copy()
    rest[np.flatnonzero(~seen)[0]] = 0.0
    got, want = zip(call(hot, q), call(some, rest / rest.sum()), strict=True)
    finite = shape_of(got) == (2,) and np.isfinite(np.asarray(got, dtype=float)).all()
    zero = "0·ln 0 在 NumPy 里是 nan，而这里约定为 0：只对 p > 0 的项求和"
    hint = "p 里的 0 不该有贡献" if finite else zero
    yield value(got, want, "p 里有 0（一个是 one-hot）", hint, weight=0.5, lists=True)
    far = np.where(hot > 0, 0.0, 1 / (K - 1))
    hint = "这时 KL 是无穷大：别用 +1e-12 把它掩盖掉，也别漏掉这一项"
    yield value(*call(hot, far), "q 在 p 有值的地方是 0", hint, weight=0.5)
    yield call.untouched(weight=0.25)


@exercise("02.3", "不溢出的 log-sum-exp", points=3)
@hints(
    "一行里每个数都减去 m，ln Σ exp 就正好少了 m。选哪个 m，最大的指数是 exp(0)？",
    "m 取这一行自己的最大值：减了它再取 exp、求和、取 ln，最后把 m 加回来。",
    "减的时候 m 要是 (B, 1)，加回来时要是 (B,)，结果才是 (B,)；注意 keepdims。",
)
def judge_logsumexp(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, logsumexp)
    B, K = 4, int(rng.choice([3, 5, 6]))
    z = rng.normal(size=(B, K))
    got, want = call(z)
    traps = {
        "最后忘了把减掉的最大值加回来": want - z.max(axis=1),
        "这是平均，不是求和：sum 写成 mean 了": want - np.log(K),
        "这只是最大值；还要加上 ln Σ exp(z − max)": z.max(axis=1),
    }
    hint, form = "应等于 ln Σ exp z_k，逐行", "每个样本一个数：沿 axis=1 求和，不保留那一维"
    yield value(got, want, "普通的 logits", hint, traps, form=form, weight=2)
    high = z + rng.uniform(900, 1100)
    high[:, :2] += 3000.0  # far from the row's mean too: only its maximum will do
    yield value(*call(high), "logits 上千", "exp 溢出成 inf：先减去这一行的最大值", weight=0.5)
    low = z - rng.uniform(800, 900)
    hint = "exp 全部下溢成 0，ln 0 = −inf：先减去这一行的最大值（只在大于 0 时减不够）"
    yield value(*call(low), "logits 在 −850 上下", hint, weight=0.5)
    mixed = z + rng.permutation([0.0, 900.0, -900.0, 5000.0])[:, None]
    hint = "减的是整个矩阵的最大值吧：小的那几行会全部下溢，要每一行减自己的最大值"
    yield value(*call(mixed), "各行大小悬殊的一批", hint, weight=0.5)
    yield call.untouched(weight=0.5)


@exercise("02.4", "用 logit 写的二元交叉熵", points=3)
@hints(
    "先算 σ(z) 再取对数，z 一大就失真。能不能把式子化简到只剩 z 和 y？",
    "化简后是三项：max(z, 0)、−z·y，和一个总不大于 ln 2 的 softplus 尾巴 ln(1 + e^{−|z|})。",
    "尾巴用 np.log1p，它在参数极小时不丢有效位；前两项先相加，最后才加尾巴，再对整批取平均。",
)
def judge_bce_with_logits(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, bce_with_logits)
    N = int(rng.integers(30, 50))
    z = rng.normal(size=N) * 2
    y = rng.permutation(np.resize([0.0, 1.0], N))
    got, want = call(z, y)
    above, tail = np.maximum(z, 0), np.log1p(np.exp(-np.abs(z)))
    growing = np.mean(above - z * y + np.log1p(np.exp(np.abs(z))))
    traps = {
        "对 N 个样本取平均，不是求和": N * want,
        "符号反了：损失是负的对数似然，不会小于 0": -want,
        "y 与 1 − y 的位置换了": bce_with_logits(z, 1 - y),
        "指数里是 −|z|：写成 +|z| 既不对，也会溢出": growing,
        "漏了 −z·y 这一项": np.mean(above + tail),
        "漏了 max(z, 0) 这一项：z > 0 的样本都错了": np.mean(-z * y + tail),
    }
    hint = "应等于 −[y ln σ(z) + (1−y) ln(1−σ(z))] 的平均"
    yield value(got, want, "普通的 logit", hint, traps, form=_MEAN, weight=2)
    soft = call(z, rng.uniform(size=N))
    hint = "y 可以是概率（如标签平滑后的 0.9）：别用 if y == 1 分支，把它当乘数"
    yield value(*soft, "目标是 0 到 1 之间的概率", hint, weight=0.5)
    big = rng.uniform(800, 1000, size=4) * [1, -1, 1, -1]
    got, want = call(big, np.array([0.0, 1.0, 1.0, 1.0]))
    infinite = shape_of(got) == () and not np.isfinite(np.asarray(got, dtype=float))
    hint = (
        "先算 σ(z) 再取 ln，σ 会先变成 0 或 1：把式子化简到只剩 z"
        if infinite
        else "数值有限但偏小：裁剪概率（clip）会把真实的损失削平，要换式子而不是裁剪"
    )
    yield value(got, want, "错得很自信的大 logit（±1000）", hint, weight=0.5)
    sure = rng.uniform(39, 41, size=4) * [1, -1, 1, -1]
    got, _ = call(sure, (sure > 0).astype(float))
    want, label = np.exp(-np.abs(sure)).mean(), "判得又对又自信（|z| 约 40）"
    hint = (
        "损失应约为 e^{−40} 而不是 0：用 np.log1p(x)，不要 np.log(1 + x)；"
        "先算 max(z, 0) − zy，最后才加它，否则会被 40 淹没"
    )
    yield value(got, want, label, hint, rtol=1e-5, atol=0.0, weight=0.5)
    yield call.untouched(weight=0.5)


# the lesson's own name for it, which is the library's until exercise 02.3 is done
@exercise("02.5", "带类权重与标签平滑的交叉熵", points=4, allows=[logsumexp])
@hints(
    "两个旋钮先都不管：每一行的 log_p = logits − LSE，取出真实类别那一个，取负，求平均。",
    "标签平滑只改目标：真实类别 1 − ε + ε/K，别的类别各 ε/K。损失是 −目标·log_p 在类别上的和。",
    "类权重乘在目标的每一类上：分子是 −Σ 权重·目标·log_p，分母是这一批真实类别的权重之和。",
)
def judge_cross_entropy(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, cross_entropy)
    B, K = int(rng.integers(11, 15)), int(rng.integers(4, 8))
    logits, y = rng.normal(size=(B, K)) * 2, rng.integers(0, K, size=B)
    w = rng.uniform(0.2, 3.0, size=K)
    eps = float(rng.uniform(0.05, 0.3))
    got, right = call(logits, y)
    traps = {
        "对一批样本取平均，不是求和": B * right,
        "符号反了：交叉熵是负的对数概率": -right,
        "除数是样本数 B，不是 B·K：np.mean 用在 (B, K) 的矩阵上了？": right / K,
    }
    hint = "先算 log_p = z − logsumexp(z)，再取出真实类别那一列，取负，求平均"
    yield value(got, right, "不带任何选项", hint, traps, form=_MEAN, weight=1.5)
    got, want = call(logits, y, weight=w)
    picked = want * w[y].sum()
    traps = {
        "带权时除以 Σ w[y]，不是除以 B：这是加权平均": picked / B,
        "除数是这一批样本的权重之和 Σ w[y]，不是所有类别的权重之和": picked / w.sum(),
        "没有用到 weight": right,
    }
    yield value(got, want, "只带类权重", "每个样本乘 weight[y]，再除以这些权重之和", traps)
    log_p = logits - logsumexp(logits)[:, None]
    hard = -log_p[np.arange(B), y].mean()
    others = (-log_p.sum(axis=1) + log_p[np.arange(B), y]).mean() / (K - 1)
    whole = (1 - eps) * hard - eps * log_p.sum(axis=1).mean()
    traps = {
        "ε 平分给全部 K 类（含真实类），不是其余 K − 1 类": (1 - eps) * hard + eps * others,
        "没有用到 label_smoothing": right,
        "每一类分到的是 ε/K，不是 ε：少除了一个 K": whole,
    }
    smoothed = call(logits, y, label_smoothing=eps)
    yield value(*smoothed, "只带标签平滑", "目标变成 (1−ε)·one-hot + ε/K", traps)
    both = (1 - eps) * picked + eps * (-w[y] * log_p.mean(axis=1)).sum()
    hint = "平滑那一部分里，第 k 类的 ln p 要乘它自己的 weight[k]，不是乘 weight[y]"
    traps = {hint: both / w[y].sum()}
    hint = "目标向量的每一类都乘自己的权重，最后仍除以 Σ weight[y]"
    turned = call(logits, y, weight=w, label_smoothing=eps)
    yield value(*turned, "两样一起带", hint, traps, weight=0.5)
    huge = logits * 500
    turned = call(huge, y, weight=w, label_smoothing=eps)
    got, want = zip(call(huge, y), turned, strict=True)
    hint = "溢出了：不要先算 softmax 再取 ln，用 z − logsumexp(z)"
    yield value(got, want, "logits 上千", hint, lists=True)
    yield call.untouched(weight=0.25)
