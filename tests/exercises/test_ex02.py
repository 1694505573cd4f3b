"""Chapter 02: the right answers pass, each typical mistake gets its own hint, the oracle agrees."""

import numpy as np
import pytest

from aigc_course.exercises import ex02
from aigc_course.exercises.core import judge

RIGHT = {
    "02.1": ex02.huber_loss,
    "02.2": ex02.kl_divergence,
    "02.3": ex02.logsumexp,
    "02.4": ex02.bce_with_logits,
    "02.5": ex02.cross_entropy,
}


def unfinished(*args, **kwargs):
    raise NotImplementedError


# --- typical mistakes --------------------------------------------------------------------------


def huber_gap(y_hat, y, delta=1.0):
    r = np.abs(y_hat - y)
    return np.mean(np.where(r <= delta, 0.5 * r**2, delta * r))


def huber_no_half(y_hat, y, delta=1.0):
    r = np.abs(y_hat - y)
    return np.mean(np.where(r <= delta, r**2, delta * (r - 0.5 * delta)))


def huber_signed(y_hat, y, delta=1.0):
    r = y_hat - y
    return np.mean(np.where(r <= delta, 0.5 * r**2, delta * (r - 0.5 * delta)))


def huber_fixed(y_hat, y, delta=1.0):
    return ex02.huber_loss(y_hat, y, 1.0)


def huber_sum(y_hat, y, delta=1.0):
    return ex02.huber_loss(y_hat, y, delta) * len(y)


def huber_each(y_hat, y, delta=1.0):
    r = np.abs(y_hat - y)
    return np.where(r <= delta, 0.5 * r**2, delta * (r - 0.5 * delta))


def huber_in_place(y_hat, y, delta=1.0):
    y_hat -= y
    return ex02.huber_loss(y_hat, np.zeros_like(y), delta)


def kl_swapped(p, q):
    return ex02.kl_divergence(q, p)


def kl_cross(p, q):
    return -np.sum(p * np.log(q))


def kl_nan(p, q):
    return np.sum(p * np.log(p / q))


def kl_hidden(p, q):
    seen = p > 0
    return np.sum(p[seen] * np.log((p[seen]) / (q[seen] + 1e-300)))


def kl_bits(p, q):
    return ex02.kl_divergence(p, q) / np.log(2)


def lse_naive(z):
    return np.log(np.exp(z).sum(axis=1))


def lse_forgot(z):
    m = z.max(axis=1, keepdims=True)
    return np.log(np.exp(z - m).sum(axis=1))


def lse_global(z):
    m = z.max()
    return m + np.log(np.exp(z - m).sum(axis=1))


def lse_keepdims(z):
    return ex02.logsumexp(z)[:, None]


def lse_clipped(z):
    m = np.maximum(z.max(axis=1), 0)
    return m + np.log(np.exp(z - m[:, None]).sum(axis=1))


def bce_naive(z, y):
    s = 1 / (1 + np.exp(-z))
    return -np.mean(y * np.log(s) + (1 - y) * np.log(1 - s))


def bce_clip(z, y):
    s = np.clip(1 / (1 + np.exp(-z)), 1e-12, 1 - 1e-12)
    return -np.mean(y * np.log(s) + (1 - y) * np.log(1 - s))


def bce_sign(z, y):
    return np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(np.abs(z))))


def bce_swapped(z, y):
    return ex02.bce_with_logits(z, 1 - y)


def bce_branch(z, y):
    return np.mean(np.where(y == 1, np.logaddexp(0, -z), np.logaddexp(0, z)))


def bce_log(z, y):
    return np.mean(np.maximum(z, 0) - z * y + np.log(1 + np.exp(-np.abs(z))))


def bce_sum(z, y):
    return ex02.bce_with_logits(z, y) * len(z)


def ce_naive(logits, y, weight=None, label_smoothing=0.0):
    e = np.exp(logits)
    p = e / e.sum(axis=1, keepdims=True)
    return -np.mean(np.log(p[np.arange(len(y)), y]))


def ce_plain(logits, y, weight=None, label_smoothing=0.0):
    return ex02.cross_entropy(logits, y, None, label_smoothing)


def ce_weight_only(logits, y, weight=None, label_smoothing=0.0):
    return ex02.cross_entropy(logits, y, weight)


def ce_weight_by_batch(logits, y, weight=None, label_smoothing=0.0):
    w = np.ones(logits.shape[1]) if weight is None else weight
    return ex02.cross_entropy(logits, y, weight, label_smoothing) * w[y].sum() / len(y)


def ce_others(logits, y, weight=None, label_smoothing=0.0):
    K = logits.shape[1]
    if not label_smoothing:
        return ex02.cross_entropy(logits, y, weight)
    return ex02.cross_entropy(logits, y, weight, label_smoothing * K / (K - 1))


def ce_weight_of_label(logits, y, weight=None, label_smoothing=0.0):
    w = np.ones(logits.shape[1]) if weight is None else weight
    log_p = logits - ex02.logsumexp(logits)[:, None]
    hard = -log_p[np.arange(len(y)), y]
    loss = (1 - label_smoothing) * hard - label_smoothing * log_p.mean(axis=1)
    return (w[y] * loss).sum() / w[y].sum()


