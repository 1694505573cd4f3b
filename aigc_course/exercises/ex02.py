"""Chapter 02, losses: what each exercise asks, and the library's version of it.

The functions with public names are what the lesson goes on with while an exercise is still open.
They take and return plain NumPy arrays, so this module needs nothing but NumPy.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from aigc_course.judging.vocabulary import (
    Answer,
    Array,
    Caller,
    Rng,
    Steps,
    as_one,
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
    "bce_with_logits",
    "cross_entropy",
    "kl_divergence",
    "logsumexp",
    "loss_and_grad",
    "perplexity",
    "poisson_loss",
]


# --- the library's versions --------------------------------------------------------------------


def poisson_loss(z: Array, y: Array) -> tuple[float, Array]:
    """Mean negative log-likelihood of counts whose rate is ``exp(z)``, less what has no ``z``.

    Args:
        z: logarithms of the rates, (N,).
        y: counts, (N,).

    Returns:
        The mean over the N samples, and its gradient with respect to ``z``, (N,).

    Example:
        >>> loss, dz = poisson_loss(np.zeros(2), np.array([0, 3]))
        >>> loss, dz.tolist()
        (1.0, [0.5, -1.0])
    """
    rate = np.exp(z)
    return float(np.mean(rate - y * z)), (rate - y) / len(z)


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


def perplexity(losses: Array, counts: Array, unit: str = "nat") -> float:
    """Perplexity of several batches together.

    Args:
        losses: mean loss of each batch, (M,); that of an empty batch is nan.
        counts: how many samples each batch has, (M,).
        unit: of the losses, ``"nat"`` or ``"bit"``.

    Example:
        >>> round(perplexity(np.array([1.0, 3.0]), np.array([3, 1]), "bit"), 4)
        2.8284
    """
    full = counts > 0
    mean = float(np.sum(losses[full] * counts[full]) / np.sum(counts))
    return math.exp(mean) if unit == "nat" else 2.0**mean


def logsumexp(z: Array, axis: int = -1) -> Array:
    """``log Σ exp z`` along an axis, shifted by the maximum so that nothing overflows.

    Args:
        z: of any shape; −inf marks what is left out.
        axis: is summed over.

    Returns:
        The shape of ``z`` without ``axis``; −inf where everything is left out.

    Example:
        >>> logsumexp(np.array([[1000.0, 1000.0], [0.0, -np.inf]])).round(4).tolist()
        [1000.6931, 0.0]
    """
    m = z.max(axis=axis, keepdims=True)
    m = np.where(np.isfinite(m), m, 0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.exp(z - m).sum(axis=axis)) + m.squeeze(axis))


def bce_with_logits(z: Array, y: Array, pos_weight: float = 1.0) -> float:
    """Mean binary cross-entropy of logits, stable for any size of logit.

    Args:
        z: logits, (N,).
        y: targets in [0, 1], (N,).
        pos_weight: what the term of ``y`` is multiplied by, as in PyTorch.

    Returns:
        The mean over the N samples, in nats.

    Example:
        >>> bce_with_logits(np.array([1000.0, -1000.0]), np.array([0.0, 1.0]))
        1000.0
    """
    return float(np.mean(pos_weight * y * np.logaddexp(0, -z) + (1 - y) * np.logaddexp(0, z)))


def loss_and_grad(z: Array, y: Array) -> tuple[float, Array]:
    """Mean cross-entropy of logits and its gradient.

    Args:
        z: logits, (B, K), of any size.
        y: class numbers, integers in [0, K), (B,).

    Returns:
        The mean over the batch, and its gradient with respect to ``z``, (B, K).

    Example:
        >>> loss, dz = loss_and_grad(np.zeros((2, 2)), np.array([0, 0]))
        >>> round(loss, 4), dz.tolist()
        (0.6931, [[-0.25, 0.25], [-0.25, 0.25]])
    """
    rows = np.arange(len(z))
    total = logsumexp(z)
    dz = np.exp(z - total[:, None])
    dz[rows, y] -= 1
    return float(np.mean(total - z[rows, y])), dz / len(z)


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

_KEPT = "第一次返回的 dz 被后来的调用改掉了：每次要新建一个数组"
_MEAN = "要的是整批的平均，一个数；最后一步少了求平均？"


@exercise("02.1", "计数的损失", points=3, asks="poisson_loss(z, y) -> loss, dz")
@hints(
    "与第 2 节的高斯同样三步：写下 −ln p(y|λ)，把 λ 换成 e^z，划掉与 z 无关的项。",
    "−ln p 有三项：λ、−y·ln λ、y 的阶乘的对数。哪一项与 z 无关？ln λ 用 z 怎么写？",
    "每个样本的损失是 e^z − y·z，对 z 的导数是 e^z − y。损失取平均，所以梯度也要除以 N。",
)
def judge_poisson_loss(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, poisson_loss)
    N = int(rng.integers(6, 12))
    z = rng.normal(size=N)
    y = np.append(rng.poisson(np.exp(z[:-2])), [0, 5]).astype(float)
    got, (want, want_dz) = call(z, y)
    loss, dz = yield from parts(got, 2, "loss, dz", want=(want, want_dz))
    yield that(shape_of(loss) == (), "loss 是一个数", "先 loss，后 dz；loss 是整批的平均，一个数")
    factorial = np.mean([math.lgamma(count + 1) for count in y])
    rate = np.exp(z)
    traps = {
        "ln y! 与 z 无关，要去掉": want + factorial,
        "对 N 个样本取平均，不是求和": [N * want, N * (want + factorial)],
        "符号反了：损失是负的对数似然": -want,
        "网络输出的 z 是 ln λ，不是 λ：ln λ 就是 z": [
            np.mean(rate - y * rate),
            np.mean(z - y * np.log(np.abs(z))),
        ],
        "漏了 λ 这一项：−ln e^{−λ} = λ": np.mean(-y * z),
        "两项的符号相反：λ 为正，y·ln λ 为负": np.mean(rate + y * z),
        "这是均方误差：这里的噪声是泊松分布，不是高斯": [
            np.mean((rate - y) ** 2),
            np.mean((z - y) ** 2),
        ],
    }
    hint = "从 −ln p(y|λ) 出发，代入 λ = e^z"
    if shape_of(loss) == () and np.isnan(np.asarray(loss, dtype=float)):
        hint = "取了负数的对数：z 本身就是 ln λ，可以是负的，不要再取 ln"
    yield value(loss, want, "loss", hint, traps, form=_MEAN)
    traps = {
        "loss 是平均，所以 dz 要除以 N": N * want_dz,
        "dz 的符号反了：中心差分可以检验": [-want_dz, -N * want_dz],
        "这是对 λ 的导数，还要乘 dλ/dz = e^z": [(1 - y / rate) / N, 1 - y / rate],
        "y·z 对 z 的导数是 y": [(rate - y * z) / N, rate - y * z],
        "多乘了一个 e^z：对 z 求导，e^z 那一项是 e^z，y·z 那一项是 y": [
            (rate - y) * rate / N,
            (rate - y) * rate,
        ],
        "z 求导成了常数：e^z 的导数还是 e^z": [(1 - y) / N, 1 - y],
    }
    hint = "dz[i] 是 loss 对 z[i] 的导数，形状与 z 相同；用中心差分检验"
    yield value(dz, want_dz, "dz", hint, traps, form=hint)
    yield same_again(call, z, y)
    kept = np.array(dz)
    big = rng.uniform(14, 15, size=N)
    got, (want, want_dz) = call(big, rng.poisson(np.exp(big)))
    loss, big_dz = yield from parts(got, 2, "loss, dz")
    hint = "z 可以是任何实数，不要裁剪；y 可以是整数数组，计数可以上百万"
    yield value(loss, want, "计数上百万、y 是整数时的 loss", hint, weight=0.5)
    hint += "；dz 用公式算，差分在这里不够准"
    yield value(big_dz, want_dz, "计数上百万、y 是整数时的 dz", hint, weight=0.5)
    yield value(dz, kept, "上一次返回的 dz", _KEPT, weight=0)
    got, (want, want_dz) = call(np.array([-800.0, -800.0, 1.0]), np.array([0.0, 1.0, 2.0]))
    loss, dz = yield from parts(got, 2, "loss, dz")
    hint = "z = −800 时 λ 下溢成 0，而 ln λ 就是 z，仍是 −800：不要取 ln λ，也不要裁剪 z 或 λ"
    steps = [value(loss, want, "loss", hint), value(dz, want_dz, "dz", hint)]
    yield as_one("z 是很大的负数", steps, weight=0.5)
    got, (want, want_dz) = call(np.array([0.7]), np.array([0.0]))
    loss, dz = yield from parts(got, 2, "loss, dz")
    hint = "只有一个样本、计数为 0 时也成立；样本数用 len(z)"
    steps = [value(loss, want, "loss", hint), value(dz, want_dz, "dz", hint)]
    yield as_one("只有一个样本，计数为 0", steps, weight=0.5)
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
        "这里用自然对数（单位 nat），不是以 2 或 10 为底": [want / np.log(2), want / np.log(10)],
        "每一项照公式带着符号相加：有的项是负的": np.sum(np.abs(p * np.log(p / q))),
        "两个方向平均了：要的只是 KL(p‖q)": (want + kl_divergence(q, p)) / 2,
        "这是 q 加权的 ln(p/q)：权重是 p": np.sum(q * np.log(p / q)),
        "每一项要乘 p：是加权的和": np.sum(np.log(p / q)),
        "是 ln p 减 ln q，不是 ln p 除以 ln q": np.sum(p * np.log(p) / np.log(q)),
        "p 小于 q 的项是负的，也要加上": np.sum(np.where(p > q, p * np.log(p / q), 0)),
        "少了最后一类": want - p[-1] * np.log(p[-1] / q[-1]),
    }
    hint, form = "KL(p‖q) = Σ p·(ln p − ln q)", "要对所有类别求和，返回一个数"
    yield value(got, want, "两个普通的分布", hint, traps, form=form)
    yield value(*call(p, p), "两个分布相同", "p = q 时应为 0", weight=0, atol=1e-12)
    yield same_again(call, p, q)
    # some classes p never shows, one of which q does not show either
    seen = rng.permutation(K) < 3
    some, hot = np.where(seen, p, 0) / p[seen].sum(), np.zeros(K)
    hot[np.flatnonzero(seen)[0]] = 1.0
    rest = q.copy()
    rest[np.flatnonzero(~seen)[0]] = 0.0
    zero = "0·ln 0 在 NumPy 里是 nan，而这里约定为 0：只对 p > 0 的项求和"
    steps = []
    cases = (("p 是 one-hot 时", hot, q), ("p 与 q 在同一处是 0 时", some, rest / rest.sum()))
    for label, given, other in cases:
        got, want = call(given, other)
        finite = shape_of(got) == () and np.isfinite(np.asarray(got, dtype=float))
        hint = "p 里的 0 不该有贡献，也不要为了避开它而给 p 或 q 加小数" if finite else zero
        if shape_of(got) == () and np.isposinf(np.asarray(got, dtype=float)):
            hint = "只有 p > 0 的地方 q 为 0 才是无穷大；p 为 0 的项是 0，不管 q 是多少"
        steps.append(value(got, want, label, hint, form=form))
    yield as_one("p 里有 0", steps, weight=0.5)
    rare = np.append(p * (1 - 1e-7), 1e-7)
    far = np.append(q, 1e-300)
    got, want = call(rare, far)
    hint = "p 有一类只有 1e-7，q 在那里只有 1e-300：这一项要照公式算，不要设门槛、不要加小数"
    tiny, gone = np.append(p, 1e-300), np.append(q, 0.0)
    steps = [
        value(got, want, "p 有 1e-7", hint, form=form),
        value(*call(tiny, np.append(q / 2, 0.5)), "p 有 1e-300", hint, form=form),
        value(*call(np.append(p, 1e-9), far), "p 有 1e-9，q 那里是 1e-300", hint, form=form),
    ]
    yield as_one("p 里有极小的概率", steps, weight=0.5)
    where = np.where(hot > 0, 0.0, 1 / (K - 1))
    got, want = call(hot, where)
    label, hint = (
        "q 在 p 有值的地方是 0 时",
        "这时 KL 是无穷大：别用 +1e-12 把它掩盖掉，也别漏掉这一项",
    )
    none = "无穷大要返回 np.inf 这个数，不是 None"
    steps = [value(got, want, label, hint, none=none)]
    hint = "p 再小也大于 0，q 那里是 0，答案就是无穷大：门槛是 0，不是一个小数"
    steps.append(value(*call(tiny, gone), "p 只有 1e-300 的地方 q 是 0", hint, none=none))
    yield as_one("q 在 p 有值的地方是 0 时的值", steps, weight=0.5)
    yield call.untouched(weight=0.25)


@exercise("02.3", "合起来的困惑度", points=2)
@hints(
    "困惑度是平均损失的指数。几批合起来的平均损失，怎样由各批的平均得到？",
    "大批说话的分量要大：先按样本数加权平均，再取指数；单位是 bit 时底数是 2。",
    "只留 counts > 0 的批：平均是 Σ counts·losses / Σ counts，困惑度是 e 或 2 的这么多次方。",
)
def judge_perplexity(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, perplexity)
    M = int(rng.integers(4, 8))
    losses, counts = rng.uniform(0.2, 4.0, size=M), rng.permutation(M) * 7 + 3
    mean = np.sum(losses * counts) / counts.sum()

    def wrong(base: float) -> dict[str, Any]:
        other = 2.0 if base > 2 else math.e
        return {
            "还没有取指数：这是平均损失": mean,
            "各批大小不同：平均损失要按样本数加权": base ** losses.mean(),
            "先平均损失，再取指数；各批的困惑度不能直接平均": [
                np.mean(base**losses),
                np.sum(base**losses * counts) / counts.sum(),
            ],
            (
                "底数要与单位配：nat 用 e，bit 用 2"
                if base > 2
                else "底数要与单位配：bit 用 2；损失已经以 bit 为单位，不用再换单位"
            ): other**mean,
            "损失已经以 unit 为单位，不用再乘或除以 ln 2": [
                base ** (mean / np.log(2)),
                base ** (mean * np.log(2)),
            ],
            "加权和还要除以样本总数": base ** np.sum(losses * counts),
            "底数是 e 或 2，不是 10": 10.0**mean,
            "少了最后一批": base ** (np.sum((losses * counts)[:-1]) / counts[:-1].sum()),
            "平均损失是加权和除以样本总数，不是除以批数": base ** (np.sum(losses * counts) / M),
            "符号反了：困惑度不小于 1": base**-mean,
        }

    hint, form = "样本合在一起，平均损失是多少？再取指数", "困惑度是一个数"
    got, want = call(losses, counts, "nat")
    yield value(got, want, "单位是 nat", hint, wrong(math.e), form=form)
    got, want = call(losses, counts, "bit")
    yield value(got, want, "单位是 bit", hint, wrong(2.0), form=form)
    yield same_again(call, losses, counts, "bit")
    steps = []
    empty = "空的一批平均损失是 nan，0 × nan 还是 nan：它不该有影响"
    skipped = "空的一批跳过就是，后面的批照算（continue，不是 break）；空批可以不止一个"
    for label, holes, unit in (
        ("最后一批为空", [M], ()),
        ("开头与中间各有一批为空", [0, 2], ("bit",)),
        ("开头一批为空", [0], ("nat",)),
    ):
        got, want = call(np.insert(losses, holes, np.nan), np.insert(counts, holes, 0), *unit)
        nan = shape_of(got) == () and np.isnan(np.asarray(got, dtype=float))
        hint = empty if nan else skipped
        if not unit and value(got, 2 ** np.log(want), "").ok:
            hint = "unit 不写时是 nat"
        steps.append(value(got, want, label, hint, form=form))
    yield as_one("有的批为空", steps, weight=0.5)
    hint = "有一个样本的损失是无穷大（给事实的概率是 0），合起来的困惑度就是 np.inf，如实返回"
    steps = [
        value(*call(np.array([np.inf, 1.0]), np.array([1, 5]), "nat"), "nat", hint, form=form),
        value(
            *call(np.array([np.nan, 1.0, np.inf]), np.array([0, 5, 1]), "bit"),
            "bit，还有一批为空",
            hint,
            form=form,
        ),
    ]
    yield as_one("有一批的损失是无穷大", steps, weight=0.25)
    got, want = call(losses[:1], np.array([1]), "bit")
    hint = "只有一批、这一批只有一个样本时，困惑度就是它的损失的指数，一个数"
    yield value(got, want, "只有一批、一个样本", hint, form=form, weight=0.25)
    got, want = call(np.full(3, np.log2(10)), np.array([1, 20, 300]), "bit")
    yield value(got, want, "每批都是十选一的瞎猜时", "log2 10 个 bit，困惑度应是类数", weight=0.25)
    yield call.untouched(weight=0.25)


@exercise("02.4", "带遮挡的 log-sum-exp", points=3, asks="logsumexp(z, axis=-1)")
@hints(
    "沿 axis 每一条各减自己的最大值 m，取 exp、求和、取 ln，再加回 m。m 要用 keepdims 才减得对。",
    "整条都是 −inf 时，m 也是 −inf，而 −inf − (−inf) 是 nan。这时减什么才不坏？减 0 就行。",
    "用 np.where 与 np.isfinite 把不是有限数的 m 换成 0；"
    "加回 m 之前，用 squeeze(axis) 去掉多出的那一维。",
)
def judge_logsumexp(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, logsumexp)
    B, K = int(rng.integers(4, 7)), int(rng.choice([3, 8, 9]))
    z = rng.normal(size=(B, K))
    got, want = call(z)
    traps = {
        "最后忘了把减掉的最大值加回来": want - z.max(axis=1),
        "这是平均，不是求和：sum 写成 mean 了": want - np.log(K),
        "这只是最大值；还要加上 ln Σ exp(z − max)": z.max(axis=1),
        "少了取 ln": [np.exp(want), z.max(axis=1) + np.exp(want - z.max(axis=1))],
        "和里已经有 e^0 = 1 这一项，不用再加 1：是 log，不是 log1p": z.max(axis=1)
        + np.log1p(np.exp(want - z.max(axis=1))),
        "符号反了": -want,
    }
    hint, form = "应等于 ln Σ exp z，沿最后一维", "沿 axis 求和，这一维要去掉，不保留"
    yield value(got, want, "普通的 logits", hint, traps, form=form)
    yield same_again(call, z)
    high = z + rng.uniform(900, 1100)
    high[:, :2] += 3000.0  # far from the row's mean too: only its maximum will do
    hint = "exp 溢出成 inf：先减去这一条的最大值"
    yield value(*call(high), "logits 上千", hint, form=form, weight=0.5)
    low = z - rng.uniform(800, 900)
    hint = "exp 全部下溢成 0，ln 0 = −inf：先减去这一条的最大值（只在大于 0 时减不够）"
    yield value(*call(low), "logits 在 −850 上下", hint, form=form, weight=0.5)
    mixed = z + rng.permutation(np.append([900.0, -900.0, 5000.0], np.zeros(B - 3)))[:, None]
    hint = "减的是整个矩阵的最大值吧：小的那几行会全部下溢，要每一条减自己的最大值"
    yield value(*call(mixed), "各行大小悬殊的一批", hint, form=form, weight=0.5)
    cube = rng.normal(size=tuple(sizes(rng, 3, 2, 6))) * 300
    for axis in (0, 1, -1):
        hint = "axis 没有用上：最大值、求和、去掉的都是这一维"
        yield value(*call(cube, axis), f"三维，axis={axis}", hint, form=hint, weight=0.25)
    hint = "axis 不写时是 −1，也就是最后一维；axis 可以是负的，z 可以是任意维"
    steps = [
        value(*call(cube), "三维，不写 axis", hint, form=hint),
        value(*call(cube, -2), "三维，axis=−2", hint, form=hint),
        value(*call(cube[0, 0]), "一维", hint, form=hint),
        value(*call(cube[None], 2), "四维，axis=2", hint, form=hint),
    ]
    yield as_one("别的维数", steps, weight=0.25)
    hint = "只去掉 axis 那一维：大小是 1 的别的维要留着，用 squeeze(axis)，不是 squeeze()"
    steps = [
        value(*call(z[:1]), "只有一行", hint, form=hint),
        value(*call(z[:, None]), "中间一维是 1", hint, form=hint),
        value(*call(z[:, :1]), "最后一维是 1", hint, form=hint),
    ]
    yield as_one("有的维大小是 1", steps, weight=0.25)
    masked = z.copy()
    masked[:, int(rng.integers(1, K))] = -np.inf
    masked[0, 1:] = -np.inf  # one left
    masked[2:4] += np.array([[-2e4], [-2e3]])  # whatever number stood for −inf would show here
    hint = "遮住的（−inf）不算：exp(−inf) 是 0，不要把它换成别的数"
    yield value(*call(masked), "有几项被遮住时", hint, form=form, weight=0.5)
    masked[1] = -np.inf
    got, want = call(masked)
    bad = shape_of(got) == want.shape and np.isnan(np.asarray(got, dtype=float)).any()
    hint = "一个都不剩时是 ln 0 = −inf，照实返回"
    hint = "整条都是 −inf 时，−inf − (−inf) 成了 nan：这一条的 m 要换成 0" if bad else hint
    if shape_of(got) == want.shape and np.isneginf(np.asarray(got, dtype=float)).all():
        hint = "只有全遮住的那一条是 −inf，别的条照常算"
    steps = [value(got, want, "有一行全被遮住时", hint, form=form)]
    steps += [
        value(*call(masked.T, 0), "同样的数，沿 axis=0", hint, form=form),
        value(*call(masked[None]), "三维", hint, form=form),
        value(*call(masked[1]), "一维", hint, form=form),
    ]
    yield as_one("有一条全被遮住", steps, weight=0.5)
    single = (rng.normal(size=(2, K)) * 200).astype(np.float32)
    hint = "float32 在 e^{88.7} 就溢出：同样先减最大值"
    yield value(*call(single), "float32 的 logits", hint, form=form, rtol=1e-5, weight=0.25)
    yield call.untouched(weight=0.5)


@exercise("02.5", "带正类权重的二元交叉熵", points=3, asks="bce_with_logits(z, y, pos_weight=1.0)")
@hints(
    "−ln σ(z) 与 −ln(1 − σ(z)) 都是 softplus：一个是 ζ(−z)，一个是 ζ(z)。权重只乘在其中一项上。",
    "ζ(z) = max(z, 0) + ln(1 + e^{−|z|})，z 与 −z 各用一次；"
    "NumPy 的 np.logaddexp(0, z) 就是 ζ(z)。",
    "每个样本是 w·y·ζ(−z) + (1 − y)·ζ(z)，两项都不小于 0，相加没有相消；最后对整批取平均。",
)
def judge_bce_with_logits(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, bce_with_logits)
    N = int(rng.integers(30, 50))
    z = rng.normal(size=N) * 2
    y = rng.permutation(np.resize([0.0, 1.0, 1.0], N))
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
        "np.max(z, 0) 是沿第 0 维的最大值；逐个与 0 比要用 np.maximum": np.mean(
            z.max() - z * y + tail
        ),
    }
    hint = "应等于 −[y ln σ(z) + (1−y) ln(1−σ(z))] 的平均"
    yield value(got, want, "pos_weight=1", hint, traps, form=_MEAN)
    soft = rng.uniform(size=N)
    for label, target, w in (
        ("标签是 0 和 1", y, float(rng.uniform(0.2, 0.6))),
        ("目标是 0 到 1 之间的概率", soft, float(rng.uniform(12, 20))),
    ):
        got, want = call(z, target, w)
        one, zero = np.logaddexp(0, -z) * target, np.logaddexp(0, z) * (1 - target)
        traps = {
            "没有用到 pos_weight": np.mean(one + zero),
            "权重乘到 y = 0 那一项上了：它只乘 −y·ln σ(z)": np.mean(one + w * zero),
            "权重乘在整个损失上了：它只乘 −y·ln σ(z) 这一项": [
                np.mean(w * (one + zero)),
                np.mean((1 + (w - 1) * target) * (one + zero)),
            ],
            "权重乘的是整个 −y·ln σ(z)，它等于 y·ζ(−z)，不只是 −z·y 这一项": np.mean(
                above - w * z * target + tail
            ),
            "少了 ln(1 + e^{−|z|}) 这一项，或只有它没有乘权重": [
                np.mean(w * target * np.maximum(-z, 0) + (1 - target) * above),
                np.mean(w * target * np.maximum(-z, 0) + (1 - target) * above + tail),
            ],
            "权重可以小于 1、可以很大，也可以不是整数：照数乘，不要截": [
                np.mean(v * one + zero) for v in (max(w, 1.0), min(w, 10.0), w**2, int(w))
            ],
            "平均除以样本数 N，不是除以权重之和": [
                N * want / np.sum(1 + (w - 1) * target),
                N * want / np.sum(target > 0),
            ],
            "y 可以是 0 到 1 之间的数：别用 if y == 1 分支，把它当乘数": [
                np.mean(np.where(target == 1, w * np.logaddexp(0, -z), np.logaddexp(0, z))),
                np.mean(np.where(target > 0.5, w * np.logaddexp(0, -z), np.logaddexp(0, z))),
            ],
        }
        hint = "应等于 −[w·y ln σ(z) + (1−y) ln(1−σ(z))] 的平均"
        yield value(got, want, f"pos_weight={w:.2g}，{label}", hint, traps, form=_MEAN)
    yield same_again(call, z, soft, w)
    big = rng.uniform(800, 1000, size=4) * [1, -1, 1, -1]
    got, want = call(big, np.array([0.0, 1.0, 1.0, 1.0]), w)
    infinite = shape_of(got) == () and not np.isfinite(np.asarray(got, dtype=float))
    hint = (
        "e^{900} 溢出，σ(z) 也会先变成 0 或 1：把式子化简到只剩 max(±z, 0) 与 e^{−|z|}"
        if infinite
        else "数值有限但偏小：裁剪概率（clip）会把真实的损失削平，要换式子而不是裁剪"
    )
    yield value(got, want, "错得很自信的大 logit（±900）", hint, weight=0.5)
    single = (rng.uniform(90, 200, size=4) * [1, -1, 1, -1]).astype(np.float32)
    got, want = call(single, np.array([0, 1, 1, 0], dtype=np.float32), w)
    hint = "float32 在 e^{88.7} 就溢出：指数里只能出现 −|z|"
    yield value(got, want, "float32、|z| 上百", hint, rtol=1e-5, weight=0.25)
    sure = rng.uniform(39, 41, size=4) * [1, -1, 1, -1]
    got, want = call(sure, (sure > 0).astype(float), w)
    label = "判得又对又自信（|z| 约 40）"
    hint = (
        "损失极小但不是 0：用 np.log1p(x)，不要 np.log(1 + x)；"
        "也不要先把它加到 40 上再减 40，它会被淹没"
    )
    yield value(got, want, label, hint, rtol=1e-5, atol=0.0, weight=0.5)
    yield call.untouched(weight=0.5)


@exercise(
    "02.6",
    "一个样本查不出的错",
    points=3,
    asks="loss_and_grad(z, y) -> loss, dz",
    allows=[logsumexp],
)
@hints(
    "两行样本就能看出来：z[:, y] 取出来的是什么形状？应当每行只取一个数。",
    "每行取一个数要给两列下标：行号 np.arange(B) 和列号 y。梯度里减 1 也是。"
    "损失是平均，梯度也要除以 B。",
    "p 用 exp(z − LSE) 算就不会溢出；dz 是 p 的副本，在 [np.arange(B), y] 处减 1，再整个除以 B。",
)
def judge_loss_and_grad(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, loss_and_grad)
    K = int(rng.integers(4, 7))
    B = K + int(rng.integers(2, 5))
    z = rng.normal(size=(B, K)) * 2
    y = rng.permutation(np.resize(np.arange(1, K - 1), B))  # class 0 and the last never show
    rows = np.arange(B)
    got, (want, want_dz) = call(z, y)
    loss, dz = yield from parts(got, 2, "loss, dz", want=(want, want_dz))
    hint = "loss 是整批的平均，一个数；每行取一个数要用 z[np.arange(B), y]"
    if shape_of(loss) == z.shape:
        hint = "次序：先 loss，后 dz"
    yield that(shape_of(loss) == (), "loss 是一个数", hint)
    total, p = logsumexp(z), want_dz * B
    p[rows, y] += 1
    matrix = z[:, y]
    traps = {
        "z[:, y] 取出的是 (B, B)：每一行取了全部 B 个标签的列。行号和列号要成对给": [
            np.mean(total - matrix),
            np.mean(total[:, None] - matrix),
            np.mean(np.log(np.exp(z).sum(axis=1, keepdims=True)) - matrix),
        ],
        "loss 取平均，不是求和": B * want,
        "符号反了：损失不会小于 0": -want,
    }
    yield value(loss, want, "loss", "每行是 LSE(z) − z[y]，再对整批取平均", traps)

    def less(*index: Any) -> Array:
        out = p.copy()
        out[index] -= 1
        return out

    columns, whole_rows = less(slice(None), y), less(y)
    traps = {
        "dz[:, y] −= 1 把这些列的每一行都减了：只该减每行自己的那一个": [columns, columns / B],
        "dz[y] −= 1 把标签当成了行号：行号是 np.arange(B)，列号才是 y": [
            whole_rows,
            whole_rows / B,
        ],
        "loss 是平均，所以 dz 要除以 B": B * want_dz,
        "除数是 B，不是 B·K：每个样本只有一个损失": want_dz / K,
        "dz 的符号反了：是 p − y，不是 y − p": [-want_dz, -B * want_dz],
        "只有 p，还没有减 one-hot": [p, p / B],
        "p 与 one-hot 都要除以 B": [p / B - (p - B * want_dz), p - (p - B * want_dz) / B],
        "除数是 B，不是 K": B * want_dz / K,
        "别的类别也有梯度 p/B，不是只有真实类别": [
            np.where(p == B * want_dz, 0, want_dz),
            np.where(p == B * want_dz, 0, B * want_dz),
        ],
        "减 one-hot 用的是标签 y，不是 argmax": (p - np.eye(K)[p.argmax(axis=1)]) / B,
        "这是 softmax 自己的导数，不是损失对 logits 的梯度": [p * (1 - p), p * (1 - p) / B],
    }
    hint = "dz 与 z 同形，是 (p − one-hot) / B；有的类别这一批里没有出现"
    yield value(dz, want_dz, "dz", hint, traps, form=hint)
    yield same_again(call, z, y)
    kept = np.array(dz)
    other, _ = call(z[::-1], y)
    yield from parts(other, 2, "loss, dz")
    yield value(dz, kept, "上一次返回的 dz", _KEPT, weight=0)
    for label, b, k in (("类比样本多", 3, 12), ("只有一个样本", 1, 4), ("只有两类", 5, 2)):
        got, (want, want_dz) = call(rng.normal(size=(b, k)), rng.integers(k, size=b))
        loss, dz = yield from parts(got, 2, "loss, dz")
        hint = "B 与 K 从 z.shape 取，不要由标签猜"
        steps = [value(loss, want, "loss", hint), value(dz, want_dz, "dz", hint)]
        yield as_one(f"{label}（B={b}，K={k}）", steps, weight=0.5)
    huge = z * 4000 + rng.permutation(np.linspace(-9000, 9000, B))[:, None]
    got, (want, want_dz) = call(huge, y)
    loss, dz = yield from parts(got, 2, "loss, dz")
    hint = "每一行减自己的最大值（或用 LSE）以后再取 exp，两处都要"
    if shape_of(loss) == ():
        number = float(np.asarray(loss, dtype=float))
        if np.isposinf(number):
            hint = "p 下溢成 0，ln 0 是无穷：损失直接用 LSE − z[y]，不要对 p 取 ln"
        elif np.isfinite(number) and number < want:
            hint = "损失被削平了：不要裁剪 z，也不要给 p 加小常数，直接用 LSE − z[y]"
    yield value(loss, want, "logits 上千、各行悬殊时的 loss", hint, weight=0.5)
    yield value(dz, want_dz, "logits 上千、各行悬殊时的 dz", hint, weight=0.5, atol=1e-12)
    yield call.untouched(weight=0.5)


# the lesson's own name for it, which is the library's until exercise 02.4 is done
@exercise("02.7", "带类权重与标签平滑的交叉熵", points=4, allows=[logsumexp])
@hints(
    "两个旋钮先都不管：每一行的 log_p = logits − LSE，取出真实类别那一个，取负，求平均。",
    "标签平滑只改目标：真实类别 1 − ε + ε/K，别的类别各 ε/K。损失是 −目标·log_p 在类别上的和。",
    "类权重乘在目标的每一类上：分子是 −Σ 权重·目标·log_p，分母是这一批真实类别的权重之和。",
)
def judge_cross_entropy(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, cross_entropy)
    B, K = int(rng.integers(11, 15)), int(rng.integers(4, 8))
    logits = rng.normal(size=(B, K)) * 2
    y = rng.permutation(np.resize(np.arange(1, K - 1), B))  # class 0 and the last never show
    w = rng.uniform(0.2, 3.0, size=K)
    eps = float(rng.uniform(0.05, 0.3))
    got, right = call(logits, y)
    traps = {
        "对一批样本取平均，不是求和": B * right,
        "符号反了：交叉熵是负的对数概率": -right,
        "除数是样本数 B，不是 B·K：np.mean 用在 (B, K) 的矩阵上了？": right / K,
        "除数是这一批的权重之和 Σ w[y]（不带权时就是 B），不是所有类别的权重之和": B * right / K,
        "log_p[:, y] 取出的是 (B, B)：行号和列号要成对给": -np.mean(
            (logits - logsumexp(logits)[:, None])[:, y]
        ),
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
        "真实类别的目标是 1 − ε + ε/K：平分给 K 类的那一份也有它的": (1 - eps) * hard
        + eps * (K - 1) / K * others,
        "每一类分到的是 ε/K，不是 ε：少除了一个 K": whole,
        "真实类别缩到 1 − ε 以后，每一类还要加 ε/K": (1 - eps) * hard,
        "真实类别的那一份要乘 1 − ε": hard - eps * log_p.mean(),
    }
    smoothed = call(logits, y, label_smoothing=eps)
    yield value(*smoothed, "只带标签平滑", "目标变成 (1−ε)·one-hot + ε/K", traps)
    both = (1 - eps) * picked + eps * (-w[y] * log_p.mean(axis=1)).sum()
    own = -(w * ((1 - eps) * np.eye(K)[y] + eps / K) * log_p).sum()
    traps = {
        "这是“每个样本整个乘 w[y]”那种合并，PyTorch 不是：用那两个样本再对一次号": both
        / w[y].sum(),
        "这是“分母按平滑后的目标加权”那种合并，PyTorch 不是：用那两个样本再对一次号": own
        / (w * ((1 - eps) * np.eye(K)[y] + eps / K)).sum(),
    }
    hint = "合并的办法不是 PyTorch 的：回到题目前的那两个样本，四种组合逐个算出来对号"
    turned = call(logits, y, weight=w, label_smoothing=eps)
    yield value(*turned, "两样一起带", hint, traps)
    yield same_again(call, logits, y, w, eps)
    huge = logits * 500
    hint = "不要先算 softmax 再取 ln，也不要裁剪 logits、给 p 加小常数：用 z − logsumexp(z)"
    steps = [
        value(*call(huge, y), "logits 上千，不带选项", hint),
        value(*call(huge, y, weight=w, label_smoothing=eps), "logits 上千，两样一起带", hint),
    ]
    yield as_one("logits 上千", steps, weight=1.0)
    hint = "B 可以是 1，ε 在 [0, 1) 里都行；K 从 logits.shape 取"
    steps = [
        value(*call(logits[:1], y[:1], w, eps), "只有一个样本", hint),
        value(*call(logits, y, w, 0.8), "ε = 0.8", hint),
    ]
    yield as_one("只有一个样本，以及 ε 很大", steps, weight=0.25)
    yield call.untouched(weight=0.25)
