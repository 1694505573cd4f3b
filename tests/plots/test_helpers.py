"""Each helper: what is drawn, where, and what is said about bad input."""

import itertools

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from aigc_course import plots
from aigc_course.plots import matrices, surfaces
from aigc_course.plots.display import png


@pytest.fixture(autouse=True)
def style():
    plots.use_style()
    yield
    plt.close("all")


def texts(fig):
    return [text.get_text() for text in fig.axes[0].texts]


X = np.random.default_rng(0).standard_normal((20, 2))
INTO = {
    "learning_curves": lambda ax: plots.learning_curves({"训练": [2, 1]}, ax=ax),
    "bars": lambda ax: plots.bars(["甲"], [1], ax=ax),
    "scatter": lambda ax: plots.scatter(X, ax=ax),
    "heatmap": lambda ax: plots.heatmap(np.eye(2), ax=ax),
    "confusion": lambda ax: plots.confusion(np.eye(2), ["甲", "乙"], ax=ax),
    "contours": lambda ax: plots.contours(lambda w: w[:, 0], (0, 1, 0, 1), ax=ax),
    "decision_surface": lambda ax: plots.decision_surface(lambda p: p[:, 0], X, X[:, 0] > 0, ax=ax),
    "graph": lambda ax: plots.graph([plots.Node(1, "x")], [], ax=ax),
}


@pytest.mark.parametrize("call", INTO.values(), ids=INTO)
def test_draws_into_a_given_axes_and_returns_its_figure(call):
    fig, axes = plt.subplots(1, 2)
    assert call(axes[1]) is fig
    assert axes[1].has_data() or axes[1].patches or axes[1].texts
    assert not axes[0].has_data() and len(plt.get_fignums()) == 1
    with pytest.raises(TypeError, match="ax: got ndarray"):
        call(axes)


@pytest.mark.parametrize("call", INTO.values(), ids=INTO)
def test_makes_a_figure_of_its_own(call):
    fig = call(None)
    assert isinstance(fig, Figure) and png(fig).startswith(b"\x89PNG")


# --- curves, bars, points ---------------------------------------------------------------------


def test_curves_differ_in_more_than_colour():
    fig = plots.learning_curves({name: [1, 2, 3] for name in "甲乙丙丁"})
    lines = fig.axes[0].lines
    for what in ("get_color", "get_marker", "get_linestyle"):
        kinds = {str(getattr(line, what)()) for line in lines}
        assert len(kinds) >= (2 if what == "get_linestyle" else 4)
    patterns = {str(line._unscaled_dash_pattern) for line in lines}
    assert len(patterns) == 4


def test_curves_start_at_one_or_have_their_own_x():
    fig = plots.learning_curves({"甲": [5, 4], "乙": ([0.0, 2.5, 9.0], [1, 2, 3])})
    assert fig.axes[0].lines[0].get_xdata().tolist() == [1, 2]
    assert fig.axes[0].lines[1].get_xdata().tolist() == [0.0, 2.5, 9.0]
    zero = plots.learning_curves({"甲": [5, 4]}, start=0)
    assert zero.axes[0].lines[0].get_xdata().tolist() == [0, 1]


@pytest.mark.parametrize(
    "ylabel, best", [("损失", 2), ("准确率", 3), ("F1", 3), ("验证 loss", 2), ("困惑度", 2)]
)
def test_best_is_low_for_losses_and_high_for_rates(ylabel, best):
    fig = plots.learning_curves({"验证": [2.0, 1.0, 3.0]}, ylabel=ylabel, mark_best="验证")
    assert f"最好：{best}" in texts(fig)


def test_best_may_be_a_number_and_must_exist():
    assert "最好：2" in texts(plots.learning_curves({"验证": [2, 1, 3]}, mark_best=2))
    with pytest.raises(ValueError, match="mark_best: got '测试'"):
        plots.learning_curves({"验证": [2, 1]}, mark_best="测试")


def test_diverged_values_leave_a_gap():
    fig = plots.learning_curves({"发散": [1.0, np.inf, np.nan, 2.0]}, mark_best="发散")
    assert np.isnan(fig.axes[0].lines[0].get_ydata()[1:3]).all()
    png(fig)


