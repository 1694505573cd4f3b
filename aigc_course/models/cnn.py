"""A convolutional network for small images: 3 × 3 convolutions in residual blocks.

Shapes: B batch, C channels, H and W height and width, K classes.

>>> import torch
>>> model = CNN(CNNConfig(channels=(8, 16), blocks=1))
>>> model(torch.zeros(2, 1, 28, 28)).shape
torch.Size([2, 10])

With ``residual`` or ``norm`` off the same network stands there without the detour, or without
batch normalisation: what each is good for is seen by taking it away.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["CNN", "Block", "CNNConfig"]


@dataclass(frozen=True)
class CNNConfig:
    """What a convolutional network is like.

    Attributes:
        channels: C of each stage; from one stage to the next height and width are halved.
        blocks: blocks in a stage, two convolutions each.
        residual: whether a block adds its input to its output (He et al., 2016).
        norm: whether each convolution is followed by batch normalisation (Ioffe and Szegedy, 2015).
        inputs: C of the images: 1 for grey, 3 for colour.
        classes: K.
        dropout: share of the last C numbers dropped while training.
    """

    channels: tuple[int, ...] = (16, 32, 64)
    blocks: int = 2
    residual: bool = True
    norm: bool = True
    inputs: int = 1
    classes: int = 10
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if not self.channels or min(*self.channels, self.blocks, self.inputs, self.classes) < 1:
            raise ValueError(
                f"channels, blocks, inputs, classes: got {self.channels}, {self.blocks}, "
                f"{self.inputs}, {self.classes}, wanted at least 1 each, and at least one stage"
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout: got {self.dropout}, wanted 0 or more, below 1")


class Block(nn.Module):
    """y = ReLU(F(x) + x), F two convolutions: what a block need not change, it leaves to x.

    Where F halves the image or changes the number of channels, x goes through a 1 × 1 convolution
    of the same stride (He et al., 2016).

    Args:
        inputs, outputs: channels that come in and go out.
        stride: 1, or 2 to halve height and width.
        residual, norm: as in :class:`CNNConfig`.

    Example:
        >>> Block(4, 8, stride=2)(torch.zeros(1, 4, 6, 6)).shape
        torch.Size([1, 8, 3, 3])
    """

    def __init__(
        self, inputs: int, outputs: int, stride: int = 1, residual: bool = True, norm: bool = True
    ) -> None:
        super().__init__()
        self.conv1, self.norm1 = _conv(inputs, outputs, 3, stride, norm)
        self.conv2, self.norm2 = _conv(outputs, outputs, 3, 1, norm)
        self.detour: nn.Module | None = None
        if residual:
            same = inputs == outputs and stride == 1
            self.detour = (
                nn.Identity() if same else nn.Sequential(*_conv(inputs, outputs, 1, stride, norm))
            )

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norm1(self.conv1(x)))  # (B, C, H/stride, W/stride)
        y = self.norm2(self.conv2(y))  # (B, C, H/stride, W/stride)
        return torch.relu(y if self.detour is None else y + self.detour(x))


class CNN(nn.Module):
    """Images in, one score a class out.

    Args:
        config: what it is like.
    """

    def __init__(self, config: CNNConfig) -> None:
        super().__init__()
        self.config = config
        first = config.channels[0]
        self.stem = nn.Sequential(*_conv(config.inputs, first, 3, 1, config.norm), nn.ReLU())
        stages, inputs = [], first
        for number, outputs in enumerate(config.channels):
            blocks = []
            for place in range(config.blocks):
                stride = 2 if number > 0 and place == 0 else 1
                blocks.append(Block(inputs, outputs, stride, config.residual, config.norm))
                inputs = outputs
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.Sequential(*stages)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(inputs, config.classes)

    def features(self, x: Tensor) -> Tensor:
        """The last stage's channels, averaged over the image: (B, C).

        Raises:
            ValueError: not images (B, C, H, W) with the configured channels.
        """
        if x.ndim != 4 or x.shape[1] != self.config.inputs:
            raise ValueError(
                f"x: got {tuple(x.shape)}, wanted (B, {self.config.inputs}, H, W); grey images "
                "(B, H, W) need x[:, None]"
            )
        y: Tensor = self.stages(self.stem(x))  # (B, C, H/2^(S−1), W/2^(S−1))
        return y.mean(dim=(2, 3))  # (B, C)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.dropout(self.features(x)))  # (B, K)
        return scores


def _conv(
    inputs: int, outputs: int, size: int, stride: int, norm: bool
) -> tuple[nn.Conv2d, nn.Module]:
    """A convolution that keeps the image's size (divided by the stride), and what follows it."""
    # batch normalisation subtracts the mean, and so any bias: it has its own
    conv = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=not norm)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")  # He et al., 2015
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv, nn.BatchNorm2d(outputs) if norm else nn.Identity()
