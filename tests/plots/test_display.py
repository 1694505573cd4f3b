"""What reaches the notebook: pictures with alternative text, animations, sliders."""

import asyncio
import base64
import io
import itertools
import sys

import IPython
import IPython.display
import numpy as np
import pytest
from matplotlib import pyplot as plt
from PIL import Image, ImageChops

from aigc_course import plots
from aigc_course.plots import animation, widgets
from aigc_course.plots.animation import render_animation
from aigc_course.plots.display import png


class Shell:
    kernel = object()


@pytest.fixture
def shown(monkeypatch):
    """Every bundle sent to the notebook, as (data, metadata)."""
    plots.use_style()
    plt.close(plt.figure())  # pyplot looks for a shell once, when it makes its first figure
    sent, slots = [], {}

    def display(data, raw=False, metadata=None, display_id=None, update=False):
        assert raw, "bundles go out as they are"
        if update:
            assert display_id in slots, "only what was shown can be replaced"
            sent[slots[display_id]] = (data, metadata)
        else:
            slots[display_id] = len(sent)
            sent.append((data, metadata))

    monkeypatch.setattr(IPython, "get_ipython", Shell)
    monkeypatch.setattr(IPython.display, "display", display)
    yield sent
    assert not plt.get_fignums(), "a figure was left open"


def simple():
    fig, ax = plt.subplots()
    ax.plot([0, 1, 4], label="平方")
    return fig


def opened(bundle):
    return Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))


# --- show -------------------------------------------------------------------------------------


def test_show_sends_png_with_alternative_text(shown):
    plots.show(simple(), alt="  平方函数的\n三个点 ")
    ((bundle, metadata),) = shown
    assert set(bundle) == {"image/png", "text/plain"}
    assert bundle["text/plain"] == "平方函数的 三个点"
    assert metadata == {"image/png": {"alt": "平方函数的 三个点"}}
    picture = opened(bundle)
    assert picture.format == "PNG" and 600 < picture.width < 760
    assert picture.info.keys() <= {"dpi"}, "nothing volatile such as a version"


def test_same_figure_same_bytes(shown):
    plots.show(simple(), alt="平方函数")
    plots.show(simple(), alt="平方函数")
    assert shown[0] == shown[1]


@pytest.mark.parametrize("alt", ["", "   ", "图", None])
def test_alternative_text_is_required(shown, alt):
    fig = simple()
    with pytest.raises(ValueError, match="alt: got"):
        plots.show(fig, alt=alt)
    plt.close(fig)
    assert not shown


def test_show_wants_a_figure(shown):
    with pytest.raises(TypeError, match="fig: got tuple, wanted a matplotlib Figure"):
        plots.show((1, 2), alt="平方函数")


def test_show_outside_a_notebook_only_closes(monkeypatch):
    monkeypatch.setattr(IPython, "get_ipython", lambda: None)
    fig = simple()
    plots.show(fig, alt="平方函数")
    assert not plt.fignum_exists(fig.number)


def test_a_figure_that_cannot_be_drawn_is_closed_too(shown):
    fig = simple()
    fig.axes[0].set_title("$坏公式_{$")
    with pytest.raises(ValueError):
        plots.show(fig, alt="平方函数")


def test_palette_keeps_rare_colours_and_photographs(shown):
    fig = plots.contours(lambda w: (w**2).sum(axis=1), (-2, 2, -2, 2), minimum=(0, 0))
    picture = Image.open(io.BytesIO(png(fig)))
    plt.close(fig)
    assert picture.mode == "P", "many shades, few of them apart: a palette is enough"
    star = np.abs(np.asarray(picture.convert("RGB"), int) - (0xF0, 0xE4, 0x42)).max(axis=2)
    assert star.min() < 12
    colours = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    fig = plots.image_grid([colours])
    assert Image.open(io.BytesIO(png(fig))).mode == "RGB"
    plt.close(fig)


# --- animate ----------------------------------------------------------------------------------


def growing(ax, i):
    ax.plot([0, i], [0, i], color=plots.COLORS[0])
    ax.set_xlim(0, 10)
    ax.set_ylim(0, 10)
    ax.set_title(f"第 {i} 步")


def frames_of(data):
    picture = Image.open(io.BytesIO(data))
    frames = []
    for position in range(picture.n_frames):
        picture.seek(position)
        frames.append(picture.convert("RGB").copy())
    return picture, frames


