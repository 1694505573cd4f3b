"""The judges of 12_pytorch: right answers pass, each typical mistake gets its own hint."""

from __future__ import annotations

import math
import struct
from itertools import pairwise

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from aigc_course import engine
from aigc_course.exercises import ex12
from tests.support.common_questions import questions
from tests.support.harness import Wrong

# --- other right answers -----------------------------------------------------------------------


def flat_by_places(shape, strides):
    """All places in the order of reading: they can be one row if their steps are equal."""
    places = [0]
    for n, s in zip(shape, strides):  # noqa: B905
        places = [p + s * i for p in places for i in range(n)]
    steps = {b - a for a, b in pairwise(places)}
    return len(steps) <= 1


def flat_from_inside(shape, strides):
    inner = None
    if 0 in shape:
        return 1
    for n, s in list(zip(shape, strides))[::-1]:  # noqa: B905
        if n == 1:
            continue
        if inner is not None and s != inner:
            return 0
        inner = n * s
    return 1


def bfloat_one_by_one(x):
    out = np.empty(x.shape, np.float32)
    for place in np.ndindex(*x.shape):
        one = float(x[place])
        if math.isnan(one) or math.isinf(one):
            out[place] = one
            continue
        [bits] = struct.unpack("<I", struct.pack("<f", one))
        low, high = bits & 0xFFFF, bits >> 16
        if low > 0x8000 or (low == 0x8000 and high % 2):
            high += 1
        [out[place]] = struct.unpack("<f", struct.pack("<I", high << 16))
    return out


def bfloat_in_place_of_a_copy(x):
    out = x.copy()
    bits = out.view(np.uint32)
    good = ~np.isnan(x)
    bits[good] += 0x7FFF + ((bits[good] >> 16) & 1)
    bits[good] &= 0xFFFF0000
    return out


def drawn_by_workers(N, B, W):
    draws = [0] * W
    for k, start in enumerate(range(0, N, B)):
        draws[k % W] += len(range(start, min(start + B, N)))
    return max(draws)


def accumulated_by_sums(model, optimizer, loss_fn, x, y, parts):
    optimizer.zero_grad()
    losses, n, begin = [], len(x), 0
    for k in range(parts):
        end = n * (k + 1) // parts
        if end == begin:
            continue
        xb, yb = x[begin:end], y[begin:end]
        loss = loss_fn(model(engine.tensor(xb)), yb) * len(xb) / n
        loss.backward()
        losses.append(loss.item())
        begin = end
    optimizer.step()
    return np.float64(sum(losses))


def smooth_with_weights(values, beta, state=None):
    total, weight = state or [0.0, 0.0]
    out = []
    for one in values:
        if np.isfinite(one):
            total, weight = beta * total + float(one), beta * weight + 1
        out.append(total / weight if weight else float("nan"))
    return np.array(out), [total, weight]


class Smoother:
    def __init__(self, beta, m, t):
        self.beta, self.m, self.t = beta, m, t

    def push(self, one):
        if not (math.isnan(one) or math.isinf(one)):
            self.t += 1
            self.m += (1 - self.beta) * (one - self.m)
        return self.m / (1 - self.beta**self.t) if self.t else math.nan


def smooth_with_a_class(values, beta, state=None):
    one = Smoother(beta, *(state or (0.0, 0)))
    return np.array([one.push(v) for v in values]), (one.m, one.t)


ALSO_RIGHT = [
    ("12.1", flat_by_places),
    ("12.1", flat_from_inside),
    ("12.3", bfloat_one_by_one),
    ("12.3", bfloat_in_place_of_a_copy),
    ("12.2", drawn_by_workers),
    (
        "12.2",
        lambda N, B, W: np.int64(sum(len(range(s, min(s + B, N))) for s in range(0, N, B * W))),
    ),
    ("12.4", accumulated_by_sums),
    ("12.5", smooth_with_weights),
    ("12.5", smooth_with_a_class),
]


# --- typical mistakes --------------------------------------------------------------------------


