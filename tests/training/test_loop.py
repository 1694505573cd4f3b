"""The loop does the arithmetic that PyTorch does by hand, and ends as it was asked to."""

import math
import os
import random
import shutil
import signal
import subprocess
import sys
from collections import namedtuple
from dataclasses import replace

import numpy as np
import pytest
import torch
from filelock import FileLock
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import clip_grad_norm_
from torch.utils.data import TensorDataset

from aigc_course import runtime
from aigc_course.errors import UserError
from aigc_course.training import loop
from aigc_course.training.batches import Batches
from aigc_course.training.loop import TrainConfig, device_and_dtype, read_log
from aigc_course.training.schedule import warmup_cosine
from tests.training.small_run import CONFIG, build, quiet, rows, trainer, weights


@pytest.fixture(autouse=True)
def _quick_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: None)


def plain(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def equal(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


def small():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 3))


# --- the arithmetic ----------------------------------------------------------------------------


@pytest.mark.parametrize("accumulate", [1, 2, 7])
def test_the_same_weights_as_by_hand(tmp_path, accumulate):
    """Cut into parts or not: sums in another order, so the last digits may differ."""
    config = replace(CONFIG, accumulate=accumulate)
    ours = trainer(tmp_path, config, loss=plain, model=small(), evaluate=None)
    ours.run(quiet)
    model, data = small(), rows()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
    batches = Batches(len(data), config.batch_size, config.seed)
    for step in range(config.steps):
        optimizer.zero_grad()
        plain(model, data[next(batches)]).backward()
        clip_grad_norm_(model.parameters(), config.clip)
        optimizer.param_groups[0]["lr"] = 0.05 * warmup_cosine(step, 24, 3, 0.1)
        optimizer.step()
    for name, value in model.state_dict().items():
        torch.testing.assert_close(ours.model.state_dict()[name], value)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_trains_float32_weights(tmp_path, precision):
    seen = []

    def loss(model, batch):
        output = model(batch[0])
        seen.append(output.dtype)
        return F.cross_entropy(output, batch[1])

    config = replace(CONFIG, precision=precision)
    one = trainer(tmp_path / "run", config, loss=loss, model=small())
    result = one.run(quiet)
    assert set(seen) == {getattr(torch, precision)}
    assert {p.dtype for p in one.model.parameters()} == {torch.float32}
    exact = trainer(tmp_path / "exact", loss=plain, model=small()).run(quiet)
    ours, theirs = (next(r["loss"] for r in one.log if "loss" in r) for one in (result, exact))
    assert ours == pytest.approx(theirs, rel=0.02) and ours != theirs
    assert not torch.equal(one.model[0].weight, small()[0].weight)
    assert one.scaler.is_enabled() == (precision == "float16")


def _supports(has):
    """As PyTorch: a card without bfloat16 can still emulate it, many times slower."""
    return lambda including_emulation=True: has or including_emulation


def test_device_and_dtype(monkeypatch):
    monkeypatch.setenv("AIGC_DEVICE", "cpu")
    assert device_and_dtype() == (torch.device("cpu"), torch.float32)
    for has, dtype in ((True, torch.bfloat16), (False, torch.float16)):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", _supports(has))
        assert device_and_dtype("cuda") == (torch.device("cuda"), dtype)
    assert device_and_dtype("cuda", "float32")[1] == torch.float32
    with pytest.raises(ValueError, match="precision: got 'int8'"):
        device_and_dtype("cpu", "int8")


def test_batches_of_any_make_are_moved():
    Pair = namedtuple("Pair", "x y")
    batch = {"a": [torch.ones(1), "text"], "b": Pair(torch.ones(2), (torch.ones(3), 4))}
    moved = loop._moved(batch, torch.device("meta"))
    assert moved["a"][0].is_meta and moved["a"][1] == "text"
    assert moved["b"].x.is_meta and moved["b"].y[0].is_meta and moved["b"].y[1] == 4


