"""Curves, bars and points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import ArrayLike

from aigc_course.plots.display import figure_and_axes, finish
from aigc_course.plots.style import COLORS, GREY, INK, LINESTYLES, MARKERS

__all__ = ["bars", "learning_curves", "scatter"]

_HIGHER_IS_BETTER = ("率", "F1", "f1", "acc", "得分", "精度", "BLEU")


def learning_curves(
    curves: Mapping[str, Any],
    xlabel: str = "轮",
    ylabel: str = "损失",
    title: str | None = None,
    mark_best: str | int | None = None,
    ax: Axes | None = None,
    *,
    yscale: str = "linear",
    start: float = 1,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    """Curves over epochs or steps, told apart by colour, line style and marker.

    Args:
        curves: name → values (T,), drawn over ``start``, ``start`` + 1, …; or name → a tuple
            (xs, ys) of two sequences. NaN and infinity leave a gap.
        xlabel, ylabel, title: texts.
        mark_best: name of the curve whose best point is marked, or the x value to mark (epochs
            are counted from 1 here: ``history.best_epoch + 1``).
            Best is the lowest value, unless ``ylabel`` names a quantity that is better high
            (…率, F1, accuracy, 得分, 精度, BLEU).
        ax: draw here instead of into a new figure.
        yscale: ``"linear"`` or ``"log"``.
        start: x of the first value: 1 for epochs, 0 where the first value is before training.
        figsize: size in inches of a new figure.

    Example:
        >>> fig = learning_curves({"训练": [2.0, 1.0], "验证": [2.1, 1.4]}, mark_best="验证")
        >>> [line.get_label() for line in fig.axes[0].lines[:2]]
        ['训练', '验证']
    """
    if not curves:
        raise ValueError("curves: got none, wanted at least one name → values")
    fig, ax = figure_and_axes(ax, figsize)
    drawn: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for k, (name, values) in enumerate(curves.items()):
        xs, ys = _points(name, values, start)
        drawn[name] = xs, ys
        every = max(1, -(-len(xs) // 12))
        offset = (k * every) // max(2, len(curves))  # so that markers of curves do not coincide
        ax.plot(
            xs,
            ys,
            label=name,
            color=COLORS[k % len(COLORS)],
            linestyle=LINESTYLES[k % len(LINESTYLES)],
            marker=MARKERS[k % len(MARKERS)],
            markevery=(min(offset, max(0, len(xs) - 1)), every),
            markersize=4.5,
        )
    ax.set_yscale(yscale)
    if all(np.allclose(xs, np.round(xs)) for xs, _ in drawn.values()):
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins="auto"))
    if mark_best is not None:
        _mark_best(ax, drawn, mark_best, ylabel)
    if len(curves) > 1:
        ax.legend()
    finish(ax, xlabel=xlabel, ylabel=ylabel, title=title)
    return fig


def _points(name: str, values: Any, start: float) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(values, tuple) and len(values) == 2 and np.ndim(values[0]) == 1:
        xs, ys = (np.asarray(part, dtype=float) for part in values)
    else:
        ys = np.asarray(values, dtype=float)
        xs = np.arange(ys.size) + start
    if ys.ndim != 1 or xs.shape != ys.shape or not ys.size:
        raise ValueError(
            f"curves[{name!r}]: got shapes {xs.shape} and {ys.shape}, "
            "wanted values of shape (T,), T ≥ 1, or a tuple (xs, ys) of equal length"
        )
    return xs, np.where(np.isfinite(ys), ys, np.nan)


def _mark_best(
    ax: Axes, drawn: dict[str, tuple[np.ndarray, np.ndarray]], which: str | int, ylabel: str
) -> None:
    if isinstance(which, str):
        if which not in drawn:
            raise ValueError(f"mark_best: got {which!r}, wanted one of {list(drawn)} or an x value")
        xs, ys = drawn[which]
        high = any(word in ylabel for word in _HIGHER_IS_BETTER)
        at = int(np.nanargmax(ys) if high else np.nanargmin(ys))
        x, y = float(xs[at]), float(ys[at])
        everything = np.concatenate([part for _, part in drawn.values()])
        top = bool(y < (np.nanmin(everything) + np.nanmax(everything)) / 2)
        color = COLORS[list(drawn).index(which) % len(COLORS)]
        ax.plot(x, y, "o", markersize=11, markerfacecolor="none", markeredgecolor=color)
    else:
        x, top = float(which), True
    ax.axvline(x, color=GREY, linewidth=1, linestyle=(0, (2, 2)), zorder=1)
    left, right = ax.get_xlim()
    late = x > (left + right) / 2
    ax.annotate(
        f"最好：{x:g}",
        (x, 0.985 if top else 0.015),
        xycoords=("data", "axes fraction"),
        xytext=(-4 if late else 4, 0),
        textcoords="offset points",
        ha="right" if late else "left",
        va="top" if top else "bottom",
        fontsize=9,
        color="#595959",
    )


def bars(
    labels: Sequence[str],
    values: ArrayLike | Mapping[str, ArrayLike],
    *,
    title: str | None = None,
    xlabel: str | None = None,
    ylabel: str | None = None,
    fmt: str | None = "{:.3g}",
    errors: ArrayLike | Mapping[str, ArrayLike] | None = None,
    horizontal: bool = False,
    highlight: int | str | None = None,
    ax: Axes | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    """Bars with their values written on them, one series or several side by side.

    Args:
        labels: names of the K groups.
        values: (K,), or name of series → (K,).
        title, xlabel, ylabel: texts.
        fmt: format of the value written at each bar, ``"{:.1%}"`` for shares; None writes none.
        errors: half-lengths of error bars, shaped as ``values``.
        horizontal: bars from left to right, first label on top; better for long labels.
        highlight: index or label of the one bar in the accent colour (one series only).
        ax: draw here instead of into a new figure.
        figsize: size in inches of a new figure.

    Example:
        >>> fig = bars(["SGD", "Adam"], [0.84, 0.88], fmt="{:.0%}")
        >>> [text.get_text() for text in fig.axes[0].texts]
        ['84%', '88%']
    """
    labels = [str(label) for label in labels]
    series = dict(values) if isinstance(values, Mapping) else {"": values}
    spread = dict(errors) if isinstance(errors, Mapping) else {} if errors is None else {"": errors}
    if highlight is not None and len(series) > 1:
        raise ValueError("highlight: wanted one series of values, got several")
    if isinstance(highlight, str):
        if highlight not in labels:
            raise ValueError(f"highlight: got {highlight!r}, wanted one of {labels}")
        highlight = labels.index(highlight)
    if figsize is None:
        many = len(labels) * max(1.0, 0.7 * len(series))
        figsize = (7.0, 1.1 + 0.36 * many)
        if not horizontal:
            figsize = (float(np.clip(1.6 + 0.85 * many, 4.4, 8.0)), 3.6)
    fig, ax = figure_and_axes(ax, figsize)
    base = np.arange(len(labels))
    thick = 0.8 / len(series) if len(series) > 1 else 0.66
    for k, (name, raw) in enumerate(series.items()):
        heights = np.asarray(raw, dtype=float)
        if heights.shape != (len(labels),):
            raise ValueError(
                f"values: got shape {heights.shape}{f' in {name!r}' if name else ''}, "
                f"wanted ({len(labels)},), one for each label"
            )
        color: Any = COLORS[k % len(COLORS)]
        if highlight is not None:
            color = [COLORS[1] if i == highlight else "#A9C6DA" for i in range(len(labels))]
        places = base + (k - (len(series) - 1) / 2) * thick
        error = None if name not in spread else np.asarray(spread[name], dtype=float)
        width = thick * (0.94 if len(series) > 1 else 1)
        draw: dict[str, Any] = {"color": color, "label": name or None}
        whisker: dict[str, Any] = {"ecolor": INK, "capsize": 3, "error_kw": {"elinewidth": 1}}
        if horizontal:
            container = ax.barh(places, heights, width, xerr=error, **draw, **whisker)
        else:
            container = ax.bar(places, heights, width, yerr=error, **draw, **whisker)
        if fmt:
            texts = ["" if np.isnan(height) else fmt.format(height) for height in heights]
            ax.bar_label(container, texts, padding=2.5, fontsize=9)
    low = min(np.nanmin(np.asarray(raw, dtype=float)) for raw in series.values())
    if fmt and "%" in fmt:
        (ax.xaxis if horizontal else ax.yaxis).set_major_formatter(PercentFormatter(1.0))
    _bar_axes(ax, base, labels, horizontal, room=bool(fmt), negative=bool(low < 0))
    if len(series) > 1:
        ax.legend()
    finish(ax, xlabel=xlabel, ylabel=ylabel, title=title)
    return fig


def _bar_axes(
    ax: Axes, base: np.ndarray, labels: list[str], horizontal: bool, room: bool, negative: bool
) -> None:
    if horizontal:
        ax.set_yticks(base, labels)
        ax.invert_yaxis()
        ax.grid(False, axis="y")
        ax.tick_params(axis="y", length=0)
        if room:
            ax.margins(x=0.11)
        if negative:
            ax.axvline(0, color=GREY, linewidth=0.8)
    else:
        long = max(map(len, labels), default=0) * len(labels) > 60
        ax.set_xticks(base, labels, rotation=30 if long else 0, ha="right" if long else "center")
        ax.grid(False, axis="x")
        ax.tick_params(axis="x", length=0)
        if room:
            ax.margins(y=0.11)
        if negative:
            ax.axhline(0, color=GREY, linewidth=0.8)


def scatter(
    points: ArrayLike,
    labels: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    *,
    title: str | None = None,
    xlabel: str | None = None,
    ylabel: str | None = None,
    size: float | None = None,
    equal: bool = False,
    ax: Axes | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    """Points in the plane, classes told apart by colour and marker.

    Args:
        points: (N, 2).
        labels: class of each point, integers (N,); one class when not given.
        names: name of each class, for the legend.
        title, xlabel, ylabel: texts.
        size: marker area in points²; chosen from N when not given.
        equal: one unit has the same length on both axes.
        ax: draw here instead of into a new figure.
        figsize: size in inches of a new figure.

    Example:
        >>> fig = scatter([[0, 0], [1, 1]], [0, 1], names=["负", "正"])
        >>> [text.get_text() for text in fig.axes[0].get_legend().get_texts()]
        ['负', '正']
    """
    xy = np.asarray(points, dtype=float)
    if xy.ndim != 2 or xy.shape[1] != 2:
        raise ValueError(f"points: got shape {xy.shape}, wanted (N, 2)")
    classes = np.zeros(len(xy), dtype=int) if labels is None else np.asarray(labels)
    if classes.shape != (len(xy),):
        raise ValueError(f"labels: got shape {classes.shape}, wanted ({len(xy)},)")
    fig, ax = figure_and_axes(ax, figsize)
    area = size or float(np.clip(6000 / max(1, len(xy)), 6, 42))
    for k, label in enumerate(np.unique(classes)):
        part = xy[classes == label]
        known = names is not None and 0 <= int(label) < len(names)
        ax.scatter(
            part[:, 0],
            part[:, 1],
            s=area,
            color=COLORS[k % len(COLORS)],
            marker=MARKERS[k % len(MARKERS)],
            edgecolors="white",
            linewidths=0.5,
            label=str(names[int(label)]) if names is not None and known else f"类 {label}",
            zorder=3,
        )
    if labels is not None:
        ax.legend(markerscale=max(1.0, (30 / area) ** 0.5))
    if equal:
        ax.set_aspect("equal", adjustable="datalim")
    finish(ax, xlabel=xlabel, ylabel=ylabel, title=title)
    return fig
