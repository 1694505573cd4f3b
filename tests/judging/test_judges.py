"""Each judge lets the right thing through, stops the wrong one, and says why without telling."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from aigc_course.judging.judges import (
    array,
    as_one,
    attempt,
    choice,
    dtype,
    gradient,
    mean_is,
    methods,
    number,
    parameters,
    parts,
    raises,
    rate_is,
    shape_of,
    sizes,
    text,
    that,
    value,
)

ARRAYS = arrays(
    float, array_shapes(max_dims=3, max_side=4), elements=st.floats(-1e6, 1e6, allow_nan=False)
)
LETTERS = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x4E40), min_size=1, max_size=9)


# --- value, array, parts, dtype -------------------------------------------------------------------


@given(ARRAYS)
def test_value_accepts_itself_and_notices_a_shift(a):
    assert value(a, a, "a").ok and value(a.tolist(), a, "a", lists=True).ok
    assert not value(a + 1.0 + 1e-3 * np.abs(a), a, "a").ok
    assert not value(a[None], a, "a").ok


@given(ARRAYS)
def test_value_leaves_room_for_another_order_of_summation(a):
    flat = a.ravel()
    scale = float(np.abs(flat).sum())
    assert value(flat[::-1].sum(), flat.sum(), "和", atol=1e-12 * scale + 1e-300).ok


def test_tensors_are_read():
    t = torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
    assert value(t * 2, np.full((2, 3), 2.0), "t").ok
    assert value(t * 2, t.detach() * 2, "t").ok and dtype(t, "float64", "t").ok
    assert shape_of(t) == (2, 3)


@pytest.mark.parametrize("kind", [str, complex, object])
def test_only_real_numbers_are_compared(kind):
    assert "不是实数" in value(np.ones(3).astype(kind), np.ones(3), "a").detail
    assert value(np.ones(3, dtype=bool), np.ones(3), "a").ok


def test_a_learners_tensor_is_left_alone():
    class Tensor:
        data = np.ones(3)

    assert shape_of(Tensor()) is None and not value(Tensor(), np.ones(3), "t").ok


def test_the_hint_is_that_of_the_mistake_that_was_made():
    want = np.array([1.0, 2.0])
    traps = {"反了": -want, "倍数": [2 * want, 3 * want]}

    def hint(got):
        return value(got, want, "a", "再看看", traps, form="两个数").hint

    assert [hint(k * want) for k in (1, -1, 2, 3, 4)] == ["", "反了", "倍数", "倍数", "再看看"]
    assert hint([1.0]) == hint([[1.0], [2.0, 3.0]]) == "两个数" and hint("12") == ""
    assert value([1.0], want, "a", "再看看", traps).hint == "再看看"
    # a mistake that the step's own tolerance cannot tell from another value is not told
    assert hint(-want * (1 + 1e-4)) == "再看看"
    assert value(-want * (1 + 1e-4), want, "a", "再看看", traps, rtol=1e-3).hint == "反了"


def test_nothing_returned_is_said_without_a_hint():
    step = value(None, np.ones(3), "a", "少了一次转置？")
    assert "忘了 return" in step.detail and step.hint == "" and step.got == "None"


def test_array_hands_on_what_has_the_right_form():
    def judge(got):
        seen.append((yield from array(got, (2,), "a", "两个数")))

    for got in (np.array([1, 2]), np.array([True, False]), torch.tensor([1.0, 2.0])):
        seen = []
        assert [step.ok for step in judge(got)] == [True]
        assert seen[0].dtype == float and seen[0].shape == (2,)
    for got in ([1.0], [1, 2], [[1.0], [2.0, 3.0]], "12", None, np.array(["1", "2"])):
        seen = []
        assert [step.ok for step in judge(got)] == [False]
        assert np.isnan(seen[0]).all() and seen[0].shape == (2,)


def test_parts_are_counted():
    def judge(got):
        seen.append((yield from parts(got, 2, "dx, dW")))

    for got, ok in (((1, 2), True), ([1, 2], True), (np.ones((2, 3)), True), ((1,), False)):
        seen = []
        [step] = judge(got)
        assert step.ok == ok and len(seen[0]) == 2
    [step] = judge(3.0)
    assert "不是元组" in step.detail and "dx, dW" in step.hint
    [step] = judge(np.ones((3, 4)))  # dx alone, not three parts
    assert not step.ok and step.detail.endswith("数组，形状 (3, 4)")


def test_dtype_is_asked_for_when_wanted():
    a = np.ones(3, dtype=np.float32)
    assert value(a, np.ones(3), "a").ok and not value(a, np.ones(3), "a", dtype="float64").ok
    assert value(a, np.ones(3), "a", dtype=np.float32).ok
    assert dtype(a, "float", "a").ok and not dtype(a, "int", "a").ok
    assert not dtype(np.ones(2, dtype=bool), "int", "a").ok


def test_the_range_is_told_and_the_values_are_not():
    step = value(np.array([0.25, 1.5]), [0.25, 0.7654321], "p", within=(0, 1))
    assert "1 个不在 [0, 1] 里" in step.detail and "范围 [0, 1]" in step.wanted
    assert "0.765" not in step.detail + step.wanted + step.got


# --- gradient ---------------------------------------------------------------------------------


@given(arrays(float, (3,), elements=st.floats(-3, 3)))
def test_gradient_of_a_smooth_function(x):
    def fn(v):
        return float(np.sin(v).sum() + (v**3).prod())

    cubes = x**3
    others = np.array([cubes[1] * cubes[2], cubes[0] * cubes[2], cubes[0] * cubes[1]])
    right = np.cos(x) + 3 * x**2 * others
    assert gradient(fn, x, right, "dx", rtol=1e-4, atol=1e-5).ok
    assert not gradient(fn, x, right + 0.01 * (1 + np.abs(right)), "dx").ok


def test_gradient_has_a_hint_and_leaves_x_alone():
    x = np.array([1.0, 2.0])
    step = gradient(lambda v: (v**2).sum(), x, x, "dx")
    assert not step.ok and "中心差分" in step.hint and x.tolist() == [1.0, 2.0]
    assert not gradient(lambda v: (v**2).sum(), x, np.array([2.0]), "dx").ok
    big = np.array([1e6, -1e6])
    assert gradient(lambda v: (v**2).sum(), big, 2 * big, "dx").ok


# --- raises, methods, parameters --------------------------------------------------------------


def test_raises():
    def call():
        raise KeyError("x")

    assert raises(call, KeyError, "坏输入").ok and raises(call, (ValueError, KeyError), "坏").ok
    assert "报的是 KeyError" in raises(call, ValueError, "坏输入").detail
    assert "没有报错" in raises(lambda: 1, ValueError, "坏输入").detail
    assert raises(call, LookupError, "坏输入").ok

    def stub():
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        raises(stub, ValueError, "坏输入")


def test_raises_knows_an_error_from_elsewhere_by_its_name():
    remote = type("ValueError", (Exception,), {})

    def call():
        raise remote

    assert raises(call, ValueError, "坏输入").ok


def test_methods_and_parameters():
    class Layer:
        def __init__(self):
            self.W, self.b = np.zeros((2, 3)), np.zeros(2)

        def forward(self):
            return None

    assert methods(Layer, ["forward"]).ok
    assert "backward" in methods(Layer, ["forward", "backward"]).detail
    assert not methods(Layer(), ["W"]).ok  # there, but nothing to call
    sizes = {"W": (2, 3), "b": (2,)}
    assert parameters(Layer(), sizes).ok and parameters(vars(Layer()), sizes).ok
    assert "b 的形状是 (2,)，应为 (3,)" in parameters(Layer(), {"W": (2, 3), "b": (3,)}).detail
    assert "少了 c" in parameters(Layer(), {**sizes, "c": ()}).detail
    assert "多了 b" in parameters(vars(Layer()), {"W": (2, 3)}).detail
    assert parameters(vars(Layer()), {"W": (2, 3)}, exactly=False).ok


# --- several as one, errors that are expected --------------------------------------------------


def test_many_steps_as_one():
    assert as_one("都对", iter([that(True, "一"), that(True, "二")]), weight=2.0).weight == 2.0
    steps = iter([that(True, "一"), that(False, "二"), that(False, "三")])
    assert as_one("都对", steps).label == "二"
    assert next(steps).label == "三"  # what comes after the first wrong one is not asked


def test_an_expected_error_becomes_a_step_and_others_go_on():
    hints = {ZeroDivisionError: "除以了 0", LookupError: "没有这一项"}

    def judge(call):
        seen.append((yield from attempt(call, "商", hints)))

    seen = []
    assert list(judge(lambda: 4 / 2)) == [] and seen == [2.0]
    [step] = judge(lambda: 1 / 0)
    assert not step.ok and (step.label, step.hint) == ("商", "除以了 0") and seen[1] is None
    [step] = judge(lambda: {}[1])
    assert step.hint == "没有这一项"
    with pytest.raises(TypeError):
        list(judge(lambda: 1 + "1"))


def test_a_hint_may_depend_on_the_error_or_let_it_go_on():
    hints = {ValueError: lambda error: "负数" if "-" in str(error) else ""}
    [step] = attempt(lambda: int("-"), "数", hints)
    assert step.hint == "负数"
    with pytest.raises(ValueError, match="十"):
        list(attempt(lambda: int("十一二 "), "数", hints))


def test_an_answer_that_is_not_written_is_no_expected_error():
    def stub():
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        list(attempt(stub, "值", {RuntimeError: "出错了"}))
    [step] = attempt(stub, "值", {NotImplementedError: "还没写"})
    assert step.hint == "还没写"


def test_errors_are_named_by_their_kind_in_python():
    """As they arrive from another process too."""

    class Signal(Exception):
        """Of a judge's own."""

    class Mine(LookupError):
        """Of a learner's."""

    def fails(error):
        raise error

    axis = np.exceptions.AxisError(2, 1)
    for error, detail in (
        (KeyError(1), "KeyError"),
        (Mine(), "LookupError"),
        (axis, "ValueError"),
        (Signal(), ""),
    ):
        kinds = dict.fromkeys((LookupError, ValueError, Signal), "没有这一项")
        [step] = attempt(lambda error=error: fails(error), "商", kinds)
        assert step.detail == detail and (step.error is error) == bool(detail)


