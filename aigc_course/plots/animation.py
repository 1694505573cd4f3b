"""Animations that are one ordinary picture: an animated PNG, whose still is what paper shows."""

from __future__ import annotations

import inspect
import io
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

from aigc_course.plots.display import check_alt, emit

__all__ = ["animate", "render_animation"]

HEAVY = 700_000  # bytes; a notebook holds several and stays under 3 MB


def animate(
    draw: Callable[[Any, int], object],
    frames: int | Iterable[int],
    *,
    alt: str,
    fps: float = 12,
    figsize: tuple[float, float] = (6.0, 4.0),
    still: int = -1,
    hold: float = 1.0,
    colors: int = 64,
    dpi: int = 80,
) -> None:
    """Draw frame after frame and show them as one looping picture below the cell.

    The output is an animated PNG: browsers play it wherever they show a picture, without script
    and without trust, and everything that cannot play it (print, PDF, previews) shows ``still``.

    Args:
        draw: ``draw(ax, i)`` draws frame ``i`` into a cleared axes. If its first parameter is
            called ``fig``, it gets the cleared figure instead and may make several axes. Set axis
            limits in it, or the picture jumps.
        frames: how many, or which numbers to pass as ``i``. At most 120; 30 to 60 is plenty.
        alt: what is to be seen from first to last frame, in Chinese.
        fps: frames a second.
        figsize: inches.
        still: position in ``frames`` of the picture shown where nothing moves; the last one.
        hold: seconds the last frame stays before the loop begins again.
        colors: size of the common palette, at most 256; fewer is lighter.
        dpi: pixels an inch.

    Raises:
        ValueError: no frames or too many, empty ``alt``, ``fps`` of 0 or less.

    Example:
        >>> def draw(ax, i):
        ...     ax.plot([0, 1], [0, i])
        ...     ax.set_ylim(0, 3)
        >>> animate(draw, 3, alt="一条直线越来越陡")
    """
    alt = check_alt(alt)
    data = render_animation(
        draw, frames, fps=fps, figsize=figsize, still=still, hold=hold, colors=colors, dpi=dpi
    )
    if len(data) > HEAVY:
        warnings.warn(
            f"animation of {len(data):,} bytes, wanted at most {HEAVY:,}: "
            "use fewer frames, fewer colors, a smaller figsize or dpi",
            stacklevel=2,
        )
    emit(data, alt)


def render_animation(
    draw: Callable[[Any, int], object],
    frames: int | Iterable[int],
    *,
    fps: float = 12,
    figsize: tuple[float, float] = (6.0, 4.0),
    still: int = -1,
    hold: float = 1.0,
    colors: int = 64,
    dpi: int = 80,
) -> bytes:
    """What :func:`animate` shows, as the bytes of an animated PNG. Same input, same bytes."""
    numbers = list(range(frames)) if isinstance(frames, int) else list(frames)
    if not 1 <= len(numbers) <= 120:
        raise ValueError(f"frames: got {len(numbers)}, wanted 1 to 120")
    if not fps > 0:
        raise ValueError(f"fps: got {fps}, wanted more than 0")
    if not 2 <= colors <= 256:
        raise ValueError(f"colors: got {colors}, wanted 2 to 256")
    if not -len(numbers) <= still < len(numbers):
        raise ValueError(f"still: got {still}, wanted a position among {len(numbers)} frames")
    pictures = _one_palette(_draw_all(draw, numbers, figsize, dpi), colors)
    pause = round(1000 / fps)
    durations = [pause] * (len(pictures) - 1) + [pause + round(1000 * hold)]
    out = io.BytesIO()
    pictures[still].save(
        out,
        format="PNG",
        save_all=True,
        default_image=True,  # the first picture is the still and not part of the loop
        append_images=pictures,
        duration=durations,
        loop=0,
        optimize=True,
    )
    return out.getvalue()


def _draw_all(
    draw: Callable[[Any, int], object],
    numbers: list[int],
    figsize: tuple[float, float],
    dpi: int,
) -> list[Image.Image]:
    parameters = list(inspect.signature(draw).parameters)
    whole = bool(parameters) and parameters[0] in ("fig", "figure")
    fig = plt.figure(figsize=figsize, dpi=dpi)
    try:
        ax = None if whole else fig.add_subplot()
        pictures = []
        for position, number in enumerate(numbers):
            if ax is None:
                fig.clear()
                draw(fig, number)
            else:
                ax.clear()
                draw(ax, number)
            if ax is not None and position == 0:
                fig.draw_without_rendering()
                fig.set_layout_engine("none")  # keep the first frame's layout: nothing jumps
            pictures.append(_pixels(fig))
        return pictures
    finally:
        plt.close(fig)


def _pixels(fig: Figure) -> Image.Image:
    raw = io.BytesIO()
    fig.savefig(raw, format="raw", dpi=fig.dpi)  # plain RGBA bytes, on every backend
    size = fig.canvas.get_width_height(physical=True)
    return Image.frombytes("RGBA", size, raw.getvalue()).convert("RGB")


def _one_palette(pictures: list[Image.Image], colors: int) -> list[Image.Image]:
    """Every picture over the same palette, chosen from a few frames spread over the whole."""
    step = max(1, len(pictures) // 5)
    sample = [*pictures[::step][:5], pictures[-1]]
    width, height = pictures[0].size
    sheet = Image.new("RGB", (width, height * len(sample)))
    for row, picture in enumerate(sample):
        sheet.paste(picture, (0, row * height))
    palette = sheet.quantize(colors, method=Image.Quantize.MAXCOVERAGE, kmeans=1)
    return [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
