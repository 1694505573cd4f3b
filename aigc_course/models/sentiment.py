"""A classifier of texts: words to vectors, a recurrent network over them, one number at the end.

Shapes: B batch, T time, V vocabulary, E width of an embedding, H hidden width, N directions.

>>> import torch
>>> model = Sentiment(SentimentConfig(vocabulary=9, embedding=4, hidden=3))
>>> model(torch.tensor([[2, 7, 8], [5, 0, 0]]), torch.tensor([3, 1])).shape
torch.Size([2])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from aigc_course.models.rnn import Kind, RecurrentConfig

__all__ = ["Sentiment", "SentimentConfig"]

Pool = Literal["last", "mean", "max"]
_MODULES: dict[Kind, Any] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


@dataclass(frozen=True)
class SentimentConfig:
    """What a classifier of texts is like.

    Attributes:
        vocabulary: V; number 0 is filling.
        kind: ``"rnn"``, ``"lstm"`` or ``"gru"``.
        embedding: E.
        hidden: H, in each direction.
        layers: one on top of the other.
        bidirectional: whether a second network reads the text from its end.
        pool: what is made of the states: the ``"last"`` of each direction, their ``"mean"``, or
            for each of the H numbers its ``"max"`` over the text.
        dropout: share dropped of the embeddings, between layers and before the last step.
        word_dropout: share of the words that are replaced by the unknown one, number 1, while
            training: no single word is to be leaned on (Iyyer et al., 2015).
    """

    vocabulary: int
    kind: Kind = "lstm"
    embedding: int = 128
    hidden: int = 128
    layers: int = 1
    bidirectional: bool = True
    pool: Pool = "max"
    dropout: float = 0.5
    word_dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.vocabulary < 2 or self.embedding < 1:
            raise ValueError(
                f"vocabulary, embedding: got {self.vocabulary}, {self.embedding}, wanted at least "
                "2 and 1"
            )
        if self.pool not in ("last", "mean", "max"):
            raise ValueError(f"pool: got {self.pool!r}, wanted 'last', 'mean' or 'max'")
        if not 0 <= self.word_dropout < 1:
            raise ValueError(f"word_dropout: got {self.word_dropout}, wanted 0 or more, below 1")
        RecurrentConfig(  # says what is wrong with the rest
            self.kind, self.embedding, self.hidden, self.layers, self.bidirectional, self.dropout
        )


class Sentiment(nn.Module):
    """Texts as numbers of words in, one logit a text out: σ of it is P(positive).

    What a text is says its length, not its filling: filled up with more zeros it gets the same
    logit, alone or in any batch. A text without words gets the logit of no evidence at all.

    Args:
        config: what it is like.
    """

    def __init__(self, config: SentimentConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.embedding, padding_idx=0)
        self.body = _MODULES[config.kind](
            config.embedding,
            config.hidden,
            config.layers,
            batch_first=True,
            bidirectional=config.bidirectional,
            dropout=config.dropout if config.layers > 1 else 0.0,
        )
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.hidden * (2 if config.bidirectional else 1), 1)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Logits of whole texts.

        Args:
            x: (B, T) int64, 0 … V − 1.
            lengths: (B,) how many of each row are the text; 0 is allowed.

        Returns:
            (B,).

        Raises:
            ValueError: shapes that do not fit, or a length outside 0 … T.
        """
        if x.ndim != 2:
            raise ValueError(f"x: got {tuple(x.shape)}, wanted (B, T) numbers of words")
        if self.training and self.config.word_dropout:
            lost = torch.rand(x.shape, device=x.device) < self.config.word_dropout
            x = x.masked_fill(lost & (x != 0), 1)
        return self.read(self.embedding(x), lengths)

    def read(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """Logits of texts whose words are vectors already, (B, T, E): for gradients of the input.

        Raises:
            ValueError: as :meth:`forward`.
        """
        B, T, _ = vectors.shape
        if lengths.shape != (B,) or (B and (lengths.min() < 0 or lengths.max() > T)):
            raise ValueError(f"lengths: got {lengths.tolist()}, wanted {B} numbers from 0 to {T}")
        if B == 0 or T == 0:
            return self.head.bias.expand(B)
        lengths = lengths.to(vectors.device)
        vectors = self.dropout(vectors)
        if bool((lengths == T).all()):  # no filling: the same without packing, and much faster
            y, end = self.body(vectors)  # (B, T, N·H)
        else:
            # a packed row needs one step; what it gives for an empty text is thrown away below
            packed = pack_padded_sequence(
                vectors, lengths.clamp(min=1).cpu(), True, enforce_sorted=False
            )
            states, end = self.body(packed)
            y, _ = pad_packed_sequence(states, batch_first=True, total_length=T)  # (B, T, N·H)
        there = torch.arange(T, device=vectors.device) < lengths[:, None]  # (B, T)
        if self.config.pool == "last":
            h = end[0] if self.config.kind == "lstm" else end  # (layers · N, B, H)
            pooled = torch.cat([*h[-2:]] if self.config.bidirectional else [h[-1]], dim=1)
        elif self.config.pool == "mean":
            y = y * there[:, :, None]
            pooled = y.sum(dim=1) / lengths.clamp(min=1)[:, None]  # (B, N·H)
        else:
            pooled = y.masked_fill(~there[:, :, None], -torch.inf).amax(dim=1)  # (B, N·H)
        pooled = torch.where((lengths > 0)[:, None], pooled, torch.zeros_like(pooled))
        logits: Tensor = self.head(self.dropout(pooled)).squeeze(1)  # (B,)
        return logits
