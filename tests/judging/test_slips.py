"""What a value is told by itself: too few digits, a factor, a transpose, a list, a small type."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aigc_course.judging.judges import array, parts, value
from aigc_course.judging.judges.slips import imprecise, slip, slip_of_shape

W = np.array([[0.7, -1.3], [2.1, 0.4], [-0.6, 3.2]])
SQUARE = np.array([[0.7, -1.3], [2.1, 0.4]])
P = np.array([0.13, 0.57, 0.3])
Q = np.array([0.13, 0.47, 0.3, 0.1])


# --- lists and small types ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_list_is_no_array(kind):
    step = value(kind(P), P, "p", "再看看")
    assert not step.ok and step.detail == f"要 NumPy 数组，来的是 {kind.__name__}"
    assert "np.array" in step.hint and value(kind(P), P, "p", lists=True).ok
    [step] = array(kind(P), (3,), "p")
    assert not step.ok and next(array(kind(P), (3,), "p", lists=True)).ok


def test_a_wrong_shape_is_told_before_the_list():
    assert "形状是 (2,)，应为 (3,)" in value([1.0, 2.0], P, "p").detail


@pytest.mark.parametrize("got", [2.5, np.float64(2.5), np.array(2.5), np.float32(2.5)])
def test_a_number_may_be_of_any_kind(got):
    assert value(got, 2.5, "L").ok and value(got, np.float64(2.5), "L").ok


def test_small_whole_numbers_do_not_count():
    counts = np.array([3, 0, 5])
    for kind in (np.uint8, np.int8, np.int16):
        step = value(counts.astype(kind), counts, "计数")
        assert not step.ok and np.dtype(kind).name in step.detail and "绕回去" in step.hint
        assert value(counts.astype(kind), counts, "计数", small=True).ok
        assert not next(array(counts.astype(kind), (3,), "计数", counts=True)).ok
        assert next(array(counts.astype(kind), (3,), "像素")).ok
    assert value(counts.astype(np.int32), counts, "计数").ok
    assert value(counts.astype(float), counts, "计数").ok
    assert value(counts.astype(np.uint8), counts.astype(float), "独热").ok


# --- digits ---------------------------------------------------------------------------------------


def test_what_is_right_to_nine_digits_passes():
    assert value(P * (1 + 1e-13), P, "p").ok and value(P + 1e-14, P, "p").ok
    assert value(np.array([1e-15, 0.0]), np.zeros(2), "差").ok
    big = np.random.default_rng(0).normal(size=100_000)
    assert value(sum(big.tolist()), big.sum(), "和").ok


@pytest.mark.parametrize(
    ("got", "words"),
    [
        (np.log(P.astype(np.float32)), "float32 的精度"),
        (np.log(P).astype(np.float32).astype(float), "float32 的精度"),
        (np.log(P.astype(np.float32).astype(float)), "中途用了 float32"),
        (np.log(P) + np.array([1e-10, -3e-10, 2e-10]) * 8, "数值差分"),
    ],
)
def test_too_few_digits_are_told_as_such(got, words):
    step = value(got, np.log(P), "y", "公式再看看")
    assert not step.ok and words in step.hint and "位有效数字" in step.detail
    assert value(got, np.log(P), "y", rtol=1e-5).ok


def test_a_small_constant_is_told_by_its_side():
    step = value(np.log(Q + 1e-8), np.log(Q), "y", "公式再看看")
    assert not step.ok and "多加了一个小常数" in step.hint and "同一边" in step.hint


def test_an_authors_word_on_digits_comes_first():
    wrong = np.log(P + 1e-8)
    assert value(wrong, np.log(P), "y", "", {"不要加 1e-8": wrong}).hint == "不要加 1e-8"
    # a trap for something near the right value is not told of an answer that only lost digits
    assert "float32" in value(np.log(P).astype("f4"), np.log(P), "y", "", {"错": wrong}).hint


def test_float32_in_float32_out():
    want = np.log(P.astype(np.float32))
    assert want.dtype == np.float32
    assert value(np.log(P), want, "y").ok and value(want + np.float32(1e-6), want, "y").ok
    assert not value(want * 1.001, want, "y").ok


def test_a_value_quite_wrong_beside_large_ones_has_not_lost_digits():
    want = np.array([0.5, 1e-30])
    assert "位有效数字" not in value(np.array([0.5, 0.0]), want, "σ", "左尾", atol=0.0).detail
    assert imprecise(P + 1.0, P, P.dtype) == imprecise(P * np.nan, P, P.dtype) == ("", "")


# --- slips ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("got", "want", "words"),
    [
        (-W, W, "差一个负号"),
        (2 * W, W, "应有的 2 倍"),
        (W / 2, W, "应有的 1/2"),
        (6 * W, W, "应有的 6 倍：该求和还是求平均"),
        (W / 6, W, "应有的 1/6：该求和还是求平均"),
        (-3 * W, W, "应有的 −3 倍"),
        (SQUARE.T, SQUARE, "转置"),
        (np.exp(W), W, "的 exp"),
        (np.log(P), P, "的对数"),
        (P**2, P, "的平方"),
        (np.sqrt(P), P, "的平方根"),
        (1 - P, P, "1 减去"),
        (12.6, 4.2, "应有的 3 倍"),
        (W.T, W, "转置"),
        (np.add.outer(P, P) / 2, P, "广播"),
    ],
)
def test_slips_are_told_beside_the_hint(got, want, words):
    step = value(got, want, "y", "作者的提示")
    assert not step.ok and words in step.detail and step.hint == "作者的提示"


def test_traps_come_first_and_then_no_slip_is_told():
    step = value(-W, W, "y", "再看看", {"方向反了": -W})
    assert step.hint == "方向反了" and "负号" not in step.detail


@pytest.mark.parametrize(
    ("got", "want"),
    [
        (np.zeros(3), P),
        (np.zeros(3) + 1, np.zeros(3)),
        (np.array([2.0, 4.0]), np.array([1.0, 2.0])),  # whole numbers: by chance
        (1.5 * W, W),
        (W + 1, W),
        (SQUARE + SQUARE.T, SQUARE),
        (np.array([0.1, np.nan, 1.0]), P),
    ],
)
def test_what_is_not_sure_is_not_told(got, want):
    assert slip(np.asarray(got, float), np.asarray(want, float)) == ""


def test_a_square_of_numbers_is_only_a_broadcast_if_its_diagonal_is_right():
    assert slip_of_shape(np.ones((3, 3)), P) == ""
    assert "广播" in slip_of_shape(np.add.outer(P, P) / 2, P[:, None])


@given(
    arrays(float, (2, 3), elements=st.floats(-9, 9)),
    arrays(float, (2, 3), elements=st.floats(-9, 9)),
)
def test_slips_never_fail(got, want):
    assert isinstance(slip(got, want), str) and isinstance(slip_of_shape(got.T, want), str)
    assert all(isinstance(text, str) for text in imprecise(got, want, got.dtype))


# --- nan, None, parts -----------------------------------------------------------------------------


def test_nan_is_announced_only_where_it_is():
    with_nan, without = np.array([0.1, np.nan, 0.3]), np.array([0.1, 0.2, 0.3])
    step = value(with_nan, P, "p", "公式", nonfinite="exp 溢出了")
    assert "nan" in step.detail and step.hint == "exp 溢出了"
    step = value(without, P, "p", "公式", nonfinite="exp 溢出了")
    assert "nan" not in step.detail and step.hint == "公式"
    assert "inf" in value(np.array([0.1, np.inf, 0.3]), P, "p").detail


def test_none_may_mean_something():
    assert "忘了 return" in value(None, P, "p").detail
    step = value(None, np.inf, "KL", none="无穷大写成 np.inf")
    assert "return" not in step.detail and step.hint == "无穷大写成 np.inf"


def test_parts_in_another_order_are_told_as_such():
    want = (W, P, np.array([0.2, 0.9]))

    def told(got, want=want):
        return [step.hint for step in parts(got, 3, "dW, db, dx", want=want) if not step.ok]

    assert told(want) == [] and told((W * 2, P, want[2])) == []
    assert told((P, W, want[2])) == ["次序是 dW、db、dx：dW 的位置上来的是 db"]
    assert told((2 * W, want[2], P)) == ["次序是 dW、db、dx：db 的位置上来的是 dx"]
    zeros = (np.zeros(3), P, np.zeros(3))
    assert told((P, np.zeros(3), np.zeros(3)), zeros) != []
    assert told((np.ones(3), P, np.zeros(3)), (np.zeros(3), P, np.zeros(3))) == []


def test_what_array_has_made_is_shown_as_it_came():
    came = np.array([1, -2, 3])
    generator = array(came, (3,), "y")
    assert next(generator).ok
    made = None
    try:
        next(generator)
    except StopIteration as end:
        made = end.value
    assert made.dtype == float
    step = value(made, np.array([1.5, 2.0, 3.0]), "y")
    assert "int64" in step.got and "-2" in step.got and step.given is came
    assert "float64" in value(made + 0, P, "y").got
