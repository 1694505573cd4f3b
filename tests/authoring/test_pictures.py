"""Two renderings of one figure are alike; a figure with another content is not."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from aigc_course.authoring.pictures import (
    SHARE,
    Picture,
    difference,
    is_blank,
    pictures,
    without_pictures,
)

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")
import matplotlib.pyplot as plt  # noqa: E402


def figure(draw, dpi=100):
    buffer = io.BytesIO()
    with plt.style.context("default"):  # another test of this process may have chosen a style
        fig, ax = plt.subplots(figsize=(6, 4))
        draw(ax)
        fig.savefig(buffer, format="png", dpi=dpi)
        plt.close(fig)
    return Picture("image/png", buffer.getvalue(), "图")


X = np.linspace(0, 6, 60)
BASE = figure(lambda ax: ax.plot(X, np.sin(X)))


def test_the_same_figure_is_the_same():
    again = figure(lambda ax: ax.plot(X, np.sin(X)))
    assert difference(BASE, again) == 0


def test_the_last_digits_do_not_matter():
    noise = np.random.default_rng(0).normal(scale=1e-4, size=X.size)
    assert difference(BASE, figure(lambda ax: ax.plot(X, np.sin(X) + noise))) <= SHARE


def test_a_little_pixel_noise_does_not_matter():
    pixels = BASE.frames()[0]
    noisy = pixels + np.random.default_rng(1).normal(scale=0.01, size=pixels.shape)
    buffer = io.BytesIO()
    Image.fromarray((noisy.clip(0, 1) * 255).round().astype(np.uint8)).save(buffer, "png")
    assert difference(BASE, Picture("image/png", buffer.getvalue())) <= SHARE


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: ax.plot(X, np.cos(X)),
        lambda ax: ax.plot(X, 0.9 * np.sin(X)) and ax.set_ylim(-1.1, 1.1),
        lambda ax: ax.plot(X, np.sin(X), lw=4),
        lambda ax: ax.plot(X, np.sin(X)) and ax.set_title("another title"),
        lambda ax: ax.plot(X, np.sin(X)) and ax.plot(X, X / 6),
        lambda ax: None,
    ],
    ids=["other curve", "other scale", "thicker", "title", "second curve", "no curve"],
)
def test_another_figure_is_noticed(draw):
    assert difference(BASE, figure(draw)) > SHARE


def test_another_size_is_noticed():
    assert difference(BASE, figure(lambda ax: ax.plot(X, np.sin(X)), dpi=80)) == 1


def gif(values):
    frames = [Image.fromarray(np.full((64, 64, 3), v, np.uint8)) for v in values]
    buffer = io.BytesIO()
    frames[0].save(buffer, "gif", save_all=True, append_images=frames[1:])
    return Picture("image/gif", buffer.getvalue())


def test_every_frame_of_an_animation_counts():
    assert difference(gif([0, 90, 200]), gif([0, 90, 200])) == 0
    assert difference(gif([0, 90, 200]), gif([0, 140, 200])) == 1
    assert difference(gif([0, 90, 200]), gif([0, 90])) == 1


def test_blank_figures_are_seen():
    assert is_blank(gif([255]))
    assert not is_blank(BASE)


def test_broken_bytes_are_named():
    with pytest.raises(ValueError, match="no picture"):
        Picture("image/png", b"hello").frames()


def test_pictures_are_found_in_bundles_and_in_html():
    code = base64.b64encode(BASE.data).decode()
    html = f'<img alt="动画" src="data:image/png;base64,{code}">'
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": "1"},
        {
            "output_type": "display_data",
            "data": {"image/png": code, "text/plain": "一条曲线"},
        },
        {
            "output_type": "display_data",
            "data": {"text/html": [html], "text/plain": "动画"},
        },
    ]
    found = pictures(outputs)
    assert [p.alt for p in found] == ["一条曲线", "动画"]
    assert found[0].data == found[1].data == BASE.data
    assert code not in without_pictures(html) and "动画" in without_pictures(html)
