"""Palette, font, and that no helper ever draws a missing glyph."""

import itertools
import logging
import subprocess
import sys
import warnings

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import font_manager
from matplotlib import pyplot as plt

from aigc_course import plots
from aigc_course.data import DataError
from aigc_course.plots import style
from aigc_course.plots.display import png

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
HARD = "损失 −1.5 αβ∇≤ ✓✗ x⁻⁵ₜ ŷ"
HARD_MATH = rf"{HARD} $\hat y=\sigma(W_1x)$ $L_{{\text{{训练}}}}\in\mathbb{{R}}$"


def lab(color, sight):
    rgb = np.array(mpl.colors.to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(SIGHT[sight] @ linear, 0, 1) / np.array([0.95047, 1, 1.08883])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def closest(palette, sight):
    """Smallest CIE 1976 difference between two colours of a palette, as seen."""
    seen = [lab(color, sight) for color in palette]
    return min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2))


@pytest.mark.parametrize("sight", SIGHT)
def test_first_six_colours_stay_apart(sight):
    assert closest(plots.COLORS[:6], sight) > 15


def test_a_usual_palette_would_fail():
    usual = [f"C{k}" for k in range(6)]
    with mpl.rc_context(mpl.rcParamsDefault):
        assert min(closest(usual, sight) for sight in SIGHT) < 10


def test_palette_markers_and_lines_are_distinct():
    for values in (plots.COLORS, plots.MARKERS, plots.LINESTYLES):
        assert len(values) >= 8 and len(set(map(str, values))) == len(values)


@pytest.mark.parametrize("cmap", [style.SEQUENTIAL, style.DIVERGING])
def test_colour_maps_are_ordered_by_lightness(cmap):
    light = np.array([lab(cmap(x), "normal")[0] for x in np.linspace(0, 1, 33)])
    if cmap is style.DIVERGING:
        assert (np.diff(light[:17]) > 0).all() and (np.diff(light[16:]) < 0).all()
    else:
        assert (np.diff(light) < 0).all()


def test_use_style_may_be_called_twice_and_finds_our_file():
    plots.use_style()
    plots.use_style()
    assert font_manager.findfont(style.FONT, fallback_to_default=False) == str(style.FONT_FILE)
    assert sum(font.name == style.FONT for font in font_manager.fontManager.ttflist) == 1


def test_font_has_what_the_card_promises():
    from fontTools.ttLib import TTFont

    has = set(TTFont(style.FONT_FILE).getBestCmap())
    gb2312 = {
        bytes((high, low)).decode("gb2312", errors="ignore")
        for high in range(0xB0, 0xF8)
        for low in range(0xA1, 0xFF)
    } - {""}
    assert len(gb2312) == 6_763
    wanted = gb2312 | set("αβγδεζηθλμπρστφχψωΓΔΘΛΣΦΨΩ∂∇∑∏√∫∞≈≠≤≥∈⊙±×÷−–—…·“”‘’→←⇒✓✗⁰⁹₀₉⁻ᵀŷ")
    missing = {c for c in wanted if ord(c) not in has}
    assert not missing


def test_operators_are_not_as_wide_as_chinese():
    from fontTools.ttLib import TTFont

    font = TTFont(style.FONT_FILE)
    width = {c: font["hmtx"][font.getBestCmap()[ord(c)]][0] for c in "∂≤∈×损"}
    assert width["损"] == 1000 and max(width[c] for c in "∂≤∈×") < 950


def test_damaged_font_is_explained(monkeypatch, tmp_path):
    bad = tmp_path / "bad.ttf"
    bad.write_bytes(b"not a font")
    monkeypatch.setattr(style, "FONT", "no such family")
    monkeypatch.setattr(style, "FONT_FILE", bad)

    def require(name):
        raise DataError(name)

    monkeypatch.setattr(style, "require", require)
    with pytest.raises(DataError, match="font"):
        plots.use_style()


def every_helper(text, math):
    labels = [text, math, "T恤"]
    x = np.random.default_rng(0).standard_normal((30, 2))
    common = {"title": math, "xlabel": text, "ylabel": math}
    yield plots.learning_curves({text: [3, 2, 1], math: [-3, -2, -1]}, mark_best=text, **common)
    yield plots.bars(labels, [-1, 2, 3], **common)
    yield plots.bars(labels, {text: [1, 2, 3], math: [2, 3, -4]}, horizontal=True, **common)
    yield plots.scatter(x, np.arange(30) % 3, labels, **common)
    yield plots.heatmap(-np.eye(3), labels, labels, **common)
    yield plots.confusion(np.eye(3) * 5, labels, title=math)
    yield plots.image_grid(np.zeros((3, 4, 4), np.uint8), labels, suptitle=math)
    yield plots.contours(lambda w: (w**2).sum(1), (-1, 1, -1, 1), paths={text: x[:3]}, **common)
    yield plots.decision_surface(lambda p: p[:, 0], x, np.arange(30) % 2, names=labels, **common)
    nodes = [
        plots.GraphNode(1, text, "leaf", text, text),
        plots.GraphNode(2, math, "output", math, math),
    ]
    yield plots.graph(nodes, [(1, 2)], title=math, legend=True)


def test_no_glyph_is_missing_anywhere(caplog):
    plots.use_style()
    caplog.set_level(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for fig in every_helper(HARD, HARD_MATH):
            assert len(png(fig)) > 1000
            plt.close(fig)
    assert not caplog.records, [record.getMessage() for record in caplog.records]


def test_the_glyph_test_can_fail():
    plots.use_style()
    with mpl.rc_context({"font.family": ["DejaVu Sans"]}):
        fig = plots.bars(["损失"], [1])
        with pytest.warns(UserWarning, match="Glyph"):
            png(fig)
        plt.close(fig)


def test_import_is_light_and_leaves_no_figure():
    code = "import sys, aigc_course.plots as p; p.use_style(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False" and done.stderr == ""
