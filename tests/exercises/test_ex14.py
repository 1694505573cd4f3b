"""The judges of 14_rnn_lstm_gru: right answers pass, each typical mistake gets its own hint."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn

from aigc_course.exercises import ex14
from tests.support.common_questions import questions
from tests.support.harness import Wrong

# --- other right answers -----------------------------------------------------------------------


def backward_by_paths(dh, x, h, h0, W, U):
    """Every pair of a loss and an earlier step on its own."""
    T = x.shape[1]
    before = np.concatenate([h0[:, None], h[:, :-1]], axis=1)
    dx, dW, dU, db, dh0 = np.zeros_like(x), 0 * W, 0 * U, np.zeros(len(U)), np.zeros_like(h0)
    for s in range(T):
        back = dh[:, s]
        for t in range(s, -1, -1):
            dz = back * (1 - h[:, t] ** 2)
            dx[:, t] += dz @ W
            dW, dU, db = dW + dz.T @ x[:, t], dU + dz.T @ before[:, t], db + dz.sum(0)
            back = dz @ U
        dh0 += back
    return [dx, dW, dU, db, dh0]


def backward_stacked(dh, x, h, h0, W, U):
    dz, later = np.zeros_like(h), np.zeros_like(h0)
    for t in range(x.shape[1])[::-1]:
        dz[:, t] = (1 - h[:, t] ** 2) * (dh[:, t] + later)
        later = np.einsum("bi,ij->bj", dz[:, t], U)
    before = np.concatenate([h0[:, None], h], axis=1)[:, :-1]
    dW, dU = np.einsum("bti,btj->ij", dz, x), np.einsum("bti,btj->ij", dz, before)
    return dz @ W, dW, dU, dz.sum((0, 1)), later


def bias_by_odds(T, keep):
    a = math.log(keep) / T
    return a - math.log1p(-math.exp(a)) if a < -1 else -math.log(math.expm1(-a))


def bias_in_numpy(T, keep):
    return -np.log(np.expm1(-np.log(keep) / T))


def move_by_index(W, U, b, c):
    H = len(b) // 3
    order = np.r_[H : 2 * H, 0:H, 2 * H : 3 * H]
    sign = np.repeat([1.0, -1.0, 1.0], H)
    return W[order] * sign[:, None], U[order] * sign[:, None], b[order] * sign, c[order] * sign


def move_in_loop(W, U, b, c):
    out = []
    for rows in (W, U, b, c):
        H = len(rows) // 3
        new = rows.copy()
        new[:H], new[H : 2 * H] = rows[H : 2 * H], -rows[:H]
        out.append(new)
    return out


def counter_of_two():
    W, U, b = np.zeros((8, 2)), np.zeros((8, 2)), np.zeros(8)
    W[0, 0], b[0], b[2], W[2, 1], b[4] = 60, -30, 25, -60, 12
    return W, U, b


def counter_by_g():
    """The input gate is always open; g hears the mark."""
    W = [[0, 0], [0, -50], [30, 0], [7, 7]]
    return np.array(W, float), np.zeros((4, 1)), np.array([25.0, 25.0, 0.0, 1.0])


def shared_by_lengths(text, corpus):
    corpus = list(corpus)
    for n in range(len(text), 0, -1):
        for k in range(len(text) - n + 1):
            if any(text[k : k + n] in poem for poem in corpus):
                return n
    return 0


def shared_by_table(text, corpus):
    best = 0
    for poem in corpus:
        row = [0] * (len(poem) + 1)
        for a in text:
            row = [0] + [row[j] + 1 if a == b else 0 for j, b in enumerate(poem)]
            best = max(best, *row)
    return best


def shared_by_sets(text, corpus):
    def grams(one, n):
        return {one[k : k + n] for k in range(len(one) - n + 1)}

    n, corpus = 0, list(corpus)
    while any(grams(text, n + 1) & grams(poem, n + 1) for poem in corpus):
        n += 1
    return n


ALSO_RIGHT = [
    ("14.1", backward_by_paths),
    ("14.1", backward_stacked),
    ("14.2", bias_by_odds),
    ("14.2", bias_in_numpy),
    ("14.3", move_by_index),
    ("14.3", move_in_loop),
    ("14.4", counter_of_two),
    ("14.4", counter_by_g),
    ("14.5", shared_by_lengths),
    ("14.5", shared_by_table),
    ("14.5", shared_by_sets),
]


# --- typical mistakes --------------------------------------------------------------------------


def slipped(slip):
    return lambda *given: ex14._with(given, slip)


def colleague(dh, x, h, h0, W, U):
    """The lesson's."""
    dx, dW, dU, db = np.zeros_like(x), np.zeros_like(W), np.zeros_like(U), np.zeros(len(U))
    total = dh[:, -1]
    for t in reversed(range(x.shape[1])):
        dz = total * (1 - h[:, t] ** 2)
        dx[:, t] = dz @ W
        dW += dz.T @ x[:, t]
        db += dz[0]
        if t > 0:
            dU += dz.T @ h[:, t - 1]
        total = dz @ U
    return dx, dW, dU, db, total


