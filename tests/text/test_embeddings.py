"""Word vectors: counts, decompositions and gradients against oracles; what they find; files."""

import json
import math

import numpy as np
import pytest
import torch
from gensim.models import Word2Vec
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from torch.nn.functional import logsigmoid

from aigc_course.engine.serialise import save
from aigc_course.errors import UserError
from aigc_course.text import embeddings
from aigc_course.text.embeddings import (
    Counts,
    Embedding,
    GloVeConfig,
    SkipGramConfig,
    cooccurrences,
    glove,
    glove_gradients,
    ppmi,
    ppmi_vectors,
    skip_gram,
    skip_gram_gradients,
    svd,
)
from aigc_course.text.vocabulary import PAD, UNKNOWN, Vocabulary

WORDS = Vocabulary((PAD, UNKNOWN, "春", "眠", "晓", "a"))
ROWS = st.lists(
    st.lists(st.sampled_from(["春", "眠", "晓", "不认识", PAD]), max_size=7), max_size=5
)
SIZES = st.tuples(st.integers(1, 7), st.integers(1, 5), st.integers(1, 4), st.integers(0, 999))


def some_counts(rng, V, filled=0.4):
    dense = rng.uniform(0.5, 9, size=(V, V)) * (rng.random((V, V)) < filled)
    row, column = np.nonzero(dense)
    return Counts(row, column, dense[row, column], V), dense


# --- counting and factorising ------------------------------------------------------------------


@given(ROWS, st.integers(1, 9), st.booleans())
def test_counts_are_those_of_two_loops(rows, window, by_distance):
    want = np.zeros((len(WORDS), len(WORDS)))
    for row in rows:
        known = [k for k in WORDS.ids(row) if k > 1]
        for i, one in enumerate(known):
            for j, other in enumerate(known):
                if 0 < abs(i - j) <= window:
                    want[one, other] += 1 / abs(i - j) if by_distance else 1
    counts = cooccurrences(rows, WORDS, window, by_distance=by_distance)
    np.testing.assert_allclose(counts.dense(), want, rtol=1e-12)
    assert len(counts.value) == np.count_nonzero(want)  # each pair once, no zeros
    assert np.all(np.diff(counts.row * counts.size + counts.column) > 0)
    for got, axis in zip(counts.sums(), (1, 0), strict=True):
        np.testing.assert_allclose(got, want.sum(axis=axis), rtol=1e-12)


@given(SIZES)
def test_products_of_sparse_matrices(sizes):
    V, D, _, seed = sizes
    rng = np.random.default_rng(seed)
    counts, dense = some_counts(rng, V)
    other = rng.normal(size=(V, D))
    np.testing.assert_allclose(counts.times(other), dense @ other, atol=1e-12)
    np.testing.assert_allclose(counts.times(other, True), dense.T @ other, atol=1e-12)


@pytest.mark.parametrize(("smoothing", "shift"), [(1.0, 0.0), (0.75, 0.0), (0.75, math.log(5))])
def test_mutual_information(smoothing, shift):
    counts, dense = some_counts(np.random.default_rng(3), 9)
    p = dense / dense.sum()
    context = dense.sum(axis=0) ** smoothing
    chance = np.outer(p.sum(axis=1), context / context.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        want = np.fmax(0, np.log(p / chance) - shift)  # 0 for a word or context never seen
    got = ppmi(counts, smoothing=smoothing, shift=shift)
    np.testing.assert_allclose(got.dense(), want, atol=1e-12)
    assert np.all(got.value > 0)


@given(SIZES)
def test_singular_vectors_of_small_matrices_are_exact(sizes):
    V, D, _, seed = sizes
    D = min(D, V)
    counts, dense = some_counts(np.random.default_rng(seed), V, filled=0.8)
    U, S = svd(counts, D, seed=seed)
    np.testing.assert_allclose(S, np.linalg.svd(dense)[1][:D], atol=1e-9)
    np.testing.assert_allclose(U.T @ U, np.eye(D), atol=1e-9)
    # the squares of what the columns of the matrix have along U are the squares of S
    np.testing.assert_allclose(np.linalg.norm(U.T @ dense, axis=1), S, atol=1e-7)


def test_singular_vectors_of_a_large_matrix():
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.normal(size=(150, 150)))[0] for _ in "lr")
    scale = 0.8 ** np.arange(150.0)
    dense = (left * scale) @ right.T
    row, column = np.nonzero(dense)
    U, S = svd(Counts(row, column, dense[row, column], 150), 8, extra=10)
    np.testing.assert_allclose(S, scale[:8], rtol=1e-9)
    np.testing.assert_allclose(np.abs(np.sum(U * left[:, :8], axis=0)), 1, rtol=1e-9)
    assert np.all(U[np.abs(U).argmax(axis=0), np.arange(8)] > 0)
    again = svd(Counts(row, column, dense[row, column], 150), 8, extra=10, seed=7)[0]
    np.testing.assert_allclose(again, U, atol=1e-7)  # the seed is of the last digits only