# --- randomised answers -----------------------------------------------------------------------


def test_sizes_differ():
    for seed in range(50):
        drawn = sizes(np.random.default_rng(seed), 3, 2, 5)
        assert sorted(drawn) == [2, 3, 4] and all(type(size) is int for size in drawn)


def test_the_error_rate_is_the_stated_one():
    rng = np.random.default_rng(0)
    draws = rng.normal(3.0, 2.0, size=(4000, 50))
    failed = sum(not mean_is(row, 3.0, 2.0, "均值", false_alarm=0.05).ok for row in draws)
    assert abs(failed - 200) < 5 * math.sqrt(4000 * 0.05 * 0.95)


def test_the_power_is_the_stated_one():
    z, sd, d = 4.8916, 1.0, 0.1
    n = math.ceil(((z + 4) * sd / d) ** 2)
    rng = np.random.default_rng(1)
    assert not any(mean_is(rng.normal(d, sd, size=n), 0.0, sd, "均值").ok for _ in range(200))
    assert all(mean_is(rng.normal(0, sd, size=n), 0.0, sd, "均值").ok for _ in range(200))


def test_odd_samples():
    assert not mean_is([], 0.0, 1.0, "均值").ok
    assert "nan" in mean_is([np.nan] * 3, 0.0, 1.0, "均值").detail
    assert "偏大" in mean_is(np.ones(1000), 0.0, 1.0, "均值").detail
    assert rate_is(np.arange(4000) % 4 == 0, 0.25, "比例").ok
    assert not rate_is(np.arange(4000) % 4 == 0, 0.35, "比例").ok
    with pytest.raises(ValueError, match="rate"):
        rate_is([1], 1.0, "比例")
    with pytest.raises(ValueError, match="false_alarm"):
        mean_is([1.0], 0.0, 1.0, "均值", false_alarm=0.0)