def backward_mean(*given):
    dx, dW, dU, db, dh0 = ex14.rnn_backward(*given)
    return dx, dW / len(dx), dU, db, dh0


def backward_in_place(dh, x, h, h0, W, U):
    out = ex14.rnn_backward(dh, x, h, h0, W, U)
    dh *= 1 - h**2
    return out


def naive_bias(T, keep):
    p = keep ** (1 / T)
    return math.log(p / (1 - p)) if p < 1 else 0.0


def lost_bias(T, keep):
    p = keep ** (1 / T)
    return math.log(p) - math.log(1 - p) if p < 1 else 99.0


def swapped(f):
    def answer(*given):
        return tuple(np.concatenate(f(*np.split(rows, 3))) for rows in given)

    return answer


def moved_in_place(W, U, b, c):
    out = ex14.move_gru(W, U, b, c)
    W *= -1
    return out


def lstm(i=(40, 0, -20), f=(0, -40, 20), g=(0, 0, 20), o=(0, 0, 0)):
    rows = np.array([i, f, g, o], float)
    return lambda: (rows[:, :2], np.zeros((4, 1)), rows[:, 2])


def joined(text, corpus):
    return ex14.longest_shared(text, ["".join(corpus)])


def from_the_start(text, corpus):
    return max((n for n in range(len(text) + 1) if any(text[:n] in t for t in corpus)), default=0)


def subsequence(text, corpus):
    best = 0
    for b in corpus:
        table = np.zeros((len(text) + 1, len(b) + 1), int)
        for i, x in enumerate(text, 1):
            for j, y in enumerate(b, 1):
                same = table[i - 1, j - 1] + 1
                table[i, j] = same if x == y else max(table[i - 1, j], table[i, j - 1])
        best = max(best, int(table[-1, -1]))
    return best


def the_piece(text, corpus):
    n = ex14.longest_shared(text, corpus)
    for k in range(len(text) - n + 1):
        if any(text[k : k + n] in poem for poem in corpus):
            return text[k : k + n]
    return ""


def no_default(text, corpus):
    return max(ex14.longest_shared(text, [poem]) for poem in corpus)


def common_set(text, corpus):
    return len(set(text) & set("".join(corpus)))


def shared_in_place(text, corpus):
    n = ex14.longest_shared(text, corpus)
    corpus.sort()
    return n


WITHOUT = np.zeros((4, 2))