def test_vectors_multiply_to_the_matrix():
    rows = [list("春眠晓"), list("眠春"), list("晓晓春")]
    counts = cooccurrences(rows, WORDS, 2)
    got = ppmi_vectors(counts, WORDS, len(WORDS), power=1.0, smoothing=1.0).vectors
    matrix = ppmi(counts).dense()
    np.testing.assert_allclose(got @ got.T, matrix @ matrix.T, atol=1e-5)


def test_where_the_matrix_has_no_direction_neither_has_the_embedding():
    counts = cooccurrences([["春", "眠"], ["眠", "晓"]], WORDS)  # of rank 2
    for seed in range(3):
        embedding = ppmi_vectors(counts, WORDS, 5, power=0, seed=seed)
        assert not embedding.vectors[:, 2:].any()
        assert embedding.similarity("春", "晓") == pytest.approx(1)  # the same neighbour
        assert embedding.similarity("春", "眠") == pytest.approx(0, abs=1e-6)
    with pytest.raises(ValueError, match="power"):
        ppmi_vectors(counts, WORDS, 2, power=-1)


# --- gradients ---------------------------------------------------------------------------------


def in_torch(*arrays):
    return [torch.tensor(array, requires_grad=True) for array in arrays]


def skip_gram_loss(centre, true, drawn, valid):
    noise = logsigmoid(-torch.einsum("bd,bkd->bk", centre, drawn)) * torch.tensor(valid)
    return -logsigmoid((centre * true).sum(-1)) - noise.sum(-1)


def along(call, arguments, at, move):
    """The slope of ``call`` when the argument ``at`` goes along ``move``."""
    ends = []
    for sign in (1, -1):
        moved = list(arguments)
        moved[at] = arguments[at] + sign * 1e-6 * move
        ends.append(call(*moved)[0].sum())
    return (ends[0] - ends[1]) / 2e-6


@given(SIZES)
def test_gradients_of_skip_gram_are_autograds_and_those_of_differences(sizes):
    B, D, K, seed = sizes
    rng = np.random.default_rng(seed)
    arguments = [2 * rng.normal(size=shape) for shape in ((B, D), (B, D), (B, K, D))]
    for valid in (None, rng.random((B, K)) < 0.6):
        loss, *gradients = skip_gram_gradients(*arguments, valid)
        tensors = in_torch(*arguments)
        want = skip_gram_loss(*tensors, np.ones((B, K)) if valid is None else valid)
        np.testing.assert_allclose(loss, want.detach().numpy(), rtol=1e-9)
        want.sum().backward()
        for at, (got, tensor) in enumerate(zip(gradients, tensors, strict=True)):
            np.testing.assert_allclose(got, tensor.grad.numpy(), rtol=1e-9, atol=1e-12)
            move = rng.normal(size=got.shape)
            slope = along(lambda *a, v=valid: skip_gram_gradients(*a, v), arguments, at, move)
            assert slope == pytest.approx(np.sum(got * move), rel=1e-5, abs=1e-6)


def test_large_scores_do_not_overflow():
    far = np.full((1, 1), 1e3)
    loss, *gradients = skip_gram_gradients(far, -far, far[:, None])
    assert loss.tolist() == [2e6] and gradients[1].tolist() == [[-1e3]]
    loss, *gradients = skip_gram_gradients(far, far, -far[:, None])
    assert loss.tolist() == [0] and not any(gradient.any() for gradient in gradients)