@pytest.mark.parametrize("values", [[], [[1, 2]], ([1, 2], [1])])
def test_bad_curves(values):
    with pytest.raises(ValueError, match="curves"):
        plots.learning_curves({"甲": values})
    with pytest.raises(ValueError, match="curves: got none"):
        plots.learning_curves({})


def test_bars_carry_their_values():
    fig = plots.bars(["甲", "乙"], [0.5, 0.25], fmt="{:.0%}", title="题", highlight="乙")
    assert texts(fig) == ["50%", "25%"]
    colors = [mpl.colors.to_hex(patch.get_facecolor()) for patch in fig.axes[0].patches]
    assert colors[1] == plots.COLORS[1].lower() and colors[0] != colors[1]
    assert not [t for t in texts(plots.bars(["甲"], [1], fmt=None)) if t]


def test_grouped_and_horizontal_bars():
    fig = plots.bars(["甲", "乙"], {"精确率": [1, 2], "召回率": [3, 4]}, horizontal=True)
    ax = fig.axes[0]
    assert [patch.get_width() for patch in ax.patches] == [1, 2, 3, 4]
    assert ax.yaxis_inverted(), "the first label is on top"
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["精确率", "召回率"]
    boxes = sorted((p.get_y(), p.get_y() + p.get_height()) for p in ax.patches)
    assert all(a[1] <= b[0] + 1e-9 for a, b in itertools.pairwise(boxes))


def test_bad_bars():
    with pytest.raises(ValueError, match=r"values: got shape \(3,\), wanted \(2,\)"):
        plots.bars(["甲", "乙"], [1, 2, 3])
    with pytest.raises(ValueError, match="highlight: got '丙'"):
        plots.bars(["甲", "乙"], [1, 2], highlight="丙")
    with pytest.raises(ValueError, match="highlight: wanted one series"):
        plots.bars(["甲"], {"a": [1], "b": [2]}, highlight=0)


def test_scatter_classes_differ_in_marker_too():
    fig = plots.scatter(X, np.arange(20) % 3, ["甲", "乙", "丙"])
    shapes = {str(c.get_paths()[0].vertices.tolist()) for c in fig.axes[0].collections}
    assert len(shapes) == 3
    with pytest.raises(ValueError, match="points: got shape"):
        plots.scatter(np.zeros((3, 3)))
    with pytest.raises(ValueError, match="labels: got shape"):
        plots.scatter(X, [0, 1])


# --- matrices ---------------------------------------------------------------------------------


