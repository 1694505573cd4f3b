"""The judges of 12_pytorch: right answers pass, each typical mistake gets its own hint."""

from __future__ import annotations

import json
import math
import struct
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aigc_course import engine
from aigc_course.exercises import ex12, judge
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


def bfloat_by_size(x):
    with np.errstate(all="ignore"):
        y = x.astype(np.float64)
        step = np.ldexp(1.0, np.maximum(np.frexp(y)[1] - 8, -133))
        return np.where(np.isfinite(y), np.rint(y / step) * step, y).astype(np.float32)


def accumulated_every_so_many(model, optimizer, loss_fn, x, y, parts):
    optimizer.zero_grad()
    told = []
    for k in range(min(parts, len(x))):
        xb, yb = x[k::parts], y[k::parts]
        loss = len(xb) / len(x) * loss_fn(model(engine.tensor(xb)), yb)
        loss.backward()
        told.append(loss.item())
    optimizer.step()
    optimizer.zero_grad()
    return sum(told)


def smooth_with_all_of_the_past(values, beta, state=None):
    past, out = list(state or []), []
    for one in values:
        past += [float(one)] * math.isfinite(one)
        weights = beta ** np.arange(len(past))[::-1]
        out.append(weights @ past / weights.sum() if past else math.nan)
    return np.array(out, dtype=float), past


def smooth_with_a_word(values, beta, state=None):
    m, t = json.loads(state or "[0.0, 0]")
    out = np.full(len(values), np.nan)
    for k, one in enumerate(values):
        if abs(one) < math.inf:
            m, t = m + (1 - beta) * (one - m), t + 1
        if t:
            out[k] = m / (1 - beta**t)
    return out, json.dumps([m, t])


def smooth_changes_its_state(values, beta, state=None):
    state = state or {"m": 0.0, "t": 0}
    out = []
    for one in values:
        if math.isfinite(one):
            state["m"] = beta * state["m"] + (1 - beta) * one
            state["t"] += 1
        out.append(state["m"] / (1 - beta ** state["t"]) if state["t"] else math.nan)
    return np.array(out, dtype=float), state