@given(SIZES)
def test_gradients_of_glove_are_autograds_and_those_of_differences(sizes):
    B, D, _, seed = sizes
    rng = np.random.default_rng(seed)
    arguments = [rng.normal(size=shape) for shape in ((B, D), (B, D), (B,), (B,))]
    log_x, weight = rng.normal(size=B), rng.random(B)
    loss, of_word, of_context, of_bias = glove_gradients(*arguments, log_x, weight)
    tensors = in_torch(*arguments)
    w, c, bw, bc = tensors
    error = (w * c).sum(-1) + bw + bc - torch.tensor(log_x)
    want = 0.5 * torch.tensor(weight) * error**2
    np.testing.assert_allclose(loss, want.detach().numpy(), rtol=1e-9)
    want.sum().backward()
    gradients = (of_word, of_context, of_bias, of_bias)
    for at, (got, tensor) in enumerate(zip(gradients, tensors, strict=True)):
        np.testing.assert_allclose(got, tensor.grad.numpy(), rtol=1e-9, atol=1e-12)
        move = rng.normal(size=got.shape)
        slope = along(lambda *a: glove_gradients(*a, log_x, weight), arguments, at, move)
        assert slope == pytest.approx(np.sum(got * move), rel=1e-5, abs=1e-6)


# --- steps -------------------------------------------------------------------------------------


@given(SIZES)
def test_a_step_of_skip_gram_is_that_of_sgd_on_the_tables(sizes):
    B, D, K, seed = sizes
    rng = np.random.default_rng(seed)
    centres, neighbours = rng.normal(size=(2, 4, D))  # 4 words: many are there twice
    pairs, drawn = rng.integers(0, 4, size=(B, 2)), rng.integers(0, 4, size=(B, K))
    tables = in_torch(centres.copy(), neighbours.copy())
    loss = skip_gram_loss(
        tables[0][pairs[:, 0]], tables[1][pairs[:, 1]], tables[1][drawn], drawn != pairs[:, 1:]
    )
    loss.sum().backward()
    got = embeddings._skip_gram_step(centres, neighbours, pairs, drawn, 0.3)
    np.testing.assert_allclose(got, loss.detach().numpy(), rtol=1e-9)
    for table, tensor in zip((centres, neighbours), tables, strict=True):
        want = (tensor - 0.3 * tensor.grad).detach().numpy()
        np.testing.assert_allclose(table, want, rtol=1e-9, atol=1e-12)


def test_adagrad_word_by_word():
    rng = np.random.default_rng(0)
    table, square = rng.normal(size=(3, 2)), rng.uniform(1, 2, size=(3, 2))
    ids, gradients = np.array([2, 0, 2, 2]), rng.normal(size=(4, 2))
    want, held = table.copy(), square.copy()
    for word in (0, 2):
        whole = gradients[ids == word].sum(axis=0)
        want[word] -= 0.1 * whole / np.sqrt(held[word])
        held[word] += whole**2
    embeddings._adagrad(table, square, ids, gradients, 0.1)
    np.testing.assert_allclose(table, want)
    np.testing.assert_allclose(square, held)


@given(ROWS, st.integers(1, 9), st.integers(0, 99))
def test_pairs_of_windows(rows, window, seed):
    tokens, row = embeddings._corpus(rows, WORDS)
    got = embeddings._window_pairs(tokens, row, window, np.random.default_rng(seed))
    reach = np.random.default_rng(seed).integers(1, window + 1, size=len(tokens))
    want = [
        [int(tokens[i]), int(tokens[j])]
        for i in range(len(tokens))
        for j in range(len(tokens))
        if 0 < abs(i - j) <= reach[i] and row[i] == row[j]
    ]
    assert got.shape == (len(want), 2) and sorted(got.tolist()) == sorted(want)


