"""Chapter 03: the right answers pass, each typical mistake gets its own hint, the oracle agrees."""

import numpy as np
import pytest

from aigc_course.exercises import ex03
from aigc_course.exercises.core import judge

RIGHT = {
    "03.1": ex03.neuron_backward,
    "03.2": ex03.linear_backward,
    "03.3": ex03.gelu_backward,
    "03.4": ex03.softmax_ce_backward,
    "03.5": ex03.numerical_gradient,
    "03.6": ex03.mlp_backward,
}


def unfinished(*args, **kwargs):
    raise NotImplementedError


# --- typical mistakes --------------------------------------------------------------------------


def sigma(w, x, b):
    return 1 / (1 + np.exp(-(w * x + b)))


def neuron_no_slope(w, x, b, y):
    dz = 2 * (sigma(w, x, b) - y)
    return dz * x, dz * w, dz


def neuron_no_two(w, x, b, y):
    return tuple(g / 2 for g in ex03.neuron_backward(w, x, b, y))


def neuron_sign(w, x, b, y):
    return tuple(-g for g in ex03.neuron_backward(w, x, b, y))


def neuron_swapped(w, x, b, y):
    dw, dx, db = ex03.neuron_backward(w, x, b, y)
    return dx, dw, db


def neuron_bare_b(w, x, b, y):
    dw, dx, _ = ex03.neuron_backward(w, x, b, y)
    return dw, dx, 1.0


def neuron_two_values(w, x, b, y):
    return ex03.neuron_backward(w, x, b, y)[:2]


def linear_transposed(dy, x, W):
    return dy @ W, x.T @ dy, dy.sum(axis=0)


def linear_no_sum(dy, x, W):
    return dy @ W, dy.T @ x, dy


def linear_mean(dy, x, W):
    return dy @ W, dy.T @ x, dy.mean(axis=0)


def linear_mean_dw(dy, x, W):
    return dy @ W, dy.T @ x / len(x), dy.sum(axis=0)


def linear_wrong_axis(dy, x, W):
    return dy @ W, dy.T @ x, dy.sum(axis=1)


def linear_dx_transposed(dy, x, W):
    return dy @ W.T, dy.T @ x, dy.sum(axis=0)


def linear_no_batch(dy, x, W):
    return dy @ W, dy @ x, dy.sum(axis=0)


def linear_in_place(dy, x, W):
    dx, dW, db = ex03.linear_backward(dy, x, W)
    x -= 1.0
    return dx, dW, db


def gelu_parts(x):
    t = np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))
    return t, np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x**2)


def gelu_no_upstream(dy, x):
    return ex03.gelu_backward(np.ones_like(dy), x)


def gelu_half(dy, x):
    return dy * 0.5 * (1 + gelu_parts(x)[0])


def gelu_no_inner(dy, x):
    t, _ = gelu_parts(x)
    return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t**2))


def gelu_no_square(dy, x):
    t, du = gelu_parts(x)
    return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t) * du)


def gelu_no_three(dy, x):
    t, _ = gelu_parts(x)
    du = np.sqrt(2 / np.pi) * (1 + 0.044715 * x**2)
    return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * du)


def gelu_as_relu(dy, x):
    return dy * (x > 0)


def ce_no_mean(logits, y):
    return ex03.softmax_ce_backward(logits, y) * len(y)


def ce_sign(logits, y):
    return -ex03.softmax_ce_backward(logits, y)


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def ce_no_onehot(logits, y):
    return softmax(logits) / len(y)


def ce_diagonal(logits, y):
    p = softmax(logits)
    return p * (1 - p) / len(y)


def ce_of_p(logits, y):
    return -np.eye(logits.shape[1])[y] / softmax(logits) / len(y)


def ce_overflow(logits, y):
    e = np.exp(logits)
    return (e / e.sum(axis=1, keepdims=True) - np.eye(logits.shape[1])[y]) / len(y)


def ce_in_place(logits, y):
    logits -= logits.max(axis=1, keepdims=True)
    return ex03.softmax_ce_backward(logits, y)


def num_one_sided(f, x, eps=1e-5):
    grad = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[i] = eps
        grad[i] = (f(x + step) - f(x)) / eps
    return grad


def num_no_two(f, x, eps=1e-5):
    return 2 * ex03.numerical_gradient(f, x, eps)


def num_all_at_once(f, x, eps=1e-5):
    return np.full(x.shape, (f(x + eps) - f(x - eps)) / (2 * eps))


def num_dirty(f, x, eps=1e-5):
    grad = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        x[i] += eps
        up = f(x)
        x[i] -= 2 * eps
        grad[i] = (up - f(x)) / (2 * eps)
    return grad


def num_fixed(f, x, eps=1e-5):
    return ex03.numerical_gradient(f, x, 1e-5)


def num_flat(f, x, eps=1e-5):
    return ex03.numerical_gradient(f, x, eps).ravel()


def mlp_variant(x, y, params, *, mask="z1", inner="h", scale=1.0):
    z1 = x @ params["W1"].T + params["b1"]
    h = np.maximum(z1, 0)
    z2 = h @ params["W2"].T + params["b2"]
    loss, _ = ex03.mlp_backward(x, y, params)
    dz2 = ex03.softmax_ce_backward(z2, y) * scale
    dh = dz2 @ params["W2"]
    dz1 = dh * {"z1": z1 > 0, "none": 1.0, "dh": dh > 0, "value": z1}[mask]
    return loss, {
        "W1": dz1.T @ x,
        "b1": dz1.sum(axis=0),
        "W2": dz2.T @ (h if inner == "h" else z1),
        "b2": dz2.sum(axis=0),
    }


