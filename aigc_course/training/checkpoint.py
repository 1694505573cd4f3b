"""A training run on disk: the weights in one file, all else that is needed to go on in another.

The weights are plain safetensors, readable by any program. The rest (optimiser, step, place in
the data, random states) is of use to nobody but this run. The two belong together, and a disk moves
only one file at a time; so each pair is written under names of its own, and ``last.json`` names
the pair that counts::

    last-00000200.safetensors   weights after step 200
    last-00000200.state         the rest, see aigc_course.training.state
    last.json                   {"files": …, with size and checksum; "format", "device", "settings"}

Moving ``last.json`` into place is the one moment at which step 200 takes over from step 100. A
process killed before it has left an older pair that is whole, one killed after it the new one.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from aigc_course.data.manifest import sha256_of
from aigc_course.errors import UserError
from aigc_course.files import TEMPORARY, write_atomically
from aigc_course.training.state import load_state, save_state, save_weights

__all__ = [
    "FORMAT",
    "POINTER",
    "Generator",
    "load",
    "load_weights",
    "own_weights",
    "put_weights",
    "random_states",
    "save",
    "set_random_states",
]

FORMAT = 1  # a later one is refused, not guessed at
POINTER = "last.json"

Generator: TypeAlias = np.random.Generator | torch.Generator | random.Random


def save(
    folder: Path,
    step: int,
    weights: Mapping[str, Tensor],
    state: Mapping[str, Any],
    settings: Mapping[str, Any],
    device: str = "cpu",
) -> None:
    """Make this step the one from which ``folder``'s run goes on, as a whole or not at all.

    Args:
        folder: of the run; it must exist.
        step: steps done. Call once for each: the pair in use is not overwritten in place.
        weights: the model's ``state_dict()``.
        state: the rest; see :mod:`aigc_course.training.state` for what it may hold.
        settings: what must be the same when the run is taken up; a tree that JSON can hold.
        device: ``"cpu"``, ``"cuda"`` or ``"mps"``.

    Raises:
        TypeError: something that cannot be stored.
        OSError: the disk refused; what was saved before is still there.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as name:
        ...     folder = Path(name)
        ...     save(folder, 3, {"w": torch.ones(2)}, {"step": 3}, {"lr": 0.1})
        ...     print(*sorted(path.name for path in folder.iterdir()))
        ...     load(folder, {"lr": 0.1})
        last-00000003.safetensors last-00000003.state last.json
        ({'w': tensor([1., 1.])}, {'step': 3})
    """
    names = {"weights": f"last-{step:08}.safetensors", "state": f"last-{step:08}.state"}
    save_weights(folder / names["weights"], weights)
    save_state(folder / names["state"], state)
    files = {
        part: {"name": n, "size": (folder / n).stat().st_size, "sha256": sha256_of(folder / n)}
        for part, n in names.items()
    }
    told = {"format": FORMAT, "step": step, "device": device, "files": files, "settings": settings}
    write_atomically(folder / POINTER, json.dumps(told, ensure_ascii=False, indent=1) + "\n")
    _clear(folder, keep=set(names.values()))


def _clear(folder: Path, keep: set[str]) -> None:
    """Remove pairs that no longer count, and what a killed process left unfinished."""
    for pattern in ("last-*.safetensors", "last-*.state", f"{TEMPORARY}*"):
        for path in folder.glob(pattern):
            if path.name not in keep:
                with suppress(OSError):  # held open by another program: the next save removes it
                    path.unlink()


def load(
    folder: Path, settings: Mapping[str, Any], device: str = "cpu"
) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Weights and state that :func:`save` made the last; None if there was none.

    Args:
        folder: of the run.
        settings: of the run that wants to go on.
        device: that it goes on with.

    Raises:
        UserError: the run has other settings, another device, was written by a later version of
            the course, or a file is missing or not as it was written. Nothing is changed.
    """
    pointer = folder / POINTER
    if not pointer.exists():
        return None
    told = _read_pointer(pointer)
    if device != told["device"]:
        raise UserError(
            f"{pointer} 是在 {told['device']} 上训练的，这一次用的是 {device}，接不出同样的结果",
            f'设 AIGC_DEVICE={told["device"]}（或 device="{told["device"]}"）接着训练；'
            "只要权重：load_weights(文件, model) 在哪里都能读",
        )
    if differing := _differences(told["settings"], json.loads(json.dumps(settings))):
        raise UserError(
            f"{pointer} 是另一种设置的训练：{'；'.join(differing[:3])}",
            "改回原来的设置接着训练，或换一个文件夹从头来",
        )
    for part in ("weights", "state"):
        _check(folder, told["files"][part])
    weights = _read_weights(folder / told["files"]["weights"]["name"])
    state = load_state(folder / told["files"]["state"]["name"])
    _clear(folder, keep={one["name"] for one in told["files"].values()})  # if save was killed there
    return weights, state