ALSO_RIGHT = [
    ("12.2", lambda N, B, W: N // (B * W) * B + min(B, N % (B * W))),
    ("12.2", lambda N, B, W: sum(1 for k in range(N) if k // B % W == 0)),
    ("12.3", bfloat_by_size),
    ("12.4", accumulated_every_so_many),
    ("12.5", smooth_with_all_of_the_past),
    ("12.5", smooth_with_a_word),
    ("12.5", smooth_changes_its_state),
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


def flat_by_its_ends(shape, strides):
    kept = [(n, s) for n, s in zip(shape, strides) if n != 1]  # noqa: B905
    if 0 in shape or not kept:
        return True
    return kept[0][1] == kept[-1][1] * math.prod(n for n, _ in kept[1:])


def drawn_ever():
    seen = set()

    def answer(N, B, W):
        seen.update(range(drawn_by_workers(N, B, W)))
        return len(seen)

    return answer


def rounded_bits(x, cut=16, tie=None):
    b = x.view(np.uint32)
    tie = (b >> np.uint32(cut)) & np.uint32(1) if tie is None else tie(b, x)
    half = np.uint32((1 << (cut - 1)) - 1)
    rounded = ((b + half + tie) >> np.uint32(cut) << np.uint32(cut)).view(np.float32)
    return np.where(np.isnan(x), np.float32(np.nan), rounded)


def bfloat_to_odd(x):
    return rounded_bits(x, tie=lambda b, x: 1 - ((b >> np.uint32(16)) & np.uint32(1)))


def bfloat_to_the_right(x):
    return rounded_bits(x, tie=lambda b, x: (x > 0).astype(np.uint32))


def bfloat_nan_cut(x):
    b = x.view(np.uint32)
    add = np.uint32(0x7FFF) + ((b >> np.uint32(16)) & np.uint32(1))
    add = np.where(np.isfinite(x), add, np.uint32(0))
    return ((b + add) & np.uint32(0xFFFF0000)).view(np.float32)


def bfloat_eight_digits(x):
    with np.errstate(all="ignore"):
        y = x.astype(np.float64)
        step = np.ldexp(1.0, np.frexp(y)[1] - 8)
        return np.where(np.isfinite(y), np.rint(y / step) * step, y).astype(np.float32)


def accumulated_graphs(model, optimizer, loss_fn, x, y, parts):
    optimizer.zero_grad()
    total = 0.0
    for rows in np.array_split(np.arange(len(x)), min(parts, len(x))):
        total = total + loss_fn(model(engine.tensor(x[rows])), y[rows]) * (len(rows) / len(x))
    total.backward()
    optimizer.step()
    return total.item()


def accumulated_all_losses_first(model, optimizer, loss_fn, x, y, parts):
    optimizer.zero_grad()
    losses = [
        loss_fn(model(engine.tensor(x[rows])), y[rows]) * (len(rows) / len(x))
        for rows in np.array_split(np.arange(len(x)), min(parts, len(x)))
    ]
    for loss in losses:
        loss.backward()
    optimizer.step()
    return sum(loss.item() for loss in losses)


def accumulated_with(pieces, factor=lambda rows, n: len(rows) / n, steps=1):
    def answer(model, optimizer, loss_fn, x, y, parts):
        optimizer.zero_grad()
        out = 0.0
        for rows in pieces(len(x), parts):
            loss = loss_fn(model(engine.tensor(x[rows])), y[rows])
            out += loss.item() * len(rows) / len(x)
            (loss * factor(rows, len(x))).backward()
        for _ in range(steps):
            optimizer.step()
        return out

    return answer


def split(n, parts):
    return np.array_split(np.arange(n), min(parts, n))


def rest_to_the_last(n, parts):
    size = n // min(parts, n)
    begins = [size * k for k in range(min(parts, n))]
    return [np.arange(a, b) for a, b in pairwise([*begins, n])]


def few_rows_at_once(n, parts):
    return np.array_split(np.arange(n), parts if parts <= n else 1)


def smooth_state(*, put, take):
    def answer(values, beta, state=None):
        out, new = ex12.smooth(values, beta, None if state is None else take(state))
        return out, put(new)

    return answer


def smooth_kept():
    kept = {"mean": 0.0, "count": 0}

    def answer(values, beta, state=None):
        out, new = ex12.smooth(values, beta, kept)
        kept.update(new)
        return out, new

    return answer


def smooth_rounded(values, beta, state=None):
    out, new = ex12.smooth(values, beta, state)
    return out, {"mean": round(new["mean"], 6), "count": new["count"]}


def smooth_into_values(values, beta, state=None):
    out, new = ex12.smooth(values, beta, state)
    values[:] = out.tolist()
    return out, new


def smooth_one_late(values, beta, state=None):
    out, new = ex12.smooth(values, beta, state)
    t = np.arange(1, len(values) + 1)
    return out * (1 - beta**t) / (1 - beta ** (t + 1)), new


def smooth_last_ten(values, beta, state=None):
    out, past = smooth_with_all_of_the_past(values, beta, state)
    return out, past[-20:]


def smooth_bad(change):
    def answer(values, beta, state=None):
        out, new = ex12.smooth(values, beta, state)
        return change(out, ~np.isfinite(values)), new

    return answer


def smooth_as_zero(values, beta, state=None):
    return ex12.smooth(np.where(np.isfinite(values), values, 0.0), beta, state)


def smooth_with_inf(values, beta, state=None):
    m, t = state or (0.0, 0)
    out = []
    for one in values:
        if not math.isnan(one):
            m, t = beta * m + (1 - beta) * one, t + 1
        out.append(m / (1 - beta**t) if t else math.nan)
    return np.array(out), [m, t]


def smooth_false_zero(values, beta, state=None):
    out, new = ex12.smooth(values, beta, state if state and state["mean"] else None)
    return out, new


def smooth_without_zero(values, beta, state=None):
    return ex12.smooth(values, beta or 0.9, state)


def flat_but_for_outer_ones(shape, strides):
    axes = [(n, s) for n, s in zip(shape, strides)]  # noqa: B905
    while axes and axes[0][0] == 1:
        axes.pop(0)
    while axes and axes[-1][0] == 1:
        axes.pop()
    return 0 in shape or all(a[1] == n * s for a, (n, s) in pairwise(axes))


def flat_first_and_last_pair(shape, strides):
    kept = [(n, s) for n, s in zip(shape, strides) if n != 1]  # noqa: B905
    if 0 in shape or len(kept) < 2:
        return True
    return all(a[1] == n * s for a, (n, s) in (kept[:2], kept[-2:]))


def flat_needs_two(shape, strides):
    return any(n != 1 for n in shape) and ex12.can_flatten(shape, strides)


def flat_one_axis_of_zero(shape, strides):
    return strides != (0,) and ex12.can_flatten(shape, strides)


def accumulated_short_cut(model, optimizer, loss_fn, x, y, parts):
    if parts > 1:
        return accumulated()(model, optimizer, loss_fn, x, y, parts)
    loss = loss_fn(model(engine.tensor(x)), y)
    loss.backward()
    optimizer.step()
    return loss.item()


def smooth_only(fine):
    def answer(values, beta, state=None):
        return ex12.smooth([v if fine(v) else math.nan for v in values], beta, state)

    return answer


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
    Wrong("12.2", "first example", lambda N, B, W: 4, "的那个数", ANY),
    Wrong("12.2", "times W", lambda N, B, W: min(N, B * W), "不用乘 worker 数", ANY),
    Wrong("12.2", "batches", lambda N, B, W: math.ceil(math.ceil(N / B) / W), "批的个数", ANY),
    Wrong("12.2", "drops", lambda N, B, W: B * math.ceil(N // B / W), "别丢掉它", ANY),
    Wrong("12.2", "first's", lambda N, B, W: N // B // W * B + N % B, "轮到谁就归谁", ANY),
    Wrong("12.3", "odd", bfloat_to_odd, "末位是 1 的那一个", ANY),
    Wrong("12.3", "right", bfloat_to_the_right, "符号不管", ANY),
    Wrong("12.3", "eight", lambda x: rounded_bits(x, 15), "多留了一位", ANY),
    Wrong("12.3", "digits", bfloat_eight_digits, "格子一样宽", ANY),
    Wrong("12.3", "float64", lambda x: ex12.to_bfloat16(x).astype(float), "仍用 float32", ANY),
    Wrong("12.4", "graphs", accumulated_graphs, "前一份还没有 backward", ANY),
    Wrong("12.4", "few", accumulated_with(few_rows_at_once), "一行一份", ANY),
    Wrong("12.4", "times", accumulated_with(split, lambda r, n: len(r)), "没有除以整批的行数", ANY),
    Wrong("12.4", "inverse", accumulated_with(split, lambda r, n: n / len(r)), "份额写反了", ANY),
    Wrong("12.4", "twice", accumulated_with(split, steps=2), "不止一步", ANY),
    Wrong("12.5", "rounded", smooth_rounded, "取整了", ANY),
    Wrong("12.5", "into values", smooth_into_values, "values 被原地修改", ANY),
    Wrong("12.5", "one late", smooth_one_late, "差了一步", ANY),
    Wrong("12.5", "last ten", smooth_last_ten, "不是最近几个", ANY),
    Wrong("12.5", "false zero", smooth_false_zero, "不等于没有 state", ANY),
    Wrong(
        "12.5",
        "keys",
        smooth_state(
            put=lambda s: {0: s["mean"], 1: s["count"]},
            take=lambda s: {"mean": s[0], "count": s[1]},
        ),
        "键都是文字",
        ANY,
    ),
    Wrong("12.5", "order", lambda *a: ex12.smooth(*a)[::-1], "averages", ANY),
    Wrong("12.5", "shorter", smooth_bad(lambda out, bad: out[~bad]), "T 个数，T 个平均", ANY),
    Wrong("12.5", "inf", smooth_with_inf, "inf 进了 m", ANY),
    Wrong("12.5", "bad nan", smooth_bad(lambda o, b: np.where(b, np.nan, o)), "输出的是 nan", ANY),
    Wrong("12.5", "begin", smooth_bad(lambda o, b: np.nan_to_num(o)), "第一个数就坏了", ANY),
    Wrong("12.5", "as zero", smooth_as_zero, "算进了 t", ANY),
    Wrong("12.4", "short cut", accumulated_short_cut, "也要先清", ANY),
    Wrong("12.5", "small", smooth_only(lambda v: abs(v) < 1e3), "也是有限的数", ANY),
    Wrong("12.5", "no zero", smooth_without_zero, "β = 0", ANY),
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
    Wrong("12.1", "outer ones", flat_but_for_outer_ones, "步幅是多少都用不到", ANY),
    Wrong("12.1", "two pairs", flat_first_and_last_pair, "排不成一行，答的是行", ANY),
    Wrong("12.1", "needs two", flat_needs_two, "步幅是多少都用不到", ANY),
    Wrong("12.1", "one of zero", flat_one_axis_of_zero, "步幅 0", ANY),
    Wrong("12.5", "positive", smooth_only(lambda v: v >= 0), "也是有限的数", ANY),
    Wrong("12.1", "ends", flat_by_its_ends, "排不成一行，答的是行", ANY),
    Wrong("12.3", "nan cut", bfloat_nan_cut, "单独处理", ANY),
    Wrong("12.4", "all first", accumulated_all_losses_first, "前一份还没有 backward", ANY),
    Wrong("12.4", "rest last", accumulated_with(rest_to_the_last), "最多差 1 行", ANY),
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


@pytest.mark.parametrize(
    ("number", "make", "label"),
    [("12.2", drawn_ever, "同样的输入，再调用一次"), ("12.5", smooth_kept, "不给 state 时从头算")],
)
def test_what_stays_from_call_to_call_is_told_as_that(number, make, label):
    for seed in range(8):  # a new answer for each: what stays may not be there before the first
        result = judge(number, make(), seed=seed)
        assert result.steps[-1].label == label
        assert not result.steps[-1].ok


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