def different(a, b):
    return ImageChops.difference(a, b).getbbox() is not None


def test_animation_is_one_light_picture_whose_still_is_the_last_frame(shown):
    plots.animate(growing, 10, alt="直线一步步变长", figsize=(4, 3))
    ((bundle, metadata),) = shown
    assert metadata == {"image/png": {"alt": "直线一步步变长"}}
    data = base64.b64decode(bundle["image/png"])
    assert len(data) < 60_000
    picture, frames = frames_of(data)
    assert picture.is_animated and picture.info["loop"] == 0 and picture.size == (320, 240)
    assert len(frames) == 11, "the still and ten frames"
    assert not different(frames[0], frames[-1])
    assert all(different(a, b) for a, b in itertools.pairwise(frames))


def test_animation_is_the_same_each_time_and_keeps_to_its_palette():
    plots.use_style()
    first = render_animation(growing, 4, colors=16)
    assert first == render_animation(growing, 4, colors=16)
    assert len(Image.open(io.BytesIO(first)).convert("RGB").getcolors(16)) <= 16


def test_animation_times():
    picture, _ = frames_of(render_animation(growing, 3, fps=10, hold=0.5))
    durations = []
    for position in range(1, picture.n_frames):
        picture.seek(position)
        durations.append(picture.info["duration"])
    assert durations == [100, 100, 600]


def test_still_may_be_chosen_and_numbers_given():
    _, frames = frames_of(render_animation(growing, [2, 5, 8], still=0))
    assert not different(frames[0], frames[1]) and different(frames[0], frames[-1])


def test_draw_may_ask_for_the_figure():
    def two(fig, i):
        left, right = fig.subplots(1, 2)
        growing(left, i)
        right.bar([0], [i])
        right.set_ylim(0, 10)

    _, frames = frames_of(render_animation(two, 3))
    assert len(frames) == 4 and not plt.get_fignums()


def test_layout_does_not_jump():
    def wide_labels(ax, i):
        growing(ax, i)
        ax.set_yticks([0, 10], ["0", "9" * (1 + 3 * i)])

    _, frames = frames_of(render_animation(wide_labels, [0, 3]))
    spine = [np.asarray(frame.convert("L"))[120].argmin() for frame in frames[1:]]
    assert spine[0] == spine[1]


@pytest.mark.parametrize(
    "wrong, match",
    [
        ({"frames": 0}, "frames: got 0"),
        ({"frames": 121}, "frames: got 121"),
        ({"fps": 0}, "fps: got 0"),
        ({"colors": 1}, "colors: got 1"),
        ({"still": 3}, "still: got 3"),
        ({"alt": ""}, "alt: got"),
    ],
)
def test_bad_animation(wrong, match):
    with pytest.raises(ValueError, match=match):
        plots.animate(growing, **{"frames": 3, "alt": "直线变长", **wrong})


def test_heavy_animation_warns(shown, monkeypatch):
    monkeypatch.setattr(animation, "HEAVY", 1_000)
    with pytest.warns(UserWarning, match=r"animation of .* bytes, wanted at most 1,000"):
        plots.animate(growing, 2, alt="直线变长")
    assert len(shown) == 1, "it is shown all the same"


# --- interact ---------------------------------------------------------------------------------


def slope(lr, kind="直"):
    fig, ax = plt.subplots(figsize=(3, 2))
    ax.plot([0, 1], [0, lr])
    ax.set_ylim(0, 2)
    ax.set_title(kind)
    return fig


def test_headless_stores_one_line_and_tries_the_start_values(shown, monkeypatch):
    monkeypatch.setenv("AIGC_HEADLESS", "1")
    seen = []

    def fn(**values):
        seen.append(values)
        return slope(**values)

    plots.interact(
        fn,
        alt="学习率怎样改变斜率",
        labels={"lr": "学习率"},
        lr=(0.0, 2.0, 0.1, 0.5),
        kind=["直", "弯"],
    )
    ((bundle, _),) = shown
    assert set(bundle) == {"text/plain"} and "\n" not in bundle["text/plain"]
    assert "学习率怎样改变斜率" in bundle["text/plain"] and "学习率、kind" in bundle["text/plain"]
    assert seen == [{"lr": 0.5, "kind": "直"}]


