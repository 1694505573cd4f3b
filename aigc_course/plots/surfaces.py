"""Functions of two variables: loss landscapes and what a classifier decides where."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, ListedColormap
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from aigc_course.plots.charts import scatter
from aigc_course.plots.display import figure_and_axes, finish
from aigc_course.plots.style import COLORS, INK, LINESTYLES, MARKERS, SEQUENTIAL, tint

__all__ = ["contours", "decision_surface", "grid_points"]

Extent = tuple[float, float, float, float]


def grid_points(extent: Extent, resolution: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of a regular grid over ``extent`` = (left, right, bottom, top).

    Returns:
        xs (resolution,), ys (resolution,), points (resolution², 2), the last with x changing
        fastest, so that ``values.reshape(resolution, resolution)[i, j]`` belongs to (xs[j], ys[i]).

    Example:
        >>> grid_points((0, 1, 0, 2), resolution=2)[2].tolist()
        [[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [1.0, 2.0]]
    """
    left, right, bottom, top = extent
    if not (left < right and bottom < top):
        raise ValueError(f"extent: got {extent}, wanted (left, right, bottom, top) in that order")
    xs = np.linspace(left, right, resolution)
    ys = np.linspace(bottom, top, resolution)
    mesh = np.meshgrid(xs, ys)
    return xs, ys, np.stack([part.ravel() for part in mesh], axis=1)