def ce_sum(logits, y, weight=None, label_smoothing=0.0):
    return ex02.cross_entropy(logits, y, weight, label_smoothing) * len(y)


WRONG = [
    ("02.1", huber_gap, "没接上：直线那一段要减去"),
    ("02.1", huber_no_half, "少了 1/2"),
    ("02.1", huber_signed, "误差的绝对值：很大的负误差"),
    ("02.1", huber_fixed, "写死成 1"),
    ("02.1", huber_sum, "不是求和"),
    ("02.1", huber_each, "少了求平均"),
    ("02.1", huber_in_place, "被原地修改"),
    ("02.2", kl_swapped, "放反了"),
    ("02.2", kl_cross, "这是交叉熵"),
    ("02.2", kl_nan, "0·ln 0"),
    ("02.2", kl_hidden, "别用 +1e-12"),
    ("02.2", kl_bits, "以 2 为底"),
    ("02.3", lse_naive, "溢出成 inf"),
    ("02.3", lse_forgot, "忘了把减掉的最大值加回来"),
    ("02.3", lse_global, "整个矩阵的最大值"),
    ("02.3", lse_keepdims, "不保留那一维"),
    ("02.3", lse_clipped, "只在大于 0 时减"),
    ("02.4", bce_naive, "化简到只剩 z"),
    ("02.4", bce_clip, "裁剪概率"),
    ("02.4", bce_sign, "写成 +|z|"),
    ("02.4", bce_swapped, "位置换了"),
    ("02.4", bce_branch, "别用 if y == 1"),
    ("02.4", bce_log, "np.log1p(x)"),
    ("02.4", bce_sum, "不是求和"),
    ("02.5", ce_naive, "不要先算 softmax"),
    ("02.5", ce_plain, "没有用到 weight"),
    ("02.5", ce_weight_only, "没有用到 label_smoothing"),
    ("02.5", ce_weight_by_batch, "这是加权平均"),
    ("02.5", ce_others, "不是其余 K − 1 类"),
    ("02.5", ce_weight_of_label, "乘它自己的 weight[k]"),
    ("02.5", ce_sum, "不是求和"),
]


@pytest.mark.parametrize("id", RIGHT)
def test_the_right_answer_passes_with_every_seed(id):
    for seed in [None, *range(20)]:
        result = judge(id, RIGHT[id], seed=seed)
        assert result.passed, str(result)


@pytest.mark.parametrize(
    ("id", "answer", "words"), WRONG, ids=[f"{i}-{f.__name__}" for i, f, _ in WRONG]
)
def test_a_typical_mistake_gets_its_own_hint(id, answer, words):
    for seed in range(5):
        result = judge(id, answer, seed=seed)
        assert result.status == "failed", str(result)
        assert words in str(result)


@pytest.mark.parametrize("id", RIGHT)
def test_hints_of_different_mistakes_differ(id):
    texts = [judge(i, f, seed=1).steps[-1].hint for i, f, _ in WRONG if i == id]
    assert len(set(texts)) == len(texts) >= 3


@pytest.mark.parametrize("id", RIGHT)
def test_an_unanswered_exercise_says_so(id):
    assert judge(id, None).status == "unanswered"
    assert judge(id, unfinished).status == "unanswered"


def test_the_librarys_versions_equal_pytorch():
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=50) * 30, rng.integers(0, 2, 50).astype(float)
    want = F.binary_cross_entropy_with_logits(torch.tensor(z), torch.tensor(y)).item()
    assert ex02.bce_with_logits(z, y) == pytest.approx(want, rel=1e-12)
    a, b = rng.normal(size=50) * 3, rng.normal(size=50)
    want = F.huber_loss(torch.tensor(a), torch.tensor(b), delta=0.7).item()
    assert ex02.huber_loss(a, b, 0.7) == pytest.approx(want, rel=1e-12)
    p, q = rng.dirichlet(np.ones(6)), rng.dirichlet(np.ones(6))
    want = F.kl_div(torch.tensor(np.log(q)), torch.tensor(p), reduction="sum").item()
    assert ex02.kl_divergence(p, q) == pytest.approx(want, rel=1e-12)
    logits, labels = rng.normal(size=(20, 7)) * 300, rng.integers(0, 7, 20)
    np.testing.assert_allclose(
        ex02.logsumexp(logits),
        torch.logsumexp(torch.tensor(logits), 1).numpy(),
        rtol=1e-14,
    )
    weight = rng.uniform(0.1, 4, 7)
    for w in (None, weight):
        for smooth in (0.0, 0.1, 1.0):
            want = F.cross_entropy(
                torch.tensor(logits),
                torch.tensor(labels),
                weight=None if w is None else torch.tensor(w),
                label_smoothing=smooth,
            ).item()
            assert ex02.cross_entropy(logits, labels, w, smooth) == pytest.approx(want, rel=1e-12)