def test_pairs_are_shuffled_and_every_reach_is_drawn():
    tokens = np.arange(2000) + 2
    pairs = embeddings._window_pairs(tokens, tokens * 0, 4, np.random.default_rng(0))
    distance = np.abs(pairs[:, 0] - pairs[:, 1])
    share = np.bincount(distance, minlength=5)[1:] / 4000  # of centres that reach so far
    np.testing.assert_allclose(share, [1, 0.75, 0.5, 0.25], atol=0.05)
    assert abs(np.corrcoef(pairs[:, 0], np.arange(len(pairs)))[0, 1]) < 0.05


def test_frequent_words_are_dropped_and_drawn_by_their_counts():
    counts = np.array([0, 0, 900, 90, 10])
    keep = embeddings._kept_with(counts, 0.05)
    np.testing.assert_allclose(keep[2:], [math.sqrt(0.05 / 0.9), math.sqrt(0.05 / 0.09), 1])
    noise = embeddings._cumulated(counts, 0.75)
    drawn = np.searchsorted(noise, np.random.default_rng(0).random(50_000), "right")
    weight = counts**0.75
    np.testing.assert_allclose(
        np.bincount(drawn, minlength=5) / 50_000, weight / weight.sum(), atol=0.01
    )
    # the ends of the range of random numbers are words that occur
    assert np.searchsorted(noise, [0.0, np.nextafter(1, 0)], "right").tolist() == [2, 4]


@pytest.mark.parametrize("together", [10, 37, 100_000])
def test_the_learning_rate_falls_in_a_line(monkeypatch, together):
    monkeypatch.setattr(embeddings, "_TOGETHER", together)
    rates, step = [], embeddings._skip_gram_step

    def noted(*arguments):
        rates.append((arguments[-1], len(arguments[2])))
        return step(*arguments)

    monkeypatch.setattr(embeddings, "_skip_gram_step", noted)
    rows = [["春", "眠"] * 10] * 20
    skip_gram(rows, WORDS, SkipGramConfig(size=3, window=1, sample=10, batch=1, epochs=2, rate=0.4))
    rate = np.array([one for one, _ in rates])
    assert rate[0] == 0.4 and np.all(np.diff(rate) <= 0) and 0 < rate[-1] < 0.01
    line = 0.4 * (1 - np.arange(len(rate)) / len(rate))
    np.testing.assert_allclose(rate, line, atol=0.02)


# --- what they find ----------------------------------------------------------------------------

TOPICS = ["海 船 浪 帆 鱼", "山 峰 岩 谷 松", "酒 杯 醉 壶 饮", "马 鞍 鞭 骑 蹄"]
TOPICS = [topic.split() for topic in TOPICS]


@pytest.fixture(scope="module")
def planted():
    """Rows of one topic each, with words of every row; 甲 and 乙 are one word with two faces."""
    rng = np.random.default_rng(0)
    rows = []
    for k in range(3000):
        row = [str(word) for word in rng.choice(TOPICS[k % 4], 5)]
        row.insert(int(rng.integers(6)), str(rng.choice(["的", "了"])))
        if k % 4 == 0:
            row.insert(int(rng.integers(7)), str(rng.choice(["甲", "乙"])))
        rows.append(row)
    return rows, Vocabulary.count(rows)


SKIP = SkipGramConfig(size=16, window=3, sample=1.0, epochs=5)


def by_ppmi(rows, words):
    return ppmi_vectors(cooccurrences(rows, words, 3), words, 8)


def by_glove(rows, words):
    counts = cooccurrences(rows, words, 3, by_distance=True)
    return glove(counts, words, GloVeConfig(size=8, x_max=50, epochs=40))


def by_skip_gram(rows, words):
    return skip_gram(rows, words, SKIP)


def by_gensim(rows, words):
    peer = Word2Vec(
        rows, vector_size=16, window=3, sample=0, epochs=5, sg=1, min_count=1, seed=1, workers=1
    )
    vectors = np.zeros((len(words), 16), dtype=np.float32)
    for k, word in enumerate(words.tokens[2:], 2):
        vectors[k] = peer.wv[word]
    return Embedding(words, vectors)


