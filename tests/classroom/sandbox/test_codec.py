"""Values as plain data: what goes in comes out, and nothing else does."""

import collections
import contextlib

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_course.classroom.sandbox import codec
from aigc_course.classroom.sandbox.codec import Coder, Malformed, Unsendable, merge, pack, unpack

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**2000), 2**2000),
    st.floats(allow_nan=False),
    st.complex_numbers(allow_nan=False),
    st.text(st.characters(exclude_categories=())),
    st.binary(),
    st.just(Ellipsis),
    st.slices(9),
    hnp.arrays(
        st.sampled_from(["f8", "f4", ">f8", "i8", "u1", "?", "c16", "U3", "S2", "M8[s]"]),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3),
    ),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=4),
        st.frozensets(st.integers() | st.text(max_size=3), max_size=4),
        st.sets(st.integers() | st.text(max_size=3), max_size=4),
    ),
    max_leaves=12,
)


def same(a, b) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    return bool(a == b)


def there_and_back(value):
    coder = Coder()
    return coder.decode(unpack(pack(coder.encode(value))))


@given(values)
def test_what_goes_in_comes_out(value):
    assert same(there_and_back(value), value)


def test_a_transpose_arrives_as_one():
    turned = np.arange(6.0).reshape(2, 3).T
    came = there_and_back(turned)
    assert np.array_equal(came, turned) and came.flags.fnc and came.flags.writeable
    came.ravel()[0] = 9  # a copy, as of the one that went in
    assert came[0, 0] == 0


def test_arrays_arrive_writable_and_apart():
    a = np.arange(6.0).reshape(2, 3)
    b = there_and_back(a.T)
    b[0, 0] = 9
    assert b.shape == (3, 2) and a[0, 0] == 0 and b[2, 1] == 5


@pytest.mark.parametrize("nan", [float("nan"), np.float32("nan"), np.array([np.nan, 1])])
def test_nan_stays_nan(nan):
    assert np.isnan(np.asarray(there_and_back(nan)).ravel()[0])


def test_generators_of_random_numbers_go_on_where_they_were():
    for bits in (np.random.PCG64, np.random.MT19937, np.random.Philox):
        rng = np.random.Generator(bits(5))
        rng.random(3)
        twin = there_and_back(rng)
        assert np.array_equal(twin.random(4), rng.random(4))


def test_what_yields_comes_as_a_list():
    assert there_and_back(x * x for x in range(4)) == [0, 1, 4, 9]
    assert there_and_back({"a": 1}.items()) == [("a", 1)]
    assert there_and_back(range(3)) == [0, 1, 2]


class Lying(float):
    def __eq__(self, other):
        return True

    def __float__(self):
        return 42.0

    __hash__ = float.__hash__


class LyingText(str):
    def __str__(self):
        return "right"


class LyingArray(np.ndarray):
    def __array_wrap__(self, *args, **kwargs):
        return 42


def test_subclasses_lose_their_manners():
    assert type(there_and_back(Lying(1.5))) is float and there_and_back(Lying(1.5)) == 1.5
    assert there_and_back(LyingText("wrong")) == "wrong"
    lying = np.ones(2).view(LyingArray)
    assert type(there_and_back(lying)) is np.ndarray
    point = collections.namedtuple("point", "x y")(1, 2)
    assert there_and_back(point) == (1, 2) and type(there_and_back(point)) is tuple


def test_tensors_cross_as_tensors_where_torch_is():
    import torch

    for t in (torch.arange(3), torch.ones(2, 0), torch.tensor(1.5, requires_grad=True)):
        back = there_and_back(t)
        assert torch.equal(back, t) and back.dtype == t.dtype
        assert back.requires_grad == t.requires_grad
    half = torch.tensor([1.5, -2.0], dtype=torch.bfloat16)
    assert torch.equal(there_and_back(half), half)


def test_objects_without_a_plain_form_do_not_cross():
    for value in (object(), test_what_goes_in_comes_out, Lying, np.zeros(2, "V4")):
        with pytest.raises(Unsendable):
            there_and_back(value)


def test_depth_is_limited_going_out():
    deep: list = []
    for _ in range(10_000):
        deep = [deep]
    with pytest.raises(Unsendable, match="nested"):
        Coder().encode(deep)


def own_list():
    loop: list = []
    loop.append(loop)
    return loop


def test_a_list_that_holds_itself_ends():
    with pytest.raises(Unsendable, match="nested"):
        Coder().encode(own_list())


@pytest.mark.parametrize(
    "tree",
    [
        ["a", "f8", [2**40, 2**40], b""],
        ["a", "f8", [2], bytes(8)],
        ["a", "f8", [-1], b""],
        ["a", "O", [1], bytes(8)],
        ["a", "V8", [1], bytes(8)],
        ["a", "f8,f8", [1], bytes(16)],
        ["a", "U999999", [1], b""],
        ["a", ["f8"], [1], bytes(8)],
        ["a", "f8", [1] * 40, bytes(8)],
        ["a", "f8", [True], bytes(8)],
        ["n", "O", bytes(8)],
        ["o", [2**60], 1],
        ["d", 1],
        ["d", ["l"], 1],
        ["r", ["d", "bit_generator", "os"]],
        ["r", ["d", "bit_generator", "PCG64", "state", 1]],
        ["i", "9" * 100_000],
        ["i", 3],
        ["s", ["l"]],
        ["D", "O"],
        ["O", 1, None],
        ["M", 1],
        ["?", 1],
        ["l" * 50],
        [1, 2],
        [],
        [["l"]],
        {"a": 1},
    ],
    ids=str,
)
def test_what_cannot_have_been_sent_is_malformed(tree):
    with pytest.raises(Malformed):
        Coder().decode(unpack(pack(tree)))


def test_zero_sized_arrays_take_no_memory_for_their_other_sides():
    got = Coder().decode(["a", "f8", [0, 2**40], b""])
    assert got.shape == (0, 2**40)


def test_nesting_and_numbers_of_items_are_limited_coming_in():
    tree: list = ["l"]
    for _ in range(200):
        tree = ["l", tree]
    with pytest.raises(Malformed, match="nested"):
        Coder().decode(tree)
    with pytest.raises(Malformed, match="more than"):
        Coder().decode(["l", *[None] * (codec.MAX_ITEMS + 1)])


@given(st.binary(max_size=200))
@settings(max_examples=300)
def test_random_bytes_are_decoded_or_malformed(data):
    with contextlib.suppress(Malformed):
        Coder().decode(unpack(data))


@given(values, st.data())
@settings(max_examples=300)
def test_damaged_messages_are_decoded_or_malformed(value, data):
    message = bytearray(pack(Coder().encode(value)))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(message) - 1))
        message[place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(Malformed):
        Coder().decode(unpack(bytes(message)))


def test_changes_in_place_are_carried_over():
    w, rng = np.ones(3), np.random.default_rng(1)
    old = ({"w": w, "gone": 1}, [w, 2], rng)
    far = there_and_back(old)
    far[0]["w"][:] = 7
    del far[0]["gone"]
    far[0]["new"] = "x"
    far[1].append(3)
    far[2].random(5)
    merge(old, far)
    assert w.tolist() == [7, 7, 7] and old[0]["w"] is w and "gone" not in old[0]
    assert old[0]["new"] == "x" and len(old[1]) == 3
    assert rng.random() == far[2].random()
