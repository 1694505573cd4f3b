"""Chapter 14, recurrent networks: what each exercise asks, and the library's version of it.

The functions with public names are what the lesson goes on with while an exercise is still open.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from aigc_course.judging.vocabulary import (
    Answer,
    Array,
    Caller,
    Rng,
    Steps,
    again,
    array,
    exercise,
    hints,
    parts,
    shape_of,
    sizes,
    that,
    value,
)

__all__ = ["counter", "gate_bias", "longest_shared", "move_gru", "rnn_backward"]


# --- the library's versions --------------------------------------------------------------------


def rnn_backward(
    dh: Array, x: Array, h: Array, h0: Array, W: Array, U: Array
) -> tuple[Array, Array, Array, Array, Array]:
    """Gradients of h_t = tanh(x_t Wᵀ + h_{t−1} Uᵀ + b), through all steps.

    Args:
        dh: what the loss says of each h_t directly, (B, T, H).
        x: (B, T, D).
        h: the states of the forward pass, (B, T, H).
        h0: the state before the first, (B, H).
        W, U: (H, D) and (H, H).

    Returns:
        dx (B, T, D), dW (H, D), dU (H, H), db (H,), dh0 (B, H).

    Example:
        >>> one = np.ones((1, 1, 1))
        >>> [float(g.sum()) for g in rnn_backward(one, one, 0 * one, one[0], one[0], 2 * one[0])]
        [1.0, 1.0, 1.0, 1.0, 2.0]
    """
    dx, dW, dU, db = np.empty_like(x), np.zeros_like(W), np.zeros_like(U), np.zeros(len(U))
    later = np.zeros_like(h0)  # (B, H): what comes back from the steps behind
    for t in reversed(range(x.shape[1])):
        dz = (dh[:, t] + later) * (1 - h[:, t] ** 2)  # (B, H)
        dx[:, t] = dz @ W
        dW += dz.T @ x[:, t]
        dU += dz.T @ (h[:, t - 1] if t else h0)
        db += dz.sum(axis=0)
        later = dz @ U
    return dx, dW, dU, db, later


def gate_bias(T: float, keep: float) -> float:
    """The bias b with σ(b)^T = keep: what is left after T steps of a gate that is always σ(b).

    Args:
        T: more than 0.
        keep: between 0 and 1.

    Example:
        >>> round(gate_bias(50, 0.5), 3), gate_bias(1, 0.5)
        (4.272, 0.0)
    """
    log = math.log(keep) / T  # ln σ(b)
    return log - math.log(-math.expm1(log)) + 0.0


def move_gru(W: Array, U: Array, b: Array, c: Array) -> tuple[Array, Array, Array, Array]:
    """Weights of a GRU with gates z, r, n and h ← (1 − z)·h + z·n, as PyTorch wants them.

    Args:
        W: (3H, D).
        U: (3H, H).
        b, c: (3H,), of the input's part and of the state's.

    Example:
        >>> [int(v) for v in move_gru(*np.zeros((2, 3, 1)), np.arange(1, 4), np.ones(3))[2]]
        [2, -1, 3]
    """

    def moved(rows: Array) -> Array:
        z, r, n = np.split(rows, 3)
        return np.concatenate([r, -z, n])

    return moved(W), moved(U), moved(b), moved(c)


def counter() -> tuple[Array, Array, Array]:
    """An LSTM of one unit whose c counts the marks since the last reset: W, U, b.

    Example:
        >>> [a.shape for a in counter()]
        [(4, 2), (4, 1), (4,)]
    """
    W = np.array([[40.0, 0.0], [0.0, -40.0], [0.0, 0.0], [0.0, 0.0]])  # i, f, g, o
    return W, np.zeros((4, 1)), np.array([-20.0, 20.0, 20.0, 0.0])


def longest_shared(text: str, corpus: Iterable[str]) -> int:
    """Length of the longest piece of ``text`` that stands in one of the texts of ``corpus``.

    Example:
        >>> longest_shared("春眠不觉晓", ["不觉", "眠不"]), longest_shared("春", [])
        (2, 0)
    """
    whole = "\0".join(corpus)  # no piece reaches from one into the next
    best = 0
    for start in range(len(text)):
        while start + best < len(text) and text[start : start + best + 1] in whole:
            best += 1
    return best


# --- the judges --------------------------------------------------------------------------------


def _with(point: Sequence[Array], slip: str) -> tuple[Array, ...]:
    """The library's version with one slip."""
    dh, x, h, h0, W, U = point
    dx, dW, dU, db = np.empty_like(x), np.zeros_like(W), np.zeros_like(U), np.zeros(len(U))
    later = np.zeros_like(h0)
    T = x.shape[1]
    for t in reversed(range(T)):
        dz = np.zeros_like(h0) if slip == "last" and t < T - 1 else dh[:, t].copy()
        if slip != "cut":
            dz += later
        if slip == "twice":
            dz *= 1 - np.tanh(h[:, t]) ** 2
        elif slip != "linear":
            dz *= 1 - h[:, t] ** 2
        if slip == "outside":
            dz = dh[:, t] + later * (1 - h[:, t] ** 2)
        dx[:, t] = dz @ W
        if slip == "one":
            dW, dU, db = 0 * W, 0 * U, 0 * db
        dW += dz.T @ x[:, t]
        before = h[:, t - 1] if t or slip == "wrapped" else (0 * h0 if slip == "no h0" else h0)
        dU += dz.T @ (h[:, t] if slip == "late" else before)
        db += dz.sum(axis=0)
        carried = later if slip == "piled" else 0
        later = carried + dz @ (U.T if slip == "turned" else U)
    return dx, dW, dU, db, later