def contiguous(shape, strides):
    if 0 in shape:
        return True
    want = 1
    for n, s in list(zip(shape, strides))[::-1]:  # noqa: B905
        if n != 1 and s != want:
            return False
        want *= n
    return True


def flat_without_ones(shape, strides):
    if 0 in shape:
        return True
    return all(strides[i] == strides[i + 1] * shape[i + 1] for i in range(len(shape) - 1))


def flat_without_empty(shape, strides):
    kept = [(n, s) for n, s in zip(shape, strides) if n != 1]  # noqa: B905
    return all(kept[i][1] == kept[i + 1][0] * kept[i + 1][1] for i in range(len(kept) - 1))


def falling(shape, strides):
    return list(strides) == sorted(strides, reverse=True)


def flat_without_zero(shape, strides):
    return 0 in shape or (
        flat_without_empty(shape, strides)
        and not any(s == 0 and n > 1 for n, s in zip(shape, strides))  # noqa: B905
    )


def bits(add):
    def rounded(x):
        return ((x.view(np.uint32) + np.uint32(add)) & np.uint32(0xFFFF0000)).view(np.float32)

    return rounded


def in_float16(x):
    with np.errstate(over="ignore"):
        return x.astype(np.float16).astype(np.float32)


def bfloat_without_nan(x):
    b = x.view(np.uint32)
    odd = (b >> np.uint32(16)) & np.uint32(1)
    return ((b + np.uint32(0x7FFF) + odd) & np.uint32(0xFFFF0000)).view(np.float32)


def bfloat_flushed(x):
    return np.where(abs(x) < 1.2e-38, np.float32(0), ex12.to_bfloat16(x)).astype(np.float32)


def bfloat_clipped(x):
    out = ex12.to_bfloat16(x)
    return np.where(np.isinf(out), np.sign(out) * np.float32(3.3895314e38), out).astype(np.float32)


def bfloat_in_place(x):
    x[...] = ex12.to_bfloat16(x)
    return x


def accumulated(*, clear=True, weigh="rows", step="once", cap=True, tensor=False, total="rows"):
    def answer(model, optimizer, loss_fn, x, y, parts):
        if clear is True:
            optimizer.zero_grad()
        out = 0.0
        pieces = np.array_split(np.arange(len(x)), min(parts, len(x)) if cap else parts)
        for rows in pieces:
            if clear == "each":
                optimizer.zero_grad()
            loss = loss_fn(model(engine.tensor(x[rows])), y[rows])
            share = {"rows": len(rows) / len(x), "parts": 1 / len(pieces), "no": 1.0}
            plain = loss.item()
            (loss * share[weigh]).backward()
            out = out + (loss * share[total] if tensor else plain * share[total])
            if step == "each":
                optimizer.step()
        if step == "once":
            optimizer.step()
        return out

    return answer


def accumulated_at_once(model, optimizer, loss_fn, x, y, parts):
    optimizer.zero_grad()
    loss = loss_fn(model(engine.tensor(x)), y)
    loss.backward()
    optimizer.step()
    return loss.item()


def smoothing(*, correct=True, restore="all", skip=True, beta_=None):
    def answer(values, beta, state=None):
        beta = beta if beta_ is None else beta_
        m, t = 0.0, 0
        if state is not None and restore != "none":
            m = state["m"]
            t = state["t"] if restore == "all" else 0
        out = []
        for one in values:
            if skip is not True or np.isfinite(one):
                if skip == "counted" or np.isfinite(one) or skip is False:
                    m = beta * m + (1 - beta) * float(one)
                t += 1
            out.append((m / (1 - beta**t) if correct else m) if t else float("nan"))
        return np.array(out), {"m": m, "t": t}

    return answer


def smooth_from_the_first(values, beta, state=None):
    m, out = state, []
    for one in values:
        if np.isfinite(one):
            m = float(one) if m is None else beta * m + (1 - beta) * float(one)
        out.append(float("nan") if m is None else m)
    return np.array(out), m


