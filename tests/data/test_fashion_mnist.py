"""Fashion-MNIST: sizes, balance, the fixed split, and that nobody can change the shared arrays."""

import hashlib

import numpy as np
import pytest

from aigc_course import data
from aigc_course.data.splits import hold_out

# The split is part of every stored result: these change only together with all notebooks.
VAL_ROWS = "b59f7d65a2422890abdfec3daadf1aa0c1375bdc686a3f0f8a2314571a7ed0f7"


@pytest.fixture(scope="module")
def fm():
    return data.fashion_mnist()


def test_sizes_and_types(fm):
    for part, n in ((fm.train, 55_000), (fm.val, 5_000), (fm.test, 10_000)):
        assert part.x.shape == (n, 28, 28) and part.x.dtype == np.uint8
        assert part.y.shape == (n,) and part.y.dtype == np.int64
        assert len(part) == n
        assert part.x.min() == 0 and part.x.max() == 255


def test_classes_are_balanced(fm):
    for part, each in ((fm.train, 5_500), (fm.val, 500), (fm.test, 1_000)):
        assert np.bincount(part.y).tolist() == [each] * 10


def test_class_names(fm):
    assert fm.classes == (
        "T恤", "裤子", "套头衫", "连衣裙", "外套", "凉鞋", "衬衫", "运动鞋", "包", "短靴",
    )  # fmt: skip
    assert len(fm.classes_en) == 10 and fm.classes_en[9] == "Ankle boot"


def test_split_is_disjoint_complete_and_fixed(fm):
    rows = np.concatenate([fm.train.index, fm.val.index])
    assert np.array_equal(np.sort(rows), np.arange(60_000))
    assert hashlib.sha256(fm.val.index.astype("<i8").tobytes()).hexdigest() == VAL_ROWS
    assert np.array_equal(fm.test.index, np.arange(10_000))
    for part in (fm.train, fm.val):
        assert (np.diff(part.index) > 0).all(), "parts keep the source's order"


def test_no_picture_is_in_two_parts(fm):
    train = {image.tobytes() for image in fm.train.x}
    for part in (fm.val, fm.test):
        assert not any(image.tobytes() in train for image in part.x)


def test_first_labels_are_the_known_ones(fm):
    # The data set's README: the first training labels are 9, 0, 0, 3, 0; test: 9, 2, 1, 1, 6.
    both = np.concatenate([fm.train.y, fm.val.y])
    order = np.argsort(np.concatenate([fm.train.index, fm.val.index]))
    assert both[order][:5].tolist() == [9, 0, 0, 3, 0]
    assert fm.test.y[:5].tolist() == [9, 2, 1, 1, 6]


def test_card_statistics_hold(fm):
    card = data.show("fashion_mnist").card
    assert f"均值 {fm.train.x.mean():.2f}" in card and f"标准差 {fm.train.x.std():.2f}" in card
    assert f"{(fm.train.x == 0).mean() * 100:.1f} %" in card


def test_loaded_once_and_read_only(fm):
    assert data.fashion_mnist() is fm
    with pytest.raises(ValueError, match="read-only"):
        fm.train.x[0, 0, 0] = 1
    copy = fm.train.x[[0, 1]]
    copy[0] = 0
    assert fm.train.x[0].any()


def test_as_float():
    x = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    flat = data.as_float(x)
    assert flat.shape == (1, 256) and flat.dtype == np.float32
    assert np.array_equal(flat[0], np.arange(256, dtype=np.float32) / np.float32(255))
    assert data.as_float(x, flatten=False).shape == (1, 16, 16)
    with pytest.raises(TypeError, match=r"float32.*converted already"):
        data.as_float(flat)


def test_hold_out_takes_exactly_so_many_of_each_class():
    y = np.repeat([0, 1, 2], [5, 9, 7])
    mask = hold_out(y, 3, seed=1)
    assert np.bincount(y[mask]).tolist() == [3, 3, 3]
    with pytest.raises(ValueError, match="at most 5"):
        hold_out(y, 6, seed=1)


@pytest.mark.parametrize("n", [1, 10, 37, 999])
def test_subset_keeps_shares(fm, n):
    part = data.subset(fm.train, n, np.random.default_rng(0))
    counts = np.bincount(part.y, minlength=10)
    assert len(part) == n and counts.max() - counts.min() <= 1
    assert len(np.unique(part.index)) == n
    where = np.searchsorted(fm.train.index, part.index)
    assert np.array_equal(fm.train.x[where], part.x) and np.array_equal(fm.train.y[where], part.y)


def test_subset_of_unequal_classes_and_order():
    y = np.repeat([0, 1], [900, 100])
    whole = data.Split(np.zeros((1000, 2, 2), np.uint8), y, np.arange(1000))
    part = data.subset(whole, 50, np.random.default_rng(1))
    assert np.bincount(part.y).tolist() == [45, 5]
    assert (np.diff(part.y) != 0).sum() > 2, "classes are mixed, not in blocks"
    free = data.subset(whole, 1000, np.random.default_rng(1), stratify=False)
    assert np.array_equal(np.sort(free.index), np.arange(1000))


def test_subset_depends_on_the_generator_only(fm):
    first = data.subset(fm.val, 20, np.random.default_rng(3)).index
    again = data.subset(fm.val, 20, np.random.default_rng(3)).index
    other = data.subset(fm.val, 20, np.random.default_rng(4)).index
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_subset_says_what_is_wrong(fm):
    with pytest.raises(ValueError, match="n: got 5001, wanted 1 to 5000"):
        data.subset(fm.val, 5001, np.random.default_rng(0))
    with pytest.raises(TypeError, match="rng: got int"):
        data.subset(fm.val, 10, 0)
    with pytest.raises(ValueError, match="same number"):
        data.Split(np.zeros((2, 1, 1), np.uint8), np.zeros(3, np.int64), np.zeros(3, np.int64))
