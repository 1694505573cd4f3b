"""The one way in which every shipped checkpoint is trained: ``aigc train NAME --preset cpu|gpu``.

It finds the recipe, chooses seed, threads and device, gives it a folder in which a stopped run is
taken up again, and at the end writes the weights with a card and a manifest entry. What to train
and how is the recipe's own: see :mod:`aigc_course.training.recipes`.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from aigc_course import data, provenance, runtime
from aigc_course.data.manifest import Item, as_toml, read_entry, sha256_of
from aigc_course.data.paths import MANIFEST, data_root
from aigc_course.errors import UserError, from_os_error
from aigc_course.files import write_atomically
from aigc_course.training.card import as_card, as_entry
from aigc_course.training.recipe import STATE, Progress, Recipe, RunFolder, find
from aigc_course.training.state import save_weights

__all__ = ["Trained", "install", "train"]

SETTINGS = "settings.json"


@dataclass(frozen=True)
class Trained:
    """A finished run.

    Attributes:
        entry: what the manifest says of it once it is installed.
        weights: the safetensors file in the run's folder.
        card: the card in the run's folder.
    """

    entry: Item
    weights: Path
    card: Path


def train(
    name: str,
    preset: str = "cpu",
    *,
    seed: int | None = None,
    out: Path | None = None,
    restart: bool = False,
    progress: Progress = runtime.progress,
) -> Trained:
    """Run a recipe, or take it up where it was stopped; at its end the folder holds a checkpoint.

    Args:
        name: of the recipe.
        preset: ``"cpu"`` or ``"gpu"``, if the recipe has it.
        seed: instead of the preset's own.
        out: the run's folder; ``runs/NAME-PRESET`` when not given.
        restart: throw away what an earlier run left there.

    Raises:
        UserError: unknown name or preset; no GPU; the folder belongs to a run with other settings,
            to one that is going on, or cannot be written.
        KeyboardInterrupt: stopped by the user; the same call goes on from the last saved state.
    """
    recipe = find(name)
    if preset not in recipe.PRESETS:
        raise UserError(f"{name} 没有 {preset} 这一档", f"现有：{'、'.join(recipe.PRESETS)}")
    config = recipe.PRESETS[preset]
    config = config if seed is None else replace(config, seed=seed)
    device = _device(name, preset)
    folder = Path("runs", f"{name}-{preset}") if out is None else out
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=0):
            if restart:
                _clear(folder)
            return _train(name, preset, recipe, config, device, folder, progress)
    except Timeout:
        raise UserError(f"{folder} 里的训练正在进行", "等它结束，或用 --out 换一个文件夹") from None
    except OSError as error:
        raise from_os_error(error, folder) from error


def _device(name: str, preset: str) -> str:
    if preset != "gpu":
        return "cpu"
    device = str(runtime.device())
    if device == "cpu":
        cpu = f"aigc train {name} --preset cpu" if "cpu" in find(name).PRESETS else ""
        raise UserError(
            "这台机器上没有 PyTorch 能用的显卡（CUDA 或 MPS）",
            "换一台有显卡的机器，aigc doctor 看 PyTorch 那一项" + (f"；或 {cpu}" if cpu else ""),
        )
    return device


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name == ".lock":
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _train(
    name: str,
    preset: str,
    recipe: Recipe,
    config: Any,
    device: str,
    folder: Path,
    progress: Progress,
) -> Trained:
    settings = {
        "recipe": name,
        "preset": preset,
        "config": asdict(config),
        "data": {source: data.item(source).sha256 for source in recipe.DATA},
    }
    settings = json.loads(json.dumps(settings))  # as it will be read back
    threads = _threads(folder, settings)
    weights, card, entry = (
        folder / part for part in (f"{name}.safetensors", f"{name}.md", f"{name}.toml")
    )
    if not entry.exists():
        runtime.limit_threads(threads)
        runtime.seed_everything(config.seed)
        run = RunFolder(folder)
        outcome = recipe.run(config, run, device, progress)
        sizes = save_weights(weights, outcome.weights)
        made = {
            "preset": preset,
            "config": asdict(config),
            "data": settings["data"],
            "device": provenance.machine(device, threads),
            "seconds": round(run.stop_clock(), 1),
            "versions": provenance.versions(),
            "parameters": sum(sizes.values()),
            "metrics": dict(outcome.metrics),
            "sample": outcome.sample,
        }
        item = as_entry(name, recipe, weights, made)
        write_atomically(card, as_card(item, recipe, len(sizes)))
        write_atomically(entry, as_toml(item))  # last: a folder that has it is finished
        (folder / STATE).unlink(missing_ok=True)
    return Trained(read_entry(entry), weights, card)


def _threads(folder: Path, settings: dict[str, Any]) -> int:
    """Note the run's settings, or compare them with those noted; the number of threads it has.

    A run that is taken up goes on with as many threads as before: sums over another number of
    threads differ in the last digits.
    """
    noted = folder / SETTINGS
    if noted.exists():
        try:
            before = json.loads(noted.read_text(encoding="utf-8"))
            threads = int(before.pop("threads"))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UserError(
                f"{noted} 读不出来", "从备份换回这个文件；没有备份就从头来：加 --restart"
            ) from None
        if before == settings:
            return threads
        other = "、".join(key for key in settings if before.get(key) != settings[key])
        raise UserError(
            f"{folder} 里是另一次训练，{other} 与这一次不同",
            "从头来：加 --restart；两次都要：用 --out 换一个文件夹",
        )
    threads = runtime.choose_threads()
    text = json.dumps({**settings, "threads": threads}, ensure_ascii=False, indent=1)
    write_atomically(noted, text + "\n")
    return threads


def install(trained: Trained) -> Path:
    """Ship a finished run: its weights, card and manifest entry go into the data folder.

    Returns:
        The checkpoint's path.

    Raises:
        UserError: the run's weights are not as they were when it ended, or the data folder cannot
            be written. What was shipped before is then untouched.
    """
    entry, root = trained.entry, data_root()
    if not trained.weights.is_file() or sha256_of(trained.weights) != entry.sha256:
        raise UserError(
            f"{trained.weights} 不见了，或训练完以后变了", "从备份换回这个文件，或加 --restart 重做"
        )
    try:
        for part in (entry.path.parent, root / "cards", root / MANIFEST):
            part.mkdir(parents=True, exist_ok=True)
        write_atomically(entry.path, trained.weights.read_bytes())
        write_atomically(root / entry.card, trained.card.read_text(encoding="utf-8"))
        write_atomically(root / MANIFEST / f"{entry.name}.toml", as_toml(entry))
    except OSError as error:
        raise from_os_error(error, root) from error
    return entry.path