# --- how it ends -------------------------------------------------------------------------------


def test_a_finished_run_is_not_run_again(tmp_path):
    first = trainer(tmp_path)
    told = first.run(quiet)
    again = trainer(tmp_path, loss=lambda model, batch: pytest.fail("trained again"))
    assert again.run(quiet) == told and told.ended == "finished"
    equal(weights(first), weights(again))


def test_best_weights_are_those_of_the_best_step(tmp_path):
    values, kept = iter([3.0, 1.0, 2.0, math.nan, 1.0, 4.0]), {}

    def evaluate(model):
        assert not model.training and not torch.is_grad_enabled()
        kept[len(kept)] = {k: v.clone() for k, v in model.state_dict().items()}
        return {"loss": next(values)}

    one = trainer(tmp_path, evaluate=evaluate)
    result = one.run(quiet)
    assert one.model.training and (result.best, result.best_step) == (1.0, 8)
    equal(load_file(result.best_weights), kept[1])


@pytest.mark.parametrize(("better", "last", "best"), [("smaller", 16, 8), ("larger", 12, 4)])
def test_it_stops_when_nothing_gets_better(tmp_path, better, last, best):
    values = iter([3.0, 1.0, 2.0, 1.5, 0.5, 0.4])
    config = replace(CONFIG, patience=2, watch="score", better=better)
    result = trainer(tmp_path, config, evaluate=lambda _: {"score": next(values)}).run(quiet)
    assert (result.ended, result.steps, result.best_step) == ("stopped early", last, best)
    again = trainer(tmp_path, config, evaluate=lambda _: pytest.fail("went on")).run(quiet)
    assert again == result


def press(at):
    """A loss during which Ctrl-C is pressed, at each of the calls numbered ``at``."""
    calls = [0]

    def loss(model, batch):
        calls[0] += 1
        for _ in range(at.count(calls[0])):
            signal.raise_signal(signal.SIGINT)
        return plain(model, batch)

    return loss


def test_ctrl_c_ends_the_step_and_says_so(tmp_path, capsys):
    whole = trainer(tmp_path / "whole", loss=press([]))
    whole.run(quiet)
    before = signal.getsignal(signal.SIGINT)
    stopped = trainer(tmp_path / "run", loss=press([9]))  # two calls a step
    result = stopped.run(quiet)
    assert signal.getsignal(signal.SIGINT) == before
    assert (result.ended, result.steps) == ("interrupted", 5)
    said = capsys.readouterr().out
    assert "完成了 5 步，模型保留" in said and "从第 5 步接着训练" in said
    equal(weights(stopped), load_file(tmp_path / "run" / "last-00000005.safetensors"))
    rest = trainer(tmp_path / "run", loss=press([]))
    assert rest.run(quiet).ended == "finished"
    equal(weights(rest), weights(whole))


def test_a_second_ctrl_c_does_not_wait(tmp_path, capsys):
    whole = trainer(tmp_path / "whole", loss=press([]))
    whole.run(quiet)
    one = trainer(tmp_path / "run", loss=press([9, 9]))
    assert one.run(quiet).steps == 4
    assert "从第 3 步接着训练" in capsys.readouterr().out, "half a step is not stored"
    assert one.run(quiet).ended == "finished", "the same trainer goes on too"
    # its generators, too, are put back
    equal(weights(one), weights(whole))


def test_a_loss_that_is_no_number_ends_it_and_spoils_nothing(tmp_path):
    def loss(model, batch):
        return plain(model, batch) * (math.nan if one.done == 4 else 1)

    one = trainer(tmp_path, loss=loss)
    with pytest.raises(UserError, match="损失成了 nan → 学习率除以 10.*第 3 步的检查点没有动"):
        one.run(quiet)
    stored = load_file(tmp_path / "last-00000003.safetensors")
    assert all(value.isfinite().all() for value in stored.values())


