"""A multilayer perceptron: the network of lesson 06 in PyTorch, with the same names of weights.

Shapes: B batch, D inputs, K classes.

>>> import torch
>>> model = MLP(MLPConfig(inputs=4, hidden=(8,), classes=3))
>>> model(torch.zeros(2, 4)).shape
torch.Size([2, 3])
>>> list(model.state_dict())
['0.weight', '0.bias', '2.weight', '2.bias']

The names are those of ``engine.Sequential`` and ``torch.nn.Sequential`` for the same layers, so
weights go from one to the other as they are: :func:`from_engine`, :func:`to_engine`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from aigc_course.engine import nn as enn

__all__ = ["MLP", "MLPConfig", "from_engine", "to_engine"]


@dataclass(frozen=True)
class MLPConfig:
    """What a multilayer perceptron is like.

    Attributes:
        inputs: D.
        hidden: numbers in each hidden layer; none makes a linear classifier.
        classes: K.
        dropout: share of each hidden layer dropped while training (Srivastava et al., 2014).
    """

    inputs: int = 784
    hidden: tuple[int, ...] = (256, 128)
    classes: int = 10
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if min(self.inputs, *self.hidden, self.classes) < 1:
            raise ValueError(
                f"inputs, hidden, classes: got {self.inputs}, {self.hidden}, {self.classes}, "
                "wanted at least 1 each"
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout: got {self.dropout}, wanted 0 or more, below 1")


class MLP(nn.Module):
    """Linear layers with ReLU, and dropout where it is asked for, between them.

    Args:
        config: what it is like.
    """

    def __init__(self, config: MLPConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or MLPConfig()
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise((config.inputs, *config.hidden, config.classes)):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
            if config.dropout:
                layers.append(nn.Dropout(config.dropout))
        last = max(i for i, layer in enumerate(layers) if isinstance(layer, nn.Linear))
        for number, layer in enumerate(layers[: last + 1]):
            self.add_module(str(number), layer)

    def forward(self, x: Tensor) -> Tensor:
        """Scores before softmax, one a class.

        Args:
            x: (B, D), of the weights' kind of numbers.

        Raises:
            ValueError: another shape, or whole numbers such as pixels from 0 to 255.
        """
        if x.ndim != 2 or x.shape[1] != self.config.inputs:
            raise ValueError(
                f"x: got {tuple(x.shape)}, wanted (B, {self.config.inputs}); images (B, H, W) need "
                "x.flatten(1)"
            )
        if not x.is_floating_point():
            raise ValueError(f"x: got {x.dtype}, wanted floating point; pixels need x / 255")
        for layer in self.children():
            x = layer(x)  # (B, D) -> (B, hidden) -> … -> (B, K)
        return x


def from_engine(net: enn.Sequential) -> MLP:
    """The same network in PyTorch: weights copied, in the same kind of numbers and mode.

    Args:
        net: Linear layers with ReLU, and dropout of one rate, between them.

    Raises:
        ValueError: another kind of network.

    Example:
        >>> from aigc_course.engine import nn
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        >>> from_engine(net).config
        MLPConfig(inputs=4, hidden=(8,), classes=3, dropout=0.0)
    """
    linear = [layer for layer in net if isinstance(layer, enn.Linear)]
    rates = {layer.p for layer in net if isinstance(layer, enn.Dropout)} or {0.0}
    kinds = [type(layer) for layer in net]
    group = [enn.Linear, enn.ReLU, *([] if rates == {0.0} else [enn.Dropout])]
    wanted = (group * len(linear))[: len(group) * (len(linear) - 1) + 1]
    if not linear or kinds != wanted or len(rates) > 1 or any(one.bias is None for one in linear):
        raise ValueError(
            f"net: got {', '.join(kind.__name__ for kind in kinds)}, wanted Linear, ReLU (and "
            "dropout of one rate), …, Linear, with biases"
        )
    sizes = [linear[0].in_features, *(layer.out_features for layer in linear)]
    config = MLPConfig(sizes[0], tuple(sizes[1:-1]), sizes[-1], rates.pop())
    model = MLP(config)
    state = {name: torch.from_numpy(np.asarray(v.data)) for name, v in net.state_dict().items()}
    model.to(next(iter(state.values())).dtype)
    model.load_state_dict(state)
    return model.train(net.training)


def to_engine(model: MLP) -> enn.Sequential:
    """The same network in the course's engine: weights copied, in the same kind of numbers.

    Raises:
        ValueError: numbers that NumPy has not, as bfloat16.

    Example:
        >>> model = MLP(MLPConfig(inputs=4, hidden=(8,), classes=3))
        >>> [type(layer).__name__ for layer in to_engine(model)]
        ['Linear', 'ReLU', 'Linear']
    """
    first = next(model.parameters())
    kinds = {torch.float32: np.float32, torch.float64: np.float64}
    if first.dtype not in kinds:
        raise ValueError(f"model: got {first.dtype}, wanted float32 or float64: model.float()")
    layers: list[enn.Module] = []
    for layer in model.children():
        if isinstance(layer, nn.Linear):
            dtype = kinds[first.dtype]
            layers.append(enn.Linear(layer.in_features, layer.out_features, dtype=dtype))
        elif isinstance(layer, nn.Dropout):
            layers.append(enn.Dropout(layer.p))
        else:
            layers.append(enn.ReLU())
    net = enn.Sequential(*layers)
    net.load_state_dict({k: v.detach().cpu().numpy() for k, v in model.state_dict().items()})
    return net.train(model.training)