@pytest.mark.parametrize("learn", [by_ppmi, by_skip_gram, by_glove, by_gensim])
def test_words_of_a_topic_find_each_other(planted, learn):
    embedding = learn(*planted)
    right = 0
    for topic in TOPICS:
        for word in topic:
            found = {one for one, _ in embedding.nearest(word, 4)}
            right += len(found & {*topic, *("甲乙" if "海" in topic else "")})
    assert right >= 0.9 * 4 * 20
    strangers = [embedding.similarity("甲", word) for topic in TOPICS[1:] for word in topic]
    assert embedding.similarity("甲", "乙") > max(strangers)
    assert not embedding.vectors[:2].any()  # neither filling nor unknown is ever seen


@pytest.mark.parametrize("learn", [by_ppmi, by_skip_gram, by_glove])
def test_the_same_seed_gives_the_same_vectors(planted, learn):
    rows, words = planted[0][:100], planted[1]
    assert np.array_equal(learn(rows, words).vectors, learn(rows, words).vectors)


def test_another_seed_gives_others(planted):
    rows, words = planted[0][:100], planted[1]
    counts = cooccurrences(rows, words, 2)
    for one, other in (
        [skip_gram(rows, words, SKIP, seed=seed).vectors for seed in (0, 1)],
        [glove(counts, words, GloVeConfig(size=3, epochs=1), seed=k).vectors for k in (0, 1)],
    ):
        assert one.dtype == np.float32 and not np.allclose(one, other)


def test_losses_are_told_and_fall(planted):
    rows, words = planted
    counts = cooccurrences(rows, words, 3)
    for learn in (
        lambda tell: skip_gram(rows[:500], words, SKIP, after_epoch=tell),
        lambda tell: glove(counts, words, GloVeConfig(size=8, epochs=10), after_epoch=tell),
    ):
        told = []
        learn(lambda *said, told=told: told.append(said))
        epochs, losses = zip(*told, strict=True)
        assert epochs == tuple(range(1, len(told) + 1)) and losses[-1] < 0.8 * losses[0]


def test_glove_fits_counts_that_have_its_form():
    """Counts whose logarithm is w · c + b + b': the loss must go to nearly nothing."""
    rng = np.random.default_rng(0)
    V, D = 23, 2
    words = Vocabulary((PAD, UNKNOWN, *map(chr, range(0x4E00, 0x4E00 + V - 2))))
    log = rng.normal(size=(V, D)) @ rng.normal(size=(D, V))
    log += rng.normal(size=(V, 1)) + rng.normal(size=(1, V))
    row, column = np.nonzero(log)
    counts = Counts(row, column, np.exp(log[row, column]), V)
    losses = []
    config = GloVeConfig(size=D + 1, x_max=1, epochs=300, batch=16, rate=0.2)
    glove(counts, words, config, after_epoch=lambda _, loss: losses.append(loss))
    assert losses[-1] < 1e-3 * losses[0]


# --- words and vectors -------------------------------------------------------------------------


def drawn_embedding(V=12, D=5, seed=0):
    rng = np.random.default_rng(seed)
    words = Vocabulary((PAD, UNKNOWN, *map(chr, range(0x4E00, 0x4E00 + V - 2))))
    return Embedding(words, rng.normal(size=(V, D)).astype(np.float32))


@given(st.integers(3, 12), st.integers(1, 6), st.integers(0, 14), st.integers(0, 99))
def test_neighbours_are_those_of_all_cosines(V, D, k, seed):
    embedding = drawn_embedding(V, D, seed)
    word = embedding.vocabulary.tokens[2]
    own = embedding[word].astype(float)
    every = {}
    for other in embedding.vocabulary.tokens[3:]:
        vector = embedding[other].astype(float)
        every[other] = own @ vector / np.linalg.norm(own) / np.linalg.norm(vector)
        assert embedding.similarity(word, other) == pytest.approx(every[other])
    found = embedding.nearest(word, k)
    assert len(found) == min(k, V - 3)
    best = sorted(every.values(), reverse=True)[:k]
    assert [cosine for _, cosine in found] == pytest.approx(best)
    assert all(every[other] == pytest.approx(cosine) for other, cosine in found)
    assert embedding.similarity(word, word) == pytest.approx(1)
    assert embedding.nearest(3 * own, 1)[0] == (word, pytest.approx(1))  # any vector will do


