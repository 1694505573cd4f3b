"""``aigc train``: same seed, same result, stopped or not; every mistake told in words."""

import os
import signal
import subprocess
import sys
import time
import types
from dataclasses import dataclass, replace

import numpy as np
import pytest
from safetensors.numpy import load_file
from typer.testing import CliRunner

from aigc_course import data, runtime
from aigc_course.cli.main import app
from aigc_course.data import manifest
from aigc_course.errors import UserError
from aigc_course.training import recipe as recipe_module
from aigc_course.training import run
from aigc_course.training.recipe import STATE, Outcome
from aigc_course.training.recipes import mlp

SMALL = mlp.Config(hidden=(16,), epochs=3, batch_size=100, train_rows=1_000)


@dataclass(frozen=True)
class Walk:
    """Settings of a recipe that needs no data: a random walk."""

    seed: int = 0
    steps: int = 20
    pause: float = 0.0


def quiet(iterable, desc="", total=None):
    return iter(iterable)


@pytest.fixture
def walk(monkeypatch):
    """A recipe called ``walk``."""

    def go(config, out, device, progress):
        rng, x, done = np.random.default_rng(config.seed), np.zeros(2), 0
        if stored := out.load():
            rng.bit_generator.state, x, done = stored["rng"], stored["x"], stored["done"]
        for k in progress(range(done, config.steps), "步"):
            x = x + rng.normal(size=2)
            out.save(x=x, rng=rng.bit_generator.state, done=k + 1)
        return Outcome({"x": x}, {"distance": float(np.hypot(*x))}, f"在 {device} 上走到了头")

    module = types.ModuleType("walk")
    module.TITLE, module.ABOUT, module.DATA = "随机游走", "只为测试。", ()
    module.PRESETS, module.run = {"cpu": Walk(), "gpu": Walk(steps=5)}, go
    monkeypatch.setitem(sys.modules, "aigc_course.training.recipes.walk", module)
    names = recipe_module.names
    monkeypatch.setattr(recipe_module, "names", lambda: [*names(), "walk"])
    return module


@pytest.fixture
def course(tmp_path, monkeypatch):
    """An empty data folder of one's own, with a Chinese name and a blank in it."""
    root = tmp_path / "课程 data"
    (root / "manifest").mkdir(parents=True)
    monkeypatch.setenv("AIGC_DATA", str(root))
    return root


def stop_after(steps):
    """A progress bar at which the user presses Ctrl-C after ``steps`` steps."""

    def progress(iterable, desc="", total=None):
        for k, item in enumerate(iterable):
            if k == steps:
                raise KeyboardInterrupt
            yield item

    return progress


def trained(tmp_path, name="walk", folder="run", **options):
    options = {"out": tmp_path / folder, "progress": quiet, **options}
    return run.train(name, **options)


# --- what comes out ----------------------------------------------------------------------------


def test_a_run_leaves_weights_a_card_and_an_entry(tmp_path, walk):
    done = trained(tmp_path)
    entry = done.entry
    assert load_file(done.weights)["x"].shape == (2,)
    assert entry.sha256 == manifest.sha256_of(done.weights)
    assert entry.size == done.weights.stat().st_size
    assert entry.command == "aigc train walk --preset cpu --install"
    made = entry.made
    assert made["config"] == {"seed": 0, "steps": 20, "pause": 0.0} and made["preset"] == "cpu"
    assert made["metrics"]["distance"] == float(np.hypot(*load_file(done.weights)["x"]))
    assert made["parameters"] == 2 and made["seconds"] >= 0
    assert {"python", "numpy", "aigc_course"} <= set(made["versions"])
    card = done.card.read_text(encoding="utf-8")
    for words in ("# 随机游走", entry.command, "`steps=20`", "CPU", "秒", "distance", "只为测试。"):
        assert words in card
    assert "在 cpu 上走到了头" in card and f"{entry.size:,}" in card
    assert not (tmp_path / "run" / STATE).exists(), "the state has done its work"


def test_nothing_on_the_card_tells_whose_machine_it_was(tmp_path, walk, whose_machine):
    done = trained(tmp_path)
    text = done.card.read_text(encoding="utf-8") + manifest.as_toml(done.entry)
    assert [word for word in whose_machine if word in text] == []