_SLIPS = {
    "last": "只用了最后一步的 dh：每一步的 h 都可能直接进损失，各步的 dh 都要加进来",
    "cut": "后面各步传回来的没有加：h_t 还经 h_{t+1} 影响损失",
    "linear": "漏了 tanh 的导数 1 − h²",
    "turned": "往回传乘的是 U，不是它的转置：前向是 h Uᵀ",
    "late": "dU 里配的是上一步的 h_{t−1}，不是 h_t",
    "no h0": "第一步之前的状态是 h0，不一定是 0：它也进 dU",
    "outside": "tanh 的导数要乘在两份之和上：直接的那一份也要乘",
    "twice": "h 已经过了 tanh：导数是 1 − h²，不要再取一次 tanh",
    "wrapped": "t = 0 时 h[:, t − 1] 绕到了最后一步：第一步的上一个状态是 h0",
    "one": "每一步的梯度要加起来：这里只剩第一步的那一份",
    "piled": "δ_{t+1} 里已经有更后面的了：往回传的换成 dz @ U，不要再累加",
}


@exercise(
    "14.1",
    "找错：穿过时间的反向传播",
    points=3,
    asks="rnn_backward(dh, x, h, h0, W, U) -> dx, dW, dU, db, dh0",
)
@hints(
    "h_t 有两条路通向损失：直接的（dh 里的那一份），和经过 h_{t+1} 的。",
    "同一个 W、U、b 用在每一步、每一行：各步、各行的梯度要加起来，第一步的上一个状态是 h0。",
    "从后往前：dz = (dh[:, t] + later)·(1 − h[:, t]²)，later 换成 dz @ U；"
    "dU 加上 dzᵀ 与上一步的 h 之积；循环完，later 就是 dh0。",
)
def judge_rnn_backward(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, rnn_backward)
    B, T, D, H = sizes(rng, 4, 2, 6)

    def case(dh_last: bool, start: float, B: int = B, T: int = T) -> tuple[Array, ...]:
        x, W, U = rng.normal(size=(B, T, D)), rng.normal(size=(H, D)), rng.normal(size=(H, H))
        h0 = start * rng.normal(size=(B, H))
        h, state = np.empty((B, T, H)), h0
        for t in range(T):
            h[:, t] = state = np.tanh(0.4 * (x[:, t] @ W.T + state @ U.T))
        dh = rng.normal(size=(B, T, H))
        if dh_last:
            dh[:, :-1] = 0
        return dh, x, h, h0, 0.4 * W, 0.4 * U

    names = ("dx", "dW", "dU", "db", "dh0")
    forms = ("(B, T, D)", "(H, D)", "(H, H)", "(H,)", "(B, H)")
    for said, point in (
        ("只有最后一步有损失", case(True, 0.0)),
        ("每一步都有损失", case(False, 0.0)),
        ("h0 不是 0", case(False, 0.7)),
        ("一步", case(False, 0.7, T=1)),
        ("三十步", case(False, 0.7, T=30)),
    ):
        got, want = call(*point)
        got = yield from parts(got, 5, "dx, dW, dU, db, dh0", want=want)
        for k in (1, 2, 3, 0, 4):
            traps: dict[str, Any] = {}
            if k == 4:
                traps["dh0 还是 0：循环完了，传到 h0 的那一份要还给它"] = np.zeros_like(want[4])
            for slip, hint in _SLIPS.items():
                wrong = _with(point, slip)[k]
                if not any(np.allclose(wrong, v, rtol=1e-6) for v in (want[k], *traps.values())):
                    traps[hint] = wrong
            if k == 2 and not np.allclose(want[2], want[2].T):
                traps["dU 转置了：U 的第 i 行管第 i 个单元，是 dzᵀ @ 上一步的 h"] = want[2].T
            if k in (1, 2, 3):
                traps["各行的梯度相加，不取平均"] = want[k] / len(point[1])
            if k == 3:
                first = np.zeros(H)
                later = np.zeros(H)
                dh, x, h, _, _, U = point
                for t in reversed(range(x.shape[1])):
                    dz = (dh[0, t] + later) * (1 - h[0, t] ** 2)
                    first, later = first + dz, dz @ U
                if len(x) > 1:
                    traps["只加了一批里的第一行：db 要加上每一行的"] = first
            hint = "从后往前，把直接的和后面传回来的加起来"
            form = f"{names[k]} 是 {forms[k]}"
            yield value(got[k], want[k], f"{names[k]}（{said}）", hint, traps, form=form)
    yield again(call, *case(False, 0.7))
    yield call.untouched(weight=0.5)