def test_analogies_leave_out_what_was_given():
    words = Vocabulary((PAD, UNKNOWN, "男", "女", "王", "后", "水"))
    vectors = np.array([[9, 9], [9, 9], [2, 0.2], [2, 1], [2.1, 0.1], [2, 1.1], [-1, 0]], float)
    embedding = Embedding(words, vectors)
    found = [word for word, _ in embedding.analogy("男", "女", "王")]
    assert found == ["后", "水"]
    unit = {w: embedding[w] / np.linalg.norm(embedding[w]) for w in "男女王后"}
    target = unit["女"] - unit["男"] + unit["王"]
    cosine = target @ unit["后"] / np.linalg.norm(target)
    assert embedding.analogy("男", "女", "王", 1)[0][1] == pytest.approx(cosine)


def test_a_vector_of_zeros_is_like_none():
    embedding = Embedding(WORDS, np.eye(6)[:, :4] * 0.5)
    assert embedding.similarity("a", "春") == 0 == embedding.similarity("a", "a")
    assert [cosine for _, cosine in embedding.nearest("a")] == [0, 0, 0]


@pytest.mark.parametrize("scale", [1e-250, 1e250])
def test_directions_do_not_hang_on_the_length(scale):
    plain = drawn_embedding()
    scaled = Embedding(plain.vocabulary, plain.vectors.astype(float) * scale)
    one, other = plain.vocabulary.tokens[2:4]
    assert scaled.similarity(one, other) == pytest.approx(plain.similarity(one, other))
    assert [word for word, _ in scaled.nearest(one)] == [word for word, _ in plain.nearest(one)]


def test_the_plane_is_that_of_scikit_learn():
    embedding = drawn_embedding(12, 5)
    some = embedding.vocabulary.tokens[3:11]
    for words, at in ((None, slice(2, None)), (some, slice(3, 11))):
        got = embedding.plane(words)
        want = PCA(2).fit_transform(embedding.vectors[at].astype(float))
        np.testing.assert_allclose(np.abs(got), np.abs(want), atol=1e-6)
        np.testing.assert_allclose(got.mean(axis=0), 0, atol=1e-6)
    assert embedding.plane([]).shape == (0, 2) and embedding.plane(some[:1]).tolist() == [[0, 0]]
    assert not drawn_embedding(12, 1).plane()[:, 1].any()


@pytest.mark.parametrize(
    "call",
    [
        lambda: cooccurrences([], WORDS, 0),
        lambda: ppmi(cooccurrences([["春", "眠"]], WORDS), smoothing=-1),
        lambda: svd(cooccurrences([["春", "眠"]], WORDS), 7),
        lambda: svd(cooccurrences([["春", "眠"]], WORDS), 0),
        lambda: svd(cooccurrences([["春", "眠"]], WORDS), 3, extra=-2),
        lambda: svd(cooccurrences([["春", "眠"]], WORDS), 3, rounds=-1),
        lambda: ppmi_vectors(cooccurrences([], WORDS), Vocabulary((PAD, UNKNOWN)), 1),
        lambda: glove(cooccurrences([], WORDS), Vocabulary((PAD, UNKNOWN))),
        lambda: SkipGramConfig(size=0),
        lambda: SkipGramConfig(window=2.5),
        lambda: SkipGramConfig(rate=math.nan),
        lambda: GloVeConfig(x_max=-1),
        lambda: Embedding(WORDS, np.zeros((5, 2))),
        lambda: Embedding(WORDS, np.zeros(6)),
        lambda: Embedding(WORDS, np.zeros((6, 0))),
        lambda: Embedding(WORDS, np.zeros((6, 2), dtype=int)),
        lambda: Embedding(WORDS, np.full((6, 2), np.nan)),
        lambda: drawn_embedding()["没有"],
        lambda: drawn_embedding().nearest("没有"),
        lambda: drawn_embedding().nearest(np.zeros(4)),
        lambda: drawn_embedding().nearest(np.full(5, np.nan)),
        lambda: drawn_embedding().nearest(np.full(5, np.inf)),
        lambda: drawn_embedding().nearest("一", -1),
        lambda: drawn_embedding().similarity("一", "没有"),
        lambda: drawn_embedding().analogy("一", "丁", "没有"),
        lambda: drawn_embedding().plane(["没有"]),
    ],
)
def test_what_does_not_fit(call):
    with pytest.raises(ValueError, match="got"):
        call()