def mlp_no_relu(x, y, params):
    return mlp_variant(x, y, params, mask="none")


def mlp_mask_of_gradient(x, y, params):
    return mlp_variant(x, y, params, mask="dh")


def mlp_value_as_slope(x, y, params):
    return mlp_variant(x, y, params, mask="value")


def mlp_z1_for_h(x, y, params):
    return mlp_variant(x, y, params, inner="z1")


def mlp_sum(x, y, params):
    return mlp_variant(x, y, params, scale=len(y))


def mlp_missing_key(x, y, params):
    loss, grads = ex03.mlp_backward(x, y, params)
    return loss, {"W1": grads["W1"], "W2": grads["W2"]}


def mlp_updates(x, y, params):
    result = ex03.mlp_backward(x, y, params)
    for name, grad in result[1].items():
        params[name] -= 0.1 * grad
    return result


WRONG = [
    ("03.1", neuron_no_slope, "σ(1−σ)"),
    ("03.1", neuron_no_two, "少了 2"),
    ("03.1", neuron_sign, "符号反了"),
    ("03.1", neuron_swapped, "dw 与 dx 换了位置"),
    ("03.1", neuron_bare_b, "还要乘上游"),
    ("03.1", neuron_two_values, "按这个次序"),
    ("03.2", linear_transposed, "dW 转置了"),
    ("03.2", linear_no_sum, "沿批的方向"),
    ("03.2", linear_mean, "db 是相加"),
    ("03.2", linear_mean_dw, "dW 是各样本相加"),
    ("03.2", linear_wrong_axis, "求和的方向错了"),
    ("03.2", linear_dx_transposed, "反向是 dy @ W"),
    ("03.2", linear_no_batch, "外积"),
    ("03.2", linear_in_place, "被原地修改"),
    ("03.3", gelu_no_upstream, "没有乘上游"),
    ("03.3", gelu_half, "乘法法则少了一半"),
    ("03.3", gelu_no_inner, "漏了里层"),
    ("03.3", gelu_no_square, "忘了平方"),
    ("03.3", gelu_no_three, "里层少了 3"),
    ("03.3", gelu_as_relu, "这是 ReLU 的反向"),
    ("03.4", ce_no_mean, "也要除以 B"),
    ("03.4", ce_sign, "符号反了"),
    ("03.4", ce_no_onehot, "漏了减去 one-hot"),
    ("03.4", ce_diagonal, "雅可比的对角线"),
    ("03.4", ce_of_p, "还没有穿过 softmax"),
    ("03.4", ce_overflow, "exp 溢出了"),
    ("03.4", ce_in_place, "被原地修改"),
    ("03.5", num_one_sided, "这是单侧差分"),
    ("03.5", num_no_two, "分母是 2·eps"),
    ("03.5", num_all_at_once, "每次只动一个元素"),
    ("03.5", num_dirty, "被原地修改"),
    ("03.5", num_fixed, "没有用到参数 eps"),
    ("03.5", num_flat, "x 不一定是一维"),
    ("03.6", mlp_no_relu, "没有穿过 ReLU"),
    ("03.6", mlp_mask_of_gradient, "看前向的 z1"),
    ("03.6", mlp_value_as_slope, "0 或 1"),
    ("03.6", mlp_z1_for_h, "用了 ReLU 之前的 z1"),
    ("03.6", mlp_sum, "大了 B 倍"),
    ("03.6", mlp_missing_key, "键与 params 相同"),
    ("03.6", mlp_updates, "不更新参数"),
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

    def leaf(a):
        return torch.tensor(a, requires_grad=True)

    x, dy = rng.normal(size=(9, 4)) * 3, rng.normal(size=(9, 4))
    t = leaf(x)
    F.gelu(t, approximate="tanh").backward(torch.tensor(dy))
    np.testing.assert_allclose(ex03.gelu_backward(dy, x), t.grad.numpy(), rtol=1e-10, atol=1e-14)

    params = {
        "W1": rng.normal(size=(5, 4)),
        "b1": rng.normal(size=5),
        "W2": rng.normal(size=(3, 5)),
        "b2": rng.normal(size=3),
    }
    y = rng.integers(0, 3, size=9)
    loss, grads = ex03.mlp_backward(x, y, params)
    p = {name: leaf(value) for name, value in params.items()}
    h = torch.relu(F.linear(torch.tensor(x), p["W1"], p["b1"]))
    want = F.cross_entropy(F.linear(h, p["W2"], p["b2"]), torch.tensor(y))
    want.backward()
    assert loss == pytest.approx(want.item(), rel=1e-12)
    for name, grad in grads.items():
        np.testing.assert_allclose(grad, p[name].grad.numpy(), rtol=1e-10, atol=1e-14)

    w, a, b, target = leaf(0.7), leaf(-1.3), leaf(0.2), 0.4
    ((torch.sigmoid(w * a + b) - target) ** 2).backward()
    got = ex03.neuron_backward(0.7, -1.3, 0.2, 0.4)
    np.testing.assert_allclose(got, [w.grad.item(), a.grad.item(), b.grad.item()], rtol=1e-6)
