"""A linear-chain conditional random field: scores of whole rows of tags, not of single ones.

Shapes: B batch, T time, K tags.

>>> import torch
>>> crf = CRF(CRFConfig(tags=3))
>>> scores, tags = torch.zeros(2, 4, 3), torch.zeros(2, 4, dtype=torch.int64)
>>> crf.loss(scores, tags).shape, crf.decode(scores)[0].shape
(torch.Size([]), torch.Size([4]))

The score of a row of tags is that of its first tag, its steps, its last tag, and what a network
below gives each tag at each place; its probability is exp(score) over the sum of exp(score) of all
Kᵀ rows. Both that sum and the best row are found in T·K² steps.

Reference:
    Lafferty, McCallum and Pereira: Conditional Random Fields, 2001.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["CRF", "CRFConfig", "forbidden_steps"]


@dataclass(frozen=True)
class CRFConfig:
    """What a field is like.

    Attributes:
        tags: K.
        forbidden: pairs (from, to) of tags that never follow one another.
        never_first: tags that begin no row.
        never_last: tags that end no row.
    """

    tags: int
    forbidden: tuple[tuple[int, int], ...] = ()
    never_first: tuple[int, ...] = ()
    never_last: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        named = {*self.never_first, *self.never_last, *(k for pair in self.forbidden for k in pair)}
        if self.tags < 1 or not named <= set(range(self.tags)):
            raise ValueError(f"tags: got {self.tags} and {sorted(named)}, wanted 0 to tags - 1")


def forbidden_steps(names: Sequence[str]) -> CRFConfig:
    """The field for tags such as B-nr, I-nr, O: an inside only follows its own begin or inside.

    Args:
        names: K tags; those that begin with ``I-`` go on, those with ``B-`` begin, the rest stand
            alone.

    Example:
        >>> forbidden_steps(["O", "B-nr", "I-nr"])
        CRFConfig(tags=3, forbidden=((0, 2),), never_first=(2,), never_last=())
    """
    inside = [k for k, name in enumerate(names) if name.startswith("I-")]
    forbidden = tuple(
        (i, j)
        for j in inside
        for i, name in enumerate(names)
        if name not in (names[j], "B-" + names[j].removeprefix("I-"))
    )
    return CRFConfig(len(names), forbidden, tuple(inside))


class CRF(nn.Module):
    """The field's own scores: of beginnings, steps and ends. They start at 0: no preference.

    Args:
        config: what it is like.

    Attributes:
        start, end: (K,).
        step: (K, K), row: from, column: to.
    """

    def __init__(self, config: CRFConfig) -> None:
        super().__init__()
        self.config = config
        K = config.tags
        self.start = nn.Parameter(torch.zeros(K))
        self.end = nn.Parameter(torch.zeros(K))
        self.step = nn.Parameter(torch.zeros(K, K))
        banned = torch.zeros(K + 2, K, dtype=torch.bool)
        for i, j in config.forbidden:
            banned[i, j] = True
        banned[K, list(config.never_first)] = True
        banned[K + 1, list(config.never_last)] = True
        self.register_buffer("_banned", banned, persistent=False)

    def _scores(self) -> tuple[Tensor, Tensor, Tensor]:
        """Of beginnings, steps and ends, −∞ (as far as numbers go) for what is forbidden."""
        least = torch.finfo(self.step.dtype).min / 4
        K, banned = self.config.tags, self._banned
        assert isinstance(banned, Tensor)
        return (
            self.start.masked_fill(banned[K], least),
            self.step.masked_fill(banned[:K], least),
            self.end.masked_fill(banned[K + 1], least),
        )

    def loss(self, scores: Tensor, tags: Tensor, lengths: Tensor | None = None) -> Tensor:
        """−log p(tags | scores), its mean over the rows: a number of nats a row.

        Args:
            scores: (B, T, K) of each tag at each place.
            tags: (B, T), 0 … K − 1; what stands behind a row's end is not looked at.
            lengths: (B,) from 1 to T; all T by default.

        Raises:
            ValueError: shapes do not fit, no rows, a row is empty, a tag is out of range, or a row
                of tags is forbidden: its probability is 0, and no training makes it more.
        """
        there = self._there(scores, lengths)
        if tags.shape != scores.shape[:2]:
            raise ValueError(f"tags: got {tuple(tags.shape)}, wanted {tuple(scores.shape[:2])}")
        if not len(tags):
            raise ValueError(f"tags: got {tuple(tags.shape)}, wanted at least one row")
        tags = tags.masked_fill(~there, 0)
        if tags.min() < 0 or tags.max() >= self.config.tags:
            raise ValueError(
                f"tags: got {int(tags.min())} to {int(tags.max())}, "
                f"wanted 0 to {self.config.tags - 1}"
            )
        if len(bad := self._forbidden(tags, there).nonzero()):
            row = int(bad[0])
            raise ValueError(
                f"tags: got {tags[row][there[row]].tolist()} in row {row}, which the field's "
                "config forbids; mend the row or leave it out"
            )
        return (self.log_sum(scores, lengths) - self._score(scores, tags, there)).mean()

    def _forbidden(self, tags: Tensor, there: Tensor) -> Tensor:
        """(B,): whether a row begins, goes on or ends as none may."""
        K, banned = self.config.tags, self._banned
        assert isinstance(banned, Tensor)
        last = tags.gather(1, there.sum(dim=1, keepdim=True) - 1)[:, 0]  # (B,)
        steps = banned[tags[:, :-1], tags[:, 1:]] & there[:, 1:]  # (B, T − 1)
        return banned[K][tags[:, 0]] | steps.any(dim=1) | banned[K + 1][last]

    def _score(self, scores: Tensor, tags: Tensor, there: Tensor) -> Tensor:
        """The score of one row of tags each, (B,)."""
        start, step, end = self._scores()
        own = scores.gather(2, tags[:, :, None])[:, :, 0]  # (B, T)
        # in bfloat16 the sum would be rounded to 8 bits, and log_sum is not
        own = own.to(torch.promote_types(own.dtype, step.dtype))
        steps = step[tags[:, :-1], tags[:, 1:]]  # (B, T − 1)
        last = tags.gather(1, there.sum(dim=1, keepdim=True) - 1)[:, 0]  # (B,)
        inside = (steps * there[:, 1:]).sum(dim=1)
        return start[tags[:, 0]] + (own * there).sum(dim=1) + inside + end[last]

    def log_sum(self, scores: Tensor, lengths: Tensor | None = None) -> Tensor:
        """log Σ exp(score) over all Kᵀ rows of tags, (B,), by the forward algorithm.

        α(t, j) = log Σᵢ exp(α(t − 1, i) + step(i, j)), plus scores(t, j).
        """
        there = self._there(scores, lengths)
        start, step, end = self._scores()
        alpha = start + scores[:, 0]  # (B, K)
        for t in range(1, scores.shape[1]):
            further = torch.logsumexp(alpha[:, :, None] + step, dim=1) + scores[:, t]
            alpha = torch.where(there[:, t, None], further, alpha)
        return torch.logsumexp(alpha + end, dim=1)

    @torch.no_grad()
    def decode(self, scores: Tensor, lengths: Tensor | None = None) -> list[Tensor]:
        """The best row of tags for each row of scores, as long as it is, by Viterbi's algorithm."""
        there = self._there(scores, lengths)
        start, step, end = self._scores()
        best = start + scores[:, 0]  # (B, K)
        back: list[Tensor] = []
        for t in range(1, scores.shape[1]):
            top, came = (best[:, :, None] + step).max(dim=1)  # (B, K) each
            best = torch.where(there[:, t, None], top + scores[:, t], best)
            back.append(came)
        last = (best + end).argmax(dim=1)  # (B,)
        rows = []
        for b, length in enumerate(there.sum(dim=1).tolist()):
            tags = [int(last[b])]
            for t in range(length - 1, 0, -1):
                tags.append(int(back[t - 1][b, tags[-1]]))
            rows.append(torch.tensor(tags[::-1], device=scores.device))
        return rows

    def _there(self, scores: Tensor, lengths: Tensor | None) -> Tensor:
        """(B, T): whether a place belongs to its row."""
        if scores.ndim != 3 or scores.shape[2] != self.config.tags or scores.shape[1] < 1:
            raise ValueError(
                f"scores: got {tuple(scores.shape)}, wanted (B, T, {self.config.tags}) with T ≥ 1"
            )
        B, T, _ = scores.shape
        if lengths is None:
            return torch.ones(B, T, dtype=torch.bool, device=scores.device)
        if lengths.shape != (B,) or (B and (lengths.min() < 1 or lengths.max() > T)):
            raise ValueError(f"lengths: got {lengths}, wanted {B} numbers from 1 to {T}")
        return torch.arange(T, device=scores.device) < lengths.to(scores.device)[:, None]