def test_an_installed_checkpoint_is_found_by_its_name(tmp_path, walk, course):
    done = trained(tmp_path)
    assert run.install(done) == course / "checkpoints" / "walk.safetensors"
    np.testing.assert_array_equal(
        load_file(data.checkpoint("walk"))["x"], load_file(done.weights)["x"]
    )
    assert data.item("walk") == done.entry and data.verify(["walk"])[0].ok
    assert data.show("walk").card.startswith("# 随机游走")
    again = run.install(trained(tmp_path, folder="other", seed=1))
    assert again == data.checkpoint("walk"), "a new one takes its place"


def test_a_folder_that_cannot_be_written_is_named(tmp_path, walk, course):
    done = trained(tmp_path)
    (course / "checkpoints").write_text("in the way", encoding="utf-8")
    with pytest.raises(UserError, match="课程 data"):
        run.install(done)
    blocker = tmp_path / "file"
    blocker.write_text("", encoding="utf-8")
    with pytest.raises(UserError, match="file"):
        trained(tmp_path, out=blocker / "run")


# --- the same seed, the same result ------------------------------------------------------------


def test_same_seed_same_bytes_other_seed_others(tmp_path, walk):
    one, two = trained(tmp_path, folder="1"), trained(tmp_path, folder="2")
    other = trained(tmp_path, folder="3", seed=1)
    assert one.entry.sha256 == two.entry.sha256 != other.entry.sha256
    assert other.entry.made["config"]["seed"] == 1


@pytest.mark.parametrize("steps", [0, 1, 7, 19])
def test_stopped_by_the_user_and_taken_up_again(tmp_path, walk, steps):
    whole = trained(tmp_path, folder="whole")
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, progress=stop_after(steps))
    assert not (tmp_path / "run" / "walk.toml").exists()
    seen = []

    def counted(iterable, desc="", total=None):
        for item in iterable:
            seen.append(item)
            yield item

    assert trained(tmp_path, progress=counted).entry.sha256 == whole.entry.sha256
    assert seen == list(range(steps, 20)), "what was done is not done again"


def test_a_finished_run_is_not_run_again(tmp_path, walk):
    first = trained(tmp_path)
    walk.run = None
    assert trained(tmp_path) == first


def test_restart_begins_anew(tmp_path, walk):
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, progress=stop_after(7))
    seen = []
    trained(tmp_path, restart=True, progress=lambda it, desc="": seen.extend(it) or iter(seen))
    assert seen == list(range(20))


def test_the_recipe_of_lesson_06_taken_up_after_each_epoch(tmp_path, monkeypatch):
    monkeypatch.setitem(mlp.PRESETS, "cpu", SMALL)
    whole = trained(tmp_path, "mlp", "whole")
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path, "mlp", progress=stop_after(1))
    parts = trained(tmp_path, "mlp")
    assert parts.entry.sha256 == whole.entry.sha256
    assert parts.entry.made["metrics"] == whole.entry.made["metrics"]
    assert whole.entry.made["metrics"]["test_accuracy"] > 0.3  # thirty steps; chance is 0.1
    assert whole.entry.made["data"] == {"fashion_mnist": data.item("fashion_mnist").sha256}


KILLED = """
import sys, time
from aigc_course.training import run
from aigc_course.training.recipes import mlp

mlp.PRESETS["cpu"] = mlp.Config(hidden=(16,), epochs=3, batch_size=100, train_rows=1_000)

def slow(iterable, desc="", total=None):
    for item in iterable:
        yield item
        print("saved", item, flush=True)
        if len(sys.argv) > 2:
            time.sleep(60)

print(run.train("mlp", out=sys.argv[1], progress=slow).entry.sha256)
"""


def test_killed_and_taken_up_again(tmp_path, monkeypatch):
    monkeypatch.setitem(mlp.PRESETS, "cpu", SMALL)
    whole = trained(tmp_path, "mlp", "whole")
    script = KILLED.replace("out=sys.argv[1]", "out=__import__('pathlib').Path(sys.argv[1])")
    command = [sys.executable, "-c", script, str(tmp_path / "run")]
    environment = {**os.environ, "AIGC_THREADS": "1", "AIGC_HEADLESS": "1"}
    with subprocess.Popen([*command, "slowly"], stdout=subprocess.PIPE, env=environment) as first:
        assert first.stdout.readline().split() == [b"saved", b"0"]
        first.kill()
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment)
    assert done.returncode == 0, done.stderr
    *steps, found = done.stdout.splitlines()
    assert steps == ["saved 1", "saved 2"] and found == whole.entry.sha256


