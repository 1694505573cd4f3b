"""The live plot: what stands below the cell while a run is going on, and what stays."""

import json

import IPython
import IPython.display
import pytest
import torch
from matplotlib import pyplot as plt
from torch import nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

from aigc_course import plots
from aigc_course.training.live import LivePlot, curves_of
from aigc_course.training.loop import LOG, TrainConfig, Trainer


class Shell:
    kernel = object()


@pytest.fixture
def shown(monkeypatch):
    """The outputs of a cell, each a list of the pictures that have stood there."""
    plots.use_style()
    plt.close(plt.figure())  # pyplot looks for a shell once, when it makes its first figure
    outputs, slots = [], {}

    def display(data, raw=False, metadata=None, display_id=None, update=False):
        if update:
            outputs[slots[display_id]].append(data)
        else:
            slots[display_id] = len(outputs)
            outputs.append([data])

    monkeypatch.setattr(IPython, "get_ipython", Shell)
    monkeypatch.setattr(IPython.display, "display", display)
    monkeypatch.delenv("AIGC_HEADLESS", raising=False)
    yield outputs
    assert not plt.get_fignums(), "a figure was left open"


def quiet(iterable, desc="", total=None):
    return iter(iterable)


def trainer(folder, steps=6, loss=None):
    torch.manual_seed(0)
    x = torch.randn(8, 2)
    model = nn.Linear(2, 2)
    return Trainer(
        model,
        torch.optim.SGD(model.parameters(), lr=0.1),
        TensorDataset(x, (x[:, 0] > 0).long()),
        loss or (lambda model, batch: F.cross_entropy(model(batch[0]), batch[1])),
        TrainConfig(steps=steps, batch_size=4, log_every=1, evaluate_every=3),
        folder,
        evaluate=lambda model: {"loss": 0.5},
        device="cpu",
    )


def live(run, **more):
    more = {"every": 0, "title": "损失一路下降", "progress": quiet, **more}
    return LivePlot(run.folder / LOG, "两条曲线", **more)


def titles(plot, monkeypatch):
    """The titles drawn, in order."""
    drawn, figure = [], plot.figure

    def noted(finished=True):
        fig = figure(finished)
        drawn.append(fig and fig.axes[0].get_title(loc="left"))
        return fig

    monkeypatch.setattr(plot, "figure", noted)
    return drawn


def test_one_picture_is_redrawn_and_the_last_one_stays(tmp_path, shown, monkeypatch):
    run = trainer(tmp_path)
    plot = live(run)
    drawn = titles(plot, monkeypatch)
    assert run.run(plot).steps == 6
    assert len(shown) == 1 and len(shown[0]) == len(drawn)
    assert drawn == [*(f"训练中，第 {k} 步" for k in range(1, 6)), "损失一路下降"]
    assert shown[0][0]["image/png"] != shown[0][-1]["image/png"]
    assert shown[0][-1]["text/plain"] == "两条曲线"


def test_a_second_run_has_a_picture_of_its_own(tmp_path, shown):
    for name in ("a", "b"):
        run = trainer(tmp_path / name)
        plot = live(run)
        run.run(plot)
    run = trainer(tmp_path / "a", steps=6)
    run.run(live(run))  # finished before: the picture of its log, and no step
    assert [len(pictures) for pictures in shown] == [6, 6, 1]


def test_it_draws_as_seldom_as_it_is_told(tmp_path, shown):
    seconds = iter(range(0, 1000, 2))
    run = trainer(tmp_path)
    run.run(live(run, every=5, clock=lambda: next(seconds)))
    # asked at 2 and 4, drawn at 6 …
    assert 2 <= len(shown[0]) <= 4


def test_a_program_gets_one_picture_at_the_end(tmp_path, shown, monkeypatch):
    monkeypatch.setenv("AIGC_HEADLESS", "1")
    run = trainer(tmp_path)
    run.run(live(run))
    assert [len(pictures) for pictures in shown] == [1]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_what_ends_training_early_leaves_the_picture(tmp_path, shown, monkeypatch, error):
    calls = iter(range(99))

    def loss(model, batch):
        if next(calls) == 4:
            raise error
        return F.cross_entropy(model(batch[0]), batch[1])

    run = trainer(tmp_path, loss=loss)
    plot = live(run)
    drawn = titles(plot, monkeypatch)
    try:
        run.run(plot)
    except ZeroDivisionError:
        assert error is ZeroDivisionError
    assert len(shown) == 1 and drawn[-1] == "损失一路下降"


def test_nothing_is_drawn_of_an_empty_log_or_outside_a_notebook(tmp_path, shown, monkeypatch):
    plot = LivePlot(tmp_path / "none.jsonl", "两条曲线", every=0, progress=quiet)
    assert list(plot(range(3))) == [0, 1, 2] and shown == []
    monkeypatch.undo()
    (tmp_path / "log").write_text(json.dumps({"step": 1, "loss": 2.0}) + "\n", encoding="utf-8")
    assert list(LivePlot(tmp_path / "log", "两条曲线", every=0, progress=quiet)(range(2))) == [0, 1]


def test_only_named_measures_become_curves_in_the_order_of_the_names():
    log = [
        {"step": 1, "val_loss": 3.0},
        {"step": 2, "loss": 1.0, "lr": 0.1},
        {"step": 4, "loss": 2},
    ]
    found = curves_of(log, {"loss": "甲", "val_loss": "乙", "none": "丙"})
    assert found == {"甲": ([2, 4], [1.0, 2]), "乙": ([1], [3.0])} and list(found) == ["甲", "乙"]


@pytest.mark.parametrize("wrong", [{"alt": ""}, {"alt": "两条曲线", "every": -1}])
def test_wrong_arguments_are_refused(tmp_path, wrong):
    with pytest.raises(ValueError, match="every" if "every" in wrong else "alt"):
        LivePlot(tmp_path, **wrong)
