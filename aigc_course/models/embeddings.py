"""Word vectors learnt by gradient: skip-gram with negative sampling, and GloVe.

The same two losses as in :mod:`aigc_course.text.embeddings`, where NumPy and derivatives by hand
do the work. Here autograd does, on any device, and any optimiser takes the steps.

Shapes: V words, D numbers a vector, B pairs a batch, K drawn words a pair, N pairs in all.

>>> import numpy as np
>>> import torch
>>> _ = torch.manual_seed(0)
>>> pairs = np.array([[2, 3], [3, 2], [4, 5], [5, 4]])  # 2 stands near 3, and 4 near 5
>>> data = SkipGramPairs(pairs, counts=[0, 0, 9, 9, 9, 9], negatives=4)
>>> model = SkipGram(SkipGramConfig(words=6, size=3))
>>> optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
>>> for _ in range(200):
...     optimizer.zero_grad()
...     model.loss(data[np.arange(4)]).backward()
...     optimizer.step()
>>> model(torch.tensor([2]), torch.tensor([[3, 4, 5]])).argmax().item()  # likeliest near 2
0

With the course's loop: ``Trainer(model, optimizer, data, SkipGram.loss, …,
generators={"noise": data.rng})``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

__all__ = ["GloVe", "GloVeConfig", "SkipGram", "SkipGramConfig", "SkipGramPairs", "glove_data"]

Ids = NDArray[np.int64]


# --- what the two share ------------------------------------------------------------------------


def _table(V: int, D: int, sparse: bool, spread: float) -> nn.Embedding:
    """Rows drawn evenly from −spread to spread; none for filling and the unknown."""
    table = nn.Embedding(V, D, sparse=sparse)
    with torch.no_grad():
        table.weight.uniform_(-spread, spread)
        table.weight[:2] = 0  # no pair has them: they would keep numbers that mean nothing
    return table


def _check_config(words: int, size: int) -> None:
    if words < 2 or size < 1:
        raise ValueError(
            f"words, size: got {words}, {size}, wanted at least 2 (filling and the unknown are "
            "counted) and 1"
        )


def _check_ids(name: str, ids: Tensor, V: int) -> None:
    if ids.dtype != torch.int64:
        raise ValueError(f"{name}: got {ids.dtype}, wanted int64 numbers of words")
    # on a GPU the question would wait for all that is being computed there
    if ids.device.type == "cpu" and ids.numel() and not (ids.min() >= 0 and ids.max() < V):
        raise ValueError(
            f"{name}: got {ids.min().item()} to {ids.max().item()}, wanted 0 to {V - 1}: are they "
            "of the vocabulary that the model was made for?"
        )


def _ids(name: str, ids: ArrayLike) -> Ids:
    out = np.asarray(ids)
    if out.size and not np.issubdtype(out.dtype, np.integer):  # an empty list is of floats
        raise ValueError(f"{name}: got {out.dtype}, wanted whole numbers")
    return out.astype(np.int64)


def _no_pairs(name: str) -> ValueError:
    return ValueError(f"{name}: got none; is the corpus empty, or of another vocabulary?")


# --- skip-gram with negative sampling ----------------------------------------------------------


@dataclass(frozen=True)
class SkipGramConfig:
    """What the model is like. How it is trained is told to the data and the optimiser.

    Attributes:
        words: V; 0 is filling and 1 the unknown, and neither is ever in a pair.
        size: D.
        sparse: whether gradients hold only the rows that a batch has met. It saves time where V
            is far more than B (1 + K), and needs an optimiser that knows them (SGD, Adagrad,
            SparseAdam). The course's ``Trainer`` measures the length of all gradients, which
            PyTorch cannot do with sparse ones: leave it off there.
    """

    words: int
    size: int = 100
    sparse: bool = False

    def __post_init__(self) -> None:
        _check_config(self.words, self.size)


class SkipGram(nn.Module):
    """Two vectors a word: as a centre, and as a neighbour. Their product says how well they go.

    Args:
        config: what it is like.

    Reference:
        Mikolov et al.: Distributed representations of words and phrases, 2013.
    """

    def __init__(self, config: SkipGramConfig) -> None:
        super().__init__()
        self.config = config
        V, D = config.words, config.size
        self.centres = _table(V, D, config.sparse, 0.5 / D)
        self.neighbours = _table(V, D, config.sparse, 0.0)  # as word2vec: only one side is drawn

    def forward(self, centre: Tensor, candidates: Tensor) -> Tensor:
        """How well each candidate goes with the centre: ln odds of being a true neighbour.

        Args:
            centre: (B,) int64.
            candidates: (B, M) int64.

        Returns:
            (B, M).
        """
        V = self.config.words
        if centre.ndim != 1 or candidates.ndim != 2 or len(centre) != len(candidates):
            raise ValueError(
                f"centre, candidates: got {tuple(centre.shape)}, {tuple(candidates.shape)}, "
                "wanted (B,) and (B, M)"
            )
        _check_ids("centre", centre, V)
        _check_ids("candidates", candidates, V)
        h = self.centres(centre)  # (B, D)
        others = self.neighbours(candidates)  # (B, M, D)
        scores: Tensor = torch.einsum("bd,bmd->bm", h, others)
        return scores

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """−ln σ of the true neighbour's score − Σₖ ln σ(− a drawn one's): the mean over pairs.

        A drawn word that is the true one does not count: it would be pushed both ways. The NumPy
        version adds the pairs' gradients up, so its rate is B times smaller for the same step.

        Args:
            batch: centre (B,) and candidates (B, 1 + K), the true neighbour first, of
                :class:`SkipGramPairs`.
        """
        centre, candidates = batch
        scores = self(centre, candidates)  # (B, 1 + K)
        if not scores.numel():
            raise _no_pairs("batch")
        counts = candidates != candidates[:, :1]  # (B, 1 + K)
        counts[:, 0] = True
        labels = torch.zeros_like(scores)
        labels[:, 0] = 1.0
        each = F.binary_cross_entropy_with_logits(scores, labels, counts, reduction="none")
        return each.sum(1).mean()

    @torch.no_grad()
    def vectors(self) -> NDArray[np.float32]:
        """Those of the centres, (V, D), for ``aigc_course.text.embeddings.Embedding``."""
        out: NDArray[np.float32] = self.centres.weight.float().cpu().numpy().copy()
        return out


class SkipGramPairs:
    """Pairs of centre and true neighbour; with each that is taken, K words are drawn anew.

    Args:
        pairs: (N, 2) whole numbers, centre and neighbour, of
            ``aigc_course.text.embeddings.skip_gram_pairs``.
        counts: (V,), how often each word is in the corpus; what has 0 is never drawn.
        negatives: K.
        power: words are drawn in proportion to their count to this power.
        seed: of the draws.

    Attributes:
        rng: source of the draws. The words drawn for a pair hang on what was taken before it: to
            go on exactly where training was stopped, the ``Trainer`` needs it in ``generators``.

    Raises:
        ValueError: no pairs, numbers outside 0 … V − 1, no counts, or K below 1.

    Example:
        >>> data = SkipGramPairs([[2, 3], [3, 2]], counts=[0, 0, 5, 5], negatives=2)
        >>> centre, candidates = data[np.array([1])]
        >>> len(data), centre.tolist(), candidates[0, 0].item(), tuple(candidates.shape)
        (2, [3], 2, (1, 3))
    """

    def __init__(
        self,
        pairs: ArrayLike,
        counts: ArrayLike,
        *,
        negatives: int = 5,
        power: float = 0.75,
        seed: int = 0,
    ) -> None:
        weight = np.asarray(counts, dtype=np.float64)
        if weight.ndim != 1 or not np.isfinite(weight).all() or weight.min(initial=0) < 0:
            raise ValueError(f"counts: got {weight.shape}, wanted (V,) numbers of at least 0")
        if not weight.any():
            raise ValueError("counts: got only 0, wanted those of the words of the corpus")
        if negatives < 1 or not power >= 0:
            raise ValueError(
                f"negatives, power: got {negatives}, {power}, wanted at least 1 and 0 or more"
            )
        self.pairs = _ids("pairs", pairs)
        if self.pairs.size == 0:
            raise _no_pairs("pairs")
        if self.pairs.ndim != 2 or self.pairs.shape[1] != 2:
            raise ValueError(f"pairs: got {self.pairs.shape}, wanted (N, 2)")
        _check_ids("pairs", torch.from_numpy(self.pairs), len(weight))
        self.negatives, self.rng = negatives, np.random.default_rng(seed)
        chance = np.where(weight > 0, weight**power, 0.0)
        self._up_to = np.cumsum(chance) / chance.sum()  # (V,)
        self._up_to /= self._up_to[-1]  # exactly 1: a random number always finds its word

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, rows: Ids) -> tuple[Tensor, Tensor]:
        """Centres (B,) and candidates (B, 1 + K), the true neighbour first."""
        centre, true = self.pairs[np.asarray(rows)].T  # (B,) each
        number = self.rng.random((len(centre), self.negatives))
        drawn = np.searchsorted(self._up_to, number, "right")  # (B, K)
        candidates = np.concatenate([true[:, None], drawn], axis=1)  # (B, 1 + K)
        return torch.tensor(centre), torch.from_numpy(candidates)


# --- GloVe -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class GloVeConfig:
    """What the model is like.

    Attributes:
        words: V; 0 is filling and 1 the unknown, and neither is ever in a pair.
        size: D.
        x_max: count from which on a pair has the full weight.
        alpha: below, its weight is (X / x_max)^alpha.
        sparse: as in :class:`SkipGramConfig`.
    """

    words: int
    size: int = 100
    x_max: float = 100.0
    alpha: float = 0.75
    sparse: bool = False

    def __post_init__(self) -> None:
        _check_config(self.words, self.size)
        if not (0 < self.x_max < np.inf and 0 < self.alpha < np.inf):
            raise ValueError(
                f"x_max, alpha: got {self.x_max}, {self.alpha}, wanted numbers above 0"
            )


class GloVe(nn.Module):
    """Two vectors and two biases a word; products and biases are to be the counts' logarithms.

    The authors' program trains by AdaGrad with sums that begin at 1:
    ``torch.optim.Adagrad(model.parameters(), lr, initial_accumulator_value=1)`` is that but for
    one thing, that a gradient's square already counts in its own step. As the loss is a mean over
    the batch, the gradients are B times smaller and the sums should begin at 1 / B².

    Args:
        config: what it is like.

    Reference:
        Pennington, Socher and Manning: GloVe: Global vectors for word representation, 2014.

    Example:
        >>> model = GloVe(GloVeConfig(words=4, size=2))
        >>> pair = torch.tensor([2]), torch.tensor([3])
        >>> model(*pair).shape, model.loss((*pair, torch.tensor([1.0]))).ndim
        (torch.Size([1]), 0)
    """

    def __init__(self, config: GloVeConfig) -> None:
        super().__init__()
        self.config = config
        V, D, sparse = config.words, config.size, config.sparse
        self.words = _table(V, D, sparse, 0.5 / D)
        self.contexts = _table(V, D, sparse, 0.5 / D)
        self.word_bias = _table(V, 1, sparse, 0.5 / D)
        self.context_bias = _table(V, 1, sparse, 0.5 / D)

    def forward(self, word: Tensor, context: Tensor) -> Tensor:
        """The logarithm of the count that the model expects of each pair.

        Args:
            word, context: (B,) int64.

        Returns:
            (B,).
        """
        if word.ndim != 1 or word.shape != context.shape:
            raise ValueError(
                f"word, context: got {tuple(word.shape)}, {tuple(context.shape)}, wanted (B,) each"
            )
        _check_ids("word", word, self.config.words)
        _check_ids("context", context, self.config.words)
        product = (self.words(word) * self.contexts(context)).sum(1)  # (B,)
        biases = self.word_bias(word) + self.context_bias(context)  # (B, 1)
        expected: Tensor = product + biases.squeeze(1)  # (B,)
        return expected

    def loss(self, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """½ weight (expected − ln X)², the mean over pairs; the ½ is that of the authors' program.

        Args:
            batch: word (B,), context (B,) and their count X (B,), above 0; of :func:`glove_data`.
        """
        word, context, count = batch
        expected = self(word, context)  # (B,)
        if count.shape != expected.shape:
            raise ValueError(f"count: got {tuple(count.shape)}, wanted {tuple(expected.shape)}")
        if not count.numel():
            raise _no_pairs("batch")
        weight = (count / self.config.x_max).pow(self.config.alpha).clamp(max=1)  # (B,)
        return (0.5 * weight * (expected - count.log()) ** 2).mean()

    @torch.no_grad()
    def vectors(self) -> NDArray[np.float32]:
        """The sum of each word's two, (V, D), for ``aigc_course.text.embeddings.Embedding``."""
        total = self.words.weight + self.contexts.weight
        out: NDArray[np.float32] = total.float().cpu().numpy()
        return out