# --- what is told ------------------------------------------------------------------------------


def test_unknown_recipe_and_preset_list_those_there_are(tmp_path):
    with pytest.raises(UserError, match="没有叫 mpl 的训练 → 现有：.*mlp"):
        trained(tmp_path, "mpl")
    with pytest.raises(UserError, match="mlp 没有 gpu 这一档 → 现有：cpu"):
        trained(tmp_path, "mlp", preset="gpu")


def test_no_gpu(tmp_path, walk, monkeypatch):
    monkeypatch.setenv("AIGC_DEVICE", "cpu")
    with pytest.raises(UserError, match="没有 PyTorch 能用的显卡.*aigc train walk --preset cpu"):
        trained(tmp_path, preset="gpu")


def test_a_gpu_is_used_where_there_is_one(tmp_path, walk, monkeypatch):
    monkeypatch.setattr(runtime, "device", lambda: "mps")
    done = trained(tmp_path, preset="gpu")
    assert done.entry.made["device"] == "MPS" and "在 mps 上" in done.entry.made["sample"]


def test_another_run_in_the_folder_is_not_gone_on_with(tmp_path, walk):
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, progress=stop_after(3))
    with pytest.raises(UserError, match="config 与这一次不同 → 从头来：加 --restart"):
        trained(tmp_path, seed=1)
    walk.PRESETS = {"cpu": replace(Walk(), steps=30)}
    with pytest.raises(UserError, match="config 与这一次不同"):
        trained(tmp_path)
    assert trained(tmp_path, restart=True).entry.made["config"]["steps"] == 30


@pytest.mark.parametrize("name", [STATE, "settings.json"])
def test_a_file_of_the_run_that_is_cut_is_named(tmp_path, walk, name):
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, progress=stop_after(3))
    path = tmp_path / "run" / name
    cut = path.read_bytes()[: path.stat().st_size // 2]
    path.write_bytes(cut)
    with pytest.raises(UserError, match=f"{name} .*→ 从备份换回这个文件.*--restart"):
        trained(tmp_path)
    assert path.read_bytes() == cut


def test_weights_that_were_cut_do_not_replace_those_shipped(tmp_path, walk, course):
    done = trained(tmp_path)
    shipped = run.install(done)
    before = shipped.read_bytes()
    done.weights.write_bytes(before[:-4])
    with pytest.raises(UserError, match=r"walk\.safetensors 不见了，或训练完以后变了"):
        run.install(done)
    assert shipped.read_bytes() == before and data.verify(["walk"])[0].ok


def test_two_at_once_in_one_folder(tmp_path, walk):
    def second(iterable, desc="", total=None):
        with pytest.raises(UserError, match="run 里的训练正在进行"):
            trained(tmp_path)
        return iter(iterable)

    trained(tmp_path, progress=second)


# --- the command -------------------------------------------------------------------------------


def aigc(*words):
    return CliRunner().invoke(app, ["train", *words], catch_exceptions=True)


def test_the_command_lists_trains_and_installs(tmp_path, walk, course, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIGC_HEADLESS", "1")
    assert "walk  随机游走  cpu、gpu" in aigc("--list").output
    done = aigc("walk", "--seed", "4", "--install")
    assert done.exit_code == 0, done.output
    assert "distance" in done.output and "checkpoints" in done.output
    assert data.item("walk").made["config"]["seed"] == 4
    assert (tmp_path / "runs" / "walk-cpu" / "walk.safetensors").is_file()
    assert isinstance(aigc().exception, UserError)


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT to one process there")
def test_ctrl_c_ends_the_command_in_one_line(tmp_path):
    code = "import sys; sys.argv = ['aigc', 'train', 'mlp']; from aigc_course.cli import main; "
    code += "main.main()"
    environment = {**os.environ, "AIGC_HEADLESS": "1", "PYTHONUTF8": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path, env=environment, stderr=subprocess.PIPE, encoding="utf-8",
    ) as command:  # fmt: skip
        state = tmp_path / "runs" / "mlp-cpu" / STATE
        while not state.exists() and command.poll() is None:
            time.sleep(0.05)
        command.send_signal(signal.SIGINT)
        said = command.communicate()[1]
    assert command.returncode == 130, said
    assert said.startswith("停下了。再运行同一条命令就接着训练") and "Traceback" not in said