@exercise("14.2", "先猜再跑：遗忘门的偏置", points=2, asks="gate_bias(T, keep) -> 数")
@hints(
    "先求门的值：它的 T 次方等于 keep。再问 σ 在哪里等于它。",
    "σ(b) = p 的解是 b = ln(p / (1 − p))。T 很大时 p 离 1 很近，1 − p 怎样算才不丢位数？",
    "ln p = ln(keep)/T；1 − p 用 −math.expm1(ln p) 算。",
)
def judge_gate_bias(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, gate_bias)

    def ask(T: float, keep: float, said: str, hint: str, weight: float = 1.0) -> Any:
        p, log = keep ** (1 / T), math.log(keep) / T
        traps = {
            "这是门的值 σ(b)，还要求出 b": p,
            "符号反了：T 越大，要忘得越少，b 越大": -gate_bias(T, keep),
            "keep 是 T 步以后剩下的，不是一步以后的": gate_bias(1, keep),
            "ln T 只是近似：keep = 1/e、T 大时才像": math.log(T),
            "T 要去除指数：一步留下 keep 的 1/T 次方，不是 keep/T": gate_bias(1, keep / T),
            "这是 ln σ(b)，还要求出 b": log,
            "b = ln p − ln(1 − p)：漏了 ln p": -math.log(-math.expm1(log)),
            "对数要用自然对数：σ 里是 e 的幂": gate_bias(T, keep) / math.log(10),
            "keep 是给的数，不是固定的一半": gate_bias(T, 0.5),
            "keep 是给的数，不是固定的 1/e": gate_bias(T, math.exp(-1)),
            "走的是 T 步，不是 T − 1 步": gate_bias(max(T - 1, 0.5), keep),
            "门是 σ，不是 tanh": math.atanh(min(p, 1 - 1e-15)),
        }
        want = gate_bias(T, keep)
        told: dict[str, float] = {}
        for said_of, wrong in traps.items():
            if all(abs(wrong - v) > 1e-6 for v in (want, *told.values())):
                told[said_of] = wrong
        return value(*call(T, keep), said, hint, told, weight=weight)

    T, keep = int(rng.integers(20, 200)), float(rng.uniform(0.2, 0.8))
    yield ask(T, keep, "b", "σ(b) 的 T 次方是 keep")
    yield ask(T, math.exp(-1), "keep = 1/e", "σ(b) 的 T 次方是 keep")
    yield ask(1, keep, "T = 1", "只走一步：σ(b) 就是 keep", weight=0.5)
    far = float(rng.uniform(1, 3) * 1e15)
    lost = "T 很大时门离 1 太近，1 − p 相减会丢掉位数：换一种算法"
    yield ask(far, keep, "T 有一千万亿以上", lost)
    yield ask(T, 1e-200, "几乎全忘", "keep 很小也行：先取对数", weight=0.5)


