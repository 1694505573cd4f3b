"""Recurrent networks written out: the simple one, the LSTM and the GRU.

Shapes: B batch, T time, D input width, H hidden width, G gates (1, 4, 3), L layers, N directions.

>>> import torch
>>> model = Recurrent(RecurrentConfig("lstm", inputs=3, hidden=5))
>>> y, (h, c) = model(torch.zeros(2, 4, 3))
>>> y.shape, h.shape
(torch.Size([2, 4, 5]), torch.Size([1, 2, 5]))

Parameters have the names, shapes and order of gates of PyTorch's ``nn.RNN``, ``nn.LSTM`` and
``nn.GRU``, so weights go both ways, and values and gradients are the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

__all__ = ["Recurrent", "RecurrentConfig", "gru_step", "lstm_step", "rnn_step"]

Kind = Literal["rnn", "lstm", "gru"]
State = tuple[Tensor, ...]  # h, and for the LSTM c: (B, H) each
GATES: dict[Kind, int] = {"rnn": 1, "lstm": 4, "gru": 3}


@dataclass(frozen=True)
class RecurrentConfig:
    """What a recurrent network is like.

    Attributes:
        kind: ``"rnn"``, ``"lstm"`` or ``"gru"``.
        inputs: D.
        hidden: H.
        layers: L, one on top of the other.
        bidirectional: whether a second network reads each layer's input from its end.
        dropout: share of the outputs dropped between two layers while training.
    """

    kind: Kind
    inputs: int
    hidden: int
    layers: int = 1
    bidirectional: bool = False
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in GATES:
            raise ValueError(f"kind: got {self.kind!r}, wanted one of {', '.join(GATES)}")
        if min(self.inputs, self.hidden, self.layers) < 1:
            raise ValueError(
                f"inputs, hidden, layers: got {self.inputs}, {self.hidden}, {self.layers}, "
                "wanted at least 1 each"
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout: got {self.dropout}, wanted 0 or more, below 1")


# --- one step ----------------------------------------------------------------------------------


def rnn_step(from_x: Tensor, from_h: Tensor, state: State) -> State:
    """h ← tanh(W x + U h), the simple network (Elman, 1990).

    Args:
        from_x: W x + b, (B, H).
        from_h: U h + c, (B, H).
        state: h before, (B, H); already in ``from_h``.
    """
    return (torch.tanh(from_x + from_h),)  # (B, H)


def lstm_step(from_x: Tensor, from_h: Tensor, state: State) -> State:
    """The long short-term memory: what is kept is multiplied by a gate, not by a matrix.

    i, f, o = σ(…) let in, keep and let out; g = tanh(…) is the news:

        c ← f · c + i · g,    h ← o · tanh(c)

    Args:
        from_x, from_h: (B, 4H): the gates i, f, g, o side by side.
        state: h and c, (B, H) each.

    Reference:
        Hochreiter and Schmidhuber, 1997; the gate f by Gers, Schmidhuber and Cummins, 2000.
    """
    i, f, g, o = (from_x + from_h).chunk(4, dim=1)  # (B, H) each
    c = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def gru_step(from_x: Tensor, from_h: Tensor, state: State) -> State:
    """The gated recurrent unit: one gate z says how much stays, and so how much is new.

    r = σ(…) says how much of the past the news may see:

        n = tanh(W x + r · (U h)),    h ← (1 − z) · n + z · h

    Args:
        from_x, from_h: (B, 3H): r, z and n side by side.
        state: h, (B, H).

    Reference:
        Cho et al., 2014; r outside the product with U as in cuDNN and PyTorch.
    """
    x_r, x_z, x_n = from_x.chunk(3, dim=1)
    h_r, h_z, h_n = from_h.chunk(3, dim=1)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + r * h_n)
    return ((1 - z) * n + z * state[0],)


_STEPS: dict[Kind, Callable[[Tensor, Tensor, State], State]] = {
    "rnn": rnn_step,
    "lstm": lstm_step,
    "gru": gru_step,
}


# --- through time ------------------------------------------------------------------------------


class Recurrent(nn.Module):
    """One or more layers, read from the left and, if wanted, from the right.

    Args:
        config: what it is like.
    """

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__()
        self.config = config
        rows, H = GATES[config.kind] * config.hidden, config.hidden
        bound = 1 / math.sqrt(H)
        for layer in range(config.layers):
            D = config.inputs if layer == 0 else H * self._directions
            for suffix in self._suffixes(layer):
                shapes = (("weight_ih", (rows, D)), ("weight_hh", (rows, H)))
                shapes += (("bias_ih", (rows,)), ("bias_hh", (rows,)))  # type: ignore[assignment]
                for name, shape in shapes:
                    weight = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
                    self.register_parameter(name + suffix, weight)

    @property
    def _directions(self) -> int:
        return 2 if self.config.bidirectional else 1

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"][: self._directions]

    def forward(
        self, x: Tensor, lengths: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State]:
        """Read whole rows.

        Args:
            x: (B, T, D).
            lengths: (B,) how long each row is; what stands behind is not read, and its outputs
                are 0. All T by default. A row may be empty.
            state: where to begin: h, and for the LSTM c, (L·N, B, H) each. Zeros by default.

        Returns:
            The last layer's outputs (B, T, N·H), and the last states (L·N, B, H): of each row at
            its own end.

        Raises:
            ValueError: a shape does not fit, or a length is less than 0 or more than T.

        Example:
            >>> model = Recurrent(RecurrentConfig("gru", 2, 3))
            >>> y, (h,) = model(torch.ones(2, 4, 2), lengths=torch.tensor([4, 1]))
            >>> bool((y[1, 1:] == 0).all()), bool((h[0, 1] == y[1, 0]).all())
            (True, True)
        """
        config, names = self.config, 2 if self.config.kind == "lstm" else 1
        if x.ndim != 3 or x.shape[2] != config.inputs:
            raise ValueError(f"x: got {tuple(x.shape)}, wanted (B, T, {config.inputs})")
        B, T, _ = x.shape
        if lengths is not None and (
            lengths.shape != (B,) or (B and (lengths.min() < 0 or lengths.max() > T))
        ):
            raise ValueError(f"lengths: got {lengths}, wanted {B} numbers from 0 to {T}")
        rows = config.layers * self._directions
        if state is None:
            state = (x.new_zeros(rows, B, config.hidden),) * names
        wanted = (rows, B, config.hidden)
        if len(state) != names or any(one.shape != wanted for one in state):
            raise ValueError(
                f"state: got {[tuple(one.shape) for one in state]}, wanted {names} of {wanted}"
            )
        # (B, T, 1): whether there is something to read
        there = None
        if lengths is not None:
            there = (torch.arange(T, device=x.device) < lengths.to(x.device)[:, None])[:, :, None]
        ends: list[State] = []
        for layer in range(config.layers):
            if layer and config.dropout:
                x = nn.functional.dropout(x, config.dropout, self.training)
            outputs = []
            for n, suffix in enumerate(self._suffixes(layer)):
                begin = tuple(one[len(ends)] for one in state)
                y, end = self._read(x, begin, suffix, there, backwards=n == 1)
                outputs.append(y)
                ends.append(end)
            x = torch.cat(outputs, dim=2)  # (B, T, N·H)
        return x, tuple(torch.stack(one) for one in zip(*ends, strict=True))

    def _read(
        self, x: Tensor, state: State, suffix: str, there: Tensor | None, backwards: bool
    ) -> tuple[Tensor, State]:
        """One layer in one direction: outputs (B, T, H) and the last state."""
        step, U, c = (
            _STEPS[self.config.kind],
            self._of("weight_hh", suffix),
            self._of("bias_hh", suffix),
        )
        # all products with x at once: they wait for no state
        from_x = x @ self._of("weight_ih", suffix).T + self._of("bias_ih", suffix)  # (B, T, G·H)
        T = x.shape[1]
        outputs: list[Tensor] = []
        for t in reversed(range(T)) if backwards else range(T):
            after = step(from_x[:, t], state[0] @ U.T + c, state)
            if there is not None:  # a row that has ended, or not begun, keeps its state
                after = tuple(
                    torch.where(there[:, t], new, old)
                    for new, old in zip(after, state, strict=True)
                )
            state = after
            outputs.append(state[0])
        if backwards:
            outputs.reverse()
        y = torch.stack(outputs, dim=1) if outputs else x.new_zeros(len(x), 0, len(U[0]))
        return y if there is None else y * there, state

    def _of(self, name: str, suffix: str) -> Tensor:
        found: Tensor = getattr(self, name + suffix)
        return found
