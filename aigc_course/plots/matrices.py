"""Matrices as pictures, with their numbers readable on any colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from aigc_course.plots.display import figure_and_axes, finish
from aigc_course.plots.style import DIVERGING, INK, SEQUENTIAL

__all__ = ["confusion", "heatmap", "text_color"]

_SMALLEST_TEXT = 5.0  # points


def text_color(background: Any) -> str:
    """Near-black or white, whichever reads better on ``background`` (WCAG contrast).

    Example:
        >>> text_color("#06335C"), text_color("#F7FBFF")
        ('white', '#262626')
    """
    luminance = _luminance(background)
    on_white = 1.05 / (luminance + 0.05)
    on_ink = (luminance + 0.05) / (_luminance(INK) + 0.05)
    return "white" if on_white > on_ink else INK


def _luminance(color: Any) -> float:
    rgb = np.array(mpl.colors.to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def heatmap(
    matrix: ArrayLike,
    row_labels: Sequence[str] | None = None,
    col_labels: Sequence[str] | None = None,
    fmt: str = ".2f",
    values: bool = True,
    title: str | None = None,
    cmap: str | Colormap | None = None,
    center: float | None = None,
    ax: Axes | None = None,
    *,
    xlabel: str | None = None,
    ylabel: str | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    colorbar: bool | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    """A matrix as coloured cells, by default with each value written in its cell.

    Args:
        matrix: (R, C); NaN cells are grey with a dash.
        row_labels, col_labels: R and C names; positions from 0 when not given.
        fmt: format of the values, ``"d"`` for whole numbers, ``".1%"`` for shares.
        values: write them; left out anyway where cells are too small for 5-point text.
        title, xlabel, ylabel: texts.
        cmap: colour map; blue from light to dark, or, when ``center`` is given, blue–white–orange.
        center: the value that is white, for matrices with both signs.
        ax: draw here instead of into a new figure.
        vmin, vmax: values at the ends of the colour map; the matrix's own when not given.
        colorbar: by default only where no values are written.
        figsize: size in inches of a new figure.

    Example:
        >>> fig = heatmap([[1.0, -2.0]], col_labels=["a", "b"], center=0)
        >>> [text.get_text() for text in fig.axes[0].texts]
        ['1.00', '−2.00']
    """
    numbers = _matrix(matrix, "matrix")
    rows, columns = numbers.shape
    if figsize is None:
        figsize = _grid_size(rows, columns, 0.62)
    fig, ax = figure_and_axes(ax, figsize)
    norm = _norm(numbers, center, vmin, vmax)
    chosen = mpl.colormaps[cmap] if isinstance(cmap, str) else cmap
    colors = chosen or (SEQUENTIAL if center is None else DIVERGING)
    image = ax.imshow(
        np.ma.masked_invalid(numbers),
        cmap=colors.with_extremes(bad="#D9D9D9"),
        norm=norm,
        aspect="auto" if max(rows, columns) > 4 * min(rows, columns) else "equal",
    )
    _cells(ax, rows, columns, row_labels, col_labels)
    size = _text_size(ax, rows, columns, max(len(_write(v, fmt)) for v in numbers.flat))
    written = values and size >= _SMALLEST_TEXT
    if written:
        for (i, j), value in np.ndenumerate(numbers):
            color = colors(norm(value)) if np.isfinite(value) else "#D9D9D9"
            ax.text(j, i, _write(value, fmt), **_center(size, text_color(color)))
    if colorbar if colorbar is not None else not written:
        bar = fig.colorbar(image, ax=ax, shrink=0.85, pad=0.02)
        bar.outline.set_visible(False)
    finish(ax, xlabel=xlabel, ylabel=ylabel, title=title)
    return fig


def confusion(
    matrix: ArrayLike,
    labels: Sequence[str],
    normalize: bool = False,
    title: str | None = None,
    ax: Axes | None = None,
    *,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    """A confusion matrix: rows are the true classes, columns the predicted ones.

    Colour is the share of its row (the diagonal is then each class's recall); each cell has its
    count and below it that share. Zero cells stay empty.

    Args:
        matrix: counts, (K, K), as ``metrics.confusion_matrix`` gives them.
        labels: K names.
        normalize: write only the shares, for matrices with large counts or many classes.
        title: text.
        ax: draw here instead of into a new figure.
        figsize: size in inches of a new figure.

    Example:
        >>> fig = confusion([[8, 2], [0, 5]], ["猫", "狗"])
        >>> [text.get_text() for text in fig.axes[0].texts]
        ['8\\n80%', '2\\n20%', '5\\n100%']
    """
    counts = _matrix(matrix, "matrix")
    k = len(labels)
    if counts.shape != (k, k):
        raise ValueError(f"matrix: got shape {counts.shape}, wanted ({k}, {k}), as many as labels")
    if not np.isfinite(counts).all() or (counts < 0).any():
        raise ValueError("matrix: wanted counts of 0 or more, got negative or missing values")
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
    fig, ax = figure_and_axes(ax, figsize or _grid_size(k, k, 0.62))
    ax.imshow(share, cmap=SEQUENTIAL, vmin=0, vmax=1)
    _cells(ax, k, k, labels, labels)
    widest = max(len(f"{count:,.0f}") for count in counts.flat)
    size = _text_size(ax, k, k, max(4, widest if not normalize else 4))
    for (i, j), count in np.ndenumerate(counts):
        if count > 0:
            percent = _percent(share[i, j])
            text = percent if normalize else f"{count:,.0f}\n{percent}"
            ax.text(j, i, text, **_center(size, text_color(SEQUENTIAL(share[i, j]))))
    finish(ax, xlabel="预测的类别", ylabel="真实的类别", title=title)
    return fig


def _percent(share: float) -> str:
    """Whole per cent that never claims none or all where there is some."""
    if share <= 0.005:
        return "<1%"
    return ">99%" if 0.995 <= share < 1 else f"{share:.0%}"


def _matrix(matrix: ArrayLike, name: str) -> np.ndarray:
    numbers = np.asarray(matrix, dtype=float)
    if numbers.ndim != 2 or not numbers.size:
        raise ValueError(f"{name}: got shape {numbers.shape}, wanted (R, C), neither 0")
    return numbers


def _norm(
    numbers: np.ndarray, center: float | None, vmin: float | None, vmax: float | None
) -> Normalize:
    finite = numbers[np.isfinite(numbers)]
    low = float(finite.min()) if finite.size and vmin is None else (vmin or 0.0)
    high = float(finite.max()) if finite.size and vmax is None else (vmax or 0.0)
    if center is not None:  # the same stretch on both sides, so that equal size is equal colour
        reach = max(abs(high - center), abs(low - center)) or 1.0
        return Normalize(center - reach, center + reach)
    return Normalize(low, high if high > low else low + 1.0)


def _grid_size(rows: int, columns: int, cell: float) -> tuple[float, float]:
    """Size of a new figure: ``cell`` inches a cell plus labels, within 3 … 9 × 2.2 … 7 inches."""
    cell = max(cell, min(0.95, 2.6 / max(rows, columns)))
    return (
        float(np.clip(columns * cell + 1.6, 3.0, 9.0)),
        float(np.clip(rows * cell + 1.1, 2.2, 7.0)),
    )


def _cells(
    ax: Axes,
    rows: int,
    columns: int,
    row_labels: Sequence[str] | None,
    col_labels: Sequence[str] | None,
) -> None:
    """Ticks and names at cell centres, thin white lines between cells, no frame."""
    for name, labels, count in (("row", row_labels, rows), ("col", col_labels, columns)):
        if labels is not None and len(labels) != count:
            raise ValueError(f"{name}_labels: got {len(labels)}, wanted {count}")
    ax.grid(False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    if max(rows, columns) <= 40:
        ax.set_xticks(np.arange(-0.5, columns), minor=True)
        ax.set_yticks(np.arange(-0.5, rows), minor=True)
        ax.grid(True, which="minor", color="white", linewidth=1.2)
        ax.tick_params(which="minor", length=0)
    if col_labels is not None:
        names = [str(label) for label in col_labels]
        tilt = max(map(len, names)) * columns > 34
        ax.set_xticks(range(columns), names, rotation=40 if tilt else 0)
        if tilt:
            for tick in ax.get_xticklabels():
                tick.set_horizontalalignment("right")
                tick.set_rotation_mode("anchor")
    elif columns <= 20:
        ax.set_xticks(range(columns))
    if row_labels is not None:
        ax.set_yticks(range(rows), [str(label) for label in row_labels])
    elif rows <= 20:
        ax.set_yticks(range(rows))


def _text_size(ax: Axes, rows: int, columns: int, widest: int) -> float:
    """Text size in points that lets ``widest`` characters fit a cell, 10 at most."""
    fig = ax.figure
    box = ax.get_position()
    width, height = fig.get_figwidth() * box.width, fig.get_figheight() * box.height  # type: ignore[union-attr]
    cell_width, cell_height = 72 * width / columns, 72 * height / rows
    if ax.get_aspect() != "auto":
        cell_width = cell_height = min(cell_width, cell_height)
    return float(min(10, cell_width / (0.62 * max(3, widest)), cell_height / 2.6))


def _write(value: float, fmt: str) -> str:
    if not np.isfinite(value):
        return "–"
    text = format(round(value) if fmt.endswith("d") else value, fmt)
    return text.replace("-", "−") if value < 0 else text


def _center(size: float, color: str) -> dict[str, Any]:
    return {"ha": "center", "va": "center", "fontsize": size, "color": color, "linespacing": 1.15}
