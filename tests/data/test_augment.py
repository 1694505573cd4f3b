"""Augmentation against loops that say plainly what each does."""

import numpy as np
import pytest

from aigc_course.data import augment

DTYPES = [np.uint8, np.float32]


def images(dtype, n=6, h=7, w=5):
    x = np.random.default_rng(0).integers(1, 256, size=(n, h, w)).astype(np.uint8)
    return x if dtype == np.uint8 else x.astype(np.float32) / 255


def shifted(image, down, right):
    out = np.zeros_like(image)
    h, w = image.shape
    for i in range(h):
        for j in range(w):
            if 0 <= i - down < h and 0 <= j - right < w:
                out[i, j] = image[i - down, j - right]
    return out


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reach", [0, 1, 3])
def test_shift_equals_loops(dtype, reach):
    x = images(dtype)
    got = augment.random_shift(x, reach, np.random.default_rng(7))
    down, right = np.random.default_rng(7).integers(-reach, reach + 1, size=(2, len(x)))
    want = np.stack([shifted(*each) for each in zip(x, down, right, strict=True)])
    assert got.dtype == dtype and np.array_equal(got, want)


def test_shift_reaches_every_offset():
    x = np.zeros((400, 5, 5), np.uint8)
    x[:, 2, 2] = 1
    got = augment.random_shift(x, 2, np.random.default_rng(0))
    assert (got.sum(axis=0) > 0).all() and (got.sum(axis=(1, 2)) == 1).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_flip_equals_loops(dtype):
    x = images(dtype, n=50)
    got = augment.horizontal_flip(x, np.random.default_rng(2), p=0.3)
    flip = np.random.default_rng(2).random(50) < 0.3
    want = np.stack([im[:, ::-1] if f else im for im, f in zip(x, flip, strict=True)])
    assert got.dtype == dtype and np.array_equal(got, want) and 0 < flip.sum() < 50
    assert np.array_equal(augment.horizontal_flip(x, np.random.default_rng(2), p=0.0), x)


@pytest.mark.parametrize("dtype", DTYPES)
def test_erase_blanks_one_rectangle(dtype):
    x = images(dtype, n=200, h=9, w=8)
    got = augment.random_erase(x, np.random.default_rng(3), p=0.5, size=(2, 4))
    assert got.dtype == dtype
    erased = 0
    for before, after in zip(x, got, strict=True):
        rows, columns = np.nonzero(before != after)
        if rows.size:
            erased += 1
            high, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
            assert 2 <= high <= 4 and 2 <= wide <= 4 and rows.size == high * wide
            assert (after[rows, columns] == 0).all()
    assert 70 < erased < 130
    assert (
        augment.random_erase(x, np.random.default_rng(3), p=1.0, fill=1, size=(1, 1)) == 1
    ).any()


def test_noise_is_cut_to_the_range_and_has_the_asked_size():
    grey = np.full((200, 20, 20), 128, np.uint8)
    noisy = augment.add_noise(grey, 0.05, np.random.default_rng(0))
    assert noisy.dtype == np.uint8 and abs(noisy.std() / 255 - 0.05) < 0.002
    white = augment.add_noise(np.ones((20, 9, 9), np.float32), 0.5, np.random.default_rng(0))
    assert white.dtype == np.float32 and white.max() == 1.0 and white.min() >= 0.0
    black = augment.add_noise(np.zeros((20, 9, 9), np.uint8), 0.5, np.random.default_rng(0))
    assert black.min() == 0, "no wrap-around below zero"
    assert abs((black == 0).mean() - 0.5) < 0.05


CALLS = {
    "shift": lambda x, rng: augment.random_shift(x, 2, rng),
    "flip": lambda x, rng: augment.horizontal_flip(x, rng),
    "erase": lambda x, rng: augment.random_erase(x, rng, size=(1, 3)),
    "noise": lambda x, rng: augment.add_noise(x, 0.1, rng),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_input_is_left_alone_and_seed_decides(call, dtype):
    x = images(dtype, n=30)
    before = x.copy()
    x.flags.writeable = False
    first = call(x, np.random.default_rng(5))
    assert np.array_equal(x, before) and not np.shares_memory(first, x)
    assert np.array_equal(first, call(x, np.random.default_rng(5)))
    assert not np.array_equal(first, call(x, np.random.default_rng(6)))
    assert first.shape == x.shape and first.flags.writeable
    assert call(x[:0], np.random.default_rng(0)).shape == (0, 7, 5)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_bad_input_is_met_at_the_door(call):
    rng = np.random.default_rng(0)
    with pytest.raises(TypeError, match=r"float64.*uint8 or float32"):
        call(np.zeros((2, 5, 5)), rng)
    with pytest.raises(ValueError, match="reshape"):
        call(np.zeros((2, 25), np.uint8), rng)
    with pytest.raises(TypeError, match="rng: got int"):
        call(np.zeros((2, 5, 5), np.uint8), 0)


def test_bad_parameters_are_named():
    x, rng = images(np.uint8), np.random.default_rng(0)
    with pytest.raises(ValueError, match="max_shift: got 5, wanted 0 to 4"):
        augment.random_shift(x, 5, rng)
    with pytest.raises(ValueError, match=r"p: got 1\.5"):
        augment.horizontal_flip(x, rng, p=1.5)
    with pytest.raises(ValueError, match="size: got"):
        augment.random_erase(x, rng, size=(3, 9))
    with pytest.raises(ValueError, match="std: got -1"):
        augment.add_noise(x, -1, rng)