def _read_pointer(pointer: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(pointer.read_text(encoding="utf-8"))
        version = int(told["format"])
    except (ValueError, KeyError, TypeError):  # a broken encoding is a ValueError too
        raise _damaged(pointer, "读不出来") from None
    if version > FORMAT:
        raise UserError(
            f"{pointer} 的格式是 {version}，这个版本的课程只认到 {FORMAT}",
            "更新课程：pip install -U aigc_course；文件没有动",
        )
    try:
        whole = {"device", "settings"} <= told.keys() and all(
            {"name", "size", "sha256"} <= told["files"][part].keys()
            for part in ("weights", "state")
        )
    except (KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise _damaged(pointer, "缺了内容")
    return told


def _check(folder: Path, wanted: Mapping[str, Any]) -> None:
    path = folder / wanted["name"]
    if not path.is_file():
        raise _damaged(path, "不见了")
    if (size := path.stat().st_size) != wanted["size"]:
        raise _damaged(path, f"有 {size:,} 字节，应有 {wanted['size']:,}，没有写全或被截断")
    if sha256_of(path) != wanted["sha256"]:
        raise _damaged(path, "的内容变了，校验和不对")


def _damaged(path: Path, how: str) -> UserError:
    others = "；best.safetensors 没有受影响" if (path.parent / "best.safetensors").exists() else ""
    return UserError(f"{path} {how}", f"从备份换回这个文件；没有备份就换一个文件夹从头训练{others}")


def _differences(before: Any, now: Any, where: str = "") -> list[str]:
    """Where two trees differ, in words."""
    if isinstance(before, dict) and isinstance(now, dict):
        found = []
        for key in {**before, **now}:
            at = f"{where}.{key}" if where else str(key)
            found += _differences(before.get(key), now.get(key), at)
        return found
    return [] if before == now else [f"{where} 原来是 {before!r}，这一次是 {now!r}"]


# --- weights alone -----------------------------------------------------------------------------


def load_weights(path: Path, model: nn.Module) -> None:
    """Put the weights of a safetensors file into ``model``, whatever device it is on.

    Raises:
        UserError: the file is missing or cut, or its weights have other names or shapes; the model
            is then as it was.
    """
    if not path.is_file():
        raise UserError(f"没有 {path} 这个文件", "看看文件夹和名字；训练还没有存过就先训练")
    put_weights(model, _read_weights(path), path)


def own_weights(model: nn.Module) -> dict[str, Tensor]:
    """``model.state_dict()`` with every shared tensor once, under its first name.

    Example:
        >>> model = nn.Sequential(nn.Embedding(5, 2), nn.Linear(2, 5, bias=False))
        >>> model[1].weight = model[0].weight
        >>> list(own_weights(model)), len(model.state_dict())
        (['0.weight'], 2)
    """
    first = _first_names(model)
    return {name: value for name, value in model.state_dict().items() if first[name] == name}


def _first_names(model: nn.Module) -> dict[str, str]:
    """By name: the first name of the same tensor."""
    seen: dict[tuple[int, tuple[int, ...]], str] = {}
    return {
        name: seen.setdefault((value.data_ptr(), tuple(value.shape)), name)
        if value.numel()
        else name
        for name, value in model.state_dict().items()
    }


def put_weights(model: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Like ``model.load_state_dict``, told in words for a learner; shared tensors once or twice."""
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    again = {name: first for name, first in _first_names(model).items() if name not in weights}
    weights = {**weights, **{name: weights[f] for name, f in again.items() if f in weights}}
    found = {name: tuple(value.shape) for name, value in weights.items()}
    cure = "用训练时的 config 建模型"
    for name in [*wanted, *found]:
        if name not in found:
            raise UserError(f"{path} 里没有 {name}，这个模型有", cure)
        if name not in wanted:
            raise UserError(f"{path} 里有 {name}，这个模型没有", cure)
        if wanted[name] != found[name]:
            raise UserError(
                f"{path} 里 {name} 的形状是 {found[name]}，这个模型的是 {wanted[name]}", cure
            )
    model.load_state_dict(dict(weights))


def _read_weights(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    try:
        weights: dict[str, Tensor] = load_file(path)
    except (SafetensorError, OSError):
        raise _damaged(path, "不是完整的 safetensors 文件") from None
    return weights


# --- random states -----------------------------------------------------------------------------


def random_states(generators: Mapping[str, Generator], device: str = "cpu") -> dict[str, Any]:
    """The states of the global sources of Python, NumPy and PyTorch, and of ``generators``.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> before = random_states({"augment": rng})
        >>> drawn = rng.random(), torch.rand(1).item(), random.random()
        >>> set_random_states(before, {"augment": rng})
        >>> drawn == (rng.random(), torch.rand(1).item(), random.random())
        True
    """
    states: dict[str, Any] = {
        "python": random.getstate(),
        "numpy": np.random.get_state(legacy=False),
        "torch": torch.get_rng_state(),
        "own": {name: _state_of(one) for name, one in generators.items()},
    }
    if device == "cuda":
        states["cuda"] = torch.cuda.get_rng_state()
    if device == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return states


def set_random_states(states: Mapping[str, Any], generators: Mapping[str, Generator]) -> None:
    """Put back what :func:`random_states` gave.

    Raises:
        ValueError: ``generators`` are not those whose states were stored.
    """
    if states["own"].keys() != generators.keys():
        raise ValueError(
            f"generators: got {sorted(generators)}, wanted {sorted(states['own'])} as when saved"
        )
    random.setstate(states["python"])
    np.random.set_state(states["numpy"])
    torch.set_rng_state(states["torch"])
    if "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"])
    if "mps" in states:
        torch.mps.set_rng_state(states["mps"])
    for name, one in generators.items():
        _set_state(one, states["own"][name])


def _state_of(generator: Generator) -> Any:
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    if isinstance(generator, torch.Generator):
        return generator.get_state()
    return generator.getstate()


def _set_state(generator: Generator, state: Any) -> None:
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    elif isinstance(generator, torch.Generator):
        generator.set_state(state)
    else:
        generator.setstate(state)
