"""The state of a training run in one file, written as a whole or not at all.

A state is a tree of dictionaries, lists and tuples whose leaves are arrays, tensors, numbers, text,
truth values and None: what ``state_dict()`` of models and optimisers and
``bit_generator.state`` of generators give. Arrays go into a safetensors file by their place in the
tree, everything else into its header as JSON: reading it can execute nothing.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from aigc_course.files import write_atomically

__all__ = ["load_state", "save_state", "save_weights"]

_ARRAY, _TUPLE, _PAIRS = "__array__", "__tuple__", "__pairs__"


def save_state(path: str | os.PathLike[str], state: Mapping[str, Any]) -> None:
    """Write ``state`` to ``path``; :func:`load_state` gives it back.

    Raises:
        TypeError: a leaf that cannot be stored; the message says where it is.
        OSError: the file cannot be written; the old one is untouched.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_state(f"{folder}/state", {"epoch": 3, "adam": {0: (np.ones(2), 0.9)}})
        ...     load_state(f"{folder}/state")
        {'epoch': 3, 'adam': {0: (array([1., 1.]), 0.9)}}
    """
    arrays: dict[str, Any] = {}
    tree = _taken_apart(state, "state", arrays)
    write_atomically(path, _safetensors(arrays, {"tree": json.dumps(tree, ensure_ascii=False)}))


def load_state(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What :func:`save_state` stored: PyTorch's tensors as such, all other arrays as NumPy's.

    Raises:
        FileNotFoundError: nothing was stored.
    """
    from safetensors import safe_open

    with safe_open(path, "np") as file:
        tree = json.loads(file.metadata()["tree"])
        torch_used = json.loads(file.metadata()["torch"])
        arrays = {} if torch_used else {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    if torch_used:
        with safe_open(path, "pt") as file:
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    whole: dict[str, Any] = _put_together(tree, arrays)
    return whole


def save_weights(path: str | os.PathLike[str], weights: Mapping[str, Any]) -> dict[str, int]:
    """Write a model's ``state_dict()`` as a plain safetensors file; the size of each array."""
    found: dict[str, Any] = {}
    for name, value in weights.items():
        found[name] = _array(value)
        if found[name] is None:
            raise TypeError(f"weights[{name!r}]: got {type(value).__name__}, wanted an array")
    write_atomically(path, _safetensors(found, None))
    return {name: int(np.prod(value.shape)) for name, value in found.items()}


def _is_torch(value: Any) -> bool:
    return "torch" in sys.modules and isinstance(value, sys.modules["torch"].Tensor)


def _array(value: Any) -> Any:
    """``value`` as an array that can be stored, or None: PyTorch's tensors on the CPU, NumPy's."""
    if _is_torch(value):
        return value.detach().cpu().contiguous()
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(value).reshape(value.shape)  # the former makes () into (1,)
    if hasattr(value, "detach"):  # a tensor of the course's engine
        return np.array(value.detach().numpy())
    return None


def _safetensors(arrays: dict[str, Any], metadata: dict[str, str] | None) -> bytes:
    with_torch = any(map(_is_torch, arrays.values()))
    if metadata is not None:
        metadata["torch"] = json.dumps(with_torch)
    if with_torch:
        import torch
        from safetensors.torch import save

        arrays = {k: v if _is_torch(v) else torch.from_numpy(v) for k, v in arrays.items()}
        # tensors that share memory (tied weights) must be told apart
        return bytes(save({k: v.clone() for k, v in arrays.items()}, metadata))
    from safetensors.numpy import save as save_numpy

    return bytes(save_numpy(arrays, metadata))


def _taken_apart(value: Any, where: str, arrays: dict[str, Any]) -> Any:
    """``value`` as JSON can hold it; its arrays are put into ``arrays``."""
    array = _array(value)
    if isinstance(array, np.ndarray) and array.dtype.kind not in "biuf":
        raise TypeError(f"{where}: got an array of {array.dtype}, wanted numbers or truth values")
    if array is not None:
        key = str(len(arrays))
        arrays[key] = array
        return {_ARRAY: key, "torch": _is_torch(value)}
    if isinstance(value, np.generic):
        return _taken_apart(value.item(), where, arrays)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        if all(isinstance(key, str) for key in value) and not {_ARRAY, _TUPLE, _PAIRS} & set(value):
            return {k: _taken_apart(v, f"{where}[{k!r}]", arrays) for k, v in value.items()}
        pairs = [
            [_taken_apart(k, where, arrays), _taken_apart(v, f"{where}[{k!r}]", arrays)]
            for k, v in value.items()
        ]
        return {_PAIRS: pairs}
    if isinstance(value, list | tuple):
        parts = [_taken_apart(v, f"{where}[{i}]", arrays) for i, v in enumerate(value)]
        return parts if isinstance(value, list) else {_TUPLE: parts}
    raise TypeError(f"{where}: got {type(value).__name__}, wanted arrays, numbers, text or a tree")


def _put_together(tree: Any, arrays: dict[str, Any]) -> Any:
    if isinstance(tree, list):
        return [_put_together(part, arrays) for part in tree]
    if not isinstance(tree, dict):
        return tree
    if _ARRAY in tree:
        array = arrays[tree[_ARRAY]]
        return array.numpy() if _is_torch(array) and not tree["torch"] else array
    if _TUPLE in tree:
        return tuple(_put_together(part, arrays) for part in tree[_TUPLE])
    if _PAIRS in tree:
        return {_put_together(k, arrays): _put_together(v, arrays) for k, v in tree[_PAIRS]}
    return {key: _put_together(part, arrays) for key, part in tree.items()}