def contrast(a, b):
    light, dark = sorted((matrices._luminance(a), matrices._luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("center", [None, 0])
def test_heat_map_text_is_readable_on_every_colour(center):
    matrix = np.linspace(-1, 1, 60).reshape(6, 10)
    fig = plots.heatmap(matrix, center=center)
    image = fig.axes[0].images[0]
    assert len(fig.axes[0].texts) == 60
    colors = {text.get_color() for text in fig.axes[0].texts}
    assert len(colors) == 2, "the text colour flips"
    for text, value in zip(fig.axes[0].texts, matrix.flat, strict=True):
        assert contrast(text.get_color(), image.cmap(image.norm(value))) > 3.8


def test_heat_map_values_and_minus():
    assert texts(plots.heatmap([[1, -2], [np.nan, 40]], fmt="d")) == ["1", "−2", "–", "40"]
    assert texts(plots.heatmap([[0.5]], fmt=".1%")) == ["50.0%"]
    assert texts(plots.heatmap(np.eye(3), values=False)) == []


def test_center_is_in_the_middle_of_the_colours():
    fig = plots.heatmap([[-1.0, 0.0, 9.0]], center=0)
    norm = fig.axes[0].images[0].norm
    assert norm(0.0) == 0.5 and norm(9.0) == 1.0 and norm.vmin == -9.0


def test_large_matrix_has_a_colour_bar_in_place_of_values():
    fig = plots.heatmap(np.random.default_rng(0).random((60, 60)))
    assert not texts(fig) and len(fig.axes) == 2
    assert len(plots.heatmap(np.eye(3)).axes) == 1
    assert len(plots.heatmap(np.eye(3), colorbar=True).axes) == 2


def test_range_may_be_given_from_zero():
    norm = plots.heatmap([[2.0, 3.0]], vmin=0, vmax=10).axes[0].images[0].norm
    assert (norm.vmin, norm.vmax) == (0, 10)


@pytest.mark.parametrize("matrix", [np.zeros((2, 2)), np.full((2, 2), np.nan), [[7.0]]])
def test_flat_matrices_draw(matrix):
    png(plots.heatmap(matrix))
    png(plots.heatmap(matrix, center=0))


def test_bad_heat_maps():
    with pytest.raises(ValueError, match=r"matrix: got shape \(3,\)"):
        plots.heatmap([1, 2, 3])
    with pytest.raises(ValueError, match="row_labels: got 1, wanted 2"):
        plots.heatmap(np.eye(2), row_labels=["甲"])


def test_confusion_has_counts_and_row_shares():
    counts = np.array([[998, 1, 1], [0, 5, 5], [0, 0, 0]])
    fig = plots.confusion(counts, ["甲", "乙", "丙"], title="题")
    assert texts(fig) == ["998\n>99%", "1\n<1%", "1\n<1%", "5\n50%", "5\n50%"]
    assert fig.axes[0].get_ylabel() == "真实的类别" and fig.axes[0].get_xlabel() == "预测的类别"
    assert np.allclose(fig.axes[0].images[0].get_array()[1], [0, 0.5, 0.5])
    assert texts(plots.confusion(counts, "甲乙丙", normalize=True))[3] == "50%"


@pytest.mark.parametrize("matrix", [np.eye(3), -np.eye(2), np.full((2, 2), np.nan)])
def test_bad_confusion(matrix):
    with pytest.raises(ValueError, match="matrix"):
        plots.confusion(matrix, ["甲", "乙"])


# --- images -----------------------------------------------------------------------------------


def test_grid_places_pictures_in_rows():
    fig = plots.image_grid(np.zeros((10, 8, 8), np.uint8), ncols=4)
    boxes = [image.get_extent() for image in fig.axes[0].images]
    assert len(boxes) == 10
    lefts = [round(box[0], 6) for box in boxes]
    bottoms = [round(box[2], 6) for box in boxes]
    assert lefts[:4] == sorted(lefts[:4]) and lefts[4] == lefts[0]
    assert bottoms[0] > bottoms[4] > bottoms[8] and len(set(bottoms)) == 3


def test_bytes_are_shown_over_their_full_range_and_floats_over_a_common_one():
    images = plots.image_grid(np.full((2, 4, 4), 7, np.uint8)).axes[0].images
    assert {image.get_clim() for image in images} == {(0.0, 255.0)}
    floats = [np.full((4, 4), -1.0), np.full((4, 4), 3.0)]
    images = plots.image_grid(floats).axes[0].images
    assert {image.get_clim() for image in images} == {(-1.0, 3.0)}
    images = plots.image_grid(floats, vmin=-3, vmax=3).axes[0].images
    assert images[0].get_clim() == (-3, 3)


def test_colour_and_oblong_pictures_keep_their_shape():
    fig = plots.image_grid([np.zeros((4, 8, 3), np.uint8), np.zeros((8, 4))])
    for image, ratio in zip(fig.axes[0].images, (2.0, 0.5), strict=True):
        left, right, bottom, top = image.get_extent()
        assert np.isclose((right - left) / (top - bottom), ratio)


def test_highlight_frames_and_colours_the_title():
    fig = plots.image_grid(np.zeros((2, 4, 4)), ["对", "错"], highlight=[False, True])
    assert len(fig.axes[0].patches) == 1
    assert [t.get_color() for t in fig.axes[0].texts][1] == plots.COLORS[1]


def test_titles_do_not_cover_pictures():
    fig = plots.image_grid(np.zeros((12, 8, 8)), ["两行\n题目"] * 12, ncols=6)
    fig.draw_without_rendering()
    ax = fig.axes[0]
    frames = [image.get_window_extent() for image in ax.images]
    for text in ax.texts:
        box = text.get_window_extent()
        assert not any(box.shrunk(0.9, 0.8).overlaps(frame) for frame in frames)


@pytest.mark.parametrize(
    "images, options, match",
    [
        (np.zeros((3, 784)), {}, "reshape"),
        ([], {}, "got none"),
        (np.zeros((3, 4, 4)), {"titles": ["一"]}, "titles: got 1, wanted 3"),
        (np.zeros((3, 4, 4)), {"highlight": [True]}, "highlight: got 1"),
        (np.zeros((3, 4, 4)), {"ncols": 0}, "ncols: got 0"),
    ],
)
def test_bad_grids(images, options, match):
    with pytest.raises(ValueError, match=match):
        plots.image_grid(images, **options)


# --- surfaces ---------------------------------------------------------------------------------


def test_grid_points_order():
    xs, ys, points = surfaces.grid_points((0, 2, 10, 30), 3)
    values = (points[:, 0] + points[:, 1]).reshape(3, 3)
    assert values[2, 1] == xs[1] + ys[2]


def test_level_bands_cover_about_equal_areas():
    def ravine(w):
        return (1 - w[:, 0]) ** 2 + 100 * (w[:, 1] - w[:, 0] ** 2) ** 2

    _, _, points = surfaces.grid_points((-2, 2, -1, 3), 80)
    values = ravine(points)
    cuts = surfaces._levels(values, 10)
    share = np.diff([np.mean(values < cut) for cut in cuts])
    assert share.max() < 1.3 * share.min()


def test_contours_draw_paths_and_minimum():
    def bowl(w):
        return (w**2).sum(axis=1)

    paths = {"SGD": [[1, 1], [0.5, 0.5]], "Adam": [[1, 1], [0, 0]]}
    fig = plots.contours(bowl, (-2, 2, -2, 2), [0.5, 1, 2], minimum=(0, 0), paths=paths)
    ax = fig.axes[0]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["SGD", "Adam"]
    assert ax.get_xlim() == (-2, 2) and ax.get_ylim() == (-2, 2)
    png(plots.contours(lambda w: np.ones(len(w)), (0, 1, 0, 1)))
    png(plots.contours(lambda w: np.where(w[:, 0] > 0.5, np.inf, w[:, 1]), (0, 1, 0, 1)))


@pytest.mark.parametrize(
    "fn, options, match",
    [
        (lambda w: w, {}, r"fn: got shape \(40000, 2\)"),
        (lambda w: w[:, 0] * np.nan, {}, "no finite value"),
        (lambda w: w[:, 0], {"levels": [2, 1]}, "rising"),
        (lambda w: w[:, 0], {"extent": (1, 0, 0, 1)}, "extent: got"),
        (lambda w: w[:, 0], {"paths": {"SGD": [1, 2]}}, r"paths\['SGD'\]"),
    ],
)
def test_bad_contours(fn, options, match):
    with pytest.raises(ValueError, match=match):
        plots.contours(fn, **{"extent": (0, 1, 0, 1), **options})


def boundary_x(fig):
    """x of the drawn boundary line: the last contour set."""
    segments = [p.vertices for p in fig.axes[0].collections[1].get_paths()]
    return np.concatenate(segments)[:, 0]


def test_boundary_is_at_one_half_for_probabilities_and_zero_for_scores():
    data = [[-1, -1], [1, 1]], [0, 1]
    probability = plots.decision_surface(lambda p: np.clip(p[:, 0], 0, 1), *data)
    assert np.allclose(boundary_x(probability), 0.5, atol=0.02)
    score = plots.decision_surface(lambda p: p[:, 0] * 3, *data)
    assert np.allclose(boundary_x(score), 0.0, atol=0.02)
    chosen = plots.decision_surface(lambda p: p[:, 0] * 3, *data, threshold=1.5)
    assert np.allclose(boundary_x(chosen), 0.5, atol=0.02)


def test_regions_show_the_winning_class():
    def nearest(p):
        return -np.abs(p[:, :1] - [[-1, 0, 1]])

    fig = plots.decision_surface(nearest, None, None, extent=(-2, 2, -1, 1), resolution=41)
    winner = fig.axes[0].images[0].get_array()
    assert winner[0, 0] == 0 and winner[0, 20] == 1 and winner[0, -1] == 2


def test_surface_needs_points_or_extent_and_right_shapes():
    with pytest.raises(ValueError, match="extent: wanted"):
        plots.decision_surface(lambda p: p[:, 0], None, None)
    with pytest.raises(ValueError, match="fn: got shape"):
        plots.decision_surface(lambda p: p[:5, 0], X, np.zeros(20))
    with pytest.raises(ValueError, match="x: got shape"):
        plots.decision_surface(lambda p: p[:, 0], np.zeros((3, 3)), None)
