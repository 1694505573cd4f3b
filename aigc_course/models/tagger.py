"""A tagger of sequences: vectors, a network that reads both ways, and a field over the tags.

Shapes: B batch, T time, V vocabulary, E width of an embedding, H hidden width, K tags.

>>> import torch
>>> model = Tagger(TaggerConfig(vocabulary=9, tags=("O", "B-nr", "I-nr"), embedding=4, hidden=3))
>>> x, lengths = torch.tensor([[2, 7, 8], [5, 0, 0]]), torch.tensor([3, 1])
>>> model(x, lengths).shape, [len(row) for row in model.tag(x, lengths)]
(torch.Size([2, 3, 3]), [3, 1])

Reference:
    Huang, Xu and Yu: Bidirectional LSTM-CRF models for sequence tagging, 2015; Lample et al.:
    Neural architectures for named entity recognition, 2016.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aigc_course.models.crf import CRF, forbidden_steps

__all__ = ["Tagger", "TaggerConfig"]


@dataclass(frozen=True)
class TaggerConfig:
    """What a tagger is like.

    Attributes:
        vocabulary: V; number 0 is filling.
        tags: K names, ``O``, ``B-kind`` and ``I-kind``.
        embedding: E.
        hidden: H, in each direction.
        dropout: share dropped of the embeddings and of the states.
        crf: whether a field scores whole rows of tags; otherwise each place is for itself.
    """

    vocabulary: int
    tags: tuple[str, ...]
    embedding: int = 100
    hidden: int = 128
    dropout: float = 0.5
    crf: bool = True

    def __post_init__(self) -> None:
        if self.vocabulary < 2 or min(self.embedding, self.hidden) < 1:
            raise ValueError(
                f"vocabulary, embedding, hidden: got {self.vocabulary}, {self.embedding}, "
                f"{self.hidden}, wanted at least 2, 1 and 1"
            )
        if len(set(self.tags)) < max(1, len(self.tags)):
            raise ValueError(f"tags: got {self.tags}, wanted at least one, and each once")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout: got {self.dropout}, wanted 0 or more, below 1")


class Tagger(nn.Module):
    """Rows of symbols in, a tag for each symbol out.

    Args:
        config: what it is like.
    """

    def __init__(self, config: TaggerConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.embedding, padding_idx=0)
        self.forwards = nn.LSTM(config.embedding, config.hidden, batch_first=True)
        self.backwards = nn.LSTM(config.embedding, config.hidden, batch_first=True)
        self.dropout = nn.Dropout(config.dropout)
        self.scores = nn.Linear(2 * config.hidden, len(config.tags))
        self.crf = CRF(forbidden_steps(config.tags)) if config.crf else None

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """A score of each tag at each place.

        Args:
            x: (B, T) int64, 0 … V − 1.
            lengths: (B,) how many of each row are there, from 1 to T.

        Returns:
            (B, T, K); behind a row's end the scores mean nothing.

        Raises:
            ValueError: shapes that do not fit, or a row that is empty or longer than T.
        """
        B, T = x.shape if x.ndim == 2 else (-1, -1)
        if lengths.shape != (B,) or B < 1 or lengths.min() < 1 or lengths.max() > T:
            raise ValueError(
                f"x, lengths: got {tuple(x.shape)}, {lengths.tolist()}, wanted (B, T) symbols and "
                "B numbers from 1 to T; leave out sentences without a character"
            )
        e = self.dropout(self.embedding(x))  # (B, T, E)
        turned = _turned(T, lengths.to(x.device))
        right = self.forwards(e)[0]  # (B, T, H)
        left = _taken(self.backwards(_taken(e, turned))[0], turned)  # (B, T, H)
        scores: Tensor = self.scores(self.dropout(torch.cat([right, left], dim=2)))  # (B, T, K)
        return scores

    def loss(self, x: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        """−log p(tags | x), nats a row, its mean over the rows.

        Args:
            x, lengths: see :meth:`forward`.
            tags: (B, T) numbers of tags; what stands behind a row's end is not looked at.
        """
        scores = self(x, lengths)
        if self.crf is not None:
            return self.crf.loss(scores, tags, lengths)
        there = torch.arange(x.shape[1], device=x.device) < lengths.to(x.device)[:, None]
        each = F.cross_entropy(
            scores.transpose(1, 2), tags.masked_fill(~there, 0), reduction="none"
        )  # (B, T)
        return (each * there).sum(dim=1).mean()

    @torch.no_grad()
    def tag(self, x: Tensor, lengths: Tensor) -> list[list[str]]:
        """The best tags of each row: of the whole row with a field, else of each place.

        In training mode dropout has its say: call ``eval()`` before.
        """
        scores = self(x, lengths)
        if self.crf is not None:
            numbers = [row.tolist() for row in self.crf.decode(scores, lengths)]
        else:
            best = scores.argmax(dim=2).tolist()
            numbers = [row[:n] for row, n in zip(best, lengths.tolist(), strict=True)]
        return [[self.config.tags[k] for k in row] for row in numbers]


def _turned(T: int, lengths: Tensor) -> Tensor:
    """(B, T): where to look so that each row is read from its end; filling stays where it is.

    Two networks and this, not a packed sequence: on a CPU the gradient of a packed one fills an
    array of the whole batch at every step.

    Example:
        >>> _turned(4, torch.tensor([3, 1])).tolist()
        [[2, 1, 0, 3], [0, 1, 2, 3]]
    """
    t = torch.arange(T, device=lengths.device).expand(len(lengths), T)
    return torch.where(t < lengths[:, None], lengths[:, None] - 1 - t, t)


def _taken(x: Tensor, places: Tensor) -> Tensor:
    """The vectors of (B, T, C) at (B, T) places of their own row."""
    return x.gather(1, places[:, :, None].expand(-1, -1, x.shape[2]))