def contours(
    fn: Callable[[np.ndarray], ArrayLike],
    extent: Extent,
    levels: int | Sequence[float] = 18,
    ax: Axes | None = None,
    *,
    minimum: tuple[float, float] | None = None,
    paths: Mapping[str, ArrayLike] | None = None,
    title: str | None = None,
    xlabel: str = "$w_1$",
    ylabel: str = "$w_2$",
    resolution: int = 200,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    """Level lines of a loss of two variables, darker where it is lower.

    Args:
        fn: loss at points (M, 2) → (M,).
        extent: (left, right, bottom, top).
        levels: how many lines, or their values in rising order. A number spreads them so that
            each band covers about the same area, which shows narrow ravines and flat floors alike.
        ax: draw here instead of into a new figure.
        minimum: a point to mark with a star.
        paths: name → (T, 2), the steps of an optimiser; the start is a ring, the end a full mark.
        title, xlabel, ylabel: texts.
        resolution: grid points along each axis.
        figsize: size in inches of a new figure.

    Example:
        >>> def bowl(w):
        ...     return (w**2).sum(axis=1)
        >>> fig = contours(bowl, (-1, 1, -1, 1), minimum=(0, 0))
        >>> fig.axes[0].get_xlabel()
        '$w_1$'
    """
    fig, ax = figure_and_axes(ax, figsize)
    xs, ys, points = grid_points(extent, resolution)
    values = _evaluate(fn, points, (len(points),)).reshape(resolution, resolution)
    cuts = _levels(values, levels)
    ax.contourf(xs, ys, values, cuts, cmap=_LOW_IS_DARK, extend="both")
    ax.contour(xs, ys, values, cuts, colors=[INK], linewidths=0.4, alpha=0.45)
    for k, (name, path) in enumerate((paths or {}).items()):
        steps = np.asarray(path, dtype=float)
        if steps.ndim != 2 or steps.shape[1] != 2 or not len(steps):
            raise ValueError(f"paths[{name!r}]: got shape {steps.shape}, wanted (T, 2), T ≥ 1")
        color = COLORS[(k + 1) % len(COLORS)]  # blue is the landscape
        style, marker = LINESTYLES[k % len(LINESTYLES)], MARKERS[k % len(MARKERS)]
        ax.plot(*steps.T, color="white", linewidth=3.2, alpha=0.8)  # a halo on dark bands
        ax.plot(*steps.T, color=color, linestyle=style, label=name)
        ax.plot(*steps[0], "o", markerfacecolor="white", markeredgecolor=color, markersize=7)
        ax.plot(*steps[-1], marker, color=color, markeredgecolor="white", markersize=9)
    if minimum is not None:
        ax.plot(*minimum, "*", color="#F0E442", markeredgecolor=INK, markersize=15, zorder=5)
    if paths:
        ax.legend()
    ax.grid(False)
    ax.set_xlim(extent[0], extent[1])
    ax.set_ylim(extent[2], extent[3])
    finish(ax, xlabel=xlabel, ylabel=ylabel, title=title)
    return fig


_LOW_IS_DARK = LinearSegmentedColormap.from_list(
    "aigc_landscape", [SEQUENTIAL(share) for share in (0.62, 0.4, 0.22, 0.08, 0.0)]
)


def _levels(values: np.ndarray, levels: int | Sequence[float]) -> np.ndarray:
    finite = values[np.isfinite(values)]
    if not finite.size:
        raise ValueError("fn: got no finite value anywhere in extent")
    if not isinstance(levels, int | np.integer):
        cuts = np.asarray(levels, dtype=float)
        if cuts.ndim != 1 or len(cuts) < 2 or (np.diff(cuts) <= 0).any():
            raise ValueError("levels: wanted at least two rising values, or a number of lines")
        return cuts
    cuts = np.unique(np.quantile(finite, np.linspace(0.004, 0.995, max(2, int(levels)))))
    if len(cuts) < 2:
        cuts = np.array([finite.min(), finite.min() + 1.0])
    return cuts


def decision_surface(
    fn: Callable[[np.ndarray], ArrayLike],
    x: ArrayLike | None,
    y: ArrayLike | None,
    extent: Extent | None = None,
    title: str | None = None,
    ax: Axes | None = None,
    *,
    names: Sequence[str] | None = None,
    threshold: float | None = None,
    xlabel: str = "$x_1$",
    ylabel: str = "$x_2$",
    resolution: int = 200,
    legend: bool = True,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    """What a classifier says at every point of the plane, with the data on top.

    Args:
        fn: points (M, 2) → scores or probabilities (M,) of class 1, or (M, K), one column a class.
        x: data points (N, 2), or None for the surface alone.
        y: classes (N,), integers, or None.
        extent: (left, right, bottom, top); from the data with a margin when not given.
        title, xlabel, ylabel: texts.
        ax: draw here instead of into a new figure.
        names: names of the classes, for the legend.
        threshold: where class 1 begins, for (M,); 0.5 if all values are in [0, 1], else 0.
        resolution: grid points along each axis.
        legend: name the classes.
        figsize: size in inches of a new figure.

    Example:
        >>> def right_half(points):
        ...     return 1 / (1 + np.exp(-4 * points[:, 0]))
        >>> fig = decision_surface(right_half, [[-1, 0], [1, 0]], [0, 1])
        >>> len(fig.axes)
        1
    """
    points = None if x is None else np.asarray(x, dtype=float)
    if points is not None and (points.ndim != 2 or points.shape[1] != 2):
        raise ValueError(f"x: got shape {points.shape}, wanted (N, 2)")
    if extent is None:
        if points is None or not len(points):
            raise ValueError("extent: wanted (left, right, bottom, top), as there are no points x")
        extent = _extent(points)
    fig, ax = figure_and_axes(ax, figsize or (5.2, 4.2))
    xs, ys, mesh = grid_points(extent, resolution)
    scores = np.asarray(fn(mesh), dtype=float)
    if scores.ndim == 2 and scores.shape[1] == 1:
        scores = scores[:, 0]
    if scores.shape[:1] != (len(mesh),) or scores.ndim > 2:
        raise ValueError(
            f"fn: got shape {scores.shape} for {len(mesh)} points, wanted ({len(mesh)},) or "
            f"({len(mesh)}, K)"
        )
    if scores.ndim == 1:
        _two_sides(ax, xs, ys, scores.reshape(resolution, resolution), threshold)
    else:
        _regions(ax, xs, ys, scores.reshape(resolution, resolution, -1))
    if points is not None:
        scatter(points, y, names, ax=ax, size=float(np.clip(6000 / len(points), 9, 38)))
        known = ax.get_legend()
        if known is not None and not legend:
            known.remove()
    ax.grid(False)
    ax.set_xlim(extent[0], extent[1])
    ax.set_ylim(extent[2], extent[3])
    finish(ax, xlabel=xlabel, ylabel=ylabel, title=title)
    return fig


_SIDES = LinearSegmentedColormap.from_list(
    "aigc_sides",
    [
        tint(COLORS[0], 0.55),
        tint(COLORS[0], 0.2),
        (0.98, 0.98, 0.98),
        tint(COLORS[1], 0.2),
        tint(COLORS[1], 0.55),
    ],
)


def _two_sides(
    ax: Axes, xs: np.ndarray, ys: np.ndarray, scores: np.ndarray, threshold: float | None
) -> None:
    finite = scores[np.isfinite(scores)]
    if threshold is None:
        inside = finite.size and finite.min() >= 0 and finite.max() <= 1
        threshold = 0.5 if inside else 0.0
    reach = float(np.abs(finite - threshold).max()) if finite.size else 1.0
    levels = np.linspace(threshold - (reach or 1.0), threshold + (reach or 1.0), 21)
    ax.contourf(xs, ys, scores, levels, cmap=_SIDES)
    if finite.size and finite.min() < threshold < finite.max():
        ax.contour(xs, ys, scores, [threshold], colors=[INK], linewidths=1.4)


def _regions(ax: Axes, xs: np.ndarray, ys: np.ndarray, scores: np.ndarray) -> None:
    k = scores.shape[2]
    winner = scores.argmax(axis=2)
    fills = ListedColormap([tint(COLORS[c % len(COLORS)], 0.28) for c in range(k)])
    ax.imshow(
        winner,
        cmap=fills,
        vmin=-0.5,
        vmax=k - 0.5,
        origin="lower",
        extent=(xs[0], xs[-1], ys[0], ys[-1]),
        aspect="auto",
        interpolation="nearest",
    )
    for c in range(k):  # where class c is exactly as likely as the best of the others
        others = np.delete(scores, c, axis=2).max(axis=2)
        lead = scores[:, :, c] - others
        if lead.min() < 0 < lead.max():
            ax.contour(xs, ys, lead, [0.0], colors=[INK], linewidths=0.9)


def _extent(points: np.ndarray) -> Extent:
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.12 * np.where(high > low, high - low, 1.0)
    (left, bottom), (right, top) = low - margin, high + margin
    return float(left), float(right), float(bottom), float(top)


def _evaluate(
    fn: Callable[[np.ndarray], Any], points: np.ndarray, want: tuple[int, ...]
) -> np.ndarray:
    values = np.asarray(fn(points), dtype=float)
    if values.shape == (*want, 1):
        values = values[:, 0]
    if values.shape != want:
        raise ValueError(
            f"fn: got shape {values.shape} for points {points.shape}, wanted {want}, "
            "one value a point; w[:, 0] and w[:, 1] are the two variables"
        )
    return values
