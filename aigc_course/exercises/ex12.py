"""Chapter 12, PyTorch: what each exercise asks, and the library's version of it.

The functions with public names are what the lesson goes on with while an exercise is still open.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from math import isfinite, nan
from typing import Any

import numpy as np

from aigc_course import engine
from aigc_course.exercises.ex06 import _Spy  # a model that notes what it is shown
from aigc_course.judging.vocabulary import (
    Answer,
    Array,
    Caller,
    Rng,
    Steps,
    again,
    agree,
    array,
    as_one,
    attempt,
    dtype,
    exercise,
    hints,
    one_by_one,
    parts,
    shape_of,
    that,
    truthy,
    value,
)

__all__ = ["accumulated_step", "can_flatten", "distinct_draws", "smooth", "to_bfloat16"]


# --- the library's versions --------------------------------------------------------------------


def can_flatten(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Whether a tensor of this form can be read as one row without a copy: ``x.view(-1)``.

    Args:
        shape: sizes.
        strides: numbers to go on in memory for the next one along each axis.

    Example:
        >>> can_flatten((3, 4), (4, 1)), can_flatten((4, 3), (1, 4))
        (True, False)
    """
    if 0 in shape:
        return True
    kept = [(n, s) for n, s in zip(shape, strides, strict=True) if n != 1]
    return all(outer == n * inner for (_, outer), (n, inner) in pairwise(kept))


def to_bfloat16(x: Array) -> Array:
    """Each number rounded to the nearest of bfloat16, of two as near to the even one.

    Args:
        x: float32, any shape.

    Returns:
        The same shape, float32 still: what ``x.bfloat16().float()`` gives in PyTorch.

    Example:
        >>> to_bfloat16(np.array([1.001, 257, 259, 3.4e38], np.float32)).tolist()
        [1.0, 256.0, 260.0, inf]
    """
    bits = x.view(np.uint32)
    odd = (bits >> np.uint32(16)) & np.uint32(1)
    rounded = (bits + np.uint32(0x7FFF) + odd) & np.uint32(0xFFFF0000)
    return np.where(np.isnan(x), x, rounded.view(np.float32))


def distinct_draws(N: int, B: int, W: int) -> int:
    """Different random numbers in an epoch if each of W workers has a copy of one generator.

    Worker w makes the batches w, w + W, w + 2W …, and one number for each row.

    Args:
        N, B, W: rows, rows in a batch, workers; at least 1 each.

    Example:
        >>> distinct_draws(8, 2, 2), distinct_draws(8, 2, 1)
        (4, 8)
    """
    return sum(min(B, N - start) for start in range(0, N, B * W))


def accumulated_step(
    model: Any,
    optimizer: Any,
    loss_fn: Callable[[Any, Any], Any],
    x: Array,
    y: Array,
    parts: int,
) -> float:
    """One update from a batch that is shown to the model in parts; the mean loss of the batch."""
    optimizer.zero_grad()
    total = 0.0
    for rows in np.array_split(np.arange(len(x)), min(parts, len(x))):
        loss = loss_fn(model(engine.tensor(x[rows])), y[rows]) * (len(rows) / len(x))
        loss.backward()
        total += float(loss.item())
    optimizer.step()
    return total


def smooth(values: Any, beta: float, state: Any = None) -> tuple[Array, Any]:
    """Exponential moving average without the pull to 0 at the start; goes on from a state.

    Args:
        values: (T,) numbers; those that are not finite are left out.
        beta: from 0 to below 1.
        state: what an earlier call has given back; None at the beginning.

    Returns:
        Averages (T,), nan before the first finite number; and the state, which JSON can hold.

    Example:
        >>> smooth([1.0, 3.0], 0.5)[0].round(3).tolist()
        [1.0, 2.333]
    """
    mean, count = (0.0, 0) if state is None else (state["mean"], state["count"])
    out = []
    for one in values:
        if isfinite(one):
            mean, count = beta * mean + (1 - beta) * float(one), count + 1
        out.append(mean / (1 - beta**count) if count else nan)
    return np.array(out, dtype=float), {"mean": mean, "count": count}


# --- the judges --------------------------------------------------------------------------------