def glove_data(
    row: ArrayLike, column: ArrayLike, value: ArrayLike, *, words: int | None = None
) -> TensorDataset:
    """Counts as rows that the ``Trainer`` can take several at a time.

    Args:
        row, column, value: (N,) each, the fields of ``aigc_course.text.embeddings.Counts``.
        words: V; if given, numbers from V on are refused here and not in the middle of training.

    Returns:
        Of word, context (N,) int64, and count (N,) float32.

    Raises:
        ValueError: no counts, other shapes, numbers outside 0 … V − 1, or a count that is not
            above 0, whose logarithm there is not.

    Example:
        >>> data = glove_data([2, 3], [3, 2], [4.0, 4.0])
        >>> len(data), [x.tolist() for x in data[np.array([1])]]
        (2, [[3], [2], [4.0]])
    """
    word, context = _ids("row", row), _ids("column", column)
    count = np.asarray(value, dtype=np.float64)
    if not word.ndim == 1 == context.ndim == count.ndim or not len(word) == len(context) == len(
        count
    ):
        raise ValueError(
            f"row, column, value: got {word.shape}, {context.shape}, {count.shape}, wanted (N,) "
            "each"
        )
    if not len(count):
        raise _no_pairs("value")
    if not (np.isfinite(count).all() and count.min() > 0):
        raise ValueError(f"value: got {count.min()} to {count.max()}, wanted finite, above 0")
    ids = [torch.from_numpy(one) for one in (word, context)]
    for name, one in zip(("row", "column"), ids, strict=True):
        _check_ids(name, one, np.iinfo(np.int64).max if words is None else words)
    return TensorDataset(*ids, torch.from_numpy(count.astype(np.float32)))
