"""Word vectors: from counts by a singular value decomposition, by skip-gram, and by GloVe.

All three learn from which words stand near each other. Counting and factorising
(:func:`ppmi_vectors`), telling true neighbours from drawn ones (:func:`skip_gram`) and fitting
the logarithm of the counts (:func:`glove`) end in one :class:`Embedding`. NumPy does the work.

>>> rows = [["猫", "爱", "鱼"], ["狗", "爱", "肉"], ["猫", "吃", "鱼"], ["狗", "吃", "肉"]]
>>> words = Vocabulary.count(rows)
>>> embedding = ppmi_vectors(cooccurrences(rows, words, window=1), words, size=2)
>>> [word for word, _ in embedding.nearest("爱", 1)]
['吃']

Shapes: V words, D numbers a vector, B pairs a batch, K drawn words a pair.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from aigc_course.engine.serialise import SafetensorsError, load, load_metadata, save
from aigc_course.errors import UserError
from aigc_course.text.vocabulary import Vocabulary

__all__ = [
    "Counts",
    "Embedding",
    "GloVeConfig",
    "SkipGramConfig",
    "cooccurrences",
    "glove",
    "glove_gradients",
    "ppmi",
    "ppmi_vectors",
    "skip_gram",
    "skip_gram_gradients",
    "skip_gram_pairs",
    "svd",
]

Floats = NDArray[np.floating]
Ids = NDArray[np.int64]
AfterEpoch = Callable[[int, float], object]  # told the epoch, from 1, and its mean loss
_FORMAT = 1
_TOGETHER = 100_000  # tokens whose pairs are made and shuffled at once: bounds the memory


# --- the corpus as numbers ---------------------------------------------------------------------


def _corpus(rows: Iterable[Iterable[str]], vocabulary: Vocabulary) -> tuple[Ids, Ids]:
    """All known tokens one behind the other, and for each the number of its row: (T,) each.

    As in word2vec and GloVe, what is not in the vocabulary is taken out first: a window reaches
    over it.
    """
    known = [[k for k in vocabulary.ids(row) if k > 1] for row in rows]
    lengths = np.array([len(row) for row in known], dtype=np.int64)
    tokens = np.array([k for row in known for k in row], dtype=np.int64)
    return tokens, np.repeat(np.arange(len(known)), lengths)


def _no_pairs() -> UserError:
    return UserError(
        "语料里没有一对相邻的词可学",
        "看看语料是不是空的、每行是不是已经切成词、词表是不是由它数出来的",
    )


# --- counting ----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Counts:
    """A sparse V × V matrix: its entries that are not 0, by row and then by column.

    Attributes:
        row, column: int64 (N,), each pair once, in order.
        value: float64 (N,).
        size: V.
    """

    row: Ids
    column: Ids
    value: NDArray[np.float64]
    size: int

    def dense(self) -> NDArray[np.float64]:
        """All entries, (V, V)."""
        out = np.zeros((self.size, self.size))
        out[self.row, self.column] = self.value
        return out

    def sums(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The sum of each row, and of each column: (V,) each."""
        return _added(self.row, self.value, self.size), _added(self.column, self.value, self.size)

    def times(self, other: NDArray[np.float64], transposed: bool = False) -> NDArray[np.float64]:
        """The product with ``other`` (V, D), of the matrix or of its transpose: (V, D).

        Example:
            >>> counts = Counts(np.array([0]), np.array([1]), np.array([2.0]), 2)
            >>> counts.times(np.eye(2)).tolist(), counts.times(np.eye(2), True).tolist()
            ([[0.0, 2.0], [0.0, 0.0]], [[0.0, 0.0], [2.0, 0.0]])
        """
        to, of = (self.column, self.row) if transposed else (self.row, self.column)
        columns = [
            _added(to, self.value * one[of], self.size) for one in np.ascontiguousarray(other.T)
        ]
        return np.stack(columns, axis=1) if columns else np.zeros((self.size, 0))