def _form(x: Array) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return x.shape, tuple(s // x.itemsize for s in x.strides)


@exercise("12.1", "哪些 view(-1) 不用复制", points=2, asks="can_flatten(shape, strides) -> bool")
@hints(
    "拿 (3, 4)、步幅 (4, 1) 走一遍：走完第 0 行，下一个数离开头多远？转置以后呢？",
    "排成一行，步子要处处一样大：沿里面一个轴走到头，再走一步，正好要落在外面那个轴的下一格上。",
    "先去掉长度是 1 的轴（它的步幅从来用不到）；剩下每一对相邻的轴，"
    "外面的步幅等于里面的长度乘里面的步幅就行。有一个长度是 0，就没有数要排。",
)
def judge_can_flatten(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, can_flatten)
    A, B, C = (int(n) for n in rng.permutation([3, 4, 5]))
    x = np.zeros((A, B, C), dtype=np.float32)

    def asked(views: list[Array], label: str, hint: str, weight: float) -> Any:
        def steps() -> Steps:  # asked until one is wrong: the card shows the inputs of the last
            for one in views:
                shape, strides = _form(one)
                got, want = call(shape, strides)
                how = f"形状 {shape}、步幅 {strides}："
                said = "排得成一行，答的是不行" if want else "排不成一行，答的是行"
                yield truthy(got, want, label, f"{how}{said}。{hint}")

        return as_one(label, steps(), weight=weight)

    hint = "沿里面的轴走到头，再走一步，落在外面那个轴的下一格上吗？"
    # of the third only the outer pair fits
    wide = np.zeros((A, B, C + 1), dtype=np.float32)
    # of the last two both ends fit, and what lies between them does not
    four = np.zeros((A, B, C, 2), dtype=np.float32)
    cut = np.zeros((2, A, B + 1, C), dtype=np.float32)[:, :, :B]
    views = [x, x.transpose(0, 2, 1), wide[:, :, :C], x[0], x[:, 1:], x.T, x[1:]]
    views += [four, four.transpose(0, 2, 1, 3), cut]
    yield asked(views, "完整的、转置的、切下一块的", hint, 1.0)
    hint = "不必紧挨着：每一步一样大就行，每隔一个取一个也可以"
    even = np.zeros((A, 2 * B), dtype=np.float32)
    odd = np.zeros((A, 2 * B + 1), dtype=np.float32)
    views = [even[:, ::2], odd[:, ::2], x[:, :, 1], x[::2, 0, 0], x[0, :, 0], even[:, B:], x[0, 1:]]
    yield asked(views, "隔着取的", hint, 0.5)
    hint = "长度是 1 的轴，步幅是多少都用不到"
    odd_strides = np.lib.stride_tricks.as_strided
    views = [x[:1, :, 0], x[:, :1].transpose(1, 0, 2)[0:1, 0:1], x[:1].transpose(0, 1, 2)]
    views += [odd_strides(x, (A, 1, C), (4 * B * C, 28, 4))[:, :, :1], x[:, :1, :]]
    views += [odd_strides(x, (A, 1, C), (4 * C, 28, 4)), x[:1, :1, 0]]
    views += [odd_strides(x, (1, C), (4, 4)), odd_strides(x, (C, 1), (4, 4))]
    yield asked(views, "有长度是 1 的轴", hint, 0.5)
    hint = "步幅 0 是同一个数看了许多遍（expand）：照样按步子来判"
    views = [odd_strides(x, (A, B), (0, 0)), odd_strides(x, (A, B), (0, 4))]
    views += [odd_strides(x, (A, B), (4, 0)), odd_strides(x, (A,), (0,))]
    yield asked(views, "步幅是 0 的", hint, 0.25)
    hint = "有一个长度是 0 就没有数要排；形状 () 里只有一个数"
    views = [x[:0].transpose(2, 1, 0), x[:, :0].transpose(1, 0, 2), x[0, 0, 0].reshape(())]
    yield asked(views, "空的与只有一个数的", hint, 0.25)


@exercise("12.2", "先猜再跑：有几个不同的随机数", points=2, asks="distinct_draws(N, B, W) -> 整数")
@hints(
    "每个 worker 里的发生器都从同一处开始：第 1 次抽的都相同，第 2 次抽的也都相同……",
    "所以不同的数有几个，看抽得最多的那个 worker 抽了几次。第 0 号最先领批，总不比别人少。",
    "第 0 号做第 0、W、2W…… 批；把这些批的大小加起来，最后一批可能不满。",
)
def judge_distinct_draws(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, distinct_draws)
    cases = []
    for _ in range(5):
        B, W = int(rng.integers(3, 7)), int(rng.integers(2, 5))
        full = int(rng.integers(1, 4)) * W
        # the last batch is short: of worker 0, or of a later one
        cases += [(B * full + int(rng.integers(1, B)), B, W)]
        cases += [(B * (full + 1) + int(rng.integers(1, B)), B, W)]
    N, B, W = np.array(cases).T
    batches, want = -(-N // B), [distinct_draws(*case) for case in cases]
    traps = {
        "这是全部的行数：各 worker 的发生器是同一个的副本，抽出来的会重复": N,
        "行数除以 worker 数：领活是一批一批领的，不是一行一行": [-(-N // W), N // W, N / W],
        "这是批的大小：一个 worker 要做好几批，发生器接着往下走": B,
        "这是批的个数：一批有几行就抽几个": [batches, -(-batches // W)],
        "各 worker 抽到的是同样的数：不用乘 worker 数": [B * W, np.minimum(N, B * W), W * want],
        "最后一批不满：第 0 号领到它的时候，只抽剩下的那几个": -(-batches // W) * B,
        "少算了第 0 号的最后一批：总批数除以 W 要向上取整，不满的一批也算；"
        "要的是抽得最多的 worker，不是最少的": [N // B // W * B, batches // W * B],
        "不满的一批也有人领，也要抽：别丢掉它": -(-(N // B) // W) * B,
        "不满的一批轮到谁就归谁，不总是第 0 号的": [
            N // B // W * B + N % B,
            N // (B * W) * B + N % (B * W),
        ],
        "这是 N = 8、B = 2、W = 2 的那个数：换了行数、批、worker 数就变": np.full(len(N), 4),
    }
    got = [call(*case)[0] for case in cases]
    once_more, _ = call(*cases[0])
    hint = "同样的 N、B、W 又问一次，结果变了：有东西从上一次调用留了下来（全局变量、默认参数）"
    kept = agree(once_more, want[0]) or not agree(got[0], want[0])
    yield that(kept, "同样的输入，再调用一次", hint, given=once_more)
    hint = "数抽得最多的那个 worker 抽了几次：它做的各批有几行，加起来"
    yield one_by_one(call, cases, got, want, "不满的一批", hint, traps)

    def edges() -> Steps:
        for case, kind in (
            ((7, 3, 1), "只有一个 worker：每一批都归它，不满的那批也是"),
            ((5, 8, 3), "行数不满一批：第 0 号领走这一批，别的没有活干"),
            ((12, 3, 2), "正好除尽：没有不满的一批"),
            ((3, 1, 5), "批比 worker 少：有的 worker 没有活干"),
            ((1, 1, 1), "只有一行"),
            ((12, 3, 4), "正好一个 worker 一批"),
        ):
            got, want = call(*case)
            form = "要的是一个整数"
            yield value(got, want, "边上的情形", kind, form=form, rtol=0, atol=0)

    yield as_one("边上的情形", edges(), weight=0.5)


@exercise("12.3", "自己的 bfloat16", points=3, asks="to_bfloat16(x) -> 与 x 同形的 float32")
@hints(
    "bfloat16 就是 float32 的前 16 位。砍掉后 16 位是向 0 取整；要的是取最近的一个。",
    "x.view(np.uint32) 看见同样的 32 位。加上“半格”再砍，就从取整变成四舍五入；"
    "恰在正中间时，留下的最后一位该是 0。",
    "bits + 0x7FFF + (bits 右移 16 位后的最后一位)，再与 0xFFFF0000 求与，最后 view 回 float32。"
    "nan 另外处理：加法会把它的位进没了。",
)
def judge_to_bfloat16(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, to_bfloat16)

    def exact(x: Array, label: str, hint: Any, traps: dict[str, Any] | None, weight: float) -> Any:
        got, want = call(x)
        if callable(hint):  # told by what came
            hint = hint(got if shape_of(got) == x.shape else 0)
        if shape_of(got) == x.shape and not isinstance(got, list | tuple):
            told = (
                "仍用 float32 存着：位算完 view(np.float32) 看回来；np.where 里的 np.nan 是 float64"
            )
            step = dtype(got, "float32", label, told, weight=weight)
            if not step.ok:
                return step
        return value(
            got, want, label, hint, traps, rtol=0, atol=0,
            form="与 x 同形", nonfinite="超出范围的是 inf，不是 nan", weight=weight,
        )  # fmt: skip

    x = (rng.normal(size=(3, 5)) * 10.0 ** rng.integers(-6, 7, size=(3, 5))).astype(np.float32)
    bits = x.view(np.uint32)
    # one that is far above and one far below the half, so that no rule of rounding agrees by chance
    bits[0, 0] = (bits[0, 0] & np.uint32(0xFFFF0000)) | np.uint32(0xE000)
    bits[0, 1] = (bits[0, 1] & np.uint32(0xFFFF0000)) | np.uint32(0x2000)
    cut = (bits & np.uint32(0xFFFF0000)).view(np.float32)
    with np.errstate(over="ignore"):
        half = x.astype(np.float16).astype(np.float32)
    traps = {
        "后 16 位砍掉了：那是向 0 取整，要的是最近的一个": cut,
        "这是 float16：尾数 10 位、指数 5 位；bfloat16 是 7 位、8 位": half,
        "原样还了回来：没有舍入": x,
        "尾数多留了一位：bfloat16 的尾数是 7 位，砍掉的是后 16 位": _nearest(bits, 15),
        "总往远离 0 的一边进：离哪一个近就取哪一个": (
            (bits + np.uint32(0xFFFF)) & np.uint32(0xFFFF0000)
        ).view(np.float32),
    }
    yield exact(x, "随机的数", "留下符号 1 位、指数 8 位、尾数 7 位，取最近的一个", traps, 1.0)
    yield again(call, rng.normal(size=(3, 5)).astype(np.float32))
    middle = rng.integers(0x3F80, 0x4100, size=8).astype(np.uint32)
    middle[:2] &= np.uint32(0xFFFE)
    middle[2:4] |= np.uint32(1)
    ties = ((middle << np.uint32(16)) | np.uint32(0x8000)).view(np.float32)
    ties[1::2] *= -1
    up = (ties.view(np.uint32) + np.uint32(0x8000)) & np.uint32(0xFFFF0000)
    down = ties.view(np.uint32) & np.uint32(0xFFFF0000)
    traps = {
        "恰在正中间的总往上进：该取尾数末位是 0 的那一个，不然平均起来偏大": up.view(np.float32),
        "恰在正中间的总是舍掉：该取尾数末位是 0 的那一个": down.view(np.float32),
        "正数往上、负数也往上：符号不管，只看尾数的末位": np.where(
            ties > 0, up.view(np.float32), down.view(np.float32)
        ),
        "取成了尾数末位是 1 的那一个：要的是 0": np.where(
            (up >> np.uint32(16)) & np.uint32(1), up.view(np.float32), down.view(np.float32)
        ),
    }
    yield exact(ties, "恰在正中间", "两个一样近时，取尾数末位是 0 的那一个", traps, 0.5)
    small = np.array([1e-40, -3e-41, 1e-45, 2e-39], dtype=np.float32) * np.float32(
        rng.integers(1, 9)
    )
    flat = "小到 1e-39 的数（次正规数）变成了 0：照样舍入到最近的一个"
    wide = "次正规数（小到 1e-39）的格子一样宽：数越小，留下的尾数越少，不是总有 7 位"
    yield exact(small, "很小的数", lambda got: wide if np.any(got) else flat, None, 0.25)
    far = np.array([3.4e38, np.inf, -np.inf, -3.4e38, 3.3e38], dtype=np.float32)
    yield exact(far, "很大的数与 inf", "超过最大的 bfloat16 就进成 inf；inf 还是 inf", None, 0.25)
    odd = np.array([1.5, np.nan, np.nan, np.nan, np.nan, 0.25], dtype=np.float32)
    # the bits of the first two run over when something is added, those of the next two are cut off
    odd.view(np.uint32)[1:5] = [0x7FFFFFFF, 0xFFFFFFFF, 0x7F800001, 0xFF80FFFF]
    got, _ = call(odd)
    got = yield from array(got, odd.shape, "有 nan", "与 x 同形")
    hint = "nan 要还是 nan：加上半格会把有的进成别的数，砍掉后 16 位会把有的变成 inf；要单独处理"
    kept = bool(np.isnan(got[1:5]).all()) and got[[0, 5]].tolist() == [1.5, 0.25]
    yield that(kept, "nan 还是 nan", hint, weight=0.25)
    got, want = call(np.zeros((2, 0), dtype=np.float32))
    got = yield from array(got, want.shape, "空的数组", "空的数组还是空的，形状不变")
    yield call.untouched(weight=0.5)


def _nearest(bits: Array, cut: int) -> Array:
    """float32 from bits (uint32) without the last ``cut``, rounded to even."""
    odd = (bits >> np.uint32(cut)) & np.uint32(1)
    half = np.uint32((1 << (cut - 1)) - 1)
    return ((bits + half + odd) >> np.uint32(cut) << np.uint32(cut)).view(np.float32)


class _Watched(_Spy):
    """Notes the gradient that is there when a part comes."""

    def __init__(self, weight: Array) -> None:
        super().__init__(weight)
        self.before: list[Array | None] = []

    def forward(self, x: Any) -> Any:
        there = self.weight.grad
        self.before.append(None if there is None else np.array(there.data))
        return super().forward(x)


def _equal(one: Array | None, other: Array | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other)


def _stepped(weight: Array, gradient: Array, lr: float) -> Array:
    return weight - lr * gradient


def _gradient(weight: Array, x: Array, y: Array) -> Array:
    """Of the mean cross-entropy of softmax(x Wᵀ)."""
    p = engine.softmax(engine.Tensor(x @ weight.T), dim=1).numpy()
    return np.asarray((p - np.eye(len(weight))[y]).T @ x / len(y))


@exercise(
    "12.4",
    "找错：一批分几份",
    points=3,
    asks="accumulated_step(model, optimizer, loss_fn, x, y, parts) -> 整批的平均损失",
    allows=["aigc_course.engine.*", "!aigc_course.engine.fit"],
)
@hints(
    "整批的平均梯度是各行梯度的平均。三份是 4、3、3 行时，三个“份的平均”该怎样合成“批的平均”？",
    "每一份的损失乘上 这一份的行数 ÷ 整批的行数，再 backward；梯度会自己加起来，中间不能清。"
    "行数比份数少时，np.array_split 会给出空的份。",
    "先 zero_grad 一次；对 min(parts, N) 份里的每一份：损失 × (行数 / N)，backward，数值累加；"
    "最后 step 一次，返回累加的数。",
)
def judge_accumulated_step(answer: Answer, rng: Rng) -> Steps:
    lr, k = 0.3, 4
    count = int(rng.integers(4, 6))
    # what is left over is too much for the last part, and too little for parts of one row more
    n = 3 * count + 2
    weight = rng.normal(size=(k, 4))

    def run(x: Array, y: Array, spy: _Watched, optimizer: Any, parts: int) -> Any:
        return answer(spy, optimizer, spy.loss, x, y, parts)

    call = Caller(run)

    def fresh(n: int) -> tuple[Array, Array, _Watched, Any]:
        x = np.concatenate([rng.normal(size=(n, 3)), np.arange(n)[:, None] / n], axis=1)
        spy = _Watched(weight)
        return x, rng.integers(k, size=n), spy, engine.optim.SGD([spy.weight], lr=lr)

    x, y, spy, optimizer = fresh(n)
    got, _ = call(x=x, y=y, spy=spy, optimizer=optimizer, parts=count)
    yield call.untouched("x", label="没有改动输入 x")
    yield call.untouched("y", label="没有改动输入 y")
    sizes = np.array([np.shape(np.atleast_2d(one))[0] for one in spy.seen])
    hint = f"{n} 行分 {count} 份，应当前向 {count} 次；你前向了 {len(sizes)} 次"
    yield that(len(sizes) == count == len(spy.answers), "一份一份地算", hint)
    hint = f"各份的行数是 {sizes.tolist()}：合起来要正好 {n} 行，最多差 1 行"
    whole = sizes.sum() == n and np.ptp(sizes) <= 1
    yield that(bool(whole), "各份差不多大，合起来是整批", hint)
    shown = np.concatenate(spy.seen)
    rows = np.round(shown[:, 3] * n).astype(int)
    paired = np.array_equal(np.sort(rows), np.arange(n)) and np.array_equal(shown, x[rows])
    paired = paired and np.array_equal(np.concatenate(spy.answers), y[rows])
    yield that(
        bool(paired), "每一行恰好一次，标签跟着走", "送进网络的要是 x 的每一行恰好一次，标签同行"
    )
    end = np.asarray(spy.weight.data).copy()
    gradients = [
        _gradient(weight, np.asarray(one), np.asarray(labels))
        for one, labels in zip(spy.seen, spy.answers, strict=True)
    ]
    shares = sizes / n
    walks = []
    for keep in (True, False):  # what if each part is followed by a step
        for times in (shares, np.full(count, 1 / count), np.ones(count)):
            at, g = weight, np.zeros_like(weight)
            for one, labels, share in zip(spy.seen, spy.answers, times, strict=True):
                g = keep * g + share * _gradient(at, np.asarray(one), np.asarray(labels))
                at = _stepped(at, g, lr)
            walks.append(at)
    sum_of, mean_gradient = np.sum(gradients, axis=0), _gradient(weight, x, y)
    traps = {
        "参数没有动：少了 optimizer.step() 或 backward": weight,
        "只剩最后一份的梯度：zero_grad 在循环里，把前面几份清掉了": [
            _stepped(weight, f * gradients[-1], lr) for f in (1, 1 / count, shares[-1])
        ],
        "各份不一样大，却同权平均了：乘 这一份的行数 ÷ 整批的行数": _stepped(
            weight, sum_of / count, lr
        ),
        "各份的平均梯度直接加起来了，没有乘各自的份额": _stepped(weight, sum_of, lr),
        "每一份都走了一步：step 在循环里，后面几份的梯度是在变了的参数上算的": walks,
        "损失已是这一份的平均，又除了一次整批的行数": _stepped(weight, sum_of / n, lr),
        "乘了这一份的行数，没有除以整批的行数": _stepped(weight, mean_gradient * n, lr),
        "份额写反了：是 这一份的行数 ÷ 整批的行数": _stepped(
            weight,
            np.sum([g / share for g, share in zip(gradients, shares, strict=True)], axis=0),
            lr,
        ),
        "走了不止一步：step 只叫一次": [
            _stepped(weight, mean_gradient, f * lr) for f in (2, count)
        ],
    }
    hint = "走完一步的参数要与整批一次算的相同：清一次、各份 backward、走一步"
    yield value(end, _stepped(weight, mean_gradient, lr), "参数", hint, traps)
    late = next((k for k, (one, two) in enumerate(pairwise(spy.before)) if _equal(one, two)), None)
    hint = (
        f"第 {(late or 0) + 2} 份前向的时候，前一份还没有 backward：几份的计算图一起留在内存里，"
        "就白分了。每一份前向完就 backward，再算下一份"
    )
    yield that(late is None, "一份反向完才算下一份", hint)
    mean = float(np.array(spy.losses) @ shares)
    number = isinstance(got, float | int | np.floating) and not isinstance(got, bool)
    hint = "返回 Python 的数：loss.item()。返回 Tensor 会把计算图留在内存里；忘了 return 得到 None"
    yield that(number, "返回一个数", hint)
    traps = {
        "各份的损失直接平均了：按行数加权": float(np.mean(spy.losses)),
        "各份的损失加起来了，没有乘份额": float(np.sum(spy.losses)),
        "只是最后一份的损失": [spy.losses[-1], spy.losses[-1] * shares[-1]],
    }
    yield value(got, mean, "平均损失", "整批每一行的损失的平均", traps)
    # the gradient of the step before is still there, or of what was done after it
    spy.loss(spy(engine.tensor(x)), y).backward()
    before = np.asarray(spy.weight.data).copy()
    call(x=x, y=y, spy=spy, optimizer=optimizer, parts=count)
    hint = "再走一步就不对：以前的梯度还留着，一开始要 zero_grad 一次（走完再清，管不到别处留下的）"
    yield value(
        spy.weight.data, _stepped(before, _gradient(before, x, y), lr), "接着再走一步", hint
    )
    x, y, spy, optimizer = fresh(2)
    got, _ = yield from attempt(
        lambda: call(x=x, y=y, spy=spy, optimizer=optimizer, parts=5),
        "2 行分 5 份",
        {Exception: "2 行要分 5 份：array_split 给出空的份，空的份没有平均；最多分成 len(x) 份"},
    )
    hint = "2 行要分 5 份：空的份的平均损失是 nan，会毁掉参数；最多分成 len(x) 份"
    fits = bool(np.isfinite(np.asarray(spy.weight.data)).all()) and isfinite(float(got or nan))
    yield that(fits, "行数比份数少", hint, weight=0.5)
    hint = f"2 行要分 5 份：一行一份，前向 2 次；你前向了 {len(spy.seen)} 次"
    yield that(len(spy.seen) == 2, "行数比份数少时一行一份", hint)
    want = _stepped(weight, _gradient(weight, x, y), lr)
    yield value(
        spy.weight.data, want, "行数比份数少时的参数", "两行各成一份，份额各是一半", weight=0.5
    )
    for n, count, told in ((3, 1, "只分 1 份"), (4, 4, "行数与份数一样多"), (1, 2, "只有 1 行")):
        x, y, spy, optimizer = fresh(n)
        spy.loss(spy(engine.tensor(x)), y).backward()  # leaves a gradient
        call(x=x, y=y, spy=spy, optimizer=optimizer, parts=count)
        passes = len(spy.seen) - 1
        hint = f"{told}：应当前向 {min(n, count)} 次；你前向了 {passes} 次"
        yield that(passes == min(n, count), told, hint)
        want = _stepped(weight, _gradient(weight, x, y), lr)
        hint = f"{told}，叫它之前 .grad 里有别处留下的数：也要先清"
        yield value(spy.weight.data, want, f"{told}时的参数", hint, weight=0.0)


@exercise(
    "12.5",
    "自己添一样：会续的平滑曲线",
    points=3,
    asks="smooth(values, beta, state=None) -> averages, state",
)
@hints(
    "m ← βm + (1−β)v 从 m = 0 起步，前几步被 0 拉低。第 1 步之后 m 是 (1−β)v：该除以多少？",
    "t 个数之后，权重之和是 1 − βᵗ，除以它。续算要知道的是 m 和 t 两个数；"
    "不是有限的数（nan、inf）既不进 m，也不算进 t。",
    "state 可以是 {'mean': m, 'count': t}。对每个 v：有限就更新 m 与 t；"
    "输出 m / (1 − βᵗ)，t 还是 0 时输出 nan。",
)
def judge_smooth(answer: Answer, rng: Rng) -> Steps:
    call, alone = Caller(answer, smooth), Caller(answer)  # a state is the answer's own affair
    n = int(rng.integers(9, 14))
    values, beta = rng.uniform(1, 3, size=n), float(rng.uniform(0.6, 0.9))
    got, want = call(values.tolist(), beta)
    got = yield from parts(got, 2, "averages, state", "返回两个量", "应写成 return averages, state")
    raw, m = [], 0.0
    for one in values:
        m = beta * m + (1 - beta) * one
        raw.append(m)
    first = [values[0]]
    for one in values[1:]:
        first.append(beta * first[-1] + (1 - beta) * one)
    swapped, _ = smooth(values, 1 - beta)
    times, m = np.arange(1, n + 1), 0.0
    turned = []
    for one in values:
        m = (1 - beta) * m + beta * one
        turned.append(m)
    traps = {
        "前几个被 0 拉低了：还没有除以 1 − βᵗ": np.array(raw),
        "从第一个数起步，没有除以 1 − βᵗ：那样第一个数的权重 βᵗ⁻¹ 一直偏大": np.array(first),
        "β 与 1 − β 写反了：β 是旧的那一份": [
            swapped,
            np.array(turned),
            np.array(turned) / (1 - beta**times),
        ],
        "除数差了一步：第 t 个除以 1 − βᵗ，第 1 个的 t 是 1": np.array(raw)
        / (1 - beta ** (times + 1)),
        "是到此为止的普通平均：旧的要一步步淡出去": np.cumsum(values) / np.arange(1, n + 1),
        "β 是参数，不是固定的 0.9": smooth(values, 0.9)[0],
    }
    hint = "第 t 个：m ← βm + (1−β)v，再除以 1 − βᵗ"
    turned_round = shape_of(got[1]) == (n,) and shape_of(got[0]) != (n,)
    yield that(not turned_round, "返回的次序", "次序反了：先 averages，后 state", given=got)
    yield value(got[0], want[0], "平滑后的数", hint, traps, form="每个数一个平均", rtol=1e-8)
    yield call.untouched(hint="values 被原地修改了：它是日志里的数，平均写进新的列表")

    def stored(state: Any) -> Any:
        return json.loads(json.dumps(state))

    def go_on(values: list[float], beta: float, state: Any) -> Any:
        """Asks for the next part; a key that JSON has made a word is told as that."""
        read = stored(state)
        hint = "JSON 里字典的键都是文字：整数的键写进去再读回来，0 成了 '0'"
        told: dict[type[Exception], str] = {KeyError: hint}
        if read == state:
            told = {}
        return (yield from attempt(lambda: alone(values, beta, read), "断开再接", told))

    hint = "state 要能写进 JSON：只用字典、列表、数和文字；数组用 .tolist()，NumPy 的数用 float()"
    state = got[1]
    try:
        state = stored(state)
        kept = True
    except (TypeError, ValueError):
        kept = False
    yield that(kept, "state 写得进 JSON", hint, weight=0.5)
    yield that(state is not None, "有 state", "state 是 None：下一次就不知道从哪里接着算")
    whole, _ = smooth(values, beta)
    steps = []
    cuts = (1, n // 2, n - 1)
    heads = [alone(values[:cut].tolist(), beta)[0] for cut in cuts]  # all before the first tail
    for cut, (head, _) in zip(cuts, heads, strict=True):
        hint = "没有给 state 就从头算：上一次调用的内容留了下来（可变的默认参数、全局变量？）"
        steps.append(
            that(
                np.shape(head) == (cut,) and np.allclose(head, whole[:cut]),
                "不给 state 时从头算",
                hint,
                given=head,
            )
        )
    for cut, (head, state) in zip(cuts, heads, strict=True):
        told = f"在第 {cut} 个数后断开"
        (tail, _), _ = yield from go_on(values[cut:].tolist(), beta, state)
        both = [*np.ravel(head), *np.ravel(tail)]
        fresh_t = []
        m = smooth(values[:cut], beta)[1]["mean"]
        for t, one in enumerate(values[cut:], 1):
            m = beta * m + (1 - beta) * one
            fresh_t.append(m / (1 - beta**t))
        traps = {
            "续的一段从头算起了：没有用 state": np.array(
                [*whole[:cut], *smooth(values[cut:], beta)[0]]
            ),
            "m 接上了，t 从 1 重数：state 里要有两个数": np.array([*whole[:cut], *fresh_t]),
        }
        nearly = len(both) == n and np.allclose(both, whole, rtol=1e-3)
        if nearly and not np.allclose(both, whole, rtol=1e-8):
            hint = f"{told}再接，与一口气算的差在后几位：state 里的数取整了？"
            steps.append(that(False, "断开再接", hint, given=tail))
        hint = f"{told}、用 state 接着算，与一口气算的不同"
        steps.append(value(both, whole, "断开再接", hint, traps, lists=True, rtol=1e-8))
    yield as_one("在哪里断开都接得上", steps, weight=1.0)
    (empty, state), _ = alone([], beta, stored(alone(values[:2].tolist(), beta)[0][1]))
    (tail, _), _ = alone(values[2:].tolist(), beta, stored(state))
    hint = "中间来了一段空的：返回空的数组，state 原样传下去"
    fits = np.size(empty) == 0 and np.shape(tail) == (n - 2,) and np.allclose(tail, whole[2:])
    yield that(bool(fits), "空的一段", hint, weight=0.25)

    def rarer() -> Steps:
        none = np.concatenate([np.zeros(3), values[:3]])
        many = rng.uniform(1, 3, size=80)
        wild = rng.normal(size=8) * 10.0 ** rng.permutation(8)
        for numbers, b, cut, hint in (
            (none, beta, 3, "前一段全是 0：m 是 0 不等于没有 state，几个 0 也算进 t"),
            (many, 0.97, 60, "前一段有几十个数：state 要记住全部的份量，不是最近几个"),
            (wild, beta, 4, "负数、很大的数也是有限的数：照样算进去"),
            (values, 0.0, 4, "β = 0：每个输出就是当时的那个数"),
        ):
            (head, state), _ = alone(numbers[:cut].tolist(), b)
            (tail, _), _ = alone(numbers[cut:].tolist(), b, stored(state))
            both, right = [*np.ravel(head), *np.ravel(tail)], smooth(numbers, b)[0]
            yield value(both, right, "少见的几种", hint, lists=True, rtol=1e-8)

    yield as_one("少见的几种", rarer(), weight=0.25)
    spoilt = values.copy()
    spoilt[0], spoilt[3], spoilt[6], spoilt[n - 1] = nan, np.inf, -np.inf, nan
    (head, state), _ = alone(spoilt[:5].tolist(), beta)
    (tail, _), _ = alone(spoilt[5:].tolist(), beta, stored(state))
    got_all, right = np.array([*np.ravel(head), *np.ravel(tail)]), smooth(spoilt, beta)[0]
    same = got_all.shape == right.shape and np.allclose(got_all, right, equal_nan=True, rtol=1e-8)
    hint = _why_spoilt(got_all, right, spoilt, beta)
    steps = [that(bool(same), "坏了的数", hint, given=head if np.size(head) != 5 else None)]
    if same:  # the state is that of the fifth number
        (only, _), _ = alone([nan, np.inf], beta, stored(state))
        hint = "续的一段全是坏了的数：输出仍是以前的平均，不是 nan"
        kept = np.shape(only) == (2,) and np.allclose(only, right[4])
        steps.append(that(bool(kept), "坏了的数", hint))
    yield as_one("坏了的数", steps, weight=0.5)


def _why_spoilt(got: Array, right: Array, spoilt: Array, beta: float) -> str:
    """What went wrong with numbers that are not finite: the first, the last, and two infinities."""
    if got.shape != right.shape:
        return "坏了的数那一处也要有一个输出：T 个数，T 个平均"
    bad = ~np.isfinite(spoilt)
    if np.isinf(got).any():
        return "inf 或 −inf 进了 m：它也不是有限的数，也要跳过"
    if np.isnan(got[-2]):
        return "一个 nan 进了 m，后面就全是 nan：不是有限的数要跳过"
    if np.allclose(got[1:], right[1:]):
        return "第一个数就坏了：还没有数时输出 nan"
    if np.isnan(got[bad][1:]).any():
        return "坏了的那一处输出的是 nan：前面有数了，就输出到此为止的平均"
    as_zero, m, counted = smooth(np.where(bad, 0.0, spoilt), beta)[0], 0.0, []
    for t, one in enumerate(spoilt, 1):
        m = beta * m + (1 - beta) * one if isfinite(one) else m
        counted.append(m / (1 - beta**t))
    if np.allclose(got[1:], as_zero[1:]) or np.allclose(got[1:], counted[1:]):
        return "坏了的数算进了 t（或当成 0 算了进去）：它既不进 m，也不算进 t"
    return "nan、inf 跳过：不进 m，也不算进 t；那一处输出到此为止的平均"
