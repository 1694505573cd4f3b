"""Word vectors in PyTorch: the NumPy version's loss and gradients, what is learnt, bad input."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_course.models.embeddings import (
    GloVe,
    GloVeConfig,
    SkipGram,
    SkipGramConfig,
    SkipGramPairs,
    glove_data,
)
from aigc_course.text import embeddings as by_hand
from aigc_course.text.embeddings import Embedding, cooccurrences, skip_gram_pairs
from aigc_course.text.vocabulary import Vocabulary
from aigc_course.training.loop import TrainConfig, Trainer

# B pairs, D numbers, K drawn words, V words, whether gradients are sparse, seed
CASES = (
    *(st.integers(1, 9), st.integers(1, 5), st.integers(1, 4), st.integers(2, 7)),
    *(st.booleans(), st.integers(0, 999)),
)


def filled(model, rng):
    """The model in double precision with weights that are drawn, and these by name."""
    model = model.double()
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.tensor(rng.normal(size=weight.shape)))
    return model, {name: w.detach().numpy().copy() for name, w in model.named_parameters()}


def gradient(table):
    grad = table.weight.grad
    assert grad.is_sparse == table.sparse
    return (grad.to_dense() if table.sparse else grad).numpy()


def close(got, want):
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


# --- the same as NumPy -------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(*CASES)
def test_skip_gram_is_that_of_numpy(B, D, K, V, sparse, seed):
    rng = np.random.default_rng(seed)
    model, weights = filled(SkipGram(SkipGramConfig(V, D, sparse)), rng)
    pairs, drawn = rng.integers(0, V, size=(B, 2)), rng.integers(0, V, size=(B, K))
    candidates = np.concatenate([pairs[:, 1:], drawn], axis=1)
    loss = model.loss((torch.tensor(pairs[:, 0]), torch.tensor(candidates)))
    loss.backward()
    # a step of size 1 in NumPy: what it took off the tables is the sum of the gradients
    centres, neighbours = weights["centres.weight"].copy(), weights["neighbours.weight"].copy()
    losses = by_hand._skip_gram_step(centres, neighbours, pairs, drawn, 1.0)
    close(loss.item(), losses.mean())
    close(gradient(model.centres) * B, weights["centres.weight"] - centres)
    close(gradient(model.neighbours) * B, weights["neighbours.weight"] - neighbours)


@settings(max_examples=60, deadline=None)
@given(*CASES)
def test_glove_is_that_of_numpy(B, D, _, V, sparse, seed):
    rng = np.random.default_rng(seed)
    config = GloVeConfig(V, D, x_max=3.0, alpha=0.7, sparse=sparse)
    model, w = filled(GloVe(config), rng)
    row, column = rng.integers(0, V, size=(2, B))
    count = rng.uniform(0.2, 9, size=B)  # to both sides of x_max
    loss = model.loss((torch.tensor(row), torch.tensor(column), torch.tensor(count)))
    loss.backward()
    losses, of_word, of_context, of_bias = by_hand.glove_gradients(
        w["words.weight"][row],
        w["contexts.weight"][column],
        w["word_bias.weight"][row, 0],
        w["context_bias.weight"][column, 0],
        np.log(count),
        np.minimum(1, (count / 3.0) ** 0.7),
    )
    close(loss.item(), losses.mean())
    for table, ids, each in (
        (model.words, row, of_word),
        (model.contexts, column, of_context),
        (model.word_bias, row, of_bias[:, None]),
        (model.context_bias, column, of_bias[:, None]),
    ):
        want = np.zeros(table.weight.shape)
        np.add.at(want, ids, each)
        close(gradient(table) * B, want)


def test_adagrad_with_sums_from_one_over_the_square_of_the_batch():
    """The docstring's claim: a mean with such sums steps as NumPy's sum with sums from 1."""
    rng = np.random.default_rng(0)
    model, w = filled(GloVe(GloVeConfig(6, 2)), rng)
    row, column = np.array([2, 3, 2]), np.array([4, 4, 5])
    optimizer = torch.optim.Adagrad(
        model.parameters(), 0.1, initial_accumulator_value=1 / 9, eps=0.0
    )
    model.loss((torch.tensor(row), torch.tensor(column), torch.tensor([2.0, 5, 1]))).backward()
    whole = gradient(model.words) * 3
    optimizer.step()
    close(
        model.words.weight.detach().numpy(),
        w["words.weight"] - 0.1 * whole / np.sqrt(1 + whole**2),
    )


def test_large_scores_do_not_overflow():
    model = SkipGram(SkipGramConfig(4, 1))
    with torch.no_grad():
        model.centres.weight.fill_(1e3)
        model.neighbours.weight.copy_(torch.tensor([[0.0], [0], [-1e3], [1e3]]))
    loss = model.loss((torch.tensor([2]), torch.tensor([[2, 3]])))
    loss.backward()
    assert loss.item() == 2e6 and torch.isfinite(model.centres.weight.grad).all()


def test_filling_and_the_unknown_have_no_vector():
    for model in (SkipGram(SkipGramConfig(5, 3)), GloVe(GloVeConfig(5, 3))):
        vectors = model.vectors()
        assert vectors.shape == (5, 3) and vectors.dtype == np.float32
        assert not vectors[:2].any() and np.all(vectors[2:] != 0)
        vectors[:] = 7  # a copy
        assert not np.any(model.vectors() == 7)


# --- the data ----------------------------------------------------------------------------------


def test_words_are_drawn_by_their_counts_and_anew_each_time():
    counts = np.array([0, 0, 900, 90, 0, 10])
    data = SkipGramPairs([[2, 3], [5, 2]], counts, negatives=20_000)
    centre, candidates = data[np.array([1, 0])]
    assert centre.tolist() == [5, 2] and candidates[:, 0].tolist() == [2, 3]
    drawn = candidates[:, 1:].numpy()
    share = np.bincount(drawn.ravel(), minlength=6) / drawn.size
    np.testing.assert_allclose(share, counts**0.75 / (counts**0.75).sum(), atol=0.01)
    assert share[[0, 1, 4]].tolist() == [0, 0, 0]
    assert not torch.equal(data[np.array([1, 0])][1], candidates)
    again = SkipGramPairs([[2, 3], [5, 2]], counts, negatives=20_000)
    assert torch.equal(again[np.array([1, 0])][1], candidates)


def test_every_power_draws_only_what_occurs():
    data = SkipGramPairs([[2, 3]], [0, 0, 5, 5, 0], negatives=100, power=0.0)
    assert set(data[np.array([0])][1].flatten().tolist()) == {2, 3}


def test_pairs_of_a_corpus():
    words = Vocabulary.count([["春", "眠", "晓"]] * 2)
    rows = [["春", "眠"], ["晓"], ["不", "春", "晓"]]
    config = by_hand.SkipGramConfig(window=1, sample=1.0)
    pairs, counts = skip_gram_pairs(rows, words, config)
    got = sorted("".join(words.tokens_of(pair)) for pair in pairs)
    assert got == sorted(["春眠", "眠春", "春晓", "晓春"])
    assert counts.tolist() == np.bincount(words.ids("春眠晓春晓"), minlength=5).tolist()


# --- what is learnt ----------------------------------------------------------------------------

TOPICS = [topic.split() for topic in ("海 船 浪 帆 鱼", "山 峰 岩 谷 松", "酒 杯 醉 壶 饮")]


@pytest.fixture(scope="module")
def planted():
    rng = np.random.default_rng(0)
    rows = [[str(w) for w in rng.choice(TOPICS[k % 3], 5)] for k in range(600)]
    return rows, Vocabulary.count(rows)


def skip_gram_run(planted, folder, steps=300, save_every=100):
    rows, words = planted
    pairs, counts = skip_gram_pairs(rows, words, by_hand.SkipGramConfig(window=3, sample=1.0))
    data = SkipGramPairs(pairs, counts)
    torch.manual_seed(0)
    model = SkipGram(SkipGramConfig(len(words), 8))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    config = TrainConfig(steps, 256, save_every=save_every, precision="float32")
    noise = {"noise": data.rng}
    return model, Trainer(
        model, optimizer, data, SkipGram.loss, config, folder, generators=noise, device="cpu"
    )


def glove_run(planted, folder):
    rows, words = planted
    counts = cooccurrences(rows, words, 3, by_distance=True)
    data = glove_data(counts.row, counts.column, counts.value, words=len(words))
    torch.manual_seed(0)
    model = GloVe(GloVeConfig(len(words), 8, x_max=50))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    config = TrainConfig(steps=300, batch_size=32, precision="float32")
    return model, Trainer(model, optimizer, data, GloVe.loss, config, folder, device="cpu")


@pytest.mark.parametrize("make", [skip_gram_run, glove_run])
def test_words_of_a_topic_find_each_other(planted, tmp_path, make):
    model, trainer = make(planted, tmp_path)
    log = trainer.run().log
    assert log[-1]["loss"] < 0.8 * log[0]["loss"]
    embedding = Embedding(planted[1], model.vectors())
    right = 0
    for topic in TOPICS:
        for word in topic:
            right += len({one for one, _ in embedding.nearest(word, 4)} & set(topic))
    assert right >= 0.9 * 4 * 15


def test_training_that_was_stopped_goes_on_with_the_same_draws(planted, tmp_path, monkeypatch):
    whole, trainer = skip_gram_run(planted, tmp_path / "whole", 20)
    trainer.run()
    _, trainer = skip_gram_run(planted, tmp_path / "cut", 20, save_every=5)
    step = trainer.step

    def stop():
        if trainer.done == 7:
            raise KeyboardInterrupt
        step()

    monkeypatch.setattr(trainer, "step", stop)
    assert trainer.run().ended == "interrupted"
    resumed, trainer = skip_gram_run(planted, tmp_path / "cut", 20, save_every=5)
    trainer.data.rng.random(99)  # what is stored comes back, wherever the draws are
    assert trainer.run().ended == "finished"
    assert np.array_equal(whole.vectors(), resumed.vectors())


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.SparseAdam])
def test_sparse_gradients_train_too(kind):
    torch.manual_seed(0)
    model = SkipGram(SkipGramConfig(6, 3, sparse=True))
    data = SkipGramPairs([[2, 3], [3, 2], [4, 5], [5, 4]], [0, 0, 9, 9, 9, 9])
    optimizer = kind(model.parameters(), lr=0.1)
    losses = []
    for _ in range(300):
        optimizer.zero_grad()
        loss = model.loss(data[np.arange(4)])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-20:]) < 0.8 * losses[0]


# --- what does not fit -------------------------------------------------------------------------

ONE = torch.tensor([2])
SKIP, GLOVE = SkipGram(SkipGramConfig(4, 2)), GloVe(GloVeConfig(4, 2))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: SkipGramConfig(1), "words, size"),
        (lambda: SkipGramConfig(4, 0), "words, size"),
        (lambda: GloVeConfig(4, x_max=0), "x_max, alpha"),
        (lambda: GloVeConfig(4, alpha=math.nan), "x_max, alpha"),
        (lambda: SKIP(ONE, ONE), "candidates"),
        (lambda: SKIP(ONE, torch.tensor([[2], [3]])), "candidates"),
        (lambda: SKIP(ONE.int(), ONE[None]), "int64"),
        (lambda: SKIP(ONE + 2, ONE[None]), "centre: got 4 to 4, wanted 0 to 3"),
        (lambda: SKIP(ONE, ONE[None] - 3), "candidates: got -1"),
        (lambda: SKIP.loss((ONE[:0], ONE[None][:0])), "batch: got none"),
        (lambda: GLOVE(ONE[None], ONE[None]), "word, context"),
        (lambda: GLOVE(ONE, ONE + 2), "context: got 4"),
        (lambda: GLOVE.loss((ONE, ONE, torch.ones(1, 1))), "count"),
        (lambda: GLOVE.loss((ONE[:0], ONE[:0], torch.ones(0))), "batch: got none"),
        (lambda: SkipGramPairs([], [0, 0, 1]), "pairs: got none"),
        (lambda: SkipGramPairs(np.zeros((0, 2), int), [0, 0, 1]), "pairs: got none"),
        (lambda: SkipGramPairs([[2, 2, 2]], [0, 0, 1]), "pairs"),
        (lambda: SkipGramPairs([[2, 3]], [0, 0, 1]), "pairs: got 2 to 3, wanted 0 to 2"),
        (lambda: SkipGramPairs([[2.0, 2.0]], [0, 0, 1]), "whole numbers"),
        (lambda: SkipGramPairs([[2, 2]], [0, 0, 0]), "counts: got only 0"),
        (lambda: SkipGramPairs([[2, 2]], [0, 0, -1]), "counts"),
        (lambda: SkipGramPairs([[2, 2]], [0, 0, math.nan]), "counts"),
        (lambda: SkipGramPairs([[2, 2]], [0, 0, 1], negatives=0), "negatives"),
        (lambda: SkipGramPairs([[2, 2]], [0, 0, 1], power=-1), "power"),
        (lambda: glove_data(np.zeros(0, int), np.zeros(0, int), []), "value: got none"),
        (lambda: glove_data([2], [3, 2], [1.0]), "row, column, value"),
        (lambda: glove_data([[2]], [[3]], [[1.0]]), "row, column, value"),
        (lambda: glove_data([2], [3], [0.0]), "above 0"),
        (lambda: glove_data([2], [3], [math.inf]), "finite"),
        (lambda: glove_data([2.0], [3], [1.0]), "whole numbers"),
        (lambda: glove_data([2], [3], [1.0], words=3), "column: got 3"),
        (lambda: glove_data([-1], [3], [1.0]), "row: got -1"),
    ],
)
def test_what_does_not_fit(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def test_a_model_of_another_vocabulary_says_so(planted, tmp_path):
    _, trainer = skip_gram_run(planted, tmp_path)
    trainer.data.pairs[:] = 99
    with pytest.raises(ValueError, match="of the vocabulary that the model was made for"):
        trainer.run()