# --- text, number, choice ---------------------------------------------------------------------


@given(LETTERS, LETTERS)
def test_text_says_where_and_not_what(got, wanted):
    step = text(got, wanted, "术语")
    assert step.ok == (got == wanted)
    if not step.ok:
        rest = set(wanted) - set(got) - set("术语从第个字起不对都前后面还有多了符串")
        assert not rest & set(step.detail + step.wanted)


@pytest.mark.parametrize(
    ("got", "words"),
    [
        ("反向传", "到第 3 个字都对，后面还有"),
        ("反向传播法", "前 4 个字都对，后面多了"),
        ("反问传播", "从第 2 个字“问”起不对"),
        ("", "是空的"),
        (3, "是 int，应为字符串"),
    ],
)
def test_text_details(got, words):
    assert words in text(got, "反向传播", "术语").detail


def test_text_forms():
    assert text(" Ｇｅｌｕ\n函数 ", "GELU 函数", "名").ok
    assert not text("gelu", "GELU", "名", case=True).ok
    assert text("b", ["a", "b"], "名").ok
    assert text("前向", "反向", "名", traps={"不": "前 向", "方向反了": "前向"}).hint == "方向反了"


@given(st.floats(1e-3, 1e9))
def test_numbers_come_in_many_forms(x):
    assert number(x, x, "n").ok and number(repr(x), x, "n").ok and number(f"{x:,.6f}", x, "n").ok
    assert number(np.float32(x), x, "n").ok and number(np.array([x]), x, "n").ok
    assert not number(x * 1.01, x, "n").ok
    assert number(-x, x, "n").hint == "正负号反了"
    assert "100 倍" in number(100 * x, x, "n").hint