def test_without_ipywidgets_the_start_values_give_a_still_picture(shown, monkeypatch):
    monkeypatch.delenv("AIGC_HEADLESS", raising=False)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)  # as where it is not installed
    plots.interact(slope, alt="学习率怎样改变斜率", lr=(0.0, 2.0, 0.1, 0.5))
    ((bundle, metadata),) = shown
    assert opened(bundle).size[0] > 100
    assert bundle["text/plain"] == "学习率怎样改变斜率（没有装 ipywidgets，滑块换成静止的图）"
    assert metadata["image/png"]["alt"] == bundle["text/plain"]


@pytest.fixture
def live(shown, monkeypatch):
    """Sliders as with a person at the screen; gives the box that was displayed."""
    import ipywidgets

    monkeypatch.delenv("AIGC_HEADLESS", raising=False)
    made = []
    original = ipywidgets.VBox

    def remember(children):
        made.append(original(children))
        return made[-1]

    monkeypatch.setattr(ipywidgets, "VBox", remember)

    def start(fn=slope, **sliders):
        plots.interact(fn, alt="学习率怎样改变斜率", labels={"lr": "学习率"}, **sliders)
        return made[-1].children

    return start


def test_live_sliders(live, shown):
    lr, kind, note = live(lr=(0.0, 2.0, 0.05, 0.5), kind=["直", "弯"])
    (bundle, _), (first, about) = shown
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/plain"].startswith("〔交互图〕")
    assert (lr.description, lr.min, lr.max, lr.value) == ("学习率", 0.0, 2.0, 0.5)
    assert lr.readout_format == ".2f" and kind.options == ("直", "弯")
    assert first["text/plain"] == about["image/png"]["alt"] == "学习率怎样改变斜率"
    lr.value = 1.5  # no event loop runs here: redrawn at once
    assert len(shown) == 2, "in the place of the first"
    assert shown[1][0]["image/png"] != first["image/png"] and note.value == ""


def test_a_sliders_picture_has_its_natural_size_and_is_sharp(live, shown):
    live(lr=(0.0, 2.0, 0.05, 0.5))
    picture, about = shown[1][0], shown[1][1]["image/png"]
    width, height = opened(picture).size
    assert (about["width"], about["height"]) == (width // 2, height // 2)
    plain = Image.open(io.BytesIO(widgets._draw(slope, {"lr": 0.5})))
    assert abs(about["width"] - plain.width) <= 2, "as large as a figure that stands still"


def test_whole_numbers_give_a_whole_number_slider(live):
    import ipywidgets

    lr, _ = live(lr=(1, 9, 2))
    assert isinstance(lr, ipywidgets.IntSlider) and lr.value == 1


def test_quick_changes_are_drawn_once(live, monkeypatch):
    calls = []

    def fn(lr):
        calls.append(lr)
        return slope(lr)

    lr, _ = live(fn, lr=(0.0, 2.0, 0.1))
    monkeypatch.setattr(widgets, "PAUSE", 0.01)

    async def drag():
        for value in (0.5, 1.0, 1.5):
            lr.value = value
        assert len(calls) == 1, "nothing is drawn while the slider moves"
        for _ in range(200):
            await asyncio.sleep(0.01)
            if len(calls) > 1:
                break
        await asyncio.sleep(0.05)

    asyncio.run(drag())
    assert calls == [0.0, 1.5]


def test_an_error_in_the_drawing_is_shown_to_the_learner(live):
    def fn(lr):
        if lr > 1:
            raise ValueError("a < b")
        return slope(lr)

    lr, note = live(fn, lr=(0.0, 2.0, 0.1))
    lr.value = 1.5
    assert "ValueError: a &lt; b" in note.value
    lr.value = 0.5
    assert note.value == ""


def test_interact_says_what_is_wrong(shown):
    with pytest.raises(ValueError, match="sliders: got none"):
        plots.interact(slope, alt="学习率怎样改变斜率")
    for spec in [(0, 1), (1, 0, 0.1), (0, 1, 0), (0, 1, 0.1, 2), 3, []]:
        with pytest.raises(ValueError, match="lr: got"):
            plots.interact(slope, alt="学习率怎样改变斜率", lr=spec)
    with pytest.raises(ValueError, match="labels: got"):
        plots.interact(slope, alt="学习率怎样改变斜率", labels={"rate": "率"}, lr=[1])
    with pytest.raises(TypeError, match="wanted a figure"):
        plots.interact(lambda lr: None, alt="学习率怎样改变斜率", lr=[1])
