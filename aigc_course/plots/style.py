"""One look for every figure: palette, markers, line styles, and a font that can write Chinese."""

from __future__ import annotations

from typing import Any, cast

import matplotlib as mpl
from cycler import cycler
from matplotlib import font_manager
from matplotlib.colors import LinearSegmentedColormap

from aigc_course.data.manifest import require
from aigc_course.data.paths import package_root

__all__ = [
    "COLORS",
    "DIVERGING",
    "FONT",
    "GREY",
    "INK",
    "LINESTYLES",
    "MARKERS",
    "SEQUENTIAL",
    "STYLE",
    "tint",
    "use_style",
]

FONT = "Noto Sans SC AIGC"
FONT_FILE = package_root() / "plots" / "fonts" / "NotoSansSC-Regular-subset.ttf"

# Okabe & Ito, Color Universal Design (2008), ordered so that the first six stay apart for people
# with protanopia, deuteranopia and tritanopia; yellow comes last, being faint on white.
COLORS = [
    "#0072B2",  # blue
    "#D55E00",  # vermillion
    "#009E73",  # bluish green
    "#E69F00",  # orange
    "#CC79A7",  # reddish purple
    "#56B4E9",  # sky blue
    "#000000",  # black
    "#F0E442",  # yellow
]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*"]
LINESTYLES: list[Any] = [
    "-",
    (0, (5, 1.6)),
    (0, (1.2, 1.4)),
    (0, (5, 1.4, 1.2, 1.4)),
    (0, (8, 2)),
    (0, (3, 1.2, 1.2, 1.2, 1.2, 1.2)),
    (0, (2.5, 1.2)),
    (0, (1, 3)),
]
INK = "#262626"
GREY = "#8C8C8C"

SEQUENTIAL = LinearSegmentedColormap.from_list(
    "aigc_sequential", ["#F7FBFF", "#C9E1F2", "#7DB9DE", "#2C86BF", "#0A5A94", "#06335C"]
)
DIVERGING = LinearSegmentedColormap.from_list(
    "aigc_diverging", ["#00487A", "#3B8FC4", "#A9D0E8", "#F7F7F7", "#F6C19A", "#DE7C2F", "#8F3E00"]
)

STYLE: dict[str, Any] = {
    # DejaVu Sans (inside matplotlib) has what the Chinese font lacks: ✗ ⁻ ⁵ ₜ ŷ and the like.
    "font.family": [FONT, "DejaVu Sans"],
    "font.size": 10.5,
    "text.hinting": "none",  # the hinter bends strokes of Chinese characters together
    # Formulas: upright parts in the text's own font, so that Chinese works inside them too.
    "mathtext.fontset": "custom",
    "mathtext.rm": FONT,
    "mathtext.sf": FONT,
    "mathtext.it": "DejaVu Sans:italic",
    "mathtext.bf": "DejaVu Sans:bold",
    "mathtext.bfit": "DejaVu Sans:italic:bold",
    "mathtext.tt": "DejaVu Sans Mono",
    "mathtext.cal": "cmsy10",
    "mathtext.fallback": "stixsans",
    "axes.unicode_minus": True,
    "axes.prop_cycle": cycler(color=COLORS),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#595959",
    "axes.linewidth": 0.8,
    "axes.labelcolor": INK,
    "axes.labelsize": 10.5,
    "axes.titlesize": 12,
    "axes.titlepad": 9,
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.xmargin": 0.03,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": "#595959",
    "ytick.color": "#595959",
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "legend.frameon": True,
    "legend.framealpha": 0.85,
    "legend.edgecolor": "none",
    "legend.fontsize": 9.5,
    "legend.handlelength": 2.6,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "image.cmap": "aigc_sequential",
    "figure.figsize": (7.0, 4.0),
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "figure.titlesize": 12.5,
    "figure.constrained_layout.use": True,
    "savefig.dpi": 100,
    "savefig.facecolor": "white",
}


def use_style() -> None:
    """Make every figure from here on look like the course's, with a font that has Chinese.

    May be called any number of times.

    Raises:
        DataError: the font file is missing or damaged.

    Example:
        >>> use_style()
        >>> mpl.rcParams["font.family"]
        ['Noto Sans SC AIGC', 'DejaVu Sans']
    """
    _register()
    mpl.rcParams.update(cast(Any, STYLE))


def _register() -> None:
    if all(font.name != FONT for font in font_manager.fontManager.ttflist):
        try:
            font_manager.fontManager.addfont(str(FONT_FILE))
        except (OSError, RuntimeError):
            require("font")  # says what is wrong with the file and how to restore it
            raise
    for cmap in (SEQUENTIAL, DIVERGING):
        if cmap.name not in mpl.colormaps:
            mpl.colormaps.register(cmap)


def tint(color: str, share: float) -> tuple[float, float, float]:
    """``color`` mixed with white; ``share`` of 1 is the colour itself, 0 is white.

    Example:
        >>> tint("#000000", 0.25)
        (0.75, 0.75, 0.75)
    """
    red, green, blue = mpl.colors.to_rgb(color)
    return (1 - share * (1 - red), 1 - share * (1 - green), 1 - share * (1 - blue))
