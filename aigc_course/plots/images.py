"""Many small pictures in one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from aigc_course.plots.style import COLORS

__all__ = ["image_grid"]


def image_grid(
    images: Any,
    titles: Sequence[str] | None = None,
    ncols: int = 8,
    cmap: str | Colormap = "gray_r",
    suptitle: str | None = None,
    *,
    highlight: Sequence[bool] | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    width: float = 7.0,
) -> Figure:
    """Pictures in rows, each with a short title above it.

    Args:
        images: (N, H, W) grey or (N, H, W, 3) colour, or a list of such pictures. ``uint8`` is
            shown from 0 to 255; floats over one common range, so that pictures can be compared.
        titles: N short texts; a line break makes two lines.
        ncols: pictures in a row.
        cmap: for grey pictures; ``"gray_r"`` is ink on paper, ``"aigc_diverging"`` suits weights.
        suptitle: title of the whole.
        highlight: N truth values; true draws a frame and prints the title in the accent colour.
        vmin, vmax: values at the ends of the colour map.
        width: inches.

    Raises:
        ValueError: pictures that are flat rows, or counts that do not match.

    Example:
        >>> fig = image_grid(np.zeros((10, 28, 28), np.uint8), titles=list("零一二三四五六七八九"))
        >>> len(fig.axes[0].images), len(fig.axes[0].texts)
        (10, 10)
    """
    pictures = [np.asarray(image) for image in images]
    if not pictures:
        raise ValueError("images: got none, wanted at least one")
    for picture in pictures:
        if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] not in (3, 4)):
            raise ValueError(
                f"images: got a picture of shape {picture.shape}, wanted (H, W) or (H, W, 3); "
                "flat rows need images.reshape(-1, 28, 28)"
            )
    for name, given in (("titles", titles), ("highlight", highlight)):
        if given is not None and len(given) != len(pictures):
            raise ValueError(f"{name}: got {len(given)}, wanted {len(pictures)}, one a picture")
    if ncols < 1:
        raise ValueError(f"ncols: got {ncols}, wanted 1 or more")
    ncols = min(ncols, len(pictures))
    nrows = -(-len(pictures) // ncols)
    low, high = _value_range(pictures, vmin, vmax)

    cell = min(width / ncols, 1.5)  # inches
    lines = max((str(title).count("\n") + 1 for title in titles), default=0) if titles else 0
    size = float(np.clip(cell * 10.5, 6.5, 10))  # points
    head = lines * size * 1.45 / 72 / cell  # height of a title, in cells
    gap = 0.06
    fig = plt.figure(
        figsize=(cell * ncols, cell * nrows * (1 + head) + (0.42 if suptitle else 0)),
        layout="constrained",
    )
    ax = fig.add_subplot()
    ax.set_axis_off()
    for i, picture in enumerate(pictures):
        row, column = divmod(i, ncols)
        bottom = -(row * (1 + head) + head + 1) + gap / 2
        left = column + gap / 2
        tall, wide = picture.shape[:2]
        unit = (1 - gap) / max(tall, wide)
        left += (1 - gap - unit * wide) / 2
        right, top = left + unit * wide, bottom + unit * tall
        ax.imshow(
            picture,
            cmap=cmap,
            vmin=low,
            vmax=high,
            extent=(left, right, bottom, top),
            interpolation="nearest",
        )
        marked = highlight is not None and bool(highlight[i])
        if marked:
            ax.add_patch(
                Rectangle(
                    (left, bottom), right - left, top - bottom, fill=False, ec=COLORS[1], lw=2
                )
            )
        if titles is not None:
            ax.text(
                (left + right) / 2,
                top + 0.03,
                str(titles[i]),
                ha="center",
                va="bottom",
                fontsize=size,
                linespacing=1.15,
                color=COLORS[1] if marked else None,
            )
    ax.set_xlim(0, ncols)
    ax.set_ylim(-nrows * (1 + head), 0)
    ax.set_aspect("equal")
    if suptitle:
        fig.suptitle(suptitle, x=0.01, ha="left")
    return fig


def _value_range(
    pictures: list[np.ndarray], vmin: float | None, vmax: float | None
) -> tuple[float, float]:
    grey = [picture for picture in pictures if picture.ndim == 2]
    if all(picture.dtype == np.uint8 for picture in grey):
        low, high = 0.0, 255.0
    else:
        low = float(min(np.nanmin(picture) for picture in grey))
        high = float(max(np.nanmax(picture) for picture in grey))
    low = low if vmin is None else vmin
    high = high if vmax is None else vmax
    return low, high if high > low else low + 1.0
