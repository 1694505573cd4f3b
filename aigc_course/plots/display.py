"""Show a finished figure with its alternative text, and make the PNG light."""

from __future__ import annotations

import base64
import io
from typing import Any, cast

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

__all__ = ["check_alt", "emit", "figure_and_axes", "finish", "png", "show"]

PALETTE_ERROR = 24  # largest difference of any channel, of 255, that a palette may make


def check_alt(alt: str) -> str:
    """``alt`` without outer blanks; refuses text that describes nothing."""
    if not isinstance(alt, str) or len(alt.strip()) < 4:
        raise ValueError(
            f"alt: got {alt!r}, wanted a sentence that tells what is to be seen, "
            "for readers who cannot see the picture"
        )
    return " ".join(alt.split())


def png(fig: Figure, dpi: float | None = None) -> bytes:
    """``fig`` as PNG bytes: no alpha channel, no metadata, 256 colours where that is lighter.

    A chart's many shades come from smoothed edges; a palette of 256 cuts its size to a third and
    the eye finds no difference. Pictures that need more (colour photographs) keep theirs.
    """
    raw = io.BytesIO()
    fig.savefig(raw, format="png", dpi=dpi or fig.dpi, bbox_inches="tight", pad_inches=0.08)
    image: Image.Image = Image.open(raw).convert("RGB")
    few = image.quantize(  # this method keeps rare colours, such as that of a single mark
        256, method=Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE
    )
    error = np.abs(np.asarray(image, dtype=np.int16) - np.asarray(few.convert("RGB")))
    if error.max() <= PALETTE_ERROR:
        image = few
    out = io.BytesIO()
    image.save(out, format="PNG", optimize=True)
    return out.getvalue()


def emit(
    data: bytes, alt: str, *, sharp: int = 1, slot: str | None = None, again: bool = False
) -> None:
    """Send PNG bytes with their alternative text to the notebook; elsewhere do nothing.

    Args:
        data: the picture.
        alt: what it shows.
        sharp: pixels of the picture to one of the page, for screens with fine pixels; the picture
            keeps its natural size.
        slot: a name under which the picture can be replaced, in the output where it stands.
        again: replace the picture in ``slot``.
    """
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        return
    if get_ipython() is None:
        return
    bundle = {"image/png": base64.b64encode(data).decode("ascii"), "text/plain": alt}
    about: dict[str, Any] = {"alt": alt}
    if sharp > 1:
        about["width"], about["height"] = (n // sharp for n in Image.open(io.BytesIO(data)).size)
    where = {} if slot is None else {"display_id": slot, "update": again}
    display(bundle, raw=True, metadata={"image/png": about}, **where)


def show(fig: Figure, alt: str) -> None:
    """Display ``fig`` below the cell as a PNG with alternative text, and close it.

    Outside a notebook the figure is only closed. The output has ``image/png``, ``text/plain``
    (the alternative text) and the same text as ``alt`` in the picture's metadata, which page
    converters use.

    Args:
        fig: the figure, as the helpers of this package or ``plt.subplots`` return it.
        alt: what is to be seen, one or two sentences in Chinese. Say what stays true if the last
            digits change.

    Raises:
        TypeError: ``fig`` is not a figure.
        ValueError: ``alt`` is empty.

    Example:
        >>> fig, ax = plt.subplots()
        >>> show(fig, alt="一张空坐标轴")
        >>> plt.fignum_exists(fig.number)
        False
    """
    if not isinstance(fig, Figure):
        raise TypeError(
            f"fig: got {type(fig).__name__}, wanted a matplotlib Figure; "
            "of several values returned by plt.subplots() it is the first"
        )
    alt = check_alt(alt)
    try:
        emit(png(fig), alt)
    finally:
        plt.close(fig)


def figure_and_axes(
    ax: Axes | None, figsize: tuple[float, float] | None = None
) -> tuple[Figure, Axes]:
    """A new figure with one axes, or the given axes and the figure it lives in."""
    if ax is None:
        fig, ax = plt.subplots(figsize=figsize)
        return fig, ax
    if not isinstance(ax, Axes):
        raise TypeError(
            f"ax: got {type(ax).__name__}, wanted one Axes; "
            "from an array of them pick one, e.g. axes[0, 1]"
        )
    return cast(Figure, ax.get_figure(root=True)), ax


def finish(ax: Axes, **labels: Any) -> None:
    """Set title and axis labels that are not None."""
    for name, text in labels.items():
        if text is not None:
            getattr(ax, f"set_{name}")(text)
