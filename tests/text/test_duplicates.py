"""Duplicates: signatures equal datasketch's, estimates obey their law, pairs are the true ones."""

import random

import numpy as np
import pytest
from datasketch import MinHash as Oracle
from datasketch import MinHashLSH
from hypothesis import given
from hypothesis import strategies as st

from aigc_course.text.duplicates import (
    Bands,
    MinHash,
    Pair,
    _codes,
    _shingle_hashes,
    candidates,
    clusters,
    first_of_each,
    jaccard,
    key,
    near_duplicates,
    shingles,
)

HAN = [chr(code) for code in range(0x4E00, 0x4E00 + 500)] + ["𠮷", "a", "，"]
TEXTS = st.text(st.sampled_from(HAN[:6] + HAN[-3:]), max_size=30)


def some(count, length, seed=0):
    rng = random.Random(seed)
    return ["".join(rng.choices(HAN, k=length)) for _ in range(count)]


def changed(text, places, seed=0):
    rng, letters = random.Random(seed), list(text)
    for k in rng.sample(range(len(text)), places):
        letters[k] = "变"
    return "".join(letters)


@given(TEXTS, st.integers(1, 5))
def test_hashes_are_as_many_as_the_shingles(text, n):
    if text:
        assert len(set(_shingle_hashes(_codes(text), n).tolist())) == len(shingles(text, n))


def before_mixing(h):
    """What MurmurHash3's finaliser, which datasketch applies first, makes ``h`` of."""
    h = int(h)
    h ^= h >> 16
    h = h * pow(0xC2B2AE35, -1, 2**32) % 2**32
    h ^= (h >> 13) ^ (h >> 26)
    h = h * pow(0x85EBCA6B, -1, 2**32) % 2**32
    return h ^ (h >> 16)


@pytest.mark.parametrize(("size", "n"), [(128, 3), (1, 1), (17, 2), (64, 7)])
def test_signatures_equal_datasketch(size, n):
    ours = MinHash(size, n, seed=3)
    texts = ["", "春", *some(20, 31), "a" * 300]
    signatures = ours(texts)
    for text, signature in zip(texts, signatures, strict=True):
        permutations = (ours._a[:, 0], ours._b[:, 0])
        oracle = Oracle(size, hashfunc=before_mixing, permutations=permutations, scheme="affine32")
        for h in _shingle_hashes(_codes(text), n) if text else ():
            oracle.update(h)
        np.testing.assert_array_equal(signature, oracle.hashvalues)


@given(st.lists(TEXTS, max_size=12), st.integers(1, 12))
def test_signatures_do_not_hang_on_how_many_come_together(texts, together):
    minhash = MinHash(16)
    whole = minhash(texts)
    assert whole.shape == (len(texts), 16) and whole.dtype == np.uint32
    np.testing.assert_array_equal(whole, minhash(texts, together))
    for text, signature in zip(texts, whole, strict=True):
        np.testing.assert_array_equal(minhash([text])[0], signature)


def test_signatures_of_long_and_short_texts_together():
    texts = ["春" * 20_000, "夏", *some(3, 9_000), *some(1, 200_000), "秋"]
    minhash = MinHash(8)
    np.testing.assert_array_equal(minhash(texts), np.concatenate([minhash([t]) for t in texts]))


def test_the_share_that_agrees_estimates_the_jaccard_index():
    text = some(1, 200)[0]
    for places in (2, 10, 30):
        other = changed(text, places)
        true = jaccard(text, other)
        a, b = MinHash(4096)([text, other])
        error = np.sqrt(true * (1 - true) / 4096)
        assert abs(np.mean(a == b) - true) < 4 * error


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.8, 0.9])
def test_bands_are_those_of_datasketch_or_as_good(threshold):
    oracle = MinHashLSH(threshold, num_perm=128)

    def cost(bands):
        s = (np.arange(20_000) + 0.5) / 20_000
        p = bands.probability(s)
        return np.mean(np.where(s < threshold, p, 1 - p))

    ours = Bands.for_threshold(threshold)
    assert cost(ours) < cost(Bands(oracle.b, oracle.r)) + 1e-4