@pytest.mark.parametrize("rows", [[], [[]], [["春"]], [["春"], ["眠"]], [["不", "认", "识"]]])
def test_a_corpus_without_pairs(rows):
    with pytest.raises(UserError, match="没有一对相邻的词"):
        skip_gram(rows, WORDS)
    for learn in (glove, ppmi_vectors):
        with pytest.raises(UserError, match="没有一对相邻的词"):
            learn(cooccurrences(rows, WORDS), WORDS)


@pytest.mark.parametrize("rows", [[["春"] * 9], [["春", "眠"]]])
def test_the_smallest_corpora(rows):
    for embedding in (
        skip_gram(rows, WORDS, SkipGramConfig(size=2)),
        glove(cooccurrences(rows, WORDS), WORDS, GloVeConfig(size=2)),
        ppmi_vectors(cooccurrences(rows, WORDS), WORDS, 2),
    ):
        assert embedding.vectors.shape == (6, 2)


def test_a_corpus_of_which_sampling_leaves_nothing():
    told = []
    config = SkipGramConfig(size=2, sample=1e-12, epochs=1)
    skip_gram([["春", "眠"]], WORDS, config, after_epoch=lambda *said: told.append(said))
    assert told[0][0] == 1 and math.isnan(told[0][1])


# --- files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_files(tmp_path, dtype):
    path = tmp_path / "我的 词向量.safetensors"
    words = Vocabulary((PAD, UNKNOWN, "春\n眠", "“晓”", "𠮷"))
    vectors = np.random.default_rng(0).normal(size=(3, 5)).astype(dtype).T  # not as it lies
    Embedding(words, vectors).save(path)
    found = Embedding.load(path)
    assert found.vocabulary == words and found.vectors.dtype == dtype
    assert np.array_equal(found.vectors, vectors) and "𠮷" in found and "春" not in found
    assert repr(found) == "Embedding(5 tokens, 3 numbers each)"


def test_files_that_are_cut(tmp_path):
    path = tmp_path / "断.safetensors"
    drawn_embedding().save(path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(UserError, match="不是完整的"):
            Embedding.load(path)


TOKENS = json.dumps(WORDS.tokens)
VECTORS = {"vectors": np.zeros((6, 2))}


@pytest.mark.parametrize(
    ("state", "metadata", "said"),
    [
        (VECTORS, None, "没有词向量"),
        ({"w": np.zeros(3)}, {"embedding": "1", "tokens": TOKENS}, "没有词向量"),
        (VECTORS, {"embedding": "一", "tokens": TOKENS}, "没有词向量"),
        (VECTORS, {"embedding": "99", "tokens": TOKENS}, "更新的课程"),
        (VECTORS, {"embedding": "1"}, "不对"),
        (VECTORS, {"embedding": "1", "tokens": TOKENS[:-5]}, "不对"),
        (VECTORS, {"embedding": "1", "tokens": "7"}, "不对"),
        (VECTORS, {"embedding": "1", "tokens": json.dumps(WORDS.tokens[:5])}, "不对"),
        ({"vectors": np.full((6, 2), np.inf)}, {"embedding": "1", "tokens": TOKENS}, "不对"),
    ],
)
def test_files_of_something_else(tmp_path, state, metadata, said):
    path = tmp_path / "别的.safetensors"
    save(state, path, metadata)
    with pytest.raises(UserError, match=said):
        Embedding.load(path)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(UserError, match="没有文件"):
        Embedding.load(tmp_path / "无.safetensors")
    with pytest.raises(UserError, match="读不了"):
        Embedding.load(tmp_path)
    (tmp_path / "文.txt").write_text('{"format": 1}', "utf-8")
    with pytest.raises(UserError, match="不是完整的"):
        Embedding.load(tmp_path / "文.txt")