def test_a_gradient_that_is_no_number_ends_it_and_spoils_nothing(tmp_path):
    """The loss is fine in this step, and the weights are ruined after it."""

    def loss(model, batch):
        value = plain(model, batch)
        return value + (0 * model[0].weight).sum().sqrt() if one.done == 5 else value

    one = trainer(tmp_path, loss=loss, model=small(), evaluate=None)
    with pytest.raises(UserError, match="到第 6 步，梯度成了 nan .*第 3 步的检查点没有动"):
        one.run(quiet)
    stored = load_file(tmp_path / "last-00000003.safetensors")
    assert all(value.isfinite().all() for value in stored.values())


def test_ruined_weights_do_not_become_the_best(tmp_path):
    def loss(model, batch):
        return plain(model, batch) * (math.nan if one.done == 1 else 1)

    config = replace(CONFIG, log_every=9, save_every=9)
    one = trainer(tmp_path, config, loss=loss, evaluate=lambda model: {"loss": 0.5})
    with pytest.raises(UserError, match="到第 4 步，损失成了 nan"):
        one.run(quiet)
    assert not (tmp_path / "best.safetensors").exists()


def test_what_evaluation_draws_changes_nothing_in_the_training(tmp_path):
    def evaluate(model):
        return {"loss": random.random() + np.random.random() + torch.rand(()).item()}

    with_it = trainer(tmp_path / "with", evaluate=evaluate)
    with_it.run(quiet)
    without = trainer(tmp_path / "without", evaluate=None)  # seeds all sources anew
    without.run(quiet)
    equal(weights(with_it), weights(without))


def test_stopped_twice_before_anything_was_stored(tmp_path, monkeypatch, capsys):
    def stopped(*arguments):
        raise KeyboardInterrupt

    one = trainer(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(loop.checkpoint, "save", stopped)
        assert one.run(quiet).ended == "interrupted"
    assert "一步也没有做" in capsys.readouterr().out
    assert one.run(quiet).ended == "finished"


def test_a_folder_that_went_away_is_told(tmp_path):
    one = trainer(tmp_path / "run")
    one.run(quiet)
    shutil.rmtree(tmp_path / "run")
    with pytest.raises(UserError, match="run 里的检查点不见了，.*训练了 24 步 → 把文件夹放回来"):
        one.run(quiet)
    assert trainer(tmp_path / "run").run(quiet).ended == "finished"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_it_goes_on_bit_for_bit_with_channels_last(tmp_path, precision):
    """The optimiser's averages come back in another order of memory: it must not matter."""

    def made(folder, loss=plain):
        torch.manual_seed(0)
        layers = [nn.Conv2d(2, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 5, 3), nn.Flatten()]
        model = nn.Sequential(*layers, nn.Linear(20, 3)).to(memory_format=torch.channels_last)
        data = TensorDataset(torch.randn(24, 2, 6, 6), torch.arange(24) % 3)
        config = replace(CONFIG, precision=precision)
        return trainer(folder, config, loss=loss, evaluate=None, model=model, data=data)

    whole = made(tmp_path / "whole")
    whole.run(quiet)
    assert made(tmp_path / "run", press([15])).run(quiet).ended == "interrupted"
    rest = made(tmp_path / "run")
    rest.run(quiet)
    equal(weights(rest), weights(whole))


# --- what does not fit -------------------------------------------------------------------------


def test_a_folder_of_another_run_is_refused_and_kept(tmp_path):
    trainer(tmp_path).run(quiet)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    for wrong, words in (
        ({"config": replace(CONFIG, batch_size=4)}, "train.batch_size 原来是 5，这一次是 4"),
        ({"data": rows(25)}, "rows 原来是 24，这一次是 25"),
        ({"model": nn.Linear(3, 3)}, "model 原来是 'Sequential'，这一次是 'Linear'"),
        ({"model": build()[:1]}, r"last.json 里有 1\.num_batches_tracked，这个模型没有"),
    ):
        with pytest.raises(UserError, match=words):
            trainer(tmp_path, **{"config": CONFIG, **wrong}).run(quiet)
    one = trainer(tmp_path)
    one.optimizer.param_groups[0]["initial_lr"] = 0.5
    one.settings = one._settings()
    with pytest.raises(UserError, match="optimizer.groups 原来是"):
        one.run(quiet)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_two_at_once_and_a_folder_that_is_a_file(tmp_path):
    with (
        FileLock(tmp_path / ".lock"),
        pytest.raises(UserError, match="里的训练正在进行 → 等它结束"),
    ):
        trainer(tmp_path).run(quiet)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file"):
        trainer(tmp_path / "file").run(quiet)


def test_a_file_of_the_data_that_is_missing_says_its_own_name(tmp_path):
    def loss(model, batch):
        return open(tmp_path / "picture.png")

    with pytest.raises(UserError, match=r"picture\.png"):
        trainer(tmp_path / "run", loss=loss).run(quiet)


def test_what_is_clipped_is_the_gradient_of_this_step_alone(tmp_path):
    """Also where the optimiser has only some of the model's parameters."""
    one = trainer(tmp_path, loss=plain, model=small(), evaluate=None)
    one.optimizer = torch.optim.SGD(one.model[2].parameters(), lr=0.1)
    one.optimizer.param_groups[0]["initial_lr"] = 0.0  # the weights stay as they are
    norms = set()
    one.batches = Batches(24, 24, shuffle=False)
    for _ in range(3):
        one.step()
        norms.add(round(one.norm.item(), 5))
    assert len(norms) == 1


def test_a_run_goes_on_with_as_many_threads_as_before(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(runtime, "limit_threads", asked.append)
    trainer(tmp_path).run(quiet)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 99)
    trainer(tmp_path).run(quiet)
    assert len(asked) == 1 and asked[0] != 99


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": 0}, "steps: got 0"),
        ({"patience": 0}, "patience: got 0"),
        ({"clip": 0.0}, "clip: got 0.0"),
        ({"better": "lower"}, "better: got 'lower'"),
        ({"warmup": 24}, "warmup, steps: got 24, 24"),
    ],
)
def test_a_config_that_cannot_be_is_named(change, words):
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **change)