@exercise(
    "14.3",
    "搬一个 GRU",
    points=3,
    asks="move_gru(W, U, b, c) -> W2, U2, b2, c2",
)
@hints(
    "有两处不同：三块的次序，和 z 管的是留下还是换新。",
    "要让 z' = 1 − z。σ(a) 与 1 − σ(a) 的自变量是什么关系？",
    "1 − σ(a) = σ(−a)，a 是 x 的一份与 h 的一份之和：z 的那一块在四个数组里都变号，"
    "再把三块排成 r、z、n。",
)
def judge_move_gru(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, move_gru)

    def case(H: int, D: int) -> tuple[Array, ...]:
        shapes = ((3 * H, D), (3 * H, H), (3 * H,), (3 * H,))
        return tuple(rng.normal(size=shape) for shape in shapes)

    names, forms = ("W2", "U2", "b2", "c2"), ("(3H, D)", "(3H, H)", "(3H,)", "(3H,)")
    H, D = sizes(rng, 2, 2, 7)
    for said, (h, d) in (("", (H, D)), ("（H = 1）", (1, 3))):
        point = case(h, d)
        got, want = call(*point)
        got = yield from parts(got, 4, "W2, U2, b2, c2", want=want)
        for k, rows in enumerate(point):
            z, r, n = np.split(rows, 3)

            def joined(*blocks: Array) -> Array:
                return np.concatenate(blocks)

            traps = {
                "次序还没有换：PyTorch 的三块是 r、z、n": [rows, joined(-z, r, n)],
                "次序对了，z 的意思还没有换：那边的 z 管换新，这边的管留下": joined(r, z, n),
                "变号的是 z 那一块，不是 r": joined(-r, z, n),
                "n 不变号：只有 z 的意思反过来": [joined(r, -z, -n), joined(r, z, -n)],
                "只有 z 变号，r 不变": joined(-r, -z, n),
                "1 − z 说的是过了 σ 以后的门，不是权重": joined(r, 1 - z, n),
                "次序弄错了：换成的是 r、z、n，不是别的": [joined(n, r, -z), joined(r, n, -z)],
            }
            if k >= 2:
                z, r, n = np.split(point[2] + point[3], 3)
                traps["b 与 c 各换各的，不合并：n 里的 c 要先乘 r"] = joined(r, -z, n)
            hint = "z 那一块变号，三块排成 r、z、n"
            form = f"{names[k]} 与给的同形：{forms[k]}"
            yield value(got[k], want[k], names[k] + said, hint, traps, form=form)
    yield again(call, *case(H, D))
    yield call.untouched(weight=0.5)


def _states(W: Array, U: Array, b: Array, x: Array) -> Array:
    """c of an LSTM after every step: x (T, D) → (T, H)."""
    h = c = np.zeros(U.shape[1])
    out = np.empty((len(x), len(h)))
    for t, row in enumerate(x):
        i, f, g, o = np.split(W @ row + U @ h + b, 4)
        with np.errstate(over="ignore"):
            i, f, o = (1 / (1 + np.exp(-a)) for a in (i, f, o))
        c = f * c + i * np.tanh(g)
        h = o * np.tanh(c)
        out[t] = c
    return out


def _counted(x: Array) -> Array:
    """What is asked for: marks since the last reset, the reset's own step included."""
    out, n = np.empty(len(x)), 0
    for t, (mark, reset) in enumerate(x):
        n = int(mark) + (0 if reset else n)
        out[t] = n
    return out