def _added(at: Ids, values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """What falls on each of the places 0 to size − 1, added up: (size,)."""
    return np.bincount(at, values, minlength=size).astype(np.float64, copy=False)


def cooccurrences(
    rows: Iterable[Iterable[str]],
    vocabulary: Vocabulary,
    window: int = 5,
    *,
    by_distance: bool = False,
) -> Counts:
    """How often each word stands at most ``window`` places from each other one, both ways.

    Args:
        rows: of tokens; no window reaches from one into the next. Unknown tokens are taken out.
        vocabulary: V tokens.
        window: places to each side.
        by_distance: a pair at distance d counts 1/d, as in GloVe, instead of 1.

    Returns:
        Symmetric counts. A word near itself counts twice, once from each side.

    Raises:
        ValueError: ``window`` is less than 1.

    Example:
        >>> words = Vocabulary.count(["春春眠"], min_count=1)
        >>> cooccurrences(["春春眠"], words, window=2).dense()[2:, 2:].tolist()
        [[2.0, 2.0], [2.0, 0.0]]
    """
    if window < 1:
        raise ValueError(f"window: got {window}, wanted at least 1")
    V = len(vocabulary)
    tokens, row = _corpus(rows, vocabulary)
    pairs, values = np.zeros(0, np.int64), np.zeros(0)
    for d in range(1, window + 1):
        near = row[d:] == row[:-d]
        one, other = tokens[:-d][near], tokens[d:][near]
        new, count = np.unique(
            np.concatenate([one * V + other, other * V + one]), return_counts=True
        )
        pairs, at = np.unique(np.concatenate([pairs, new]), return_inverse=True)
        values = _added(
            at, np.concatenate([values, count / d if by_distance else count]), len(pairs)
        )
    return Counts(pairs // V, pairs % V, values, V)


# --- factorising -------------------------------------------------------------------------------


def ppmi(counts: Counts, *, smoothing: float = 1.0, shift: float = 0.0) -> Counts:
    """Positive pointwise mutual information: how much more often than by chance, never below 0.

    max(0, ln p(w, c) / (p(w) p(c)) − shift), in nats. Rare words get large values by a single
    meeting; ``smoothing`` < 1 makes rare contexts less rare and tempers that.

    Args:
        counts: of words (rows) with contexts (columns).
        smoothing: p(c) is in proportion to the context's sum to this power; 0.75 in the paper.
        shift: ln K makes it what skip-gram with K drawn words factorises.

    Raises:
        ValueError: ``smoothing`` is negative.

    Reference:
        Levy, Goldberg and Dagan: Improving distributional similarity, 2015.

    Example:
        >>> counts = Counts(np.array([0, 1]), np.array([1, 0]), np.array([3.0, 3.0]), 2)
        >>> ppmi(counts).value.round(4).tolist()  # ln 2: p = 1/2 against 1/4
        [0.6931, 0.6931]
    """
    if smoothing < 0:
        raise ValueError(f"smoothing: got {smoothing}, wanted at least 0")
    of_word, of_context = counts.sums()
    of_context = of_context**smoothing
    chance = of_word[counts.row] * of_context[counts.column] / of_context.sum()
    value = np.log(counts.value / chance) - shift
    held = value > 0
    return Counts(counts.row[held], counts.column[held], value[held], counts.size)


def svd(
    matrix: Counts, size: int, *, seed: int = 0, extra: int = 20, rounds: int = 4
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The first left singular vectors and values, without making the matrix dense.

    A few random vectors, sent through the matrix and back some times, come to lie along the
    largest singular vectors; what is left is a small dense problem.

    Args:
        matrix: (V, V).
        size: D, at most V.
        seed: of the random vectors; the result hangs on them in its last digits only.
        extra: vectors more than D: the more, the nearer.
        rounds: back and forth; more where the singular values fall slowly.

    Returns:
        (V, D) with orthonormal columns, the largest number of each above 0; and (D,), falling.

    Raises:
        ValueError: ``size`` is not in 1 to V, or ``extra`` or ``rounds`` is negative.

    Reference:
        Halko, Martinsson and Tropp: Finding structure with randomness, 2011.

    Example:
        >>> diagonal = Counts(np.arange(3), np.arange(3), np.array([2.0, 5.0, 1.0]), 3)
        >>> U, S = svd(diagonal, 2)
        >>> S.round(6).tolist(), np.abs(U.round(6)).tolist()
        ([5.0, 2.0], [[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
    """
    V = matrix.size
    if not 1 <= size <= V:
        raise ValueError(f"size: got {size}, wanted 1 to {V}, the words there are")
    if extra < 0 or rounds < 0:
        raise ValueError(f"extra, rounds: got {extra}, {rounds}, wanted both at least 0")
    start = np.random.default_rng(seed).normal(size=(V, min(V, size + extra)))
    Q = np.linalg.qr(matrix.times(start))[0]
    for _ in range(rounds):  # orthonormal after each step, or all would become one vector
        Q = np.linalg.qr(matrix.times(Q, transposed=True))[0]
        Q = np.linalg.qr(matrix.times(Q))[0]
    small, S, _ = np.linalg.svd(matrix.times(Q, transposed=True).T, full_matrices=False)
    U = (Q @ small)[:, :size]
    return _signed(U), S[:size]


def _signed(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """A singular vector's sign is free: make the largest number of each column positive."""
    largest = np.abs(columns).argmax(axis=0)
    return columns * np.where(columns[largest, np.arange(columns.shape[1])] < 0, -1.0, 1.0)


def ppmi_vectors(
    counts: Counts,
    vocabulary: Vocabulary,
    size: int = 100,
    *,
    power: float = 0.5,
    smoothing: float = 0.75,
    seed: int = 0,
) -> Embedding:
    """Vectors U·S^power of the positive mutual information.

    Args:
        counts: of :func:`cooccurrences` with the same vocabulary.
        size: D.
        power: of the singular values, at least 0; 0.5 weighs the first less than 1 does, and serves
            likeness better (Levy, Goldberg and Dagan, 2015).
        smoothing: of :func:`ppmi`.

    Raises:
        ValueError: ``counts`` is of another vocabulary, ``size`` more than its tokens, or ``power``
            negative.
        UserError: there is nothing in the counts.
    """
    _check_fits(counts, vocabulary)
    if power < 0:
        raise ValueError(f"power: got {power}, wanted at least 0")
    matrix = ppmi(counts, smoothing=smoothing)
    U, S = svd(matrix, size, seed=seed)
    # an empty row's numbers are roundings of 0, which would still point somewhere
    U[np.bincount(matrix.row, minlength=matrix.size) == 0] = 0
    U[:, 1e-12 * S[0] >= S] = 0  # nor is there a direction where the singular value is 0
    return Embedding(vocabulary, (U * S**power).astype(np.float32))


def _check_fits(counts: Counts, vocabulary: Vocabulary) -> None:
    if counts.size != len(vocabulary):
        raise ValueError(f"counts: got {counts.size} words, wanted {len(vocabulary)}")
    if not len(counts.value):
        raise _no_pairs()


# --- steps that skip-gram and GloVe share ------------------------------------------------------


def _summed(ids: Ids, gradients: Floats) -> tuple[Ids, Floats]:
    """The ids that occur, each once, and the sum of each one's rows: (U,), (U, D).

    ``table[ids] -= …`` would keep only the last row of a word that is there twice.
    """
    words, at = np.unique(ids, return_inverse=True)
    D = gradients.shape[1]
    total = np.zeros((len(words), D), dtype=gradients.dtype)
    places = (at[:, None] * D + np.arange(D)).ravel()
    np.add.at(total.reshape(-1), places, gradients.ravel())  # flat: several times faster than rows
    return words, total


def _check_positive(config: object) -> None:
    for one in fields(config):  # type: ignore[arg-type]
        value = getattr(config, one.name)
        if not 0 < value < np.inf or (one.type == "int" and int(value) != value):
            what = "a whole number" if one.type == "int" else "a number"
            raise ValueError(f"{one.name}: got {value}, wanted {what} above 0")


# --- skip-gram with negative sampling ----------------------------------------------------------


@dataclass(frozen=True)
class SkipGramConfig:
    """What is learned and how. The defaults are for corpora of a few million tokens.

    Attributes:
        size: D.
        window: most places to each side; each centre draws its own reach from 1 to it, so that
            near words count more.
        negatives: K, drawn words for each true neighbour.
        sample: t; a word that makes up the share f of the tokens is kept with chance √(t/f), at
            most 1. The paper's 1e-5 is for billions of tokens; 1 keeps all.
        power: words are drawn in proportion to their count to this power.
        epochs: times through the corpus.
        rate: learning rate at the start; it falls in a line to a ten-thousandth of it.
        batch: B, pairs whose gradients are added up in one step.
    """

    size: int = 100
    window: int = 5
    negatives: int = 5
    sample: float = 1e-3
    power: float = 0.75
    epochs: int = 5
    rate: float = 0.025
    batch: int = 256

    def __post_init__(self) -> None:
        _check_positive(self)


def skip_gram_gradients(
    centre: Floats, true: Floats, drawn: Floats, valid: NDArray[np.bool_] | None = None
) -> tuple[Floats, Floats, Floats, Floats]:
    """Loss and gradients of telling the true neighbour from K drawn words.

    loss = −ln σ(centre · true) − Σₖ ln σ(−centre · drawnₖ). The derivative in a score is
    σ(score) − 1 for the true word and σ(score) for a drawn one; with the vectors it is a product.

    Args:
        centre: (B, D).
        true: (B, D).
        drawn: (B, K, D).
        valid: (B, K), which of the drawn words count; all by default.

    Returns:
        The loss of each pair, (B,), and the gradient in each argument, in its shape.

    Reference:
        Mikolov et al.: Distributed representations of words and phrases, 2013.

    Example:
        >>> one, none = np.ones((1, 2)), np.zeros((1, 1, 2))
        >>> [x.round(3).tolist() for x in skip_gram_gradients(one, one, none)]
        [[0.82], [[-0.119, -0.119]], [[-0.119, -0.119]], [[[0.5, 0.5]]]]
    """
    score = np.einsum("bd,bd->b", centre, true)
    scores = np.einsum("bd,bkd->bk", centre, drawn)
    losses, slope, slopes = np.logaddexp(0, scores), -_sigmoid(-score), _sigmoid(scores)
    if valid is not None:
        losses, slopes = losses * valid, slopes * valid
    loss = np.logaddexp(0, -score) + losses.sum(axis=1)
    of_centre = slope[:, None] * true + np.einsum("bk,bkd->bd", slopes, drawn)
    return loss, of_centre, slope[:, None] * centre, slopes[:, :, None] * centre[:, None]


def _sigmoid(x: Floats) -> Floats:
    return 0.5 * np.tanh(0.5 * x) + 0.5  # exp(−x) would overflow


def skip_gram(
    rows: Iterable[Iterable[str]],
    vocabulary: Vocabulary,
    config: SkipGramConfig | None = None,
    *,
    seed: int = 0,
    after_epoch: AfterEpoch | None = None,
) -> Embedding:
    """Vectors from which a word's neighbours can be told from words drawn at random.

    Each word has two vectors, one as a centre and one as a neighbour; the first is kept.

    Args:
        rows: of tokens.
        vocabulary: V tokens, counted from the rows.
        config: as :class:`SkipGramConfig` by default.
        seed: the same seed gives the same vectors.
        after_epoch: called with the epoch, from 1, and the mean loss of its pairs.

    Raises:
        UserError: there is no pair of known tokens in any row.

    Reference:
        Mikolov et al.: Distributed representations of words and phrases, 2013.
    """
    config = config or SkipGramConfig()
    rng = np.random.default_rng(seed)
    tokens, row = _corpus(rows, vocabulary)
    if not np.any(row[1:] == row[:-1]):
        raise _no_pairs()
    V, D = len(vocabulary), config.size
    counts = np.bincount(tokens, minlength=V)
    keep = _kept_with(counts, config.sample)
    noise = _cumulated(counts, config.power)
    centres = rng.uniform(-0.5 / D, 0.5 / D, size=(V, D)).astype(np.float32)
    centres[counts == 0] = 0  # no vector for what never occurs
    neighbours = np.zeros((V, D), dtype=np.float32)
    for epoch in range(config.epochs):
        losses = []
        for start in range(0, len(tokens), _TOGETHER):
            part = slice(start, start + _TOGETHER)
            kept = rng.random(len(tokens[part])) < keep[tokens[part]]
            pairs = _window_pairs(tokens[part][kept], row[part][kept], config.window, rng)
            done = (epoch + start / len(tokens)) / config.epochs
            share = min(_TOGETHER, len(tokens) - start) / len(tokens) / config.epochs
            for k in range(0, len(pairs), config.batch):
                rate = config.rate * max(1e-4, 1 - done - share * k / len(pairs))
                batch = pairs[k : k + config.batch]
                drawn = np.searchsorted(noise, rng.random((len(batch), config.negatives)), "right")
                losses.append(_skip_gram_step(centres, neighbours, batch, drawn, rate))
        if after_epoch is not None:
            after_epoch(epoch + 1, float(np.concatenate(losses).mean()) if losses else np.nan)
    return Embedding(vocabulary, centres)


def skip_gram_pairs(
    rows: Iterable[Iterable[str]],
    vocabulary: Vocabulary,
    config: SkipGramConfig | None = None,
    *,
    seed: int = 0,
) -> tuple[Ids, Ids]:
    """The pairs that :func:`skip_gram` learns from in one epoch, for another to learn from.

    Args:
        rows: of tokens.
        vocabulary: V tokens, counted from the rows.
        config: ``window`` and ``sample`` are used; as :class:`SkipGramConfig` by default.
        seed: of each centre's reach, of what is kept, and of the order.

    Returns:
        Centre and neighbour, (N, 2), shuffled; and how often each word occurs, (V,). With 8
        bytes a number, a million tokens give about 100 MB at a window of 5.

    Raises:
        UserError: there is no pair of known tokens in any row, or ``sample`` leaves none.

    Example:
        >>> words = Vocabulary.count([["春", "眠"]], min_count=1)
        >>> pairs, counts = skip_gram_pairs([["春", "眠"]], words, SkipGramConfig(sample=1))
        >>> sorted(pairs.tolist()), counts.tolist()
        ([[2, 3], [3, 2]], [0, 0, 1, 1])
    """
    config = config or SkipGramConfig()
    rng = np.random.default_rng(seed)
    tokens, row = _corpus(rows, vocabulary)
    if not np.any(row[1:] == row[:-1]):
        raise _no_pairs()
    counts = np.bincount(tokens, minlength=len(vocabulary))
    kept = rng.random(len(tokens)) < _kept_with(counts, config.sample)[tokens]
    pairs = _window_pairs(tokens[kept], row[kept], config.window, rng)
    if not len(pairs):
        raise UserError(f"sample={config.sample} 把词都丢了，一对也不剩", "把 sample 调大；1 全留")
    return pairs, counts


def _kept_with(counts: Ids, sample: float) -> NDArray[np.float64]:
    """Chance of each word to be kept: min(1, √(t/f))."""
    share = np.maximum(counts, 1) / counts.sum()
    return np.minimum(1.0, np.sqrt(sample / share))


def _cumulated(counts: Ids, power: float) -> NDArray[np.float64]:
    """Chance to draw a word up to each one: a random number's place in it is the drawn word."""
    weight = np.where(counts > 0, counts.astype(np.float64) ** power, 0.0)
    total = np.cumsum(weight)
    return total / total[-1]


def _window_pairs(tokens: Ids, row: Ids, window: int, rng: np.random.Generator) -> Ids:
    """Centre and neighbour of all windows, shuffled: (N, 2). Each centre draws its reach."""
    reach = rng.integers(1, window + 1, size=len(tokens))
    found = []
    for d in range(1, min(window, len(tokens) - 1) + 1):
        left = np.flatnonzero(row[d:] == row[:-d])
        for centre, neighbour in ((left, left + d), (left + d, left)):
            near = reach[centre] >= d
            found.append(np.stack([tokens[centre[near]], tokens[neighbour[near]]], axis=1))
    return rng.permutation(np.concatenate(found)) if found else np.zeros((0, 2), np.int64)


def _skip_gram_step(
    centres: Floats, neighbours: Floats, pairs: Ids, drawn: Ids, rate: float
) -> Floats:
    """One step downhill in place; the loss of each pair before it."""
    centre, true = pairs.T
    # a drawn word that is the true one would be pushed both ways: as in word2vec it does not count
    loss, of_centre, of_true, of_drawn = skip_gram_gradients(
        centres[centre], neighbours[true], neighbours[drawn], drawn != true[:, None]
    )
    ids, gradient = _summed(centre, of_centre)
    centres[ids] -= rate * gradient
    D = centres.shape[1]
    ids, gradient = _summed(
        np.concatenate([true, drawn.ravel()]), np.concatenate([of_true, of_drawn.reshape(-1, D)])
    )
    neighbours[ids] -= rate * gradient
    return loss


# --- GloVe -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class GloVeConfig:
    """What is learned and how.

    Attributes:
        size: D.
        x_max: count from which on a pair has the full weight.
        alpha: below, its weight is (X / x_max)^alpha.
        epochs: times through the counts.
        rate: AdaGrad's learning rate.
        batch: B, counts whose gradients are added up in one step.
    """

    size: int = 100
    x_max: float = 100.0
    alpha: float = 0.75
    epochs: int = 25
    rate: float = 0.05
    batch: int = 256

    def __post_init__(self) -> None:
        _check_positive(self)


def glove_gradients(
    word: Floats, context: Floats, b_word: Floats, b_context: Floats, log_x: Floats, weight: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Loss and gradients of ½ weight (word · context + b_word + b_context − ln X)².

    The ½ is that of the authors' program; the paper has none.

    Args:
        word, context: (B, D).
        b_word, b_context, log_x, weight: (B,).

    Returns:
        The loss of each pair, (B,); the gradient in ``word`` and in ``context``, (B, D); and that
        in either bias, (B,).

    Reference:
        Pennington, Socher and Manning: GloVe: Global vectors for word representation, 2014.

    Example:
        >>> one, number = np.ones((1, 2)), np.ones(1)
        >>> [x.tolist() for x in glove_gradients(one, one, 0 * number, 0 * number, number, number)]
        [[0.5], [[1.0, 1.0]], [[1.0, 1.0]], [1.0]]
    """
    error = np.einsum("bd,bd->b", word, context) + b_word + b_context - log_x
    slope = weight * error
    return 0.5 * slope * error, slope[:, None] * context, slope[:, None] * word, slope


def glove(
    counts: Counts,
    vocabulary: Vocabulary,
    config: GloVeConfig | None = None,
    *,
    seed: int = 0,
    after_epoch: AfterEpoch | None = None,
) -> Embedding:
    """Vectors whose products, with a bias for each word, are the logarithms of the counts.

    Args:
        counts: of :func:`cooccurrences`, ``by_distance`` as in the paper.
        vocabulary: the same as that of the counts.
        config: as :class:`GloVeConfig` by default.
        seed: the same seed gives the same vectors.
        after_epoch: called with the epoch, from 1, and the mean loss of its counts.

    Returns:
        The sum of each word's two vectors, as in the paper.

    Raises:
        ValueError: ``counts`` is of another vocabulary.
        UserError: there is nothing in the counts.

    Reference:
        Pennington, Socher and Manning: GloVe: Global vectors for word representation, 2014.
    """
    config = config or GloVeConfig()
    _check_fits(counts, vocabulary)
    rng = np.random.default_rng(seed)
    V, D = len(vocabulary), config.size
    log_x = np.log(counts.value).astype(np.float32)
    weight = np.minimum(1.0, (counts.value / config.x_max) ** config.alpha).astype(np.float32)
    # a word's bias is the last number of its row: one table and one step for both
    draw = rng.uniform(-0.5 / D, 0.5 / D, size=(2, V, D + 1)).astype(np.float32)
    draw[:, np.bincount(counts.row, minlength=V) == 0] = 0  # no vector for what never occurs
    words, contexts = draw
    squares = np.ones_like(words), np.ones_like(contexts)  # AdaGrad's sums, from 1 as the authors'
    for epoch in range(config.epochs):
        losses = []
        order = rng.permutation(len(log_x))
        for k in range(0, len(order), config.batch):
            batch = order[k : k + config.batch]
            row, column = counts.row[batch], counts.column[batch]
            w, c = words[row], contexts[column]
            loss, of_word, of_context, of_bias = glove_gradients(
                w[:, :-1], c[:, :-1], w[:, -1], c[:, -1], log_x[batch], weight[batch]
            )
            for table, square, ids, gradient in (
                (words, squares[0], row, of_word),
                (contexts, squares[1], column, of_context),
            ):
                gradient = np.concatenate([gradient, of_bias[:, None]], axis=1)
                _adagrad(table, square, ids, gradient, config.rate)
            losses.append(loss)
        if after_epoch is not None:
            after_epoch(epoch + 1, float(np.concatenate(losses).mean()))
    return Embedding(vocabulary, words[:, :-1] + contexts[:, :-1])


def _adagrad(table: Floats, square: Floats, ids: Ids, gradients: Floats, rate: float) -> None:
    """One step in place: each number's rate falls with the squares of its own gradients.

    As in the authors' program the square counts from the next step on.

    Reference:
        Duchi, Hazan and Singer: Adaptive subgradient methods, 2011.
    """
    ids, gradient = _summed(ids, gradients)
    table[ids] -= rate * gradient / np.sqrt(square[ids])
    square[ids] += gradient**2


# --- the result --------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Embedding:
    """Words and their vectors.

    Attributes:
        vocabulary: V tokens.
        vectors: (V, D), finite. A word that was never seen has zeros, and no likeness to any.

    Example:
        >>> from aigc_course.text.vocabulary import PAD, UNKNOWN
        >>> words = Vocabulary((PAD, UNKNOWN, "男", "女", "王", "后"))
        >>> vectors = [[0, 0], [0, 0], [1, 0.1], [1, 1], [3, 0.2], [3, 2.9]]
        >>> embedding = Embedding(words, np.array(vectors))
        >>> embedding.analogy("男", "女", "王", k=1)[0][0]
        '后'
        >>> round(embedding.similarity("男", "女"), 3)
        0.774
    """

    vocabulary: Vocabulary
    vectors: Floats

    def __post_init__(self) -> None:
        shape = self.vectors.shape
        if self.vectors.ndim != 2 or shape[0] != len(self.vocabulary) or shape[1] < 1:
            raise ValueError(f"vectors: got {shape}, wanted ({len(self.vocabulary)}, D)")
        if not np.issubdtype(self.vectors.dtype, np.floating):
            raise ValueError(f"vectors: got {self.vectors.dtype}, wanted floating-point numbers")
        if not np.isfinite(self.vectors).all():
            raise ValueError("vectors: got nan or inf; wanted finite numbers: lower the rate")

    def __repr__(self) -> str:
        V, D = self.vectors.shape
        return f"Embedding({V:,} tokens, {D} numbers each)"

    def __contains__(self, word: str) -> bool:
        return word in self.vocabulary

    def __getitem__(self, word: str) -> Floats:
        """The vector of a word, (D,).

        Raises:
            ValueError: the word is not in the vocabulary.
        """
        return self.vectors[self._id(word)]

    def _id(self, word: str) -> int:
        if word not in self.vocabulary:
            raise ValueError(
                f"word: got {word!r}, wanted one of the {len(self.vocabulary):,} tokens; "
                "ask first with `word in embedding`"
            )
        return self.vocabulary.ids([word])[0]

    @cached_property
    def _directions(self) -> NDArray[np.float64]:
        """The vectors at length 1; zeros stay zeros. (V, D)"""
        return _unit(self.vectors)

    def similarity(self, one: str, other: str) -> float:
        """Cosine of the angle between two words' vectors, −1 to 1; 0 with a vector of zeros."""
        directions = self._directions
        return float(np.clip(directions[self._id(one)] @ directions[self._id(other)], -1, 1))

    def nearest(self, word: str | Floats, k: int = 10) -> list[tuple[str, float]]:
        """The words with the largest cosine, and the cosine, the nearest first.

        Args:
            word: a token, which is left out of its own neighbours; or any vector (D,).
            k: how many; fewer come if there are fewer. Filling and unknown never do.

        Raises:
            ValueError: the word is not there, ``k`` is negative, or the vector has another shape or
                a number that is not finite.
        """
        if isinstance(word, str):
            return self._near(self._directions[self._id(word)], k, {self._id(word)})
        if np.shape(word) != self.vectors.shape[1:]:
            raise ValueError(f"word: got {np.shape(word)}, wanted {self.vectors.shape[1:]}")
        if not np.isfinite(word).all():
            raise ValueError("word: got nan or inf, wanted finite numbers")
        return self._near(_unit(np.asarray(word)[None])[0], k, set())

    def analogy(self, a: str, b: str, c: str, k: int = 10) -> list[tuple[str, float]]:
        """``a`` is to ``b`` as ``c`` is to which words? Those nearest to b − a + c, at length 1.

        The three are left out: mostly one of them would be the nearest of all.

        Reference:
            Mikolov, Yih and Zweig: Linguistic regularities in continuous space, 2013.
        """
        at = [self._id(word) for word in (a, b, c)]
        of_a, of_b, of_c = self._directions[at]
        return self._near(_unit((of_b - of_a + of_c)[None])[0], k, set(at))

    def _near(self, direction: Floats, k: int, without: set[int]) -> list[tuple[str, float]]:
        if k < 0:
            raise ValueError(f"k: got {k}, wanted at least 0")
        cosine = np.clip(self._directions @ direction, -1, 1)
        cosine[[0, 1, *without]] = -np.inf
        order = np.argsort(-cosine, kind="stable")[: min(k, int(np.isfinite(cosine).sum()))]
        return [(self.vocabulary.tokens[i], float(cosine[i])) for i in order]

    def plane(self, words: Sequence[str] | None = None) -> NDArray[np.float64]:
        """The words in two dimensions, along which they differ most: principal components.

        Args:
            words: N of them; by default all but filling and unknown.

        Returns:
            (N, 2), each column with mean 0; the first spreads at least as wide as the second.
            A column is zeros where the words do not differ in a second direction.

        Raises:
            ValueError: a word is not there.
        """
        at = list(range(2, len(self.vocabulary))) if words is None else list(map(self._id, words))
        out = np.zeros((len(at), 2))
        if not at:
            return out
        centred = self.vectors[at].astype(np.float64)
        centred -= centred.mean(axis=0)
        U, S, _ = np.linalg.svd(centred, full_matrices=False)
        points = _signed(U * S)[:, :2]
        out[:, : points.shape[1]] = points
        return out

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write vectors and vocabulary as safetensors, as a whole or not at all."""
        metadata = {
            "embedding": str(_FORMAT),
            "tokens": json.dumps(self.vocabulary.tokens, ensure_ascii=False),
        }
        save({"vectors": self.vectors}, path, metadata)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Embedding:
        """Read what :meth:`save` has written.

        Raises:
            UserError: the file is missing, cut short, of a newer course or holds no embedding.
        """
        try:
            metadata, arrays = load_metadata(path), load(path)
        except FileNotFoundError as error:
            raise UserError(f"没有文件 {path}", "先训练一份词向量再存，或看看路径") from error
        except OSError as error:
            raise UserError(
                f"读不了 {path}（{error.strerror or error}）", "看看是不是文件夹、有没有权限"
            ) from error
        except (SafetensorsError, TypeError) as error:
            raise UserError(
                f"{path} 不是完整的 safetensors 文件",
                "文件可能只写了一半，或是别的格式：重新存一次",
            ) from error
        version = metadata.get("embedding", "")
        if version.isdecimal() and int(version) > _FORMAT:
            raise UserError(f"{path} 是更新的课程存的（格式 {version}）", "先更新课程")
        if not version.isdecimal() or "vectors" not in arrays:
            raise UserError(f"{path} 里没有词向量", "它要是 Embedding.save 存的")
        try:
            vocabulary = Vocabulary(tuple(json.loads(metadata["tokens"])))
            return cls(vocabulary, arrays["vectors"].numpy())
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path} 里的词向量不对（{error}）", "重新存一次") from error


def _unit(vectors: Floats) -> NDArray[np.float64]:
    vectors = vectors.astype(np.float64)
    # squares of very large or small numbers would be inf or 0
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    vectors = vectors / np.where(largest > 0, largest, 1.0)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1.0)