def test_mistakes_of_the_caller_are_named(tmp_path):
    with pytest.raises(ValueError, match="patience: needs evaluate"):
        trainer(tmp_path, replace(CONFIG, patience=1), evaluate=None)
    with pytest.raises(ValueError, match="optimizer: holds parameters that are not this model"):
        one = trainer(tmp_path)
        loop.Trainer(small(), one.optimizer, rows(), plain, CONFIG, tmp_path)
    with pytest.raises(ValueError, match="rows: got 0"):
        trainer(tmp_path, data=rows(0))
    with pytest.raises(ValueError, match="watch: got 'f1', wanted .*: loss"):
        trainer(tmp_path / "1", replace(CONFIG, watch="f1")).run(quiet)
    with pytest.raises(ValueError, match=r"loss: got a tensor of shape \(\d, 3\)"):
        trainer(tmp_path / "2", loss=lambda model, batch: model(batch[0])).run(quiet)


def test_a_log_that_was_cut(tmp_path):
    assert read_log(tmp_path / "none") == []
    (tmp_path / "log").write_bytes('{"step": 1}\n{"step": 2, "损'.encode()[:-1])
    assert read_log(tmp_path / "log") == [{"step": 1}]
    (tmp_path / "log").write_text('{"step": 1}\n{"st\n{"step": 3}\n', encoding="utf-8")
    with pytest.raises(UserError, match="log 的第 2 行不是一条记录 → 删去"):
        read_log(tmp_path / "log")


def test_the_package_does_not_bring_pytorch():
    code = "import sys, aigc_course.training; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_defaults_are_sound():
    assert TrainConfig(steps=1).precision == "auto"
