"""A recurrent language model: what comes next, one symbol after the other.

Shapes: B batch, T time, V vocabulary, E width of an embedding, H hidden width, L layers.

>>> import torch
>>> model = RecurrentLM(LanguageConfig(vocabulary=9, embedding=4, hidden=5))
>>> scores, state = model(torch.tensor([[2, 7, 8]]))
>>> scores.shape
torch.Size([1, 3, 9])
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aigc_course.models.rnn import Kind, Recurrent, RecurrentConfig

__all__ = ["LanguageConfig", "RecurrentLM", "bits", "sample"]

State = tuple[Tensor, ...]
_FAST: dict[Kind, Any] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


@dataclass(frozen=True)
class LanguageConfig:
    """What a recurrent language model is like.

    Attributes:
        vocabulary: V; symbol 0 is filling.
        kind: ``"rnn"``, ``"lstm"`` or ``"gru"``.
        embedding: E.
        hidden: H.
        layers: L.
        dropout: share dropped of the embeddings, between layers and of the outputs (Zaremba,
            Sutskever and Vinyals, 2014).
        tied: whether the output's matrix is the embedding's (Press and Wolf, 2017); then the
            hidden state is first brought to E by a matrix of its own.
        by_hand: whether to run the course's own network, step by step; by default PyTorch's, which
            has the same weights, gives the same numbers, and is faster.
    """

    vocabulary: int
    kind: Kind = "lstm"
    embedding: int = 128
    hidden: int = 256
    layers: int = 1
    dropout: float = 0.0
    tied: bool = False
    by_hand: bool = False

    def __post_init__(self) -> None:
        if min(self.vocabulary - 1, self.embedding) < 1:
            raise ValueError(
                f"vocabulary, embedding: got {self.vocabulary}, {self.embedding}, wanted at least "
                "2 and 1"
            )
        self.recurrent()  # says what is wrong with the rest

    def recurrent(self) -> RecurrentConfig:
        """What is between the embeddings and the scores."""
        return RecurrentConfig(
            self.kind, self.embedding, self.hidden, self.layers, dropout=self.dropout
        )


class RecurrentLM(nn.Module):
    """Symbols in, after each of them a score for every symbol that may come next.

    Args:
        config: what it is like.
    """

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.config = config
        V, E, H = config.vocabulary, config.embedding, config.hidden
        self.embedding = nn.Embedding(V, E, padding_idx=0)
        if config.by_hand:
            self.body: nn.Module = Recurrent(config.recurrent())
        else:
            between = config.dropout if config.layers > 1 else 0.0  # PyTorch warns of any other
            make = _FAST[config.kind]
            self.body = make(E, H, config.layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(config.dropout)
        self.to_embedding = nn.Linear(H, E) if config.tied else nn.Identity()
        self.scores = nn.Linear(E if config.tied else H, V)
        if config.tied:
            nn.init.normal_(self.embedding.weight, std=1 / math.sqrt(E))
            self.scores.weight = self.embedding.weight

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Read rows of symbols, from a state or from the beginning.

        Args:
            x: (B, T) int64, 0 … V − 1.
            state: what an earlier call returned.

        Returns:
            Scores (B, T, V): of the symbol after each; and the state after the last.

        Raises:
            ValueError: not rows, or rows without a symbol.
        """
        if x.ndim != 2 or x.shape[1] < 1:
            raise ValueError(f"x: got {tuple(x.shape)}, wanted (B, T) numbers of symbols, T ≥ 1")
        e = self.dropout(self.embedding(x))  # (B, T, E)
        if self.config.by_hand:
            y, after = self.body(e, state=state)
        else:
            single = self.config.kind != "lstm"
            begin = state[0] if state is not None and single else state
            y, end = self.body(e, begin)  # (B, T, H)
            after = (end,) if single else tuple(end)
        scores: Tensor = self.scores(self.to_embedding(self.dropout(y)))  # (B, T, V)
        return scores, after


def bits(model: RecurrentLM, x: Tensor, y: Tensor) -> Tensor:
    """−log₂ P of each symbol of ``y``, and 0 where it is filling: (B, T).

    Args:
        model: in evaluation mode, if dropout is not to be measured too.
        x: what came before each, (B, T).
        y: what came, (B, T).
    """
    scores, _ = model(x)
    losses = F.cross_entropy(scores.float().flatten(0, 1), y.flatten(), reduction="none")
    return losses.reshape(y.shape) * (y != 0) / math.log(2)  # (B, T)


@torch.no_grad()
def sample(
    model: RecurrentLM,
    start: Sequence[int],
    rng: np.random.Generator,
    *,
    end: int,
    longest: int = 100,
    temperature: float = 1.0,
    forbidden: Iterable[int] = (0,),
) -> list[int]:
    """Draw one symbol after the other, until ``end`` or ``longest`` of them.

    Args:
        model: any; its mode is left as it was, dropout is off while drawing.
        start: symbols that are given, at least one.
        rng: source of randomness.
        end: the symbol that ends a row; it is not returned.
        longest: the most symbols that are drawn.
        temperature: scores are divided by it: below 1 the likely becomes likelier, 0 takes the
            likeliest.
        forbidden: symbols that are never drawn.

    Returns:
        ``start`` and what was drawn.

    Raises:
        ValueError: an empty start, or a temperature below 0.
    """
    if not start or not temperature >= 0:
        raise ValueError(
            f"start, temperature: got {list(start)}, {temperature}, wanted at least one symbol, "
            "and 0 or more"
        )
    device = model.embedding.weight.device
    row, never, mode = list(start), list(forbidden), model.training
    model.eval()
    try:
        scores, state = model(torch.tensor([row], device=device))
        for _ in range(longest):
            z = scores[0, -1].double().cpu().numpy()  # (V,)
            z[never] = -np.inf
            if temperature == 0:
                symbol = int(z.argmax())
            else:
                p = np.exp((z - z.max()) / temperature)
                symbol = int(rng.choice(len(p), p=p / p.sum()))
            if symbol == end:
                break
            row.append(symbol)
            scores, state = model(torch.tensor([[symbol]], device=device), state)
    finally:
        model.train(mode)
    return row