def test_number_details():
    assert number("12.5%", 0.125, "率").ok and number("１２ 字节", 12, "大小", unit="字节").ok
    assert number(24, 12, "大小", traps={"一个数占 4 字节": [6, 24]}).hint == "一个数占 4 字节"
    assert "读不成" in number("很多", 12, "大小").detail
    assert not number([1, 2], 1, "大小").ok and not number(None, 1, "大小").ok
    assert (
        not number(float("nan"), 1, "大小").ok
        and "单位：个" in number(3, 1, "数", unit="个").wanted
    )


@pytest.mark.parametrize("got", ["AC", "a, c", "C A", "Ａ、Ｃ", ["a", "C"], {"A", "C"}])
def test_choices_come_in_many_forms(got):
    assert choice(got, "AC", "ABCD").ok and choice(got, {"A", "C"}, "ABCD").ok
    assert not choice(got, "A", "ABCD").ok and not choice(got, "ABC", "ABCD").ok


def test_choice_details():
    traps = {"这是前向": "A", "D 也对": "D"}
    assert choice("A", "B", "ABCD", traps=traps).hint == "这是前向"
    assert choice("C", "CD", "ABCD", traps=traps).hint == "D 也对"
    assert "还没有选全" in choice("C", "CD", "ABCD").detail
    for odd in ("E", "", 3, ["A", 1], "不知道"):
        step = choice(odd, "B", "ABCD")
        assert not step.ok and "看不懂" in step.detail
    assert choice("对", "对", ["对", "错"]).ok and not choice("错", "对", ["对", "错"]).ok
    with pytest.raises(ValueError, match="right"):
        choice("A", "E", "ABCD")
