"""Chapter 02, losses: what each exercise asks, and the library's version of it.

The functions with public names are what the lesson goes on with while an exercise is still open.
They take and return plain NumPy arrays, so this module needs nothing but NumPy.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable, Iterator
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


# --- what the judges share ---------------------------------------------------------------------

_KEPT = "第一次返回的 dz 被后来的调用改掉了：每次要新建一个数组"
_MEAN = "要的是整批的平均，一个数；最后一步少了求平均？"
_FORMULA = "dz 要用公式算：还是用了数值差分、裁剪（clip）了 p 或 λ？也可能中途有量是 float32"
_FIXED = (2, 3, 5, 10, 32, 64, 100, 128, 300)  # divisors that are written into answers


def _scalar(got: Any) -> float | None:
    """The number that an answer gave; None for anything else."""
    return float(np.asarray(got, dtype=float)) if shape_of(got) == () else None


def _digits(step: Step, hint: str) -> Step:
    """``step``, with the ``hint`` that fits here where too few digits are the reason."""
    if not step.detail.startswith("只准到") or step.hint.startswith("结果四舍五入"):
        return step
    detail = f"{step.detail}，要的是每个值的相对误差都小于 10⁻⁹"
    return replace(step, detail=detail, hint=hint)


@contextlib.contextmanager
def _told(tell: Callable[[str], str]) -> Iterator[None]:
    """Lets an error of the answer pass, with the text that ``tell`` makes of its own, if any."""
    try:
        yield
    except (TypeError, ValueError, IndexError, ArithmeticError) as error:
        said = tell(str(error))
        if said:
            error.args = (said,)
        raise


def _below(hint: str, *, of: str = "") -> Callable[[str], str]:
    """Puts ``hint`` below a text that has ``of`` in it."""
    return lambda text: f"{text}\n{hint}" if of in text else ""


def _shapes(B: int, K: int, logits: str) -> Callable[[str], str]:
    """Tells what shapes that do not fit have to do with the number of classes."""

    def tell(text: str) -> str:
        if "out of bounds" in text:
            size = re.search(r"with size (\d+)", text)
            ends = {int(size[1]), K} if size else set[int]()
        elif "broadcast" in text:
            ends = {int(one) for one in re.findall(r"(\d+),?\)", text)}
        else:
            return ""
        if K in ends and ends - {1, K, B}:
            told = f"类数取 {logits}.shape[1]：写死的数、由标签数出来的都会不对"
            return f"{text}\n{told}，有的类别这一批里没有"
        if ends == {B, K}:  # what is told of shapes elsewhere would fit one of the two cases only
            return (
                f"形状 ({B},) 与 ({B}, {K}) 不能逐元素相算。({B},) 的那个若是 y，它是类别编号，"
                f"不是 one-hot；若是每行一个数（最大值、LSE），补上最后一维变成 ({B}, 1)；"
                f"若该每类一个（权重），长度取 {logits}.shape[1]"
            )
        return ""

    return tell


def _few_rows(each: Array, K: int) -> list[float]:
    """Means of a loop over the samples that ends too soon."""
    B = len(each)
    sums = [each[:n].sum() for n in (K, B - 1)]
    return [sums[0] / B, sums[1] / B, sums[0] / K, sums[1] / (B - 1)]


def _by_class(each: Array, y: Array) -> float:
    """Mean of the means of the classes."""
    return float(np.mean([each[y == k].mean() for k in np.unique(y)]))


def _uneven(rng: Rng, B: int, K: int) -> Array:
    """B labels; class 0 and the last never show, and class 1 shows most often."""
    return rng.permutation(np.append(np.resize(np.arange(1, K - 1), B - 1), 1))


def _without(each: Array, left_out: Array) -> list[float]:
    """Means of a loop that passes some samples by."""
    return [float(np.where(left_out, 0, each).mean()), float(each[~left_out].mean())]


_CLASS_0 = "第 0 类也要算：if c 会把类别 0 当成没有"
_EVERY = "前一批对，这一批不对：这里第 0 类与最后一类也出现了，它们的行算对了吗？"
_ROWS = "少算了几行：要走完全部 B 行，是 range(B)，不是 range(K)、range(B − 1)"
_ONE_BASED = "类别从 0 编号：y 就是列号，不用加减 1，也不按出现过的类重新编号（np.unique）"
_ALONG = "softmax 沿每一行，每行的概率加起来是 1；这是沿列（axis=0）的"


# --- the judges --------------------------------------------------------------------------------


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
    more = np.maximum(y, 1)
    stirling = np.where(y > 0, more * np.log(more) - more, 0)
    round_ = np.where(y > 1, 0.5 * np.log(2 * np.pi * more), 0)
    rate = np.exp(z)
    traps = {
        "ln y! 与 z 无关，要去掉": [
            want + one
            for one in (
                factorial,
                stirling.mean(),
                np.where(y > 1, stirling, 0).mean(),
                np.where(y > 1, stirling + round_, 0).mean(),
            )
        ],
        "对 N 个样本取平均，不是求和": [N * want, N * (want + factorial)],
        "除了两次 N：np.mean 里已经除过一次": want / N,
        "除数是样本数 N，不是 N − 1": N * want / (N - 1),
        "符号反了：损失是负的对数似然": -want,
        "网络输出的 z 是 ln λ，不是 λ：ln λ 就是 z": [
            np.mean(rate - y * rate),
            np.mean(z - y * np.log(np.abs(z))),
        ],
        "要自然对数：ln λ 就是 z，不用再取 log10、log2": [
            np.mean(rate - y * z / np.log(base)) for base in (2, 10)
        ],
        "漏了 λ 这一项：−ln e^{−λ} = λ": np.mean(-y * z),
        "计数为 0 的样本也有损失：它是 e^z": np.where(y == 0, 0, rate - y * z).mean(),
        "两项的符号相反：λ 为正，y·ln λ 为负": np.mean(rate + y * z),
        "这是均方误差：这里的噪声是泊松分布，不是高斯": [
            np.mean((rate - y) ** 2),
            np.mean((z - y) ** 2),
        ],
        "除数是样本数 len(z)，不是写死的数，不是计数大于 0 的样本数，也不是计数之和": [
            N * want / n for n in (*_FIXED, np.sum(y > 0), y.sum()) if n != N
        ],
        "λ = e^z：题目给定了，不是 softplus ln(1 + e^z)": np.mean(
            np.logaddexp(0, z) - y * np.log(np.logaddexp(0, z))
        ),
    }
    hint = (
        "从 −ln p(y|λ) 出发，代入 λ = e^z，去掉与 z 无关的项。"
        "拿两个样本对一遍：z = (0, 1)、y = (0, 3) 时是 (e − 2)/2 ≈ 0.359"
    )
    if _scalar(loss) is not None and np.isnan(np.asarray(loss, dtype=float)):
        hint = "取了负数的对数：z 本身就是 ln λ，可以是负的，不要再取 ln"
    yield value(loss, want, "loss", hint, traps, form=_MEAN)
    traps = {
        "loss 是平均，所以 dz 要除以 N": N * want_dz,
        "dz 的符号反了：中心差分可以检验": [-want_dz, -N * want_dz],
        "这是对 λ 的导数，还要乘 dλ/dz = e^z": [(1 - y / rate) / N, 1 - y / rate],
        "y·z 对 z 的导数是 y": [(rate - y * z) / N, rate - y * z, rate / N, rate],
        "多乘了一个 e^z：对 z 求导，e^z 那一项是 e^z，y·z 那一项是 y": [
            (rate - y) * rate / N,
            (rate - y) * rate,
        ],
        "计数为 0 的样本也有梯度：它是 e^z / N": np.where(y == 0, 0, want_dz),
        "e^z 的导数是 e^z 自己，不再乘 z": [(rate * z - y) / N, rate * z - y],
        "z 求导成了常数：e^z 的导数还是 e^z": [(1 - y) / N, 1 - y],
        "公式对，除数不对：除以样本数 len(z)，只除一次，不是写死的数": [
            N * want_dz / n for n in (N * N, N - 1, *_FIXED) if n != N
        ],
    }
    hint = (
        "dz[i] 是 loss 对 z[i] 的导数，形状与 z 相同；用中心差分检验。"
        "z = (0, 1)、y = (0, 3) 时是 (1/2, (e − 3)/2) ≈ (0.5, −0.141)"
    )
    yield _digits(value(dz, want_dz, "dz", hint, traps, form=hint), _FORMULA)
    yield same_again(call, z, y)
    kept = np.array(dz)
    big = rng.uniform(14, 15, size=N)
    got, (want, want_dz) = call(big, rng.poisson(np.exp(big)))
    loss, big_dz = yield from parts(got, 2, "loss, dz")
    hint = "z 可以是任何实数，不要裁剪；y 可以是整数数组，计数可以上百万"
    traps = {"去掉 ln y! 以后，loss 可以是负的：不要取绝对值": -want}
    yield value(loss, want, "计数上百万、y 是整数时的 loss", hint, traps, weight=0.5)
    if shape_of(big_dz) == (N,) and np.asarray(big_dz).dtype.kind in "iu":
        hint = "dz 是整数数组，小数都截掉了：y 是整数时 np.zeros_like(y) 也是；用 np.zeros(len(z))"
    step = value(big_dz, want_dz, "计数上百万、y 是整数时的 dz", hint, weight=0.5)
    yield _digits(step, _FORMULA)
    yield value(dz, kept, "上一次返回的 dz", _KEPT, weight=0)
    low = np.array([-800.0, -800.0, 1.0])
    tiny = rng.permutation([-20.0, -35.0, -100.0, -300.0, -600.0]) + rng.uniform(-1, 1, size=5)
    high = np.append(rng.normal(size=3), rng.uniform(709.4, 709.7))  # overflows at 709.78
    for label, at, counts, hint in (
        ("z 照旧，y 换了", z, y[::-1], "只换 y，loss 与 dz 都要重新算"),
        (
            "z = −800",
            low,
            np.array([0.0, 1.0, 2.0]),
            "λ 下溢成 0，而 ln λ 就是 z，仍是 −800：不要取 ln λ，也不要裁剪 z 或 λ",
        ),
        (
            "z 从 −20 到 −600，计数都是 0",
            tiny,
            np.zeros(5),
            "λ 很小，却存得下，dz 就是 λ / N，相对误差也要小：不要裁剪、置 0，也不要先加 1 再减 1",
        ),
        (
            "z 有一个 700 多",
            high,
            np.array([2.0, 0.0, 1.0, 3.0]),
            "e^z 还没有溢出，照公式算：不要裁剪 z 或 λ",
        ),
        (
            "只有一个样本、计数为 0",
            np.array([0.7]),
            np.array([0.0]),
            "只有一个样本时也成立；样本数用 len(z)",
        ),
    ):
        got, (want, want_dz) = call(at, counts)
        loss, dz = yield from parts(got, 2, "loss, dz")
        steps = [
            value(loss, want, f"{label}：loss", hint, atol=0.0 if at is tiny else None),
            value(dz, want_dz, f"{label}：dz", hint, atol=0.0),
        ]
        if at is tiny:  # few digits of the sum are no few digits of each
            detail = "有的值相对误差不小于 10⁻⁹"
            steps = [
                step
                if step.ok or shape_of(came) != shape
                else replace(step, hint=hint, detail=detail)
                for step, came, shape in zip(steps, (loss, dz), ((), (5,)), strict=True)
            ]
        yield as_one(label, steps, weight=0.0 if at is z or at is tiny else 0.5)
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
    ratio = np.log(p / q)
    traps = {
        "p 与 q 放反了：KL(p‖q) 用 p 加权": kl_divergence(q, p),
        "符号反了：KL 不会小于 0": -want,
        "这是交叉熵 H(p, q)，还要减去 p 自己的熵": -np.sum(p * np.log(q)),
        "ln p 与 ln q 是相减，不是相加": [
            np.sum(p * np.log(p * q)),
            -np.sum(p * np.log(p * q)),
        ],
        "按概率加权求和就够了，不用再除以 K": want / K,
        "这里用自然对数（单位 nat），不是以 2 或 10 为底": [want / np.log(2), want / np.log(10)],
        "每一项照公式带着符号相加：有的项是负的": np.sum(np.abs(p * ratio)),
        "两个方向合起来了：要的只是 KL(p‖q)，权重只是 p": [
            (want + kl_divergence(q, p)) / 2,
            want + kl_divergence(q, p),
        ],
        "这是 q 加权的 ln(p/q)：权重是 p": np.sum(q * ratio),
        "每一项要乘 p：是加权的和": [np.sum(ratio), np.mean(ratio)],
        "是 ln p 减 ln q，不是 ln p 除以 ln q": np.sum(p * np.log(p) / np.log(q)),
        "p 小于 q 的项是负的，也要加上": np.sum(np.where(p > q, p * ratio, 0)),
        "少算了最后几类：类数是 len(p)，不是写死的数": list(np.cumsum(p * ratio)[:-1]),
    }
    hint = (
        "KL(p‖q) = Σ p·(ln p − ln q)。手算对一遍："
        "p = (0.25, 0.75)、q = (0.75, 0.25) 时是 0.5·ln 3 ≈ 0.549（逐类成对，不排序）"
    )
    form = "要对所有类别求和，返回一个数"
    yield value(got, want, "两个普通的分布", hint, traps, form=form)
    hint = "p = q 时应为 0：给 p 或 q 加过小数（+ 1e-12）就不是了"
    yield value(*call(p, p), "两个分布相同", hint, weight=0, atol=1e-12)
    yield same_again(call, p, q)
    yield as_one("p 里有 0", _zeros_of_p(call, p, q, form), weight=0.5)
    yield as_one("p 里有极小的概率", _tiny_p(call, p, q, form), weight=0.5)
    yield as_one("q 在 p 有值的地方是 0 时的值", _zeros_of_q(call, p, q), weight=0.5)
    yield call.untouched(weight=0.25)


def _zeros_of_p(call: Caller, p: Array, q: Array, form: str) -> Steps:
    # some classes p never shows, one of which q does not show either
    K = len(p)
    seen = np.isin(np.arange(K), [0, 2, K - 1])
    some, rest = np.where(seen, p, 0) / p[seen].sum(), q.copy()
    rest[np.flatnonzero(~seen)[-1]] = 0.0
    rest /= rest.sum()
    for label, given, other in (
        ("p 与 q 在同一处是 0 时", some, rest),
        ("p 是 one-hot 时", np.eye(K)[2], q),
    ):
        with _told(_below("p 与 q 要用同一个掩码：由 p > 0 决定", of="shape")):
            got, want = call(given, other)
        here = given > 0
        traps = {}
        if here.sum() > 1:
            traps = {
                "p 为 0 的项跳过，后面的照算：是 continue，不是 break": given[0]
                * np.log(given[0] / other[0]),
                "q 照原样用：挑出 p > 0 的项以后，不要再把它归一化": kl_divergence(
                    given[here], other[here] / other[here].sum()
                ),
            }
        number = _scalar(got)
        hint = "p 里的 0 不该有贡献：先挑出 p > 0 的项再求和，不给 p 或 q 加小数，也不事后换掉 nan"
        if number is not None and np.isposinf(number):
            hint = "只有 p > 0 的地方 q 为 0 才是无穷大；p 为 0 的项是 0，不管 q 是多少"
        elif number is not None and not np.isfinite(number):
            hint = "0·ln 0 在 NumPy 里是 nan，而这里约定为 0：只对 p > 0 的项求和"
        yield value(got, want, label, hint, traps, form=form)


def _tiny_p(call: Caller, p: Array, q: Array, form: str) -> Steps:
    for name, few, other in (
        ("0.0001", 1e-4, 1e-300),
        ("1e-9", 1e-9, 1e-300),
        ("1e-300", 1e-300, 0.5),
    ):
        given, against = np.append(p * (1 - few), few), np.append(q * (1 - other), other)
        got, want = call(given, against)
        number = _scalar(got)
        traps = {}
        hint = f"p 有一类只有 {name}，q 在那里是 {other:g}，都大于 0：这一项照公式算，不加小数"
        if few > other:
            rest = given[:-1] @ np.log(given[:-1] / against[:-1])
            traps = {f"p 是 {name} 的那一类漏掉了：它大于 0，不要设门槛": rest}
            if number is not None and np.isposinf(number):
                hint = f"q 在那里是 {other:g}，不是 0，KL 是有限的：门槛是 0，不是一个小数"
        elif number is not None and not np.isfinite(number):
            hint = "1e-300 再与小数相乘就下溢成 0 了：写成 ln p − ln q，不要先把它们乘在一起"
        yield value(got, want, f"p 有 {name}，q 那里是 {other:g}", hint, traps, form=form)
    got, want = call(np.array([1 - 1e-9, 1e-9]), np.array([1 - 1e-300, 1e-300]))
    hint = (
        "p 与 q 只差一点，KL 很小却不是 0：照公式算，不用 np.allclose 判相等，不设门槛，不四舍五入"
    )
    yield value(got, want, "p 与 q 几乎一样", hint, form=form, atol=0.0)


def _zeros_of_q(call: Caller, p: Array, q: Array) -> Steps:
    K = len(p)
    hot = np.eye(K)[0]
    least = np.where(np.arange(K) == p.argmin(), 0, q)
    for label, given, other, hint in (
        (
            "q 在 p 有值的地方是 0 时",
            hot,
            (1 - hot) / (K - 1),
            "这时 KL 是无穷大：别用 +1e-12、nan_to_num 把它掩盖掉，也别漏掉这一项",
        ),
        (
            "q 在 p 最小的那一类是 0 时",
            p,
            least / least.sum(),
            "不只是 p 最大的那一类：任何一类 p > 0 而 q = 0，KL 就是无穷大",
        ),
        (
            "p 只有 1e-300 的地方 q 是 0",
            np.append(p, 1e-300),
            np.append(q, 0.0),
            "p 再小也大于 0，q 那里是 0，答案就是无穷大：门槛是 0，不是一个小数",
        ),
    ):
        with _told(_below("q 为 0 时答案是无穷大：要返回 np.inf 这个数，不是报错")):
            got, want = call(given, other)
        number = _scalar(got)
        if number is not None and np.isneginf(number):
            hint = "KL 不会小于 0，这里是 +∞：p·(ln p − ln q) 里减去的 ln 0 是 −∞"
        none = "无穷大要返回 np.inf 这个数，不是 None"
        yield value(got, want, label, hint, none=none)


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
    running = losses[0]
    for one in losses[1:]:
        running = (running + one) / 2

    def wrong(base: float) -> dict[str, Any]:
        nat = base > 2
        other = 2.0 if nat else math.e
        return {
            "还没有取指数：这是平均损失": mean,
            "困惑度是平均损失的指数，不是对数": [np.log(mean), np.log2(mean)],
            "各批大小不同：平均损失要按样本数加权": base ** losses.mean(),
            "先平均损失，再取指数；各批的困惑度不能直接平均": [
                np.mean(base**losses),
                np.sum(base**losses * counts) / counts.sum(),
            ],
            (
                "底数要与单位配：nat 用 e，bit 用 2"
                if nat
                else "底数要与单位配：unit 是 'bit'（不是 'bits'）时用 2，损失不用再换单位"
            ): other**mean,
            "损失已经以 unit 为单位，不用再乘或除以 ln 2": [
                base ** (mean / np.log(2)),
                base ** (mean * np.log(2)),
                *(() if nat else (math.e ** (mean / np.log(2)),)),
            ],
            "加权和还要除以样本总数": base ** np.sum(losses * counts),
            "分母除了样本总数，分子也要乘各批的样本数": base ** (losses.sum() / counts.sum()),
            "各批的平均损失不能相加：大批多算，再除以样本总数": base ** losses.sum(),
            "底数是 e 或 2，不是 10": 10.0**mean,
            "少了最后一批": base ** (np.sum((losses * counts)[:-1]) / counts[:-1].sum()),
            "只算了最大的那一批，别的批也有样本": base ** losses[counts.argmax()],
            "平均损失是加权和除以样本总数，不是除以批数": base ** (np.sum(losses * counts) / M),
            "权重是样本数占总数的份额，加起来是 1；不是除以最大的那一批": [
                base ** np.mean(losses * counts / counts.max()),
                base ** np.sum(losses * counts / counts.max()),
            ],
            "逐批取 (m + l) / 2 不是加权平均：越靠后的批占得越多": base**running,
            "权重是样本数本身，不平方，也不开方": [
                base ** (np.sum(losses * w) / w.sum()) for w in (counts**2, counts**0.5)
            ],
            "// 是整除，小数没了：平均损失用 /": base ** (np.sum(losses * counts) // counts.sum()),
            "中途不要四舍五入": [
                *(base ** round(float(mean), n) for n in range(1, 8)),
                *(round(float(base**mean), n) for n in range(8)),
            ],
            "符号反了：困惑度不小于 1": base**-mean,
        }

    hint = (
        "样本合在一起，平均损失是多少？再取指数。对一遍："
        "三批平均 1、3、2，样本 3、1、4 个，合起来的平均是 1.75，困惑度是 e 或 2 的 1.75 次方"
    )
    form = "困惑度是一个数"
    got, want = call(losses, counts, "nat")
    yield value(got, want, "单位是 nat", hint, wrong(math.e), form=form)
    got, want = call(losses, counts, "bit")
    yield value(got, want, "单位是 bit", hint, wrong(2.0), form=form)
    yield same_again(call, losses, counts, "bit")
    yield value(*call(losses, counts[::-1], "bit"), "只换 counts", hint, form=form, weight=0)
    yield value(*call(losses[::-1], counts, "bit"), "只换 losses", hint, form=form, weight=0)
    many = "一批的样本可以有几百、几十万：样本数转成 uint8、int16 会绕回去"
    for times in (7, 30_011):
        got, want = call(losses, counts[::-1] * times, "bit")
        yield value(got, want, "样本很多的几批", many, form=form, weight=0)
    yield as_one("有的批为空", _empty(call, losses, counts, form), weight=0.5)
    yield as_one("有的批平均损失是 0，或者一样", _perfect(call, losses, counts, form), weight=0.25)
    yield as_one("有一批的损失是 inf 或 nan", _infinite(call, form), weight=0.25)
    got, want = call(losses[:1], np.array([1]), "bit")
    hint = "只有一批、一个样本时，困惑度就是它的损失的指数，一个数；有 1 个样本就不是空批"
    yield value(got, want, "只有一批、一个样本", hint, form=form, weight=0.25)
    got, want = call(np.full(3, np.log2(10)), np.array([1, 20, 300]), "bit")
    hint = "每批都是 log2 10 个 bit，合起来还是，困惑度应是类数 10"
    if _scalar(got) is not None and not np.isfinite(np.asarray(got, dtype=float)):
        hint = "几百个样本的指数连乘会溢出：先把损失平均，最后取一次指数"
    yield value(got, want, "每批都是十选一的瞎猜时", hint, weight=0.25)
    yield call.untouched(weight=0.25)


def _empty(call: Caller, losses: Array, counts: Array, form: str) -> Steps:
    M = len(losses)
    for label, holes, unit in (
        ("最后一批为空", [M], ()),
        ("中间连着两批为空", [2, 2], ("bit",)),
        ("开头与中间各有一批为空", [0, 2], ("bit",)),
        ("开头连着两批为空，末尾还有一批", [0, 0, M], ("nat",)),
    ):
        given = np.insert(losses, holes, np.nan), np.insert(counts, holes, 0), *unit
        with _told(_below("losses 与 counts 要用同一个掩码：一个筛过，另一个也要筛", of="shape")):
            got, want = call(*given)
        base = 2.0 if unit == ("bit",) else math.e
        total, n = np.sum(losses * counts), counts.sum()
        traps = {"空批的样本数是 0，不要改成 1": base ** (total / (n + len(holes)))}
        if holes[0]:
            k = holes[0]
            first = np.sum((losses * counts)[:k]) / counts[:k].sum()
            if k < M:
                traps["到空批就停了：跳过它，后面的批照算（continue，不是 break）"] = base**first
        if not unit:
            traps["unit 不写时是 nat"] = 2 ** np.log(want)
        number = _scalar(got)
        hint = "空批不该有影响：把它们去掉，结果应与没有空批时一样"
        if number is not None and np.isnan(number):
            hint = "空的一批平均损失是 nan，0 × nan 还是 nan：它不该有影响"
            if len(holes) > 1:
                hint = "还剩着空批：空批可以不止一个，也可以挨着（一边遍历一边删，会跳过下一个）"
        yield value(got, want, label, hint, traps, form=form)


def _perfect(call: Caller, losses: Array, counts: Array, form: str) -> Steps:
    given = np.insert(losses, 1, 0.0), np.insert(counts, 1, 11)
    got, want = call(*given)
    traps = {
        "平均损失是 0 的一批不是空批：它有样本，全判对了，要算进去": perplexity(losses, counts)
    }
    hint = "平均损失可以是 0：空不空只看样本数"
    yield value(got, want, "有一批的平均损失是 0，样本数不是", hint, traps, form=form)
    got, want = call(np.append(losses, losses[0]), np.append(counts, 29))
    hint = "平均损失碰巧一样的两批，各有各的样本：都要算"
    yield value(got, want, "有两批的平均损失一样", hint, form=form)


def _infinite(call: Caller, form: str) -> Steps:
    hint = "有一个样本的损失是无穷大（给事实的概率是 0），合起来的困惑度就是 np.inf，如实返回"
    for label, losses, counts, unit in (
        ("有一批的损失是无穷大，单位 nat", [np.inf, 1.0], [2, 5], "nat"),
        ("有一批的损失是无穷大，还有一批为空", [np.nan, 1.0, np.inf], [0, 5, 2], "bit"),
        ("空批记的损失是 inf", [1.0, np.inf, 2.0], [2, 0, 3], "nat"),
    ):
        if counts[1] == 0:
            hint = "空不空只看样本数，不看损失是不是 nan：样本数为 0 的批，记的损失是什么都不算"
        with _told(_below("平均损失可以是无穷大：如实返回 np.inf，不是报错")):
            got, want = call(np.array(losses), np.array(counts), unit)
        yield value(got, want, label, hint, form=form)
    got, _ = call(np.array([1.0, np.nan]), np.array([2, 3]))
    number = _scalar(got)
    label, hint = "不空的批损失是 nan", "这一批有样本，损失却是 nan：结果也是 nan，不要把它藏起来"
    yield that(number is not None and np.isnan(number), label, hint, given=got)


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
    dim = "dim、keepdim 是 PyTorch 的名字，NumPy 里叫 axis、keepdims"
    cut = _below("axis 是 −1 时，z.shape[axis + 1:] 是整个形状：用 squeeze(axis)", of="reshape")
    with _told(lambda text: dim if "dim'" in text else cut(text)):
        got, want = call(z)
    m = z.max(axis=1)
    traps = {
        "最后忘了把减掉的最大值加回来": want - m,
        "最后要加回最大值，不是再减一次": want - 2 * m,
        "这是平均，不是求和：sum 写成 mean 了": want - np.log(K),
        "这只是最大值；还要加上 ln Σ exp(z − max)": m,
        "少了取 ln": [np.exp(want), m + np.exp(want - m)],
        "和里已经有 e^0 = 1 这一项，不用再加 1：是 log，不是 log1p": m + np.log1p(np.exp(want - m)),
        "要自然对数 np.log，不是 log10、log2": [
            part
            for base in (2, 10)
            for part in (want / np.log(base), m + (want - m) / np.log(base))
        ],
        "符号反了": -want,
    }
    hint = "应等于 ln Σ exp z，沿最后一维。对一遍：(0, 0) 得 ln 2 ≈ 0.693，(0, ln 3) 得 ln 4"
    form = "沿 axis 求和，这一维要去掉，不保留"
    yield value(got, want, "普通的 logits", hint, traps, form=_lse_form(got, z))
    yield same_again(call, z)
    high = z + rng.uniform(900, 1100)
    high[:, :2] += 3000.0  # far from the row's mean too: only its maximum will do
    for label, given, hint in (
        ("logits 上千", high, "exp 溢出成 inf：先减去这一条的最大值"),
        (
            "logits 在 −850 上下",
            z - rng.uniform(800, 900),
            "exp 全部下溢成 0，ln 0 = −inf：减这一条的最大值，不是绝对值最大的，也不只在大于 0 时",
        ),
        (
            "各行大小悬殊的一批",
            z + rng.permutation(np.append([900.0, -900.0, 5000.0], np.zeros(B - 3)))[:, None],
            "减的是整个矩阵的最大值吧：小的那几行会全部下溢，要每一条减自己的最大值",
        ),
    ):
        got, want = call(given)
        if shape_of(got) == (B,) and np.isfinite(np.asarray(got, dtype=float)).all():
            hint = "结果有限但不对：裁剪、加小数都会改掉真值，要减去这一条的最大值再加回来"
        yield value(got, want, label, hint, form=form, weight=0.5)
    cube = rng.normal(size=tuple(sizes(rng, 3, 2, 6))) * 300
    which = (
        "最大值、求和、squeeze 都用题目给的 axis；"
        "keepdims=True 在哪一维都减得对，[:, None]、[..., 0] 只对一种 axis 对"
    )
    for axis in (0, 1, -1):
        hint = "最大值、求和、去掉的都是 axis 那一维（−1 是最后一维，不论 z 有几维）"
        rest = "只去掉 axis 那一维，其余各维的大小与次序不变：np.moveaxis 行，.T、swapaxes 不行"
        with _told(_below(which)):
            got, want = call(cube, axis)
        if shape_of(got) == cube.shape[:-1]:
            rest = f"axis 没有用上：{hint}"
        if shape_of(got) == want.shape and not np.isfinite(np.asarray(got, dtype=float)).all():
            hint = "溢出了：减的要正好是这一条的最大值，不是别的轴上的，也不是绝对值最大的"
        n = cube.shape[axis]
        traps = {
            "reshape 不会把 axis 那一维挪到最后：先 np.moveaxis(z, axis, -1)": logsumexp(
                cube.reshape(-1, n)
            ).reshape(want.shape)
        }
        yield value(got, want, f"三维，axis={axis}", hint, traps, form=rest, weight=0.25)
    yield as_one("别的维数", _dimensions(call, cube), weight=0.25)
    hint = "只去掉 axis 那一维：大小是 1 的别的维要留着，用 squeeze(axis)，不是 squeeze()"
    steps = (
        value(*call(given), label, hint, form=hint)
        for label, given in (
            ("只有一行", z[:1]),
            ("中间一维是 1", z[:, None]),
            ("最后一维是 1", z[:, :1]),
        )
    )
    yield as_one("有的维大小是 1", steps, weight=0.25)
    yield as_one("有几个值相等", _ties(call, z), weight=0.25)
    far = rng.permuted(np.tile([0.0, -9.0, -15.0, -19.0, -800.0], (3, 1)), axis=1)
    far += np.array([[0.0], [0.5], [700.0]])
    hint = (
        "比最大值小得多的项也要加进去，不设门槛、不四舍五入：(0, −15) 的 LSE 不是 0，约是 e^{−15}"
    )
    yield value(*call(far), "一条里悬殊", hint, form=form, weight=0)
    masked = z.copy()
    masked[:, int(rng.integers(1, K))] = -np.inf
    masked[0, 1:] = -np.inf  # one left
    masked[-1, :2] = -np.inf  # nothing to begin with
    masked[-1, 2] = z[-1, 2]
    masked[2:4] += np.array([[-2e4], [-1e30]])  # whatever number stood for −inf would show here
    got, want = call(masked)
    hint = "遮住的（−inf）不算：exp(−inf) 是 0，不要把它换成别的数"
    if shape_of(got) == (B,) and np.isnan(np.asarray(got, dtype=float)).any():
        hint = "−inf − (−inf) 是 nan：几项都遮住时，不要拿它们互相减"
    elif shape_of(got) == (B,) and np.isneginf(np.asarray(got, dtype=float)).all():
        hint = "有一项遮住，整条就成了 −inf：遮住的只是不在和里，同一条的别的项照算"
    elif shape_of(got) == (B,) and np.isneginf(np.asarray(got, dtype=float)).any():
        hint = "有限的数再小也不算遮住，有限的最大值再小也要减：只有整条都是 −inf 才减 0"
    yield value(got, want, "有几项被遮住时", hint, form=form, weight=0.5)
    masked[1] = -np.inf
    each = "每一条一个数：全被遮住的那一条是 −inf，别的条照算"
    yield as_one("有一条全被遮住", _all_masked(call, masked, each), weight=0.5)
    single = (rng.normal(size=(2, K)) * 200).astype(np.float32)
    hint = "float32 在 e^{88.7} 就溢出：同样先减最大值"
    yield value(*call(single), "float32 的 logits", hint, form=form, rtol=1e-5, weight=0.25)
    yield call.untouched(weight=0.5)


def _lse_form(got: Any, z: Array) -> str:
    """What to say of a result whose shape is wrong."""
    shape = shape_of(got)
    if shape == z.shape:
        came, log_p = np.asarray(got, dtype=float), z - logsumexp(z)[:, None]
        if np.allclose(came, np.exp(log_p)):
            return "这是 softmax；LSE 是它分母的对数，每一条只有一个数"
        if np.allclose(came, log_p):
            return "这是 softmax 的对数 z − LSE；要的是 LSE 本身，每一条只有一个数"
    if shape == z.shape[1:]:
        return "不写 axis 时是最后一维，axis=−1：每一行得一个数，不是每一列"
    if shape == ():
        return "只去掉 axis 那一维：求和没写 axis，或者 z[掩码] 把数组拉成了一条？"
    return "沿 axis 求和，这一维要去掉，不保留"


def _ties(call: Caller, z: Array) -> Steps:
    even = z.copy()
    even[0] = 0.0
    even[1] = even[1, 0]
    even[2, :2] = even[2].max() + 1.0  # two share the maximum
    hint = "相等的值一个也不能少：(0, 0) 的 LSE 是 ln 2，不是 0"
    for label, given, axis in (
        ("有几个值相等", even, -1),
        ("三维，有几个值相等", np.stack([even, even]), 1),
        ("三维，沿 axis=0 两两相等", np.stack([even, even]), 0),
    ):
        yield value(*call(given, axis), label, hint, form=hint)


_ITEM = _below("z 是一维时，求和以后是一个数，不能按下标赋值：用 np.where 挑", of="item assignment")


def _dimensions(call: Caller, cube: Array) -> Steps:
    squeezed = "只去掉 axis 那一维：大小是 1 的别的维要留着，用 squeeze(axis)，不是 squeeze()"
    for label, given, hint in (
        ("三维，不写 axis", (cube,), "axis 不写时是 −1，也就是最后一维"),
        ("三维，axis=−2", (cube, -2), "axis 可以是负的：−1 是最后一维，−2 是倒数第二维"),
        ("一维", (cube[0, 0],), "z 可以是一维：结果是一个数"),
        ("四维，axis=2", (cube[None], 2), "z 可以是任意维，axis 可以是其中任何一维"),
    ):
        with _told(_ITEM if label == "一维" else _below(hint)):
            got, want = call(*given)
        shape = shape_of(got)
        if shape != want.shape and shape == want.squeeze().shape:
            hint = squeezed
        yield value(got, want, label, hint, form=hint)


def _all_masked(call: Caller, masked: Array, form: str) -> Steps:
    others = "只有全遮住的那一条是 −inf，别的条照常算"
    for label, given in (
        ("有一行全被遮住时", (masked,)),
        ("有一列全被遮住时，沿 axis=0", (masked.T, 0)),
        ("三维，有一条全被遮住时", (masked[None],)),
        ("一维，全被遮住时", (masked[1],)),
    ):
        with _told(_ITEM):
            got, want = call(*given)
        hint = "一个都不剩时是 ln 0 = −inf，照实返回"
        if shape_of(got) == want.shape:
            came = np.asarray(got, dtype=float)
            if np.isnan(came).any():
                hint = "整条都是 −inf 时，−inf − (−inf) 成了 nan：这一条的 m 要换成 0"
            elif want.shape and np.isneginf(came).all():
                hint = others
        yield value(got, want, label, hint, form=form, none=others)


@exercise(
    "02.5",
    "带正类权重的二元交叉熵",
    points=3,
    asks="bce_with_logits(z, y, pos_weight=1.0)",
    allows=[logsumexp],
)
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
    z[0] = 0.0
    y = rng.permutation(np.resize([0.0, 1.0, 1.0], N))
    got, want = call(z, y)
    above, tail = np.maximum(z, 0), np.log1p(np.exp(-np.abs(z)))
    ones, zeros = np.logaddexp(0, -z), np.logaddexp(0, z)
    sigma = np.exp(-ones)
    traps = {
        "对 N 个样本取平均，不是求和": N * want,
        "符号反了：损失是负的对数似然，不会小于 0": -want,
        "y 与 1 − y 的位置换了": bce_with_logits(z, 1 - y),
        "z = 0 的样本漏掉了：按 z 的正负分两支，0 也要归到其中一支": want - np.log(2) / N,
        "指数里是 −|z|：写成 +|z| 既不对，也会溢出": np.mean(
            above - z * y + np.log1p(np.exp(np.abs(z)))
        ),
        "指数里是 −|z|，少了绝对值：z 的一半会让它变得很大": [
            np.mean(above - z * y + zeta) for zeta in (ones, zeros)
        ],
        "漏了 −z·y 这一项": np.mean(above + tail),
        "漏了 max(z, 0) 这一项：z > 0 的样本都错了": np.mean(-z * y + tail),
        "np.max(z, 0) 是沿第 0 维的最大值；逐个与 0 比要用 np.maximum": np.mean(
            z.max() - z * y + tail
        ),
        "不写 pos_weight 时它是 1": [bce_with_logits(z, y, w) for w in (0.5, 2, 3, 5, 10)],
        "只有 y 那一项，少了 (1 − y)·ln(1 − σ(z))": np.mean(y * ones),
        "只有 1 − y 那一项，少了 y·ln σ(z)": np.mean((1 - y) * zeros),
        "正负例合在一起，除以样本总数 N；不是各自平均": [
            ones[y == 1].mean() + zeros[y == 0].mean(),
            (ones[y == 1].mean() + zeros[y == 0].mean()) / 2,
        ],
        "除数是样本数 N，不是正例或负例的个数": [N * want / np.sum(y == k) for k in (0, 1)],
        "这是均方误差：要的是负的对数概率": np.mean((sigma - y) ** 2),
        "要自然对数，不是以 2 或 10 为底": [want / np.log(2), want / np.log(10)],
        "除数是样本数 len(z)，不是写死的数": [N * want / n for n in _FIXED if n != N],
    }
    hint = (
        "应等于 −[y ln σ(z) + (1−y) ln(1−σ(z))] 的平均。拿一个样本对一遍："
        "z = 0 时不论 y 都是 ln 2 ≈ 0.693，z = 2、y = 1 时是 0.127，z = 2、y = 0 时是 2.127"
    )
    yield value(got, want, "pos_weight=1", hint, traps, form=_MEAN)
    soft = rng.uniform(size=N)
    capped = "权重可以小于 1、可以很大，也可以不是整数：照数乘，不要截"
    for k, (label, target, w) in enumerate(
        (
            ("标签是 0 和 1", y, float(rng.uniform(2.1, 2.9))),
            ("标签是 0 和 1", y, float(rng.uniform(0.2, 0.4))),
            ("目标是 0 到 1 之间的概率", soft, float(rng.uniform(1200, 2000))),
        )
    ):
        got, want = call(z, target, w)
        one, zero = ones * target, zeros * (1 - target)
        # what pos_weight was not used for at first cannot be what is wrong later
        unweighted = (
            "与 w = 1 时一样：没有用到 pos_weight，还是把 w·y 截到了 1？",
            "权重可以小于 1：照数乘，不要截到 1",
            "y 是小数时没有乘上权重：y == 1 只认恰好是 1 的，把 y 当乘数",
        )[k]
        traps = {
            unweighted: np.mean(one + zero),
            "权重乘到 y = 0 那一项上了：它只乘 −y·ln σ(z)": np.mean(one + w * zero),
            "权重乘在整个损失上了：它只乘 −y·ln σ(z) 这一项": [
                np.mean(w * (one + zero)),
                np.mean((1 + (w - 1) * target) * (one + zero)),
            ],
            "权重乘整个 −y·ln σ(z) = y·ζ(−z)：不只是 −z·y，1 − y 也不能写成 1 − w·y": np.mean(
                above - w * z * target + tail
            ),
            "少了 ln(1 + e^{−|z|}) 这一项，或只有它没有乘权重": [
                np.mean(w * target * np.maximum(-z, 0) + (1 - target) * above),
                np.mean(w * target * np.maximum(-z, 0) + (1 - target) * above + tail),
            ],
            "权重只乘一次：不是它的平方、开方、倒数": [
                np.mean(v * one + zero) for v in (w**2, w**0.5, 1 / w)
            ],
            capped: [
                np.mean(v * one + zero) for v in (min(w, 10.0), min(w, 100.0), int(w), round(w))
            ],
            "平均除以样本数 N，不是除以权重之和": [
                N * want / np.sum(1 + (w - 1) * target),
                N * want / np.sum(target > 0),
                N * want / np.sum(target),
            ],
            "y 可以是 0 到 1 之间的数：别用 if y == 1 分支，把它当乘数": [
                np.mean(np.where(target == 1, w * ones, zeros)),
                np.mean(np.where(target == 1, w * ones, (target == 0) * zeros)),
                np.mean(np.where(target > 0.5, w * ones, zeros)),
                np.mean(np.where(target > 0.5, w, 1) * (one + zero)),
            ],
        }
        hint = (
            "应等于 −[w·y ln σ(z) + (1−y) ln(1−σ(z))] 的平均。"
            "y 全取 0，应与 w 无关；只有 z = 0、y = 0.5，w = 3 时是 2·ln 2 ≈ 1.386"
        )
        yield value(got, want, f"pos_weight={w:.4g}，{label}", hint, traps, form=_MEAN)
    yield same_again(call, z, soft, w)
    yield value(*call(z, soft[::-1], w), "只换 y", hint, form=_MEAN, weight=0)
    big = rng.uniform(800, 1000, size=6) * [1, -1, 1, -1, 30, -30]
    got, want = call(big, np.array([0.0, 1.0, 1.0, 1.0, 0.0, 1.0]), w)
    number = _scalar(got)
    hint = "数值有限但不对：裁剪（clip）z 或概率、给概率加小常数，都会把真实的损失削平，要换式子"
    if number is not None and not np.isfinite(number):
        hint = "e^{900} 溢出，σ(z) 也会先变成 0 或 1：把式子化简到只剩 max(±z, 0) 与 e^{−|z|}"
    yield value(got, want, "错得很自信的大 logit（±900、±30,000）", hint, weight=0.5)
    single = (rng.uniform(90, 200, size=4) * [1, -1, 1, -1]).astype(np.float32)
    got, want = call(single, np.array([0, 1, 1, 0], dtype=np.float32), w)
    hint = "float32 在 e^{88.7} 就溢出：指数里只能出现 −|z|"
    yield value(got, want, "float32、|z| 上百", hint, rtol=1e-5, weight=0.25)
    sure = rng.uniform(39, 41, size=4) * [1, -1, 1, -1]
    surer = rng.uniform(600, 700, size=4) * [1, -1, 1, -1]
    hint = (
        "损失极小但不是 0：用 np.log1p(x)，不要 np.log(1 + x)，也不设门槛；"
        "也不要先把它加到 40 上再减 40，它会被淹没"
    )
    steps = (
        value(
            *call(given, (given > 0).astype(float), weight),
            f"判得又对又自信（|z| 约 {size}），pos_weight={weight:.4g}",
            hint,
            rtol=1e-5,
            atol=0.0,
        )
        for size, given in ((40, sure), (650, surer))
        for weight in (w, 1.0)
    )
    yield as_one("判得又对又自信", steps, weight=0.5)
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
    y = _uneven(rng, B, K)
    z[0, y[0]] = z[0].max() + 1.0  # one that is right
    rows = np.arange(B)
    with _told(_shapes(B, K, "z")):
        got, (want, want_dz) = call(z, y)
    loss, dz = yield from parts(got, 2, "loss, dz", want=(want, want_dz))
    hint = "loss 是整批的平均，一个数；每行取一个数要用 z[np.arange(B), y]"
    if shape_of(loss) == z.shape:
        hint = "次序：先 loss，后 dz"
    yield that(shape_of(loss) == (), "loss 是一个数", hint)
    total, p, hot = logsumexp(z), want_dz * B, np.eye(K)[y]
    p[rows, y] += 1
    each = total - z[rows, y]
    down = logsumexp(z, 0)  # along the columns
    matrix = z[:, y]
    traps: dict[str, Any] = {
        "z[:, y] 取出的是 (B, B)：每一行取了全部 B 个标签的列。行号和列号要成对给": [
            np.mean(total - matrix),
            np.mean(total[:, None] - matrix),
            np.mean(np.log(np.exp(z).sum(axis=1, keepdims=True)) - matrix),
        ],
        "loss 取平均，不是求和": B * want,
        "符号反了：损失不会小于 0": -want,
        "除数是 B，不是 B·K：np.mean 用在 (B, K) 的矩阵上了？": want / K,
        "忘了把减掉的最大值加回来": want - z.max(axis=1).mean(),
        "少了 LSE(z)，只取了真实类别的 logit": -z[rows, y].mean(),
        "取的是最大的那一类，不是真实类别 y": np.mean(total - z.max(axis=1)),
        "要自然对数，不是 log2、log10": [want / np.log(2), want / np.log(10)],
        "判对的样本也有损失：−ln p 只在 p = 1 时是 0": [
            np.where(z.argmax(axis=1) == y, 0, each).mean(),
            each[z.argmax(axis=1) != y].mean() if (z.argmax(axis=1) != y).any() else np.nan,
        ],
        "先按类平均再平均，只在各类一样多时才对：B 个样本一起平均": _by_class(each, y),
        "先取对数再平均：−ln p 的平均，不是平均的 p 的对数": -np.log(np.exp(-each).mean()),
        "只算了第一个样本": each[0],
        _ROWS: _few_rows(each, K),
        _ONE_BASED: [np.mean(total - z[rows, y + k]) for k in (-1, 1)],
        _ALONG: [np.mean(down[y] - z[rows, y]), np.mean(down.mean() - z[rows, y])],
        "这是均方误差：要的是 −ln p": [np.mean((p - hot) ** 2), np.sum((p - hot) ** 2) / B],
        "除数是样本数 B = len(z)，不是写死的数，也不是类数": [
            B * want / n for n in _FIXED if n != B
        ],
    }
    hint = (
        "每行是 LSE(z) − z[y]，y 是这一行自己的标签，再对整批取平均。"
        "拿上面那一格的三个样本对一遍，那里印着应有的平均"
    )
    yield value(loss, want, "loss", hint, traps)

    def less(*index: Any) -> Array:
        out = p.copy()
        out[index] -= 1
        return out

    columns, whole_rows, e = less(slice(None), y), less(y), p - hot
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
        "p 与 one-hot 都要除以 B": [p / B - hot, p - hot / B],
        "除数是 B，不是 K": B * want_dz / K,
        "别的类别也有梯度 p/B，不是只有真实类别": [np.where(hot, e, 0) / B, np.where(hot, e, 0)],
        "减 one-hot 用的是标签 y，不是 argmax": (p - np.eye(K)[p.argmax(axis=1)]) / B,
        "这是 softmax 自己的导数，不是损失对 logits 的梯度": [p * (1 - p), p * (1 - p) / B],
        "这是 MSE 的梯度；交叉熵的是 p − one-hot": [
            2 * p * (e - (p * e).sum(axis=1, keepdims=True)) / n for n in (1, B, B * K)
        ],
        "每一行减自己的 one-hot，不是整批里各类所占的比例": [
            (p - hot.mean(axis=0)) / n for n in (1, B)
        ],
        "只减了第一个样本的 one-hot：每一行都要减": [less(0, y[0]) / n for n in (1, B)],
        _ROWS: [less(rows[:n], y[:n]) / m for n in (K, B - 1) for m in (1, B)],
        _ONE_BASED: [less(rows, y + k) / n for k in (-1, 1) for n in (1, B)],
        _ALONG: [(np.exp(z - down) - hot) / n for n in (1, B)],
        "公式对，除数不对：除以样本数 B = len(z)，不是写死的数": [
            B * want_dz / n for n in (B * B, *_FIXED) if n != B
        ],
    }
    hint = (
        "dz 与 z 同形，是 (p − one-hot) / B：每一行加起来应是 0，"
        "只有真实类别那一个是负的；先看第一处不对的那一行"
    )
    step = value(dz, want_dz, "dz", hint, traps, form=hint)
    yield _digits(step, _FORMULA)
    yield same_again(call, z, y)
    kept = np.array(dz)
    all_of_them = rng.permutation(np.resize(np.arange(K), B))
    got, (want, want_dz) = call(z, all_of_them)
    loss, new_dz = yield from parts(got, 2, "loss, dz")
    yield value(dz, kept, "上一次返回的 dz", _KEPT, weight=0)
    first = all_of_them == 0
    each = total - z[rows, all_of_them]
    steps = [
        value(loss, want, "每一类都出现：loss", _EVERY, {_CLASS_0: _without(each, first)}),
        value(
            new_dz,
            want_dz,
            "每一类都出现：dz",
            _EVERY,
            {
                _CLASS_0: [
                    np.where(first[:, None], 0, want_dz),
                    want_dz + np.eye(K)[0] * first[:, None] / B,
                ]
            },
        ),
    ]
    yield as_one("每一类都出现", steps, weight=0.25)
    for label, b, k in (
        ("类比样本多", 3, 12),
        ("只有一个样本", 1, 4),
        ("只有两类", 5, 2),
        ("只有一类", 2, 1),
    ):
        with _told(_shapes(b, k, "z")):
            got, (want, want_dz) = call(rng.normal(size=(b, k)), rng.integers(k, size=b))
        loss, dz = yield from parts(got, 2, "loss, dz")
        hint = "B 与 K 从 z.shape 取，不要写死，也不要由标签猜"
        if k == 1 and _tiny(loss) and _tiny(dz):
            hint = f"只有一类时 p 是 1，loss 与 dz 是 0：{_KEEP}"
        steps = [
            value(loss, want, f"{label}（B={b}，K={k}）：loss", hint),
            value(dz, want_dz, f"{label}（B={b}，K={k}）：dz", hint),
        ]
        yield as_one(f"{label}（B={b}，K={k}）", steps, weight=0.5 if k > 1 else 0.0)
    yield from _small_shares(call, rng)
    huge = z * 4000 + rng.permutation(np.linspace(-9000, 9000, B))[:, None]
    got, (want, want_dz) = call(huge, y)
    loss, dz = yield from parts(got, 2, "loss, dz")
    hint = "每一行减自己的最大值（减别的数还会溢出；或用 LSE）以后再取 exp，两处都要"
    number = _scalar(loss)
    stable = shape_of(dz) == z.shape and np.isfinite(np.asarray(dz, dtype=float)).all()
    if number is not None and not np.isfinite(number) and stable:
        hint = (
            "dz 是好的，损失溢出了：直接用 LSE − z[y]。对下溢成 0 的 p 取 ln 得 inf，再乘 0 是 nan"
        )
    elif number is not None and np.isfinite(number) and number < want:
        hint = "损失被削平了：不要裁剪 z，也不要给 p 加小常数，直接用 LSE − z[y]"
    yield value(loss, want, "logits 上千、各行悬殊时的 loss", hint, weight=0.5)
    yield value(dz, want_dz, "logits 上千、各行悬殊时的 dz", hint, weight=0.5, atol=1e-12)
    yield call.untouched(weight=0.5)


_KEEP = "p 不裁剪（clip）、不加小常数、不置 0，exp 的参数也不设下限"


def _tiny(got: Any) -> bool:
    return shape_of(got) is not None and bool(np.all(np.abs(np.asarray(got, float)) < 0.01))


def _small_shares(call: Caller, rng: Rng) -> Steps:
    """dz of the classes that get hardly anything, right to nine digits down to what is stored."""
    gaps = np.array([0.0, -7.0, -15.0, -40.0, -100.0, -300.0, -650.0, -900.0])
    z = rng.permuted(np.tile(gaps, (3, 1)), axis=1)
    for row, column, small in ((0, -1, -100.0), (1, 0, -40.0)):  # nor what 1 less the others is
        at = np.flatnonzero(z[row] == small)[0]
        z[row, at], z[row, column] = z[row, column], small
    z += rng.normal(size=(3, 1))
    y = np.array([z[0].argmax(), z[1].argmin(), np.flatnonzero(z[2].argsort().argsort() == 4)[0]])
    got, (_, want) = call(z, y)
    _, dz = yield from parts(got, 2, "loss, dz")
    label, hint = "很小的概率：dz", f"别的类别的 dz 是 p / B，p 再小也要准：{_KEEP}"
    own = np.eye(8, dtype=bool)[y]
    if shape_of(dz) == z.shape:
        came = np.asarray(dz, dtype=float)
        near = (
            value(came[own], want[own], label).ok
            and value(came[~own], want[~own], label, atol=0.0).ok
        )
        yield that(near, label, hint, "有的值相对误差不小于 10⁻⁹", given=got)
    else:
        yield value(dz, want, label, hint, form=hint, weight=0)


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
    y = _uneven(rng, B, K)
    w = rng.uniform(0.2, 3.0, size=K)
    eps = float(rng.uniform(0.05, 0.3))
    rows, shapes = np.arange(B), _shapes(B, K, "logits")
    try:
        with _told(shapes):
            got, right = call(logits, y)
    except TypeError as error:
        if "NoneType" in str(error):  # not the forgotten return that None means elsewhere
            error.args = ("weight 没给时就是 None，这一行拿它来算了：没给权重，就是全部 w_k = 1",)
        raise
    log_p = logits - logsumexp(logits)[:, None]
    down, each = logits - logsumexp(logits, 0), -log_p[rows, y]
    traps: dict[str, Any] = {
        "对一批样本取平均，不是求和": B * right,
        "符号反了：交叉熵是负的对数概率": -right,
        (
            "小了 K 倍：np.mean 用在 (B, K) 的矩阵上，除了 B·K？还是权重先除过 w.sum()，又除了 B？"
            "除数是这一批的 Σ w[y]，不带权时就是 B"
        ): right / K,
        "除数是这一批的权重之和 Σ w[y]（不带权时就是 B），不是所有类别的权重之和": B * right / K,
        "[:, y] 取出的是 (B, B)，不是每行一个：行号 np.arange(B) 与列号 y 要成对给": [
            -np.mean(log_p[:, y]),
            -np.sum(log_p[:, y]) / B,
            -np.sum((np.eye(K)[y] * log_p)[:, y]) / B,
            -np.sum(log_p[:, np.unique(y)]) / B,
        ],
        "[y] 把标签当成了行号：行号 np.arange(B) 与列号 y 要成对给": [
            -np.sum(log_p[np.unique(y)]) / B,
            -np.sum(log_p[y]) / B,
        ],
        "少了 LSE，只取了真实类别的 logit": -logits[rows, y].mean(),
        "忘了把减掉的最大值加回来": right - logits.max(axis=1).mean(),
        "取的是最大的那一类，不是真实类别 y": -log_p.max(axis=1).mean(),
        "要自然对数，不是 log2、log10": [right / np.log(2), right / np.log(10)],
        "这是先按类平均再平均：weight 没给时全部 w_k = 1，不要由标签算权重": _by_class(each, y),
        _ROWS: _few_rows(each, K),
        _ONE_BASED: [-log_p[rows, y + k].mean() for k in (-1, 1)],
        _ALONG: -down[rows, y].mean(),
        "ε = 0 时目标应是 one-hot：ε 与 1 − ε 放反了，成了各类平分": -log_p.mean(),
        "不写 label_smoothing 时它是 0": [
            (1 - e) * right - e * log_p.mean() for e in (0.05, 0.1, 0.2)
        ],
        "除数是样本数 B = len(logits)，不是写死的数": [B * right / n for n in _FIXED if n != B],
    }
    hint = (
        "先算 log_p = z − logsumexp(z)，再取出真实类别那一列，取负，求平均。"
        "拿上一格的两个样本对一遍：那里印着 ln p，类别 0 与 2 各取一个"
    )
    yield value(got, right, "不带任何选项", hint, traps, form=_MEAN, weight=1.5)
    all_of_them = rng.permutation(np.resize(np.arange(K), B))
    traps = {_CLASS_0: _without(-log_p[rows, all_of_them], all_of_them == 0)}
    yield value(*call(logits, all_of_them), "每一类都出现", _EVERY, traps, weight=0.25)
    label = "只带类权重"
    try:
        with _told(_below("问给没给权重，写 weight is None", of="ambiguous")):
            got, want = call(logits, y, weight=w)
    except TypeError as error:
        if "unexpected keyword argument 'weight'" not in str(error):
            raise
        hint = "参数的名字改了：要叫 weight 与 label_smoothing，下一格就用这两个名字来调用"
        yield that(False, label, hint, "没有叫 weight 的参数")
        return
    picked = want * w[y].sum()
    scaled = logits * w
    traps = {
        "带权时除以 Σ w[y]，不是除以 B：这是加权平均": picked / B,
        "除数是这一批样本的权重之和 Σ w[y]，不是所有类别的权重之和或平均": [
            picked / w.sum(),
            picked / (B * w.mean()),
        ],
        (
            "与不带权时一样：没有用到 weight，还是逐个除以 w[y]，权重约掉了？"
            "分子、分母先各自求和，再相除"
        ): right,
        "权重乘在损失上，不是乘在 logits 上": np.mean(logsumexp(scaled) - scaled[rows, y]),
        "权重只乘一次": np.sum(w[y] ** 2 * each) / w[y].sum(),
        "每个样本的损失乘 weight[y]，不是除": [
            np.sum(each / w[y]) / n for n in (B, w[y].sum(), (1 / w[y]).sum())
        ],
    }
    hint = (
        "每个样本的损失乘 weight[y]，再除以这些权重之和。"
        "权重全乘 10，结果应不变；只有一个样本时，应与不带权一样"
    )
    yield value(got, want, label, hint, traps)
    yield from _smoothing(call, logits, y, eps)
    hard, flat = each.mean(), -log_p.mean(axis=1)  # of each sample: the true class, all classes
    target = (1 - eps) * np.eye(K)[y] + eps / K
    own, below = -(w * target * log_p).sum(), (w * target).sum()
    by_label = ((1 - eps) * picked + eps * (w[y] * flat).sum(), w[y].sum())
    traps = {
        "这是“每个样本整个乘 w[y]”那种合并，PyTorch 不是：用那两个样本再对一次号": by_label[0]
        / by_label[1],
        "这是“分母按平滑后的目标加权”那种合并，PyTorch 不是：用那两个样本再对一次号": own / below,
        "分子是“每个样本整个乘 w[y]”，分母“按平滑后的目标加权”：PyTorch 不是这一种": by_label[0]
        / below,
        "带 weight 时没有用到 label_smoothing": picked / w[y].sum(),
        "带 label_smoothing 时没有用到 weight": (1 - eps) * hard + eps * flat.mean(),
        "一起带时除以的是 B：权重要进分母": [own / B, by_label[0] / B],
        "平滑分出去的 ε 那一份没有带上权重": (1 - eps) * picked / w[y].sum() + eps * flat.mean(),
        "平滑分出去的那一份除以了别的数：整个分子除以同一个分母": (1 - eps) * picked / w[y].sum()
        - eps * (w * log_p).sum() / (B * w.sum()),
    }
    hint = "合并的办法不是 PyTorch 的：回到题目前的那两个样本，四种组合逐个算出来对号"
    turned = call(logits, y, weight=w, label_smoothing=eps)
    yield value(*turned, "两样一起带", hint, traps)
    yield same_again(call, logits, y, w, eps)
    yield as_one("logits 上千", _huge(call, rng, logits, y, w, eps), weight=1.0)
    hint = "B 可以是 1：类权重约掉了，剩下的是这个样本自己的损失"
    steps = [value(*call(logits[:1], y[:1], w), "只有一个样本，带类权重", hint)]
    hint = "B 可以是 1，K 可以比 B 大：都从 logits.shape 取"
    steps += [value(*call(logits[:1], y[:1], w, eps), "只有一个样本，两样一起带", hint)]
    wide, labels = rng.normal(size=(3, 12)), np.array([11, 0, 5])
    with _told(_shapes(3, 12, "logits")):
        got, want = call(wide, labels, rng.uniform(0.2, 3.0, size=12), eps)
    steps += [value(got, want, "类比样本多（B=3，K=12）", hint)]
    hint = "ε 在 [0, 1) 里都行：照数用，不要截"
    steps += [value(*call(logits, y, w, 0.8), "ε = 0.8", hint)]
    yield as_one("别的 B 与 K，以及 ε 很大", steps, weight=0.25)
    yield call.untouched(weight=0.25)


def _smoothing(call: Caller, logits: Array, y: Array, eps: float) -> Steps:
    B, K = logits.shape
    log_p = logits - logsumexp(logits)[:, None]
    true, flat = log_p[np.arange(B), y].mean(), log_p.mean()
    others = (K * flat - true) / (K - 1)
    guess = (1 - eps) * np.exp(log_p) + eps / K
    traps = {
        "ε 平分给全部 K 类（含真实类），不是其余 K − 1 类": -(1 - eps) * true - eps * others,
        "没有用到 label_smoothing": -true,
        "目标是整数数组，小数都截掉了：用 float64": 0.0,
        "真实类别的目标是 1 − ε + ε/K：平分给 K 类的那一份也有它的": -(1 - eps) * true
        - eps * (K - 1) / K * others,
        "每一类分到的是 ε/K，不是 ε：少除了一个 K": -(1 - eps) * true - eps * K * flat,
        "真实类别缩到 1 − ε 以后，每一类还要加 ε/K": -(1 - eps) * true,
        "真实类别的那一份要乘 1 − ε": -true - eps * flat,
        "平滑了两次：目标只换一次": [
            -(1 - e) * true - e * flat for e in (1 - (1 - eps) ** 2, eps**2)
        ],
        "平滑的是目标，不是预测的概率 p": -np.log(guess[np.arange(B), y]).mean(),
        "ε 与 1 − ε 放反了：真实类别留 1 − ε": -eps * true - (1 - eps) * flat,
        "K 是 logits 的列数：不是这一批里出现的类数，也不是写死的数": [
            -(1 - eps) * true - eps * K / k * flat
            for k in {len(np.unique(y)), int(y.max()) + 1, B, 2, 3, 10} - {K}
        ],
    }
    hint = (
        "目标变成 (1−ε)·one-hot + ε/K，每一行加起来仍是 1；损失是 −Σ 目标·log_p。"
        "对一遍：K = 10、ε = 0.1 时，目标是 0.91 与九个 0.01，这一批里没有的类也有一份"
    )
    got, want = call(logits, y, label_smoothing=eps)
    yield value(got, want, "只带标签平滑", hint, traps)


def _huge(call: Caller, rng: Rng, logits: Array, y: Array, w: Array, eps: float) -> Steps:
    B = len(logits)
    apart = rng.permutation(np.linspace(-9000, 9000, B))[:, None]
    for label, given, hint in (
        (
            "logits 都在 2000 上下",
            logits + 2000,
            "exp 溢出成 inf：用 z − logsumexp(z)，不要直接对 z 取 exp",
        ),
        (
            "各行大小悬殊",
            logits + apart,
            "减的是整个矩阵的最大值吧：小的那几行会全部下溢，要每一行减自己的最大值",
        ),
        (
            "logits 上千",
            logits * 500,
            "p 下溢成 0，ln 0 就坏了：log_p 直接用 z − logsumexp(z)，不要先算出 p 再取 ln",
        ),
    ):
        for options in ((), (w, eps)):
            got, want = call(given, y, *options)
            said = hint
            if _scalar(got) is not None and np.isfinite(np.asarray(got, dtype=float)):
                said = "结果有限但不对：不要裁剪 logits，也不要给 p 加小常数，用 z − logsumexp(z)"
            which = "两样一起带" if options else "不带选项"
            yield value(got, want, f"{label}，{which}", said)