@exercise("14.4", "不训练的计数器", points=3, asks="counter() -> W, U, b")
@hints(
    "c ← f·c + i·g。要 c 每见一个记号正好加 1：i 和 g 各该是多少？没有记号时呢？",
    "要 0 或 1 那样干脆的门，就让 σ 的自变量是正负二三十。哪个门听“记号”，哪个听“清零”？",
    "i 听记号（有则约 1，无则约 0），f 听清零（平时约 1，清零时约 0），g 总是约 1。"
    "W 的四块依次是 i、f、g、o，每块 H 行；U 可以全是 0。",
)
def judge_counter(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, counter)
    W, U, b = yield from parts(call()[0], 3, "W, U, b")
    size = shape_of(b)
    H = size[0] // 4 if size and len(size) == 1 else 0
    hint = f"b 是 (4H,)，H 在 1 与 4 之间，现在的形状是 {size}"
    yield that(1 <= H <= 4 and size == (4 * H,), "b 的形状", hint)
    W = yield from array(W, (4 * H, 2), "W", "W 是 (4H, 2)：四块 i、f、g、o，两列是记号与清零")
    U = yield from array(U, (4 * H, H), "U", "U 是 (4H, H)")
    b = yield from array(b, (4 * H,), "b", "b 是 (4H,)")
    finite = bool(np.isfinite(W).all() and np.isfinite(U).all() and np.isfinite(b).all())
    yield that(finite, "都是有限的数", "权重里有 nan 或 inf")

    def rows(T: int, marks: float, resets: float) -> Array:
        x = (rng.random(size=(T, 2)) < (marks, resets)).astype(float)
        x[: T // 3, 1] *= T > 20
        return x

    def right(x: Array) -> tuple[bool, str]:
        c, want = _states(W, U, b, x)[:, 0], _counted(x)
        off = np.abs(c - want)
        t = int((off >= 0.5).argmax())
        told = f"前 {t + 1} 步有 {int(x[: t + 1, 0].sum())} 个记号，c[0] = {c[t]:.2f}"
        return bool((off < 0.5).all()), told

    plain = rows(20, 0.5, 0.0)
    plain[3, 0] = 1
    ok, told = right(plain)
    c = _states(W, U, b, plain)[:, 0]
    hint = "c[0] 每见一个记号加 1，没有记号时不动"
    once = np.zeros((20, 2))
    once[0, 0] = 1
    after = _states(W, U, b, once)[:, 0]
    moved = np.abs(_states(W, U, b, plain)).max(axis=0)
    if moved[0] < 0.5 and np.abs(_states(W, U, b, plain[:, ::-1])[:, 0]).max() > 0.9:
        hint = "动 c[0] 的是 W 的第二列，那是“清零”：第一列才是“记号”"
    elif moved[0] < 0.5 and moved.max() > 0.9:
        hint = "在数的不是第 0 格：四块 i、f、g、o 每块 H 行，第 0 格用的是第 0、H、2H、3H 行"
    elif moved[0] < 0.5:
        hint = "c[0] 几乎没有动：输入门没有开，或 g 接近 0（四块各 H 行，次序 i、f、g、o）"
    elif (_states(W, U, b, 0 * plain)[:, 0] > 0.5).any():
        hint = "没有记号时 c[0] 也在涨：输入门（或 g）平时要关着"
    elif c[-1] < 0:
        hint = "c[0] 往负的方向数：g 要接近 +1"
    elif c[-1] < 1.5:
        hint = "c[0] 到 1 上下就不涨了：遗忘门要接近 1，旧的数才留得住"
    elif abs(after[0] - 1) > 0.02:
        hint = f"一个记号让 c[0] 加了 {after[0]:.2f}，不是 1：有记号时 i 与 g 都要接近 1"
    elif after[-1] < 0.98:
        hint = "数对了，可没有记号时 c[0] 自己在减：遗忘门离 1 还不够近"
    yield that(ok, "数记号", hint, told, weight=1.0)
    x = rows(60, 0.4, 0.1)
    x[30], x[31], x[45] = (0, 1), (1, 0), (1, 1)
    ok, told = right(x)
    hint = "清零的那一步，c[0] 之前的数要忘掉"
    alone = x.copy()
    alone[alone[:, 1] == 1, 0] = 0
    if right(alone)[0]:
        hint = "清零与记号在同一步时：先清零，再数这个记号，得 1"
    yield that(ok, "清零", hint, told, weight=1.0)
    x = rows(2000, 0.15, 0.0)
    ok, told = right(x)
    hint = "短的对，两千步就漏了：哪个门离 0 或 1 还不够近？"
    yield that(ok, "两千步", hint, told, weight=1.0)
    x = rows(2000, 0.1, 0.01)
    ok, told = right(x)
    yield that(ok, "两千步，有清零", hint, told, weight=0.5)
    x = np.column_stack([np.ones(2000), np.zeros(2000)])
    ok, told = right(x)
    yield that(ok, "两千个记号", hint, told, weight=0.5)


def _in_joined(text: str, corpus: Iterable[str]) -> int:
    """Across the seams."""
    return longest_shared(text, ["".join(corpus)])


@exercise("14.5", "抄了多长", points=3, asks="longest_shared(text, corpus) -> 整数")
@hints(
    "连着的一段才算；从哪个字开始、到哪个字结束都可以。",
    "对每个起点，越取越长，直到哪一首里都没有。比已知最长的短的，不用再问。",
    "把各首接成一个长串来查会快，但要隔开：中间放一个不会出现的字符，免得一段跨过两首。",
)
def judge_longest_shared(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, longest_shared)

    def poem(T: int) -> str:
        return "".join(rng.choice(list("山水风月花人春秋"), size=T))

    def subsequence(a: str, b: str) -> int:
        row = [0] * (len(b) + 1)
        for x in a:
            before = 0
            for j, y in enumerate(b, 1):
                before, row[j] = row[j], before + 1 if x == y else max(row[j], row[j - 1])
        return row[-1]

    def ask(text: str, corpus: list[str], said: str, hint: str, weight: float = 1.0) -> Any:
        want = longest_shared(text, corpus)
        starts = max((n for n in range(len(text) + 1) if any(text[:n] in t for t in corpus)),
                     default=0)  # fmt: skip
        same = max((sum(a == b for a, b in zip(text, t, strict=False)) for t in corpus), default=0)
        common = "数的是相同的字，不是连着的一段"
        each = max((len(set(text) & set(t)) for t in corpus), default=0)
        traps: dict[str, Any] = {
            "连起来跨过了两首：一段要整个在同一首里": _in_joined(text, corpus),
            "连着的一段才算，中间不能跳过别的字": max(
                (subsequence(text, t) for t in corpus), default=0
            ),
            "只看了从第一个字开始的：起点可以在任何地方": starts,
            common: [len(set(text) & set("".join(corpus))), each],
            "少了一个：末尾的字也要算；一段断了，要从下一个起点重新比": want - 1,
            "这是位置对位置相同的字数：两边的起点可以不同": same,
        }
        told: dict[str, Any] = {}
        for said_of, wrong in traps.items():  # one mistake for one number
            for one in wrong if isinstance(wrong, list) else [wrong]:
                if one >= 0 and one != want and one not in told.values():
                    told.setdefault(said_of, one)
        return value(*call(text, corpus), said, hint, told, weight=weight)

    text = "云" + poem(19) + "雪"
    shared = text[7:13]
    corpus = [poem(int(rng.integers(3, 9))) for _ in range(6)]
    middle = [*corpus[:3], "雨" + shared + "日", *corpus[3:], "日".join(text[:11])]
    yield ask(text, middle, "一段在中间", "最长的连着的一段，哪里开始都行")
    seam = [*corpus[:2], "雨" + text[:5], text[5:11] + "日", *corpus[2:]]
    yield ask(text, seam, "前一首的尾与后一首的头", "两首接起来的不算", weight=1.0)
    yield ask(text, [*corpus, "日" + text + "日"], "整首", "整首都在里面：得它的长度", weight=0.5)
    yield ask("雨雪", ["云日", "星"], "没有", "一个字也不同时是 0", weight=0.5)
    hint = "只在最后一个字上相同，是 1"
    yield ask("云雷雪", ["日雪", "月"], "最后一个字", hint, weight=0.5)
    hint = "一段断了，要从下一个起点重新比；同一个字在一首里也不止一处"
    yield ask("云山水风月", ["云山日", "山雨山水风月"], "重叠的两段", hint, weight=0.5)
    hint = "标点、空格、换行也是字：照给的比，隔开各首的要用里面不会有的字符"
    yield ask("山水。\n风月 花", ["雨山水。", "风月", "花日"], "有标点", hint, weight=0.5)
    yield ask("", corpus, "空的", "空的文本是 0", weight=0.5)
    yield ask(text, [], "没有诗", "一首也没有时是 0", weight=0.5)
    one = poem(3000)
    many = [one[k : k + 28] for k in range(0, 2968, 28)]
    many.append(one[480:570])
    hint = "再长的也要对：不止一行，也不止二十八个字"
    yield ask(one[500:560] + "云", many, "长一些", hint, weight=0.5)
    yield again(call, text[::-1], middle)
    yield call.untouched(weight=0.5)