def test_the_curve_of_the_bands_by_simulation():
    bands, rng = Bands(8, 4), np.random.default_rng(0)
    for s in (0.3, 0.6, 0.8):
        agree = rng.random((20_000, 8, 4)) < s
        share = agree.all(axis=2).any(axis=1).mean()
        p = bands.probability(s)
        assert abs(share - p) < 4 * np.sqrt(p * (1 - p) / 20_000)


def test_band_keys_are_equal_where_the_bands_are():
    rng = np.random.default_rng(1)
    signatures = rng.integers(0, 3, size=(200, 7)).astype(np.uint32)
    keys = Bands(3, 2).keys(signatures)
    for band in range(3):
        part = [tuple(row) for row in signatures[:, 2 * band : 2 * band + 2].tolist()]
        for i in range(0, 200, 7):
            same = [part[i] == other for other in part]
            assert (keys[i, band] == keys[:, band]).tolist() == same
    assert len(np.intersect1d(keys[:, 0], keys[:, 1])) == 0  # a band is never another one


def test_all_pairs_above_the_threshold_and_no_other():
    texts = some(300, 28)
    planted = [changed(text, 1, seed) for seed, text in enumerate(texts[:100])]
    far = [changed(text, 9, seed) for seed, text in enumerate(texts[100:200])]
    every = texts + planted + far
    wanted = {
        Pair(i, j, jaccard(every[i], every[j]))
        for i in range(len(every))
        for j in range(i + 1, len(every))
        if jaccard(every[i], every[j]) >= 0.6
    }
    found = set(near_duplicates(every, 0.6))
    assert len(wanted) >= 100 and found <= wanted and len(found) >= 0.98 * len(wanted)


def test_many_copies_cost_no_square():
    pairs = list(candidates(Bands(4, 4).keys(MinHash(16)(["春眠不觉晓"] * 5000))))
    assert len(pairs) == 2 * 4999 - 1
    assert set(clusters(5000, pairs).tolist()) == {0}


@pytest.mark.parametrize("texts", [[], [""], ["", ""], ["春"], ["春", "春"]])
def test_few_and_empty_texts(texts):
    found = near_duplicates(texts)
    assert found == ([Pair(0, 1, 1.0)] if len(texts) == 2 else [])


@given(st.integers(1, 12), st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=15))
def test_clusters_are_the_connected_parts(count, pairs):
    pairs = [(i % count, j % count) for i, j in pairs]
    label = list(range(count))  # by spreading the least number until nothing changes
    for _ in range(count):
        for i, j in pairs:
            label[i] = label[j] = min(label[i], label[j])
    assert clusters(count, pairs).tolist() == label


def test_a_row_that_is_not_there():
    with pytest.raises(ValueError, match="wanted rows from 0 to 2"):
        clusters(3, [(0, 3)])


@pytest.mark.parametrize(
    "call",
    [
        lambda: shingles("春", 0),
        lambda: MinHash(0),
        lambda: MinHash(4, 0),
        lambda: Bands(0, 1),
        lambda: Bands.for_threshold(0),
        lambda: Bands.for_threshold(1.1),
        lambda: Bands.for_threshold(0.5, missed=2),
        lambda: Bands(2, 3).keys(np.zeros((4, 5), np.uint32)),
        lambda: near_duplicates(["春"], threshold=0),
    ],
)
def test_what_is_out_of_range(call):
    with pytest.raises(ValueError, match="got"):
        call()


def test_exact_duplicates_differ_in_what_cannot_be_heard():
    texts = ["春眠，不觉晓。", "春眠不觉晓", " 春眠 不觉晓！", "春晓", "Ａb", "aB"]
    assert first_of_each(map(key, texts)) == [0, 3, 4]


def test_the_signature_of_a_book_is_the_least_over_all_of_it():
    (book,) = some(1, 200_000)
    minhash = MinHash(8)
    parts = [book[k : k + 50_002] for k in range(0, 200_000, 50_000)]  # share all runs of three
    np.testing.assert_array_equal(minhash([book])[0], minhash(parts).min(axis=0))