def smooth_state_of_numpy(values, beta, state=None):
    out, new = ex12.smooth(values, beta, None if state is None else state)
    return out, {"mean": np.float32(new["mean"]), "count": new["count"]}


def flat_outer_pair(shape, strides):
    kept = [(n, s) for n, s in zip(shape, strides) if n != 1]  # noqa: B905
    if 0 in shape or len(kept) < 2:
        return True
    return kept[0][1] == kept[1][0] * kept[1][1]


def accumulated_clears_after(model, optimizer, loss_fn, x, y, parts):
    out = accumulated(clear=False)(model, optimizer, loss_fn, x, y, parts)
    optimizer.zero_grad()
    return out


def accumulated_ceil(model, optimizer, loss_fn, x, y, parts):
    optimizer.zero_grad()
    size, out = -(-len(x) // parts), 0.0
    for begin in range(0, len(x), size):
        xb, yb = x[begin : begin + size], y[begin : begin + size]
        loss = loss_fn(model(engine.tensor(xb)), yb) * (len(xb) / len(x))
        loss.backward()
        out += loss.item()
    optimizer.step()
    return out


def smooth_with_a_global():
    memory = {}

    def answer(values, beta, state=None):
        out, memory["now"] = ex12.smooth(values, beta, memory["now"] if state else None)
        return out, [0]

    return answer


def smooth_nothing_good(values, beta, state=None):
    if not np.isfinite(values).any():
        return np.full(len(values), np.nan), state
    return ex12.smooth(values, beta, state)


# number, name, answer, words of its hint, percent of the points
ANY = (0, 99)
WRONG = [
    Wrong("12.1", "always", lambda shape, strides: True, "排不成一行，答的是行", ANY),
    Wrong("12.1", "contiguous", contiguous, "不必紧挨着", ANY),
    Wrong("12.1", "ones", flat_without_ones, "步幅是多少都用不到", ANY),
    Wrong("12.1", "zero", flat_without_zero, "步幅 0", ANY),
    Wrong("12.1", "empty", flat_without_empty, "没有数要排", ANY),
    Wrong("12.1", "outer pair", flat_outer_pair, "排不成一行，答的是行", ANY),
    Wrong("12.3", "cut", bits(0), "向 0 取整", ANY),
    Wrong("12.3", "up", bits(0x8000), "总往上进", ANY),
    Wrong("12.3", "down", bits(0x7FFF), "总是舍掉", ANY),
    Wrong("12.3", "float16", in_float16, "这是 float16", ANY),
    Wrong("12.3", "nothing", lambda x: x.copy(), "没有舍入", ANY),
    Wrong("12.3", "away", bits(0xFFFF), "远离 0", ANY),
    Wrong("12.3", "nan", bfloat_without_nan, "单独处理", ANY),
    Wrong("12.3", "flushed", bfloat_flushed, "次正规数", ANY),
    Wrong("12.3", "clipped", bfloat_clipped, "进成 inf", ANY),
    Wrong("12.3", "in place", bfloat_in_place, "x 被原地修改", ANY),
    Wrong("12.2", "all", lambda N, B, W: N, "全部的行数", ANY),
    Wrong("12.2", "rows", lambda N, B, W: -(-N // W), "一批一批领", ANY),
    Wrong("12.2", "batch", lambda N, B, W: B, "批的大小", ANY),
    Wrong(
        "12.2", "full", lambda N, B, W: math.ceil(math.ceil(N / B) / W) * B, "只抽剩下的那几个", ANY
    ),
    Wrong("12.2", "floor", lambda N, B, W: N // B // W * B, "向上取整", ANY),
    Wrong("12.4", "clears each", accumulated(clear="each"), "只剩最后一份", ANY),
    Wrong("12.4", "same weight", accumulated(weigh="parts"), "同权平均", ANY),
    Wrong("12.4", "no weight", accumulated(weigh="no"), "直接加起来了", ANY),
    Wrong("12.4", "steps", accumulated(step="each"), "每一份都走了一步", ANY),
    Wrong("12.4", "never steps", accumulated(step="no"), "参数没有动", ANY),
    Wrong("12.4", "never clears", accumulated(clear=False), "以前的梯度还留着", ANY),
    Wrong("12.4", "ceil", accumulated_ceil, "最多差 1 行", ANY),
    Wrong("12.4", "a tensor", accumulated(tensor=True), "计算图留在内存", ANY),
    Wrong("12.4", "mean of means", accumulated(total="parts"), "按行数加权", ANY),
    Wrong("12.4", "empty parts", accumulated(cap=False), "空的份", ANY),
    Wrong("12.4", "at once", accumulated_at_once, "你前向了 1 次", ANY),
    Wrong("12.5", "pulled down", smoothing(correct=False), "被 0 拉低", ANY),
    Wrong("12.5", "from the first", smooth_from_the_first, "从第一个数起步", ANY),
    Wrong("12.5", "swapped", lambda v, b, s=None: ex12.smooth(v, 1 - b, s), "写反了", ANY),
    Wrong("12.5", "fixed", smoothing(beta_=0.9), "不是固定的", ANY),
    Wrong("12.5", "no state", smoothing(restore="none"), "从头算起", ANY),
    Wrong("12.5", "no count", smoothing(restore="m"), "t 从 1 重数", ANY),
    Wrong("12.5", "not JSON", smooth_state_of_numpy, "写进 JSON", ANY),
    Wrong("12.5", "global", smooth_with_a_global(), "用 state 接着算", ANY),
    Wrong("12.5", "nothing good", smooth_nothing_good, "全是坏了的数", ANY),
    Wrong("12.5", "nan", smoothing(skip=False), "一个 nan 进了 m", ANY),
]
SAME_HINT = [
    Wrong("12.4", "clears after", accumulated_clears_after, "管不到别处", ANY),
    Wrong("12.1", "falling", falling, ("答的是行", "答的是不行"), ANY),
    Wrong("12.1", "never", lambda shape, strides: None, "答的是不行", ANY),
]

globals().update(
    questions(
        "12",
        also_right=ALSO_RIGHT,
        wrong=WRONG,
        same_hint=SAME_HINT,
        opaque=["12.4", "12.5"],
        loads=["aigc_course.engine"],
    )
)


# --- the library's versions --------------------------------------------------------------------


@given(
    st.lists(st.integers(0, 4), max_size=4).flatmap(
        lambda shape: st.tuples(
            st.just(shape), st.lists(st.integers(0, 6), min_size=len(shape), max_size=len(shape))
        )
    )
)
def test_can_flatten_is_what_pytorch_does(form):
    shape, strides = map(tuple, form)
    x = torch.zeros(100).as_strided(shape, strides)
    try:
        x.view(-1)
        can = True
    except RuntimeError:
        can = False
    assert ex12.can_flatten(shape, strides) == can
    assert can == (0 in shape or flat_by_places(shape, strides))


@given(st.lists(st.integers(0, 2**32 - 1), max_size=20))
def test_to_bfloat16_is_what_pytorch_does(words):
    x = np.array(words, dtype=np.uint32).view(np.float32)
    want = torch.from_numpy(x.copy()).bfloat16().float().numpy()
    np.testing.assert_array_equal(ex12.to_bfloat16(x), want)


@given(st.lists(st.floats(-5, 5), max_size=9), st.floats(0, 0.99), st.integers(0, 9))
def test_smooth_goes_on_where_it_was(values, beta, cut):
    whole, end = ex12.smooth(values, beta)
    head, state = ex12.smooth(values[:cut], beta)
    tail, other = ex12.smooth(values[cut:], beta, state)
    np.testing.assert_array_equal([*head, *tail], whole)
    assert other == end
    if values:
        weights = beta ** np.arange(len(values))[::-1]
        np.testing.assert_allclose(whole[-1], weights @ values / weights.sum(), atol=1e-9)