WRONG = [
    Wrong("14.1", "colleague", colleague, "第一行", 8),
    Wrong("14.1", "last", slipped("last"), "各步的 dh", 20),
    Wrong("14.1", "cut", slipped("cut"), "后面各步传回来", 0),
    Wrong("14.1", "linear", slipped("linear"), "1 − h²", 0),
    Wrong("14.1", "turned", slipped("turned"), "不是它的转置", 0),
    Wrong("14.1", "late", slipped("late"), "h_{t−1}", 5),
    Wrong("14.1", "no h0", slipped("no h0"), "不一定是 0", 43),
    Wrong("14.1", "mean", backward_mean, "不取平均", 0),
    Wrong("14.1", "in place", backward_in_place, "被原地修改", 98),
    Wrong("14.2", "gate", lambda T, k: k ** (1 / T), "门的值", 0),
    Wrong("14.2", "sign", lambda T, k: -ex14.gate_bias(T, k), "符号反了", 0),
    Wrong("14.2", "one step", lambda T, k: ex14.gate_bias(1, k), "一步以后的", 0),
    Wrong("14.2", "ln T", lambda T, k: math.log(T), "只是近似", 0),
    Wrong("14.2", "keep over T", lambda T, k: ex14.gate_bias(1, k / T), "1/T 次方", 0),
    Wrong("14.2", "lost", lost_bias, ("丢掉位数", "位数不够"), 62),
    Wrong("14.3", "as it was", lambda *given: given, "还没有换：PyTorch", 0),
    Wrong("14.3", "order only", swapped(lambda z, r, n: (r, z, n)), "z 的意思", 0),
    Wrong("14.3", "r", swapped(lambda z, r, n: (-r, z, n)), "不是 r", 0),
    Wrong("14.3", "n too", swapped(lambda z, r, n: (r, -z, -n)), "n 不变号", 0),
    Wrong("14.3", "both", swapped(lambda z, r, n: (-r, -z, n)), "r 不变", 0),
    Wrong("14.3", "1 - z", swapped(lambda z, r, n: (r, 1 - z, n)), "过了 σ", 0),
    Wrong("14.3", "n first", swapped(lambda z, r, n: (n, r, -z)), "次序弄错了", 0),
    Wrong("14.3", "in place", moved_in_place, "被原地修改", 94),
    Wrong("14.4", "nothing", lambda: (WITHOUT, np.zeros((4, 1)), np.zeros(4)), "几乎没有动", 0),
    Wrong("14.4", "always", lstm(i=(0, 0, 20)), "也在涨", 0),
    Wrong("14.4", "down", lstm(g=(0, 0, -20)), "负的方向", 0),
    Wrong("14.4", "forgets", lstm(f=(0, -40, -20)), "1 上下", 0),
    Wrong("14.4", "never cleared", lstm(f=(0, 0, 20)), "要忘掉", 25),
    Wrong("14.4", "clears the mark", lstm(i=(40, -40, -20)), "先清零，再数", 25),
    Wrong("14.4", "leaks", lstm(f=(0, -14, 7)), "两千步", 50),
    Wrong("14.4", "b", lambda: (np.zeros((4, 2)), np.zeros((4, 1)), np.zeros(3)), "(4H,)", 0),
    Wrong("14.4", "W", lambda: (np.zeros((2, 4)), np.zeros((4, 1)), np.zeros(4)), "两列是", 0),
    Wrong("14.4", "nan", lambda: (WITHOUT + np.nan, np.zeros((4, 1)), np.zeros(4)), "nan", 0),
    Wrong("14.5", "joined", joined, "跨过了两首", 15),
    Wrong("14.5", "start", from_the_start, "起点可以", 0),
    Wrong("14.5", "subsequence", subsequence, "不能跳过", 0),
    Wrong("14.5", "the piece", the_piece, "不是一个实数", 0),
    Wrong("14.5", "set", common_set, "不是连着的一段", 0),
    Wrong("14.5", "minus one", lambda t, c: max(ex14.longest_shared(t, c) - 1, 0), "少了一个", 0),
    Wrong("14.5", "in place", shared_in_place, "被原地修改", 92),
]  # fmt: skip

SAME_HINT: list[Wrong] = []

globals().update(
    questions("14", also_right=ALSO_RIGHT, wrong=WRONG, same_hint=SAME_HINT, opaque={"14.4"})
)


# --- the library's versions --------------------------------------------------------------------


def test_gradients_through_time_are_pytorchs():
    torch.manual_seed(0)
    net = nn.RNN(3, 4, batch_first=True).double()
    x = torch.randn(2, 5, 3).double().requires_grad_()
    h0 = torch.randn(1, 2, 4).double().requires_grad_()
    h, _ = net(x, h0)
    dh = torch.randn_like(h)
    h.backward(dh)
    given = (dh, x, h, h0[0], net.weight_ih_l0, net.weight_hh_l0)
    found = ex14.rnn_backward(*(v.detach().numpy() for v in given))
    wanted = (x, net.weight_ih_l0, net.weight_hh_l0, net.bias_ih_l0, h0)
    for one, other in zip(found, wanted, strict=True):
        assert np.allclose(one, other.grad.numpy().reshape(one.shape))


def test_a_moved_gru_answers_as_before():
    rng = np.random.default_rng(0)
    H, D, B, T = 3, 2, 4, 6
    shapes = ((3 * H, D), (3 * H, H), (3 * H,), (3 * H,))
    W, U, b, c = (rng.normal(size=shape) for shape in shapes)
    x, h = rng.normal(size=(B, T, D)), np.zeros((B, H))
    net = nn.GRU(D, H, batch_first=True).double()
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    moved = ex14.move_gru(W, U, b, c)
    net.load_state_dict({k: torch.tensor(v) for k, v in zip(names, moved, strict=True)})
    with torch.no_grad():
        wanted = net(torch.tensor(x))[0].numpy()
    for t in range(T):
        xz, xr, xn = np.split(x[:, t] @ W.T + b, 3, axis=1)
        hz, hr, hn = np.split(h @ U.T + c, 3, axis=1)
        z, r = 1 / (1 + np.exp(-xz - hz)), 1 / (1 + np.exp(-xr - hr))
        h = (1 - z) * h + z * np.tanh(xn + r * hn)
        assert np.allclose(h, wanted[:, t])


def test_a_gate_with_the_bias_keeps_as_much():
    for T, keep in ((1, 0.3), (50, 0.5), (1000, 0.01)):
        assert math.isclose((1 / (1 + math.exp(-ex14.gate_bias(T, keep)))) ** T, keep)
